// Exceptions of tasks that nobody waits for.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

// Imports asyncio, so that only what is tested takes time.
void import_asyncio(ServerProcess& server) {
  ASSERT_TRUE(server.execute("import asyncio, time\nawait asyncio.sleep(0)").ok());
}

constexpr const char* kFails =
    "import gc\nasync def fails():\n    await asyncio.sleep(0.01)\n    raise ValueError('lost')\n";

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

struct Kept : Case {
  const char* code;
};

class AsyncFailureKeptTest : public ::testing::TestWithParam<Kept> {};

TEST_P(AsyncFailureKeptTest, IsShownOnceAtRest) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(kFails);
  server.execute(std::string("await asyncio.sleep(0)\n") + GetParam().code, {{"id", "starter"}});
  const Json shown = server.read_output();
  EXPECT_EQ(shown["stream"], "stderr");
  EXPECT_EQ(shown["execution_id"], "starter");
  EXPECT_EQ(shown["late"], true);
  const std::string text = shown["data"];
  EXPECT_NE(text.find("raise ValueError('lost')\nValueError: lost"), text.npos) << text;
  EXPECT_EQ(text.find("replwire"), text.npos) << text;
  server.start("t = None\ngc.collect()\nawait asyncio.sleep(0.02)");
  EXPECT_EQ(output_text(server.read_until("result"), "stderr"), "");
}

const Kept kKept[] = {{"Kept", "t = asyncio.create_task(fails())"},
                      {"NotKept", "asyncio.create_task(fails())\nNone"},
                      {"InACycle", "t = [asyncio.create_task(fails())]\nt.append(t)"}};

INSTANTIATE_TEST_SUITE_P(Tasks, AsyncFailureKeptTest, ::testing::ValuesIn(kKept), CaseName{});

TEST(AsyncFailureTest, AFailureIsShownOnceInsideAnExecution) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(kFails);
  const Execution execution =
      server.execute("t = asyncio.create_task(fails())\nawait asyncio.sleep(0.3)\nprint('end')");
  EXPECT_EQ(count_of(execution.err, "ValueError: lost"), 1U) << execution;
  for (const Json& frame : execution.frames) EXPECT_FALSE(frame.contains("late"));
}

TEST(AsyncFailureTest, AFailureThatSomebodyTakesIsNotShown) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(kFails);
  const Execution execution = server.execute(
      "t = asyncio.create_task(fails())\nawait asyncio.sleep(0.3)\n"
      "try: await t\nexcept ValueError: print('caught')\n"
      "r = await asyncio.gather(fails(), fails(), return_exceptions=True)\n"
      "done, _ = await asyncio.wait([asyncio.create_task(fails())])\n"
      "[repr(d.exception()) for d in done]");
  EXPECT_EQ(execution.err, "") << execution;
  EXPECT_EQ(execution.out, "caught\n");
  // Between tasks at rest just the same.
  server.execute(
      "async def waits():\n    done, _ = await asyncio.wait([asyncio.create_task(fails())])\n"
      "    done.pop().exception()\n    print('took it')\n"
      "await asyncio.sleep(0)\nt = asyncio.create_task(waits())");
  EXPECT_EQ(server.read_line(), "took it\n");
}

TEST(AsyncFailureTest, AFailureCanStillBeTakenAfterItWasShown) {
  ServerProcess server;
  import_asyncio(server);
  server.execute(kFails);
  server.execute("await asyncio.sleep(0)\nt = asyncio.create_task(fails())");
  server.read_line();
  EXPECT_EQ(server.execute("await t").exception(), "ValueError");
}

}  // namespace
}  // namespace replwire_tests
