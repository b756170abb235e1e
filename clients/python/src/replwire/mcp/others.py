"""Other servers of the protocol, whose tools are functions for the code of sessions: `--with`."""

from __future__ import annotations

import asyncio
import keyword
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, Tool

from .. import frames
from .sessions import Trouble

TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}


class ToolError(Exception):
    """A tool's own word that it has failed."""


def is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


@dataclass
class Function:
    """A tool of a server as code calls it."""

    server: str
    tool: Tool
    parameters: list[dict[str, Any]] = field(init=False)
    positional: list[str] = field(init=False)  # names, in order

    def __post_init__(self) -> None:
        schema = self.tool.input_schema
        properties = _mapping(schema.get("properties"))
        listed: list[str] = schema.get("required", [])
        required = [each for each in listed if is_name(each)]
        optional = [each for each in properties if is_name(each) and each not in required]
        self.positional = [*required, *optional]
        self.parameters = [{"name": each} for each in required]
        for each in optional:
            default = _mapping(properties[each]).get("default")
            self.parameters.append({"name": each, "default": default})
        others = any(not is_name(each) for each in properties)
        if others or (not properties and schema.get("additionalProperties", True)):
            self.parameters.append({"name": "others", "kind": "var_keyword"})

    @property
    def name(self) -> str:
        return re.sub(r"\W", "_", f"{self.server}_{self.tool.name}")

    @property
    def doc(self) -> str:
        schema = self.tool.input_schema
        lines = [self.tool.description or self.tool.title or self.tool.name]
        for name, form in _mapping(schema.get("properties")).items():
            said = _mapping(form)
            kind = TYPES.get(str(said.get("type")), "any")
            needed = "" if name in schema.get("required", []) else ", may be left out"
            lines.append(f"{name}: {kind}{needed}. {said.get('description', '')}".rstrip())
        return "\n\n".join([lines[0], "\n".join(lines[1:])]).strip()

    def described(self) -> dict[str, Any]:
        """As the frame `functions` wants it."""
        return {"doc": self.doc, "is_async": False, "parameters": self.parameters}

    def arguments(self, call: frames.Call) -> dict[str, Any]:
        return {**dict(zip(self.positional, call.args, strict=False)), **call.kwargs}


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


class Others:
    """The connections, from `start` to `close`."""

    def __init__(self, commands: Mapping[str, str]) -> None:
        self._commands = commands
        self._living: list[asyncio.Task[None]] = []
        self._clients: dict[str, asyncio.Future[Client]] = {}
        self._functions: dict[str, Function] = {}

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def start(self) -> None:
        """They start while the client's first words are read."""
        loop = asyncio.get_running_loop()
        for name, command in self._commands.items():
            there: asyncio.Future[Client] = loop.create_future()
            self._clients[name] = there
            self._living.append(loop.create_task(self._live(name, command, there)))

    async def _live(self, name: str, command: str, there: asyncio.Future[Client]) -> None:
        # Opened and closed by one task, as the SDK wants it.
        first, *rest = shlex.split(command)
        try:
            async with Client(StdioServerParameters(command=first, args=rest)) as client:
                await self._list(name, client)
                there.set_result(client)
                await asyncio.Event().wait()
        except Exception as error:
            if not there.done():
                reason = f"--with {name}: the server cannot be started: {error}"
                there.set_exception(Trouble(reason))
                there.exception()  # whoever starts a session is told

    async def _list(self, name: str, client: Client) -> None:
        cursor = None
        while True:
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                function = Function(name, tool)
                self._functions[function.name] = function
            cursor = page.next_cursor
            if cursor is None:
                return

    async def described(self) -> dict[str, dict[str, Any]]:
        """All functions, when all servers are there."""
        for there in self._clients.values():
            await asyncio.shield(there)
        return {name: each.described() for name, each in self._functions.items()}

    async def call(self, call: frames.Call) -> Any:
        function = self._functions[call.name]
        client = await asyncio.shield(self._clients[function.server])
        return value_of(await client.call_tool(function.tool.name, function.arguments(call)))

    async def close(self) -> None:
        for task in self._living:
            task.cancel()
        await asyncio.gather(*self._living, return_exceptions=True)


def value_of(result: CallToolResult) -> Any:
    """What code gets: the data, else the text, else what the content consists of."""
    content = [
        each.model_dump(by_alias=True, mode="json", exclude_none=True) for each in result.content
    ]
    only_text = all(each["type"] == "text" for each in content)
    text = "\n".join(each["text"] for each in content if each["type"] == "text")
    if result.is_error:
        raise ToolError(text or "the tool has failed")
    data = result.structured_content
    if data is not None:
        return data["result"] if data.keys() == {"result"} else data
    return text if only_text else content
