// Places between two accesses of a reader or of the writer, where a test steps in and does what the
// other side might do just then. Only with RAM_TEST_SWITCHES; otherwise nothing.
#pragma once

#if defined(RAM_TEST_SWITCHES)

#include <functional>

namespace ram::store {
// Set by tests, and only while they have one thread.
inline std::function<void()>* step_in = nullptr;
}  // namespace ram::store

#define RAM_STORE_STEP() \
  static_cast<void>(::ram::store::step_in != nullptr && ((*::ram::store::step_in)(), true))

#else
#define RAM_STORE_STEP() static_cast<void>(0)
#endif
