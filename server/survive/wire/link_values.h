#pragma once

#include <sys/types.h>

#include "runtime/link.h"
#include "server/survive/wire/packing.h"

// What crosses between the server's process and the interpreter's: the values of the link, and a
// few about the process itself.
namespace replwire::runtime {

template <class A>
void members(Execution& v, A& take) {
  take(v.serial, v.id, v.count, v.unanswered);
}
template <class A>
void members(Run& v, A& take) {
  take(v.execution, v.code, v.filename, v.first_line, v.repr_limit, v.silent);
}
template <class A>
void members(Reset& /*v*/, A& /*take*/) {}
template <class A>
void members(Checkpoint& v, A& take) {
  take(v.number, v.limit);
}
template <class A>
void members(Stop& /*v*/, A& /*take*/) {}
template <class A>
void members(Line& v, A& take) {
  take(v.text);
}
template <class A>
void members(EndOfFile& /*v*/, A& /*take*/) {}
template <class A>
void members(Refusal& v, A& take) {
  take(v.message);
}
template <class A>
void members(Complete& v, A& take) {
  take(v.code, v.cursor);
}
template <class A>
void members(Inspect& v, A& take) {
  take(v.code, v.cursor, v.source);
}
template <class A>
void members(IsComplete& v, A& take) {
  take(v.code);
}
template <class A>
void members(Variables& v, A& take) {
  take(v.prefix, v.offset, v.limit);
}
template <class A>
void members(Inquiry& v, A& take) {
  take(v.number, v.subject);
}

template <class A>
void members(PythonFacts& v, A& take) {
  take(v.version, v.implementation, v.executable, v.prefix);
}
template <class A>
void members(NeedInput& v, A& take) {
  take(v.number, v.execution, v.prompt, v.password, v.worker);
}
template <class A>
void members(InputWithdrawn& v, A& take) {
  take(v.number);
}
template <class A>
void members(Display& v, A& take) {
  take(v.execution, v.data, v.metadata, v.id, v.update);
}
template <class A>
void members(ClearOutput& v, A& take) {
  take(v.execution, v.wait);
}
template <class A>
void members(Completed& v, A& take) {
  take(v.repr, v.repr_characters, v.value, v.display);
}
template <class A>
void members(Report& v, A& take) {
  take(v.type, v.message, v.traceback, v.frames, v.notes, v.causes);
}
template <class A>
void members(Raised& v, A& take) {
  take(v.report);
}
template <class A>
void members(Interrupted& v, A& take) {
  take(v.report);
}
template <class A>
void members(OutOfMemory& v, A& take) {
  take(v.report);
}
template <class A>
void members(Exited& v, A& take) {
  take(v.report, v.exit_code);
}
template <class A>
void members(Done& v, A& take) {
  take(v.outcome, v.time);
}
template <class A>
void members(ResetDone& v, A& take) {
  take(v.threads, v.tasks);
}
template <class A>
void members(Checkpointed& v, A& take) {
  take(v.number);
}
template <class A>
void members(Restored& v, A& take) {
  take(v.lost_threads);
}
template <class A>
void members(Exiting& v, A& take) {
  take(v.status, v.traceback);
}
template <class A>
void members(Completions& v, A& take) {
  take(v.matches, v.start, v.end, v.metadata, v.partial);
}
template <class A>
void members(Inspection& v, A& take) {
  take(v.found, v.data, v.partial);
}
template <class A>
void members(Completeness& v, A& take) {
  take(v.status, v.indent);
}
template <class A>
void members(VariableList& v, A& take) {
  take(v.total, v.variables, v.partial);
}
template <class A>
void members(InquiryReply& v, A& take) {
  take(v.number, v.answer, v.fault);
}

}  // namespace replwire::runtime

namespace replwire::server::survive {

struct Hello {  // the first of every interpreter process
  pid_t pid;
};
struct Started {  // Python runs, or says why not
  runtime::PythonFacts python;
  std::string failure;
  std::vector<std::string> remarks;
};
struct Asleep {
  std::uint64_t number;
  pid_t pid;  // comes with the server's end of its socket; -1: none was made
};
// Children that an execution which starts finds there, when they are others than before.
struct EarlierChildren {
  std::vector<pid_t> pids;
};
struct Ended {};  // it was told to stop, and has run its exit handlers
using Message = std::variant<Hello, Started, Asleep, EarlierChildren, Ended, runtime::Event>;

template <class A>
void members(Hello& v, A& take) {
  take(v.pid);
}
template <class A>
void members(Started& v, A& take) {
  take(v.python, v.failure, v.remarks);
}
template <class A>
void members(Asleep& v, A& take) {
  take(v.number, v.pid);
}
template <class A>
void members(EarlierChildren& v, A& take) {
  take(v.pids);
}
template <class A>
void members(Ended& /*v*/, A& /*take*/) {}

}  // namespace replwire::server::survive
