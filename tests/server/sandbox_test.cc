// --sandbox, against code that wants out: each attempt with its verdict, with the server in the
// same process and in another one. What the sandbox promises is in docs/sandbox.md.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <thread>

#include "support/case.h"
#include "support/landlock.h"
#include "support/run_program.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

namespace fs = std::filesystem;

// What an attempt comes to: the name of its error, or 'done'.
constexpr const char* kAttempt = R"(
import ctypes, errno, fcntl, os, signal, socket, stat, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    checked(libc.syscall(number, *words))
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), 'call')
def attempt(do):
    try:
        do()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return 'done'
)";

// Everything that belongs to somebody else: what code is not to reach.
class Outside {
 public:
  Outside() {
    folder.write("secret", "secret");
    stranger_ = ::fork();
    if (stranger_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    tcp_ = bound(SOCK_STREAM, port);
    udp_ = bound(SOCK_DGRAM, udp_port);
    sockaddr_un name = {AF_UNIX, {}};
    const std::string text = "replwire-test-" + std::to_string(::getpid());
    text.copy(name.sun_path + 1, text.size());
    abstract_ = Fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    const std::size_t size = offsetof(sockaddr_un, sun_path) + 1 + text.size();
    if (::bind(abstract_.get(), reinterpret_cast<sockaddr*>(&name), static_cast<socklen_t>(size)) !=
            0 ||
        ::listen(abstract_.get(), 1) != 0)
      throw std::runtime_error("no abstract socket");
    abstract = text;
  }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside() {
    ::kill(stranger_, SIGKILL);
    ::waitpid(stranger_, nullptr, 0);
  }

  // As Python sees it.
  std::string names() const {
    return std::string(kAttempt) + "OUT = '" + folder.path() +
           "'\nCLIENT = " + std::to_string(::getpid()) +
           "\nSTRANGER = " + std::to_string(stranger_) + "\nPORT = " + std::to_string(port) +
           "\nUDP = " + std::to_string(udp_port) + "\nABSTRACT = '" + abstract +
           "'\nSECRET = OUT + '/secret'\n";
  }
  bool lives() const { return ::waitpid(stranger_, nullptr, WNOHANG) == 0; }

  TempDir folder;
  int port = 0;
  int udp_port = 0;
  std::string abstract;

 private:
  static Fd bound(int type, int& port) {
    Fd made(::socket(AF_INET, type, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(made.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        (type == SOCK_STREAM && ::listen(made.get(), 8) != 0) ||
        ::getsockname(made.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no socket");
    port = ntohs(address.sin_port);
    return made;
  }

  pid_t stranger_ = -1;
  Fd tcp_;
  Fd udp_;
  Fd abstract_;
};

// ---- a list of escapes ------------------------------------------------------------------------

struct Escape {
  const char* name;
  const char* code;       // `do`, a function that tries it
  const char* read_only;  // verdicts; "|" between those of different kernels and users
  const char* workspace;
};

const Escape kEscapes[] = {
    // Files.
    {"a_new_file", "open(OUT + '/new', 'w')", "EACCES", "EACCES"},
    {"a_file_that_is_there", "open(SECRET, 'a')", "EACCES", "EACCES"},
    {"dots", "open('./../' + os.path.basename(OUT) + '/new', 'w')", "EACCES", "EACCES"},
    {"truncate", "os.truncate(SECRET, 0)", "EACCES|EPERM", "EACCES|EPERM"},
    {"open_and_truncate", "os.open(SECRET, os.O_RDONLY | os.O_TRUNC)", "EACCES|EPERM",
     "EACCES|EPERM"},
    {"truncate_what_was_opened", "os.ftruncate(os.open(SECRET, os.O_RDONLY), 0)", "EINVAL",
     "EINVAL"},
    {"a_folder_descriptor", "os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=os.open(OUT, 0))",
     "EACCES", "EACCES"},
    {"again_through_proc", "open('/proc/self/fd/%d' % os.open(SECRET, os.O_PATH), 'w')", "EACCES",
     "EACCES"},
    {"a_symlink", "(os.symlink(SECRET, 'link'), open('link', 'w'))", "EACCES", "EACCES"},
    {"a_link_as_folder", "(os.symlink(OUT, 'folder'), open('folder/new', 'w'))", "EACCES",
     "EACCES"},
    {"a_hard_link_in", "os.link(SECRET, 'hard')", "EACCES|EXDEV", "EACCES|EXDEV"},
    {"a_hard_link_out", "(open('mine', 'w'), os.link('mine', OUT + '/hard'))", "EACCES|EXDEV",
     "EACCES|EXDEV"},
    {"rename_in", "os.rename(SECRET, 'stolen')", "EACCES|EXDEV", "EACCES|EXDEV"},
    {"rename_out", "(open('mine', 'w'), os.rename('mine', SECRET))", "EACCES|EXDEV",
     "EACCES|EXDEV"},
    {"unlink", "os.unlink(SECRET)", "EACCES", "EACCES"},
    {"mkdir", "os.mkdir(OUT + '/folder')", "EACCES", "EACCES"},
    {"mkfifo", "os.mkfifo(OUT + '/fifo')", "EACCES", "EACCES"},
    {"a_device_of_ones_own", "os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(259, 0))",
     "EACCES|EPERM", "EACCES|EPERM"},
    {"the_memory_device", "open('/dev/mem', 'w')", "EACCES|ENOENT|EPERM", "EACCES|ENOENT|EPERM"},
    {"a_handle", "call(304, 0, 0, 0) if os.uname().machine == 'x86_64' else call(265, 0, 0, 0)",
     "EPERM", "EPERM"},
    {"chroot", "os.chroot(OUT)", "EPERM", "EPERM"},
    {"a_bind_mount", "checked(libc.mount(OUT.encode(), b'.', None, 4096, None))", "EPERM", "EPERM"},
    {"the_kernels_settings", "open('/proc/sys/kernel/core_pattern', 'w')", "EACCES|EROFS",
     "EACCES|EROFS"},
    // What Landlock has no rule for: in a workspace these are open, as docs/sandbox.md says.
    {"chmod", "os.chmod(SECRET, 0o600)", "EPERM", "done"},
    {"chown", "os.chown(SECRET, os.getuid(), -1)", "EPERM", "done"},
    {"times", "os.utime(SECRET)", "EPERM", "done"},
    {"an_attribute", "os.setxattr(SECRET, 'user.name', b'1')", "EPERM", "done|ENOTSUP|EOPNOTSUPP"},
    // The network.
    {"tcp", "socket.create_connection(('127.0.0.1', PORT), 5)", "EPERM", "EPERM"},
    {"udp", "socket.socket(type=socket.SOCK_DGRAM).sendto(b'1', ('127.0.0.1', UDP))", "EPERM",
     "EPERM"},
    {"raw", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "EPERM", "EPERM"},
    {"packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "EPERM", "EPERM"},
    {"netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "EPERM", "EPERM"},
    {"an_abstract_socket", "socket.socket(socket.AF_UNIX).connect('\\0' + ABSTRACT)", "EPERM",
     "EPERM"},
    {"a_socket_in_the_file_system", "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
     "EPERM", "EPERM"},
    {"a_pair_that_sends_to_others",
     "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'1', '/run/log')", "EPERM",
     "EPERM"},
    {"io_uring", "call(425, 1, 0)", "EPERM", "EPERM"},
    // Memory.
    {"shared_memory_of_system_v", "checked(libc.shmget(1, 4096, 0o1600))", "EPERM", "EPERM"},
    {"a_message_queue", "checked(libc.mq_open(b'/replwire-test', 0o102, 0o600, None))", "EPERM",
     "EPERM"},
    {"a_file_in_memory", "os.write(os.memfd_create('mine'), b'1')", "done", "done"},
    // Processes.
    {"a_child",
     "subprocess.run(['sh', '-c', 'exec 2>/dev/null; echo > \"$0\"', OUT + '/new'], "
     "check=True)",
     "subprocess.CalledProcessError", "subprocess.CalledProcessError"},
    {"its_own_memory_file", "open('/proc/self/mem', 'r+b')", "EACCES", "EACCES"},
    {"the_clients_memory", "open('/proc/%d/mem' % CLIENT, 'rb')", "EACCES", "EACCES"},
    {"the_clients_environment", "open('/proc/%d/environ' % CLIENT)", "EACCES", "EACCES"},
    {"the_clients_descriptors", "open('/proc/%d/fd/1' % CLIENT, 'w')", "EACCES", "EACCES"},
    {"what_the_client_has_open", "os.readlink('/proc/%d/fd/1' % CLIENT)", "EACCES", "EACCES"},
    {"a_strangers_memory", "open('/proc/%d/mem' % STRANGER, 'rb')", "EACCES", "EACCES"},
    {"ptrace", "call(101 if os.uname().machine == 'x86_64' else 117, 16, STRANGER, 0, 0)", "EPERM",
     "EPERM"},
    {"read_a_strangers_memory",
     "call(310 if os.uname().machine == 'x86_64' else 270, STRANGER, 0, 0, 0, 0, 0)", "EPERM",
     "EPERM"},
    {"pidfd_getfd", "call(438, os.pidfd_open(CLIENT), 1, 0)", "EPERM", "EPERM"},
    {"a_signal_to_the_client", "os.kill(CLIENT, 0)", "scoped", "scoped"},
    {"a_signal_to_a_stranger", "os.kill(STRANGER, signal.SIGKILL)", "scoped", "scoped"},
    {"a_signal_by_pidfd", "signal.pidfd_send_signal(os.pidfd_open(STRANGER), signal.SIGKILL)",
     "scoped", "scoped"},
    {"the_clients_limits", "__import__('resource').prlimit(CLIENT, 7, (9, 9))", "EPERM", "EPERM"},
    {"keys_at_the_terminal", "fcntl.ioctl(0, 0x5412, b'x')", "EPERM", "EPERM"},
    {"a_user_namespace", "call(272 if os.uname().machine == 'x86_64' else 97, 0x10000000)", "EPERM",
     "EPERM"},
    {"clone3", "call(435, 0, 0)", "ENOSYS", "ENOSYS"},
    {"keys", "call(250 if os.uname().machine == 'x86_64' else 219, 0, 0, 0, 0, 0)", "EPERM",
     "EPERM"},
    {"bpf", "call(321 if os.uname().machine == 'x86_64' else 280, 0, 0, 0)", "EPERM", "EPERM"},
    {"perf", "call(298 if os.uname().machine == 'x86_64' else 241, 0, 0, 0, 0, 0)", "EPERM",
     "EPERM"},
    {"userfaultfd", "call(323 if os.uname().machine == 'x86_64' else 282, 0)", "EPERM", "EPERM"},
};

struct Way : Case {
  bool survive;
  const char* mode;
};

class SandboxEscapeTest : public ::testing::TestWithParam<Way> {};

Launch in_sandbox(const Way& way, const std::string& cwd, std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"--sandbox", way.mode, "--cwd", cwd};
  if (way.survive) args.emplace_back("--survive");
  args.insert(args.end(), more.begin(), more.end());
  return options(std::move(args));
}

bool is_among(const std::string& verdict, const std::string& expected) {
  return ("|" + expected + "|").find("|" + verdict + "|") != std::string::npos;
}

TEST_P(SandboxEscapeTest, EachHasItsVerdict) {
  SKIP_WITHOUT_LANDLOCK();
  const Outside outside;
  const TempDir inside;
  ServerProcess server(in_sandbox(GetParam(), inside.path()));
  ASSERT_TRUE(server.execute(outside.names()).ok());
  const bool read_only = std::string_view(GetParam().mode) == "read-only";
  constexpr int kScopes = 6;
  for (const Escape& escape : kEscapes) {
    std::string expected = read_only ? escape.read_only : escape.workspace;
    if (expected == "scoped") {
      if (landlock_version() < kScopes) continue;
      expected = "EPERM";
    }
    const Execution end = server.execute("attempt(lambda: " + std::string(escape.code) + ")");
    const std::string verdict = end.ok() ? end.value().get<std::string>() : end.exception();
    EXPECT_TRUE(is_among(verdict, expected))
        << escape.name << ": " << verdict << ", not " << expected << "\n"
        << end;
  }
  EXPECT_TRUE(outside.lives());
  EXPECT_EQ(read_text(outside.folder.path("secret")), "secret");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside.folder.path()), {}), 1);
}

INSTANTIATE_TEST_SUITE_P(All, SandboxEscapeTest,
                         ::testing::Values(Way{{"ReadOnly"}, false, "read-only"},
                                           Way{{"ReadOnlySurvive"}, true, "read-only"},
                                           Way{{"Workspace"}, false, "workspace"},
                                           Way{{"WorkspaceSurvive"}, true, "workspace"}),
                         CaseName());

// ---- what goes on as without ------------------------------------------------------------------

// Of 1,001 bytes what comes behind the first ten, as base64.
constexpr std::size_t kRest = 1324;

class SandboxTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override { SKIP_WITHOUT_LANDLOCK(); }
  Launch launch(std::vector<std::string> more = {}) const {
    return in_sandbox(GetParam(), inside_.path(), std::move(more));
  }

  TempDir inside_;
};

TEST_P(SandboxTest, ReadyTellsWhatIsEnforced) {
  ServerProcess server(launch());
  const Json told = server.ready()["sandbox"];
  EXPECT_EQ(told["filesystem"], "workspace");
  EXPECT_EQ(told["network"], "none");
  EXPECT_EQ(told["mechanisms"],
            Json({"landlock-" + std::to_string(landlock_version()), "seccomp"}));
  EXPECT_EQ(told["write"][0], inside_.path());
  const Json folder = server.execute("import tempfile; tempfile.gettempdir()").value();
  EXPECT_EQ(told["write"][1], folder);
}

TEST_P(SandboxTest, CodeWritesInItsFolderAndItsTemporaryOne) {
  ServerProcess server(launch());
  EXPECT_TRUE(server
                  .execute("open('mine', 'w').write('1'); import os; os.mkdir('folder'); "
                           "os.rename('mine', 'folder/yours'); os.chmod('folder/yours', 0o600)")
                  .ok());
  EXPECT_EQ(read_text(inside_.path("folder/yours")), "1");
  EXPECT_EQ(
      server.execute("import tempfile; f = tempfile.NamedTemporaryFile(); f.write(b'1')").value(),
      1);
  EXPECT_TRUE(server.execute("open('/dev/null', 'w').write('1'); open('/dev/urandom', 'rb')").ok());
}

TEST_P(SandboxTest, TheTemporaryFolderGoesWithTheSession) {
  ServerProcess server(launch());
  const std::string folder = server.ready()["sandbox"]["write"][1];
  struct stat facts = {};
  ASSERT_EQ(::stat(folder.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  ASSERT_TRUE(
      server.execute("import tempfile; open(tempfile.mkdtemp() + '/x', 'w').write('1')").ok());
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_FALSE(fs::exists(folder));
}

TEST_P(SandboxTest, TheTemporaryFolderGoesWithAKilledSession) {
  ServerProcess server(launch());
  const std::string folder = server.ready()["sandbox"]["write"][1];
  server.signal(SIGKILL);
  server.wait_exit();
  const auto deadline = Clock::now() + kPatience;
  while (fs::exists(folder) && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(fs::exists(folder));
}

TEST_P(SandboxTest, ThePipesOfTheProtocolWorkAsWithout) {
  const TempDir logs;
  ServerProcess server(
      launch({"--log", logs.path("log"), "--record", logs.path("record"), "--output-limit", "20"}));
  EXPECT_EQ(server.ask("input('name? ')", "Ada").value(), "Ada");
  EXPECT_EQ(server.execute("import os; _ = os.system('echo captured')").out, "captured\n");
  const Json id = server.start("while True: pass");
  EXPECT_EQ(server.status()["state"], "busy");
  server.interrupt(id);
  EXPECT_EQ(server.finish(id).reason(), "interrupt");
  const Json long_one = server.start("print('0123456789' * 100)");
  server.finish(long_one);
  server.send({{"type", "output_get"},
               {"id", "rest"},
               {"execution_count", 4},
               {"stream", "stdout"},
               {"offset", 10},
               {"size", 10000}});
  EXPECT_EQ(server.read_until("output_get_reply").back()["data"].get<std::string>().size(), kRest);
  server.close_stdin();
  EXPECT_EQ(server.wait_exit(), 0);
  EXPECT_NE(read_text(logs.path("log")).find("the end"), std::string::npos);
  EXPECT_NE(read_text(logs.path("record")).find("output_get_reply"), std::string::npos);
}

TEST_P(SandboxTest, ChildrenThreadsAndPoolsWork) {
  ServerProcess server(launch());
  const Execution end = server.execute(
      "import asyncio, multiprocessing, subprocess\n"
      "context = multiprocessing.get_context('fork')\n"
      "with context.Pool(2) as pool: squares = pool.map(abs, [-1, 2])\n"
      "out = subprocess.run(['echo', 'hello'], capture_output=True, text=True).stdout\n"
      "asyncio.new_event_loop().close()\n"
      "[squares, out]");
  EXPECT_EQ(end.value(), Json::parse(R"([[1, 2], "hello\n"])")) << end;
}

TEST_P(SandboxTest, PthFilesAreInside) {
  const TempDir outside;
  const TempDir home;
  home.write("sitecustomize.py", "try:\n    open('" + outside.path("new") +
                                     "', 'w')\nexcept OSError as error:\n    import builtins\n"
                                     "    builtins.met = type(error).__name__\n");
  Launch start = launch();
  start.env["PYTHONPATH"] = home.path();
  ServerProcess server(start);
  EXPECT_EQ(server.execute("met").value(), "PermissionError");
}

TEST_P(SandboxTest, WriteOpensMoreFolders) {
  const TempDir more;
  const TempDir other;
  ServerProcess server(launch({"--sandbox-write", more.path(), "--sandbox-write", other.path()}));
  EXPECT_TRUE(server.execute("open('" + more.path("new") + "', 'w')").ok());
  EXPECT_TRUE(server.execute("open('" + other.path("new") + "', 'w')").ok());
  const Json written = server.ready()["sandbox"]["write"];
  EXPECT_EQ(std::ranges::count(written, Json(more.path())), 1) << written;
}

TEST_P(SandboxTest, ReadLeavesPythonAndNoMore) {
  const TempDir data;
  const TempDir secrets;
  data.write("open", "1");
  secrets.write("shut", "1");
  ServerProcess server(launch({"--sandbox-read", data.path()}));
  EXPECT_EQ(server.execute("open('" + data.path("open") + "').read()").value(), "1");
  EXPECT_EQ(server.execute("open('" + secrets.path("shut") + "')").exception(), "PermissionError");
  EXPECT_EQ(server.execute("import os; os.listdir('" + secrets.path() + "')").exception(),
            "PermissionError");
  const Execution end = server.execute(
      "import ssl, sqlite3, subprocess, sys, zoneinfo\n"
      "ssl.create_default_context()\n"
      "subprocess.run([sys.executable, '-c', 'import json'], check=True).returncode");
  EXPECT_EQ(end.value(), 0) << end;
  EXPECT_TRUE(server.execute("open('mine', 'w+').read()").ok());
}

TEST_P(SandboxTest, NetworkAllLeavesIt) {
  const Outside outside;
  ServerProcess server(launch({"--sandbox-network", "all"}));
  EXPECT_EQ(server.ready()["sandbox"]["network"], "all");
  ASSERT_TRUE(server.execute(outside.names()).ok());
  const auto verdict = [&server](const std::string& code) {
    return server.execute("attempt(lambda: " + code + ")").value();
  };
  EXPECT_EQ(verdict("socket.create_connection(('127.0.0.1', PORT), 5)"), "done");
  EXPECT_EQ(verdict("open(OUT + '/new', 'w')"), "EACCES");
  constexpr int kScopes = 6;
  EXPECT_EQ(verdict("socket.socket(socket.AF_UNIX).connect('\\0' + ABSTRACT)"),
            landlock_version() >= kScopes ? "EPERM" : "done");
}

// A program that runs as its owner anywhere else does not here.
TEST_P(SandboxTest, SetuidProgramsGiveNothing) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can make a program of root's";
  ServerProcess server(launch());
  const Execution end = server.execute(
      "import os, shutil, subprocess\n"
      "os.chmod('.', 0o755)\n"
      "shutil.copy('/usr/bin/id', 'id')\nos.chmod('id', 0o4755)\n"
      "subprocess.run(['./id', '-u'], user=65534, capture_output=True, text=True).stdout");
  EXPECT_EQ(end.value(), "65534\n") << end;
}

// Descriptors that the client has left open, by accident perhaps, lead past all rules.
TEST_P(SandboxTest, NothingIsInherited) {
  ServerProcess server(launch());
  const Execution end = server.execute(
      "import os\n"
      "sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
      "       if int(n) > 2 and os.path.exists(f'/proc/self/fd/{n}')\n"
      "       and os.readlink(f'/proc/self/fd/{n}').startswith('/')\n"
      "       and not os.readlink(f'/proc/self/fd/{n}').startswith(('/memfd:', '/proc/', "
      "'/dev/null')))");
  EXPECT_EQ(end.value(), Json::array()) << end;
}

INSTANTIATE_TEST_SUITE_P(All, SandboxTest,
                         ::testing::Values(Way{{"Local"}, false, "workspace"},
                                           Way{{"Survive"}, true, "workspace"}),
                         CaseName());

TEST(SandboxReadOnlyTest, NothingIsWritten) {
  SKIP_WITHOUT_LANDLOCK();
  const TempDir inside;
  ServerProcess server(in_sandbox({{""}, false, "read-only"}, inside.path()));
  EXPECT_EQ(server.ready()["sandbox"]["filesystem"], "read-only");
  EXPECT_EQ(server.ready()["sandbox"]["write"], Json::array());
  EXPECT_EQ(server.execute("open('mine', 'w')").exception(), "PermissionError");
  EXPECT_EQ(server.execute("import tempfile; tempfile.gettempdir()").exception(),
            "FileNotFoundError");
}

TEST(SandboxReadOnlyTest, OutputThatWasLeftOutIsKept) {
  SKIP_WITHOUT_LANDLOCK();
  const TempDir inside;
  ServerProcess server(
      in_sandbox({{""}, false, "read-only"}, inside.path(), {"--output-limit", "20"}));
  const Json id = server.start("print('0123456789' * 100)");
  server.finish(id);
  server.send({{"type", "output_get"},
               {"id", "rest"},
               {"execution_count", 1},
               {"stream", "stdout"},
               {"offset", 10},
               {"size", 10000}});
  EXPECT_EQ(server.read_until("output_get_reply").back()["data"].get<std::string>().size(), kRest);
}

TEST(SandboxOffTest, ReadySaysNothing) {
  ServerProcess server;
  EXPECT_FALSE(server.ready().contains("sandbox"));
}

// ---- with --survive: the server is somebody else ----------------------------------------------

class SandboxSurviveTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_LANDLOCK(); }
  TempDir inside_;
};

TEST_F(SandboxSurviveTest, TheServerIsOutOfReach) {
  ServerProcess server(in_sandbox({{""}, true, "workspace"}, inside_.path()));
  ASSERT_TRUE(server.execute(std::string(kAttempt) + "SERVER = os.getppid()").ok());
  const auto verdict = [&server](const std::string& code) {
    return server.execute("attempt(lambda: " + code + ")").value();
  };
  EXPECT_EQ(server.execute("SERVER").value(), server.pid());
  EXPECT_EQ(verdict("open('/proc/%d/fd/1' % SERVER, 'w')"), "EACCES");
  EXPECT_EQ(verdict("os.readlink('/proc/%d/fd/1' % SERVER)"), "EACCES");
  EXPECT_EQ(verdict("open('/proc/%d/mem' % SERVER, 'r+b')"), "EACCES");
  EXPECT_EQ(verdict("open('/proc/%d/environ' % SERVER)"), "EACCES");
  EXPECT_EQ(verdict("call(438, os.pidfd_open(SERVER), 1, 0)"), "EPERM");
  constexpr int kScopes = 6;
  if (landlock_version() >= kScopes) {
    EXPECT_EQ(verdict("os.kill(SERVER, signal.SIGKILL)"), "EPERM");
  }
  EXPECT_EQ(server.execute("1 + 1").value(), 2);
}

// Code that brings it down, by the memory that they share, has won nothing.
TEST_F(SandboxSurviveTest, TheServerIsInsideItself) {
  ServerProcess server(in_sandbox({{""}, true, "workspace"}, inside_.path()));
  const std::string status = read_text("/proc/" + std::to_string(server.pid()) + "/status");
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << status;
}

TEST_F(SandboxSurviveTest, NoDescriptorLeadsToTheClient) {
  ServerProcess server(in_sandbox({{""}, true, "workspace"}, inside_.path()));
  const Json id = server.start(
      "import os\n"
      "frame = b'{\"type\": \"result\", \"execution_id\": \"forged\", \"repr\": \"1\"}\\n'\n"
      "for n in range(3, 1024):\n"
      "    try: os.write(n, frame)\n"
      "    except OSError: pass\n"
      "os._exit(1)");
  server.send({{"type", "execute"}, {"id", "next"}, {"code", "1 + 1"}});
  for (const Json& frame : server.read_until([](const Json& each) {
         return is_terminal(each) && each.value("execution_id", Json()) == "next";
       })) {
    EXPECT_NE(frame.value("execution_id", Json()), "forged") << frame;
  }
}

TEST_F(SandboxSurviveTest, WhatIsRestoredIsInside) {
  const TempDir outside;
  ServerProcess server(in_sandbox({{""}, true, "workspace"}, inside_.path()));
  EXPECT_TRUE(server.execute("x = 1").ok());
  EXPECT_EQ(server.execute("import os; os.abort()").reason(), "crash");
  EXPECT_EQ(server.execute("x").value(), 1);
  EXPECT_EQ(server.execute("open('" + outside.path("new") + "', 'w')").exception(),
            "PermissionError");
  server.send({{"type", "reset"}, {"id", "anew"}});
  server.read_until("reset_reply");
  EXPECT_EQ(server.execute("open('" + outside.path("new") + "', 'w')").exception(),
            "PermissionError");
}

// ---- a kernel that cannot ---------------------------------------------------------------------

// In a child, since a filter is for good.
ProgramRun run_where_missing(long call, const Launch& launch) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program = {4, code};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    const ProgramRun run = run_program(launch);
    const std::string all = std::to_string(run.status) + "\n" + run.out + run.err;
    [[maybe_unused]] const auto size = ::write(pipe_ends[1], all.data(), all.size());
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  std::string text;
  char chunk[4096];
  for (ssize_t got; (got = ::read(pipe_ends[0], chunk, sizeof chunk)) > 0;)
    text.append(chunk, static_cast<std::size_t>(got));
  ::close(pipe_ends[0]);
  reap(child);
  const std::size_t end = text.find('\n');
  return {std::stoi(text), "", text.substr(end + 1)};
}

TEST(SandboxMissingTest, AKernelWithoutLandlockStartsNothing) {
  constexpr long kCreateRuleset = 444;
  for (const bool survive : {false, true}) {
    const ProgramRun run =
        run_where_missing(kCreateRuleset, in_sandbox({{""}, survive, "workspace"}, "/"));
    EXPECT_EQ(run.status, 2);
    EXPECT_TRUE(run.err.starts_with("replwire: --sandbox: this kernel has no Landlock")) << run.err;
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
  }
}

TEST(SandboxMissingTest, AKernelWithoutFiltersStartsNothing) {
  SKIP_WITHOUT_LANDLOCK();
  const ProgramRun run =
      run_where_missing(SYS_seccomp, in_sandbox({{""}, false, "workspace"}, "/"));
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.err, "replwire: --sandbox: this kernel has no seccomp filters\n");
}

