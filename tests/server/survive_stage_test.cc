// --survive: in the middle of what an interpreter may die, and what goes on afterwards.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

std::ptrdiff_t descriptors_of(pid_t process) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(process) + "/fd");
  return std::distance(begin(all), end(all));
}

std::int64_t resident_bytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

TEST(SurviveStageTest, AnInputThatWaitsIsClosedAndTypeAheadIsKept) {
  ServerProcess server(surviving());
  const Json id = server.start("input('?')");
  const Json later = server.start("[input(), input()]", {{"inputs", Json::array({"scripted"})}});
  const Json asked = server.await_input();
  ::kill(first_interpreter(server), SIGKILL);
  const Json closed = server.read_until("input_closed").back();
  EXPECT_EQ(closed["id"], asked["id"]);
  EXPECT_EQ(closed["reason"], "crash");
  EXPECT_EQ(server.finish(id).reason(), "crash");
  server.answer(server.await_input()["id"], "asked for");
  EXPECT_EQ(server.finish(later).value(), Json({"scripted", "asked for"}));
}

TEST(SurviveStageTest, AnAnswerThatCameAheadIsForTheNextThatAsks) {
  ServerProcess server(surviving());
  const Json lost = server.start("import os, time\ntime.sleep(0.2)\nos._exit(1)");
  server.answer("ahead");
  const Json next = server.start("input()");
  EXPECT_EQ(server.finish(lost).reason(), "crash");
  EXPECT_EQ(server.finish(next).value(), "ahead");
}

TEST(SurviveStageTest, InputWorksAfterwards) {
  ServerProcess server(surviving());
  ASSERT_EQ(server.ask("input()", "one").value(), "one");
  ASSERT_EQ(server.execute("import os\nos.abort()").reason(), "crash");
  EXPECT_EQ(server.ask("input()", "two").value(), "two");
  EXPECT_EQ(server.ask("import sys\nsys.stdin.readline()", "three").value(), "three\n");
}

TEST(SurviveStageTest, InATopLevelAwaitWithTasksInTheBackground) {
  ServerProcess server(surviving());
  ASSERT_TRUE(
      server
          .execute("import asyncio, os\nticks = 0\nasync def tick():\n    global ticks\n"
                   "    while True:\n        ticks += 1\n        await asyncio.sleep(0.01)\n"
                   "task = asyncio.create_task(tick())\nawait asyncio.sleep(0.03)")
          .ok());
  ASSERT_EQ(server.execute("await asyncio.sleep(0.02)\nos.abort()").reason(), "crash");
  const Execution after = server.execute(
      "before = ticks\nawait asyncio.sleep(0.1)\n"
      "p = await asyncio.create_subprocess_exec('true')\nstatus = await p.wait()\n"
      "threaded = await asyncio.to_thread(len, 'abc')\n[ticks > before, task.done(), status, "
      "threaded]");
  EXPECT_EQ(after.value(), Json({true, false, 0, 3})) << after;
  const Json id = server.start("print('on')\nawait asyncio.sleep(60)");
  server.read_line();
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
}

