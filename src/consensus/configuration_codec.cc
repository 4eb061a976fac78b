#include "consensus/configuration_codec.h"

#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/limits.h"

namespace ram::consensus {
namespace {

constexpr uint8_t kFormat = 1;  // libraft's
constexpr size_t kIdDigits = 16;

void append_prefix(std::string& out, NodeId id) {
  constexpr char kHex[] = "0123456789abcdef";
  for (unsigned shift = 64; shift > 0; shift -= 4)
    out.push_back(kHex[id.value >> (shift - 4) & 15]);
  out.push_back('/');
}

// Up to its terminating NUL, which is taken too.
std::string_view text(Reader& in) {
  const size_t size = in.rest().find('\0');
  if (size == std::string_view::npos) in.fail();
  const std::string_view taken = in.raw(in.ok() ? size : 0);
  in.u8();
  return taken;
}

Server read_server(Reader& in) {
  Server server;
  server.id = NodeId(in.u64());
  const std::string_view address = text(in);
  server.role = in.flag() ? Role::kVoter : Role::kStandby;

  std::string prefix;
  append_prefix(prefix, server.id);
  if (address.substr(0, prefix.size()) == prefix) {
    server.description = description_of(address);
  } else {
    in.fail();
  }
  return server;
}

}  // namespace

bool is_valid(const Configuration& configuration) {
  const std::vector<Server>& servers = configuration.servers;
  if (servers.size() > kMembersMax || configuration.voters() == 0) return false;
  for (const Server& server : servers) {
    if (!server.id || configuration.find(server.id) != &server) return false;
    if (server.description.size() > kDescriptionBytesMax) return false;
    if (server.description.find('\0') != std::string::npos) return false;
  }
  return true;
}

SharedBytes encode(const Configuration& configuration) {
  RAM_CHECK(is_valid(configuration));
  std::string out;
  Writer writer(out);
  writer.u8(kFormat);
  writer.u64(configuration.servers.size());
  for (const Server& server : configuration.servers) {
    writer.u64(server.id.value);
    writer.raw(engine_address(server));
    writer.u8(0);
    writer.u8(static_cast<uint8_t>(server.role));
  }
  while (out.size() % 8 != 0) writer.u8(0);
  return SharedBytes(std::move(out));
}

std::optional<Configuration> decode_configuration(std::string_view bytes) {
  Reader in(bytes);
  if (in.u8() != kFormat) in.fail();
  const uint64_t count = in.u64();
  if (count > kMembersMax) in.fail();
  Configuration configuration;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    configuration.servers.push_back(read_server(in));
  }
  const size_t padding = (8 - (bytes.size() - in.rest().size()) % 8) % 8;
  for (size_t i = 0; i < padding; ++i) {
    if (in.u8() != 0) in.fail();
  }
  if (!in.finished() || !is_valid(configuration)) return std::nullopt;
  return configuration;
}

std::string engine_address(const Server& server) {
  std::string address;
  append_prefix(address, server.id);
  address += server.description;
  return address;
}

std::string_view description_of(std::string_view engine_address) {
  return engine_address.substr(std::min(engine_address.size(), kIdDigits + 1));
}

}  // namespace ram::consensus
