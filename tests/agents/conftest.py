"""replwire-mcp as a process, and the SDK's own client; every message of the server's is checked
against the schema of the revision that both speak."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.message import SessionMessage
from mcp.types import ElicitResult, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from mcp.types.methods import SERVER_NOTIFICATIONS, SERVER_REQUESTS, SERVER_RESULTS
from pydantic import TypeAdapter

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("REPLWIRE", str(ROOT / "build" / "replwire"))
os.environ["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
MODERN = "2026-07-28"
REVISION = "io.modelcontextprotocol/protocolVersion"


@cache
def validator_of(form: Any) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(TypeAdapter(form).json_schema(by_alias=True))


class Wire:
    """The messages of one connection, as they were."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.came: list[dict[str, Any]] = []
        self.version = MODERN
        self.faults: list[str] = []
        self._asked: dict[Any, tuple[str, str]] = {}  # method and revision of a request, by its id

    def note_sent(self, message: Any) -> None:
        self.sent.append(message.model_dump(by_alias=True, mode="json", exclude_unset=True))
        if isinstance(message, JSONRPCRequest):
            params = message.params or {}
            if message.method == "initialize":
                self.version = params["protocolVersion"]
            else:
                # Where it shakes no hands, each request says its own.
                self.version = params.get("_meta", {}).get(REVISION, self.version)
            self._asked[message.id] = message.method, self.version

    def note_came(self, message: Any) -> None:
        raw = message.model_dump(by_alias=True, mode="json", exclude_unset=True)
        self.came.append(raw)
        if isinstance(message, JSONRPCResponse):
            method, version = self._asked.pop(message.id)
            if method == "initialize":
                self.version = version = raw["result"]["protocolVersion"]
            self._check(SERVER_RESULTS, method, version, raw["result"])
        elif isinstance(message, JSONRPCRequest):
            self._check(SERVER_REQUESTS, message.method, self.version, raw)
        elif isinstance(message, JSONRPCNotification):
            self._check(SERVER_NOTIFICATIONS, message.method, self.version, raw)

    def _check(self, surface: Any, method: str, version: str, raw: Any) -> None:
        form = surface.get((method, version))
        if form is None:
            self.faults.append(f"{method} is not of {version}")
            return
        try:
            validator_of(form).validate(raw)
        except jsonschema.ValidationError as error:
            self.faults.append(f"{method}: {error.message}")


@asynccontextmanager
async def tapped(parameters: StdioServerParameters, wire: Wire) -> AsyncIterator[Any]:
    async with stdio_client(parameters) as (reading, writing), anyio.create_task_group() as group:
        to_client, for_client = anyio.create_memory_object_stream[Any](100)
        to_server, for_server = anyio.create_memory_object_stream[SessionMessage](100)

        async def inward() -> None:
            async with to_client:
                async for item in reading:
                    if isinstance(item, SessionMessage):
                        wire.note_came(item.message)
                    await to_client.send(item)

        async def outward() -> None:
            async for item in for_server:
                wire.note_sent(item.message)
                await writing.send(item)

        group.start_soon(inward)
        group.start_soon(outward)
        yield for_client, to_server
        group.cancel_scope.cancel()


class Agent:
    """A client, and what tests ask of it."""

    def __init__(self, client: Client, wire: Wire) -> None:
        self.client = client
        self.wire = wire

    async def call(self, tool: str, **arguments: Any) -> Any:
        return await self.client.call_tool(tool, arguments)

    async def told(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return (await self.call(tool, **arguments)).structured_content

    async def execute(self, code: str, **arguments: Any) -> dict[str, Any]:
        return await self.told("execute", code=code, **arguments)

    async def text(self, tool: str, **arguments: Any) -> str:
        result = await self.call(tool, **arguments)
        return result.content[0].text


Connect = Callable[..., AbstractAsyncContextManager[Agent]]


@asynccontextmanager
async def connected(*options: str, mode: str = "legacy", **client: Any) -> AsyncIterator[Agent]:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "replwire.mcp", *options], env=dict(os.environ)
    )
    wire = Wire()
    async with Client(tapped(parameters, wire), mode=mode, **client) as connection:
        yield Agent(connection, wire)
    assert wire.faults == []


@pytest.fixture(params=["legacy", MODERN])
def connect(request: pytest.FixtureRequest) -> Connect:
    """In both eras."""

    def connect(*options: str, **client: Any) -> AbstractAsyncContextManager[Agent]:
        return connected(*options, mode=request.param, **client)

    return connect


class Person:
    """Answers forms, in order."""

    def __init__(self, *answers: str | ElicitResult) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked.append(params.message)
        answer = self.answers.pop(0)
        if isinstance(answer, ElicitResult):
            return answer
        return ElicitResult(action="accept", content={"answer": answer})
