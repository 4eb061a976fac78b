// GET SET SETNX GETSET GETDEL MGET MSET MSETNX STRLEN APPEND INCR DECR INCRBY DECRBY.
#include <array>
#include <limits>
#include <optional>

#include "base/ascii.h"
#include "base/limits.h"
#include "resp/command_table.h"
#include "resp/numbers.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

void value_or_null(const std::optional<Found>& found, Reply& reply) {
  found ? reply.bulk(found->value) : reply.null();
}

void value_or_null(const std::optional<std::string>& value, Reply& reply) {
  value ? reply.bulk(*value) : reply.null();
}

// ---- reads ----

bool get(ReadCall& call, Reply& reply) {
  value_or_null(call.moment.get(call.table, call.words[1]), reply);
  return true;
}

bool strlen(ReadCall& call, Reply& reply) {
  const std::optional<Found> found = call.moment.get(call.table, call.words[1]);
  reply.integer(uint64_t{found ? found->value.size() : 0});
  return true;
}

bool too_large(const ReadCall& call, Reply& reply) {
  reply.error("ERR the reply would be larger than " + std::to_string(call.reply_bytes_max) +
              " bytes: ask for fewer keys at once");
  return true;
}

// At once, if that is not more than others can wait for.
bool mget_few(ReadCall& call, Reply& reply) {
  std::array<std::optional<Found>, kReadKeysAtOnce> found;
  const size_t count = call.words.size() - 1;
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    found[i] = call.moment.get(call.table, call.words[1 + i]);
    if (found[i]) bytes += found[i]->value.size();
  }
  if (bytes > call.turn_bytes_max) return false;
  reply.array(count);
  for (size_t i = 0; i < count; ++i) value_or_null(found[i], reply);
  return true;
}

// As many keys, and bytes, in a turn as others can wait for; what is found is gathered meanwhile,
// so that the Moment does not depend on how fast the client reads.
bool mget(ReadCall& call, Reply& reply) {
  if (!call.own_moment) return mget_few(call, reply);
  const size_t count = call.words.size() - 1;
  Progress& progress = call.progress;
  std::string& piece = progress.begin_piece();
  Reply part(piece, reply.version());
  const size_t end = std::min<size_t>(count, progress.position + call.keys_per_turn);
  for (; progress.position < end && piece.size() < call.turn_bytes_max; ++progress.position) {
    value_or_null(call.moment.get(call.table, call.words[1 + progress.position]), part);
  }
  progress.end_piece();
  if (progress.bytes > call.reply_bytes_max) {
    progress.drop_pieces();
    return too_large(call, reply);
  }
  if (progress.position < count) return false;
  reply.array(count);
  return true;
}

// ---- answers of writes ----

bool answer_ok(const WriteAnswer&, Reply& reply) {
  reply.ok();
  return true;
}

bool answer_ok_or_null(const WriteAnswer& answer, Reply& reply) {
  answer.result.outcome == Outcome::kApplied ? reply.ok() : reply.null();
  return true;
}

bool answer_1_or_0(const WriteAnswer& answer, Reply& reply) {
  reply.integer(int64_t{answer.result.outcome == Outcome::kApplied});
  return true;
}

// The value before; without effect there was none.
bool answer_old_value(const WriteAnswer& answer, Reply& reply) {
  if (answer.result.outcome != Outcome::kApplied) {
    reply.null();
  } else {
    value_or_null(answer.result.answers[0].value, reply);
  }
  return true;
}

bool answer_sum(const WriteAnswer& answer, Reply& reply) {
  if (answer.result.outcome == Outcome::kNotANumber) {
    reply.error(kNotAnInteger);
  } else if (answer.result.outcome == Outcome::kOverflow) {
    reply.error("ERR increment or decrement would overflow");
  } else {
    reply.integer(answer.result.answers[0].number);
  }
  return true;
}

bool answer_length(const WriteAnswer& answer, Reply& reply) {
  if (answer.result.outcome != Outcome::kApplied) {
    reply.error("ERR string exceeds maximum allowed size (" + std::to_string(kValueBytesMax) +
                " bytes)");
  } else {
    reply.integer(answer.result.answers[0].number);
  }
  return true;
}

