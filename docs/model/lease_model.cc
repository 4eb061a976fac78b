// An explicit-state model checker for read leases over Raft: every behaviour within given bounds,
// or random walks beyond them.
//
//   docs/model/run           builds it and runs what README.md lists
//   g++ -O2 -std=c++17 -pthread -DNN=3 lease_model.cc -o model && ./model D=1 T=2 W=1 K=2
//
// README.md has the options, what is modelled and what was found. Rule numbers (R1, ...) are those
// of READ-LEASES, as the sources of ram cite them. It shares no code with ram, so that a mistake
// in one is not one in the other, and is written as densely as a model may be, not as src/ is.
//
// A state holds, for every node, the Raft state (term, vote, role, log, commit index) and the lease
// state; the bag of messages in flight (any order, loss, delay, optional duplication); and a ghost:
// the longest sequence of entries that any node has made visible so far. All times are kept
// relative to the clock of the node that owns them, so running time is unbounded.
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#ifndef NN
#define NN 3  // nodes
#endif
#ifndef LM
#define LM 7  // longest log
#endif
#ifndef KM
#define KM 4  // most messages in flight (array size)
#endif
typedef uint8_t u8;
typedef uint64_t u64;

// ---- parameters ----
static struct Par {
  int D = 2;     // lease length in ticks
  int skew = 0;  // 0: perfect clocks (eps=0).  1: each clock runs 1 or 2 per tick, eps = 1 (ratio
                 // at most 2)
  int T = 3;     // highest term
  int Wr = 2;    // writes
  int K = 3;     // messages in flight
  int crash = 0, rm = 0, add = 0, rel = 0;  // budgets
  int lmax = LM;
  int voters = (1 << NN) - 1, standby = 0;  // base configuration
  int dup = 0;                              // deliver may leave a copy in flight
  int lazy = 0;     // stable index is advanced by a step of its own, not eagerly
  int reads = 0;    // explicit read operation with wait
  int opt = 0;      // R4b: wait reduced by the elapsed times reported by the voters
  int midp = 0;     // AppendEntries may carry any prefix, not only nothing or everything
  int tickmax = 0;  // >0: bound on number of ticks (0: unbounded)
  int cold = 0;     // 1: start without any leader (term 0, logs equal)
  int det = 0;  // 1: candidates, single votes and term learning are separate steps; 0: an election
                // is one step (exact for <= 3 voters)
  int sgf = 0;  // 1: followers track commit and stable index (implied by reads); 0: only leaders
                // do, and a new
                //    leader starts with the highest commit index any leader has had (an
                //    over-approximation)
  int strict = 1;  // 1: a lease holder must have every visible entry (recovery); 0: only reads of
                   // writes are checked
  int early = 0;   // R6.4: a follower makes min(stable, verified) visible without waiting for its
                  // engine's commit index; stable indexes also travel in messages of their own
                  // (taken only if their term is not above ours)
  int hb = 1;   // AppendEntries without entries allowed
  int enl = 0;  // R5.1 Enlist: lend may be raised to E without a grant, whatever match is
  int vj = 0;   // R4.2: the result of a real vote counts as a message of term T (with det=1 a
                // refusal, too)
  int snap =
      0;  // R2/R10: budget of snapshot tokens accepted; data follows in a later step (implies sgf)
  int snapc = 1;  // a token's index may be the leader's commit index, not only its visible one
  int rec = 0;  // R11: what was visible while a node's lease was valid stays in its hands (G2 after
                // the lease)
  int two = 0;  // R6.2/R8.2: entries touch two keys and become visible key by key; a is explicit
  std::string v;  // broken variant
} P;
static bool V_nowait, V_unbounded, V_applycommit, V_nopending, V_nobarrier, V_barrieracked,
    V_rmnowait, V_recvtime, V_nodrop, V_dropslow, V_norel, V_fallback, V_drift, V_wdrift, V_optself,
    V_fig8, V_suffix, V_earlycfg, V_origleader, V_cutfallback, V_futuresigma, V_cover,
    V_uncommittedcfg, V_sinel, V_leaderfree, V_regrant, V_grantold, V_selfinf, V_prevote,
    V_installv, V_snaplease, V_halfentry, V_tellearly, V_recsnap, V_instgrant, V_instlead,
    V_snapcut;
static int W0, EPSN;  // EPSN = 1+eps
static void setVariant(const std::string& s) {
  P.v = s;
#define X(name)      \
  if (s == #name) {  \
    V_##name = true; \
    return;          \
  }
  X(nowait)
  X(unbounded) X(applycommit) X(nopending) X(nobarrier) X(barrieracked) X(rmnowait) X(recvtime)
      X(nodrop) X(dropslow) X(norel) X(fallback) X(drift) X(wdrift) X(optself) X(fig8) X(suffix)
          X(earlycfg) X(origleader) X(cutfallback) X(futuresigma) X(cover) X(uncommittedcfg)
              X(sinel) X(leaderfree) X(regrant) X(grantold) X(selfinf) X(prevote) X(installv)
                  X(snaplease) X(halfentry) X(tellearly) X(recsnap) X(instgrant) X(instlead)
                      X(snapcut)
#undef X
                          if (!s.empty() && s != "none") {
    fprintf(stderr, "unknown variant %s\n", s.c_str());
    exit(2);
  }
}

// ---- state ----
enum { FOL, CAND, LEAD };
enum {
  KW = 0,
  KB = 1,
  KRM = 8,
  KADDV = 16,
  KADDS = 24
};  // entry kinds: write, barrier, remove n, add/promote voter n, add standby n
static inline u8 ent(int term, int kind) {
  return (u8)(term << 5 | kind);
}
static inline int eterm(u8 e) {
  return e >> 5;
}
static inline int ekind(u8 e) {
  return e & 31;
}

struct Node {
  u8 alive, role, term, voted, votes, len, log[LM];
  u8 c;      // commit index (engine)
  u8 sg;     // stable index told (leader: computed)
  u8 v;      // verified index in the current term (follower)
  u8 lease;  // remaining lease, own clock
  u8 le;     // lease epoch (number of releases)
  u8 la;     // R4b: elapsed since it last acknowledged any leader / was leader (saturating at W0)
  u8 inst, it;  // index and term of the snapshot token being installed (0: none): the engine's log
                // is the token's, the data is not there
  u8 ab;        // a where it is not simply min(commit, stable): taken from a snapshot, frozen while
                // installing, and always with two=1
  u8 hz;        // rec=1, ghost: what was visible anywhere while its lease was last valid
  u8 psg;       // two=1, leader: stable index published to its own readers
  // leader state (W also used by candidates under R4b)
  u8 b, joined, W, match[NN], age[NN], lend[NN], ple[NN];
};
enum {
  AE = 1,
  ACK,
  GRANT,
  REL,
  PVR,
  TOK
};  // PVR: answer to a pre-vote; TOK: InstallSnapshot, log = the prefix it stands for
struct Msg {
  u8 type, src, dst, term, len, log[LM], c, sg, x, le,
      fresh;  // x: AE/ACK: age of the leader's send time; GRANT: remaining lease
};
struct State {
  Node n[NN];
  Msg m[KM];
  u8 nm, CM, lt, G, GL[LM], nW, nCrash, nRm, nAdd, nRel, nSnap, ticks;
  u8 rph, rnode, rneed, rtgt, rlead,
      rfresh;  // explicit read: 0 none, 1 local, waiting for pending entries up to
               // rtgt, 2 fallback, quorum round under way, 3 fallback, waiting for index rtgt
};
static_assert(sizeof(State) == NN * sizeof(Node) + KM * sizeof(Msg) + 17 + LM, "no padding");

static inline int vis(const Node& a) {
  if (V_applycommit) return a.c;
  return P.two || a.inst ? a.ab : std::max(a.ab, std::min(a.c, a.sg));
}
static const int INF = 100;  // selfinf only: an end that never comes
static inline int pop(int x) {
  return __builtin_popcount(x);
}

static void cfgOf(const u8* log, int len, int& voters, int& members) {
  int v = P.voters, s = P.standby;
  for (int i = 0; i < len; i++) {
    int k = ekind(log[i]);
    if (k >= KADDS) {
      v &= ~(1 << (k - KADDS));
      s |= 1 << (k - KADDS);
    } else if (k >= KADDV) {
      s &= ~(1 << (k - KADDV));
      v |= 1 << (k - KADDV);
    } else if (k >= KRM) {
      v &= ~(1 << (k - KRM));
      s &= ~(1 << (k - KRM));
    }
  }
  voters = v;
  members = v | s;
}
static int lastCfg(const Node& a) {
  for (int i = a.len; i >= 1; i--)
    if (ekind(a.log[i - 1]) >= KRM) return i;
  return 0;
}

// remaining quorum lease E_L of a leader on its own clock (R3)
static int leaseL(const Node& a, int self) {
  int vo, me;
  cfgOf(a.log, a.len, vo, me);
  u8 ages[NN];
  int k = 0;
  for (int j = 0; j < NN; j++)
    if (vo >> j & 1) ages[k++] = j == self ? 0 : a.age[j];
  if (!k || !(vo >> self & 1)) return 0;
  if (V_selfinf && k == 1) return INF;
  std::sort(ages, ages + k);
  int q = k / 2;  // quorum = k/2+1 smallest ages
  return P.D - std::min<int>(P.D, ages[q]);
}
static bool inS(const Node& a, int self, int f, int members) {
  if (f == self) return true;
  if (a.lend[f] > 0) return true;
  return a.W > 0 && (members >> f & 1) && !(a.joined >> f & 1);
}
struct Viol {
  const char* what = nullptr;
  int n = -1;
};

