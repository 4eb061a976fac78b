// The passes of a NodeCore: what is done once for everything that came in.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "consensus/entry_log.h"
#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

using consensus::EntryKind;
using consensus::LogEntry;

namespace {

// Blocks and entries that a pass frees, beside those that writes free.
constexpr size_t kFreedPerTurn = 64;
constexpr size_t kReplyChunksFreedPerTurn = 2;  // of as many replies each

}  // namespace

void NodeCore::Inside::turn(Instant now) {
  again_ = false;
  if (spent()) return;
  if (!replica_ && founding_.started()) start_founded(now);
  if (stage_next_) stage(std::max(stage_next_, replica_->log().first()));
  stage_next_ = std::exchange(stage_later_, LogIndex());
  turn_leaving(now);
  if (replica_) {
    if (install_) {
      const auto [token, from] = *std::exchange(install_, std::nullopt);
      if (applied_ >= token.index) {
        replica_->installed(now);
      } else {
        const std::string source = next_source();
        ask_for_state(now, source.empty() ? address_of(from) : source, token.index);
      }
    }
    if (fetched_) finish_fetching(now);
    turn_recovery(now);
    follow_leadership(now);
    if (std::exchange(manage_, false)) manage(now);
    turn_claims(now);
    send_own_records(now);
    replica_->flush(now);
    turn_hand_over(now);
    turn_leases(now);
    apply_visible();
    note_age(now);
    turn_fences(now);
    turn_operations();
    turn_copies();
    ReadGate::barrier();
    send_outbox(now);
    tell_news(now);
    answer_leader(now);
    again_ |= give_out_states();
    compact(now);
  } else if (fetched_) {
    finish_fetching(now);
    again_ = true;
  }
  // What was let go of is freed in small pieces, so that nothing waits for it.
  if (replica_) again_ |= replica_->give_back(kFreedPerTurn);
  if (machine_) again_ |= machine_->give_back(kReplyChunksFreedPerTurn);
  again_ |= remains_.give_back(kFreedPerTurn);
  again_ |= slot_.tick(kFreedPerTurn);
}

void NodeCore::Inside::follow_leadership(Instant now) {
  if (leads()) {
    last_contact_ = now;
  } else {
    last_contact_ = std::max(last_contact_, replica_->leader_heard());
  }
  if (const bool lost = is_member() && no_quorum(now); lost != lost_) {
    lost_ = lost;
    if (lost) {
      log_.error(
          "no leader for four election timeouts, and writes and reads are refused until "
          "there is one: " +
          why_no_quorum(now));
    } else {
      log_.info("a majority of the voters is there again");
    }
  }
  const bool leads_now = leads();
  if (replica_->term() == seen_term_ && leader() == seen_leader_ && leads_now == led_) return;
  hand_on_claims(now);
  if (leads_now && (!led_ || replica_->term() != seen_term_)) {
    log_.info("this node leads, term " + std::to_string(replica_->term().value));
    // All that is stable is in the log of who is elected, unless somebody told it more.
    stable_ = std::min(stable_, what_is_known().last);
    admission_.restart(now);
    closing_.clear();
    told_.clear();
    claims_.restart(now, *replica_, keep_log_from(now));
    told_window_ = kRecordsInFlightMax;
    told_keep_ = {};
    slowed_ = false;
  }
  if (!leads_now && leader() && leader() != seen_leader_) {
    log_.info("following the leader at " + address_of(leader()) + ", term " +
              std::to_string(replica_->term().value));
  }
  if (!leads_now) end_hand_over();
  rounds_.restart();
  removal_.reset();
  seen_term_ = replica_->term();
  seen_leader_ = leader();
  led_ = leads_now;
  paced_until_ = Instant::min();
  // What was sent to the one before may be lost.
  asker_.ask_again(kNever);
  resend_ = true;
  report_transfers(now);
}

void NodeCore::Inside::send_own_records(Instant now) {
  const auto carry = [&](const SharedBytes& record) { carry_record(now, record); };
  if (no_quorum(now)) {
    own_.fail_waiting(no_majority());
  }
  if (!leader()) return;
  if (std::exchange(resend_, false)) own_.resend(now, carry);
  // A leader that is silent is not handed anything: it may be dead, and what nobody has can be
  // refused, when it turns out that there is no quorum, instead of being in doubt.
  if (silence(now) >= failover_after_) return;
  // Who has not learnt that it is a member may have to be added again under its id, and must have
  // no session then.
  if (!replica_->installing() && !hand_over_ && is_member()) own_.pack(now, window(now), carry);
}

void NodeCore::Inside::carry_record(Instant now, const SharedBytes& record) {
  if (leads()) {
    submit_record(now, record);
  } else {
    post_to(leader(), RecordForward{record});
  }
}

void NodeCore::Inside::submit_record(Instant now, SharedBytes record) {
  if (hand_over_) {
    held_bytes_ += record.size();
    if (held_bytes_ <= kHeldBytesMax) held_.push_back(std::move(record));
    return;
  }
  std::string stamped(record.view());
  machine::stamp_record(stamped, clock_.wall());
  (void)replica_->submit(now, SharedBytes(std::move(stamped)));
}

