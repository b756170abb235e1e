// Python's own command line, linked as the server is: tells what the linking costs from what the
// server costs.

#include <Python.h>

int main(int argc, char** argv) { return Py_BytesMain(argc, argv); }
