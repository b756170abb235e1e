#pragma once

#include <chrono>
#include <optional>

namespace replwire::server {

// When to do what to an execution that is to end: at its deadline, or once a client has interrupted
// it with a grace. Knows nothing but time; the session guards it and acts.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::nanoseconds;

  enum class Step {
    kInterrupt,  // the deadline
    kInsist,     // a grace later: once more, and SIGTERM to the descendants
    kStuck       // another grace later: it cannot be stopped
  };

  // An execution starts. `timeout`: nothing for none.
  void begin(std::optional<Duration> timeout, Duration grace, Clock::time_point now);
  // It is over.
  void end() { *this = {}; }

  // It waits for the client: the time until its deadline stands still.
  void pause(Clock::time_point now);
  void resume(Clock::time_point now);

  // It has been interrupted on the client's word; the next steps come, each a grace later.
  void insist(Duration grace, Clock::time_point now);

  bool active() const { return due_.has_value(); }
  // When the next step is due, if one is to come.
  std::optional<Clock::time_point> due() const { return paused_ ? std::nullopt : due_; }
  // The step that is due by now, each once.
  std::optional<Step> step(Clock::time_point now);

  // Whether it got as far as its deadline.
  bool timed_out() const { return timed_out_; }

 private:
  std::optional<Clock::time_point> due_;
  Step next_ = Step::kInterrupt;
  Duration grace_{0};
  std::optional<Clock::time_point> paused_;
  bool timed_out_ = false;
};

}  // namespace replwire::server
