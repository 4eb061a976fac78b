// Drives several engines of libraft 0.22.1 through raft_step() with messages delivered by hand (one
// thread, no sockets, no clock), and checks, one function per scenario, what a replicated store
// that is kept in memory relies on.
//
//   PASS  the engine behaves
//   NOTE  an expected defect was reproduced, or a fact worth knowing
//   FAIL  not what is expected: the exit status is 1
//
//   docs/model/run engine [E-NUMBER]
//
// Independent of ram's own use of the engine (src/consensus), whose fences are what it found. Do
// not call the program "unit-test": the engine looks at the program's name.
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
// raft.h has sizeof(struct {...}) in static assertions, which C++ does not allow.
#define static_assert(...)
extern "C" {
#include <raft.h>
}
#undef static_assert
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

// ---- reporting ----
static int failures = 0;
static void line(const char* k, const char* id, const std::string& s) {
  printf("%-4s %-4s %s\n", k, id, s.c_str());
  fflush(stdout);
}
static void pass(bool ok, const char* id, const std::string& s) {
  line(ok ? "PASS" : "FAIL", id, s);
  failures += !ok;
}
static void defect(bool present, const char* id, const std::string& s) {
  line(present ? "NOTE" : "FAIL", id,
       (present ? "[expected defect] " : "[expected defect NOT reproduced: re-check] ") + s);
  failures += !present;
}
static void note(const char* id, const std::string& s) {
  line("NOTE", id, s);
}
static std::string S(unsigned long long v) {
  return std::to_string(v);
}

// ---- heap that knows what is live ----
struct Heap {
  std::set<void*> live;
  size_t foreign = 0;
} heap;
static void* hm(void*, size_t n) {
  void* p = malloc(n ? n : 1);
  heap.live.insert(p);
  return p;
}
static void hf(void*, void* p) {
  if (!p) return;
  if (heap.live.erase(p))
    free(p);
  else
    heap.foreign++;
}
static void* hc(void*, size_t a, size_t b) {
  void* p = calloc(a ? a : 1, b ? b : 1);
  heap.live.insert(p);
  return p;
}
static void* hr(void*, void* q, size_t n) {
  heap.live.erase(q);
  void* p = realloc(q, n);
  heap.live.insert(p);
  return p;
}
static void* ha(void*, size_t a, size_t n) {
  void* p = aligned_alloc(a, n);
  heap.live.insert(p);
  return p;
}
static void haf(void*, size_t, void* p) {
  hf(nullptr, p);
}
static raft_heap custom{nullptr, hm, hf, hc, hr, ha, haf};
static bool live(void* p) {
  return heap.live.count(p) != 0;
}

// ---- net and nodes ----
struct Ent {
  raft_term term;
  int type;
  std::string data;
};
struct Wire {
  raft_id from, to;
  raft_message m;
  std::vector<Ent> ents;
  std::string conf;
};
struct Node;
static std::deque<Wire> net;
static std::map<raft_id, std::unique_ptr<Node>> nodes;
static raft_time now_ms = 1000;
static std::map<std::pair<raft_id, raft_term>, std::set<raft_id>>
    votes;  // (voter, term) -> candidates it voted for
static bool fSplit, fTrim, fStale, fPreTerm, fLeader,
    fReject;  // the workarounds, see give() and out()
static std::string addr(raft_id i) {
  return "a" + std::to_string(i);
}
using Conf = std::vector<std::pair<raft_id, int>>;
static raft_configuration mkconf(const Conf& c) {
  raft_configuration k;
  raft_configuration_init(&k);
  for (auto& [i, role] : c) raft_configuration_add(&k, i, addr(i).c_str(), role);
  return k;
}
static std::string enc(const Conf& c) {
  auto k = mkconf(c);
  raft_buffer b;
  raft_configuration_encode(&k, &b);
  std::string s((char*)b.base, b.len);
  raft_free(b.base);
  raft_configuration_close(&k);
  return s;
}
static raft_configuration dec(const std::string& s) {
  raft_configuration k;
  raft_configuration_init(&k);
  raft_buffer b{(void*)s.data(), s.size()};
  if (!s.empty()) raft_configuration_decode(&b, &k);
  return k;
}

// Which memory rules does the library follow? 0.22.1 takes the configuration of RAFT_CONFIGURATION
// (and of the snapshot events and of RAFT_START), later sources (same version number, and
// raft_version_number() is not exported) copy everything: ask it.
static bool newer = false;
static bool probeNewer() {
  static raft r;
  memset(&r, 0, sizeof r);
  raft_init(&r, nullptr, nullptr, 1, "x");
  r.tracer = nullptr;
  raft_configuration k = mkconf({{1, RAFT_VOTER}});
  void* mine = k.servers;
  raft_event e{};
  e.time = 1;
  e.type = RAFT_CONFIGURATION;
  e.configuration.index = 999;
  e.configuration.conf = k;
  raft_update u;
  raft_step(&r, &e, &u);
  bool n = live(mine);
  if (n) raft_configuration_close(&k);
  raft_close(&r, nullptr);
  return n;
}
static void mineIfNewer(raft_configuration* k) {
  if (newer) raft_configuration_close(k);
}

struct Node {
  raft_id id;
  raft r;
  std::string ad;
  std::deque<Ent> log;
  raft_index base = 0;  // log[k] has index base + 1 + k
  raft_index snap = 0;
  raft_term snapTerm = 0;
  raft_index snapConfIndex = 0;
  std::string snapConf;
  raft_index applied = 0, maxCommit = 0;
  std::vector<std::string> fsm;
  bool regressed = false, phantom = false, badIndex = false;
  std::string committedConf;
  raft_index committedConfIndex = 0;
  bool autoPersist = true, autoInstall = true;
  std::deque<raft_index> toPersist;
  struct Install {
    raft_snapshot_metadata md;
    void* chunk;
  };
  std::vector<Install> installing;
  int leaked = 0;
  void* lastBatch = nullptr;
  bool lastBatchInside = false, sawInside = false;
  unsigned lastFlags = 0, lastMsgs = 0;
  const raft_entry* given = nullptr;

  Node(raft_id i, unsigned seed) : id(i), ad(addr(i)) {
    memset(&r, 0, sizeof r);
    raft_init(&r, nullptr, nullptr, id, ad.c_str());
    r.tracer = nullptr;
    raft_seed(&r, seed);
    raft_set_election_timeout(&r, 1000);
    raft_set_heartbeat_timeout(&r, 100);
    raft_set_install_snapshot_timeout(&r, 30000);
  }
  ~Node() {
    for (auto& i : installing) {
      raft_free(i.chunk);
      raft_configuration_close(&i.md.configuration);
    }
    raft_close(&r, nullptr);
  }
  raft_index last() const { return base + log.size(); }
  Ent* at(raft_index i) { return i > base && i <= last() ? &log[i - base - 1] : nullptr; }
  raft_term termOf(raft_index i) {
    if (i == snap && i) return snapTerm;
    auto e = at(i);
    return e ? e->term : 0;
  }
  bool leader() { return raft_state(&r) == RAFT_LEADER; }

