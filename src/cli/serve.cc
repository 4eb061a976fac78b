// `ram serve`: a node, and its Redis front beside it, until SIGTERM or SIGINT.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/line_writer.h"
#include "base/stderr_log.h"
#include "cli/descriptors.h"
#include "cli/flags.h"
#include "cli/log_lines.h"
#include "cli/port_check.h"
#include "cli/units.h"
#include "cli/verb.h"
#include "ram/ram.h"
#include "resp/server.h"

namespace ram::cli {
namespace {

struct ServeFlags {
  NodeOptions node;
  std::string listen = "127.0.0.1:6379";
  std::optional<std::string> join;
  std::string log_level = "info";
  std::string reads = "local";
  std::string leases = "on";
};

constexpr const char* kExamples =
    "Three nodes that form a cluster, each in a terminal of its own:\n"
    "  ram serve --name n1 --listen 127.0.0.1:6371 --cluster-listen 127.0.0.1:7371 \\\n"
    "            --join 127.0.0.1:7371,127.0.0.1:7372,127.0.0.1:7373\n"
    "  ram serve --name n2 --listen 127.0.0.1:6372 --cluster-listen 127.0.0.1:7372 \\\n"
    "            --join 127.0.0.1:7371,127.0.0.1:7372,127.0.0.1:7373\n"
    "  ram serve --name n3 --listen 127.0.0.1:6373 --cluster-listen 127.0.0.1:7373 \\\n"
    "            --join 127.0.0.1:7371,127.0.0.1:7372,127.0.0.1:7373\n"
    "Any of them, killed, comes back with the same command. Then:\n"
    "  redis-cli -p 6371 set color green\n"
    "  redis-cli -p 6373 get color\n"
    "  ram status 127.0.0.1:6371\n\n"
    "A fourth joins through any that runs:\n"
    "  ram serve --name n4 --listen 127.0.0.1:6374 --cluster-listen 127.0.0.1:7374 \\\n"
    "            --join 127.0.0.1:7371";

Severity severity_of(const std::string& name) {
  if (name == "debug") return Severity::kDebug;
  if (name == "warning") return Severity::kWarning;
  if (name == "error") return Severity::kError;
  return Severity::kInfo;
}

Reads reads_of(const std::string& name) {
  for (const Reads reads : {Reads::kLeader, Reads::kQuorum}) {
    if (name == reads_name(reads)) return reads;
  }
  return Reads::kLocal;
}

// SIGTERM and SIGINT, which wait until someone asks for them: no thread is interrupted by them.
class StopSignals {
 public:
  // To be made before any thread is: they inherit the mask.
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  // Its number.
  int wait() const {
    int number = 0;
    while (sigwait(&set_, &number) != 0) {
    }
    return number;
  }
  // From now on they end the process at once.
  void let_through() const { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_;
};

// That clients asked this node to leave: they are told how it did. Thread-safe.
class Departure {
 public:
  void ask(Callback<Status> left) {
    std::unique_lock lock(mutex_);
    if (ended_) {
      const Status status = *ended_;
      lock.unlock();
      return left(status);
    }
    asking_.push_back(std::move(left));
    // Asked again, it goes on leaving; a second signal would end it at once.
    if (!std::exchange(begun_, true)) kill(getpid(), SIGTERM);
  }
  void begin() {
    const std::lock_guard lock(mutex_);
    begun_ = true;
  }
  void end(const Status& status) {
    std::unique_lock lock(mutex_);
    ended_ = status;
    const std::vector<Callback<Status>> asking = std::exchange(asking_, {});
    lock.unlock();
    for (const Callback<Status>& left : asking) left(status);
  }

