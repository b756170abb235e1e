"""replwire-transcript run: exit status, diff, --update, reports."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from transcripts import run

GOOD = "# It adds.\n\n>>> 1 + 1\n2\n"
BAD = "# It asks.\n\n>>> input('Who? ')\nWho?\n< Ada\n'Bob'\n\n# The end.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.replwire").write_text(GOOD)
    (tmp_path / "bad.replwire").write_text(BAD)
    return tmp_path


def test_as_expected(folder: Path) -> None:
    told = run("run", "good.replwire", cwd=folder)
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr == "1 transcript: as expected\n"


def test_a_diff_for_each_that_differs(folder: Path) -> None:
    told = run("run", "good.replwire", "bad.replwire", cwd=folder)
    assert told.returncode == 1
    assert told.stdout == (
        "--- bad.replwire\n+++ bad.replwire (played)\n@@ -3,6 +3,6 @@\n"
        " >>> input('Who? ')\n Who?\n < Ada\n-'Bob'\n+'Ada'\n \n # The end.\n"
    )
    assert told.stderr == "2 transcripts: 1 differs\n"


def test_a_folder(folder: Path) -> None:
    assert run("run", ".", cwd=folder).stderr == "2 transcripts: 1 differs\n"


def test_in_parallel(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end."""
    code = ">>> import os, time\n>>> open('{}', 'w').close()\n"
    code += ">>> while not os.path.exists('{}'): time.sleep(0.01)\n"
    (tmp_path / "a.replwire").write_text(code.format("a", "b"))
    (tmp_path / "b.replwire").write_text(code.format("b", "a"))
    told = run("run", "--jobs", "2", "--timeout", "20", "a.replwire", "b.replwire", cwd=tmp_path)
    assert told.returncode == 0, told.stdout


