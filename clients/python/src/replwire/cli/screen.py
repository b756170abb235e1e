"""What a terminal shows of an execution's events."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from .. import frames
from ..coloured import coloured
from ..typed import without_wrapper

RED, GREEN, GREY, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[90m", "\x1b[0m"
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[@-Z\\-_])")
MOST = 65536  # characters of what an execution has shown that are kept, to be shown anew


def wants_color(when: str, stream: TextIO) -> bool:
    if when == "auto":
        return (
            stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
    return when == "always"


class Shown:
    """What an execution has put on the terminal, as far as it can be taken away again."""

    def __init__(self) -> None:
        self._parts: list[tuple[str | None, str]] = []  # by display_id
        self._size = 0
        self._lost = False  # more than can be known

    def add(self, text: str, name: str | None = None) -> None:
        self._size += len(text)
        if self._size > MOST:
            self._parts, self._lost = [], True
        if not self._lost:
            self._parts.append((name, text))

    def holds(self, name: str | None) -> bool:
        return any(each == name for each, _ in self._parts)

    def replace(self, name: str | None, text: str) -> str:
        """All of it, with another text under that name."""
        self._parts = [(each, text if each == name else old) for each, old in self._parts]
        return "".join(part for _, part in self._parts)

    def wiped(self) -> str | None:
        """What takes it from the terminal; None when it has left the screen."""
        width, height = shutil.get_terminal_size()
        text = _ESCAPES.sub("", "".join(part for _, part in self._parts))
        lines = [line.rpartition("\r")[2] for line in text.split("\n")]
        up = sum(max(0, len(line) - 1) // width + 1 for line in lines) - 1
        if self._lost or up >= height:
            return None
        return "\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J"


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
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._live = False  # what is shown can be taken back: on a terminal, while code runs
        self._shown = Shown()
        self._to_clear = False
        self._midline = False
        self.paint: Callable[[str], str] | None = None  # a value's repr, in colours

    def begin(self) -> None:
        """An execution begins: what stands there stays."""
        self._shown, self._to_clear = Shown(), False
        self._live = self._terminal

    def rest(self) -> None:
        """Nothing runs: the prompt has the cursor, and what comes stands above it."""
        self._shown, self._to_clear, self._live = Shown(), False, False

    def show(self, event: frames.Event) -> None:
        if isinstance(event, frames.Output):
            self._write(sys.stdout if event.stream == "stdout" else sys.stderr, event.data)
        elif isinstance(event, frames.OutputTruncated):
            self._write(sys.stdout, f"[{event.omitted} bytes are left out]")
        elif isinstance(event, frames.Display):
            self._display(event)
        elif isinstance(event, frames.ClearOutput):
            self._to_clear = True
            if not event.wait:
                self._clear()
        elif isinstance(event, frames.Restored):
            self.complain(restored(event))
        elif isinstance(event, frames.Result):
            if self._values and event.repr is not None:
                self._value(event.repr, event.display or {})
        elif isinstance(event, frames.Error):
            self._error(event)

    def complain(self, text: str) -> None:
        text = text.rstrip("\n")
        self._write(sys.stderr, f"{RED}{text}{PLAIN}\n" if self._color_errors else f"{text}\n")

    def remark(self, text: str) -> None:
        """A word of the prompt's own."""
        text = text.rstrip("\n")
        self._write(sys.stdout, f"{GREY}{text}{PLAIN}\n" if self.color else f"{text}\n")

    def write_prompt(self, text: str) -> None:
        sys.stdout.write(f"{GREEN}{text}{PLAIN}" if self.color else text)
        sys.stdout.flush()

    def fresh_line(self) -> None:
        if self._midline:
            self._write(sys.stdout, "\n")

    def answered(self) -> None:
        """Whoever answered has ended the line."""
        self._midline = False
        self._shown = Shown()

    def _value(self, text: str, display: Mapping[str, object]) -> None:
        picture = self._picture(display)
        if picture is not None:
            self._write(sys.stdout, picture)
        elif self.paint is not None and len(text) < MOST:
            self._write(sys.stdout, self.paint(text) + "\n")
        else:
            self._write(sys.stdout, text + "\n")

    def _display(self, event: frames.Display) -> None:
        text = f"{event.data.get('text/plain', '')}\n"
        picture = self._picture(event.data)
        text = text if picture is None else picture
        wipe = self._shown.wiped() if self._live and self._shown.holds(event.display_id) else None
        if event.update and event.display_id is not None and wipe is not None:
            sys.stdout.write(wipe + self._shown.replace(event.display_id, text))
            sys.stdout.flush()
        else:
            self._write(sys.stdout, text, event.display_id)

    def _picture(self, data: Mapping[str, object]) -> str | None:
        if not self._terminal:
            return None
        from .pictures import picture  # noqa: PLC0415  # few need it

        return picture(data)

    def _error(self, event: frames.Error) -> None:
        if event.reason == "crash" and event.restored:
            return  # `restored` has said so
        if event.reason != "exit":
            self._traceback(without_wrapper(event.traceback) or event.reason)
        elif isinstance(event.exit_code, str):
            self.complain(event.exit_code)

    def _traceback(self, text: str) -> None:
        text = text.rstrip("\n") + "\n"
        self._write(sys.stderr, coloured(text) if self._color_errors else text)

    def _clear(self) -> None:
        wipe = self._shown.wiped() if self._live else None
        self._shown, self._to_clear = Shown(), False
        if wipe is not None:
            self._midline = False
            sys.stdout.write(wipe)
            sys.stdout.flush()

    def _write(self, stream: TextIO, text: str, name: str | None = None) -> None:
        if not text:
            return
        if self._to_clear:
            self._clear()
        if self._live:
            self._shown.add(text, name)
        stream.write(text)
        stream.flush()
        self._midline = not text.endswith("\n")


def restored(event: frames.Restored) -> str:
    """In one line."""
    gone = len(event.undone)
    executions = f"{gone} execution{'' if gone == 1 else 's'}"
    if event.cause in ("restore", "undo", "rollback"):
        text = f"{event.cause}: the session is as it was"
        text += f" before {executions}" if gone else ""
    else:
        died = event.signal or f"exit status {event.exit_status}"
        text = f"{event.cause} ({died}): the session is as it was before that"
        text += f" and before {executions} more" if gone else ""
    lost = [*event.lost_threads, *event.lost_devices, *event.lost_descriptors]
    return f"{text}, without {', '.join(lost)}" if lost else text
