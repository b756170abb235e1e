"""What the sessions raise on their own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .frames import Fatal


class ReplwireError(Exception):
    """The base of all that this package raises."""


class ServerNotFound(ReplwireError):
    """There is no server program where one was looked for."""


class SessionClosed(ReplwireError):
    """The session has been closed, or not yet started."""


class SessionDied(ReplwireError):
    """The server ended without having been asked to."""

    def __init__(
        self, fatal: Fatal | None = None, exit_status: int | None = None, stderr: str = ""
    ) -> None:
        super().__init__(fatal, exit_status, stderr)
        self.fatal = fatal
        self.exit_status = exit_status  # as `subprocess` has it: negative for a signal
        self.stderr = stderr

    def __str__(self) -> str:
        text = f"the session's process ended (exit status {self.exit_status})"
        if self.fatal is not None:
            text += f"; {self.fatal.signal or self.fatal.reason}: {self.fatal.traceback}".rstrip()
        return f"{text}\n{self.stderr}".rstrip()


class RequestRefused(ReplwireError):
    """The server answered a request with `protocol_error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class UnansweredInput(ReplwireError):
    """Code asked for input, and nothing was there to answer; the question has been refused."""

    def __init__(self, prompt: str = "") -> None:
        super().__init__(prompt)
        self.prompt = prompt

    def __str__(self) -> str:
        return f"nothing answers input({self.prompt!r})"
