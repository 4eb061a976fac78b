#include "machine/parameters.h"

#include <algorithm>
#include <string>

#include "base/limits.h"
#include "machine/digest.h"

namespace ram::machine {
namespace {

constexpr uint8_t kVersion = 3;
constexpr Duration kFailoverAfterMax = std::chrono::hours(1);

}  // namespace

void Parameters::found_anew(ClusterId id) {
  ancestors.insert(ancestors.begin(), cluster);
  if (ancestors.size() > kAncestorsMax) ancestors.pop_back();
  cluster = id;
}

bool Parameters::goes_on_from(ClusterId id) const {
  return std::find(ancestors.begin(), ancestors.end(), id) != ancestors.end();
}

void encode(Writer& writer, const Parameters& parameters) {
  writer.u8(kVersion);
  writer.u64(parameters.cluster.high);
  writer.u64(parameters.cluster.low);
  writer.u8(static_cast<uint8_t>(parameters.ancestors.size()));
  for (const ClusterId& ancestor : parameters.ancestors) {
    writer.u64(ancestor.high);
    writer.u64(ancestor.low);
  }
  writer.u64(static_cast<uint64_t>(parameters.failover_after.count()));
  writer.u32(parameters.voters_max);
  writer.flag(parameters.leases);
  writer.u32(parameters.clock_drift_permille);
}

Parameters decode_parameters(Reader& reader) {
  Parameters parameters;
  const uint8_t version = reader.u8();
  parameters.cluster.high = reader.u64();
  parameters.cluster.low = reader.u64();
  const size_t ancestors = reader.u8();
  if (ancestors > kAncestorsMax) reader.fail();
  for (size_t i = 0; i < ancestors && reader.ok(); ++i) {
    const uint64_t high = reader.u64();
    parameters.ancestors.push_back({high, reader.u64()});
  }
  const uint64_t failover_after = reader.u64();
  parameters.failover_after = Duration(static_cast<int64_t>(failover_after));
  parameters.voters_max = reader.u32();
  parameters.leases = reader.flag();
  parameters.clock_drift_permille = reader.u32();
  if (version != kVersion || !parameters.cluster || parameters.failover_after <= Duration::zero() ||
      parameters.failover_after > kFailoverAfterMax || parameters.voters_max == 0 ||
      parameters.voters_max > kVotersMax || parameters.clock_drift_permille > 1000) {
    reader.fail();
  }
  return reader.ok() ? parameters : Parameters();
}

uint64_t digest_of(const Parameters& parameters) {
  std::string bytes;
  Writer writer(bytes);
  encode(writer, parameters);
  return digest_of(bytes, kParametersSeed);
}

}  // namespace ram::machine