static void updCommit(Node& a, int self) {
  int vo, me;
  cfgOf(a.log, a.len, vo, me);
  for (int i = a.len; i > a.c; i--) {
    if (!V_fig8 && eterm(a.log[i - 1]) != a.term) break;
    int k = 0;
    for (int j = 0; j < NN; j++)
      if (vo >> j & 1) k += (j == self ? a.len : a.match[j]) >= i;
    if (k * 2 > pop(vo)) {
      a.c = i;
      break;
    }
  }
}
static int stableTarget(const Node& a, int self) {
  int vo, me;
  cfgOf(a.log, a.len, vo, me);
  int i = a.c;
  for (int f = 0; f < NN; f++)
    if (inS(a, self, f, me)) i = std::min<int>(i, f == self ? a.len : a.match[f]);
  return std::max<int>(i, a.sg);
}
static int told(const Node& a) {
  return P.two && !V_tellearly ? std::min(a.sg, a.ab) : a.sg;
}  // R6.2: sigma told to others, after a
static int lastW(const u8* log, int hi) {
  for (int i = hi; i >= 1; i--)
    if (ekind(log[i - 1]) == KW) return i;
  return 0;
}

// visible index of node n may have moved: extend/check the ghost
static void seen(State& s, int n, Viol& vi) {
  Node& a = s.n[n];
  if (P.two) return;  // made visible by steps of their own
  int h = vis(a);
  for (int i = a.ab + 1; i <= h; i++) {
    if (i > a.len) {
      vi.what = "applied an entry it does not have";
      vi.n = n;
      return;
    }
    if (i <= s.G) {
      if (s.GL[i - 1] != a.log[i - 1]) {
        vi.what =
            "two nodes made different entries visible at one index (a visible write was lost)";
        vi.n = n;
        return;
      }
    } else
      s.GL[s.G++] = a.log[i - 1];
  }
}
static void leaderWork(State& s, int n, Viol& vi) {
  Node& a = s.n[n];
  updCommit(a, n);
  s.CM = std::max(s.CM, a.c);
  if (!P.lazy) a.sg = stableTarget(a, n);
  seen(s, n, vi);
}
static void truncated(State& s, int n,
                      int newlen) {  // R8.1: awaited entries that are cut off are no longer awaited
  if ((s.rph == 1 || (V_cutfallback && s.rph == 3)) && s.rnode == n && s.rtgt > newlen) {
    Node& a = s.n[n];
    int t = 0;
    for (int i = newlen; i > vis(a); i--)
      if (ekind(a.log[i - 1]) == KW) {
        t = i;
        break;
      }
    s.rtgt = t;
  }
}
static void endRead(State& s) {
  s.rph = s.rnode = s.rneed = s.rtgt = s.rlead = s.rfresh = 0;
  for (int i = 0; i < s.nm; i++) s.m[i].fresh = 0;
}
static void stepDown(State& s, int n) {  // to follower in whatever term
  Node& a = s.n[n];
  if (a.role == LEAD) a.la = 0;
  a.role = FOL;
  a.votes = 0;
  a.b = a.joined = a.W = 0;
  memset(a.match, 0, NN);
  memset(a.age, 0, NN);
  memset(a.lend, 0, NN);
  memset(a.ple, 0, NN);
  a.psg = 0;
  if (!P.sgf) a.c = a.sg = a.ab = 0;
  if (s.rph == 2 && s.rlead == n) endRead(s);
}
static void bump(State& s, int n, int term) {
  Node& a = s.n[n];
  stepDown(s, n);
  a.term = term;
  a.voted = 0;
  if (!V_nodrop) a.v = 0;
  if (!V_nodrop) a.lease = 0;  // R5.3
}
static void addMsg(State& s, const Msg& m) {
  if (s.nm >= P.K) return;  // lost
  for (int i = 0; i < s.nm; i++)
    if (!memcmp(&s.m[i], &m, sizeof m)) return;
  int i = s.nm++;
  while (i > 0 && memcmp(&s.m[i - 1], &m, sizeof m) > 0) {
    s.m[i] = s.m[i - 1];
    i--;
  }
  s.m[i] = m;
}
static void delMsg(State& s, int i) {
  for (; i + 1 < s.nm; i++) s.m[i] = s.m[i + 1];
  memset(&s.m[--s.nm], 0, sizeof(Msg));
}
static void resort(State& s) {
  Msg t[KM];
  int k = s.nm;
  memcpy(t, s.m, sizeof t);
  memset(s.m, 0, sizeof s.m);
  s.nm = 0;
  for (int i = 0; i < k; i++) addMsg(s, t[i]);
}

// Messages that can no longer have any effect are the same as lost ones.
static bool useless(const State& s, const Msg& m) {
  const Node& a = s.n[m.dst];
  if (!a.alive) return true;
  if (m.type == AE)
    return m.term < a.term ? (!P.sgf || m.sg <= a.sg)
                           : m.term == a.term && m.x >= P.D && m.len <= a.v &&
                                 (!P.sgf || (m.sg <= a.sg && m.c <= a.c)) && !m.fresh;
  if (m.type == TOK) return m.term < a.term || (m.term == a.term && m.len <= a.v && m.x >= P.D);
  if (m.type == PVR)
    return !V_prevote || a.term > m.term ||
           (a.role == LEAD && a.term == m.term && (a.joined >> m.src & 1));
  if (m.type == ACK)
    return a.role != LEAD || a.term != m.term ||
           (m.c <= a.match[m.src] && m.x >= a.age[m.src] && (a.joined >> m.src & 1) &&
            m.le <= a.ple[m.src] && !m.fresh);
  if (m.type == GRANT)
    return V_grantold ? m.x <= a.lease
                      : (m.term < a.term || (m.term == a.term && (a.role != FOL || m.x <= a.lease ||
                                                                  (m.le < a.le && !V_norel))));
  return a.role != LEAD || a.term != m.term || m.le <= a.ple[m.src];
}
static void prune(State& s) {
  for (int i = 0; i < s.nm;)
    if (useless(s, s.m[i]))
      delMsg(s, i);
    else
      i++;
}

// ---- properties ----
static bool prefixOf(const State& s, const Node& a, int upto) {
  for (int i = P.snap ? a.ab : 0; i < s.G; i++)
    if (i >= upto || a.log[i] != s.GL[i]) return false;
  return true;
}
static void check(const State& s, Viol& vi) {
  if (vi.what) return;
  if (V_cover) {  // not a bug: shows that the interesting states are reachable
    int w = lastW(s.GL, s.G), hold = 0;
    bool rm = false;
    for (int i = 0; i < s.G; i++) rm |= ekind(s.GL[i]) >= KRM && ekind(s.GL[i]) < KADDV;
    for (int n = 0; n < NN; n++) hold += s.n[n].alive && s.n[n].lease > 0 && s.n[n].term == P.T;
    if (w && eterm(s.GL[w - 1]) == P.T && hold >= (P.rm ? 1 : NN - 1 - P.crash) &&
        rm == (P.rm > 0) && s.nSnap == P.snap && s.nAdd == P.add) {
      vi = {
          "COVERED: in the last term a write is visible and the other members hold leases (and the "
          "removal is committed)",
          0};
      return;
    }
  }
  int need = lastW(s.GL, s.G);
  for (int n = 0; n < NN; n++) {
    const Node& a = s.n[n];
    if (!a.alive) continue;
    if (a.lease > 0) {
      if (V_nopending && need > vis(a)) {
        vi = {"STALE READ: follower with a valid lease returns an old value (no pending check)", n};
        return;
      }
      // a read of any key now waits for every pending entry of that key up to v; so the newest
      // visible entries must be among 1..v
      int have = a.inst           ? 0
                 : a.role == LEAD ? a.len
                                  : a.v;  // installing: the log is the engine's word only
      bool ok = need <= vis(a) || (need <= have && a.log[need - 1] == s.GL[need - 1]);
      if (!ok) {
        vi = {
            "STALE READ: follower's lease is valid, but it does not know of an entry already "
            "visible elsewhere",
            n};
        return;
      }
      if (P.strict && !prefixOf(s, a, have)) {
        vi = {
            "INCOMPLETE HOLDER: lease valid, but a visible entry is not in its log (recovery would "
            "lose it)",
            n};
        return;
      }
    }
    if (a.role == LEAD) {
      int e = V_leaderfree ? 1 : leaseL(a, n);
      bool ready = a.c >= a.b;
      if (e > 0 && (ready || V_origleader)) {
        bool ok = (P.two ? a.psg : a.sg) >= a.b
                      ? need <= (P.two ? std::max(a.psg, a.ab) : vis(a))
                      : need <= a.len && (need == 0 || a.log[need - 1] == s.GL[need - 1]);
        if (!ok) {
          vi = {"STALE READ: leader with a valid quorum lease", n};
          return;
        }
        if (P.strict && !prefixOf(s, a, a.len)) {
          vi = {"INCOMPLETE HOLDER: leader's lease valid, visible entry missing", n};
          return;
        }
        if ((V_fallback ? a.sg : V_applycommit ? std::max(a.c, a.b) : std::max(a.sg, a.b)) < need) {
          vi = {
              "STALE READ: fallback, the leader answered an index below an entry already visible "
              "elsewhere",
              n};
          return;
        }
      }
    }
  }
  if (P.rec)
    for (int n = 0; n < NN; n++) {
      const Node& a = s.n[n];
      if (!a.alive || (a.inst && !V_recsnap)) continue;  // while installing, a node claims nothing
      for (int i = vis(a); i < a.hz; i++)
        if (a.inst || i >= a.len || a.log[i] != s.GL[i]) {
          vi = {"RECOVERY: an entry visible while its lease was valid is no longer in its hands",
                n};
          return;
        }
    }
  if (s.rph == 1 || s.rph == 3) {
    const Node& a = s.n[s.rnode];
    if (vis(a) >= s.rtgt && vis(a) < s.rneed) {
      vi = {"STALE READ: explicit read returned", s.rnode};
      return;
    }
  }
}

