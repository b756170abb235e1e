"""A program in a terminal of its own, and a person at it who waits for what is shown."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT

SOURCE = str(ROOT / "clients" / "python" / "src")
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>()][0-9A-B]?)")


class Tty:
    def __init__(self, words: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.shown = ""  # with its escape sequences
        self.attributes = ""  # what it answers when it is asked
        self._seen = 0  # how much of the plain text has been waited for
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            state = str(cwd / "state")  # the history of no other
            ours = {"PYTHONPATH": SOURCE, "TERM": "xterm-256color", "XDG_STATE_HOME": state}
            os.environ.pop("TMUX", None)
            os.environ.update({**ours, **env})
            os.execv(sys.executable, [sys.executable, *words])

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.shown)

    def wait(self, pattern: str, patience: float = 20.0) -> re.Match[str]:
        """Until something new is shown that fits."""
        until = time.monotonic() + patience
        while True:
            found = re.compile(pattern, re.S).search(self.text, self._seen)
            if found:
                self._seen = found.end()
                return found
            left = until - time.monotonic()
            assert left > 0 and self._read(left), f"no {pattern!r} in {self.text[self._seen :]!r}"

    def interrupt(self, pattern: str) -> None:
        """Ctrl-C, and what it must lead to. Python's own `input()` misses one that comes between
        its prompt and its read: a person would press again."""
        self.type("\x03")
        try:
            self.wait(pattern, 3.0)
        except AssertionError:
            self.type("\x03")
            self.wait(pattern)

    def _read(self, patience: float) -> bool:
        if not select.select([self.descriptor], [], [], patience)[0]:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the other side is gone
            return False
        if b"\x1b[6n" in data:  # where the cursor is: a terminal would say
            os.write(self.descriptor, b"\x1b[1;1R")
        if b"\x1b[c" in data and self.attributes:  # what it can
            os.write(self.descriptor, f"\x1b[?{self.attributes}c".encode())
        self.shown += data.decode(errors="replace")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def status(self) -> int:
        while self._read(20.0):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def terminal(*words: str, cwd: Path, **env: str) -> Iterator[Tty]:
    tty = Tty(["-m", *words], cwd, env)
    try:
        yield tty
    finally:
        try:
            os.kill(tty.pid, signal.SIGKILL)
            os.waitpid(tty.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(tty.descriptor)
