"""What both sessions share: frames in and out, and who waits for what. Does no I/O of its own."""

from __future__ import annotations

import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec

from . import frames
from .answers import WIRE, Ask, OnInput, asker
from .errors import ReplwireError, RequestRefused, SessionClosed, SessionDied, UnansweredInput
from .execution import Execution, Pending, Sink
from .functions import Functions, Offered, answer_of, described, log

# After so many refusals in one execution it is interrupted: it asks in a loop.
PATIENCE = 10
GRACE = 2.0  # seconds between an interrupt that is meant and what follows it

_encode = json.JSONEncoder().encode
_scan = json.JSONDecoder().raw_decode


# The server bounds all that it tells (`ready.limits`); escaped, the longest takes 96 MiB. What is
# longer is somebody else's, and neither kept nor read.
LONGEST = 128 << 20
HEAD = 4096  # bytes of it that the account of a death shows
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?')


class Lines:
    """Bytes in, whole lines out."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._size = 0

    def split(self, data: bytes) -> list[bytes]:
        *lines, rest = data.split(b"\n")
        if lines and self._begun:
            self._keep(lines[0])
            lines[0] = b"".join(self._begun)
            self._begun, self._size = [], 0
        if rest:
            self._keep(rest)
        return lines

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LONGEST:
            self._begun = [b"".join(self._begun[:1])[:HEAD]]
        else:
            self._begun.append(part)


def _nests_deep(line: bytes) -> bool:
    """Deeper than any frame does."""
    depth = deepest = 0
    for each in _STRING.sub(b"", line):
        depth += (each in b"[{") - (each in b"]}")
        deepest = max(deepest, depth)
    return deepest > 200


Trace = Callable[[str, bytes], object]
P = ParamSpec("P")


def guarded(function: Callable[P, object]) -> Callable[P, None]:
    """A program's function that fails must not cost the frames behind."""

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception:
            log().exception("%r failed", function)

    return call


