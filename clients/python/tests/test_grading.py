"""Programs, many folders, points, notebooks: replwire-transcript as those who teach use it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from students import KINDS, hand_in, misjudged
from transcripts import played, run

PROGRAM = """\
import sys
name = input("Name: ")
if not name:
    sys.exit(3)
print("Hello,", name, *sys.argv[1:])
"""
TASK = """\
# Greets; without a name it ends with 3.

$ student.py --loud  # points: 3
Name:
< Ada
Hello, Ada --loud

$ student.py
Name:
<
[exit status 3]

>>> name  # what the program left
''
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for student, program in (
        ("ada", PROGRAM),
        ("bob", PROGRAM.replace("sys.exit(3)", "sys.exit(4)")),
        ("eve", "1/0\n"),
    ):
        (tmp_path / "s" / student).mkdir(parents=True)
        (tmp_path / "s" / student / "student.py").write_text(program)
    (tmp_path / "task.replwire").write_text(TASK)
    (tmp_path / "s" / "no folder").write_text("")
    return tmp_path


def test_a_program(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(PROGRAM)
    assert played(tmp_path / "a.replwire", TASK).diff() == ""
    text = TASK.replace("Hello, Ada", "Hello, Bob").replace("status 3", "status 5")
    diff = played(tmp_path / "a.replwire", text).diff()
    assert "-Hello, Bob --loud\n+Hello, Ada --loud\n" in diff
    assert "-[exit status 5]\n+[exit status 3]\n" in diff


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import sys; sys.exit(0)", ""),
        ("import sys; sys.exit('said')", "said\n[exit status 1]\n"),
        ("import helper; print(helper.x)", "1\n"),
        ("print(__name__, open('data').read())", "__main__ here\n"),
        ("1/0", "Traceback (most recent call last):\nZeroDivisionError: division by zero\n"),
        ("import sys; print(sys.argv)", "['student.py']\n"),
    ],
)
def test_a_program_is_as_by_hand(tmp_path: Path, code: str, shown: str) -> None:
    (tmp_path / "student.py").write_text(code)
    (tmp_path / "helper.py").write_text("x = 1")
    (tmp_path / "data").write_text("here")
    assert played(tmp_path / "a.replwire", f"$ python3 student.py\n{shown}").diff() == ""


