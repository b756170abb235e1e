#include "server/session/stop/deadline.h"

namespace replwire::server {

void Deadline::begin(std::optional<Duration> timeout, Duration grace, Clock::time_point now) {
  *this = {};
  grace_ = grace;
  if (timeout) due_ = now + *timeout;
}

void Deadline::pause(Clock::time_point now) {
  if (due_ && next_ == Step::kInterrupt && !paused_) paused_ = now;
}

void Deadline::resume(Clock::time_point now) {
  if (!paused_) return;
  *due_ += now - *paused_;
  paused_.reset();
}

void Deadline::insist(Duration grace, Clock::time_point now) {
  paused_.reset();
  grace_ = grace;
  next_ = Step::kInsist;
  due_ = now + grace;
}

std::optional<Deadline::Step> Deadline::step(Clock::time_point now) {
  if (!due_ || paused_ || now < *due_) return std::nullopt;
  const Step step = next_;
  switch (step) {
    case Step::kInterrupt:
      timed_out_ = true;
      next_ = Step::kInsist;
      due_ = now + grace_;
      break;
    case Step::kInsist:
      next_ = Step::kStuck;
      due_ = now + grace_;
      break;
    case Step::kStuck:
      due_.reset();
      break;
  }
  return step;
}

}  // namespace replwire::server
