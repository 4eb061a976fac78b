// Identities and counters as types of their own, so that one is never taken for another.
//
// All are plain 64-bit values (ClusterId: 128), trivially copied, ordered, hashable. Zero means
// "none" throughout.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace ram {

template <class Tag>
struct Id {
  uint64_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(uint64_t v) : value(v) {}
  constexpr explicit operator bool() const { return value != 0; }
  constexpr auto operator<=>(const Id&) const = default;
};

// A counter: an Id that one may step.
template <class Tag>
struct Counter : Id<Tag> {
  using Id<Tag>::Id;
  constexpr auto operator<=>(const Counter&) const = default;
  constexpr Counter next() const { return Counter(this->value + 1); }
  constexpr Counter previous() const { return Counter(this->value - 1); }
  constexpr Counter operator+(uint64_t steps) const { return Counter(this->value + steps); }
  constexpr Counter operator-(uint64_t steps) const { return Counter(this->value - steps); }
  constexpr uint64_t operator-(Counter other) const { return this->value - other.value; }
  constexpr Counter& operator++() {
    ++this->value;
    return *this;
  }
};

// One incarnation of a node: drawn at random when a process starts, its Raft server id, never used
// again (MEMBERSHIP.md).
using NodeId = Id<struct NodeIdTag>;
// A leader's period of office.
using Term = Counter<struct TermTag>;
// A position in the log; the first entry has 1.
using LogIndex = Counter<struct LogIndexTag>;
// Counts the transactions that changed something; a key carries the one that last changed it.
using Revision = Counter<struct RevisionTag>;
// Numbers the transactions of one incarnation, from 1 without gaps: with NodeId the identity of a
// transaction.
using Sequence = Counter<struct SequenceTag>;
// Matches an answer to its question; drawn by who asks.
using Nonce = Counter<struct NonceTag>;
// Numbers a leader's rounds of confirmation within its term (READ-LEASES section 3, `round`).
using Round = Counter<struct RoundTag>;

// A cluster, for ever: 128 random bits drawn at its founding.
struct ClusterId {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr explicit operator bool() const { return (high | low) != 0; }
  constexpr auto operator<=>(const ClusterId&) const = default;
};

}  // namespace ram

template <class Tag>
struct std::hash<ram::Id<Tag>> {
  size_t operator()(ram::Id<Tag> id) const noexcept { return std::hash<uint64_t>()(id.value); }
};
template <class Tag>
struct std::hash<ram::Counter<Tag>> {
  size_t operator()(ram::Counter<Tag> id) const noexcept { return std::hash<uint64_t>()(id.value); }
};
