#pragma once

// Python ends as in `python3`: threads that are no daemons, atexit, all objects, then C's exit
// handlers. Any of them may wait for ever, so whoever begins has something that ends the process
// all the same.
namespace replwire::runtime::python_end {

// On Python's main thread, with the GIL.
void begin();

// Python takes itself apart: no thread but the main one may have the GIL any more.
bool has_begun();

// For a thread that would ask for it: stays here until the process ends. CPython up to 3.13 would
// end the thread, by unwinding a stack that has our frames on it. Nothing on the main thread.
void hold_thread();

}  // namespace replwire::runtime::python_end
