// A borrowed callable, as a parameter: two words, no allocation. std::function_ref is C++26.
//
//   void each(FunctionRef<void(std::string_view)> fn);
//   each([&](std::string_view name) { names.emplace_back(name); });
//
// Refers to the callable, which must outlive it: take it as a parameter, never keep it. As
// thread-safe as what it refers to.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace ram {

template <class Signature>
class FunctionRef;

template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
           std::is_object_v<std::remove_reference_t<Callable>> &&
           std::is_invocable_r_v<Result, Callable&, Arguments...>)
      FunctionRef(Callable&& callable)  // NOLINT(google-explicit-constructor): a parameter type
      : callable_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* target, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(target))(
              std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const {
    return call_(callable_, std::forward<Arguments>(arguments)...);
  }

 private:
  void* callable_;
  Result (*call_)(void*, Arguments...);
};

}  // namespace ram
