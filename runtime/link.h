#pragma once

#include <csignal>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/outcome.h"

// All that passes between a session and its interpreter: plain values, which cross a queue inside
// one process or, with --survive, a socket between two. A struct here is a plain aggregate: what it
// holds is packed without being listed anywhere (server/survive/wire/packing.h).
namespace replwire::runtime {

enum class Unanswered { kAsk, kEof, kError };  // what input() gets when no answer is at hand

// Names an execution for as long as anything that it started may still write.
struct Execution {
  std::uint64_t serial;  // 1, 2, … in the order of their start
  std::string id;        // the client's, as JSON
  std::optional<std::int64_t> count;
  Unanswered unanswered;
};
using ExecutionRef = std::shared_ptr<const Execution>;  // null: none can be named

enum class Stream { kStdout, kStderr };

// ---- session -> interpreter -----------------------------------------------------------------

struct Expression {
  std::string name;
  std::string code;
};
struct WindowSize {
  std::int64_t columns;
  std::int64_t lines;
};
enum class CommKind { kOpen, kMessage, kClose };
// Between the two ends of a comm. The JSON texts are whole values.
struct CommMessage {
  CommKind kind;
  std::string comm_id;
  std::string target_name;  // of one that opens it
  std::string data;
  std::string metadata;
  std::vector<std::string> buffers;
};
// Variables into a file, and back. No names: all that there are.
struct Save {
  std::string path;
  std::optional<std::vector<std::string>> names;
};
struct Load {
  std::string path;
  std::optional<std::vector<std::string>> names;
};
using Errand = std::variant<CommMessage, Save, Load>;
struct Run {
  ExecutionRef execution;
  std::string code;
  std::optional<std::string> filename;
  std::int64_t first_line;
  std::size_t repr_limit;  // bytes
  bool silent;
  bool store_history;                   // the value becomes `_`
  bool dedent;                          // white space that all lines share is no part of the code
  std::optional<std::string> module;    // in whose namespace it runs; none: __main__
  std::optional<std::string> name;      // what `__name__` is there meanwhile
  std::vector<Expression> expressions;  // evaluated when the code has ended well
  bool every_value;                     // of expression statements is told
  std::optional<Errand> errand;         // instead of code
  std::optional<WindowSize> window;     // none: the client has said nothing of it
};
struct Reset {};
struct LoadIpython {};  // where it is installed
// Functions of the client's, for code to call. The JSON texts are whole values.
enum class ParameterKind { kPositional, kKeyword, kVarPositional, kVarKeyword };
struct HostParameter {
  std::string name;
  std::optional<std::string> default_value;  // JSON
  ParameterKind kind;
};
struct HostFunction {
  std::string name;
  std::optional<std::string> doc;
  std::optional<std::vector<HostParameter>> parameters;
  bool is_async;
};
struct Define {
  std::vector<HostFunction> functions;
  std::vector<std::string> remove;  // names; before `functions`
  bool anew;                        // these are all that there are; nothing is told of it
};
struct Checkpoint {
  std::uint64_t number;              // what names the snapshot from then on
  std::optional<std::size_t> limit;  // none is taken of a process that holds more: bytes
  bool urgent;                       // somebody waits for it
};
struct SaveApart {  // by a copy of the process; with --survive
  ExecutionRef execution;
  Save request;
};
struct Stop {};
using Command = std::variant<Run, Reset, LoadIpython, Define, Checkpoint, SaveApart, Stop>;

struct Line {
  std::string text;
};
struct EndOfFile {};
struct Refusal {
  std::string message;  // becomes RuntimeError(message)
};
struct Data {  // a call's result
  std::string json;
};
struct CallFailure {  // what a called function has raised
  std::string type;
  std::string message;
};
using Answer = std::variant<Line, EndOfFile, Refusal, Data, CallFailure>;

// What may be asked about code. It waits for no Run: the interpreter answers as soon as running
// code lets it in. Positions are in code points.
struct Complete {
  std::string code;
  std::optional<std::int64_t> cursor;  // none, or beyond the end: the end
};
struct Inspect {
  std::string code;
  std::optional<std::int64_t> cursor;
  bool source = false;  // as well
};
using PathStep = std::variant<std::int64_t, std::string>;
struct IsComplete {
  std::string code;
};
struct Variables {
  std::string prefix;
  std::int64_t offset = 0;
  std::optional<std::int64_t> limit;
  std::vector<PathStep> path;  // to what holds them; empty: the session's namespace
};
// Not about code, but let in like the others: a debugger is to listen.
struct Debug {
  std::string host;
  std::int64_t port;
};
struct Inquiry {
  std::uint64_t number;  // names it towards InquiryReply
  std::variant<Complete, Inspect, IsComplete, Variables, Debug> subject;
};

// ---- interpreter -> session -----------------------------------------------------------------

struct PythonFacts {
  std::string version;
  std::string implementation;
  std::string executable;
  std::string prefix;
};

inline constexpr std::size_t kReprBytes = 65536;        // most of a Run's repr_limit
inline constexpr std::size_t kTracebackBytes = 262144;  // report.py: MOST_TEXT characters
inline constexpr std::size_t kPromptBytes = 65536;      // a longer prompt is cut
inline constexpr std::size_t kDisplayBytes = 16777216;  // a Display's data, or a result's
inline constexpr std::size_t kCallBytes = 16777216;     // a call's arguments, or its answer
inline constexpr std::size_t kInquiryBytes = 4194304;   // a reply to an inquiry

struct HostCall {  // of a function of the client's
  std::string name;
  std::string args;    // JSON: a list
  std::string kwargs;  // JSON: an object
};
// input(), or a call: what code asks the client and waits for.
struct NeedInput {
  std::uint64_t number;  // names the request towards `wait_for_answer` and InputWithdrawn
  ExecutionRef execution;
  std::string prompt;
  bool password;
  bool worker;  // whether the worker asks, not a thread of user code's
  std::optional<HostCall> call = {};
  int wakes =
      -1;  // an eventfd that is told of the answer, for `take_answers`; -1: one thread waits
};
struct InputWithdrawn {
  std::uint64_t number;
  bool cancelled = false;  // a task that awaited the answer was
};
// Comes behind all that was written before it. The JSON texts are whole objects.
struct Display {
  ExecutionRef execution;
  std::string data;  // {MIME type: …}
  std::string metadata;
  std::optional<std::string> id;
  bool update;  // of what was shown under this id
};
struct CommSent {
  ExecutionRef execution;
  CommMessage message;
};
struct Value {  // of an expression statement, by its line
  ExecutionRef execution;
  std::int64_t line;
  Presentation value;
};
struct Progress {  // of a Save or a Load: bytes
  ExecutionRef execution;
  std::int64_t done;
  std::int64_t total;
};
struct ClearOutput {
  ExecutionRef execution;
  bool wait;
};
struct Held {
  int threads;  // that the debugger holds more than before, or fewer
};
struct Done {
  Outcome outcome;
  std::chrono::nanoseconds time;
};
struct ResetDone {
  std::vector<std::string> threads;
  std::vector<std::string> tasks;
};
struct IpythonLoaded {};  // or not
struct Defined {
  std::vector<std::string> names;  // of all functions, sorted
  std::string failure;             // why nothing was defined: "/functions/0/name: …"
};
struct Checkpointed {
  std::uint64_t number;  // the checkpoint's
  std::string failure;   // why there is none; empty: there is, or it was too large
};
struct Lost {  // what a snapshot had when it was taken and, restored, has no more: names
  std::vector<std::string> devices;
  std::vector<std::string> descriptors;
};
struct Restored {  // a snapshot goes on as the interpreter
  std::vector<std::string> lost_threads;
  std::vector<std::string> lost_native_threads;  // of these: those that Python knows nothing of
  Lost lost;
};
struct CopyBegun {
  std::uint64_t serial;  // of the execution that the copy is at work on
  std::string failure;   // why there is none; empty: there is
};
struct CopyDone {  // from the copy, or in its place when it is dead
  std::uint64_t serial;
  Outcome outcome;
};
struct Exiting {  // os._exit: the process ends as soon as this has been said
  int status;
  std::string traceback;
};
// Answers to inquiries. The JSON texts are whole values, ready for a frame. `partial`: there is
// more, or might be, than could be told in the time.
struct Completions {
  std::string matches = "[]";
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::string metadata = "{}";
  bool partial = true;
};
struct Inspection {
  bool found = false;
  std::string data = "{}";
  std::optional<std::string> definition;
  std::optional<std::string> signatures;
  bool partial = true;
};
struct Completeness {
  std::string status = "unknown";
  std::optional<std::string> indent;
};
struct VariableList {
  std::int64_t total = 0;
  std::string variables = "[]";
  bool partial = true;
  std::optional<std::int64_t> lost;  // the step of the path that leads to nothing
};
struct Listening {
  std::string host;
  std::int64_t port = 0;
  std::string version;
  std::string failure = "the interpreter could not be asked";  // why nothing listens
};
struct InquiryReply {
  std::uint64_t number;  // the inquiry's
  std::variant<Completions, Inspection, Completeness, VariableList, Listening> answer;
  std::string fault;  // what kept the interpreter from a better answer; for the log
};
using Event = std::variant<NeedInput, InputWithdrawn, Display, CommSent, Value, Progress,
                           ClearOutput, Held, Done, ResetDone, IpythonLoaded, Defined, Checkpointed,
                           Restored, CopyBegun, CopyDone, Exiting, InquiryReply>;

// The answer to a question that woke a loop.
struct Answered {
  std::uint64_t number;
  Answer answer;
};

// What else may end the wait for a command.
struct Watch {
  int descriptor = -1;  // is readable; -1: none
  std::optional<std::chrono::nanoseconds> timeout;

