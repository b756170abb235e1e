"""Plays every block of the pages on transcripts and the shell, in one folder per page."""

from __future__ import annotations

import asyncio
import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from terminals import SOURCE

from replwire import process
from replwire.transcript import Play, Transcript, play

PROGRAMS = {
    "replwire-transcript": f"{sys.executable} -m replwire.transcript",
    "replwire-cli": f"{sys.executable} -m replwire.cli",
    "pytest": f"{sys.executable} -m pytest -p replwire.pytest_plugin",
    "replwire": process.find_server()[0],
}
BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.M | re.S)


def install(folder: Path) -> dict[str, str]:
    programs = folder / "programs"
    programs.mkdir()
    for name, command in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    return {**os.environ, "PYTHONPATH": SOURCE, "PATH": f"{programs}:{os.environ['PATH']}"}


def at_the_console(text: str, folder: Path, env: dict[str, str]) -> None:
    """`$` is a command, `>>>` and `...` what is typed into it, the rest what is shown."""
    for command in re.split(r"^\$ ", text, flags=re.M)[1:]:
        line, _, rest = command.partition("\n")
        typed, lines = "", rest.splitlines(keepends=True)
        if "replwire-cli prompt" in line:
            typed = "".join(each[4:] or "\n" for each in lines if each[:3] in (">>>", "..."))
            lines = [each for each in lines if each[:3] not in (">>>", "...")]
        told = subprocess.run(
            ["bash", "-c", line],
            cwd=folder, env=env, input=typed, check=False, text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        want = "".join(lines)
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        fits = doctest.OutputChecker().check_output(want, told.stdout, flags)
        assert fits, f"$ {line}\n{told.stdout}"


@pytest.mark.parametrize("page", ["transcripts.md", "cli.md", "host-calls.md", "debugging.md"])
def test_page(page: str, tmp_path: Path) -> None:
    env = install(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    text = (ROOT / "docs" / page).read_text()
    assert text.count("```") == 2 * len(BLOCK.findall(text)) > 0
    for language, title, block in BLOCK.findall(text):
        if title:
            (folder / title).write_text(block)
        elif language == "replwire":
            path = tmp_path / "block.replwire"
            path.write_text(block)
            outcome = asyncio.run(play(Transcript.read(path), Play()))
            assert outcome.passed, outcome.diff()
        elif language != "python":  # test_docs.py runs those
            assert language == "console"
            at_the_console(block, folder, env)