  int step(raft_event& ev) {
    ev.time = now_ms;
    ev.capacity = 0;
    raft_update u;
    memset(&u, 0xee, sizeof u);
    int rv = raft_step(&r, &ev, &u);
    lastFlags = rv ? 0 : u.flags;
    lastMsgs = 0;
    lastBatch = nullptr;
    if (rv) return rv;
    raft_term t = raft_current_term(&r);
    if (u.flags & RAFT_UPDATE_VOTED_FOR)
      if (raft_voted_for(&r)) votes[{id, t}].insert(raft_voted_for(&r));
    if (u.flags & RAFT_UPDATE_ENTRIES) {
      lastBatch = u.entries.batch;
      lastBatchInside =
          (char*)u.entries.batch >= (char*)&r && (char*)u.entries.batch < (char*)(&r + 1);
      sawInside |= lastBatchInside;
      if (u.entries.index <= base || u.entries.index > last() + 1) {
        badIndex = true;
        return 0;
      }
      while (last() >= u.entries.index && !log.empty()) log.pop_back();
      for (unsigned k = 0; k < u.entries.n; k++) {
        auto& e = u.entries.batch[k];
        log.push_back({e.term, e.type, std::string((char*)e.buf.base, e.buf.len)});
      }
      if (!given)
        raft_free(u.entries.batch[0].batch);  // the barrier of a new leader: its buffer is ours
      if (newer)
        raft_free(
            u.entries.batch);  // 0.22.1: the caller's array, the middle of it, or struct raft's own
      toPersist.push_back(u.entries.index + u.entries.n - 1);
    }
    if (u.flags & RAFT_UPDATE_MESSAGES) {
      lastMsgs = u.messages.n;
      for (unsigned k = 0; k < u.messages.n; k++) out(u.messages.batch[k]);
    }
    if (u.flags & RAFT_UPDATE_SNAPSHOT)
      installing.push_back({u.snapshot.metadata, u.snapshot.chunk.base});
    auto keepFlags = lastFlags;
    auto keepMsgs = lastMsgs;
    auto kb = lastBatch;
    auto ki = lastBatchInside;
    if (autoPersist) persist();
    if (autoInstall) install();
    apply();
    lastFlags = keepFlags;
    lastMsgs = keepMsgs;
    lastBatch = kb;
    lastBatchInside = ki;
    return 0;
  }
  void persist() {
    while (!toPersist.empty()) {
      raft_event e{};
      e.type = RAFT_PERSISTED_ENTRIES;
      e.persisted_entries.index = toPersist.front();
      toPersist.pop_front();
      step(e);
    }
  }
  void install() {
    while (!installing.empty()) {
      auto in = installing.front();
      installing.erase(installing.begin());
      raft_free(in.chunk);
      snap = in.md.index;
      snapTerm = in.md.term;
      snapConfIndex = in.md.configuration_index;
      log.clear();
      base = snap;
      applied = snap;
      fsm.push_back("snapshot@" + S(snap));
      {
        raft_buffer b;
        raft_configuration_encode(&in.md.configuration, &b);
        snapConf.assign((char*)b.base, b.len);
        raft_free(b.base);
      }
      raft_event e{};
      e.type = RAFT_PERSISTED_SNAPSHOT;
      e.persisted_snapshot.metadata = in.md;
      e.persisted_snapshot.last = true;
      step(e);
      mineIfNewer(&in.md.configuration);
    }
  }
  void apply() {
    raft_index c = raft_commit_index(&r);
    if (c < maxCommit) regressed = true;
    maxCommit = std::max(maxCommit, c);
    while (applied < c && at(applied + 1)) {
      Ent e = *at(++applied);
      if (e.type == RAFT_COMMAND) fsm.push_back(e.data.c_str());
      if (e.type == RAFT_CHANGE) {
        committedConf = e.data;
        committedConfIndex = applied;
        raft_event ev{};
        ev.type = RAFT_CONFIGURATION;
        ev.configuration.index = applied;
        ev.configuration.conf = dec(e.data);
        raft_configuration k = ev.configuration.conf;
        step(ev);
        mineIfNewer(&k);
      }
    }
  }
  void out(const raft_message& m) {
    Wire w{id, m.server_id, m, {}, {}};
    if (m.type == RAFT_APPEND_ENTRIES)
      for (unsigned k = 0; k < m.append_entries.n_entries; k++) {
        Ent* e = at(m.append_entries.prev_log_index + 1 + k);
        if (!e) {
          phantom = true;
          return;
        }
        w.ents.push_back(*e);
      }
    if (m.type == RAFT_INSTALL_SNAPSHOT) w.conf = snapConf;
    // workaround P: a refused pre-vote tells the refuser's own, higher term (the engine only echoes
    // the request's)
    if (fPreTerm && m.type == RAFT_REQUEST_VOTE_RESULT && m.request_vote_result.pre_vote &&
        !m.request_vote_result.vote_granted)
      w.m.request_vote_result.term = std::max(w.m.request_vote_result.term, raft_current_term(&r));
    net.push_back(w);
  }
  int timeout() {
    raft_event e{};
    e.type = RAFT_TIMEOUT;
    return step(e);
  }
  int submit(std::vector<Ent> v) {
    std::vector<raft_entry> es(v.size());
    for (size_t k = 0; k < v.size(); k++) {
      es[k].term = v[k].term ? v[k].term : raft_current_term(&r);
      es[k].type = (raft_entry_type)v[k].type;
      es[k].buf.len = v[k].data.size();
      es[k].buf.base = raft_malloc(v[k].data.size());
      memcpy(es[k].buf.base, v[k].data.data(), v[k].data.size());
      es[k].batch = es[k].buf.base;
    }
    raft_event e{};
    e.type = RAFT_SUBMIT;
    e.submit.entries = es.data();
    e.submit.n = es.size();
    given = es.data();
    int rv = step(e);
    given = nullptr;
    for (auto& x : es) {
      if (!live(x.batch)) heap.foreign++;
      raft_free(x.batch);
    }  // submitted entries stay the caller's, accepted or not
    return rv;
  }
  int cmd(std::string s) {
    s.resize(8);
    return submit({{0, RAFT_COMMAND, s}});
  }
  int change(const Conf& c) { return submit({{0, RAFT_CHANGE, enc(c)}}); }
  int simple(raft_event_type t, raft_id who) {
    raft_event e{};
    e.type = t;
    if (t == RAFT_CATCH_UP)
      e.catch_up.server_id = who;
    else
      e.transfer.server_id = who;
    return step(e);
  }
  void snapshot(unsigned trailing) {  // the state up to `applied` is in a snapshot of ours; keep
                                      // `trailing` entries before it
    snapTerm = termOf(applied);
    snap = applied;
    snapConf = committedConf;
    snapConfIndex = committedConfIndex;
    raft_event e{};
    e.type = RAFT_SNAPSHOT;
    e.snapshot.metadata.index = snap;
    e.snapshot.metadata.term = snapTerm;
    e.snapshot.metadata.configuration = dec(snapConf);
    e.snapshot.metadata.configuration_index = snapConfIndex;
    e.snapshot.trailing = trailing;
    raft_configuration k = e.snapshot.metadata.configuration;
    step(e);
    mineIfNewer(&k);
    while (base + trailing < snap && !log.empty()) {
      log.pop_front();
      base++;
    }
  }
  int receive(Wire w) {
    raft_message m = w.m;
    m.server_id = w.from;
    std::string fa = addr(w.from);
    m.server_address = fa.c_str();
    raft_event e{};
    e.type = RAFT_RECEIVE;
    e.receive.message = &m;
    std::vector<raft_entry> es;
    char* b = nullptr;
    if (m.type == RAFT_APPEND_ENTRIES) {
      size_t tot = 0;
      for (auto& x : w.ents) tot += (x.data.size() + 7) / 8 * 8;
      m.append_entries.n_entries = w.ents.size();
      m.append_entries.entries = nullptr;
      if (!w.ents.empty()) {
        b = (char*)raft_malloc(tot);
        es.resize(w.ents.size());
        size_t o = 0;
        for (size_t k = 0; k < es.size(); k++) {
          es[k] = {
              w.ents[k].term, (raft_entry_type)w.ents[k].type, {b + o, w.ents[k].data.size()}, b};
          memcpy(b + o, w.ents[k].data.data(), w.ents[k].data.size());
          o += (w.ents[k].data.size() + 7) / 8 * 8;
        }
        m.append_entries.entries = es.data();
      }
    }
    void* data = nullptr;
    raft_configuration conf{};
    if (m.type == RAFT_INSTALL_SNAPSHOT) {
      conf = m.install_snapshot.conf = dec(w.conf);
      data = m.install_snapshot.data.base = raft_malloc(1);
      m.install_snapshot.data.len = 1;
    }
    given = es.data();
    bool hold = autoInstall;
    autoInstall = false;
    int rv = step(e);
    autoInstall = hold;
    given = nullptr;
    unsigned fl = lastFlags, nm = lastMsgs;
    if (b && ((rv == 0 && (fl & RAFT_UPDATE_ENTRIES)) || (rv != 0 && newer)))
      raft_free(b);  // persisted: the batch is ours; otherwise the engine has freed it
    if (m.type == RAFT_INSTALL_SNAPSHOT) mineIfNewer(&conf);
    if (!newer && m.type == RAFT_INSTALL_SNAPSHOT && !(fl & RAFT_UPDATE_SNAPSHOT) && nm == 0) {
      if (live(data)) {
        leaked++;
        raft_free(data);
        raft_configuration_close(&conf);
      }
    }
    if (autoInstall) install();
    lastFlags = fl;
    lastMsgs = nm;
    return rv;
  }
};
static Node& N(raft_id i) {
  return *nodes[i];
}
static void give(Wire w) {
  auto it = nodes.find(w.to);
  if (it == nodes.end()) return;
  Node& n = *it->second;
  raft_term t = raft_current_term(&n.r);
  bool ae = w.m.type == RAFT_APPEND_ENTRIES, is = w.m.type == RAFT_INSTALL_SNAPSHOT;
  raft_term mt = ae ? w.m.append_entries.term : is ? w.m.install_snapshot.term : 0;
  if (fStale && (ae || is) && mt < t) {  // workaround S: never let the engine answer a leader of an
                                         // older term (it sends an uninitialised field)
    Wire a{n.id, w.from, {}, {}, {}};
    a.m.type = RAFT_APPEND_ENTRIES_RESULT;
    auto& q = a.m.append_entries_result;
    q.version = 2;
    q.features = 1;
    q.term = t;
    q.rejected = std::max<raft_index>(1, ae ? w.m.append_entries.prev_log_index : 1);
    q.last_log_index = q.rejected - 1;
    net.push_back(a);
    return;
  }
  if (raft_index m = 0;
      fReject && w.m.type == RAFT_APPEND_ENTRIES_RESULT && w.m.append_entries_result.rejected &&
      n.leader() && w.m.append_entries_result.term == t && !raft_match_index(&n.r, w.from, &m) &&
      w.m.append_entries_result.rejected <= m)
    return;                                                    // workaround R
  if (fLeader && (ae || is) && n.leader() && mt == t) return;  // workaround L
  if (fTrim && ae && mt >= t) {  // workaround T: what is committed here is known to match: start
                                 // the message at the commit index
    auto& a = w.m.append_entries;
    raft_index c = raft_commit_index(&n.r);
    if (a.prev_log_index < c && n.termOf(c)) {
      raft_index k = std::min<raft_index>(c - a.prev_log_index, w.ents.size());
      w.ents.erase(w.ents.begin(), w.ents.begin() + k);
      if (w.ents.empty() || a.prev_log_index + k == c) {
        a.prev_log_index = c;
        a.prev_log_term = n.termOf(c);
      }
      a.n_entries = w.ents.size();
    }
  }
  if (fSplit && ae && std::any_of(w.ents.begin(), w.ents.end(), [](auto& e) {
        return e.type == RAFT_CHANGE;
      })) {  // workaround C: commit index first, each CHANGE alone
    auto send = [&](raft_index prev, raft_term pt, std::vector<Ent> v) {
      Wire p = w;
      p.ents = std::move(v);
      p.m.append_entries.prev_log_index = prev;
      p.m.append_entries.prev_log_term = pt;
      p.m.append_entries.n_entries = p.ents.size();
      n.receive(p);
    };
    raft_index prev = w.m.append_entries.prev_log_index;
    raft_term pt = w.m.append_entries.prev_log_term;
    size_t k = 0;
    if (prev > raft_commit_index(&n.r)) send(prev, pt, {});
    while (k < w.ents.size()) {
      size_t e = k + 1;
      if (w.ents[k].type != RAFT_CHANGE)
        while (e < w.ents.size() && w.ents[e].type != RAFT_CHANGE) e++;
      send(prev, pt, {w.ents.begin() + k, w.ents.begin() + e});
      prev += e - k;
      pt = w.ents[e - 1].term;
      k = e;
    }
    return;
  }
  n.receive(w);
}
static int deliver(raft_id f, raft_id t, int type = 0, int max = 1 << 30) {
  int k = 0;
  std::deque<Wire> take;
  for (size_t i = 0; i < net.size() && k < max;)
    if ((!f || net[i].from == f) && (!t || net[i].to == t) &&
        (!type || (int)net[i].m.type == type)) {
      take.push_back(net[i]);
      net.erase(net.begin() + i);
      k++;
    } else
      i++;
  for (auto& w : take) give(w);
  return k;
}
static void drop(raft_id f = 0, raft_id t = 0) {
  for (size_t i = 0; i < net.size();)
    if ((!f || net[i].from == f) && (!t || net[i].to == t))
      net.erase(net.begin() + i);
    else
      i++;
}
static bool take(raft_id f, raft_id t, int type, Wire& w) {
  for (size_t i = 0; i < net.size(); i++)
    if (net[i].from == f && net[i].to == t && (int)net[i].m.type == type) {
      w = net[i];
      net.erase(net.begin() + i);
      return true;
    }
  return false;
}
static void fire(raft_id i) {
  now_ms = std::max(now_ms, raft_timeout(&N(i).r));
  N(i).timeout();
}
static bool elect(
    raft_id c,
    std::vector<raft_id> vs) {  // c is elected by vs (whose own election timers expire as well)
  for (int k = 0; k < 12 && !N(c).leader(); k++) {
    for (auto v : vs)
      if (raft_state(&N(v).r) != RAFT_CANDIDATE) {
        int g = 0;
        do {
          if (N(v).leader()) now_ms += 2000;
          fire(v);
          drop(v);
        } while (raft_state(&N(v).r) == RAFT_FOLLOWER && raft_role(&N(v).r) == RAFT_VOTER &&
                 ++g < 3);
      }
    fire(c);
    for (int j = 0; j < 4; j++)
      for (auto v : vs) {
        deliver(c, v, RAFT_REQUEST_VOTE);
        deliver(v, c, RAFT_REQUEST_VOTE_RESULT);
      }
    for (auto v : vs) drop(v);
  }
  return N(c).leader();
}
static void settle(std::vector<raft_id> in, int rounds = 40) {
  auto inn = [&](raft_id i) { return std::find(in.begin(), in.end(), i) != in.end(); };
  for (int k = 0; k < rounds; k++) {
    int c = 0;
    std::deque<Wire> q;
    q.swap(net);
    for (auto& w : q)
      if (inn(w.from) && inn(w.to)) {
        give(w);
        c++;
      }
    if (!c) break;
  }
}
static void talk(raft_id a, raft_id b, int n = 4) {
  while (n--) {
    deliver(a, b);
    deliver(b, a);
  }
}
static void beat(raft_id l, std::vector<raft_id> in, int n = 1) {
  while (n--) {
    now_ms += 100;
    N(l).timeout();
    settle(in);
  }
}
static void reset() {
  net.clear();
  nodes.clear();
  votes.clear();
  now_ms = 1000;
  fSplit = fTrim = fStale = fPreTerm = fLeader = fReject = false;
}
static Node& boot(raft_id i, const Conf& c, unsigned seed = 0) {
  nodes[i] = std::make_unique<Node>(i, seed ? seed : (unsigned)i * 7919);
  Node& n = N(i);
  n.log.push_back({1, RAFT_CHANGE, enc(c)});
  n.committedConf = enc(c);
  n.committedConfIndex = 1;
  n.applied = 1;
  n.maxCommit = 1;
  raft_entry e{};
  e.term = 1;
  e.type = RAFT_CHANGE;
  std::string s = enc(c);
  e.buf.base = raft_malloc(s.size());
  e.buf.len = s.size();
  memcpy(e.buf.base, s.data(), s.size());
  e.batch = e.buf.base;
  raft_event ev{};
  ev.type = RAFT_START;
  ev.start.term = 1;
  ev.start.start_index = 1;
  ev.start.entries = &e;
  ev.start.n_entries = 1;
  n.step(ev);
  if (live(e.batch))
    raft_free(e.batch);
  else
    heap.foreign++;
  return n;
}
static Node& empty(raft_id i) {
  nodes[i] = std::make_unique<Node>(i, (unsigned)i * 7919);
  raft_event ev{};
  ev.type = RAFT_START;
  ev.start.start_index = 1;
  N(i).step(ev);
  return N(i);
}
static void cluster(int n) {
  reset();
  Conf c;
  for (int i = 1; i <= n; i++) c.push_back({i, RAFT_VOTER});
  for (int i = 1; i <= n; i++) boot(i, c);
}
static void closeAll() {
  nodes.clear();
  net.clear();
}
static bool oneVote() {
  for (auto& [k, v] : votes)
    if (v.size() > 1) return false;
  return true;
}
static std::string child(std::function<int()> f) {  // for what may crash
  fflush(stdout);
  int pfd[2];
  if (pipe(pfd)) return "?";
  pid_t p = fork();
  if (!p) {
    close(pfd[0]);
    if (!getenv("STEP_TRACE") && !freopen("/dev/null", "w", stderr)) _exit(99);
    alarm(10);
    int rv = f();
    (void)!write(pfd[1], &rv, sizeof rv);
    _exit(0);
  }
  close(pfd[1]);
  int rv = -1;
  bool got = read(pfd[0], &rv, sizeof rv) == sizeof rv;
  close(pfd[0]);
  int st;
  waitpid(p, &st, 0);
  if (WIFSIGNALED(st)) return std::string("killed by ") + strsignal(WTERMSIG(st));
  if (!got) return "aborted";
  return S(rv);
}
static Wire ae(raft_id f, raft_id t, raft_term term, raft_index prev, raft_term pterm,
               raft_index commit, std::vector<Ent> v = {}) {
  Wire w{f, t, {}, v, {}};
  w.m.type = RAFT_APPEND_ENTRIES;
  auto& a = w.m.append_entries;
  a.term = term;
  a.prev_log_index = prev;
  a.prev_log_term = pterm;
  a.leader_commit = commit;
  a.n_entries = v.size();
  return w;
}
static Ent C(raft_term t, std::string s) {
  s.resize(8);
  return {t, RAFT_COMMAND, s};
}
static Ent X(raft_term t, const Conf& c) {
  return {t, RAFT_CHANGE, enc(c)};
}
static const int V = RAFT_VOTER, B = RAFT_STANDBY, P = RAFT_SPARE;
[[gnu::noinline]] static void dirtyStack() {
  volatile char b[16384];
  for (size_t i = 0; i < sizeof b; i++) b[i] = 0x7f;
}
static raft_index match(raft_id l, raft_id f) {
  raft_index m = 0;
  return raft_match_index(&N(l).r, f, &m) ? 0 : m;
}
static std::string voters(raft_id i) {
  std::string s;
  for (unsigned k = 0; k < N(i).r.configuration.n; k++)
    s += (k ? "," : "") + S(N(i).r.configuration.servers[k].id) +
         "vsp"[N(i).r.configuration.servers[k].role == V   ? 0
               : N(i).r.configuration.servers[k].role == B ? 1
                                                           : 2];
  return "{" + s + "}";
}

