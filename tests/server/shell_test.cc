// How the program behaves in a shell: with files, in a pipeline, on a terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "support/server_process.h"
#include "support/temp_dir.h"

namespace replwire_tests {
namespace {

constexpr const char* kHello = "{\"type\":\"execute\",\"id\":\"h\",\"code\":\"6 * 7\"}\n";

int shell(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ShellTest, InputMayBeAFile) {
  TempDir directory;
  ServerProcess server(Launch{.stdin_path = directory.write("in", kHello)});
  EXPECT_EQ(server.finish("h").value(), 42);
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShellTest, InputMayBeTheNullDevice) {
  ServerProcess server(Launch{.stdin_path = "/dev/null"});
  EXPECT_TRUE(server.read_to_end().empty());
  EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ShellTest, OutputMayBeAFileThatIsAppendedTo) {
  TempDir directory;
  const std::string in = directory.write("in", kHello);
  const std::string out = directory.write("out", "what stood before\n");
  EXPECT_EQ(shell(program_path() + " < " + in + " >> " + out), 0);
  const std::string text = read_text(out);
  EXPECT_EQ(text.find("what stood before\n"), 0u) << text;
  EXPECT_NE(text.find("\"repr\":\"42\""), std::string::npos) << text;
}

TEST(ShellTest, TwoRunsMayWriteIntoOneFile) {
  TempDir directory;
  const std::string in = directory.write("in", kHello);
  const std::string run = program_path() + " < " + in;
  EXPECT_EQ(shell("(" + run + "; " + run + ") > " + directory.path("out")), 0);
  const std::string text = read_text(directory.path("out"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 4) << text;
}

TEST(ShellTest, APipelineCarriesCodeAndAnswers) {
  TempDir directory;
  EXPECT_EQ(shell(R"sh(printf '%s\n' '{"type":"execute","code":"name = input()"}' )sh"
                  R"sh('{"type":"input_response","data":"Ada"}' )sh"
                  R"sh('{"type":"execute","code":"name"}' | )sh" +
                  program_path() + " | cat > " + directory.path("out")),
            0);
  const std::string text = read_text(directory.path("out"));
  EXPECT_NE(text.find("\"'Ada'\""), std::string::npos) << text;
}

TEST(ShellTest, PipesSharedWithOthersStayBlocking) {
  TempDir directory;
  const std::string in = directory.write("in", kHello);
  // Whoever has the same pipe after the server would find the flag that it left behind.
  const std::string look = directory.write(
      "look.py",
      "import os, sys\nopen(sys.argv[1], 'w').write(f'{os.get_blocking(0)} {os.get_blocking(1)}')");
  ASSERT_EQ(shell("cat " + in + " | (" + program_path() + "; python3 " + look + " " +
                  directory.path("flags") + ") | cat > /dev/null"),
            0);
  EXPECT_EQ(read_text(directory.path("flags")), "True True");
}

// A pseudo-terminal whose slave is the program's standard input, output and error.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::grantpt(master_.get());
    ::unlockpt(master_.get());
    slave_ = Fd(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings;
    ::tcgetattr(slave_.get(), &settings);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(slave_.get(), TCSANOW, &settings);
  }

  std::string run() {
    const pid_t pid = spawn({}, slave_.get(), slave_.get(), slave_.get());
    slave_.reset();
    // Waits in the line discipline until the program reads.
    EXPECT_EQ(::write(master_.get(), "\x04", 1), 1);
    std::string text = read_to_hangup();
    EXPECT_EQ(reap(pid), 0);
    return text;
  }

 private:
  std::string read_to_hangup() {
    const Clock::time_point deadline = Clock::now() + kPatience;
    std::string text;
    char chunk[4096];
    while (wait_for(master_.get(), POLLIN, deadline)) {
      const ssize_t got = ::read(master_.get(), chunk, sizeof chunk);
      if (got <= 0) return text;
      text.append(chunk, static_cast<std::size_t>(got));
    }
    throw std::runtime_error("the program does not end on a terminal: " + text);
  }

  Fd master_;
  Fd slave_;
};

TEST(ShellTest, OnATerminalOneLineSaysWhatItIs) {
  std::istringstream lines(Terminal().run());
  std::vector<std::string> for_people;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("{") && line != "\r") for_people.push_back(line);
  }
  ASSERT_EQ(for_people.size(), 1u) << Json(for_people);
  EXPECT_NE(for_people[0].find("replwire"), std::string::npos);
}

}  // namespace
}  // namespace replwire_tests
