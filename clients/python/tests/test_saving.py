"""Variables in a file: what the client offers, and files from elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from terminals import terminal

import replwire
from replwire import RequestRefused, frames, sync


def has_cloudpickle(session: sync.Session) -> bool:
    found = session.execute("import importlib.util as _u\n_u.find_spec('cloudpickle') is not None")
    return found.value is True


# ---- a file from elsewhere ----------------------------------------------------------------------


def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def with_index(data: bytes, change: dict[str, Any]) -> bytes:
    offset = int(data[:83].split()[5])
    index = json.dumps({**json.loads(data[offset:]), **change}).encode()
    line = b"replwire session file 1, index %020d %012d %08x" % (offset, len(index), crc32c(index))
    return b"%s %08x\n" % (line, crc32c(line)) + data[83:offset] + index


def test_another_version_of_python(tmp_path: Path) -> None:
    """Is refused where it matters: for functions."""
    path = tmp_path / "a.session"
    with sync.Session() as session:
        with_functions = has_cloudpickle(session)
        session.execute("data = [1]\ndef f(): return data")
        session.save(str(path))
        path.write_bytes(with_index(path.read_bytes(), {"python": "3.9.1"}))
        session.execute("data = f = None")
        told = session.load(str(path))
        assert "data" in told.loaded
        assert session.execute("data").value == [1]
        if with_functions:
            [skipped] = told.skipped
            assert skipped.name == "f"
            assert skipped.reason.startswith(
                "it has functions of Python 3.9, and this is Python 3."
            )


@pytest.mark.parametrize(
    "change",
    [
        {"groups": None},
        {"groups": [{}]},
        {"groups": [{"names": ["a"], "offset": 83, "size": -5, "checksum": "0"}]},
        {"groups": [{"names": ["a"], "offset": 83, "size": 10**15, "checksum": "0"}]},
        {"groups": [{"names": [["a"]], "offset": 83, "size": 1, "checksum": "0"}]},
        {"groups": [{"names": ["a"], "offset": 83, "size": 1, "checksum": "no"}]},
        {"python": 3},
    ],
)
def test_an_index_that_lies(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "a.session"
    with sync.Session() as session:
        session.execute("a = [1]")
        session.save(str(path))
        path.write_bytes(with_index(path.read_bytes(), change))
        with pytest.raises(RequestRefused, match="says what cannot be"):
            session.load(str(path))


# ---- what programs call -------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_save_and_load(session: replwire.Session, tmp_path: Path) -> None:
    path = str(tmp_path / "a.session")
    await session.execute("rows = [1]\ntable = {'rows': rows}\nlog = open('/dev/null')")
    told = await session.save(path)
    assert told.saved == ["rows", "table"]
    assert [each.name for each in told.skipped] == ["log"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    await session.execute("del rows, table")
    assert (await session.load(path, ["table"])).loaded == ["table"]
    assert (await session.execute("table['rows']")).value == [1]


@pytest.mark.asyncio
async def test_a_cancelled_save_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a.session"
    begun = asyncio.Event()

    def hear(event: frames.Event) -> None:
        if isinstance(event, frames.Output):
            begun.set()

    async with replwire.Session(on_event=hear) as session:
        await session.execute(
            "import copyreg, time\n"
            "copyreg.pickle(complex, lambda z: (print('begun'), time.sleep(1000)))\nz = 1j"
        )
        save = asyncio.create_task(session.save(str(path)))
        await asyncio.wait_for(begun.wait(), 30)
        save.cancel()
        assert (await session.execute("'goes on'")).value == "goes on"
    assert not path.exists()


def test_at_the_prompt(tmp_path: Path) -> None:
    with terminal("replwire.cli", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path)) as tty:
        tty.wait(">>> ")
        tty.type("a, f = [1, 2], open('/dev/null')\r")
        tty.wait(">>> ")
        tty.type(":save work\r")
        tty.wait(r"1 name in .*/work")
        tty.wait("not f: it is an open file")
        tty.wait(">>> ")
        tty.type("a = None\r")
        tty.wait(">>> ")
        tty.type(":load work\r")
        tty.wait("1 name from work")
        tty.wait(">>> ")
        tty.type("len(a) + 40\r")
        tty.wait("\n42\r\n")


def test_a_prompt_is_resumed(tmp_path: Path) -> None:
    for count in (1, 2):
        with terminal(
            "replwire.cli", "--resume", "work", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path)
        ) as tty:
            tty.wait(">>> ")
            if count == 2:
                assert "1 name from" in tty.shown
            tty.type("rows = globals().get('rows', []) + [7]; print(40 + len(rows))\r")
            tty.wait(f"\n{40 + count}\r\n")
            tty.wait(">>> ")
            tty.type("\x04")
            assert tty.status() == 0
    kept = tmp_path / "replwire" / "sessions" / "work.session"
    assert kept.exists()
    kept.write_bytes(kept.read_bytes()[:-1])
    damaged = kept.read_bytes()
    with terminal(
        "replwire.cli", "--resume", "work", cwd=tmp_path, XDG_STATE_HOME=str(tmp_path)
    ) as tty:
        tty.wait("it is truncated")
        assert tty.status() == 2
    assert kept.read_bytes() == damaged
