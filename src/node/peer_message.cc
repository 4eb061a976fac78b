#include "node/peer_message.h"

#include "base/codec.h"
#include "base/limits.h"
#include "consensus/message_codec.h"
#include "node/headway.h"
#include "node/membership_codec.h"
#include "node/wire_fields.h"
#include "ram/version.h"

namespace ram::node {
namespace {

using wire::count;
using wire::read_cluster;
using wire::read_configuration;
using wire::read_duration;
using wire::read_instant;
using wire::read_membership;
using wire::text;
using wire::write;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

void write(Writer& out, const LeaderNews& news) {
  write(out, news.sent);
  out.varint(news.round.value);
  out.varint(news.stable.value);
  out.flag(news.grant.has_value());
  if (!news.grant) return;
  write(out, news.grant->member_time);
  write(out, news.grant->length);
  out.varint(news.grant->epoch.value);
}
LeaderNews read_leader_news(Reader& in) {
  LeaderNews news;
  news.sent = read_instant(in);
  news.round = Round(in.varint());
  news.stable = LogIndex(in.varint());
  if (!in.flag()) return news;
  lease::Grant& grant = news.grant.emplace();
  grant.member_time = read_instant(in);
  grant.length = read_duration(in);
  grant.epoch = lease::Epoch(in.varint());
  return news;
}

void write(Writer& out, const MemberNews& news) {
  write(out, news.lease.echo);
  out.varint(news.round.value);
  write(out, news.lease.time);
  out.varint(news.lease.verified.value);
  out.varint(news.lease.epoch.value);
  out.flag(news.lease.wants_lease);
}
MemberNews read_member_news(Reader& in) {
  MemberNews news;
  news.lease.echo = read_instant(in);
  news.round = Round(in.varint());
  news.lease.time = read_instant(in);
  news.lease.verified = LogIndex(in.varint());
  news.lease.epoch = lease::Epoch(in.varint());
  news.lease.wants_lease = in.flag();
  return news;
}

// The body of `message`, but for payloads, which go to `payloads`.
void write_body(Writer& out, Pieces& payloads, const PeerMessage& message) {
  std::visit(
      Overloaded{
          [&](const RaftMessage& m) {
            out.u8(static_cast<uint8_t>(m.news.index()));
            std::visit(Overloaded{
                           [](std::monostate) {},
                           [&](const LeaderNews& news) { write(out, news); },
                           [&](const MemberNews& news) { write(out, news); },
                           [&](const VoteNews& news) { write(out, news.quiet); },
                       },
                       m.news);
            consensus::encode(m.message, payloads);
          },
          [&](const Ping& m) {
            out.varint(m.term.value);
            out.flag(m.answer);
            write(out, m.news);
          },
          [&](const Pong& m) {
            out.varint(m.term.value);
            write(out, m.news);
          },
          [&](const RecordForward& m) { payloads.push_back(m.record); },
          [&](const FenceRequest& m) {
            out.varint(m.nonce.value);
            out.flag(m.quorum);
          },
          [&](const FenceAnswer& m) {
            out.varint(m.nonce.value);
            out.varint(m.index.value);
          },
          [&](const StateRequest& m) {
            out.varint(m.transfer.value);
            out.varint(m.from);
            out.varint(m.at_least.value);
            out.flag(m.again);
          },
          [&](const StatePiece& m) {
            out.varint(m.transfer.value);
            out.varint(m.number);
            if (m.number == 0) {
              out.varint(m.origin.index.value);
              out.varint(m.origin.term.value);
              out.varint(m.origin.applied.value);
              out.varint(m.origin.configuration_index.value);
              write(out, m.origin.configuration);
            }
            payloads.push_back(m.bytes);
          },
          [&](const StateRefusal& m) {
            out.varint(m.transfer.value);
            out.bytes(m.reason);
          },
          [&](const CopiesRequest& m) { out.varint(m.index.value); },
          [&](const CopiesAnswer& m) {
            out.varint(m.index.value);
            out.varint(m.count);
          },
          [&](const Relay& m) { payloads.insert(payloads.end(), m.frame.begin(), m.frame.end()); },
          [&](const TransferReport& m) {
            out.varint(m.transfer.value);
            out.u64(m.receiver.value);
            out.varint(m.index.value);
            out.varint(m.done);
            out.varint(m.room);
            out.varint(m.on_way);
          },
          [&](const Pace& m) {
            out.varint(m.term.value);
            out.varint(m.records);
            out.varint(m.keep.value);
          },
          [&](const StateComing& m) { out.varint(m.transfer.value); },
          [&](const auto& membership) { write(out, membership); },
      },
      message);
}

// What is left of `bytes`, sharing its block.
SharedBytes take_rest(Reader& in, const SharedBytes& bytes) {
  const size_t size = in.rest().size();
  in.raw(size);
  return in.ok() ? bytes.part(bytes.size() - size, size) : SharedBytes();
}

std::optional<PeerMessage> read_raft(Reader& in, const SharedBytes& bytes) {
  RaftMessage m;
  switch (in.u8()) {
    case 0:
      break;
    case 1:
      m.news = read_leader_news(in);
      break;
    case 2:
      m.news = read_member_news(in);
      break;
    case 3:
      m.news = VoteNews{read_duration(in)};
      break;
    default:
      in.fail();
  }
  std::optional<consensus::Message> message = consensus::decode(take_rest(in, bytes));
  if (!message) return std::nullopt;
  m.message = std::move(*message);
  return m;
}

StatePiece read_state_piece(Reader& in, const SharedBytes& bytes) {
  StatePiece m;
  m.transfer = Nonce(in.varint());
  m.number = in.varint();
  if (m.number == 0) {
    m.origin.index = LogIndex(in.varint());
    m.origin.term = Term(in.varint());
    m.origin.applied = LogIndex(in.varint());
    m.origin.configuration_index = LogIndex(in.varint());
    m.origin.configuration = read_configuration(in);
  }
  m.bytes = take_rest(in, bytes);
  return m;
}

std::optional<PeerMessage> read_body(uint8_t kind, Reader& in, const SharedBytes& bytes) {
  switch (kind) {
    case 1:
      return read_raft(in, bytes);
    case 2:
      return Ping{Term(in.varint()), in.flag(), read_leader_news(in)};
    case 3:
      return Pong{Term(in.varint()), read_member_news(in)};
    case 4:
      return RecordForward{take_rest(in, bytes)};
    case 5:
      return FenceRequest{Nonce(in.varint()), in.flag()};
    case 6:
      return FenceAnswer{Nonce(in.varint()), LogIndex(in.varint())};
    case 11: {
      StateRequest m;
      m.transfer = Nonce(in.varint());
      m.from = in.varint();
      m.at_least = LogIndex(in.varint());
      m.again = in.flag();
      return m;
    }
    case 12:
      return read_state_piece(in, bytes);
    case 13:
      return StateRefusal{Nonce(in.varint()), text(in, kReasonBytesMax)};
    case 14:
      return CopiesRequest{LogIndex(in.varint())};
    case 15:
      return CopiesAnswer{LogIndex(in.varint()), in.varint()};
    case 20:
      return Relay{{take_rest(in, bytes)}};
    case 24: {
      TransferReport m;
      m.transfer = Nonce(in.varint());
      m.receiver = NodeId(in.u64());
      m.index = LogIndex(in.varint());
      m.done = count(in, Headway::kParts);
      m.room = count(in, Headway::kParts);
      m.on_way = count(in, kFrameBytesMax);
      return m;
    }
    case 25:
      return Pace{Term(in.varint()), in.varint(), LogIndex(in.varint())};
    case 26:
      return StateComing{Nonce(in.varint())};
    default:
      return read_membership(kind, in);
  }
}

}  // namespace

Lane lane_of(const PeerMessage& message) {
  if (std::holds_alternative<StatePiece>(message) ||
      std::holds_alternative<StateRefusal>(message)) {
    return Lane::kBulk;
  }
  if (std::holds_alternative<RecordForward>(message)) return Lane::kLog;
  if (const auto* relay = std::get_if<Relay>(&message)) {
    return bytes_of(relay->frame) > kBytesBeforeHeartbeatMax / 4 ? Lane::kLog : Lane::kControl;
  }
  const auto* raft = std::get_if<RaftMessage>(&message);
  const auto* append =
      raft == nullptr ? nullptr : std::get_if<consensus::AppendEntries>(&raft->message);
  return append != nullptr && !append->entries.empty() ? Lane::kLog : Lane::kControl;
}

size_t bytes_of(const Pieces& frame) {
  size_t bytes = 0;
  for (const SharedBytes& piece : frame) bytes += piece.size();
  return bytes;
}

Pieces encode_frame(const Heading& heading, const PeerMessage& message) {
  std::string head;
  head.reserve(96);
  Writer out(head);
  out.u8(kWireVersion);
  write(out, heading.cluster);
  out.u64(heading.source.value);
  out.u64(heading.destination.value);
  out.u8(static_cast<uint8_t>(message.index() + 1));
  Pieces frame(1);
  write_body(out, frame, message);
  frame.front() = SharedBytes(std::move(head));
  return frame;
}

std::optional<Frame> decode_frame(const SharedBytes& bytes) {
  Reader in(bytes.view());
  if (in.u8() != kWireVersion) return std::nullopt;
  Frame frame;
  frame.heading.cluster = read_cluster(in);
  frame.heading.source = NodeId(in.u64());
  frame.heading.destination = NodeId(in.u64());
  const uint8_t kind = in.u8();
  if (!in.ok()) return std::nullopt;
  std::optional<PeerMessage> message = read_body(kind, in, bytes);
  if (!message || !in.finished()) return std::nullopt;
  frame.message = std::move(*message);
  return frame;
}

}  // namespace ram::node
