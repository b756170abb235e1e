"""The clients of docs/clients.md, and that every page is in the index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()
CLIENTS = dict(re.findall(r"^```\w+ title=(\S+)\n(.*?)^```$", PAGE, re.M | re.S))
# What builds it, if anything does, and what runs it.
WAYS = {
    "client.js": ([], ["node", "client.js"]),
    "client.go": (["go", "build", "-o", "client", "client.go"], ["./client"]),
    "client.rs": (["rustc", "client.rs"], ["./client"]),
    "client.lua": ([], ["lua5.4", "client.lua"]),
    "client.el": ([], ["emacs", "-Q", "--batch", "-l", "client.el"]),
}
CODE = """import sys
print("größer \\U0001f40d \\t\\"x\\" \\\\", flush=True)
print("e", file=sys.stderr)
name = input("Wer? ü ")
f"Hello, {name}!" """


def test_all_are_here() -> None:
    assert CLIENTS.keys() == WAYS.keys()
    assert all(text.count("\n") <= 70 for text in CLIENTS.values())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", WAYS)
def test_a_client(tmp_path: Path, name: str) -> None:
    build, line = WAYS[name]
    tool = (build or line)[0]
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool}")
    (tmp_path / name).write_text(CLIENTS[name])
    # Of go and rustc: what they keep is theirs.
    if build:
        subprocess.run(build, cwd=tmp_path, check=True)

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*line, code], cwd=tmp_path, check=False, capture_output=True, text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=60,
        )  # fmt: skip

    told = run(CODE)
    assert (told.stdout, told.returncode) == (
        "größer 🐍 \t\"x\" \\\nWer? ü 'Hello, Ada!'\n",
        0,
    ), told.stderr
    assert told.stderr == "e\n"
    told = run("1/0")
    assert (told.stdout, told.returncode) == ("", 1)
    assert "ZeroDivisionError: division by zero" in told.stderr
    told = run("import os; os._exit(3)")
    assert (told.returncode, "exit" in told.stderr) == (70, True)
    assert run("for n in range(40000): print('x' * 99, n)").stdout.endswith("x 39999\n")


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {each.name for each in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\(([\w.-]+\.md)\)", index))


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([\w-]+))?\)", text):
        path = (page.parent / target) if target else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor and path.suffix == ".md":
            titles = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            names = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}
            assert anchor in names, f"{page.name}: {target}#{anchor}"
