// RAM_CHECK: a condition that only a bug of ours can break. In every build; stops the process.
//
// What a client or a peer can cause is never checked so: it is a Status.
#pragma once

namespace ram {

// Writes one line to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

// `flush` is called first then: it writes what waits to be written.
void before_abort(void (*flush)());

}  // namespace ram

#define RAM_CHECK(condition)                           \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::ram::check_failed(#condition, __FILE__, __LINE__))
