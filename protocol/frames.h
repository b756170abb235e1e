#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "protocol/fields.h"

// Every frame of the wire (docs/protocol.md): its name, its fields, and nothing else. A new frame
// is a struct here and its name in `Request` or `Event`.
namespace replwire::protocol {

inline constexpr std::int64_t kVersion = 1;
// An id is echoed in every `output` frame, which must still have room for output.
inline constexpr std::size_t kIdBytes = 4096;
inline constexpr double kLargestInteger = 9007199254740992.0;  // 2^53
inline constexpr double kLongestTime = 1e9;                    // seconds

// ---- what a client sends ------------------------------------------------------------------

enum class OnInput { kAsk, kEof, kError };
template <>
struct EnumNames<OnInput> {
  static constexpr std::array<std::string_view, 3> kNames = {"ask", "eof", "error"};
};

enum class Transaction { kCommit, kRollbackOnFailure, kRollbackAlways };
template <>
struct EnumNames<Transaction> {
  static constexpr std::array<std::string_view, 3> kNames = {"commit", "rollback_on_failure",
                                                             "rollback_always"};
};

enum class Values { kAll };
template <>
struct EnumNames<Values> {
  static constexpr std::array<std::string_view, 1> kNames = {"all"};
};

struct AnyValue {};  // plain JSON data

struct Execute {
  static constexpr std::string_view kType = "execute";
  std::optional<Id> id;
  std::string code;
  std::optional<std::string> filename;
  std::optional<std::int64_t> first_line;
  std::optional<std::vector<std::string>> inputs;
  std::optional<OnInput> on_input;
  std::optional<double> timeout;  // seconds; 0: none
  std::optional<double> grace;    // seconds
  std::optional<bool> timeout_includes_input;
  std::optional<std::int64_t> repr_limit;  // bytes
  std::optional<bool> silent;
  std::optional<bool> stop_on_error;
  std::optional<std::int64_t> output_limit;  // bytes of each stream
  std::optional<Transaction> transaction;
  std::optional<std::string> module;  // a dotted name
  std::optional<std::string> name;
  std::optional<bool> dedent;
  std::optional<bool> notify_start;
  std::optional<bool> store_history;
  std::optional<TextMap> expressions;  // {name: code}
  std::optional<Values> values;

  static constexpr auto fields() {
    return std::tuple(
        field("id", &Execute::id), field("code", &Execute::code),
        field("filename", &Execute::filename),
        field("first_line", &Execute::first_line).between(1, 1e7),
        field("inputs", &Execute::inputs), field("on_input", &Execute::on_input),
        field("timeout", &Execute::timeout).between(0, kLongestTime),
        field("grace", &Execute::grace).between(0, kLongestTime),
        field("timeout_includes_input", &Execute::timeout_includes_input),
        field("repr_limit", &Execute::repr_limit).between(0, kLargestInteger),
        field("silent", &Execute::silent), field("stop_on_error", &Execute::stop_on_error),
        field("output_limit", &Execute::output_limit).between(0, kLargestInteger),
        field("transaction", &Execute::transaction), field("module", &Execute::module),
        field("name", &Execute::name), field("dedent", &Execute::dedent),
        field("notify_start", &Execute::notify_start),
        field("store_history", &Execute::store_history),
        field("expressions", &Execute::expressions), field("values", &Execute::values));
  }
};

struct InputResponse {
  static constexpr std::string_view kType = "input_response";
  std::optional<Id> id;  // of no use here; echoed in a protocol_error
  std::optional<std::string> input_id;
  std::optional<std::string> data;
  std::optional<bool> eof;
  std::optional<std::string> error;

  static constexpr auto fields() {
    return std::tuple(field("id", &InputResponse::id), field("input_id", &InputResponse::input_id),
                      field("data", &InputResponse::data),
                      field("eof", &InputResponse::eof).always_true(),
                      field("error", &InputResponse::error));
  }
  static constexpr std::array<std::string_view, 3> kExactlyOneOf = {"data", "eof", "error"};
};

enum class ParameterKind { kPositional, kKeyword, kVarPositional, kVarKeyword };
template <>
struct EnumNames<ParameterKind> {
  static constexpr std::array<std::string_view, 4> kNames = {"positional", "keyword",
                                                             "var_positional", "var_keyword"};
};

struct HostParameter {
  static constexpr std::string_view kName = "HostParameter";
  std::string name;
  std::optional<JsonOf<AnyValue>> default_value;
  std::optional<ParameterKind> kind;

  static constexpr auto fields() {
    return std::tuple(field("name", &HostParameter::name),
                      field("default", &HostParameter::default_value),
                      field("kind", &HostParameter::kind));
  }
};

struct HostFunction {
  static constexpr std::string_view kName = "HostFunction";
  std::string name;
  std::optional<std::string> doc;
  std::optional<std::vector<HostParameter>> parameters;  // none: whatever is given
  std::optional<bool> is_async;

  static constexpr auto fields() {
    return std::tuple(field("name", &HostFunction::name), field("doc", &HostFunction::doc),
                      field("parameters", &HostFunction::parameters),
                      field("is_async", &HostFunction::is_async));
  }
};

// What the client offers for the session's code to call.
struct Functions {
  static constexpr std::string_view kType = "functions";
  Id id;
  std::vector<HostFunction> functions;
  std::optional<std::vector<std::string>> remove;  // names

  static constexpr auto fields() {
    return std::tuple(field("id", &Functions::id), field("functions", &Functions::functions),
                      field("remove", &Functions::remove));
  }
};

struct CallFailure {
  static constexpr std::string_view kName = "CallFailure";
  std::string type;
  std::string message;

  static constexpr auto fields() {
    return std::tuple(field("type", &CallFailure::type), field("message", &CallFailure::message));
  }
};

struct CallResponse {
  static constexpr std::string_view kType = "call_response";
  std::optional<Id> id;  // of no use here; echoed in a protocol_error
  std::string call_id;
  std::optional<JsonOf<AnyValue>> data;
  std::optional<CallFailure> error;

  static constexpr auto fields() {
    return std::tuple(field("id", &CallResponse::id), field("call_id", &CallResponse::call_id),
                      field("data", &CallResponse::data), field("error", &CallResponse::error));
  }
  static constexpr std::array<std::string_view, 2> kExactlyOneOf = {"data", "error"};
};

struct Interrupt {
  static constexpr std::string_view kType = "interrupt";
  std::optional<Id> id;
  std::optional<Id> execution_id;
  std::optional<double> grace;  // seconds

  static constexpr auto fields() {
    return std::tuple(field("id", &Interrupt::id), field("execution_id", &Interrupt::execution_id),
                      field("grace", &Interrupt::grace).between(0, kLongestTime));
  }
};

struct Status {
  static constexpr std::string_view kType = "status";
  Id id;
  std::optional<bool> stack;

