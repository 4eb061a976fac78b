#include "net/stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "net/listener.h"
#include "net/test_support.h"

namespace ram::net {
namespace {

using namespace std::chrono_literals;

// One end of a connection that notes what happens to it.
struct End {
  std::unique_ptr<Stream> stream;
  std::string got;
  std::string closed;
  bool connected = false;
  int drained = 0;

  StreamEvents events() {
    StreamEvents events;
    events.on_connected = [this] { connected = true; };
    events.on_data = [this](std::string_view unread) {
      got.append(unread);
      return unread.size();
    };
    events.on_drained = [this] { ++drained; };
    events.on_closed = [this](std::string_view reason) { closed = reason; };
    return events;
  }
};

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Listener>> opened =
        Listener::open(loop, log, *Address::parse("127.0.0.1:0"), "--listen",
                       [this](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    listener = std::move(*opened);
    ASSERT_NE(listener->port(), 0);
  }

  // Connects; neither end is started but `left`.
  void connect() {
    Result<std::unique_ptr<Stream>> dialled = Stream::dial(loop, listener->endpoints().front());
    ASSERT_TRUE(dialled.ok()) << dialled.status().message();
    left.stream = std::move(*dialled);
    left.stream->start(left.events());
    ASSERT_TRUE(run_until(loop, [this] { return left.connected && accepted != nullptr; }));
    right.stream = std::move(accepted);
  }
  void start_right(StreamOptions options = {}) { right.stream->start(right.events(), options); }

  Loop loop;
  TestLog log;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> accepted;
  End left;
  End right;
};

TEST_F(StreamTest, CarriesBytesBothWaysInOrder) {
  connect();
  StreamEvents echo = right.events();
  echo.on_data = [this](std::string_view unread) {
    right.stream->write(unread);
    return unread.size();
  };
  right.stream->start(std::move(echo));
  Random random(1);
  std::string sent;
  for (int i = 0; i < 2000; ++i) {
    std::string text(random.below(random.one_in(50) ? 100'000 : 200),
                     static_cast<char>('a' + i % 26));
    sent += text;
    switch (random.below(3)) {
      case 0:
        left.stream->write(std::string_view(text));
        break;
      case 1:
        left.stream->write(std::move(text));
        break;
      default:
        left.stream->write(SharedBytes(std::move(text)));
    }
    if (random.one_in(20)) run_passes(loop, 1);
  }
  ASSERT_TRUE(run_until(loop, [&] { return left.got.size() >= sent.size(); }));
  EXPECT_TRUE(left.got == sent);
  EXPECT_EQ(left.stream->queued_bytes(), 0U);
  EXPECT_EQ(left.stream->bytes_sent(), sent.size());
  EXPECT_EQ(left.stream->bytes_received(), sent.size());
  EXPECT_EQ(left.stream->peer().text(), listener->endpoints().front().text());
}

TEST_F(StreamTest, OffersAgainWhatWasNotConsumed) {
  connect();
  std::vector<std::string> lines;
  StreamEvents events = right.events();
  events.on_data = [&](std::string_view unread) {
    const size_t end = unread.find('\n');
    if (end == std::string_view::npos) return size_t{0};
    lines.emplace_back(unread.substr(0, end));
    return end + 1;
  };
  right.stream->start(std::move(events));
  for (const char c : std::string_view("one\ntwo\nthree\n")) {
    left.stream->write(std::string_view(&c, 1));
    run_passes(loop, 2);
  }
  ASSERT_TRUE(run_until(loop, [&] { return lines.size() == 3; }));
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(StreamTest, AHintOfWhatComesKeepsEveryByte) {
  connect();
  constexpr size_t kBytes = size_t{3} << 20;
  StreamEvents events = right.events();
  events.on_data = [&](std::string_view unread) {
    if (unread.size() < kBytes) {
      right.stream->expect(kBytes);
      return size_t{0};
    }
    right.got = unread;
    return unread.size();
  };
  right.stream->start(std::move(events));
  std::string sent(kBytes, '\0');
  for (size_t i = 0; i < kBytes; ++i) sent[i] = static_cast<char>(mix64(i));
  left.stream->write(std::string_view(sent));
  ASSERT_TRUE(run_until(loop, [&] { return !right.got.empty(); }));
  EXPECT_TRUE(right.got == sent);
}

TEST_F(StreamTest, ReadsIntoMemoryOfItsOwner) {
  connect();
  std::string memory(100'000, '\0');
  size_t filled = 0;
  StreamEvents events = right.events();
  events.on_space = [&] { return std::span(memory).subspan(filled); };
  events.on_filled = [&](size_t bytes) { filled += bytes; };
  right.stream->start(std::move(events));
  left.stream->write(std::string(100'000, 'x') + "rest");
  ASSERT_TRUE(run_until(loop, [&] { return right.got == "rest"; }));
  EXPECT_EQ(memory, std::string(100'000, 'x'));
}

TEST_F(StreamTest, APausedReaderHoldsTheWriterBackAndLosesNothing) {
  connect();
  start_right();
  right.stream->pause();
  std::string sent;
  // More than any kernel buffers: the rest stays with the writer.
  for (int i = 0; i < 256; ++i) {
    std::string block(size_t{1} << 18, static_cast<char>('a' + i % 26));
    sent += block;
    left.stream->write(SharedBytes(std::move(block)));
  }
  run_passes(loop, 100);
  EXPECT_EQ(right.got.size(), 0U);
  const size_t waiting = left.stream->queued_bytes();
  EXPECT_GT(waiting, 0U);
  EXPECT_EQ(left.drained, 0);
  right.stream->resume();
  ASSERT_TRUE(run_until(loop, [&] { return right.got.size() == sent.size(); }));
  EXPECT_TRUE(right.got == sent);
  ASSERT_TRUE(run_until(loop, [&] { return left.drained == 1; }));
  EXPECT_EQ(left.stream->queued_bytes(), 0U);
}

TEST_F(StreamTest, ResumeOffersWhatWasLeftWithoutNewBytes) {
  connect();
  int calls = 0;
  StreamEvents events = right.events();
  events.on_data = [&](std::string_view unread) {
    ++calls;
    right.got += unread[0];
    if (unread.size() > 1) right.stream->pause();
    return size_t{1};
  };
  right.stream->start(std::move(events));
  left.stream->write("abc");
  ASSERT_TRUE(run_until(loop, [&] { return calls == 1; }));
  run_passes(loop, 3);
  EXPECT_EQ(calls, 1);
  right.stream->resume();
  EXPECT_EQ(calls, 1);  // never from within
  ASSERT_TRUE(run_until(loop, [&] { return calls == 2; }));
  right.stream->resume();
  ASSERT_TRUE(run_until(loop, [&] { return calls == 3; }));
  EXPECT_EQ(right.got, "abc");
}

TEST_F(StreamTest, ClosesAPeerThatSendsTooMuchThatIsNotConsumed) {
  connect();
  StreamEvents events = right.events();
  events.on_data = [](std::string_view) { return size_t{0}; };
  right.stream->start(std::move(events), {.unread_bytes_max = 100'000});
  left.stream->write(std::string(300'000, 'x'));
  ASSERT_TRUE(run_until(loop, [&] { return !right.closed.empty(); }));
  EXPECT_EQ(right.closed, "it sent more than 100000 bytes that make no whole request");
}

TEST_F(StreamTest, SaysThatThePeerClosed) {
  connect();
  start_right();
  left.stream.reset();
  ASSERT_TRUE(run_until(loop, [&] { return !right.closed.empty(); }));
  EXPECT_EQ(right.closed, "closed by the peer");
  EXPECT_TRUE(right.stream->closed());
  right.stream->write("into the void");
  right.stream->pause();
  right.stream->resume();
  right.stream->finish();
  right.stream->close();
  EXPECT_EQ(right.stream->queued_bytes(), 0U);
}

TEST_F(StreamTest, FinishDeliversWhatIsQueuedBeforeItCloses) {
  connect();
  start_right();
  const std::string big(size_t{8} << 20, 'x');
  right.stream->write(std::string_view(big));
  right.stream->finish();
  left.stream->write("ignored");
  ASSERT_TRUE(run_until(loop, [&] { return !left.closed.empty() && !right.closed.empty(); }));
  EXPECT_EQ(left.got.size(), big.size());
  EXPECT_EQ(right.closed, "finished");
  EXPECT_EQ(right.got, "");
}

TEST_F(StreamTest, AHalfClosedPeerStillGetsItsAnswer) {
  connect();
  StreamEvents events = right.events();
  events.on_end = [this] {
    right.stream->write("answer to " + right.got);
    right.stream->finish();
  };
  right.stream->start(std::move(events));
  left.stream->write("question");
  left.stream->finish();
  ASSERT_TRUE(run_until(loop, [&] { return !right.closed.empty() && !left.closed.empty(); }));
  EXPECT_EQ(right.closed, "finished");
  EXPECT_EQ(right.got, "question");
}

TEST_F(StreamTest, FinishGivesUpOnAPeerThatDoesNotRead) {
  connect();
  left.stream->pause();
  start_right();
  right.stream->write(std::string(size_t{64} << 20, 'x'));
  right.stream->finish(10ms);
  ASSERT_TRUE(run_until(loop, [&] { return !right.closed.empty(); }));
  EXPECT_EQ(right.closed, "it did not read all that was sent to it");
}

TEST_F(StreamTest, MayBeDestroyedFromEachOfItsCallbacks) {
  {
    connect();
    StreamEvents events;
    events.on_data = [this](std::string_view unread) {
      right.stream.reset();
      return unread.size() / 2;
    };
    events.on_closed = [](std::string_view) { FAIL(); };
    right.stream->start(std::move(events));
    left.stream->write("x");
    ASSERT_TRUE(run_until(loop, [&] { return right.stream == nullptr && !left.closed.empty(); }));
  }
  {
    connect();
    StreamEvents events;
    events.on_data = [](std::string_view unread) { return unread.size(); };
    events.on_closed = [this](std::string_view) { right.stream.reset(); };
    right.stream->start(std::move(events));
    left.stream->close();
    ASSERT_TRUE(run_until(loop, [&] { return right.stream == nullptr; }));
  }
  {
    connect();
    StreamEvents events = right.events();
    events.on_drained = [this] { right.stream.reset(); };
    right.stream->start(std::move(events));
    right.stream->write(std::string(size_t{32} << 20, 'x'));
    ASSERT_TRUE(run_until(loop, [&] { return right.stream == nullptr; }));
  }
}

TEST_F(StreamTest, TellsThatItHasDrainedAgainWhenMoreWasWrittenMeanwhile) {
  connect();
  int at_more = 0;
  StreamEvents events = right.events();
  events.on_drained = [this, &at_more] {
    ++right.drained;
    // Only if the last portion is with the kernel still.
    if (at_more != 0 || right.stream->queued_bytes() == 0) return;
    right.stream->write("!");
    at_more = right.drained;
  };
  const size_t portion = size_t{1} << 20;
  right.stream->start(std::move(events), {.drained_below = portion});
  Random random(1);
  for (int round = 0; round < 500 && at_more == 0; ++round) {
    const SharedBytes piece(std::string(random.between(portion / 2, portion), 'x'));
    for (int i = 0; i < 16; ++i) right.stream->write(piece);
    ASSERT_TRUE(run_until(loop, [&] { return right.stream->queued_bytes() == 0; }));
  }
  ASSERT_NE(at_more, 0);
  EXPECT_TRUE(run_until(loop, [&] { return right.drained > at_more; }));
}

TEST_F(StreamTest, ClosingWhileWritingLosesTheRestAndNothingElse) {
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    left = End{};
    right = End{};
    connect();
    start_right();
    right.stream->pause();
    for (int k = 0; k < 32; ++k) left.stream->write(SharedBytes(std::string(size_t{1} << 20, 'x')));
    run_passes(loop, i);
    left.stream->close();
    EXPECT_EQ(left.stream->queued_bytes() > 0, true);
    right.stream->resume();
    ASSERT_TRUE(run_until(loop, [&] { return !right.closed.empty(); }));
    EXPECT_LT(right.got.size(), size_t{32} << 20);
    EXPECT_EQ(left.closed, "");
  }
}

TEST_F(StreamTest, WritingToAPeerThatIsGoneEndsInOnClosed) {
  connect();
  start_right();
  left.stream->pause();  // does not see the end
  right.stream->close();
  ASSERT_TRUE(run_until(loop, [&] {
    left.stream->write("x");
    return !left.closed.empty();
  }));
  EXPECT_FALSE(left.closed.empty());
}

TEST_F(StreamTest, SaysWhyItCannotConnect) {
  const Endpoint nobody = listener->endpoints().front();
  listener.reset();
  run_passes(loop, 2);
  End end;
  Result<std::unique_ptr<Stream>> dialled = Stream::dial(loop, nobody);
  ASSERT_TRUE(dialled.ok());
  end.stream = std::move(*dialled);
  end.stream->start(end.events());
  end.stream->write("lost");
  ASSERT_TRUE(run_until(loop, [&] { return !end.closed.empty(); }));
  EXPECT_EQ(end.closed, "connection refused");
  EXPECT_FALSE(end.connected);
}

TEST_F(StreamTest, ManySmallWritesOfOnePassAreFewOnTheWire) {
  connect();
  start_right();
  const Instant start = loop.now();
  constexpr int kRounds = 200;
  constexpr int kWrites = 1000;
  for (int i = 0; i < kRounds; ++i) {
    for (int k = 0; k < kWrites; ++k) left.stream->write("+OK\r\n");
    run_passes(loop, 1);
  }
  ASSERT_TRUE(run_until(loop, [&] { return right.got.size() == size_t{kRounds} * kWrites * 5; }));
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(loop.now() - start).count();
  std::printf("[ rate     ] %.1f M writes of 5 bytes per second\n",
              double{kRounds} * kWrites / static_cast<double>(us + 1));
}

TEST_F(StreamTest, PeersAreUnaffectedByOneThatDoesNotRead) {
  connect();
  start_right();
  // A plain socket that never reads.
  const int lazy = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(lazy, 0);
  ASSERT_EQ(::connect(lazy, &listener->endpoints().front().raw(), sizeof(sockaddr_in)), 0);
  ASSERT_TRUE(run_until(loop, [&] { return accepted != nullptr; }));
  End clogged;
  clogged.stream = std::move(accepted);
  clogged.stream->start(clogged.events());
  clogged.stream->write(std::string(size_t{64} << 20, 'x'));
  for (int i = 0; i < 100; ++i) {
    left.stream->write("ping");
    const size_t wanted = right.got.size() + 4;
    ASSERT_TRUE(run_until(loop, [&] { return right.got.size() == wanted; }));
  }
  EXPECT_GT(clogged.stream->queued_bytes(), 0U);
  ::close(lazy);
  ASSERT_TRUE(run_until(loop, [&] { return !clogged.closed.empty(); }));
}

TEST_F(StreamTest, APeerThatStopsReadingForLongCountsAsDeadIfAskedFor) {
  connect();
  start_right();
  right.stream->pause();
  left.stream->set_dead_after(300ms);
  left.stream->write(std::string(size_t{64} << 20, 'x'));
  const Instant start = loop.now();
  ASSERT_TRUE(run_until(loop, [&] { return !left.closed.empty(); }));
  EXPECT_EQ(left.closed, "the peer does not answer");
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - start).count();
  std::printf("[ time     ] cut after %lld ms of a closed window\n", static_cast<long long>(ms));
}

TEST(Listener, SaysWhichAddressAndWhyAndWhatToDo) {
  Loop loop;
  TestLog log;
  const auto nobody = [](std::unique_ptr<Stream>) {};
  const auto open = [&](const char* text) {
    return Listener::open(loop, log, *Address::parse(text), "--cluster-listen", nobody);
  };
  Result<std::unique_ptr<Listener>> first = open("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const std::string taken = (*first)->endpoints().front().text();
  const auto second = open(taken.c_str());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_EQ(second.status().message(),
            "--cluster-listen: " + taken + " is in use by another process; name a free port");

  const auto elsewhere = open("192.0.2.1:0");
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.status().message(),
            "--cluster-listen: 192.0.2.1:0 is no address of this machine; name one that it has, or "
            "0.0.0.0 for all");

  const auto unknown = open("no-such-host.invalid:7379");
  ASSERT_FALSE(unknown.ok());
  const std::string why = unknown.status().message();
  EXPECT_EQ(why.rfind("--cluster-listen: cannot resolve no-such-host.invalid: ", 0), 0U) << why;
  EXPECT_NE(why.find("; name an address of this machine"), std::string::npos) << why;
}

TEST(Listener, ListensAtEveryAddressOfAName) {
  Loop loop;
  TestLog log;
  const auto listener = Listener::open(loop, log, *Address::parse("localhost:0"), "--listen",
                                       [](std::unique_ptr<Stream>) {});
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  for (const Endpoint& endpoint : (*listener)->endpoints()) {
    EXPECT_EQ(endpoint.port(), (*listener)->port());
  }
}

TEST(Listener, MayBeDestroyedByWhatItAccepts) {
  Loop loop;
  TestLog log;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> accepted;
  listener = std::move(*Listener::open(loop, log, *Address::parse("127.0.0.1:0"), "--listen",
                                       [&](std::unique_ptr<Stream> stream) {
                                         listener.reset();
                                         accepted = std::move(stream);
                                       }));
  End end;
  end.stream = std::move(*Stream::dial(loop, listener->endpoints().front()));
  end.stream->start(end.events());
  ASSERT_TRUE(run_until(loop, [&] { return accepted != nullptr && end.connected; }));
  EXPECT_EQ(listener, nullptr);
}

TEST(Listener, OutlivesALackOfDescriptors) {
  Loop loop;
  TestLog log;
  std::vector<std::unique_ptr<Stream>> accepted;
  const auto listener =
      Listener::open(loop, log, *Address::parse("127.0.0.1:0"), "--listen",
                     [&](std::unique_ptr<Stream> one) { accepted.push_back(std::move(one)); });
  ASSERT_TRUE(listener.ok());
  std::vector<int> sockets(8);
  for (int& fd : sockets) fd = ::socket(AF_INET, SOCK_STREAM, 0);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(sockets.back()) + 3;  // two are left
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (const int fd : sockets) {
    ASSERT_EQ(::connect(fd, &(*listener)->endpoints().front().raw(), sizeof(sockaddr_in)), 0);
  }
  run_passes(loop, 20);
  EXPECT_LE(accepted.size(), 2U);
  for (const int fd : sockets) ::close(fd);
  accepted.clear();
  run_passes(loop, 5);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  End end;
  end.stream = std::move(*Stream::dial(loop, (*listener)->endpoints().front()));
  end.stream->start(end.events());
  ASSERT_TRUE(run_until(loop, [&] { return accepted.size() == 1 && end.connected; }));
}

TEST(Listener, TakesThousandsOfConnections) {
  Loop loop;
  TestLog log;
  std::vector<std::unique_ptr<Stream>> accepted;
  const auto listener = Listener::open(
      loop, log, *Address::parse("127.0.0.1:0"), "--listen",
      [&](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); });
  ASSERT_TRUE(listener.ok());
  const long limit = sysconf(_SC_OPEN_MAX);
  const size_t count = static_cast<size_t>(std::min(2000L, (limit - 100) / 2));
  std::vector<std::unique_ptr<End>> ends;
  for (size_t i = 0; i < count; ++i) {
    Result<std::unique_ptr<Stream>> dialled = Stream::dial(loop, (*listener)->endpoints().front());
    ASSERT_TRUE(dialled.ok()) << dialled.status().message();
    ends.push_back(std::make_unique<End>());
    ends.back()->stream = std::move(*dialled);
    ends.back()->stream->start(ends.back()->events());
  }
  ASSERT_TRUE(run_until(loop, [&] { return accepted.size() == count; }));
  size_t echoed = 0;
  for (auto& stream : accepted) {
    StreamEvents events;
    events.on_data = [&echoed](std::string_view unread) {
      echoed += unread.size();
      return unread.size();
    };
    stream->start(std::move(events));
  }
  for (auto& end : ends) end->stream->write("x");
  ASSERT_TRUE(run_until(loop, [&] { return echoed == count; }));
}

}  // namespace
}  // namespace ram::net
