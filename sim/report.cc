// How runs are told of: rates, replay lines, names of mistakes.
#include <sstream>

#include "sim/run.h"

namespace ram::sim {

void RunCounters::add(const RunCounters& other) {
  static_assert(sizeof(RunCounters) % sizeof(uint64_t) == 0);
  auto* mine = reinterpret_cast<uint64_t*>(this);
  const auto* theirs = reinterpret_cast<const uint64_t*>(&other);
  for (size_t i = 0; i < sizeof(RunCounters) / sizeof(uint64_t); ++i) mine[i] += theirs[i];
}

std::string replay_line(const RunOptions& options, const std::string& mistake) {
  std::string line = "ram-sim --seed " + std::to_string(options.seed);
  if (options.nodes != 0) line += " --nodes " + std::to_string(options.nodes);
  const auto length = std::chrono::duration_cast<std::chrono::seconds>(options.length).count();
  if (length != 30) line += " --seconds " + std::to_string(length);
  if (!mistake.empty()) line += " --mistake " + mistake;
  return line;
}

std::string describe(const RunCounters& c) {
  const auto share = [](uint64_t part, uint64_t of) {
    return of == 0 ? uint64_t{0} : part * 100 / of;
  };
  std::ostringstream text;
  text << "virtual " << c.virtual_ms / 1000 << " s (quiet " << share(c.quiet_ms, c.virtual_ms)
       << " %) in " << c.cpu_us / 1000
       << " ms of CPU: " << (c.cpu_us == 0 ? 0 : c.virtual_ms * 1000 / c.cpu_us)
       << " times real time, " << (c.cpu_us == 0 ? 0 : c.events * 1'000'000 / c.cpu_us)
       << " events/s\n"
       << "reads " << c.reads << " (" << share(c.reads_done, c.reads) << " % done, "
       << share(c.leased, c.reads) << " % under a lease, " << share(c.waited, c.reads)
       << " % waited for an entry), writes " << c.writes << " (" << share(c.writes_done, c.writes)
       << " % done, " << c.writes_unknown << " unknown, " << c.writes_refused << " refused, "
       << c.conditions_failed << " conditions failed), entries " << c.entries << "\n"
       << "elections " << c.elections << ", crashes " << c.crashes << " (" << c.leader_crashes
       << " of leaders), while founding " << c.founding_crashes << " (" << c.reliefs
       << " relieved), partitions " << c.partitions << ", one-way cuts " << c.one_way_cuts
       << ", storms " << c.storms << ", pauses " << c.pauses << ", drifts " << c.drifts
       << ", ambushes " << c.ambushes << ", asked to: hand over " << c.transfers << ", evict "
       << c.evictions << ", leave " << c.leaves << "; majorities lost " << c.losses
       << ", asked to recover " << c.recoveries << ", writes perhaps lost by it " << c.writes_lost
       << "\n"
       << "frames " << c.frames << " (" << c.lost << " lost, " << c.repeated << " repeated, "
       << c.replayed << " came back late, " << c.cut_off << " cut off, streams broken " << c.broken
       << "), states: joined " << c.states_joined << ", installed " << c.states_installed
       << ", pieces " << c.bulk_frames << ", compactions " << c.compactions << "\n"
       << "keys searched " << c.keys_searched << " (" << c.keys_undecided << " undecided, "
       << c.states_searched << " states), well after healing within "
       << (c.runs == 0 ? 0 : c.heal_ms / c.runs) << " ms on average\nfences acted:";
  for (size_t i = 1; i < 16; ++i) {
    if (c.fenced[i] != 0) text << " F" << i << " " << c.fenced[i];
  }
  text << "\n";
  return text.str();
}

namespace {

struct Mistake {
  const char* name;
  bool* flag;
  bool value;
};

std::vector<Mistake> known_mistakes(node::Mistakes& mistakes) {
  consensus::Fences& fences = mistakes.fences;
  lease::Faults& lease = mistakes.lease;
  return {
      {"reads-skip-wait", &mistakes.reads_skip_the_wait, true},
      {"apply-repeats", &mistakes.machine.apply_repeats, true},
      {"apply-gaps", &mistakes.machine.apply_gaps, true},
      {"recover-worse", &mistakes.recovers_worse, true},
      {"recover-less", &mistakes.recovers_less, true},
      {"recover-twice", &mistakes.recovers_twice, true},
      {"heed-heirs", &mistakes.heeds_heirs, true},
      {"no-f1", &fences.f1, false},
      {"no-f2", &fences.f2, false},
      {"no-f3", &fences.f3, false},
      {"no-f4", &fences.f4, false},
      {"no-f5", &fences.f5, false},
      {"no-f6", &fences.f6, false},
      {"no-f7", &fences.f7, false},
      {"no-f8", &fences.f8, false},
      {"no-f9", &fences.f9, false},
      {"no-f10", &fences.f10, false},
      {"no-f11", &fences.f11, false},
      {"no-f12", &fences.f12, false},
      {"no-f13", &fences.f13, false},
      {"no-f15", &fences.f15, false},
      {"nowait", &lease.nowait, true},
      {"unbounded", &lease.unbounded, true},
      {"applycommit", &lease.applycommit, true},
      {"nopending", &lease.nopending, true},
      {"nobarrier", &lease.nobarrier, true},
      {"barrieracked", &lease.barrieracked, true},
      {"origleader", &lease.origleader, true},
      {"fallback", &lease.fallback, true},
      {"rmnowait", &lease.rmnowait, true},
      {"recvtime", &lease.recvtime, true},
      {"drift", &lease.drift, true},
      {"wdrift", &lease.wdrift, true},
      {"norel", &lease.norel, true},
      {"nodrop", &lease.nodrop, true},
      {"grantold", &lease.grantold, true},
      {"dropslow", &lease.dropslow, true},
      {"sinel", &lease.sinel, true},
      {"regrant", &lease.regrant, true},
      {"leaderfree", &lease.leaderfree, true},
      {"uncommittedcfg", &lease.uncommittedcfg, true},
      {"optself", &lease.optself, true},
      {"cutfallback", &lease.cutfallback, true},
      {"futuresigma", &lease.futuresigma, true},
      {"selfinf", &lease.selfinf, true},
      {"prevote", &lease.prevote, true},
      {"installv", &lease.installv, true},
      {"instgrant", &lease.instgrant, true},
      {"instgrant", &lease.snapcommit, true},
      {"snaplease", &lease.snaplease, true},
      {"snaplease", &lease.snapcommit, true},
      {"snapcut", &lease.snapcut, true},
      {"recsnap", &lease.recsnap, true},
      {"earlycfg", &lease.earlycfg, true},
      {"earlycfg", &fences.f10_changes, false},
      {"lastindex", &lease.lastindex, true},
      {"keptv", &lease.keptv, true},
      {"latestage", &lease.latestage, true},
      {"wirekeys", &lease.wirekeys, true},
      {"notimer", &lease.notimer, true},
      {"earlyapplied", &lease.earlyapplied, true},
      {"joinfence", &lease.joinfence, true},
      {"pendingfirst", &lease.pendingfirst, true},
      {"splitread", &lease.splitread, true},
      {"noclear", &lease.noclear, true},
  };
}

}  // namespace

bool set_mistake(const std::string& name, node::Mistakes& mistakes) {
  bool known = false;
  for (const Mistake& mistake : known_mistakes(mistakes)) {
    if (name != mistake.name) continue;
    *mistake.flag = mistake.value;
    known = true;
  }
  return known;
}

std::vector<std::string> mistake_names() {
  node::Mistakes mistakes;
  std::vector<std::string> names;
  for (const Mistake& mistake : known_mistakes(mistakes)) {
    if (names.empty() || names.back() != mistake.name) names.emplace_back(mistake.name);
  }
  return names;
}

}  // namespace ram::sim
