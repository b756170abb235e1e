#include "runtime/interpreter.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "runtime/answers/current_source.h"
#include "runtime/answers/python_json.h"
#include "runtime/bundle.h"
#include "runtime/execution/interrupts.h"
#include "runtime/execution/origin.h"
#include "runtime/execution/user_context.h"
#include "runtime/execution/visit.h"
#include "runtime/files/session_files.h"
#include "runtime/hooks/comms.h"
#include "runtime/hooks/debugger.h"
#include "runtime/hooks/fork_warning.h"
#include "runtime/hooks/host_calls.h"
#include "runtime/hooks/input_hook.h"
#include "runtime/hooks/wire_module.h"
#include "runtime/os/c_stdio.h"
#include "runtime/os/forked.h"
#include "runtime/os/memory_limit.h"
#include "runtime/os/memory_reserve.h"
#include "runtime/os/native_threads.h"
#include "text/utf8.h"

namespace replwire::runtime {
namespace {

// A snapshot takes so long at most to end, when it is a small one.
constexpr std::chrono::nanoseconds kGone{1'000'000};

std::string sys_text(const char* name) {
  PyObject* value = PySys_GetObject(name);
  auto text = value != nullptr && PyUnicode_Check(value) != 0 ? utf8(value) : std::nullopt;
  PyErr_Clear();
  return text.value_or("");
}

Ref list_of(const std::vector<std::string>& texts) {
  Ref list(PyList_New(0));
  for (const std::string& text : texts) {
    const Ref item = make_str(text);
    if (!list || !item || PyList_Append(list.get(), item.get()) != 0) return {};
  }
  return list;
}

// A failed import may leave no frame but those of the import machinery. Python takes these out of
// the pending traceback and leaves them in the exception: they are taken out there too.
void forget_import_machinery() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (traceback == nullptr) {
    PyErr_NormalizeException(&type, &value, &traceback);
    PyException_SetTraceback(value, Py_None);
  }
  PyErr_Restore(type, value, traceback);
}

}  // namespace

bool Interpreter::start(std::size_t memory_limit) {
  Origin::claim_worker();
  interrupts::install(control_);
  c_stdio::print_by_lines();
  Visit::prepare();
  memory_reserve::install();
  if (!user_context::make() || !main_.start() || !hooks_.install() ||
      !presenter_.start(hooks_.wire()))
    return false;
  return comms::install(link_, hooks_.wire()) && session_files::install(link_, hooks_.wire()) &&
         debugger::connect(link_, hooks_.wire()) && teller_.start(hooks_.wire()) &&
         loop_.start(hooks_.wire()) && compiler_.start(hooks_.wire()) &&
         reporter_.start(hooks_.wire()) && memory_limit::install(memory_limit);
}

PythonFacts Interpreter::facts() const {
  const std::string version = sys_text("version");
  PyObject* implementation = PySys_GetObject("implementation");
  const Ref name(implementation != nullptr ? PyObject_GetAttrString(implementation, "name")
                                           : nullptr);
  auto text = name ? utf8(name.get()) : std::nullopt;
  PyErr_Clear();
  return {version.substr(0, version.find(' ')), text.value_or(""), sys_text("executable"),
          sys_text("prefix")};
}

int Interpreter::serve() {
  compiler_.warm_up();
  while (!stopped_) {
    const Command command = next_command();
    std::visit([this](const auto& each) { handle(each); }, command);
  }
  return status_;
}

Command Interpreter::next_command() {
  for (;;) {
    loop_.step();
    if (left_as_child()) return Stop{};
    auto command = link_.poll();
    if (!command && copy_hot_pages()) continue;
    if (!command) command = wait_for_command();
    if (left_as_child()) return Stop{};
    if (command) return *std::move(command);
  }
}

// False when none are left.
bool Interpreter::copy_hot_pages() {
  if (!hot_.any_left()) return false;
  hot_.copy_some();  // with the GIL: no thread of Python's maps other memory there meanwhile
  const GilRelease released;
  return true;
}

