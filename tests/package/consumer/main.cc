// The smallest use of the installed library: a cluster of one that writes and reads back.

#include <ram/ram.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

int main() {
  ram::NodeOptions options;
  options.name = "consumer";
  options.cluster_listen = "127.0.0.1:0";
  ram::Result<std::unique_ptr<ram::Node>> started = ram::Node::start(options);
  if (!started.ok()) {
    std::fprintf(stderr, "start: %s\n", started.status().message().c_str());
    return 1;
  }
  ram::Node& node = **started;
  const ram::Status ready = node.wait_until_ok(std::chrono::seconds(20));
  if (!ready.ok()) {
    std::fprintf(stderr, "wait_until_ok: %s\n", ready.message().c_str());
    return 1;
  }
  ram::Table colors = node.table("colors");
  const ram::Status put = colors.put("sky", "blue").status();
  if (!put.ok()) {
    std::fprintf(stderr, "put: %s\n", put.message().c_str());
    return 1;
  }
  const ram::Result<std::optional<std::string>> sky = colors.get("sky");
  if (!sky.ok() || *sky != "blue") {
    std::fprintf(stderr, "get: %s\n", sky.status().message().c_str());
    return 1;
  }
  std::printf("the sky is %s\n", (*sky)->c_str());
  return 0;
}