// ---- successors ----
struct Lab {
  u8 a, b, c, d;
};
enum {
  A_TICK,
  A_WRITE,
  A_RM,
  A_ADD,
  A_SEND,
  A_DELIV,
  A_DROP,
  A_CAND,
  A_VOTE,
  A_BUMP,
  A_LEAD,
  A_CRASH,
  A_GRANT,
  A_SIGMA,
  A_READ,
  A_REL,
  A_QREAD,
  A_QDONE,
  A_NOTICE,
  A_ENLIST,
  A_PV,
  A_TOK,
  A_INST,
  A_PUB,
  A_TOUCH,
  A_SHOW
};

template <class CB>
static void emit(State& t, Lab l, Viol vi, CB& cb) {
  if (P.rec)
    for (int n = 0; n < NN; n++) {
      Node& a = t.n[n];
      if (a.alive && (a.lease > 0 || (a.role == LEAD && a.c >= a.b && leaseL(a, n) > 0)))
        a.hz = t.G;
    }
  if (!vi.what) check(t, vi);
  if ((t.rph == 1 || t.rph == 3) && !vi.what) {  // a read that can return, returns
    const Node& a = t.n[t.rnode];
    if (!a.alive)
      endRead(t);
    else if (vis(a) >= t.rtgt)
      endRead(t);
  }
  if (t.rph == 2 && !t.n[t.rnode].alive) endRead(t);
  prune(t);
  cb(t, l, vi);
}

template <class CB>
static void tick(const State& s, int fast, CB& cb) {
  State t = s;
  Viol vi;
  for (int n = 0; n < NN; n++) {
    Node& a = t.n[n];
    if (!a.alive) continue;
    int d = (fast >> n & 1) ? 2 : 1;
    auto dec = [&](u8& x) {
      if (V_selfinf && x >= INF) return;
      x = x > d ? x - d : 0;
    };
    dec(a.lease);
    dec(a.W);
    if (P.opt) a.la = a.role == LEAD ? 0 : std::min<int>(W0, a.la + d);
    for (int j = 0; j < NN; j++) {
      dec(a.lend[j]);
      if (a.role == LEAD && j != n) a.age[j] = std::min<int>(P.D, a.age[j] + d);
    }
  }
  bool changed = false;
  for (int i = 0; i < t.nm;) {
    Msg& m = t.m[i];
    int own = m.type == AE || m.type == TOK ? m.src : m.dst;
    int d = (fast >> own & 1) ? 2 : 1;
    if (m.type == AE || m.type == ACK || m.type == TOK) {
      m.x = std::min<int>(P.D, m.x + d);
      changed = true;
      i++;
    } else if (m.type == GRANT && !V_recvtime && !(V_selfinf && m.x >= INF)) {
      m.x = m.x > d ? m.x - d : 0;
      changed = true;
      if (!m.x)
        delMsg(t, i);
      else
        i++;
    } else
      i++;
  }
  if (changed) resort(t);
  if (P.tickmax) t.ticks++;
  for (int n = 0; n < NN; n++)
    if (t.n[n].alive && t.n[n].role == LEAD) leaderWork(t, n, vi);
  emit(t, {A_TICK, (u8)fast, 0, 0}, vi, cb);
}

template <class CB>
static void deliver(const State& s, int i, bool keep, CB& cb) {
  State t = s;
  Msg m = t.m[i];
  Viol vi;
  if (!keep) delMsg(t, i);
  Lab l = {A_DELIV, (u8)i, (u8)keep, 0};
  Node& a = t.n[m.dst];
  if (!a.alive) return;
  if (m.type == TOK && (m.term < a.term || a.inst)) {
    if (!keep) emit(t, l, vi, cb);
    return;
  }  // F1, F13
  if (m.type == PVR) {
    if (!(a.role == LEAD && a.term == m.term && V_prevote)) {
      if (!keep) emit(t, l, vi, cb);
      return;
    }
    a.joined |= 1 << m.src;  // wrong: its sender is not in this term
    leaderWork(t, m.dst, vi);
    emit(t, l, vi, cb);
    return;
  }
  if (m.type == AE || m.type == TOK) {
    if (m.term < a.term) {  // R6.3: a stable index may be taken from a lower term
      if (m.sg <= a.sg) {
        if (!keep) emit(t, l, vi, cb);
        return;
      }
      a.sg = m.sg;
      if (P.early) a.c = std::max<int>(a.c, std::min(a.sg, a.v));
      seen(t, m.dst, vi);
      emit(t, l, vi, cb);
      return;
    }
    if (m.term > a.term)
      bump(t, m.dst, m.term);
    else if (a.role != FOL)
      stepDown(t, m.dst);
    if (m.type == TOK &&
        !(a.len >= m.len &&
          a.log[m.len - 1] ==
              m.log[m.len - 1])) {  // behind: the engine takes the token for its log
      if (t.nSnap >= P.snap) {
        if (!keep) emit(t, l, vi, cb);
        return;
      }
      t.nSnap++;
      int h = vis(a);
      a.ab = h;
      a.inst = m.len;
      a.it = m.term;  // nothing is applied until the data is there
      memset(a.log, 0, LM);
      memcpy(a.log, m.log, m.len);
      a.len = m.len;
      if (!V_snaplease) {
        a.lease = 0;
        a.v = 0;
      }  // R5.5, R2
      a.sg = std::max(a.sg, m.sg);
      truncated(
          t, m.dst,
          V_snapcut
              ? 0
              : a.len);  // R8.1: no truncation of what is <= I: a waiting read goes on waiting
      if (P.opt) a.la = 0;
      emit(t, l, vi, cb);
      return;
    }
    if (a.inst) {  // a heartbeat: answered, but v does not move (R2)
      if (V_installv && m.len >= a.inst && m.term == a.it) a.v = a.inst;
      a.c = std::max<int>(a.c, std::min(m.c, a.inst));
      a.sg = std::max(a.sg, m.sg);
      if (P.opt) a.la = 0;
      Msg r{};
      r.type = ACK;
      r.src = m.dst;
      r.dst = m.src;
      r.term = a.term;
      r.c = V_installv || V_snaplease ? a.v : 0;
      r.x = m.x;
      r.le = a.le;
      r.fresh = m.fresh;
      if (t.n[m.src].alive) addMsg(t, r);
      emit(t, l, vi, cb);
      return;
    }
    for (int j = 1; j <= m.len; j++) {
      if (j <= a.len && a.log[j - 1] != m.log[j - 1]) {
        if (j <= a.c) {
          vi = {"engine: conflicting entry below the commit index", m.dst};
          emit(t, l, vi, cb);
          return;
        }
        truncated(t, m.dst, j - 1);
        for (int k = j; k <= a.len; k++) a.log[k - 1] = 0;
        a.len = j - 1;
      }
      if (j > a.len) {
        a.log[j - 1] = m.log[j - 1];
        a.len = j;
      }
    }
    a.v = std::max<int>(a.v, V_suffix ? a.len : m.len);
    if (P.sgf) {
      a.c = std::max<int>(a.c, std::min(m.c, a.v));
      a.sg = std::max(a.sg, m.sg);
      if (P.early) a.c = std::max<int>(a.c, std::min(a.sg, a.v));
    }
    if (P.opt) a.la = 0;
    seen(t, m.dst, vi);
    Msg r{};
    r.type = ACK;
    r.src = m.dst;
    r.dst = m.src;
    r.term = a.term;
    r.c = a.v;
    r.x = m.x;
    r.le = a.le;
    r.fresh = m.fresh;
    if (t.n[m.src].alive) addMsg(t, r);
    emit(t, l, vi, cb);
  } else if (m.type == ACK) {
    if (a.role != LEAD || a.term != m.term) {
      if (!keep) emit(t, l, vi, cb);
      return;
    }
    a.match[m.src] = std::max<int>(a.match[m.src], std::min<int>(m.c, a.len));
    a.age[m.src] = std::min(a.age[m.src], m.x);
    a.joined |= 1 << m.src;
    if (m.le > a.ple[m.src]) {
      a.ple[m.src] = m.le;
      a.lend[m.src] = 0;
    }  // R5.4: any message with a newer epoch releases
    if (t.rph == 2 && t.rlead == m.dst && m.fresh) t.rfresh |= 1 << m.src;
    leaderWork(t, m.dst, vi);
    emit(t, l, vi, cb);
  } else if (m.type == GRANT) {
    bool ok = (m.term == a.term || (V_grantold && m.term <= a.term)) && a.role == FOL &&
              (m.le == a.le || V_norel) && (!a.inst || V_installv || V_snaplease || V_instgrant);
    if (!ok || m.x <= a.lease) {
      if (!keep) emit(t, l, vi, cb);
      return;
    }
    a.lease = m.x;
    emit(t, l, vi, cb);
  } else {  // REL
    if (a.role != LEAD || a.term != m.term || m.le <= a.ple[m.src]) {
      if (!keep) emit(t, l, vi, cb);
      return;
    }
    a.ple[m.src] = m.le;
    a.lend[m.src] = 0;
    a.joined |= 1 << m.src;
    leaderWork(t, m.dst, vi);
    emit(t, l, vi, cb);
  }
}

