"""Servers that say what is no frame, Ctrl-C at bad moments, forks."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import struct
import sys
import termios
import threading
import tracemalloc
from collections.abc import Callable

import pytest

import replwire
from replwire import SessionClosed, conversation, process, sync

# Runs the server behind it, and says something before each of its frames.
NOISY = """import subprocess, sys
server = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE)
for line in server.stdout:
    for part in eval(sys.argv[1]):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
"""
DEEP = "[b'{\"type\":' + b'[' * 200_000 + b'\\n']"
LONG = "[b'x' * 65536] * 1024 + [b'\\n']"


def noisy(garbage: str) -> list[str]:
    return [sys.executable, "-c", NOISY, garbage, *process.find_server()]


@pytest.mark.parametrize("garbage", [DEEP, "[b'\\xff\\n', b'[]\\n', b'{\"type\":{}}\\n']"])
async def test_what_is_no_frame_costs_nothing(garbage: str) -> None:
    with sync.Session(noisy(garbage)) as session:
        assert session.execute("6 * 7").value == 42
    async with replwire.Session(noisy(garbage)) as session:
        assert (await session.execute("6 * 7")).value == 42


def test_an_endless_line_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "LONGEST", 1 << 20)
    with sync.Session(noisy(LONG)) as session:
        tracemalloc.start()
        assert session.execute("6 * 7").value == 42  # behind 64 MiB
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 << 20


def test_a_long_line_that_a_frame_follows() -> None:
    lines = conversation.Lines()
    frame = b'{"type": "status_reply"}'
    assert lines.split(b"a" * 10) == []
    assert lines.split(b"b\n" + frame[:5]) == [b"a" * 10 + b"b"]
    assert lines.split(frame[5:] + b"\n\n") == [frame, b""]


def test_frames_wait_for_a_caller_with_stack_left(blocking: sync.Session) -> None:
    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        else:
            blocking.execute("'deep'")

    failed = 0
    for levels in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit(), 2):
        try:
            down(levels)
        except RecursionError:
            failed += 1
        assert blocking.execute("'shallow'").value == "shallow"
    assert failed


def when_the_pipe_is_full(session: sync.Session, act: Callable[[], object]) -> threading.Thread:
    def watch() -> None:
        held = b"\0" * 4
        while struct.unpack("i", held)[0] < process.PIPE:
            assert session._process is not None
            held = fcntl.ioctl(session._process.input, termios.FIONREAD, held)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_ctrl_c_in_a_half_written_line(blocking: sync.Session) -> None:
    main = threading.main_thread().ident
    assert main is not None
    os.kill(blocking.ready.pid, signal.SIGSTOP)  # it reads nothing
    thread = when_the_pipe_is_full(blocking, lambda: signal.pthread_kill(main, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        blocking.execute("while True: pass\n#" + "x" * 1_000_000)
    thread.join()
    os.kill(blocking.ready.pid, signal.SIGCONT)
    assert blocking.execute("'free'").value == "free"


def test_close_a_server_that_reads_nothing() -> None:
    with sync.Session(close_timeout=0.5) as session:
        os.kill(session.ready.pid, signal.SIGSTOP)

        def close() -> None:
            session.close()

        closing = when_the_pipe_is_full(session, close)
        with pytest.raises(SessionClosed):
            session.execute("#" + "x" * 1_000_000)
        closing.join()


def in_a_child(act: Callable[[], None]) -> bool:
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def test_a_forked_child_drops_a_stream(blocking: sync.Session) -> None:
    holder = [blocking.stream("input()", on_input="ask")]
    question = next(holder[0])

    def child() -> None:
        holder.clear()
        gc.collect()
        with pytest.raises(SessionClosed, match="process that started it"):
            blocking.execute("1")
        blocking.close()

    assert in_a_child(child)
    blocking.answer(question, "Ada")  # type: ignore[arg-type]
    assert [event.type for event in holder[0]] == ["result"]


async def test_a_forked_child_of_an_asyncio_program(session: replwire.Session) -> None:
    holder = [session.stream("input()", on_input="ask")]
    question = await holder[0].__anext__()

    def child() -> None:
        holder.clear()
        gc.collect()
        with pytest.raises(SessionClosed, match="process that started it"):
            session.execute("1").send(None)

    assert in_a_child(child)
    session.answer(question, "Ada")  # type: ignore[arg-type]
    assert [event.type async for event in holder[0]] == ["result"]
