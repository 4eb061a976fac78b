// main() for a fuzz target where there is no libFuzzer: replays the corpus, then mutated inputs.
//
//   fuzz_frame [--runs N] [--seed S] [--bytes-max N] [FILE or DIRECTORY]...
//
// The inputs follow from the seed alone, so a failure is the same on every machine. The input at
// hand when the process dies is written to crash-<seed>-<run>, in the working directory; give that
// file as the only argument, with --runs 0, to see it again.

#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Input = std::vector<uint8_t>;

// What the crash handler needs; it may touch nothing that allocates.
const uint8_t* g_data = nullptr;
size_t g_size = 0;
char g_crash_path[128] = "";

void save_input() {
  if (g_crash_path[0] == '\0') return;
  const int file = ::open(g_crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  const bool saved = ::write(file, g_data, g_size) == static_cast<ssize_t>(g_size);
  ::close(file);
  const std::string_view said = saved ? "input saved: " : "input NOT saved: ";
  const bool told = ::write(STDERR_FILENO, said.data(), said.size()) > 0 &&
                    ::write(STDERR_FILENO, g_crash_path, std::strlen(g_crash_path)) > 0 &&
                    ::write(STDERR_FILENO, "\n", 1) > 0;
  static_cast<void>(told);
}

extern "C" void on_signal(int signal) {
  save_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// SplitMix64: small, and the same everywhere.
class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  // Any number below `bound`, which is not 0.
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }

 private:
  uint64_t state_;
};

// Numbers on which length checks are known to break.
constexpr uint64_t kEdges[] = {0,      1,      0x7f,       0x80,       0xff,
                               0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff,
                               ~0ULL,  2,      16,         0x100,      0x10000};

void mutate(Chance& chance, const std::vector<Input>& corpus, size_t bytes_max, Input& input) {
  const auto at = [&] { return static_cast<std::ptrdiff_t>(chance.below(input.size())); };
  switch (input.empty() ? 0 : chance.below(8)) {
    case 0: {  // insert noise
      const size_t count = 1 + chance.below(16);
      const auto where = static_cast<std::ptrdiff_t>(chance.below(input.size() + 1));
      Input noise(count);
      for (uint8_t& byte : noise) byte = static_cast<uint8_t>(chance.next());
      input.insert(input.begin() + where, noise.begin(), noise.end());
      break;
    }
    case 1:  // flip one bit
      input[chance.below(input.size())] ^= static_cast<uint8_t>(1U << chance.below(8));
      break;
    case 2:  // any byte
      input[chance.below(input.size())] = static_cast<uint8_t>(chance.next());
      break;
    case 3:  // cut the end off
      input.resize(chance.below(input.size()));
      break;
    case 4: {  // an edge number, 1, 2, 4 or 8 bytes of it, little-endian
      const uint64_t edge = kEdges[chance.below(std::size(kEdges))];
      const size_t width = size_t{1} << chance.below(4);
      const size_t where = chance.below(input.size());
      for (size_t i = 0; i < width && where + i < input.size(); ++i) {
        input[where + i] = static_cast<uint8_t>(edge >> (8 * i));
      }
      break;
    }
    case 5: {  // take a piece out
      const auto from = at();
      const auto to = std::min(from + 1 + static_cast<std::ptrdiff_t>(chance.below(16)),
                               static_cast<std::ptrdiff_t>(input.size()));
      input.erase(input.begin() + from, input.begin() + to);
      break;
    }
    case 6: {  // repeat a piece
      const auto from = at();
      const auto to = std::min(from + 1 + static_cast<std::ptrdiff_t>(chance.below(32)),
                               static_cast<std::ptrdiff_t>(input.size()));
      const Input piece(input.begin() + from, input.begin() + to);
      input.insert(input.begin() + at(), piece.begin(), piece.end());
      break;
    }
    default: {  // go on as another input does
      if (corpus.empty()) break;
      const Input& other = corpus[chance.below(corpus.size())];
      if (other.empty()) break;
      const auto where = at();
      const auto from = static_cast<std::ptrdiff_t>(chance.below(other.size()));
      input.erase(input.begin() + where, input.end());
      input.insert(input.end(), other.begin() + from, other.end());
      break;
    }
  }
  if (input.size() > bytes_max) input.resize(bytes_max);
}

void run_one(const Input& input) {
  // A copy of exactly this size, so that the address sanitizer sees one byte too far.
  const Input exact(input.begin(), input.end());
  g_data = exact.data();
  g_size = exact.size();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t runs = 20000;
  uint64_t seed = 1;
  size_t bytes_max = 4096;
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--runs" && i + 1 < argc) {
      runs = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg == "--bytes-max" && i + 1 < argc) {
      bytes_max = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg.substr(0, 1) == "-") {
      std::fprintf(stderr, "usage: %s [--runs N] [--seed S] [--bytes-max N] [PATH]...\n", argv[0]);
      return 2;
    } else if (std::filesystem::is_directory(arg)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(arg)) {
        if (entry.is_regular_file()) paths.push_back(entry.path());
      }
    } else if (std::filesystem::exists(arg)) {
      paths.emplace_back(arg);
    } else {
      std::fprintf(stderr, "%s: no such file or directory: %s\n", argv[0], argv[i]);
      return 2;
    }
  }
  // The order of a directory is the file system's; the inputs must not depend on it.
  std::sort(paths.begin(), paths.end());

  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(save_input);
  } else {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_signal);
  }
  std::signal(SIGABRT, on_signal);
  std::signal(SIGTERM, on_signal);  // what a time limit sends

  std::vector<Input> corpus;
  for (const std::filesystem::path& path : paths) {
    corpus.push_back(read_file(path));
    std::snprintf(g_crash_path, sizeof g_crash_path, "crash-corpus-%zu", corpus.size());
    run_one(corpus.back());
  }
  run_one({});

  Chance chance(seed);
  Input input;
  for (uint64_t run = 0; run < runs; ++run) {
    if (corpus.empty() || chance.below(16) == 0) {
      input.clear();
    } else {
      input = corpus[chance.below(corpus.size())];
    }
    for (size_t steps = 1 + chance.below(6); steps > 0; --steps) {
      mutate(chance, corpus, bytes_max, input);
    }
    std::snprintf(g_crash_path, sizeof g_crash_path, "crash-%llu-%llu",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(run));
    run_one(input);
  }
  std::printf("%zu corpus inputs and %llu mutated ones: no complaint\n", corpus.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}
