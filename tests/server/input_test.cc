// That `input()` asks, from wherever it is called and however it is reached, for good.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

TEST(InputTest, RequestNamesItsExecutionAndPrompt) {
  ServerProcess server;
  const Json id = server.start("name = input('Your name? ')", {{"id", "first"}});
  const Json request = server.await_input();
  EXPECT_EQ(request["execution_id"], "first");
  EXPECT_EQ(request["prompt"], "Your name? ");
  EXPECT_EQ(request["password"], false);
  EXPECT_FALSE(request["id"].is_null());
  server.answer(request["id"], "Ada");
  EXPECT_TRUE(server.finish(id).ok());
  EXPECT_EQ(server.execute("name").value(), "Ada");
}

TEST(InputTest, SecondExecutionAsksAgain) {
  ServerProcess server;
  EXPECT_EQ(server.ask("input()", "one").value(), "one");
  EXPECT_EQ(server.ask("input()", "two").value(), "two");
}

TEST(InputTest, ThousandExecutionsEachAskOnce) {
  ServerProcess server;
  for (int round = 0; round < 1000; ++round) {
    const std::string answer = "answer " + std::to_string(round);
    ASSERT_EQ(server.ask("input('?')", answer).value(), answer);
  }
}

TEST(InputTest, OneExecutionAsksManyTimes) {
  ServerProcess server;
  const Json id = server.start("[input(str(i)) for i in range(200)]");
  Json expected = Json::array();
  for (int round = 0; round < 200; ++round) {
    const Json request = server.await_input();
    ASSERT_EQ(request["prompt"], std::to_string(round));
    expected.push_back(std::to_string(round * round));
    server.answer(request["id"], expected.back().get<std::string>());
  }
  EXPECT_EQ(server.finish(id).value(), expected);
}

TEST(InputTest, EveryRequestHasItsOwnId) {
  ServerProcess server;
  const Json id = server.start("input(), input()");
  const Json first = server.await_input()["id"];
  server.answer(first, "a");
  const Json second = server.await_input()["id"];
  EXPECT_NE(first, second);
  server.answer(second, "b");
  EXPECT_EQ(server.finish(id).value(), Json::array({"a", "b"}));
}

struct Way : Case {
  const char* code;  // asks once and ends with what it got
};

class InputWayTest : public ::testing::TestWithParam<Way> {};

// Twice in one session, with another execution in between: what works once may have been used up.
TEST_P(InputWayTest, AsksInEveryExecution) {
  ServerProcess server;
  for (const char* answer : {"first", "second"}) {
    const Execution asked = server.ask(GetParam().code, answer);
    EXPECT_EQ(asked.value(), answer) << asked;
    EXPECT_TRUE(server.execute("1 + 1").ok());
  }
}

