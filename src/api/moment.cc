#include "ram/moment.h"

#include <new>
#include <type_traits>

#include "store/reading.h"

namespace ram {
namespace {

Found found_in(const store::Entry& entry) {
  return {.value = entry.value(), .revision = entry.revision().value};
}

}  // namespace

// Stands in the Moment's own memory: a read allocates nothing.
struct Moment::Inside {
  explicit Inside(const store::StoreSlot& slot) : reading(slot) {}

  static const Inside& of(const Moment& moment) {
    return *std::launder(reinterpret_cast<const Inside*>(moment.inside_));
  }

  store::Reading reading;
};

Moment::Moment(const void* slot) {
  static_assert(sizeof(Inside) <= sizeof inside_);
  static_assert(alignof(Inside) <= 8);
  new (inside_) Inside(*static_cast<const store::StoreSlot*>(slot));
}

Moment::~Moment() {
  std::launder(reinterpret_cast<Inside*>(inside_))->~Inside();
}

std::optional<Found> Moment::get(std::string_view table, std::string_view key) const {
  const store::Reading& reading = Inside::of(*this).reading;
  const store::Table* const at = reading.table(table);
  if (at == nullptr) return std::nullopt;
  const store::Entry* const entry = reading.find(*at, reading.store().key(key));
  if (entry == nullptr) return std::nullopt;
  return found_in(*entry);
}

uint64_t Moment::scan(std::string_view table, uint64_t cursor, size_t count,
                      const std::function<void(std::string_view key, Found found)>& each) const {
  const store::Reading& reading = Inside::of(*this).reading;
  const store::Table* const at = reading.table(table);
  if (at == nullptr) return 0;
  return reading.scan(*at, cursor, count,
                      [&each](const store::Entry& entry) { each(entry.key(), found_in(entry)); });
}

uint64_t Moment::revision() const {
  return Inside::of(*this).reading.revision().value;
}

}  // namespace ram
