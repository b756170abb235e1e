"""The kernel: between the sockets of Jupyter and a session.

Requests that change something, or depend on it, take their turn: executions, comms, history. One of
them runs at a time, so that what is queued can be aborted. Questions about code are answered while
code runs; they wait a moment for the turns before them, since a front end may ask about what it has
only just sent.

Each execution has the id of the message that asked for it. What it says is published under that
message's header, also when it is over: threads and tasks may say something late.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict, deque
from contextlib import suppress
from typing import Any, cast

from .. import frames
from ..errors import ReplwireError, SessionClosed
from ..session import Session
from .cell import REFUSED, Cell, Refused, error_of
from .comms import KINDS, Comms
from .effects import Effects, state_after
from .front import Front
from .handlers import CONTROL, QUESTIONS, TURNS, Handler
from .history import History, history_file
from .magics import help_page, perform, split
from .messages import BadMessage, Message, Object
from .request import Request, failure
from .server import Server
from .sockets import Connection
from .stdin import Questions
from .tracebacks import CELL

FIRM = 2.0  # seconds between the steps of a second interrupt
PATIENCE = 3.0  # seconds after an interrupt when the user is told of the second one
REMEMBERED = 1000  # requests whose late output is published under their header
STILL = (
    "replwire: the code still runs {:g} seconds after the interrupt. Interrupt it again to stop it"
    " whatever it does: the variables will be as they were before this cell.\n"
)


class Kernel:
    def __init__(self, connection: Connection, server: Server) -> None:
        self.connection = connection
        self._server = server
        self.tells_kept = server.tells_kept
        self.front = Front(connection)
        self.history = History(history_file())
        self._writes_history = False  # a write is due
        self._questions = Questions(self._ask, self._answer)
        self._turns: deque[Request] = deque()
        self._turn_came = asyncio.Event()
        self.at_rest = asyncio.Event()
        self.at_rest.set()
        self._requests: OrderedDict[str, Request] = OrderedDict()
        self._cell: Cell | None = None
        self._count = 0
        self._last: Request | None = None  # the header for what nobody can be named for
        self.effects = Effects()
        self.comms = Comms()
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.end = asyncio.Event()

    # ---- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is shut down; raises what keeps the first session from starting."""
        self._start()
        self._starting.add_done_callback(
            lambda started: self.end.set() if started.exception() else None
        )
        self.front.open(
            {
                "shell": lambda parts: self._take("shell", parts),
                "control": lambda parts: self._take("control", parts),
                "stdin": self._take_answer,
            }
        )
        self.front.publish("status", {"execution_state": "starting"}, {})
        self._begin(self._work())
        await self.end.wait()
        for task in list(self._tasks):
            task.cancel()
        await self.close_session()
        self.history.close()
        self.front.close()
        if self._starting.done():
            self._starting.result()

    async def started(self) -> Session:
        """The session; another one when it has died."""
        if self._closing:
            raise SessionClosed("the kernel is being shut down")
        if self._starting.done() and self.session.closed:
            self.effects.clear()
            self.comms.clear()
            self._questions = Questions(self._ask, self._answer)
            self._start()
        return await asyncio.shield(self._starting)

    def _start(self) -> None:
        self.session = Session(on_input="ask", on_event=self._stray)
        self._starting = asyncio.ensure_future(self._start_session())

    async def _start_session(self) -> Session:
        session = await self.session.start_with(self._server.start())
        session.ended.add_done_callback(lambda _: self._lost())
        return session

    def _lost(self) -> None:
        """The session is at its end. Executions that run hear it themselves."""
        if (cell := self._ended_cell()) is not None:
            cell.fail(SessionClosed("the session has ended"))

    def _ended_cell(self) -> Cell | None:
        """Whose code has ended, and which waits for what that left to be kept."""
        cell = self._cell
        return cell if cell is not None and cell.has_ended and not cell.over.done() else None

    async def close_session(self) -> None:
        self._closing = True
        await self.session.close()

    # ---- what arrives ---------------------------------------------------------------------------

    def _message(self, parts: list[bytes]) -> Message | None:
        try:
            return self.connection.codec.decode(parts)
        except BadMessage as error:
            print(f"replwire-jupyter: a message is ignored: {error}", file=sys.stderr)
            return None

    def _take(self, channel: str, parts: list[bytes]) -> None:
        message = self._message(parts)
        if message is None:
            return
        request = Request(self.front, channel, message)
        if message.header.get("subshell_id") and channel == "shell":
            request.busy()
            request.reply(failure("NoSuchSubshell", "this kernel has no subshells"))
            request.idle()
        elif channel == "shell" and (request.type in TURNS or request.type == "execute_request"):
            self._turns.append(request)
            self.at_rest.clear()
            self._turn_came.set()
        elif handler := (CONTROL if channel == "control" else QUESTIONS).get(request.type):
            self._begin(self._respond(request, handler))
        else:
            print(f"replwire-jupyter: no such {channel} request: {request.type}", file=sys.stderr)

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, request: Request, handler: Handler) -> None:
        request.busy()
        try:
            content = await handler(self, request)
        except (ReplwireError, TypeError, ValueError, OverflowError) as error:
            content = error_of(error)
        if content:
            request.reply(content)
        request.idle()
        if request.channel == "shell" and self._cell is not None:
            request.busy()  # a front end shows what it has heard last, and a cell still runs

    async def _work(self) -> None:
        while not self._closing:
            while not self._turns:
                self.at_rest.set()
                self._turn_came.clear()
                await self._turn_came.wait()
            request = self._turns.popleft()
            if request.aborted:
                request.busy()
                request.reply({"status": "aborted"})
                request.idle()
            elif request.type == "execute_request":
                await self._execute(request)
            else:
                await self._respond(request, TURNS[request.type])

    def abort(self) -> None:
        """Executions that have been asked for by now do not run."""
        self.front.look("shell")
        for each in self._turns:
            each.aborted = each.aborted or each.type == "execute_request"

    # ---- executions -----------------------------------------------------------------------------

    async def _execute(self, request: Request) -> None:
        cell = self._cell = Cell(self, request, self._count + 1)
        self._last = request
        code = str(request.content.get("code", ""))
        if cell.stores:
            self._count += 1
            self.history.add(cell.count, code)
        else:
            cell.count = self._count
        self._remember(request)
        runs = self._send_at_once(cell, code)
        request.busy()
        if not cell.silent:
            request.publish("execute_input", {"code": code, "execution_count": cell.count})
        try:
            if runs:
                await cell.over
            else:
                await self._run(cell, code)
        except (ReplwireError, ValueError) as error:
            cell.end_with(error_of(error))
        self._cell = None
        request.forget()
        if not self._writes_history:  # many cells in a row are written together
            self._writes_history = True
            asyncio.get_running_loop().call_later(0.05, self._write_history)

    def _write_history(self) -> None:
        self._writes_history = False
        self.history.write()

    def _remember(self, request: Request) -> None:
        self._requests[request.id] = request
        if len(self._requests) > REMEMBERED:
            self._requests.popitem(last=False)

    async def pass_on(self, request: Request) -> None:
        """A message for a comm: what its handler says is published under its header."""
        session = await self.started()
        self._remember(request)
        await self.comms.pass_on(session, request)
        self.effects.note(request.id, False)
        request.forget()

    def _send_at_once(self, cell: Cell, code: str) -> bool:
        """The session runs it while the front ends are told that it is busy; what is then said of
        it is read behind that. False for a cell that takes more than the session as it is."""
        up = self._starting.done() and not self._starting.exception() and not self.session.closed
        if not up or self._closing or any(mark in code for mark in "%?"):
            return False
        try:
            self._send(self.session, cell, code)
        except (ReplwireError, ValueError):
            return False  # which another attempt tells
        return True

    async def _run(self, cell: Cell, code: str) -> None:
        try:
            session = await self.started()
        except ReplwireError as error:
            cell.fail(error)
            return
        if not cell.silent and (page := await help_page(code, session)):
            cell.succeed(page)
            return
        magics, rest = split(code)
        for magic in magics:
            text = await perform(magic, session, self.effects)
            cell.request.publish("stream", {"name": "stdout", "text": text})
        if magics and not rest:
            cell.succeed()
            return
        self._send(session, cell, rest)
        await cell.over

    def _send(self, session: Session, cell: Cell, code: str) -> None:
        content = cell.request.content
        options: dict[str, Any] = {
            "id": cell.request.id,
            "filename": CELL.format(cell.count),
            "silent": cell.silent or None,
        }
        if not cell.stores and not cell.silent:
            options["store_history"] = False
        wanted = content.get("user_expressions")
        if wanted and isinstance(wanted, dict):
            expressions = cast(dict[str, Any], wanted)
            options["expressions"] = {name: str(code) for name, code in expressions.items()}
        served = session.ready.capabilities["execute"]
        options = {name: value for name, value in options.items() if name in served}
        session.begin(code, cell, on_input="ask", **cast(Any, options))

    def show(self, event: frames.Event, request: Request) -> None:
        """Publishes what an execution says, before or after its end."""
        if isinstance(event, frames.Output):
            request.publish("stream", {"name": event.stream, "text": event.data})
        elif isinstance(event, frames.Display):
            kind = "update_display_data" if event.update else "display_data"
            named = {"display_id": event.display_id} if event.display_id is not None else {}
            content: Object = {"data": event.data, "metadata": event.metadata, "transient": named}
            request.publish(kind, content)
        elif isinstance(event, frames.ClearOutput):
            request.publish("clear_output", {"wait": event.wait})
        elif isinstance(event, frames.OutputTruncated):
            text = f"… {event.omitted} bytes left out …\n"
            request.publish("stream", {"name": event.stream, "text": text})
        elif isinstance(event, frames.Input):
            if request.asks:
                self._questions.add(event, request)
            else:
                self.session.answer(event, Refused(REFUSED))
        elif isinstance(event, frames.InputClosed):
            self._questions.close(event.id)
        elif isinstance(event, frames.Restored):
            self.effects.note_restored(event)

    def _stray(self, event: frames.Event) -> None:
        """What belongs to no execution that runs."""
        if isinstance(event, frames.Fatal):
            return
        if isinstance(event, (frames.Result, frames.Error)):
            self.comms.take_end(event.execution_id)
            return
        ended = self._ended_cell()
        if isinstance(event, (frames.Kept, frames.NotKept)):
            if ended is not None and ended.request.id == event.execution_id:
                ended.finish()
            return
        if isinstance(event, frames.Restored) and ended is not None:
            self.effects.note_restored(event)
            ended.undo(event)
            return
        name, kind = getattr(event, "execution_id", None), str(event.type)
        request = self._requests.get(str(name)) or self._last
        if isinstance(event, frames.InputClosed):
            self._questions.close(event.id)
        elif kind in KINDS:
            parent = self._cell.request if self._cell is not None else None
            if (request := request or parent) is not None:
                self.comms.publish(event, request)
        elif request is None:
            if isinstance(event, frames.Input):
                self.session.answer(event, Refused(REFUSED))
        elif isinstance(event, frames.Restored) and event.cause == "crash":
            self.effects.note_restored(event)
            how = event.signal or f"exit status {event.exit_status}"
            text = f"replwire: the interpreter has died at rest ({how}); {state_after(event)}\n"
            request.publish("stream", {"name": "stderr", "text": text})
        else:
            self.show(event, request)

    # ---- questions of code ----------------------------------------------------------------------

    def _ask(self, question: frames.Input, request: Request) -> str:
        return request.ask({"prompt": question.prompt, "password": question.password})

    def _answer(self, question: frames.Input, value: str) -> None:
        self.session.answer(question, value)

    def _take_answer(self, parts: list[bytes]) -> None:
        message = self._message(parts)
        if message is not None and message.type == "input_reply":
            self._questions.reply(message.parent_header, str(message.content.get("value", "")))

    # ---- interrupts -----------------------------------------------------------------------------

    async def interrupt(self) -> None:
        """The first is a KeyboardInterrupt, no more; one that has to come again is firmer."""
        cell = self._cell
        if cell is None or cell.over.done():
            if not self.session.closed:
                await self.session.interrupt()  # a task that hangs at rest
            return
        cell.interrupts += 1
        loop = asyncio.get_running_loop()
        if cell.interrupts == 1:
            loop.call_later(PATIENCE, self._remind, cell)
        elif cell.has_ended:
            loop.call_later(FIRM, self._give_up, cell)
        if not cell.has_ended:
            firm = FIRM if cell.interrupts > 1 else None
            await self.session.interrupt(cell.request.id, grace=firm)

    def _give_up(self, cell: Cell) -> None:
        """Its snapshot does not come: a handler hangs that code has registered for forks."""

        async def undo() -> None:
            with suppress(ReplwireError):
                await self.session.undo()

        if not cell.over.done():
            self._begin(undo())

    def _remind(self, cell: Cell) -> None:
        if not cell.over.done() and cell.interrupts == 1:
            text = STILL.format(PATIENCE)
            cell.request.publish("stream", {"name": "stderr", "text": text})

    def interrupt_soon(self) -> None:
        async def interrupt() -> None:
            with suppress(ReplwireError):
                await self.interrupt()

        self._begin(interrupt())
