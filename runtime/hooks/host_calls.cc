#include "runtime/hooks/host_calls.h"

#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/guard.h"
#include "runtime/hooks/questions.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/forked.h"

namespace replwire::runtime::host_calls {
namespace {

// These live as long as the process.
struct State {
  Link* link;
  PyObject* wire;   // borrowed
  PyObject* space;  // namespace of the bundled module, once it is loaded
};

// Global, since the process has one interpreter.
State state = {};

constexpr const char* kForked = "() is of the session's client, and this is a forked child";
constexpr const char* kCall = "replwire.call";
constexpr const char* kAnswer = "replwire.answer";

template <class T>
Ref make_capsule(T value, const char* name) {
  auto owned = std::make_unique<T>(std::move(value));
  Ref capsule(PyCapsule_New(owned.get(), name, [](PyObject* object) {
    delete static_cast<T*>(PyCapsule_GetPointer(object, PyCapsule_GetName(object)));
  }));
  if (capsule) owned.release();
  return capsule;
}

// What went wrong in bundled code is the fault of the line that called us: no frame of ours is
// shown.
PyObject* without_own_frames(Ref result) {
  if (result) return result.release();
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_XDECREF(traceback);
  if (value != nullptr) PyException_SetTraceback(value, Py_None);
  PyErr_Restore(type, value, nullptr);
  return nullptr;
}

PyObject* in_space(const char* name) { return PyDict_GetItemString(state.space, name); }

template <class... Arguments>
Ref call_bundled(const char* function, Arguments... arguments) {
  return Ref(without_own_frames(
      Ref(PyObject_CallFunctionObjArgs(in_space(function), arguments..., nullptr))));
}

// ---- arguments ------------------------------------------------------------------------------

std::string name_of(PyObject* function) {
  const Ref name(PyObject_GetAttrString(function, "_name"));
  auto text = name ? utf8(name.get()) : std::nullopt;
  PyErr_Clear();
  return text.value_or("a function of the client's");
}

void raise(PyObject* type, const std::string& message) {
  const Ref text = make_str(message);
  if (text) PyErr_SetObject(type, text.get());
}

// Appends one argument. `shown()`: what it is called in a message. False with a Python exception
// set.
template <class Shown>
bool append(std::string& json, PyObject* value, const std::string& function, Shown shown) {
  auto text = exact_json(value, kCallBytes);
  if (const auto* fault = std::get_if<PlainFault>(&text)) {
    raise(PyExc_TypeError, function + "() argument " + shown() + ": " + fault->text);
    return false;
  }
  json += std::get<std::string>(text);
  return true;
}

std::string repr_of(PyObject* object) {
  const Ref shown(object != nullptr ? PyObject_Repr(object) : nullptr);
  auto text = shown ? utf8(shown.get()) : std::nullopt;
  PyErr_Clear();
  return text.value_or("");
}

// The name of the parameter that takes the argument, or its number.
std::string shown_argument(PyObject* function, Py_ssize_t index) {
  const Ref names(PyObject_GetAttrString(function, "_positional"));
  const bool known = names && PyTuple_Check(names.get()) != 0 && index < PyTuple_Size(names.get());
  PyErr_Clear();
  return known ? repr_of(PyTuple_GetItem(names.get(), index)) : std::to_string(index + 1);
}

bool append_args(HostCall& call, PyObject* function, PyObject* args) {
  call.args = "[";
  for (Py_ssize_t i = 0; i < PyTuple_Size(args); ++i) {
    if (i != 0) call.args += ',';
    const auto shown = [function, i] { return shown_argument(function, i); };
    if (!append(call.args, PyTuple_GetItem(args, i), call.name, shown)) return false;
  }
  call.args += ']';
  return true;
}

bool append_kwargs(HostCall& call, PyObject* kwargs) {
  call.kwargs = "{";
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  while (kwargs != nullptr && PyDict_Next(kwargs, &position, &key, &value) != 0) {
    if (call.kwargs.back() != '{') call.kwargs += ',';
    const auto shown = [key] { return repr_of(key); };
    if (!append(call.kwargs, key, call.name, shown)) return false;
    call.kwargs += ':';
    if (!append(call.kwargs, value, call.name, shown)) return false;
  }
  call.kwargs += '}';
  return true;
}

// Nothing with a Python exception set.
std::optional<HostCall> make_call(PyObject* function, PyObject* args, PyObject* kwargs) {
  HostCall call = {name_of(function), {}, {}};
  if (in_forked_child()) {
    raise(PyExc_RuntimeError, call.name + kForked);
    return std::nullopt;
  }
  const Ref bind(PyObject_GetAttrString(function, "_bind"));
  if (!bind) return std::nullopt;
  if (bind.get() != Py_None) {
    const Ref bound(without_own_frames(Ref(PyObject_Call(bind.get(), args, kwargs))));
    if (!bound) return std::nullopt;
  }
  if (!append_args(call, function, args) || !append_kwargs(call, kwargs)) return std::nullopt;
  if (call.args.size() + call.kwargs.size() > kCallBytes) {
    raise(PyExc_TypeError,
          call.name + "() arguments: more than " + std::to_string(kCallBytes) + " bytes together");
    return std::nullopt;
  }
  return call;
}

// ---- answers --------------------------------------------------------------------------------

// What stands for an answer of each kind; null with a Python exception set.
class Outcome {
 public:
  explicit Outcome(const std::string& function) : function_(function) {}

