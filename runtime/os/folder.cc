#include "runtime/os/folder.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace replwire::runtime {
namespace {

constexpr std::chrono::milliseconds kMostTime{30};

struct Entry {
  std::string name;
  bool folder;
  bool package;
};

bool is_folder(const std::string& path, unsigned char type) {
  if (type != DT_LNK && type != DT_UNKNOWN) return type == DT_DIR;
  struct stat state = {};
  return ::stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode);
}

std::vector<Entry> read_folder(const std::string& path, std::size_t most, bool packages) {
  std::vector<Entry> entries;
  const auto until = std::chrono::steady_clock::now() + kMostTime;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return entries;
  while (const dirent* each = ::readdir(folder.get())) {
    const std::string name(static_cast<const char*>(each->d_name));
    if (name == "." || name == "..") continue;
    if (entries.size() == most || std::chrono::steady_clock::now() > until) break;
    const std::string whole = path + "/" + name;
    const bool inner = is_folder(whole, each->d_type);
    const bool package = packages && inner && ::access((whole + "/__init__.py").c_str(), F_OK) == 0;
    entries.push_back({name, inner, package});
  }
  return entries;
}

Ref to_tuple(const Entry& entry) {
  Ref name(PyUnicode_DecodeFSDefaultAndSize(entry.name.data(),
                                            static_cast<Py_ssize_t>(entry.name.size())));
  if (!name) return {};
  return Ref(PyTuple_Pack(3, name.get(), entry.folder ? Py_True : Py_False,
                          entry.package ? Py_True : Py_False));
}

}  // namespace

PyObject* list_folder(PyObject* /*module*/, PyObject* args) {
  PyObject* encoded = nullptr;
  Py_ssize_t most = 0;
  int packages = 0;
  if (PyArg_ParseTuple(args, "O&np", PyUnicode_FSConverter, &encoded, &most, &packages) == 0) {
    return nullptr;
  }
  const Ref path(encoded);
  const std::string bytes = PyBytes_AsString(path.get());
  std::vector<Entry> entries;
  {
    const GilRelease released;
    entries = read_folder(bytes, static_cast<std::size_t>(most), packages != 0);
  }
  Ref list(PyList_New(0));
  for (const Entry& entry : entries) {
    const Ref tuple = to_tuple(entry);
    if (!tuple || PyList_Append(list.get(), tuple.get()) != 0) return nullptr;
  }
  return list.release();
}

}  // namespace replwire::runtime
