#include "server/session/stop/ending.h"

namespace replwire::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShutdownGrace{1000};

}  // namespace

bool Ending::shut_down() { return !std::exchange(shutting_down_, true); }

void Ending::give_time(Clock::time_point now) { due_ = now + kShutdownGrace; }

bool Ending::stop(bool asked, Clock::time_point now) {
  if (stopping_ || over_) return false;
  if (!shutting_down_ && (!input_ended_ || asked)) return false;
  stopping_ = true;
  due_.reset();
  if (exit_time_) due_ = now + *exit_time_;
  return true;
}

bool Ending::finish() {
  due_.reset();
  return !std::exchange(over_, true);
}

void Ending::answer() {
  for (ReplyOnce& each : shutdowns_) each.answer(protocol::ShutdownReply{});
  if (shutting_down_ && shutdowns_.empty()) frames_.write(protocol::ShutdownReply{});
  shutdowns_.clear();
}

}  // namespace replwire::server
