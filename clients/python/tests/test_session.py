"""Execution, its result and its failure, in the session of asyncio programs."""

from __future__ import annotations

import asyncio
import ctypes
import pickle
import venv
from pathlib import Path

import pytest

from replwire import (
    ExecutionError,
    RequestRefused,
    Session,
    SessionClosed,
    frames,
)


async def test_the_founding_case(session: Session) -> None:
    await session.execute("name = input('Name: ')", inputs=["Alice"])
    await session.execute("age = input('Age: ')", inputs=["30"])
    assert (await session.execute("f'{name} is {age}'")).value == "Alice is 30"


async def test_start_and_close_by_hand() -> None:
    session = await Session().start()
    assert session.ready.protocol == 1
    assert (await session.execute("6 * 7")).value == 42
    await session.close()
    assert session.closed
    with pytest.raises(SessionClosed):
        await session.execute("1")
    await session.close()


async def test_what_is_not_started_says_so() -> None:
    with pytest.raises(SessionClosed):
        await Session().execute("1")


async def test_a_result_tells_all(session: Session) -> None:
    result = await session.execute(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\ndisplay('shown')\n(1, 2)"
    )
    assert (result.value, result.repr) == ([1, 2], "(1, 2)")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    assert [each.data for each in result.displays] == [{"text/plain": "'shown'"}]
    assert result.execution_time > 0
    assert result.execution_count == 1
    assert result.ok
    assert "value=[1, 2]" in repr(result)


async def test_an_error_carries_the_remote_one(session: Session) -> None:
    with pytest.raises(ExecutionError) as caught:
        await session.execute(
            "print('before')\ndef f():\n    raise ValueError('no such thing')\nf()"
        )
    error = caught.value
    assert str(error) == "ValueError: no such thing"
    assert (error.type, error.message, error.reason) == ("ValueError", "no such thing", "exception")
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    assert [(each.line, each.function) for each in error.frames] == [(4, "<module>"), (3, "f")]
    assert (error.stdout, error.execution_count) == ("before\n", 1)


async def test_without_check_the_error_is_returned(session: Session) -> None:
    outcome = await session.execute("1/0", check=False)
    assert isinstance(outcome, ExecutionError)
    assert not outcome.ok
    assert (await session.execute("1", check=False)).ok


async def test_causes_are_typed(session: Session) -> None:
    error = await session.execute(
        "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(1) from e", check=False
    )
    assert isinstance(error, ExecutionError)
    assert error.frame.causes is not None
    cause = error.frame.causes[0]
    assert isinstance(cause, frames.Cause)
    assert (cause.relation, cause.exception_type) == ("cause", "ZeroDivisionError")
    assert isinstance(cause.frames[0], frames.TracebackFrame)


async def test_outcomes_can_be_pickled(session: Session) -> None:
    result = await session.execute("print('x')\n5")
    error = await session.execute("print('y')\n1/0", check=False)
    assert isinstance(error, ExecutionError)
    again = pickle.loads(pickle.dumps(result))
    assert (again.value, again.stdout) == (5, "x\n")
    failed = pickle.loads(pickle.dumps(error))
    assert (failed.type, failed.stdout, failed.frames) == (error.type, "y\n", error.frames)


async def test_executes_are_queued_concurrently(session: Session) -> None:
    results = await asyncio.gather(*(session.execute(f"x = {n}\nx") for n in range(50)))
    assert [each.value for each in results] == list(range(50))
    assert [each.execution_count for each in results] == list(range(1, 51))


async def test_cancelling_the_task_interrupts_the_execution(session: Session) -> None:
    stream = session.stream("import time\nprint('runs', flush=True)\ninput()", on_input="ask")
    async for event in stream:
        if isinstance(event, frames.Input):
            break
    queued = asyncio.create_task(session.execute("never = 1"))
    await asyncio.sleep(0)  # the task sends
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    stream.close()
    assert (await session.execute("'never' in globals()")).value is False

    asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        session.execute(
            "input()\nwhile True: pass", on_input=lambda _: asked.set_result(None) or ""
        )
    )
    await asked
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await session.execute("'still here'")).value == "still here"


async def test_a_deadline(session: Session) -> None:
    with pytest.raises(ExecutionError) as caught:
        await session.execute("while True: pass", timeout=0.1)
    assert caught.value.reason == "timeout"


