#include "cli/status_report.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <initializer_list>

#include "cli/units.h"

namespace ram::cli {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_value(const RespValue& value) {
  switch (value.kind) {
    case RespValue::Kind::kInteger:
      return std::to_string(value.integer);
    case RespValue::Kind::kNull:
      return "null";
    default:
      return json_string(value.text);
  }
}

// Columns as wide as their widest cell, two spaces between; the first row is the heading.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string duration_of(int64_t ms) {
  return format_duration(std::chrono::milliseconds(std::max<int64_t>(ms, 0)));
}

std::string duration_or_dash(int64_t ms) {
  return ms > 0 ? duration_of(ms) : "-";
}

std::string size_of(int64_t bytes) {
  return format_size(static_cast<size_t>(std::max<int64_t>(bytes, 0)));
}

std::string count_of(int64_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : text;
}

std::string in_brackets(const std::string& text) {
  return text.empty() ? "" : " (" + text + ")";
}

}  // namespace

StatusReport::Fields::Fields(const RespValue& map) {
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    fields_.emplace_back(map.items[i].text, map.items[i + 1]);
  }
}

std::string StatusReport::Fields::text(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (field != name) continue;
    return value.kind == RespValue::Kind::kInteger ? std::to_string(value.integer) : value.text;
  }
  return "";
}

int64_t StatusReport::Fields::number(std::string_view name) const {
  const std::string digits = text(name);
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string StatusReport::Fields::json() const {
  std::string out;
  for (const auto& [field, value] : fields_) {
    out += (out.empty() ? "" : ", ") + json_string(field) + ": " + json_value(value);
  }
  return "{" + out + "}";
}

StatusReport::StatusReport(const RespValue& status, const RespValue& members) : status_(status) {
  for (const RespValue& member : members.items) members_.emplace_back(member);
}

std::optional<StatusReport::Leader> StatusReport::leader() const {
  if (status_.text("role") == "leader") return std::nullopt;
  for (const Fields& member : members_) {
    if (member.number("leader") == 0) continue;
    return Leader{member.text("name"), member.text("id"), member.text("client")};
  }
  return std::nullopt;
}

Status StatusReport::set_leaders_answer(const RespValue& status, const RespValue& members) {
  const Fields its(status);
  const std::optional<Leader> wanted = leader();
  if (!wanted || its.text("id") != wanted->id) {
    return Status::unavailable(or_dash(wanted ? wanted->client : "") + " is another node");
  }
  if (its.text("role") != "leader") return Status::unavailable("it no longer leads");
  leaders_name_ = wanted->name;
  members_.clear();
  for (const RespValue& member : members.items) members_.emplace_back(member);
  return {};
}

std::chrono::milliseconds StatusReport::leave_timeout() const {
  return std::chrono::milliseconds(std::max<int64_t>(status_.number("leave_timeout_ms"), 0));
}

// Empty: there is nothing to say about it.
std::string StatusReport::members_from() const {
  if (!leaders_name_.empty()) return "as the leader " + leaders_name_ + " knows them";
  if (trouble_.empty()) return "";
  return "as " + status_.text("name") +
         " knows them, and it hears of its leader alone: " + trouble_;
}

std::string StatusReport::json() const {
  std::string members;
  for (const Fields& member : members_) {
    members += (members.empty() ? "\n    " : ",\n    ") + member.json();
  }
  std::string out =
      "{\n  \"status\": " + status_.json() + ",\n  \"members\": [" + members + "\n  ]";
  out += ",\n  \"members_from\": " +
         json_string(leaders_name_.empty() ? status_.text("name") : leaders_name_);
  if (!trouble_.empty()) out += ",\n  \"trouble\": " + json_string(trouble_);
  return out + "\n}\n";
}

std::string StatusReport::summary() const {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&rows](const char* name, std::string text) {
    rows.push_back({name, std::move(text)});
  };
  row("node", status_.text("name") + ", version " + status_.text("version") + ", up " +
                  duration_of(status_.number("uptime_ms")));
  // A node that joins does so in both.
  const std::string state = status_.text("state");
  const std::string role = status_.text("role");
  row("state", state == role ? state : state + ", " + role);
  if (const std::string cluster = status_.text("cluster"); !cluster.empty()) {
    row("cluster", cluster + ", " + count_of(status_.number("members"), "member") + ", " +
                       count_of(status_.number("voters"), "voter") + ", leader " +
                       or_dash(status_.text("leader")) + ", term " + status_.text("term"));
    if (const std::string ancestor = status_.text("ancestor"); !ancestor.empty()) {
      row("after", "cluster " + ancestor + ", from which it was recovered");
    }
    row("data", "revision " + status_.text("revision") + ", applied " + status_.text("applied") +
                    " of " + status_.text("commit") + " committed");
  }
  if (!status_.text("memory_bytes_max").empty()) {
    row("memory", size_of(status_.number("memory_bytes")) + " of data, of " +
                      size_of(status_.number("memory_bytes_max")) + " (--max-memory)");
  }
  if (!status_.text("reads_local").empty()) {
    row("reads", how_reads_are_answered() + "; so far " + status_.text("reads_local") +
                     " from memory, " + status_.text("reads_waited") + " waited for a write, " +
                     status_.text("reads_asked") + " asked, " + status_.text("reads_refused") +
                     " refused");
  }
  if (const std::string delayed = status_.text("delayed_by"); !delayed.empty()) {
    row("writes", "waiting for " + delayed);
  }
  if (const std::string waiting = status_.text("waiting_for"); !waiting.empty()) {
    row("waiting", waiting);
  }
  for (const Fields& member : members_) {
    if (!joins(member)) continue;
    row("joining",
        member.text("name") + ", which waits for " + or_dash(member.text("waiting_for")));
  }
  if (const std::string from = members_from(); !from.empty()) row("members", from);
  return aligned(rows);
}

