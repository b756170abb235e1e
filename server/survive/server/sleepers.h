#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "server/survive/wire/channels.h"
#include "server/system/descriptors/descriptor.h"

namespace replwire::server::survive {

// The processes that sleep beside the interpreter, each on a socket of its own: those that it can
// be replaced by, and the keeper of its descriptors. One whose socket is closed sees that, and
// ends. For any thread.
class Sleepers {
 public:
  static constexpr std::uint64_t kOrigin = 0;  // in it nothing has been run yet

  // `make_origin` makes another one when something has killed the first, or there is none.
  // `of_other`: it is one for the first session's channels, and these are another's.
  Sleepers(Descriptor origin, std::function<Descriptor()> make_origin, bool of_other);

  void add(std::uint64_t number, Descriptor control, pid_t pid);
  void drop(std::uint64_t number);
  // For another session, which has it as long as either wants it; and there.
  struct Lent {
    std::shared_ptr<const Descriptor> control;
    pid_t pid;
  };
  Lent lend(std::uint64_t number);
  void borrow(std::uint64_t number, Lent lent);
  pid_t process_of(std::uint64_t number) const;  // 0: it is gone
  // Goes on as the interpreter with these sockets, and with what the keeper has; one of another
  // session's with all of these channels.
  void wake(std::uint64_t number, const Descriptor& link, const Descriptor& inquiries,
            const Channels& channels);
  void renew_origin();
  // Returns when those made for this session hold no lock any more.
  void let_go_of_locked() const;

  void set_keeper(Descriptor control, pid_t pid);  // 0: there is none

  // Also those that only another session has any more, which was lent them.
  std::vector<pid_t> processes() const;
  // All are given up that no other session has. Returns them: they end.
  std::vector<pid_t> clear();

 private:
  struct Sleeper {
    std::shared_ptr<const Descriptor> control;
    pid_t pid;
    bool of_other = false;  // made for another session's channels
  };

  static void go_on(const Sleeper& sleeper);

  const bool of_other_;
  const std::function<Descriptor()> make_origin_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Sleeper> all_;
  std::vector<std::pair<std::weak_ptr<const Descriptor>, pid_t>> lent_;
  Descriptor keeper_;
  pid_t keeper_pid_ = 0;
};

}  // namespace replwire::server::survive
