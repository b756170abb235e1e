"""Warm sessions at hand: started before they are asked for, replaced when they are used up."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .breaker import Breaker
from .errors import ReplwireError, SessionClosed, SessionDied
from .session import Session

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 1.0  # seconds within which a session that comes back says how it is


@dataclass(slots=True)
class PoolInfo:
    """How a pool stands, and what it has done so far."""

    idle: int
    busy: int
    starting: int
    waiting: int  # programs that want a session
    breaker: Literal["closed", "open"]
    started: int
    acquired: int
    acquired_warm: int  # of these at once
    recycled: int
    expired: int  # idle for too long
    died: int
    failures: int  # to start or to warm up


@dataclass(slots=True)
class Counts:
    started: int = 0
    acquired: int = 0
    acquired_warm: int = 0
    recycled: int = 0
    expired: int = 0
    died: int = 0
    failures: int = 0


class Member:
    """A session and what the pool knows of it."""

    __slots__ = ("session", "since", "uses")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.uses = 0
        self.since = 0.0  # when it came to rest


class Lease:
    """`async with pool.session() as session`"""

    __slots__ = ("_member", "_pool", "_timeout")

    def __init__(self, pool: Pool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    async def __aenter__(self) -> Session:
        self._member = await self._pool.take(self._timeout)
        return self._member.session

    async def __aexit__(self, *_: object) -> None:
        self._pool.give_back(self._member)


class Pool:
    """Keeps `min_idle` warm sessions at hand and never more than `max_sessions` in all. A session
    that comes back is used again until `recycle_after` uses, with a clean `__main__` that is
    warmed up anew; the default, one, gives everybody a process of their own. Those beyond
    `min_idle` end when nobody has wanted them for `idle_ttl` seconds. With `branches` all of them
    are branches of one more, which has run `template`, where the server has that (`--survive`);
    else each runs it by itself. Belongs to one event loop."""

    def __init__(
        self,
        command: Any = None,
        *,
        min_idle: int = 1,
        max_sessions: int = 10,
        warmup: str | None = None,
        template: str | None = None,
        branches: bool = False,
        recycle_after: int | None = 1,
        idle_ttl: float | None = 300.0,
        retry_after: float = 1.0,
        starting_at_once: int | None = None,
        factory: Callable[..., Session] = Session,
        **options: Any,
    ) -> None:
        if not 0 <= min_idle <= max_sessions or max_sessions < 1:
            raise ValueError("it takes 0 <= min_idle <= max_sessions, and a session at least")
        if branches:
            sessions = ["--sessions", str(max_sessions + 1)]
            options["args"] = [*sessions, *options.get("args", ())]
            recycle_after = 1
        self._make: Callable[[], Session] = lambda: factory(command, **options)
        self._template = template
        self._branches = branches
        self._root: Session | None = None  # that the branches begin in
        self._rooting = asyncio.Lock()
        self._min_idle = min_idle
        self._max_sessions = max_sessions
        self._warmup = warmup
        self._recycle_after = recycle_after
        self._idle_ttl = idle_ttl
        self._starting_at_once = starting_at_once or 2 * (os.cpu_count() or 1)
        self._breaker = Breaker(retry_after)
        self._counts = Counts()
        self._idle: deque[Member] = deque()  # the one that rests longest comes first
        self._busy: set[Member] = set()
        self._starting = self._returning = 0
        self._waiting: deque[asyncio.Future[Member]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None
        self._open = False

    # ---- life ---------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Returns when `min_idle` sessions are warm."""
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._refill()
        while self._tasks and not self._breaker.cause:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._breaker.cause is not None:
            await self.close()
            raise self._breaker.error()
        return self

    async def close(self) -> None:
        """Ends all sessions, those in use as well; who waits for one gets `SessionClosed`."""
        self._open = False
        if self._expiry is not None:
            self._expiry.cancel()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(SessionClosed("the pool is closed"))
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        members = [*self._idle, *self._busy]
        self._idle.clear()
        closing = [member.session.close() for member in members]
        if self._root is not None:
            closing.append(self._root.close())
        await asyncio.gather(*closing, *self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---- use ----------------------------------------------------------------------------------

    def session(self, timeout: float | None = None) -> Lease:
        """A session for the length of an `async with`. TimeoutError when there is none in time;
        without a timeout it waits until one is free."""
        return Lease(self, timeout)

    def info(self) -> PoolInfo:
        return PoolInfo(
            idle=len(self._idle),
            busy=len(self._busy),
            starting=self._starting + self._returning,
            waiting=len(self._waiting),
            breaker="open" if self._breaker.open() else "closed",
            **{name: getattr(self._counts, name) for name in Counts.__slots__},
        )

    async def take(self, timeout: float | None = None) -> Member:
        if not self._open:
            raise SessionClosed("the pool is not open")
        if not self._waiting:
            while self._idle:
                member = self._idle.pop()
                if not member.session.closed:
                    self._counts.acquired_warm += 1
                    self._lend(member)
                    self._refill()
                    return member
        return await self._wait(timeout)

    async def _wait(self, timeout: float | None) -> Member:
        if self._breaker.open():
            raise self._breaker.error()
        waiter: asyncio.Future[Member] = self._loop.create_future()
        self._waiting.append(waiter)
        self._refill()
        try:
            await asyncio.wait({waiter}, timeout=timeout)
        except asyncio.CancelledError:
            self._forget(waiter)
            raise
        if not waiter.done():
            self._forget(waiter)
            raise TimeoutError("no session was free in time")
        return waiter.result()

    def _forget(self, waiter: asyncio.Future[Member]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.give_back(waiter.result())

    def _lend(self, member: Member) -> None:
        member.uses += 1
        self._busy.add(member)
        self._counts.acquired += 1

    def give_back(self, member: Member) -> None:
        """Does not wait: what a session needs before it is used again is done meanwhile."""
        self._busy.discard(member)
        if self._open:
            self._returning += 1
            self._run(self._return(member))

    # ---- members ------------------------------------------------------------------------------

    async def _return(self, member: Member) -> None:
        fit = False
        try:
            fit = await self._fit(member)
        finally:
            if not (fit and self._open):
                await member.session.close()
            self._returning -= 1
        if fit and self._open:
            self._rest(member)
        self._refill()

    async def _fit(self, member: Member) -> bool:
        """Whether it can be used again; made ready for that."""
        session = member.session
        if session.closed:
            return False  # counted when it died
        if self._recycle_after is not None and member.uses >= self._recycle_after:
            self._counts.recycled += 1
            return False
        try:
            status = await asyncio.wait_for(session.status(), PATIENCE)
            if status.state != "idle" or session.running:
                return False
            await session.reset()
            await self._warm_up(session)
        except (ReplwireError, asyncio.TimeoutError):
            return False
        return True

    async def _warm_up(self, session: Session, *, again: bool = True) -> None:
        for code in (self._template if again else None, self._warmup):
            if code is not None:
                await session.execute(code, silent=True)

    async def _new(self) -> Session:
        """A branch, or a session that has yet to start."""
        async with self._rooting:
            if self._branches and (self._root is None or self._root.closed):
                self._root = await self._started()
        return await self._root.branch() if self._root is not None else self._make()

    async def _started(self) -> Session | None:
        """What all branches begin in; None: the server has none."""
        root = self._make()
        try:
            await root.start()
            self._branches = "branch" in root.ready.capabilities
            if not self._branches:
                await root.close()
                return None
            if self._template is not None:
                await root.execute(self._template, silent=True)
        except BaseException:
            await root.close()
            raise
        return root

    async def _begin(self) -> None:
        session: Session | None = None
        try:
            session = await self._new()
            await session.start()
            await self._warm_up(session, again=session.root is session)
        except Exception as failure:
            self._failed(failure)
            if session is not None:
                await session.close()
            return
        except BaseException:
            if session is not None:
                await session.close()
            raise
        finally:
            self._starting -= 1
        self._breaker.heal()
        self._counts.started += 1
        member = Member(session)
        session.ended.add_done_callback(lambda _: self._lost(member))
        self._rest(member)
        self._refill()

    def _failed(self, failure: Exception) -> None:
        """From now on nobody waits, and for a while nothing is started."""
        self._counts.failures += 1
        self._breaker.fail(failure)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._breaker.error())

    def _rest(self, member: Member) -> None:
        """To whoever waits, or to the others that are idle."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._lend(member)
                waiter.set_result(member)
                return
        member.since = self._loop.time()
        self._idle.append(member)
        self._expect_expiry()

    def _lost(self, member: Member) -> None:
        """A session has ended, by itself unless it was closed."""
        if self._open and not member.session.closing:
            self._counts.died += 1
        if member in self._idle:
            self._idle.remove(member)
            if not member.uses and self._loop.time() - member.since < PATIENCE:
                self._failed(SessionDied(stderr="it died right behind its warm-up"))
            self._refill()

    # ---- how many -----------------------------------------------------------------------------

    def _refill(self) -> None:
        """Starts what is missing; called whenever that may have changed."""
        if not self._open:
            return
        total = len(self._idle) + len(self._busy) + self._starting + self._returning
        coming = len(self._idle) + self._starting + self._returning
        wanted = self._min_idle + len(self._waiting) - coming
        free = min(self._max_sessions - total, self._starting_at_once - self._starting)
        if self._breaker.cause is not None:  # one tries for all
            free = 0 if self._breaker.open() or self._starting else min(free, 1)
        for _ in range(min(wanted, free)):
            self._starting += 1
            self._run(self._begin())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _expect_expiry(self) -> None:
        """One timer, for the session that rests longest, and only while there are too many."""
        if self._expiry is None and self._idle_ttl is not None and len(self._idle) > self._min_idle:
            due = self._idle[0].since + self._idle_ttl
            self._expiry = self._loop.call_at(due, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        ttl = self._idle_ttl or 0.0
        while len(self._idle) > self._min_idle and self._idle[0].since + ttl <= self._loop.time():
            self._counts.expired += 1
            self._run(self._idle.popleft().session.close())
        self._expect_expiry()