def test_a_traceback_of_a_program_has_no_frames_of_ours(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text("def f():\n    1/0\nf()\n")
    diff = played(tmp_path / "a.replwire", "$ student.py\n").diff()
    assert diff.count('+  File "') == 2 == diff.count(f'+  File "{tmp_path}/student.py"')


def test_no_such_program(tmp_path: Path) -> None:
    outcome = played(tmp_path / "a.replwire", "$ student.py\n\n>>> 1\n1\n")
    assert "+[Errno 2] No such file" in outcome.diff()
    assert outcome.points == (1.0, 2.0)


def test_many_folders(course: Path) -> None:
    told = run("run", "task.replwire", "--with", "s/*/", "--table", cwd=course)
    assert told.returncode == 1
    assert told.stderr == "3 transcripts: 2 differ\n"
    rows = [line.split()[:-1] for line in told.stdout.splitlines()[-4:]]
    assert rows == [
        ["transcript", "examples", "points"],
        ["task.replwire", "in", "s/ada", "3/3", "5/5"],
        ["task.replwire", "in", "s/bob", "2/3", "4/5"],
        ["task.replwire", "in", "s/eve", "0/3", "0/5"],
    ]
    assert "--- task.replwire in s/bob\n" in told.stdout
    told = run("run", "task.replwire", "--with", "none/*", cwd=course)
    assert (told.returncode, "no such folder" in told.stderr) == (2, True)


def test_students_from_one_state(tmp_path: Path) -> None:
    """Endless, crashing, asking, wrong and right programs: none spoils another one's verdict."""
    kinds = hand_in(tmp_path, seed=19, count=40)
    assert set(kinds.values()) == set(KINDS)
    words = ["--setup", "setup.py", "--timeout", "5", "--jobs", "8", "--json", "-"]
    told = run("run", "task.replwire", "--with", "s/*/", *words, cwd=tmp_path)
    assert misjudged(kinds, json.loads(told.stdout)) == []


def test_reports(course: Path) -> None:
    words = ("--with", "s/*/", "--json", "-", "--junit", "report.xml", "--tap", "report.tap")
    told = run("run", "task.replwire", *words, cwd=course)
    ada, bob, eve = json.loads(told.stdout)
    assert (ada["folder"], ada["passed"], ada["points"], ada["points_possible"]) == (
        "s/ada", True, 5, 5,
    )  # fmt: skip
    assert [each["passed"] for each in bob["examples"]] == [True, False, True]
    assert "-[exit status 3]\n+[exit status 4]" in bob["diff"]
    assert eve["points"] == 0
    cases = list(ElementTree.parse(course / "report.xml").getroot().iter("testcase"))
    assert [case.get("name") for case in cases] == [
        f"task.replwire in s/{name}" for name in ("ada", "bob", "eve")
    ]
    properties = {p.get("name"): p.get("value") for p in cases[1].iter("property")}
    assert properties == {"points": "4", "points_possible": "5"}
    assert "not ok 2 - task.replwire in s/bob" in (course / "report.tap").read_text()


def test_code_runs_where_the_transcript_is(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.replwire").write_text(
        ">>> import os; os.path.basename(os.getcwd())\n'below'\n"
    )
    assert run("run", "below/a.replwire", cwd=tmp_path).returncode == 0
    told = run("run", "--cwd", ".", "below/a.replwire", cwd=tmp_path)
    assert f"+'{tmp_path.name}'" in told.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "1,2\n", "of a kind that is not played"),
        ("a.txt", "no example\n", "there is no example in it"),
        ("a.md", "# Nothing\n", "there is no example in it"),
        ("a.py", "x = 1\n", "there is no example in it"),
        ("a.ipynb", "{}", "not a Jupyter notebook"),
        ("a.ipynb", "no json", "a.ipynb: "),
    ],
)
def test_nothing_passes_in_silence(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    told = run("run", name, cwd=tmp_path)
    assert told.returncode == 1
    assert said in told.stdout


def test_a_diff_marks_what_differs(tmp_path: Path) -> None:
    text = (
        ">>> print(*range(50), sep='\\n')\n0\n...\n7\n/[89]/\n...\n48\n50\n"
        ">>> print('x'); 1/0\ny\nTraceback (most recent call last):\n  ...\n"
        "ZeroDivisionError: division by zero\n"
    )
    diff = played(tmp_path / "a.replwire", text).diff()
    changed = [line for line in diff.split("\n")[2:] if line[:1] in ("-", "+")]
    assert changed == ["-50", "+49", "-y", "+x"]


def test_long_output_is_cut_in_the_middle(tmp_path: Path) -> None:
    diff = played(tmp_path / "a.replwire", ">>> for n in range(5000): print(n)\n").diff()
    assert "\n+99\n+[4800 lines are left out]\n+4900\n" in diff


# ---- notebooks --------------------------------------------------------------------------------


def cell(source: str, *outputs: object, count: int | None = 1, **metadata: object) -> object:
    return {
        "cell_type": "code", "execution_count": count, "id": "an-id", "metadata": metadata,
        "outputs": list(outputs), "source": source.splitlines(keepends=True),
    }  # fmt: skip


def stream(text: str, name: str = "stdout") -> object:
    return {"name": name, "output_type": "stream", "text": text.splitlines(keepends=True)}


def value(text: str) -> object:
    return {
        "data": {"text/plain": [text]}, "execution_count": 1, "metadata": {},
        "output_type": "execute_result",
    }  # fmt: skip


ERROR = {
    "ename": "ZeroDivisionError", "evalue": "division by zero", "output_type": "error",
    "traceback": ["coloured"],
}  # fmt: skip


def write(path: Path, *cells: object) -> str:
    notebook = {
        "cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# Größe"]}, *cells],
        "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text)
    return text


def test_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(
        path,
        cell("x = 6\nx; x * 7", value("42")),
        cell(
            "print('a')\nimport sys\nprint('b', file=sys.stderr)",
            stream("a\n"),
            stream("b\n", "stderr"),
        ),
        cell("object()", value("<object object at 0x7f0000000000>")),
        cell("1/0", ERROR),
        cell("print('saved without having been run')", count=None),
        cell("import random; random.random()", value("0.5"), tags=["ignore-output"]),
        cell("nonsense", tags=["skip"]),
        cell("'< not an answer'\n", value("'< not an answer'")),
        cell("print()\nprint('<')", stream("\n<\n")),
    )
    told = run("run", "a.ipynb", cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0)


def test_a_notebook_is_updated(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    right = (
        cell("6 * 7", value("42"), tags=["kept"]),
        cell("print('größer')", stream("größer\n")),
        cell(
            "display('shown')",
            {"data": {"text/plain": ["'shown'"]}, "metadata": {}, "output_type": "display_data"},
        ),
    )
    after = write(path, *right)
    wrong = (
        cell("6 * 7", value("43"), tags=["kept"]),
        cell("print('größer')"),
        cell("display('shown')", stream("x\n")),
    )
    before = write(path, *wrong)
    told = run("run", "a.ipynb", cwd=tmp_path)
    assert (told.returncode, "-43\n+42\n" in told.stdout) == (1, True)
    assert path.read_text() == before
    assert run("run", "--update", "a.ipynb", cwd=tmp_path).returncode == 0
    assert path.read_text() == after
    assert run("run", "a.ipynb", cwd=tmp_path).returncode == 0
