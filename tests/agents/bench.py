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
from typing import Any

from conftest import ROOT
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

ROUNDS, CALLS = 5, 200
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


async def measured(command: list[str], tool: str, arguments: dict[str, Any]) -> list[float]:
    """Seconds from the start to the first result, then those of further calls."""
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    times: list[float] = []
    before = time.perf_counter()
    async with (
        stdio_client(parameters, errlog=open(os.devnull, "w")) as (reading, writing),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        for _ in range(CALLS):
            result = await session.call_tool(tool, arguments)
            assert not result.is_error, result
            times.append(time.perf_counter() - before)
            before = time.perf_counter()
    return times


async def main() -> None:
    os.environ["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
    os.environ.setdefault("REPLWIRE", str(ROOT / "build" / "replwire"))
    rows = {
        "echo, on the SDK alone": ([sys.executable, "-c", ECHO], "echo", {"text": "2"}),
        "execute 1+1": (OURS, "execute", {"code": "1+1"}),
    }
    if len(sys.argv) > 1:
        server, tool, arguments = sys.argv[1:]
        rows[server] = (shlex.split(server), tool, json.loads(arguments))
    starts: dict[str, list[float]] = {name: [] for name in rows}
    calls: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):  # in turns, so that what else the machine does is the same for all
        for name, row in rows.items():
            first, *others = await measured(*row)
            starts[name].append(first)
            calls[name] += others
    for name in rows:
        p50 = statistics.median(calls[name]) * 1e3
        start = statistics.median(starts[name]) * 1e3
        print(f"{name}: p50 {p50:.2f} ms, least {min(calls[name]) * 1e3:.2f} ms; start {start:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
