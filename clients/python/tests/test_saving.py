"""Variables in a file: what the client offers, and random sessions that are saved and loaded."""

from __future__ import annotations

import asyncio
import json
import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from terminals import terminal

import replwire
from replwire import RequestRefused, frames, sync

SURVIVE = ("--survive",)
EXAMPLES = int(os.environ.get("REPLWIRE_EXAMPLES", "25"))

# What names hold, with a number for each object: the same where sessions are equal, sharing
# included.
FINGERPRINT = """
def _fingerprint(names):
    seen = {}
    def walk(value):
        kind = type(value)
        if kind in (int, str, float, bool, type(None), bytes) or value == ():
            return repr(value)
        if id(value) in seen:
            return f"#{seen[id(value)]}"
        seen[id(value)] = len(seen)
        return f"{len(seen) - 1}:{kind.__name__}({inside(value, kind)})"
    def inside(value, kind):
        if kind in (list, tuple):
            return ", ".join(map(walk, value))
        if kind is dict:
            return ", ".join(f"{walk(key)}: {walk(each)}" for key, each in value.items())
        if kind is set:
            return sorted(map(repr, value))
        if kind is type(walk):
            cells = [walk(each.cell_contents) for each in value.__closure__ or ()]
            return f"{value.__name__} {walk(value.__defaults__)} {cells}"
        if isinstance(value, type) or kind is type(_fingerprint.__globals__["__builtins__"]):
            return value.__name__
        held = value.__dict__ if hasattr(value, "__dict__") else repr(value)
        return f"{walk(kind)} {walk(held)}"
    return [f"{name} = {walk(globals()[name])}" for name in names]
"""
BEGIN = """
import math, enum
class Node:
    def __init__(self, **fields): self.__dict__.update(fields)
class Leaf(Node): pass
class Kind(enum.Enum):
    ONE = 1
    TWO = 2
def _keeper(held):
    def put(value): held.append(value)
    def get(): return held
    return put, get
"""


def random_code(draw: random.Random) -> str:
    """Statements that bind names to values which hold those of other names."""
    lines = [BEGIN]
    names: list[str] = []

    def some() -> str:
        return draw.choice(names) if names and draw.random() < 0.7 else draw.choice(LITERALS)

    for number in range(draw.randint(1, 12)):
        name = f"n{number}"
        kind = draw.choice(KINDS)
        lines.append(f"{name} = " + kind.format(some(), some(), some()))
        names.append(name)
        if draw.random() < 0.3:
            target = draw.choice(names)
            lines.append(f"if isinstance({target}, list): {target}.append({some()})")
            lines.append(f"if isinstance({target}, Node): {target}.more = {some()}")
    return "\n".join(lines)


LITERALS = ["1", "'text'", "b'bytes'", "2.5", "None", "True", "'long' * 2000", "10**30", "Kind.TWO"]
KINDS = [
    "[{0}, {1}]",
    "({0}, {1})",
    "{{'a': {0}, 'b': {1}, 3: {2}}}",
    "{{1, 'x', 2.5}}",
    "{0}",
    "Node(a={0}, b={1})",
    "Leaf(a={0})",
    "_keeper([{0}])",
    "(lambda held, n={0}: lambda: (held, n))({1})",
    "open('/dev/null')",
    "[open('/dev/null'), {0}]",
    "(each for each in ())",
    "math",
    "Node",
    "bytearray(b'abc')",
]
MEANT = "[name for name in globals() if name.startswith('n') and name[1:].isdigit()]"


def has_cloudpickle(session: sync.Session) -> bool:
    found = session.execute("import importlib.util as _u\n_u.find_spec('cloudpickle') is not None")
    return found.value is True


@pytest.mark.parametrize("args", [(), SURVIVE])
def test_random_sessions(tmp_path: Path, args: tuple[str, ...]) -> None:
    path = str(tmp_path / "a.session")
    for seed in range(EXAMPLES):
        code = random_code(random.Random(seed))
        with sync.Session(args=args) as first:
            if seed == 0 and not has_cloudpickle(first):
                pytest.skip("no cloudpickle")
            first.execute(code + FINGERPRINT)
            told = first.save(path)
            saved = [name for name in told.saved if name[0] == "n" and name != "new"]
            before = first.execute(f"_fingerprint({saved!r})").value
            meant = set(first.execute(MEANT).value or [])
            assert meant == {*saved} | {each.name for each in told.skipped} & meant
            os.kill(first.ready.python.pid, 9)
        with sync.Session(args=args) as second:
            loaded = second.load(path)
            assert loaded.skipped == [], f"seed {seed}"
            assert loaded.loaded == told.saved
            after = second.execute(f"{FINGERPRINT}\n_fingerprint({saved!r})").value
        assert after == before, f"seed {seed}\n{code}"


def test_random_damage(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    draw = random.Random(1)
    with sync.Session() as session:
        session.execute("a, b, c = [1, 2], {'x': b'y' * 5000}, bytes(9000)\nd = [a]")
        session.save(str(good))
        data = good.read_bytes()
        session.execute("a = b = c = d = 'untouched'")
        for _ in range(8 * EXAMPLES):
            damaged = bytearray(data)
            for _ in range(draw.randint(1, 4)):
                at = draw.randrange(len(damaged))
                how = draw.randrange(4)
                if how == 0:
                    damaged[at] ^= 1 << draw.randrange(8)
                elif how == 1:
                    del damaged[at:]
                elif how == 2:
                    damaged[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 50)))
                else:
                    damaged[at : at + 8] = damaged[at - 8 : at]
            if damaged == data:
                continue
            bad.write_bytes(damaged)
            with pytest.raises(RequestRefused) as refused:
                session.load(str(bad))
            assert refused.value.code == "load_failed"
        assert session.execute("a, b, c, d").value == ["untouched"] * 4


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
