#include "consensus/message_codec.h"

#include <limits>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "consensus/configuration_codec.h"

namespace ram::consensus {
namespace {

enum class Kind : uint8_t {
  kAppend = 1,
  kAppendResult = 2,
  kVote = 3,
  kVoteResult = 4,
  kInstall = 5,
  kTimeoutNow = 6
};

// Payloads from this size on are shared: below, one more piece to write costs more than the copy.
constexpr size_t kSharedFrom = 512;

uint16_t short_varint(Reader& in) {
  const uint64_t value = in.varint();
  if (value > std::numeric_limits<uint16_t>::max()) in.fail();
  return static_cast<uint16_t>(in.ok() ? value : 0);
}

// ---- writing: all but the payloads ----

void write(Writer& out, const AppendEntries& m) {
  out.u8(static_cast<uint8_t>(Kind::kAppend));
  out.u8(m.version);
  out.varint(m.term.value);
  out.varint(m.previous.value);
  out.varint(m.previous_term.value);
  out.varint(m.commit.value);
  out.varint(m.entries.size());
  for (const LogEntry& entry : m.entries) {
    out.varint(entry.term.value);
    out.u8(static_cast<uint8_t>(entry.kind));
    out.varint(entry.payload.size());
  }
}

void write(Writer& out, const AppendEntriesResult& m) {
  out.u8(static_cast<uint8_t>(Kind::kAppendResult));
  out.u8(m.version);
  out.varint(m.term.value);
  out.varint(m.rejected.value);
  out.varint(m.last.value);
  out.varint(m.features);
  out.varint(m.capacity);
}

void write(Writer& out, const RequestVote& m) {
  out.u8(static_cast<uint8_t>(Kind::kVote));
  out.u8(m.version);
  out.varint(m.term.value);
  out.varint(m.last.value);
  out.varint(m.last_term.value);
  out.flag(m.disrupt_leader);
  out.flag(m.pre_vote);
}

void write(Writer& out, const RequestVoteResult& m) {
  out.u8(static_cast<uint8_t>(Kind::kVoteResult));
  out.u8(m.version);
  out.varint(m.term.value);
  out.flag(m.granted);
  out.flag(m.pre_vote);
  out.varint(m.features);
  out.varint(m.capacity);
}

void write(Writer& out, const InstallSnapshot& m) {
  out.u8(static_cast<uint8_t>(Kind::kInstall));
  out.u8(m.version);
  out.varint(m.term.value);
  encode(m.token, out);
}

void write(Writer& out, const TimeoutNow& m) {
  out.u8(static_cast<uint8_t>(Kind::kTimeoutNow));
  out.u8(m.version);
  out.varint(m.term.value);
  out.varint(m.last.value);
  out.varint(m.last_term.value);
}

void write_head(Writer& out, const Message& message) {
  out.u8(kMessageVersion);
  std::visit([&](const auto& m) { write(out, m); }, message);
}

// ---- reading ----

std::optional<Message> read_append(Reader& in, const SharedBytes& frame) {
  AppendEntries m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.previous = LogIndex(in.varint());
  m.previous_term = Term(in.varint());
  m.commit = LogIndex(in.varint());
  const uint64_t count = in.varint();
  if (count > kMessageEntriesMax) in.fail();

  std::vector<size_t> sizes;
  size_t bytes = 0;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    LogEntry entry;
    entry.term = Term(in.varint());
    const uint8_t kind = in.u8();
    const uint64_t size = in.varint();
    if (kind < 1 || kind > 3 || size > in.rest().size()) in.fail();
    if (!in.ok()) return std::nullopt;
    entry.kind = static_cast<EntryKind>(kind);
    sizes.push_back(static_cast<size_t>(size));
    bytes += sizes.back();  // at most kMessageEntriesMax frames: no overflow
    m.entries.push_back(std::move(entry));
  }
  if (!in.ok() || bytes != in.rest().size()) return std::nullopt;

