// Whose the output is that came through descriptors 1 and 2, with children that outlive executions.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/case.h"
#include "support/survival.h"

namespace replwire_tests {
namespace {

// {execution id: what it wrote}, with "late " in front of what was.
std::map<std::string, std::string> by_execution(const std::vector<Json>& frames) {
  std::map<std::string, std::string> texts;
  for (const Json& frame : frames) {
    if (frame["type"] != "output") continue;
    const std::string late = frame.value("late", false) ? "late " : "";
    const Json& id = frame["execution_id"];
    texts[late + (id.is_null() ? "nobody" : id.get<std::string>())] +=
        frame["data"].get<std::string>();
  }
  return texts;
}

struct Writer : Case {
  const char* code;
};
class OriginTest : public ::testing::TestWithParam<Writer> {};

std::vector<Launch> both_ways() { return {Launch{}, surviving()}; }

TEST_P(OriginTest, ItSaysThatItCameByADescriptor) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    const Execution execution = server.execute(GetParam().code);
    ASSERT_EQ(execution.out, "text\n") << execution;
    for (const Json& frame : execution.frames) {
      if (frame["type"] == "output") {
        EXPECT_EQ(frame["origin"], "fd");
      }
    }
  }
}

const Writer kWriters[] = {
    {"OsWrite", "import os\nx = os.write(1, b'text\\n')"},
    {"Child", "import os\nx = os.system('echo text')"},
    {"Fork", "import os\nif os.fork() == 0:\n    print('text')\n    os._exit(0)\nx = os.wait()"},
    {"OpenedByNumber", "with open(1, 'w', closefd=False) as f: print('text', file=f)"},
};
INSTANTIATE_TEST_SUITE_P(Writers, OriginTest, ::testing::ValuesIn(kWriters), CaseName{});

TEST(OriginTest, PythonsOwnWritesHaveNone) {
  ServerProcess server;
  const Execution execution =
      server.execute("import sys\nprint('a')\nsys.stdout.buffer.write(b'b')");
  for (const Json& frame : execution.frames) EXPECT_FALSE(frame.contains("origin"));
}

// Ways to leave a process behind, which writes "child" when the file `go` is there.
class LeftBehindTest : public ::testing::TestWithParam<Writer> {};

TEST_P(LeftBehindTest, ItsOutputBelongsToTheExecutionThatStartedIt) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    server.execute("import os, subprocess, time\nr, w = os.pipe()\nos.set_inheritable(r, True)");
    server.execute(GetParam().code, {{"id", "first"}});
    server.execute("x = os.system('true')");
    server.start("print('mine')\nx = os.write(w, b'go\\n')\ntime.sleep(0.5)", {{"id", "later"}});
    std::vector<Json> frames = server.read_until(is_terminal);
    while (by_execution(frames).count("late first") == 0) frames.push_back(server.read_frame());
    EXPECT_EQ(by_execution(frames),
              (std::map<std::string, std::string>{{"late first", "child\n"}, {"later", "mine\n"}}));
  }
}

const Writer kLeftBehind[] = {
    {"Popen", "p = subprocess.Popen('read go; echo child', shell=True, stdin=r)"},
    {"Background", "x = os.system(f'(read go; echo child) <&{r} &')"},
    {"Task",
     "import asyncio\np = await asyncio.create_subprocess_shell('read go; echo child', stdin=r)"},
    {"Pool",
     "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=lambda:"
     " os.read(r, 3) and os.write(1, b'child\\n'))\np.start()"},
    {"DoubleFork",
     "if os.fork() == 0:\n    if os.fork() == 0:\n        os.read(r, 3)\n"
     "        os.write(1, b'child\\n')\n    os._exit(0)\nx = os.wait()"},
};
INSTANTIATE_TEST_SUITE_P(Ways, LeftBehindTest, ::testing::ValuesIn(kLeftBehind), CaseName{});

// Between executions: it is not known which one has, but it is none that runs later.
TEST(LeftBehindTest, WhatATaskHasStartedIsNotBlamedOnTheNext) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    server.execute("import asyncio, os, time\nr, w = os.pipe()", {{"id", "pipe"}});
    server.execute(
        "async def start():\n    global p\n    await asyncio.sleep(0.05)\n"
        "    p = await asyncio.create_subprocess_shell('echo up; read go; echo child', stdin=r)\n"
        "task = asyncio.create_task(start())\nawait asyncio.sleep(0)",
        {{"id", "first"}});
    std::vector<Json> frames = server.read_until("output");
    server.start("x = os.write(w, b'go\\n')\ntime.sleep(0.5)", {{"id", "later"}});
    do {
      frames.push_back(server.read_frame());
    } while (frames.back()["type"] != "output" && !is_terminal(frames.back()));
    EXPECT_TRUE(by_execution(frames)["late first"].ends_with("child\n")) << server.describe();
  }
}

TEST(LeftBehindTest, WhatTheNextExecutionWritesToDescriptorsIsItsOwn) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    server.execute("import os, subprocess\np = subprocess.Popen(['sleep', '60'])");
    const Execution next = server.execute("x = os.write(1, b'one\\n')\ny = os.system('echo two')");
    EXPECT_EQ(next.out, "one\ntwo\n");
    for (const Json& frame : next.frames) EXPECT_FALSE(frame.value("late", false));
    server.execute("p.kill()");
  }
}

TEST(LeftBehindTest, ExecutionsAreToldApartOneByOne) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    server.execute("import os, subprocess\nr, w = os.pipe()");
    for (const char* name : {"a", "b", "c"}) {
      const std::string child = std::string("read go; echo of ") + name;
      server.execute("p = subprocess.Popen('" + child + "', shell=True, stdin=r)", {{"id", name}});
    }
    server.start("x = os.write(w, b'1\\n2\\n3\\n')", {{"id", "later"}});
    std::map<std::string, std::string> texts;
    std::vector<Json> frames;
    while (by_execution(frames).size() < 3) frames.push_back(server.read_frame());
    EXPECT_EQ(by_execution(frames),
              (std::map<std::string, std::string>{
                  {"late a", "of a\n"}, {"late b", "of b\n"}, {"late c", "of c\n"}}));
  }
}

TEST(LeftBehindTest, DescriptorsOfTheServerAreBounded) {
  for (const Launch& launch : both_ways()) {
    ServerProcess server(launch);
    server.execute("import os, subprocess\ncount = lambda: len(os.listdir(f'/proc/" +
                   std::to_string(server.pid()) + "/fd'))");
    for (int n = 0; n < 4; ++n) server.execute("1");  // as many snapshots as there will be
    const std::int64_t before = server.execute("count()").value();
    for (int n = 0; n < 20; ++n) server.execute("p = subprocess.Popen(['sleep', '60'])");
    EXPECT_LE(server.execute("count()").value().get<std::int64_t>(), before + 16);
    server.execute("x = os.system('true')");
    EXPECT_EQ(server.execute("x = os.write(1, b'still here')").out, "still here");
  }
}

}  // namespace
}  // namespace replwire_tests
