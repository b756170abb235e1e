"""The transport is any command that carries standard input and output: here ssh."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sshd import SSHD, sshd

from replwire import ExecutionError, Session, SessionDied, process, sync

pytestmark = pytest.mark.skipif(SSHD is None, reason="there is no sshd")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    server = process.find_server()[0]
    with sshd(tmp_path_factory.mktemp("sshd"), server) as config:
        yield ["ssh", "-F", str(config), "worker1", "replwire"]


async def test_a_session_over_ssh(command: list[str]) -> None:
    async with Session(command) as session:
        await session.execute("name = input('Name: ')", on_input=["Alice"])
        await session.execute("age = input('Age: ')", inputs=["30"])
        assert (await session.execute("f'{name} is {age}'")).value == "Alice is 30"
        # It came by sshd: that sets this variable.
        assert (await session.execute("import os\n'SSH_CONNECTION' in os.environ")).value is True


async def test_big_output_and_interrupts_over_ssh(command: list[str]) -> None:
    async with Session(command) as session:
        result = await session.execute("print('x' * 3_000_000)")
        assert len(result.stdout) == 3_000_001
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(session.execute("while True: pass"), 0.1)
        with pytest.raises(ExecutionError):
            await session.execute("1/0")


async def test_options_are_quoted_for_the_shell_over_there(
    command: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "a folder; it's odd"
    folder.mkdir()
    async with Session(command, cwd=folder) as session:
        assert (await session.execute("import os\nos.getcwd()")).value == str(folder)


async def test_a_connection_that_breaks(command: list[str]) -> None:
    async with Session(command) as session:
        pid = session.ready.pid
        running = asyncio.create_task(session.execute("input()", on_input="ask"))
        await session.status()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SessionDied) as caught:
            await running
    assert caught.value.exit_status not in (None, 0)


async def test_nobody_listens(command: list[str]) -> None:
    with pytest.raises(SessionDied) as caught:
        await Session([*command[:3], "-o", "HostName=127.0.0.1", "-p", "1", *command[3:]]).start()
    assert caught.value.exit_status == 255
    assert "refused" in caught.value.stderr


def test_blocking_over_ssh(command: list[str]) -> None:
    with sync.Session(command) as session:
        assert session.execute("input()", on_input=["Ada"]).value == "Ada"
