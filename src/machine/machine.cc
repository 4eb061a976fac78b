#include "machine/machine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/random.h"
#include "machine/digest.h"
#include "machine/snapshot_codec.h"

namespace ram::machine {
namespace {

// Transactions, and operations of each, for which memory is asked ahead.
constexpr uint32_t kPrefetchTransactions = 8;
constexpr uint32_t kPrefetchOperations = 4;

}  // namespace

Machine::Machine(store::Store& store, const Parameters& parameters, Faults faults)
    : tables_(store), staging_(tables_), parameters_(parameters), faults_(faults) {}

Machine::~Machine() = default;

bool Machine::apply(LogIndex index, std::string_view record, ReplySink* sink, NodeId mine) {
  RAM_CHECK(index == applied_.next());
  // All of it is looked through first: a record that is bad at its end leaves nothing behind.
  if (!check_record(record).ok()) return false;
  RecordReader reader(record);
  const RecordHeader& header = reader.header();
  time_ = std::max(time_, header.time);
  switch (header.kind) {
    case RecordKind::kCloseSession:
      sessions_.close(header.origin);
      publish(index);
      break;
    case RecordKind::kTransactions:
      apply_transactions(index, reader, header.origin == mine ? sink : nullptr);
      break;
  }
  return true;
}

void Machine::apply_barrier(LogIndex index) {
  RAM_CHECK(index == applied_.next());
  publish(index);
}

void Machine::found_anew(ClusterId cluster) {
  parameters_.found_anew(cluster);
}

void Machine::publish(LogIndex index) {
  applied_ = index;
  tables_.store().publish(revision_, applied_);
}

void Machine::apply_transactions(LogIndex index, RecordReader& record, ReplySink* sink) {
  const RecordHeader header = record.header();
  const Session* known = sessions_.find(header.origin);
  const Sequence last_before = known == nullptr ? Sequence() : known->last();

  // The numbers of a record have no gaps: its repeats come first, and if its first is beyond a gap,
  // all are.
  if (header.first > last_before.next() && !faults_.apply_gaps) {
    publish(index);
    if (sink != nullptr) sink->on_gap(header.first, header.last());
    return;
  }
  Session& session = sessions_.open(header.origin);
  if (header.first > last_before.next()) session.skip_to(header.first);
  session.acknowledge(header.floor);

  RecordReader ahead = record;
  std::string_view bytes;
  for (uint32_t i = 0; i < kPrefetchTransactions && ahead.next(bytes); ++i) prefetch(bytes);

  size_t work_left = kRecordWorkBytesMax;
  const Sequence first_new = session.last().next();
  for (Sequence sequence = header.first; record.next(bytes); ++sequence) {
    std::string_view later;
    if (ahead.next(later)) prefetch(later);
    const bool repeat = session.judge(sequence) == Session::Verdict::kRepeat;
    if (repeat && !faults_.apply_repeats) continue;
    Reply reply;
    apply_transaction(bytes, work_left, reply);
    if (!repeat) session.add(std::move(reply));
  }

  publish(index);
  if (sink != nullptr) {
    if (header.first < first_new) {
      sink->on_repeat(header.first, std::min(header.last(), first_new.previous()));
    }
    for (Sequence sequence = first_new; sequence <= header.last(); ++sequence) {
      sink->on_reply(sequence, *session.reply(sequence));
    }
  }
  session.trim();
}

void Machine::apply_transaction(std::string_view bytes, size_t& work_left, Reply& reply) {
  staging_.run(TransactionReader(bytes), work_left, reply);
  if (!staging_.changes()) return;
  ++revision_;
  staging_.apply(revision_);
  reply.revision = revision_;
}

void Machine::prefetch(std::string_view bytes) {
  TransactionReader transaction(bytes);
  Operation operation;
  for (uint32_t i = 0; i < kPrefetchOperations && transaction.next(operation); ++i) {
    if (!names_key(operation.kind)) continue;
    const Tables::Table* table = tables_.find(operation.table);
    if (table != nullptr) tables_.prefetch(*table, tables_.key(operation.key));
  }
}

uint64_t Machine::digest() const {
  const uint64_t counters =
      mix64(mix64(kCountersSeed ^ revision_.value) ^ static_cast<uint64_t>(time_));
  return tables_.digest() + sessions_.digest() + digest_of(parameters_) + counters;
}

std::unique_ptr<FrozenState> Machine::freeze(size_t piece_bytes) {
  std::unique_ptr<store::FrozenView> view = tables_.store().freeze();
  if (view == nullptr) return nullptr;
  return std::make_unique<FrozenState>(*this, std::move(view), piece_bytes);
}

void Machine::check_invariants() const {
  tables_.check_invariants();
  sessions_.check_invariants();
}

}  // namespace ram::machine
