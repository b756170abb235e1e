"""What a blocking call waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

from . import frames
from .execution import Execution
from .results import ExecutionError

if TYPE_CHECKING:
    from typing_extensions import Self

    from .sync import Session

# The session whose code asks, and for what, and the function that answers.
Question = tuple[
    "Session", Union[frames.Input, frames.Call], "Execution | None", Callable[..., Any]
]


class Slot:
    """What one call waits for; the lock of the session guards it."""

    __slots__ = ("_done", "_failure", "_result", "questions")

    def __init__(self) -> None:
        self._done = False
        self._result: Any = None
        self._failure: BaseException | None = None
        self.questions: deque[Question] = deque()  # for the thread that waits to answer

    def done(self) -> bool:
        return self._done

    def settled(self) -> bool:
        return self._done

    def set_result(self, result: Any, /) -> None:
        self._result, self._done = result, True

    def set_exception(self, exception: BaseException, /) -> None:
        self._failure, self._done = exception, True

    def result(self) -> Any:
        __tracebackhide__ = True
        if self._failure is not None:
            raise self._failure
        return self._result


class Feed(Slot):
    """Where the events of a stream wait for the program, which reads when it wants one."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        super().__init__()
        self.events: deque[frames.Event] = deque()

    def settled(self) -> bool:
        return self._done or bool(self.events)

    def take(self, event: frames.Event) -> None:
        self.events.append(event)

    def end(self, terminal: frames.Result | frames.Error, failure: BaseException | None) -> None:
        self.events.append(terminal)
        if failure is None:
            self.set_result(None)
        else:
            failure.__cause__ = ExecutionError(terminal) if terminal.type == "error" else None
            self.set_exception(failure)

    def fail(self, failure: BaseException) -> None:
        self.set_exception(failure)


class Stream:
    """The events of one execution, its `result` or `error` the last. Left before that, it
    interrupts the execution."""

    def __init__(self, session: Session, feed: Feed, execution: Execution) -> None:
        self._session = session
        self._feed = feed
        self._execution = execution
        self.id = execution.id

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> frames.Event:
        if not self._feed.events:
            self._session.wait(self._feed)
        if self._feed.events:
            return self._feed.events.popleft()
        self._feed.result()
        raise StopIteration

    def close(self) -> None:
        """Ends the execution if it has not ended, and the stream."""
        if not self._feed.done():
            self._feed.set_result(None)
            self._session.abandon(self._execution)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