// ---- E1, E2, E3, E4 ----
static void E1() {
  cluster(3);
  elect(1, {2});
  drop();
  N(1).cmd("x");
  drop();  // x of this term only on node 1
  elect(3, {2});
  drop();
  N(3).cmd("v");
  drop();  // v of a later term only on node 3
  now_ms += 3000;
  N(1).timeout();
  drop();
  raft_set_max_inflight_entries(&N(1).r, 1);
  if (!elect(1, {2})) return pass(false, "E1", "setup");
  bool old = false;
  raft_term t = raft_current_term(&N(1).r);
  for (int k = 0; k < 12 && N(2).last() < 2; k++) {
    now_ms += 100;
    N(1).timeout();
    drop(1, 3);
    deliver(1, 2, 0, 1);
    deliver(2, 1, 0, 1);
    drop(2, 1);
  }
  old = N(2).last() == 2 && N(1).at(2)->term < t && raft_commit_index(&N(1).r) >= 2;
  bool onMajority = N(2).last() == 2;
  raft_set_max_inflight_entries(&N(1).r, 100);
  for (int k = 0; k < 6; k++) {
    now_ms += 100;
    N(1).timeout();
    drop(1, 3);
    deliver(1, 2);
    deliver(2, 1);
  }
  pass(onMajority && !old && raft_commit_index(&N(1).r) == N(1).last() &&
           N(1).at(3)->type == RAFT_BARRIER,
       "E1",
       "an entry of an older term on a majority is not committed until the new leader's own "
       "barrier is (figure 8)");
}
static void E2() {
  for (int late = 0; late < 2; late++) {
    cluster(3);
    elect(1, {2});
    if (late) {
      settle({1, 2, 3});
      beat(1, {1, 2, 3});
      N(2).autoPersist = false;
    }
    drop();
    N(1).cmd("x");
    if (late) deliver(1, 2, RAFT_APPEND_ENTRIES);
    drop();  // x only on node 1 (late: also on node 2, not yet persisted)
    raft_id old = late ? 2 : 1, nl = 3, other = late ? 1 : 2;
    if (late) {
      now_ms += 1;
      N(1).timeout();
      drop();
    }
    if (!late) {
      elect(3, {2});
    } else {  // node 1's entry reaches node 2 but its disk is slow; node 3 becomes leader with node
              // 1's vote impossible (longer log): use a fresh term by hand
      raft_term t = raft_current_term(&N(1).r) + 1;
      give(ae(3, 2, t, 1, 1, 1));
      N(2).persist();
      Wire w;
      raft_index worst = 0;
      while (take(2, 3, RAFT_APPEND_ENTRIES_RESULT, w))
        if (!w.m.append_entries_result.rejected)
          worst = std::max(worst, w.m.append_entries_result.last_log_index);
      pass(worst == 1 && raft_last_index(&N(2).r) == 2, "E2",
           "entries of an old leader that become persisted after the new leader's heartbeat are "
           "not acknowledged to it");
      continue;
    }
    (void)other;
    Wire hb;
    bool have = take(nl, old, RAFT_APPEND_ENTRIES, hb);
    N(nl).cmd("y");
    drop();
    if (have) {
      hb.ents.clear();
      hb.m.append_entries.n_entries = 0;
      hb.m.append_entries.prev_log_index = 1;
      hb.m.append_entries.prev_log_term = 1;
      give(hb);
    }
    Wire w;
    bool got = take(old, nl, RAFT_APPEND_ENTRIES_RESULT, w);
    raft_index ack = got ? w.m.append_entries_result.last_log_index : 99;
    if (got) give(w);
    pass(have && got && ack == 1 && raft_last_index(&N(old).r) == 2 &&
             raft_commit_index(&N(nl).r) < 2,
         "E2",
         "a heartbeat's answer acknowledges only what it verified (index 1), not the stale suffix "
         "(index 2); nothing is lost");
  }
  // the answer to a message of an older term carries an uninitialised index
  auto stale = [](bool filter, raft_index& field, raft_index& m, raft_index& commit) {
    cluster(3);
    elect(1, {2});
    settle({1, 2});
    drop();
    for (int k = 0; k < 5; k++) {
      N(1).cmd("a");
      settle({1, 2});
    }
    beat(1, {1, 2});
    drop();
    fStale = filter;
    elect(1, {2});
    now_ms += 3000;
    N(1).timeout();
    elect(1, {2});
    settle({1, 2});
    beat(1, {1, 2, 3}, 1);
    drop();
    raft_term t = raft_current_term(&N(1).r);
    N(1).cmd("w");
    drop();  // w only on node 1
    Wire w{1, 3, {}, {}, enc({{1, V}, {2, V}, {3, V}})};
    w.m.type = RAFT_INSTALL_SNAPSHOT;
    auto& s = w.m.install_snapshot;
    s.version = 0;
    s.term = t - 1;
    s.last_index = 2;
    s.last_term = 2;
    s.conf_index = 1;
    raft_index before = match(1, 3);
    (void)before;
    dirtyStack();
    give(w);
    Wire q;
    field = 0;
    if (take(3, 1, RAFT_APPEND_ENTRIES_RESULT, q)) {
      field = q.m.append_entries_result.rejected ? 0 : q.m.append_entries_result.last_log_index;
      give(q);
    }
    m = match(1, 3);
    commit = raft_commit_index(&N(1).r);
  };
  raft_index f, m, c;
  stale(false, f, m, c);
  raft_index last = N(1).last(), l3 = N(3).last();
  if (m == last && l3 < last)
    note("E2",
         "[expected defect] a delayed InstallSnapshot (or AppendEntries with prev 0) of an OLDER "
         "term of the same leader is answered with an uninitialised last_log_index (" +
             S(f) + "): node 3 has " + S(l3) + " entries, the leader now believes " + S(m) +
             (c == last ? " and has COMMITTED an entry only it holds" : ""));
  else
    note("E2",
         "[expected defect, not visible with this build's stack] last_log_index of the answer to "
         "an older term is uninitialised (here " +
             S(f) + ", match " + S(m) + ")");
  stale(true, f, m, c);
  pass(m <= N(3).last() && c < N(1).last(), "E2",
       "workaround S (messages of an older term are answered outside the engine): no false match, "
       "nothing committed");
}
static void E3() {
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  raft_term t = raft_current_term(&N(1).r);
  N(1).simple(RAFT_TRANSFER, 2);
  Wire tn;
  bool have = take(1, 2, RAFT_TIMEOUT_NOW, tn);
  fire(3);
  Wire rv;
  bool have2 = take(3, 1, RAFT_REQUEST_VOTE, rv);
  drop();  // node 3 times out at the same time
  rv.m.request_vote.disrupt_leader = true;
  give(rv);
  Wire a;
  bool g = take(1, 3, RAFT_REQUEST_VOTE_RESULT, a);
  give(tn);
  deliver(2, 1, RAFT_REQUEST_VOTE);
  Wire b;
  bool h = take(1, 2, RAFT_REQUEST_VOTE_RESULT, b);
  pass(have && have2 && g && h && a.m.request_vote_result.vote_granted &&
           !b.m.request_vote_result.vote_granted && raft_current_term(&N(2).r) == t + 1 &&
           oneVote(),
       "E3",
       "during a transfer the leader gives one vote per term (the first asker), the transferee's "
       "request is refused");
  // a pre-candidate's vote
  cluster(3);
  for (raft_id i : {1, 2, 3}) raft_set_pre_vote(&N(i).r, true);
  fire(1);
  fire(2);
  bool pre = raft_state(&N(1).r) == RAFT_CANDIDATE && raft_current_term(&N(1).r) == 1;
  deliver(2, 3, RAFT_REQUEST_VOTE);
  deliver(3, 2, RAFT_REQUEST_VOTE_RESULT);
  Wire r1;
  bool s1 = take(2, 1, RAFT_REQUEST_VOTE, r1);
  (void)s1;
  Wire r2;
  bool s2 = take(2, 1, RAFT_REQUEST_VOTE, r2);  // r1: pre-vote, r2: the real one of term 2
  if (s2) give(r2);
  bool voted = raft_voted_for(&N(1).r) == 2;
  deliver(1, 3, RAFT_REQUEST_VOTE);
  deliver(3, 1, RAFT_REQUEST_VOTE_RESULT);  // node 1's own, late pre-vote answer
  pass(pre && s2 && voted && raft_state(&N(1).r) == RAFT_FOLLOWER && oneVote(), "E3",
       "a pre-candidate that gave a real vote drops its own pre-vote; no second vote");
  // a late pre-vote answer must not count as a vote
  auto late = [](int version) {
    cluster(5);
    for (raft_id i = 1; i <= 5; i++) raft_set_pre_vote(&N(i).r, true);
    fire(1);
    for (raft_id j : {2, 3, 4, 5}) deliver(1, j, RAFT_REQUEST_VOTE);
    deliver(2, 1);
    deliver(3, 1);
    bool cand = raft_current_term(&N(1).r) == 2 && !N(1).leader();
    for (auto& w : net)
      if (w.to == 1 && w.m.type == RAFT_REQUEST_VOTE_RESULT)
        w.m.request_vote_result.version = version;
    deliver(4, 1, RAFT_REQUEST_VOTE_RESULT);
    deliver(5, 1, RAFT_REQUEST_VOTE_RESULT);
    return !cand ? -1 : N(1).leader() ? 1 : 0;
  };
  pass(late(2) == 0, "E3", "late pre-vote answers (version 2) are not counted as votes");
  defect(late(1) == 1, "E3",
         "with version < 2 late pre-vote answers ARE counted as votes: carry every message's "
         "version field on the wire, refuse others");
}
static void E4() {
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  raft_index c0 = raft_commit_index(&N(1).r);
  for (int i = 0; i < 20; i++) {
    N(1).cmd("k");
    for (raft_id j : {2, 3}) {
      deliver(j, 1);
      deliver(1, j, RAFT_APPEND_ENTRIES);
    }
  }  // every answer is one write behind
  raft_index c = raft_commit_index(&N(1).r) - c0;
  pass(c == 19, "E4",
       "under steady pipelining the commit index follows the answers (" + S(c) +
           " of 20 while the pipeline is never empty)");
}

// ---- E5 ----
static void E5() {
  Conf c3{{1, V}, {2, V}, {3, V}}, c4{{1, V}, {2, V}, {3, V}, {4, B}},
      c5{{1, V}, {2, V}, {3, V}, {4, B}, {5, B}};
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  N(1).change(c4);
  drop();
  bool had = voters(1) == "{1v,2v,3v,4s}";
  elect(2, {3});
  N(2).cmd("z");
  beat(2, {1, 2, 3}, 3);
  pass(had && voters(1) == "{1v,2v,3v}" && N(1).r.configuration_uncommitted_index == 0, "E5",
       "an old leader's uncommitted configuration is rolled back when its entry is truncated");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  N(1).change(c4);
  deliver(1, 3, RAFT_APPEND_ENTRIES);
  drop();
  had = voters(3) == "{1v,2v,3v,4s}";
  give(ae(2, 3, raft_current_term(&N(3).r) + 1, 1, 1, 1, {C(raft_current_term(&N(3).r) + 1, "z")}));
  pass(had && voters(3) == "{1v,2v,3v}", "E5", "the same on a follower");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int k = 0; k < 5; k++) {
    N(1).cmd("f");
    settle({1, 2, 3});
  }
  beat(1, {1, 2, 3});
  N(3).snapshot(0);
  raft_index b0 = N(3).base;
  N(1).change(c4);
  deliver(1, 3, RAFT_APPEND_ENTRIES);
  drop();
  had = voters(3) == "{1v,2v,3v,4s}";
  raft_term t = raft_current_term(&N(3).r);
  give(ae(2, 3, t + 1, b0, t, b0, {C(t + 1, "z")}));
  pass(had && voters(3) == "{1v,2v,3v}", "E5",
       "the same when the previous configuration entry is no longer in the log (compacted)");
  for (int filter = 0; filter < 2; filter++) {
    // a configuration change that is not the first new entry of a message
    cluster(3);
    fSplit = filter;
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    t = raft_current_term(&N(1).r);
    give(ae(1, 3, t, 1, 1, 1, {C(t, "a"), C(t, "b"), X(t, c4)}));
    raft_index at = N(3).r.configuration_uncommitted_index;
    give(ae(1, 3, t, 4, t, 4));
    bool stuck = N(3).r.configuration_uncommitted_index != 0;
    drop();
    if (!filter)
      defect(at == 2 && stuck, "E5",
             "follower: a CHANGE behind other entries of one message is recorded at the index of "
             "the first (" +
                 S(at) +
                 " instead of 4), so its RAFT_CONFIGURATION is ignored and it stays 'uncommitted'");
    else
      pass(at == 4 && !stuck, "E5",
           "workaround C (message split so that each CHANGE comes alone): recorded at 4, settled "
           "when committed");
    elect(3, {2});
    beat(3, {1, 2, 3}, 3);
    int rv = N(3).change(c5);
    if (!filter)
      defect(N(3).leader() && rv == RAFT_CANTCHANGE, "E5",
             "... and when that follower becomes leader it refuses every configuration change for "
             "ever (RAFT_CANTCHANGE)");
    else
      pass(N(3).leader() && rv == 0, "E5", "workaround C: as leader it accepts the next change");
    cluster(3);
    fSplit = filter;
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    t = raft_current_term(&N(1).r);
    give(ae(1, 3, t, 1, 1, 1, {C(t, "a"), C(t, "b"), X(t, c4)}));
    drop();
    give(ae(2, 3, t + 1, 3, t, 1, {C(t + 1, "z")}));
    std::string v = voters(3);
    if (!filter)
      defect(v == "{1v,2v,3v,4s}", "E5",
             "... and when only that CHANGE is truncated it is NOT rolled back: configuration is " +
                 v);
    else
      pass(v == "{1v,2v,3v}", "E5", "workaround C: rolled back");
    // change A is learnt to be committed from the message that brings change B
    cluster(3);
    fSplit = filter;
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    t = raft_current_term(&N(1).r);
    give(ae(1, 3, t, 1, 1, 1, {X(t, c4)}));
    give(ae(1, 3, t, 2, t, 2, {X(t, c5)}));
    drop();
    give(ae(2, 3, t + 1, 2, t, 2, {C(t + 1, "z")}));
    v = voters(3);
    if (!filter)
      defect(v == "{1v,2v,3v}", "E5",
             "follower: change A committed by the message that brings change B; B is truncated: "
             "the node falls back to the configuration BEFORE A, " +
                 v);
    else
      pass(v == "{1v,2v,3v,4s}", "E5", "workaround C (commit index first): falls back to A, " + v);
  }
}

