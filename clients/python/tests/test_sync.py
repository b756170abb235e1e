from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from replwire import ExecutionError, SessionClosed, frames, sync


def test_the_founding_case(blocking: sync.Session) -> None:
    blocking.execute("name = input('Name: ')", inputs=["Alice"])
    blocking.execute("age = input('Age: ')", inputs=["30"])
    assert blocking.execute("f'{name} is {age}'").value == "Alice is 30"


def test_errors(blocking: sync.Session) -> None:
    with pytest.raises(ExecutionError, match="ZeroDivisionError"):
        blocking.execute("1/0")
    assert not blocking.execute("1/0", check=False).ok


def test_all_requests(blocking: sync.Session) -> None:
    blocking.execute("number = 7")
    assert blocking.complete("numb").matches == ["number"]
    assert blocking.variables().total == 1
    assert blocking.status().state == "idle"
    assert blocking.interrupt().outcome == "not_running"
    assert blocking.reset().tasks == []


async def test_inside_a_running_loop() -> None:
    async def answer(prompt: str) -> str:
        await asyncio.sleep(0)
        return "Ada"

    with sync.Session() as session:
        assert session.execute("input()", on_input=answer).value == "Ada"


def test_several_threads(blocking: sync.Session) -> None:
    def work(n: int) -> list[object]:
        answer = [f"{n}"] * 20
        return [blocking.execute("input()", on_input=[each]).value for each in answer]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[f"{n}"] * 20 for n in range(8)]


def test_another_thread_interrupts(blocking: sync.Session) -> None:
    asked = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        code = "input()\nwhile True: pass"
        running = pool.submit(blocking.execute, code, on_input=lambda _: asked.set() or "")
        asked.wait()
        while blocking.status().state != "busy":
            pass
        assert blocking.interrupt().outcome == "delivered"
        with pytest.raises(ExecutionError) as caught:
            running.result()
    assert caught.value.reason == "interrupt"


def test_ctrl_c_interrupts_the_execution(blocking: sync.Session) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def press(_: str) -> str:
        threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
        return ""

    with pytest.raises(KeyboardInterrupt):
        blocking.execute("input()\nwhile True: pass", on_input=press)
    assert blocking.execute("'free'").value == "free"


def test_closed(blocking: sync.Session) -> None:
    blocking.close()
    with pytest.raises(SessionClosed):
        blocking.execute("1")


def test_close_while_another_thread_waits(blocking: sync.Session) -> None:
    asked = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        code = "input()\nwhile True: pass"
        running = pool.submit(blocking.execute, code, on_input=lambda _: asked.set() or "")
        asked.wait()
        blocking.close()
        with pytest.raises(ExecutionError):
            running.result()


def test_late_output(blocking: sync.Session) -> None:
    events: list[frames.Event] = []
    with sync.Session(on_event=events.append) as session:
        session.execute(
            "import threading\nover = threading.Event()\n"
            "thread = threading.Thread(target=lambda: over.wait() and print('late'))\n"
            "thread.start()"
        )
        session.execute("over.set()\nthread.join()")
    assert any(isinstance(each, frames.Output) and each.data == "late\n" for each in events)


def test_a_server_that_takes_no_more_is_read_on() -> None:
    """It stops reading while too much waits, and the code that runs waits for a reader."""
    code = "import time\nfor n in range(300): print('x' * 100_000)"
    with sync.Session(args=["--queue-bytes", "1000"]) as session, ThreadPoolExecutor(8) as pool:
        first = pool.submit(session.execute, code)
        others = [pool.submit(session.execute, f"len({'y' * 300_000!r})") for _ in range(6)]
        assert [each.result().value for each in others] == [300_000] * 6
        assert len(first.result().stdout) == 300 * 100_001


def test_a_long_line_while_a_stream_is_not_read(blocking: sync.Session) -> None:
    stream = blocking.stream("for n in range(300): print('x' * 100_000)")
    assert blocking.execute(f"len({'y' * 10_000_000!r})").value == 10_000_000
    size = sum(len(event.data) for event in stream if isinstance(event, frames.Output))
    assert size == 300 * 100_001
