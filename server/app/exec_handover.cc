#include "server/app/exec_handover.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>

namespace replwire::server::exec_handover {
namespace {

namespace fs = std::filesystem;

// Its arguments: the module's file, the three descriptors, why, the folder, the channels, how many
// words tell of the sandbox, these, the words. Any Python can read it, so that each can say why it
// will not do. Nothing is imported that Python has not imported itself.
constexpr const char* kCode = R"(import sys
refusal = (
    '%s is not supported; replwire needs CPython' % sys.implementation.name
    if sys.version_info >= (3, 3) and sys.implementation.name != 'cpython' else
    'Python %d.%d is too old; replwire needs 3.10 or later' % sys.version_info[:2]
    if sys.version_info < (3, 10) else
    'free-threaded Python is not supported; replwire needs the build with the GIL'
    if 't' in sys.abiflags else None)
if not refusal:
    try:
        spec = sys.modules['_frozen_importlib'].ModuleSpec('_replwire', None, origin=sys.argv[1])
        module = sys.modules['_imp'].create_dynamic(spec)
    except Exception as error:
        refusal = 'cannot load the module: %s' % error
if refusal:
    import os
    os.write(int(sys.argv[4]), ('replwire: %s: %s\n' % (sys.executable, refusal)).encode('utf-8'))
    os._exit(2)
module.run()
)";

std::string leave_open(const Descriptor& stream) {
  if (!stream) return "";
  ::fcntl(stream.get(), F_SETFD, 0);
  return std::to_string(stream.get());
}

std::string text_of(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += std::to_string(number) + " ";
  return text;
}

std::vector<int> numbers_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<int>(in), std::istream_iterator<int>()};
}

Descriptor take(const std::string& text) {
  int fd = -1;
  std::from_chars(text.data(), text.data() + text.size(), fd);
  if (fd < 3 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return {};
  return Descriptor(fd);
}

}  // namespace

std::string module_file() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return {};  // nothing is loaded from the working directory
  const fs::path installed = folder / REPLWIRE_MODULE_FOLDER / "_replwire.abi3.so";
  return fs::exists(installed, error) ? installed : folder / "_replwire.abi3.so";
}

bool is_possible() { return ::access(module_file().c_str(), R_OK) == 0; }

std::string become(const ChosenPython& python, const std::vector<std::string>& switches,
                   ExecHandover handover) {
  const std::string module = module_file();
  if (module.empty()) return "/proc is missing, which tells where this program's module is";
  if (!is_possible()) return module + " is missing";
  std::vector<std::string> line = {python.name};
  line.insert(line.end(), switches.begin(), switches.end());
  const StandardStreams& streams = handover.streams;
  line.insert(line.end(),
              {"-c", kCode, module, leave_open(streams.input), leave_open(streams.output),
               leave_open(streams.error), handover.why, handover.folder, text_of(handover.channels),
               std::to_string(handover.sandbox.size())});
  line.insert(line.end(), handover.sandbox.begin(), handover.sandbox.end());
  line.insert(line.end(), handover.words.begin(), handover.words.end());
  std::vector<char*> arguments;
  for (std::string& word : line) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::signal(SIGINT, SIG_DFL);  // inherited "ignore" is not the user's wish: see embed.cc
  ::dup2(handover.streams.error.get(), 1);
  ::execv(python.file.c_str(), arguments.data());
  return python.file + " cannot be run: " + std::strerror(errno);
}

std::optional<ExecHandover> unpack(std::vector<std::string> handed) {
  constexpr std::size_t kFixed = 8;
  if (handed.size() < kFixed) return std::nullopt;
  const std::vector<int> told = numbers_of(handed[7]);
  if (told.size() != 1 || handed.size() - kFixed < static_cast<std::size_t>(told[0])) return {};
  ExecHandover handover = {{take(handed[1]), take(handed[2]), take(handed[3])},
                           handed[4],
                           handed[5],
                           {},
                           numbers_of(handed[6])};
  const bool served_here = handover.streams.input && handover.streams.output;
  if (!handover.streams.error || served_here != handover.channels.empty()) return {};
  const auto words = handed.begin() + kFixed + told[0];
  handover.sandbox.assign(handed.begin() + kFixed, words);
  handover.words.assign(std::make_move_iterator(words), std::make_move_iterator(handed.end()));
  return handover;
}

}  // namespace replwire::server::exec_handover
