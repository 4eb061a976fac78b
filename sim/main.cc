// ram-sim: a cluster in one thread from one seed, or many of them.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sim/run.h"
#include "sim/runner.h"

namespace ram::sim {
namespace {

constexpr const char* kHelp =
    R"(usage: ram-sim --seed S [--nodes N] [--seconds T] [--mistake NAME]
               [--twice] [--no-trace | --frames]
           replays one run, with its trace; --frames: with every frame, too
       ram-sim --from S --count N [--nodes N] [--seconds T] [--mistake NAME]
               [--twice] [--jobs J] [--budget SECONDS] [--stop-at-first]
           makes many runs, and prints the line that replays each that fails
       ram-sim --replay-file FILE [--jobs J]
           makes the runs that the lines of FILE name

  --nodes N       nodes that found the cluster; 0 or absent: the seed says
  --seconds T     virtual seconds until the network is healed; 30 when absent
  --mistake NAME  breaks a rule on purpose, on every node; names are below
  --twice         makes each run twice, and compares their traces; of many runs
                  those of each 20th seed are, in any case
  --jobs J        processes at a time; 1 when absent
  --budget T      begins no run later than T seconds after the start
  --stop-at-first begins no run after the first that failed

Exit code: 0 all is well, 1 a run failed, 2 wrong usage.

Mistakes (src/lease/faults.h and docs/model say more; no-f1 is without the engine's fence F1):
)";

std::string mistake_lines() {
  std::string text, line = " ";
  for (const std::string& name : mistake_names()) {
    if (line.size() + 1 + name.size() > 80) text += std::exchange(line, " ") + "\n";
    line += " " + name;
  }
  return text + line + "\n";
}

struct Arguments {
  Job job;
  std::string mistake;
  bool one = false;
  bool many = false;
  bool trace = true;
  bool stop_at_first = false;
  uint64_t count = 1;
  std::string replay_file;
  RunnerOptions runner;
};

int wrong_usage(const std::string& why) {
  std::cerr << "ram-sim: " << why << "; ram-sim --help says more\n";
  return 2;
}

bool number(const std::string& text, uint64_t& out) {
  if (text.empty() || text.size() > 19 ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    return false;
  }
  out = std::stoull(text);
  return true;
}

// Nothing if they are good, else why not.
std::string parse(const std::vector<std::string>& words, Arguments& arguments) {
  RunOptions& options = arguments.job.options;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& flag = words[i];
    if (flag == "--no-trace") {
      arguments.trace = false;
      continue;
    }
    if (flag == "--frames") {
      options.trace_frames = true;
      continue;
    }
    if (flag == "--twice") {
      arguments.job.twice = true;
      continue;
    }
    if (flag == "--stop-at-first") {
      arguments.stop_at_first = true;
      continue;
    }
    if (i + 1 == words.size()) return flag + " is unknown, or lacks its value";
    const std::string& text = words[++i];
    if (flag == "--mistake") {
      arguments.mistake = text;
      if (!set_mistake(text, options.mistakes)) return "there is no mistake " + text;
      continue;
    }
    if (flag == "--replay-file") {
      arguments.replay_file = text;
      continue;
    }
    uint64_t value = 0;
    if (!number(text, value)) return flag + " needs a number, not " + text;
    if (flag == "--seed") {
      options.seed = value;
      arguments.one = true;
    } else if (flag == "--from") {
      options.seed = value;
      arguments.many = true;
    } else if (flag == "--count") {
      arguments.count = value;
      arguments.many = true;
    } else if (flag == "--nodes") {
      if (value > 9) return "--nodes is at most 9";
      options.nodes = value;
    } else if (flag == "--seconds") {
      if (value < 1 || value > 3'600) return "--seconds is from 1 to 3600";
      options.length = std::chrono::seconds(value);
    } else if (flag == "--jobs") {
      if (value < 1 || value > 64) return "--jobs is from 1 to 64";
      arguments.runner.processes = value;
    } else if (flag == "--budget") {
      arguments.runner.budget = std::chrono::seconds(value);
    } else {
      return flag + " is unknown";
    }
  }
  return {};
}

int replay(const Arguments& arguments) {
  Job job = arguments.job;
  std::cout << std::unitbuf;  // all lines are out when it dies
  if (arguments.trace) job.options.trace = &std::cout;
  const RunResult result = run_job(job);
  std::cout << describe(result.counters) << "trace hash " << std::hex << result.trace_hash
            << std::dec << "\n";
  if (result.failure.empty()) {
    std::cout << "1 runs, 0 failed\n";
    return 0;
  }
  std::cout << "FAILED: " << result.failure << "\n1 runs, 1 failed\n";
  return 1;
}

int run_jobs(const std::vector<Job>& jobs, const std::vector<std::string>& lines,
             const Arguments& arguments) {
  std::map<std::string, std::string> line_of;
  for (size_t i = 0; i < jobs.size(); ++i) line_of[replay_line(jobs[i].options)] = lines[i];
  const RunnerResult total =
      run_all(jobs, arguments.runner, [&](const Job& job, const RunResult& result) {
        if (result.failure.empty()) return true;
        std::cout << line_of[replay_line(job.options)] << "\n  " << result.failure << std::endl;
        return !arguments.stop_at_first;
      });
  std::cout << describe(total.counters);
  if (total.runs < jobs.size()) {
    std::cout << jobs.size() - total.runs << " were not begun\n";
  }
  std::cout << total.runs << " runs, " << total.failed << " failed" << std::endl;
  return total.failed == 0 ? 0 : 1;
}

int run_many(const Arguments& arguments) {
  std::vector<Job> jobs;
  std::vector<std::string> lines;
  for (uint64_t i = 0; i < arguments.count; ++i) {
    Job job = arguments.job;
    job.options.seed += i;
    job.twice = job.twice || job.options.seed % 20 == 0;
    lines.push_back(replay_line(job.options, arguments.mistake));
    jobs.push_back(job);
  }
  return run_jobs(jobs, lines, arguments);
}

// Lines of flags, as replay lines have them; what follows a # is for people.
int run_file(const Arguments& arguments) {
  std::ifstream file(arguments.replay_file);
  if (!file) {
    std::cerr << "ram-sim: cannot read " << arguments.replay_file << "\n";
    return 1;
  }
  std::vector<Job> jobs;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream text(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    if (!words.empty() && words[0] == "ram-sim") words.erase(words.begin());
    if (words.empty()) continue;
    Arguments one;
    if (const std::string why = parse(words, one); !why.empty() || !one.one) {
      return wrong_usage(arguments.replay_file + ": " + line + ": " + why);
    }
    jobs.push_back(one.job);
    lines.push_back(line);
  }
  return run_jobs(jobs, lines, arguments);
}

int main_of(int count, char** values) {
  const std::vector<std::string> words(values + 1, values + count);
  for (const std::string& word : words) {
    if (word == "--help" || word == "-h") {
      std::cout << kHelp << mistake_lines();
      return 0;
    }
  }
  Arguments arguments;
  if (const std::string why = parse(words, arguments); !why.empty()) return wrong_usage(why);
  const int ways = arguments.one + arguments.many + !arguments.replay_file.empty();
  if (ways != 1) return wrong_usage("one of --seed, --from and --replay-file is needed");
  if (arguments.one) return replay(arguments);
  return arguments.many ? run_many(arguments) : run_file(arguments);
}

}  // namespace
}  // namespace ram::sim

int main(int count, char** values) {
  return ram::sim::main_of(count, values);
}
