#pragma once

#include "runtime/object.h"

// The context (of contextvars) in which the session's code runs, whether it awaits or not: what one
// execution sets is there in the next, and a token of one is good in another.
namespace replwire::runtime::user_context {

// Once, a copy of the thread's. False with a Python exception set.
bool make();

// None where this Python offers no way to enter it; everything runs in the thread's own then.
PyObject* object();

// At Python's end: what it holds can be deleted.
void forget();

// For the length of a scope code runs in it. Not while an event loop runs: its tasks enter it.
class Scope {
 public:
  Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();
};

}  // namespace replwire::runtime::user_context
