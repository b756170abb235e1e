#pragma once

namespace replwire::runtime {

// In a Python that was started with code of ours, all that the session runs would stand on that
// code's frame: one more in sys._getframe(), inspect.stack() and print_stack(), and where a warning
// at top level points. Takes the frame out of the thread's list, where that is found (CPython 3.10
// to 3.13); elsewhere it stays.
void hide_first_frame();

// Before the caller returns to the frame.
void show_first_frame();

}  // namespace replwire::runtime
