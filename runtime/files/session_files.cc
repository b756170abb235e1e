#include "runtime/files/session_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/user_context.h"
#include "runtime/files/buffer.h"
#include "runtime/files/sharing.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/crc32c.h"
#include "runtime/os/memory_limit.h"
#include "runtime/os/new_file.h"

namespace replwire::runtime::session_files {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenProgress{100};
constexpr std::size_t kPiece = 262144;  // bytes that stay in the cache from checksum to write()

// What a save or a load under way consists of.
struct Transfer {
  explicit Transfer(ExecutionRef by) : execution(std::move(by)) {}

  ExecutionRef execution;
  pid_t process = ::getpid();  // a child that user code forks meanwhile has nothing to do with it
  Clock::time_point next_progress = Clock::now() + kBetweenProgress;
  NewFile file;
  std::optional<Sharing> sharing;
  Ref known;                 // tells what an object is called that is not pickled, or None
  PyObject* main = nullptr;  // the session's namespace
  bool surveys = false;      // what is pickled is noted in `sharing`
};

struct State {
  Link* link = nullptr;
  PyObject* wire = nullptr;    // borrowed; these live as long as the process
  PyObject* saving = nullptr;  // namespaces of the bundled modules, once they are loaded
  PyObject* loading = nullptr;
  Transfer* transfer = nullptr;
};

// Global, since the process has one interpreter.
State state;

void raise(const std::string& message) {
  const Ref text = make_str(message);
  if (text) PyErr_SetObject(PyExc_OSError, text.get());
}

PyObject* none_unless(const std::string& fault) {
  if (fault.empty()) Py_RETURN_NONE;
  raise(fault);
  return nullptr;
}

// What user code gets hold of, by whatever way, does nothing once the transfer is over.
Transfer* transfer() {
  if (state.transfer == nullptr) PyErr_SetString(PyExc_RuntimeError, "no file is under way");
  return state.transfer;
}

// ---- bytes ----------------------------------------------------------------------------------

PyObject* checksum(PyObject* /*self*/, PyObject* args) {
  PyObject* object = nullptr;
  unsigned int before = 0;
  if (PyArg_ParseTuple(args, "OI", &object, &before) == 0) return nullptr;
  const Buffer buffer(object);
  if (!buffer) return nullptr;
  return PyLong_FromUnsignedLong(crc32c(buffer.bytes(), before));
}

// As much as goes without a signal; the rest stays in `bytes`.
bool write_some(NewFile& file, std::string_view& bytes, std::uint32_t& check,
                std::size_t& checked) {
  const GilRelease released;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPiece);
    if (checked < piece.size()) {
      check = crc32c(piece.substr(checked), check);
      checked = piece.size();
    }
    const ssize_t written = file.write(piece);
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    checked -= static_cast<std::size_t>(written);
  }
  return true;
}