static void newLeader(State& t, int n, int wait, int joined, Viol& vi) {
  Node& x = t.n[n];
  bool late = x.term < t.lt;  // elected after a leader of a higher term (only with det=1)
  t.lt = std::max(t.lt, x.term);
  for (int i = 0; i < t.G && i < x.len && !late; i++)
    if (x.log[i] != t.GL[i])
      vi = {"leader elected without a visible entry (a visible write is lost)", n};
  if (x.len < t.G && !late)
    vi = {"leader elected without a visible entry (a visible write is lost)", n};
  stepDown(t, n);
  x.role = LEAD;
  x.la = 0;
  x.log[x.len++] = ent(x.term, KB);
  x.b = x.len;
  x.v = 0;
  x.lease = 0;
  for (int j = 0; j < NN; j++) x.age[j] = j == n ? 0 : P.D;
  x.W = wait;
  if (P.vj) x.joined = joined;
  if (!P.sgf) x.c = late ? 0 : std::min<int>(t.CM, x.len - 1);
  if (!vi.what) leaderWork(t, n, vi);
}

// A stable index in a message of its own (no effect on the engine).
template <class CB>
static void notice(const State& s, int i, CB& cb) {
  const Msg& m = s.m[i];
  if (m.type != AE || m.sg <= s.n[m.dst].sg || (m.term > s.n[m.dst].term && !V_futuresigma)) return;
  State t = s;
  Viol vi;
  Node& a = t.n[m.dst];
  a.sg = m.sg;
  a.c = std::max<int>(a.c, std::min(a.sg, a.v));
  seen(t, m.dst, vi);
  emit(t, {A_NOTICE, (u8)i, 0, 0}, vi, cb);
}

