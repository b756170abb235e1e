"""Writes the transcript of a live session."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from ..cli.__main__ import open_session
from ..cli.prompt import open_prompt
from ..cli.repl import converse
from ..cli.screen import Screen
from ..cli.terminal import Terminal
from .format import Example
from .got import Got
from .rewrite import shown


class Notes:
    """Owns the file; each example is in it as soon as it has run."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._in_example = False

    def begin(self) -> Got:
        return Got()

    def note(self, code: str, got: Got) -> None:
        lines = code.rstrip().split("\n")
        if all(line.lstrip().startswith("#") or not line.strip() for line in lines):
            self._write([""] * self._in_example + [*lines, ""])
            self._in_example = False
            return
        marked = [f">>> {lines[0]}", *(f"... {line}".rstrip() for line in lines[1:])]
        self._write(marked + shown(Example(code, "", 0, 0), got))
        self._in_example = True

    def _write(self, lines: list[str]) -> None:
        self._file.write("\n".join(lines) + "\n")
        self._file.flush()


def record(file: str, server: str | None, force: bool) -> int:
    screen = Screen()
    mode = "w" if force else "x"
    with (
        Path(file).open(mode, encoding="utf-8", newline="\n") as opened,
        open_session(server, None, screen) as session,
    ):
        terminal = Terminal(session, screen)
        return converse(terminal, open_prompt(terminal), recorder=Notes(opened))