// ---- E6 ----
static void E6() {
  for (int depth :
       {10, 100}) {  // node 1 has `depth` entries of a dead term where the others have as many
                     // committed ones; then a new leader (next index at its end)
    cluster(3);
    elect(1, {2});
    settle({1, 2, 3});
    drop();
    for (int k = 0; k < depth; k++) N(1).cmd("d");
    drop();
    elect(3, {2});
    for (int k = 0; k < depth; k++) {
      N(3).cmd("n");
      talk(3, 2, 1);
    }
    now_ms += 100;
    N(3).timeout();
    talk(3, 2);
    drop();
    now_ms += 3000;
    N(3).timeout();
    drop();
    elect(2, {3});
    talk(2, 3);
    drop(3);
    raft_time t0 = now_ms;
    int trips = 0;
    for (; trips < 1000 &&
           !(N(1).last() == N(2).last() && N(1).termOf(N(1).last()) == N(2).termOf(N(2).last()));
         trips++) {
      if (!deliver(2, 1)) {
        trips--;
        now_ms += 100;
        N(2).timeout();
        talk(2, 3);
        continue;
      }
      deliver(1, 2);
      talk(2, 3);
    }
    pass(now_ms - t0 <= 300, "E6",
         "repair of " + S(depth) + " divergent entries after an election: " + S(trips) +
             " round trips within " + S((now_ms - t0) / 100) +
             " heartbeats (the leader goes back one index per round trip, at once, no longer one "
             "per heartbeat)");
  }
  std::string s;
  for (unsigned w : {32u, 1024u, 100000u}) {
    cluster(3);
    for (raft_id i : {1, 2, 3}) raft_set_max_inflight_entries(&N(i).r, w);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    for (int k = 0; k < 4000; k++) {
      N(1).cmd("d");
      settle({1, 2});
      drop(1, 3);
    }
    drop();
    beat(1, {1, 2});
    raft_time t0 = now_ms;
    int trips = 0;
    while (N(3).last() < N(1).last() && trips < 5000) {
      int d = deliver(1, 3);
      int e = deliver(3, 1);
      trips += d && e;
      if (!d && !e) {
        now_ms += 100;
        N(1).timeout();
        deliver(1, 2);
        deliver(2, 1);
      }
    }
    s += (s.empty() ? "" : ", ") + S(w) + ": " + S(trips) + " trips in " + S((now_ms - t0) / 100) +
         " heartbeats";
  }
  note("E6",
       "a follower 4000 entries behind, by max_inflight_entries: " + s +
           " (the window is in entries and is all that is ever sent per round trip; default 32)");
}

// ---- E7 ----
static void behind(unsigned trailing) {
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int k = 0; k < 20; k++) {
    N(1).cmd("d");
    settle({1, 2});
    drop(1, 3);
  }
  beat(1, {1, 2});
  N(1).snapshot(trailing);
  drop();
}
static void E7() {
  behind(2);
  raft_index S0 = N(1).snap;
  N(3).autoInstall = false;
  std::string seq;
  Wire w;
  for (int k = 0; k < 6 && N(3).installing.empty(); k++) {
    now_ms += 100;
    N(1).timeout();
    deliver(1, 2);
    deliver(2, 1);
    while (take(1, 3, RAFT_APPEND_ENTRIES, w)) {
      give(w);
      seq += "AE ";
    }
    deliver(3, 1);
    while (take(1, 3, RAFT_INSTALL_SNAPSHOT, w)) {
      give(w);
      seq += "IS(" + S(w.m.install_snapshot.last_index) + ") ";
    }
  }
  bool inst = !N(3).installing.empty();
  raft_index li = raft_last_index(&N(3).r), ci = raft_commit_index(&N(3).r);
  unsigned again2 = 0;
  for (int k = 0; k < 30; k++) {
    now_ms += 100;
    N(1).timeout();
    for (auto& x : net) again2 += x.m.type == RAFT_INSTALL_SNAPSHOT;
    settle({1, 2, 3});
  }
  raft_index ci2 = raft_commit_index(&N(3).r);
  N(3).autoInstall = true;
  N(3).install();
  settle({1, 2, 3});
  beat(1, {1, 2, 3}, 2);
  pass(inst && N(3).last() == N(1).last() && match(1, 3) == N(1).last() &&
           raft_commit_index(&N(3).r) == N(1).last() && voters(3) == "{1v,2v,3v}" &&
           N(3).r.configuration_committed_index == 1,
       "E7",
       "token snapshot (1 byte) installs: messages " + seq +
           "then PERSISTED_SNAPSHOT; log, configuration, commit index and the leader's match index "
           "are right");
  defect(li == S0 && ci < S0 && ci2 == S0, "E7",
         "while a snapshot is being installed a heartbeat already raises the follower's commit "
         "index to the snapshot's (" +
             S(ci) + " -> " + S(ci2) +
             "), and its last index is the snapshot's at once: commit_index is no proof that the "
             "state is there");
  defect(again2 > 5, "E7",
         "an install that takes 3 s makes the leader (heartbeat 100 ms) send InstallSnapshot " +
             S(again2) +
             " times: it is unanswered, so each contact check calls the follower unreachable and "
             "aborts the snapshot: send a token, never data, in InstallSnapshot");
  behind(2);
  bool again = false;
  for (int k = 0; k < 8 && N(3).last() < N(1).last(); k++) {
    now_ms += 100;
    N(1).timeout();
    deliver(1, 2);
    deliver(2, 1);
    deliver(1, 3, RAFT_APPEND_ENTRIES);
    deliver(3, 1);
    if (!again) {
      while (take(1, 3, RAFT_INSTALL_SNAPSHOT, w)) again = true;
    }
    settle({1, 2, 3});
  }
  pass(again && N(3).last() == N(1).last(), "E7",
       "a lost InstallSnapshot is sent again at the next heartbeat's refusal");
  behind(2);
  again = false;
  for (int k = 0; k < 8 && match(1, 3) < N(1).last(); k++) {
    now_ms += 100;
    N(1).timeout();
    deliver(1, 2);
    deliver(2, 1);
    for (int j = 0; j < 4; j++) {
      deliver(1, 3);
      if (!again && N(3).snap) {
        drop(3, 1);
        again = true;
      }
      deliver(3, 1);
    }
  }
  pass(again && match(1, 3) == N(1).last(), "E7",
       "a lost acknowledgement of the snapshot is made good by the next heartbeat");
  behind(2);
  again = false;
  int beats = 0;
  for (int k = 0; k < 15; k++) {
    now_ms += 100;
    N(1).timeout();
    talk(1, 2);
    drop(1, 3);
  }
  for (; beats < 400 && N(3).last() < N(1).last(); beats++) {
    now_ms += 100;
    N(1).timeout();
    talk(1, 2);
    deliver(1, 3, RAFT_APPEND_ENTRIES);
    deliver(3, 1);
    if (!again && take(1, 3, RAFT_INSTALL_SNAPSHOT, w)) {
      again = true;
      for (int k = 0; k < 20; k++) {
        N(1).cmd("e");
        talk(1, 2);
      }
      N(1).snapshot(2);
    }
    talk(1, 2);
    talk(1, 3, 1);
  }
  defect(again && beats > 100, "E7",
         "InstallSnapshot lost AND the leader takes a newer snapshot: refusals are ignored as "
         "stale, the follower gets nothing for " +
             S(beats * 100) +
             " ms (install_snapshot_timeout, 30 s by default; set it to about 1 s)");
  // leadership changes while installing
  behind(2);
  N(3).autoInstall = false;
  for (int k = 0; k < 6 && N(3).installing.empty(); k++) {
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
  }
  inst = !N(3).installing.empty();
  boot(4, {{1, V}});
  nodes.erase(4);
  now_ms += 3000;
  N(1).timeout();
  drop();
  int silent = 0;
  bool el = elect(2, {1});
  settle({1, 2});
  drop();
  N(2).cmd("q");
  for (int k = 0; k < 4; k++) {
    now_ms += 100;
    N(2).timeout();
    deliver(2, 1);
    deliver(1, 2);
    int d = deliver(2, 3);
    int e = deliver(3, 2);
    silent += d && !e;
  }
  N(3).autoInstall = true;
  N(3).install();
  settle({1, 2, 3});
  beat(2, {1, 2, 3}, 3);
  pass(inst && el && N(3).last() == N(2).last() && raft_commit_index(&N(3).r) == N(2).last(), "E7",
       "the leader changes while a snapshot is being installed: the follower finishes and catches "
       "up with the new leader (it left " +
           S(silent) + " of its messages unanswered meanwhile)");
  behind(2);
  N(3).autoInstall = false;
  for (int k = 0; k < 6 && N(3).installing.empty(); k++) {
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
  }
  now_ms += 5000;
  for (int k = 0; k < 3; k++) {
    fire(3);
  }
  bool stays = raft_state(&N(3).r) == RAFT_FOLLOWER;
  Wire rq{2, 3, {}, {}, {}};
  rq.m.type = RAFT_REQUEST_VOTE;
  rq.m.request_vote = {2, raft_current_term(&N(3).r) + 1, 2, 100, 50, true, false};
  give(rq);
  bool granted = take(3, 2, RAFT_REQUEST_VOTE_RESULT, w) && w.m.request_vote_result.vote_granted;
  pass(stays && !granted, "E7",
       "a node that never completes an install neither campaigns nor votes, and there is no event "
       "to give up: if the state cannot be fetched, restart the process under a new id");
  // the same handed a second time, and a crash midway
  behind(2);
  N(3).autoInstall = false;
  for (int k = 0; k < 6 && N(3).installing.empty(); k++) {
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
  }
  nodes.erase(3);
  drop();
  for (int k = 0; k < 30; k++) {
    N(1).cmd("z");
    settle({1, 2});
  }
  beat(1, {1, 2}, 30);
  pass(N(1).leader() && raft_commit_index(&N(1).r) == N(1).last(), "E7",
       "a follower that dies while installing does not disturb the leader");
  // a joiner that starts from state fetched outside of raft
  behind(2);
  Conf c4{{1, V}, {2, V}, {3, V}, {4, B}};
  N(1).change(c4);
  settle({1, 2});
  beat(1, {1, 2});
  raft_index at = N(1).applied;
  raft_term tt = N(1).termOf(at);
  nodes[4] = std::make_unique<Node>(4, 99);
  Node& j = N(4);
  raft_snapshot_metadata md{};
  md.index = at;
  md.term = tt;
  md.configuration = dec(N(1).committedConf);
  md.configuration_index = N(1).committedConfIndex;
  raft_event ev{};
  ev.type = RAFT_START;
  ev.start.term = raft_current_term(&N(1).r);
  ev.start.metadata = &md;
  ev.start.start_index = at + 1;
  j.base = j.snap = j.applied = at;
  j.snapTerm = tt;
  int rv = j.step(ev);
  mineIfNewer(&md.configuration);
  for (int k = 0; k < 5; k++) N(1).cmd("after");
  bool sawIS = false;
  for (int k = 0; k < 5; k++) {
    now_ms += 100;
    N(1).timeout();
    for (auto& x : net) sawIS |= x.m.type == RAFT_INSTALL_SNAPSHOT && x.to == 4;
    settle({1, 2, 4});
  }
  pass(rv == 0 && !sawIS && j.last() == N(1).last() && match(1, 4) == N(1).last() &&
           j.fsm.size() == 5 && raft_role(&j.r) == B,
       "E7",
       "a joiner started with RAFT_START metadata (index, term, configuration of state fetched "
       "outside) needs no InstallSnapshot and just follows");
  // RAFT_SNAPSHOT at an index that already is the engine's snapshot
  std::string r = child([] {
    reset();
    nodes[4] = std::make_unique<Node>(4, 99);
    Node& j = N(4);
    raft_snapshot_metadata md{};
    md.index = 50;
    md.term = 3;
    md.configuration = dec(enc({{1, V}, {4, B}}));
    md.configuration_index = 1;
    raft_event ev{};
    ev.type = RAFT_START;
    ev.start.term = 3;
    ev.start.metadata = &md;
    ev.start.start_index = 51;
    j.base = j.snap = j.applied = 50;
    j.snapTerm = 3;
    j.committedConf = enc({{1, V}, {4, B}});
    j.committedConfIndex = 1;
    j.step(ev);
    j.snapshot(0);
    return 0;
  });
  defect(
      r != "0", "E7",
      "RAFT_SNAPSHOT at the index the engine already has a snapshot of, before any entry came: " +
          r + " (division by zero): never repeat an index");
}