template <class CB>
static void succ(const State& s, CB cb) {
  // ticks
  if (!P.tickmax || s.ticks < P.tickmax) {
    if (!P.skew)
      tick(s, 0, cb);
    else {
      int al = 0;
      for (int n = 0; n < NN; n++) al |= s.n[n].alive << n;
      for (int f = al;; f = (f - 1) & al) {
        tick(s, f, cb);
        if (!f) break;
      }
    }
  }
  if (P.early)
    for (int i = 0; i < s.nm; i++) notice(s, i, cb);
  // deliveries
  for (int i = 0; i < s.nm; i++) {
    deliver(s, i, false, cb);
    if (P.dup) deliver(s, i, true, cb);
  }
  if (s.nm >= P.K)
    for (int i = 0; i < s.nm; i++) {
      State t = s;
      delMsg(t, i);
      emit(t, {A_DROP, (u8)i, 0, 0}, {}, cb);
    }

  for (int n = 0; n < NN; n++) {
    const Node& a = s.n[n];
    if (!a.alive) continue;
    int vo, me;
    cfgOf(a.log, a.len, vo, me);
    if (a.role == LEAD) {
      int cvo, cme;
      cfgOf(a.log, a.c, cvo, cme);
      int E = leaseL(a, n);
      if (s.nW < P.Wr && a.len < P.lmax) {
        State t = s;
        Viol vi;
        Node& x = t.n[n];
        x.log[x.len++] = ent(x.term, KW);
        t.nW++;
        leaderWork(t, n, vi);
        emit(t, {A_WRITE, (u8)n, 0, 0}, vi, cb);
      }
      bool cfgok = (lastCfg(a) <= a.c && a.c >= a.b) || (V_earlycfg && lastCfg(a) <= a.c);
      if (s.nRm < P.rm && a.len < P.lmax && cfgok)
        for (int f = 0; f < NN; f++)
          if (f != n && (me >> f & 1) && (V_rmnowait || !inS(a, n, f, me))) {
            State t = s;
            Viol vi;
            Node& x = t.n[n];
            x.log[x.len++] = ent(x.term, KRM + f);
            t.nRm++;
            if (V_rmnowait) x.lend[f] = 0;
            x.age[f] = P.D;
            x.match[f] = 0;
            x.ple[f] = 0;
            x.joined &= ~(1 << f);
            leaderWork(t, n, vi);
            emit(t, {A_RM, (u8)n, (u8)f, 0}, vi, cb);
          }
      if (s.nAdd < P.add && a.len < P.lmax && cfgok)
        for (int f = 0; f < NN; f++)
          if (s.n[f].alive && !(vo >> f & 1))
            for (int k = 0; k < 2; k++) {
              if (k == 1 && (me >> f & 1))
                continue;  // k=0: add or promote as voter; k=1: add as standby
              State t = s;
              Viol vi;
              Node& x = t.n[n];
              x.log[x.len++] = ent(x.term, (k ? KADDS : KADDV) + f);
              t.nAdd++;
              leaderWork(t, n, vi);
              emit(t, {A_ADD, (u8)n, (u8)f, (u8)k}, vi, cb);
            }
      if (P.two && !V_halfentry && a.psg < a.sg) {
        State t = s;
        t.n[n].psg = a.sg;
        emit(t, {A_PUB, (u8)n, 0, 0}, {}, cb);
      }  // R6.2
      if (P.lazy && stableTarget(a, n) > a.sg) {
        State t = s;
        Viol vi;
        t.n[n].sg = stableTarget(a, n);
        seen(t, n, vi);
        emit(t, {A_SIGMA, (u8)n, 0, 0}, vi, cb);
      }
      for (int f = 0; f < NN; f++) {
        if (f == n || !s.n[f].alive || !(me >> f & 1)) continue;
        if (s.nm < P.K && (s.n[f].term <= a.term || P.sgf)) {
          for (int p = 0; p <= a.len; p++) {
            if ((!P.midp && p && p != a.len) || (!p && !P.hb)) continue;
            State t = s;
            Msg m{};
            m.type = AE;
            m.src = n;
            m.dst = f;
            m.term = a.term;
            m.len = p;
            memcpy(m.log, a.log, p);
            if (P.sgf) {
              m.c = a.c;
              m.sg = told(a);
            }
            m.fresh = s.rph == 2 && s.rlead == n;
            int k = t.nm;
            addMsg(t, m);
            if (t.nm != k) emit(t, {A_SEND, (u8)n, (u8)f, (u8)p}, {}, cb);
          }
          if (s.nSnap < P.snap && s.n[f].term <= a.term &&
              !s.n[f].inst)  // InstallSnapshot: I <= commit index (the engine is told SNAPSHOT at
                             // <= min(a, c))
            for (int p = 1;
                 p <= std::min<int>(P.snapc ? std::max<int>(vis(a), a.c) : vis(a), a.len); p++) {
              const Node& o = s.n[f];
              if (!P.midp && p != vis(a) && p != a.c) continue;
              if (o.len >= p && o.log[p - 1] == a.log[p - 1]) continue;  // not behind
              State t = s;
              Msg m{};
              m.type = TOK;
              m.src = n;
              m.dst = f;
              m.term = a.term;
              m.len = p;
              memcpy(m.log, a.log, p);
              m.c = a.c;
              m.sg = told(a);
              int k = t.nm;
              addMsg(t, m);
              if (t.nm != k) emit(t, {A_TOK, (u8)n, (u8)f, (u8)p}, {}, cb);
            }
          // grant (R5.1): at most until the leader's own quorum lease ends
          bool bar = V_nobarrier      ? true
                     : V_barrieracked ? a.match[f] >= a.b
                                      : (a.c >= a.b && a.match[f] >= a.b);
          int e = V_unbounded ? P.D : E;
          if (bar && (a.joined >> f & 1) && (a.match[f] >= a.sg || V_regrant) &&
              ((cme >> f & 1) || V_uncommittedcfg) && e > 0) {
            int d = V_drift || e >= INF ? e : e / EPSN;
            if (d > 0 && (V_grantold || V_nodrop ||
                          (s.n[f].term <= a.term && (s.n[f].term < a.term || d > s.n[f].lease)))) {
              State t = s;
              Node& x = t.n[n];
              Msg m{};
              m.type = GRANT;
              m.src = n;
              m.dst = f;
              m.term = a.term;
              m.x = d;
              m.le = a.ple[f];
              int k = t.nm;
              addMsg(t, m);
              if (t.nm != k) {
                if (!V_sinel) x.lend[f] = std::max<int>(x.lend[f], e);
                emit(t, {A_GRANT, (u8)n, (u8)f, (u8)d}, {}, cb);
              }
            }
          }
        }
        if (P.enl && a.c >= a.b && (cme >> f & 1) && E > a.lend[f]) {  // R5.1 Enlist
          State t = s;
          Viol vi;
          t.n[n].lend[f] = E;
          leaderWork(t, n, vi);
          emit(t, {A_ENLIST, (u8)n, (u8)f, (u8)E}, vi, cb);
        }
        if (V_dropslow && a.lend[f]) {
          State t = s;
          Viol vi;
          t.n[n].lend[f] = 0;
          leaderWork(t, n, vi);
          emit(t, {A_SIGMA, (u8)n, (u8)f, 9}, vi, cb);
        }
      }
    } else {
      if (V_prevote && a.term < P.T && (vo >> n & 1) &&
          s.nm < P.K)  // a pre-vote for term+1: f answers with that term and stays in its own
        for (int f = 0; f < NN; f++)
          if (f != n && s.n[f].alive && (vo >> f & 1) && s.n[f].term <= a.term) {
            State t = s;
            Msg m{};
            m.type = PVR;
            m.src = f;
            m.dst = n;
            m.term = a.term + 1;
            int k = t.nm;
            addMsg(t, m);
            if (t.nm != k) emit(t, {A_PV, (u8)n, (u8)f, (u8)(a.term + 1)}, {}, cb);
          }
      if (P.det && a.term < P.T && (vo >> n & 1) && !a.inst) {
        State t = s;
        bump(t, n, a.term + 1);
        Node& x = t.n[n];
        x.role = CAND;
        x.voted = n + 1;
        x.votes = 1 << n;
        if (P.opt) x.W = W0 - x.la;
        emit(t, {A_CAND, (u8)n, 0, 0}, {}, cb);
      }
      if (P.rel && s.nRel < P.rel && a.lease > 0 && a.role == FOL && s.nm < P.K) {
        for (int q = 0; q < NN; q++)
          if (s.n[q].alive && s.n[q].role == LEAD && s.n[q].term == a.term) {
            State t = s;
            Node& x = t.n[n];
            x.lease = 0;
            x.le++;
            t.nRel++;
            Msg m{};
            m.type = REL;
            m.src = n;
            m.dst = q;
            m.term = a.term;
            m.le = x.le;
            addMsg(t, m);
            emit(t, {A_REL, (u8)n, 0, 0}, {}, cb);
          }
      }
    }
    if (a.inst)  // R10: the data arrives, from whoever may serve (I, t)
      for (int f = 0; f < NN; f++) {
        const Node& o = s.n[f];
        if (f == n || !o.alive || o.inst ||
            !((o.len >= a.inst && o.log[a.inst - 1] == a.log[a.inst - 1]) || vis(o) >= a.inst))
          continue;
        State t = s;
        Viol vi;
        Node& x = t.n[n];
        x.ab = std::max<int>(x.ab, vis(o));
        x.sg = std::max(x.sg, x.ab);
        x.c = std::max(x.c, a.inst);
        if (a.it == a.term) x.v = std::max(x.v, a.inst);
        x.inst = x.it = 0;
        seen(t, n, vi);
        emit(t, {A_INST, (u8)n, (u8)f, x.ab}, vi, cb);
      }
    if (P.two && !a.inst) {  // R6.2, R6.4: one key of entry a+1 in the store; then the other, and a
                             // is published
      int lim = a.role != LEAD ? std::min(a.c, a.sg) : V_halfentry ? a.sg : a.psg, i = a.ab + 1;
      if (i <= lim) {
        State t = s;
        Viol vi;
        Node& x = t.n[n];
        bool touch = i > s.G;
        if (i > a.len)
          vi = {"applied an entry it does not have", n};
        else if (touch)
          t.GL[t.G++] = a.log[i - 1];
        else
          do {
            if (s.GL[i - 1] != a.log[i - 1]) {
              vi = {
                  "two nodes made different entries visible at one index (a visible write was "
                  "lost)",
                  n};
              break;
            }
            x.ab = i++;
            if (a.role == LEAD && V_halfentry) x.psg = x.ab;
          } while (!P.sgf && i <= std::min<int>(lim, s.G));
        emit(t, {(u8)(touch ? A_TOUCH : A_SHOW), (u8)n, (u8)(touch ? i : x.ab), 0}, vi, cb);
      }
    }
    if (!P.det && a.role == FOL && (!a.inst || V_instlead) && (vo >> n & 1) &&
        a.len < P.lmax) {  // R4: one step election by {n} + the voters in q
      for (int q = 0; q < 1 << NN; q++) {
        if ((q >> n & 1) || (q & ~vo) || pop(q) + 1 != pop(vo) / 2 + 1) continue;
        int tm = a.term;
        bool ok = true;
        for (int w = 0; w < NN; w++)
          if (q >> w & 1) {
            const Node& o = s.n[w];
            bool utd =
                o.len == 0 ||
                (a.len && (eterm(a.log[a.len - 1]) > eterm(o.log[o.len - 1]) ||
                           (eterm(a.log[a.len - 1]) == eterm(o.log[o.len - 1]) && a.len >= o.len)));
            ok &= o.alive && !o.inst && utd;
            tm = std::max<int>(tm, o.term);
          }
        if (!ok || ++tm > P.T) continue;
        State t = s;
        Viol vi;
        int w = W0 - s.n[n].la;
        for (int o = 0; o < NN; o++)
          if (q >> o & 1) {
            if (P.opt && !V_optself) {
              int la = s.n[o].role == LEAD ? 0 : s.n[o].la;
              w = std::max(w, W0 - la / EPSN);
            }
            bump(t, o, tm);
          }
        bump(t, n, tm);
        newLeader(t, n, V_nowait ? 0 : P.opt ? w : W0, q, vi);
        emit(t, {A_LEAD, (u8)n, (u8)tm, (u8)q}, vi, cb);
      }
    }
    if (a.role == CAND) {
      for (int w = 0; w < NN; w++) {
        const Node& o = s.n[w];
        if (w == n || !o.alive || o.term > a.term) continue;
        bool utd =
            o.len == 0 ||
            (a.len && (eterm(a.log[a.len - 1]) > eterm(o.log[o.len - 1]) ||
                       (eterm(a.log[a.len - 1]) == eterm(o.log[o.len - 1]) && a.len >= o.len)));
        if ((vo >> w & 1) && utd && !o.inst &&
            (o.term < a.term || (o.voted == 0 && o.role == FOL))) {
          State t = s;
          if (o.term < a.term) bump(t, w, a.term);
          t.n[w].voted = n + 1;
          t.n[n].votes |= 1 << w;
          if (P.vj) t.n[n].joined |= 1 << w;
          if (P.opt && !V_optself) t.n[n].W = std::max<int>(t.n[n].W, W0 - t.n[w].la / EPSN);
          emit(t, {A_VOTE, (u8)w, (u8)n, 0}, {}, cb);
        }
        if (o.term < a.term) {
          State t = s;
          bump(t, w, a.term);
          if (P.vj && (vo >> w & 1)) t.n[n].joined |= 1 << w;
          emit(t, {A_BUMP, (u8)w, (u8)n, 0}, {}, cb);
        }
      }
      if (pop(a.votes & vo) * 2 > pop(vo) && a.len < P.lmax) {
        State t = s;
        Viol vi;
        newLeader(t, n, V_nowait ? 0 : P.opt ? a.W : W0, a.joined, vi);
        emit(t, {A_LEAD, (u8)n, a.term, 0}, vi, cb);
      }
    }
    if (s.nCrash < P.crash) {
      State t = s;
      stepDown(t, n);
      memset(&t.n[n], 0, sizeof(Node));
      t.nCrash++;
      for (int i = 0; i < t.nm;)
        if (t.m[i].dst == n)
          delMsg(t, i);
        else
          i++;
      emit(t, {A_CRASH, (u8)n, 0, 0}, {}, cb);
    }
    // explicit reads
    if (P.reads && s.rph == 0) {
      int need = lastW(s.GL, s.G);
      if (a.role == FOL && a.lease > 0) {
        int tg = 0;
        for (int i = std::min<int>(a.v, a.len); i > vis(a); i--)
          if (ekind(a.log[i - 1]) == KW) {
            tg = i;
            break;
          }
        if (tg) {
          State t = s;
          t.rph = 1;
          t.rnode = n;
          t.rneed = need;
          t.rtgt = tg;
          emit(t, {A_READ, (u8)n, 0, 0}, {}, cb);
        }
      }
      if (a.role == LEAD && leaseL(a, n) > 0 && a.c >= a.b) {
        int tg = 0;
        int sp = P.two ? a.psg : a.sg;
        if (P.two && sp >= a.b && !V_halfentry) {
          for (int i = sp; i > vis(a); i--)
            if (ekind(a.log[i - 1]) == KW) {
              tg = i;
              break;
            }
        }  // R8.2
        else if (sp < a.b)
          for (int i = a.len; i > vis(a); i--)
            if (ekind(a.log[i - 1]) == KW) {
              tg = i;
              break;
            }
        if (tg) {
          State t = s;
          t.rph = 1;
          t.rnode = n;
          t.rneed = need;
          t.rtgt = tg;
          emit(t, {A_READ, (u8)n, 0, 0}, {}, cb);
        }
        for (int f = 0; f < NN; f++)
          if (f != n && s.n[f].alive) {  // fallback, confirmed by the leader's lease
            State t = s;
            t.rph = 3;
            t.rnode = f;
            t.rneed = need;
            t.rtgt = V_fallback ? a.sg : std::max(a.sg, a.b);
            if (vis(s.n[f]) < t.rtgt || need > vis(s.n[f]))
              emit(t, {A_READ, (u8)f, 1, (u8)n}, {}, cb);
          }
      }
      if (a.role == LEAD)  // fallback, confirmed by a quorum round
        for (int f = 0; f < NN; f++)
          if (s.n[f].alive) {
            State t = s;
            t.rph = 2;
            t.rnode = f;
            t.rneed = need;
            t.rtgt = V_fallback ? a.sg : std::max(a.sg, a.b);
            t.rlead = n;
            emit(t, {A_QREAD, (u8)f, (u8)n, 0}, {}, cb);
          }
    }
    if (s.rph == 2 && s.rlead == n && a.role == LEAD && a.c >= a.b &&
        pop((s.rfresh | 1 << n) & vo) * 2 > pop(vo)) {
      State t = s;
      int f = t.rnode, nd = t.rneed, tg = t.rtgt;
      endRead(t);
      resort(t);
      t.rph = 3;
      t.rnode = f;
      t.rneed = nd;
      t.rtgt = tg;
      emit(t, {A_QDONE, (u8)f, (u8)n, 0}, {}, cb);
    }
  }
}

