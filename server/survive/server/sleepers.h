#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// The processes that sleep beside the interpreter, each on a socket of its own: those that it can
// be replaced by, and the keeper of its descriptors. One whose socket is closed sees that, and
// ends. For any thread.
class Sleepers {
 public:
  static constexpr std::uint64_t kOrigin = 0;  // in it nothing has been run yet

  // `make_origin` makes another one when something has killed the first.
  Sleepers(Descriptor origin, std::function<Descriptor()> make_origin);

  void add(std::uint64_t number, Descriptor control, pid_t pid);
  void drop(std::uint64_t number);
  pid_t process_of(std::uint64_t number) const;  // 0: it is gone
  // Goes on as the interpreter with these sockets, and with what the keeper has.
  void wake(std::uint64_t number, const Descriptor& link, const Descriptor& inquiries);
  void renew_origin();

  void set_keeper(Descriptor control, pid_t pid);  // 0: there is none

  std::vector<pid_t> processes() const;

 private:
  struct Sleeper {
    Descriptor control;
    pid_t pid;
  };

  static void go_on(const Sleeper& sleeper);

  const std::function<Descriptor()> make_origin_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Sleeper> all_;
  Sleeper keeper_ = {{}, 0};
};

}  // namespace replwire::server::survive