// Nothing when something else came first.
std::optional<Command> Interpreter::wait_for_command() {
  Watch watch = loop_.watch();
  if (watch.timeout == std::chrono::nanoseconds(0)) return std::nullopt;
  control_.rest();
  if (PyOS_InputHook != nullptr) {
    loop_.leave();
    input_hook::serve(watch);
  }
  if (prefault_again_) watch.timeout = std::min(watch.timeout.value_or(kGone), kGone);
  std::optional<Command> command;
  {
    const GilRelease released;
    command = link_.receive(watch);
  }
  if (std::exchange(prefault_again_, false) && !command) prefault_pages();
  if (!command) interrupts::settle_signals();
  return command;
}

void Interpreter::handle(const Run& run) {
  const auto started = std::chrono::steady_clock::now();
  hot_.rest();
  Origin::set_run(run.execution);
  control_.begin(run.execution->serial);
  Outcome outcome = execute(run);
  if (left_as_child()) return;
  control_.end();
  if (std::holds_alternative<Completed>(outcome)) memory_reserve::fill();
  c_stdio::flush();
  const auto time = std::chrono::steady_clock::now() - started;
  link_.send(Done{std::move(outcome), time});
  Origin::set_run(nullptr);
}

void Interpreter::handle(const Reset& /*reset*/) {
  main_.reset();
  if (!ipython_.reset()) PyErr_Clear();
  compiler_.reset();
  Reporter::forget_last();
  if (left_as_child()) return;
  link_.send(ResetDone{live_threads(), loop_.tasks()});
}

// A session without it is better than none; its first execution tells why.
void Interpreter::handle(const LoadIpython& /*load*/) {
  const std::string failure = Ipython::is_installed() ? use_ipython() : std::string();
  if (!failure.empty()) unsaid_ = "replwire: " + failure + "\nThe session goes on without it.\n";
  if (left_as_child()) return;
  link_.send(IpythonLoaded{});
}

void Interpreter::handle(const Define& functions) {
  Defined defined = host_calls::define(functions);
  if (!functions.anew) link_.send(std::move(defined));
}

// Those of Python that a copy will not have. Pools of native libraries end, which start new ones.
std::vector<std::string> Interpreter::note_threads() {
  if (!native_threads::are_others()) return {};  // what follows writes to 15 pages more
  native_threads::know(thread_numbers());
  native_threads::end_pools();
  return live_threads();
}

void Interpreter::handle(const Checkpoint& checkpoint) {
  std::vector<std::string> threads = note_threads();
  prepare_own_fork();
  hot_.before_snapshot();
  if (auto lost = link_.checkpoint(checkpoint.number))
    return go_on_as_snapshot(std::move(threads), *std::move(lost));
  PyOS_AfterFork_Parent();
  prefault_pages();
  hot_.after_snapshot();
  prefault_again_ = true;
  if (!renewal_) renewal_ = load_bundled("renewal", hooks_.wire());
  PyErr_Clear();
}

// A page that the process has in common with a snapshot is copied when it is first written, which
// takes microseconds. So what any execution writes is written now, while the client thinks; and
// once more when the snapshot that was given up is gone, whose end empties the caches. What these
// executions write besides is copied behind that, if the client leaves time: HotPages.
void Interpreter::prefault_pages() {
  const SavedError kept;
  Run run = {};
  run.first_line = 1;
  run.execution = std::make_shared<const Execution>();
  run.code = "0+0";
  run.repr_limit = kReprBytes;
  hooks_.restore();
  link_.begin(nullptr);
  const Ref space(PyDict_New());
  const auto cell = space ? compiler_.compile(run, Compiler::name_of(run), space) : std::nullopt;
  const Ref value(cell ? PyEval_EvalCode(cell->expression.get(), space.get(), space.get())
                       : nullptr);
  Presentation said;
  if (value && teller_.say(run, value, said)) said.value = plain_json(value.get());
  PyErr_Clear();
}

// The process that was at rest here is gone, and the threads of then with it.
// Before Python knows of the fork, code of its own would wait for a thread that wanted the GIL.
void Interpreter::go_on_as_snapshot(std::vector<std::string> threads, Lost lost) {
  control_.go_on_at_rest();
  prefault_again_ = false;  // a session that nobody uses takes no more pages than it must
  hot_.rest();
  PyOS_AfterFork_Child();
  const auto& native = native_threads::noted();
  threads.insert(threads.end(), native.begin(), native.end());
  if (!renewal_) renewal_ = load_bundled("renewal", hooks_.wire());
  PyObject* renew = renewal_ ? PyDict_GetItemString(renewal_.get(), "renew") : nullptr;
  const Ref devices = list_of(lost.devices);
  const Ref renewed(renew != nullptr && devices
                        ? PyObject_CallFunctionObjArgs(renew, devices.get(), nullptr)
                        : nullptr);
  PyErr_Clear();
  loop_.renew();
  host_calls::renew();
  link_.send(Restored{std::move(threads), native, std::move(lost)});
}

