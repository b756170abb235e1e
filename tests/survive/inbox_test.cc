#include "server/survive/wire/inbox.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "server/survive/wire/channels.h"
#include "server/survive/wire/sending.h"

namespace replwire::server::survive {
namespace {

struct Pair {
  Pair() : ends(*SocketPair::open(SOCK_STREAM)) {}
  void send(std::string_view body, std::initializer_list<int> descriptors = {}) const {
    ASSERT_TRUE(send_all(ends.server.get(), framed(body, 0, descriptors.size()), descriptors));
  }
  // All that has arrived.
  std::vector<Received> take() {
    while (inbox.receive(ends.interpreter.get(), MSG_DONTWAIT) > 0) {
    }
    std::vector<Received> messages;
    while (auto message = inbox.take()) messages.push_back(std::move(*message));
    return messages;
  }
  SocketPair ends;
  Inbox inbox;
};

ino_t file_of(const Descriptor& descriptor) {
  struct stat state = {};
  ::fstat(descriptor.get(), &state);
  return state.st_ino;
}

TEST(InboxTest, AMessageIsTakenWhenItIsWhole) {
  Pair pair;
  const std::string bytes = framed("one", 5) + framed("") + framed("three");
  std::string bodies;
  for (const char byte : bytes) {
    ASSERT_TRUE(send_all(pair.ends.server.get(), {&byte, 1}, {}));
    for (const Received& message : pair.take()) bodies += message.body + "|";
  }
  EXPECT_EQ(bodies, "one||three|");
}

TEST(InboxTest, DescriptorsComeWithTheirMessage) {
  Pair pair;
  const Descriptor first(::memfd_create("first", 0));
  const Descriptor second(::memfd_create("second", 0));
  pair.send("a");
  pair.send("b", {first.get()});
  pair.send("c");
  pair.send("d", {second.get(), first.get()});
  const auto messages = pair.take();
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_TRUE(messages[0].descriptors.empty());
  ASSERT_EQ(messages[1].descriptors.size(), 1U);
  EXPECT_EQ(file_of(messages[1].descriptors[0]), file_of(first));
  EXPECT_TRUE(messages[2].descriptors.empty());
  ASSERT_EQ(messages[3].descriptors.size(), 2U);
  EXPECT_EQ(file_of(messages[3].descriptors[0]), file_of(second));
}

// What is lost at the limit is lost by the message that it came with, and by no other.
TEST(InboxTest, AMessageWithoutItsDescriptorsTakesNobodyElses) {
  Pair pair;
  const Descriptor first(::memfd_create("first", 0));
  const Descriptor second(::memfd_create("second", 0));
  pair.send("a", {first.get()});
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none = {0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  auto messages = pair.take();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  pair.send("b", {second.get()});
  for (Received& message : pair.take()) messages.push_back(std::move(message));
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_TRUE(messages[0].descriptors.empty());
  ASSERT_EQ(messages[1].descriptors.size(), 1U);
  EXPECT_EQ(file_of(messages[1].descriptors[0]), file_of(second));
}

}  // namespace
}  // namespace replwire::server::survive
