#include "runtime/hooks/comms.h"

#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/execution/origin.h"
#include "runtime/guard.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/forked.h"

namespace replwire::runtime::comms {
namespace {

struct State {
  Link* link = nullptr;
  PyObject* wire = nullptr;   // borrowed; these live as long as the process
  PyObject* space = nullptr;  // of the bundled module, once it is loaded
};

// Global, since the process has one interpreter.
State state;

// The bytes of each item; false with a Python exception set.
bool read_buffers(PyObject* list, std::vector<std::string>& buffers) {
  const Py_ssize_t size = PyList_Size(list);
  for (Py_ssize_t i = 0; i < size; ++i) {
    char* data = nullptr;
    Py_ssize_t length = 0;
    if (PyBytes_AsStringAndSize(PyList_GetItem(list, i), &data, &length) != 0) return false;
    buffers.emplace_back(data, static_cast<std::size_t>(length));
  }
  return size >= 0;
}

PyObject* send(PyObject* /*self*/, PyObject* args) {
  int kind = 0;
  const char* comm_id = nullptr;
  const char* target_name = nullptr;
  PyObject* data = nullptr;
  PyObject* metadata = nullptr;
  PyObject* buffers = nullptr;
  if (PyArg_ParseTuple(args, "issOOO", &kind, &comm_id, &target_name, &data, &metadata, &buffers) ==
      0) {
    return nullptr;
  }
  const std::string* data_json = json_of(data);
  const std::string* metadata_json = data_json != nullptr ? json_of(metadata) : nullptr;
  if (metadata_json == nullptr) return nullptr;
  CommSent sent = {
      Origin::current(),
      {static_cast<CommKind>(kind), comm_id, target_name, *data_json, *metadata_json, {}}};
  if (!read_buffers(buffers, sent.message.buffers)) return nullptr;
  if (in_forked_child()) Py_RETURN_NONE;  // it has no client
  if (!send_event(*state.link, std::move(sent))) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef wire_methods[] = {{"comm_send", guarded<send>, METH_VARARGS,
                               "comm_send(kind, comm_id, target_name, data, metadata, buffers)"},
                              {nullptr, nullptr, 0, nullptr}};

Ref list_of(const std::vector<std::string>& buffers) {
  Ref list(PyList_New(0));
  for (const std::string& buffer : buffers) {
    const Ref bytes(
        PyBytes_FromStringAndSize(buffer.data(), static_cast<Py_ssize_t>(buffer.size())));
    if (!list || !bytes || PyList_Append(list.get(), bytes.get()) != 0) return {};
  }
  return list;
}

}  // namespace

bool install(Link& link, PyObject* wire) {
  state = {&link, wire, nullptr};
  return add_functions(wire, wire_methods);
}

bool deliver(const CommMessage& message) {
  if (state.space == nullptr) state.space = load_bundled("comms", state.wire).release();
  PyObject* function =
      state.space != nullptr ? PyDict_GetItemString(state.space, "deliver") : nullptr;
  const Ref comm_id = make_str(message.comm_id);
  const Ref target_name = make_str(message.target_name);
  const Ref data = object_of_json(message.data);
  const Ref metadata = object_of_json(message.metadata);
  const Ref buffers = list_of(message.buffers);
  if (function == nullptr || !comm_id || !target_name || !data || !metadata || !buffers)
    return false;
  return static_cast<bool>(
      Ref(PyObject_CallFunction(function, "iOOOOO", static_cast<int>(message.kind), comm_id.get(),
                                target_name.get(), data.get(), metadata.get(), buffers.get())));
}

}  // namespace replwire::runtime::comms