  static constexpr auto fields() {
    return std::tuple(field("id", &Status::id), field("stack", &Status::stack));
  }
};

enum class OutputOrigin { kFd };
template <>
struct EnumNames<OutputOrigin> {
  static constexpr std::array<std::string_view, 1> kNames = {"fd"};
};

enum class StreamName { kStdout, kStderr };
template <>
struct EnumNames<StreamName> {
  static constexpr std::array<std::string_view, 2> kNames = {"stdout", "stderr"};
};

struct OutputGet {
  static constexpr std::string_view kType = "output_get";
  Id id;
  std::int64_t execution_count;
  StreamName stream;
  std::int64_t offset;  // bytes of UTF-8, as `size`
  std::int64_t size;

  static constexpr auto fields() {
    return std::tuple(
        field("id", &OutputGet::id),
        field("execution_count", &OutputGet::execution_count).between(1, kLargestInteger),
        field("stream", &OutputGet::stream),
        field("offset", &OutputGet::offset).between(0, kLargestInteger),
        field("size", &OutputGet::size).between(0, kLargestInteger));
  }
};

struct Complete {
  static constexpr std::string_view kType = "complete";
  Id id;
  std::string code;
  std::optional<std::int64_t> cursor_pos;  // code points; beyond the end means the end

  static constexpr auto fields() {
    return std::tuple(field("id", &Complete::id), field("code", &Complete::code),
                      field("cursor_pos", &Complete::cursor_pos).between(0, kLargestInteger));
  }
};

struct Inspect {
  static constexpr std::string_view kType = "inspect";
  Id id;
  std::string code;
  std::optional<std::int64_t> cursor_pos;
  std::optional<std::int64_t> detail_level;

  static constexpr auto fields() {
    return std::tuple(field("id", &Inspect::id), field("code", &Inspect::code),
                      field("cursor_pos", &Inspect::cursor_pos).between(0, kLargestInteger),
                      field("detail_level", &Inspect::detail_level).between(0, 1));
  }
};

struct IsComplete {
  static constexpr std::string_view kType = "is_complete";
  Id id;
  std::string code;

  static constexpr auto fields() {
    return std::tuple(field("id", &IsComplete::id), field("code", &IsComplete::code));
  }
};

struct Variables {
  static constexpr std::string_view kType = "variables";
  Id id;
  std::optional<std::string> prefix;
  std::optional<std::int64_t> offset;
  std::optional<std::int64_t> limit;
  std::optional<std::vector<Id>> path;  // names, keys and indices

  static constexpr auto fields() {
    return std::tuple(field("id", &Variables::id), field("prefix", &Variables::prefix),
                      field("offset", &Variables::offset).between(0, kLargestInteger),
                      field("limit", &Variables::limit).between(0, kLargestInteger),
                      field("path", &Variables::path));
  }
};

struct Debug {
  static constexpr std::string_view kType = "debug";
  Id id;
  std::optional<std::string> host;
  std::optional<std::int64_t> port;  // 0: any

  static constexpr auto fields() {
    return std::tuple(field("id", &Debug::id), field("host", &Debug::host),
                      field("port", &Debug::port).between(0, 65535));
  }
};

struct Reset {
  static constexpr std::string_view kType = "reset";
  Id id;

  static constexpr auto fields() { return std::tuple(field("id", &Reset::id)); }
};

// Variables into a file, and back.
struct Save {
  static constexpr std::string_view kType = "save";
  Id id;
  std::string path;
  std::optional<std::vector<std::string>> names;

  static constexpr auto fields() {
    return std::tuple(field("id", &Save::id), field("path", &Save::path),
                      field("names", &Save::names));
  }
};

struct Load {
  static constexpr std::string_view kType = "load";
  Id id;
  std::string path;
  std::optional<std::vector<std::string>> names;

  static constexpr auto fields() {
    return std::tuple(field("id", &Load::id), field("path", &Load::path),
                      field("names", &Load::names));
  }
};

// What there is with --survive alone says so.
struct Checkpoint {
  static constexpr std::string_view kType = "checkpoint";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::optional<std::string> name;

  static constexpr auto fields() {
    return std::tuple(field("id", &Checkpoint::id), field("name", &Checkpoint::name));
  }
};

struct Checkpoints {
  static constexpr std::string_view kType = "checkpoints";
  static constexpr bool kNeedsSurvive = true;
  Id id;

  static constexpr auto fields() { return std::tuple(field("id", &Checkpoints::id)); }
};

struct Restore {
  static constexpr std::string_view kType = "restore";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::string checkpoint_id;

  static constexpr auto fields() {
    return std::tuple(field("id", &Restore::id), field("checkpoint_id", &Restore::checkpoint_id));
  }
};

struct CheckpointDrop {
  static constexpr std::string_view kType = "checkpoint_drop";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::string checkpoint_id;

  static constexpr auto fields() {
    return std::tuple(field("id", &CheckpointDrop::id),
                      field("checkpoint_id", &CheckpointDrop::checkpoint_id));
  }
};

struct Undo {
  static constexpr std::string_view kType = "undo";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::optional<std::int64_t> count;  // of executions; 1 unless told

  static constexpr auto fields() {
    return std::tuple(field("id", &Undo::id),
                      field("count", &Undo::count).between(1, kLargestInteger));
  }
};

// Another session that begins in the state of this one.
struct Branch {
  static constexpr std::string_view kType = "branch";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::optional<std::string> checkpoint_id;  // none: the state when its turn comes
  std::optional<std::string> name;

  static constexpr auto fields() {
    return std::tuple(field("id", &Branch::id), field("checkpoint_id", &Branch::checkpoint_id),
                      field("name", &Branch::name));
  }
};

struct Sessions {
  static constexpr std::string_view kType = "sessions";
  static constexpr bool kNeedsSurvive = true;
  Id id;

  static constexpr auto fields() { return std::tuple(field("id", &Sessions::id)); }
};

struct Close {
  static constexpr std::string_view kType = "close";
  static constexpr bool kNeedsSurvive = true;
  Id id;
  std::string session;

  static constexpr auto fields() {
    return std::tuple(field("id", &Close::id), field("session", &Close::session));
  }
};

inline constexpr double kMostCells = 65535;  // of a terminal, in each direction
struct Resize {
  static constexpr std::string_view kType = "resize";
  Id id;
  std::int64_t columns;
  std::int64_t lines;

  static constexpr auto fields() {
    return std::tuple(field("id", &Resize::id),
                      field("columns", &Resize::columns).between(1, kMostCells),
                      field("lines", &Resize::lines).between(1, kMostCells));
  }
};

// Messages of Jupyter's comms go both ways under one name; the events stand below.
using CommData = JsonOf<AnyValue>;
using CommMetadata = JsonOf<MapOf<AnyValue>>;
using Buffers = std::vector<Base64>;
struct CommOpen {
  static constexpr std::string_view kType = "comm_open";
  std::optional<Id> id;
  std::string comm_id;
  std::string target_name;
  CommData data;
  std::optional<CommMetadata> metadata;
  std::optional<Buffers> buffers;

