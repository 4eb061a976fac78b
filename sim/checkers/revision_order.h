// The whole store, in linear time: every operation, also on many keys, takes effect at one revision
// between the newest that was acknowledged or read before it began and the newest begun before it
// ended. For a write it is the one that it reports; for a read that or a later one, up to the next
// that changed what it read: writes of other keys that are under way do not delay it. What it saw
// is what a simple store holds there.
//
// Operations whose outcome is unknown are placed by the *token* that they write: a key of their
// own, looked up when all is over. Keys that only writes with a token touch are *tracked*: their
// whole history is known, and is replayed. The others are the linearizability checker's.
//
// From the tokens also follows: no acknowledged write lost, none applied twice, none applied that
// was refused, and no two histories.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/checkers/linearizable.h"
#include "sim/checkers/model.h"

namespace ram::sim {

struct StoreOperation {
  enum class Ending : uint8_t { kDone, kUnknown, kRefused };
  bool is_write = false;
  Ending ending = Ending::kUnknown;
  Tick begun = 0;
  Tick ended = kNoTick;
  // Done: a read is as of it, a write made it (0: it had no effect).
  uint64_t revision = 0;
  bool tracked = false;

  // A write. `token` names the key that it sets to 1; empty: it has none.
  Transaction transaction;
  std::string token;
  machine::Outcome outcome = machine::Outcome::kApplied;  // done
  std::vector<Answer> answers;                            // done and applied
  uint64_t found_at = 0;  // unknown: its revision, if it came to light; 0: not known

  // A read, done.
  std::vector<KeyName> keys;
  std::vector<Version> seen;
};

// What a node holds when all is over.
struct FinalState {
  uint64_t revision = 0;
  std::map<std::string, Version> tokens;
};

// Nothing if all is well; else one violation per line, at most `lines_max`.
std::vector<std::string> check_revision_order(std::vector<StoreOperation> operations,
                                              const FinalState& final_state, size_t lines_max = 8);

}  // namespace ram::sim
