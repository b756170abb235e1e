"""Random sessions that are saved, killed, loaded and compared; random damage to their files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from replwire import RequestRefused, sync

pytest.importorskip("hypothesis", reason="python3-hypothesis is not installed")

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

SURVIVE = ("--survive",)
HAS_CLOUDPICKLE = "import importlib.util as _u\n_u.find_spec('cloudpickle') is not None"
EXAMPLES = int(os.environ.get("REPLWIRE_EXAMPLES", "25"))
CHOICES = st.randoms(use_true_random=False)  # hypothesis makes the choices, and looks for fewer


def of_hypothesis(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=EXAMPLES == 25,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


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


def random_code(draw: Random) -> str:
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


@pytest.mark.parametrize("args", [(), SURVIVE])
@of_hypothesis(EXAMPLES)
@given(draw=CHOICES)
def test_random_sessions(tmp_path: Path, args: tuple[str, ...], draw: Random) -> None:
    path = str(tmp_path / "a.session")
    code = random_code(draw)
    with sync.Session(args=args) as first:
        if first.execute(HAS_CLOUDPICKLE).value is not True:
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
        assert loaded.skipped == []
        assert loaded.loaded == told.saved
        after = second.execute(f"{FINGERPRINT}\n_fingerprint({saved!r})").value
    assert after == before, code


GOOD = {"a": "[1, 2]", "b": "{'x': b'y' * 5000}", "c": "bytes(9000)"}


@pytest.fixture(scope="module")
def session_to_spare() -> Iterator[sync.Session]:
    with sync.Session() as session:
        session.execute("".join(f"{name} = {text}\n" for name, text in GOOD.items()) + "d = [a]")
        yield session


def damage(data: bytes, draw: Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(damaged) + 1)
        how = draw.randrange(4)
        if how == 0:
            damaged[at : at + 1] = bytes(
                each ^ 1 << draw.randrange(8) for each in damaged[at : at + 1]
            )
        elif how == 1:
            del damaged[at:]
        elif how == 2:
            damaged[at:at] = draw.randbytes(draw.randint(1, 50))
        else:
            damaged[at : at + 8] = damaged[max(0, at - 8) : at]
    return bytes(damaged)


@of_hypothesis(8 * EXAMPLES)
@given(draw=CHOICES)
def test_random_damage(tmp_path: Path, session_to_spare: sync.Session, draw: Random) -> None:
    """All of it is refused; a name is loaded if it is undamaged, else refused as well."""
    session = session_to_spare
    good, bad = tmp_path / "good", tmp_path / "bad"
    if not good.exists():
        session.save(str(good), [*GOOD, "d"])
    damaged = damage(good.read_bytes(), draw)
    assume(damaged != good.read_bytes())
    bad.write_bytes(damaged)
    ids = "[id(each) for each in (a, b, c, d)]"
    before = session.execute(ids).value
    with pytest.raises(RequestRefused) as refused:
        session.load(str(bad))
    assert refused.value.code == "load_failed"
    assert session.execute(ids).value == before
    for name, text in GOOD.items():
        session.execute(f"_kept, {name} = {name}, None")
        try:
            assert session.load(str(bad), [name]).loaded
        except RequestRefused as error:
            assert error.code == "load_failed"
            session.execute(f"{name} = _kept")
        assert session.execute(f"{name} == {text}").value is True
