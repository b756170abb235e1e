"""The five sockets of a kernel, read by the event loop."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import zmq

from ..errors import ReplwireError
from .listening import NAMES, Listening
from .messages import Codec

LINGER = 1000  # ms in which the last messages may still go out
LAST = int(zmq.NOBLOCK)  # numbers: an enum's arithmetic takes longer than to send a part
MORE = int(zmq.NOBLOCK | zmq.SNDMORE)
READABLE = int(zmq.POLLIN)


class Socket:
    """Gives what arrives to `take`. Its descriptor becomes readable once for whatever has happened
    since it was last looked at, so that each look takes all there is, and each send is followed by
    one."""

    def __init__(self, socket: zmq.Socket[bytes], take: Callable[[list[bytes]], object]) -> None:
        self._socket = socket
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._descriptor = int(socket.get(zmq.FD))
        self._look_due = False
        self._loop.add_reader(self._descriptor, self.look)
        self._look_soon()

    def send(self, parts: list[bytes]) -> None:
        try:
            for part in parts[:-1]:
                self._socket.send(part, MORE)
            self._socket.send(parts[-1], LAST)
        except zmq.Again:  # whoever should read it is gone
            return
        self._look_soon()

    def look(self) -> None:
        self._look_due = False
        while int(self._socket.get(zmq.EVENTS)) & READABLE:
            self._take(self._socket.recv_multipart(zmq.NOBLOCK))

    def _look_soon(self) -> None:
        if not self._look_due:
            self._look_due = True
            self._loop.call_soon(self.look)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._look_due = True
        self._socket.close()


Takers = Mapping[str, Callable[[list[bytes]], object]]


class Connection:
    """What a connection file says. Ports that are 0 are chosen here, and written into it."""

    def __init__(self, path: Path, listening: Listening | None = None) -> None:
        self._path = path
        self._listening = dict(listening or {})
        if not path.exists():
            from jupyter_client.connect import write_connection_file  # noqa: PLC0415

            path.parent.mkdir(parents=True, exist_ok=True)
            write_connection_file(str(path))
        try:
            self.told: dict[str, Any] = dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise ReplwireError(f"{path} is no connection file: {error}") from None
        key = str(self.told.get("key", "")).encode()
        self.codec = Codec(key, self.told.get("signature_scheme") or "hmac-sha256")

    @property
    def ports(self) -> dict[str, int]:
        return {f"{name}_port": self.told[f"{name}_port"] for name in NAMES}

    def open(self, takers: Takers) -> dict[str, Socket]:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        kinds = {"iopub": zmq.XPUB, "hb": zmq.REP}
        opened: dict[str, zmq.Socket[bytes]] = {}
        chosen = False
        for name in NAMES:
            socket: zmq.Socket[bytes] = context.socket(kinds.get(name, zmq.ROUTER))
            socket.set(zmq.LINGER, LINGER)
            socket.set(zmq.SNDHWM, 0)  # nothing that code prints is dropped
            if name == "iopub":
                socket.set(zmq.XPUB_VERBOSE, 1)  # each who subscribes is welcomed
            elif name != "hb":
                socket.set(zmq.ROUTER_HANDOVER, 1)  # a client that comes again takes its own place
            chosen = self._bind(socket, f"{name}_port") or chosen
            opened[name] = socket
        if chosen:
            self._write()
        return {name: Socket(socket, takers[name]) for name, socket in opened.items()}

    def _bind(self, socket: zmq.Socket[bytes], name: str) -> bool:
        """True when the port was to be chosen."""
        port = int(self.told.get(name) or 0)
        address = self.told.get("ip") or "127.0.0.1"
        if self.told.get("transport") == "ipc":
            chosen = not port
            while not port or (chosen and os.path.exists(f"{address}-{port}")):
                port += 1
            socket.bind(f"ipc://{address}-{port}")
        else:
            chosen = not port
            if (opened := self._listening.pop(name.removesuffix("_port"), None)) is not None:
                socket.set(zmq.USE_FD, opened.detach())
            socket.bind(f"tcp://{address}:{port or '*'}")
            if chosen:
                end = socket.get(zmq.LAST_ENDPOINT)
                port = int(bytes(end).rstrip(b"\0").rpartition(b":")[2])
        self.told[name] = port
        return chosen

    def _write(self) -> None:
        whole = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.told, file, indent=1)
        whole.replace(self._path)
