"""The interactive prompt."""

from __future__ import annotations

from typing import Protocol

from .. import frames
from ..transcript.compare import Got
from ..typed import as_typed
from .prompt import Prompt
from .terminal import Terminal, exit_status


class Recorder(Protocol):
    def note(self, code: str, got: Got) -> None: ...


def converse(terminal: Terminal, prompt: Prompt, recorder: Recorder | None = None) -> int:
    """Until the input ends or code exits; gives the exit status."""
    count = 0
    while True:
        terminal.screen.fresh_line()
        try:
            code = prompt()
        except EOFError:
            return 0
        except KeyboardInterrupt:
            terminal.screen.complain("KeyboardInterrupt")
            continue
        if not code.strip():
            continue
        count += 1
        got = Got() if recorder is not None else None
        typed = as_typed(code, f"<stdin-{count}>")
        end = terminal.run(typed.code, got, filename=typed.filename)
        if isinstance(end, frames.Error) and end.reason == "exit":
            return exit_status(end)
        if recorder is not None and got is not None:
            recorder.note(code, got)
