// One client writes through a node, tells another client, and that one reads through another node:
// does it ever miss what it was told?
//
//   hand_off [--pairs N] [--reads HOW] [--hand-offs N] HOST:PORT HOST:PORT...
//
// There is a lane for each two nodes in each direction, with a writer and a reader, each on a
// thread and a connection of its own. The writer sets some keys in one pipeline, at most N of them,
// to a number that grows; when all are answered, those that were acknowledged go to the reader,
// which gets them in one pipeline. A number below the one that was told is a miss.
//
// A write whose outcome is unknown may take effect at any later time, over a later one: after it a
// lane takes new keys. Reads that are refused are put again. Lost connections are made again.
//
// Each line of standard input is answered with one of standard output: `handed N`, so far. Ends
// when standard input does, or when --hand-offs are done. Exit code 0: no miss; 1: a miss, or no
// answer; 2: wrong usage.

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A node that is stopped answers when it goes on; one that never answers is at fault.
constexpr auto kPatience = 60s;
constexpr auto kBackOff = 10ms;

// What all threads share.
struct Run {
  size_t pairs = 128;
  std::string reads = "local";
  uint64_t wanted = UINT64_MAX;

  std::atomic<bool> stopping = false;
  std::atomic<bool> failed = false;
  std::atomic<uint64_t> handed = 0;
  std::mutex mutex;
  std::condition_variable stop_asked;

  void stop() {
    const std::lock_guard lock(mutex);
    stopping = true;
    stop_asked.notify_all();
  }
  void fail(const std::string& why) {
    if (failed.exchange(true)) return;  // the first says it
    std::fprintf(stderr, "hand_off: %s\n", why.c_str());
    stop();
  }
  void back_off() {
    std::unique_lock lock(mutex);
    stop_asked.wait_for(lock, kBackOff, [this] { return stopping.load(); });
  }
};

struct Reply {
  enum class Kind { kOk, kNothing, kValue, kRefused, kUnknown };
  Kind kind = Kind::kUnknown;
  std::string text;
};

// A connection to one node, made when it is first needed. For one thread.
class Connection {
 public:
  Connection(Run& run, std::string address) : run_(run), address_(std::move(address)) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& address() const { return address_; }

  // One reply for each of `count` commands. kUnknown: it was lost on the way there or back.
  std::vector<Reply> call(std::string_view commands, size_t count) {
    std::vector<Reply> replies(count);
    if (!ready() || !write_all(commands)) return lost(std::move(replies));
    for (Reply& reply : replies) {
      if (!read_reply(reply)) return lost(std::move(replies));
    }
    return replies;
  }

