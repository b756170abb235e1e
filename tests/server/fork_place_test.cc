// Forks in odd places: the child is no second session, and no question makes it hang.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

struct Place : Case {
  const char* code;  // has `fork` called
};

constexpr const char* kPrelude =
    "import asyncio, os, sys\npids = []\n"
    "def fork():\n    pid = os.fork()\n    if pid: pids.append(pid); print('forked')\n"
    "class Shown:\n    def __repr__(self): fork(); return 'shown'\n"
    "class Html:\n    def _repr_html_(self): fork(); return '<b>'\n"
    "class Error(Exception):\n    def __str__(self): fork(); return 'error'\n"
    "class Gone:\n    def __del__(self): fork()\n"
    "async def task(): await asyncio.sleep(0.01); fork()\n";

const Place kPlaces[] = {
    {"Repr", "Shown()"},
    {"ReprThatIsDisplayed", "display(Shown())"},
    {"Html", "Html()"},
    {"DisplayHook", "sys.displayhook = lambda value: fork()\n1"},
    {"TextOfAnError", "raise Error"},
    {"Del", "Gone()\nNone"},
    {"Awaiting", "await asyncio.sleep(0)\nfork()\nawait asyncio.sleep(0)"},
    {"TaskWhileAwaiting", "t = asyncio.create_task(task())\nawait t"},
    {"TaskAtRest", "t = asyncio.create_task(task())\nawait asyncio.sleep(0)"},
    {"CallbackAtRest", "asyncio.get_running_loop().call_later(0.01, fork)\nawait asyncio.sleep(0)"},
    {"SignalAtRest",
     "import signal\n_ = signal.signal(signal.SIGALRM, lambda *_: fork())\n"
     "_ = signal.setitimer(signal.ITIMER_REAL, 0.01)"},
};

class ForkPlaceTest : public ::testing::TestWithParam<Place> {};

void child_ends(const Launch& launch) {
  ServerProcess server(launch);
  server.execute(kPrelude);
  server.start(ForkPlaceTest::GetParam().code);
  std::string text;
  server.read_until([&text](const Json& frame) {
    if (frame["type"] == "output") text += frame["data"];
    return text.find("forked") != text.npos;
  });
  const Execution ended =
      server.execute("[os.waitpid(pid, 0)[0] == pid for pid in pids]", {{"id", "wait"}});
  EXPECT_EQ(ended.value(), Json::array({true})) << server.describe();
}

TEST_P(ForkPlaceTest, ItsChildEnds) { child_ends(Launch{}); }
TEST_P(ForkPlaceTest, ItsChildEndsWithSurvive) { child_ends(surviving()); }

INSTANTIATE_TEST_SUITE_P(Places, ForkPlaceTest, ::testing::ValuesIn(kPlaces), CaseName{});

TEST(ForkTest, QuestionsDoNotHangTheChild) {
  ServerProcess server;
  const Json id = server.start(
      "import os\nfor n in range(1500):\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n"
      "    os.waitpid(pid, 0)\nn");
  bool over = false;
  for (int asked = 0; !over; ++asked) {
    const std::string question = "q" + std::to_string(asked);
    server.send({{"type", "variables"}, {"id", question}});
    server.read_until([&](const Json& frame) {
      over = over || (is_terminal(frame) && frame["execution_id"] == id);
      return frame.value("id", "") == question;
    });
  }
  EXPECT_EQ(server.finish(id).value(), 1499);
}

}  // namespace
}  // namespace replwire_tests
