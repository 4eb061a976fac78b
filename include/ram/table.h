// Table: a named table of a node's cluster; the same table on every node.
//
//   ram::Table colors = node.table("colors");
//   ram::Status set = colors.put("sky", "blue").status();
//   ram::Result<std::optional<std::string>> sky = colors.get("sky");
//
// A table comes to be with its first write. Reads are linearizable: they see every write that was
// acknowledged, by whichever node, before the call. A write that returns OK is in the memory of a
// majority, and visible to every later read on every node.
//
// Blocking calls wait for at most their timeout and are not to be called from a callback. Callback
// forms return at once; the callback runs on the node's thread, exactly once, and must neither
// block nor throw. (A callback of a call that fails at once, or of a read that can be answered at
// once, runs in the caller.)
//
// Reads fail with kInvalid, kUnavailable, kJoining, kOverloaded. Writes fail, not applied, with
// kInvalid, kUnavailable, kJoining, kOverloaded, kOutOfMemory, and, perhaps applied, with
// kUnknownOutcome.
//
// Thread-safe; a handle, cheap to copy, valid while its Node lives.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ram/options.h"
#include "ram/status.h"

namespace ram {

class Node;

template <class T>
using Callback = std::function<void(T)>;

// A value and the revision that last changed its key.
struct Entry {
  std::string value;
  uint64_t revision = 0;
};

class Table {
 public:
  // The value of `key`, if it has one.
  Result<std::optional<std::string>> get(std::string_view key, ReadOptions options = {}) const;
  void get(std::string_view key, ReadOptions options,
           Callback<Result<std::optional<std::string>>> callback) const;

  // The values of all `keys`, as of one moment, in their order.
  Result<std::vector<std::optional<std::string>>> get(std::span<const std::string_view> keys,
                                                      ReadOptions options = {}) const;
  void get(std::vector<std::string> keys, ReadOptions options,
           Callback<Result<std::vector<std::optional<std::string>>>> callback) const;

  // The value with its revision, for compare_and_set.
  Result<std::optional<Entry>> fetch(std::string_view key, ReadOptions options = {}) const;
  void fetch(std::string_view key, ReadOptions options,
             Callback<Result<std::optional<Entry>>> callback) const;

  Result<bool> contains(std::string_view key, ReadOptions options = {}) const;
  void contains(std::string_view key, ReadOptions options, Callback<Result<bool>> callback) const;

  // Number of keys.
  Result<uint64_t> size(ReadOptions options = {}) const;
  void size(ReadOptions options, Callback<Result<uint64_t>> callback) const;

  // Sets `key`; returns the write's revision.
  Result<uint64_t> put(std::string_view key, std::string_view value, WriteOptions options = {});
  void put(std::string_view key, std::string_view value, WriteOptions options,
           Callback<Result<uint64_t>> callback);

  // Sets `key` only if it is absent; returns whether it did.
  Result<bool> insert(std::string_view key, std::string_view value, WriteOptions options = {});
  void insert(std::string_view key, std::string_view value, WriteOptions options,
              Callback<Result<bool>> callback);

  // Sets `key` only if `revision` last changed it (0: only if it is absent); returns the write's
  // revision, or nothing if it did not match.
  Result<std::optional<uint64_t>> compare_and_set(std::string_view key, uint64_t revision,
                                                  std::string_view value,
                                                  WriteOptions options = {});
  void compare_and_set(std::string_view key, uint64_t revision, std::string_view value,
                       WriteOptions options, Callback<Result<std::optional<uint64_t>>> callback);

  // Sets `key` to change(value), or to change(absent) if it is absent; returns the new value.
  // `change` runs here, in the calling thread (the callback form: on the node's thread), once per
  // attempt: when another write came between, it runs again. It must have no effects of its own.
  Result<std::string> update(std::string_view key, std::string_view absent,
                             const std::function<std::string(std::string_view)>& change,
                             WriteOptions options = {});
  void update(std::string_view key, std::string_view absent,
              std::function<std::string(std::string_view)> change, WriteOptions options,
              Callback<Result<std::string>> callback);

  // Returns whether `key` existed.
  Result<bool> erase(std::string_view key, WriteOptions options = {});
  void erase(std::string_view key, WriteOptions options, Callback<Result<bool>> callback);

  // Erases `key` and returns the value it had.
  Result<std::optional<std::string>> take(std::string_view key, WriteOptions options = {});
  void take(std::string_view key, WriteOptions options,
            Callback<Result<std::optional<std::string>>> callback);

  // Erases every key, at a cost that does not depend on how many there are.
  Status clear(WriteOptions options = {});
  void clear(WriteOptions options, Callback<Status> callback);

  const std::string& name() const { return name_; }

 private:
  friend class Node;
  Table(Node* node, std::string name) : node_(node), name_(std::move(name)) {}

  Node* node_;
  std::string name_;
};

}  // namespace ram
