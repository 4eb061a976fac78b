#include "machine/snapshot_codec.h"

#include <utility>

#include "base/check.h"
#include "machine/command_codec.h"

namespace ram::machine {
namespace {

enum class Item : uint8_t {
  kBegin = 1,
  kTable = 2,
  kSession = 3,
  kReply = 4,
  kEntry = 5,
  kEnd = 6,
};

// What an item takes beyond its strings, at most.
constexpr size_t kItemHeadBytesMax = 96;
constexpr size_t kPieceHeadBytes = 9;
static_assert(kPieceHeadBytes + kItemHeadBytesMax + kTransactionBytesMax < kFrameBytesMax);
static_assert(kKeyBytesMax + kValueBytesMax < kTransactionBytesMax);

// What a reply takes beyond its answers, and an entry beyond its key and its value, about, as
// FrozenState::read() counts.
constexpr uint64_t kReplyBytes = 8;
constexpr uint64_t kEntryBytes = 32;
// Names of tables, and replies, read at once.
constexpr size_t kTablesAtOnce = 16;
constexpr size_t kRepliesAtOnce = 16;
// A piece takes no more than so many steps, however little there is in it: of tables that are empty
// there may be many, with eight buckets each, and a step sees four.
constexpr size_t kStepsPerPiece = 4'096;

uint64_t bytes_of(const Machine& machine) {
  uint64_t bytes = machine.tables().bytes() + machine.tables().entries() * kEntryBytes;
  for (const auto& [_, session] : machine.sessions().all()) {
    bytes += session.answer_bytes() + session.replies() * kReplyBytes;
  }
  return bytes;
}

// Counters stay below this, so that none of them can wrap.
constexpr uint64_t kCounterMax = uint64_t{1} << 63;

void put_item(Writer& writer, Item item) {
  writer.u8(static_cast<uint8_t>(item));
}

}  // namespace

// ---- writing ----

FrozenState::FrozenState(const Machine& machine, std::unique_ptr<store::FrozenView> view,
                         size_t piece_bytes)
    : revision_(machine.revision()),
      applied_(machine.applied()),
      digest_(machine.digest()),
      piece_bytes_(piece_bytes),
      living_(machine.sessions()),
      whole_(bytes_of(machine)),
      view_(std::move(view)) {
  RAM_CHECK(view_->revision() == revision_);
  RAM_CHECK(view_->table_count() == machine.tables().count());
  Writer writer(room_for(kItemHeadBytesMax));
  put_item(writer, Item::kBegin);
  writer.u64(revision_.value);
  writer.u64(applied_.value);
  writer.i64(static_cast<int64_t>(machine.time()));
  writer.u64(digest_);
  writer.varint(machine.tables().count());
  writer.varint(machine.sessions().size());
  writer.varint(machine.tables().entries());
  encode(writer, machine.parameters());
  for (const auto& [origin, session] : machine.sessions().all()) {
    sessions_.push_back({origin, session.last(), session.floor(), session.oldest()});
  }
}

FrozenState::~FrozenState() = default;

std::string& FrozenState::room_for(size_t bytes) {
  const bool fits = !pieces_.empty() && pieces_.back().size() + bytes <= piece_bytes_;
  if (fits || (!pieces_.empty() && pieces_.back().size() == kPieceHeadBytes)) return pieces_.back();
  std::string& piece = pieces_.emplace_back();
  Writer writer(piece);
  writer.u8(kStateVersion);
  writer.u64(next_number_ + pieces_.size() - 1);
  return piece;
}

void FrozenState::write_table(std::string_view name) {
  Writer writer(room_for(kItemHeadBytesMax + name.size()));
  put_item(writer, Item::kTable);
  writer.bytes(name);
}

void FrozenState::write_session(const FrozenSession& session) {
  Writer head(room_for(kItemHeadBytesMax));
  put_item(head, Item::kSession);
  head.u64(session.origin.value);
  head.varint(session.last.value);
  head.varint(session.floor.value);
}

void FrozenState::write_reply(const Reply& reply) {
  Writer writer(room_for(kItemHeadBytesMax + reply.answer_bytes.size()));
  put_item(writer, Item::kReply);
  writer.u8(static_cast<uint8_t>(reply.outcome));
  writer.varint(reply.revision.value);
  writer.varint(reply.answers);
  writer.bytes(reply.answer_bytes);
  read_ += kReplyBytes + reply.answer_bytes.size();
}

void FrozenState::write_entry(const store::Table& table, const store::Entry& entry) {
  Writer writer(room_for(kItemHeadBytesMax + entry.key().size() + entry.value().size()));
  put_item(writer, Item::kEntry);
  writer.varint(table.number());
  writer.bytes(entry.key());
  writer.varint(entry.revision().value);
  writer.u8(entry.type());
  writer.bytes(entry.value());
  read_ += kEntryBytes + entry.key().size() + entry.value().size();
}

bool FrozenState::read_tables() {
  if (tables_ == view_->table_count()) return false;
  for (size_t i = 0; i < kTablesAtOnce && tables_ < view_->table_count(); ++i) {
    write_table(view_->table(tables_++).name());
  }
  return true;
}

// Replies of the first session; its floor goes up to what was read.
bool FrozenState::read_sessions() {
  if (sessions_.empty()) return false;
  FrozenSession& session = sessions_.front();
  if (!std::exchange(begun_, true)) write_session(session);
  for (size_t i = 0; i < kRepliesAtOnce && session.floor < session.last; ++i) {
    ++session.floor;
    const ReplyChunk& chunk = *session.chunk;
    if (session.floor - chunk.first == chunk.size) session.chunk = chunk.next;
    write_reply(session.chunk->at(session.floor));
  }
  if (session.floor == session.last) {
    sessions_.pop_front();
    begun_ = false;
  }
  return true;
}

// Few entries at a time: each may be large.
bool FrozenState::read_on() {
  if (view_ == nullptr) return false;
  if (read_tables() || read_sessions()) return true;
  const bool more = view_->next(
      1, [&](const store::Table& table, const store::Entry& entry) { write_entry(table, entry); });
  if (more) return true;
  Writer writer(room_for(1));
  put_item(writer, Item::kEnd);
  view_.reset();
  return false;
}

bool FrozenState::next_piece(std::string& piece) {
  // Until a piece is complete, or took long enough.
  size_t steps = 0;
  while (pieces_.size() < 2 && steps < kStepsPerPiece && read_on()) ++steps;
  if (pieces_.empty() && view_ == nullptr) {
    piece.clear();
    return false;
  }
  if (pieces_.empty()) room_for(0);
  piece = std::move(pieces_.front());
  pieces_.pop_front();
  ++next_number_;
  return true;
}

// ---- reading ----

StateLoader::StateLoader(store::Store& store, Faults faults)
    : machine_(std::make_unique<Machine>(store, Parameters(), faults)) {}

StateLoader::~StateLoader() = default;

Status StateLoader::add(std::string_view piece) {
  if (stage_ == Stage::kBad) return Status::invalid("state: a piece before was bad");
  Reader reader(piece);
  const uint8_t version = reader.u8();
  const uint64_t number = reader.u64();
  if (!reader.ok()) return Status::invalid("state: no piece");
  if (version != kStateVersion) return Status::invalid("state: a version that is not known here");
  if (number < next_number_) return {};
  if (number > next_number_) return Status::invalid("state: a piece is missing");
  const char* wrong = nullptr;
  while (wrong == nullptr && !reader.rest().empty()) {
    wrong = stage_ == Stage::kComplete ? "bytes after its end" : read_item(reader);
  }
  if (wrong != nullptr) {
    stage_ = Stage::kBad;
    return Status::invalid("state: " + std::string(wrong));
  }
  ++next_number_;
  return {};
}

std::unique_ptr<Machine> StateLoader::take() {
  RAM_CHECK(complete());
  RAM_CHECK(machine_ != nullptr);
  return std::move(machine_);
}

std::unique_ptr<Machine> StateLoader::give_up() {
  stage_ = Stage::kBad;
  return std::move(machine_);
}

const char* StateLoader::read_item(Reader& reader) {
  const auto item = static_cast<Item>(reader.u8());
  if ((item == Item::kBegin) != (stage_ == Stage::kBegin)) return "an item out of order";
  switch (item) {
    case Item::kBegin:
      return read_begin(reader);
    case Item::kTable:
      return read_table(reader);
    case Item::kSession:
      return read_session(reader);
    case Item::kReply:
      return read_reply(reader);
    case Item::kEntry:
      return read_entry(reader);
    case Item::kEnd:
      return read_end();
  }
  return "an item of unknown kind";
}

const char* StateLoader::read_begin(Reader& reader) {
  revision_ = Revision(reader.u64());
  applied_ = LogIndex(reader.u64());
  machine_->time_ = static_cast<WallMs>(reader.i64());
  digest_ = reader.u64();
  tables_ = reader.varint();
  sessions_ = reader.varint();
  entries_ = reader.varint();
  machine_->parameters_ = decode_parameters(reader);
  if (!reader.ok()) return "bad beginning";
  if (revision_.value >= kCounterMax || applied_.value >= kCounterMax) return "bad counters";
  stage_ = Stage::kItems;
  return nullptr;
}

const char* StateLoader::read_table(Reader& reader) {
  const std::string_view name = reader.bytes();
  if (!reader.ok() || name.size() > kTableNameBytesMax) return "bad table";
  if (machine_->tables_.count() >= kTablesMax) return "too many tables";
  if (machine_->tables_.find(name) != nullptr) return "a table twice";
  machine_->tables_.make(name);
  return nullptr;
}

const char* StateLoader::read_session(Reader& reader) {
  if (session_ != nullptr && session_->last() != session_last_) return "replies are missing";
  const NodeId origin(reader.u64());
  const Sequence last(reader.varint());
  const Sequence floor(reader.varint());
  if (!reader.ok() || !origin || floor > last || last.value >= kCounterMax) return "bad session";
  if (last - floor > kTransactionsInFlightMax) return "too many replies";
  session_ = machine_->sessions_.restore(origin, floor);
  if (session_ == nullptr) return "a session twice";
  session_last_ = last;
  return nullptr;
}

const char* StateLoader::read_reply(Reader& reader) {
  if (session_ == nullptr || session_->last() == session_last_) return "a reply too many";
  const uint8_t outcome = reader.u8();
  const Revision revision(reader.varint());
  const uint64_t answers = reader.varint();
  const std::string_view answer_bytes = reader.bytes();
  if (!reader.ok() || outcome >= kOutcomes || revision > revision_ || answers > kTransactionParts) {
    return "bad reply";
  }
  Reply reply{.revision = revision,
              .outcome = static_cast<Outcome>(outcome),
              .answers = static_cast<uint32_t>(answers),
              .answer_bytes = std::string(answer_bytes)};
  if (reply.outcome != Outcome::kApplied && (answers != 0 || revision)) return "bad reply";
  AnswerReader check(reply);
  for (Answer answer; check.next(answer);) {
  }
  if (!check.finished()) return "bad answers";
  session_->add(std::move(reply));
  return nullptr;
}

const char* StateLoader::read_entry(Reader& reader) {
  const uint64_t number = reader.varint();
  const std::string_view key = reader.bytes();
  const Revision revision(reader.varint());
  const uint8_t type = reader.u8();
  const std::string_view value = reader.bytes();
  Tables& tables = machine_->tables_;
  if (!reader.ok() || number >= tables.count() || key.size() > kKeyBytesMax || !revision ||
      revision > revision_ || type > store::Entry::kTypeMax || value.size() > kValueBytesMax) {
    return "bad entry";
  }
  Tables::Table& table = *tables.all()[number];
  const store::Key name = tables.key(key);
  if (tables.find(table, name) != nullptr) return "a key twice";
  tables.put(table, name, nullptr, value, revision, type);
  return nullptr;
}

const char* StateLoader::read_end() {
  if (session_ != nullptr && session_->last() != session_last_) return "replies are missing";
  Machine& machine = *machine_;
  if (machine.tables_.count() != tables_) return "tables are missing";
  if (machine.sessions_.size() != sessions_) return "sessions are missing";
  if (machine.tables_.entries() != entries_) return "entries are missing";
  machine.revision_ = revision_;
  if (machine.digest() != digest_) return "its digest is wrong";
  machine.publish(applied_);
  stage_ = Stage::kComplete;
  return nullptr;
}

}  // namespace ram::machine
