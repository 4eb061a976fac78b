// The vocabulary of errors that all layers share.
#include "ram/status.h"

namespace ram {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalid:
      return "invalid";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kJoining:
      return "joining";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kOutOfMemory:
      return "out of memory";
    case Code::kUnknownOutcome:
      return "unknown outcome";
  }
  return "unknown code";
}

}  // namespace ram
