"""The version of this package, as the project's CMakeLists.txt has it."""

VERSION = "0.1.0"
