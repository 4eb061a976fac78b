// Mistakes that tests make on purpose, to see that they are caught: the broken variants of the
// model (docs/model) under their names there, as far as they are this code's to make.
#pragma once

namespace ram::lease {

struct Faults {
  bool nowait = false;          // a new leader does not wait (R4.1)
  bool unbounded = false;       // grants not bounded by the leader's quorum lease (R5.1)
  bool applycommit = false;     // visible at majority commit (R6)
  bool nopending = false;       // no pending check (R8.1)
  bool nobarrier = false;       // grants whether or not there is a barrier (R5.1)
  bool barrieracked = false;    // grants when the member has the barrier, not when it is committed
  bool origleader = false;      // a leader reads before its barrier is committed
  bool fallback = false;        // a leader answers sigma without max(sigma, b) (R8.3)
  bool rmnowait = false;        // a member is removed while its lease may run (R7)
  bool recvtime = false;        // a lease counts from the receipt of the grant (R5.2)
  bool drift = false;           // a grant is not divided by 1+epsilon (R5.1)
  bool wdrift = false;          // a new leader waits D instead of (1+epsilon)D
  bool norel = false;           // grants of before a release are taken (R5.4)
  bool nodrop = false;          // a lease survives a change of term (R5.3)
  bool grantold = false;        // grants of an older term are taken (R5.2)
  bool dropslow = false;        // a slow member is dropped before its lease ends (R5.6)
  bool sinel = false;           // a grant is not noted (R5.1)
  bool regrant = false;         // grants to members that lack what is stable (R5.1)
  bool leaderfree = false;      // a leader reads without a quorum lease (R3)
  bool uncommittedcfg = false;  // grants to members of a configuration that is not committed (R5.1)
  bool optself = false;         // R4.3 with the winner's own silence alone
  bool cutfallback = false;     // a truncation shortens a fallback's wait (R8.3)
  bool futuresigma = false;     // sigma of a higher term is taken (R6.3)
  bool selfinf = false;         // one voter: its own echo counts as infinite (R3)
  bool prevote = false;         // the answer to a pre-vote counts as "has entered my term" (R4.2)
  bool installv = false;        // v moves while a state is being installed (R2)
  bool instgrant = false;       // grants are taken while a state is being installed (R2)
  bool snaplease = false;       // a lease survives the acceptance of a snapshot (R5.5)
  bool snapcut = false;         // a snapshot counts as a truncation for reads that wait (R8.1)
  // With the two above: snapshots are of what is committed, which the rules allow (R10) and this
  // code does not do: it has them of what is visible.
  bool snapcommit = false;
  bool recsnap = false;   // complete_until is kept while a state is being installed (R11)
  bool earlycfg = false;  // members change before the barrier is committed (R7)
  // And what section 8 of READ-LEASES warns of besides.
  bool lastindex = false;  // v is the last index of the log (R2)
  bool keptv = false;      // v is kept across a term (R2)
  bool latestage = false;  // pending keys are noted after the answer left (R2)
  bool wirekeys = false;   // and for what messages carry, taken or not (R1.2)
  bool notimer = false;    // the stable index moves with what happens alone, not with time (R6.2)
  bool earlyapplied = false;  // a is published before what is visible is in the store (R6.4)
  bool joinfence = false;     // a read joins a question that was put before it began (R8.3)
  bool pendingfirst = false;  // a reader looks at what is pending, then at its lease (R8.1)
  bool splitread = false;     // each key is read from a state of its own (R8.4)
  bool noclear = false;       // an entry of unknown keys is pending for none
};

}  // namespace ram::lease
