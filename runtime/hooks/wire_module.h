#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

namespace replwire::runtime {

// The module `_replwire`: what Python code of ours and user code's streams call. Every function
// works from any Python thread; in a forked child none of them touches the link. No function leads
// to the module, and none takes text that goes into a frame as it is.
Ref make_wire_module(Link& link);
// Adds more of them. False with a Python exception set.
bool add_functions(PyObject* wire, PyMethodDef* methods);

// Waits without the GIL until the client has caught up. False with a Python exception set: a
// signal's handler raised meanwhile.
bool wait_for_room(Link& link);

// Sends the event, then waits for room. False as for wait_for_room.
bool send_event(Link& link, Event event);

// Whether a standard stream of ours has been closed since the last call.
bool take_stream_closed();

// The one function that stands in for builtins.input for the whole session.
Ref make_input_function();

}  // namespace replwire::runtime
