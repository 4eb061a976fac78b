#include "base/codec.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ram {
namespace {

TEST(Codec, ReadsBackWhatItWrote) {
  std::string out;
  Writer writer(out);
  writer.u8(7);
  writer.u16(0xbeef);
  writer.u32(0xdeadbeef);
  writer.u64(~uint64_t{0});
  writer.i64(-5);
  writer.flag(true);
  for (unsigned shift = 0; shift < 64; ++shift) writer.varint(uint64_t{1} << shift);
  writer.varint(~uint64_t{0});
  writer.bytes("hello");

  Reader reader(out);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u16(), 0xbeef);
  EXPECT_EQ(reader.u32(), 0xdeadbeef);
  EXPECT_EQ(reader.u64(), ~uint64_t{0});
  EXPECT_EQ(reader.i64(), -5);
  EXPECT_TRUE(reader.flag());
  for (unsigned shift = 0; shift < 64; ++shift) EXPECT_EQ(reader.varint(), uint64_t{1} << shift);
  EXPECT_EQ(reader.varint(), ~uint64_t{0});
  EXPECT_EQ(reader.bytes(), "hello");
  EXPECT_TRUE(reader.finished());
}

TEST(Codec, TheFirstErrorLatches) {
  Reader reader("\x01");
  reader.u64();
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.finished());
}

TEST(Codec, RefusesALengthBeyondTheInput) {
  Reader reader(
      "\x05"
      "abc");
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, RefusesVarintsThatAreTooLongOrNotCanonical) {
  using namespace std::literals;
  for (std::string_view bad : {"\x80\x00"sv, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv,
                               "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv, "\x80"sv, ""sv}) {
    Reader reader(bad);
    reader.varint();
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Codec, IsTotalOnRandomBytes) {
  Random random(1);
  for (int round = 0; round < 10'000; ++round) {
    std::string input;
    for (uint64_t i = random.below(40); i > 0; --i)
      input.push_back(static_cast<char>(random.next()));
    Reader reader(input);
    while (reader.ok() && !reader.finished()) {
      switch (random.below(5)) {
        case 0:
          reader.varint();
          break;
        case 1:
          reader.bytes();
          break;
        case 2:
          reader.u32();
          break;
        case 3:
          reader.flag();
          break;
        default:
          reader.raw(3);
          break;
      }
    }
    EXPECT_TRUE(reader.rest().empty());
  }
}

}  // namespace
}  // namespace ram
