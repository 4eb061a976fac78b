// What RAM.STATUS and RAM.MEMBERS answered, as a table for people or as JSON.
//
// Fields that this version does not know are kept in the JSON. Values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/resp_client.h"

namespace ram::cli {

class StatusReport {
 public:
  // The replies, as RESP2 has maps: flat arrays. What is malformed is left out.
  StatusReport(const RespValue& status, const RespValue& members);

  std::string table() const;
  std::string json() const;

 private:
  class Fields {
   public:
    explicit Fields(const RespValue& map);
    // Empty and 0 if there is no such field.
    std::string text(std::string_view name) const;
    int64_t number(std::string_view name) const;
    std::string json() const;

   private:
    std::vector<std::pair<std::string, RespValue>> fields_;
  };

  std::string summary() const;
  std::string members_table() const;

  Fields status_;
  std::vector<Fields> members_;
};

}  // namespace ram::cli
