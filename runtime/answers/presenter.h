#pragma once

#include <optional>
#include <string>

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// JSON {MIME type: …}, and what its forms say beside their data.
struct Forms {
  std::string data;  // empty: the value has shown itself, and nothing else is to be told of it
  std::optional<std::string> metadata;
};

// Shows what is left for the end of an execution, since the client is about to be asked. False with
// a Python exception set. On any Python thread; does nothing on others than the worker.
bool show_before_question();

// How values show beyond their repr: display() and its like in `builtins`, rich forms of results,
// figures that are open when an execution ends. The Python side is loaded at the first use of any.
// Lives on the worker; the functions in `builtins` may be called from any Python thread.
class Presenter {
 public:
  explicit Presenter(Link& link) : link_(link) {}
  Presenter(const Presenter&) = delete;
  Presenter& operator=(const Presenter&) = delete;

  // `wire` is the _replwire module. False with a Python exception set.
  bool start(PyObject* wire);

  // Those of IPython's shell: no value is so plain that they are not asked.
  void use_formatters() { formatters_ = true; }

  // A sys.displayhook of user code's own.
  Ref user_hook() const;

  // When there is more to show than the repr. It may be that nothing is returned because a Python
  // exception is set: user code runs.
  std::optional<Forms> forms(const Ref& value, const Ref& repr);

  // What the code of an execution leaves for its end. An exception that is set stays; else one of
  // user code's may be set afterwards.
  void finish();

 private:
  void call_at_end();

  Link& link_;
  bool formatters_ = false;
  Ref sys_;  // the namespace of sys
  Ref hook_name_;
  Ref original_hook_;
};

}  // namespace replwire::runtime
