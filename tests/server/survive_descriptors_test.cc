// --survive: descriptors of what sleeps, and of what wakes.
#include <gtest/gtest.h>

#include "support/case.h"
#include "support/process_watch.h"
#include "support/survival.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

Json undo(ServerProcess& server) {
  server.send({{"type", "undo"}, {"id", "undo"}});
  const std::vector<Json> frames =
      server.read_until([](const Json& frame) { return frame.value("id", Json()) == "undo"; });
  EXPECT_EQ(frames.back()["type"], "undo_reply") << frames.back();
  return frame_of(frames, "restored");
}

TEST(SurviveDescriptorsTest, ALockIsFreeWhenItsFileIsClosed) {
  TempDir folder;
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import fcntl\ndef lock():\n    file = open('" + folder.path("data") +
                           "', 'w')\n    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
                           "    return file\nfile = lock()")
                  .ok());
  const Execution again = server.execute("file.close()\nfile = lock()");
  EXPECT_TRUE(again.ok()) << again;
}

TEST(SurviveDescriptorsTest, ALockThatIsHeldIsHeldByWhatGoesOn) {
  TempDir folder;
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import fcntl, os\nname = '" + folder.path("data") +
                           "'\nfile = open(name, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)")
                  .ok());
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("fcntl.flock(open(name), fcntl.LOCK_EX | fcntl.LOCK_NB)")
                .terminal["exception_type"],
            "BlockingIOError");
  EXPECT_TRUE(server
                  .execute("x = file.write('on')\nfile.close()\n"
                           "fcntl.flock(open(name), fcntl.LOCK_EX | fcntl.LOCK_NB)")
                  .ok());
}

TEST(SurviveDescriptorsTest, APortIsFreeWhenItsSocketIsClosed) {
  ServerProcess server(surviving());
  ASSERT_TRUE(
      server
          .execute("import socket\ndef listen(port):\n    each = socket.socket()\n"
                   "    each.bind(('127.0.0.1', port))\n    each.listen()\n    return each\n"
                   "open_one = listen(0)\nport = open_one.getsockname()[1]")
          .ok());
  const Execution again = server.execute("open_one.close()\nopen_one = listen(port)");
  EXPECT_TRUE(again.ok()) << again;
}

TEST(SurviveDescriptorsTest, TheOtherEndOfAConnectionSeesItClosed) {
  ServerProcess server(surviving());
  server.execute("import socket\none, other = socket.socketpair()");
  EXPECT_EQ(server.execute("one.close()\nother.recv(1) == b''", {{"timeout", 20}}).value(), true);
}

TEST(SurviveDescriptorsTest, AChildOfAnEarlierExecutionSeesTheEndOfItsInput) {
  ServerProcess server(surviving());
  server.execute(
      "import subprocess\nchild = subprocess.Popen(['cat'], stdin=-1, stdout=-1, text=True)");
  const Execution ended = server.execute("child.communicate('all')[0]", {{"timeout", 20}});
  EXPECT_EQ(ended.value(), "all") << ended;
}

TEST(SurviveDescriptorsTest, WhatWasOpenWhenItDiedIsOpenInWhatGoesOn) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import os, socket, subprocess\nread, write = os.pipe()\n"
                           "listening = socket.create_server(('127.0.0.1', 0))\n"
                           "child = subprocess.Popen(['cat'], stdin=-1, stdout=-1, text=True)\n"
                           "written = os.write(write, b'kept')")
                  .ok());
  const Execution lost = server.execute("os.abort()");
  EXPECT_EQ(frame_of(lost.frames, "restored")["lost_descriptors"], Json::array());
  const Execution next = server.execute(
      "other = socket.create_connection(listening.getsockname())\n"
      "accepted = listening.accept()[0]\n"
      "os.read(read, 9).decode(), child.communicate('all')[0]",
      {{"timeout", 20}});
  EXPECT_EQ(next.value(), Json({"kept", "all"})) << next;
}

// Twice: the second one has to have a keeper of its own.
TEST(SurviveDescriptorsTest, ItIsOpenInTheOneBehindThatAsWell) {
  ServerProcess server(surviving());
  server.execute("import os\nread, write = os.pipe()");
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(server.execute("os.abort()").terminal.value("restored", false), true);
    EXPECT_EQ(server.execute("os.write(write, b'x')\nlen(os.read(read, 9))").value(), 1);
  }
}

TEST(SurviveDescriptorsTest, WhatWasClosedMeanwhileIsToldAndCannotBeWritten) {
  ServerProcess server(surviving());
  const Json name =
      server.execute("import os\nread, write = os.pipe()\nos.readlink(f'/proc/self/fd/{write}')")
          .value();
  server.execute("os.close(write)");
  const Json restored = undo(server);
  EXPECT_EQ(restored["lost_descriptors"], Json({name}));
  EXPECT_EQ(restored["lost_devices"], Json::array());
  EXPECT_EQ(server.execute("os.write(write, b'x')").terminal["exception_type"], "OSError");
  EXPECT_EQ(server.execute("os.read(read, 9) == b''", {{"timeout", 20}}).value(), true);
}

