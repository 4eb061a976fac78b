// What RAM.STATUS and RAM.MEMBERS answered, as a table for people or as JSON.
//
// Only a leader hears from every member, so the members are best asked of it; the asked node says
// who that is.
//
// Fields that this version does not know are kept in the JSON. Values.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/resp_client.h"
#include "ram/status.h"

namespace ram::cli {

class StatusReport {
 public:
  // The replies, as RESP2 has maps: flat arrays. What is malformed is left out.
  StatusReport(const RespValue& status, const RespValue& members);

  // The member that the asked node follows, if it follows one.
  struct Leader {
    std::string name;
    std::string id;
    std::string client;  // where it can be asked; may be empty
  };
  std::optional<Leader> leader() const;

  // What that leader answered to the same; fails, with one line, if it is not that leader (any
  // more). Then nothing changes.
  Status set_leaders_answer(const RespValue& status, const RespValue& members);
  // Why the members are shown as the asked node knows them.
  void set_trouble(std::string why) { trouble_ = std::move(why); }

  // For how long the node may try to leave its cluster.
  std::chrono::milliseconds leave_timeout() const;

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
  std::string how_reads_are_answered() const;
  std::string members_table() const;
  std::string members_from() const;
  // It is no member yet.
  static bool joins(const Fields& member);
  // How long a member's lease lasts, or why it has none.
  static std::string lease_of(const Fields& member);
  // For how long writes have waited for it.
  static std::string delays_of(const Fields& member);

  Fields status_;
  std::string leaders_name_;  // who gave members_, if not the asked node
  std::string trouble_;       // why it was not asked
  std::vector<Fields> members_;
};

}  // namespace ram::cli