  static constexpr auto fields() {
    return std::tuple(field("id", &CommOpen::id), field("comm_id", &CommOpen::comm_id),
                      field("target_name", &CommOpen::target_name), field("data", &CommOpen::data),
                      field("metadata", &CommOpen::metadata), field("buffers", &CommOpen::buffers));
  }
};

struct CommMsg {
  static constexpr std::string_view kType = "comm_msg";
  std::optional<Id> id;
  std::string comm_id;
  CommData data;
  std::optional<CommMetadata> metadata;
  std::optional<Buffers> buffers;

  static constexpr auto fields() {
    return std::tuple(field("id", &CommMsg::id), field("comm_id", &CommMsg::comm_id),
                      field("data", &CommMsg::data), field("metadata", &CommMsg::metadata),
                      field("buffers", &CommMsg::buffers));
  }
};

struct CommClose {
  static constexpr std::string_view kType = "comm_close";
  std::optional<Id> id;
  std::string comm_id;
  CommData data;
  std::optional<CommMetadata> metadata;
  std::optional<Buffers> buffers;

  static constexpr auto fields() {
    return std::tuple(field("id", &CommClose::id), field("comm_id", &CommClose::comm_id),
                      field("data", &CommClose::data), field("metadata", &CommClose::metadata),
                      field("buffers", &CommClose::buffers));
  }
};

struct Shutdown {
  static constexpr std::string_view kType = "shutdown";
  std::optional<Id> id;

  static constexpr auto fields() { return std::tuple(field("id", &Shutdown::id)); }
};

// Beside its own fields each frame has this one: the session that it is for, or comes from. Without
// it that is the first one. A frame that has a field of the name says itself what it means.
inline constexpr std::string_view kSessionField = "session";
template <class Frame>
constexpr bool names_session() {
  return requires(const Frame& frame) { frame.session; };
}
using Request =
    std::variant<Execute, InputResponse, Interrupt, Status, Complete, Inspect, IsComplete,
                 Variables, Debug, OutputGet, Functions, CallResponse, Reset, Save, Load,
                 Checkpoint, Checkpoints, CheckpointDrop, Restore, Undo, Branch, Sessions, Close,
                 Resize, CommOpen, CommMsg, CommClose, Shutdown>;

// ---- what the server sends ----------------------------------------------------------------

struct ServerInfo {
  static constexpr std::string_view kName = "ServerInfo";
  std::string name;
  std::string version;

  static constexpr auto fields() {
    return std::tuple(field("name", &ServerInfo::name), field("version", &ServerInfo::version));
  }
};

struct PythonInfo {
  static constexpr std::string_view kName = "PythonInfo";
  std::string version;
  std::string implementation;
  std::string executable;
  std::string prefix;
  std::int64_t pid;

  static constexpr auto fields() {
    return std::tuple(field("version", &PythonInfo::version),
                      field("implementation", &PythonInfo::implementation),
                      field("executable", &PythonInfo::executable),
                      field("prefix", &PythonInfo::prefix), field("pid", &PythonInfo::pid));
  }
};

// What a client need not try to exceed; bytes unless the name says otherwise.
struct Limits {
  static constexpr std::string_view kName = "Limits";
  std::int64_t max_frame_bytes;
  std::int64_t max_depth;
  std::int64_t id_bytes;
  std::int64_t output_frame_bytes;
  std::int64_t output_get_bytes;
  std::int64_t repr_bytes;
  std::int64_t value_bytes;
  std::int64_t traceback_bytes;
  std::int64_t prompt_bytes;
  std::int64_t display_bytes;
  std::int64_t call_bytes;  // of a call's arguments, and of its answer
  std::int64_t inquiry_bytes;
  std::int64_t queue_bytes;
  std::int64_t output_buffer;
  std::optional<std::int64_t> queue_limit;  // executions
  std::int64_t stack_frames;                // by number

  static constexpr auto fields() {
    return std::tuple(
        field("max_frame_bytes", &Limits::max_frame_bytes), field("max_depth", &Limits::max_depth),
        field("id_bytes", &Limits::id_bytes),
        field("output_frame_bytes", &Limits::output_frame_bytes),
        field("output_get_bytes", &Limits::output_get_bytes),
        field("repr_bytes", &Limits::repr_bytes), field("value_bytes", &Limits::value_bytes),
        field("traceback_bytes", &Limits::traceback_bytes),
        field("prompt_bytes", &Limits::prompt_bytes),
        field("display_bytes", &Limits::display_bytes), field("call_bytes", &Limits::call_bytes),
        field("inquiry_bytes", &Limits::inquiry_bytes), field("queue_bytes", &Limits::queue_bytes),
        field("output_buffer", &Limits::output_buffer), field("queue_limit", &Limits::queue_limit),
        field("stack_frames", &Limits::stack_frames));
  }
};

enum class SandboxFilesystem { kReadOnly, kWorkspace };
template <>
struct EnumNames<SandboxFilesystem> {
  static constexpr std::array<std::string_view, 2> kNames = {"read-only", "workspace"};
};

enum class SandboxNetwork { kNone, kAll };
template <>
struct EnumNames<SandboxNetwork> {
  static constexpr std::array<std::string_view, 2> kNames = {"none", "all"};
};

// What the kernel enforces on the interpreter and all that it starts.
struct SandboxInfo {
  static constexpr std::string_view kName = "SandboxInfo";
  SandboxFilesystem filesystem;
  std::vector<std::string> write;  // paths
  SandboxNetwork network;
  std::vector<std::string> mechanisms;

  static constexpr auto fields() {
    return std::tuple(field("filesystem", &SandboxInfo::filesystem),
                      field("write", &SandboxInfo::write), field("network", &SandboxInfo::network),
                      field("mechanisms", &SandboxInfo::mechanisms));
  }
};

using Capabilities = MapOf<std::vector<std::string>>;  // {request type: [its fields]}

struct Ready {
  static constexpr std::string_view kType = "ready";
  std::int64_t protocol = kVersion;
  std::string session_id;
  std::int64_t pid;
  ServerInfo server;
  PythonInfo python;
  std::optional<std::string> position_encoding;  // always there: older servers have none
  JsonOf<Capabilities> capabilities;
  Limits limits;
  std::optional<SandboxInfo> sandbox;

  static constexpr auto fields() {
    return std::tuple(field("protocol", &Ready::protocol), field("session_id", &Ready::session_id),
                      field("pid", &Ready::pid), field("server", &Ready::server),
                      field("python", &Ready::python),
                      field("position_encoding", &Ready::position_encoding),
                      field("capabilities", &Ready::capabilities), field("limits", &Ready::limits),
                      field("sandbox", &Ready::sandbox));
  }
};

// The execution has begun to run.
struct Started {
  static constexpr std::string_view kType = "started";
  Id execution_id;
  Nullable<std::int64_t> execution_count;  // null when it is not counted

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Started::execution_id),
                      field("execution_count", &Started::execution_count));
  }
};

