#pragma once

#include <ctime>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "server/system/descriptors/descriptor.h"

namespace replwire::server {

// --record: every frame of both directions, a line each, in the order in which they came and were
// said. Each is written by one call, so that the file is complete up to the last one however the
// process dies. Passwords are masked: it sees which questions want one.
class Recording {
 public:
  // Of an empty path: nothing is recorded.
  explicit Recording(const std::string& path);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  bool failed() const { return failed_; }  // the file could not be opened

  void came(std::string_view line);
  void sent(std::string_view frames);
  void sent_last(std::string_view frames) const;  // for last words, from a signal handler

 private:
  struct Question {
    std::string id;
    bool password;
  };

  void note_question(std::string_view frame);
  std::string masked(std::string_view line);
  bool wants_password(const std::string* input_id);
  void write(char direction, std::string_view name, std::string_view value) const;

  Descriptor file_;
  bool failed_ = false;
  timespec start_ = {};
  std::mutex mutex_;                 // of what follows
  std::deque<Question> waiting_;     // for an answer
  std::set<std::string> passwords_;  // the ids of all that ever asked for one
};

}  // namespace replwire::server
