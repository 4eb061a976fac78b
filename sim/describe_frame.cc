#include "sim/describe_frame.h"

#include <sstream>
#include <variant>

#include "machine/command_codec.h"
#include "node/peer_message.h"

namespace ram::sim {

namespace {

using namespace ram::consensus;  // tidy: using: the messages, all of them
using namespace ram::node;       // tidy: using: the messages, all of them

class Describe {
 public:
  explicit Describe(std::ostream& out) : out_(out) {}

  void operator()(const RaftMessage& m) {
    std::visit(*this, m.message);
    std::visit(*this, m.news);
  }
  void operator()(const Ping& m) {
    out_ << "ping term " << m.term.value << (m.answer ? " please answer" : "");
    (*this)(m.news);
  }
  void operator()(const Pong& m) {
    out_ << "pong term " << m.term.value;
    (*this)(m.news);
  }
  void operator()(std::monostate) {}
  void operator()(const LeaderNews& m) {
    out_ << " (sent " << time(m.sent) << " round " << m.round.value << " stable " << m.stable.value;
    if (m.grant) {
      out_ << " grant from " << time(m.grant->member_time) << " for " << m.grant->length.count()
           << " epoch " << m.grant->epoch.value;
    }
    out_ << ")";
  }
  void operator()(const MemberNews& m) {
    out_ << " (echo " << time(m.lease.echo) << " round " << m.round.value << " time "
         << time(m.lease.time) << " verified " << m.lease.verified.value << " epoch "
         << m.lease.epoch.value << (m.lease.wants_lease ? " wants a lease" : "") << ")";
  }
  void operator()(const VoteNews& m) { out_ << " (quiet " << m.quiet.count() << ")"; }
  void operator()(const RecordForward& m) {
    out_ << "record ";
    record(m.record.view());
  }
  void operator()(const FenceRequest& m) {
    out_ << "fence? " << m.nonce.value << (m.quorum ? " quorum" : "");
  }
  void operator()(const FenceAnswer& m) {
    out_ << "fence! " << m.nonce.value << " index " << m.index.value;
  }
  void operator()(const Standing& m) {
    out_ << "standing phase " << static_cast<int>(m.phase) << " question " << m.question.value
         << " answer " << m.answer.value << " expect " << m.expect << " leader " << m.leader;
  }
  void operator()(const FoundingNote& m) {
    out_ << "founding phase " << static_cast<int>(m.phase) << " of " << m.proposal.cluster.low
         << ", accepted by";
    for (NodeId id : m.accepted) out_ << " " << id.value;
  }
  void operator()(const JoinRequest& m) {
    out_ << "join? have " << m.have.value << (m.fetching ? " fetching" : "");
  }
  void operator()(const JoinAnswer& m) {
    out_ << "join! " << static_cast<int>(m.kind) << " " << m.address << " " << m.reason;
  }
  void operator()(const StateRequest& m) {
    out_ << "state? " << m.transfer.value << " from " << m.from << " at least " << m.at_least.value
         << (m.again ? " again" : "");
  }
  void operator()(const StatePiece& m) {
    out_ << "state! " << m.transfer.value << " piece " << m.number;
  }
  void operator()(const StateRefusal& m) {
    out_ << "state refused " << m.transfer.value << " " << m.reason;
  }
  void operator()(const TransferReport& m) {
    out_ << "transfer to " << m.receiver.value << " of " << m.index.value << " done " << m.done
         << " room " << m.room << " on its way " << m.on_way;
  }
  void operator()(const Pace& m) {
    out_ << "pace " << m.records << " keep " << m.keep.value << " term " << m.term.value;
  }
  void operator()(const StateComing& m) { out_ << "state coming " << m.transfer.value; }

  void operator()(const AppendEntries& m) {
    out_ << "append term " << m.term.value << " after " << m.previous.value << "^"
         << m.previous_term.value << " commit " << m.commit.value << " entries "
         << m.entries.size();
    for (const LogEntry& entry : m.entries) {
      out_ << " ";
      if (entry.kind == EntryKind::kRecord) {
        record(entry.payload.view());
      } else {
        out_ << (entry.kind == EntryKind::kBarrier ? "barrier" : "change");
      }
    }
  }
  void operator()(const AppendEntriesResult& m) {
    out_ << "appended term " << m.term.value << " last " << m.last.value;
    if (m.rejected) out_ << " rejected " << m.rejected.value;
  }
  void operator()(const RequestVote& m) {
    out_ << (m.pre_vote ? "pre-vote? term " : "vote? term ") << m.term.value << " last "
         << m.last.value << "^" << m.last_term.value << (m.disrupt_leader ? " disrupt" : "");
  }
  void operator()(const RequestVoteResult& m) {
    out_ << (m.pre_vote ? "pre-vote! term " : "vote! term ") << m.term.value
         << (m.granted ? " granted" : " refused");
  }
  void operator()(const InstallSnapshot& m) {
    out_ << "install term " << m.term.value << " token " << m.token.index.value << "^"
         << m.token.term.value;
  }
  void operator()(const TimeoutNow& m) { out_ << "timeout-now term " << m.term.value; }

  void operator()(const MembershipQuery& m) {
    out_ << "member? known " << m.known.value << (m.leaving == Leaving::kNo ? "" : ", to leave");
  }
  void operator()(const Removed& m) { out_ << "removed! index " << m.index.value; }
  void operator()(const OperationRequest& m) {
    out_ << (m.kind == OperationKind::kEvict ? "evict? " : "transfer? ") << m.target.value;
  }
  void operator()(const OperationRefusal& m) { out_ << "operation refused " << m.reason; }
  void operator()(const Relay& m) {
    out_ << "relay of ";
    if (const auto frame = decode_frame(m.frame.front())) {
      out_ << frame->heading.source.value % 10'000 << " to "
           << frame->heading.destination.value % 10'000 << ": ";
      std::visit(*this, frame->message);
    }
  }

  // Of a kind that came later.
  template <class Other>
  void operator()(const Other&) {
    out_ << "message";
  }

 private:
  static int64_t time(Instant instant) { return instant.time_since_epoch().count(); }
  void record(std::string_view bytes) {
    const machine::RecordReader reader(bytes);
    const machine::RecordHeader& header = reader.header();
    if (header.kind == machine::RecordKind::kCloseSession) {
      out_ << "[close " << header.origin.value << "]";
    } else {
      out_ << "[" << header.origin.value % 10'000 << ":" << header.first.value << "+"
           << header.count << "]";
    }
  }

  std::ostream& out_;
};

}  // namespace

std::string describe_frame(const SharedBytes& bytes) {
  const auto frame = decode_frame(bytes);
  if (!frame) return "no frame";
  std::ostringstream text;
  std::visit(Describe(text), frame->message);
  text << ", " << bytes.size() << " bytes";
  return text.str();
}

size_t frame_kind(const SharedBytes& bytes) {
  static_assert(std::variant_size_v<PeerMessage> + std::variant_size_v<Message> <= kFrameKinds);
  const auto frame = decode_frame(bytes);
  if (!frame) return 0;
  if (const auto* raft = std::get_if<RaftMessage>(&frame->message)) {
    return std::variant_size_v<PeerMessage> + raft->message.index();
  }
  return frame->message.index();
}

}  // namespace ram::sim
