// How nodes that know only a list of addresses become one cluster, once (MEMBERSHIP.md section 1).
//
// A node is fresh until it accepts one proposal (of a cluster id and its members) or has received a
// state. The lowest incarnation that sees the whole list fresh, itself included, proposes. A node
// starts a proposal when it knows that all its members accepted it, or when anyone started it.
//
// A member that dies before it could be known to have accepted would hold up the others for ever,
// so there is a way out. Who learns that a member was replaced (another incarnation answered, at
// its address, a question put after the proposal was known), that someone withdrew, or that one
// accepted another proposal, *withdraws*: it will start only what another has started. When every
// other member has withdrawn or was replaced, nobody has started it and nobody will be the first:
// the node gives itself up and comes back as a new incarnation.
//
// A name of the list may stand for several addresses. All of them are asked, and a cluster is
// joined through any. None is founded by such a name, unless it is said how many found
// (Self::expect): then as many distinct incarnations have to be there, fresh, this one among them;
// each further address must have been silent for long, as one is that nobody lives at any more. An
// address whose node answers by two ways counts once.
//
// Whoever was removed from a cluster knows of members (Self::known) that may be nowhere in its
// list. They are asked, too: it founds with others only while none of them is of a cluster, and
// those that the list does not have were silent for long; and never alone.
//
// A list may lead to two clusters that serve, as after a mishap. Which one is meant nobody here can
// know, and the other's data may be wrong, or none: neither is joined, and nothing is founded.
//
// Invariants: a node accepts one proposal in its life; a node that withdrew is never the first to
// start. So no cluster of one list comes to be while a node of another can be reached: proposing
// needs everyone of the list fresh.
//
// Messages go out through `Post`; time comes in. One thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"
#include "node/peer_message.h"

namespace ram::node {

class Founding {
 public:
  struct Self {
    NodeId id;
    std::string address;
    std::string description;        // encoded MemberDescription
    std::vector<std::string> list;  // the join list; empty: a cluster of one
    std::set<std::string> names;    // those of it that have to be resolved
    size_t expect = 0;              // how many found; 0: those of the list
    // Where members of the cluster lived that an incarnation before this one was removed from.
    std::vector<std::string> known;
    // The parameters of a cluster that we found, encoded; and whether we understand another's.
    std::function<std::string(ClusterId)> parameters;
    std::function<bool(const Proposal&)> understands;
    size_t voters_max = 5;
    Duration ask_every{};
    Duration complain_every{};
    Duration dead_after{};  // silence of an address that is no founder's, or of a leader, any more
  };
  // To whoever lives at the address; the heading's cluster is none.
  using Post = std::function<void(const std::string& address, PeerMessage message)>;

  Founding(Self self, Random random, Post post, Log& log);

  void start(Instant now);
  void on_time(Instant now);
  Instant next_deadline() const { return next_ask_; }

  // `name`, of the list, stands for these addresses: several, or one, which may be itself. No
  // answer is none, and leaves the one before.
  void on_resolved(Instant now, const std::string& name, std::vector<std::string> addresses);
  // An answer to a question of ours.
  void on_standing(Instant now, NodeId source, ClusterId cluster, const Standing& standing);
  void on_note(Instant now, NodeId source, const FoundingNote& note);
  // A message of `cluster` arrived from one of its members: if it is ours, it has been started.
  void on_cluster_seen(ClusterId cluster);
  // A state was received instead: this node is fresh no more, and founds nothing.
  void joined();

  Phase phase() const { return phase_; }
  // True once the accepted proposal is to be started.
  bool started() const { return phase_ == Phase::kMember && proposal_.has_value(); }
  const Proposal& proposal() const { return *proposal_; }
  // True: this incarnation is to be given up.
  bool abandoned() const { return abandoned_; }
  // Fresh, and these addresses answered lately that they are members of a cluster: those that our
  // list led to, or else those that were known.
  std::vector<std::string> members_seen(Instant now) const;
  // A line for people: our list leads to two clusters that have a leader each, so that neither may
  // be joined. Empty: it does not.
  std::string two_clusters(Instant now) const;
  // Our list led to who advertises `address`.
  bool is_listed(const std::string& address) const;
  // Why nothing has happened yet; one line for people.
  std::string waiting_for(Instant now) const;
  // Our answer to whoever asks.
  Standing standing(Nonce answer, const std::string& leader) const;

 private:
  // What the latest answer from an address said.
  struct Answer {
    Nonce question;  // of ours, that it answered
    NodeId id;
    Phase phase = Phase::kFresh;
    ClusterId cluster;
    std::string description;
    std::vector<std::string> list;
    size_t expect = 0;
    Instant at{};
    std::optional<Instant> led;  // when it last knew one, of that cluster
  };
  // Where we ask: an address of the list, or what a name of it stands for.
  struct Target {
    Nonce asked, asked_before;
    Nonce answered;      // of those; none: not lately
    std::string answer;  // the address that whoever answered advertises
    Instant heard{};     // or first asked
  };

  void ask(Instant now);
  std::set<std::string> addresses_to_ask() const;
  bool lately(Nonce question) const { return question >= round_before_; }
  // It said lately that it is a member of a cluster.
  bool is_member(const Answer& answer, Instant now) const;
  void propose_if_all_fresh(Instant now);
  bool resolved() const;
  bool alone() const;
  // True: somebody who may be of a cluster has neither answered lately nor been silent for long.
  bool unheard(Instant now) const;
  // False: one of those that were known, whom our list does not concern.
  bool concerned(const std::string& address, const Answer& answer) const;
  bool of_our_list(const Answer& answer) const;
  static bool same_members(const std::vector<std::string>& a, const std::vector<std::string>& b);
  std::optional<consensus::Configuration> listed_founders() const;
  std::optional<consensus::Configuration> expected_founders() const;
  // False: not one who may found with us, or one who is to propose.
  bool add_founder(const Answer& answer, consensus::Configuration& members) const;
  void propose(consensus::Configuration members);
  void accept(const Proposal& proposal);
  void withdraw();
  void start_proposal();
  // Acts on what is known of the accepted proposal's members.
  void decide();
  void tell_members();
  void tell(const consensus::Server& server);
  // A line that names two nodes of one name; empty: none.
  std::string name_taken_twice() const;
  std::string differing() const;
  std::string expected_missing() const;
  // Those of the list that do not answer, or that are answered by who advertises another address.
  std::string listed_missing(Instant now) const;
  // A name that stands for several; empty: none.
  std::string shared_name() const;

  const Self self_;
  Random random_;
  const Post post_;
  Log& log_;

  Phase phase_ = Phase::kFresh;
  bool abandoned_ = false;
  std::optional<Proposal> proposal_;
  std::set<NodeId> accepted_;   // members known to have accepted
  std::set<NodeId> withdrawn_;  // members that said so, or that accepted another proposal
  std::set<NodeId> replaced_;   // members in whose place another answered

  // Questions are numbered; an answer to one at or after `proposal_question_` was given after the
  // proposal was known here.
  Nonce question_;
  Nonce round_, round_before_;  // the first questions of this round and of the one before
  Nonce proposal_question_;
  std::map<std::string, std::vector<std::string>> behind_;  // by name
  std::map<std::string, Target> targets_;
  std::map<std::string, Answer> answers_;  // by address that is advertised
  Instant twin_heard_ = Instant::min();    // another that advertises ours
  Instant next_ask_ = kNever;
};

}  // namespace ram::node
