"""Questions of code, one after the other: front ends show one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import frames

if TYPE_CHECKING:
    from .request import Request


class Questions:
    """The first in line is the one that the front end has been asked."""

    def __init__(
        self,
        ask: Callable[[frames.Input, Request], str],
        answer: Callable[[frames.Input, str], None],
    ) -> None:
        self._ask = ask  # sends it; gives the id of the message
        self._answer = answer
        self._waiting: deque[tuple[frames.Input, Request]] = deque()
        self._asked: str | None = None

    def add(self, question: frames.Input, request: Request) -> None:
        self._waiting.append((question, request))
        if len(self._waiting) == 1:
            self._next()

    def close(self, id: str) -> None:
        """It needs no answer any more."""
        first = bool(self._waiting) and self._waiting[0][0].id == id
        self._waiting = deque(each for each in self._waiting if each[0].id != id)
        if first:
            self._next()

    def reply(self, parent: dict[str, Any], value: str) -> None:
        """An answer that names another question than the one that was asked came too late."""
        named = parent.get("msg_id")
        is_input = parent.get("msg_type") == "input_request"
        if not self._waiting or (is_input and named and named != self._asked):
            return
        question, _ = self._waiting.popleft()
        self._answer(question, value)
        self._next()

    def _next(self) -> None:
        self._asked = None
        if self._waiting:
            self._asked = self._ask(*self._waiting[0])
