// What the log is kept for beyond its usual bounds: states on their way (MEMBERSHIP.md
// section 2.2). The leader decides; all members keep theirs from the same entry on, so that whoever
// leads next can go on.
//
// Who receives a state goes on, once it has it, from the index that the state is of. Were the log
// forgotten up to there meanwhile, it would have to begin again: under load, for ever. So each
// receiver has a claim to the log after its index, until it has caught up. The source of the state
// says how the transfer gets on; a member that was sent the engine's token, and a joiner that says
// it has a state, have theirs without.
//
// Claims let the log grow by so much and no more: an eighth of it at once, the rest in proportion
// to what the receiver has of the state, so that writes during a transfer spread over all of it. As
// the log nears that, members may have fewer records on their way, and at last none: writes are
// then as fast as the slowest transfer. A receiver that does not get on while writers wait, by what
// the slowest link carries, loses its claim, and has to begin again; at once if it is silent. So
// does one that was not heard of for a while, or of whose state nothing has arrived yet when there
// is no room left.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/clock.h"
#include "base/function_ref.h"
#include "base/ids.h"
#include "consensus/replica.h"
#include "node/headway.h"
#include "node/node_core.h"
#include "node/peer_message.h"

namespace ram::node {

class LogClaims {
 public:
  struct Rules {
    CoreLimits limits;
    Duration failover_after{};
    size_t window_bytes = 0;  // of a state, on their way
  };
  // What is known of receivers besides.
  struct Surroundings {
    size_t state_bytes = 0;  // that a state takes now
    FunctionRef<bool(NodeId)> silent;
  };

  explicit LogClaims(Rules rules) : rules_(rules) {}

  // We lead since now, and the log was kept from `keep_from` on: for members that catch up, who
  // will be heard, and for joiners, of whom their sources will say, or they themselves. Until then
  // it is kept as it was, though nobody waits for that.
  void restart(Instant now, const consensus::Replica& replica, LogIndex keep_from);

  // `receiver` is sent the engine's token of `index`, or told to fetch a state of that index or
  // later. Again: what counts is the first, which is returned. Beyond kLogClaimsMax receivers the
  // log is not kept.
  LogIndex on_token(Instant now, NodeId receiver, LogIndex index);
  // False: the receiver was given up, and the state is on its way in vain.
  bool on_report(Instant now, NodeId source, const TransferReport& report);
  // A joiner says that it has the state of `index` in hand.
  void on_state_in_hand(Instant now, NodeId receiver, LogIndex index);

  // `receiver` needs nothing any more.
  void end(NodeId receiver);

  // Once in each pass. Requires: `replica` leads.
  void turn(Instant now, const consensus::Replica& replica, const Surroundings& surroundings);
  // The rest is as of the last turn().

  // `log` is to be kept from this entry on; kNobody: as ever.
  static constexpr LogIndex kNobody{UINT64_MAX};
  LogIndex keep_from(const consensus::EntryLog& log) const;
  // Records that each member may have on its way. kRecordsInFlightMax: as many as ever.
  size_t window() const { return window_; }
  // For whom there are fewer. Requires: there are.
  NodeId slowest() const { return slowest_; }
  size_t size() const { return claims_.size(); }

 private:
  struct Key {
    NodeId receiver;
    NodeId source;  // none: claimed without one
    auto operator<=>(const Key&) const = default;
  };
  struct Claim {
    LogIndex said_index;                   // needed after it, as its source said;
    LogIndex index;                        // as is known since
    LogIndex has;                          // as the receiver said
    uint64_t done = 0;                     // of Headway::kParts: what it has of the state
    uint64_t on_way = 0;                   // bytes of it
    uint64_t view_room = Headway::kParts;  // the same: what its source may still keep for it
    bool confirmed = false;                // something has arrived
    bool lost = false;                     // remembered, lest the next report revive it
    Instant said{};
    Instant moved{};              // when something arrived last
    uint64_t passed_entries = 0;  // of the log, since it has the state
    uint64_t passed_bytes = 0;
    Headway headway;
  };
  // How much longer the log may yet get.
  struct Room {
    size_t entries = 0;
    size_t bytes = 0;
  };

  // A new one if there was none; null if there are too many.
  Claim* claim_of(const Key& key);
  // Goes on to what `receiver` is known to have of the log.
  void advance(Instant now, NodeId receiver, Claim& claim, const consensus::Replica& replica) const;
  // True: nobody needs it any more.
  bool is_over(Instant now, const Claim& claim, const consensus::Replica& replica) const;
  // As much as ever, if the log that it needs is forgotten already.
  Room room_of(const Claim& claim, const consensus::EntryLog& log) const;
  // True: whoever waits for it waits in vain.
  bool is_stuck(Instant now, bool gone, Claim& claim, Room room, const consensus::Replica& replica,
                size_t state_bytes) const;
  size_t window_of(const Claim& claim, Room room, size_t members) const;

  Rules rules_;
  std::map<Key, Claim> claims_;
  size_t window_ = kRecordsInFlightMax;
  NodeId slowest_;
};

}  // namespace ram::node
