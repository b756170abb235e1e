#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// The module `host`: functions of the client's, which code calls like any other. What it consists
// of is made by python/host.py when it is first needed. The calls themselves are here, since a
// function of Python's own would stand in the tracebacks of whoever called it.
//
// A call is input() with a name, arguments and a JSON answer: the same question, and for a sync
// function the same wait. What an async function returns is a coroutine that waits for a future of
// the running loop, which is told by an eventfd. Each loop that waits for answers has one for as
// long as it does (`Mailbox` in host.py).
namespace replwire::runtime::host_calls {

// False with a Python exception set.
bool connect(Link& link, PyObject* wire);

// In the turn of a request. On the worker.
Defined define(const Define& functions);
// In a process that was a snapshot: nobody will answer what it waits for.
void renew();

}  // namespace replwire::runtime::host_calls
