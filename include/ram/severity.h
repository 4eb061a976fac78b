// How much a line of the log matters.
#pragma once

namespace ram {

enum class Severity { kDebug, kInfo, kWarning, kError };

}  // namespace ram
