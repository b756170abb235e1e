#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "server/session/reply_once.h"

namespace replwire::server {

// How far the session is on its way to its end. The end of input lets everything that waits run
// first; a shutdown gives what runs a second. Either way the interpreter is told to stop once
// nothing is left, has a limited time for it, and the session is over when it has. Sets no timer;
// says when the time is over. Belongs to the session, which guards it.
//
//   open --input_ended--> draining --stop--> stopping, with a time limit --finish--> over
//   open, draining, stopping --shut_down--> shutting down --stop--> stopping
class Ending {
 public:
  using Clock = std::chrono::steady_clock;

  // `exit_time`: what Python's own end may take; none: as long as it does.
  Ending(FrameSink& frames, std::optional<Clock::duration> exit_time)
      : frames_(frames), exit_time_(exit_time) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void input_ended() { input_ended_ = true; }
  // True: this is what begins it.
  bool shut_down();
  // To be answered at the very end.
  void add(ReplyOnce shutdown) { shutdowns_.push_back(std::move(shutdown)); }
  // What runs has a second from here on.
  void give_time(Clock::time_point now);

  bool has_input_ended() const { return input_ended_; }
  bool shutting_down() const { return shutting_down_; }
  bool stopping() const { return stopping_; }
  bool over() const { return over_; }

  // Nothing runs and nothing waits its turn. True, once: the interpreter is to be told to stop.
  // `asked`: inquiries still wait, which the end of input lets be answered.
  bool stop(bool asked, Clock::time_point now);
  // When the session is over, whatever the interpreter does.
  std::optional<Clock::time_point> due() const { return due_; }

  // It is, but others are not: `finish` comes when they are.
  void await_others() {
    due_.reset();
    awaits_others_ = true;
  }
  bool awaits_others() const { return awaits_others_; }

  // It is. True, once.
  bool finish();
  // The last frames.
  void answer();

 private:
  FrameSink& frames_;
  const std::optional<Clock::duration> exit_time_;
  std::vector<ReplyOnce> shutdowns_;
  std::optional<Clock::time_point> due_;
  bool input_ended_ = false;
  bool shutting_down_ = false;
  bool stopping_ = false;  // the interpreter was told to stop
  bool awaits_others_ = false;
  bool over_ = false;
};

}  // namespace replwire::server
