// Moment: the whole state of this node, all tables, as of one revision; keys looked up in it see
// one state, however many there are.
//
//   ram::Status fenced = node.fence();              // now this node has all that was acknowledged
//   if (fenced.ok()) {
//     ram::Moment moment = node.moment();
//     std::optional<ram::Found> a = moment.get("t", "a"), b = moment.get("t", "b");
//   }
//
// Lookups take no lock, wait for nothing and write no memory that other readers need. While a
// Moment lives, memory that writers give up is kept: keep it short, and use it in the thread that
// took it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace ram {

// What a key holds; the views are valid while the Moment lives.
struct Found {
  std::string_view value;
  uint64_t revision = 0;  // that last changed the key
};

class Moment {
 public:
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;
  ~Moment();

  // Cost: a lookup.
  std::optional<Found> get(std::string_view table, std::string_view key) const;

  // Hands out about `count` keys of `table` from `cursor` on (0: from the start), and returns the
  // cursor to go on from; 0: that was all. A key that exists throughout a sequence of scans, in
  // whatever Moments, is handed out at least once.
  uint64_t scan(std::string_view table, uint64_t cursor, size_t count,
                const std::function<void(std::string_view key, Found found)>& each) const;

  // The revision that this state is as of.
  uint64_t revision() const;

 private:
  friend class Node;
  struct Inside;
  explicit Moment(const void* node);
  alignas(8) unsigned char inside_[64];  // an Inside: no allocation on the way to a read
};

}  // namespace ram
