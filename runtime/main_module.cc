#include "runtime/main_module.h"

namespace replwire::runtime {

bool MainModule::start() {
  PyObject* module = PyImport_AddModule("__main__");
  builtins_module_ = Ref(PyImport_ImportModule("builtins"));
  if (module == nullptr || !builtins_module_) return false;
  space_ = Ref::borrow(PyModule_GetDict(module));
  builtins_ = Ref::borrow(PyModule_GetDict(builtins_module_.get()));
  builtins_name_ = make_name("__builtins__");
  warned_ = make_name("__warningregistry__");
  names_ = {make_name("_"), make_name("__"), make_name("___")};
  pristine_ = Ref(PyDict_Copy(space_.get()));
  return static_cast<bool>(pristine_);
}

void MainModule::prepare() {
  if (PyDict_GetItemWithError(space_.get(), builtins_name_.get()) == nullptr &&
      PyDict_SetItem(space_.get(), builtins_name_.get(), builtins_module_.get()) != 0) {
    PyErr_Clear();
  }
  if (PyDict_GetItemWithError(space_.get(), warned_.get()) == nullptr) return;
  if (PyDict_DelItem(space_.get(), warned_.get()) != 0) PyErr_Clear();
}

void MainModule::shift_results(PyObject* value) {
  for (std::size_t i = 2; i > 0; --i) {
    const Ref older = Ref::borrow(PyDict_GetItemWithError(builtins_.get(), names_[i - 1].get()));
    if (older) PyDict_SetItem(builtins_.get(), names_[i].get(), older.get());
  }
  PyDict_SetItem(builtins_.get(), names_[0].get(), value);
}

void MainModule::reset() {
  PyDict_Clear(space_.get());
  PyDict_Update(space_.get(), pristine_.get());
  for (const Ref& name : names_) {
    if (PyDict_DelItem(builtins_.get(), name.get()) != 0) PyErr_Clear();
  }
}

ModuleName::ModuleName(const Ref& space, const std::optional<std::string>& name) {
  if (!name) return;
  const Ref text = make_str(*name);
  before_ = Ref::borrow(PyDict_GetItemString(space.get(), "__name__"));
  if (text && PyDict_SetItemString(space.get(), "__name__", text.get()) == 0) space_ = space;
  PyErr_Clear();
}

ModuleName::~ModuleName() {
  if (!space_) return;
  const SavedError kept;
  const int done = before_ ? PyDict_SetItemString(space_.get(), "__name__", before_.get())
                           : PyDict_DelItemString(space_.get(), "__name__");
  if (done != 0) PyErr_Clear();
}

std::vector<std::string> live_threads() {
  std::vector<std::string> names;
  PyObject* threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading");
  const Ref threads(threading == nullptr ? nullptr
                                         : PyObject_CallMethod(threading, "enumerate", nullptr));
  const Ref main(threads ? PyObject_CallMethod(threading, "main_thread", nullptr) : nullptr);
  const Py_ssize_t size =
      threads && PyList_Check(threads.get()) != 0 ? PyList_Size(threads.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* thread = PyList_GetItem(threads.get(), i);
    if (thread == main.get()) continue;
    const Ref name(PyObject_GetAttrString(thread, "name"));
    auto text = name && PyUnicode_Check(name.get()) != 0 ? utf8(name.get()) : std::nullopt;
    if (text) names.push_back(*std::move(text));
  }
  PyErr_Clear();
  return names;
}

std::vector<pid_t> thread_numbers() {
  std::vector<pid_t> numbers;
  PyObject* threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading");
  const Ref active(threading != nullptr ? PyObject_GetAttrString(threading, "_active") : nullptr);
  const Ref threads(active ? PyMapping_Values(active.get()) : nullptr);
  const Py_ssize_t size = threads ? PyList_Size(threads.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    const Ref number(PyObject_GetAttrString(PyList_GetItem(threads.get(), i), "native_id"));
    if (number && PyLong_Check(number.get()) != 0) {
      numbers.push_back(static_cast<pid_t>(PyLong_AsLong(number.get())));
    }
  }
  PyErr_Clear();
  return numbers;
}

}  // namespace replwire::runtime
