#include "base/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace ram {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr size_t kQueueBytes = 1'024;
constexpr auto kPatience = 60s;  // on a busy machine
constexpr auto kAtOnce = 1ms;

// A pipe of one page, and a writer to it.
class LineWriterTest : public testing::Test {
 protected:
  LineWriterTest() {
    EXPECT_EQ(pipe(ends_), 0);
    page_ = static_cast<size_t>(fcntl(ends_[1], F_SETPIPE_SZ, 1));
    in_.reset(fdopen(ends_[0], "r"));
    writer_ = std::make_unique<LineWriter>(
        ends_[1], kQueueBytes, [](uint64_t lost) { return "lost " + std::to_string(lost) + "\n"; });
  }
  ~LineWriterTest() override {
    in_.reset();
    writer_.reset();
    close(ends_[1]);
  }

  void block() {
    std::string page(page_, '.');
    page.back() = '\n';
    ASSERT_EQ(write(ends_[1], page.data(), page.size()), static_cast<ssize_t>(page.size()));
  }
  std::string read_line() {
    std::string line;
    for (int c = fgetc(in_.get()); c != '\n' && c != EOF; c = fgetc(in_.get())) {
      line += static_cast<char>(c);
    }
    return line;
  }

  struct Close {
    void operator()(FILE* file) const { fclose(file); }
  };
  int ends_[2] = {-1, -1};
  size_t page_ = 0;
  std::unique_ptr<FILE, Close> in_;
  std::unique_ptr<LineWriter> writer_;
};

TEST_F(LineWriterTest, WritesLinesInOrder) {
  writer_->write("one\n");
  writer_->write("two\n");
  EXPECT_TRUE(writer_->flush(kPatience));
  EXPECT_EQ(read_line(), "one");
  EXPECT_EQ(read_line(), "two");
}

TEST_F(LineWriterTest, IsNotWaitedForWhileItsReaderIsNot) {
  block();
  writer_->write("late\n");
  EXPECT_FALSE(writer_->flush(kAtOnce));
  EXPECT_FALSE(write_within(kAtOnce, ends_[1], "no\n"));
  read_line();
  EXPECT_EQ(read_line(), "late");
  EXPECT_TRUE(writer_->flush(kPatience));
  EXPECT_TRUE(write_within(kPatience, ends_[1], "yes\n"));
  EXPECT_EQ(read_line(), "yes");
}

TEST_F(LineWriterTest, CountsWhatItHadNoRoomFor) {
  block();
  const std::string third(kQueueBytes / 3, 'x');
  for (int i = 0; i < 4; ++i) writer_->write(third + "\n");
  writer_->write("short\n");  // there is room for it
  read_line();
  std::vector<std::string> lines;
  for (int i = 0; i < 3; ++i) lines.push_back(read_line());
  EXPECT_THAT(lines, ElementsAre(third, third, "lost 3"));
  EXPECT_TRUE(writer_->flush(kPatience));
  writer_->write("whole again\n");
  EXPECT_EQ(read_line(), "whole again");
}

TEST_F(LineWriterTest, WritesAllBeforeItEnds) {
  for (int i = 0; i < 100; ++i) writer_->write(std::to_string(i) + "\n");
  writer_.reset();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read_line(), std::to_string(i));
}

TEST_F(LineWriterTest, EndsWhenItsReaderIsGone) {
  block();
  writer_->write("to nobody\n");
  in_.reset();
  EXPECT_TRUE(writer_->flush(kPatience));
}

}  // namespace
}  // namespace ram
