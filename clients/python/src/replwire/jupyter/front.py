"""What the kernel says to all front ends, and to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from .messages import Message, Object
from .sockets import Connection, Socket, Takers

PATIENCE = 0.5  # seconds for somebody who listens: a client tries to connect every tenth


class Front:
    def __init__(self, connection: Connection) -> None:
        self._codec = connection.codec
        self._connection = connection
        self._sockets: dict[str, Socket] = {}
        self._listens = asyncio.Event()

    def open(self, takers: Takers) -> None:
        self._sockets = self._connection.open(
            {**takers, "iopub": self._subscribed, "hb": self._beat}
        )

    def close(self) -> None:
        for socket in self._sockets.values():
            socket.close()

    def look(self, channel: str) -> None:
        """Takes what has arrived and not been read yet."""
        self._sockets[channel].look()

    async def somebody_listens(self) -> None:
        """Or a moment has passed. A client's sockets connect one by one: what is published before
        the one that listens has done so is lost."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._listens.wait(), PATIENCE)

    def publish(
        self,
        kind: str,
        content: Object,
        parent: Object,
        metadata: Object | None = None,
        buffers: Sequence[bytes] | None = None,
    ) -> None:
        parts = self._codec.encode(kind, content, parent, metadata, buffers or ())
        self._sockets["iopub"].send([kind.encode(), *parts])

    def to_publish(self, kind: str, content: Object, parent: Object) -> Callable[[], None]:
        """Encodes it now; the function returned sends it."""
        parts = [kind.encode(), *self._codec.encode(kind, content, parent)]
        return lambda: self._sockets["iopub"].send(parts)

    def to_send(
        self, channel: str, to: Message, kind: str, content: Object, metadata: Object
    ) -> Callable[[], None]:
        parts = [*to.identities, *self._codec.encode(kind, content, to.header, metadata)]
        return lambda: self._sockets[channel].send(parts)

    def send(
        self,
        channel: str,
        to: Message,
        kind: str,
        content: Object,
        metadata: Object | None = None,
    ) -> str:
        """Gives its id."""
        parts = self._codec.encode(kind, content, to.header, metadata)
        self._sockets[channel].send([*to.identities, *parts])
        return self._codec.id_of(parts)

    def _beat(self, parts: list[bytes]) -> None:
        self._sockets["hb"].send(parts)

    def _subscribed(self, parts: list[bytes]) -> None:
        """JEP 65: who subscribes learns that it will miss nothing from now on."""
        if parts[0][:1] == b"\x01":
            self._listens.set()
            topic = parts[0][1:]
            content = {"subscription": topic.decode(errors="replace")}
            self._sockets["iopub"].send([topic, *self._codec.encode("iopub_welcome", content, {})])
