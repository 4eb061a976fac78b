#include "resp/server_info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/ascii.h"
#include "net/text.h"
#include "ram/version.h"
#include "resp/front.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

class Lines {
 public:
  explicit Lines(std::string& out) : out_(out) {}

  Lines& add(std::string_view field, std::string_view value) {
    out_.append(field).append(":").append(value).append("\r\n");
    return *this;
  }
  Lines& add(std::string_view field, uint64_t value) { return add(field, std::to_string(value)); }

 private:
  std::string& out_;
};

struct Facts {
  const Front& front;
  const NodeStatus& status;
  const std::vector<TableInfo>& tables;
};

void server(const Facts& facts, Lines lines) {
  const uint64_t up_seconds = facts.status.uptime_ms / 1000;
  // Redis shows 40 digits; an incarnation has 16.
  const std::string run_id = std::string(24, '0') + hex_of(facts.status.id);
  lines.add("redis_version", kRedisVersion)
      .add("ram_version", kVersion)
      .add("redis_mode", "standalone")
      .add("arch_bits", 8 * sizeof(void*))
      .add("multiplexing_api", "libuv")
      .add("process_id", static_cast<uint64_t>(getpid()))
      .add("run_id", run_id)
      .add("tcp_port", uint64_t{facts.front.options().port})
      .add("uptime_in_seconds", up_seconds)
      .add("uptime_in_days", up_seconds / 86'400);
}

void clients(const Facts& facts, Lines lines) {
  uint64_t input_max = 0;
  uint64_t output_max = 0;
  uint64_t blocked = 0;
  for (const auto& [id, connection] : facts.front.connections()) {
    input_max = std::max<uint64_t>(input_max, connection->input_bytes());
    output_max = std::max<uint64_t>(output_max, connection->output_bytes());
    if (connection->client().last_command != nullptr &&
        connection->client().last_command->name == "wait" && connection->queued() > 0) {
      ++blocked;
    }
  }
  lines.add("connected_clients", facts.front.connections().size())
      .add("maxclients", facts.front.options().clients_max)
      .add("client_recent_max_input_buffer", input_max)
      .add("client_recent_max_output_buffer", output_max)
      .add("blocked_clients", blocked);
}

void memory(const Facts& facts, Lines lines) {
  const uint64_t limit = facts.front.options().memory_bytes_max;
  lines.add("used_memory", facts.status.memory_bytes)
      .add("used_memory_human", human_bytes(facts.status.memory_bytes))
      .add("maxmemory", limit)
      .add("maxmemory_human", human_bytes(limit))
      .add("maxmemory_policy", "noeviction");
}

// Memory only; but these fields are how clients learn whether to wait.
void persistence(const Facts& facts, Lines lines) {
  const bool loading = facts.status.state == NodeState::kJoining;
  lines.add("loading", uint64_t{loading});
  if (loading) lines.add("loading_eta_seconds", 1);
  lines.add("rdb_changes_since_last_save", 0)
      .add("rdb_bgsave_in_progress", 0)
      .add("rdb_last_bgsave_status", "ok")
      .add("aof_enabled", 0)
      .add("aof_rewrite_in_progress", 0);
}

void stats(const Facts& facts, Lines lines) {
  const FrontStats& stats = facts.front.stats();
  lines.add("total_connections_received", stats.connections_received)
      .add("total_commands_processed", stats.commands_processed)
      .add("instantaneous_ops_per_sec", stats.commands_per_second)
      .add("total_net_input_bytes", stats.input_bytes)
      .add("total_net_output_bytes", stats.output_bytes)
      .add("rejected_connections", stats.connections_rejected)
      .add("expired_keys", 0)
      .add("evicted_keys", 0)
      .add("evicted_clients", stats.connections_evicted)
      .add("total_error_replies", stats.errors_replied);
}

// Every node takes writes, which is what clients call a master.
void replication(const Facts& facts, Lines lines) {
  lines.add("role", "master")
      .add("connected_slaves", 0)
      .add("master_replid",
           facts.status.cluster.empty() ? std::string(40, '0') : "00000000" + facts.status.cluster)
      .add("master_repl_offset", facts.status.applied);
}

void cpu(const Facts&, Lines lines) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto text = [](const timeval& time) {
    char line[48];
    std::snprintf(line, sizeof line, "%lld.%06lld", static_cast<long long>(time.tv_sec),
                  static_cast<long long>(time.tv_usec));
    return std::string(line);
  };
  lines.add("used_cpu_sys", text(usage.ru_stime)).add("used_cpu_user", text(usage.ru_utime));
}