  bool empty() const { return descriptor < 0 && !timeout; }
};

// The interpreter's end of the link. `receive` is for the worker alone, the rest for any thread.
// What may block is called without the GIL and returns nothing when a signal came in between: the
// caller lets Python see to its signals and calls again.
class Link {
 public:
  virtual ~Link() = default;

  // The next command, if one is there already.
  virtual std::optional<Command> poll() = 0;
  virtual std::optional<Command> receive(const Watch& watch) = 0;
  virtual void send(Event event) = 0;
  // Leaves a snapshot of the process behind, which sleeps. Returns something when it is the
  // snapshot that goes on, each time that it is restored: in a process of its own, with this thread
  // alone.
  virtual std::optional<Lost> checkpoint(std::uint64_t number) = 0;
  // Leaves a copy of the process at work on what that serial names. True in the copy, which has
  // this thread alone, says what came of it and ends; the process itself goes on.
  virtual bool go_apart(std::uint64_t serial) = 0;
  // Bytes that an execution wrote. False: the client is behind, call `wait_for_room`.
  virtual bool write(const ExecutionRef& execution, Stream stream, std::string_view bytes) = 0;
  // True when there is room.
  virtual bool wait_for_room() = 0;
  // Code has flushed a stream: what was written is to outlive the process.
  virtual void flush() = 0;
  // The process is about to become another program: what anybody has written so far goes out first.
  virtual void flush_all() { flush(); }
  // The worker begins a Run, or what is like one (null): descriptors 0 to 2 that code has closed
  // are put back, and what comes by 1 and 2 is that Run's.
  virtual void begin(const ExecutionRef& execution) = 0;
  // `blocked`: the worker's signals are blocked, so that none is lost between its look at them and
  // the wait; this mask is in force while it waits. Null on other threads, which handle none.
  virtual std::optional<Answer> wait_for_answer(std::uint64_t number, const sigset_t* blocked) = 0;
  // What has come for questions that this eventfd is told of. Never blocks.
  virtual std::vector<Answered> take_answers(int wakes) = 0;
  // An eventfd for that, for its user to close; -1: none can be had.
  virtual int open_waking() = 0;
};

}  // namespace replwire::runtime