void Interpreter::handle(const SaveApart& apart) {
  note_threads();
  prepare_own_fork();
  if (!link_.go_apart(apart.execution->serial)) {
    PyOS_AfterFork_Parent();
    prefault_pages();
    return hot_.after_snapshot();
  }
  PyOS_AfterFork_Child();
  Origin::set_run(apart.execution);
  auto saved = advisor_.load() ? session_files::save(apart.execution, apart.request) : std::nullopt;
  link_.send(CopyDone{apart.execution->serial,
                      saved ? Outcome(*std::move(saved)) : reporter_.fault(take_exception())});
  ::_exit(0);
}

void Interpreter::handle(const Stop& /*stop*/) { stopped_ = true; }

Outcome Interpreter::execute(const Run& run) {
  interrupts::settle_signals();
  main_.prepare();
  loop_.begin();
  link_.begin(run.execution);
  if (!hooks_.restore()) PyErr_Clear();
  debugger::begin();
  if (run.window) tell_window(*run.window);
  if (!unsaid_.empty() && !run.silent) PySys_FormatStderr("%s", std::exchange(unsaid_, {}).c_str());
  if (run.errand) {
    const auto* message = std::get_if<CommMessage>(&*run.errand);
    return message != nullptr ? deliver(*message, run) : transfer(run);
  }
  if (!ipython_.on() || run.module) return execute_code(run);
  Run python = run;
  if (!ipython_.begin(python)) return failure_to_compile(run, Compiler::name_of(run), {});
  return execute_code(python);
}

Outcome Interpreter::execute_code(const Run& run) {
  teller_.begin(run);
  const Ref filename = Compiler::name_of(run);
  current_source::begin(run, filename);
  const Ref space = space_of(run);
  const auto cell = space ? compiler_.compile(run, filename, space) : std::nullopt;
  if (in_forked_child()) return {};
  if (space && !cell) {
    Run other = run;
    if (ipython_.transform(other)) return execute_code(other);
  }
  if (cell) reporter_.remember(run, *cell);
  Outcome outcome = cell    ? run_cell(run, *cell)
                    : space ? failure_to_compile(run, filename, space)
                            : failure(take_exception(), run, nullptr);
  hooks_.flush_replaced();
  reporter_.release(run, filename, cell ? &*cell : nullptr);
  return outcome;
}

// A message for a comm of the session's.
Outcome Interpreter::deliver(const CommMessage& message, const Run& run) {
  {
    const memory_limit::Scope limited;
    const user_context::Scope context;
    const interrupts::Window window;
    if (comms::deliver(message)) static_cast<void>(PyErr_CheckSignals());
  }
  if (left_as_child()) return {};
  presenter_.finish();
  Outcome outcome = Completed{};
  if (PyErr_Occurred() != nullptr) outcome = failure(take_exception(), run, nullptr);
  hooks_.flush_replaced();
  return outcome;
}

// Variables to a file, or from one.
Outcome Interpreter::transfer(const Run& run) {
  Outcome outcome;
  if (!advisor_.load()) {
  } else if (const auto* save = std::get_if<Save>(&*run.errand)) {
    if (auto saved = session_files::save(run.execution, *save)) outcome = *std::move(saved);
  } else if (const auto* load = std::get_if<Load>(&*run.errand)) {
    if (auto loaded = session_files::load(run.execution, *load)) outcome = *std::move(loaded);
  }
  if (left_as_child()) return {};
  presenter_.finish();
  hooks_.flush_replaced();
  return PyErr_Occurred() != nullptr ? reporter_.fault(take_exception()) : outcome;
}

// Null with a Python exception set: the module cannot be imported.
Ref Interpreter::space_of(const Run& run) {
  if (!run.module) return Ref::borrow(main_.space());
  const memory_limit::Scope limited;
  const user_context::Scope context;
  const interrupts::Window window;
  const Ref module(PyImport_ImportModule(run.module->c_str()));
  Ref space(module ? PyObject_GetAttrString(module.get(), "__dict__") : nullptr);
  if (!space) forget_import_machinery();
  if (!space || PyErr_CheckSignals() != 0) return {};
  if (PyDict_Check(space.get()) != 0) return space;
  PyErr_Format(PyExc_TypeError, "'%s' is no module", run.module->c_str());
  return {};
}