struct Output {
  static constexpr std::string_view kType = "output";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view stream;
  std::optional<bool> late;
  std::optional<std::int64_t> execution_count;
  std::optional<OutputOrigin> origin;
  std::string_view data;  // last: the writer of long text cuts it to the frame's limit

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Output::execution_id),
                      field("stream", &Output::stream).among<StreamName>(),
                      field("late", &Output::late).always_true(),
                      field("execution_count", &Output::execution_count),
                      field("origin", &Output::origin), field("data", &Output::data));
  }
};

// What an execution's output_limit left out, in bytes of UTF-8 of that stream.
struct OutputTruncated {
  static constexpr std::string_view kType = "output_truncated";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  Nullable<std::int64_t> execution_count;
  std::string_view stream;
  std::int64_t omitted;
  std::int64_t offset;  // of the gap

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &OutputTruncated::execution_id),
                      field("execution_count", &OutputTruncated::execution_count),
                      field("stream", &OutputTruncated::stream).among<StreamName>(),
                      field("omitted", &OutputTruncated::omitted),
                      field("offset", &OutputTruncated::offset));
  }
};

struct OutputGetReply {
  static constexpr std::string_view kType = "output_get_reply";
  Id id;
  std::string data;  // base64
  std::int64_t offset;
  std::int64_t total;  // bytes that the stream had

  static constexpr auto fields() {
    return std::tuple(field("id", &OutputGetReply::id), field("data", &OutputGetReply::data),
                      field("offset", &OutputGetReply::offset),
                      field("total", &OutputGetReply::total));
  }
};

using DisplayData = MapOf<AnyValue>;      // {MIME type: text, JSON, or base64 for binary kinds}
using DisplayMetadata = MapOf<AnyValue>;  // {MIME type: {…}}
struct Display {
  static constexpr std::string_view kType = "display";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  JsonOf<DisplayData, std::string_view> data;
  JsonOf<DisplayMetadata, std::string_view> metadata;
  std::optional<std::string> display_id;
  std::optional<bool> update;  // of what was shown under this display_id

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Display::execution_id), field("data", &Display::data),
                      field("metadata", &Display::metadata),
                      field("display_id", &Display::display_id),
                      field("update", &Display::update).always_true());
  }
};

struct ClearOutput {
  static constexpr std::string_view kType = "clear_output";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  bool wait;  // until something new comes

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &ClearOutput::execution_id),
                      field("wait", &ClearOutput::wait));
  }
};

// What code sends to the client's end of a comm. The names are those of requests.
struct CommOpenEvent {
  static constexpr std::string_view kType = "comm_open";
  static constexpr std::string_view kName = "comm_open_event";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view comm_id;
  std::string_view target_name;
  JsonOf<AnyValue, std::string_view> data;
  JsonOf<MapOf<AnyValue>, std::string_view> metadata;
  std::vector<Base64> buffers;

  static constexpr auto fields() {
    return std::tuple(
        field("execution_id", &CommOpenEvent::execution_id),
        field("comm_id", &CommOpenEvent::comm_id),
        field("target_name", &CommOpenEvent::target_name), field("data", &CommOpenEvent::data),
        field("metadata", &CommOpenEvent::metadata), field("buffers", &CommOpenEvent::buffers));
  }
};

struct CommMsgEvent {
  static constexpr std::string_view kType = "comm_msg";
  static constexpr std::string_view kName = "comm_msg_event";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view comm_id;
  JsonOf<AnyValue, std::string_view> data;
  JsonOf<MapOf<AnyValue>, std::string_view> metadata;
  std::vector<Base64> buffers;

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &CommMsgEvent::execution_id),
                      field("comm_id", &CommMsgEvent::comm_id), field("data", &CommMsgEvent::data),
                      field("metadata", &CommMsgEvent::metadata),
                      field("buffers", &CommMsgEvent::buffers));
  }
};

struct CommCloseEvent {
  static constexpr std::string_view kType = "comm_close";
  static constexpr std::string_view kName = "comm_close_event";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view comm_id;
  JsonOf<AnyValue, std::string_view> data;
  JsonOf<MapOf<AnyValue>, std::string_view> metadata;
  std::vector<Base64> buffers;

  static constexpr auto fields() {
    return std::tuple(
        field("execution_id", &CommCloseEvent::execution_id),
        field("comm_id", &CommCloseEvent::comm_id), field("data", &CommCloseEvent::data),
        field("metadata", &CommCloseEvent::metadata), field("buffers", &CommCloseEvent::buffers));
  }
};

struct Input {
  static constexpr std::string_view kType = "input";
  std::string id;
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string prompt;
  bool password;

  static constexpr auto fields() {
    return std::tuple(field("id", &Input::id), field("execution_id", &Input::execution_id),
                      field("prompt", &Input::prompt), field("password", &Input::password));
  }
};

enum class InputClosedReason { kInterrupt, kTimeout, kEndOfInput, kShutdown, kCrash };
template <>
struct EnumNames<InputClosedReason> {
  static constexpr std::array<std::string_view, 5> kNames = {"interrupt", "timeout", "end_of_input",
                                                             "shutdown", "crash"};
};

struct InputClosed {
  static constexpr std::string_view kType = "input_closed";
  std::string id;
  InputClosedReason reason;

  static constexpr auto fields() {
    return std::tuple(field("id", &InputClosed::id), field("reason", &InputClosed::reason));
  }
};

// Code calls a function of the client, and waits.
using CallArguments = std::vector<AnyValue>;
using CallKeywords = MapOf<AnyValue>;  // {name: value}
struct Call {
  static constexpr std::string_view kType = "call";
  std::string id;
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view name;
  JsonOf<CallArguments, std::string_view> args;
  JsonOf<CallKeywords, std::string_view> kwargs;

  static constexpr auto fields() {
    return std::tuple(field("id", &Call::id), field("execution_id", &Call::execution_id),
                      field("name", &Call::name), field("args", &Call::args),
                      field("kwargs", &Call::kwargs));
  }
};

// The reasons of InputClosedReason, in the same order, and one more.
enum class CallClosedReason { kInterrupt, kTimeout, kEndOfInput, kShutdown, kCrash, kCancelled };
template <>
struct EnumNames<CallClosedReason> {
  static constexpr std::array<std::string_view, 6> kNames = {"interrupt", "timeout", "end_of_input",
                                                             "shutdown",  "crash",   "cancelled"};
};

struct CallClosed {
  static constexpr std::string_view kType = "call_closed";
  std::string id;
  CallClosedReason reason;

  static constexpr auto fields() {
    return std::tuple(field("id", &CallClosed::id), field("reason", &CallClosed::reason));
  }
};

struct FunctionsReply {
  static constexpr std::string_view kType = "functions_reply";
  Id id;
  std::vector<std::string> names;  // all that are defined now, sorted

  static constexpr auto fields() {
    return std::tuple(field("id", &FunctionsReply::id), field("names", &FunctionsReply::names));
  }
};