  Ref operator()(const Data& data) const { return object_of_json(data.json); }
  Ref operator()(const CallFailure& failure) const {
    const Ref type = make_str(failure.type);
    const Ref message = make_str(failure.message);
    const Ref error = type && message ? call_bundled("failure", type.get(), message.get()) : Ref();
    if (error) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
    return {};
  }
  Ref operator()(const EndOfFile& /*end*/) const {
    raise(PyExc_EOFError, function_ + "(): the client answers no more");
    return {};
  }
  Ref operator()(const Refusal& refusal) const {
    raise(PyExc_RuntimeError, function_ + "(): " + refusal.message);
    return {};
  }
  Ref operator()(const Line& line) const { return make_str(line.text); }

 private:
  const std::string& function_;
};

Ref outcome_of(const Answer& answer, const std::string& function) {
  return std::visit(Outcome(function), answer);
}

// ---- sync functions -------------------------------------------------------------------------

PyObject* ask(HostCall call) {
  const std::string name = call.name;
  NeedInput question = questions::make();
  const std::uint64_t number = question.number;
  question.call = std::move(call);
  if (!questions::send(*state.link, std::move(question))) return nullptr;
  const auto answer = questions::wait(*state.link, number);
  return answer ? outcome_of(*answer, name).release() : nullptr;
}

// The __call__ of a function.
PyObject* call_function(PyObject* function, PyObject* args, PyObject* kwargs) {
  auto call = make_call(function, args, kwargs);
  if (!call) return nullptr;
  const Ref is_async(PyObject_GetAttrString(function, "_is_async"));
  if (is_async.get() == Py_False) return ask(*std::move(call));
  const Ref capsule = make_capsule(*std::move(call), kCall);
  return capsule ? call_bundled("Coroutine", function, capsule.get()).release() : nullptr;
}

// ---- coroutines -----------------------------------------------------------------------------

// The slots of a `Coroutine` in host.py.
Ref slot(PyObject* coroutine, const char* name) {
  return Ref(PyObject_GetAttrString(coroutine, name));
}

std::string name_of_coroutine(PyObject* coroutine) {
  const Ref function = slot(coroutine, "_function");
  return function ? name_of(function.get()) : std::string();
}

// Sends the call. The iterator that waits for its answer; null with a Python exception set.
Ref begin(PyObject* coroutine) {
  const Ref capsule = slot(coroutine, "_call");
  auto* call =
      capsule ? static_cast<HostCall*>(PyCapsule_GetPointer(capsule.get(), kCall)) : nullptr;
  if (call == nullptr) return {};
  if (in_forked_child()) {
    raise(PyExc_RuntimeError, call->name + kForked);
    return {};
  }
  NeedInput question = questions::make();
  const Ref number(PyLong_FromUnsignedLongLong(question.number));
  Ref begun = number ? call_bundled("begin", coroutine, number.get()) : Ref();
  if (!begun) return {};
  question.wakes = static_cast<int>(PyLong_AsLong(PyTuple_GetItem(begun.get(), 0)));
  question.call = std::move(*call);
  if (!questions::send(*state.link, std::move(question))) return {};
  return Ref::borrow(PyTuple_GetItem(begun.get(), 1));
}

void finish(PyObject* coroutine) {
  const SavedError kept;
  if (!call_bundled("finish", coroutine)) PyErr_Clear();
}

// A coroutine ends by StopIteration, so it cannot raise one of its own.
void replace_stop_iteration() {
  if (PyErr_Occurred() == nullptr || PyErr_ExceptionMatches(PyExc_StopIteration) == 0) return;
  const Ref error = take_exception();
  raise(PyExc_RuntimeError, "coroutine raised StopIteration");
}

// Its end: StopIteration with what the call returns, or the exception.
PyObject* end(PyObject* coroutine, const Ref& answer) {
  const std::string name = name_of_coroutine(coroutine);
  const auto* given = static_cast<Answer*>(PyCapsule_GetPointer(answer.get(), kAnswer));
  const Ref value = given != nullptr ? outcome_of(*given, name) : Ref();
  finish(coroutine);
  replace_stop_iteration();
  if (!value) return nullptr;
  const Ref stop(PyObject_CallFunctionObjArgs(PyExc_StopIteration, value.get(), nullptr));
  if (stop) PyErr_SetObject(PyExc_StopIteration, stop.get());
  return nullptr;
}

// `sent` may be null: None.
PyObject* step(PyObject* coroutine, PyObject* sent) {
  Ref steps = slot(coroutine, "_steps");
  if (!steps) return nullptr;
  if (steps.get() == Py_False) {  // it is over
    raise(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
    return nullptr;
  }
  if (steps.get() == Py_None) {
    steps = begin(coroutine);
    if (!steps) {
      finish(coroutine);
      return nullptr;
    }
  }
  PyObject* result = nullptr;
  switch (PyIter_Send(steps.get(), sent != nullptr ? sent : Py_None, &result)) {
    case PYGEN_NEXT:
      return result;
    case PYGEN_RETURN:
      return end(coroutine, Ref(result));
    case PYGEN_ERROR:
      break;
  }
  finish(coroutine);
  return nullptr;
}

PyObject* send(PyObject* coroutine, PyObject* sent) { return step(coroutine, sent); }
PyObject* next(PyObject* coroutine, PyObject* /*unused*/) { return step(coroutine, nullptr); }

// As a coroutine's: (exception) or (type, value, traceback).
PyObject* throw_into(PyObject* coroutine, PyObject* args) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  if (PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback) == 0) return nullptr;
  const Ref steps = slot(coroutine, "_steps");
  if (steps && (steps.get() == Py_None || steps.get() == Py_False)) {
    finish(coroutine);
    if (PyExceptionInstance_Check(type) != 0) {
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(type)), type);
    } else {
      PyErr_SetObject(type, value);
    }
    return nullptr;
  }
  const Ref method(steps ? PyObject_GetAttrString(steps.get(), "throw") : nullptr);
  PyObject* result = method ? PyObject_Call(method.get(), args, nullptr) : nullptr;
  if (result == nullptr) finish(coroutine);
  return result;
}

