"""What a short call costs beside the SDK's own, and the start: bench.py [SERVER TOOL ARGUMENTS...]
also measures the start of another server (its command in one word, its tool, the arguments as JSON)."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import statistics
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from conftest import ROOT
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

ROUNDS, TURNS, CALLS = 5, 20, 10
ECHO = """
import asyncio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
async def tools(context, params):
    return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema=SCHEMA)])
async def call(context, params):
    return types.CallToolResult(content=[types.TextContent(text=params.arguments["text"])])
async def main():
    server = Server("echo", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
asyncio.run(main())
"""
OURS = [sys.executable, "-m", "replwire.mcp"]


@dataclass
class Row:
    command: list[str]
    tool: str
    arguments: dict[str, Any]
    starts: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)


async def connected(row: Row, stack: AsyncExitStack) -> tuple[ClientSession, float]:
    """A client of it, and the seconds from the start to the first result."""
    parameters = StdioServerParameters(
        command=row.command[0], args=row.command[1:], env=dict(os.environ)
    )
    silent = stack.enter_context(open(os.devnull, "w"))
    before = time.perf_counter()
    streams = await stack.enter_async_context(stdio_client(parameters, errlog=silent))
    session = await stack.enter_async_context(ClientSession(*streams))
    await session.initialize()
    await call(session, row)
    return session, time.perf_counter() - before


async def call(session: ClientSession, row: Row) -> float:
    before = time.perf_counter()
    result = await session.call_tool(row.tool, row.arguments)
    assert not result.is_error, result
    return time.perf_counter() - before


async def main() -> None:
    os.environ["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
    os.environ.setdefault("REPLWIRE", str(ROOT / "build" / "replwire"))
    rows = {
        "echo, on the SDK alone": Row([sys.executable, "-c", ECHO], "echo", {"text": "2"}),
        "execute 1+1": Row(OURS, "execute", {"code": "1+1"}),
    }
    if len(sys.argv) > 1:
        server, tool, arguments = sys.argv[1:]
        rows[server] = Row(shlex.split(server), tool, json.loads(arguments))
    for _ in range(ROUNDS):
        async with AsyncExitStack() as stack:
            sessions: list[tuple[ClientSession, Row]] = []
            for row in rows.values():
                session, start = await connected(row, stack)
                row.starts.append(start)
                sessions.append((session, row))
            # In turns of a few calls, so that what else the machine does is the same for all.
            for _ in range(TURNS):
                for session, row in sessions:
                    row.calls += [await call(session, row) for _ in range(CALLS)]
    echo = statistics.median(next(iter(rows.values())).calls)
    for name, row in rows.items():
        p50 = statistics.median(row.calls)
        start = statistics.median(row.starts) * 1e3
        print(f"{name}: p50 {p50 * 1e3:.2f} ms, {p50 / echo:.2f} of the echo; start {start:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
