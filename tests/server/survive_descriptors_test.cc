// --survive: descriptors of what sleeps, and of what wakes.
#include <gtest/gtest.h>

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
