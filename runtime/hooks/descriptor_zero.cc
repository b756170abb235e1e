#include "runtime/hooks/descriptor_zero.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/os/forked.h"

namespace replwire::runtime {
namespace {

bool is_null_device() {
  struct stat state = {};
  return ::fstat(0, &state) == 0 && S_ISCHR(state.st_mode) && state.st_rdev == makedev(1, 3);
}

bool is_zero(PyObject* file) {
  return file != nullptr && PyLong_CheckExact(file) != 0 && PyLong_AsLongLong(file) == 0;
}

// `self` is (what Python has, what asks the client).
PyObject* open(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* file = PyTuple_Size(args) > 0 ? PyTuple_GetItem(args, 0) : nullptr;
  if (file == nullptr && kwargs != nullptr) file = PyDict_GetItemString(kwargs, "file");
  const bool asks = is_zero(file) && !in_forked_child() && is_null_device();
  PyErr_Clear();  // of a number that is too large
  return PyObject_Call(PyTuple_GetItem(self, asks ? 1 : 0), args, kwargs);
}

PyMethodDef open_method = {"open",
                           reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(open)),
                           METH_VARARGS | METH_KEYWORDS,
                           "open($module, /, file, mode='r', buffering=-1, encoding=None,\n"
                           "     errors=None, newline=None, closefd=True, opener=None)\n--\n\n"
                           "Open file and return a stream.  Raise OSError upon failure.\n\n"
                           "The descriptor 0 asks the client, as sys.stdin does."};

}  // namespace

bool patch_open(const Ref& streams) {
  const Ref builtins(PyImport_ImportModule("builtins"));
  const Ref io(PyImport_ImportModule("io"));
  const Ref original(builtins ? PyObject_GetAttrString(builtins.get(), "open") : nullptr);
  PyObject* asking = PyDict_GetItemString(streams.get(), "open_zero");
  const Ref both(original && asking ? PyTuple_Pack(2, original.get(), asking) : nullptr);
  const Ref owner = make_str("_io");
  const Ref function(both && io ? PyCFunction_NewEx(&open_method, both.get(), owner.get())
                                : nullptr);
  return function && PyDict_SetItemString(streams.get(), "real_open", original.get()) == 0 &&
         PyObject_SetAttrString(builtins.get(), "open", function.get()) == 0 &&
         PyObject_SetAttrString(io.get(), "open", function.get()) == 0;
}

}  // namespace replwire::runtime