PyObject* write_out(PyObject* /*self*/, PyObject* args) {
  PyObject* object = nullptr;
  unsigned int before = 0;
  if (PyArg_ParseTuple(args, "OI", &object, &before) == 0) return nullptr;
  const Buffer buffer(object);
  if (!buffer || transfer() == nullptr) return nullptr;
  NewFile& file = state.transfer->file;
  std::string_view left = buffer.bytes();
  std::uint32_t check = before;
  std::size_t checked = 0;  // bytes of `left`
  while (!write_some(file, left, check, checked)) {
    if (errno != EINTR) {
      raise(file.path() + ": cannot be written: " + std::strerror(errno));
      return nullptr;
    }
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return PyLong_FromUnsignedLong(check);
}

PyObject* cut_file(PyObject* /*self*/, PyObject* size) {
  const long long bytes = PyLong_AsLongLong(size);
  if (PyErr_Occurred() != nullptr || transfer() == nullptr) return nullptr;
  return none_unless(state.transfer->file.cut(bytes));
}

// Puts the bytes where the file begins, and has all of it on the disk.
PyObject* finish_file(PyObject* /*self*/, PyObject* object) {
  const Buffer buffer(object);
  if (!buffer || transfer() == nullptr) return nullptr;
  NewFile& file = state.transfer->file;
  std::string fault;
  {
    const GilRelease released;
    fault = file.put(buffer.bytes(), 0);
    if (fault.empty()) fault = file.sync();
  }
  return none_unless(fault);
}

PyObject* progress(PyObject* /*self*/, PyObject* args) {
  long long done = 0;
  long long total = 0;
  if (PyArg_ParseTuple(args, "LL", &done, &total) == 0 || transfer() == nullptr) return nullptr;
  const Clock::time_point now = Clock::now();
  if (now < state.transfer->next_progress || ::getpid() != state.transfer->process) Py_RETURN_NONE;
  state.transfer->next_progress = now + kBetweenProgress;
  if (!send_event(*state.link, Progress{state.transfer->execution, done, total})) return nullptr;
  Py_RETURN_NONE;
}

// ---- objects --------------------------------------------------------------------------------

PyObject* begin_survey(PyObject* /*self*/, PyObject* args) {
  PyObject* classify = nullptr;
  PyObject* known = nullptr;
  PyObject* main = nullptr;
  if (PyArg_ParseTuple(args, "OOO", &classify, &known, &main) == 0 || transfer() == nullptr)
    return nullptr;
  state.transfer->sharing.emplace(Ref::borrow(classify));
  state.transfer->known = Ref::borrow(known);
  state.transfer->main = main;
  state.transfer->surveys = true;
  Py_RETURN_NONE;
}

Sharing* survey() {
  Transfer* under_way = transfer();
  if (under_way == nullptr) return nullptr;
  if (under_way->sharing) return &*under_way->sharing;
  PyErr_SetString(PyExc_RuntimeError, "no survey is under way");
  return nullptr;
}

PyObject* survey_name(PyObject* /*self*/, PyObject* /*unused*/) {
  Sharing* sharing = survey();
  if (sharing == nullptr) return nullptr;
  sharing->begin();
  Py_RETURN_NONE;
}

PyObject* survey_end(PyObject* /*self*/, PyObject* saved) {
  Sharing* sharing = survey();
  if (sharing == nullptr) return nullptr;
  sharing->end(saved == Py_True);
  Py_RETURN_NONE;
}

PyObject* note_by_value(PyObject* /*self*/, PyObject* object) {
  Sharing* sharing = survey();
  if (sharing == nullptr) return nullptr;
  if (state.transfer->surveys) sharing->note(object);
  Py_RETURN_NONE;
}

bool append(const Ref& list, const Ref& item) {
  return list && item && PyList_Append(list.get(), item.get()) == 0;
}

// (groups of numbers, [(a number that cannot be saved, one that shares with it)])
PyObject* end_survey(PyObject* /*self*/, PyObject* /*unused*/) {
  Sharing* sharing = survey();
  if (sharing == nullptr) return nullptr;
  state.transfer->surveys = false;
  const Ref groups(PyList_New(0));
  for (const auto& group : sharing->groups()) {
    const Ref numbers(PyList_New(0));
    for (const std::uint32_t number : group) {
      if (!append(numbers, Ref(PyLong_FromUnsignedLong(number)))) return nullptr;
    }
    if (!append(groups, numbers)) return nullptr;
  }
  const Ref lost(PyList_New(0));
  for (const auto& [failed, other] : sharing->lost()) {
    if (!append(lost, Ref(Py_BuildValue("(II)", failed, other)))) return nullptr;
  }
  return Py_BuildValue("(OO)", groups.get(), lost.get());
}

// For the pickler, which calls it with every object that it comes to.
PyObject* persistent_id(PyObject* /*self*/, PyObject* object) {
  Sharing* sharing = survey();
  const auto kind = sharing != nullptr ? sharing->kind_of(Py_TYPE(object)) : std::nullopt;
  if (!kind) return nullptr;
  if (*kind == Sharing::Kind::kKnown || object == state.transfer->main) {
    Ref id(PyObject_CallFunctionObjArgs(state.transfer->known.get(), object, nullptr));
    if (!id || id.get() != Py_None) return id.release();
  }
  if (state.transfer->surveys) sharing->see(object, *kind);
  Py_RETURN_NONE;
}

// ---- a whole file ---------------------------------------------------------------------------

PyMethodDef methods[] = {
    {"checksum", guarded<checksum>, METH_VARARGS, "checksum(bytes, that of those before)"},
    {"write_out", guarded<write_out>, METH_VARARGS,
     "write_out(bytes, checksum of those before): the checksum with these"},
    {"cut_file", guarded<cut_file>, METH_O, "Gives up what was written beyond this size."},
    {"finish_file", guarded<finish_file>, METH_O,
     "Puts bytes where the file begins, and waits until all of it is on the disk."},
    {"progress", guarded<progress>, METH_VARARGS, "progress(done, total): bytes"},
    {"begin_survey", guarded<begin_survey>, METH_VARARGS, "begin_survey(classify, known, main)"},
    {"survey_name", guarded<survey_name>, METH_NOARGS, "The next name is pickled."},
    {"survey_end", guarded<survey_end>, METH_O, "Whether it can be saved."},
    {"note_by_value", guarded<note_by_value>, METH_O, "A definition that is pickled by value."},
    {"end_survey", guarded<end_survey>, METH_NOARGS, "(groups, what is lost of the sharing)"},
    {"persistent_id", guarded<persistent_id>, METH_O, "That of a pickler."},
    {nullptr, nullptr, 0, nullptr}};

// What is under way for the length of a scope.
class UnderWay {
 public:
  explicit UnderWay(Transfer& transfer) { state.transfer = &transfer; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() { state.transfer = nullptr; }
};

PyObject* function_of(PyObject*& space, const char* module, const char* name) {
  if (space == nullptr) space = load_bundled(module, state.wire).release();
  return space != nullptr ? PyDict_GetItemString(space, name) : nullptr;
}

// A path as the user wrote it.
std::string expanded(const std::string& path) {
  const char* home = std::getenv("HOME");
  const bool in_home = path == "~" || path.starts_with("~/");
  return in_home && home != nullptr ? home + path.substr(1) : path;
}

// A list, or None for all.
Ref names_of(const std::optional<std::vector<std::string>>& names) {
  if (!names) return Ref::borrow(Py_None);
  Ref list(PyList_New(0));
  for (const std::string& name : *names) {
    if (!append(list, make_str(name))) return {};
  }
  return list;
}

std::string text_at(PyObject* tuple, Py_ssize_t n) {
  PyObject* item = PyTuple_GetItem(tuple, n);
  auto text = item != nullptr ? utf8(item) : std::nullopt;
  PyErr_Clear();
  return text.value_or("?");
}

std::vector<std::string> texts_of(PyObject* list) {
  std::vector<std::string> texts;
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i)
    texts.push_back(utf8(PyList_GetItem(list, i)).value_or("?"));
  return texts;
}

std::vector<Skipped> skipped_of(PyObject* list) {
  std::vector<Skipped> skipped;
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i) {
    PyObject* pair = PyList_GetItem(list, i);
    skipped.push_back({text_at(pair, 0), text_at(pair, 1)});
  }
  return skipped;
}