 private:
  std::vector<Reply> lost(std::vector<Reply> replies) {
    close();
    return replies;
  }

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    input_.clear();
    used_ = 0;
  }

  bool ready() {
    if (socket_ >= 0) return true;
    if (!dial()) return false;
    const std::string reads = "RAM.READS " + run_.reads + "\r\n";
    Reply reply;
    return write_all(reads) && read_reply(reply) && reply.kind == Reply::Kind::kOk;
  }

  bool dial() {
    const size_t colon = address_.rfind(':');
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(address_.substr(0, colon).c_str(), address_.substr(colon + 1).c_str(), &hints,
                    &found) != 0) {
      return false;
    }
    socket_ = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    const bool connected = connect(socket_, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // So that a thread that waits sees that the run is over.
    const timeval glance{.tv_sec = 0, .tv_usec = 200'000};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &glance, sizeof glance);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &glance, sizeof glance);
    return connected;
  }

  // After a call that did not take or give a byte: is it to be tried again?
  bool wait_on(Clock::time_point since) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) return false;
    if (run_.stopping) return false;
    if (Clock::now() - since < kPatience) return true;
    run_.fail(address_ + " does not answer");
    return false;
  }

  bool write_all(std::string_view bytes) {
    const auto since = Clock::now();
    while (!bytes.empty()) {
      const ssize_t size = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size >= 0) {
        bytes.remove_prefix(static_cast<size_t>(size));
      } else if (!wait_on(since)) {
        return false;
      }
    }
    return true;
  }

  bool read_more() {
    input_.erase(0, used_);
    used_ = 0;
    std::array<char, 16384> buffer;
    const auto since = Clock::now();
    while (true) {
      const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
      if (size > 0) {
        input_.append(buffer.data(), static_cast<size_t>(size));
        return true;
      }
      if (size == 0 || !wait_on(since)) return false;
    }
  }

  bool read_line(std::string& line) {
    size_t end;
    while ((end = input_.find("\r\n", used_)) == std::string::npos) {
      if (!read_more()) return false;
    }
    line = input_.substr(used_, end - used_);
    used_ = end + 2;
    return true;
  }

  bool read_reply(Reply& reply) {
    std::string line;
    if (!read_line(line)) return false;
    if (line == "$-1") {
      reply.kind = Reply::Kind::kNothing;
    } else if (line[0] == '+') {
      reply.kind = Reply::Kind::kOk;
    } else if (line[0] == '$') {
      if (!read_line(reply.text)) return false;
      reply.kind = Reply::Kind::kValue;
    } else if (line.starts_with("-CLUSTERDOWN") || line.starts_with("-LOADING") ||
               line.starts_with("-TRYAGAIN")) {
      reply.kind = Reply::Kind::kRefused;
    } else if (!line.starts_with("-INDOUBT")) {
      run_.fail(address_ + " says " + line);
      return false;
    }
    return true;
  }

  Run& run_;
  const std::string address_;
  int socket_ = -1;
  std::string input_;
  size_t used_ = 0;  // of input_
};

void append_command(std::string& out, std::initializer_list<std::string_view> words) {
  out += "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

// From one node to another.
class Lane {
 public:
  Lane(Run& run, size_t number, const std::string& from, const std::string& to)
      : run_(run),
        name_("hand." + std::to_string(number)),
        to_writer_(run, from),
        to_reader_(run, to),
        writer_([this] { write(); }),
        reader_([this] { read(); }) {}

  void join() {
    {
      const std::lock_guard lock(mutex_);
      told_changed_.notify_all();
    }
    writer_.join();
    reader_.join();
  }

 private:
  // What was acknowledged: keys, all with the same number.
  struct Told {
    uint64_t number = 0;
    std::vector<std::string> keys;
  };

  void write() {
    std::vector<std::string> keys;
    uint64_t number = 0, generation = 0;
    size_t size = 1;
    while (!run_.stopping) {
      if (keys.empty()) {
        ++generation;
        for (size_t i = 0; i < run_.pairs; ++i) {
          keys.push_back(name_ + "." + std::to_string(generation) + "." + std::to_string(i));
        }
      }
      ++number;
      size = size * 2 > keys.size() ? 1 : size * 2;
      const std::string value = std::to_string(number);
      std::string commands;
      for (size_t i = 0; i < size; ++i) append_command(commands, {"SET", keys[i], value});
      const std::vector<Reply> replies = to_writer_.call(commands, size);
      Told told{.number = number};
      bool unknown = false;
      for (size_t i = 0; i < size; ++i) {
        if (replies[i].kind == Reply::Kind::kOk) told.keys.push_back(keys[i]);
        unknown |= replies[i].kind == Reply::Kind::kUnknown;
      }
      if (unknown) keys.clear();
      if (told.keys.empty()) {
        run_.back_off();
      } else {
        tell(std::move(told));
      }
    }
  }

  void tell(Told told) {
    std::unique_lock lock(mutex_);
    told_changed_.wait(lock, [this] { return !told_ || run_.stopping; });
    told_ = std::move(told);
    told_changed_.notify_all();
  }

  // Nothing: the run is over.
  std::optional<Told> listen() {
    std::unique_lock lock(mutex_);
    told_changed_.wait(lock, [this] { return told_ || run_.stopping; });
    std::optional<Told> heard = std::exchange(told_, std::nullopt);
    told_changed_.notify_all();
    return run_.stopping ? std::nullopt : std::move(heard);
  }

  void read() {
    while (std::optional<Told> told = listen()) {
      while (!told->keys.empty() && !run_.stopping) {
        std::string commands;
        for (const std::string& key : told->keys) append_command(commands, {"GET", key});
        const std::vector<Reply> replies = to_reader_.call(commands, told->keys.size());
        std::vector<std::string> unanswered;
        for (size_t i = 0; i < replies.size(); ++i) {
          if (!judge(told->keys[i], told->number, replies[i])) unanswered.push_back(told->keys[i]);
        }
        told->keys = std::move(unanswered);
        if (!told->keys.empty()) run_.back_off();
      }
    }
  }

  // False: the read was not answered.
  bool judge(const std::string& key, uint64_t number, const Reply& reply) {
    uint64_t found = 0;
    switch (reply.kind) {
      case Reply::Kind::kRefused:
      case Reply::Kind::kUnknown:
        return false;
      case Reply::Kind::kValue:
        std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), found);
        break;
      case Reply::Kind::kNothing:
      case Reply::Kind::kOk:
        break;
    }
    if (found < number) {
      run_.fail("MISS: " + to_writer_.address() + " acknowledged " + key + " = " +
                std::to_string(number) + "; " + to_reader_.address() + " then answered " +
                (reply.kind == Reply::Kind::kNothing ? "nothing" : std::to_string(found)));
    } else if (++run_.handed >= run_.wanted) {
      run_.stop();
    }
    return true;
  }

  Run& run_;
  const std::string name_;
  Connection to_writer_;
  Connection to_reader_;
  std::mutex mutex_;
  std::condition_variable told_changed_;
  std::optional<Told> told_;
  std::thread writer_;
  std::thread reader_;
};

