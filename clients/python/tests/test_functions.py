"""Functions of a program's own that code in a session calls."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import Any

import pytest

from replwire import ExecutionError, RequestRefused, Session, frames, sync


def search(query: str, limit: int = 10, *, deep: bool = False) -> list[str]:
    """Search the index."""
    return [query] * limit if not deep else []


async def fetch(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def test_given_at_the_start() -> None:
    async with Session(functions={"search": search, "find": search}) as session:
        result = await session.execute("import host\nhost.search('x', 2) + host.find('y', limit=1)")
        assert result.value == ["x", "x", "y"]


async def test_what_the_session_sees(session: Session) -> None:
    assert await session.define(search, fetch) == ["fetch", "search"]
    await session.execute("import host, inspect")
    shown = await session.execute("str(inspect.signature(host.search))")
    assert shown.value == "(query, limit=10, *, deep=False)"
    doc = await session.execute("host.search.__doc__")
    assert doc.value == f"search{inspect.signature(search)}\n\nSearch the index."
    with pytest.raises(ExecutionError, match="missing 1 required positional argument: 'query'"):
        await session.execute("host.search()")


async def test_a_default_that_is_no_json_is_there_all_the_same(session: Session) -> None:
    marker = object()

    def given(value: object = marker) -> bool:
        return value is marker

    await session.define(given)
    assert (await session.execute("import host\nhost.given(), host.given(1)")).value == [
        True,
        False,
    ]


async def test_a_decorator_before_and_after_the_start() -> None:
    session = Session()

    @session.function
    def early() -> str:
        return "early"

    async with session:

        @session.function
        async def late() -> str:
            return "late"

        code = "import host\n[host.early(), await host.late()]"
        assert (await session.execute(code)).value == ["early", "late"]
        assert early() == "early"
        assert await late() == "late"


async def test_async_functions_side_by_side(session: Session) -> None:
    await session.define(fetch)
    code = "import asyncio, host\nawait asyncio.gather(*(host.fetch(n) for n in range(20)))"
    assert (await session.execute(code)).value == [n * 2 for n in range(20)]


async def test_one_that_blocks_does_not_block_the_loop(session: Session) -> None:
    go_on = threading.Event()

    def wait() -> bool:
        return go_on.wait(60)

    await session.define(wait)
    running = asyncio.create_task(session.execute("import host\nhost.wait()"))
    while (await session.status()).state != "waiting_for_call":
        pass
    go_on.set()
    assert (await running).value is True


async def test_names_and_removal(session: Session) -> None:
    assert await session.define(one=lambda: 1, two=lambda: 2) == ["one", "two"]
    assert await session.remove("one", "three") == ["two"]
    with pytest.raises(ExecutionError, match="AttributeError"):
        await session.execute("import host\nhost.one()")
    with pytest.raises(RequestRefused, match="'class' is a keyword"):
        await session.define(**{"class": search})
    with pytest.raises(TypeError, match="has no name"):
        await session.define(Callable())


class Callable:
    def __call__(self) -> str:
        return "called"


async def test_an_object_that_can_be_called(session: Session) -> None:
    await session.define(thing=Callable())
    assert (await session.execute("import host\nhost.thing()")).value == "called"


async def test_defined_anew(session: Session) -> None:
    await session.define(f=lambda: 1)
    await session.execute("from host import f")
    await session.define(f=lambda: 2)
    assert (await session.execute("f()")).value == 2


async def test_an_exception_is_told_and_logged(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    class NoPrice(Exception):
        pass

    def price(name: str) -> float:
        raise NoPrice(name) if name == "air" else LookupError("gone")

    await session.define(price)
    code = (
        "import host\ntry:\n    host.price('air')\n"
        "except host.CallError as e:\n    got = e.type, e.message\ngot"
    )
    with caplog.at_level(logging.ERROR, "replwire"):
        assert (await session.execute(code)).value == ["NoPrice", "air"]
        with pytest.raises(ExecutionError, match="LookupError: gone"):
            await session.execute("host.price('x')")
    first, second = caplog.records
    assert first.exc_info is not None and first.exc_info[0] is NoPrice
    assert second.getMessage() == "price() failed"


async def test_an_answer_that_is_no_json(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    await session.define(bad=lambda kind: {"object": object(), "nan": float("nan")}[kind])
    for kind in ("object", "nan"):
        with pytest.raises(ExecutionError, match=r"TypeError: bad\(\) returned what is not JSON"):
            await session.execute(f"import host\nhost.bad({kind!r})")
    assert len(caplog.records) == 2


async def test_lone_surrogates_and_all_of_unicode(session: Session) -> None:
    seen: list[Any] = []

    def echo(value: object) -> object:
        seen.append(value)
        return value

    await session.define(echo)
    code = (
        "import host\n"
        "sent = ['\\ud800', 'a\\udc80b', '\\U0001f600', '\\x00\\u2028', {'\\udfff': 1}]\n"
        "host.echo(sent) == sent"
    )
    assert (await session.execute(code)).value is True
    assert seen == [["\ud800", "a\udc80b", "\U0001f600", "\x00\u2028", {"\udfff": 1}]]


async def test_a_call_that_is_interrupted_cancels_what_answers(session: Session) -> None:
    cancelled = asyncio.Event()
    begun = asyncio.Event()

    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await session.define(slow)
    running = asyncio.create_task(session.execute("import host\nawait host.slow()", check=False))
    await begun.wait()
    await session.interrupt()
    assert not (await running).ok
    await cancelled.wait()


async def test_answered_by_hand(session: Session) -> None:
    await session.define({"name": "ask", "parameters": [{"name": "what"}]})
    seen: list[frames.Event] = []
    async with session.stream("import host\n[host.ask(1), host.ask(2)]", functions="ask") as stream:
        async for event in stream:
            seen.append(event)
            if isinstance(event, frames.Call):
                session.answer(event, {"was": event.args})
    assert isinstance(seen[-1], frames.Result)
    assert seen[-1].value == [{"was": [1]}, {"was": [2]}]
    async with session.stream("host.ask(1)", functions="ask") as stream:
        async for event in stream:
            if isinstance(event, frames.Call):
                session.answer(event, ValueError("no"))
    assert isinstance(event, frames.Error)
    assert event.exception_type == "ValueError"


async def test_by_hand_in_the_whole_session() -> None:
    async with Session(functions="ask") as session:
        await session.define({"name": "ask"})
        async with session.stream("import host\nhost.ask()") as stream:
            async for event in stream:
                if isinstance(event, frames.Call):
                    session.answer(event, 5)
        assert isinstance(event, frames.Result) and event.value == 5


async def test_streams_show_calls_that_are_answered(session: Session) -> None:
    await session.define(fetch)
    kinds = [each.type async for each in session.stream("import host\nawait host.fetch(1)")]
    assert kinds == ["call", "result"]


async def test_one_that_nobody_answers(session: Session) -> None:
    await session.define({"name": "ask"})
    with pytest.raises(ExecutionError, match=r"NotImplementedError: nothing answers ask\(\)"):
        await session.execute("import host\nhost.ask()")


# ---- the session that blocks --------------------------------------------------------------------


def test_called_on_the_thread_that_waits(blocking: sync.Session) -> None:
    threads: list[threading.Thread] = []

    def where() -> int:
        threads.append(threading.current_thread())
        return len(threads)

    assert blocking.define(where) == ["where"]
    assert blocking.execute("import host\n[host.where(), host.where()]").value == [1, 2]
    assert set(threads) == {threading.current_thread()}


def test_blocking_session_has_all_of_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("gone")

    session = sync.Session(functions={"search": search, "fetch": fetch, "fail": fail})

    @session.function
    def early() -> str:
        return "early"

    with session:

        @session.function
        def late() -> str:
            return "late"

        code = "import host\n[host.early(), host.late(), host.search('x', 1), await host.fetch(4)]"
        assert session.execute(code).value == ["early", "late", ["x"], 8]
        with pytest.raises(ExecutionError, match="LookupError: gone"):
            session.execute("host.fail()")
        assert caplog.records[0].exc_info is not None
        assert session.remove("search") == ["early", "fail", "fetch", "late"]
        with session.stream("host.late()", functions="ask") as stream:
            for event in stream:
                if isinstance(event, frames.Call):
                    session.answer(event, None)
        assert isinstance(event, frames.Result) and event.repr is None


def test_a_function_may_use_the_session(blocking: sync.Session) -> None:
    blocking.define(state=lambda: blocking.status().state)
    assert blocking.execute("import host\nhost.state()").value == "waiting_for_call"
