#include "server/system/threads.h"

#include <pthread.h>
#include <sched.h>

#include <csignal>

namespace replwire::server {

std::thread start_thread(const char* name, std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), name);
  return thread;
}

void give_way() {
  cpu_set_t own;
  if (::sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) > 1) ::sched_yield();
}

}  // namespace replwire::server
