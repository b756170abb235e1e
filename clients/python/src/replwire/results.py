"""How an execution ended: a `Result`, or an `ExecutionError`."""

from __future__ import annotations

from typing import Any, Literal, Union

from . import frames
from .errors import ReplwireError
from .frames import Display, OutputTruncated

Kept = Union[frames.Output, Display, OutputTruncated]


class Outputs:
    """What an execution wrote and showed until it ended."""

    __slots__ = ("displays", "stderr", "stdout", "truncated")

    def __init__(self) -> None:
        self.stdout = ""
        self.stderr = ""
        self.displays: list[Display] = []
        self.truncated: list[OutputTruncated] = []

    @classmethod
    def of(cls, events: list[Kept]) -> Outputs:
        streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
        outputs = cls()
        for event in events:
            if isinstance(event, frames.Output):
                streams[event.stream].append(event.data)
            elif isinstance(event, frames.Display):
                outputs.displays.append(event)
            else:
                outputs.truncated.append(event)
        outputs.stdout, outputs.stderr = map("".join, streams.values())
        return outputs


class Result:
    """The execution ended well. `frame` is the server's own account of it."""

    __slots__ = ("_outputs", "frame")
    ok: Literal[True] = True

    def __init__(self, frame: frames.Result, outputs: Outputs | None = None) -> None:
        self.frame = frame
        self._outputs = outputs or Outputs()

    def __repr__(self) -> str:
        names = ("value", "repr", "stdout", "stderr", "displays", "execution_count")
        told = [(name, getattr(self, name)) for name in names]
        return f"Result({', '.join(f'{name}={value!r}' for name, value in told if value)})"

    @property
    def value(self) -> Any:
        """The last expression's value when it is plain data, else None (then `repr` is there)."""
        return self.frame.value

    @property
    def repr(self) -> str | None:
        return self.frame.repr

    @property
    def stdout(self) -> str:
        return self._outputs.stdout

    @property
    def stderr(self) -> str:
        return self._outputs.stderr

    @property
    def displays(self) -> list[Display]:
        return self._outputs.displays

    @property
    def truncated(self) -> list[OutputTruncated]:
        return self._outputs.truncated

    @property
    def execution_time(self) -> float:
        return self.frame.execution_time

    @property
    def execution_count(self) -> int | None:
        return self.frame.execution_count


class ExecutionError(ReplwireError):
    """The execution ended otherwise. `frame` is the server's own account of it."""

    ok: Literal[False] = False

    def __init__(self, frame: frames.Error, outputs: Outputs | None = None) -> None:
        super().__init__(frame, outputs)  # what it is made of again when it is unpickled
        self.frame = frame
        self._outputs = outputs or Outputs()
        if frame.traceback:
            self.__notes__ = [frame.traceback.rstrip()]  # shown by Python 3.11 and later

    def __str__(self) -> str:
        if not self.type:
            return self.reason
        return f"{self.type}: {self.message}" if self.message else self.type

    @property
    def type(self) -> str:
        """As the last line of a traceback names it: `ValueError`, `decimal.Overflow`."""
        return self.frame.exception_type

    @property
    def message(self) -> str:
        return self.frame.exception_message

    @property
    def traceback(self) -> str:
        return self.frame.traceback

    @property
    def frames(self) -> list[frames.TracebackFrame]:
        return self.frame.frames

    @property
    def reason(self) -> str:
        return self.frame.reason

    @property
    def stdout(self) -> str:
        return self._outputs.stdout

    @property
    def stderr(self) -> str:
        return self._outputs.stderr

    @property
    def displays(self) -> list[Display]:
        return self._outputs.displays

    @property
    def truncated(self) -> list[OutputTruncated]:
        return self._outputs.truncated

    @property
    def execution_time(self) -> float:
        return self.frame.execution_time

    @property
    def execution_count(self) -> int | None:
        return self.frame.execution_count
