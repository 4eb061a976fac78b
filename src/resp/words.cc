#include "resp/words.h"

namespace ram::resp {

std::string hex_of(uint64_t number) {
  std::string digits(16, '0');
  for (size_t i = digits.size(); i > 0; --i, number >>= 4U) {
    digits[i - 1] = "0123456789abcdef"[number & 15U];
  }
  return digits;
}

}  // namespace ram::resp
