"""The session of asyncio programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import frames
from .answers import Answer, Ask, OnInput, Prompt
from .comms import CommType, comm_frame
from .conversation import Conversation, Trace
from .errors import RequestRefused
from .execution import Collector, Execution, Sink
from .functions import Functions, Offered, failed, is_async, log, named
from .process import PIPE, Command, Process, command_line
from .requests import AsyncRequests, Reply
from .results import ExecutionError, Result
from .stream import Feed, Stream

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .branch import Branch

F = TypeVar("F", bound=Callable[..., Any])


def log_failure(pending: asyncio.Future[Any]) -> None:
    if not pending.cancelled() and (error := pending.exception()) is not None:
        log().error("a function was refused: %s", error)


class Session(AsyncRequests):
    """A server of its own, from `start` to `close`. Belongs to the event loop that starts it; has
    neither a thread nor a task: frames are handled where the loop reads them."""

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
        start_timeout: float = 60.0,
        close_timeout: float = 5.0,
        apart: bool = False,
    ) -> None:
        self._command = command, args, cwd, python
        self._env = env
        self._apart = apart
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
        self._unsent = bytearray()
        self._answering: dict[str, asyncio.Task[None]] = {}
        self.reading = self.closing = False
        self._process: Process | None = None
        self._patience: asyncio.TimerHandle | None = None

    # ---- life ---------------------------------------------------------------------------------

    async def start(self) -> Self:
        process = Process(command_line(*self._command), self._env, self._apart)
        return await self.start_with(process)

    async def start_with(self, process: Process) -> Self:
        """In a server that has been started for it already."""
        self.loop = asyncio.get_running_loop()
        process.belong_to(self)
        self._process = process
        os.set_blocking(process.input, False)
        self.ended: asyncio.Future[None] = self.loop.create_future()
        ready: asyncio.Future[frames.Ready] = self.loop.create_future()
        self._conversation.ready = ready
        self.read_on()
        self.loop.add_reader(process.errors, self._errors_readable)
        if process.end is not None:
            self.loop.add_reader(process.end, self._process_ended)
        try:
            await asyncio.wait({ready}, timeout=self._start_timeout)
        except BaseException:
            ready.cancel()
            process.kill()
            raise
        if not ready.done():
            process.kill()
            await self.ended
        self.ready = ready.result()
        if self._conversation.functions:
            try:
                await self.define(**self._conversation.functions)
            except BaseException:
                await self.close()
                raise
        return self

    async def close(self) -> None:
        """Ends the server: what runs is interrupted, what is queued cancelled."""
        if self._process is None or self.ended.done():
            return
        if not self.closing and self._conversation.over is None:
            self._conversation.send({"type": "shutdown"})
        self.closing = True
        self.read_on()
        try:
            await asyncio.wait({self.ended}, timeout=self._close_timeout)
        finally:
            if not self.ended.done():
                self._process.kill()
        await self.ended

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def disown(self) -> None:
        """In a forked child. The loop's registrations are shared with the parent: they stay."""
        self._conversation.disown()
        if self._process is not None:
            self._process.disown()
            self._process = None

    @property
    def root(self) -> Session:
        """The first session of the server; a branch is another one."""
        return self

    @property
    def closed(self) -> bool:
        return self._conversation.over is not None

    # ---- requests -----------------------------------------------------------------------------

    @overload
    async def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: Literal[True] = True,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result: ...
    @overload
    async def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: bool,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result | ExecutionError: ...
    async def execute(
        self,
        code: str,
        *,
        on_input: OnInput = None,
        check: bool = True,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Result | ExecutionError:
        """Runs code; raises `ExecutionError` unless `check` is false. A task that is cancelled
        while it waits here interrupts the execution."""
        __tracebackhide__ = True  # pytest shows the caller's line
        pending: asyncio.Future[Result | ExecutionError] = self._future()
        execution = self._conversation.execute(code, Collector(pending), on_input, options)
        try:
            outcome = await pending
        except asyncio.CancelledError:
            self.abandon(execution)
            raise
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
        feed = Feed(self)
        by_hand = functions == "ask" or self._conversation.calls_by_hand
        execution = self._conversation.execute(code, feed, on_input, options, calls_by_hand=by_hand)
        return Stream(self, feed, execution)

    async def branch(
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
        from .branch import Branch  # noqa: PLC0415  # it is a session itself

        branch = Branch(self, on_input=on_input, on_event=on_event)
        await branch.open(name, checkpoint)
        return branch

    # ---- functions ----------------------------------------------------------------------------

    async def define(self, /, *functions: Offered, **by_name: Offered) -> list[str]:
        """Offers functions for the session's code to call, as attributes of its module `host`; the
        names of all that there are. A mapping describes one, as the wire does, that the program
        answers by hand."""
        frame = self._conversation.definition(named(functions, by_name))
        return (await self.request(frame, frames.FunctionsReply)).names

    async def remove(self, *names: str) -> list[str]:
        """Offers these no more."""
        frame = self._conversation.definition({}, names)
        return (await self.request(frame, frames.FunctionsReply)).names

    def function(self, function: F) -> F:
        """A decorator that offers a function: when the session starts, or from the next execution
        on."""
        offered = named([function], {})
        if self._process is None:
            self._conversation.functions.update(dict.fromkeys(offered, function))
        else:
            self._conversation.request(self._conversation.definition(offered), self._unwatched())
        return function

    def _unwatched(self) -> asyncio.Future[Any]:
        """For a request whose refusal is for the log."""
        pending = self._future()
        pending.add_done_callback(log_failure)
        return pending

    def _host(self, call: frames.Call, function: Callable[..., Any]) -> None:
        """Runs a function that code has called. One that blocks has a thread of its own."""
        task = self.loop.create_task(self._call(call, function))
        self._answering[call.id] = task
        task.add_done_callback(lambda _: self._answering.pop(call.id, None))

    def _host_closed(self, id: str) -> None:
        if task := self._answering.get(id):
            task.cancel()

    async def _call(self, call: frames.Call, function: Callable[..., Any]) -> None:
        value: object
        try:
            if is_async(function):
                value = await function(*call.args, **call.kwargs)
            else:
                value = await asyncio.to_thread(function, *call.args, **call.kwargs)
                value = await value if isawaitable(value) else value
        except asyncio.CancelledError:
            self._conversation.answer_call(call, RuntimeError(f"{call.name}() was cancelled"))
            raise
        except Exception as error:
            value = failed(call.name, error)
        self._conversation.answer_call(call, value)

    def begin(
        self,
        code: str,
        sink: Sink,
        *,
        on_input: OnInput = None,
        **options: Unpack[frames.ExecuteOptions],
    ) -> Execution:
        """Runs code, and hands each event to `sink` as it is read: the order is that of all
        executions. With `functions="ask"` the program answers each `Call`."""
        if self._process is None and self._conversation.over is not None:
            raise self._conversation.over()
        self.read_on()
        by_hand = self._conversation.calls_by_hand
        return self._conversation.execute(code, sink, on_input, options, calls_by_hand=by_hand)

    async def request(self, frame: dict[str, Any], reply: type[Reply]) -> Reply:
        pending: asyncio.Future[Any] = self._future()
        self._conversation.request(frame, pending)
        try:
            told = await pending
        except asyncio.CancelledError:
            if frame["type"] in ("save", "load"):
                self._conversation.send({"type": "interrupt", "execution_id": frame["id"]})
            raise
        if not isinstance(told, reply):
            raise RequestRefused("unexpected", f"{frame['type']}: answered by {told!r}")
        return told

    def answer(self, question: frames.Input | frames.Call, answer: Any) -> None:
        """Answers an `Input`: a text; EOFError ends the input, None refuses. Or a `Call`: what it
        returns, or, when that is an exception, raises."""
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
        self.read_on()
        self._conversation.send(frame)

    def abandon(self, execution: Execution) -> None:
        """Nobody waits for it any more: it is interrupted."""
        self._conversation.abandon(execution)
        self.read_on()

    @property
    def running(self) -> bool:
        """Whether an execution has not ended yet."""
        return bool(self._conversation.executions)

    def _future(self) -> asyncio.Future[Any]:
        if self._process is None and self._conversation.over is not None:
            raise self._conversation.over()
        self.read_on()
        return self.loop.create_future()

    # ---- questions ----------------------------------------------------------------------------

    def _ask(self, question: frames.Input, execution: Execution | None, ask: Ask) -> None:
        try:
            answer = ask(Prompt.of(question))
        except Exception as failure:
            self._conversation.reply(question, execution, failure)
            return
        if isawaitable(answer):
            task = self.loop.create_task(self._answer(question, execution, answer))
            self._answering[question.id] = task
            task.add_done_callback(lambda _: self._answering.pop(question.id, None))
        else:
            self._conversation.reply(question, execution, answer)

    async def _answer(
        self, question: frames.Input, execution: Execution | None, answer: Awaitable[Answer]
    ) -> None:
        given: Answer | BaseException
        try:
            given = await answer
        except Exception as failure:
            given = failure
        self._conversation.reply(question, execution, given)

    # ---- the pipes ----------------------------------------------------------------------------

    def _write(self, line: bytes) -> None:
        assert self._process is not None
        if self._unsent:
            self._unsent += line
            return
        try:
            written = os.write(self._process.input, line)
        except BlockingIOError:
            written = 0
        except BrokenPipeError:  # it is dead, as its end will say
            return
        if written < len(line):
            self._unsent += line[written:]
            self.loop.add_writer(self._process.input, self._writable)

    def _writable(self) -> None:
        assert self._process is not None
        try:
            written = os.write(self._process.input, self._unsent)
        except BlockingIOError:
            return
        except BrokenPipeError:
            written = len(self._unsent)
        del self._unsent[:written]
        if not self._unsent:
            self.loop.remove_writer(self._process.input)

    def read_on(self) -> None:
        if not self.reading and self._process is not None and not self.ended.done():
            self.reading = True
            self.loop.add_reader(self._process.output, self._readable)

    def read_less(self) -> None:
        """A stream's program is behind: unless somebody else waits, the server may wait as well."""
        conversations = self._conversation.all()
        sinks = [each.sink for all in conversations for each in all.executions.values()]
        waited = any(
            isinstance(each, Collector) or (isinstance(each, Feed) and each.waited_for)
            for each in sinks
        )
        waited = waited or any(each.requests for each in conversations)
        if self.reading and not waited and self._process is not None:
            self.reading = False
            self.loop.remove_reader(self._process.output)

    def _readable(self) -> None:
        assert self._process is not None
        try:
            data = os.read(self._process.output, PIPE)
        except BlockingIOError:
            return
        if data:
            self._conversation.feed(data)
        else:
            self._output_ended()

    def _errors_readable(self) -> None:
        assert self._process is not None
        if not self._process.note_errors():
            self.loop.remove_reader(self._process.errors)

    def _output_ended(self) -> None:
        assert self._process is not None
        self.reading = False
        self.loop.remove_reader(self._process.output)
        if self._process.end is not None:
            self._patience = self.loop.call_later(self._close_timeout, self._process.kill)
        else:
            waiting = self.loop.run_in_executor(None, self._process.wait, self._close_timeout)
            waiting.add_done_callback(lambda _: self._process_ended())

    def _process_ended(self) -> None:
        process = self._process
        assert process is not None
        status = process.status()
        if status is None or self.ended.done():
            return
        for descriptor in (process.output, process.errors, process.end):
            if descriptor is not None:
                self.loop.remove_reader(descriptor)
        self.loop.remove_writer(process.input)
        self.reading = False
        if self._patience is not None:
            self._patience.cancel()
        for data in process.drain():
            self._conversation.feed(data)
        process.close()
        for task in self._answering.values():
            task.cancel()
        self._conversation.die(status, process.tail, self.closing)
        self.ended.set_result(None)