// ---- E8 ----
static void E8() {
  Conf c4b{{1, V}, {2, V}, {3, V}, {4, B}}, c4v{{1, V}, {2, V}, {3, V}, {4, V}},
      c4p{{1, V}, {2, V}, {3, V}, {4, P}};
  int st = -1;
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int k = 0; k < 100; k++) N(1).cmd("d");
  settle({1, 2, 3});
  empty(4);
  int rv = N(1).change(c4b);
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  int rv2 = N(1).simple(RAFT_CATCH_UP, 4);
  int rv3 = N(1).change(c4v);
  raft_catch_up(&N(1).r, 4, &st);
  int st0 = st;
  int b = 0;
  for (; b < 10 && st == RAFT_CATCH_UP_RUNNING; b++) {
    beat(1, {1, 2, 3, 4});
    raft_catch_up(&N(1).r, 4, &st);
  }
  int rv4 = N(1).change(c4v);
  settle({1, 2, 3, 4});
  beat(1, {1, 2, 3, 4});
  pass(!rv && !rv2 && rv3 == RAFT_CANTCHANGE && st0 == RAFT_CATCH_UP_RUNNING &&
           st == RAFT_CATCH_UP_FINISHED && !rv4 && raft_role(&N(4).r) == V &&
           raft_commit_index(&N(4).r) == N(1).last(),
       "E8",
       "add as standby, CATCH_UP (" + S(b) +
           " heartbeats), change refused meanwhile, promote: node 4 is a voter");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  empty(4);
  N(1).change(c4b);
  settle({1, 2, 3, 4});
  beat(1, {1, 2, 3, 4}, 5);
  bool up = match(1, 4) == N(1).last();
  N(1).simple(RAFT_CATCH_UP, 4);
  raft_time t0 = now_ms;
  st = RAFT_CATCH_UP_RUNNING;
  while (st == RAFT_CATCH_UP_RUNNING && now_ms < t0 + 20000) {
    beat(1, {1, 2, 3, 4});
    raft_catch_up(&N(1).r, 4, &st);
  }
  defect(up && st == RAFT_CATCH_UP_ABORTED, "E8",
         "CATCH_UP of a standby that is already up to date on an idle cluster never finishes, it "
         "is ABORTED after " +
             S(now_ms - t0) +
             " ms: leave CATCH_UP out and compare raft_match_index with raft_last_index yourself");
  // one at a time, and what a refusal leaves behind
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  N(1).change(c4b);
  rv = N(1).change(c4v);
  pass(rv == RAFT_CANTCHANGE, "E8",
       "a second change while one is uncommitted is refused (RAFT_CANTCHANGE)");
  rv = N(1).submit({{0, RAFT_COMMAND, "12345678"}, {0, RAFT_CHANGE, enc(c4v)}});
  raft_index ghost = raft_last_index(&N(1).r) - N(1).last();
  drop();
  defect(rv == RAFT_CANTCHANGE && ghost == 1, "E8",
         "a refused batch [command, CHANGE] leaves " + S(ghost) +
             " phantom entry in the leader's log (last index runs ahead of what you were given): "
             "submit a CHANGE alone, never in a batch");
  // change by a new leader that has committed nothing of its own term
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  bool none = raft_commit_index(&N(1).r) == 1;
  rv = N(1).change(c4b);
  defect(none && rv == 0, "E8",
         "a new leader whose log is wholly committed appends no barrier and accepts a "
         "configuration change before it has committed an entry of its own term");
  {
    reset();
    Conf c{{1, V}, {2, V}, {3, V}, {4, V}}, plus{{1, V}, {2, V}, {3, V}, {4, V}, {5, V}},
        minus{{2, V}, {3, V}, {4, V}};
    for (int i = 1; i <= 4; i++) boot(i, c);
    empty(5);
    elect(1, {2, 3});
    settle({1, 2, 3, 4});
    beat(1, {1, 2, 3, 4});
    N(1).change(plus);
    Wire w;
    drop();
    beat(1, {1, 5}, 3);
    drop();
    bool on5 = N(5).last() == 2;
    now_ms += 3000;
    N(1).timeout();
    drop();
    bool e2 = elect(2, {3, 4});
    drop();
    N(2).change(minus);
    for (int k = 0; k < 4; k++) {
      now_ms += 100;
      N(2).timeout();
      drop(2, 4);
      deliver(2, 3);
      deliver(3, 2);
    }
    raft_index lost = raft_commit_index(&N(2).r);
    bool e1 = e2 && elect(1, {4, 5});
    beat(1, {1, 4, 5}, 4);
    defect(on5 && e2 && lost == 2 && e1 && raft_commit_index(&N(1).r) >= 2 &&
               N(1).termOf(2) != N(2).termOf(2),
           "E8",
           "... and so two leaders with disjoint majorities commit different entries at index 2 "
           "(single-server change bug): submit a barrier on election and change nothing until it "
           "is committed");
  }
  // same number of servers, other members
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int k = 0; k < 5; k++) N(1).cmd("d");
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  raft_index m3 = match(1, 3);
  N(1).change({{1, V}, {2, V}, {4, V}});
  drop();
  defect(match(1, 4) == m3 && m3 > 1, "E8",
         "a change that swaps one server for another (same count) hands node 3's match index (" +
             S(m3) +
             ") to the new, empty node 4; the engine does not check that a change touches one "
             "server: check it yourself, keep the order of servers");
  // the leader removes itself
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  rv = N(1).change({{2, V}, {3, V}});
  settle({1, 2, 3});
  pass(rv == 0 && raft_state(&N(1).r) == RAFT_FOLLOWER && raft_role(&N(1).r) == -1 &&
           raft_commit_index(&N(2).r) < N(2).last(),
       "E8",
       "a leader that removes itself commits with the others' majority and steps down; the others "
       "do not yet know the change is committed and need an election: transfer first");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  rv = N(1).change({{1, B}, {2, V}, {3, V}});
  settle({1, 2, 3});
  pass(rv == 0 && raft_state(&N(1).r) == RAFT_FOLLOWER && raft_role(&N(1).r) == B, "E8",
       "a leader that demotes itself steps down when that is committed");
  // a removed server
  for (bool pre : {true, false}) {
    cluster(4);
    for (raft_id i = 1; i <= 4; i++) raft_set_pre_vote(&N(i).r, pre);
    elect(1, {2, 3});
    settle({1, 2, 3, 4});
    beat(1, {1, 2, 3, 4});
    N(1).change({{1, V}, {2, V}, {3, V}});
    settle({1, 2, 3, 4});
    beat(1, {1, 2, 3, 4});
    raft_term t = raft_current_term(&N(1).r);
    bool told = raft_role(&N(4).r) == -1;
    for (int k = 0; k < 20; k++) {
      fire(4);
      settle({1, 2, 3, 4});
      beat(1, {1, 2, 3, 4});
    }
    pass(N(1).leader() && raft_current_term(&N(1).r) == t, "E8",
         std::string("a removed server (") + (told ? "told" : "never told") +
             " of its removal, pre-vote " + (pre ? "on" : "off") + ", now at term " +
             S(raft_current_term(&N(4).r)) + ") does not disturb a live leader");
  }
  // a promotion its subject has not seen
  {
    cluster(3);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    empty(4);
    N(1).change(c4b);
    settle({1, 2, 3, 4});
    beat(1, {1, 2, 3, 4}, 4);
    N(1).change(c4v);
    drop(1, 4);
    deliver(1, 2);
    deliver(1, 3);
    drop();
    nodes.erase(1);
    auto vote = [] {
      for (int k = 0; k < 90; k++) {
        raft_id c = 2;
        for (raft_id i : {3, 4})
          if (raft_timeout(&N(i).r) < raft_timeout(&N(c).r)) c = i;
        fire(c);
        settle({2, 3, 4});
        if (N(c).leader()) return true;
      }
      return false;
    };
    bool won = vote();
    defect(
        !won, "E8",
        "promotion of node 4 reaches nodes 2 and 3 but not 4, the leader dies: 2 and 3 need 3 of 4 "
        "votes, 4 refuses ('not voting'): no leader ever again with 3 of 4 nodes alive. Send the "
        "CHANGE to the promoted node first, to the others only after it has acknowledged it");
    cluster(3);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    empty(4);
    N(1).change(c4b);
    settle({1, 2, 3, 4});
    beat(1, {1, 2, 3, 4}, 4);
    N(1).change(c4v);
    talk(1, 4, 1);
    bool has = raft_role(&N(4).r) == V;
    deliver(1, 2);
    deliver(1, 3);
    drop();
    nodes.erase(1);
    won = vote();
    pass(has && won, "E8",
         "... with that order (promoted node first) the other three elect a leader");
  }
  // demotion to spare
  cluster(4);
  elect(1, {2, 3});
  settle({1, 2, 3, 4});
  beat(1, {1, 2, 3, 4});
  N(1).change(c4p);
  settle({1, 2, 3});
  beat(1, {1, 2, 3}, 5);
  raft_time to = raft_timeout(&N(1).r);
  defect(N(1).leader() && to < now_ms, "E8",
         "after demoting a server to SPARE raft_timeout() of the leader stays in the past (" +
             S(now_ms - to) +
             " ms) for ever: a loop driven by it spins. Do not use SPARE, or never fire TIMEOUT "
             "more often than every few ms");
  note("E8", "CATCH_UP for an unknown id: " + child([] {
               cluster(3);
               elect(1, {2});
               N(1).simple(RAFT_CATCH_UP, 77);
               return 0;
             }) +
                 "; on a follower: " + child([] {
                   cluster(3);
                   elect(1, {2});
                   settle({1, 2, 3});
                   beat(1, {1, 2, 3});
                   N(2).simple(RAFT_CATCH_UP, 3);
                   nodes.erase(2);
                   return 0;
                 }) +
                 " (no checks in the engine: call it on the leader, with a member)");
}

