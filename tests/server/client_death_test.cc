// A client that dies, whatever the session is doing: nobody may be left a second later.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "support/case.h"
#include "support/fd.h"
#include "support/server_process.h"

namespace replwire_tests {
namespace {

constexpr Millis kGone{1000};

struct Busy : Case {
  const char* code;
};

// Each prints the ids of its children, then "go".
constexpr const char* kPrelude =
    "import ctypes, os, signal, subprocess, sys, threading, time\n"
    "def child(*args, **more):\n    p = subprocess.Popen(args, **more)\n    print(p.pid)\n"
    "    return p\n";

const Busy kBusy[] = {
    {"Idle", "print('go')"},
    {"IdleWithAChild", "p = child('sleep', '600')\nprint('go')"},
    {"InALoop", "print('go')\nwhile True: pass"},
    {"InALoopThatCatchesAll",
     "print('go')\nwhile True:\n    try:\n        while True: pass\n    except BaseException: "
     "pass"},
    {"Asleep", "print('go')\ntime.sleep(600)"},
    {"BlockedInC", "print('go')\nctypes.CDLL(None).sleep(600)"},
    {"BlockedInCWithTheGil",
     "print('go')\nsleep = ctypes.PyDLL(None).sleep\nwhile True: sleep(600)"},
    {"SignalsBlocked",
     "signal.pthread_sigmask(signal.SIG_BLOCK, "
     "signal.valid_signals())\nprint('go')\ntime.sleep(600)"},
    {"InAQuestion", "print('go')\ninput()"},
    {"WaitingForAChild", "p = child('sleep', '600')\nprint('go')\np.wait()"},
    {"ChildrenOfAChild",
     "p = child('sh', '-c', 'sleep 600 & sleep 600 & wait')\nprint('go')\np.wait()"},
    {"AChildThatIgnoresSignals",
     "p = child('sh', '-c', 'trap \"\" INT TERM HUP PIPE; sleep 600; sleep 600')\n"
     "print('go')\np.wait()"},
    {"AChildInItsOwnSession",
     "p = child('sleep', '600', start_new_session=True)\nprint('go')\np.wait()"},
    {"AChildThatFloods", "p = child('sh', '-c', 'sleep 0.1; yes')\nprint('go')\np.wait()"},
    {"ForkedChild",
     "pid = os.fork()\nif pid == 0:\n    time.sleep(600)\n    "
     "os._exit(0)\nprint(pid)\nprint('go')"},
    {"ForkedChildInALoop",
     "pid = os.fork()\nif pid == 0:\n    while True: pass\nprint(pid)\nprint('go')\n"
     "os.waitpid(pid, 0)"},
    {"Multiprocessing",
     "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2)\n"
     "for p in multiprocessing.active_children(): print(p.pid)\nprint('go')\n"
     "pool.map(time.sleep, [600, 600])"},
    {"Thread", "threading.Thread(target=time.sleep, args=(600,)).start()\nprint('go')"},
};

// The processes that the code said it started, held by pidfds so that no number is mistaken.
std::vector<Fd> named_processes(const std::vector<Json>& frames) {
  std::vector<Fd> processes;
  std::istringstream words(output_text(frames, "stdout"));
  for (std::string word; words >> word && word != "go";) {
    processes.push_back(open_pidfd(std::stoi(word)));
  }
  return processes;
}

bool all_end(const std::vector<Fd>& processes, Clock::time_point deadline) {
  bool ended = true;
  for (const Fd& process : processes) {
    // One that had ended before it could be opened is gone as well.
    ended = (!process.is_open() || wait_for(process.get(), POLLIN, deadline)) && ended;
  }
  return ended;
}

std::vector<Json> read_to_go(ServerProcess& server) {
  std::string text;
  return server.read_until([&text](const Json& frame) {
    if (frame["type"] == "output") text += frame["data"].get<std::string>();
    return text.find("go\n") != std::string::npos;
  });
}

class ClientDeathTest : public ::testing::TestWithParam<Busy> {};

TEST_P(ClientDeathTest, ItsPipesClosed) {
  ServerProcess server;
  server.start(std::string(kPrelude) + GetParam().code);
  std::vector<Fd> processes = named_processes(read_to_go(server));
  processes.push_back(open_pidfd(server.pid()));
  const Clock::time_point deadline = Clock::now() + kGone;
  server.close_stdin();
  server.close_stdout();
  EXPECT_TRUE(all_end(processes, deadline));
  server.wait_exit();
}

// A client between the test and the server: it starts the server with pipes of its own, passes
// what the server says on, and waits to be killed.
class MiddleClient {
 public:
  explicit MiddleClient(const std::string& code) {
    int to_test[2];
    if (::pipe2(to_test, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    from_client_ = Fd(to_test[0]);
    Fd writer(to_test[1]);
    // The server's parent dies: whoever adopts it must not be pid 1, so that it can be waited for.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_ = ::fork();
    if (pid_ == 0) run(code, writer.get());
  }
  ~MiddleClient() {
    kill();
    if (server_ > 0) {
      ::kill(server_, SIGKILL);
      ::waitpid(server_, nullptr, 0);
    }
  }

  // The ids of the server and of the processes it has started.
  std::vector<Fd> processes() {
    std::string text;
    char byte = 0;
    while (text.find("go\n") == std::string::npos) {
      if (!wait_for(from_client_.get(), POLLIN, Clock::now() + kPatience)) break;
      if (::read(from_client_.get(), &byte, 1) != 1) break;
      text += byte;
    }
    EXPECT_NE(text.find("go\n"), std::string::npos);
    std::vector<Fd> found;
    std::istringstream words(text);
    for (std::string word; words >> word && word != "go";) {
      if (server_ == 0) server_ = std::stoi(word);
      found.push_back(open_pidfd(std::stoi(word)));
    }
    return found;
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    reap(std::exchange(pid_, -1));
  }

 private:
  [[noreturn]] static void run(const std::string& code, int to_test) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) ::_exit(1);
    const pid_t server = ::fork();
    if (server == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl(program_path().c_str(), "replwire", nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    const auto tell = [](int fd, const std::string& text) {
      if (::write(fd, text.data(), text.size()) < 0) ::_exit(1);
    };
    tell(to_test, std::to_string(server) + "\n");
    tell(in[1], Json{{"type", "execute"}, {"code", code}}.dump() + "\n");
    std::string line;
    for (char byte = 0; ::read(out[0], &byte, 1) == 1;) {
      line += byte;
      if (byte != '\n') continue;
      const Json frame = Json::parse(line);
      if (frame.value("stream", "") == "stdout") tell(to_test, frame["data"]);
      line.clear();
    }
    ::_exit(0);
  }

  pid_t pid_ = -1;
  pid_t server_ = 0;
  Fd from_client_;
};

TEST_P(ClientDeathTest, KilledWithNine) {
  MiddleClient client(std::string(kPrelude) + GetParam().code);
  const std::vector<Fd> processes = client.processes();
  ASSERT_FALSE(processes.empty());
  const Clock::time_point deadline = Clock::now() + kGone;
  client.kill();
  EXPECT_TRUE(all_end(processes, deadline));
}

INSTANTIATE_TEST_SUITE_P(Activities, ClientDeathTest, ::testing::ValuesIn(kBusy), CaseName{});

TEST(ClientDeathTest, AStoppedReaderIsNoDeath) {
  ServerProcess server;
  const Json id = server.start("for n in range(100_000): print('x' * 100)");
  server.send_line(R"({"type":"status","id":"s"})");
  EXPECT_EQ(server.finish(id).out.size(), 10'100'000u);
}

}  // namespace
}  // namespace replwire_tests
