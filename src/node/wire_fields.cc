#include "node/wire_fields.h"

#include <algorithm>

#include "base/limits.h"
#include "lease/times.h"
#include "node/member_description.h"

namespace ram::node::wire {

std::string text(Reader& in, size_t bytes_max) {
  const std::string_view bytes = in.bytes();
  if (bytes.size() > bytes_max) in.fail();
  return in.ok() ? std::string(bytes) : std::string();
}

std::string description(Reader& in) {
  std::string bytes = text(in, kDescriptionBytesMax);
  if (!decode_description(bytes)) in.fail();
  return bytes;
}

size_t count(Reader& in, size_t most) {
  const uint64_t value = in.varint();
  if (value > most) in.fail();
  return in.ok() ? static_cast<size_t>(value) : 0;
}

void write(Writer& out, ClusterId cluster) {
  out.u64(cluster.high);
  out.u64(cluster.low);
}
ClusterId read_cluster(Reader& in) {
  ClusterId cluster;
  cluster.high = in.u64();
  cluster.low = in.u64();
  return cluster;
}

void write(Writer& out, const consensus::Configuration& configuration) {
  out.varint(configuration.servers.size());
  for (const consensus::Server& server : configuration.servers) {
    out.u64(server.id.value);
    out.u8(static_cast<uint8_t>(server.role));
    out.bytes(server.description);
  }
}
consensus::Configuration read_configuration(Reader& in) {
  consensus::Configuration configuration;
  for (size_t i = count(in, kMembersMax); i > 0 && in.ok(); --i) {
    consensus::Server server;
    server.id = NodeId(in.u64());
    server.role = in.flag() ? consensus::Role::kVoter : consensus::Role::kStandby;
    server.description = description(in);
    if (!server.id || configuration.find(server.id) != nullptr) in.fail();
    configuration.servers.push_back(std::move(server));
  }
  return configuration;
}

void write(Writer& out, Instant time) {
  out.i64(time.time_since_epoch().count());
}
Instant read_instant(Reader& in) {
  return Instant(Duration(in.i64()));
}

void write(Writer& out, Duration span) {
  out.varint(static_cast<uint64_t>(std::clamp(span, Duration::zero(), lease::kForever).count()));
}
Duration read_duration(Reader& in) {
  const uint64_t ns = in.varint();
  if (ns > static_cast<uint64_t>(lease::kForever.count())) in.fail();
  return in.ok() ? Duration(static_cast<int64_t>(ns)) : Duration();
}

}  // namespace ram::node::wire