// ---- what is loaded -------------------------------------------------------------------------

// Global, since CPython keeps pointers to them, not to const.
PyMethodDef call_method = {"__call__", guarded_with_keywords<call_function>,
                           METH_VARARGS | METH_KEYWORDS, nullptr};
std::array coroutine_methods = {PyMethodDef{"send", guarded<send>, METH_O, nullptr},
                                PyMethodDef{"__next__", guarded<next>, METH_NOARGS, nullptr},
                                PyMethodDef{"throw", guarded<throw_into>, METH_VARARGS, nullptr}};

bool add_method(PyObject* type, PyMethodDef& method) {
  const Ref descriptor(type != nullptr
                           ? PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type), &method)
                           : nullptr);
  return descriptor && PyObject_SetAttrString(type, method.ml_name, descriptor.get()) == 0;
}

bool load() {
  if (state.space != nullptr) return true;
  Ref space = load_bundled("host", state.wire);
  if (!space) return false;
  state.space = space.release();
  if (!add_method(in_space("Function"), call_method)) return false;
  for (PyMethodDef& method : coroutine_methods) {
    if (!add_method(in_space("Coroutine"), method)) return false;
  }
  return true;
}

// ---- definitions ----------------------------------------------------------------------------

const char* spell(ParameterKind kind) {
  constexpr std::array kNames = {"positional", "keyword", "var_positional", "var_keyword"};
  return kNames.at(static_cast<std::size_t>(kind));
}

// (name, kind, defaults): `defaults` holds the default, or nothing.
Ref describe(const HostParameter& parameter) {
  const Ref name = make_str(parameter.name);
  const Ref value = parameter.default_value ? object_of_json(*parameter.default_value) : Ref();
  if (PyErr_Occurred() != nullptr) return {};
  const Ref defaults(value ? PyTuple_Pack(1, value.get()) : PyTuple_New(0));
  return Ref(Py_BuildValue("(OsO)", name.get(), spell(parameter.kind), defaults.get()));
}

