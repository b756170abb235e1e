"""Streamable HTTP in front of replwire-mcp, for a suite that speaks nothing else: each session of the
client's is a process, and each POST gets what that process says until it has answered.

bridge.py PORT COMMAND..."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

LONGEST = 1 << 26  # bytes of a line
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
# What the suite calls tools of its own for is done by `execute` here.
STAND_INS = {
    "test_simple_text": "print('This is a simple text response for testing.')",
    "test_image_content": f"display({{'image/png': '{PNG}'}}, raw=True)",
    "test_error_handling": "raise RuntimeError('This tool intentionally returns an error')",
    "test_tool_with_progress": (
        "import time\nfor n in (0, 50, 100):\n    print(n, flush=True)\n    time.sleep(0.3)"
    ),
    "test_elicitation": "input('Please provide your information')",
}


class Server:
    """One process, and who waits for what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.waiting: dict[Any, asyncio.Queue[dict[str, Any]]] = {}
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: list[str]) -> Server:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, limit=LONGEST
        )
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            message = json.loads(line)
            answered = message.get("id") if "method" not in message else None
            for id, queue in list(self.waiting.items()):
                if answered in (None, id):
                    queue.put_nowait(message)

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def answers(self, message: dict[str, Any]) -> AsyncIterator[bytes]:
        id = message["id"]
        queue = self.waiting[id] = asyncio.Queue()
        try:
            self.send(message)
            while True:
                said = await queue.get()
                yield f"event: message\ndata: {json.dumps(said)}\n\n".encode()
                if said.get("id") == id and "method" not in said:
                    return
        finally:
            del self.waiting[id]


class Bridge:
    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.servers: dict[str, Server] = {}

    async def serve(self, request: Request) -> Response:
        name = request.headers.get("mcp-session-id", "")
        if request.method == "DELETE":
            if name in self.servers:
                self.servers.pop(name).process.terminate()
            return Response(status_code=200)
        if request.method != "POST":
            return Response(status_code=405)
        message = stood_in(await request.json())
        if message.get("method") == "initialize":
            name = uuid.uuid4().hex
        elif name and name not in self.servers:
            return Response(status_code=404)
        if name not in self.servers:  # without a name: all that has no sessions
            self.servers[name] = await Server.start(self.command)
        server = self.servers[name]
        if "method" not in message or "id" not in message:
            server.send(message)
            return Response(status_code=202)
        headers = {"mcp-session-id": name} if name else {}
        return StreamingResponse(
            server.answers(message), media_type="text/event-stream", headers=headers
        )


def stood_in(message: dict[str, Any]) -> dict[str, Any]:
    code = STAND_INS.get(message.get("params", {}).get("name", ""))
    if message.get("method") == "tools/call" and code is not None:
        message["params"].update(name="execute", arguments={"code": code})
    return message


def main() -> None:
    port, *command = sys.argv[1:]
    bridge = Bridge(command)
    app = Starlette(routes=[Route("/mcp", bridge.serve, methods=["GET", "POST", "DELETE"])])
    uvicorn.run(app, port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
