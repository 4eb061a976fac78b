// The parts that messages of peers are made of, as bytes. Readers are total: what does not make
// sense fails the Reader, and the value is then of no use.
#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "base/codec.h"
#include "base/ids.h"
#include "consensus/configuration.h"

namespace ram::node::wire {

std::string text(Reader& in, size_t bytes_max);
// An encoded MemberDescription; one that is none is an error.
std::string description(Reader& in);
size_t count(Reader& in, size_t most);

void write(Writer& out, ClusterId cluster);
ClusterId read_cluster(Reader& in);
void write(Writer& out, const consensus::Configuration& configuration);
consensus::Configuration read_configuration(Reader& in);
void write(Writer& out, Instant time);
Instant read_instant(Reader& in);
// Zero or more, and no longer than matters.
void write(Writer& out, Duration span);
Duration read_duration(Reader& in);

}  // namespace ram::node::wire
