"""Serves one client over standard input and output, until it goes or a signal comes."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_loop
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest, jsonrpc_message_adapter
from pydantic import ValidationError

from .pipes import Pipes
from .server import AgentServer
from .sessions import Options, Sessions

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


async def serve(options: Options, fence: str) -> int:
    others = None
    if options.others:
        from .others import Others  # noqa: PLC0415  # the SDK's client, which few need

        others = Others(options.others)
        others.start()
    sessions = Sessions(options, others)
    serving = asyncio.ensure_future(_serve(AgentServer(sessions, fence).server))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await asyncio.wait({serving})
    finally:
        await sessions.close_all()
        if others is not None:
            await others.close()
    if not serving.cancelled():
        serving.result()
    return 0


async def _serve(server: Server[Any]) -> None:
    """The SDK's own transport hands each line to a thread and back, which takes as long as all else
    that a short call needs."""
    with Pipes() as pipes:
        reading = Reading()
        pipes.read(reading.take)
        opening = await reading.opening()
        if opening is None or opening.method != "initialize":
            await server.run(reading, Writing(pipes), server.create_initialization_options())
            return
        # A client that begins with the handshake. `run`, which finds that out as well, would hand
        # each message from one task to another one first.
        async with server.lifespan(server) as state:
            await serve_loop(server, reading, Writing(pipes), lifespan_state=state)


class Closing:
    """What both ends have, as the SDK wants it."""

    async def aclose(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()


class Reading(Closing):
    """What the SDK reads messages from."""

    def __init__(self) -> None:
        self._items: deque[SessionMessage | Exception] = deque()
        self._more: asyncio.Future[None] | None = None
        self._ended = False

    def take(self, line: bytes | None) -> None:
        """One line; None at the end."""
        if line is None:
            self._ended = True
        else:
            try:
                self._items.append(SessionMessage(jsonrpc_message_adapter.validate_json(line)))
            except ValidationError as error:
                self._items.append(error)
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def opening(self) -> JSONRPCRequest | None:
        """The first request, which stays to be read; None when there is none."""
        while True:
            for item in self._items:
                if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCRequest):
                    return item.message
            if self._ended:
                return None
            await self._wait()

    async def _wait(self) -> None:
        self._more = asyncio.get_running_loop().create_future()
        await self._more

    async def receive(self) -> SessionMessage | Exception:
        while not self._items:
            if self._ended:
                raise anyio.EndOfStream
            await self._wait()
        return self._items.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self._ended = True
        self._items.clear()


class Writing(Closing):
    """What the SDK writes messages to."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    async def send(self, item: SessionMessage, /) -> None:
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        await self._pipes.write(text.encode() + b"\n")
