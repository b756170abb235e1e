"""The interactive prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .. import frames
from ..typed import as_typed
from .commands import Commands
from .prompt import Prompt
from .terminal import Terminal, exit_status, held_interrupts, take_interrupt

if TYPE_CHECKING:
    from ..transcript.got import Got


class Recorder(Protocol):
    def begin(self) -> Got: ...
    def note(self, code: str, got: Got) -> None: ...


def converse(
    terminal: Terminal,
    prompt: Prompt,
    commands: Commands | None = None,
    recorder: Recorder | None = None,
) -> int:
    """Until the input ends or code exits; gives the exit status."""
    count = 0
    with held_interrupts():
        while True:
            terminal.screen.fresh_line()
            terminal.screen.rest()
            try:
                if take_interrupt():
                    raise KeyboardInterrupt
                code = prompt()
            except EOFError:
                return 0
            except KeyboardInterrupt:
                terminal.screen.complain("KeyboardInterrupt")
                continue
            if not code.strip() or (commands is not None and commands.take(code)):
                continue
            count += 1
            got = recorder.begin() if recorder is not None else None
            typed = as_typed(code, f"<stdin-{count}>")
            end = terminal.run(typed.code, got, filename=typed.filename)
            if isinstance(end, frames.Error) and end.reason == "exit":
                return exit_status(end)
            if recorder is not None and got is not None:
                recorder.note(code, got)
