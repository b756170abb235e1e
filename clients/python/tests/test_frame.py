"""Frames are dataclasses, though they are made so late."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

from terminals import SOURCE

from replwire import frames

# In a Python that has made no frame yet.
EARLY = """
import dataclasses, pickle, sys
from replwire import frames
assert dataclasses.is_dataclass(frames.Output)
assert [each.name for each in dataclasses.fields(frames.Definition)] == ["filename", "line"]
assert frames.Result.__match_args__[:2] == ("execution_id", "execution_count")
kept = pickle.loads(bytes.fromhex(sys.argv[1]))
print(kept, kept == frames.ServerInfo("replwire", "1"))
"""
IMPORTS = "import sys, replwire.cli.__main__\nprint(*sys.modules)"


def python(*words: str) -> str:
    line = [sys.executable, *words]
    return subprocess.check_output(line, env={"PYTHONPATH": SOURCE}, text=True)


def test_before_there_is_one() -> None:
    pickled = pickle.dumps(frames.ServerInfo("replwire", "1"))
    assert python("-c", EARLY, pickled.hex()) == "ServerInfo(name='replwire', version='1') True\n"


def test_afterwards() -> None:
    place = frames.Definition("a.py", 1)
    assert place == frames.Definition("a.py", 1) != frames.Definition("a.py", 2)
    assert copy.deepcopy(place) == place
    match place:
        case frames.Definition(name, line):
            assert (name, line) == ("a.py", 1)


def test_the_prompt_imports_little_before_it_is_there() -> None:
    imported = set(python("-c", IMPORTS).split())
    late = {"asyncio", "dataclasses", "inspect", "logging", "prompt_toolkit", "tokenize"}
    assert not late & imported