// ---- limits and the environment, which need no sandbox ----------------------------------------

TEST(LimitTest, OpenFiles) {
  for (const char* survive : {"--fail-on-error", "--survive"}) {
    ServerProcess server(options({survive, "--limit", "open-files=200"}));
    EXPECT_EQ(server.execute("import resource; resource.getrlimit(resource.RLIMIT_NOFILE)").repr(),
              "(200, 200)");
    EXPECT_EQ(server.execute("kept = [open('/dev/null') for _ in range(300)]").exception(),
              "OSError");
    EXPECT_EQ(server.execute("1 + 1").value(), 2);
    EXPECT_EQ(server.execute("resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))").ok(), false);
  }
}

TEST(LimitTest, FileSize) {
  const TempDir folder;
  ServerProcess server(options({"--limit", "file-size=64K", "--cwd", folder.path()}));
  EXPECT_EQ(server.execute("open('large', 'wb').write(bytes(300_000))").exception(), "OSError");
  EXPECT_TRUE(server.execute("open('small', 'wb').write(bytes(60_000))").ok());
}

TEST(LimitTest, Cpu) {
  ServerProcess server(options({"--survive", "--limit", "cpu=1s"}));
  server.start("while True: pass");
  constexpr Millis kSecondOfALoadedMachine{50'000};
  EXPECT_EQ(server.read_frame(kSecondOfALoadedMachine)["signal"], "SIGXCPU");  // restored
  EXPECT_EQ(server.execute("1 + 1").value(), 2);
}

TEST(LimitTest, ProcessesDoNotBindRoot) {
  if (::getuid() != 0) GTEST_SKIP() << "only root is told so";
  const ProgramRun run = run_program(options({"--limit", "processes=50"}));
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.err, "replwire: --limit processes: the kernel does not hold root to it\n");
}