// The number is somebody else's now.
TEST(SurviveDescriptorsTest, AnotherDescriptorUnderItsNumberIsNotTakenForIt) {
  ServerProcess server(surviving());
  server.execute("import os\nread, write = os.pipe()");
  server.execute("os.close(write)\nother, write_other = os.pipe()\nos.dup2(write_other, write)");
  EXPECT_EQ(undo(server)["lost_descriptors"].size(), 1U);
  EXPECT_EQ(server.execute("os.write(write, b'x')").terminal["exception_type"], "OSError");
}

// ---- copies, and what changes behind a snapshot -----------------------------------------------

// Executions, and the value of the last one.
struct Steps : Case {
  std::vector<std::string> code;  // "undo": that
  Json value;
};
class CopiedDescriptorsTest : public ::testing::TestWithParam<Steps> {};

TEST_P(CopiedDescriptorsTest, AreGivenUpWhenAllOfThemAre) {
  TempDir folder;
  ServerProcess server(surviving());
  server.execute(
      "import fcntl, os, socket, struct\nname = '" + folder.path("data") +
      "'\nmode = fcntl.LOCK_EX | fcntl.LOCK_NB\n"
      "def taken(lock):\n    try: lock()\n    except OSError: return True\n    return False\n"
      "def locked(): return taken(lambda: fcntl.flock(open(name, 'w'), mode))\n"
      "def ofd(fd): fcntl.fcntl(fd, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))\n"
      "def in_use(): return taken(lambda: socket.create_server(('127.0.0.1', port)).close())");
  Json last;
  for (const std::string& code : GetParam().code) {
    if (code == "undo") {
      EXPECT_EQ(undo(server)["lost_descriptors"], Json::array());
      continue;
    }
    const Execution done = server.execute(code, {{"timeout", 20}});
    EXPECT_TRUE(done.ok()) << done;
    last = done.value();
  }
  EXPECT_EQ(last, GetParam().value) << server.describe();
}

const char* const kFileAndCopy = "f = open(name, 'w')\ng = os.dup(f.fileno())";
const char* const kPipeAndCopy = "r, w = os.pipe()\nv = os.dup(w)";
const char* const kReadToEnd = "os.read(r, 9).decode() + '!'";
const Steps kCopied[] = {
    {"LockOneClosed", {kFileAndCopy, "fcntl.flock(f, mode)", "f.close()", "locked()"}, true},
    {"LockBothClosed",
     {kFileAndCopy, "fcntl.flock(g, mode)", "f.close()", "os.close(g)", "locked()"},
     false},
    {"LockTakenLaterAndClosed",
     {"f = open(name, 'w')", "fcntl.flock(f, mode)", "f.close()", "locked()"},
     false},
    {"LockTakenAndClosedAtOnce",
     {kFileAndCopy, "fcntl.flock(g, mode)\nf.close()\nos.close(g)", "locked()"},
     false},
    {"LockTakenAgain",
     {"f = open(name, 'w')", "fcntl.flock(f, mode)", "fcntl.flock(f, fcntl.LOCK_UN)",
      "fcntl.flock(f, mode)", "f.close()", "locked()"},
     false},
    {"LockOfOneOpenedAnew",
     {"f = os.open(name, os.O_CREAT | os.O_RDWR)",
      "fcntl.flock(f, mode)\nos.close(f)\nf == os.open(name, os.O_RDWR)", "locked()"},
     false},
    {"LockTakenTwiceInTurn",
     {"f = open(name, 'w')", "fcntl.flock(f, mode)\nfcntl.flock(f, fcntl.LOCK_UN)\nf.close()",
      "f = open(name, 'w')", "fcntl.flock(f, mode)\nf.close()", "locked()"},
     false},
    {"LockOfTheOpenFile",
     {kFileAndCopy, "ofd(g)", "f.close()\nos.close(g)", "taken(lambda: ofd(os.open(name, 2)))"},
     false},
    {"LockOfADirectory",
     {"f = os.open(os.path.dirname(name), os.O_RDONLY)", "fcntl.flock(f, mode)", "os.close(f)",
      "taken(lambda: fcntl.flock(os.open(os.path.dirname(name), os.O_RDONLY), mode))"},
     false},
    {"OpenedTwice",
     {"f = open(name, 'w')\ng = open(name, 'w')\nfcntl.flock(f, mode)", "f.close()", "locked()"},
     false},
    {"PortOneClosed",
     {"s = socket.create_server(('127.0.0.1', 0))\nport = s.getsockname()[1]\nt = s.dup()",
      "s.close()", "in_use()"},
     true},
    {"PortBothClosed",
     {"s = socket.create_server(('127.0.0.1', 0))\nport = s.getsockname()[1]\nt = s.dup()",
      "s.close()", "t.close()", "in_use()"},
     false},
    {"PipeOneClosed",
     {kPipeAndCopy, "os.close(w)", "os.write(v, b'x')\nos.read(r, 9).decode()"},
     "x"},
    {"PipeBothClosed", {kPipeAndCopy, "os.close(w)", "os.close(v)", kReadToEnd}, "!"},
    {"PipeAsStandardOutput",
     {"r, w = os.pipe()\nsaved = os.dup(1)\nx = os.dup2(w, 1)\nos.close(w)", "1",
      "x = os.dup2(saved, 1)", kReadToEnd},
     "!"},
    {"PipeAsStandardInput",
     {"r, w = os.pipe()\nx = os.dup2(w, 0)\nos.close(w)", "1", "os.close(0)", kReadToEnd},
     "!"},
    {"BackFromItsCopy",
     {kPipeAndCopy, "os.close(w)", "undo", "n = os.write(w, b'x')", "os.read(r, 9).decode()"},
     "x"},
    {"BackFromACopyMadeLater",
     {"s, other = socket.socketpair()", "t = s.dup()\ns.close()", "undo", "n = s.send(b'x')",
      "other.recv(9).decode()"},
     "x"},
    {"BackFromADistantCopy",
     {"r, w = os.pipe()", "v = fcntl.fcntl(w, fcntl.F_DUPFD, 300)\nos.close(w)", "undo",
      "os.close(w)", kReadToEnd},
     "!"},
    {"BackWithTheLock",
     {kFileAndCopy, "fcntl.flock(f, mode)", "os.close(g)", "undo", "n = os.write(g, b'x')",
      "f.close()", "locked()"},
     true},
    {"BackAndGivenUp",
     {kFileAndCopy, "fcntl.flock(f, mode)", "os.close(g)", "undo", "f.close()\nos.close(g)",
      "locked()"},
     false},
};
INSTANTIATE_TEST_SUITE_P(Ways, CopiedDescriptorsTest, ::testing::ValuesIn(kCopied), CaseName{});

