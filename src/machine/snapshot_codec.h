// A whole state as bytes, in pieces: from a node that goes on applying, into a new store.
//
// Grammar (base/codec.h has u8, u64, varint, bytes; docs/formats/state.md has worked bytes):
//
//   state   = piece*, numbered 0, 1, 2, ...
//   piece   = version:u8 (1)  number:u64  item*
//   items   = begin  table*  (session reply*)*  entry*  end, over all pieces in order
//   begin   = 1:u8  revision:u64  applied:u64  time:i64  digest:u64
//             tables:varint  sessions:varint  entries:varint  parameters (parameters.h)
//   table   = 2:u8  name:bytes                        the first has number 0
//   session = 3:u8  origin:u64  last:varint  floor:varint
//   reply   = 4:u8  outcome:u8  revision:varint  answers:varint  answer_bytes:bytes
//                                                     those of floor + 1 to last, in order
//   entry   = 5:u8  table:varint  key:bytes  revision:varint  type:u8  value:bytes
//   end     = 6:u8
//
// An item is never split: a piece is as large as it was asked to be, or smaller where there was
// little to read, or holds one larger item. The order of tables, sessions and entries is free.
// Equal states have equal digests, not equal bytes.
//
// A transfer that broke is resumed from StateLoader::next_number().
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/limits.h"
#include "machine/machine.h"
#include "ram/status.h"
#include "store/frozen_view.h"

namespace ram::machine {

inline constexpr uint8_t kStateVersion = 1;

// A state as of the moment of Machine::freeze(). Tables and entries are read as pieces are asked
// for, from a view of the store, and replies from the chunks that the sessions had: this must not
// outlive the machine.
class FrozenState {
 public:
  FrozenState(const Machine& machine, std::unique_ptr<store::FrozenView> view, size_t piece_bytes);
  FrozenState(const FrozenState&) = delete;
  ~FrozenState();

  Revision revision() const { return revision_; }
  LogIndex applied() const { return applied_; }
  uint64_t digest() const { return digest_; }

  // The next piece. False: there is no further one, and `piece` is empty.
  bool next_piece(std::string& piece);
  // Pieces handed out: the number of the next one.
  uint64_t next_number() const { return next_number_; }
  // Of `parts` of the whole, those that have been read: by what they take, so that few large ones
  // count as well. Below `parts` until all was read. Requires: `parts` is at most 2^20.
  uint64_t read(uint64_t parts) const {
    // Cannot wrap: nobody has memory for 2^44 bytes.
    return view_ == nullptr ? parts : read_ * parts / (whole_ + 1);
  }

  // What the store keeps only for this.
  size_t kept_bytes() const { return view_ == nullptr ? 0 : view_->kept_bytes(); }
  // Replies that are kept for this and all other states of the machine.
  size_t kept_reply_bytes() const { return view_ == nullptr ? 0 : living_.kept_bytes(); }

 private:
  struct FrozenSession {
    NodeId origin;
    Sequence last;
    Sequence floor;
    boost::intrusive_ptr<ReplyChunk> chunk;  // that has the reply after the floor, if any has
  };

  // Where an item of at most `bytes` is to be appended.
  std::string& room_for(size_t bytes);
  void write_table(std::string_view name);
  void write_session(const FrozenSession& session);
  void write_reply(const Reply& reply);
  void write_entry(const store::Table& table, const store::Entry& entry);
  // Reads a few items; false: that was the end.
  bool read_on();
  bool read_tables();
  bool read_sessions();

  const Revision revision_;
  const LogIndex applied_;
  const uint64_t digest_;
  const size_t piece_bytes_;
  const Sessions& living_;
  // What all replies and entries take, and those that were read.
  const uint64_t whole_;
  uint64_t read_ = 0;
  size_t tables_ = 0;                        // that were read
  std::deque<FrozenSession> sessions_;       // that were not read to their ends,
  bool begun_ = false;                       // and whether the first of them was begun
  std::unique_ptr<store::FrozenView> view_;  // null: it was read to its end
  std::deque<std::string> pieces_;           // complete, but for the last
  uint64_t next_number_ = 0;
};

// Puts a state together in a new store. What the pieces say is not trusted.
class StateLoader {
 public:
  // `store` is new, and no reader's until the state is complete.
  explicit StateLoader(store::Store& store, Faults faults = {});
  StateLoader(const StateLoader&) = delete;
  ~StateLoader();

  // The piece that is wanted next.
  uint64_t next_number() const { return next_number_; }

  // Takes a piece; one that was taken before is passed over. kInvalid, saying why: it is not the
  // one wanted (others may follow), or the state is bad, for good: begin again with another store.
  Status add(std::string_view piece);

  // All is here, its digest is right, and the store is published.
  bool complete() const { return stage_ == Stage::kComplete; }
  // Of what is here so far.
  uint64_t digest() const { return machine_->digest(); }
  // The machine that goes on from there. Requires: complete(), once.
  std::unique_ptr<Machine> take();
  // What there is so far, to be dismantled; null: it was taken. Nothing can be added afterwards.
  std::unique_ptr<Machine> give_up();

 private:
  enum class Stage { kBegin, kItems, kComplete, kBad };

  // Each reads one item; null, or what is wrong with it.
  const char* read_item(Reader& reader);
  const char* read_begin(Reader& reader);
  const char* read_table(Reader& reader);
  const char* read_session(Reader& reader);
  const char* read_reply(Reader& reader);
  const char* read_entry(Reader& reader);
  const char* read_end();

  Stage stage_ = Stage::kBegin;
  uint64_t next_number_ = 0;
  std::unique_ptr<Machine> machine_;
  // As announced.
  Revision revision_;
  LogIndex applied_;
  uint64_t digest_ = 0;
  uint64_t tables_ = 0;
  uint64_t sessions_ = 0;
  uint64_t entries_ = 0;
  // The session whose replies come; null: none yet.
  Session* session_ = nullptr;
  Sequence session_last_;
};

}  // namespace ram::machine