// A child that user code forked, from wherever it was called, and that came to the end of the code:
// it ends as a script would, and is no second session.
bool Interpreter::left_as_child() {
  if (!in_forked_child()) return false;
  if (PyErr_Occurred() != nullptr) {
    PyErr_Print();  // exits by itself for SystemExit
    status_ = 1;
  }
  stopped_ = true;
  return true;
}

Outcome Interpreter::run_cell(const Run& run, const Cell& cell) {
  const ModuleName named(cell.space, run.name);
  const Ref value = run_code(run, cell);
  Outcome outcome;
  if (left_as_child()) return outcome;
  if (value) outcome = complete(run, cell, value);
  if (left_as_child()) return outcome;
  end_in_ipython(true);
  presenter_.finish();
  if (!PyErr_Occurred()) return outcome;
  const Ref exception = take_exception();
  debugger::failed(exception);
  return failure(exception, run, &cell);
}

// What its hooks raise ends an execution that has ended well, and no other.
void Interpreter::end_in_ipython(bool compiled) {
  if (!ipython_.on()) return;
  const Ref exception = take_exception();
  const bool fine = ipython_.finish(exception, compiled);
  if (!exception) return;
  if (!fine) PyErr_Clear();
  PyErr_Restore(Ref::borrow(reinterpret_cast<PyObject*>(Py_TYPE(exception.get()))).release(),
                Ref(exception).release(), PyException_GetTraceback(exception.get()));
}

Outcome Interpreter::failure_to_compile(const Run& run, const Ref& filename, const Ref& space) {
  end_in_ipython(false);
  const Ref exception = take_exception();
  reporter_.amend(exception, run, filename, compiler_.flags(run, space));
  return failure(exception, run, nullptr);
}

Outcome Interpreter::failure(const Ref& exception, const Run& run, const Cell* cell) {
  const auto is = [&exception](PyObject* type) {
    return PyErr_GivenExceptionMatches(exception.get(), type) != 0;
  };
  // Where there is no memory to compile with, CPython may fail without saying why.
  if (is(PyExc_MemoryError) || (cell == nullptr && is(PyExc_SystemError))) memory_reserve::open();
  return reporter_.outcome(exception, run, cell);
}

Ref Interpreter::run_code(const Run& run, const Cell& cell) {
  const memory_limit::Scope limited;
  if (cell.awaits) return loop_.run(cell, *run.execution);
  const user_context::Scope context;
  const interrupts::Window window;
  Ref value = evaluate(cell);
  if (value && PyErr_CheckSignals() != 0) return {};  // one that came with the last step
  return value;
}

Ref Interpreter::evaluate(const Cell& cell) {
  PyObject* space = cell.space.get();
  for (const auto& [code, line] : cell.parts) {
    const Ref value(PyEval_EvalCode(code.get(), space, space));
    if (!value || (line != 0 && !teller_.send(value.get(), line))) return {};
  }
  if (cell.body) {
    const Ref done(PyEval_EvalCode(cell.body.get(), space, space));
    if (!done || !cell.expression) return done;
  }
  if (!cell.expression) return Ref::borrow(Py_None);
  return Ref(PyEval_EvalCode(cell.expression.get(), space, space));
}

Outcome Interpreter::complete(const Run& run, const Cell& cell, const Ref& value) {
  Completed completed;
  if (!run.silent && cell.expression && !tell_result(run, value, completed.value)) return completed;
  for (const Expression& expression : run.expressions) {
    ExpressionValue& entry = completed.expressions.emplace_back();
    entry.name = expression.name;
    if (tell_expression(run, cell, expression, entry.value)) continue;
    if (in_forked_child() || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0) break;
    entry.value = {};
    entry.failure = failure_of_expression();
  }
  return completed;
}

// False with a Python exception set, here and below.
bool Interpreter::tell_result(const Run& run, const Ref& value, Presentation& told) {
  const memory_limit::Scope limited;
  const user_context::Scope context;
  const interrupts::Window window;
  return teller_.show(run, value, told);
}

