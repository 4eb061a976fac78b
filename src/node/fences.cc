#include "node/fences.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace ram::node {

void FenceAsker::add(Instant deadline, bool quorum, Done done) {
  if (reads_ >= kMailboxCallsMax) {
    done(Status::overloaded("too many reads are waiting on this node; try again after a pause"));
    return;
  }
  ++reads_;
  next_deadline_ = std::min(next_deadline_, deadline);
  quorum_ |= quorum;
  waiting_.push_back({deadline, std::move(done)});
}

bool FenceAsker::join(Instant deadline, const Done& done) {
  if (asked_.empty()) return false;
  ++reads_;
  next_deadline_ = std::min(next_deadline_, deadline);
  asked_.rbegin()->second.reads.push_back({deadline, done});
  return true;
}

std::optional<FenceAsker::Asked> FenceAsker::ask(Instant now) {
  for (auto& [nonce, question] : asked_) {
    if (!std::exchange(question.again, false)) continue;
    question.at = now;
    return Asked{nonce, question.quorum};
  }
  if (waiting_.empty() || asked_.size() >= kFenceQuestionsMax) return {};
  ++last_nonce_;
  const bool quorum = std::exchange(quorum_, false);
  asked_.emplace(last_nonce_, Question{now, quorum, /*again=*/false, std::exchange(waiting_, {})});
  return Asked{last_nonce_, quorum};
}

void FenceAsker::on_answer(Nonce nonce, LogIndex index) {
  const auto found = asked_.find(nonce);
  if (found == asked_.end()) return;  // answered before, or all its reads are over
  answered_.add(index, std::move(found->second.reads));
  asked_.erase(found);
}

void FenceAsker::ask_again(Instant asked_before) {
  for (auto& [nonce, question] : asked_) question.again |= question.at < asked_before;
}

void FenceAsker::on_applied(LogIndex applied) {
  reads_ -= answered_.on_applied(applied);
}

Instant FenceAsker::expire(Instant now) {
  if (now < next_deadline_) return next_deadline_;
  next_deadline_ = kNever;
  std::vector<Done> late;
  auto sort_out = [&](std::vector<Read>& reads) {
    std::erase_if(reads, [&](Read& read) {
      if (read.deadline > now) {
        next_deadline_ = std::min(next_deadline_, read.deadline);
        return false;
      }
      late.push_back(std::move(read.done));
      return true;
    });
  };
  sort_out(waiting_);
  for (auto& [nonce, question] : asked_) sort_out(question.reads);
  std::erase_if(asked_, [](const auto& asked) { return asked.second.reads.empty(); });
  answered_.take_late(now, next_deadline_, late);
  reads_ -= late.size();
  for (const Done& done : late) {
    done(
        Status::unavailable("no leader confirmed this node's state before the deadline; "
                            "`ram status` shows who leads"));
  }
  return next_deadline_;
}

void FenceAsker::fail_all(const Status& status) {
  std::vector<Read> reads = std::exchange(waiting_, {});
  for (auto& [nonce, question] : std::exchange(asked_, {})) {
    std::move(question.reads.begin(), question.reads.end(), std::back_inserter(reads));
  }
  for (Read& read : answered_.take_all()) reads.push_back(std::move(read));
  reads_ = 0;
  for (const Read& read : reads) read.done(status);
}

void FenceRounds::restart() {
  waiting_.clear();
  begun_.clear();
  echoed_.clear();
  latest_ = Round();
}

void FenceRounds::add(Question question) {
  // The same again, before it is answered, is one question.
  const auto is_in = [&question](const std::vector<Question>& questions) {
    return std::any_of(questions.begin(), questions.end(), [&question](const Question& open) {
      return open.asker == question.asker && open.nonce == question.nonce;
    });
  };
  const auto is_answered_by = [&](const Begun& begun) { return is_in(begun.questions); };
  if (is_in(waiting_) || std::any_of(begun_.begin(), begun_.end(), is_answered_by)) return;
  // Who asks has at most kFenceQuestionsMax open; more are from many who left.
  if (waiting_.size() < kFenceQuestionsMax * kMembersMax) waiting_.push_back(question);
}

void FenceRounds::add_notice(NodeId whom) {
  const auto is_notice = [](const Question& question) { return !question.nonce; };
  // Reads go first: who is not told now asks again.
  if (std::count_if(waiting_.begin(), waiting_.end(), is_notice) < kRemovalNoticesMax) {
    add({whom, Nonce(), /*quorum=*/true});
  }
}

void FenceRounds::answer_at_once(LogIndex index, const Answer& answer) {
  std::erase_if(waiting_, [&](const Question& question) {
    if (!question.quorum) answer(question, index);
    return !question.quorum;
  });
}

bool FenceRounds::may_begin() const {
  return !waiting_.empty() && begun_.size() < kFenceRoundsMax;
}

Round FenceRounds::begin(LogIndex index) {
  ++latest_;
  begun_.push_back({latest_, index, std::exchange(waiting_, {})});
  return latest_;
}

void FenceRounds::on_echo(NodeId member, Round round) {
  if (round > latest_) return;  // of a term that is not ours: nothing of ours was echoed
  Round& echoed = echoed_[member];
  echoed = std::max(echoed, round);
}

void FenceRounds::keep(const consensus::Configuration& configuration) {
  std::erase_if(echoed_,
                [&](const auto& echo) { return configuration.find(echo.first) == nullptr; });
}

bool FenceRounds::confirmed(Round round, const consensus::Configuration& configuration,
                            NodeId self) const {
  size_t count = 0;
  for (const consensus::Server& server : configuration.servers) {
    if (server.role != consensus::Role::kVoter) continue;
    const auto echo = echoed_.find(server.id);
    if (server.id == self || (echo != echoed_.end() && echo->second >= round)) ++count;
  }
  return count >= configuration.majority();
}

void FenceRounds::answer(const consensus::Configuration& configuration, NodeId self,
                         const Answer& answer) {
  while (!begun_.empty()) {
    const Begun& oldest = begun_.front();
    if (!confirmed(oldest.round, configuration, self)) return;
    for (const Question& question : oldest.questions) answer(question, oldest.index);
    begun_.pop_front();
  }
}

}  // namespace ram::node