  size_t at = frame.size() - bytes;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > 0) m.entries[i].payload = frame.part(at, sizes[i]);
    at += sizes[i];
  }
  in.raw(bytes);
  return m;
}

Message read_append_result(Reader& in) {
  AppendEntriesResult m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.rejected = LogIndex(in.varint());
  m.last = LogIndex(in.varint());
  m.features = short_varint(in);
  m.capacity = short_varint(in);
  return m;
}

Message read_vote(Reader& in) {
  RequestVote m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.last = LogIndex(in.varint());
  m.last_term = Term(in.varint());
  m.disrupt_leader = in.flag();
  m.pre_vote = in.flag();
  return m;
}

Message read_vote_result(Reader& in) {
  RequestVoteResult m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.granted = in.flag();
  m.pre_vote = in.flag();
  m.features = short_varint(in);
  m.capacity = short_varint(in);
  return m;
}

Message read_install(Reader& in) {
  InstallSnapshot m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.token = decode_token(in);
  return m;
}

Message read_timeout_now(Reader& in) {
  TimeoutNow m;
  m.version = in.u8();
  m.term = Term(in.varint());
  m.last = LogIndex(in.varint());
  m.last_term = Term(in.varint());
  return m;
}

std::optional<Message> read_body(Reader& in, const SharedBytes& frame) {
  switch (static_cast<Kind>(in.u8())) {
    case Kind::kAppend:
      return read_append(in, frame);
    case Kind::kAppendResult:
      return read_append_result(in);
    case Kind::kVote:
      return read_vote(in);
    case Kind::kVoteResult:
      return read_vote_result(in);
    case Kind::kInstall:
      return read_install(in);
    case Kind::kTimeoutNow:
      return read_timeout_now(in);
  }
  return std::nullopt;
}

}  // namespace

void encode(const Message& message, std::string& out) {
  Writer writer(out);
  write_head(writer, message);
  if (const auto* append = std::get_if<AppendEntries>(&message)) {
    for (const LogEntry& entry : append->entries) writer.raw(entry.payload.view());
  }
}

void encode(const Message& message, std::vector<SharedBytes>& out) {
  std::string run;
  Writer writer(run);
  write_head(writer, message);
  if (const auto* append = std::get_if<AppendEntries>(&message)) {
    for (const LogEntry& entry : append->entries) {
      if (entry.payload.size() < kSharedFrom) {
        writer.raw(entry.payload.view());
        continue;
      }
      if (!run.empty()) out.emplace_back(std::exchange(run, {}));
      out.push_back(entry.payload);
    }
  }
  if (!run.empty()) out.emplace_back(std::move(run));
}

std::optional<Message> decode(const SharedBytes& frame) {
  if (frame.size() > kFrameBytesMax) return std::nullopt;
  Reader in(frame.view());
  if (in.u8() != kMessageVersion) return std::nullopt;
  std::optional<Message> message = read_body(in, frame);
  if (!in.finished()) return std::nullopt;
  return message;
}

void encode(const SnapshotToken& token, Writer& out) {
  RAM_CHECK(is_valid(token));
  out.varint(token.index.value);
  out.varint(token.term.value);
  out.varint(token.configuration_index.value);
  out.bytes(encode(token.configuration).view());
}

SnapshotToken decode_token(Reader& in) {
  SnapshotToken token;
  token.index = LogIndex(in.varint());
  token.term = Term(in.varint());
  token.configuration_index = LogIndex(in.varint());
  std::optional<Configuration> configuration = decode_configuration(in.bytes());
  if (configuration) token.configuration = std::move(*configuration);
  if (!is_valid(token)) in.fail();
  return token;
}

bool is_valid(const SnapshotToken& token) {
  constexpr uint64_t kTermEnd = uint64_t{1} << 63;
  return token.index && token.term && token.term.value < kTermEnd && token.index.value < kTermEnd &&
         token.configuration_index && token.configuration_index <= token.index &&
         is_valid(token.configuration);
}

}  // namespace ram::consensus