const Way kWays[] = {
    {"Plainly", "input()"},
    {"ImportBuiltins", "import builtins\nbuiltins.input()"},
    {"FromBuiltins", "from builtins import input\ninput()"},
    {"InAFunction", "def f():\n    return input()\nf()"},
    {"InALambda", "(lambda: input())()"},
    {"InAMethod", "class C:\n    def ask(self): return input()\nC().ask()"},
    {"InAClassBody", "class C:\n    got = input()\nC.got"},
    {"InAGenerator", "next(input() for _ in range(1))"},
    {"InExecWithOwnGlobals", "g = {}\nexec('x = input()', g)\ng['x']"},
    {"InEvalWithOwnGlobals", "eval('input()', {})"},
    {"WithBuiltinsAsModule", "import builtins\neval('input()', {'__builtins__': builtins})"},
    {"WithBuiltinsAsDict", "import builtins\neval('input()', {'__builtins__': vars(builtins)})"},
    {"WithCopiedBuiltins",
     "import builtins\neval('input()', {'__builtins__': dict(vars(builtins))})"},
    {"WithRedirectedStdout",
     "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n    x = input()\nx"},
    {"AsDefaultArgument", "def f(ask=input):\n    return ask()\nf()"},
    {"InMap", "list(map(input, ['?']))[0]"},
    {"InAThread",
     "import threading\ngot = []\nt = threading.Thread(target=lambda: got.append(input()))\n"
     "t.start()\nt.join()\ngot[0]"},
    {"InAnExecutor",
     "from concurrent.futures import ThreadPoolExecutor\n"
     "with ThreadPoolExecutor(1) as pool:\n    got = pool.submit(input).result()\ngot"},
    {"InAsyncioToThread",
     "import asyncio\nasync def main():\n    return await asyncio.to_thread(input, '?')\n"
     "asyncio.run(main())"},
    {"InACoroutine", "import asyncio\nasync def main():\n    return input()\nasyncio.run(main())"},
    {"InADestructor",
     "got = []\nclass C:\n    def __del__(self): got.append(input())\nc = C()\ndel c\ngot[0]"},
    {"InAnExceptHandler", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    x = input()\nx"},
    {"ThroughSysStdin", "import sys\nsys.stdin.readline()[:-1]"},
    {"ThroughGetpass", "import getpass\ngetpass.getpass()"},
};

INSTANTIATE_TEST_SUITE_P(Ways, InputWayTest, ::testing::ValuesIn(kWays), CaseName{});

TEST(InputTest, WorksInImportedModules) {
  TempDir directory;
  directory.write("asker.py",
                  "from builtins import input as ask\n"
                  "def plain():\n    return input('plain')\n"
                  "def renamed():\n    return ask('renamed')\n");
  ServerProcess server(Launch{.cwd = directory.path()});
  ASSERT_TRUE(server.execute("import asker").ok());
  EXPECT_EQ(server.ask("asker.plain()", "1").value(), "1");
  EXPECT_EQ(server.ask("asker.renamed()", "2").value(), "2");
}

TEST(InputTest, WorksInAModuleThatAsksWhileImported) {
  TempDir directory;
  directory.write("curious.py", "answer = input('while imported')\n");
  ServerProcess server(Launch{.cwd = directory.path()});
  EXPECT_EQ(server.ask("import curious\ncurious.answer", "yes").value(), "yes");
}

TEST(InputTest, SeveralThreadsAreAnsweredEachByItsId) {
  ServerProcess server;
  const Json id = server.start(R"(
import threading
got = {}
def ask(n):
    got[str(n)] = input(str(n))
threads = [threading.Thread(target=ask, args=(n,)) for n in range(5)]
for t in threads: t.start()
for t in threads: t.join()
got
)");
  std::vector<Json> requests;
  for (int n = 0; n < 5; ++n) requests.push_back(server.await_input());
  EXPECT_EQ(server.status()["pending_inputs"].size(), 5u);
  Json expected;
  for (auto request = requests.rbegin(); request != requests.rend(); ++request) {
    const std::string prompt = (*request)["prompt"];
    EXPECT_EQ((*request)["execution_id"], id);
    server.answer((*request)["id"], "for " + prompt);
    expected[prompt] = "for " + prompt;
  }
  EXPECT_EQ(server.finish(id).value(), expected);
}

TEST(InputTest, ABackgroundThreadAsksAfterItsExecution) {
  ServerProcess server;
  ASSERT_TRUE(server
                  .execute(R"(
import threading
go, got = threading.Event(), []
def work():
    go.wait()
    got.append(input('from behind'))
thread = threading.Thread(target=work)
thread.start()
)")
                  .ok());
  ASSERT_TRUE(server.execute("go.set()").ok());
  const Json request = server.read_until("input").back();
  EXPECT_EQ(request["prompt"], "from behind");
  server.answer(request["id"], "late but here");
  EXPECT_EQ(server.execute("thread.join()\ngot").value(), Json::array({"late but here"}));
}

TEST(InputTest, TheLoopOfAsyncioRunsWhileAThreadOfItAsks) {
  ServerProcess server;
  const Json id = server.start(R"(
import asyncio
async def main():
    asking = asyncio.create_task(asyncio.to_thread(input, 'x'))
    await asyncio.sleep(0.01)
    print('the loop runs')
    return await asking
asyncio.run(main())
)");
  // The two may come in either order.
  Json request;
  bool printed = false;
  while (request.is_null() || !printed) {
    const Json frame = server.read_frame();
    if (frame["type"] == "input") request = frame;
    printed = printed || frame["type"] == "output";
  }
  server.answer(request["id"], "done");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), "done");
  EXPECT_EQ(execution.out, "the loop runs\n");
}

