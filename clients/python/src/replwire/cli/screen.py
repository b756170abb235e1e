"""What a terminal shows of an execution's events."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from .. import frames
from ..typed import without_wrapper

RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


def wants_color(when: str, stream: TextIO) -> bool:
    if when == "auto":
        return (
            stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
    return when == "always"


class Screen:
    """Standard output and standard error. Looks for them at each write: prompts put others in
    their place."""

    def __init__(self, color: str = "auto", values: bool = True) -> None:
        # What a stream cannot carry must not cost the session.
        for stream, errors in (
            (sys.stdin, "replace"),
            (sys.stdout, "backslashreplace"),
            (sys.stderr, "backslashreplace"),
        ):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=errors)
        self.color = wants_color(color, sys.stdout)
        self._color_errors = wants_color(color, sys.stderr)
        self._values = values  # whether the last expression's is shown
        self._midline = False

    def show(self, event: frames.Event) -> None:
        if isinstance(event, frames.Output):
            self._write(sys.stdout if event.stream == "stdout" else sys.stderr, event.data)
        elif isinstance(event, frames.Display):
            self._write(sys.stdout, f"{event.data.get('text/plain', '')}\n")
        elif isinstance(event, frames.Result):
            if self._values and event.repr is not None:
                self._write(sys.stdout, event.repr + "\n")
        elif isinstance(event, frames.Error):
            if event.reason != "exit":
                self.complain(without_wrapper(event.traceback) or event.reason)
            elif isinstance(event.exit_code, str):
                self.complain(event.exit_code)

    def complain(self, text: str) -> None:
        text = text.rstrip("\n")
        self._write(sys.stderr, f"{RED}{text}{PLAIN}\n" if self._color_errors else f"{text}\n")

    def fresh_line(self) -> None:
        if self._midline:
            self._write(sys.stdout, "\n")

    def answered(self) -> None:
        """Whoever answered has ended the line."""
        self._midline = False

    def _write(self, stream: TextIO, text: str) -> None:
        if text:
            stream.write(text)
            stream.flush()
            self._midline = not text.endswith("\n")
