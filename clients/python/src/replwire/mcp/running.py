"""One execution, from its call to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import frames
from ..execution import Execution
from .images import SEEN, Picture
from .text import Stream

if TYPE_CHECKING:
    from .calls import Calls

TEXTS = ("text/markdown", "text/plain", "text/latex")  # the first that a display has is told


class Shown:
    """What an execution displayed since that was last told: of too many things the first and the
    last."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.forget()

    def forget(self) -> None:
        self.first: list[frames.Display] = []
        self.last: deque[frames.Display] = deque(maxlen=max(self.most - self.most // 2, 1))
        self.count = 0

    def add(self, display: frames.Display) -> None:
        if display.update and self._replaced(display):
            return
        self.count += 1
        if len(self.first) < self.most // 2:
            self.first.append(display)
        else:
            self.last.append(display)

    def _replaced(self, display: frames.Display) -> bool:
        for kept in (self.first, self.last):
            for at, each in enumerate(kept):
                if each.display_id == display.display_id:
                    kept[at] = display
                    return True
        return False

    @property
    def kept(self) -> list[frames.Display]:
        return [*self.first, *self.last]


def picture_of(data: Mapping[str, Any]) -> Picture | None:
    return next((Picture(kind, data[kind]) for kind in SEEN if kind in data), None)


def text_of(data: Mapping[str, Any]) -> str:
    return next((str(data[kind]) for kind in TEXTS if kind in data), "")


@dataclass(eq=False)
class Confirmation:
    """A call that a person has to allow first."""

    id: str
    prompt: str
    refusal: asyncio.Future[str | None]  # why not; None: it is allowed

    def settle(self, refusal: str | None) -> None:
        if not self.refusal.done():
            self.refusal.set_result(refusal)


class Running:
    """Where the events of one execution go. `changed` says that there is something to look at."""

    execution: Execution

    def __init__(self, pictures: int, calls: Calls | None = None) -> None:
        self.calls = calls
        self.streams = {"stdout": Stream(), "stderr": Stream()}
        self.shown = Shown(pictures)
        self.questions: dict[str, frames.Input] = {}
        self.confirmations: dict[str, Confirmation] = {}
        self.number: int | None = None  # as far as it is known before the end
        self.restored: frames.Restored | None = None
        self.terminal: frames.Result | frames.Error | None = None
        self.failure: BaseException | None = None  # the server's, not the code's
        self.changed = asyncio.Event()
        self.waited_for = False  # by a call
        self.fresh: deque[str] = deque(maxlen=64)  # for whoever wants to see it as it comes
        self.written = asyncio.Event()
        self._clear = False

    @property
    def over(self) -> bool:
        return self.terminal is not None or self.failure is not None

    def take(self, event: frames.Event) -> None:
        if isinstance(event, (frames.Output, frames.Display)) and self._clear:
            self.forget()
        if isinstance(event, frames.Output):
            self.streams[event.stream].add(event.data)
            self.fresh.append(event.data)
            self.written.set()
        elif isinstance(event, frames.OutputTruncated):
            self.streams[event.stream].skip(event.omitted)
            self.number = event.execution_count
        elif isinstance(event, frames.Display):
            self.shown.add(event)
        elif isinstance(event, frames.ClearOutput):
            self._clear = True
            if not event.wait:
                self.forget()
        elif isinstance(event, frames.Input):
            self.questions[event.id] = event
        elif isinstance(event, frames.InputClosed):
            self.questions.pop(event.id, None)
        elif isinstance(event, (frames.Call, frames.CallClosed)):
            if self.calls is not None:
                self.calls.take(event, self)
        elif isinstance(event, frames.Restored):
            self.restored = event
        self.changed.set()

    def forget(self) -> None:
        """What it has written and shown has been told, or cleared."""
        self._clear = False
        for stream in self.streams.values():
            stream.forget()
        self.shown.forget()

    def end(self, terminal: frames.Result | frames.Error, failure: BaseException | None) -> None:
        self.terminal = terminal
        self.questions.clear()
        self.changed.set()

    def fail(self, failure: BaseException) -> None:
        self.failure = failure
        self.questions.clear()
        self.changed.set()
