#include "runtime/os/forked.h"

#include <pthread.h>

#include "runtime/os/detached_fork.h"

namespace replwire::runtime {
namespace {

// Global, since the handlers of pthread_atfork are given nothing.
bool is_child = false;
void (*run_in_child)() = nullptr;

}  // namespace

void watch_forks(void (*in_child)()) {
  run_in_child = in_child;
  pthread_atfork([] { before_fork(); }, [] { behind_fork_in_parent(); },
                 [] {
                   if (behind_fork_in_child()) return;
                   if (!is_child && run_in_child != nullptr) run_in_child();
                   is_child = true;
                 });
}

bool in_forked_child() { return is_child; }

}  // namespace replwire::runtime
