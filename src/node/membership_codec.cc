#include "node/membership_codec.h"

#include "base/limits.h"
#include "node/wire_fields.h"

namespace ram::node::wire {
namespace {

Phase phase(Reader& in) {
  const uint8_t value = in.u8();
  if (value > static_cast<uint8_t>(Phase::kMember)) in.fail();
  return in.ok() ? static_cast<Phase>(value) : Phase::kFresh;
}

void write_proposal(Writer& out, const Proposal& proposal) {
  write(out, proposal.cluster);
  out.bytes(proposal.parameters);
  write(out, proposal.members);
}
Proposal read_proposal(Reader& in) {
  Proposal proposal;
  proposal.cluster = read_cluster(in);
  proposal.parameters = text(in, kParametersBytesMax);
  proposal.members = read_configuration(in);
  return proposal;
}

Standing read_standing(Reader& in) {
  Standing m;
  m.question = Nonce(in.varint());
  m.answer = Nonce(in.varint());
  m.phase = phase(in);
  m.description = description(in);
  for (size_t i = count(in, kJoinListMax); i > 0 && in.ok(); --i) {
    m.list.push_back(text(in, kAddressBytesMax));
  }
  m.expect = count(in, kMembersMax);
  m.leader = text(in, kAddressBytesMax);
  return m;
}

FoundingNote read_founding_note(Reader& in) {
  FoundingNote m;
  m.phase = phase(in);
  m.proposal = read_proposal(in);
  for (size_t i = count(in, kMembersMax); i > 0 && in.ok(); --i) {
    m.accepted.push_back(NodeId(in.u64()));
  }
  return m;
}

JoinAnswer read_join_answer(Reader& in) {
  JoinAnswer m;
  const uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(JoinAnswer::Kind::kRefused)) in.fail();
  m.kind = in.ok() ? static_cast<JoinAnswer::Kind>(kind) : JoinAnswer::Kind::kWait;
  m.address = text(in, kAddressBytesMax);
  m.reason = text(in, kReasonBytesMax);
  m.at_least = LogIndex(in.varint());
  return m;
}

MembershipQuery read_membership_query(Reader& in) {
  MembershipQuery m;
  m.known = LogIndex(in.varint());
  const uint8_t leaving = in.u8();
  if (leaving > static_cast<uint8_t>(Leaving::kNow)) in.fail();
  m.leaving = in.ok() ? static_cast<Leaving>(leaving) : Leaving::kNo;
  return m;
}

OperationRequest read_operation_request(Reader& in) {
  OperationRequest m;
  m.nonce = Nonce(in.varint());
  const uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(OperationKind::kTransfer)) in.fail();
  m.kind = in.ok() ? static_cast<OperationKind>(kind) : OperationKind::kEvict;
  m.target = NodeId(in.u64());
  return m;
}

}  // namespace

void write(Writer& out, const Standing& m) {
  out.varint(m.question.value);
  out.varint(m.answer.value);
  out.u8(static_cast<uint8_t>(m.phase));
  out.bytes(m.description);
  out.varint(m.list.size());
  for (const std::string& address : m.list) out.bytes(address);
  out.varint(m.expect);
  out.bytes(m.leader);
}

void write(Writer& out, const FoundingNote& m) {
  out.u8(static_cast<uint8_t>(m.phase));
  write_proposal(out, m.proposal);
  out.varint(m.accepted.size());
  for (const NodeId id : m.accepted) out.u64(id.value);
}

void write(Writer& out, const JoinRequest& m) {
  out.bytes(m.description);
  out.varint(m.have.value);
  out.u8(m.fetching ? 1 : 0);
}

void write(Writer& out, const JoinAnswer& m) {
  out.u8(static_cast<uint8_t>(m.kind));
  out.bytes(m.address);
  out.bytes(m.reason);
  out.varint(m.at_least.value);
}

void write(Writer& out, const MembershipQuery& m) {
  out.varint(m.known.value);
  out.u8(static_cast<uint8_t>(m.leaving));
}

void write(Writer& out, const Removed& m) {
  out.varint(m.index.value);
}

void write(Writer& out, const OperationRequest& m) {
  out.varint(m.nonce.value);
  out.u8(static_cast<uint8_t>(m.kind));
  out.u64(m.target.value);
}

void write(Writer& out, const OperationRefusal& m) {
  out.varint(m.nonce.value);
  out.bytes(m.reason);
}

void write(Writer& out, const RecoveryQuestion& m) {
  out.varint(m.nonce.value);
}

void write(Writer& out, const RecoveryAnswer& m) {
  out.varint(m.nonce.value);
  out.flag(m.quorum);
  out.flag(m.recovered);
  out.flag(m.recovering);
  out.varint(m.last_term.value);
  out.varint(m.last.value);
}

void write(Writer& out, const Refounded& m) {
  write(out, m.ancestor);
}

std::optional<PeerMessage> read_membership(uint8_t kind, Reader& in) {
  switch (kind) {
    case 7:
      return read_standing(in);
    case 8:
      return read_founding_note(in);
    case 9: {
      JoinRequest m;
      m.description = description(in);
      m.have = LogIndex(in.varint());
      m.fetching = in.flag();
      return m;
    }
    case 10:
      return read_join_answer(in);
    case 16:
      return read_membership_query(in);
    case 17:
      return Removed{LogIndex(in.varint())};
    case 18:
      return read_operation_request(in);
    case 19:
      return OperationRefusal{Nonce(in.varint()), text(in, kReasonBytesMax)};
    case 21:
      return RecoveryQuestion{Nonce(in.varint())};
    case 22:
      return RecoveryAnswer{Nonce(in.varint()), in.flag(),         in.flag(),
                            in.flag(),          Term(in.varint()), LogIndex(in.varint())};
    case 23:
      return Refounded{read_cluster(in)};
    default:
      return std::nullopt;
  }
}

}  // namespace ram::node::wire