 private:
  std::mutex mutex_;
  bool begun_ = false;
  std::optional<Status> ended_;
  std::vector<Callback<Status>> asking_;
};

// The same as fail(), of a process whose log may be blocked, and which ends all the same.
int fail_within(ExitCode code, std::string_view message) {
  write_to_stderr(failure_line("serve", message));
  flush_stderr();
  return code;
}

// A Status of wrong usage begins with the name of an option: "join: ...".
int fail_to_start(const Status& status) {
  const bool misused = status.code() == Code::kInvalid;
  const bool bare = misused && !status.message().starts_with("--");
  return fail_within(misused ? kWrongUsage : kFailed, (bare ? "--" : "") + status.message());
}

// With a warning where that is fewer clients than usual.
ClientShare share_of_clients(const std::function<void(Severity, std::string_view)>& log) {
  const uint64_t have = raise_descriptors(kDescriptorsWanted);
  const ClientShare share = client_share(have);
  if (share.taken < kClientsMax) {
    log(Severity::kWarning, "this process may open " + std::to_string(have) + " files, not the " +
                                std::to_string(kDescriptorsWanted) + " that " +
                                std::to_string(kClientsMax) + " clients need beside the peers; " +
                                "it takes " + std::to_string(share.taken) +
                                " clients; raise the hard limit (ulimit -Hn)");
  }
  return share;
}

int run_serve(const ServeFlags& flags) {
  const StopSignals signals;
  NodeOptions options = flags.node;
  const std::chrono::nanoseconds leave_timeout = options.leave_timeout;
  if (flags.join) options.join = split_list(*flags.join);
  options.reads = reads_of(flags.reads);
  options.leases = flags.leases == "on";
  options.log_from = severity_of(flags.log_level);
  options.log = log_to_stderr(options.log_from);
  const auto log = options.log;
  const ClientShare clients = share_of_clients(log);
  if (options.advertise_client.empty()) options.advertise_client = flags.listen;

  resp::ServerOptions front;
  front.listen = flags.listen;
  front.insecure = flags.node.insecure;
  front.limits.clients_max = clients.taken;
  front.limits.clients_rejected_max = clients.rejected;
  front.limits.memory_bytes_max = flags.node.memory_bytes_max;
  front.limits.reads = options.reads;
  const auto departure = std::make_shared<Departure>();
  front.limits.leave_timeout = leave_timeout;
  front.limits.leave = [departure](const Callback<Status>& left) { departure->ask(left); };
  front.log = log;
  if (Status bad = resp::Server::check(front); !bad.ok()) return fail_to_start(bad);
  if (Status same = check_ports_differ(flags.listen, flags.node.cluster_listen); !same.ok()) {
    return fail_to_start(same);
  }
  if (Status taken = check_port_is_free(flags.listen, "--listen"); !taken.ok()) {
    return fail_to_start(taken);
  }

  Result<std::unique_ptr<Node>> node = Node::start(std::move(options));
  if (!node.ok()) return fail_to_start(node.status());
  Result<std::unique_ptr<resp::Server>> server = resp::Server::start(**node, std::move(front));
  if (!server.ok()) return fail_to_start(server.status());

  const std::string banner = "ram " + std::string(kVersion) + ": node " + (*node)->name() +
                             " (process " + std::to_string(getpid()) + ") serves clients on " +
                             (*server)->address() + " and peers on " + (*node)->address();
  if (!write_within(kLogFlushMax, STDOUT_FILENO, banner + "\n")) log(Severity::kInfo, banner);

  const int signal = signals.wait();
  log(Severity::kInfo, "stopping signal=" + std::string(signal == SIGTERM ? "SIGTERM" : "SIGINT"));
  departure->begin();
  signals.let_through();  // whoever asks twice does not want to wait
  const Status left = (*node)->stop();
  const bool at_once = leave_timeout <= std::chrono::nanoseconds(0);
  departure->end(at_once
                     ? Status::unavailable("stopped at once, as --leave-timeout 0 says, without "
                                           "having left; the others notice by its silence")
                     : left);
  (*server)->stop();  // which sends these answers
  const int code = left.ok() ? kDone : fail_within(kFailed, left.message());
  flush_stderr();
  // Without destructors: a name server that is silent would be waited for (net/resolver.h).
  std::_Exit(code);
}

void add_addresses(CLI::App& app, ServeFlags& flags) {
  const auto address = [&app](const char* flag, std::string& target, const char* help) {
    return app.add_option(flag, target, help)->type_name("HOST:PORT")->group("Addresses");
  };
  address("--listen", flags.listen, "Where clients reach this node, with the Redis protocol")
      ->capture_default_str();
  address("--cluster-listen", flags.node.cluster_listen, "Where other nodes reach this node")
      ->capture_default_str();
  address("--advertise", flags.node.advertise,
          "What other nodes are told to dial, where that is not\n"
          "--cluster-listen (behind NAT, or listening at 0.0.0.0)")
      ->check(check_not_empty);
  address("--advertise-client", flags.node.advertise_client,
          "What is shown as this node's client address, where that\n"
          "is not --listen")
      ->check(check_not_empty);
  app.add_flag("--insecure", flags.node.insecure,
               "Allow addresses beyond loopback although nothing is\n"
               "authenticated or encrypted yet")
      ->group("Addresses");
}

void add_cluster(CLI::App& app, ServeFlags& flags) {
  app.add_option("--join", flags.join,
                 "Peer addresses of nodes to form a cluster with. With our\n"
                 "own among them: found it together with the others, once.\n"
                 "Without: only join. No --join at all: a cluster of one.\n"
                 "A name that stands for several nodes founds nothing unless\n"
                 "--expect says how many")
      ->type_name("HOST:PORT,...")
      ->group("Cluster");
  app.add_option("--expect", flags.node.expect,
                 "How many nodes found the cluster, when --join does not list\n"
                 "them one by one: a name that stands for all of them, say.\n"
                 "The same on all")
      ->check(check_above_zero)
      ->type_name("N")
      ->group("Cluster");
  app.add_option("--max-voters", flags.node.voters_max,
                 "Members beyond this many hold all data but have no vote;\n"
                 "fixed when the cluster is founded")
      ->check(check_number)
      ->capture_default_str()
      ->type_name("N")
      ->group("Cluster");
  add_duration(app, "--failover-after", flags.node.failover_after,
               "How long a silent leader is waited for; fixed when the\n"
               "cluster is founded",
               "500ms")
      ->group("Cluster");
  add_duration(app, "--leave-timeout", flags.node.leave_timeout,
               "How long SIGTERM may take to leave the cluster cleanly,\n"
               "so that nobody waits for this node; 0: not at all",
               "5s")
      ->group("Cluster");
  add_duration(app, "--evict-after", flags.node.evict_after,
               "While this node leads: a member that is silent for so long\n"
               "is removed. It comes back by itself",
               "5m")
      ->group("Cluster");
  app.add_option("--reads", flags.reads,
                 "How this node's reads become current: local (from memory,\n"
                 "under a lease), leader (asks it) or quorum (it asks a\n"
                 "majority, no clock is trusted); clients may ask for more")
      ->check(CLI::IsMember({"local", "leader", "quorum"}))
      ->capture_default_str()
      ->type_name("HOW")
      ->group("Cluster");
  app.add_option("--leases", flags.leases,
                 "off: no clock is trusted, every read asks a majority;\n"
                 "fixed when the cluster is founded")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str()
      ->type_name("on|off")
      ->group("Cluster");
  app.add_option("--clock-drift", flags.node.clock_drift,
                 "By how much the rates of two nodes' clocks may differ, 0.2\n"
                 "is 20 %; fixed when the cluster is founded")
      ->capture_default_str()
      ->type_name("SHARE")
      ->group("Cluster");
}

void add_limits(CLI::App& app, ServeFlags& flags) {
  add_duration(app, "--request-timeout", flags.node.request_timeout,
               "How long a command may wait, for a new leader say, before\n"
               "it fails",
               "5s")
      ->group("Limits");
  add_size(app, "--max-memory", flags.node.memory_bytes_max,
           "Writes that would need more are refused (OOM). Of data;\n"
           "the log of recent writes comes on top: up to 256MiB, and\n"
           "768MiB while a node receives the state",
           "4GiB")
      ->group("Limits");
}

}  // namespace

Verb add_serve(CLI::App& ram) {
  CLI::App* app = ram.add_subcommand("serve", "Run a node until SIGTERM or Ctrl-C");
  auto flags = std::make_shared<ServeFlags>();  // shared: with the function that reads it later
  app->add_option("--name", flags->node.name,
                  "What people call this node; a restarted node of the same\n"
                  "name takes the old one's place. Default: its address")
      ->check(check_not_empty)
      ->type_name("NAME");
  app->add_option("--log-level", flags->log_level, "Log lines of this level and above")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  add_addresses(*app, *flags);
  add_cluster(*app, *flags);
  add_limits(*app, *flags);
  app->footer(kExamples);
  return {app, [flags] { return run_serve(*flags); }};
}

}  // namespace ram::cli