// SET key value NX GET: the value that was in the way, or null and the write took effect.
//
// A failed condition brings no value with it. But when the answer is here, this node has applied
// the transaction, so what it holds now is a state between the call and its reply: the command
// takes its place in it, sees the key, writes nothing. If the key has gone again meanwhile the
// condition would now hold: the transaction runs once more. Nothing else of this connection is
// under way (exclusive), so none of its later writes is seen.
bool answer_blocking_value(const WriteAnswer& answer, Reply& reply) {
  if (answer.result.outcome == Outcome::kApplied) {
    reply.null();
    return true;
  }
  const Moment now = answer.node.moment();
  const std::optional<Found> found = now.get(answer.table, answer.words[1]);
  if (!found) return false;
  reply.bulk(found->value);
  return true;
}

// ---- writes ----

struct SetOptions {
  bool absent = false;   // NX
  bool present = false;  // XX
  bool get = false;
};

// Nothing: the options are good; else the error.
std::optional<std::string> parse_set(Words options, SetOptions& set) {
  for (const std::string_view option : options) {
    if (is_word(option, "NX")) {
      set.absent = true;
    } else if (is_word(option, "XX")) {
      set.present = true;
    } else if (is_word(option, "GET")) {
      set.get = true;
    } else {
      // Never ignored: a key that should have expired and has not is a bug that nobody sees.
      for (const std::string_view expiry : {"EX", "PX", "EXAT", "PXAT", "KEEPTTL"}) {
        if (is_word(option, expiry)) {
          return "ERR this version of ram has no expiry: SET ... " + std::string(expiry) +
                 " is refused, nothing was written";
        }
      }
      return std::string(kSyntaxError);
    }
  }
  if (set.absent && set.present) return std::string(kSyntaxError);
  return std::nullopt;
}

bool set(WriteCall& call, Reply& error) {
  const std::string_view key = call.words[1];
  const std::string_view value = call.words[2];
  SetOptions options;
  if (const auto wrong = parse_set(call.words.subspan(3), options)) {
    error.error(*wrong);
    return false;
  }
  if (options.absent) call.batch.if_absent(call.table, key);
  if (options.present) call.batch.if_present(call.table, key);
  if (!options.get) {
    call.batch.put(call.table, key, value);
    call.answer = options.absent || options.present ? answer_ok_or_null : answer_ok;
  } else if (options.absent) {
    call.batch.put(call.table, key, value);
    call.answer = answer_blocking_value;
    call.exclusive = true;
  } else {
    // With XX a failed condition says as much: there was no value.
    call.batch.exchange(call.table, key, value);
    call.answer = answer_old_value;
  }
  return true;
}

bool setnx(WriteCall& call, Reply&) {
  call.batch.if_absent(call.table, call.words[1]).put(call.table, call.words[1], call.words[2]);
  call.answer = answer_1_or_0;
  return true;
}

bool getset(WriteCall& call, Reply&) {
  call.batch.exchange(call.table, call.words[1], call.words[2]);
  call.answer = answer_old_value;
  return true;
}

bool getdel(WriteCall& call, Reply&) {
  call.batch.take(call.table, call.words[1]);
  call.answer = answer_old_value;
  return true;
}

bool put_pairs(WriteCall& call, Reply& error, bool if_absent) {
  if (call.words.size() % 2 == 0) {
    error.error(wrong_arity(*find_command(call.words)));
    return false;
  }
  for (size_t i = 1; i < call.words.size(); i += 2) {
    if (if_absent) call.batch.if_absent(call.table, call.words[i]);
    call.batch.put(call.table, call.words[i], call.words[i + 1]);
  }
  return true;
}

bool mset(WriteCall& call, Reply& error) {
  call.answer = answer_ok;
  return put_pairs(call, error, /*if_absent=*/false);
}

bool msetnx(WriteCall& call, Reply& error) {
  call.answer = answer_1_or_0;
  return put_pairs(call, error, /*if_absent=*/true);
}