TEST(SurviveDescriptorsTest, FilesAreHeldAsEver) {
  TempDir folder;
  ServerProcess server(surviving());
  server.execute("file = open('" + folder.path("data") + "', 'w')");
  server.execute("file.close()");
  EXPECT_EQ(undo(server)["lost_descriptors"], Json::array());
  EXPECT_EQ(server.execute("file.write('on')").value(), 2);
}

// Nothing of this costs a session that has no such descriptors.
TEST(SurviveDescriptorsTest, ThereIsAKeeperOnlyWhereThereIsSomethingToKeep) {
  ServerProcess server(surviving());
  server.execute("1");
  checkpoint(server);
  const std::size_t before = children_of(server.pid()).size();
  server.execute("import os\nends = os.pipe()");
  checkpoint(server);
  EXPECT_GT(children_of(server.pid()).size(), before);
}

TEST(SurviveDescriptorsTest, AnInterpreterThatBecomesAnotherProgramIsMissed) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server.execute("import os\nends = os.pipe()").ok());
  const Execution lost = server.execute("os.execv('/bin/sleep', ['sleep', '600'])");
  EXPECT_EQ(lost.reason(), "crash") << lost;
  EXPECT_EQ(server.execute("os.write(ends[1], b'on')").value(), 2);
}

TEST(SurviveDescriptorsTest, NobodyIsLeftWhenTheServerDies) {
  ServerProcess server(surviving());
  server.execute("import os\nends = os.pipe()");
  checkpoint(server);
  const std::vector<pid_t> all = children_of(server.pid());
  ASSERT_GE(all.size(), 3U);
  server.signal(SIGKILL);
  for (const pid_t each : all) EXPECT_TRUE(ProcessWatch(each).ends(kPatience)) << each;
}

TEST(SurviveDescriptorsTest, ALoopThatServesGoesOnServing) {
  ServerProcess server(surviving());
  ASSERT_TRUE(server
                  .execute("import asyncio, os\nasync def echo(reader, writer):\n"
                           "    writer.write(await reader.readline())\n    writer.close()\n"
                           "service = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
                           "address = service.sockets[0].getsockname()")
                  .ok());
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  const Execution next = server.execute(
      "reader, writer = await asyncio.open_connection(*address)\nwriter.write(b'hello\\n')\n"
      "(await reader.readline()).decode()",
      {{"timeout", 20}});
  EXPECT_EQ(next.value(), "hello\n") << next;
}

TEST(SurviveDescriptorsTest, SignalHandlersOfTheLoopFireInWhatGoesOn) {
  ServerProcess server(surviving());
  ASSERT_TRUE(
      server
          .execute("import asyncio, os, signal\nseen = asyncio.Event()\n"
                   "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, seen.set)\n"
                   "await asyncio.sleep(0)")
          .ok());
  EXPECT_EQ(server.execute("os.abort()").reason(), "crash");
  const Execution next = server.execute(
      "os.kill(os.getpid(), signal.SIGUSR1)\nawait asyncio.wait_for(seen.wait(), 10)");
  EXPECT_TRUE(next.ok()) << next;
}

}  // namespace
}  // namespace replwire_tests