// ---- symmetry ----
static std::vector<std::array<u8, NN>> perms;
static inline u8 pmask(u8 m, const u8* p) {
  u8 r = 0;
  for (int i = 0; i < NN; i++)
    if (m >> i & 1) r |= 1 << p[i];
  return r;
}
static inline u8 pent(u8 e, const u8* p) {
  int k = e & 31;
  return k >= 8 ? (u8)((e & ~7) | p[k & 7]) : e;
}
static void permute(const State& s, const u8* p, State& t) {
  t = s;
  bool cfg = P.rm || P.add;
  for (int i = 0; i < NN; i++) {
    Node& x = t.n[p[i]];
    x = s.n[i];
    if (x.voted) x.voted = p[x.voted - 1] + 1;
    x.votes = pmask(x.votes, p);
    x.joined = pmask(x.joined, p);
    for (int j = 0; j < NN; j++) {
      x.match[p[j]] = s.n[i].match[j];
      x.age[p[j]] = s.n[i].age[j];
      x.lend[p[j]] = s.n[i].lend[j];
      x.ple[p[j]] = s.n[i].ple[j];
    }
    if (cfg)
      for (int j = 0; j < x.len; j++) x.log[j] = pent(x.log[j], p);
  }
  if (cfg)
    for (int j = 0; j < s.G; j++) t.GL[j] = pent(t.GL[j], p);
  memset(t.m, 0, sizeof t.m);
  t.nm = 0;
  for (int i = 0; i < s.nm; i++) {
    Msg m = s.m[i];
    m.src = p[m.src];
    m.dst = p[m.dst];
    if (cfg)
      for (int j = 0; j < m.len; j++) m.log[j] = pent(m.log[j], p);
    int k = t.nm++;
    while (k > 0 && memcmp(&t.m[k - 1], &m, sizeof m) > 0) {
      t.m[k] = t.m[k - 1];
      k--;
    }
    t.m[k] = m;
  }
  if (s.rph) {
    t.rnode = p[s.rnode];
    if (s.rph == 2) {
      t.rlead = p[s.rlead];
      t.rfresh = pmask(s.rfresh, p);
    }
  }
}
static inline u64 mix(u64 a, u64 b) {
  __uint128_t r = (__uint128_t)a * b;
  return (u64)r ^ (u64)(r >> 64);
}
static u64 hashState(const State& s) {
  const u8* d = (const u8*)&s;
  size_t n = sizeof s;
  u64 h = 0x9E3779B97F4A7C15ull ^ n, a, b;
  while (n >= 16) {
    memcpy(&a, d, 8);
    memcpy(&b, d + 8, 8);
    h = mix(a ^ 0xa0761d6478bd642full ^ h, b ^ 0xe7037ed1a0b428dbull) + h * 3;
    d += 16;
    n -= 16;
  }
  u8 t[16] = {0};
  memcpy(t, d, n);
  memcpy(&a, t, 8);
  memcpy(&b, t + 8, 8);
  h = mix(a ^ 0x8ebc6af09c88c6e3ull ^ h, b ^ 0x589965cc75374cc3ull) + h * 3;
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93ull;
  h ^= h >> 32;
  return h ? h : 1;
}
// Canonical fingerprint: nodes are ordered by a signature that does not depend on node numbers;
// only permutations that respect that order (all of them where signatures tie) are hashed, and the
// smallest hash counts.
static u64 fingerprint(const State& s) {
  if (perms.size() == 1) return hashState(s);
  u64 sig[NN];
  bool cfg = P.rm || P.add;
  for (int i = 0; i < NN; i++) {
    const Node& a = s.n[i];
    u64 l = 0;
    for (int j = 0; j < a.len; j++)
      l = l * 41 + (cfg && (a.log[j] & 31) >= 8 ? a.log[j] & ~7 : a.log[j]) + 1;
    u64 x = a.alive | a.role << 1 | a.term << 3 | (u64)a.v << 6 | (u64)a.lease << 9 |
            (u64)a.le << 13 | (u64)a.la << 15 | (u64)a.W << 19 | (u64)a.b << 23 | (u64)a.c << 26 |
            (u64)a.sg << 29 | (u64)(P.voters >> i & 1) << 33 | (u64)(P.standby >> i & 1) << 34 |
            (u64)pop(a.joined) << 35 | (u64)pop(a.votes) << 38 | (u64)a.inst << 42 |
            (u64)a.it << 46 | (u64)a.ab << 50 | (u64)a.psg << 54 | (u64)a.hz << 58;
    sig[i] = mix(x ^ 0xa0761d6478bd642full, l ^ 0xe7037ed1a0b428dbull);
    for (int j = 0; j < NN; j++)
      if (j != i) {
        const Node& o = s.n[j];
        if (o.role == LEAD)
          sig[i] += mix(o.term * 4096ull + o.match[i] * 512 + o.age[i] * 64 + o.lend[i] * 4 +
                            (o.joined >> i & 1) * 2 + 0x9E3779B97F4A7C15ull,
                        0x589965cc75374cc3ull);
      }
    if (s.rph && s.rnode == i) sig[i] += 0x1234567;
  }
  for (int k = 0; k < s.nm; k++) {
    const Msg& m = s.m[k];
    sig[m.src] +=
        mix(m.type * 65536 + m.term * 4096 + m.len * 256 + m.x * 16 + 1, 0x8ebc6af09c88c6e3ull);
    sig[m.dst] +=
        mix(m.type * 65536 + m.term * 4096 + m.c * 256 + m.x * 16 + 2, 0xeb44accab455d165ull);
  }
  u64 best = ~0ull;
  State t;
  for (auto& p : perms) {
    bool id = true, ok = true;
    const u8* q = p.data();
    u64 by[NN];
    for (int i = 0; i < NN; i++) {
      by[q[i]] = sig[i];
      id &= q[i] == i;
    }
    for (int i = 0; i + 1 < NN; i++)
      if (by[i] > by[i + 1] && (P.voters >> i & 1) == (P.voters >> (i + 1) & 1) &&
          (P.standby >> i & 1) == (P.standby >> (i + 1) & 1)) {
        ok = false;
        break;
      }
    if (!ok) continue;
    u64 h;
    if (id)
      h = hashState(s);
    else {
      permute(s, q, t);
      h = hashState(t);
    }
    best = std::min(best, h);
  }
  return best;
}

