#include "node/member_description.h"

#include <algorithm>

#include "base/limits.h"

namespace ram::node {
namespace {

constexpr char kSeparator = '\x1f';
constexpr size_t kVersionBytesMax = 64;

}  // namespace

bool valid_text(std::string_view text, size_t bytes_max) {
  return text.size() <= bytes_max && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
         });
}

std::string encode_description(const MemberDescription& description) {
  std::string bytes = description.name;
  for (const std::string* field :
       {&description.address, &description.client, &description.version}) {
    bytes += kSeparator;
    bytes += *field;
  }
  return bytes;
}

std::optional<MemberDescription> decode_description(std::string_view bytes) {
  std::string_view fields[4];
  for (size_t i = 0; i < 4; ++i) {
    const size_t end = bytes.find(kSeparator);
    if ((end == std::string_view::npos) != (i == 3)) return std::nullopt;
    fields[i] = bytes.substr(0, end);
    bytes.remove_prefix(i == 3 ? bytes.size() : end + 1);
  }
  const auto [name, address, client, version] = fields;
  if (name.empty() || !valid_text(name, kNodeNameBytesMax)) return std::nullopt;
  if (address.empty() || !valid_text(address, kAddressBytesMax)) return std::nullopt;
  if (!valid_text(client, kAddressBytesMax)) return std::nullopt;
  if (!valid_text(version, kVersionBytesMax)) return std::nullopt;
  return MemberDescription{std::string(name), std::string(address), std::string(client),
                           std::string(version)};
}

}  // namespace ram::node
