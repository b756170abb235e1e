#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "runtime/link.h"

// What crosses between the server's process and the interpreter's: the values of the link, and a
// few about the process itself.
namespace replwire::server::survive {

struct GivenAnswer {
  std::uint64_t question;
  runtime::Answer answer;
};
// Over the socket that the worker reads, and over that of the interpreter's reader thread. Each
// gets the answers to its own questions: the worker's needs no thread switch, and no other one
// waits for the worker.
using ToWorker = std::variant<runtime::Command, GivenAnswer>;
using ToReader = std::variant<runtime::Inquiry, GivenAnswer>;

struct Hello {  // the first of every interpreter process
  pid_t pid;
};
struct NotCopied {  // a sleeper that was to be the state of another session: why it is not
  std::string failure;
};
struct Started {  // Python runs, or says why not
  runtime::PythonFacts python;
  std::string failure;
  std::vector<std::string> remarks;
};
struct Asleep {
  std::uint64_t number;
  pid_t pid;            // comes with the server's end of its socket; -1: none was made
  std::string failure;  // why, unless it was too large
};
struct CopyStarted {  // at work, see Link::go_apart
  std::uint64_t serial;
  pid_t pid;            // comes with the server's end of its socket; -1: there is none
  std::string failure;  // why
};
struct KeeperStarted {  // comes with the socket for whoever asks it
  pid_t pid;
};
// Children that an execution which starts finds there, when they are others than before.
struct EarlierChildren {
  std::vector<pid_t> pids;
};
// Processes that this execution has left have the capture pipes: these others, which come with it,
// take their place.
struct PipesApart {
  runtime::ExecutionRef owner;
};
struct LockTaken {};  // perhaps on a file that sleepers have as well
struct Ended {};      // it was told to stop, and has run its exit handlers
using Message = std::variant<Hello, NotCopied, Started, Asleep, CopyStarted, KeeperStarted,
                             EarlierChildren, PipesApart, LockTaken, Ended, runtime::Event>;

}  // namespace replwire::server::survive
