// The inside of a NodeCore, for its own .cc files: node_core.cc has its life and its calls,
// core_pass.cc the passes, core_receive.cc what messages do, core_send.cc what is said to whom,
// core_relay.cc the way round a broken link, core_reads.cc what readers wait for, core_lead.cc what
// is done with each heartbeat, core_membership.cc how a node becomes a member, core_states.cc how
// states get from one to another, core_leaving.cc how a node goes, core_operations.cc what
// operators ask for, core_recovery.cc how it goes on alone, core_clock.cc what it thinks of its
// clock, core_report.cc what it says of itself.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "consensus/ports.h"
#include "machine/snapshot_codec.h"
#include "node/admission.h"
#include "node/applied_waits.h"
#include "node/fences.h"
#include "node/founding.h"
#include "node/leases.h"
#include "node/log_claims.h"
#include "node/member_description.h"
#include "node/node_core.h"
#include "node/operations.h"
#include "node/own_records.h"
#include "node/peer_message.h"
#include "node/recovery.h"
#include "node/state_times.h"
#include "node/state_transfer.h"

namespace ram::node {

// A member's heartbeat, and how often the core looks after what can wait.
constexpr Duration heartbeat_of(Duration failover_after) {
  return failover_after / 10;
}

class NodeCore::Inside final : public consensus::Transport,
                               public consensus::StateMachine,
                               public machine::ReplySink {
 public:
  Inside(CoreOptions options, store::StoreSlot& slot, ReadGate& gate, const Clock& clock,
         Network& network, Log& log);
  ~Inside() override;

  // Inputs (node_core.h).
  Remains take_remains();
  void start(Instant now);
  void receive(Instant now, const Peer& from, const SharedBytes& frame);
  void link_up(Instant now, const std::string& address);
  void resolved(Instant now, const std::string& name, std::vector<std::string> addresses);
  void submit(Instant now, std::string transaction, Instant deadline, WriteDone done);
  void fence(Instant now, Instant deadline, Trust trust, FenceDone done);
  void wait_applied(Instant now, LogIndex index, Instant deadline, FenceDone done);
  void look_at_clocks(const ClockReading& reading);
  void leave();
  void recover(Instant now, bool others_are_dead, Recovery::Done done);
  void operate(Instant now, OperationKind kind, const std::string& name, Instant deadline,
               FenceDone done);
  void wait_for_copies(size_t wanted, Instant deadline, std::function<void(size_t)> done);
  void on_time(Instant now);
  Instant next_deadline() const;
  void turn(Instant now);

  // Reports.
  NodeStatus status(Instant now) const;
  std::vector<Member> members(Instant now) const;
  void add_candidates(Instant now, std::vector<Member>& members) const;
  Digest digest() const;
  WallMs complete_until(Instant now) const;
  Former former() const;
  std::string what_is_received() const;
  NoLease why_no_lease(Instant now) const;
  NoLease why_no_lease(Instant now, NodeId member) const;
  void report_delays(NodeStatus& status) const;
  bool standbys_will_vote() const;
  MemberState state_of(Instant now, const consensus::Server& member) const;
  Instant in_state_since(Instant now, NodeId member, MemberState state) const;
  Instant last_heard(NodeId member) const;
  // Requires: a replica. For people: who is missing, and what is here.
  std::string why_no_quorum(Instant now) const;
  void look_at_members(Instant now);

  static Status no_majority();

  // Ports of the replica, and the machine's sink.
  void send(NodeId to, consensus::Message message) override;
  void on_log_changed(LogIndex from) override;
  void on_committed(LogIndex commit) override;
  void on_install(const consensus::SnapshotToken& token, NodeId from) override;
  void on_reply(Sequence sequence, const machine::Reply& reply) override;
  void on_gap(Sequence first, Sequence last) override;

  void check_invariants() const;

  // What is below belongs to the .cc files named above.

  bool spent() const { return founding_.abandoned() || expelled_; }
  bool leads() const { return replica_ && replica_->is_leader(); }
  NodeId leader() const { return replica_ ? replica_->leader() : NodeId(); }
  // For how long no leader was heard. Requires: replica_.
  Duration silence(Instant now) const;
  bool no_quorum(Instant now) const;

  // ---- calls (node_core.cc) ----
  // Why a call cannot be taken now; OK if it can.
  Status refusal(Instant now) const;
  bool over_memory(std::string_view transaction) const;

  // ---- passes (core_pass.cc) ----
  void follow_leadership(Instant now);
  void send_own_records(Instant now);
  void carry_record(Instant now, const SharedBytes& record);
  void submit_record(Instant now, SharedBytes record);
  void turn_leases(Instant now);
  void apply_visible();
  void apply_up_to(LogIndex visible);
  void note_age(Instant now);
  void turn_fences(Instant now);
  uint64_t copies_elsewhere(LogIndex index, NodeId but) const;
  void turn_copies();
  void compact(Instant now);

  // ---- sending (core_send.cc) ----
  void post(const std::string& address, NodeId to, const PeerMessage& message);
  void post_to(NodeId member, const PeerMessage& message);
  std::string address_of(NodeId member) const;
  LeaderNews news_for(Instant now, NodeId member);
  void send_outbox(Instant now);
  void tell_news(Instant now);
  void answer_leader(Instant now);

  // ---- with each heartbeat (core_lead.cc) ----
  void heartbeat(Instant now);
  void manage(Instant now);
  std::string what_changes(Instant now, const consensus::Configuration& next) const;
  bool rest_is_there(Instant now, NodeId removed, const consensus::Configuration& rest);
  void close_sessions(Instant now);

  // ---- going, and moving leadership (core_leaving.cc) ----
  bool may_lead(Instant now, const consensus::Server& server) const;
  void begin_hand_over(Instant now, NodeId to);
  void turn_hand_over(Instant now);
  void end_hand_over();
  bool someone_stays(Instant now) const;
  bool nobody_else_is_there(Instant now) const;
  void turn_leaving(Instant now);
  void withdraw(Instant now);
  Leaving how_far_gone() const;
  void say_farewell(Instant now, Leaving when);
  bool is_member() const;
  void seek_word(Instant now);
  void tell_removed(NodeId who);
  void be_removed();

  // ---- what operators ask for (core_operations.cc) ----
  void ask_operations(Instant now);
  void turn_operations();
  std::string undertake(Instant now, const OperationRequest& request);

  // ---- going on alone (core_recovery.cc) ----
  // How much of the cluster's history is here, as survivors compare it.
  struct Known {
    Term last_term;
    LogIndex last;
  };
  // A state that was received may be ahead of the log.
  Known what_is_known() const;
  void ask_survivors();
  void turn_recovery(Instant now);
  void found_anew(Instant now);
  void remember_those_left_behind();
  void call_those_left_behind(Instant now);
  void tell_refounded(Instant now, const Peer& to, ClusterId ancestor);
  void meet(Instant now, const Peer& from, const Frame& frame);
  bool may_tell_of(Instant now, const std::string& address);

  // ---- the way round a broken link (core_relay.cc) ----
  bool heard_directly(Instant now, NodeId member) const;
  void choose_relays(Instant now);
  void answer_through(Instant now, NodeId source, NodeId by);
  // False: it does not go that way.
  bool relay(NodeId member, const PeerMessage& message, Pieces frame);
  bool shows_an_open_way(const PeerMessage& message) const;
  // What `source`, which may not reach the leader, says to it.
  void carry_to_leader(NodeId source, const PeerMessage& message);

  // ---- messages (core_receive.cc) ----
  void on_message(Instant now, const Peer& from, const Heading& heading, RaftMessage&& message);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Ping& ping);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Pong& pong);
  void on_message(Instant now, const Peer& from, const Heading& heading, RecordForward&& forward);
  void on_message(Instant now, const Peer& from, const Heading& heading, const FenceRequest& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const FenceAnswer& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Standing& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const FoundingNote& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const JoinRequest& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const JoinAnswer& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const CopiesRequest& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const CopiesAnswer& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const MembershipQuery& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Removed& removed);
  void on_message(Instant now, const Peer& from, const Heading& heading, const OperationRequest& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const OperationRefusal& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, Relay&& relay);
  void on_message(Instant now, const Peer& from, const Heading& heading, const RecoveryQuestion& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const RecoveryAnswer& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Refounded& m);
  // What came from `from`, straight or not.
  void take(Instant now, const Peer& from, Frame frame);
  void note_stranger(Instant now, const Peer& from);
  // True if `heading` is of our cluster and for us, and we are a member.
  bool among_members(const Peer& from, const Heading& heading);
  void hear_leader(Instant now, NodeId from, Term term, const LeaderNews& news);
  void hear_member(Instant now, NodeId from, Term term, const MemberNews& news);

  // ---- what readers must wait for (core_reads.cc) ----
  void stage(LogIndex from);
  void note_keys(LogIndex index, const consensus::LogEntry& entry);
  void forget_above(LogIndex last);
  void fail_waits(const Status& status);

  // ---- our clock (core_clock.cc) ----
  bool clock_trusted() const { return leases_ ? leases_->clock_trusted() : options_.clock_trusted; }
  void say(Instant now, const lease::ClockFinding& found);

  // ---- membership (core_membership.cc) ----
  Founding::Self founding_self() const;
  consensus::ReplicaOptions replica_options(const machine::Parameters& parameters) const;
  void become_member(const machine::Parameters& parameters);
  void start_founded(Instant now);
  void seek_membership(Instant now);
  void want_to_join(ClusterId cluster);
  void get_acquainted(const std::string& address);
  void say_what_is_waited_for(Instant now);
  std::string description() const;
  // Addresses, not our own, of members of our cluster; and those of the list as well.
  std::vector<std::string> addresses_of_members() const;
  std::vector<std::string> where_members_may_be() const;

  // ---- states (core_states.cc) ----
  void on_message(Instant now, const Peer& from, const Heading& heading, const StateRequest& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const StatePiece& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const StateRefusal& m);
  void ask_for_state(Instant now, const std::string& source, LogIndex at_least);
  void keep_fetching(Instant now);
  void finish_fetching(Instant now);
  void give_up_fetching();
  bool is_free_of_changes(LogIndex after, LogIndex last) const;
  StateSource::Frozen freeze() const;
  void answer_from_sessions();
  size_t state_bytes() const;
  StateSource::Rules source_rules() const;
  size_t state_window_bytes() const;
  // True: there is more to do at once.
  bool give_out_states();
  StateSource::Send to_receivers();
  std::string next_source();
  void on_message(Instant now, const Peer& from, const Heading& heading, const TransferReport& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const Pace& m);
  void on_message(Instant now, const Peer& from, const Heading& heading, const StateComing& m);
  void report_transfers(Instant now);
  const char* why_in_vain(Instant now, NodeId source, const TransferReport& report);
  void claim_log(Instant now, NodeId joiner, const JoinRequest& request, JoinAnswer& answer);
  void turn_claims(Instant now);
  void tell_pace();
  size_t window(Instant now) const;
  void hand_on_claims(Instant now);
  LogIndex keep_log_from(Instant now) const;

  const CoreOptions options_;
  store::StoreSlot& slot_;
  ReadGate& gate_;
  const Clock& clock_;
  Network& network_;
  Log& log_;
  Random random_;

  Remains remains_;

  // Before membership.
  Founding founding_;
  std::string join_leader_;              // address that a member named; empty: ask whoever was seen
  ClusterId join_cluster_;               // its cluster
  std::set<std::string> acquaintances_;  // addresses of members of that, before we are one
  uint64_t join_attempts_ = 0;
  std::string join_refusal_;  // the last; empty: none
  Instant join_refused_{};    // when
  bool was_member_ = false;   // of a committed configuration
  bool expelled_ = false;     // and is no more
  uint64_t words_sought_ = 0;

  // Membership.
  ClusterId cluster_;
  Duration failover_after_;  // the cluster's once a member, our flag's before
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<consensus::Replica> replica_;
  std::unique_ptr<Leases> leases_;  // while there is a replica
  struct Stranger {
    std::string address;
    Instant heard;
  };
  std::map<NodeId, Stranger> strangers_;  // senders that our configuration does not have

  // The pipeline (READ-LEASES section 2).
  LogIndex stable_;   // sigma
  LogIndex applied_;  // a
  Term state_term_;   // of the entry up to which the state was that was received last; none was
  struct Sample {
    LogIndex index;
    Instant at;
  };
  Sample sample_;                          // of the log, under a lease
  Instant shown_until_ = lease::kNoLease;  // readers see all that was acknowledged by then
  LogIndex staged_;                        // up to here readers know which keys entries touch
  LogIndex stage_later_, stage_next_;      // for the mistake latestage
  LogIndex claimed_;                       // for the mistake earlyapplied

  // Calls.
  OwnRecords own_;
  FenceAsker asker_;
  FenceRounds rounds_;
  AppliedWaits waits_;  // of reads under our lease
  struct Copies {
    LogIndex index;
    size_t wanted;
    Instant deadline;
    std::function<void(size_t)> done;
    size_t reached = 0;
  };
  std::vector<Copies> copies_;
  Operations operations_;
  std::vector<std::pair<Nonce, std::string>> refusals_;  // of them

  // States on their way.
  StateSource source_;
  struct Fetch {
    StateReceiver receiver;
    std::string address;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<machine::StateLoader> loader;
  };
  std::optional<Fetch> fetch_;
  bool fetched_ = false;  // the last piece is in
  uint64_t sources_tried_ = 0;
  std::optional<std::pair<consensus::SnapshotToken, NodeId>> install_;

  // The log that they need, and how writers are slowed for that.
  LogClaims claims_;
  size_t told_window_ = kRecordsInFlightMax;   // by us, leading
  LogIndex told_keep_;                         // the same; none: as ever
  bool slowed_ = false;                        // and said so
  size_t paced_window_ = kRecordsInFlightMax;  // by our leader
  Instant paced_until_ = Instant::min();
  LogIndex kept_from_ = LogClaims::kNobody;  // the log, for claims that the last leader knew
  Instant kept_until_ = Instant::min();

  // Leadership, as last seen.
  Admission admission_;
  Term seen_term_;
  NodeId seen_leader_;
  bool led_ = false;
  bool lost_ = false;                   // no quorum, and said so
  std::map<NodeId, Instant> heard_;     // of members, when last, straight
  std::map<NodeId, Instant> straight_;  // the same, by what shows that the way is open
  StateTimes state_times_;              // of members
  std::set<NodeId> closing_;            // sessions whose end was submitted
  Instant last_contact_{};
  LogIndex told_commit_;   // the greatest that a leader told
  LogIndex missed_up_to_;  // what was committed at the latest contact after a silence
  bool manage_ = false;    // a change of the members may be due
  struct Removal {
    NodeId member;
    Round round;  // that those who remain are to echo
    Instant since;
  };
  std::optional<Removal> removal_;  // decided on, not submitted

  // Leadership that is to move.
  struct HandOver {
    NodeId to;  // none: whoever is ready first
    Instant since;
    bool begun = false;  // the engine has been told
  };
  std::optional<HandOver> hand_over_;
  std::vector<SharedBytes> held_;  // records, meanwhile
  size_t held_bytes_ = 0;
  Instant next_hand_over_{};

  // Leaving.
  bool leaving_ = false;
  bool departing_ = false;  // no writes are taken in any more
  bool left_ = false;
  Instant next_farewell_{};
  Instant withdrawn_until_ =
      kNever;  // for so long it asks to be let in no more; kNever: it may ask
  Instant last_farewell_heard_{};

  std::optional<Recovery> recovery_;  // under way
  struct LeftBehind {
    ClusterId cluster;
    Peer node;
  };
  std::vector<LeftBehind> left_behind_;  // members of the cluster that this node went on from
  uint64_t since_recovery_ = 0;          // heartbeats
  std::map<std::string, Instant> met_;   // nodes of other clusters, and when that was said

  // The way round.
  struct Carried {
    NodeId by;
    Instant at;
  };
  std::map<NodeId, Carried> carried_;  // by source: what came through another
  struct Way {
    NodeId by;
    bool alone = false;  // not straight as well
    bool trial = false;  // nothing has come back yet: for one message
  };
  std::map<NodeId, Way> relays_;  // by destination
  uint64_t relay_turn_ = 0;

  // This pass.
  std::vector<std::pair<NodeId, consensus::Message>> outbox_;
  struct Told {
    LogIndex stable;
    Round round;
    Instant asked = Instant::min();  // something that will be answered
  };
  std::map<NodeId, Told> told_;  // what was sent to each member last
  NodeId answer_;                // the leader, who asked for an answer; none
  bool resend_ = false;
  bool again_ = false;  // a callback left something for another pass

  Instant pause_said_ = Instant::min();
  Instant started_{};
  Instant next_heartbeat_{};
  Instant next_complaint_ = Instant::min();
  Instant next_call_deadline_ = kNever;
  mutable struct {
    uint64_t asked = 0;
    uint64_t waited = 0;
    uint64_t refused = 0;
    uint64_t writes = 0;
  } counts_;
};

}  // namespace ram::node
