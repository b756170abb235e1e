#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "runtime/link.h"
#include "server/session/reply_once.h"
#include "server/system/options.h"

namespace replwire::server {

// --autosave and --restore: when the session's variables go to a file by themselves, and that they
// come back from one as it begins. Makes the requests, which take their turn like a client's; their
// ids are the options' names. A file that could not be restored as a whole is never overwritten.
// Sets no timer; belongs to the session, which guards it.
class Autosave {
 public:
  using Clock = std::chrono::steady_clock;
  struct Request {
    runtime::Errand errand;
    ReplyOnce reply;
  };

  Autosave(FrameSink& frames, const Options& options) : frames_(frames), options_(options) {}
  Autosave(const Autosave&) = delete;
  Autosave& operator=(const Autosave&) = delete;

  // As the session begins, if there is anything to be restored.
  std::optional<Request> restore();
  // What came of an execution with that id as JSON: variables may be others now.
  void ended(const std::string& id, const runtime::Outcome& outcome, Clock::time_point now);

  // When `save` is to be called.
  std::optional<Clock::time_point> due() const { return due_; }
  std::optional<Request> save(Clock::time_point now);
  // The one before has not come to its end: later.
  void put_off(Clock::time_point now);
  // Of its requests, as JSON.
  static std::string key();

 private:
  Request request(runtime::Errand errand, std::string_view type, const char* id);

  FrameSink& frames_;
  const Options& options_;
  bool restored_in_part_ = false;
  std::optional<Clock::time_point> due_;
};

}  // namespace replwire::server
