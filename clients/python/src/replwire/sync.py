"""The same session for scripts and tests: its calls block. It has no thread and no event loop of
its own, so it also works inside a running one; several threads may use it at once."""

from __future__ import annotations

import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import frames
from .answers import Ask, OnInput, Prompt
from .comms import CommType, comm_frame
from .conversation import Conversation, Trace
from .errors import ReplwireError, RequestRefused, SessionClosed
from .execution import Collector, Execution
from .functions import Functions, Offered, failed, named
from .process import PIPE, Command, Process, command_line
from .requests import Reply, SyncRequests
from .results import ExecutionError, Result
from .slots import Feed, Question, Slot, Stream

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .sync_branch import Branch

F = TypeVar("F", bound=Callable[..., Any])


class Session(SyncRequests):
    """A server of its own, from `start` to `close`. A call that waits reads the frames of all;
    when several threads wait, one of them does, and wakes those whose frames have come."""

    def __init__(
        self,
        command: Command = None,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        python: str | os.PathLike[str] | None = None,
        on_input: OnInput = None,
        functions: Functions = None,
        on_event: Callable[[frames.Event], object] | None = None,
        trace: Trace | None = None,
        apart: bool = False,
        start_timeout: float = 60.0,
        close_timeout: float = 5.0,
    ) -> None:
        self._command = command, args, cwd, python
        self._env = env
        self._apart = apart  # from the terminal: its Ctrl-C does not reach the server
        self._start_timeout = start_timeout
        self._close_timeout = close_timeout
        self._conversation = Conversation(
            self._write,
            self._ask,
            self._host,
            self._host_closed,
            on_input=on_input,
            functions=functions,
            on_event=on_event,
            trace=trace,
        )
        self._changed = threading.Condition()  # its lock is reentrant: a stream may go any time
        self._slots: dict[int, Slot] = {}
        self._questions: deque[Question] = deque()  # of no execution in hand: any thread answers
        # Lines, each with how much of it was written, by and by.
        self._unsent: deque[tuple[bytes, deque[int]]] = deque()
        self._reading = self._writing = self._closing = False
        self._write_until = math.inf  # when it takes no more by then, it is given up
        self._ended = Slot()
        self._process: Process | None = None

    # ---- life ---------------------------------------------------------------------------------

    def start(self) -> Self:
        self._process = Process(command_line(*self._command), self._env, self._apart)
        self._process.belong_to(self)
        os.set_blocking(self._process.input, False)
        self._poll = select.poll()
        for descriptor in (self._process.output, self._process.errors, self._process.end):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
        ready = Slot()
        self._conversation.ready = ready
        try:
            if not self.wait(ready, self._start_timeout):
                self._process.kill()
                self.wait(ready)
            self.ready: frames.Ready = ready.result()
        except BaseException:
            self._process.kill()
            self.wait(self._ended)
            raise
        if self._conversation.functions:
            try:
                self.define(**self._conversation.functions)
            except BaseException:
                self.close()
                raise
        return self

    def close(self) -> None:
        """Ends the server: what runs is interrupted, what is queued cancelled."""
        if self._process is None:
            return
        until = time.monotonic() + self._close_timeout
        with self._changed:
            begun, self._closing = self._closing, True
            if not begun and self._conversation.over is None:
                self._write_until = until
                with suppress(TimeoutError):  # it takes nothing any more
                    self._conversation.send({"type": "shutdown"})
        if not self.wait(self._ended, until - time.monotonic()):
            self._process.kill()
            self.wait(self._ended)

    def disown(self) -> None:
        """In a forked child; a thread that the parent had may have held the lock."""
        self._changed = threading.Condition()
        self._reading = self._writing = False
        self._conversation.disown()
        self._ended.set_result(None)
        if self._process is not None:
            self._process.disown()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def root(self) -> Session:
        """The first session of the server; a branch is another one."""
        return self

    @property
    def closed(self) -> bool:
        return self._conversation.over is not None

    # ---- requests -----------------------------------------------------------------------------

    @overload
    def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: Literal[True] = True,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result: ...
    @overload
    def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: bool,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result | ExecutionError: ...
    def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: bool = True,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result | ExecutionError:
        """Runs code; raises `ExecutionError` unless `check` is false. Ctrl-C while it waits here
        interrupts the execution."""
        __tracebackhide__ = True  # pytest shows the caller's line
        slot = Slot()
        with self._changed:
            execution = self._conversation.execute(code, Collector(slot), on_input, options)
            self._slots[id(execution)] = slot
        try:
            self.wait(slot)
        except BaseException:
            self.abandon(execution)
            raise
        finally:
            self._slots.pop(id(execution), None)
        outcome: Result | ExecutionError = slot.result()
        if check and isinstance(outcome, ExecutionError):
            raise outcome
        return outcome

    def stream(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        functions: Literal["ask"] | None = None,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Stream:
        """Runs code, and gives each event as it comes. With `on_input="ask"` the program answers
        an `Input` by `answer`, with `functions="ask"` a `Call`."""
        feed = Feed()
        by_hand = functions == "ask" or self._conversation.calls_by_hand
        with self._changed:
            execution = self._conversation.execute(
                code, feed, on_input, options, calls_by_hand=by_hand
            )
        return Stream(self, feed, execution)

    def branch(
        self,
        *,
        name: str | None = None,
        checkpoint: str | None = None,
        on_input: OnInput = None,
        on_event: Callable[[frames.Event], object] | None = None,
    ) -> Branch:
        """A session that begins in the state of this one when its turn comes, or in that of a
        checkpoint, and runs beside it in the same server; with `--survive`. `on_input`: as this
        one's unless told."""
        from .sync_branch import Branch  # noqa: PLC0415  # it is a session itself

        return Branch(self, name, checkpoint, on_input=on_input, on_event=on_event)

    # ---- functions ----------------------------------------------------------------------------

    def define(self, /, *functions: Offered, **by_name: Offered) -> list[str]:
        """Offers functions for the session's code to call, as attributes of its module `host`; the
        names of all that there are. A mapping describes one, as the wire does, that the program
        answers by hand."""
        with self._changed:
            frame = self._conversation.definition(named(functions, by_name))
        return self.request(frame, frames.FunctionsReply).names

    def remove(self, *names: str) -> list[str]:
        """Offers these no more."""
        with self._changed:
            frame = self._conversation.definition({}, names)
        return self.request(frame, frames.FunctionsReply).names

    def function(self, function: F) -> F:
        """A decorator that offers a function: when the session starts, or at once."""
        offered = named([function], {})
        if self._process is None:
            self._conversation.functions.update(dict.fromkeys(offered, function))
        else:
            self.define(**offered)
        return function

    def _host(self, call: frames.Call, function: Callable[..., Any]) -> None:
        """The thread whose code calls is the one to run the function, without the lock."""
        self._for_waiting(self._conversation.execution_of(call), (self, call, None, function))

    def _host_closed(self, id: str) -> None:
        pass  # who runs it will find that nobody waits

    def request(self, frame: dict[str, Any], reply: type[Reply]) -> Reply:
        slot = Slot()
        with self._changed:
            self._conversation.request(frame, slot)
        self.wait(slot)
        told = slot.result()
        if not isinstance(told, reply):
            raise RequestRefused("unexpected", f"{frame['type']}: answered by {told!r}")
        return told

    def answer(self, question: frames.Input | frames.Call, answer: Any) -> None:
        """Answers an `Input`: a text; EOFError ends the input, None refuses. Or a `Call`: what it
        returns, or, when that is an exception, raises."""
        with self._changed:
            if isinstance(question, frames.Call):
                self._conversation.answer_call(question, answer)
            else:
                execution = self._conversation.execution_of(question)
                self._conversation.reply(question, execution, answer)

    def comm(
        self,
        type: CommType,
        comm_id: str,
        data: Any,
        *,
        target_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        buffers: Iterable[bytes] = (),
        id: frames.Id | None = None,
    ) -> None:
        """Sends a message to the session's end of a comm. What comes from there `on_event` hears,
        and with an `id` the `Result` or `Error` that says that it has been handled."""
        frame = comm_frame(
            type,
            comm_id,
            data,
            target_name=target_name,
            metadata=metadata,
            buffers=buffers,
            id=id,
        )
        with self._changed:
            self._conversation.send(frame)

    def abandon(self, execution: Execution) -> None:
        """Nobody waits for it any more: it is interrupted."""
        with self._changed:
            self._conversation.abandon(execution)

    def poll(self) -> None:
        """Takes what the server has said, and does not wait: `on_event` hears of it."""
        with self._changed:
            if not self._reading and not self._ended.done():
                self._read(0)

    @property
    def readable(self) -> int:
        """The descriptor that becomes readable when there is something to `poll`."""
        assert self._process is not None
        return self._process.output

    # ---- waiting ------------------------------------------------------------------------------

    def wait(self, slot: Slot, patience: float | None = None) -> bool:
        """Reads, or lets another thread read, until the slot is settled; false when time is up."""
        if self._process is None:
            raise SessionClosed("the session has not been started")
        until = None if patience is None else time.monotonic() + patience
        with self._changed:
            while slot.questions or self._questions or not slot.settled():
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return False
                if slot.questions or self._questions:
                    session, question, execution, ask = (
                        slot.questions or self._questions
                    ).popleft()
                    session._answer(question, execution, ask)
                elif self._reading:
                    self._changed.wait(left)
                elif self._conversation.behind:
                    self._conversation.feed()
                elif self._ended.done():
                    raise (self._conversation.over or SessionClosed)()
                else:
                    self._read(left)
        return True

    def _read(self, left: float | None) -> None:
        """Called with the lock, which it gives away while it waits for the server."""
        self._reading = True
        self._changed.release()
        ended = False
        try:
            ended = self._receive(left)
        finally:
            self._changed.acquire()
            self._reading = False
            self._changed.notify_all()
        self._conversation.feed()
        if ended:
            self._finish()

    def _receive(self, left: float | None) -> bool:
        process = self._process
        assert process is not None
        arrived = self._conversation.arrived
        ended = False
        for descriptor, _ in self._poll.poll(None if left is None else left * 1000):
            if descriptor == process.output:
                # One call of C: no interrupt comes between the read and the note of it.
                arrived.extend(map(os.read, (descriptor,), (PIPE,)))
                ended = ended or not arrived[-1]
            elif descriptor == process.end:
                ended = True
            elif descriptor == process.input or not process.note_errors():
                self._poll.unregister(descriptor)
        return ended

    def _finish(self) -> None:
        process = self._process
        assert process is not None
        status = process.wait(self._close_timeout)
        for data in process.drain():
            self._conversation.feed(data)
        process.close()
        self._conversation.die(status, process.tail, self._closing)
        self._ended.set_result(None)

    # ---- questions ----------------------------------------------------------------------------

    def _ask(self, question: frames.Input, execution: Execution | None, ask: Ask) -> None:
        """The thread whose code asks is the one to answer, without the lock."""
        self._for_waiting(execution, (self, question, execution, ask))

    def _for_waiting(self, execution: Execution | None, question: Question) -> None:
        slot = self._slots.get(id(execution))
        if slot is None and execution is not None and isinstance(execution.sink, Feed):
            slot = execution.sink
        (self._questions if slot is None else slot.questions).append(question)

    def _answer(
        self,
        question: frames.Input | frames.Call,
        execution: Execution | None,
        ask: Callable[..., Any],
    ) -> None:
        given: Any
        from inspect import isawaitable  # noqa: PLC0415  # costs more than the rest of a start

        self._changed.release()
        try:
            if isinstance(question, frames.Call):
                answer = ask(*question.args, **question.kwargs)
            else:
                answer = ask(Prompt.of(question))
            given = _awaited(answer) if isawaitable(answer) else answer
        except Exception as failure:
            given = failure
            if isinstance(question, frames.Call):
                failed(question.name, failure)
        finally:
            self._changed.acquire()
        if isinstance(question, frames.Call):
            self._conversation.answer_call(question, given)
        else:
            self._conversation.reply(question, execution, given)

    # ---- the pipes ----------------------------------------------------------------------------

    def _write(self, line: bytes) -> None:
        """One line after the other, also when a stream goes while another line is written. Who is
        interrupted leaves no half line: a thread of its own writes the rest."""
        assert self._process is not None
        self._unsent.append((line, deque()))
        if self._writing:
            return
        self._writing = True
        try:
            self._write_unsent()
            self._writing = False
        except BaseException:
            threading.Thread(target=self._write_rest, daemon=True).start()
            raise

    def _write_rest(self) -> None:
        with self._changed, suppress(TimeoutError):
            try:
                self._write_unsent()
            finally:
                self._writing = False

    def _write_unsent(self) -> None:
        assert self._process is not None
        try:
            while self._unsent and not self._ended.done():
                line, written = self._unsent[0]
                rest = memoryview(line)[sum(written) :]
                try:
                    # As with the read.
                    written.extend(map(os.write, (self._process.input,), (rest,)))
                except BlockingIOError:
                    self._make_room()
                if sum(written) == len(line):
                    self._unsent.popleft()
        except BrokenPipeError:  # it is dead, as its end will say
            self._unsent.clear()

    def _make_room(self) -> None:
        """The server takes no more for now. It may wait for somebody to read what it says."""
        assert self._process is not None
        left = self._write_until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if not self._reading:
            self._poll.register(self._process.input, select.POLLOUT)
            try:
                self._read(min(left, PATIENCE))
            finally:
                with suppress(KeyError):  # it was there, or all is over
                    self._poll.unregister(self._process.input)
            return
        room = select.poll()
        room.register(self._process.input, select.POLLOUT)
        self._changed.release()
        try:
            # The other reader may leave with what it has waited for.
            room.poll(min(left, PATIENCE) * 1000)
        finally:
            self._changed.acquire()


PATIENCE = 1.0  # seconds between looks at what else may have changed


def _awaited(answer: Awaitable[Any]) -> Any:
    """In a loop of its own, in a thread of its own: this one may have a loop that runs."""

    async def wait() -> Any:
        return await answer

    import asyncio  # noqa: PLC0415  # few need it
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, wait()).result()


__all__ = ["ExecutionError", "ReplwireError", "Result", "Session", "Stream"]
