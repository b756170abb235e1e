"""Tools of other servers as functions of the code: --with, --confirm."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import anyio
import pytest
from conftest import Connect, Person, connected
from mcp.types import ElicitResult

SHOP = """
import asyncio
from mcp.server import MCPServer
from mcp.types import ImageContent, TextContent

shop = MCPServer("shop")

@shop.tool()
def price(item: str, count: int = 1) -> float:
    '''What it costs.'''
    return {"tea": 3.5, "cake": 4.25}[item] * count

@shop.tool()
def describe(item: str) -> dict[str, str]:
    return {"name": item}

@shop.tool(name="say-hello", structured_output=False)
def hello() -> str:
    return "hello"

@shop.tool(structured_output=False)
def picture() -> list:
    return [TextContent(type="text", text="a dot"), ImageContent(type="image", data="", mime_type="image/png")]

@shop.tool()
async def wait() -> int:
    await asyncio.sleep(600)
    return 1

shop.run()
"""


@pytest.fixture
def shop(tmp_path: Path) -> list[str]:
    (tmp_path / "shop.py").write_text(SHOP)
    command = shlex.join([sys.executable, str(tmp_path / "shop.py")])
    return ["--with", f"shop={command}"]


async def test_tools_are_functions(connect: Connect, shop: list[str]) -> None:
    async with connect(*shop) as agent:
        code = "import host\nhost.shop_price('tea') + host.shop_price(item='cake', count=2)"
        told = await agent.execute(code)
        assert told.get("value") == 12.0, told
        assert (await agent.execute("host.shop_describe('tea')"))["value"] == {"name": "tea"}
        assert (await agent.execute("host.shop_say_hello()"))["value"] == "hello"
        shown = (await agent.execute("host.shop_picture()"))["value"]
        assert [each["type"] for each in shown] == ["text", "image"]
        told = await agent.execute("import inspect\nstr(inspect.signature(host.shop_price))")
        assert told["value"] == "(item, count=1)"
        assert "What it costs." in (await agent.execute("help(host.shop_price)"))["stdout"]


async def test_a_branch_calls_them_too(connect: Connect, shop: list[str]) -> None:
    person = Person("")
    async with connect(*shop, "--confirm", elicitation_callback=person) as agent:
        await agent.execute("import host")
        await agent.told("branch", name="idea")
        assert (await agent.execute("host.shop_price('tea')", session="idea"))["value"] == 3.5
        assert person.asked == ["Python session 'idea' wants to call shop_price('tea')"]


async def test_the_agent_is_told_of_them(shop: list[str]) -> None:
    async with connected(*shop) as agent:
        assert "Tools of other servers (shop)" in agent.client.instructions


async def test_what_fails_is_raised_in_the_code(connect: Connect, shop: list[str]) -> None:
    async with connect(*shop) as agent:
        told = await agent.execute("import host\nhost.shop_price('stone')")
        assert told["error"]["type"].endswith("CallError")
        assert "price" in told["error"]["message"]
        told = await agent.execute("host.shop_price(thing='tea')")
        assert told["error"]["type"] == "TypeError"


async def test_a_call_ends_with_its_execution(connect: Connect, shop: list[str]) -> None:
    async with connect(*shop) as agent:
        told = await agent.execute("import host\nhost.shop_price('tea')")
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                told.update(await agent.execute("print('waits', flush=True)\nhost.shop_wait()"))

            group.start_soon(wait)
            while (await agent.told("status"))["state"] != "waiting_for_call":
                await anyio.sleep(0.01)
            await agent.call("interrupt")
        assert told["error"]["reason"] == "interrupt"
        assert (await agent.execute("host.shop_price('tea')"))["value"] == 3.5


async def test_a_server_that_does_not_start_is_told(connect: Connect) -> None:
    async with connect("--with", "gone=/no/such/command") as agent:
        result = await agent.call("execute", code="1")
        assert result.is_error
        assert "--with gone" in result.content[0].text


# ---- a person's consent -----------------------------------------------------------------------


async def test_each_call_is_confirmed(connect: Connect, shop: list[str]) -> None:
    person = Person("", ElicitResult(action="decline"), ElicitResult(action="cancel"))
    async with connect(*shop, "--confirm", elicitation_callback=person) as agent:
        told = await agent.execute("import host\nhost.shop_price('tea', count=2)")
        assert told["value"] == 7.0
        assert person.asked == ["Python session 'main' wants to call shop_price('tea', count=2)"]
        for _ in range(2):
            told = await agent.execute("host.shop_price('cake')")
            assert told["error"]["type"] == "PermissionError"
            assert "did not allow it" in told["error"]["message"]


async def test_calls_of_threads_are_confirmed_together(connect: Connect, shop: list[str]) -> None:
    person = Person("", "", "")
    async with connect(*shop, "--confirm", elicitation_callback=person) as agent:
        code = (
            "import host\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor() as pool:\n"
            "    prices = list(pool.map(host.shop_price, ['tea'] * 3))\nprices"
        )
        assert (await agent.execute(code))["value"] == [3.5] * 3
        assert len(person.asked) == 3


async def test_what_nobody_can_confirm_is_refused(connect: Connect, shop: list[str]) -> None:
    async with connect(*shop, "--confirm") as agent:
        told = await agent.execute("import host\nhost.shop_price('tea')")
        assert told["error"]["type"] == "PermissionError"
        assert "nobody could be asked" in told["error"]["message"]
