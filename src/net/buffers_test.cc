#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/random.h"
#include "net/out_queue.h"
#include "net/unread_buffer.h"

namespace ram::net {
namespace {

TEST(OutQueue, IsAStringToWhichOneAppendsAndFromWhichOneTakes) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    OutQueue queue;
    std::string model;
    std::array<std::string_view, 4> lent_views;
    size_t lent = 0;
    std::string lent_bytes;
    for (int step = 0; step < 300; ++step) {
      std::string bytes(random.below(random.one_in(4) ? 40'000 : 300), static_cast<char>(step));
      switch (random.below(6)) {
        case 0:
          model += bytes;
          queue.append(std::string_view(bytes));
          break;
        case 1:
          model += bytes;
          queue.append(std::move(bytes));
          break;
        case 2:
          model += bytes;
          queue.append(SharedBytes(std::move(bytes)));
          break;
        case 3: {  // as a call that writes at once
          if (lent > 0) break;
          std::array<std::string_view, 4> views;
          const size_t count = queue.front(views, 10'000);
          std::string front;
          for (size_t i = 0; i < count; ++i) front += views[i];
          ASSERT_EQ(front, model.substr(0, front.size()));
          ASSERT_EQ(front.empty(), model.empty());
          const size_t sent = random.below(front.size() + 1);
          queue.sent(sent);
          model.erase(0, sent);
          break;
        }
        case 4: {  // as one that writes later
          if (lent > 0 || queue.empty()) break;
          lent = queue.lend(lent_views, 10'000);
          lent_bytes.clear();
          for (size_t i = 0; i < lent; ++i) lent_bytes += lent_views[i];
          break;
        }
        default: {
          if (lent == 0) break;
          std::string now;
          for (size_t i = 0; i < lent; ++i) now += lent_views[i];
          ASSERT_EQ(now, lent_bytes);  // whatever was appended meanwhile
          queue.sent(lent_bytes.size());
          model.erase(0, lent_bytes.size());
          lent = 0;
        }
      }
      ASSERT_EQ(queue.bytes(), model.size());
      ASSERT_EQ(queue.empty(), model.empty());
    }
  }
}

TEST(UnreadBuffer, IsAStringThatGrowsAtTheEndAndShrinksAtTheFront) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    UnreadBuffer buffer;
    std::string model;
    for (int step = 0; step < 300; ++step) {
      switch (random.below(4)) {
        case 0: {
          const std::string bytes(random.below(2000), static_cast<char>(step));
          buffer.append(bytes);
          model += bytes;
          break;
        }
        case 1: {
          const size_t wanted = 1 + random.below(2000);
          const std::span<char> room = buffer.room(wanted);
          ASSERT_GE(room.size(), wanted);
          const size_t used = random.below(wanted + 1);
          std::fill_n(room.data(), used, static_cast<char>(step));
          buffer.added(used);
          model.append(used, static_cast<char>(step));
          break;
        }
        case 2: {
          const size_t bytes = random.one_in(3) ? model.size() : random.below(model.size() + 1);
          buffer.consume(bytes);
          model.erase(0, bytes);
          break;
        }
        default:
          if (random.one_in(5)) buffer.expect(random.below(20'000));
      }
      ASSERT_EQ(buffer.view(), model);
      ASSERT_EQ(buffer.size(), model.size());
    }
  }
}

}  // namespace
}  // namespace ram::net
