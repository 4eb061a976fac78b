// DEL UNLINK EXISTS TYPE KEYS SCAN DBSIZE FLUSHDB FLUSHALL.
#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "resp/command_table.h"
#include "resp/completions.h"
#include "resp/glob.h"
#include "resp/numbers.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

constexpr size_t kScanCount = 10;

// ---- writes ----

bool answer_count(const WriteAnswer& answer, Reply& reply) {
  int64_t count = 0;
  for (const Answer& one : answer.result.answers) count += one.number;
  reply.integer(count);
  return true;
}

bool del(WriteCall& call, Reply&) {
  for (const std::string_view key : call.words.subspan(1)) call.batch.erase(call.table, key);
  call.answer = answer_count;
  return true;
}

bool answer_ok(const WriteAnswer&, Reply& reply) {
  reply.ok();
  return true;
}

// Both ways take the same time, so which is asked for makes no difference.
bool is_flush_mode(Words words, Reply& error) {
  if (words.size() == 1) return true;
  if (words.size() == 2 && (is_word(words[1], "ASYNC") || is_word(words[1], "SYNC"))) return true;
  error.error(kSyntaxError);
  return false;
}

bool flushdb(WriteCall& call, Reply& error) {
  call.batch.clear(call.table);
  call.answer = answer_ok;
  return is_flush_mode(call.words, error);
}

bool flushall(WriteCall& call, Reply& error) {
  call.batch.clear_all();
  call.answer = answer_ok;
  return is_flush_mode(call.words, error);
}

// ---- reads ----

bool exists(ReadCall& call, Reply& reply) {
  const size_t count = call.words.size() - 1;
  Progress& progress = call.progress;
  if (!call.own_moment) progress = {};
  const size_t end = std::min<size_t>(count, progress.position + call.keys_per_turn);
  for (; progress.position < end; ++progress.position) {
    if (call.moment.get(call.table, call.words[1 + progress.position])) ++progress.count;
  }
  if (progress.position < count) return false;
  reply.integer(progress.count);
  return true;
}

bool type(ReadCall& call, Reply& reply) {
  reply.simple(call.moment.get(call.table, call.words[1]) ? "string" : "none");
  return true;
}

// Some thousand keys in a turn, all in one Moment: the answer is one state of the table, and other
// clients are served between.
bool keys(ReadCall& call, Reply& reply) {
  const std::string_view pattern = call.words[1];
  Progress& progress = call.progress;
  Reply found(progress.begin_piece(), reply.version());
  progress.position = call.moment.scan(call.table, progress.position, call.keys_per_turn,
                                       [&](std::string_view key, const Found&) {
                                         if (!glob_match(pattern, key)) return;
                                         found.bulk(key);
                                         ++progress.count;
                                       });
  progress.end_piece();
  if (progress.bytes > call.reply_bytes_max) {
    progress.drop_pieces();
    reply.error("ERR the reply would be larger than " + std::to_string(call.reply_bytes_max) +
                " bytes: use SCAN");
    return true;
  }
  if (progress.position != 0) return false;
  reply.array(progress.count);
  return true;
}

struct ScanOptions {
  std::optional<std::string_view> match;
  size_t count = kScanCount;
  bool strings = true;  // what is looked for includes strings, all there is
};

// Nothing: the options are good; else the error.
std::optional<std::string_view> parse_scan(Words options, ScanOptions& scan) {
  for (size_t i = 0; i < options.size(); i += 2) {
    if (i + 1 == options.size()) return kSyntaxError;
    const std::string_view value = options[i + 1];
    if (is_word(options[i], "MATCH")) {
      scan.match = value;
    } else if (is_word(options[i], "COUNT")) {
      const std::optional<int64_t> count = parse_i64(value);
      if (!count) return kNotAnInteger;
      if (*count < 1) return kSyntaxError;
      scan.count = static_cast<size_t>(*count);
    } else if (is_word(options[i], "TYPE")) {
      scan.strings = is_word(value, "STRING");
    } else {
      return kSyntaxError;
    }
  }
  return std::nullopt;
}

bool scan(ReadCall& call, Reply& reply) {
  const std::optional<uint64_t> cursor = parse_u64(call.words[1]);
  ScanOptions options;
  const auto wrong = cursor ? parse_scan(call.words.subspan(2), options)
                            : std::optional<std::string_view>("ERR invalid cursor");
  if (wrong) {
    reply.error(*wrong);
    return true;
  }
  std::string encoded;
  Reply found(encoded, reply.version());
  size_t count = 0;
  const uint64_t next =
      call.moment.scan(call.table, *cursor, std::min(options.count, call.keys_per_turn),
                       [&](std::string_view key, const Found&) {
                         if (!options.strings) return;
                         if (options.match && !glob_match(*options.match, key)) return;
                         found.bulk(key);
                         ++count;
                       });
  reply.array(2);
  reply.bulk(std::to_string(next));
  reply.array(count);
  reply.raw(encoded);
  return true;
}

// ---- calls ----

bool dbsize(NodeCall& call, Finish finish, Reply&) {
  call.node.table(call.table)
      .size(call.read_options,
            answer_with(finish, [](uint64_t size, Reply& reply) { reply.integer(size); }));
  return true;
}

const Command kRows[] = {
    row("dbsize", "", 1, kReadonly | kFast, {}, "O(1)", "How many keys the table has.", "integer",
        dbsize),
    row("del", "key [key ...]", -2, kWrite, kAllKeys, "O(n), n: keys",
        "Erases keys, in one transaction.", "integer: how many existed", del),
    row("exists", "key [key ...]", -2, kReadonly | kFast, kAllKeys, "O(n), n: keys",
        "How many of the keys exist, all as of one moment; one that is named twice counts twice.",
        "integer", exists),
    row("flushall", "[ASYNC|SYNC]", -1, kWrite | kSolo, {}, "O(1)",
        "Erases every key of every table.", "OK", flushall),
    row("flushdb", "[ASYNC|SYNC]", -1, kWrite | kSolo, {}, "O(1)", "Erases every key of the table.",
        "OK", flushdb),
    row("keys", "pattern", 2, kReadonly | kSolo, {}, "O(n), n: keys of the table",
        "All keys that match a pattern, as of one moment. Large tables: SCAN.", "array of bulks",
        keys),
    row("scan", "cursor [MATCH pattern] [COUNT count] [TYPE type]", -2, kReadonly | kSolo, {},
        "O(count)",
        "Some keys of the table, and the cursor to go on from; begins with cursor 0 and is done "
        "when "
        "it is 0 again. A key that exists all the time is shown at least once. COUNT is a wish, "
        "and "
        "cut at some thousand.",
        "array: the cursor as a bulk, an array of bulks", scan),
    row("type", "key", 2, kReadonly | kFast, kOneKey, "O(1)", "The type of a key's value.",
        "`string`, or `none` if there is no such key", type),
    row("unlink", "key [key ...]", -2, kWrite | kFast, kAllKeys, "O(n), n: keys",
        "The same as DEL.", "integer: how many existed", del),
};

}  // namespace

std::span<const Command> key_commands() {
  return kRows;
}

}  // namespace ram::resp