// What an expression of `execute` is, or what it raised.
struct ExpressionValue {
  static constexpr std::string_view kName = "ExpressionValue";
  std::optional<std::string> repr;
  std::optional<JsonOf<AnyValue>> value;
  std::optional<JsonOf<DisplayData>> display;
  std::optional<JsonOf<DisplayMetadata>> display_metadata;
  std::optional<std::int64_t> repr_truncated;
  std::optional<std::string> exception_type;
  std::optional<std::string> exception_message;

  static constexpr auto fields() {
    return std::tuple(field("repr", &ExpressionValue::repr),
                      field("value", &ExpressionValue::value),
                      field("display", &ExpressionValue::display),
                      field("display_metadata", &ExpressionValue::display_metadata),
                      field("repr_truncated", &ExpressionValue::repr_truncated),
                      field("exception_type", &ExpressionValue::exception_type),
                      field("exception_message", &ExpressionValue::exception_message));
  }
};
using ExpressionValues = MapOf<ExpressionValue>;

// With `values`: what an expression statement before the last one was.
struct Value {
  static constexpr std::string_view kType = "value";
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::int64_t line;
  std::string repr;
  std::optional<JsonOf<AnyValue>> value;
  std::optional<JsonOf<DisplayData>> display;
  std::optional<JsonOf<DisplayMetadata>> display_metadata;
  std::optional<std::int64_t> repr_truncated;

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Value::execution_id), field("line", &Value::line),
                      field("repr", &Value::repr), field("value", &Value::value),
                      field("display", &Value::display),
                      field("display_metadata", &Value::display_metadata),
                      field("repr_truncated", &Value::repr_truncated));
  }
};

struct Result {
  static constexpr std::string_view kType = "result";
  Id execution_id;
  Nullable<std::int64_t> execution_count;  // null when silent
  Nullable<std::string> repr;
  std::optional<JsonOf<AnyValue>> value;
  std::optional<JsonOf<DisplayData>> display;
  std::optional<JsonOf<DisplayMetadata>> display_metadata;  // what the forms said beside their data
  std::optional<std::int64_t> repr_truncated;               // the whole repr's length in characters
  std::optional<JsonOf<ExpressionValues>> expressions;
  std::optional<std::int64_t> inputs_unused;
  std::optional<std::int64_t> interrupts;
  std::optional<bool> restored;  // what it changed has been rolled back
  std::optional<bool> kept;      // false: no snapshot has what it changed, or none has it yet
  double execution_time;         // seconds

  static constexpr auto fields() {
    return std::tuple(
        field("execution_id", &Result::execution_id),
        field("execution_count", &Result::execution_count), field("repr", &Result::repr),
        field("value", &Result::value), field("display", &Result::display),
        field("display_metadata", &Result::display_metadata),
        field("repr_truncated", &Result::repr_truncated),
        field("expressions", &Result::expressions), field("inputs_unused", &Result::inputs_unused),
        field("interrupts", &Result::interrupts), field("restored", &Result::restored),
        field("kept", &Result::kept), field("execution_time", &Result::execution_time));
  }
};

enum class ErrorReason {
  kException,
  kInterrupt,
  kTimeout,
  kExit,
  kMemory,
  kCrash,
  kCancelled,
  kAborted
};
template <>
struct EnumNames<ErrorReason> {
  static constexpr std::array<std::string_view, 8> kNames = {
      "exception", "interrupt", "timeout", "exit", "memory", "crash", "cancelled", "aborted"};
};

// Where code stands that an exception passed through.
struct TracebackFrame {
  static constexpr std::string_view kName = "TracebackFrame";
  std::string filename;
  std::int64_t line;
  std::optional<std::int64_t> end_line;
  std::optional<std::int64_t> column;  // code points, from 0, as `end_column`
  std::optional<std::int64_t> end_column;
  std::string function;
  std::string source;

  static constexpr auto fields() {
    return std::tuple(
        field("filename", &TracebackFrame::filename), field("line", &TracebackFrame::line),
        field("end_line", &TracebackFrame::end_line), field("column", &TracebackFrame::column),
        field("end_column", &TracebackFrame::end_column),
        field("function", &TracebackFrame::function), field("source", &TracebackFrame::source));
  }
};

enum class Relation { kCause, kContext, kMember };
template <>
struct EnumNames<Relation> {
  static constexpr std::array<std::string_view, 3> kNames = {"cause", "context", "member"};
};

using StackFrames = std::vector<TracebackFrame>;
using Notes = std::vector<std::string>;
using ExitCode = std::variant<std::int64_t, std::string, std::nullptr_t>;

// An exception that led to another, or a member of a group.
struct Cause {
  static constexpr std::string_view kName = "Cause";
  Relation relation;
  std::string exception_type;
  std::string exception_message;
  std::string traceback;
  JsonOf<StackFrames> frames;
  std::optional<JsonOf<Notes>> notes;
  std::optional<JsonOf<std::vector<Cause>>> causes;

  static constexpr auto fields() {
    return std::tuple(field("relation", &Cause::relation),
                      field("exception_type", &Cause::exception_type),
                      field("exception_message", &Cause::exception_message),
                      field("traceback", &Cause::traceback), field("frames", &Cause::frames),
                      field("notes", &Cause::notes), field("causes", &Cause::causes));
  }
};
using Causes = std::vector<Cause>;

struct Error {
  static constexpr std::string_view kType = "error";
  Id execution_id;
  Nullable<std::int64_t> execution_count;  // null when it never ran
  ErrorReason reason;
  std::optional<bool> restored;       // the session is as it was before the execution
  std::optional<bool> kept;           // false: as in Result
  std::optional<std::string> signal;  // that ended the interpreter
  std::optional<std::int64_t> exit_status;
  std::string exception_type;
  std::string exception_message;
  std::optional<std::string> syntax_message;  // without its place
  std::string traceback;
  JsonOf<StackFrames> frames = {"[]"};
  std::optional<JsonOf<Notes>> notes;
  std::optional<JsonOf<Causes>> causes;
  std::optional<JsonOf<ExitCode>> exit_code;
  std::optional<std::int64_t> inputs_unused;
  double execution_time = 0;  // seconds

  static constexpr auto fields() {
    return std::tuple(
        field("execution_id", &Error::execution_id),
        field("execution_count", &Error::execution_count), field("reason", &Error::reason),
        field("restored", &Error::restored), field("kept", &Error::kept),
        field("signal", &Error::signal), field("exit_status", &Error::exit_status),
        field("exception_type", &Error::exception_type),
        field("exception_message", &Error::exception_message),
        field("syntax_message", &Error::syntax_message), field("traceback", &Error::traceback),
        field("frames", &Error::frames), field("notes", &Error::notes),
        field("causes", &Error::causes), field("exit_code", &Error::exit_code),
        field("inputs_unused", &Error::inputs_unused),
        field("execution_time", &Error::execution_time));
  }
};