std::string StatusReport::how_reads_are_answered() const {
  const std::string state = status_.text("state");
  if (state == "joining" || state == "no-quorum") return "refused, but for stale ones";
  const std::string reason = status_.text("lease_reason");
  if (reason == "off") return "through the leader, which asks a majority, as leases are off";
  if (status_.text("reads") == "quorum") return "through the leader, which asks a majority";
  if (status_.text("reads") == "leader") return "through the leader";
  return status_.number("lease") != 0
             ? "from memory, under a lease for " + duration_of(status_.number("lease_ms"))
             : "through the leader, without a lease" + in_brackets(reason);
}

bool StatusReport::joins(const Fields& member) {
  return member.text("state") == "joining";
}

std::string StatusReport::lease_of(const Fields& member) {
  if (member.number("lease") != 0) return duration_of(member.number("lease_ms"));
  const std::string reason = or_dash(member.text("lease_reason"));
  return reason == "readmission" ? reason + " in " + duration_of(member.number("readmit_ms"))
                                 : reason;
}

std::string StatusReport::delays_of(const Fields& member) {
  const std::string all = duration_or_dash(member.number("delayed_ms"));
  const int64_t now = member.number("delaying_ms");
  return now > 0 ? all + ", now " + duration_of(now) : all;
}

std::string StatusReport::members_table() const {
  std::vector<std::vector<std::string>> rows = {{"MEMBER", "ROLE", "STATE", "SINCE", "LAG", "LEASE",
                                                 "DELAYED", "CLIENTS", "PEERS", "VERSION"}};
  for (const Fields& member : members_) {
    const bool leader = member.number("leader") != 0;
    rows.push_back({member.text("name"), leader ? "leader" : member.text("role"),
                    member.text("state"), duration_of(member.number("since_ms")),
                    joins(member) ? "-" : member.text("lag"), lease_of(member), delays_of(member),
                    or_dash(member.text("client")), member.text("address"),
                    or_dash(member.text("version"))});
  }
  return aligned(rows);
}

std::string StatusReport::table() const {
  return members_.empty() ? summary() : summary() + "\n" + members_table();
}

}  // namespace ram::cli
