"""A small client of the Debug Adapter Protocol."""

from __future__ import annotations

import asyncio
import json
from typing import Any

Message = dict[str, Any]

PATIENCE = 100  # seconds


class Dap:
    """Attached to a debug adapter; what it sends and is told has the protocol's own names."""

    def __init__(self, host: str, port: int) -> None:
        self.address = host, port
        self.events: list[Message] = []
        self.taken = 0
        self.replies: dict[int, Message] = {}
        self.arrived = asyncio.Condition()
        self.closed = False
        self.last = 0

    async def __aenter__(self) -> Dap:
        self.reader, self.writer = await asyncio.open_connection(*self.address)
        self.task = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        self.task.cancel()

    async def read(self) -> None:
        while True:
            try:
                header = await self.reader.readuntil(b"\r\n\r\n")
                length = int(header.partition(b"Content-Length:")[2].split()[0])
                message = json.loads(await self.reader.readexactly(length))
            except (OSError, asyncio.IncompleteReadError):
                message = None
            async with self.arrived:
                if message is None:
                    self.closed = True
                elif message["type"] == "response":
                    self.replies[message["request_seq"]] = message
                else:
                    self.events.append(message)
                self.arrived.notify_all()
            if message is None:
                return

    def send(self, command: str, **arguments: Any) -> int:
        self.last += 1
        message = {"seq": self.last, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(message).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        return self.last

    async def reply(self, number: int) -> Message:
        async with self.arrived:
            came = self.arrived.wait_for(lambda: number in self.replies or self.closed)
            await asyncio.wait_for(came, PATIENCE)
        reply = self.replies.pop(number)
        assert reply["success"], reply
        return reply.get("body") or {}

    async def request(self, command: str, **arguments: Any) -> Message:
        return await self.reply(self.send(command, **arguments))

    def find(self, name: str) -> Message | None:
        for at in range(self.taken, len(self.events)):
            if self.events[at]["event"] == name:
                self.taken = at + 1
                return self.events[at].get("body") or {}
        return None

    async def event(self, name: str) -> Message:
        """The next of that name; those before it are passed over."""
        found: list[Message | None] = [None]

        def look() -> bool:
            found[0] = self.find(name)
            return found[0] is not None or self.closed

        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(look), PATIENCE)
        assert found[0] is not None, f"no {name}: {self.events}"
        return found[0]

    async def attach(
        self,
        breakpoints: dict[str, list[Any]] | None = None,
        filters: list[str] | None = None,
        **arguments: Any,
    ) -> None:
        """`breakpoints`: {path: lines, or whole SourceBreakpoints}."""
        await self.request("initialize", adapterID="test", pathFormat="path")
        attached = self.send("attach", **{"justMyCode": True, **arguments})
        await self.event("initialized")
        for path, places in (breakpoints or {}).items():
            await self.set_breakpoints(path, places)
        await self.request("setExceptionBreakpoints", filters=filters or [])
        await self.request("configurationDone")
        await self.reply(attached)

    async def set_breakpoints(self, path: str, places: list[Any]) -> list[Message]:
        wanted = [{"line": each} if isinstance(each, int) else each for each in places]
        body = await self.request("setBreakpoints", source={"path": path}, breakpoints=wanted)
        return body["breakpoints"]

    async def stack(self, thread: int) -> list[Message]:
        return (await self.request("stackTrace", threadId=thread))["stackFrames"]

    async def places(self, thread: int) -> list[tuple[str, str, int]]:
        """The stack, innermost first."""
        frames = await self.stack(thread)
        return [(each["source"]["path"], each["name"], each["line"]) for each in frames]

    async def evaluate(self, expression: str, frame: int, context: str = "repl") -> str:
        body = await self.request("evaluate", expression=expression, frameId=frame, context=context)
        return body["result"]