enum class InterruptOutcome { kDelivered, kDequeued, kNotRunning };
template <>
struct EnumNames<InterruptOutcome> {
  static constexpr std::array<std::string_view, 3> kNames = {"delivered", "dequeued",
                                                             "not_running"};
};

struct InterruptReply {
  static constexpr std::string_view kType = "interrupt_reply";
  std::optional<Id> id;
  Nullable<Id> execution_id;
  InterruptOutcome outcome;

  static constexpr auto fields() {
    return std::tuple(field("id", &InterruptReply::id),
                      field("execution_id", &InterruptReply::execution_id),
                      field("outcome", &InterruptReply::outcome));
  }
};

enum class State { kIdle, kBusy, kWaitingForInput, kWaitingForCall, kStopped };
template <>
struct EnumNames<State> {
  static constexpr std::array<std::string_view, 5> kNames = {"idle", "busy", "waiting_for_input",
                                                             "waiting_for_call", "stopped"};
};

struct StackEntry {
  static constexpr std::string_view kName = "StackEntry";
  std::string filename;
  std::int64_t line;
  std::string function;

  static constexpr auto fields() {
    return std::tuple(field("filename", &StackEntry::filename), field("line", &StackEntry::line),
                      field("function", &StackEntry::function));
  }
};

// What the snapshots of the interpreter cost: memory that is theirs, shared pages by their share.
struct SnapshotFacts {
  static constexpr std::string_view kName = "SnapshotFacts";
  std::int64_t count;
  std::int64_t memory;                 // bytes, proportional set size
  std::optional<std::string> failure;  // why the state as it is has none

  static constexpr auto fields() {
    return std::tuple(field("count", &SnapshotFacts::count),
                      field("memory", &SnapshotFacts::memory),
                      field("failure", &SnapshotFacts::failure));
  }
};

// What the session is doing: asked for, or told at intervals.
struct SessionFacts {
  State state;
  Nullable<Id> execution_id;
  double elapsed;  // seconds since the execution started to run
  std::int64_t queued;
  std::vector<std::string> pending_inputs;
  std::vector<std::string> pending_calls;
  std::int64_t memory_usage;  // bytes resident
  double cpu_seconds;
  std::optional<SnapshotFacts> snapshots;

  static constexpr auto fields() {
    return std::tuple(
        field("state", &SessionFacts::state), field("execution_id", &SessionFacts::execution_id),
        field("elapsed", &SessionFacts::elapsed), field("queued", &SessionFacts::queued),
        field("pending_inputs", &SessionFacts::pending_inputs),
        field("pending_calls", &SessionFacts::pending_calls),
        field("memory_usage", &SessionFacts::memory_usage),
        field("cpu_seconds", &SessionFacts::cpu_seconds),
        field("snapshots", &SessionFacts::snapshots));
  }
};

struct StatusReply : SessionFacts {
  static constexpr std::string_view kType = "status_reply";
  Id id;
  std::optional<std::vector<StackEntry>> stack;  // innermost last
  std::optional<std::string_view> stack_unavailable;

  static constexpr auto fields() {
    return std::tuple_cat(std::tuple(field("id", &StatusReply::id)), SessionFacts::fields(),
                          std::tuple(field("stack", &StatusReply::stack),
                                     field("stack_unavailable", &StatusReply::stack_unavailable)));
  }
};

struct Heartbeat : SessionFacts {
  static constexpr std::string_view kType = "heartbeat";
};

// Time is over, and the execution has not ended whatever was done; it goes on.
struct Stuck {
  static constexpr std::string_view kType = "stuck";
  Id execution_id;
  double elapsed;                                // seconds since the execution started to run
  std::optional<std::vector<StackEntry>> stack;  // innermost last

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Stuck::execution_id),
                      field("elapsed", &Stuck::elapsed), field("stack", &Stuck::stack));
  }
};

// Names and meanings of these three are the Jupyter messaging specification's.
using Matches = std::vector<std::string>;
// {"_jupyter_types_experimental": [{start, end, text, type, signature}]}
using MatchMetadata = MapOf<AnyValue>;
struct CompleteReply {
  static constexpr std::string_view kType = "complete_reply";
  Id id;
  std::string_view status = "ok";
  JsonOf<Matches> matches;
  std::int64_t cursor_start;  // code points, as `cursor_end`
  std::int64_t cursor_end;
  JsonOf<MatchMetadata> metadata;
  std::optional<bool> partial;

  static constexpr auto fields() {
    return std::tuple(field("id", &CompleteReply::id), field("status", &CompleteReply::status),
                      field("matches", &CompleteReply::matches),
                      field("cursor_start", &CompleteReply::cursor_start),
                      field("cursor_end", &CompleteReply::cursor_end),
                      field("metadata", &CompleteReply::metadata),
                      field("partial", &CompleteReply::partial).always_true());
  }
};

using MimeData = MapOf<std::string>;  // {MIME type: text}
using NoMetadata = MapOf<AnyValue>;
struct Definition {
  static constexpr std::string_view kName = "Definition";
  std::string filename;
  std::int64_t line;

  static constexpr auto fields() {
    return std::tuple(field("filename", &Definition::filename), field("line", &Definition::line));
  }
};

struct Parameter {
  static constexpr std::string_view kName = "Parameter";
  std::string label;

  static constexpr auto fields() { return std::tuple(field("label", &Parameter::label)); }
};

struct Signature {
  static constexpr std::string_view kName = "Signature";
  std::string label;
  std::vector<Parameter> parameters;
  std::optional<std::int64_t> active_parameter;  // index of the one that the cursor stands in

  static constexpr auto fields() {
    return std::tuple(field("label", &Signature::label),
                      field("parameters", &Signature::parameters),
                      field("active_parameter", &Signature::active_parameter));
  }
};
using Signatures = std::vector<Signature>;

struct InspectReply {
  static constexpr std::string_view kType = "inspect_reply";
  Id id;
  std::string_view status = "ok";
  bool found;
  JsonOf<MimeData> data;
  JsonOf<NoMetadata, std::string_view> metadata = {"{}"};
  std::optional<JsonOf<Definition>> definition;
  std::optional<JsonOf<Signatures>> signatures;
  std::optional<bool> partial;

  static constexpr auto fields() {
    return std::tuple(field("id", &InspectReply::id), field("status", &InspectReply::status),
                      field("found", &InspectReply::found), field("data", &InspectReply::data),
                      field("metadata", &InspectReply::metadata),
                      field("definition", &InspectReply::definition),
                      field("signatures", &InspectReply::signatures),
                      field("partial", &InspectReply::partial).always_true());
  }
};

enum class Completeness { kComplete, kIncomplete, kInvalid, kUnknown };
template <>
struct EnumNames<Completeness> {
  static constexpr std::array<std::string_view, 4> kNames = {"complete", "incomplete", "invalid",
                                                             "unknown"};
};