def test_each_in_a_fresh_session(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.replwire").write_text(">>> 'x' in globals()\nFalse\n>>> x = 1\n")
    assert run("run", ".", cwd=tmp_path).returncode == 0


def test_a_setup_runs_once_and_each_begins_in_its_state(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("open('ran', 'a').write('x')\nrows = [1]\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.replwire").write_text(
            ">>> rows\n[1]\n>>> rows.append(2); rows\n[1, 2]\n"
        )
    (tmp_path / "module.py").write_text(
        'def f():\n    """\n    >>> rows.append(2); rows\n    [1, 2]\n    """\n\n'
        'def g():\n    """\n    >>> rows.append(3); rows\n    [1, 3]\n    """\n'
    )
    told = run("run", "--setup", "setup.py", ".", "module.py", cwd=tmp_path)
    assert told.returncode == 0, told.stdout
    assert (tmp_path / "ran").read_text() == "x"


def test_a_crash_costs_one_transcript_of_a_setup(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("x = 1\n")
    (tmp_path / "a.replwire").write_text(">>> import os; os.abort()\n")
    (tmp_path / "b.replwire").write_text(">>> x\n1\n")
    told = run("run", "--setup", "setup.py", ".", cwd=tmp_path)
    assert told.stderr == "2 transcripts: 1 differs\n"


def test_a_setup_that_fails(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("1 / 0\n")
    (tmp_path / "a.replwire").write_text(">>> 1\n1\n")
    told = run("run", "--setup", "setup.py", ".", cwd=tmp_path)
    assert told.returncode == 2
    assert "ZeroDivisionError" in told.stderr


def test_update_changes_what_is_expected_and_nothing_else(tmp_path: Path) -> None:
    before = (
        "Title  \n\n\n# comment\t\n>>> 1 + 1   # code stays as it is\n3\n>>> print('a')\n"
        "\n  >>> input('x ')\n  x\n  < 5\n  '6'\n  >>> 1/0\n  1\n\n"
        ">>> print('took 1.5 s\\nnew\\n\\n>>> x\\n< y')\n/took .* s/\nold\n\n"
        ">>> for n in range(2):\n...     n\n...\n0\n2\n"
        ">>> print(*range(3), sep='\\n')\n0\n...\n"
        ">>> print('kept')\n/k.*/\n>>> object()\n<obj...>\n\n\nThe end, without newline"
    )
    after = (
        "Title  \n\n\n# comment\t\n>>> 1 + 1   # code stays as it is\n2\n>>> print('a')\na\n"
        "\n  >>> input('x ')\n  x\n  < 5\n  '5'\n  >>> 1/0\n"
        "  Traceback (most recent call last):\n    ...\n  ZeroDivisionError: division by zero\n\n"
        ">>> print('took 1.5 s\\nnew\\n\\n>>> x\\n< y')\n/took .* s/\nnew\n<BLANKLINE>\n"
        "/>>> x/\n/< y/\n\n"
        ">>> for n in range(2):\n...     n\n...\n0\n1\n"
        ">>> print(*range(3), sep='\\n')\n0\n...\n"
        ">>> print('kept')\n/k.*/\n>>> object()\n<obj...>\n\n\nThe end, without newline"
    )
    path = tmp_path / "a.replwire"
    for ending in ("\n", "\r\n"):
        path.write_bytes(before.replace("\n", ending).encode())
        told = run("run", "--update", "a.replwire", cwd=tmp_path)
        assert (told.returncode, told.stdout) == (0, "updated a.replwire\n")
        assert path.read_bytes().decode() == after.replace("\n", ending)
        assert run("run", "a.replwire", cwd=tmp_path).returncode == 0


def test_update_leaves_answers_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.replwire"
    text = ">>> input()\n>>> 1\n< not asked for\n2\n>>> 2\n3\n"
    path.write_text(text)
    told = run("run", "--update", "a.replwire", cwd=tmp_path)
    assert told.returncode == 1
    assert "there is no answer left" in told.stdout
    assert path.read_text() == text.replace("3", "2")


def test_junit(folder: Path) -> None:
    (folder / "none.replwire").write_text(">>>1\n")
    (folder / "odd.replwire").write_text(">>> print('\\x01<&')\n")
    assert run("run", ".", "--junit", "report.xml", cwd=folder).returncode == 1
    suite = ElementTree.parse(folder / "report.xml").getroot().find("testsuite")
    assert suite is not None
    counts = {each: suite.get(each) for each in ("tests", "failures", "errors")}
    assert counts == {"tests": "4", "failures": "2", "errors": "1"}
    cases = {case.get("name"): case for case in suite}
    assert not len(cases["good.replwire"])
    assert "+'Ada'" in (cases["bad.replwire"].findtext("failure") or "")
    assert "\ufffd<&" in (cases["odd.replwire"].findtext("failure") or "")
    assert "line 1" in (cases["none.replwire"].findtext("error") or "")


def test_tap(folder: Path) -> None:
    told = run("run", "good.replwire", "bad.replwire", "--tap", "-", cwd=folder)
    assert told.stdout == (
        "TAP version 13\n1..2\nok 1 - good.replwire\nnot ok 2 - bad.replwire\n"
        "# --- bad.replwire\n# +++ bad.replwire (played)\n# @@ -3,6 +3,6 @@\n"
        "#  >>> input('Who? ')\n#  Who?\n#  < Ada\n# -'Bob'\n# +'Ada'\n#  \n#  # The end.\n"
    )
    assert "+'Ada'" in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["run"], "FILE"),
        (["run", "none.replwire"], "none.replwire: no such file"),
        (["run", "--jobs", "0", "good.replwire"], "must be 1 or more"),
        (["run", "--timeout", "-1", "good.replwire"], "must be more than 0"),
        (["run", "-o", "NONE", "good.replwire"], "ELLIPSIS"),
        (["run", "--xyzzy", "good.replwire"], "--xyzzy: no such option\n"),
        (["run", "--updtae", "good.replwire"], "--updtae: no such option; did you mean --update?"),
        (["play", "good.replwire"], "play"),
    ],
)
def test_wrong_usage(folder: Path, words: list[str], said: str) -> None:
    told = run(*words, cwd=folder)
    assert told.returncode == 2
    assert told.stderr.startswith("replwire-transcript")
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_help(tmp_path: Path) -> None:
    assert "record" in run("--help", cwd=tmp_path).stdout
    assert "--update" in run("run", "--help", cwd=tmp_path).stdout


def test_no_server(folder: Path) -> None:
    told = run("run", ".", cwd=folder, REPLWIRE="", PATH="")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("replwire-transcript: no program replwire")


def test_another_server(folder: Path) -> None:
    told = run("run", "good.replwire", "--server", "/no/such/server", cwd=folder)
    assert (told.returncode, "No such file" in told.stdout) == (1, True)
    server = f"env REALLY=1 {os.environ['REPLWIRE']}"
    (folder / "env.replwire").write_text(">>> import os; os.environ['REALLY']\n'1'\n")
    assert run("run", "env.replwire", "--server", server, cwd=folder).returncode == 0