// ---- E9 ----
static void E9() {
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3}, 5);
  raft_time last = now_ms;
  while (N(1).leader() && now_ms < last + 10000) {
    now_ms = std::max(now_ms + 1, raft_timeout(&N(1).r));
    N(1).timeout();
    drop();
  }
  pass(!N(1).leader() && now_ms - last <= 1200, "E9",
       "a leader that hears nobody steps down " + S(now_ms - last) +
           " ms after the last answers (election timeout 1000)");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3}, 3);
  raft_time t1 = now_ms;
  now_ms += 5000;
  N(1).timeout();
  drop();
  bool still = N(1).leader();
  while (N(1).leader() && now_ms < t1 + 20000) {
    now_ms = std::max(now_ms + 1, raft_timeout(&N(1).r));
    N(1).timeout();
    drop();
  }
  defect(still, "E9",
         "a leader process suspended for 5 s does NOT step down at its first TIMEOUT (the answer "
         "before the pause still counts), only " +
             S(now_ms - t1 - 5000) +
             " ms later: being LEADER proves nothing about time, leases must be timed outside");
  {
    cluster(3);
    for (raft_id i : {1, 2, 3}) raft_set_pre_vote(&N(i).r, true);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    raft_term t = raft_current_term(&N(1).r), t3 = raft_current_term(&N(3).r);
    for (int k = 0; k < 30; k++) {
      fire(3);
      drop(3);
      drop(0, 3);
      beat(1, {1, 2});
    }
    bool same = raft_current_term(&N(3).r) == t3;
    for (int k = 0; k < 3; k++) {
      fire(3);
      settle({1, 2, 3});
      beat(1, {1, 2, 3});
    }
    pass(same && N(1).leader() && raft_current_term(&N(1).r) == t, "E9",
         "pre-vote: a server cut off for 30 timeouts keeps its term and rejoins without an "
         "election");
  }
  {
    cluster(3);
    for (raft_id i : {1, 2, 3}) raft_set_pre_vote(&N(i).r, true);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    raft_term t = raft_current_term(&N(1).r);
    fire(2);
    fire(3);
    drop(0, 1);
    deliver(3, 2, RAFT_REQUEST_VOTE);
    deliver(2, 3, RAFT_REQUEST_VOTE_RESULT);
    drop();
    bool real = raft_current_term(&N(3).r) == t + 1;
    beat(1, {1, 2}, 1);
    for (int k = 0; k < 10; k++) {
      fire(3);
      drop(3);
      drop(0, 3);
      beat(1, {1, 2});
    }
    raft_term t3 = raft_current_term(&N(3).r);
    bool lead = N(1).leader();
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
    defect(real && lead && t3 > t + 5 && !N(1).leader(), "E9",
           "a candidate that once passed pre-vote repeats REAL elections on every timeout (term " +
               S(t) + " -> " + S(t3) +
               " while cut off); on return its answer to a heartbeat deposes the healthy leader");
  }
  {
    cluster(3);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    fire(3);
    settle({1, 2, 3});
    pass(raft_current_term(&N(3).r) > raft_current_term(&N(2).r) && raft_voted_for(&N(2).r) != 3,
         "E9",
         "stickiness: a follower with a leader, and the leader, ignore a RequestVote of a higher "
         "term without taking over the term");
    settle({1, 2, 3});
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
    note("E9",
         std::string("without pre-vote that server's higher term still ") +
             (N(1).leader() ? "leaves the leader alone"
                            : "deposes the leader, through its answer to the next heartbeat") +
             ": pre-vote on, always");
  }
  {
    double sum = 0, worst = 0;
    int n = 300;
    for (int s = 1; s <= n; s++) {
      reset();
      Conf c{{1, V}, {2, V}, {3, V}};
      for (int i = 1; i <= 3; i++) boot(i, c, s * 31 + i * 1009);
      for (raft_id i : {1, 2, 3})
        raft_set_pre_vote(&N(i).r, true), raft_set_election_timeout(&N(i).r, 1000);
      elect(1, {2});
      settle({1, 2, 3});
      beat(1, {1, 2, 3}, 3);
      raft_time t0 = now_ms;
      nodes.erase(1);
      drop();
      while (!N(2).leader() && !N(3).leader() && now_ms < t0 + 60000) {
        raft_time a = raft_timeout(&N(2).r), b = raft_timeout(&N(3).r);
        now_ms = std::max(now_ms, std::min(a, b));
        if (a <= b)
          N(2).timeout();
        else
          N(3).timeout();
        settle({2, 3});
      }
      sum += now_ms - t0;
      worst = std::max(worst, double(now_ms - t0));
    }
    char z[200];
    snprintf(z, sizeof z,
             "a follower keeps 'its leader' until ITS OWN timer fires, so an election needs a "
             "majority's timers to fire: after a leader crash, 3 nodes, 0 latency, timeout 1000: "
             "mean %.0f ms, worst of %d %.0f ms",
             sum / n, n, worst);
    note("E9", z);
  }
  for (int filter = 0; filter < 2; filter++) {
    cluster(3);
    fPreTerm = filter;
    for (raft_id i : {1, 2, 3}) raft_set_pre_vote(&N(i).r, true);
    elect(1, {3});
    settle({1, 3});
    drop();
    N(1).cmd("x");
    beat(1, {1, 3}, 2);
    bool committed = raft_commit_index(&N(1).r) == N(1).last() && N(2).last() == 1;
    now_ms += 3000;
    N(1).timeout();
    drop();  // x committed by 1 and 3
    bool e3 = elect(3, {2});
    drop();
    now_ms += 3000;
    N(3).timeout();
    drop();
    e3 = e3 && elect(3, {2});
    drop();
    nodes.erase(3);
    raft_term t1 = raft_current_term(&N(1).r), t2 = raft_current_term(&N(2).r);
    bool won = false;
    raft_time t0 = now_ms;  // 3 (has x) is elected by 2 and dies at once
    for (int k = 0; k < 60 && !won; k++) {
      raft_id c = raft_timeout(&N(1).r) <= raft_timeout(&N(2).r) ? 1 : 2;
      fire(c);
      settle({1, 2});
      won = N(1).leader() || N(2).leader();
    }
    std::string w = "nodes 1 (term " + S(t1) + ", longer log) and 2 (term " + S(t2) +
                    ", shorter log) alive, pre-vote on: ";
    if (!filter)
      defect(committed && e3 && t2 > t1 && !won, "E9",
             w + "NO leader in " + S(now_ms - t0) +
                 " ms, for ever: 2 refuses 1's pre-vote for its low term but answers with 1's own "
                 "term, 1 never learns the higher one, and 2's log is too short to win");
    else
      pass(committed && e3 && won && N(1).leader(), "E9",
           "workaround P (a refused pre-vote carries the refuser's term if higher): " + w +
               "leader after " + S(now_ms - t0) + " ms");
  }
  {
    cluster(3);
    raft_set_max_inflight_entries(&N(1).r, 1000);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3}, 3);
    N(1).cmd("p");
    settle({1, 2, 3});
    auto run = [&](bool often) {
      int at = 0;
      std::deque<std::pair<int, Wire>> fly;
      for (int k = 0; k < 40; k++) {
        N(1).cmd("p");
        for (auto& w : net)
          at += w.to == 3 && !w.ents.empty() &&
                w.m.append_entries.prev_log_index + w.ents.size() == N(1).last();
        now_ms += 1;
        if (often) N(1).timeout();
        for (auto& w : net) fly.push_back({k + 4, w});
        net.clear();
        while (!fly.empty() && fly.front().first <= k) {
          Wire w = fly.front().second;
          fly.pop_front();
          give(w);
          for (auto& x : net) fly.push_back({k + 4, x});
          net.clear();
        }
      }
      for (auto& [k, w] : fly) give(w);
      settle({1, 2, 3});
      beat(1, {1, 2, 3}, 3);
      return at;
    };
    int a = run(false), b = run(true);
    defect(a == 40 && b < 30, "E9",
           "TIMEOUT fed more often than raft_timeout() asks for makes the leader call every "
           "follower it has not heard from since the previous one unreachable and leave pipeline "
           "mode: of 40 writes, one per ms with 4 ms latency, " +
               S(a) + " were sent at once with proper timing, " + S(b) +
               " with a TIMEOUT every ms: feed it only when due");
  }
}

// ---- E10 ----
static void E10() {
  // commit index going backwards
  for (int filter = 0; filter < 2; filter++) {
    cluster(3);
    fTrim = filter;
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    raft_term t = raft_current_term(&N(1).r);
    raft_set_max_inflight_entries(&N(1).r, 100);
    for (int k = 0; k < 80; k++) {
      N(1).cmd("d");
      talk(1, 2);
      deliver(1, 3);
      drop(3, 1);
    }
    raft_set_max_inflight_entries(&N(1).r, 32);
    for (int k = 0; k < 20; k++) {
      N(1).cmd("d");
      talk(1, 2);
      drop(1, 3);
    }
    (void)t;
    raft_index before = raft_commit_index(&N(3).r);
    N(3).regressed = false;
    raft_index low = before;
    for (int k = 0; k < 6; k++) {
      now_ms += 100;
      N(1).timeout();
      talk(1, 2);
      while (deliver(1, 3, 0, 1)) low = std::min(low, raft_commit_index(&N(3).r));
      drop(3, 1);
    }
    if (!filter)
      defect(N(3).regressed, "E10",
             "a follower's commit index goes BACKWARDS (" + S(before) + " -> " + S(low) +
                 ") when its answers were lost and the leader starts again from an older index: "
                 "never assume it is monotonic, keep the maximum");
    else
      pass(!N(3).regressed, "E10",
           "workaround T (a message starting below the commit index is trimmed to it): commit "
           "index stays at " +
               S(low));
  }
  // answers lost, follower compacts
  for (int mode = 0; mode < 3; mode++) {
    cluster(3);
    fTrim = mode == 1;
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    for (int k = 0; k < 20; k++) {
      N(1).cmd("d");
      talk(1, 2);
      deliver(1, 3);
      drop(3, 1);
    }
    raft_index m = match(1, 3);
    N(3).snapshot(mode == 2 ? 40 : 0);
    for (int k = 0; k < 3; k++) {
      now_ms += 100;
      N(1).timeout();
      talk(1, 2);
      drop();
    }
    raft_index want = 0;
    auto go = [&] {
      for (int k = 0; k < 30; k++) {
        now_ms += 100;
        N(1).timeout();
        settle({1, 2, 3}, 400);
      }
      N(1).cmd("n");
      settle({1, 2, 3}, 400);
      for (int k = 0; k < 5; k++) {
        now_ms += 100;
        N(1).timeout();
        settle({1, 2, 3}, 400);
      }
      want = N(1).last();
      return N(3).last() == want && match(1, 3) == want ? 1 : 0;
    };
    std::string r = child(go);
    if (mode == 0)
      defect(r != "1", "E10",
             "answers of a follower were lost (leader knows match " + S(m) +
                 "), it compacts its log without trailing entries: the leader probes down to index "
                 "0 and never sends it anything again (ok=" +
                 r + ")");
    else
      pass(r == "1", "E10",
           mode == 1 ? "workaround T repairs that"
                     : "so does RAFT_SNAPSHOT with trailing > the leader's max_inflight_entries");
  }
  // prev 0 to a compacted follower
  for (int filter = 0; filter < 2; filter++) {
    std::string r = child([&] {
      cluster(3);
      fTrim = filter;
      elect(1, {2});
      settle({1, 2, 3});
      beat(1, {1, 2, 3});
      for (int k = 0; k < 10; k++) {
        N(1).cmd("d");
        settle({1, 2, 3});
      }
      beat(1, {1, 2, 3});
      raft_term t = raft_current_term(&N(1).r);
      N(3).snapshot(0);
      raft_index l = raft_last_index(&N(3).r);
      std::vector<Ent> v(N(1).log.begin(), N(1).log.begin() + 3);
      give(ae(1, 3, t, 0, 0, 1, v));
      return raft_last_index(&N(3).r) == l && !N(3).badIndex ? 0
                                                             : int(raft_last_index(&N(3).r) - l);
    });
    if (!filter)
      defect(r != "0", "E10",
             "a duplicated old AppendEntries with prev 0 reaching a follower that has compacted "
             "its log is appended at the END of the log and the engine reads past the received "
             "array, reporting more entries than came (" +
                 r + "): memory error or silent corruption");
    else
      pass(r == "0", "E10", "workaround T prevents that");
  }
  // the leader of a term receives AppendEntries of its own term
  for (int filter = 0; filter < 2; filter++) {
    std::string r = child([&] {
      cluster(3);
      fLeader = filter;
      elect(1, {2});
      settle({1, 2, 3});
      beat(1, {1, 2, 3});
      raft_term t = raft_current_term(&N(1).r);
      give(ae(2, 1, t, 1, 1, 1, {C(t, "evil")}));
      bool hurt = N(1).r.leader_state.promotee_id != 0 || N(1).last() != raft_last_index(&N(1).r);
      drop();
      for (int k = 0; k < 70; k++) beat(1, {1, 2, 3});
      return hurt ? 1 : 0;
    });
    if (!filter)
      defect(r != "0", "E10",
             "a leader that receives AppendEntries of its own term (misrouted or hostile) writes "
             "follower fields over its leader state: " +
                 r + " (1 = state overwritten): drop such messages (workaround L)");
    else
      pass(r == "0", "E10", "workaround L: nothing happens");
  }
  // a delayed duplicate of a genuine rejection
  for (int filter = 0; filter < 2; filter++) {
    std::string r = child([&] {
      cluster(3);
      fReject = filter;
      elect(1, {2});
      settle({1, 2, 3});
      beat(1, {1, 2, 3});
      for (int k = 0; k < 3; k++) {
        N(1).cmd("d");
        talk(1, 2);
        drop(1, 3);
      }
      N(1).cmd("d");
      talk(1, 2);
      raft_index p = 0;
      Wire dup;
      deliver(1, 3);
      for (auto& x : net)
        if (x.from == 3 && x.m.append_entries_result.rejected) {
          dup = x;
          p = x.m.append_entries_result.rejected;
        }
      raft_set_max_inflight_entries(&N(1).r, 3);
      deliver(3, 1);
      talk(1, 3, 1);
      if (!p || match(1, 3) != p) return int(100 + p);
      drop();
      for (int k = 0; k < 2; k++) {
        now_ms += 100;
        N(1).timeout();
        talk(1, 2);
        drop();
      }
      give(dup);
      raft_set_max_inflight_entries(&N(1).r, 32);
      N(1).cmd("n");
      for (int k = 0; k < 50; k++) beat(1, {1, 2, 3});
      return N(3).last() == N(1).last() ? 1 : 0;
    });
    if (!filter)
      defect(r != "1", "E10",
             "a late duplicate of a genuine rejection, when the leader is probing again: next "
             "index falls below the match index and this follower gets no entries any more in this "
             "term (ok=" +
                 r + ")");
    else
      pass(r == "1", "E10",
           "workaround R (the leader's side drops a rejection at or below raft_match_index) "
           "prevents that");
  }
  struct H {
    const char* what;
    std::function<int()> f;
  };
  raft_index big = ~0ull;
  auto base = [] {
    cluster(3);
    elect(1, {2});
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
    for (int k = 0; k < 5; k++) N(1).cmd("d");
    settle({1, 2, 3});
    beat(1, {1, 2, 3});
  };
  auto okAll = [] {
    net.clear();
    N(1).cmd("z");
    settle({1, 2, 3});
    for (int k = 0; k < 15; k++) beat(1, {1, 2, 3});
    return N(1).leader() && N(3).last() == N(1).last() && N(2).last() == N(1).last() &&
                   raft_commit_index(&N(1).r) == N(1).last()
               ? 1
               : 0;
  };
  auto res = [](raft_id f, raft_id t, raft_term term, raft_index rej, raft_index l, int ver = 2) {
    Wire w{f, t, {}, {}, {}};
    w.m.type = RAFT_APPEND_ENTRIES_RESULT;
    auto& q = w.m.append_entries_result;
    q.version = ver;
    q.term = term;
    q.rejected = rej;
    q.last_log_index = l;
    q.features = 1;
    q.capacity = 0;
    return w;
  };
  auto T = [] { return raft_current_term(&N(1).r); };
  std::vector<H> hs = {
      {"AppendEntries, prev beyond the log (2^64-2)",
       [&] {
         base();
         give(ae(1, 3, T(), big - 1, 5, 1));
         return okAll();
       }},
      {"AppendEntries, n_entries 0, commit 2^64-1",
       [&] {
         base();
         raft_index l = N(3).last();
         give(ae(1, 3, T(), l, N(3).termOf(l), big));
         bool ok = raft_commit_index(&N(3).r) <= l;
         return ok ? okAll() : 0;
       }},
      {"AppendEntries, prev 0 with a term",
       [&] {
         base();
         give(ae(1, 3, T(), 0, 7, 1));
         return okAll();
       }},
      {"AppendEntries, prev > 0 with term 0",
       [&] {
         base();
         give(ae(1, 3, T(), 3, 0, 1));
         return okAll();
       }},
      {"AppendEntries contradicting a committed entry",
       [&] {
         base();
         raft_index l = N(3).last();
         give(ae(1, 3, T(), l - 1, N(3).termOf(l - 1), 1, {C(T() + 0, "q")}));
         give(ae(1, 3, T(), 2, 99, 1));
         give(ae(1, 3, T(), 1, 1, 1, {C(1, "q")}));
         return okAll();
       }},
      {"two 'leaders' of one term",
       [&] {
         base();
         raft_index l = N(3).last();
         give(ae(2, 3, T(), l, N(3).termOf(l), 1));
         raft_id id;
         const char* a;
         raft_leader(&N(3).r, &id, &a);
         net.clear();
         return id == 2 ? okAll() : 0;
       }},
      {"unknown sender ids, all types",
       [&] {
         base();
         give(ae(77, 3, 1, 1, 1, 1));
         give(res(77, 1, T(), 0, 5));
         give(res(77, 3, T(), 0, 5));
         Wire w{77, 2, {}, {}, {}};
         w.m.type = RAFT_REQUEST_VOTE;
         w.m.request_vote = {2, 1, 77, 1, 1, false, false};
         give(w);
         w.m.type = RAFT_REQUEST_VOTE_RESULT;
         w.m.request_vote_result = {2, T(), true, false, 0, 0};
         give(w);
         w.to = 1;
         give(w);
         w.m.type = RAFT_TIMEOUT_NOW;
         w.m.timeout_now = {0, T(), 1, 1};
         give(w);
         w.to = 2;
         give(w);
         return okAll();
       }},
      {"TimeoutNow from a follower",
       [&] {
         base();
         Wire w{3, 2, {}, {}, {}};
         w.m.type = RAFT_TIMEOUT_NOW;
         w.m.timeout_now = {0, T(), N(2).last(), N(2).termOf(N(2).last())};
         give(w);
         return raft_state(&N(2).r) == RAFT_FOLLOWER ? okAll() : 0;
       }},
      {"result with last_log_index 2^64-1 (leader believes it, up to its own last)",
       [&] {
         base();
         N(1).cmd("only1");
         net.clear();
         give(res(3, 1, T(), 0, big));
         return match(1, 3) == N(1).last() && raft_commit_index(&N(1).r) == N(1).last() ? 2
                                                                                        : okAll();
       }},
      {"result rejected 2^64-1",
       [&] {
         base();
         give(res(3, 1, T(), big, 0));
         return okAll();
       }},
      {"result rejecting index 1 to the already matched (old duplicate)",
       [&] {
         base();
         give(res(3, 1, T(), 1, 0));
         return okAll();
       }},
      {"results with version 0 and 1, features 0",
       [&] {
         base();
         N(1).cmd("a");
         Wire w;
         std::vector<Wire> v;
         settle({1, 2, 3}, 1);
         while (take(3, 1, RAFT_APPEND_ENTRIES_RESULT, w)) {
           w.m.append_entries_result.version = 0;
           w.m.append_entries_result.features = 0;
           give(w);
         }
         return okAll();
       }},
      {"every message delivered twice and in reverse order",
       [&] {
         base();
         for (int k = 0; k < 30; k++) {
           N(1).cmd("r");
           if (k % 5 == 4) {
             for (int j = 0; j < 6; j++) {
               std::deque<Wire> q;
               q.swap(net);
               for (auto i = q.rbegin(); i != q.rend(); ++i) {
                 give(*i);
                 give(*i);
               }
             }
           }
         }
         return okAll();
       }},
      {"InstallSnapshot older than the commit index",
       [&] {
         base();
         Wire w{1, 3, {}, {}, enc({{1, V}, {2, V}, {3, V}})};
         w.m.type = RAFT_INSTALL_SNAPSHOT;
         w.m.install_snapshot.term = T();
         w.m.install_snapshot.last_index = 2;
         w.m.install_snapshot.last_term = N(3).termOf(2);
         w.m.install_snapshot.conf_index = 1;
         give(w);
         return N(3).snap == 0 ? okAll() : 0;
       }},
      {"InstallSnapshot with index 0",
       [&] {
         base();
         Wire w{1, 3, {}, {}, enc({{1, V}, {2, V}, {3, V}})};
         w.m.type = RAFT_INSTALL_SNAPSHOT;
         w.m.install_snapshot.term = T();
         w.m.install_snapshot.last_index = 0;
         w.m.install_snapshot.last_term = 0;
         w.m.install_snapshot.conf_index = 0;
         give(w);
         return okAll();
       }},
      {"unknown message type",
       [&] {
         base();
         Wire w{1, 3, {}, {}, {}};
         w.m.type = (raft_message_type)42;
         give(w);
         return okAll();
       }},
      {"term 2^64-1 in a RequestVote with disrupt_leader",
       [&] {
         base();
         Wire w{3, 2, {}, {}, {}};
         w.m.type = RAFT_REQUEST_VOTE;
         w.m.request_vote = {2, big, 3, 1, 1, true, false};
         give(w);
         net.clear();
         return raft_current_term(&N(2).r) == big ? 3 : okAll();
       }},
      {"AppendEntries with an entry of term 0",
       [&] {
         base();
         raft_index l = N(3).last();
         give(ae(1, 3, T(), l, N(3).termOf(l), 1, {Ent{0, RAFT_COMMAND, "12345678"}}));
         return okAll();
       }},
      {"AppendEntries with a CHANGE cut short (9 bytes, claims 3 servers)",
       [&] {
         base();
         raft_index l = N(3).last();
         std::string s = enc({{1, V}, {2, V}, {3, V}}).substr(0, 9);
         give(ae(1, 3, T(), l, N(3).termOf(l), 1, {Ent{T(), RAFT_CHANGE, s}}));
         return okAll();
       }},
  };
  for (auto& h : hs) {
    auto r = child(h.f);
    bool good = r == "1";
    note("E10", std::string(h.what) + ": " +
                    (good       ? "harmless"
                     : r == "2" ? "BELIEVED: an entry is committed that only the leader has"
                     : r == "3" ? "the term is taken over: no further term is possible"
                     : r == "0" ? "no crash, but the cluster did not get back to normal"
                                : r));
  }
}

