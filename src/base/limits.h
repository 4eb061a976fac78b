// Every bound in the system, with its reason. Reaching one is an answer, never growth.
//
// docs/limits.md repeats those that a user can meet.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ram {

// Data. A key's length is 16 bits in the store's entry.
inline constexpr size_t kKeyBytesMax = 65'535;
// A value fits into a record with room for others' transactions.
inline constexpr size_t kValueBytesMax = size_t{16} << 20;
inline constexpr size_t kTableNameBytesMax = 255;
// Tables are never dropped yet, and each costs a first segment of buckets.
inline constexpr size_t kTablesMax = 65'536;
// Operations and conditions of one transaction: a bound on the time one apply takes.
inline constexpr size_t kTransactionParts = 1'048'576;
// One transaction, encoded. A record holds at least one.
inline constexpr size_t kTransactionBytesMax = (size_t{32} << 20) - 4096;
// One record is one log entry; a peer's frame must hold it.
inline constexpr size_t kRecordBytesMax = size_t{32} << 20;
// A record is closed at this size while more is waiting: small enough to keep the pipe busy.
inline constexpr size_t kRecordBytesWanted = size_t{256} << 10;

// Answers and appended values of one record: small requests may ask for large answers, and all of a
// record is applied in one go. Then: kOverloaded.
inline constexpr size_t kRecordWorkBytesMax = size_t{256} << 20;
// Answers kept for one origin in the replicated state. Beyond it the oldest go: if their call still
// waits then, which takes a state transfer in between, it ends as perhaps applied.
inline constexpr size_t kSessionAnswerBytesMax = size_t{64} << 20;

// Store. Views of one store at a time, counting those that are closed and still being let go: an
// entry counts the views that need it in 8 bits. Then freeze() has none to give.
inline constexpr size_t kViewsMax = 255;
// Old versions kept for views of states that are given out: a quarter of the state, or this much if
// that is more. As they near it writers are slowed.
inline constexpr size_t kViewKeptBytesMin = size_t{64} << 20;
// What is unlinked waits for its readers in batches of so many blocks, or bytes: one barrier of all
// cores for each. Until a batch is full, or the loop idle, nothing of it is freed.
inline constexpr size_t kLimboBatchBlocks = 512;
inline constexpr size_t kLimboBatchBytes = size_t{1} << 20;

// The least that --max-memory may be: an empty table's buckets and a few values. Less is a unit
// that was forgotten.
inline constexpr size_t kMemoryBytesMin = size_t{1} << 20;

// Log: kept for followers that lag; past this they fetch the state.
inline constexpr size_t kLogEntriesMax = 1'000'000;
inline constexpr size_t kLogBytesMax = size_t{256} << 20;
// What members keep beyond that for those to whom a state is on its way. As the log nears it,
// writers are slowed to what the slowest of them takes in.
inline constexpr size_t kTransferLogEntriesMax = 2'000'000;
inline constexpr size_t kTransferLogBytesMax = size_t{512} << 20;

// Calls waiting for the loop (any thread puts them in). Then: kOverloaded.
inline constexpr size_t kMailboxCallsMax = 262'144;
inline constexpr size_t kMailboxBytesMax = size_t{64} << 20;
// Records of this node that were sent and not yet applied here, and their bytes. Then calls wait in
// the mailbox.
inline constexpr size_t kRecordsInFlightMax = 256;
inline constexpr size_t kBytesInFlightMax = size_t{64} << 20;
// Transactions among them: bounds the replies that the replicated state keeps for one origin.
inline constexpr size_t kTransactionsInFlightMax = 65'536;

// Peers. A frame is an engine message with its entries (cut at kMessageBytesMax, but one record
// always fits).
inline constexpr size_t kFrameBytesMax = kRecordBytesMax + (size_t{2} << 20);
inline constexpr size_t kMessageEntriesMax = 4'096;
inline constexpr size_t kMessageBytesMax = size_t{1} << 20;
// Entries on their way to one member, beyond which the rest waits for its answers; one entry always
// fits. Keeps 100 ms of round trip busy at 80 MiB/s.
inline constexpr size_t kReplicationBytesMax = size_t{8} << 20;
// What may stand before a heartbeat (MEMBERSHIP section 7): with more of the log on its way,
// heartbeats go beside it.
inline constexpr size_t kBytesBeforeHeartbeatMax = size_t{64} << 10;
// A slower link is not provided for: what it has not delivered by then counts as lost, and is sent
// again.
inline constexpr size_t kLinkBytesPerSecondMin = size_t{1} << 20;
// A peer's first frame, and the line that refuses it: what there is to say, with room to grow.
inline constexpr size_t kHelloBytesMax = 1'024;
inline constexpr size_t kRefusalBytesMax = 512;
// Connections at the peer port that have not said who they are. A peer does so within a round trip,
// so a crowd of others cannot keep it out: the oldest gives way.
inline constexpr size_t kUnnamedConnectionsMax = 128;
// What may wait on one link to a peer that does not read. Then the link is cut and dialled again.
inline constexpr size_t kLinkBacklogBytesMax = size_t{256} << 20;
inline constexpr size_t kPeerLinksMax = 1'024;