TEST(SurviveStageTest, ASocketThatTheLoopServesIsServedAfterwards) {
  ServerProcess server(surviving());
  ASSERT_TRUE(
      server
          .execute("import asyncio, os, socket\nseen = []\n"
                   "a, b = socket.socketpair()\na.setblocking(False)\n"
                   "asyncio.get_running_loop().add_reader(a, lambda: seen.append(a.recv(9)))"
                   "\nawait asyncio.sleep(0)")
          .ok());
  ASSERT_EQ(server.execute("await asyncio.sleep(0)\nos.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("b.send(b'x')\nawait asyncio.sleep(0.05)\nlen(seen)").value(), 1);
}

TEST(SurviveStageTest, WithNumpyAndPandasLoaded) {
  ServerProcess server(surviving());
  if (!server.execute("import numpy as np, pandas as pd").ok()) GTEST_SKIP() << "no pandas";
  ASSERT_TRUE(server
                  .execute("m = np.arange(250_000.0).reshape(500, 500)\nm2 = m @ m\n"
                           "f = pd.DataFrame({'a': range(1000), 'b': list('xy') * 500})")
                  .ok());
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(server.execute("m[0, 0] = 99\nimport ctypes\nctypes.string_at(0)").reason(), "crash");
    const Execution after = server.execute(
        "[float(m[0, 0]), bool(np.allclose(m @ m, m2)), int(f.groupby('b').a.sum()['y'])]");
    ASSERT_EQ(after.value(), Json({0.0, true, 250'000})) << after;
  }
}

TEST(SurviveStageTest, NumpysGeneratorDoesNotRepeatWhatWasShown) {
  ServerProcess server(surviving());
  if (!server.execute("import os, numpy as np\nx = np.random.random()").ok()) GTEST_SKIP();
  const Execution first = server.execute("print(np.random.random())\nos.abort()");
  const Execution second = server.execute("print(np.random.random())\nos.abort()");
  EXPECT_NE(first.out, "");
  EXPECT_NE(first.out, second.out);
}

TEST(SurviveStageTest, AThreadThatDrawsFromNumpyIsNoHindrance) {
  ServerProcess server(surviving());
  if (!server.execute("import os, threading, numpy as np").ok()) GTEST_SKIP() << "no numpy";
  server.execute(
      "kept = 1\ndef draw():\n    while True: np.random.normal(size=10**6)\n"
      "threading.Thread(target=draw, daemon=True).start()");
  server.execute("kept = 2");
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(lost.terminal["restored"], true) << lost;
  EXPECT_EQ(server.execute("[kept, 0 <= np.random.random() < 1]").value(), Json({2, true}));
}

TEST(SurviveStageTest, RandomNumbersAndSecretsDoNotRepeatWhatWasShown) {
  for (const char* number : {"random.random()", "random.SystemRandom().random()",
                             "secrets.token_hex()", "uuid.uuid4()", "next(names)"}) {
    ServerProcess server(surviving());
    server.execute(
        "import os, random, secrets, tempfile, uuid\nx = random.random()\n"
        "names = tempfile._get_candidate_names()\nx = next(names)");
    const std::string code = "print(" + std::string(number) + ")\nos.abort()";
    const std::string first = server.execute(code).out;
    EXPECT_NE(first, "");
    EXPECT_NE(first, server.execute(code).out) << number;
  }
}

TEST(SurviveStageTest, ThreadsAreNamedAndNewOnesWork) {
  ServerProcess server(surviving());
  server.execute(
      "import os, threading, time\nstop = threading.Event()\n"
      "ts = [threading.Thread(target=stop.wait, name=f'worker {n}', daemon=n > 0) for n in "
      "range(2)]\n"
      "for t in ts: t.start()");
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(frame_of(lost.frames, "restored")["lost_threads"], Json({"worker 0", "worker 1"}))
      << lost;
  const Execution after = server.execute(
      "import concurrent.futures as f\nwith f.ThreadPoolExecutor(4) as pool: x = "
      "list(pool.map(str, range(3)))\n[x, [t.is_alive() for t in ts], threading.active_count()]");
  EXPECT_EQ(after.value(), Json({{"0", "1", "2"}, {false, false}, 1})) << after;
  // They are told once: the snapshots since are without.
  EXPECT_EQ(frame_of(server.execute("os.abort()").frames, "restored")["lost_threads"],
            Json::array());
}

TEST(SurviveStageTest, AThreadThatPrintsAndAsksIsNoHindrance) {
  ServerProcess server(surviving());
  server.execute(
      "import os, threading, time\nstop = False\ndef chat():\n"
      "    while not stop: print('chat'); time.sleep(0)\nthreading.Thread(target=chat).start()");
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(server.execute("n = " + std::to_string(round)).ok());
  }
  ASSERT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("print('mine')\nn").value(), 9);
}

// Of the execution that has just ended, while the next one is on its way already.
TEST(SurviveStageTest, WhatAThreadPrintsBetweenTwoExecutionsIsItsExecutions) {
  ServerProcess server(surviving());
  server.execute("import threading\ndef chat(name):\n    for n in range(100): print(name, n)");
  std::vector<Json> writers;
  for (int n = 0; n < 50; ++n) {
    const std::string name = std::to_string(n);
    writers.push_back(
        server.start("t = threading.Thread(target=chat, args=(" + name + ",))\nt.start()"));
    server.start("pass");
    server.start("t.join()");
  }
  const Json last = server.start("'last'");
  std::map<std::string, std::string> texts;
  for (;;) {
    const Json frame = server.read_frame();
    if (frame["type"] == "output") {
      ASSERT_TRUE(frame["execution_id"].is_string()) << frame;
      texts[frame["execution_id"].get<std::string>()] += frame["data"].get<std::string>();
    }
    if (is_terminal(frame) && frame["execution_id"] == last) break;
  }
  for (int n = 0; n < 50; ++n) {
    std::string expected;
    for (int line = 0; line < 100; ++line) {
      expected += std::to_string(n) + " " + std::to_string(line) + "\n";
    }
    EXPECT_EQ(texts[writers[n].get<std::string>()], expected);
  }
}

TEST(SurviveStageTest, DescriptorsThatUserCodeClosesWholesaleAreNoneOfTheInterpreters) {
  ServerProcess server(surviving());
  for (const char* first : {"", "os.abort()", "os._exit(1)"}) {
    server.execute("import os\n" + std::string(first));
    ASSERT_TRUE(server.execute("import os\nos.closerange(3, 256)").ok());
    ASSERT_TRUE(server.execute("os.close(1)\nos.close(2)").ok());
    const Execution next = server.execute("x = os.write(1, b'1') + os.write(2, b'2')\nos.abort()");
    EXPECT_EQ(next.out, "1") << first;
    EXPECT_EQ(next.err, "2") << first;
  }
}

// At any moment: before the snapshot, in it, after it.
TEST(SurviveStageTest, InTheMiddleOfASnapshotOfALargeProcess) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("large = bytearray(300 << 20)\nlarge[::4096] = b'1' * "
                           "(300 << 8)\nkept = 1")
                  .ok());
  ASSERT_TRUE(server.execute("'its snapshot has been taken'").ok());
  pid_t interpreter = first_interpreter(server);
  for (int round = 0; round < 12; ++round) {
    server.execute("round = " + std::to_string(round));
    const Clock::time_point moment = Clock::now() + std::chrono::microseconds(800 * round);
    while (Clock::now() < moment) {
    }
    const Json restored = kill_at_rest(server, interpreter);
    interpreter = restored["pid"].get<pid_t>();
    ASSERT_TRUE(restored["checkpoint_id"].is_string()) << restored;
    ASSERT_EQ(server.execute("[kept, len(large), large[4096]]").value(), Json({1, 300 << 20, 49}));
  }
}

