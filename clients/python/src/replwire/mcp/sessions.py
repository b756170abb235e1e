"""The sessions of one server, each under the name that callers gave it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from .. import frames
from ..errors import ReplwireError
from ..session import Session
from .calls import Calls, Host
from .running import Running
from .text import Stream

GRACE = 2.0  # seconds that interrupted code has, before its process is killed and restored


class Trouble(Exception):
    """A call that cannot be served as things are; the caller is told why."""


@dataclass
class Options:
    """How sessions are started, and what they may take."""

    command: Sequence[str]
    arguments: Sequence[str] = ()
    sessions: int = 16
    idle: float = 0.0  # seconds; 0: for as long as the server lives
    record: Path | None = None
    output: int = 16_000  # characters of an execution's output that are told
    edge: int = 1568  # pixels
    pictures: int = 8  # of one execution
    others: Mapping[str, str] = field(default_factory=dict[str, str])  # servers: their commands
    confirm: bool = False  # each call of their tools


@dataclass
class Named:
    """A session, and what is known of it beside."""

    name: str
    pictures: int
    parent: str | None = None  # that it branched from
    session: Session = field(init=False)
    calls: int = 0  # under way
    executions: int = 0
    count: int = 0  # the number of the last one that ran
    # Of executions whose output was cut here and not by the server: each stream, from byte 0 on.
    kept: dict[int, dict[str, bytes]] = field(default_factory=dict[int, "dict[str, bytes]"])
    running: list[Running] = field(default_factory=list[Running])
    late: Stream = field(default_factory=Stream)  # of executions that are over
    notes: list[str] = field(default_factory=list[str])  # for the next one who calls
    idle: asyncio.TimerHandle | None = None
    host: Calls | None = None

    def take(self, event: frames.Event) -> None:
        """What belongs to no execution in hand."""
        if isinstance(event, (frames.Call, frames.CallClosed)):
            if self.host is not None:
                self.host.take(event, None)
        elif isinstance(event, frames.Output):
            self.late.add(event.data)
            if len(self.late.parts) > LATE:
                del self.late.parts[: LATE // 2]
        elif isinstance(event, frames.Restored) and event.cause == "crash":
            how = event.signal or f"exit status {event.exit_status}"
            self.notes.append(f"The interpreter died between executions ({how}).")

    def submit(self, code: str, timeout: float | None, limit: int) -> Running:
        running = Running(self.pictures, self.host)
        options: frames.ExecuteOptions = {"output_limit": max(4 * limit, 1 << 16)}
        options["repr_limit"] = 4 * limit
        if timeout is not None:
            options["timeout"] = timeout
        running.execution = self.session.begin(code, running, on_input="ask", **options)
        self.running.append(running)
        self.executions += 1
        return running

    def abandon(self, running: Running) -> None:
        """Its caller has gone: it is interrupted, and the variables stay."""
        self.session.abandon(running.execution)
        self.running.remove(running)
        if self.host is not None:
            self.host.drop(running)

    def settled(self, running: Running) -> None:
        if running.over and running in self.running:
            self.running.remove(running)

    def keep(self, number: int, stream: str, start: int, text: str) -> None:
        streams = self.kept.setdefault(number, {})
        streams[stream] = streams.get(stream, b"").ljust(start, b"\0") + text.encode(
            errors="replace"
        )
        while len(self.kept) > KEPT:
            del self.kept[next(iter(self.kept))]

    def free(self) -> None:
        """An execution that waits for an answer, and for which no call waits, keeps all that takes
        its turn behind it from ever having it."""
        for each in self.running:
            if each.questions and not each.waited_for:
                prompt = next(iter(each.questions.values())).prompt
                raise Trouble(
                    f"session {self.name!r} waits for input({prompt!r}) of an earlier execution: "
                    "call `answer` or `interrupt`, or use another session"
                )


LATE = 200  # pieces of output that are kept
KEPT = 20  # executions whose output is


class Sessions:
    def __init__(self, options: Options, host: Host | None = None) -> None:
        self.options = options
        self._host = host
        self.named: dict[str, Named] = {}
        self._starting: dict[str, asyncio.Task[Named]] = {}
        self._died: set[str] = set()
        self._ending: set[asyncio.Future[None]] = set()
        self._numbers = count(1)

    async def get(self, name: str) -> Named:
        """The session of that name, started when there is none."""
        found = self._living(name)
        if found is not None:
            return found
        task = self._starting.get(name) or self._begin(name, lambda: self._start(name))
        return await asyncio.shield(task)

    async def branch(self, parent: Named, name: str, checkpoint: str | None) -> Named:
        """A session that begins in the state of another one, in the same server."""
        if self._living(name) is not None or name in self._starting:
            raise Trouble(f"there is a session {name!r} already")
        task = self._begin(name, lambda: self._start_branch(parent, name, checkpoint))
        return await asyncio.shield(task)

    def _begin(
        self, name: str, start: Callable[[], Coroutine[Any, Any, Named]]
    ) -> asyncio.Task[Named]:
        living = {name for name, each in self.named.items() if not each.session.closed}
        living |= self._starting.keys()
        if len(living) >= self.options.sessions:
            there = ", ".join(sorted(living))
            raise Trouble(
                f"there are {self.options.sessions} sessions already ({there}): close one, "
                "or use one of them"
            )
        task = asyncio.create_task(start())
        self._starting[name] = task
        task.add_done_callback(lambda _: self._starting.pop(name, None))
        return task

    def find(self, name: str) -> Named:
        """The session of that name, which has to be there."""
        found = self._living(name)
        if found is None:
            there = ", ".join(sorted(self.named)) or "none; execute starts one"
            ended = "; it has ended" if name in self._died else ""
            raise Trouble(f"no session {name!r}{ended} (there are: {there})")
        return found

    def _living(self, name: str) -> Named | None:
        found = self.named.get(name)
        if found is not None and found.session.closed:
            self._drop(name)
            self._died.add(name)
            return None
        if found is not None:
            self._touch(found)
        return found

    async def _start(self, name: str) -> Named:
        arguments = list(self.options.arguments)
        if self.options.record is not None:
            self.options.record.mkdir(parents=True, exist_ok=True)
            arguments = ["--record", str(self._recording(name)), *arguments]
        named = Named(name, self.options.pictures)
        command = list(self.options.command)
        named.session = Session(
            command, args=arguments, on_event=named.take, functions="ask" if self._host else None
        )
        try:
            await named.session.start()
            if self._host is not None:
                await self._offer(named, self._host)
        except (ReplwireError, OSError) as error:
            raise Trouble(f"the session cannot be started: {error}") from error
        if name in self._died:
            named.notes.append("The session had ended and was started anew: it is empty.")
        self._add(named)
        return named

    async def _start_branch(self, parent: Named, name: str, checkpoint: str | None) -> Named:
        named = Named(name, self.options.pictures, parent=parent.name)
        branch = await parent.session.branch(name=name, checkpoint=checkpoint, on_event=named.take)
        named.session, named.count = branch, parent.count
        if self._host is not None:
            named.host = Calls(branch, self._host, self.options.confirm)
        if branch.began.lost_threads:
            threads = ", ".join(branch.began.lost_threads)
            named.notes.append(f"Threads that stayed with {parent.name}: {threads}")
        self._add(named)
        return named

    def _add(self, named: Named) -> None:
        self._died.discard(named.name)
        self.named[named.name] = named
        self._touch(named)

    async def _offer(self, named: Named, host: Host) -> None:
        named.host = Calls(named.session, host, self.options.confirm)
        try:
            await named.session.define(**await host.described())
        except BaseException:
            await named.session.close()
            raise

    def _recording(self, name: str) -> Path:
        assert self.options.record is not None
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self.options.record / f"{name}-{stamp}-{next(self._numbers)}.jsonl"

    # ---- the end ------------------------------------------------------------------------------

    @contextmanager
    def busy(self, named: Named) -> Generator[None]:
        """A call waits there."""
        named.calls += 1
        self._touch(named)
        try:
            yield
        finally:
            named.calls -= 1
            self._touch(named)

    def _touch(self, named: Named) -> None:
        if named.idle is not None:
            named.idle.cancel()
            named.idle = None
        if self.options.idle and not named.calls and self.named.get(named.name) is named:
            loop = asyncio.get_running_loop()
            named.idle = loop.call_later(self.options.idle, self._too_idle, named)

    def _too_idle(self, named: Named) -> None:
        self._died.add(named.name)
        ending = asyncio.ensure_future(self._end(self._drop(named.name)))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _drop(self, name: str) -> Named:
        named = self.named.pop(name)
        if named.idle is not None:
            named.idle.cancel()
        return named

    async def close(self, name: str) -> None:
        self.find(name)
        await self._end(self._drop(name))

    async def _end(self, named: Named) -> None:
        """One whose server has branches of it is emptied, and ends with the last of them."""
        root = named.session.root
        if named.session is not root:
            await named.session.close()
        elif self._serves(root):
            for running in named.running:
                await root.interrupt(running.execution.id, GRACE)
            await root.reset()
        if not self._serves(root):
            await root.close()

    def _serves(self, root: Session) -> bool:
        return any(each.session.root is root for each in self.named.values())

    async def close_all(self) -> None:
        starting = list(self._starting.values())
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        roots = {each.session.root for each in self.named.values()}
        for name in list(self.named):
            self._drop(name)
        closing = [root.close() for root in roots]
        await asyncio.gather(*closing, *self._ending, return_exceptions=True)
