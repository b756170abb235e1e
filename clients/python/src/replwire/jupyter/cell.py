"""One execute_request: what the session says of it goes to the front ends as it comes."""

from __future__ import annotations

import asyncio
import io
import tokenize
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import frames
from ..errors import RequestRefused
from .effects import state_after
from .messages import Object
from .request import Request, failure
from .tracebacks import named, shown, traceback

if TYPE_CHECKING:
    from .kernel import Kernel

# What code gets that asks where nobody answers, in the words of ipykernel.
REFUSED = "raw_input was called, but this frontend does not support input requests."
REFUSAL = "StdinNotImplementedError"


class Refused(Exception):
    """Told to the code that asked."""


class Cell:
    """The sink of its execution. What the code left is shown as soon as it is told; the cell is
    over when that is kept."""

    def __init__(self, kernel: Kernel, request: Request, count: int) -> None:
        content = request.content
        self.kernel = kernel
        self.request = request
        self.code = str(content.get("code", ""))
        self.count = count
        self.silent = bool(content.get("silent"))
        self.stores = bool(content.get("store_history", True)) and not self.silent
        self.stops = bool(content.get("stop_on_error", True))
        self.interrupts = 0
        self.restored: frames.Restored | None = None
        self._send_end: Callable[[], None] | None = None  # there once the code has ended
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # ---- what the session says ------------------------------------------------------------------

    def take(self, event: frames.Event) -> None:
        if isinstance(event, frames.Restored):
            self.restored = event
        self.kernel.show(event, self.request)

    def end(self, terminal: frames.Result | frames.Error, failure: BaseException | None) -> None:
        if isinstance(terminal, frames.Result):
            self._succeed(terminal)
        else:
            self._fail(terminal)
        if terminal.kept is not False or not self.kernel.tells_kept:
            self.finish()

    def fail(self, failure: BaseException) -> None:
        """The session refused it, or is dead."""
        told = error_of(failure)
        if not isinstance(failure, RequestRefused):
            told["traceback"] += ["", "A new session is started: all variables are lost."]
        self.end_with(told)

    def undo(self, event: frames.Restored) -> None:
        """What the cell left could not be kept: the interpreter has died, or was given up."""
        if event.cause == "crash":
            how = event.signal or f"exit status {event.exit_status}"
            name, message = "InterpreterDied", f"the interpreter died behind the cell ({how})"
        else:
            name, message = "KeyboardInterrupt", "no snapshot was made behind the cell"
        message += f"; {state_after(event, undone=True)}"
        self.end_with(failure(name, message, shown(name, message)))

    @property
    def has_ended(self) -> bool:
        """The code has ended; the cell may still wait for its snapshot."""
        return self._send_end is not None

    def finish(self) -> None:
        assert self._send_end is not None
        self._send_end()
        self.over.set_result(None)

    def _succeed(self, result: frames.Result) -> None:
        if not result.restored:
            self.kernel.effects.note(self.request.id, self.stores)
        show: Callable[[], None] | None = None
        has_value = result.repr is not None or result.display
        if has_value and not self.silent and not ends_quietly(self.code):
            data = result.display or {"text/plain": _text(result)}
            metadata = result.display_metadata or {}
            content = {"execution_count": self.count, "data": data, "metadata": metadata}
            show = self.request.to_publish("execute_result", content)
            self.kernel.history.add_output(self.count, str(data.get("text/plain", "")))
        told: dict[str, Any] = getattr(result, "expressions", None) or {}
        values = {name: _expression(each) for name, each in told.items()}
        self._end_code({"status": "ok", "user_expressions": values}, show)

    def succeed(self, payload: Object | None = None) -> None:
        pages = [] if payload is None else [payload]
        self._end_code({"status": "ok", "user_expressions": {}, "payload": pages})
        self.finish()

    def _fail(self, error: frames.Error) -> None:
        if error.reason == "crash":
            self._show_error(self._crash(error))
        elif error.reason in ("cancelled", "aborted"):  # interrupted before it began
            self._show_error(failure("KeyboardInterrupt", "", shown("KeyboardInterrupt")))
        else:
            if not error.restored:
                self.kernel.effects.note(self.request.id, self.stores)
            self._show_error(self._error(error))

    def end_with(self, error: Object) -> None:
        self._show_error(error)
        self.finish()

    def _show_error(self, error: Object) -> None:
        content = {name: error[name] for name in ("ename", "evalue", "traceback")}
        show = self.request.to_publish("error", content)
        self._end_code({**error, "user_expressions": {}}, show)
        if self.stops:
            self.kernel.abort()

    def _end_code(self, reply: Object, show: Callable[[], None] | None = None) -> None:
        """Encodes the reply before anything is shown: the front end that reads it may take this
        process's processor."""
        told: Object = {"payload": [], **reply, "execution_count": self.count}
        self._send_end = self.request.to_end(told)
        if show is not None:
            show()

    # ---- errors ---------------------------------------------------------------------------------

    def _error(self, error: frames.Error) -> Object:
        name = error.exception_type.rpartition(".")[2]
        message = named(error.exception_message)
        lines = traceback(error)
        if name == "RuntimeError" and message == REFUSED:
            name = REFUSAL
            lines = [each.replace("RuntimeError", REFUSAL) for each in lines]
        if error.restored:
            lines += ["", state_after(self.restored)]
        return failure(name, message, lines)

    def _crash(self, error: frames.Error) -> Object:
        state = state_after(self.restored)
        message = f"{error.exception_message}; {state}"
        lines = shown(error.exception_type, error.exception_message)
        stack = error.traceback.partition("\nExtension modules: ")[0]
        lines += [named(stack.rstrip("\n")), "", state]
        return failure(error.exception_type, message, "\n".join(lines).split("\n"))


def error_of(error: BaseException) -> Object:
    name = type(error).__name__
    return failure(name, str(error), shown(name, str(error)))


def ends_quietly(code: str) -> bool:
    """A semicolon at the end says that the value is not to be shown."""
    if ";" not in code.rstrip().rpartition("\n")[2]:
        return False
    left_out = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER)
    last = ""
    try:
        for each in tokenize.generate_tokens(io.StringIO(code).readline):
            if each.type not in left_out:
                last = each.string
    except (SyntaxError, tokenize.TokenError):  # the session knows more than this Python
        return code.rstrip().endswith(";")
    return last == ";"


def _text(result: frames.Result) -> str:
    if result.repr_truncated:
        return f"{result.repr}… ({result.repr_truncated} characters in all)"
    return result.repr or ""


def _expression(told: Any) -> Object:
    if told.exception_type is not None:
        name = told.exception_type.rpartition(".")[2]
        text = told.exception_message or ""
        return failure(name, text, shown(name, text))
    data = told.display or {"text/plain": told.repr}
    return {"status": "ok", "data": data, "metadata": {}}