// What user code does in it can be interrupted; nothing is left of a signal that came too late.
template <class... Arguments>
Ref call_for_user(PyObject* function, Arguments... arguments) {
  const memory_limit::Scope limited;
  const user_context::Scope context;
  const interrupts::Window window;
  Ref result(PyObject_CallFunctionObjArgs(function, arguments..., nullptr));
  if (result && PyErr_CheckSignals() != 0) return {};
  return result;
}

// The file, or -1 with a Python exception set; and its size.
std::pair<int, std::int64_t> open_saved(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat there = {};
  if (file >= 0 && ::fstat(file, &there) == 0 && S_ISREG(there.st_mode))
    return {file, there.st_size};
  raise(path + ": " + (file < 0 ? std::strerror(errno) : "is no regular file"));
  if (file >= 0) ::close(file);
  return {-1, 0};
}

}  // namespace

bool install(Link& link, PyObject* wire) {
  state.link = &link;
  state.wire = wire;
  return add_functions(wire, methods);
}

std::optional<Saved> save(const ExecutionRef& execution, const Save& request) {
  PyObject* function = function_of(state.saving, "saving", "save");
  const Ref names = names_of(request.names);
  if (function == nullptr || !names) return std::nullopt;
  Transfer transfer(execution);
  const UnderWay under_way(transfer);
  if (const std::string fault = transfer.file.open(expanded(request.path)); !fault.empty()) {
    raise(fault);
    return std::nullopt;
  }
  const Ref told = call_for_user(function, names.get());
  if (!told || ::getpid() != transfer.process) return std::nullopt;
  if (const std::string fault = transfer.file.publish(); !fault.empty()) {
    raise(fault);
    return std::nullopt;
  }
  return Saved{transfer.file.path(), transfer.file.size(), texts_of(PyTuple_GetItem(told.get(), 0)),
               skipped_of(PyTuple_GetItem(told.get(), 1))};
}

std::optional<Loaded> load(const ExecutionRef& execution, const Load& request) {
  PyObject* function = function_of(state.loading, "loading", "load");
  const Ref names = names_of(request.names);
  if (function == nullptr || !names) return std::nullopt;
  Transfer transfer(execution);
  const UnderWay under_way(transfer);
  const std::string path = expanded(request.path);
  const auto [file, size] = open_saved(path);
  if (file < 0) return std::nullopt;
  const Ref name = make_str(path);
  const Ref number(PyLong_FromLong(file));
  const Ref bytes(PyLong_FromLongLong(size));
  const Ref told = call_for_user(function, name.get(), number.get(), bytes.get(), names.get());
  ::close(file);
  if (!told || ::getpid() != transfer.process) return std::nullopt;
  return Loaded{texts_of(PyTuple_GetItem(told.get(), 0)),
                skipped_of(PyTuple_GetItem(told.get(), 1))};
}

}  // namespace replwire::runtime::session_files
