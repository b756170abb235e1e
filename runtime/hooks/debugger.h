#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// debugpy, once a client has asked for it; before that there is nothing of it in the process. What
// it has to know of us is in runtime/python/debugging.py.
namespace replwire::runtime::debugger {

// On the worker. False with a Python exception set.
bool connect(Link& link, PyObject* wire);

// On a thread that answers inquiries.
Listening listen(const Debug& where);

// On the worker: an execution begins; one has raised what nobody has caught.
void begin();
void failed(const Ref& exception);

// The thread that answers an inquiry, which the debugger is not to see.
class Hidden {
 public:
  Hidden();
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;
  ~Hidden();
};

}  // namespace replwire::runtime::debugger
