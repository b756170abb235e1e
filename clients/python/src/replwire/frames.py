"""The frames that a server sends, a dataclass each.

Written by generate.py from `replwire --schema`; not to be edited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypedDict, Union

from .frame import Frame, late_dataclass

Id = Union[str, int]


@late_dataclass
class ServerInfo(Frame):
    name: str
    version: str


def _server_info(f: dict[str, Any]) -> ServerInfo:
    return ServerInfo(
        f["name"],
        f["version"],
    )


@late_dataclass
class PythonInfo(Frame):
    version: str
    implementation: str
    executable: str
    prefix: str
    pid: int


def _python_info(f: dict[str, Any]) -> PythonInfo:
    return PythonInfo(
        f["version"],
        f["implementation"],
        f["executable"],
        f["prefix"],
        f["pid"],
    )


@late_dataclass
class Limits(Frame):
    max_frame_bytes: int
    max_depth: int
    id_bytes: int
    output_frame_bytes: int
    output_get_bytes: int
    repr_bytes: int
    value_bytes: int
    traceback_bytes: int
    prompt_bytes: int
    display_bytes: int
    call_bytes: int
    inquiry_bytes: int
    queue_bytes: int
    output_buffer: int
    stack_frames: int
    queue_limit: int | None = None


def _limits(f: dict[str, Any]) -> Limits:
    return Limits(
        f["max_frame_bytes"],
        f["max_depth"],
        f["id_bytes"],
        f["output_frame_bytes"],
        f["output_get_bytes"],
        f["repr_bytes"],
        f["value_bytes"],
        f["traceback_bytes"],
        f["prompt_bytes"],
        f["display_bytes"],
        f["call_bytes"],
        f["inquiry_bytes"],
        f["queue_bytes"],
        f["output_buffer"],
        f["stack_frames"],
        f.get("queue_limit"),
    )


@late_dataclass
class SandboxInfo(Frame):
    filesystem: Literal["read-only", "workspace"]
    write: list[str]
    network: Literal["none", "all"]
    mechanisms: list[str]


def _sandbox_info(f: dict[str, Any]) -> SandboxInfo:
    return SandboxInfo(
        f["filesystem"],
        f["write"],
        f["network"],
        f["mechanisms"],
    )


@late_dataclass
class ExpressionValue(Frame):
    repr: str | None = None
    value: Any = None
    display: dict[str, Any] | None = None
    display_metadata: dict[str, Any] | None = None
    repr_truncated: int | None = None
    exception_type: str | None = None
    exception_message: str | None = None


def _expression_value(f: dict[str, Any]) -> ExpressionValue:
    return ExpressionValue(
        f.get("repr"),
        f.get("value"),
        f.get("display"),
        f.get("display_metadata"),
        f.get("repr_truncated"),
        f.get("exception_type"),
        f.get("exception_message"),
    )


@late_dataclass
class TracebackFrame(Frame):
    filename: str
    line: int
    function: str
    source: str
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


def _traceback_frame(f: dict[str, Any]) -> TracebackFrame:
    return TracebackFrame(
        f["filename"],
        f["line"],
        f["function"],
        f["source"],
        f.get("end_line"),
        f.get("column"),
        f.get("end_column"),
    )


@late_dataclass
class Cause(Frame):
    relation: Literal["cause", "context", "member"]
    exception_type: str
    exception_message: str
    traceback: str
    frames: list[TracebackFrame]
    notes: list[str] | None = None
    causes: list[Cause] | None = None


def _cause(f: dict[str, Any]) -> Cause:
    return Cause(
        f["relation"],
        f["exception_type"],
        f["exception_message"],
        f["traceback"],
        [_traceback_frame(each) for each in f["frames"]],
        f.get("notes"),
        [_cause(each) for each in f["causes"]] if "causes" in f else None,
    )


@late_dataclass
class StackEntry(Frame):
    filename: str
    line: int
    function: str


def _stack_entry(f: dict[str, Any]) -> StackEntry:
    return StackEntry(
        f["filename"],
        f["line"],
        f["function"],
    )


@late_dataclass
class SnapshotFacts(Frame):
    count: int
    memory: int
    failure: str | None = None


def _snapshot_facts(f: dict[str, Any]) -> SnapshotFacts:
    return SnapshotFacts(
        f["count"],
        f["memory"],
        f.get("failure"),
    )


@late_dataclass
class Definition(Frame):
    filename: str
    line: int


def _definition(f: dict[str, Any]) -> Definition:
    return Definition(
        f["filename"],
        f["line"],
    )


@late_dataclass
class Parameter(Frame):
    label: str


def _parameter(f: dict[str, Any]) -> Parameter:
    return Parameter(
        f["label"],
    )


@late_dataclass
class Signature(Frame):
    label: str
    parameters: list[Parameter]
    active_parameter: int | None = None


def _signature(f: dict[str, Any]) -> Signature:
    return Signature(
        f["label"],
        [_parameter(each) for each in f["parameters"]],
        f.get("active_parameter"),
    )


@late_dataclass
class Variable(Frame):
    name: str
    type: str
    repr: str
    size: int | None = None
    length: int | None = None
    shape: list[int] | None = None
    dtype: str | None = None
    module: str | None = None
    has_children: bool | None = None


def _variable(f: dict[str, Any]) -> Variable:
    return Variable(
        f["name"],
        f["type"],
        f["repr"],
        f.get("size"),
        f.get("length"),
        f.get("shape"),
        f.get("dtype"),
        f.get("module"),
        f.get("has_children"),
    )


@late_dataclass
class SkippedName(Frame):
    name: str
    reason: str


def _skipped_name(f: dict[str, Any]) -> SkippedName:
    return SkippedName(
        f["name"],
        f["reason"],
    )


@late_dataclass
class CheckpointEntry(Frame):
    checkpoint_id: str
    automatic: bool
    age: float
    memory: int
    execution_id: Id | None
    execution_count: int | None
    name: str | None = None


def _checkpoint_entry(f: dict[str, Any]) -> CheckpointEntry:
    return CheckpointEntry(
        f["checkpoint_id"],
        f["automatic"],
        f["age"],
        f["memory"],
        f["execution_id"],
        f["execution_count"],
        f.get("name"),
    )


@late_dataclass
class SessionEntry(Frame):
    session: str | None
    parent: str | None
    state: Literal["idle", "busy", "waiting_for_input", "waiting_for_call", "stopped"]
    pid: int
    memory: int
    executions: int
    name: str | None = None


def _session_entry(f: dict[str, Any]) -> SessionEntry:
    return SessionEntry(
        f["session"],
        f["parent"],
        f["state"],
        f["pid"],
        f["memory"],
        f["executions"],
        f.get("name"),
    )


@late_dataclass
class Ready(Frame):
    type: ClassVar[Literal["ready"]] = "ready"
    protocol: int
    session_id: str
    pid: int
    server: ServerInfo
    python: PythonInfo
    capabilities: dict[str, list[str]]
    limits: Limits
    position_encoding: str | None = None
    sandbox: SandboxInfo | None = None


def _ready(f: dict[str, Any]) -> Ready:
    return Ready(
        f["protocol"],
        f["session_id"],
        f["pid"],
        _server_info(f["server"]),
        _python_info(f["python"]),
        f["capabilities"],
        _limits(f["limits"]),
        f.get("position_encoding"),
        _sandbox_info(f["sandbox"]) if "sandbox" in f else None,
    )


@late_dataclass
class Output(Frame):
    type: ClassVar[Literal["output"]] = "output"
    execution_id: Id | None
    stream: Literal["stdout", "stderr"]
    data: str
    late: bool | None = None
    execution_count: int | None = None
    origin: Literal["fd"] | None = None
    session: str | None = None


def _output(f: dict[str, Any]) -> Output:
    return Output(
        f["execution_id"],
        f["stream"],
        f["data"],
        f.get("late"),
        f.get("execution_count"),
        f.get("origin"),
        f.get("session"),
    )


@late_dataclass
class OutputTruncated(Frame):
    type: ClassVar[Literal["output_truncated"]] = "output_truncated"
    execution_id: Id | None
    execution_count: int | None
    stream: Literal["stdout", "stderr"]
    omitted: int
    offset: int
    session: str | None = None


def _output_truncated(f: dict[str, Any]) -> OutputTruncated:
    return OutputTruncated(
        f["execution_id"],
        f["execution_count"],
        f["stream"],
        f["omitted"],
        f["offset"],
        f.get("session"),
    )


@late_dataclass
class OutputGetReply(Frame):
    type: ClassVar[Literal["output_get_reply"]] = "output_get_reply"
    id: Id
    data: str
    offset: int
    total: int
    session: str | None = None


def _output_get_reply(f: dict[str, Any]) -> OutputGetReply:
    return OutputGetReply(
        f["id"],
        f["data"],
        f["offset"],
        f["total"],
        f.get("session"),
    )


@late_dataclass
class Fatal(Frame):
    type: ClassVar[Literal["fatal"]] = "fatal"
    execution_id: Id | None
    traceback: str
    signal: str | None = None
    reason: str | None = None
    exit_status: int | None = None


def _fatal(f: dict[str, Any]) -> Fatal:
    return Fatal(
        f["execution_id"],
        f["traceback"],
        f.get("signal"),
        f.get("reason"),
        f.get("exit_status"),
    )


@late_dataclass
class Display(Frame):
    type: ClassVar[Literal["display"]] = "display"
    execution_id: Id | None
    data: dict[str, Any]
    metadata: dict[str, Any]
    display_id: str | None = None
    update: bool | None = None
    session: str | None = None


def _display(f: dict[str, Any]) -> Display:
    return Display(
        f["execution_id"],
        f["data"],
        f["metadata"],
        f.get("display_id"),
        f.get("update"),
        f.get("session"),
    )


@late_dataclass
class ClearOutput(Frame):
    type: ClassVar[Literal["clear_output"]] = "clear_output"
    execution_id: Id | None
    wait: bool
    session: str | None = None


def _clear_output(f: dict[str, Any]) -> ClearOutput:
    return ClearOutput(
        f["execution_id"],
        f["wait"],
        f.get("session"),
    )


@late_dataclass
class Input(Frame):
    type: ClassVar[Literal["input"]] = "input"
    id: str
    execution_id: Id | None
    prompt: str
    password: bool
    session: str | None = None


def _input(f: dict[str, Any]) -> Input:
    return Input(
        f["id"],
        f["execution_id"],
        f["prompt"],
        f["password"],
        f.get("session"),
    )


@late_dataclass
class InputClosed(Frame):
    type: ClassVar[Literal["input_closed"]] = "input_closed"
    id: str
    reason: Literal["interrupt", "timeout", "end_of_input", "shutdown", "crash"]
    session: str | None = None


def _input_closed(f: dict[str, Any]) -> InputClosed:
    return InputClosed(
        f["id"],
        f["reason"],
        f.get("session"),
    )


@late_dataclass
class Call(Frame):
    type: ClassVar[Literal["call"]] = "call"
    id: str
    execution_id: Id | None
    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    session: str | None = None


def _call(f: dict[str, Any]) -> Call:
    return Call(
        f["id"],
        f["execution_id"],
        f["name"],
        f["args"],
        f["kwargs"],
        f.get("session"),
    )


@late_dataclass
class CallClosed(Frame):
    type: ClassVar[Literal["call_closed"]] = "call_closed"
    id: str
    reason: Literal["interrupt", "timeout", "end_of_input", "shutdown", "crash", "cancelled"]
    session: str | None = None


def _call_closed(f: dict[str, Any]) -> CallClosed:
    return CallClosed(
        f["id"],
        f["reason"],
        f.get("session"),
    )


@late_dataclass
class FunctionsReply(Frame):
    type: ClassVar[Literal["functions_reply"]] = "functions_reply"
    id: Id
    names: list[str]
    session: str | None = None


def _functions_reply(f: dict[str, Any]) -> FunctionsReply:
    return FunctionsReply(
        f["id"],
        f["names"],
        f.get("session"),
    )


@late_dataclass
class Result(Frame):
    type: ClassVar[Literal["result"]] = "result"
    execution_id: Id
    execution_count: int | None
    repr: str | None
    execution_time: float
    value: Any = None
    display: dict[str, Any] | None = None
    display_metadata: dict[str, Any] | None = None
    repr_truncated: int | None = None
    expressions: dict[str, ExpressionValue] | None = None
    inputs_unused: int | None = None
    interrupts: int | None = None
    restored: bool | None = None
    kept: bool | None = None
    session: str | None = None


def _result(f: dict[str, Any]) -> Result:
    return Result(
        f["execution_id"],
        f["execution_count"],
        f["repr"],
        f["execution_time"],
        f.get("value"),
        f.get("display"),
        f.get("display_metadata"),
        f.get("repr_truncated"),
        {name: _expression_value(each) for name, each in f["expressions"].items()}
        if "expressions" in f
        else None,
        f.get("inputs_unused"),
        f.get("interrupts"),
        f.get("restored"),
        f.get("kept"),
        f.get("session"),
    )


@late_dataclass
class Error(Frame):
    type: ClassVar[Literal["error"]] = "error"
    execution_id: Id
    execution_count: int | None
    reason: Literal[
        "exception", "interrupt", "timeout", "exit", "memory", "crash", "cancelled", "aborted"
    ]
    exception_type: str
    exception_message: str
    traceback: str
    frames: list[TracebackFrame]
    execution_time: float
    restored: bool | None = None
    kept: bool | None = None
    signal: str | None = None
    exit_status: int | None = None
    syntax_message: str | None = None
    notes: list[str] | None = None
    causes: list[Cause] | None = None
    exit_code: int | str | None | None = None
    inputs_unused: int | None = None
    session: str | None = None


def _error(f: dict[str, Any]) -> Error:
    return Error(
        f["execution_id"],
        f["execution_count"],
        f["reason"],
        f["exception_type"],
        f["exception_message"],
        f["traceback"],
        [_traceback_frame(each) for each in f["frames"]],
        f["execution_time"],
        f.get("restored"),
        f.get("kept"),
        f.get("signal"),
        f.get("exit_status"),
        f.get("syntax_message"),
        f.get("notes"),
        [_cause(each) for each in f["causes"]] if "causes" in f else None,
        f.get("exit_code"),
        f.get("inputs_unused"),
        f.get("session"),
    )


@late_dataclass
class InterruptReply(Frame):
    type: ClassVar[Literal["interrupt_reply"]] = "interrupt_reply"
    execution_id: Id | None
    outcome: Literal["delivered", "dequeued", "not_running"]
    id: Id | None = None
    session: str | None = None


def _interrupt_reply(f: dict[str, Any]) -> InterruptReply:
    return InterruptReply(
        f["execution_id"],
        f["outcome"],
        f.get("id"),
        f.get("session"),
    )


@late_dataclass
class Stuck(Frame):
    type: ClassVar[Literal["stuck"]] = "stuck"
    execution_id: Id
    elapsed: float
    stack: list[StackEntry] | None = None
    session: str | None = None


def _stuck(f: dict[str, Any]) -> Stuck:
    return Stuck(
        f["execution_id"],
        f["elapsed"],
        [_stack_entry(each) for each in f["stack"]] if "stack" in f else None,
        f.get("session"),
    )


@late_dataclass
class StatusReply(Frame):
    type: ClassVar[Literal["status_reply"]] = "status_reply"
    id: Id
    state: Literal["idle", "busy", "waiting_for_input", "waiting_for_call", "stopped"]
    execution_id: Id | None
    elapsed: float
    queued: int
    pending_inputs: list[str]
    pending_calls: list[str]
    memory_usage: int
    cpu_seconds: float
    snapshots: SnapshotFacts | None = None
    stack: list[StackEntry] | None = None
    stack_unavailable: str | None = None
    session: str | None = None


def _status_reply(f: dict[str, Any]) -> StatusReply:
    return StatusReply(
        f["id"],
        f["state"],
        f["execution_id"],
        f["elapsed"],
        f["queued"],
        f["pending_inputs"],
        f["pending_calls"],
        f["memory_usage"],
        f["cpu_seconds"],
        _snapshot_facts(f["snapshots"]) if "snapshots" in f else None,
        [_stack_entry(each) for each in f["stack"]] if "stack" in f else None,
        f.get("stack_unavailable"),
        f.get("session"),
    )


@late_dataclass
class Heartbeat(Frame):
    type: ClassVar[Literal["heartbeat"]] = "heartbeat"
    state: Literal["idle", "busy", "waiting_for_input", "waiting_for_call", "stopped"]
    execution_id: Id | None
    elapsed: float
    queued: int
    pending_inputs: list[str]
    pending_calls: list[str]
    memory_usage: int
    cpu_seconds: float
    snapshots: SnapshotFacts | None = None
    session: str | None = None


def _heartbeat(f: dict[str, Any]) -> Heartbeat:
    return Heartbeat(
        f["state"],
        f["execution_id"],
        f["elapsed"],
        f["queued"],
        f["pending_inputs"],
        f["pending_calls"],
        f["memory_usage"],
        f["cpu_seconds"],
        _snapshot_facts(f["snapshots"]) if "snapshots" in f else None,
        f.get("session"),
    )


@late_dataclass
class CompleteReply(Frame):
    type: ClassVar[Literal["complete_reply"]] = "complete_reply"
    id: Id
    status: str
    matches: list[str]
    cursor_start: int
    cursor_end: int
    metadata: dict[str, Any]
    partial: bool | None = None
    session: str | None = None


def _complete_reply(f: dict[str, Any]) -> CompleteReply:
    return CompleteReply(
        f["id"],
        f["status"],
        f["matches"],
        f["cursor_start"],
        f["cursor_end"],
        f["metadata"],
        f.get("partial"),
        f.get("session"),
    )


@late_dataclass
class InspectReply(Frame):
    type: ClassVar[Literal["inspect_reply"]] = "inspect_reply"
    id: Id
    status: str
    found: bool
    data: dict[str, str]
    metadata: dict[str, Any]
    definition: Definition | None = None
    signatures: list[Signature] | None = None
    partial: bool | None = None
    session: str | None = None


def _inspect_reply(f: dict[str, Any]) -> InspectReply:
    return InspectReply(
        f["id"],
        f["status"],
        f["found"],
        f["data"],
        f["metadata"],
        _definition(f["definition"]) if "definition" in f else None,
        [_signature(each) for each in f["signatures"]] if "signatures" in f else None,
        f.get("partial"),
        f.get("session"),
    )


@late_dataclass
class IsCompleteReply(Frame):
    type: ClassVar[Literal["is_complete_reply"]] = "is_complete_reply"
    id: Id
    status: Literal["complete", "incomplete", "invalid", "unknown"]
    indent: str | None = None
    session: str | None = None


def _is_complete_reply(f: dict[str, Any]) -> IsCompleteReply:
    return IsCompleteReply(
        f["id"],
        f["status"],
        f.get("indent"),
        f.get("session"),
    )


@late_dataclass
class VariablesReply(Frame):
    type: ClassVar[Literal["variables_reply"]] = "variables_reply"
    id: Id
    total: int
    variables: list[Variable]
    partial: bool | None = None
    session: str | None = None


def _variables_reply(f: dict[str, Any]) -> VariablesReply:
    return VariablesReply(
        f["id"],
        f["total"],
        [_variable(each) for each in f["variables"]],
        f.get("partial"),
        f.get("session"),
    )


@late_dataclass
class DebugReply(Frame):
    type: ClassVar[Literal["debug_reply"]] = "debug_reply"
    id: Id
    host: str
    port: int
    adapter: str
    version: str
    session: str | None = None


def _debug_reply(f: dict[str, Any]) -> DebugReply:
    return DebugReply(
        f["id"],
        f["host"],
        f["port"],
        f["adapter"],
        f["version"],
        f.get("session"),
    )


@late_dataclass
class ResetReply(Frame):
    type: ClassVar[Literal["reset_reply"]] = "reset_reply"
    id: Id
    threads: list[str]
    tasks: list[str]
    session: str | None = None


def _reset_reply(f: dict[str, Any]) -> ResetReply:
    return ResetReply(
        f["id"],
        f["threads"],
        f["tasks"],
        f.get("session"),
    )


@late_dataclass
class SaveReply(Frame):
    type: ClassVar[Literal["save_reply"]] = "save_reply"
    id: Id
    path: str
    bytes: int
    saved: list[str]
    skipped: list[SkippedName]
    session: str | None = None


def _save_reply(f: dict[str, Any]) -> SaveReply:
    return SaveReply(
        f["id"],
        f["path"],
        f["bytes"],
        f["saved"],
        [_skipped_name(each) for each in f["skipped"]],
        f.get("session"),
    )


@late_dataclass
class LoadReply(Frame):
    type: ClassVar[Literal["load_reply"]] = "load_reply"
    id: Id
    loaded: list[str]
    skipped: list[SkippedName]
    session: str | None = None


def _load_reply(f: dict[str, Any]) -> LoadReply:
    return LoadReply(
        f["id"],
        f["loaded"],
        [_skipped_name(each) for each in f["skipped"]],
        f.get("session"),
    )


@late_dataclass
class Progress(Frame):
    type: ClassVar[Literal["progress"]] = "progress"
    id: Id
    done: int
    total: int
    session: str | None = None


def _progress(f: dict[str, Any]) -> Progress:
    return Progress(
        f["id"],
        f["done"],
        f["total"],
        f.get("session"),
    )


@late_dataclass
class CheckpointReply(Frame):
    type: ClassVar[Literal["checkpoint_reply"]] = "checkpoint_reply"
    id: Id
    checkpoint_id: str
    session: str | None = None


def _checkpoint_reply(f: dict[str, Any]) -> CheckpointReply:
    return CheckpointReply(
        f["id"],
        f["checkpoint_id"],
        f.get("session"),
    )


@late_dataclass
class CheckpointsReply(Frame):
    type: ClassVar[Literal["checkpoints_reply"]] = "checkpoints_reply"
    id: Id
    checkpoints: list[CheckpointEntry]
    session: str | None = None


def _checkpoints_reply(f: dict[str, Any]) -> CheckpointsReply:
    return CheckpointsReply(
        f["id"],
        [_checkpoint_entry(each) for each in f["checkpoints"]],
        f.get("session"),
    )


@late_dataclass
class CheckpointDropReply(Frame):
    type: ClassVar[Literal["checkpoint_drop_reply"]] = "checkpoint_drop_reply"
    id: Id
    session: str | None = None


def _checkpoint_drop_reply(f: dict[str, Any]) -> CheckpointDropReply:
    return CheckpointDropReply(
        f["id"],
        f.get("session"),
    )


@late_dataclass
class Started(Frame):
    type: ClassVar[Literal["started"]] = "started"
    execution_id: Id
    execution_count: int | None
    session: str | None = None


def _started(f: dict[str, Any]) -> Started:
    return Started(
        f["execution_id"],
        f["execution_count"],
        f.get("session"),
    )


@late_dataclass
class Value(Frame):
    type: ClassVar[Literal["value"]] = "value"
    execution_id: Id | None
    line: int
    repr: str
    value: Any = None
    display: dict[str, Any] | None = None
    display_metadata: dict[str, Any] | None = None
    repr_truncated: int | None = None
    session: str | None = None


def _value(f: dict[str, Any]) -> Value:
    return Value(
        f["execution_id"],
        f["line"],
        f["repr"],
        f.get("value"),
        f.get("display"),
        f.get("display_metadata"),
        f.get("repr_truncated"),
        f.get("session"),
    )


@late_dataclass
class CommOpenEvent(Frame):
    type: ClassVar[Literal["comm_open"]] = "comm_open"
    execution_id: Id | None
    comm_id: str
    target_name: str
    data: Any
    metadata: dict[str, Any]
    buffers: list[str]
    session: str | None = None


def _comm_open_event(f: dict[str, Any]) -> CommOpenEvent:
    return CommOpenEvent(
        f["execution_id"],
        f["comm_id"],
        f["target_name"],
        f["data"],
        f["metadata"],
        f["buffers"],
        f.get("session"),
    )


@late_dataclass
class CommMsgEvent(Frame):
    type: ClassVar[Literal["comm_msg"]] = "comm_msg"
    execution_id: Id | None
    comm_id: str
    data: Any
    metadata: dict[str, Any]
    buffers: list[str]
    session: str | None = None


def _comm_msg_event(f: dict[str, Any]) -> CommMsgEvent:
    return CommMsgEvent(
        f["execution_id"],
        f["comm_id"],
        f["data"],
        f["metadata"],
        f["buffers"],
        f.get("session"),
    )


@late_dataclass
class CommCloseEvent(Frame):
    type: ClassVar[Literal["comm_close"]] = "comm_close"
    execution_id: Id | None
    comm_id: str
    data: Any
    metadata: dict[str, Any]
    buffers: list[str]
    session: str | None = None


def _comm_close_event(f: dict[str, Any]) -> CommCloseEvent:
    return CommCloseEvent(
        f["execution_id"],
        f["comm_id"],
        f["data"],
        f["metadata"],
        f["buffers"],
        f.get("session"),
    )


@late_dataclass
class ResizeReply(Frame):
    type: ClassVar[Literal["resize_reply"]] = "resize_reply"
    id: Id
    session: str | None = None


def _resize_reply(f: dict[str, Any]) -> ResizeReply:
    return ResizeReply(
        f["id"],
        f.get("session"),
    )


@late_dataclass
class RestoreReply(Frame):
    type: ClassVar[Literal["restore_reply"]] = "restore_reply"
    id: Id
    checkpoint_id: str
    session: str | None = None


def _restore_reply(f: dict[str, Any]) -> RestoreReply:
    return RestoreReply(
        f["id"],
        f["checkpoint_id"],
        f.get("session"),
    )


@late_dataclass
class UndoReply(Frame):
    type: ClassVar[Literal["undo_reply"]] = "undo_reply"
    id: Id
    checkpoint_id: str
    session: str | None = None


def _undo_reply(f: dict[str, Any]) -> UndoReply:
    return UndoReply(
        f["id"],
        f["checkpoint_id"],
        f.get("session"),
    )


@late_dataclass
class BranchReply(Frame):
    type: ClassVar[Literal["branch_reply"]] = "branch_reply"
    id: Id
    session: str
    checkpoint_id: str
    pid: int
    lost_threads: list[str]
    lost_devices: list[str]
    lost_descriptors: list[str]


def _branch_reply(f: dict[str, Any]) -> BranchReply:
    return BranchReply(
        f["id"],
        f["session"],
        f["checkpoint_id"],
        f["pid"],
        f["lost_threads"],
        f["lost_devices"],
        f["lost_descriptors"],
    )


@late_dataclass
class SessionsReply(Frame):
    type: ClassVar[Literal["sessions_reply"]] = "sessions_reply"
    id: Id
    sessions: list[SessionEntry]
    session: str | None = None


def _sessions_reply(f: dict[str, Any]) -> SessionsReply:
    return SessionsReply(
        f["id"],
        [_session_entry(each) for each in f["sessions"]],
        f.get("session"),
    )


@late_dataclass
class CloseReply(Frame):
    type: ClassVar[Literal["close_reply"]] = "close_reply"
    session: str
    id: Id | None = None


def _close_reply(f: dict[str, Any]) -> CloseReply:
    return CloseReply(
        f["session"],
        f.get("id"),
    )


@late_dataclass
class Restored(Frame):
    type: ClassVar[Literal["restored"]] = "restored"
    execution_id: Id | None
    checkpoint_id: str | None
    last_execution_id: Id | None
    undone: list[Id]
    cause: Literal["crash", "timeout", "interrupt", "restore", "undo", "rollback"]
    lost_threads: list[str]
    lost_devices: list[str]
    lost_descriptors: list[str]
    pid: int
    signal: str | None = None
    exit_status: int | None = None
    session: str | None = None


def _restored(f: dict[str, Any]) -> Restored:
    return Restored(
        f["execution_id"],
        f["checkpoint_id"],
        f["last_execution_id"],
        f["undone"],
        f["cause"],
        f["lost_threads"],
        f["lost_devices"],
        f["lost_descriptors"],
        f["pid"],
        f.get("signal"),
        f.get("exit_status"),
        f.get("session"),
    )


@late_dataclass
class Kept(Frame):
    type: ClassVar[Literal["kept"]] = "kept"
    execution_id: Id
    session: str | None = None


def _kept(f: dict[str, Any]) -> Kept:
    return Kept(
        f["execution_id"],
        f.get("session"),
    )


@late_dataclass
class NotKept(Frame):
    type: ClassVar[Literal["not_kept"]] = "not_kept"
    execution_id: Id
    message: str
    session: str | None = None


def _not_kept(f: dict[str, Any]) -> NotKept:
    return NotKept(
        f["execution_id"],
        f["message"],
        f.get("session"),
    )


@late_dataclass
class ShutdownReply(Frame):
    type: ClassVar[Literal["shutdown_reply"]] = "shutdown_reply"
    id: Id | None = None
    session: str | None = None


def _shutdown_reply(f: dict[str, Any]) -> ShutdownReply:
    return ShutdownReply(
        f.get("id"),
        f.get("session"),
    )


@late_dataclass
class ProtocolError(Frame):
    type: ClassVar[Literal["protocol_error"]] = "protocol_error"
    code: Literal[
        "invalid_utf8",
        "invalid_json",
        "not_an_object",
        "frame_too_large",
        "too_deep",
        "missing_field",
        "invalid_field",
        "unknown_type",
        "duplicate_id",
        "unknown_input_id",
        "unknown_call_id",
        "queue_full",
        "save_failed",
        "load_failed",
        "unavailable",
        "too_many_sessions",
        "shutting_down",
        "internal",
    ]
    message: str
    line: int
    id: Id | None = None
    session: str | None = None


def _protocol_error(f: dict[str, Any]) -> ProtocolError:
    return ProtocolError(
        f["code"],
        f["message"],
        f["line"],
        f.get("id"),
        f.get("session"),
    )


class ExecuteOptions(TypedDict, total=False):
    id: Id | None
    filename: str | None
    first_line: int | None
    inputs: list[str] | None
    timeout: float | None
    grace: float | None
    timeout_includes_input: bool | None
    repr_limit: int | None
    silent: bool | None
    stop_on_error: bool | None
    output_limit: int | None
    transaction: Literal["commit", "rollback_on_failure", "rollback_always"] | None
    module: str | None
    name: str | None
    dedent: bool | None
    notify_start: bool | None
    store_history: bool | None
    expressions: dict[str, str] | None
    values: Literal["all"] | None


Event = Union[
    Ready,
    Output,
    OutputTruncated,
    OutputGetReply,
    Fatal,
    Display,
    ClearOutput,
    Input,
    InputClosed,
    Call,
    CallClosed,
    FunctionsReply,
    Result,
    Error,
    InterruptReply,
    Stuck,
    StatusReply,
    Heartbeat,
    CompleteReply,
    InspectReply,
    IsCompleteReply,
    VariablesReply,
    DebugReply,
    ResetReply,
    SaveReply,
    LoadReply,
    Progress,
    CheckpointReply,
    CheckpointsReply,
    CheckpointDropReply,
    Started,
    Value,
    CommOpenEvent,
    CommMsgEvent,
    CommCloseEvent,
    ResizeReply,
    RestoreReply,
    UndoReply,
    BranchReply,
    SessionsReply,
    CloseReply,
    Restored,
    Kept,
    NotKept,
    ShutdownReply,
    ProtocolError,
]

DECODERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "ready": _ready,
    "output": _output,
    "output_truncated": _output_truncated,
    "output_get_reply": _output_get_reply,
    "fatal": _fatal,
    "display": _display,
    "clear_output": _clear_output,
    "input": _input,
    "input_closed": _input_closed,
    "call": _call,
    "call_closed": _call_closed,
    "functions_reply": _functions_reply,
    "result": _result,
    "error": _error,
    "interrupt_reply": _interrupt_reply,
    "stuck": _stuck,
    "status_reply": _status_reply,
    "heartbeat": _heartbeat,
    "complete_reply": _complete_reply,
    "inspect_reply": _inspect_reply,
    "is_complete_reply": _is_complete_reply,
    "variables_reply": _variables_reply,
    "debug_reply": _debug_reply,
    "reset_reply": _reset_reply,
    "save_reply": _save_reply,
    "load_reply": _load_reply,
    "progress": _progress,
    "checkpoint_reply": _checkpoint_reply,
    "checkpoints_reply": _checkpoints_reply,
    "checkpoint_drop_reply": _checkpoint_drop_reply,
    "started": _started,
    "value": _value,
    "comm_open": _comm_open_event,
    "comm_msg": _comm_msg_event,
    "comm_close": _comm_close_event,
    "resize_reply": _resize_reply,
    "restore_reply": _restore_reply,
    "undo_reply": _undo_reply,
    "branch_reply": _branch_reply,
    "sessions_reply": _sessions_reply,
    "close_reply": _close_reply,
    "restored": _restored,
    "kept": _kept,
    "not_kept": _not_kept,
    "shutdown_reply": _shutdown_reply,
    "protocol_error": _protocol_error,
}

REQUESTS = (
    "execute",
    "input_response",
    "interrupt",
    "status",
    "complete",
    "inspect",
    "is_complete",
    "variables",
    "debug",
    "output_get",
    "functions",
    "call_response",
    "reset",
    "save",
    "load",
    "checkpoint",
    "checkpoints",
    "checkpoint_drop",
    "restore",
    "undo",
    "branch",
    "sessions",
    "close",
    "resize",
    "comm_open",
    "comm_msg",
    "comm_close",
    "shutdown",
)
