#include "server/app/chosen_python.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>

#include "server/app/exec_handover.h"
#include "server/system/descriptors/descriptor.h"
#include "server/system/process/process.h"

namespace replwire::server {
namespace {

namespace fs = std::filesystem;
using Problem = std::optional<std::string>;

// For a program to say its version: a Python on a slow disk takes a second.
constexpr std::chrono::seconds kProbeTime{5};

// The Python that the program was built with, by its name and as the file that it then was.
constexpr const char* kName = REPLWIRE_PYTHON_EXECUTABLE;
constexpr const char* kEmbedded = REPLWIRE_PYTHON_FILE;

bool is_executable_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

bool is_link_to_nowhere(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error)) && !fs::exists(path, error);
}

bool is_same_file(const fs::path& one, const fs::path& other) {
  std::error_code error;
  return fs::equivalent(one, other, error);
}

// Not normalized: "venv/../x" may lead elsewhere, and Python tells the path it was called by.
fs::path made_absolute(const fs::path& path) {
  std::error_code error;
  fs::path full = fs::absolute(path, error);
  return error ? path : full;
}

std::optional<fs::path> find_on_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
  for (;;) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const fs::path folder = end == 0 ? "." : rest.substr(0, end);
    if (is_executable_file(folder / name)) return made_absolute(folder / name);
    if (end == rest.size()) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
}

using Settings = std::map<std::string, std::string>;

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin));
}

// What a virtual environment says of itself, in lines `key = value`; nothing for what is none.
std::optional<Settings> pyvenv_settings(const fs::path& python) {
  std::ifstream file(python.parent_path() / "pyvenv.cfg");
  if (!file) file.open(python.parent_path().parent_path() / "pyvenv.cfg");
  if (!file) return std::nullopt;
  Settings settings;
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    if (equals == line.npos) continue;
    settings[trimmed(std::string_view(line).substr(0, equals))] = trimmed(line.substr(equals + 1));
  }
  return settings;
}

// "3.11" of `version = 3.11.2` (venv) or `version_info = 3.11.2.final.0` (virtualenv).
std::string short_version(const Settings& settings) {
  for (const char* key : {"version", "version_info"}) {
    const auto found = settings.find(key);
    if (found == settings.end()) continue;
    const std::string& text = found->second;
    return text.substr(0, text.find('.', text.find('.') + 1));
  }
  return {};
}

// The interpreter that a virtual environment was made from, when it is still there.
std::optional<fs::path> base_python(const Settings& settings) {
  const auto home = settings.find("home");
  if (home == settings.end()) return std::nullopt;
  for (const std::string& name : std::array<std::string, 4>{"python" + short_version(settings),
                                                            "python3", "python", "pypy3"}) {
    if (is_executable_file(fs::path(home->second) / name)) return fs::path(home->second) / name;
  }
  return std::nullopt;
}

// Of a virtual environment made with copies too: only its settings tell what they are copies of.
bool is_embedded(const fs::path& python) {
  if (is_same_file(python, kEmbedded)) return true;
  const auto settings = pyvenv_settings(python);
  const auto base = settings ? base_python(*settings) : std::nullopt;
  return base && short_version(*settings) == REPLWIRE_PYTHON_VERSION &&
         is_same_file(*base, kEmbedded);
}

Problem missing_base(const fs::path& python) {
  const auto settings = pyvenv_settings(python);
  if (!settings || base_python(*settings)) return std::nullopt;
  const auto home = settings->find("home");
  return "is in a virtual environment whose Python is gone" +
         (home == settings->end() ? "" : " from " + home->second);
}

bool is_readable_within(const Descriptor& descriptor, std::chrono::milliseconds time) {
  pollfd state = {descriptor.get(), POLLIN, 0};
  return ::poll(&state, 1, static_cast<int>(time.count())) > 0;
}

// What has been said is enough; who goes on is killed.
void end(pid_t child) {
  const Descriptor process = open_process(child);
  constexpr std::chrono::milliseconds kTimeToEnd{100};
  if (!process || !is_readable_within(process, kTimeToEnd)) ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// What `FILE --version` prints: the one switch that is safe with any program.
std::string version_text(const fs::path& file) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, 0);
    ::dup2(write_end.get(), 1);
    ::dup2(null, 2);
    ::execl(file.c_str(), file.c_str(), "--version", nullptr);
    ::_exit(127);
  }
  write_end = {};
  std::string text(64, '\0');
  const bool said = child > 0 && is_readable_within(read_end, kProbeTime);
  const ssize_t size = said ? ::read(read_end.get(), text.data(), text.size()) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (child > 0) end(child);
  return text;
}

// A start of Python is saved where the name says enough: what is started tells the rest itself.
bool is_python(const fs::path& file) {
  const std::string name = file.filename();
  return name.starts_with("python") || name.starts_with("pypy") ||
         version_text(file).starts_with("Python ");
}

Problem problem(const fs::path& file) {
  if (is_link_to_nowhere(file)) {
    return "is a link to " + fs::read_symlink(file).string() + ", which does not exist";
  }
  std::error_code error;
  if (!fs::exists(file, error)) return "does not exist";
  if (!is_executable_file(file)) return "is not an executable file";
  if (auto gone = missing_base(file)) return gone;
  if (!is_python(file)) return "is not Python";
  return std::nullopt;
}

