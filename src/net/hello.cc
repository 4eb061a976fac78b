#include "net/hello.h"

#include "base/check.h"
#include "base/codec.h"
#include "net/address.h"
#include "net/text.h"

namespace ram::net {

std::string_view lane_name(Lane lane) {
  switch (lane) {
    case Lane::kControl:
      return "control";
    case Lane::kBulk:
      return "bulk";
    case Lane::kLog:
      return "log";
  }
  return "unknown";
}

std::string encode(const Hello& hello) {
  RAM_CHECK(hello.source);
  RAM_CHECK(hello.name.size() <= kNodeNameBytesMax);
  RAM_CHECK(hello.address.size() <= kAddressBytesMax);
  std::string body;
  Writer writer(body);
  writer.u64(hello.source.value);
  writer.u8(static_cast<uint8_t>(hello.lane));
  writer.bytes(hello.address);
  writer.bytes(hello.name);
  return body;
}

std::string encode(const HelloAnswer& answer) {
  std::string body;
  Writer writer(body);
  writer.flag(!answer.source);
  if (answer.source) {
    writer.u64(answer.source.value);
  } else {
    writer.bytes(std::string_view(answer.reason).substr(0, kRefusalBytesMax));
  }
  return body;
}

Result<Hello> decode_hello(std::string_view body) {
  Reader reader(body);
  Hello hello;
  hello.source = NodeId(reader.u64());
  const uint8_t lane = reader.u8();
  hello.address = reader.bytes();
  hello.name = reader.bytes();
  if (!reader.finished() || !hello.source) return Status::invalid("it sent a malformed hello");
  if (lane < static_cast<uint8_t>(Lane::kControl) || lane > static_cast<uint8_t>(Lane::kLog)) {
    return Status::invalid("it asked for lane " + std::to_string(lane) + ", which is unknown here");
  }
  hello.lane = static_cast<Lane>(lane);
  if (hello.name.size() > kNodeNameBytesMax) return Status::invalid("its name is too long");
  const Result<Address> address = Address::parse(hello.address);
  if (!address.ok() || address->port == 0) {
    return Status::invalid("it advertises " + quoted(hello.address) + ", which is not HOST:PORT");
  }
  return hello;
}

Result<HelloAnswer> decode_answer(std::string_view body) {
  Reader reader(body);
  HelloAnswer answer;
  const bool refused = reader.flag();
  if (refused) {
    answer.reason = reader.bytes();
  } else {
    answer.source = NodeId(reader.u64());
  }
  const bool whole = refused ? answer.reason.size() <= kRefusalBytesMax : bool{answer.source};
  if (!reader.finished() || !whole) return Status::invalid("it sent a malformed answer");
  return answer;
}

}  // namespace ram::net
