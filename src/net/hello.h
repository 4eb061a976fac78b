// The first frame of a link, and the answer to it.
//
//   hello  = source:u64 lane:u8 address:bytes name:bytes
//   answer = 0:u8 source:u64          accepted; by whom
//          | 1:u8 reason:bytes        refused; a line for people, which goes on from "it": the
//          connection ends
//
// address is where `source` can be dialled, HOST:PORT; name is what people call it. lane is 1
// (control), 2 (bulk) or 3 (log). Each in its frame, of kind hello and answer.
//
// Values.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/limits.h"
#include "ram/status.h"

namespace ram::net {

// A node has three links to each other, so that what is small and urgent never waits for what is
// not: kLog has entries and records, of any size, in order.
enum class Lane : uint8_t { kControl = 1, kBulk = 2, kLog = 3 };
inline constexpr std::array kLanes = {Lane::kControl, Lane::kBulk, Lane::kLog};

// "control", "bulk", "log".
std::string_view lane_name(Lane lane);

struct Hello {
  NodeId source;
  Lane lane = Lane::kControl;
  std::string address;
  std::string name;

  bool operator==(const Hello&) const = default;
};

struct HelloAnswer {
  NodeId source;       // none: refused
  std::string reason;  // if refused

  bool operator==(const HelloAnswer&) const = default;
};

std::string encode(const Hello& hello);
std::string encode(const HelloAnswer& answer);

// Total. Errors: kInvalid, one line that goes on from "it".
Result<Hello> decode_hello(std::string_view body);
Result<HelloAnswer> decode_answer(std::string_view body);

}  // namespace ram::net
