// What nodes say to each other: one struct per message, a closed variant, and their bytes.
//
//   frame    := heading kind:u8 body
//   heading  := version:u8 cluster:u64,u64 source:u64 destination:u64
//
// version is kWireVersion, cluster 0,0 while the sender has none, destination 0 where the sender
// does not know who lives at the address. The bodies are written beside the structs; numbers are
// varints where nothing else is said, `text` is a varint length and bytes. docs/formats/peer.md has
// worked bytes.
//
// Decoding is total. Values; pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/message.h"
#include "lease/follower_lease.h"
#include "lease/leader_lease.h"
#include "node/network.h"
#include "node/operation_kind.h"

namespace ram::node {

struct Heading {
  ClusterId cluster;
  NodeId source;
  NodeId destination;
};

// What a leader says to a member with each AppendEntries, InstallSnapshot and Ping (READ-LEASES
// section 3). Times are i64, of the clock of whom they name.
//    leader-news := sent:i64 round stable granted:u8 (time:i64 length epoch)?
struct LeaderNews {
  Instant sent{};  // its own clock, not later than the message leaves
  Round round;
  LogIndex stable;
  std::optional<lease::Grant> grant;
};

// What a member says to its leader with each AppendEntriesResult and Pong.
//    member-news := echo:i64 round time:i64 verified epoch wants:u8
struct MemberNews {
  lease::MemberNews lease;
  Round round;  // latest received in this term
};

// What a voter says with the result of a real vote: for how long it has answered no leader (R4.3).
//    vote-news := quiet
struct VoteNews {
  Duration quiet{};
};

// 1  What rides on an engine message, and that message.
//    body := 0:u8 | 1:u8 leader-news | 2:u8 member-news | 3:u8 vote-news, then
//            engine-message (consensus/message_codec.h)
struct RaftMessage {
  std::variant<std::monostate, LeaderNews, MemberNews, VoteNews> news;
  consensus::Message message;
};

// 2  The leader's news alone; `answer`: please answer, though there may be nothing new.
//    body := term answer:u8 leader-news
struct Ping {
  Term term;
  bool answer = false;
  LeaderNews news;
};

// 3  The answer. body := term member-news
struct Pong {
  Term term;
  MemberNews news;
};

// 4  A record for the leader to submit. body := the record, to the end
struct RecordForward {
  SharedBytes record;
};

// 5  Asks the leader for an index that holds all that was acknowledged; `quorum`: whatever its
// lease,
//    after a round. body := nonce quorum:u8
struct FenceRequest {
  Nonce nonce;
  bool quorum = false;
};

// 6  body := nonce index
struct FenceAnswer {
  Nonce nonce;
  LogIndex index;
};

// What a node says of itself while clusters are founded and joined.
enum class Phase : uint8_t {
  kFresh = 0,      // has accepted no proposal and has no state
  kAccepted = 1,   // has accepted a proposal, and will start it when all have
  kWithdrawn = 2,  // the same, but will not be the first to start it
  kMember = 3,     // has started or joined `cluster` of the heading
};

// 7  body := question answer phase:u8 description:text count list:text* expect leader:text
struct Standing {
  Nonce question;  // not 0: please answer, naming it
  Nonce answer;    // the question answered; 0: none
  Phase phase = Phase::kFresh;
  std::string description;        // the sender's MemberDescription
  std::vector<std::string> list;  // its join list
  uint64_t expect = 0;            // how many found; 0: those of the list
  std::string leader;             // address of the leader of its cluster, if it knows one
};

// A founding: a cluster's id, its parameters, and its members in order.
struct Proposal {
  ClusterId cluster;
  std::string parameters;  // machine::Parameters, encoded
  consensus::Configuration members;
};

// 8  body := phase:u8 cluster:u64,u64 parameters:text count (id:u64 role:u8 description:text)*
//            count accepted:u64*
struct FoundingNote {
  Phase phase = Phase::kAccepted;  // the sender's
  Proposal proposal;
  std::vector<NodeId> accepted;  // that the sender knows of, itself included
};

// 9  Asks any member to be let in, again and again until it is; index: of the state in hand;
//    fetching: one is on its way here. body := description:text index fetching:u8
struct JoinRequest {
  std::string description;
  LogIndex have;
  bool fetching = false;
};

// 10 body := kind:u8 address:text reason:text at_least
struct JoinAnswer {
  enum class Kind : uint8_t {
    kAsk = 0,      // ask the leader, at `address` (empty: none is known, ask again)
    kFetch = 1,    // fetch the state from the member at `address`
    kWait = 2,     // it is under way
    kRefused = 3,  // for `reason`; ask again later
  };
  Kind kind = Kind::kWait;
  std::string address;
  std::string reason;
  LogIndex at_least;  // kFetch: the state is to be as of this or later; so far back is the log kept
};

// 11 body := transfer from at_least again:u8. Asks for the pieces of a state from number `from` on;
//    all before have arrived. `again`: those sent already may be lost.
struct StateRequest {
  Nonce transfer;
  uint64_t from = 0;
  LogIndex at_least;
  bool again = false;
};

// What a state is the state of: where the engine of who receives it goes on.
struct StateOrigin {
  LogIndex index;
  Term term;
  LogIndex applied;  // of the state itself; at or above index
  LogIndex configuration_index;
  consensus::Configuration configuration;
};

// 12 body := transfer number origin? bytes, to the end; origin only in number 0:
//    index term applied configuration_index count (id:u64 role:u8 description:text)*
struct StatePiece {
  Nonce transfer;
  uint64_t number = 0;
  StateOrigin origin;
  SharedBytes bytes;
};

// 13 Ask someone else, or later; from the receiver: it asks someone else.
//    body := transfer reason:text
struct StateRefusal {
  Nonce transfer;
  std::string reason;
};

// 14 Asks the leader how many members but the sender hold the log up to `index`. body := index
struct CopiesRequest {
  LogIndex index;
};

// 15 body := index count
struct CopiesAnswer {
  LogIndex index;
  uint64_t count = 0;
};

// Whether a member wants to be one no longer.
enum class Leaving : uint8_t {
  kNo = 0,
  kSoon = 1,  // it is to be given nothing to do any more
  kNow = 2,   // it has nothing under way: take it out
};

// 16 From a node that was a member, to whoever may know: is it still one? `known` is the index of
//    its committed configuration. body := known leaving:u8
struct MembershipQuery {
  LogIndex known;
  Leaving leaving = Leaving::kNo;
};

// 17 From a leader that a majority has just confirmed: the receiver is not in the configuration at
//    `index`, which is committed (MEMBERSHIP.md section 5). body := index
struct Removed {
  LogIndex index;
};

// 18 Asks the leader to do what an operator wants with `target`; 0: with whoever suits. Asked again
//    until it is done, which the asker sees for itself. body := nonce kind:u8 target:u64
struct OperationRequest {
  Nonce nonce;
  OperationKind kind = OperationKind::kEvict;
  NodeId target;
};

// 19 It will not be done. body := nonce reason:text
struct OperationRefusal {
  Nonce nonce;
  std::string reason;
};

// 20 A frame of another kind that cannot go the straight way: from its source to a third member, or
//    from there to its destination (MEMBERSHIP.md section 7); of one that is no member and for one,
//    only what core_relay.cc names. body := the frame, to the end
struct Relay {
  Pieces frame;  // decoded: one
};

// 21 From a survivor of a cluster without a majority to all members of it: how are you?
//    body := nonce
struct RecoveryQuestion {
  Nonce nonce;
};

// 22 `quorum`: a leader is there. `recovered`: this node is of the cluster that goes on from the
//    asker's. `recovering`: this node is about to go on alone. body := nonce quorum:u8 recovered:u8
//    recovering:u8 last_term last
struct RecoveryAnswer {
  Nonce nonce;
  bool quorum = false;
  bool recovered = false;
  bool recovering = false;
  Term last_term;
  LogIndex last;
};

// 23 The heading's cluster goes on from `ancestor`. body := ancestor:u64,u64
struct Refounded {
  ClusterId ancestor;
};

// 24 To the leader, from who gives out a state: the receiver will need the log after `index`.
//    A leader that has forgotten it, or gives the receiver up, answers with a StateRefusal of the
//    transfer.
//    body := transfer receiver:u64 index done room on_way. done and room are parts (headway.h).
struct TransferReport {
  Nonce transfer;
  NodeId receiver;
  LogIndex index;
  uint64_t done = 0;    // what has arrived
  uint64_t room = 0;    // what the sender may still keep of old versions
  uint64_t on_way = 0;  // bytes
};

// 25 From the leader: so many of its own records may a member have on their way; and the log is to
//    be kept from entry `keep` on (0: as ever), by whoever may lead next. Holds for a while.
//    body := term records keep
struct Pace {
  Term term;
  uint64_t records = 0;
  LogIndex keep;
};

// 26 From who gives out a state to who receives it: more of it will come. body := transfer
struct StateComing {
  Nonce transfer;
};

using PeerMessage =
    std::variant<RaftMessage, Ping, Pong, RecordForward, FenceRequest, FenceAnswer, Standing,
                 FoundingNote, JoinRequest, JoinAnswer, StateRequest, StatePiece, StateRefusal,
                 CopiesRequest, CopiesAnswer, MembershipQuery, Removed, OperationRequest,
                 OperationRefusal, Relay, RecoveryQuestion, RecoveryAnswer, Refounded,
                 TransferReport, Pace, StateComing>;

// What goes on which link: entries and records may be long, states are.
Lane lane_of(const PeerMessage& message);
size_t bytes_of(const Pieces& frame);

// The frame, payloads shared.
Pieces encode_frame(const Heading& heading, const PeerMessage& message);

struct Frame {
  Heading heading;
  PeerMessage message;
};
// Nothing if the bytes are no frame of this wire version. Payloads point into `bytes`.
std::optional<Frame> decode_frame(const SharedBytes& bytes);

}  // namespace ram::node
