"""`debug`: the real debugpy, from the virtual environment that scripts/test makes and names in
$REPLWIRE_TOOLS, and a client of its adapter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dap import Dap

from replwire import ExecutionError, RequestRefused, Result, Session, frames

TOOLS = os.environ.get("REPLWIRE_TOOLS", "")
pytestmark = [
    pytest.mark.skipif(not TOOLS, reason="no $REPLWIRE_TOOLS: scripts/test sets it"),
    pytest.mark.timeout(300),  # a debugger takes its time on a busy machine
]

BUFFER = "/no such folder/buffer.py"
DOUBLE = "def double(n):\n    twice = 2 * n\n    return twice\n"
HALVE = "def halve(n):\n    return n / 0\n"


@pytest_asyncio.fixture
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    async with Session(args=["--python", TOOLS, *getattr(request, "param", [])]) as session:
        yield session


MODES = [pytest.param([], id="local"), pytest.param(["--survive"], id="survive")]
both_modes = pytest.mark.parametrize("session", MODES, indirect=True)


@pytest_asyncio.fixture
async def dap(session: Session) -> AsyncIterator[Dap]:
    async with await listening(session) as dap:
        yield dap


async def listening(session: Session) -> Dap:
    reply = await session.debug()
    assert (reply.host, reply.adapter) == ("127.0.0.1", "debugpy")
    return Dap(reply.host, reply.port)


class Run:
    """An execution that is going to be stopped."""

    def __init__(self, session: Session, code: str, **options: object) -> None:
        self.task = asyncio.create_task(session.execute(code, check=False, **options))

    async def ends(self) -> Result | ExecutionError:
        return await asyncio.wait_for(self.task, 200)


async def stopped(dap: Dap, reason: str = "breakpoint") -> int:
    """The thread that is."""
    stop = await dap.event("stopped")
    assert stop["reason"] == reason, stop
    return stop["threadId"]


def go_on(dap: Dap, how: str = "continue") -> None:
    dap.send(how, threadId=1)


async def state(session: Session) -> str:
    return (await session.status()).state


async def no_longer_stopped(session: Session) -> str:
    while (found := await state(session)) == "stopped":
        pass
    return found


@both_modes
async def test_a_buffer_that_has_not_been_saved(session: Session, dap: Dap) -> None:
    await dap.attach({BUFFER: [12]})
    run = Run(session, DOUBLE + "double(21)", filename=BUFFER, first_line=11)
    thread = await stopped(dap)
    assert await state(session) == "stopped"
    assert await dap.places(thread) == [(BUFFER, "double", 12), (BUFFER, "<module>", 14)]
    threads = (await dap.request("threads"))["threads"]
    assert [each["name"] for each in threads] == ["MainThread"]
    go_on(dap, "next")
    assert await stopped(dap, "step") == thread
    frame = (await dap.stack(thread))[0]
    assert frame["line"] == 13
    assert await dap.evaluate("n, twice", frame["id"]) == "(21, 42)"
    go_on(dap)
    result = await run.ends()
    assert result.value == 42
    assert await state(session) == "idle"


async def test_what_was_typed_in_the_session(session: Session, dap: Dap) -> None:
    await session.execute(DOUBLE)
    await dap.attach({"<execution 1>": [2]})
    run = Run(session, "double(\n  4)\n")
    thread = await stopped(dap)
    inner, outer = await dap.stack(thread)
    assert (inner["source"]["path"], inner["line"]) == ("<execution 1>", 2)
    assert (outer["source"]["path"], outer["line"]) == ("<execution 2>", 1)
    reference = inner["source"]["sourceReference"]
    source = await dap.request("source", sourceReference=reference, source=inner["source"])
    assert source["content"].rstrip() == DOUBLE.rstrip()
    go_on(dap, "stepOut")
    await stopped(dap, "step")
    assert (await dap.places(thread))[0] == ("<execution 2>", "<module>", 1)
    go_on(dap)
    assert (await run.ends()).value == 8


async def test_a_module_and_a_condition(session: Session, dap: Dap, tmp_path: Path) -> None:
    path = tmp_path / "doubling.py"
    path.write_text(DOUBLE)
    await session.execute(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    await dap.attach({str(path): [{"line": 3, "condition": "twice == 4"}]})
    run = Run(session, "import doubling\n[doubling.double(n) for n in range(4)]")
    thread = await stopped(dap)
    assert (await dap.places(thread))[0] == (str(path), "double", 3)
    frame = (await dap.stack(thread))[0]
    assert await dap.evaluate("n", frame["id"]) == "2"
    go_on(dap)
    assert (await run.ends()).value == [0, 2, 4, 6]


@pytest.mark.parametrize(
    "code",
    [
        HALVE + "halve(1)",
        HALVE + "halve(1)\n7",
        HALVE + "import asyncio\nawait asyncio.sleep(0)\nhalve(1)",
    ],
    ids=["value", "statement", "await"],
)
async def test_what_nobody_catches(session: Session, dap: Dap, code: str) -> None:
    await dap.attach({}, ["uncaught"])
    caught = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass\n"
    run = Run(session, caught + code)
    thread = await stopped(dap, "exception")
    names = [name.split()[0] for _, name, _ in await dap.places(thread)]
    assert names == ["halve", "<module>"]
    info = await dap.request("exceptionInfo", threadId=thread)
    assert info["exceptionId"].split()[0] == "ZeroDivisionError"
    go_on(dap)
    error = await run.ends()
    assert isinstance(error, ExecutionError)
    assert [each.function for each in error.frames] == ["<module>", "halve"]
    assert (await session.execute("1")).value == 1


@both_modes
async def test_all_else_works_while_code_is_stopped(session: Session, dap: Dap) -> None:
    await dap.attach({"<execution 1>": [3]}, justMyCode=False)
    run = Run(
        session,
        "answer = 42\nname = 'x'\nprint(name)",
        on_input=lambda prompt: f"to {prompt}",
    )
    thread = await stopped(dap)
    while (await session.complete("ans")).matches != ["answer"]:
        pass  # a busy machine: none was found in time
    while not (await session.inspect("answer")).found:
        pass
    while {"answer", "name"} - {each.name for each in (await session.variables()).variables}:
        pass
    frame = (await dap.stack(thread))[0]["id"]
    assert await dap.evaluate("input('who? ')", frame) == "'to who? '"
    await dap.evaluate("name = 'changed'; print('from the console')", frame)
    assert await state(session) == "stopped"
    go_on(dap)
    assert (await run.ends()).stdout == "from the console\nchanged\n"


@pytest.mark.parametrize("more", MODES)
async def test_heartbeats_go_on_while_code_is_stopped(more: list[str]) -> None:
    states: asyncio.Queue[str] = asyncio.Queue()

    def hear(event: frames.Event) -> None:
        if isinstance(event, frames.Heartbeat):
            states.put_nowait(event.state)

    args = ["--python", TOOLS, "--heartbeat", "0.05", *more]
    async with Session(args=args, on_event=hear) as session, await listening(session) as dap:
        await dap.attach({"<execution 1>": [1]})
        run = Run(session, "x = 1")
        await stopped(dap)
        for _ in range(3):
            while await asyncio.wait_for(states.get(), 60) != "stopped":
                pass
        go_on(dap)
        assert (await run.ends()).ok


@both_modes
async def test_an_interrupt_ends_the_stop(session: Session, dap: Dap) -> None:
    await session.execute(DOUBLE)
    await dap.attach({"<execution 1>": [2]})
    for _ in range(2):
        run = Run(session, "double(1)")
        await stopped(dap)
        await session.interrupt()
        error = await run.ends()
        assert isinstance(error, ExecutionError)
        assert error.reason == "interrupt"
        await dap.event("continued")
        assert await no_longer_stopped(session) == "idle"


async def test_an_interrupt_while_code_that_awaits_is_stopped(session: Session, dap: Dap) -> None:
    await dap.attach({"<execution 1>": [3]})
    run = Run(session, "import asyncio\nawait asyncio.sleep(0)\nx = 1\nawait asyncio.sleep(60)")
    await stopped(dap)
    await session.interrupt()
    error = await run.ends()
    assert isinstance(error, ExecutionError)
    assert error.reason == "interrupt"


async def test_a_deadline_stands_still(session: Session, dap: Dap) -> None:
    await dap.attach({"<execution 1>": [1]})
    run = Run(session, "x = 1\nx", timeout=6, timeout_includes_input=True)
    await stopped(dap)
    while (await session.status()).elapsed < 7:
        await asyncio.wait({run.task}, timeout=0.1)
    go_on(dap)
    assert (await run.ends()).value == 1


@both_modes
async def test_clients_come_and_go(session: Session) -> None:
    untraced = "import sys\nsys.gettrace() is None and breakpoint.__name__ == 'breakpoint'"
    first = await session.debug()
    assert (await session.execute(untraced)).value is True
    await session.execute(DOUBLE)
    for _ in range(2):
        again = await session.debug()
        assert (again.host, again.port, again.version) == (first.host, first.port, first.version)
        async with Dap(first.host, first.port) as dap:
            await dap.attach({"<execution 2>": [2]})
            run = Run(session, "double(1)")
            await stopped(dap)
            await dap.request("disconnect")
            assert (await run.ends()).value == 2
        assert (await session.execute("double(2)")).value == 4
        assert (await session.execute(untraced)).value is True


async def test_attaching_to_a_loop_that_runs(session: Session) -> None:
    assert session.ready is not None
    old = (await session.debug()).version in ("1.8.0", "1.7.0")
    if old and session.ready.python.version.startswith("3.12"):
        pytest.skip("this debugpy cannot trace a thread of Python 3.12 that runs already")
    run = Run(session, "import time\nn = 0\nwhile n >= 0:\n    n += 1\n    time.sleep(0.001)\nn")
    async with await listening(session) as dap:
        await dap.attach({"<execution 1>": [4]})
        thread = await stopped(dap)
        frame = (await dap.stack(thread))[0]["id"]
        await dap.evaluate("n = -9", frame)
        await dap.set_breakpoints("<execution 1>", [])
        go_on(dap)
        assert (await run.ends()).value == -8


async def test_breakpoint_is_the_debuggers_while_one_is_attached(session: Session) -> None:
    code = "def f(n):\n    breakpoint()\n    return n\nf(3)"
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "continue"

    async with await listening(session) as dap:
        assert (await session.execute(code, on_input=answer)).value == 3
        assert asked == ["(Pdb) "]
        await dap.attach()
        run = Run(session, code, on_input=answer)
        thread = (await dap.event("stopped"))["threadId"]
        assert (await dap.places(thread))[0][1] == "f"
        go_on(dap)
        assert (await run.ends()).value == 3
        assert len(asked) == 1


@both_modes
async def test_a_thread_of_the_codes_own(session: Session, dap: Dap) -> None:
    await session.execute(DOUBLE)
    await dap.attach({"<execution 1>": [2]})
    code = "import threading\nt = threading.Thread(target=double, args=(1,), name='own')\n"
    run = Run(session, code + "t.start()\nt.join()\n'joined'")
    thread = await stopped(dap)
    assert await state(session) == "stopped"
    names = {each["id"]: each["name"] for each in (await dap.request("threads"))["threads"]}
    assert (names[thread], names[1], len(names)) == ("own", "MainThread", 2)
    dap.send("continue", threadId=thread)
    assert (await run.ends()).value == "joined"


async def test_a_forked_child_is_not_held(session: Session, dap: Dap) -> None:
    await session.execute(DOUBLE)
    await dap.attach({"<execution 1>": [2]})
    code = (
        "import os\nchild = os.fork()\nif child == 0:\n    os._exit(double(3))\n"
        "os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])"
    )
    assert (await session.execute(code)).value == 6
    run = Run(session, "double(1)")
    await stopped(dap)
    go_on(dap)
    assert (await run.ends()).value == 2


@both_modes
async def test_the_end_comes_while_code_is_stopped(session: Session, dap: Dap) -> None:
    await dap.attach({"<execution 1>": [1]})
    run = Run(session, "x = 1")
    await stopped(dap)
    await session.close()
    assert not (await run.ends()).ok
    await dap.event("terminated")


async def test_a_crash_ends_the_debugging_and_not_the_session() -> None:
    async with Session(args=["--python", TOOLS, "--survive"]) as session:
        await session.execute("x = 1\n" + DOUBLE)
        for _ in range(2):
            async with await listening(session) as dap:
                await dap.attach({"<execution 1>": [3]})
                run = Run(session, "y = double(x)")
                await stopped(dap)
                go_on(dap)
                assert (await run.ends()).ok
                run = Run(session, "double(x)\nimport os\nos.kill(os.getpid(), 11)")
                thread = await stopped(dap)
                frame = (await dap.stack(thread))[0]["id"]
                dap.send("evaluate", expression="__import__('os').abort()", frameId=frame)
                error = await run.ends()
                assert isinstance(error, ExecutionError)
                assert error.reason == "crash"
                await dap.event("terminated")
            assert await state(session) == "idle"
            assert (await session.execute("x, y")).value == [1, 2]


async def test_without_debugpy() -> None:
    async with Session(args=["--python", TOOLS]) as session:
        await session.execute("import sys\nsys.modules['debugpy'] = None")
        with pytest.raises(RequestRefused, match="-m pip install debugpy") as refused:
            await session.debug()
        assert refused.value.code == "unavailable"
        await session.execute("del sys.modules['debugpy']")
        with pytest.raises(RequestRefused, match="cannot listen") as refused:
            await session.debug(host="192.0.2.1")  # of no machine
        assert refused.value.code == "unavailable"
        assert (await session.debug()).port > 0


@pytest.mark.parametrize("more", MODES)
async def test_pdb_by_process_id(more: list[str]) -> None:
    """Of Python 3.14 and later: it looks at what runs, and lets it run on."""
    async with Session(args=["--python", TOOLS, *more]) as session:
        if int(session.ready.python.version.split(".")[1]) < 14:
            pytest.skip("pdb -p is of Python 3.14 and later")
        await session.execute("import time\nmarker = 'to be changed'")
        run = Run(session, "while marker: time.sleep(0.01)")
        while await state(session) != "busy":
            pass
        process = await asyncio.create_subprocess_exec(
            *(TOOLS, "-m", "pdb", "-p", str(session.ready.python.pid)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdin is not None
        process.stdin.write(b"p marker.upper()\nmarker = ''\nc\n")
        assert (await run.ends()).ok
        process.kill()  # it would wait for the next stop
        told, _ = await process.communicate()
        assert b"'TO BE CHANGED'" in told, told
        assert (await session.execute("marker")).value == ""
