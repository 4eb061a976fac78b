// ram-resp-docs: writes docs/commands.md, or tells that it is stale.
//
//   ram-resp-docs FILE           writes FILE
//   ram-resp-docs --check FILE   exits 1 unless FILE is what would be written
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "resp/command_table.h"

namespace {

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string text = ram::resp::commands_markdown();
  if (argc == 3 && std::string_view(argv[1]) == "--check") {
    if (read_file(argv[2]) == text) return 0;
    std::fprintf(stderr, "%s is stale.\nRemedy: ram-resp-docs %s\n", argv[2], argv[2]);
    return 1;
  }
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: ram-resp-docs [--check] FILE\n");
    return 2;
  }
  std::ofstream file(argv[1], std::ios::binary);
  file << text;
  file.close();
  if (file) return 0;
  std::fprintf(stderr, "ram-resp-docs: cannot write %s\n", argv[1]);
  return 1;
}