template <class Item>
Ref list_of(const std::vector<Item>& items, auto&& make) {
  Ref list(PyList_New(0));
  for (const Item& each : items) {
    const Ref item = make(each);
    if (!list || !item || PyList_Append(list.get(), item.get()) != 0) return {};
  }
  return list;
}

// (name, doc or None, parameters or None, is_async)
Ref describe(const HostFunction& function) {
  const Ref name = make_str(function.name);
  const Ref doc = function.doc ? make_str(*function.doc) : Ref::borrow(Py_None);
  const Ref parameters =
      function.parameters
          ? list_of(*function.parameters, [](const HostParameter& each) { return describe(each); })
          : Ref::borrow(Py_None);
  if (!name || !doc || !parameters) return {};
  return Ref(Py_BuildValue("(OOOO)", name.get(), doc.get(), parameters.get(),
                           function.is_async ? Py_True : Py_False));
}

std::string text_of_error() {
  const Ref error = take_exception();
  const Ref text(error ? PyObject_Str(error.get()) : nullptr);
  auto message = text ? utf8(text.get()) : std::nullopt;
  PyErr_Clear();
  return message && !message->empty() ? *message : "no memory";
}

// ---- for bundled code -----------------------------------------------------------------------

PyObject* module(PyObject* /*self*/, PyObject* /*unused*/) {
  return load() ? Ref::borrow(in_space("module")).release() : nullptr;
}

PyObject* open_waking(PyObject* /*self*/, PyObject* /*unused*/) {
  const int descriptor = state.link->open_waking();
  return descriptor >= 0 ? PyLong_FromLong(descriptor) : PyErr_SetFromErrno(PyExc_OSError);
}

PyObject* take_answers(PyObject* /*self*/, PyObject* descriptor) {
  const int wakes = static_cast<int>(PyLong_AsLong(descriptor));
  std::uint64_t count = 0;
  [[maybe_unused]] const auto drained = ::read(wakes, &count, sizeof count);
  auto taken = state.link->take_answers(wakes);
  Ref list(PyList_New(0));
  for (Answered& each : taken) {
    const Ref answer = make_capsule(std::move(each.answer), kAnswer);
    const Ref pair(answer ? Py_BuildValue("(KO)", each.number, answer.get()) : nullptr);
    if (!list || !pair || PyList_Append(list.get(), pair.get()) != 0) return nullptr;
  }
  return list.release();
}

PyObject* withdraw(PyObject* /*self*/, PyObject* number) {
  const std::uint64_t withdrawn = PyLong_AsUnsignedLongLong(number);
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (!in_forked_child()) {
    const GilRelease released;
    state.link->send(InputWithdrawn{withdrawn, true});
  }
  Py_RETURN_NONE;
}

PyMethodDef wire_methods[] = {
    {"host", guarded<module>, METH_NOARGS, "The module `host`."},
    {"open_waking", guarded<open_waking>, METH_NOARGS, "An eventfd, for `take_answers`."},
    {"take_answers", guarded<take_answers>, METH_O, "take_answers(eventfd): [(number, answer)]"},
    {"withdraw", guarded<withdraw>, METH_O,
     "withdraw(number): nobody waits for that answer any more."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool connect(Link& link, PyObject* wire) {
  state = {&link, wire, nullptr};
  return add_functions(wire, wire_methods);
}

Defined define(const Define& functions) {
  Defined defined;
  const auto describe_each = [](const HostFunction& each) { return describe(each); };
  const Ref described = load() ? list_of(functions.functions, describe_each) : Ref();
  const Ref removed = described ? list_of(functions.remove, make_str) : Ref();
  const Ref names = removed ? call_bundled("define", described.get(), removed.get(),
                                           functions.anew ? Py_True : Py_False)
                            : Ref();
  for (Py_ssize_t i = 0; names && i < PyList_Size(names.get()); ++i) {
    if (auto name = utf8(PyList_GetItem(names.get(), i))) defined.names.push_back(*std::move(name));
  }
  if (!names) defined.failure = text_of_error();
  return defined;
}

void renew() {
  if (state.space != nullptr && !call_bundled("renew")) PyErr_Clear();
}

}  // namespace replwire::runtime::host_calls