// ---- print ----
static std::string logStr(const u8* l, int n) {
  std::string r;
  for (int i = 0; i < n; i++) {
    int k = ekind(l[i]);
    char b[16];
    if (k == KW)
      snprintf(b, 16, "w%d", eterm(l[i]));
    else if (k == KB)
      snprintf(b, 16, "B%d", eterm(l[i]));
    else
      snprintf(b, 16, "%s%d/%d",
               k >= KADDS   ? "ADDs"
               : k >= KADDV ? "ADDv"
                            : "RM",
               k & 7, eterm(l[i]));
    r += (i ? " " : "") + std::string(b);
  }
  return "[" + r + "]";
}
static std::string labStr(const State& s, Lab l) {
  char b[256];
  auto msg = [&](const Msg& m) {
    char x[160];
    if (m.type == AE)
      snprintf(x, 160, "AE n%d->n%d t%d %s commit=%d stable=%d age=%d", m.src, m.dst, m.term,
               logStr(m.log, m.len).c_str(), m.c, m.sg, m.x);
    else if (m.type == ACK)
      snprintf(x, 160, "ACK n%d->n%d t%d verified=%d age=%d", m.src, m.dst, m.term, m.c, m.x);
    else if (m.type == GRANT)
      snprintf(x, 160, "GRANT n%d->n%d t%d left=%d", m.src, m.dst, m.term, m.x);
    else if (m.type == TOK)
      snprintf(x, 160, "SNAPSHOT TOKEN n%d->n%d t%d %s", m.src, m.dst, m.term,
               logStr(m.log, m.len).c_str());
    else if (m.type == PVR)
      snprintf(x, 160, "PRE-VOTE ANSWER n%d->n%d t%d", m.src, m.dst, m.term);
    else
      snprintf(x, 160, "RELEASE n%d->n%d t%d epoch=%d", m.src, m.dst, m.term, m.le);
    return std::string(x);
  };
  switch (l.a) {
    case A_TICK: {
      std::string f;
      for (int i = 0; i < NN; i++) f += P.skew ? ((l.b >> i & 1) ? "2" : "1") : "";
      return "tick " + f;
    }
    case A_WRITE:
      snprintf(b, 256, "leader n%d appends a write", l.b);
      break;
    case A_RM:
      snprintf(b, 256, "leader n%d appends REMOVE n%d", l.b, l.c);
      break;
    case A_ADD:
      snprintf(b, 256, "leader n%d appends ADD n%d as %s", l.b, l.c, l.d ? "standby" : "voter");
      break;
    case A_SEND:
      snprintf(b, 256, "n%d sends AE to n%d with entries 1..%d (stable=%d)", l.b, l.c, l.d,
               s.n[l.b].sg);
      break;
    case A_DELIV:
      return std::string(l.c ? "deliver copy of " : "deliver ") + msg(s.m[l.b]);
    case A_NOTICE:
      return "stable-index notice: " + msg(s.m[l.b]);
    case A_DROP:
      return "lose " + msg(s.m[l.b]);
    case A_CAND:
      snprintf(b, 256, "n%d becomes candidate of term %d", l.b, s.n[l.b].term + 1);
      break;
    case A_VOTE:
      snprintf(b, 256, "n%d votes for n%d in term %d", l.b, l.c, s.n[l.c].term);
      break;
    case A_BUMP:
      snprintf(b, 256, "n%d learns term %d from n%d (no vote)", l.b, s.n[l.c].term, l.c);
      break;
    case A_LEAD:
      snprintf(b, 256, "n%d becomes LEADER of term %d, appends its barrier at index %d", l.b, l.c,
               s.n[l.b].len + 1);
      break;
    case A_CRASH:
      snprintf(b, 256, "n%d CRASHES", l.b);
      break;
    case A_GRANT:
      snprintf(b, 256, "n%d grants n%d a lease, %d left", l.b, l.c, l.d);
      break;
    case A_SIGMA:
      snprintf(b, 256, l.d == 9 ? "n%d drops slow n%d from S" : "n%d advances its stable index",
               l.b, l.c);
      break;
    case A_READ:
      snprintf(b, 256,
               l.c ? "read starts at n%d, fallback answered by n%d" : "local read starts at n%d",
               l.b, l.d);
      break;
    case A_REL:
      snprintf(b, 256, "n%d releases its lease", l.b);
      break;
    case A_QREAD:
      snprintf(b, 256, "read starts at n%d, fallback at n%d, quorum round", l.b, l.c);
      break;
    case A_QDONE:
      snprintf(b, 256, "n%d's quorum round for n%d's read is complete", l.c, l.b);
      break;
    case A_ENLIST:
      snprintf(b, 256, "n%d enlists n%d, %d left", l.b, l.c, l.d);
      break;
    case A_PV:
      snprintf(b, 256, "n%d asks for pre-votes of term %d; n%d answers and stays in term %d", l.b,
               l.d, l.c, s.n[l.c].term);
      break;
    case A_TOK:
      snprintf(b, 256, "n%d sends n%d a snapshot token for 1..%d", l.b, l.c, l.d);
      break;
    case A_INST:
      snprintf(b, 256, "n%d has installed the snapshot from n%d, visible up to %d", l.b, l.c, l.d);
      break;
    case A_PUB:
      snprintf(b, 256, "leader n%d publishes stable index %d to its readers", l.b, s.n[l.b].sg);
      break;
    case A_TOUCH:
      snprintf(b, 256, "n%d stores one key of entry %d", l.b, l.c);
      break;
    case A_SHOW:
      snprintf(b, 256, "n%d stores the rest, publishes a=%d", l.b, l.c);
      break;
    default:
      snprintf(b, 256, "?");
  }
  return b;
}
static void dump(const State& s) {
  for (int n = 0; n < NN; n++) {
    const Node& a = s.n[n];
    if (!a.alive) {
      printf("        n%d dead\n", n);
      continue;
    }
    printf("        n%d %s t%d log=%s commit=%d stable=%d visible=%d verified=%d", n,
           a.role == LEAD   ? "LEADER"
           : a.role == CAND ? "cand"
                            : "fol",
           a.term, logStr(a.log, a.len).c_str(), a.c, a.sg, vis(a), a.v);
    if (a.lease) printf(" LEASE=%d", a.lease);
    if (a.inst) printf(" INSTALLING 1..%d of t%d", a.inst, a.it);
    if (P.two && a.role == LEAD) printf(" published=%d", a.psg);
    if (a.role == LEAD) {
      printf(" E_L=%d wait=%d b=%d joined=%x match", leaseL(a, n), a.W, a.b, a.joined);
      for (int j = 0; j < NN; j++) printf("%c%d", j ? ',' : '=', a.match[j]);
      printf(" lease_end");
      for (int j = 0; j < NN; j++) printf("%c%d", j ? ',' : '=', a.lend[j]);
    }
    printf("\n");
  }
  printf("        ghost (visible somewhere) = %s\n", logStr(s.GL, s.G).c_str());
}

// ---- init ----
static State init() {
  State s;
  memset(&s, 0, sizeof s);
  int me = P.voters | P.standby;
  for (int n = 0; n < NN; n++) {
    Node& a = s.n[n];
    a.alive = 1;
    if (P.opt) a.la = W0;
    if (!(me >> n & 1)) {
      a.la = P.opt ? W0 : 0;
      continue;
    }  // not yet a member: empty log
    if (P.cold) {
      a.len = 1;
      a.log[0] = ent(0, KB);
      a.c = 1;
      a.sg = 1;
      continue;
    }
    a.term = 1;
    a.len = 1;
    a.log[0] = ent(1, KB);
    a.c = 1;
    a.sg = 1;
    a.v = 1;
    a.la = 0;
    if (n == 0) {
      a.role = LEAD;
      a.voted = 1;
      a.b = 1;
      a.v = 0;
      a.joined = me & ~1;
      for (int j = 0; j < NN; j++) {
        a.match[j] = j && (me >> j & 1);
        a.age[j] = j ? P.D : 0;
      }
    }
  }
  s.G = 1;
  s.CM = 1;
  s.lt = P.cold ? 0 : 1;
  s.GL[0] = ent(P.cold ? 0 : 1, KB);
  if (!P.sgf)
    for (int n = 0; n < NN; n++)
      if (s.n[n].role != LEAD) s.n[n].c = s.n[n].sg = 0;
  if (P.two)
    for (int n = 0; n < NN; n++) {
      s.n[n].ab = s.n[n].sg;
      if (s.n[n].role == LEAD) s.n[n].psg = s.n[n].sg;
    }
  if (!P.det)
    for (int n = 0; n < NN; n++) s.n[n].voted = 0;
  return s;
}

// ---- search: parallel BFS ----
struct Slot {
  std::atomic<u64> fp;
  uint32_t parent;
  uint32_t depth;
};
static Slot* tab;
static u64 tabN;
static std::atomic<u64> nstates{0}, ntrans{0};
static double secs(std::chrono::steady_clock::time_point a) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - a).count();
}

static bool insert(u64 fp, uint32_t parent, uint32_t depth, uint32_t& slot) {
  u64 i = fp % tabN;
  for (;;) {
    u64 c = tab[i].fp.load(std::memory_order_relaxed);
    if (c == fp) {
      slot = i;
      return false;
    }
    if (c == 0) {
      if (tab[i].fp.compare_exchange_strong(c, fp)) {
        tab[i].parent = parent;
        tab[i].depth = depth;
        slot = i;
        return true;
      }
      if (c == fp) {
        slot = i;
        return false;
      }
    }
    if (++i == tabN) i = 0;
  }
}
struct Item {
  State s;
  uint32_t slot;
};

static void trace(uint32_t slot, const State& bad, Lab badl, Viol vi, bool full) {
  std::vector<u64> fps;
  uint32_t x = slot;
  for (;;) {
    fps.push_back(tab[x].fp);
    if (tab[x].depth == 0) break;
    x = tab[x].parent;
  }
  std::reverse(fps.begin(), fps.end());
  State s = init();
  int k = 0;
  if (full) dump(s);
  for (size_t i = 1; i < fps.size(); i++) {
    bool found = false;
    State nx{};
    Lab nl{};
    succ(s, [&](const State& t, Lab l, Viol&) {
      if (!found && fingerprint(t) == fps[i]) {
        found = true;
        nx = t;
        nl = l;
      }
    });
    if (!found) {
      printf("trace lost at %zu\n", i);
      return;
    }
    printf("  %2d. %s\n", ++k, labStr(s, nl).c_str());
    s = nx;
    if (full) dump(s);
  }
  bool found = false;
  succ(s, [&](const State& t, Lab l, Viol& w) {
    if (!found && w.what) {
      found = true;
      printf("  %2d. %s\n", ++k, labStr(s, l).c_str());
      printf("  => %s (node n%d)\n", w.what, w.n);
      dump(t);
    }
  });
  if (!found) {
    printf("  %2d. %s\n  => %s (node n%d)\n", ++k, labStr(s, badl).c_str(), vi.what, vi.n);
    dump(bad);
  }
}

