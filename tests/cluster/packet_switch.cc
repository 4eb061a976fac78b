// The network between the nodes of a test: carries IP packets between TUN devices, and loses or
// delays what it is told to, for each direction of each pair alone.
//
//   packet_switch SEED FD...
//
// The first FD is the device of place 1, whose address ends in .1, and so on; all are non-blocking.
// Commands come on standard input, a line each; a line of standard output says that one is in
// force.
//
//   path FROM TO [lost=SHARE] [delay=MEAN,SPREAD] [flap=SHORTEST,LONGEST]
//       What becomes of packets from FROM to TO from now on; times are in milliseconds. A flapping
//       path is up and down in turn, for times between the two: short ones are as frequent as long
//       ones, on a logarithmic scale. A spread of delays reorders packets.
//   count FROM TO
//       Answers `carried N lost N`, since the path was set.
//
// What is on its way when a path changes arrives all the same. Ends with its standard input.
//
// Not the kernel's own tools for this, tc and netem: not every kernel has them, and this one flaps
// within milliseconds whatever else the machine does.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <queue>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr size_t kPacketBytesMax = 65536;
// Of one device in a row, so that commands and other devices have their turn.
constexpr int kPacketsInARow = 64;

struct Range {
  double first = 0;
  double second = 0;
  bool given = false;
};

struct Path {
  double lost_share = 0;
  Range delay;
  Range flap;
  bool down = false;
  Clock::time_point turns = Clock::time_point::max();
  uint64_t carried = 0;
  uint64_t lost = 0;
};

struct Packet {
  Clock::time_point due;
  uint64_t order;  // of arrival: those due at once leave in it
  size_t to;
  std::string bytes;
  bool operator<(const Packet& other) const {
    return due != other.due ? due > other.due : order > other.order;
  }
};

class Switch {
 public:
  Switch(uint64_t seed, std::vector<int> devices) : devices_(std::move(devices)), chance_(seed) {}

  // Until standard input ends.
  int run() {
    std::vector<pollfd> waits{{STDIN_FILENO, POLLIN, 0}};
    for (const int device : devices_) waits.push_back({device, POLLIN, 0});
    while (true) {
      const timespec patience = until_due();
      if (ppoll(waits.data(), waits.size(), on_the_way_.empty() ? nullptr : &patience, nullptr) <
          0) {
        return 1;
      }
      for (size_t place = 1; place < waits.size(); ++place) {
        if ((waits[place].revents & POLLIN) != 0) take_packets(place);
      }
      deliver_due();
      if (waits[0].revents != 0 && !take_commands()) return 0;
    }
  }

 private:
  double draw(double from, double to) {
    return from < to ? std::uniform_real_distribution<double>(from, to)(chance_) : from;
  }

  static Clock::duration ticks(double milliseconds) {
    return std::chrono::duration_cast<Clock::duration>(Milliseconds(milliseconds));
  }

  timespec until_due() const {
    if (on_the_way_.empty()) return {};
    const auto left = std::max(Clock::duration::zero(), on_the_way_.top().due - Clock::now());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
  }

  void take_packets(size_t from) {
    static std::array<char, kPacketBytesMax> buffer;
    for (int i = 0; i < kPacketsInARow; ++i) {
      const ssize_t size = read(devices_[from - 1], buffer.data(), buffer.size());
      if (size <= 0) return;
      take_packet(from, std::string_view(buffer.data(), static_cast<size_t>(size)));
    }
  }

  void take_packet(size_t from, std::string_view packet) {
    constexpr size_t kHeaderBytes = 20, kLastOfDestination = 19;
    if (packet.size() < kHeaderBytes || (packet[0] & 0xf0) != 0x40) return;  // not IPv4
    const size_t to = static_cast<unsigned char>(packet[kLastOfDestination]);
    if (to == 0 || to > devices_.size()) return;
    Path& path = paths_[{from, to}];
    const Clock::time_point now = Clock::now();
    turn(path, now);
    if (path.down || draw(0, 1) < path.lost_share) {
      ++path.lost;
    } else if (path.delay.given) {
      const double delay =
          draw(path.delay.first - path.delay.second, path.delay.first + path.delay.second);
      ++path.carried;
      on_the_way_.push({now + ticks(delay), ++order_, to, std::string(packet)});
    } else {
      ++path.carried;
      deliver(to, packet);
    }
  }

  void turn(Path& path, Clock::time_point now) {
    while (path.flap.given && now >= path.turns) {
      path.down = !path.down;
      path.turns += ticks(std::exp(draw(std::log(path.flap.first), std::log(path.flap.second))));
    }
  }

  void deliver_due() {
    while (!on_the_way_.empty() && on_the_way_.top().due <= Clock::now()) {
      deliver(on_the_way_.top().to, on_the_way_.top().bytes);
      on_the_way_.pop();
    }
  }

  // A device that is full or down loses it, as networks do.
  void deliver(size_t to, std::string_view packet) {
    if (write(devices_[to - 1], packet.data(), packet.size()) < 0) return;
  }

  // False: there will be no more.
  bool take_commands() {
    std::array<char, 4096> buffer;
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size <= 0) return false;
    commands_.append(buffer.data(), static_cast<size_t>(size));
    for (size_t end; (end = commands_.find('\n')) != std::string::npos;) {
      const std::string answer = obey(commands_.substr(0, end));
      commands_.erase(0, end + 1);
      std::printf("%s\n", answer.c_str());
      std::fflush(stdout);
    }
    return true;
  }

  std::string obey(const std::string& command) {
    std::istringstream words(command);
    std::string verb;
    size_t from = 0, to = 0;
    if (!(words >> verb >> from >> to)) return "what? " + command;
    Path& path = paths_[{from, to}];
    if (verb == "count") {
      return "carried " + std::to_string(path.carried) + " lost " + std::to_string(path.lost);
    }
    if (verb != "path") return "what? " + command;
    Path next;
    for (std::string word; words >> word;) {
      if (!set(next, word)) return "what? " + word;
    }
    if (next.flap.given) next.turns = Clock::now();
    path = next;
    return "ok";
  }

  static bool set(Path& path, const std::string& word) {
    Range range;
    if (std::sscanf(word.c_str(), "lost=%lf", &path.lost_share) == 1) return true;
    if (std::sscanf(word.c_str(), "delay=%lf,%lf", &range.first, &range.second) == 2) {
      path.delay = {range.first, range.second, true};
      return true;
    }
    if (std::sscanf(word.c_str(), "flap=%lf,%lf", &range.first, &range.second) == 2) {
      path.flap = {range.first, range.second, true};
      return true;
    }
    return false;
  }

  const std::vector<int> devices_;
  std::mt19937_64 chance_;
  std::map<std::pair<size_t, size_t>, Path> paths_;  // by (from, to)
  std::priority_queue<Packet> on_the_way_;
  uint64_t order_ = 0;
  std::string commands_;  // the last one incomplete
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: packet_switch SEED FD...\n");
    return 2;
  }
  std::vector<int> devices;
  for (int i = 2; i < argc; ++i) devices.push_back(std::atoi(argv[i]));
  return Switch(std::strtoull(argv[1], nullptr, 10), std::move(devices)).run();
}