TEST(InputTest, PdbAsksForItsCommands) {
  ServerProcess server;
  const Json id = server.start("def f(x):\n    breakpoint()\n    return x + 1\nf(41)");
  Json request = server.await_input();
  EXPECT_NE(request["prompt"].get<std::string>().find("(Pdb)"), std::string::npos);
  server.answer(request["id"], "p x * 1000");
  request = server.await_input();
  server.answer(request["id"], "c");
  const Execution execution = server.finish(id);
  EXPECT_EQ(execution.value(), 42) << execution;
  EXPECT_NE(execution.out.find("41000\n"), std::string::npos);
}

TEST(InputTest, PdbWorksInASecondExecution) {
  ServerProcess server;
  for (int round = 0; round < 2; ++round) {
    const Json id = server.start("breakpoint()\nanswer = 6 * 7\nanswer");
    server.answer(server.await_input()["id"], "c");
    EXPECT_EQ(server.finish(id).value(), 42);
  }
}

TEST(InputTest, CodeInteractAsksForItsLines) {
  ServerProcess server;
  const Json id = server.start("import code\nns = {}\ncode.interact(local=ns)");
  const Json request = server.await_input();
  EXPECT_EQ(request["prompt"], ">>> ");
  server.answer(request["id"], "y = 6 * 7");
  server.send(
      {{"type", "input_response"}, {"input_id", server.await_input()["id"]}, {"eof", true}});
  EXPECT_TRUE(server.finish(id).ok());
  EXPECT_EQ(server.execute("ns['y']").value(), 42);
}

TEST(InputTest, ForkedChildGetsEofErrorAndTheSessionIsUntouched) {
  ServerProcess server;
  const Execution forked = server.execute(R"(
import os
pid = os.fork()
if pid == 0:
    try:
        input('in the child')
    except EOFError:
        os._exit(7)
    except BaseException:
        os._exit(8)
    os._exit(9)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
)");
  EXPECT_EQ(forked.value(), 7) << forked;
  for (const Json& frame : forked.frames) EXPECT_NE(frame["type"], "input");
  EXPECT_EQ(server.ask("input()", "still here").value(), "still here");
}

class ForkedChildTest : public ::testing::TestWithParam<const char*> {};

// A child that does not leave by os._exit comes to the end of the execution a second time.
TEST_P(ForkedChildTest, ThatRunsOnWritesNoFrameAndEnds) {
  ServerProcess server;
  const Execution forked =
      server.execute("import os\npid = os.fork()\nif pid == 0:\n    " + std::string(GetParam()) +
                     "\nelse:\n    waited = os.waitpid(pid, 0)\npid != 0");
  EXPECT_EQ(forked.value(), true) << forked;
  EXPECT_EQ(server.ask("input()", "still here").value(), "still here");
  EXPECT_TRUE(server.frames_before_status().empty());
}

INSTANTIATE_TEST_SUITE_P(Endings, ForkedChildTest,
                         ::testing::Values("pass", "raise ValueError('in the child')",
                                           "raise SystemExit(3)", "input()",
                                           "raise KeyboardInterrupt"));

}  // namespace
}  // namespace replwire_tests
