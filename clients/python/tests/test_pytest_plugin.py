"""The plugin, in a pytest of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    source = ROOT / "clients" / "python" / "src"
    monkeypatch.setenv("PYTHONPATH", str(source))
    pytester.makefile(".replwire", good=">>> 1 + 1\n2\n", bad=">>> input()\n< Ada\n'Bob'\n")
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "replwire.pytest_plugin", *words)


def test_collects_transcripts(project: pytest.Pytester) -> None:
    told = run(project, "-v")
    told.assert_outcomes(passed=1, failed=1)
    told.stdout.fnmatch_lines(["bad.replwire::bad FAILED*", "good.replwire::good PASSED*"])
    told.stdout.fnmatch_lines(["--- *bad.replwire", " < Ada", "-'Bob'", "+'Ada'"])
    told.stdout.no_fnmatch_line("*TranscriptDiffersError*")


def test_update(project: pytest.Pytester) -> None:
    run(project, "--replwire-update").assert_outcomes(passed=2)
    assert Path("bad.replwire").read_text() == ">>> input()\n< Ada\n'Ada'"


def test_a_file_that_cannot_be_read(project: pytest.Pytester) -> None:
    project.makefile(".replwire", odd=">>>1\n")
    run(project).stdout.fnmatch_lines(["*odd.replwire: line 1 *"])


FIXTURE = """
def test_session(replwire_session):
    assert replwire_session.execute("name = input('? ')", on_input=["Ada"]).ok
    assert replwire_session.execute("name").value == "Ada"

def test_fresh(replwire_session):
    assert replwire_session.execute("'name' in globals()").value is False
    server.append(replwire_session)

server = []

def test_closed():
    assert server[0].closed
"""


def test_fixture(pytester: pytest.Pytester, project: pytest.Pytester) -> None:
    pytester.makepyfile(FIXTURE)
    run(project, "good.replwire", "test_fixture.py").assert_outcomes(passed=4)


BRANCHES = """
import pytest

@pytest.fixture(scope="session")
def loaded(replwire_template):
    replwire_template.execute("rows = [1]")

@pytest.mark.parametrize("n", range(3))
def test_branch(loaded, replwire_branch, n):
    assert replwire_branch.execute("rows.append(2)\\nrows").value == [1, 2]

def test_one_is_left(loaded, replwire_template):
    assert len(replwire_template.sessions().sessions) == 1
"""


def test_fixtures_of_branches(pytester: pytest.Pytester, project: pytest.Pytester) -> None:
    pytester.makepyfile(BRANCHES)
    run(project, "test_fixtures_of_branches.py").assert_outcomes(passed=4)


def test_another_server(project: pytest.Pytester) -> None:
    project.makefile(".replwire", env=">>> import os; os.environ['REALLY']\n'1'\n")
    project.makepyfile(
        "def test(replwire_session):\n"
        "    code = \"__import__('os').environ['REALLY']\"\n"
        "    assert replwire_session.execute(code).value == '1'\n"
    )
    server = f"env REALLY=1 {os.environ['REPLWIRE']}"
    told = run(project, "--replwire-server", server, "env.replwire", "test_another_server.py")
    told.assert_outcomes(passed=2)


def test_the_fixture_of_this_suite(replwire_session: object) -> None:
    assert replwire_session.execute("6 * 7").value == 42  # type: ignore[attr-defined]


def test_timed_out_is_what_it_says(project: pytest.Pytester) -> None:
    project.makefile(".replwire", slow=">>> while True: pass\n")
    told = run(project, "--replwire-timeout", "0.2", "slow.replwire")
    told.stdout.fnmatch_lines(["*timed out after 0.2 s"])
    told.stdout.no_fnmatch_line("*KeyboardInterrupt*")


def test_a_failure_shows_the_line_of_the_test(project: pytest.Pytester) -> None:
    project.makepyfile("def test(replwire_session):\n    replwire_session.execute('1/0')\n")
    told = run(project, "test_a_failure_shows_the_line_of_the_test.py")
    told.stdout.fnmatch_lines(["*replwire_session.execute('1/0')", "E *ZeroDivisionError*"])
    told.stdout.no_fnmatch_line("*replwire/sync.py*")


NOTEBOOK = """{"cells": [{"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [],
"source": ["1 + 1"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"""


def test_pages_and_notebooks(project: pytest.Pytester) -> None:
    project.makefile(".md", page="```pycon\n>>> 1 + 1\n2\n```\n")
    project.makefile(".ipynb", book=NOTEBOOK)
    run(project).assert_outcomes(passed=1, failed=1)  # only the transcripts
    run(project, "page.md", "book.ipynb").assert_outcomes(passed=1, failed=1)
    project.makeini("[pytest]\nreplwire_files = *.replwire *.md *.ipynb\n")
    run(project).assert_outcomes(passed=2, failed=2)


def test_in_several_processes(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    run(project, "-n", "2").assert_outcomes(passed=1, failed=1)
