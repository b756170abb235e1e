#include "runtime/forked.h"

#include <pthread.h>

namespace replwire::runtime {
namespace {

bool is_child = false;
thread_local bool detaching = false;
void (*run_in_child)() = nullptr;

}  // namespace

void watch_forks(void (*in_child)()) {
  run_in_child = in_child;
  pthread_atfork(nullptr, nullptr, [] {
    if (detaching) return;
    if (!is_child && run_in_child != nullptr) run_in_child();
    is_child = true;
  });
}

bool in_forked_child() { return is_child; }

Detaching::Detaching() { detaching = true; }
Detaching::~Detaching() { detaching = false; }

}  // namespace replwire::runtime
