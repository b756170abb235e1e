#include "runtime/hooks/questions.h"

#include <atomic>
#include <csignal>
#include <utility>

#include "runtime/answers/presenter.h"
#include "runtime/execution/origin.h"
#include "runtime/os/c_stdio.h"

namespace replwire::runtime::questions {
namespace {

// Blocks the worker's signals for the length of a scope.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
};

std::optional<Answer> wait_for_answer(Link& link, std::uint64_t number, const sigset_t* blocked) {
  const GilRelease released;
  return link.wait_for_answer(number, blocked);
}

// Nothing when a signal came instead, or, with a Python exception set, when its handler raised.
// A signal that came before the wait would be slept through: so the look at them and the wait are
// one step.
std::optional<Answer> try_answer(Link& link, std::uint64_t number) {
  if (!Origin::is_worker()) return wait_for_answer(link, number, nullptr);
  const BlockedSignals blocked;
  if (PyErr_CheckSignals() != 0) return std::nullopt;
  return wait_for_answer(link, number, &blocked.before());
}

}  // namespace

NeedInput make() {
  // Static, since any thread asks, and no two questions have the same number.
  static std::atomic<std::uint64_t> last_number{0};
  return {++last_number, Origin::current(), {}, false, Origin::is_worker()};
}

bool send(Link& link, NeedInput question) {
  if (!show_before_question()) return false;
  c_stdio::flush();
  const GilRelease released;
  link.send(std::move(question));
  return true;
}

std::optional<Answer> wait(Link& link, std::uint64_t number) {
  for (;;) {
    if (auto answer = try_answer(link, number)) return answer;
    if (PyErr_Occurred() != nullptr || PyErr_CheckSignals() != 0) {
      link.send(InputWithdrawn{number});
      return std::nullopt;
    }
  }
}

}  // namespace replwire::runtime::questions