TEST(SurviveStageTest, KilledAtOnceWhenItHasBeenWoken) {
  ServerProcess server(surviving());
  server.execute("kept = 1");
  server.execute("'its snapshot has been taken'");
  pid_t interpreter = first_interpreter(server);
  for (int round = 0; round < 5; ++round) {
    const Json restored = kill_at_rest(server, interpreter);
    interpreter = restored["pid"].get<pid_t>();
    ASSERT_TRUE(server.execute("x = 1").ok());
    ASSERT_EQ(server.execute("kept").value(), 1) << "round " << round;
  }
}

// $REPLWIRE_CRASHES: how many.
TEST(SurviveStageTest, ManyInARowLeaveAllAsItWas) {
  const char* told = std::getenv("REPLWIRE_CRASHES");
  const int crashes = told != nullptr ? std::atoi(told) : 100;
  const char* ends[] = {"os._exit(3)", "os.abort()", "os.kill(os.getpid(), 9)",
                        "ctypes.string_at(0)"};
  ServerProcess server(surviving());
  server.execute("import ctypes, os\nkept = list(range(1000))\ndone = 0");
  std::ptrdiff_t descriptors = 0;
  std::size_t processes = 0;
  std::int64_t memory = 0;
  for (int n = 0; n < crashes; ++n) {
    const Execution lost = server.execute(std::string("print('here')\n") + ends[n % 4]);
    ASSERT_EQ(lost.reason(), "crash") << lost;
    ASSERT_EQ(lost.out, "here\n");
    ASSERT_EQ(lost.terminal["execution_count"], 2 * n + 2);
    const Execution next = server.execute("done += 1\n[sum(kept), done]");
    ASSERT_EQ(next.value(), Json({499'500, n + 1})) << next;
    request(server, {{"type", "checkpoints"}});
    if (n == crashes / 10) {
      server.execute("'the last one has its snapshot'", {{"silent", true}});
      descriptors = descriptors_of(server.pid());
      processes = children_of(server.pid()).size();
      memory = resident_bytes(server.pid());
    }
  }
  server.execute("'the last one has its snapshot'", {{"silent", true}});
  // A snapshot that has been given up takes its moment to end.
  const Clock::time_point end = Clock::now() + kPatience;
  while (children_of(server.pid()).size() > processes + 1 && Clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_LE(children_of(server.pid()).size(), processes + 1);
  EXPECT_LE(descriptors_of(server.pid()), descriptors + 1);
  EXPECT_LT(resident_bytes(server.pid()), memory + (4 << 20));
}

// One follows the other at once, so that the server reads both together.
TEST(SurviveStageTest, AQuestionRightBehindASnapshotThatIsNotTakenIsAnswered) {
  ServerProcess server(surviving({"--snapshot-limit", "1"}));
  for (int n = 0; n < 1000; ++n) server.start("input()", {{"inputs", Json::array({"x"})}});
  EXPECT_EQ(server.execute("'all are answered'").value(), "all are answered");
}

TEST(SurviveStageTest, LastWordsAndInterruptsWorkInWhatHasBeenWoken) {
  ServerProcess server(surviving());
  server.execute("import ctypes, os, time\ndef doomed(): ctypes.string_at(0)");
  for (int round = 0; round < 3; ++round) {
    const Execution lost = server.execute("doomed()");
    EXPECT_NE(lost.terminal["traceback"].get<std::string>().find("doomed"), std::string::npos)
        << "round " << round << lost;
    const Json id = server.start("print('on')\ntime.sleep(600)");
    server.read_line();
    server.interrupt(id);
    EXPECT_EQ(server.finish(id).reason(), "interrupt");
  }
}

TEST(SurviveStageTest, WhatWasWrittenStaysAndThePlaceInAnOpenFileIsShared) {
  TempDir folder;
  ServerProcess server(surviving());
  server.execute("import os\nf = open('" + folder.path("file") + "', 'w+b', buffering=0)\n" +
                 "x = f.write(b'one')");
  ASSERT_EQ(server.execute("x = f.write(b'two')\nos.abort()").reason(), "crash");
  server.execute("x = f.write(b'three')");
  EXPECT_EQ(read_text(folder.path("file")), "onetwothree");
}

}  // namespace
}  // namespace replwire_tests