// Membership.
inline constexpr size_t kMembersMax = 64;
inline constexpr size_t kVotersMax = 15;
inline constexpr size_t kNodeNameBytesMax = 255;
inline constexpr size_t kAddressBytesMax = 261;  // 255 of host name, ':', 5 of port
// Names of the list, and addresses that one name stands for; of more, the first are asked.
inline constexpr size_t kJoinListMax = 64;
// What a member says of itself: its name, two addresses, its version, and room to grow.
inline constexpr size_t kDescriptionBytesMax = 2'048;
inline constexpr size_t kParametersBytesMax = 1'024;
// Clusters that one was recovered from, one after the other, and that it knows. Who was left behind
// by an earlier one has to be stopped by hand.
inline constexpr size_t kAncestorsMax = 16;
// A line for people in a message of a peer.
inline constexpr size_t kReasonBytesMax = 1'024;
// An address behind a name, of which nothing was heard for so long, is no founder's: longer than a
// link to a node that is there takes to come up (LinkOptions).
inline constexpr std::chrono::seconds kAddressDeadAfter{5};
// Operations on members that one node has under way. Then: kOverloaded.
inline constexpr size_t kOperationsMax = 64;
// Listeners to the events of one node, none of which is ever taken back; with each heartbeat all of
// them are told, on the node's thread. Then: kOverloaded.
inline constexpr size_t kListenersMax = 64;
// Records that a leader holds back while it hands over. What comes beyond is sent again by its
// origin.
inline constexpr size_t kHeldBytesMax = size_t{64} << 20;
// States that one node gives out at once: each keeps old versions alive. Then another is asked.
inline constexpr size_t kStateTransfersMax = 4;
// Claims that a leader knows to its log: of the states that members give out, and of those who have
// one already. Beyond, the log is not kept for who comes last, which may have to begin again.
inline constexpr size_t kLogClaimsMax = kMembersMax * (kStateTransfersMax + 1);
// One piece of a state that is streamed to a joiner, and how many are on their way at once: enough
// to keep a link busy for a round trip.
inline constexpr size_t kStatePieceBytes = size_t{256} << 10;
inline constexpr uint64_t kStatePiecesWindow = 8;

// Reads that ask the leader share questions; so many are on their way from one node at once, and so
// many rounds that a leader needs for them. More would not be answered sooner: each pass of the
// loop puts one, and they overlap a round trip.
inline constexpr size_t kFenceQuestionsMax = 8;
inline constexpr size_t kFenceRoundsMax = 8;
// Removed nodes that wait for such a round, to be told that they are out. Who is not told asks
// again.
inline constexpr ptrdiff_t kRemovalNoticesMax = 8;

// Redis clients.
inline constexpr size_t kClientsMax = 10'000;
// Of those that are one too many, while they read why. Beyond: closed without a word.
inline constexpr size_t kClientsRejectedMax = 256;
// Names that clients give themselves and their libraries.
inline constexpr size_t kClientNameBytesMax = 255;
inline constexpr size_t kClientArgumentsMax = 1'048'576;
inline constexpr size_t kInlineBytesMax = 65'536;
// What one client may have unparsed, and unsent. Beyond the second its commands wait; a client
// that does not read at all is closed after a while (FrontOptions::unread_max).
inline constexpr size_t kClientInputBytesMax = size_t{64} << 20;
inline constexpr size_t kClientOutputBytesMax = size_t{64} << 20;
// What all clients of a server may leave unread together. Beyond it clients are closed; from a
// quarter of it on, a client's commands wait for what it has unread beyond a turn's worth: so those
// that ask for more than they read keep each other from getting there.
inline constexpr size_t kClientsUnreadBytesMax = size_t{1} << 30;
// Replies that one client's commands make before others have their turn: a millisecond of copying.
inline constexpr size_t kClientTurnBytesMax = size_t{1} << 20;
// A read of more keys runs alone on its connection, in as many turns as it takes.
inline constexpr size_t kReadKeysAtOnce = 64;

// Log lines that wait until standard error takes them, and how long they are waited for when the
// process ends. Beyond: they are dropped, and the next line says how many.
inline constexpr size_t kLogQueueBytesMax = size_t{64} << 10;
inline constexpr std::chrono::milliseconds kLogFlushMax{1'000};

}  // namespace ram