void cluster(const Facts&, Lines lines) {
  lines.add("cluster_enabled", 0);
}

// Tables that have a number for a name are what Redis' tools know as databases; the others are
// shown by RAM.TABLES.
void keyspace(const Facts& facts, Lines lines) {
  for (const TableInfo& table : facts.tables) {
    const bool numbered = !table.name.empty() && table.name.size() <= 5 &&
                          std::all_of(table.name.begin(), table.name.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
    if (!numbered || table.size == 0) continue;
    lines.add("db" + table.name, "keys=" + std::to_string(table.size) + ",expires=0,avg_ttl=0");
  }
}

// Under names of their own: clients make one map of all sections.
void ram(const Facts& facts, Lines lines) {
  const NodeStatus& status = facts.status;
  lines.add("ram_name", one_word(status.name))
      .add("ram_cluster", status.cluster)
      .add("ram_role", role_name(status.role))
      .add("ram_state", state_name(status.state))
      .add("ram_leader", one_word(status.leader))
      .add("ram_term", status.term)
      .add("ram_commit", status.commit)
      .add("ram_stable", status.stable)
      .add("ram_applied", status.applied)
      .add("ram_revision", status.revision)
      .add("ram_members", status.members)
      .add("ram_voters", status.voters)
      .add("ram_waiting_commands", facts.front.waiting_commands())
      .add("ram_unread_bytes", facts.front.unread_bytes())
      .add("ram_lease", uint64_t{status.lease})
      .add("ram_lease_ms", status.lease_ms)
      .add("ram_lease_reason", no_lease_name(status.lease_reason))
      .add("ram_reads_local", status.reads_local)
      .add("ram_reads_waited", status.reads_waited)
      .add("ram_reads_asked", status.reads_asked)
      .add("ram_reads_refused", status.reads_refused)
      .add("ram_writes", status.writes)
      .add("ram_delayed_by", one_word(status.delayed_by))
      .add("ram_delayed_ms", status.delayed_ms)
      .add("ram_complete_until", static_cast<uint64_t>(status.complete_until_ms))
      .add("ram_waiting_for", net::one_line(status.waiting_for));
}

struct Section {
  std::string_view title;
  void (*write)(const Facts&, Lines);
};

constexpr std::array<Section, 10> kSections = {{
    {"Server", server},
    {"Clients", clients},
    {"Memory", memory},
    {"Persistence", persistence},
    {"Stats", stats},
    {"Replication", replication},
    {"CPU", cpu},
    {"Cluster", cluster},
    {"Keyspace", keyspace},
    {"Ram", ram},
}};

}  // namespace

std::string human_bytes(uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGTP";
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%c" : "%.2f%c", amount, kUnits[unit]);
  return text;
}

std::string info_text(const Front& front, const NodeStatus& status,
                      const std::vector<TableInfo>& tables, std::span<const std::string> names) {
  const Facts facts{front, status, tables};
  const auto wanted = [&](std::string_view title) {
    if (names.empty()) return true;
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return is_word(name, title) || is_word(name, "all") || is_word(name, "everything") ||
             is_word(name, "default");
    });
  };
  std::string text;
  for (const Section& section : kSections) {
    if (!wanted(section.title)) continue;
    if (!text.empty()) text += "\r\n";
    text.append("# ").append(section.title).append("\r\n");
    section.write(facts, Lines(text));
  }
  return text;
}

}  // namespace ram::resp