struct IsCompleteReply {
  static constexpr std::string_view kType = "is_complete_reply";
  Id id;
  std::string status;
  std::optional<std::string> indent;  // of the next line of what is incomplete

  static constexpr auto fields() {
    return std::tuple(field("id", &IsCompleteReply::id),
                      field("status", &IsCompleteReply::status).among<Completeness>(),
                      field("indent", &IsCompleteReply::indent));
  }
};

struct Variable {
  static constexpr std::string_view kName = "Variable";
  std::string name;
  std::string type;
  std::string repr;
  std::optional<std::int64_t> size;  // bytes
  std::optional<std::int64_t> length;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::string> dtype;
  std::optional<std::string> module;
  std::optional<bool> has_children;  // for another `variables` with a `path`; always there

  static constexpr auto fields() {
    return std::tuple(field("name", &Variable::name), field("type", &Variable::type),
                      field("repr", &Variable::repr), field("size", &Variable::size),
                      field("length", &Variable::length), field("shape", &Variable::shape),
                      field("dtype", &Variable::dtype), field("module", &Variable::module),
                      field("has_children", &Variable::has_children));
  }
};
using Described = std::vector<Variable>;

struct VariablesReply {
  static constexpr std::string_view kType = "variables_reply";
  Id id;
  std::int64_t total;  // names that there are, whatever part of them was asked for
  JsonOf<Described> variables;
  std::optional<bool> partial;

  static constexpr auto fields() {
    return std::tuple(field("id", &VariablesReply::id), field("total", &VariablesReply::total),
                      field("variables", &VariablesReply::variables),
                      field("partial", &VariablesReply::partial).always_true());
  }
};

struct ResizeReply {
  static constexpr std::string_view kType = "resize_reply";
  Id id;

  static constexpr auto fields() { return std::tuple(field("id", &ResizeReply::id)); }
};

struct ResetReply {
  static constexpr std::string_view kType = "reset_reply";
  Id id;
  std::vector<std::string> threads;  // names of the live ones
  std::vector<std::string> tasks;

  static constexpr auto fields() {
    return std::tuple(field("id", &ResetReply::id), field("threads", &ResetReply::threads),
                      field("tasks", &ResetReply::tasks));
  }
};

struct SkippedName {
  static constexpr std::string_view kName = "SkippedName";
  std::string name;
  std::string reason;

  static constexpr auto fields() {
    return std::tuple(field("name", &SkippedName::name), field("reason", &SkippedName::reason));
  }
};

struct SaveReply {
  static constexpr std::string_view kType = "save_reply";
  Id id;
  std::string path;  // absolute
  std::int64_t bytes;
  std::vector<std::string> saved;  // names
  std::vector<SkippedName> skipped;

  static constexpr auto fields() {
    return std::tuple(field("id", &SaveReply::id), field("path", &SaveReply::path),
                      field("bytes", &SaveReply::bytes), field("saved", &SaveReply::saved),
                      field("skipped", &SaveReply::skipped));
  }
};

struct LoadReply {
  static constexpr std::string_view kType = "load_reply";
  Id id;
  std::vector<std::string> loaded;  // names
  std::vector<SkippedName> skipped;

  static constexpr auto fields() {
    return std::tuple(field("id", &LoadReply::id), field("loaded", &LoadReply::loaded),
                      field("skipped", &LoadReply::skipped));
  }
};

// How far a `save` or a `load` is: bytes.
struct Progress {
  static constexpr std::string_view kType = "progress";
  JsonOf<Id> id;
  std::int64_t done;
  std::int64_t total;

  static constexpr auto fields() {
    return std::tuple(field("id", &Progress::id), field("done", &Progress::done),
                      field("total", &Progress::total));
  }
};

struct CheckpointReply {
  static constexpr std::string_view kType = "checkpoint_reply";
  Id id;
  std::string checkpoint_id;

  static constexpr auto fields() {
    return std::tuple(field("id", &CheckpointReply::id),
                      field("checkpoint_id", &CheckpointReply::checkpoint_id));
  }
};

struct CheckpointEntry {
  static constexpr std::string_view kName = "CheckpointEntry";
  std::string checkpoint_id;
  std::optional<std::string> name;
  bool automatic;                     // taken by the server, and given up when newer ones come
  double age;                         // seconds
  std::int64_t memory;                // bytes, proportional set size
  Nullable<JsonOf<Id>> execution_id;  // that it was taken after; null: before any
  Nullable<std::int64_t> execution_count;

  static constexpr auto fields() {
    return std::tuple(
        field("checkpoint_id", &CheckpointEntry::checkpoint_id),
        field("name", &CheckpointEntry::name), field("automatic", &CheckpointEntry::automatic),
        field("age", &CheckpointEntry::age), field("memory", &CheckpointEntry::memory),
        field("execution_id", &CheckpointEntry::execution_id),
        field("execution_count", &CheckpointEntry::execution_count));
  }
};

struct CheckpointsReply {
  static constexpr std::string_view kType = "checkpoints_reply";
  Id id;
  std::vector<CheckpointEntry> checkpoints;  // oldest first

  static constexpr auto fields() {
    return std::tuple(field("id", &CheckpointsReply::id),
                      field("checkpoints", &CheckpointsReply::checkpoints));
  }
};

struct CheckpointDropReply {
  static constexpr std::string_view kType = "checkpoint_drop_reply";
  Id id;

  static constexpr auto fields() { return std::tuple(field("id", &CheckpointDropReply::id)); }
};

struct RestoreReply {
  static constexpr std::string_view kType = "restore_reply";
  Id id;
  std::string checkpoint_id;

  static constexpr auto fields() {
    return std::tuple(field("id", &RestoreReply::id),
                      field("checkpoint_id", &RestoreReply::checkpoint_id));
  }
};

struct UndoReply {
  static constexpr std::string_view kType = "undo_reply";
  Id id;
  std::string checkpoint_id;

  static constexpr auto fields() {
    return std::tuple(field("id", &UndoReply::id),
                      field("checkpoint_id", &UndoReply::checkpoint_id));
  }
};

struct BranchReply {
  static constexpr std::string_view kType = "branch_reply";
  Id id;
  std::string session;  // what the new one is called in all frames
  std::string checkpoint_id;
  std::int64_t pid;
  std::vector<std::string> lost_threads;      // names
  std::vector<std::string> lost_devices;      // that the state had open: names
  std::vector<std::string> lost_descriptors;  // others that it had, and that only the parent has

  static constexpr auto fields() {
    return std::tuple(field("id", &BranchReply::id), field("session", &BranchReply::session),
                      field("checkpoint_id", &BranchReply::checkpoint_id),
                      field("pid", &BranchReply::pid),
                      field("lost_threads", &BranchReply::lost_threads),
                      field("lost_devices", &BranchReply::lost_devices),
                      field("lost_descriptors", &BranchReply::lost_descriptors));
  }
};

