"""The end of a server that was not asked to end: nobody waits for ever."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from replwire import ServerNotFound, Session, SessionDied, process, sync


async def test_a_death_tells_all(session: Session) -> None:
    with pytest.raises(SessionDied) as caught:
        await session.execute("import os\nos._exit(3)")
    assert caught.value.exit_status == 3
    assert caught.value.fatal is not None
    assert caught.value.fatal.reason == "exit"
    with pytest.raises(SessionDied):
        await session.status()


async def test_everybody_is_told(session: Session) -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    waiting = asyncio.gather(session.execute(code), session.execute("1"), return_exceptions=True)
    await asyncio.sleep(0)  # they send
    stream = session.stream("2")
    outcomes = await waiting
    assert all(isinstance(each, SessionDied) for each in outcomes)
    assert isinstance(outcomes[0], SessionDied)
    assert outcomes[0].exit_status == -11
    assert "SIGSEGV" in str(outcomes[0])
    with pytest.raises(SessionDied):
        await stream.__anext__()


async def test_standard_error_is_kept() -> None:
    script = "import sys; print('noise'); print('gone wrong', file=sys.stderr); sys.exit(5)"
    with pytest.raises(SessionDied) as caught:
        await Session([sys.executable, "-c", script]).start()
    assert caught.value.exit_status == 5
    assert caught.value.stderr == "noise\ngone wrong\n"


async def test_a_server_that_never_greets() -> None:
    with pytest.raises(SessionDied) as caught:
        await Session(["sleep", "1000"], start_timeout=0.1).start()
    assert caught.value.exit_status == -9


async def test_a_death_that_the_pipe_does_not_show() -> None:
    """A child of the shell keeps the pipes open."""
    server = process.find_server()[0]
    async with Session(["sh", "-c", f"sleep 1000 & echo $! >&2; exec {server}"]) as session:
        with pytest.raises(SessionDied) as caught:
            await session.execute("import os\nos._exit(3)")
        process_id = int(caught.value.stderr)
    os.kill(process_id, 9)


async def test_where_no_descriptor_tells_of_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.pidfd_open")
    async with Session() as session:
        with pytest.raises(SessionDied):
            await session.execute("import os\nos._exit(3)")
    with sync.Session() as blocking, pytest.raises(SessionDied):
        blocking.execute("import os\nos._exit(3)")


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLWIRE")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python3")
    with pytest.raises(ServerNotFound), sync.Session():
        pass


def test_a_death_blocking(blocking: sync.Session) -> None:
    with pytest.raises(SessionDied) as caught:
        blocking.execute("import os\nos._exit(3)")
    assert caught.value.exit_status == 3
    with pytest.raises(SessionDied):
        blocking.status()


def test_no_greeting_blocking() -> None:
    with pytest.raises(SessionDied):
        sync.Session(["sleep", "1000"], start_timeout=0.1).start()
    with pytest.raises(SessionDied) as caught:
        sync.Session(["sh", "-c", "echo gone wrong >&2; exit 7"]).start()
    assert (caught.value.exit_status, caught.value.stderr) == (7, "gone wrong\n")