async def test_what_the_wire_offers(session: Session) -> None:
    await session.execute("def area(width, height): pass\nnumber = 7")
    assert (await session.complete("are")).matches == ["area"]
    inspected = await session.inspect("area")
    assert inspected.found
    assert (await session.is_complete("for n in x:")).status == "incomplete"
    variables = await session.variables(prefix="num")
    assert [(each.name, each.repr) for each in variables.variables] == [("number", "7")]
    status = await session.status(stack=True)
    assert (status.state, status.stack) == ("idle", [])
    assert (await session.interrupt()).outcome == "not_running"
    assert (await session.reset()).threads == []
    assert not (await session.variables()).variables


async def test_output_get(session: Session) -> None:
    result = await session.execute("print('0123456789' * 100, end='')", output_limit=20)
    (gap,) = result.truncated
    assert (len(result.stdout), gap.omitted) == (20, 980)
    assert result.execution_count is not None
    part = await session.output_get(result.execution_count, "stdout", gap.offset, 6)
    assert (part.data, part.total) == ("MDEyMzQ1", 1000)


async def test_interrupt(session: Session) -> None:
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        session.execute(
            "input()\nwhile True: pass", on_input=lambda _: started.set_result(None) or ""
        )
    )
    await started
    while (await session.status()).state != "busy":
        pass
    assert (await session.interrupt(grace=1)).outcome == "delivered"
    with pytest.raises(ExecutionError) as caught:
        await running
    assert caught.value.reason == "interrupt"


async def test_a_refused_request_says_why(session: Session) -> None:
    with pytest.raises(RequestRefused) as caught:
        await session.output_get(99, "stdout", 0, 1)
    assert caught.value.code == "invalid_field"
    with pytest.raises(RequestRefused):
        await session.execute("1", first_line=-1)


async def test_big_frames_both_ways(session: Session) -> None:
    assert (await session.execute(f"x = {'a' * 10_000_000!r}\nlen(x)")).value == 10_000_000
    result = await session.execute("print('é' * 3_000_000)")
    assert result.stdout == "é" * 3_000_000 + "\n"


async def test_late_output_goes_to_on_event() -> None:
    late: asyncio.Future[frames.Event] = asyncio.get_running_loop().create_future()
    async with Session(on_event=lambda event: late.done() or late.set_result(event)) as session:
        await session.execute(
            "import asyncio\nasync def tick():\n    await asyncio.sleep(0.01)\n    print('tick')\n"
            "await asyncio.sleep(0)\ntask = asyncio.create_task(tick())"
        )
        event = await late
    assert isinstance(event, frames.Output)
    assert (event.data, event.late) == ("tick\n", True)


async def test_what_a_session_is_started_with(tmp_path: Path) -> None:
    async with Session(args=["--timeout", "0.1"], env={"GREETING": "hi"}, cwd=str(tmp_path)) as s:
        code = "import os\nos.environ['GREETING'], os.getcwd(), 'PATH' in os.environ"
        assert (await s.execute(code)).value == ["hi", str(tmp_path), True]
        with pytest.raises(ExecutionError):
            await s.execute("while True: pass")


async def test_another_python(tmp_path: Path) -> None:
    venv.create(tmp_path / "env")
    chosen = tmp_path / "env" / "bin" / "python3"
    async with Session(python=chosen, cwd=tmp_path, args=["--", "-X", "dev"]) as session:
        told = (await session.execute("import sys\nsys.prefix, sys.flags.dev_mode")).value
    assert told == [str(tmp_path / "env"), True]


async def test_in_a_sandbox(tmp_path: Path) -> None:
    create_ruleset, ask_version = 444, 1
    if ctypes.CDLL(None).syscall(create_ruleset, None, 0, ask_version) < 1:
        pytest.skip("this kernel has no Landlock")
    async with Session(args=["--sandbox", "workspace"], cwd=tmp_path) as session:
        assert session.ready.sandbox is not None
        assert session.ready.sandbox.write[0] == str(tmp_path)
        with pytest.raises(ExecutionError, match="PermissionError"):
            await session.execute("open('/etc/replwire', 'w')")


async def test_trace_sees_every_line() -> None:
    lines: list[tuple[str, bytes]] = []
    async with Session(trace=lambda way, line: lines.append((way, line))) as session:
        await session.execute("1")
    assert [way for way, _ in lines] == ["<", ">", "<", ">", "<"]
    assert all(line.endswith(b"}\n") for _, line in lines)


async def test_a_hook_that_fails_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise LookupError("my own fault")

    async with Session(trace=fail, on_event=fail) as session:
        assert (await session.execute("1")).value == 1
    assert "my own fault" in caplog.text
