#include "server/app/installed_into.h"

#include <filesystem>
#include <fstream>
#include <string_view>

namespace replwire::server {
namespace {

namespace fs = std::filesystem;

std::string_view without(std::string_view text, std::string_view prefix, std::string_view suffix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

// By the first lines that installers give a command: `#!/x/python`, or, where that will not do,
// `#!/bin/sh` and `'''exec' "/x y/python" "$0" "$@"`.
std::string interpreter_of(const fs::path& command) {
  std::ifstream file(command);
  std::string first;
  std::string second;
  if (!std::getline(file, first) || !first.starts_with("#!")) return {};
  if (first != "#!/bin/sh") return first.substr(2, first.find(' ', 3) - 2);
  std::getline(file, second);
  const auto quoted = without(second, "'''exec' ", " \"$0\" \"$@\"");
  const auto mark = quoted.substr(0, 1);
  return std::string(mark == "\"" || mark == "'" ? without(quoted, mark, mark) : quoted);
}

}  // namespace

std::string installed_into() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return {};  // without /proc
  // One that was moved has its interpreter still, but old paths in its commands.
  if (fs::exists(folder.parent_path() / "pyvenv.cfg", error)) return folder.parent_path();
  // The same installer has written that one, in Python.
  const std::string file = interpreter_of(folder / "replwire-cli");
  return file.starts_with('/') ? file : std::string();
}

}  // namespace replwire::server
