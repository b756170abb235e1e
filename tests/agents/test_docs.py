"""Plays docs/agents.md."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, connected

from replwire.mcp.__main__ import parser
from replwire.mcp.catalogue import TOOLS

PAGE = (ROOT / "docs" / "agents.md").read_text()
CHECKER = doctest.OutputChecker()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


async def test_every_call_tells_what_the_page_says() -> None:
    assert len(blocks("mcp")) == 6
    for block in blocks("mcp"):
        async with connected() as agent:
            for call in re.split(r"^> ", block, flags=re.M)[1:]:
                line, _, want = call.partition("\n")
                tool, _, arguments = line.partition(" ")
                got = await agent.text(tool, **json.loads(arguments))
                fits = CHECKER.check_output(want.rstrip(), got, doctest.ELLIPSIS)
                assert fits, f"{line}\n{got}"


def test_every_command_says_what_the_page_shows(tmp_path: Path) -> None:
    for block in blocks("console"):
        line, _, want = block.removeprefix("$ replwire-mcp ").partition("\n")
        command = [sys.executable, "-m", "replwire.mcp", *line.split()]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert CHECKER.check_output(want, told.stdout, doctest.ELLIPSIS), told.stdout


def test_tools_and_options_are_on_the_page() -> None:
    rows = "".join(line for line in PAGE.splitlines(True) if line.startswith("| `"))
    named = set(re.findall(r"`(--)?([a-z-]+)", rows))
    for tool in TOOLS:
        assert ("", tool.name) in named
    for action in parser()._actions:
        for option in action.option_strings:
            if option.startswith("--") and option not in ("--help", "--version"):
                assert ("--", option[2:]) in named
