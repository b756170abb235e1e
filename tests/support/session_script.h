#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/server_process.h"

namespace replwire_tests {

// A session as text, line by line:
//   `> ` a line that the client sends        `>e ` bytes to send, with \n, \r, \xHH; no line end
//   `< ` a frame that the server must write  `! `  options of the server
//   `>end` the end of the client's input
//   `= ` the exit status after the end of input (0 unless told)    `#` a comment
// An expected frame fits when every field that it shows is equal; "..." fits anything. A string
// "$name" fits anything the first time and from then on, sent ones included, stands for that.
struct SessionScript {
  enum class Kind { kSend, kSendBytes, kEnd, kExpect };
  struct Step {
    Kind kind;
    std::string text;
    int line;
  };

  std::string name;  // for messages: where the text is from
  std::vector<std::string> options{};
  std::vector<Step> steps{};
  int exit_status = 0;
};

// kWhole: every frame must be expected, but for `ready` and `output`, and the exit status is
// checked. kExcerpt: what the script does not show may come in between and afterwards.
enum class Strictness { kWhole, kExcerpt };

SessionScript parse_session_script(std::string name, std::string_view text, int first_line = 1);
// Plays it to a fresh server; what goes wrong is an exception that names the line.
void play(const SessionScript& script, Strictness strictness);

}  // namespace replwire_tests
