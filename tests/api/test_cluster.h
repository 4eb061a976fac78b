// Nodes in this process, over loopback, for tests of the public interface.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ram/ram.h"

namespace ram::testing {

// How long things may take on a busy machine, before a test gives up on them.
inline constexpr std::chrono::seconds kPatience{30};

// Ports of loopback that are free just now, all different.
std::vector<uint16_t> free_ports(size_t count);

// Polls until `holds`; false after kPatience.
bool eventually(const std::function<bool()>& holds);

// Log lines of all nodes, written to standard error when a test fails.
class LogLines {
 public:
  std::function<void(Severity, std::string_view)> sink(const std::string& name);
  bool contain(std::string_view words) const;
  ~LogLines();

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class TestCluster {
 public:
  // Starts `size` nodes that found a cluster, n1 and up, and waits until all are ok.
  explicit TestCluster(size_t size);

  // From 0. Requires: it runs.
  Node& operator[](size_t i) { return *nodes_[i]; }
  size_t size() const { return nodes_.size(); }
  bool runs(size_t i) const { return nodes_[i] != nullptr; }
  void kill(size_t i) { nodes_[i].reset(); }
  // Starts node i again and waits until it is ok.
  void restart(size_t i);
  // The one that leads, as soon as one does.
  size_t leader();
  // Waits until all nodes that run have applied as much, and expects their digests to be equal.
  void expect_equal_digests();
  NodeOptions options(size_t i);
  LogLines& log() { return log_; }

 private:
  LogLines log_;  // outlives the nodes
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace ram::testing