// The interpreter in a folder: of a virtual environment, or of an installation.
std::optional<fs::path> python_in(const fs::path& folder) {
  for (const char* name : {"bin/python3", "bin/python"}) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(folder / name, error))) return folder / name;
  }
  return std::nullopt;
}

using Found = std::variant<ChosenPython, std::string>;

Found find(const std::string& asked) {
  std::error_code error;
  if (asked.find('/') == asked.npos) {
    if (const auto file = find_on_path(asked)) return ChosenPython{*file, asked, {}};
    if (!fs::exists(asked, error)) return "there is no such file, nor such a program on PATH";
  }
  fs::path file = made_absolute(asked);
  if (fs::is_directory(file, error)) {
    while (!file.has_filename()) file = file.parent_path();
    const auto python = python_in(file);
    if (!python) return "is a folder without bin/python3";
    file = *python;
  }
  return ChosenPython{file, file, {}};
}

Found examine(const std::string& asked) {
  Found found = find(asked);
  if (const auto* python = std::get_if<ChosenPython>(&found)) {
    if (auto what = problem(python->file)) {
      return python->file == asked ? *what : python->file + (" " + *what);
    }
  }
  return found;
}

struct Wish {
  std::string asked;
  std::string source;
};

// The nearest `.venv` with an interpreter, in the folder of the session or above it.
std::optional<fs::path> venv_above(const std::string& cwd) {
  std::error_code error;
  fs::path folder = cwd.empty() ? fs::current_path(error) : fs::weakly_canonical(cwd, error);
  if (error) return std::nullopt;
  for (;; folder = folder.parent_path()) {
    if (python_in(folder / ".venv")) return folder / ".venv";
    if (folder == folder.parent_path()) return std::nullopt;
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Wish wish(const Options& options, const OwnPython& own) {
  if (!options.python.empty()) return {options.python, "--python " + options.python};
  if (const std::string venv = variable("VIRTUAL_ENV"); !venv.empty()) {
    return {venv, "VIRTUAL_ENV=" + venv};
  }
  // An environment of conda need not have a Python.
  if (const std::string conda = variable("CONDA_PREFIX"); !conda.empty() && python_in(conda)) {
    return {conda, "CONDA_PREFIX=" + conda};
  }
  if (const auto venv = venv_above(options.cwd)) return {*venv, *venv};
  if (!own.installed_into.empty()) {
    return {own.installed_into, "its installation into " + own.installed_into};
  }
  if (!own.held) return {"python3", "PATH, as nothing else names a Python"};
  return {is_same_file(kName, kEmbedded) ? kName : kEmbedded, ""};
}

// Without a wish an embedded Python needs no interpreter beside it.
bool stays(const Options& options, const Wish& wanted) {
  const bool alone = wanted.source.empty() && !is_executable_file(wanted.asked);
  return options.prefer_embedded || alone || !exec_handover::is_possible();
}

std::string why_embedded(const Options& options) {
  if (options.prefer_embedded) return "embedded, because --prefer embedded says so";
  return "embedded, because the module or the interpreter itself is missing";
}

std::string why_exec(bool same, bool holds_python) {
  if (same) return "by exec, because the interpreter itself is faster than the same embedded";
  if (!holds_python) return "by exec, because this program holds none";
  return "by exec, because this program holds another, " + std::string(kEmbedded);
}

}  // namespace

std::variant<ChosenPython, std::string> choose_python(const Options& options,
                                                      const OwnPython& own_python) {
  const Wish wanted = wish(options, own_python);
  const bool own = wanted.source.empty();
  const bool stay = own_python.held && stays(options, wanted);
  Found found =
      own && stay ? Found(ChosenPython{wanted.asked, wanted.asked, {}}) : examine(wanted.asked);
  if (const auto* text = std::get_if<std::string>(&found)) {
    return (own ? wanted.asked : wanted.source) + ": " + *text;
  }
  auto& python = std::get<ChosenPython>(found);
  const bool same = own || (own_python.held && is_embedded(python.file));
  python.embedded = same && stay;
  python.why = python.file + ", because of " +
               (own ? "nothing else that names a Python" : wanted.source) + "; " +
               (python.embedded ? why_embedded(options) : why_exec(same, own_python.held));
  return python;
}

std::vector<std::string> folders_of(const ChosenPython& python) {
  std::error_code error;
  std::vector<fs::path> files = {python.file, fs::canonical(python.file, error)};
  if (const auto settings = pyvenv_settings(python.file)) {
    if (const auto base = base_python(*settings)) files.push_back(fs::canonical(*base, error));
  }
  std::vector<std::string> found;
  for (const fs::path& file : files) {
    const fs::path prefix = file.parent_path().parent_path();
    if (fs::exists(prefix / "pyvenv.cfg", error)) found.push_back(prefix);
    // Not the whole: it may be somebody's home.
    for (const char* name : {"bin", "etc", "include", "lib", "lib64", "libexec", "share", "ssl"})
      found.push_back(prefix / name);
  }
  return found;
}

}  // namespace replwire::server
