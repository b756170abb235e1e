"""What keeps a pool from starting sessions that do not start."""

from __future__ import annotations

import asyncio

from .errors import ReplwireError

SLOWEST = 60.0  # seconds that the breaker stays open at most


class PoolBroken(ReplwireError):
    """Sessions do not start, or their warm-up fails; `__cause__` is what went wrong last."""


class Breaker:
    """After a failure no session is started for a while, twice as long after each that follows.
    Runs no timer: whoever asks after that time is the next to try."""

    def __init__(self, retry_after: float) -> None:
        self._first = self._pause = retry_after
        self._until = 0.0
        self.cause: BaseException | None = None

    def open(self) -> bool:
        return self.cause is not None and asyncio.get_running_loop().time() < self._until

    def fail(self, cause: BaseException) -> None:
        self.cause = cause
        self._until = asyncio.get_running_loop().time() + self._pause
        self._pause = min(self._pause * 2, SLOWEST)

    def heal(self) -> None:
        self.cause, self._pause = None, self._first

    def error(self) -> PoolBroken:
        error = PoolBroken(f"sessions do not start: {self.cause}")
        error.__cause__ = self.cause
        return error
