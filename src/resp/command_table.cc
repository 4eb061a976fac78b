#include "resp/command_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "base/random.h"
#include "resp/missing_commands.h"

namespace ram::resp {
namespace {

constexpr size_t kNameBytesMax = 32;

// All rows, and an open-addressed index by name: the look-up is on every command's way.
class Index {
 public:
  Index() {
    add(Group::kConnection, connection_commands());
    add(Group::kConnection, client_commands());
    add(Group::kString, string_commands());
    add(Group::kGeneric, key_commands());
    add(Group::kServer, server_commands());
    add(Group::kRam, ram_commands());
    add(Group::kCluster, cluster_commands());
    std::stable_sort(rows_.begin(), rows_.end(), [](const Command& a, const Command& b) {
      return std::pair(a.group, a.name) < std::pair(b.group, b.name);
    });
    slots_.resize(std::bit_ceil(4 * rows_.size()));
    for (const Command& row : rows_) {
      RAM_CHECK(row.name.size() <= kNameBytesMax && find(row.name) == nullptr);
      size_t slot = hash(row.name) & (slots_.size() - 1);
      while (slots_[slot] != nullptr) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = &row;
    }
  }

  std::span<const Command> rows() const { return rows_; }

  // `name` in lower case.
  const Command* find(std::string_view name) const {
    for (size_t slot = hash(name) & (slots_.size() - 1); slots_[slot] != nullptr;
         slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot]->name == name) return slots_[slot];
    }
    return nullptr;
  }

 private:
  void add(Group group, std::span<const Command> family) {
    for (const Command& row : family) {
      rows_.push_back(row);
      rows_.back().group = group;
    }
  }

  static uint64_t hash(std::string_view name) {
    uint64_t head = 0;
    std::memcpy(&head, name.data(), std::min(name.size(), sizeof head));
    const uint64_t tail = name.empty() ? 0 : static_cast<unsigned char>(name.back());
    return mix64(head ^ (tail << 40U) ^ name.size());
  }

  std::vector<Command> rows_;
  std::vector<const Command*> slots_;
};

const Index& index() {
  static const Index made;
  return made;
}

// A name in lower case, on the stack.
struct LowerName {
  std::array<char, kNameBytesMax> bytes;
  size_t size = 0;
  bool fits = true;

  void add(std::string_view text) {
    if (text.size() > bytes.size() - size) {
      fits = false;
      return;
    }
    for (const char c : text) bytes[size++] = to_lower(c);
  }
  std::string_view view() const { return {bytes.data(), size}; }
};

// For an error line, what a client sent is cut short, as Redis does.
constexpr size_t kShownMax = 128;

}  // namespace

std::span<const Command> command_table() {
  return index().rows();
}

const Command* find_command(std::string_view name) {
  LowerName lowered;
  lowered.add(name);
  return lowered.fits ? index().find(lowered.view()) : nullptr;
}

const Command* find_command(Words words) {
  LowerName name;
  name.add(words[0]);
  // "client|list" is how rows are called, not what clients may send.
  if (!name.fits || words[0].find('|') != std::string_view::npos) return nullptr;
  const Command* command = index().find(name.view());
  if (command == nullptr || !command->is_container() || words.size() < 2) return command;
  name.add("|");
  name.add(words[1]);
  return name.fits ? index().find(name.view()) : nullptr;
}

bool arity_fits(const Command& command, Words words) {
  // What stands in the row of a container without a handler is for its subcommands.
  if (std::holds_alternative<std::monostate>(command.handler)) return false;
  const auto count = static_cast<int>(words.size());
  return command.arity >= 0 ? count == command.arity : count >= -command.arity;
}

std::string unknown_command(Words words) {
  const Command* container = find_command(words.first(1));
  if (container != nullptr && words.size() > 1) {
    std::string line =
        "ERR unknown subcommand '" + std::string(words[1].substr(0, kShownMax)) + "'. Known are:";
    for_each_subcommand(*container, [&](const Command& row) {
      line += " " + to_upper(row.name.substr(container->name.size() + 1));
    });
    return line;
  }
  std::string arguments;
  for (const std::string_view word : words.subspan(1)) {
    if (arguments.size() >= kShownMax) break;
    const size_t room = kShownMax - arguments.size();
    arguments.append("'").append(word.substr(0, room)).append("' ");
  }
  // Client libraries know this line by its beginning; what is for people comes last.
  return "ERR unknown command '" + std::string(words[0].substr(0, kShownMax)) +
         "', with args beginning with: " + arguments + std::string(why_missing(words[0]));
}

std::string wrong_arity(const Command& command) {
  return "ERR wrong number of arguments for '" + std::string(command.name) + "' command";
}

std::span<const std::pair<Flag, std::string_view>> flag_names() {
  static constexpr std::pair<Flag, std::string_view> kNames[] = {
      {kWrite, "write"},    {kReadonly, "readonly"}, {kDenyOom, "denyoom"}, {kAdmin, "admin"},
      {kNoAuth, "no_auth"}, {kLoading, "loading"},   {kStale, "stale"},     {kFast, "fast"},
  };
  return kNames;
}

std::string_view group_name(Group group) {
  switch (group) {
    case Group::kConnection:
      return "connection";
    case Group::kString:
      return "string";
    case Group::kGeneric:
      return "generic";
    case Group::kServer:
      return "server";
    case Group::kRam:
      return "ram";
    case Group::kCluster:
      return "cluster";
  }
  RAM_CHECK(false);
}

}  // namespace ram::resp
