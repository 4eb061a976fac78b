#include <cstdio>
#include <string>

#include "cli/verb.h"
#include "ram/version.h"

namespace ram::cli {

Verb add_version(CLI::App& ram) {
  CLI::App* app = ram.add_subcommand("version", "The version of this binary");
  return {app, [] {
            std::printf("ram %s (wire version %d)\n", std::string(kVersion).c_str(), kWireVersion);
            return kDone;
          }};
}

}  // namespace ram::cli
