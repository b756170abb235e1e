#include "runtime/os/forked.h"

#include <pthread.h>

#include "runtime/os/detached_fork.h"

namespace replwire::runtime {
namespace {

struct State {
  bool is_child;
  void (*run_in_child)();
};

// Global, since the handlers of pthread_atfork are given nothing.
State state;

}  // namespace

void watch_forks(void (*in_child)()) {
  state.run_in_child = in_child;
  pthread_atfork([] { before_fork(); }, [] { behind_fork_in_parent(); },
                 [] {
                   if (behind_fork_in_child()) return;
                   if (!state.is_child && state.run_in_child != nullptr) state.run_in_child();
                   state.is_child = true;
                 });
}

void become_forked_child() { state.is_child = true; }

bool in_forked_child() { return state.is_child; }

}  // namespace replwire::runtime