// Until standard input ends, or the run is over.
void answer_questions(Run& run) {
  constexpr int kGlanceMs = 100;
  pollfd wait{STDIN_FILENO, POLLIN, 0};
  while (!run.stopping) {
    if (poll(&wait, 1, kGlanceMs) <= 0) continue;
    std::array<char, 256> line;
    const ssize_t size = read(STDIN_FILENO, line.data(), line.size());
    if (size <= 0) {
      if (run.wanted == UINT64_MAX) return;
      wait.fd = -1;  // it ends by itself
      continue;
    }
    std::printf("handed %llu\n", static_cast<unsigned long long>(run.handed.load()));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Run run;
  std::vector<std::string> nodes;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--pairs" && i + 1 < argc) {
      run.pairs = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--reads" && i + 1 < argc) {
      run.reads = argv[++i];
    } else if (word == "--hand-offs" && i + 1 < argc) {
      run.wanted = std::strtoull(argv[++i], nullptr, 10);
    } else {
      nodes.emplace_back(word);
    }
  }
  if (nodes.size() < 2 || run.pairs == 0 || nodes[0].starts_with("-")) {
    std::fprintf(stderr,
                 "usage: hand_off [--pairs N] [--reads HOW] [--hand-offs N] HOST:PORT...\n");
    return 2;
  }
  const auto began = Clock::now();
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const std::string& from : nodes) {
    for (const std::string& to : nodes) {
      if (from != to) lanes.push_back(std::make_unique<Lane>(run, lanes.size(), from, to));
    }
  }
  answer_questions(run);
  run.stop();
  for (const std::unique_ptr<Lane>& lane : lanes) lane->join();
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const auto handed = static_cast<double>(run.handed);
  std::printf("%.0f hand-offs in %.1f s, %.0f a second: %s\n", handed, seconds, handed / seconds,
              run.failed ? "FAILED" : "no miss");
  return run.failed ? 1 : 0;
}
