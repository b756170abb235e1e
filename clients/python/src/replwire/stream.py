"""The events of one execution, for asyncio programs."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from . import frames
from .results import ExecutionError

if TYPE_CHECKING:
    from typing_extensions import Self

    from .execution import Execution
    from .session import Session

AHEAD = 256  # events that a stream holds before the session stops reading for it


class Feed:
    """Where the events of a stream wait for the program."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: deque[frames.Event] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.failure: BaseException | None = None
        self.over = False

    @property
    def waited_for(self) -> bool:
        return self.waiter is not None and not self.waiter.done()

    def take(self, event: frames.Event) -> None:
        self.events.append(event)
        self.wake()
        if len(self.events) > AHEAD:
            self.session.read_less()

    def end(self, terminal: frames.Result | frames.Error, failure: BaseException | None) -> None:
        self.events.append(terminal)
        if failure is not None and isinstance(terminal, frames.Error):
            failure.__cause__ = ExecutionError(terminal)
        self.fail(failure)

    def fail(self, failure: BaseException | None) -> None:
        self.failure, self.over = failure, True
        self.wake()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class Stream:
    """The events of one execution, its `result` or `error` the last. Left before that, it
    interrupts the execution."""

    def __init__(self, session: Session, feed: Feed, execution: Execution) -> None:
        self._session = session
        self._feed = feed
        self._execution = execution
        self.id = execution.id

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> frames.Event:
        feed = self._feed
        while not feed.events:
            if feed.over:
                failure, feed.failure = feed.failure, None
                raise failure or StopAsyncIteration
            await self._wait()
        return feed.events.popleft()

    async def _wait(self) -> None:
        self._feed.waiter = self._session.loop.create_future()
        self._session.read_on()
        try:
            await self._feed.waiter
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Ends the execution if it has not ended, and the stream."""
        if not self._feed.over:
            self._feed.fail(None)
            self._session.abandon(self._execution)

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._feed.over and not self._session.closed:
            with suppress(RuntimeError):  # the loop is closed
                self._session.loop.call_soon_threadsafe(self._session.abandon, self._execution)
