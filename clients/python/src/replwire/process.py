"""The server's process: found, started, read without waiting, and reaped."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Union

from .errors import ServerNotFound

Command = Union[str, "os.PathLike[str]", Sequence[str], None]

TAIL = 16384  # bytes of standard error that are kept
PIPE = 65536  # what a pipe holds


def own_program() -> str | None:
    """The command that was installed with this package; it becomes the Python that it is told."""
    site = Path(__file__).parent.parent
    places = [site / "bin" / "replwire"]  # by pip's --target, which moves what it has written down
    for record in site.glob("replwire-*.dist-info/RECORD"):
        names = [line.partition(",")[0] for line in record.read_text("utf-8").splitlines()]
        places += [site / name for name in names if name.endswith("/bin/replwire")]
    return next((str(each.resolve()) for each in places if os.access(each, os.X_OK)), None)


def find_server(same_python: bool = True) -> list[str]:
    """`REPLWIRE`, else the package's own, the program beside this Python, the one on PATH. The
    package's own runs sessions in this very Python, or, as the command does, in the one that the
    surroundings name."""
    if named := os.environ.get("REPLWIRE"):
        return shlex.split(named)
    if own := own_program():
        return [own, "--python", sys.executable] if same_python else [own]
    beside = Path(sys.executable).with_name("replwire")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("replwire")
    if found is None:
        raise ServerNotFound("no program replwire: neither beside this Python nor on PATH")
    return [found]


def command_line(
    command: Command,
    args: Sequence[str],
    cwd: str | os.PathLike[str] | None,
    python: str | os.PathLike[str] | None,
) -> list[str]:
    """The whole command. `--cwd` and `--python` are the server's own: they mean its machine."""
    if command is None:
        line = find_server()
    elif isinstance(command, (str, os.PathLike)):
        line = [os.fspath(command)]
    else:
        line = [os.fspath(part) for part in command]
    more: list[str] = []
    if cwd is not None:
        more += ["--cwd", os.fspath(cwd)]
    if python is not None:
        more += ["--python", os.fspath(python)]
    more += args  # the last, as they may end in Python's own switches behind `--`
    # ssh hands one string to the other machine's shell.
    return line + [shlex.quote(each) if Path(line[0]).name == "ssh" else each for each in more]


class Owner(Protocol):
    """A session; a process that was forked off its own has it no more."""

    def disown(self) -> None: ...


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def _disown_all() -> None:
    for owner in list(_owners):
        owner.disown()


os.register_at_fork(after_in_child=_disown_all)


class Process:
    """Owns the child and its descriptors. `end` becomes readable when it has ended, where the
    system has such a thing; the end of `output` says so too."""

    def __init__(
        self, command: list[str], env: Mapping[str, str] | None, apart: bool = False
    ) -> None:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            env=None if env is None else {**os.environ, **env},
            start_new_session=apart,
        )
        assert self._child.stdin and self._child.stdout and self._child.stderr
        self.pid = self._child.pid
        self.input = self._child.stdin.fileno()
        self.output = self._child.stdout.fileno()
        self.errors = self._child.stderr.fileno()
        self.tail = b""
        os.set_blocking(self.output, False)
        os.set_blocking(self.errors, False)
        self.end: int | None = None
        if hasattr(os, "pidfd_open"):
            with suppress(OSError):  # an old kernel
                self.end = os.pidfd_open(self.pid)

    def belong_to(self, owner: Owner) -> None:
        _owners.add(owner)

    def note_errors(self) -> bool:
        """Takes what is there on standard error; false at its end."""
        try:
            data = os.read(self.errors, PIPE)
        except BlockingIOError:
            return True
        self.tail = (self.tail + data)[-TAIL:]
        return bool(data)

    def drain(self) -> list[bytes]:
        """All that is left, once the process has ended; others may hold its pipes open still."""
        left: list[bytes] = []
        with suppress(BlockingIOError):
            while data := os.read(self.output, PIPE):
                left.append(data)
        with suppress(BlockingIOError):
            while data := os.read(self.errors, PIPE):
                self.tail = (self.tail + data)[-TAIL:]
        return left

    def kill(self) -> None:
        self._child.kill()

    def status(self) -> int | None:
        return self._child.poll()

    def wait(self, patience: float) -> int:
        """Its exit status; killed when it does not end by itself."""
        try:
            return self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def disown(self) -> None:
        """In a forked child, whose copies would keep the server from seeing the parent's end."""
        self._child.returncode = 0  # not its to wait for
        self.close()

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        if self.end is not None:
            os.close(self.end)
            self.end = None
