"""What answers input(): `inputs`, and all that `on_input` may be."""

from __future__ import annotations

import asyncio
import re

import pytest

from replwire import ExecutionError, Prompt, Session, UnansweredInput, sync

TWO = "[input('Name: '), input('Age: ')]"


async def test_a_list(session: Session) -> None:
    assert (await session.execute(TWO, on_input=["Ada", "36"])).value == ["Ada", "36"]


async def test_patterns(session: Session) -> None:
    answers = {"^Age": "36", re.compile("name", re.I): lambda prompt: prompt.upper()}
    assert (await session.execute(TWO, on_input=answers)).value == ["NAME: ", "36"]


async def test_a_function(session: Session) -> None:
    assert (await session.execute(TWO, on_input=str.lower)).value == [
        "name: ",
        "age: ",
    ]


async def test_an_async_function(session: Session) -> None:
    async def answer(prompt: Prompt) -> str:
        await asyncio.sleep(0.001)
        return f"{prompt.password} {prompt}"

    code = "import getpass\n[input('a'), getpass.getpass('b')]"
    assert (await session.execute(code, on_input=answer)).value == ["False a", "True b"]


async def test_the_wires_own(session: Session) -> None:
    with pytest.raises(ExecutionError, match="EOFError"):
        await session.execute("input()", on_input="eof")
    with pytest.raises(TypeError):
        await session.execute("input()", on_input="Ada")


async def test_eof_from_a_function(session: Session) -> None:
    def ended(_: str) -> str:
        raise EOFError

    with pytest.raises(ExecutionError, match="EOFError"):
        await session.execute("input()", on_input=ended)


async def test_a_function_that_fails_fails_both(session: Session) -> None:
    def fail(_: str) -> str:
        raise LookupError("no idea")

    with pytest.raises(LookupError) as caught:
        await session.execute("input()", on_input=fail)
    assert isinstance(caught.value.__cause__, ExecutionError)
    assert caught.value.__cause__.message == "no idea"


@pytest.mark.parametrize("on_input", [None, [], {"other": "x"}, lambda _: None])
async def test_unanswered_raises_here_and_there(session: Session, on_input: object) -> None:
    with pytest.raises(UnansweredInput, match="Name: ") as caught:
        await session.execute("input('Name: ')", on_input=on_input)  # type: ignore[call-overload]
    assert isinstance(caught.value.__cause__, ExecutionError)
    assert caught.value.__cause__.type == "RuntimeError"
    assert (await session.execute("1")).value == 1


async def test_code_that_asks_on_and_on_ends(session: Session) -> None:
    code = "while True:\n    try:\n        input('again: ')\n    except Exception:\n        pass"
    with pytest.raises(UnansweredInput):
        await session.execute(code)


async def test_of_the_whole_session() -> None:
    async with Session(on_input=["a", "b"]) as session:
        assert (await session.execute("input()")).value == "a"
        assert (await session.execute("input()")).value == "b"
        with pytest.raises(UnansweredInput):
            await session.execute("input()")


async def test_a_thread_that_outlives_its_execution_is_refused(session: Session) -> None:
    await session.execute(
        "import threading\nsaid = []\nover = threading.Event()\n"
        "def ask():\n    over.wait()\n"
        "    try: input()\n    except RuntimeError as e: said.append(e)\n"
        "thread = threading.Thread(target=ask)\nthread.start()"
    )
    await session.execute("over.set()\nthread.join()\nassert said")


async def test_an_answer_that_comes_too_late_is_dropped(session: Session) -> None:
    cancelled = asyncio.get_running_loop().create_future()

    async def never(_: Prompt) -> str:
        await cancelled
        return "late"

    with pytest.raises(ExecutionError) as caught:
        await session.execute("input()", on_input=never, timeout=0.1, timeout_includes_input=True)
    assert caught.value.reason == "timeout"
    cancelled.set_result(None)
    assert (await session.execute("1")).value == 1


def test_blocking_functions(blocking: sync.Session) -> None:
    async def answer(prompt: Prompt) -> str:
        await asyncio.sleep(0.001)
        return f"later {prompt}"

    assert blocking.execute("input('a')", on_input=answer).value == "later a"
    assert blocking.execute("input('a')", on_input=lambda p: f"now {p}").value == "now a"
    with pytest.raises(UnansweredInput):
        blocking.execute("input()")