bool append(WriteCall& call, Reply&) {
  call.batch.append(call.table, call.words[1], call.words[2]);
  call.answer = answer_length;
  return true;
}

bool add(WriteCall& call, int64_t delta) {
  call.batch.add(call.table, call.words[1], delta);
  call.answer = answer_sum;
  return true;
}

bool incr(WriteCall& call, Reply&) {
  return add(call, 1);
}
bool decr(WriteCall& call, Reply&) {
  return add(call, -1);
}

bool incrby(WriteCall& call, Reply& error) {
  const std::optional<int64_t> delta = parse_i64(call.words[2]);
  if (delta) return add(call, *delta);
  error.error(kNotAnInteger);
  return false;
}

bool decrby(WriteCall& call, Reply& error) {
  const std::optional<int64_t> delta = parse_i64(call.words[2]);
  if (delta && *delta != std::numeric_limits<int64_t>::min()) return add(call, -*delta);
  error.error(delta ? "ERR decrement would overflow" : kNotAnInteger);
  return false;
}

constexpr KeyWords kPairs{1, -1, 2};
constexpr uint32_t kGrows = kWrite | kDenyOom;

const Command kRows[] = {
    row("append", "key value", 3, kGrows | kFast, kOneKey, "O(n), n: the new length",
        "Appends to a value; an absent one is empty.", "integer: the new length", append),
    row("decr", "key", 2, kGrows | kFast, kOneKey, "O(1)",
        "Subtracts 1 from a decimal number of 64 bits; an absent one is 0.",
        "integer: the new value", decr),
    row("decrby", "key decrement", 3, kGrows | kFast, kOneKey, "O(1)",
        "Subtracts from a decimal number of 64 bits; an absent one is 0.", "integer: the new value",
        decrby),
    row("get", "key", 2, kReadonly | kFast, kOneKey, "O(1)", "The value of a key.",
        "bulk; null if there is none", get),
    row("getdel", "key", 2, kWrite | kFast, kOneKey, "O(1)", "Erases a key.",
        "bulk: the value it had; null if it had none", getdel),
    row("getset", "key value", 3, kGrows | kFast, kOneKey, "O(1)", "Sets a key.",
        "bulk: the value before; null if there was none", getset),
    row("incr", "key", 2, kGrows | kFast, kOneKey, "O(1)",
        "Adds 1 to a decimal number of 64 bits; an absent one is 0.", "integer: the new value",
        incr),
    row("incrby", "key increment", 3, kGrows | kFast, kOneKey, "O(1)",
        "Adds to a decimal number of 64 bits; an absent one is 0.", "integer: the new value",
        incrby),
    row("mget", "key [key ...]", -2, kReadonly | kFast, kAllKeys, "O(n), n: keys",
        "The values of many keys, all as of one moment.", "array of bulks and nulls", mget),
    row("mset", "key value [key value ...]", -3, kGrows, kPairs, "O(n), n: keys",
        "Sets many keys, in one transaction.", "OK", mset),
    row("msetnx", "key value [key value ...]", -3, kGrows, kPairs, "O(n), n: keys",
        "Sets many keys, in one transaction, if none of them exists.",
        "integer: 1 if it did, 0 if one existed", msetnx),
    row("set", "key value [NX|XX] [GET]", -3, kGrows, kOneKey, "O(1)",
        "Sets a key; with NX only if it is absent, with XX only if it exists. Options of expiry "
        "are "
        "refused until ram has it.",
        "OK, or null if NX or XX forbade it; with GET a bulk: the value before, null if there was "
        "none",
        set),
    row("setnx", "key value", 3, kGrows | kFast, kOneKey, "O(1)", "Sets a key if it is absent.",
        "integer: 1 if it did, else 0", setnx),
    row("strlen", "key", 2, kReadonly | kFast, kOneKey, "O(1)",
        "The length of a value, in bytes; 0 if there is none.", "integer", strlen),
};

}  // namespace

std::span<const Command> string_commands() {
  return kRows;
}

}  // namespace ram::resp
