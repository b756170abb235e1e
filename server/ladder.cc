#include "server/ladder.h"

namespace replwire::server {

void Ladder::begin(std::optional<Duration> timeout, Duration grace, Clock::time_point now) {
  *this = {};
  grace_ = grace;
  if (timeout) due_ = now + *timeout;
}

void Ladder::pause(Clock::time_point now) {
  if (due_ && next_ == Rung::kInterrupt && !paused_) paused_ = now;
}

void Ladder::resume(Clock::time_point now) {
  if (!paused_) return;
  *due_ += now - *paused_;
  paused_.reset();
}

void Ladder::climb(Duration grace, Clock::time_point now) {
  paused_.reset();
  grace_ = grace;
  next_ = Rung::kInsist;
  due_ = now + grace;
}

std::optional<Ladder::Rung> Ladder::step(Clock::time_point now) {
  if (!due_ || paused_ || now < *due_) return std::nullopt;
  const Rung rung = next_;
  switch (rung) {
    case Rung::kInterrupt:
      timed_out_ = true;
      next_ = Rung::kInsist;
      due_ = now + grace_;
      break;
    case Rung::kInsist:
      next_ = Rung::kStuck;
      due_ = now + grace_;
      break;
    case Rung::kStuck:
      due_.reset();
      break;
  }
  return rung;
}

}  // namespace replwire::server