int main(int argc, char** argv) {
  double maxsec = 170, gb = 3;
  int threads = 2;
  bool full = false;
  u64 sim = 0;
  int simdepth = 200;
  unsigned seed = 1;
  for (int i = 1; i < argc; i++) {
    std::string a = argv[i];
    auto eq = a.find('=');
    std::string k = a.substr(0, eq), v = eq == std::string::npos ? "1" : a.substr(eq + 1);
    int x = (int)strtol(v.c_str(), 0, 0);
    if (k == "D")
      P.D = x;
    else if (k == "skew")
      P.skew = x;
    else if (k == "T")
      P.T = x;
    else if (k == "W")
      P.Wr = x;
    else if (k == "K")
      P.K = x;
    else if (k == "crash")
      P.crash = x;
    else if (k == "rm")
      P.rm = x;
    else if (k == "add")
      P.add = x;
    else if (k == "rel")
      P.rel = x;
    else if (k == "lmax")
      P.lmax = x;
    else if (k == "voters")
      P.voters = x;
    else if (k == "standby")
      P.standby = x;
    else if (k == "dup")
      P.dup = x;
    else if (k == "lazy")
      P.lazy = x;
    else if (k == "reads")
      P.reads = x;
    else if (k == "opt")
      P.opt = x;
    else if (k == "midp")
      P.midp = x;
    else if (k == "ticks")
      P.tickmax = x;
    else if (k == "cold")
      P.cold = x;
    else if (k == "det")
      P.det = x;
    else if (k == "sgf")
      P.sgf = x;
    else if (k == "hb")
      P.hb = x;
    else if (k == "early")
      P.early = x;
    else if (k == "strict")
      P.strict = x;
    else if (k == "enl")
      P.enl = x;
    else if (k == "vj")
      P.vj = x;
    else if (k == "snap")
      P.snap = x;
    else if (k == "two")
      P.two = x;
    else if (k == "rec")
      P.rec = x;
    else if (k == "snapc")
      P.snapc = x;
    else if (k == "v")
      setVariant(v);
    else if (k == "sec")
      maxsec = atof(v.c_str());
    else if (k == "gb")
      gb = atof(v.c_str());
    else if (k == "threads")
      threads = x;
    else if (k == "full")
      full = true;
    else if (k == "sim")
      sim = strtoull(v.c_str(), 0, 0);
    else if (k == "simdepth")
      simdepth = x;
    else if (k == "seed")
      seed = x;

    else {
      fprintf(stderr, "unknown option %s\n", a.c_str());
      return 2;
    }
  }
  if (P.K > KM || P.lmax > LM || P.T > 7) {
    fprintf(stderr, "bounds: K<=%d lmax<=%d T<=7\n", KM, LM);
    return 2;
  }
  if (P.reads || V_nopending || V_cutfallback || P.early || P.snap || V_tellearly || P.rec)
    P.sgf = 1;
  EPSN = P.skew ? 2 : 1;
  W0 = V_wdrift ? P.D : P.D * EPSN;
  std::array<u8, NN> p;
  for (int i = 0; i < NN; i++) p[i] = i;
  do {
    if (pmask(P.voters, p.data()) == P.voters && pmask(P.standby, p.data()) == P.standby)
      perms.push_back(p);
  } while (std::next_permutation(p.begin(), p.end()));

  const auto t0 = std::chrono::steady_clock::now();
  if (sim) {  // random walks
    std::atomic<u64> done{0}, steps{0};
    std::atomic<bool> bad{false};
    std::vector<std::thread> th;
    for (int w = 0; w < threads; w++)
      th.emplace_back([&, w] {
        std::mt19937_64 rng(seed * 1000003ull + w);
        std::vector<std::pair<State, Lab>> nx;
        while (done.fetch_add(1) < sim && !bad && secs(t0) < maxsec) {
          State s = init();
          std::vector<std::pair<State, Lab>> path;
          for (int d = 0; d < simdepth && !bad; d++) {
            nx.clear();
            bool v = false;
            Viol vv;
            State bs;
            Lab bl{};
            succ(s, [&](const State& t, Lab l, Viol& q) {
              if (q.what) {
                v = true;
                vv = q;
                bs = t;
                bl = l;
              }
              nx.push_back({t, l});
            });
            steps++;
            if (v) {
              if (!bad.exchange(true)) {
                printf("VIOLATION (random walk, %zu steps): %s\n", path.size() + 1, vv.what);
                State c = init();
                int k = 0;
                for (auto& x : path) {
                  printf("  %2d. %s\n", ++k, labStr(c, x.second).c_str());
                  c = x.first;
                  if (full) dump(c);
                }
                printf("  %2d. %s\n  => %s (node n%d)\n", ++k, labStr(c, bl).c_str(), vv.what,
                       vv.n);
                dump(bs);
              }
              break;
            }
            if (nx.empty()) break;
            // bias: sub-sample by class so that ticks and elections do not starve the rest
            static const int wt[] = {6, 8, 6, 6, 10, 24, 2, 2, 6, 1,  12, 1,  10,
                                     8, 4, 4, 4, 12, 6,  4, 4, 6, 10, 10, 12, 12};
            double tot = 0;
            static thread_local double cw[4096];
            int cls[32] = {0};
            for (auto& x : nx) cls[x.second.a]++;
            int m = std::min<size_t>(nx.size(), 4096);
            for (int i = 0; i < m; i++) {
              tot += (double)wt[nx[i].second.a] / std::max(1, cls[nx[i].second.a]);
              cw[i] = tot;
            }
            double r = std::uniform_real_distribution<double>(0, tot)(rng);
            int i = std::lower_bound(cw, cw + m, r) - cw;
            if (i >= m) i = m - 1;
            s = nx[i].first;
            path.push_back(nx[i]);
          }
        }
      });
    for (auto& x : th) x.join();
    printf("random walks: %llu walks, %llu states visited, %.0f s, %s\n",
           (unsigned long long)std::min<u64>(done, sim), (unsigned long long)steps, secs(t0),
           bad ? "VIOLATION" : "no violation");
    return bad ? 1 : 0;
  }
  tabN = (u64)(gb * 1e9 / sizeof(Slot)) | 1;
  if (tabN > 0xFFFFFFF0ull) tabN = 0xFFFFFFF1ull;
  tab = (Slot*)mmap(nullptr, tabN * sizeof(Slot), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(tab, tabN * sizeof(Slot), MADV_HUGEPAGE);
  std::vector<Item> cur, nxt;
  {
    Item it;
    it.s = init();
    insert(fingerprint(it.s), 0, 0, it.slot);
    cur.push_back(it);
    nstates = 1;
  }
  bool violated = false, stop = false;
  int depth = 0;
  State badS{};
  Lab badL{};
  Viol badV;
  uint32_t badSlot = 0;
  std::atomic<int> badLock{0};
  const char* why = "complete";
  while (!cur.empty() && !violated && !stop) {
    std::atomic<size_t> pos{0};
    std::vector<std::vector<Item>> out(threads);
    std::vector<std::thread> th;
    nxt.clear();
    auto work = [&](int w, size_t limit) {
      for (;;) {
        size_t b = pos.fetch_add(256);
        if (b >= limit) break;
        for (size_t i = b; i < std::min(limit, b + 256); i++) {
          const Item it = cur[i];
          u64 tr = 0;
          succ(it.s, [&](const State& t, Lab l, Viol& q) {
            tr++;
            if (q.what) {
              int z = 0;
              if (badLock.compare_exchange_strong(z, 1)) {
                badS = t;
                badL = l;
                badV = q;
                badSlot = it.slot;
                violated = true;
              }
              return;
            }
            uint32_t sl;
            if (insert(fingerprint(t), it.slot, depth + 1, sl)) {
              nstates++;
              out[w].push_back({t, sl});
            }
          });
          ntrans += tr;
        }
        if (violated) break;
      }
    };
    // A layer in pieces, so that the limits are obeyed.
    size_t done = 0;
    while (done < cur.size() && !violated && !stop) {
      size_t lim = std::min(cur.size(), done + 400000);
      pos = done;
      th.clear();
      for (int w = 0; w < threads; w++) th.emplace_back(work, w, lim);
      for (auto& x : th) x.join();
      done = lim;
      if (nstates > tabN * 0.85) {
        stop = true;
        why = "table full";
      }
      if (secs(t0) > maxsec) {
        stop = true;
        why = "time";
      }
    }
    size_t tot = 0;
    for (auto& o : out) tot += o.size();
    cur.clear();
    cur.shrink_to_fit();
    nxt.reserve(tot);
    for (auto& o : out) {
      nxt.insert(nxt.end(), o.begin(), o.end());
      std::vector<Item>().swap(o);
    }
    cur.swap(nxt);
    std::vector<Item>().swap(nxt);
    if (!violated && !stop) depth++;
    if (getenv("MCV")) {
      fprintf(stderr, "depth %d states %llu frontier %zu\n", depth, (unsigned long long)nstates,
              cur.size());
    }
  }
  if (violated) {
    printf("VIOLATION at depth %d after %llu states: %s\n", depth + 1, (unsigned long long)nstates,
           badV.what);
    trace(badSlot, badS, badL, badV, full);
  }
  printf("%s: states %llu, transitions %llu, depth %d%s, %.0f s, %s\n", violated ? "FAILED" : "ok",
         (unsigned long long)nstates, (unsigned long long)ntrans, depth,
         cur.empty() && !stop && !violated ? " (all)" : " (layers complete)", secs(t0),
         violated ? "counterexample above" : why);
  return violated ? 1 : 0;
}
