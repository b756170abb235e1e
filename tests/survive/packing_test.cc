#include "server/survive/wire/packing.h"

#include <gtest/gtest.h>

#include "server/survive/wire/messages.h"

namespace replwire::server::survive {
namespace {

// Each member is found, and none can be forgotten: these counts are the structs', nobody's list.
struct Before {
  std::string code;
  std::optional<std::int64_t> cursor;
};
struct After {
  std::string code;
  std::optional<std::int64_t> cursor;
  std::optional<std::string> added;
};
static_assert(count_members<Before>() == 2);
static_assert(count_members<After>() == 3);
static_assert(count_members<runtime::Reset>() == 0);
static_assert(count_members<runtime::Execution>() == 4);
static_assert(count_members<runtime::Done>() == 2);

TEST(PackingTest, AMemberThatIsAddedIsPacked) {
  const auto back = unpacked<After>(packed(After{"x", 3, "added"}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->added, "added");
  EXPECT_FALSE(unpacked<Before>(packed(After{"x", 3, "added"})));
}

TEST(PackingTest, ARunComesAsItWasSent) {
  runtime::Run run = {};
  run.execution = std::make_shared<const runtime::Execution>(
      runtime::Execution{7, "\"seven\"", 3, runtime::Unanswered::kError});
  run.code = std::string("a\0b", 3);
  run.filename = "file.py";
  run.first_line = 12;
  run.repr_limit = 99;
  run.silent = true;
  const auto back = unpacked<ToWorker>(packed(ToWorker(runtime::Command(run))));
  ASSERT_TRUE(back);
  const auto& got = std::get<runtime::Run>(std::get<runtime::Command>(*back));
  EXPECT_EQ(got.execution->serial, 7U);
  EXPECT_EQ(got.execution->id, "\"seven\"");
  EXPECT_EQ(got.execution->count, 3);
  EXPECT_EQ(got.execution->unanswered, runtime::Unanswered::kError);
  EXPECT_EQ(got.code, run.code);
  EXPECT_EQ(got.filename, "file.py");
  EXPECT_EQ(got.first_line, 12);
  EXPECT_EQ(got.repr_limit, 99U);
  EXPECT_TRUE(got.silent);
}

// All alternatives of a variant, at any depth, with what they hold by default.
template <class Variant, std::size_t I = 0>
void expect_each_comes_back() {
  if constexpr (I < std::variant_size_v<Variant>) {
    Variant value;
    value.template emplace<I>();
    const std::string bytes = packed(value);
    const auto back = unpacked<Variant>(bytes);
    ASSERT_TRUE(back) << I;
    EXPECT_EQ(back->index(), I);
    EXPECT_EQ(packed(*back), bytes);
    EXPECT_FALSE(unpacked<Variant>(bytes + "x")) << I;
    EXPECT_FALSE(unpacked<Variant>(std::string_view(bytes).substr(0, bytes.size() - 1))) << I;
    expect_each_comes_back<Variant, I + 1>();
  }
}

TEST(PackingTest, EveryMessageComesBack) {
  expect_each_comes_back<Message>();
  expect_each_comes_back<ToWorker>();
  expect_each_comes_back<ToReader>();
  expect_each_comes_back<runtime::Command>();
  expect_each_comes_back<runtime::Answer>();
  expect_each_comes_back<runtime::Event>();
  expect_each_comes_back<runtime::Outcome>();
}

TEST(PackingTest, AnUnknownAlternativeIsNoMessage) {
  EXPECT_FALSE(unpacked<runtime::Answer>(packed(std::size_t{9})));
}

}  // namespace
}  // namespace replwire::server::survive
