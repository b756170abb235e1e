"""Serves one client over standard input and output, until it goes or a signal comes."""

from __future__ import annotations

import asyncio
import math
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError

from .pipes import Pipes
from .server import AgentServer
from .sessions import Options, Sessions

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

Reading = MemoryObjectReceiveStream[SessionMessage | Exception]


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
    async with AsyncExitStack() as stack:
        pipes = stack.enter_context(Pipes())
        send, reading = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
        stack.push_async_callback(reading.aclose)

        def take(line: bytes | None) -> None:
            if line is None:
                send.close()
                return
            try:
                send.send_nowait(SessionMessage(jsonrpc_message_adapter.validate_json(line)))
            except ValidationError as error:
                send.send_nowait(error)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass  # it is at its end

        pipes.read(take)
        await server.run(reading, Writing(pipes), server.create_initialization_options())


class Writing:
    """What the SDK writes messages to."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    async def send(self, item: SessionMessage, /) -> None:
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        await self._pipes.write(text.encode() + b"\n")

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
        pass