TEST(LimitTest, WhatIsNoLimitIsAnError) {
  for (const char* word : {"cpu", "cpu=", "cpu=0", "cpu=much", "memory=1G", "open-files=1.5",
                           "processes=-1", "file-size=1m2"}) {
    const ProgramRun run = run_program(options({"--limit", word}));
    EXPECT_EQ(run.status, 2) << word;
    EXPECT_NE(run.err.find("--limit"), std::string::npos) << run.err;
  }
}

TEST(EnvironmentOptionTest, KeepLeavesWhatItNames) {
  for (const char* survive : {"--fail-on-error", "--survive"}) {
    Launch launch = options({survive, "--env-keep", "ONE,TWO", "--env-keep", "PATH"});
    launch.env = {{"ONE", "1"}, {"TWO", "2"}, {"SECRET", "hush-hush"}};
    ServerProcess server(launch);
    EXPECT_EQ(
        server.execute("import os; [os.environ.get(n) for n in ('ONE', 'TWO', 'SECRET')]").value(),
        Json({"1", "2", nullptr}));
    EXPECT_EQ(server.execute("'PATH' in os.environ, 'HOME' in os.environ").repr(), "(True, False)");
    EXPECT_EQ(server.execute("b'hush' in open('/proc/self/environ', 'rb').read()").value(), false);
    EXPECT_EQ(
        server.execute("b'hush' in open(f'/proc/{os.getppid()}/environ', 'rb').read()").value(),
        false);
  }
}

TEST(EnvironmentOptionTest, ClearLeavesNothing) {
  for (const char* prefer : {"exec", "embedded"}) {
    Launch launch = options({"--env-clear", "--prefer", prefer});
    launch.env = {{"SECRET", "hush-hush"}};
    ServerProcess server(launch);
    EXPECT_EQ(server.execute("import os; sorted(set(os.environ) - {'LC_CTYPE'})").value(),
              Json::array());
    EXPECT_EQ(server.execute("b'hush' in open('/proc/self/environ', 'rb').read()").value(), false);
  }
}

TEST(SandboxOptionTest, ThePartsNeedTheWhole) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--sandbox-write", "/"},
           {"--sandbox-read", "/"},
           {"--sandbox-network", "none"},
           {"--sandbox", "tight"},
           {"--sandbox", "workspace", "--sandbox-write", "/no/such"},
           {"--sandbox", "workspace", "--sandbox-network", "some"},
           {"--env-keep", "A=B"}}) {
    const ProgramRun run = run_program(options(words));
    EXPECT_EQ(run.status, 2) << words.back();
    EXPECT_TRUE(run.err.starts_with("replwire: ")) << run.err;
  }
}

}  // namespace
}  // namespace replwire_tests