class Conversation:
    """One server's side of things: `feed` it what the server writes, it calls `write` with whole
    lines, and `ask` when a question needs an answer that takes its own time."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        ask: Callable[[frames.Input, Execution | None, Ask], None],
        host: Callable[[frames.Call, Callable[..., Any]], None],
        host_closed: Callable[[str], None],
        *,
        on_input: OnInput,
        functions: Functions,
        on_event: Callable[[frames.Event], object] | None,
        trace: Trace | None,
    ) -> None:
        self._write = write
        self._ask = ask
        self._host = host  # runs a function
        self._host_closed = host_closed  # nobody waits for that call any more
        self._asker = asker(on_input)
        self._by_consumer = on_input == "ask"  # of what no execution that runs asks
        self.calls_by_hand = functions == "ask"
        self.functions: dict[str, Callable[..., Any]] = {}
        if not isinstance(functions, str):
            self.functions.update(functions or {})
        self.calls: dict[str, Execution | None] = {}  # that wait for an answer
        self._on_event = on_event and guarded(on_event)
        self._trace = trace and guarded(trace)
        self.arrived: deque[bytes] = deque()  # what was read, not yet looked at
        self._lines = Lines()
        self._waiting: deque[bytes] = deque()  # whole lines
        self._ids = itertools.count(1)
        self.executions: dict[frames.Id, Execution] = {}
        self.requests: dict[frames.Id, Pending[Any]] = {}
        self.questions: dict[str, Execution | None] = {}
        self.ready: Pending[frames.Ready] | None = None
        self.fatal: frames.Fatal | None = None
        self.noise = b""  # lines that are no frames, for the account of a death
        self.over: Callable[[], ReplwireError] | None = lambda: SessionClosed("not started")
        self.name: str | None = None  # what the server calls this session; None: the first one
        self.root = self  # of the first session: it reads for all
        self.branches: dict[str, Conversation] = {}  # all of them, in the root's
        self._beginning: dict[frames.Id, Conversation] = {}  # branches, by the request's id
        self.on_end: Callable[[], object] = lambda: None  # of a branch

    def branched(
        self,
        write: Callable[[bytes], None],
        ask: Callable[[frames.Input, Execution | None, Ask], None],
        host: Callable[[frames.Call, Callable[..., Any]], None],
        host_closed: Callable[[str], None],
        *,
        on_input: OnInput,
        on_event: Callable[[frames.Event], object] | None,
    ) -> Conversation:
        """That of a session which begins in the state of this one."""
        branch = Conversation(
            write,
            ask,
            host,
            host_closed,
            on_input=on_input,
            functions="ask" if self.calls_by_hand else dict(self.functions),
            on_event=on_event,
            trace=None,
        )
        if on_input is None:
            branch._asker, branch._by_consumer = self._asker, self._by_consumer
        branch.root = self.root
        branch._ids = self._ids
        branch._trace = self._trace
        return branch

    def begin(
        self, branch: Conversation, name: str | None, checkpoint: str | None, pending: Pending[Any]
    ) -> None:
        """Has the server begin it. It is known before anything that it says is read."""
        frame: dict[str, Any] = {"type": "branch", "name": name, "checkpoint_id": checkpoint}
        frame["session"] = self.name
        self.root.request(frame, pending)
        self.root._beginning[frame["id"]] = branch

    def all(self) -> list[Conversation]:
        """Of the root: its own, and those of the branches."""
        return [self, *self.branches.values()]

    # ---- out ----------------------------------------------------------------------------------

    def send(self, frame: dict[str, Any]) -> None:
        self._send(self._line(frame))

    def _line(self, frame: dict[str, Any]) -> bytes:
        if self.over is not None:
            raise self.over()
        if self.name is not None:
            frame = {**frame, "session": self.name}
        return _encode(frame).encode() + b"\n"

    def _send(self, line: bytes) -> None:
        if self._trace is not None:
            self._trace(">", line)
        self._write(line)

    def execute(
        self, code: str, sink: Sink, on_input: OnInput, options: Any, *, calls_by_hand: bool = False
    ) -> Execution:
        frame: dict[str, Any] = {"type": "execute", "id": None, "code": code, **options}
        if frame["id"] is None:
            frame["id"] = next(self._ids)
        if isinstance(on_input, str) and on_input in WIRE:
            frame["on_input"] = on_input
        if frame["id"] in self.executions:
            raise ValueError(f"the id {frame['id']!r} is in use")
        ask = self._asker if on_input is None else asker(on_input)
        line = self._line(frame)
        execution = Execution(frame["id"], sink, ask, on_input == "ask", calls_by_hand)
        self.executions[execution.id] = execution
        try:
            self._send(line)
        except BaseException:  # Ctrl-C: what has been begun is sent to its end
            self.abandon(execution)
            raise
        return execution

    def request(self, frame: dict[str, Any], pending: Pending[Any]) -> None:
        frame["id"] = next(self._ids)
        self.send(frame)
        self.requests[frame["id"]] = pending

    def abandon(self, execution: Execution) -> None:
        """Nobody waits for it any more: it shall end, and what it says is of no interest."""
        execution.sink = None
        self.interrupt(execution)

    def interrupt(self, execution: Execution) -> None:
        if execution.id in self.executions and self.over is None:
            self.send({"type": "interrupt", "execution_id": execution.id, "grace": GRACE})

    def reply(
        self,
        question: frames.Input,
        execution: Execution | None,
        answer: str | BaseException | None,
    ) -> None:
        """Tells the code that asked; a question that is closed by now is nobody's any more."""
        if question.id not in self.questions or self.over is not None:
            return
        del self.questions[question.id]
        frame: dict[str, Any] = {"type": "input_response", "input_id": question.id}
        if isinstance(answer, str):
            frame["data"] = answer
        elif isinstance(answer, EOFError):
            frame["eof"] = True
        else:
            refusal = UnansweredInput(question.prompt) if answer is None else answer
            frame["error"] = str(refusal)
            if execution is not None:
                execution.failure = execution.failure or refusal
                execution.refused += 1
        self.send(frame)
        if execution is not None and execution.refused >= PATIENCE:
            self.interrupt(execution)

    def definition(
        self, offered: Mapping[str, Offered], remove: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The request that offers these functions; from here on they are called."""
        frame: dict[str, Any] = {
            "type": "functions",
            "functions": [described(name, each) for name, each in offered.items()],
            "remove": list(remove),
        }
        for name in remove:
            self.functions.pop(name, None)
        for name, each in offered.items():
            if callable(each):
                self.functions[name] = each
            else:
                self.functions.pop(name, None)
        return frame

    def answer_call(self, call: frames.Call, value: object) -> None:
        """What it returns, or raises; a call that is closed by now is nobody's any more."""
        if call.id not in self.calls or self.over is not None:
            return
        del self.calls[call.id]
        self.send({"type": "call_response", "call_id": call.id, **answer_of(call.name, value)})

    # ---- in -----------------------------------------------------------------------------------

    def feed(self, data: bytes = b"") -> None:
        """What cannot be handled now, since the caller is interrupted or at the end of its stack,
        is handled by the next call."""
        if data:
            self.arrived.append(data)
        while self.arrived:
            self._waiting.extend(self._lines.split(self.arrived.popleft()))
        while self._waiting:
            line = self._waiting.popleft()
            try:
                self._take(line)
            except BaseException:
                self._waiting.appendleft(line)
                raise

    @property
    def behind(self) -> bool:
        return bool(self.arrived or self._waiting)

    def _take(self, line: bytes) -> None:
        if self._trace is not None:
            self._trace("<", line + b"\n")
        try:
            event = self._decoded(line)
        except Exception as error:
            if isinstance(error, RecursionError) and not _nests_deep(line):
                raise
            self.noise = (self.noise + line[:HEAD] + b"\n")[-HEAD:]
            return
        if event is None:
            return
        name = getattr(event, "session", None)
        session = self if name is None else self.branches.get(name, self)
        route = self.ROUTES.get(event.type)
        if route is None:
            session._of_execution(event)
        else:
            route(session, event)

    @staticmethod
    def _decoded(line: bytes) -> frames.Event | None:
        raw = _scan(line.decode())[0]
        decode = frames.DECODERS.get(raw["type"])
        return None if decode is None else decode(raw)  # what it does not know a client ignores

    def execution_of(self, event: frames.Input | frames.Call) -> Execution | None:
        return None if event.execution_id is None else self.executions.get(event.execution_id)

    def _of_execution(self, event: Any) -> None:
        execution = self.executions.get(getattr(event, "execution_id", ""))
        if execution is None:
            if self._on_event is not None:
                self._on_event(event)
        elif execution.sink is not None:
            execution.sink.take(event)

    def _of_session(self, event: Any) -> None:
        """Whichever execution runs: a comm outlives it, and a heartbeat is only told of it."""
        execution = self.executions.get(event.execution_id)
        if execution is not None and execution.sink is not None:
            execution.sink.take(event)
        if self._on_event is not None:
            self._on_event(event)

    def _terminal(self, event: Any) -> None:
        execution = self.executions.pop(event.execution_id, None)
        if execution is None:
            self._of_execution(event)
        elif execution.sink is not None:
            execution.sink.end(event, execution.failure)

    def _reply(self, event: Any) -> None:
        pending = self.requests.pop(event.id, None)
        if pending is not None and not pending.done():
            pending.set_result(event)

    def _begun(self, event: frames.BranchReply) -> None:
        branch = self.root._beginning.pop(event.id, None)
        if branch is not None:
            branch.name = event.session
            branch.over = None
            self.root.branches[event.session] = branch
            pending = self.root.requests.get(event.id)
            if pending is None or pending.done():  # who wanted it does not wait any more
                close = {"type": "close", "id": next(self._ids), "session": event.session}
                self.root.send(close)
        self.root._reply(event)

    def _ended(self, event: frames.CloseReply) -> None:
        branch = self.root.branches.pop(event.session, None)
        if branch is not None:
            branch.die(None, b"", event.id is not None)
            branch.on_end()
        self.root._reply(event)

    def _input(self, event: frames.Input) -> None:
        execution = self.execution_of(event)
        ask = self._asker if execution is None else execution.ask
        if execution is not None and execution.sink is None:
            ask = None
        self.questions[event.id] = execution
        self._of_execution(event)
        if ask is not None:
            self._ask(event, execution, ask)
        elif execution is None:
            if not self._by_consumer:
                self.reply(event, None, None)
        elif not execution.by_consumer or execution.sink is None:
            self.reply(event, execution, None)

    def _call(self, event: frames.Call) -> None:
        execution = self.execution_of(event)
        self.calls[event.id] = execution
        self._of_execution(event)
        by_hand = self.calls_by_hand if execution is None else execution.calls_by_hand
        if by_hand and (execution is None or execution.sink is not None):
            return
        function = self.functions.get(event.name)
        if function is not None:
            self._host(event, function)
        else:
            self.answer_call(event, NotImplementedError(f"nothing answers {event.name}()"))

    def _closed(self, event: frames.InputClosed | frames.CallClosed) -> None:
        if event.type == "input_closed":
            execution = self.questions.pop(event.id, None)
        else:
            execution = self.calls.pop(event.id, None)
            self._host_closed(event.id)
        if execution is not None and execution.sink is not None:
            execution.sink.take(event)
        elif execution is None and self._on_event is not None:
            self._on_event(event)

    def _refused(self, event: frames.ProtocolError) -> None:
        refusal = RequestRefused(event.code, event.message)
        if event.id is not None:
            self.root._beginning.pop(event.id, None)
        if event.id in self.requests:
            pending = self.requests.pop(event.id)
            if not pending.done():
                pending.set_exception(refusal)
        elif event.id in self.executions:
            execution = self.executions.pop(event.id)
            if execution.sink is not None:
                execution.sink.fail(refusal)
        elif self._on_event is not None:
            self._on_event(event)

    def _ready(self, event: frames.Ready) -> None:
        self.over = None
        if self.ready is not None and not self.ready.done():
            self.ready.set_result(event)

    def _fatal(self, event: frames.Fatal) -> None:
        self.fatal = event
        self._of_execution(event)

    # ---- the end ------------------------------------------------------------------------------

    def disown(self) -> None:
        """In a child that was forked: the server and all that is asked of it are the parent's."""
        self.over = lambda: SessionClosed("the session is that of the process that started it")
        for each in (self.executions, self.requests, self.questions, self.calls):
            each.clear()
        for branch in self.branches.values():
            branch.disown()

    def die(self, exit_status: int | None, stderr: bytes, closing: bool) -> None:
        """Whoever waits is told so."""
        text = (self.noise + stderr).decode(errors="replace")

        def failure() -> ReplwireError:
            return (
                SessionClosed("the session is closed")
                if closing
                else SessionDied(self.fatal, exit_status, text)
            )

        self.over = failure
        waiting = [*self.requests.values(), *([self.ready] if self.ready is not None else [])]
        executions = list(self.executions.values())
        self.requests.clear()
        self.executions.clear()
        self.questions.clear()
        self.calls.clear()
        for pending in waiting:
            if not pending.done():
                pending.set_exception(failure())
        for execution in executions:
            if execution.sink is not None:
                execution.sink.fail(failure())
        branches = [*self.branches.values()]
        self.branches.clear()
        for branch in branches:
            branch.fatal = self.fatal
            branch.die(exit_status, stderr, closing)
            branch.on_end()

    ROUTES: ClassVar[dict[str, Callable[[Conversation, Any], None]]] = {
        "result": _terminal,
        "error": _terminal,
        "input": _input,
        "input_closed": _closed,
        "call_closed": _closed,
        "call": _call,
        "protocol_error": _refused,
        "ready": _ready,
        "fatal": _fatal,
        "comm_open": _of_session,
        "comm_msg": _of_session,
        "comm_close": _of_session,
        "heartbeat": _of_session,
    }
    ROUTES.update(dict.fromkeys((t for t in frames.DECODERS if t.endswith("_reply")), _reply))
    ROUTES.update({"branch_reply": _begun, "close_reply": _ended})
