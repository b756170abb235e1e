"""One execution, and where its events go."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from . import frames
from .answers import Ask
from .results import ExecutionError, Kept, Outputs, Result

T_contra = TypeVar("T_contra", contravariant=True)


class Pending(Protocol[T_contra]):
    """What waits for one thing: asyncio's Future, or the blocking session's own."""

    def done(self) -> bool: ...
    def set_result(self, result: T_contra, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


class Sink(Protocol):
    """Where an execution's events go."""

    def take(self, event: frames.Event) -> None: ...
    def end(
        self, terminal: frames.Result | frames.Error, failure: BaseException | None
    ) -> None: ...
    def fail(self, failure: BaseException) -> None: ...


class Collector:
    """Keeps what there is to keep for whoever waits for the end."""

    __slots__ = ("kept", "pending")

    def __init__(self, pending: Pending[Any]) -> None:
        self.pending = pending
        self.kept: list[Kept] = []

    def take(self, event: frames.Event) -> None:
        if isinstance(event, (frames.Output, frames.Display, frames.OutputTruncated)):
            self.kept.append(event)

    def end(self, terminal: frames.Result | frames.Error, failure: BaseException | None) -> None:
        outputs = Outputs.of(self.kept) if self.kept else None
        outcome: Result | ExecutionError
        if isinstance(terminal, frames.Result):
            outcome = Result(terminal, outputs)
        else:
            outcome = ExecutionError(terminal, outputs)
        if self.pending.done():
            return
        if failure is None:
            self.pending.set_result(outcome)
        else:
            failure.__cause__ = outcome if isinstance(outcome, ExecutionError) else None
            self.pending.set_exception(failure)

    def fail(self, failure: BaseException) -> None:
        if not self.pending.done():
            self.pending.set_exception(failure)


class Execution:
    __slots__ = ("ask", "by_consumer", "calls_by_hand", "failure", "id", "refused", "sink")

    def __init__(
        self, id: frames.Id, sink: Sink, ask: Ask | None, by_consumer: bool, calls_by_hand: bool
    ) -> None:
        self.id = id
        self.sink: Sink | None = sink  # None once nobody cares
        self.ask = ask
        self.by_consumer = by_consumer  # who reads the events answers as well
        self.calls_by_hand = calls_by_hand  # the same for calls
        self.failure: BaseException | None = None
        self.refused = 0
