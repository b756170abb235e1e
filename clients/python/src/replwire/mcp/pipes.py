"""Standard input and output as lines, on the event loop, without a thread."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
import threading
from collections.abc import Callable

PIPE = 65536
ABOVE = 3  # where no program expects a standard stream


class Pipes:
    """Owns both. Meanwhile descriptor 0 is the null device, and 1 is standard error: what libraries
    and children read and print there is none of the client's."""

    def __enter__(self) -> Pipes:
        self._loop = asyncio.get_running_loop()
        self._input = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, ABOVE)
        self._output = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, ABOVE)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        self._socket: socket.socket | None = None
        self._open_output()
        self._writing = asyncio.Lock()
        self._begun: list[bytes] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._input)
        self._loop.remove_writer(self._output)

    def _open_output(self) -> None:
        """So that a write does not wait, without telling the other end's own descriptor so."""
        mode = os.fstat(self._output).st_mode
        if stat.S_ISFIFO(mode):
            again = os.open(f"/proc/self/fd/{self._output}", os.O_WRONLY | os.O_NONBLOCK)
            os.close(self._output)
            self._output = again
        elif stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=self._output)

    # ---- in -----------------------------------------------------------------------------------

    def read(self, take: Callable[[bytes | None], None]) -> None:
        """Each line, and None at the end."""
        self._take = take
        try:
            self._loop.add_reader(self._input, self._readable)
        except PermissionError:  # a file: always readable, which the loop does not know
            threading.Thread(target=self._read_file, daemon=True).start()

    def _readable(self) -> None:
        data = os.read(self._input, PIPE)
        if data:
            self._feed(data)
        else:
            self._loop.remove_reader(self._input)
            self._take(None)

    def _read_file(self) -> None:
        while data := os.read(self._input, PIPE):
            self._loop.call_soon_threadsafe(self._feed, data)
        self._loop.call_soon_threadsafe(self._take, None)

    def _feed(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._begun, line])
            self._begun.clear()
            if whole.strip():
                self._take(whole)
        if rest:
            self._begun.append(rest)

    # ---- out ----------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        async with self._writing:
            left = memoryview(data)
            while left:
                try:
                    left = left[self._write(left) :]
                except BlockingIOError:
                    await self._room()
                except (BrokenPipeError, ConnectionResetError):
                    return  # nobody reads; the end of input says so too

    def _write(self, data: memoryview) -> int:
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        return os.write(self._output, data)

    async def _room(self) -> None:
        there = asyncio.Event()
        self._loop.add_writer(self._output, there.set)
        try:
            await there.wait()
        finally:
            self._loop.remove_writer(self._output)
