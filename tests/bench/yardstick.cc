// The yardstick of the round trip: what one execution costs with no server around it. One thread
// reads a line, parses it, compiles, evaluates, and writes a result of the same fields as
// replwire's.

#include <Python.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace {

using Json = nlohmann::json;

class LineReader {
 public:
  std::optional<std::string> next() {
    for (;;) {
      const auto end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      char chunk[65536];
      const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
      if (count <= 0) return std::nullopt;
      buffer_.append(chunk, static_cast<std::size_t>(count));
    }
  }

 private:
  std::string buffer_;
};

[[noreturn]] void fail_with_traceback() {
  PyErr_Print();
  std::exit(1);
}

std::string repr_of(PyObject* value) {
  PyObject* text = PyObject_Repr(value);
  Py_ssize_t size = 0;
  const char* data = text ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
  if (!data) fail_with_traceback();
  std::string repr(data, static_cast<std::size_t>(size));
  Py_DECREF(text);
  return repr;
}

PyObject* evaluate(const std::string& code, const std::string& filename, PyObject* globals) {
  PyObject* compiled = Py_CompileString(code.c_str(), filename.c_str(), Py_eval_input);
  if (!compiled) fail_with_traceback();
  PyObject* value = PyEval_EvalCode(compiled, globals, globals);
  Py_DECREF(compiled);
  if (!value) fail_with_traceback();
  return value;
}

Json execute(const Json& request, int count, PyObject* globals) {
  const auto start = std::chrono::steady_clock::now();
  PyObject* value = evaluate(request.at("code").get_ref<const std::string&>(),
                             "<execution " + std::to_string(count) + ">", globals);
  Json result = {{"type", "result"},
                 {"execution_id", request.at("id")},
                 {"execution_count", count},
                 {"repr", repr_of(value)}};
  if (PyLong_CheckExact(value)) result["value"] = PyLong_AsLongLong(value);
  Py_DECREF(value);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  result["execution_time"] = elapsed.count();
  return result;
}

void write_line(const Json& frame) {
  const std::string line = frame.dump() + '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::exit(1);
  }
}

}  // namespace

int main() {
  Py_Initialize();
  PyObject* globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  LineReader lines;
  int count = 0;
  while (const auto line = lines.next()) {
    write_line(execute(Json::parse(*line), ++count, globals));
  }
  return 0;
}
