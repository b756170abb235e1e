#pragma once

#include <string>
#include <string_view>

#include "support/spawn.h"

namespace replwire_tests {

struct ProgramRun {
  int status = 0;  // the exit status, or minus the signal
  std::string out;
  std::string err;
};

// Runs the program on an input that is all there from the start (a regular file) until it ends,
// for tests that look at bytes and exit status instead of talking.
ProgramRun run_program(const Launch& launch, std::string_view input = "");

}  // namespace replwire_tests
