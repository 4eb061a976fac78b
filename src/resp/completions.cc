#include "resp/completions.h"

#include <utility>

#include "base/check.h"

namespace ram::resp {

void Completed::clear() {
  writes.clear();
  calls.clear();
  fences.clear();
}

std::shared_ptr<Completions> Completions::create(std::function<void()> wake) {
  std::shared_ptr<Completions> created(new Completions(std::move(wake)));
  created->weak_ = created;
  return created;
}

void Completions::expect(size_t count) {
  const std::lock_guard lock(mutex_);
  if (expected_ == 0 && count > 0) self_ = weak_.lock();
  expected_ += count;
}

void Completions::expect_one_less() {
  std::shared_ptr<Completions> last;  // let go of after the lock
  const std::lock_guard lock(mutex_);
  RAM_CHECK(expected_ > 0);
  if (--expected_ == 0) last = std::move(self_);
}

template <class Add>
void Completions::push_one(Add add) {
  std::shared_ptr<Completions> last;  // let go of after the lock
  const std::lock_guard lock(mutex_);
  RAM_CHECK(expected_ > 0);
  if (--expected_ == 0) last = std::move(self_);
  if (closed_) return;
  const bool was_empty = waiting_.empty();
  add(waiting_);
  if (was_empty) wake_();
}

void Completions::push(uint32_t call, Result<BatchResult> result) {
  push_one([&](Completed& to) { to.writes.push_back({call, std::move(result)}); });
}

void Completions::push(uint32_t call, AnswerFunction answer) {
  push_one([&](Completed& to) { to.calls.push_back({call, std::move(answer)}); });
}

void Completions::push_fence(uint64_t number, Status status) {
  push_one([&](Completed& to) { to.fences.push_back({number, std::move(status)}); });
}

void Completions::take(Completed& out) {
  RAM_CHECK(out.empty());
  const std::lock_guard lock(mutex_);
  std::swap(waiting_, out);
}

void Completions::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_ = nullptr;
  waiting_.clear();
}

}  // namespace ram::resp
