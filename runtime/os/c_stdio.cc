#include "runtime/os/c_stdio.h"

#include <pthread.h>
#include <stdio_ext.h>

#include <cstdio>

#include "runtime/object.h"

namespace replwire::runtime::c_stdio {
namespace {

// Not where another thread is printing: it may be held up for long.
void flush_unless_busy() {
  if (::ftrylockfile(stdout) != 0) return;
  ::fflush_unlocked(stdout);
  ::funlockfile(stdout);
}

}  // namespace

void print_by_lines() {
  const bool unbuffered = ::__fbufsize(stdout) == 1;  // `-u`
  if (!unbuffered) std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  // A child has a copy of the buffer, and would print it once more.
  pthread_atfork(
      [] {
        if (::__fpending(stdout) != 0) flush_unless_busy();
      },
      nullptr, nullptr);
}

void flush() {
  if (::__fpending(stdout) == 0) return;
  const GilRelease released;
  flush_unless_busy();
}

}  // namespace replwire::runtime::c_stdio