// ---- E11, E12 ----
static void E11() {
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  drop();
  heap.foreign = 0;
  N(1).cmd("x");
  pass(N(1).lastBatch == nullptr || heap.foreign == 0, "E11",
       "RAFT_SUBMIT: entries array and buffers stay the caller's, accepted or refused (" +
           S(N(2).cmd("y")) + " on a follower)");
  drop();
  std::vector<raft_entry> es(1);
  es[0] = {raft_current_term(&N(1).r), RAFT_COMMAND, {raft_malloc(8), 8}, nullptr};
  es[0].batch = es[0].buf.base;
  memset(es[0].buf.base, 0, 8);
  raft_event e{};
  e.type = RAFT_SUBMIT;
  e.submit.entries = es.data();
  e.submit.n = 1;
  N(1).given = es.data();
  N(1).step(e);
  N(1).given = nullptr;
  bool same = N(1).lastBatch == es.data();
  raft_free(es[0].batch);
  note("E11", std::string("update.entries.batch after SUBMIT ") +
                  (same ? "IS the caller's own array (0.22.1)"
                        : "is a copy to be freed with raft_free (newer)"));
  cluster(3);
  elect(1, {2});
  drop();
  N(1).cmd("a");
  drop();
  now_ms += 3000;
  N(1).timeout();
  drop();
  bool bar = elect(1, {2});
  Ent* b = N(1).at(3);
  bool inside = N(1).sawInside;
  pass(bar && b && b->type == RAFT_BARRIER, "E11",
       std::string("a new leader with unsettled entries appends a BARRIER itself, in the step that "
                   "elects it: update.entries.batch points ") +
           (inside ? "INTO struct raft (0.22.1: copy it, raft_free its batch, not the array)"
                   : "to a heap array to be freed (newer)"));
  // who frees a received batch
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  drop();
  raft_term t = raft_current_term(&N(1).r);
  auto recv = [&](raft_index prev, raft_term pt, raft_term term, bool& freed, bool& ours) {
    void* bt = raft_malloc(8);
    memset(bt, 0, 8);
    raft_entry en{term, RAFT_COMMAND, {bt, 8}, bt};
    raft_message m{};
    m.type = RAFT_APPEND_ENTRIES;
    m.server_id = 1;
    m.server_address = "a1";
    m.append_entries = {0, term, prev, pt, 1, &en, 1};
    raft_event ev{};
    ev.type = RAFT_RECEIVE;
    ev.receive.message = &m;
    N(3).given = &en;
    N(3).step(ev);
    N(3).given = nullptr;
    freed = !live(bt);
    ours = N(3).lastFlags & RAFT_UPDATE_ENTRIES;
    if (!freed) raft_free(bt);
    net.clear();
  };
  bool f1, o1, f2, o2, f3, o3, f4, o4;
  recv(1, 1, t, f1, o1);
  recv(1, 1, t, f2, o2);
  recv(9, t, t, f3, o3);
  recv(1, 1, t - 1, f4, o4);
  pass(!f1 && o1 && f2 && !o2 && f3 && !o3 && f4 && !o4, "E11",
       "received AppendEntries: persisted (UPDATE_ENTRIES) -> batch is the caller's; duplicate, "
       "rejected, old term -> the engine has freed entries[0].batch; the entries array is always "
       "the caller's");
  {
    void* bt = raft_malloc(64);
    memset(bt, 0, 64);
    std::vector<raft_entry> en(2);
    en[0] = {t, RAFT_COMMAND, {bt, 8}, bt};
    en[1] = {t, RAFT_COMMAND, {(char*)bt + 8, 8}, bt};
    raft_message m{};
    m.type = RAFT_APPEND_ENTRIES;
    m.server_id = 1;
    m.server_address = "a1";
    m.append_entries = {0, t, 1, 1, 1, en.data(), 2};
    raft_event ev{};
    ev.type = RAFT_RECEIVE;
    ev.receive.message = &m;
    N(3).given = en.data();
    N(3).step(ev);
    N(3).given = nullptr;
    note("E11",
         std::string("a message of which a prefix is already known: update.entries.batch ") +
             (N(3).lastBatch == &en[1] ? "points into the MIDDLE of the received array (0.22.1)"
                                       : "is a copy") +
             ", index and n describe the rest");
    if (live(bt)) raft_free(bt);
    net.clear();
  }
  // a batch pointer of NULL makes the engine free nothing (asserts are compiled out in Debian's
  // build)
  std::string r = child([&] {
    raft_index l = N(3).last();
    char buf[8] = {};
    raft_entry en{t, RAFT_COMMAND, {buf, 8}, nullptr};
    raft_message m{};
    m.type = RAFT_APPEND_ENTRIES;
    m.server_id = 1;
    m.server_address = "a1";
    m.append_entries = {0, t, l, N(3).termOf(l), 1, &en, 1};
    raft_event ev{};
    ev.type = RAFT_RECEIVE;
    ev.receive.message = &m;
    size_t before = heap.live.size(), fo = heap.foreign;
    N(3).given = &en;
    N(3).step(ev);
    net.clear();
    int a = raft_last_index(&N(3).r) == l + 1;
    m.append_entries.prev_log_index = 1;
    m.append_entries.prev_log_term = 1;
    N(3).step(ev);
    return a && heap.foreign == fo && heap.live.size() <= before + 4 ? 0 : 1;
  });
  note("E11", "batch = NULL in received entries: " + r +
                  " (0 = accepted, nothing freed: the way to own all memory on 0.22.1 and newer "
                  "alike; a build with asserts refuses it)");
  // snapshots
  behind(2);
  N(3).autoInstall = false;
  for (int k = 0; k < 6 && N(3).installing.empty(); k++) {
    now_ms += 100;
    N(1).timeout();
    settle({1, 2, 3});
  }
  raft_configuration cp =
      N(3).installing.empty() ? raft_configuration{} : N(3).installing[0].md.configuration;
  bool haveIS = !N(3).installing.empty();
  Wire w{1, 3, {}, {}, enc({{1, V}, {2, V}, {3, V}})};
  w.m.type = RAFT_INSTALL_SNAPSHOT;
  w.m.install_snapshot.term = raft_current_term(&N(1).r);
  w.m.install_snapshot.last_index = N(1).snap;
  w.m.install_snapshot.last_term = N(1).snapTerm;
  w.m.install_snapshot.conf_index = 1;
  give(w);
  if (newer)
    note("E11", "a second InstallSnapshot while one is being installed: nothing leaks (newer)");
  else
    defect(haveIS && N(3).leaked == 1, "E11",
           "a second InstallSnapshot while one is being installed is dropped without freeing conf "
           "and data (recognise it: no UPDATE_SNAPSHOT and no message)");
  N(3).install();
  bool taken = live(cp.servers) && N(3).r.configuration.servers == cp.servers;
  note("E11", std::string("PERSISTED_SNAPSHOT: the configuration handed in ") +
                  (taken ? "becomes the engine's own (0.22.1)" : "is copied (newer)"));
  settle({1, 2, 3});
  r = child([] {
    behind(2);
    N(3).autoInstall = false;
    now_ms += 100;
    N(1).timeout();
    settle({1, 2});
    raft_term t = raft_current_term(&N(1).r);
    raft_message m{};
    m.type = RAFT_INSTALL_SNAPSHOT;
    m.server_id = 1;
    m.server_address = "a1";
    m.install_snapshot.term = t;
    m.install_snapshot.last_index = N(1).snap;
    m.install_snapshot.last_term = N(1).snapTerm;
    m.install_snapshot.conf_index = 1;
    raft_event e{};
    e.type = RAFT_RECEIVE;
    e.receive.message = &m;
    N(3).step(e);
    N(3).step(e);
    if (N(3).installing.size() != 1) return 1;
    N(3).installing[0].md.configuration = dec(N(1).snapConf);
    N(3).install();
    settle({1, 2, 3});
    beat(1, {1, 2, 3}, 3);
    return N(3).last() == N(1).last() && voters(3) == "{1v,2v,3v}" ? 0 : 2;
  });
  pass(r == "0", "E11",
       "InstallSnapshot may be received with an EMPTY configuration and no data, the real "
       "configuration handed in with PERSISTED_SNAPSHOT: nothing to leak, nothing for the engine "
       "to free");
  raft_configuration k = dec(enc({{1, V}}));
  void* sv = k.servers;
  raft_event ce{};
  ce.type = RAFT_CONFIGURATION;
  ce.configuration.index = 999;
  ce.configuration.conf = k;
  N(2).step(ce);
  note("E11", std::string("RAFT_CONFIGURATION: the configuration handed in is ") +
                  (!live(sv) ? "taken (freed when the index is not the pending change's) (0.22.1)"
                             : "the caller's (newer)"));
  if (newer) raft_configuration_close(&k);
  // everything released at the end
  heap.foreign = 0;
  cluster(3);
  closeAll();
  size_t before = heap.live.size();
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int i = 0; i < 50; i++) {
    N(1).cmd("d");
    settle({1, 2});
  }
  beat(1, {1, 2});
  N(1).snapshot(2);
  beat(1, {1, 2, 3}, 6);
  N(1).change({{1, V}, {2, V}, {3, V}, {4, B}});
  settle({1, 2, 3});
  beat(1, {1, 2, 3}, 2);
  N(1).simple(RAFT_TRANSFER, 2);
  settle({1, 2, 3});
  beat(2, {1, 2, 3}, 3);
  bool ok = N(2).leader() && N(3).last() == N(2).last();
  closeAll();
  pass(ok && heap.live.size() == before && heap.foreign == 0, "E11",
       "with these rules a run with elections, writes, snapshot, change and transfer leaves "
       "nothing allocated (" +
           S(heap.live.size() - before) + ") and frees nothing twice (" + S(heap.foreign) + ")");
}
static void E12() {
  {
    reset();
    Conf c{{1, V}};
    for (int i = 2; i <= 60; i++) c.push_back({i, B});
    boot(1, c);
    unsigned n0 = N(1).lastMsgs;
    pass(N(1).leader() && n0 == 59 && net.size() == 59, "E12",
         "59 messages in one step (queue grows by itself); a single voter is leader after "
         "RAFT_START");
  }
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  raft_id id = 0;
  const char* a = nullptr;
  raft_leader(&N(3).r, &id, &a);
  raft_index m = 0;
  int bad = raft_match_index(&N(1).r, 77, &m), no = raft_match_index(&N(3).r, 1, &m);
  pass(id == 1 && raft_current_term(&N(3).r) == raft_current_term(&N(1).r) &&
           raft_last_index(&N(3).r) == 1 && bad == RAFT_BADID && no == RAFT_NOTLEADER &&
           raft_role(&N(3).r) == V,
       "E12",
       "term, state, leader, last and commit index, match index per member, role, transferee, "
       "catch-up state and next timeout have public functions");
  N(1).cmd("a");
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  raft_term t = raft_current_term(&N(3).r);
  Wire w{2, 3, {}, {}, {}};
  w.m.type = RAFT_REQUEST_VOTE;
  w.m.request_vote = {2, t + 1, 2, 99, t, true, false};
  give(w);
  raft_leader(&N(3).r, &id, &a);
  defect(
      raft_current_term(&N(3).r) == t + 1 && id == 1, "E12",
      "after voting in a higher term (leadership transfer) raft_leader() still names the leader of "
      "the OLD term: take the leader of a term from its AppendEntries, not from raft_leader()");
  N(1).simple(RAFT_TRANSFER, 2);
  raft_leader(&N(1).r, &id, &a);
  note("E12", "while it transfers, the leader itself reports leader id " + S(id) +
                  " (raft_transferee " + S(raft_transferee(&N(1).r)) +
                  ") and refuses RAFT_SUBMIT with " + S(N(1).cmd("b")) + " (RAFT_NOTLEADER)");
  cluster(3);
  elect(1, {2});
  settle({1, 2, 3});
  beat(1, {1, 2, 3});
  for (int k = 0; k < 3; k++) {
    N(1).cmd("b");
    settle({1, 3});
    drop(1, 2);
  }
  beat(1, {1, 3});
  for (int k = 0; k < 3; k++) {
    N(1).cmd("c");
    drop(1, 2);
    settle({1, 3});
  }
  raft_set_max_inflight_entries(&N(1).r, 2);
  N(1).simple(RAFT_TRANSFER, 2);
  bool tn = false, early = false;
  raft_time t0 = now_ms;
  for (int k = 0; k < 40 && raft_transferee(&N(1).r); k++) {
    now_ms += 50;
    N(1).timeout();
    for (int j = 0; j < 8; j++) {
      for (auto& x : net)
        if (x.m.type == RAFT_TIMEOUT_NOW) {
          tn = true;
          early |= N(2).last() < N(1).last();
        }
      deliver(1, 2);
      deliver(2, 1);
    }
    if (N(2).leader()) break;
  }
  defect(
      tn && early && !N(2).leader(), "E12",
      "transfer to a lagging member: TimeoutNow is sent at its first progress, before it has "
      "everything, is ignored and not repeated; writes are refused until the transfer times out (" +
          S(now_ms - t0) + " ms): transfer only when raft_match_index == raft_last_index");
  note("E12",
       "not public: term of an entry (keep your own), whether a change is uncommitted (keep the "
       "index of your last CHANGE and compare with the commit index; or the documented field "
       "configuration_uncommitted_index), last contact per member (note the time of each result "
       "you pass in)");
}