void NodeCore::Inside::turn_leases(Instant now) {
  leases_->follow(now, *replica_);
  stable_ = leases_->turn(now, *replica_, stable_);
}

void NodeCore::Inside::apply_visible() {
  if (replica_->installing()) return;
  LogIndex visible = stable_;
  if (!leads()) visible = std::min(visible, std::max(replica_->commit(), replica_->verified()));
  if (options_.mistakes.lease.earlyapplied) {
    apply_up_to(std::exchange(claimed_, visible));
    gate_.publish_applied(std::max(claimed_, applied_));
    return;
  }
  apply_up_to(visible);
}

void NodeCore::Inside::apply_up_to(LogIndex visible) {
  const consensus::EntryLog& log = replica_->log();
  while (applied_ < visible) {
    const LogIndex index = applied_.next();
    RAM_CHECK(log.has(index));
    const LogEntry& entry = log.at(index);
    if (entry.kind == EntryKind::kRecord) {
      // An undecodable committed entry: to go on would be to diverge.
      RAM_CHECK(machine_->apply(index, entry.payload.view(), this, options_.id));
    } else {
      machine_->apply_barrier(index);
    }
    applied_ = index;
    gate_.publish_applied(index);
  }
  waits_.on_applied(applied_);
}

// While our lease holds, all that was acknowledged is in our log (G2): once what is in it now is
// visible, so is all that was acknowledged by now.
void NodeCore::Inside::note_age(Instant now) {
  if (sample_.index && applied_ >= sample_.index) {
    shown_until_ = sample_.at;
    sample_ = {};
  }
  if (!sample_.index && now < leases_->lease_end()) sample_ = {replica_->last(), now};
}

void NodeCore::Inside::turn_fences(Instant now) {
  if (no_quorum(now)) {
    asker_.fail_all(no_majority());
    fail_waits(no_majority());
  }
  while (leader()) {
    const auto asked = asker_.ask(now);
    if (!asked) break;
    if (leads()) {
      rounds_.add({options_.id, asked->nonce, asked->quorum});
    } else {
      post_to(leader(), FenceRequest{asked->nonce, asked->quorum});
    }
  }
  if (leads() && replica_->barrier_committed()) {
    const LogIndex index =
        options_.mistakes.lease.fallback ? stable_ : std::max(stable_, replica_->barrier());
    const auto answer = [&](const FenceRounds::Question& question, LogIndex at) {
      if (!question.nonce) {
        tell_removed(question.asker);
      } else if (question.asker == options_.id) {
        asker_.on_answer(question.nonce, at);
      } else {
        post_to(question.asker, FenceAnswer{question.nonce, at});
      }
    };
    if (leases_->ready(now)) rounds_.answer_at_once(index, answer);
    if (rounds_.may_begin()) rounds_.begin(index);
    rounds_.answer(replica_->latest(), options_.id, answer);
  }
  asker_.on_applied(options_.mistakes.reads_skip_the_wait ? LogIndex(UINT64_MAX) : applied_);
}

uint64_t NodeCore::Inside::copies_elsewhere(LogIndex index, NodeId but) const {
  uint64_t count = 0;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.id == but) continue;
    if (server.id == options_.id || replica_->match(server.id) >= index) ++count;
  }
  return count;
}

void NodeCore::Inside::turn_copies() {
  if (copies_.empty()) return;
  std::vector<Copies> ended;
  for (Copies& copies : copies_) {
    if (leads()) copies.reached = copies_elsewhere(copies.index, options_.id);
    if (copies.reached >= copies.wanted) ended.push_back(std::move(copies));
  }
  std::erase_if(copies_, [](const Copies& copies) { return !copies.done; });
  for (Copies& copies : ended) copies.done(copies.reached);
}

void NodeCore::Inside::compact(Instant now) {
  const consensus::EntryLog& log = replica_->log();
  const CoreLimits& limits = options_.limits;
  if (log.size() <= limits.log_entries && log.bytes() <= limits.log_bytes) return;
  // Keep the newer half: a follower that lags a little needs no state.
  LogIndex start = log.start_of_newest(limits.log_entries / 2, limits.log_bytes / 2);
  // And what those need to whom a state is on its way. Seldom rather than a little each time.
  if (!options_.mistakes.forgets_transfers) {
    start = std::max(std::min(start, keep_log_from(now).previous()),
                     log.start_of_newest(limits.log_entries + limits.transfer_log_entries,
                                         limits.log_bytes + limits.transfer_log_bytes));
  }
  if (start < log.offset() + log.size() / 16) return;
  const size_t keep = log.last() - start;
  const LogIndex base = std::min(applied_, replica_->commit());
  const uint64_t above = log.last() - base;
  uint64_t trailing = keep > above ? keep - above : 0;
  if (options_.mistakes.lease.snapcommit) {
    trailing = std::max(trailing, replica_->commit() - base);
    replica_->compact(now, replica_->commit(), trailing);
    return;
  }
  replica_->compact(now, applied_, trailing);
}

}  // namespace ram::node