struct SessionEntry {
  static constexpr std::string_view kName = "SessionEntry";
  Nullable<std::string> session;  // null: the first one
  std::optional<std::string> name;
  Nullable<std::string> parent;  // a session
  State state;
  std::int64_t pid;
  std::int64_t memory;      // bytes, proportional set size
  std::int64_t executions;  // that have begun in it

  static constexpr auto fields() {
    return std::tuple(field("session", &SessionEntry::session), field("name", &SessionEntry::name),
                      field("parent", &SessionEntry::parent), field("state", &SessionEntry::state),
                      field("pid", &SessionEntry::pid), field("memory", &SessionEntry::memory),
                      field("executions", &SessionEntry::executions));
  }
};

struct SessionsReply {
  static constexpr std::string_view kType = "sessions_reply";
  Id id;
  std::vector<SessionEntry> sessions;  // the first one first

  static constexpr auto fields() {
    return std::tuple(field("id", &SessionsReply::id), field("sessions", &SessionsReply::sessions));
  }
};

struct CloseReply {
  static constexpr std::string_view kType = "close_reply";
  std::optional<Id> id;  // none: it has ended by itself
  std::string session;

  static constexpr auto fields() {
    return std::tuple(field("id", &CloseReply::id), field("session", &CloseReply::session));
  }
};

enum class RestoredCause { kCrash, kTimeout, kInterrupt, kRestore, kUndo, kRollback };
template <>
struct EnumNames<RestoredCause> {
  static constexpr std::array<std::string_view, 6> kNames = {"crash",   "timeout", "interrupt",
                                                             "restore", "undo",    "rollback"};
};

// Another process is the interpreter now. It comes before the frame that ends what caused it.
struct Restored {
  static constexpr std::string_view kType = "restored";
  Nullable<JsonOf<Id, std::string_view>> execution_id;  // that was under way
  Nullable<std::string> checkpoint_id;      // null: Python was started anew, and is empty
  Nullable<JsonOf<Id>> last_execution_id;   // the last one whose effects are there
  JsonOf<std::vector<Id>> undone = {"[]"};  // those that had been told, and whose effects are gone
  RestoredCause cause;
  std::vector<std::string> lost_threads;      // names
  std::vector<std::string> lost_devices;      // that the snapshot had open: names
  std::vector<std::string> lost_descriptors;  // others that it had, and that have been closed since
  std::int64_t pid;
  std::optional<std::string> signal;  // that ended the one before
  std::optional<std::int64_t> exit_status;

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &Restored::execution_id),
                      field("checkpoint_id", &Restored::checkpoint_id),
                      field("last_execution_id", &Restored::last_execution_id),
                      field("undone", &Restored::undone), field("cause", &Restored::cause),
                      field("lost_threads", &Restored::lost_threads),
                      field("lost_devices", &Restored::lost_devices),
                      field("lost_descriptors", &Restored::lost_descriptors),
                      field("pid", &Restored::pid), field("signal", &Restored::signal),
                      field("exit_status", &Restored::exit_status));
  }
};

struct DebugReply {
  static constexpr std::string_view kType = "debug_reply";
  Id id;
  std::string host;
  std::int64_t port;
  std::string_view adapter = "debugpy";
  std::string version;

  static constexpr auto fields() {
    return std::tuple(field("id", &DebugReply::id), field("host", &DebugReply::host),
                      field("port", &DebugReply::port), field("adapter", &DebugReply::adapter),
                      field("version", &DebugReply::version));
  }
};

struct ShutdownReply {
  static constexpr std::string_view kType = "shutdown_reply";
  std::optional<Id> id;

  static constexpr auto fields() { return std::tuple(field("id", &ShutdownReply::id)); }
};

enum class ErrorCode {
  kInvalidUtf8,
  kInvalidJson,
  kNotAnObject,
  kFrameTooLarge,
  kTooDeep,
  kMissingField,
  kInvalidField,
  kUnknownType,
  kDuplicateId,
  kUnknownInputId,
  kUnknownCallId,
  kQueueFull,
  kSaveFailed,
  kLoadFailed,
  kUnavailable,
  kTooManySessions,
  kShuttingDown,
  kInternal
};
template <>
struct EnumNames<ErrorCode> {
  static constexpr std::array<std::string_view, 18> kNames = {
      "invalid_utf8",      "invalid_json",  "not_an_object", "frame_too_large", "too_deep",
      "missing_field",     "invalid_field", "unknown_type",  "duplicate_id",    "unknown_input_id",
      "unknown_call_id",   "queue_full",    "save_failed",   "load_failed",     "unavailable",
      "too_many_sessions", "shutting_down", "internal"};
};

struct ProtocolError {
  static constexpr std::string_view kType = "protocol_error";
  ErrorCode code;
  std::string message;
  std::optional<Id> id;
  std::int64_t line;  // number of the input line, from 1

  static constexpr auto fields() {
    return std::tuple(field("code", &ProtocolError::code),
                      field("message", &ProtocolError::message), field("id", &ProtocolError::id),
                      field("line", &ProtocolError::line));
  }
};

// Last words: the process ends by the signal, or with the status that the reason stands for.
struct Fatal {
  static constexpr std::string_view kType = "fatal";
  std::optional<std::string_view> signal;
  std::optional<std::string_view> reason;
  std::optional<std::int64_t> exit_status;
  Nullable<JsonOf<Id, std::string_view>> execution_id;
  std::string_view traceback;

  static constexpr auto fields() {
    return std::tuple(field("signal", &Fatal::signal), field("reason", &Fatal::reason),
                      field("exit_status", &Fatal::exit_status),
                      field("execution_id", &Fatal::execution_id),
                      field("traceback", &Fatal::traceback));
  }
};

// Unless the level is `safe`: a snapshot has what an execution changed.
struct Kept {
  static constexpr std::string_view kType = "kept";
  JsonOf<Id> execution_id;

  static constexpr auto fields() { return std::tuple(field("execution_id", &Kept::execution_id)); }
};

// In place of `kept`: no snapshot could be made.
struct NotKept {
  static constexpr std::string_view kType = "not_kept";
  JsonOf<Id> execution_id;
  std::string message;

  static constexpr auto fields() {
    return std::tuple(field("execution_id", &NotKept::execution_id),
                      field("message", &NotKept::message));
  }
};

using Event = std::variant<
    Ready, Output, OutputTruncated, OutputGetReply, Fatal, Display, ClearOutput, Input, InputClosed,
    Call, CallClosed, FunctionsReply, Result, Error, InterruptReply, Stuck, StatusReply, Heartbeat,
    CompleteReply, InspectReply, IsCompleteReply, VariablesReply, DebugReply, ResetReply, SaveReply,
    LoadReply, Progress, CheckpointReply, CheckpointsReply, CheckpointDropReply, Started, Value,
    CommOpenEvent, CommMsgEvent, CommCloseEvent, ResizeReply, RestoreReply, UndoReply, BranchReply,
    SessionsReply, CloseReply, Restored, Kept, NotKept, ShutdownReply, ProtocolError>;

}  // namespace replwire::protocol