bool Interpreter::tell_expression(const Run& run, const Cell& beside, const Expression& expression,
                                  Presentation& told) {
  const auto cell = compiler_.compile_expression(expression.code, beside);
  const Ref value = cell ? run_code(run, *cell) : Ref();
  if (!value || in_forked_child()) return false;
  const memory_limit::Scope limited;
  const user_context::Scope context;
  const interrupts::Window window;
  if (!teller_.say(run, value, told) || PyErr_CheckSignals() != 0) return false;
  told.value = plain_json(value.get());
  return true;
}

Failure Interpreter::failure_of_expression() {
  const Ref exception = take_exception();
  if (PyErr_GivenExceptionMatches(exception.get(), PyExc_MemoryError) != 0) memory_reserve::open();
  Report report = reporter_.report(exception);
  PyErr_Clear();
  return {std::move(report.type), std::move(report.message)};
}

bool Interpreter::note_crashes(int file) {
  const Ref module(PyImport_ImportModule("faulthandler"));
  return module && Ref(PyObject_CallMethod(module.get(), "enable", "i", file));
}

std::string Interpreter::run_startup(const std::string& path) {
  const Ref space = Ref::borrow(main_.space());
  const Ref file = make_str(path);
  const Ref io(PyImport_ImportModule("io"));
  const Ref code(io ? PyObject_CallMethod(io.get(), "open_code", "O", file.get()) : nullptr);
  const Ref source(code ? PyObject_CallMethod(code.get(), "read", nullptr) : nullptr);
  const Ref compiled(source ? compiler_.compile_file(source, file) : Ref());
  const user_context::Scope context;
  const Ref done(compiled ? PyEval_EvalCode(compiled.get(), space.get(), space.get()) : nullptr);
  if (done) {
    advisor_.note_startup();
    return {};
  }
  return reporter_.summary(take_exception());
}

std::string Interpreter::use_ipython() {
  if (!Ipython::is_installed()) {
    return "this Python has no IPython: " + sys_text("executable") + " -m pip install ipython";
  }
  if (!ipython_.start(hooks_.wire())) {
    return "IPython cannot be loaded: " + reporter_.summary(take_exception());
  }
  presenter_.use_formatters();
  advisor_.note_startup();
  return {};
}

void Interpreter::set_position_encoding(const std::string& encoding) {
  const Ref text = make_str(encoding);
  if (PyObject_SetAttrString(hooks_.wire(), "position_encoding", text.get()) != 0) PyErr_Clear();
}

void Interpreter::tell_window(const WindowSize& size) {
  if (size.columns == window_.columns && size.lines == window_.lines) return;
  window_ = size;
  const Ref os(PyImport_ImportModule("os"));
  const Ref environ(os ? PyObject_GetAttrString(os.get(), "environ") : nullptr);
  const auto tell = [&environ](const char* name, std::int64_t number) {
    const Ref key = make_str(name);
    const Ref text = make_str(std::to_string(number));
    if (number != 0 && environ && key && text)
      PyObject_SetItem(environ.get(), key.get(), text.get());
  };
  tell("COLUMNS", size.columns);
  tell("LINES", size.lines);
  PyErr_Clear();
}

void Interpreter::set_figure_format(const std::string& format) {
  const Ref text = make_str(format);
  if (PyObject_SetAttrString(hooks_.wire(), "figure_format", text.get()) != 0) PyErr_Clear();
}

// Python does all of it by itself, but other threads may have the GIL until it takes itself apart.
void Interpreter::run_exit_handlers() {
  PyObject* threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading");
  if (threading != nullptr && !Ref(PyObject_CallMethod(threading, "_shutdown", nullptr)))
    PyErr_WriteUnraisable(threading);
  const Ref atexit(PyImport_ImportModule("atexit"));
  if (!atexit || !Ref(PyObject_CallMethod(atexit.get(), "_run_exitfuncs", nullptr))) PyErr_Clear();
}

void Interpreter::end() {
  if (!in_forked_child()) {
    control_.stir();
    loop_.close();
    loop_.leave();
    Visit::end_all();
    run_exit_handlers();
    python_end::begin();
  }
  advisor_.forget();
  if (PyObject_SetAttrString(hooks_.wire(), "context", Py_None) != 0) PyErr_Clear();
  user_context::forget();
}

}  // namespace replwire::runtime