// ---- everything at once ----
// Random loss, duplication, reordering, crashes for good (new ids are not needed here), snapshots,
// changes, transfers; TIMEOUT only when due.
struct Tally {
  int ran = 0, commits = 0, differ = 0, votes2 = 0, regress = 0, ghosts = 0, errors = 0, stuck = 0;
};
static void schedule(unsigned seed, bool guarded, Tally& y) {
  unsigned rs = seed * 2654435761u + 1;
  auto rnd = [&](unsigned n) {
    rs = rs * 1664525u + 1013904223u;
    return (rs >> 8) % n;
  };
  Conf c{{1, V}, {2, V}, {3, V}}, c4b = c, c4v = c;
  c4b.push_back({4, B});
  c4v.push_back({4, V});
  reset();
  for (int i = 1; i <= 3; i++) boot(i, c, seed * 97 + i);
  empty(4);
  raft_seed(&N(4).r, seed * 97 + 4);
  for (auto& [i, n] : nodes)
    raft_set_pre_vote(&n->r, true), raft_set_max_inflight_entries(&n->r, 8),
        raft_set_install_snapshot_timeout(&n->r, 500);
  if (guarded) fSplit = fTrim = fStale = fPreTerm = fLeader = fReject = true;
  std::map<raft_index, std::pair<raft_term, std::string>> truth;
  std::map<raft_id, raft_index> seen;
  int counter = 0;
  auto timers = [&] {
    for (auto& [i, n] : nodes)
      if (now_ms >= raft_timeout(&n->r)) n->timeout();
  };
  auto audit = [&] {
    for (auto& [i, n] : nodes)
      for (raft_index k = std::max(n->base, seen[i]) + 1;
           k <= std::min(raft_commit_index(&n->r), n->last()); k++) {
        Ent* e = n->at(k);
        auto [it, fresh] = truth.insert({k, {e->term, e->data}});
        y.commits += fresh;
        if (it->second != std::make_pair(e->term, e->data)) y.differ++;
        seen[i] = k;
      }
  };
  for (int k = 0; k < 4000; k++) {
    unsigned a = rnd(100);
    if (a < 62 && !net.empty()) {
      size_t i = rnd(4) ? 0 : rnd(net.size());
      Wire w = net[i];
      if (rnd(12)) net.erase(net.begin() + i);
      if (rnd(15)) give(w);
    } else if (a < 82) {
      now_ms += rnd(8);
      timers();
    } else {
      Node& n = N(1 + rnd(4));
      if (a < 94) {
        if (n.leader()) {
          bool own = n.termOf(n.last()) == raft_current_term(&n.r);
          if (!own && guarded)
            n.submit({{0, RAFT_BARRIER, "12345678"}});
          else
            n.cmd(S(++counter));
        }
      } else if (a < 96) {
        if (n.leader() && n.termOf(raft_commit_index(&n.r)) == raft_current_term(&n.r)) {
          int r4 = -1;
          for (unsigned q = 0; q < n.r.configuration.n; q++)
            if (n.r.configuration.servers[q].id == 4) r4 = n.r.configuration.servers[q].role;
          if (r4 < 0)
            n.change(c4b);
          else if (r4 == B && match(n.id, 4) == n.last())
            n.change(c4v);
          else if (r4 == V)
            n.change(c4b);
        }
      } else if (a < 98) {
        if (n.applied > n.snap && raft_commit_index(&n.r) == n.applied &&
            !n.r.configuration_uncommitted_index)
          n.snapshot(rnd(2) ? 0 : rnd(20));
      } else if (n.leader())
        n.simple(RAFT_TRANSFER, 0);
    }
    if (net.size() > 300) net.erase(net.begin(), net.begin() + 100);
    audit();
  }
  net.clear();
  bool back = false;
  for (int k = 0; k < 400 && !back; k++) {
    now_ms += 25;
    timers();
    settle({1, 2, 3, 4});
    audit();
    for (auto& [i, n] : nodes)
      if (n->leader()) {
        if (k % 20 == 0) n->cmd("end");
        back = k > 200 && raft_commit_index(&n->r) == n->last();
        for (auto& [j, o] : nodes)
          if (j <= 3 && (o->last() != n->last() || o->applied != n->applied)) back = false;
      }
  }
  y.ran++;
  y.stuck += !back;
  y.votes2 += !oneVote();
  for (auto& [i, n] : nodes) y.regress += n->regressed, y.ghosts += n->phantom || n->badIndex;
}
static void ALL() {
  for (bool guarded : {false, true}) {
    Tally y;
    std::string crashes;
    int dead = 0, bad = 0, n = 400;
    for (int s = 1; s <= n; s++) {
      Tally z;
      auto r = child([&] {
        schedule(s, guarded, z);
        return z.differ * 1000000 + z.votes2 * 100000 + z.ghosts * 10000 + z.stuck * 1000 +
               std::min(z.regress, 9) * 100 + (z.commits > 20);
      });
      if (r[0] < '0' || r[0] > '9') {
        dead++;
        continue;
      }
      int v = atoi(r.c_str());
      y.differ += v / 1000000;
      y.votes2 += v / 100000 % 10;
      y.ghosts += v / 10000 % 10;
      y.stuck += v / 1000 % 10;
      y.regress += v / 100 % 10;
      y.commits += v % 100;
      bad += v >= 1000;
    }
    std::string t =
        S(n) + " random schedules (loss, duplicates, reordering, snapshots, changes, transfers), " +
        S(y.commits) + " of them busy: committed entries differ " + S(y.differ) + ", two votes " +
        S(y.votes2) + ", wrong index or phantom " + S(y.ghosts) + ", not converged " + S(y.stuck) +
        ", commit index backwards " + S(y.regress) + ", crashes " + S(dead);
    if (!guarded)
      note("ALL", "engine as it is: " + t);
    else
      pass(!dead && !bad && !y.regress, "ALL", "with all workarounds: " + t);
  }
}

int main(int argc, char** argv) {
  raft_heap_set(&custom);
  newer = probeNewer();
  printf("memory rules of the library: %s\n", newer ? "newer than 0.22.1" : "0.22.1");
  std::string only = argc > 1 ? argv[1] : "";
  struct {
    const char* n;
    void (*f)();
  } all[] = {{"E1", E1},   {"E2", E2},   {"E3", E3},  {"E4", E4}, {"E5", E5},
             {"E6", E6},   {"E7", E7},   {"E8", E8},  {"E9", E9}, {"E10", E10},
             {"E11", E11}, {"E12", E12}, {"ALL", ALL}};
  for (auto& s : all)
    if (only.empty() || only == s.n) {
      s.f();
      if (std::string(s.n) != "E3" && !oneVote()) pass(false, s.n, "two votes in one term");
      closeAll();
      votes.clear();
    }
  if (only.empty())
    pass(heap.live.empty() && !heap.foreign, "E11",
         "after all scenarios nothing is left allocated (" + S(heap.live.size()) +
             ") and nothing was freed twice (" + S(heap.foreign) + ")");
  printf("%s\n", failures ? "UNEXPECTED RESULTS, see FAIL" : "all as expected");
  return failures != 0;
}
