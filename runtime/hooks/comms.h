#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// The session's end of Jupyter's comms: what the package `comm` sends goes over the link, and what
// the client sends is handed to the package. The Python side (runtime/python/comms.py) is loaded
// with that package.
namespace replwire::runtime::comms {

// `wire` is the _replwire module. False with a Python exception set.
bool install(Link& link, PyObject* wire);

// On the worker; runs user code. False with a Python exception set.
bool deliver(const CommMessage& message);

}  // namespace replwire::runtime::comms
