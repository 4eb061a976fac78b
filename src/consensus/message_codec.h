// Messages as bytes. Numbers are varints, flags a byte that is 0 or 1 (base/codec.h).
//
//   message        := version:u8 kind:u8 body                              version: 1
//   1 append       := engine:u8 term previous previous_term commit count head* payload*
//     head         := term kind:u8 size            kind: 1 record, 2 barrier, 3 change
//     payload      := the bytes of an entry, in the order of the heads; they end the message
//   2 append-result:= engine:u8 term rejected last features capacity
//   3 vote         := engine:u8 term last last_term disrupt:flag pre:flag
//   4 vote-result  := engine:u8 term granted:flag pre:flag features capacity
//   5 install      := engine:u8 term token
//   6 timeout-now  := engine:u8 term last last_term
//     token        := index term configuration_index configuration:bytes   (configuration_codec.h)
//
// `engine` is libraft's own version of that message. Heads come before payloads, so that a sender
// writes payloads from where they lie and a receiver keeps them where they arrived.
//
// Decoding is total and bounded; it checks that the bytes are a message, not that the message makes
// sense (fences.h does). What it accepts, encode() writes back byte for byte.
//
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "consensus/message.h"

namespace ram::consensus {

inline constexpr uint8_t kMessageVersion = 1;

// Appends the message to `out`, payloads copied.
void encode(const Message& message, std::string& out);
// Appends the message as pieces to be written one after the other. Payloads that are worth it are
// not copied but shared.
void encode(const Message& message, std::vector<SharedBytes>& out);

// The payloads of the entries share the block of `frame`.
std::optional<Message> decode(const SharedBytes& frame);

// A token by itself, for those who carry states.
void encode(const SnapshotToken& token, Writer& out);
// Fails the reader unless it is well-formed (is_valid).
SnapshotToken decode_token(Reader& in);

// Index, term and configuration index set, in order; the configuration valid.
bool is_valid(const SnapshotToken& token);

}  // namespace ram::consensus
