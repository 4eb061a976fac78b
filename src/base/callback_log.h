// A Log whose lines go to a function. As thread-safe as that.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace ram {

class CallbackLog final : public Log {
 public:
  // Lines of `least` and above; no `to`: they go nowhere.
  CallbackLog(Severity least, std::function<void(Severity, std::string_view)> to)
      : least_(least), to_(std::move(to)) {}

  void write(Severity severity, std::string_view line) override {
    if (enabled(severity)) to_(severity, line);
  }
  bool enabled(Severity severity) const override { return to_ != nullptr && severity >= least_; }

 private:
  const Severity least_;
  const std::function<void(Severity, std::string_view)> to_;
};

}  // namespace ram
