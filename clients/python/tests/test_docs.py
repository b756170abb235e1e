"""Runs every code block of the pages on the client, those of a page one after the other."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from sshd import SSHD, sshd

from replwire import process

PAGES = [
    "python.md",
    "pool.md",
    "branches.md",
    "saving.md",
    "host-calls.md",
    "remote.md",
    "dask.md",
]
# What docker, kubectl and srun do for the pages: run the last of their arguments.
ENGINE = '#!/bin/sh\nfor last; do :; done\nexec "$last"\n'


def blocks(page: str) -> list[tuple[int, str]]:
    text = (ROOT / "docs" / page).read_text()  # or ../README.md
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S)
    return [(text.count("\n", 0, each.start(1)), each[1]) for each in found]


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def prepare_remote(folder: Path, config: Path) -> None:
    for engine in ("docker", "kubectl", "srun"):
        write_program(folder / engine, ENGINE)
    write_program(folder / "ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')


def test_readme(capsys: pytest.CaptureFixture[str]) -> None:
    ((_, code),) = [each for each in blocks("../README.md") if "from replwire" in each[1]]
    exec(code, {})
    assert capsys.readouterr().out == "Hello, Alice!\n"


async def run(page: str) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for line, code in blocks(page):
        source = "\n" * line + code  # so that a traceback tells the page's own line
        value = eval(compile(source, f"docs/{page}", "exec", flags=flags), names)
        if inspect.iscoroutine(value):
            await value


@pytest.mark.parametrize(
    "page", ["python.md", "pool.md", "branches.md", "saving.md", "host-calls.md"]
)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    assert blocks(page)
    asyncio.run(run(page))


@pytest.mark.skipif(SSHD is None, reason="there is no sshd")
def test_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = process.find_server()[0]
    with sshd(tmp_path, server) as config:
        prepare_remote(tmp_path / "programs", config)
        monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")
        asyncio.run(run("remote.md"))


def test_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    # The workers are processes that import the package on their own.
    source = str(ROOT / "clients" / "python" / "src")
    monkeypatch.setenv("PYTHONPATH", f"{source}:{os.environ.get('PYTHONPATH', '')}")
    asyncio.run(run("dask.md"))


def test_every_page_is_run() -> None:
    mentioning = [
        each.name for each in (ROOT / "docs").glob("*.md") if "from replwire" in each.read_text()
    ]
    assert sorted(mentioning) == sorted(PAGES)
