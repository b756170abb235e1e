#pragma once

// The standard output of C code in this process: printf(), std::cout. It has a buffer of its own,
// as in any program whose output is a pipe.
namespace replwire::runtime::c_stdio {

// Before anything is printed: a line goes out when it ends, as on a terminal.
void print_by_lines();

// What is left of a line goes out. With the GIL; costs a look at two pointers where nothing is.
void flush();

}  // namespace replwire::runtime::c_stdio
