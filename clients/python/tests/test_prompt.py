"""The interactive prompt and `replwire-transcript record`, in a terminal and piped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminals import SOURCE, terminal

CLI = "replwire.cli"
PROMPT = r">>> "


def test_several_lines(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("def f(n):\r")
        tty.wait(r"\.\.\. ")
        tty.type("return n * 6\r\r")  # indented by itself; a blank line ends it
        tty.wait(PROMPT)
        tty.type("f(7)\r")
        tty.wait("\n42\r\n")
        tty.wait(PROMPT)
        tty.type("for n in range(2): n\r\r")
        tty.wait("\n0\r\n1\r\n")
        tty.wait(PROMPT)
        tty.type("\x04")
        assert tty.status() == 0


def test_editing_and_history(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("1 + 41\r")
        tty.wait("\n42\r\n")
        tty.wait(PROMPT)
        tty.type("\x1b[A\x7f0\r")  # the line before, its last character changed
        tty.wait("\n41\r\n")


def test_colour(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    pytest.importorskip("pygments")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("def f(): 1/0\r\r")
        tty.wait(PROMPT)
        tty.type("f()\r")
        tty.wait("ZeroDivisionError: division by zero")
        assert "\x1b[31mTraceback" in tty.shown
        before_def = tty.shown.partition("def")[0]
        assert before_def.rpartition("\x1b[")[2].startswith("0;38;5;28")  # a keyword's colour


@pytest.mark.parametrize("words", [["--color", "never"], []])
def test_no_colour(tmp_path: Path, words: list[str]) -> None:
    with terminal(CLI, *words, cwd=tmp_path, **({} if words else {"NO_COLOR": "1"})) as tty:
        tty.wait(PROMPT)
        tty.type("1/0\r")
        tty.wait("ZeroDivisionError: division by zero")
        assert "\x1b[31m" not in tty.shown
        assert "\x1b[0;38" not in tty.shown


def test_completion(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("globals()['a_long' + '_name'] = 'completed'\r")
        tty.wait(PROMPT)
        tty.type("a_lo\t")
        tty.wait("ng_name")
        tty.type(".upp\t")
        tty.wait("er")
        tty.type("()\r")
        tty.wait("'COMPLETED'")


def test_ctrl_c(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("half a li\x03")
        tty.wait("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("x = 1; print('go'); exec('while True: x += 1')\r")
        tty.wait("\ngo\r\n")
        tty.type("\x03")
        tty.wait("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("x > 1\r")  # the session and what it holds are still there
        tty.wait("True")


def test_input_is_answered(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("name = input('Who are you? ')\r")
        tty.wait(r"\nWho are you\? ")
        tty.type("Ada\r")
        tty.wait(PROMPT)
        tty.type("name + '!'\r")
        tty.wait("'Ada!'")


@pytest.mark.parametrize(("typed", "status"), [("exit()", 0), ("exit(4)", 4)])
def test_exit(tmp_path: Path, typed: str, status: int) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type(f"{typed}\r")
        assert tty.status() == status


def test_a_session_that_dies(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("import os; os.abort()\r")
        tty.wait("SIGABRT")
        assert tty.status() == 134


def test_any_server_command(tmp_path: Path) -> None:
    server = f"env REALLY=1 {os.environ['REPLWIRE']}"
    with terminal(CLI, "--server", server, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("import os; os.environ['REALLY'] + '!'\r")
        tty.wait("'1!'")


# ---- without prompt_toolkit -------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Where prompt_toolkit cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['prompt_toolkit'] = None\n")
    return tmp_path


def test_plain_lines(plain: Path) -> None:
    with terminal(CLI, cwd=plain, PYTHONPATH=f"{SOURCE}:{plain}") as tty:
        tty.wait(PROMPT)
        tty.type("def f(n):\r")
        tty.wait(r"\n\.\.\. ")
        tty.type("    return n * 6\r")
        tty.wait(r"\n\.\.\. ")
        tty.type("\r")
        tty.wait(PROMPT)
        tty.type("f(7)\r")
        tty.wait("42")
        tty.wait(PROMPT)
        tty.type("a_long_name = {'key': 1}\r")
        tty.wait(PROMPT)
        tty.type("a_lo\t.ke\t()\r")
        tty.wait(r"dict_keys\(\['key'\]\)")
        tty.wait(PROMPT)
        tty.type("half")
        tty.interrupt("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("while True: pass\r\r")
        tty.wait(r"\.\.\. \r\n")
        tty.interrupt("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("\x04")
        assert tty.status() == 0


# ---- record -----------------------------------------------------------------------------------


def replwire(*words: str, cwd: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": SOURCE},
        input=given,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


PIPED = """\
# Greets.
name = input('Name: ')
Ada
f'Hello, {name}'

# Then errs.
def half(n):
    return n / 0

print('a\\n\\nb\\n< c'); half(1)
for n in range(2):
    n

print('''...''')
"""
RECORDED = """\
# Greets.

>>> name = input('Name: ')
Name:
< Ada
>>> f'Hello, {name}'
'Hello, Ada'

# Then errs.

>>> def half(n):
...     return n / 0
>>> print('a\\n\\nb\\n< c'); half(1)
a
<BLANKLINE>
b
/< c/
Traceback (most recent call last):
  ...
ZeroDivisionError: division by zero
>>> for n in range(2):
...     n
0
1
>>> print('''...''')
/\\.\\.\\./
"""


def test_piped_into_the_prompt(tmp_path: Path) -> None:
    told = replwire(CLI, cwd=tmp_path, given=PIPED)
    assert told.stdout == "Name: 'Hello, Ada'\na\n\nb\n< c\n0\n1\n...\n"
    assert "ZeroDivisionError" in told.stderr


def test_record_what_is_piped_in(tmp_path: Path) -> None:
    told = replwire("replwire.transcript", "record", "a.replwire", cwd=tmp_path, given=PIPED)
    assert told.returncode == 0
    assert (tmp_path / "a.replwire").read_text() == RECORDED
    again = replwire("replwire.transcript", "run", "a.replwire", cwd=tmp_path)
    assert (again.stdout, again.returncode) == ("", 0)


def test_record_writes_over_nothing(tmp_path: Path) -> None:
    words = ("replwire.transcript", "record", "a.replwire")
    (tmp_path / "a.replwire").write_text("mine")
    told = replwire(*words, cwd=tmp_path, given="1\n")
    assert (told.returncode, "a.replwire" in told.stderr) == (2, True)
    assert (tmp_path / "a.replwire").read_text() == "mine"
    assert replwire(*words, "--force", cwd=tmp_path, given="1\n").returncode == 0
    assert (tmp_path / "a.replwire").read_text() == ">>> 1\n1\n"


def test_record_at_the_terminal(tmp_path: Path) -> None:
    with terminal("replwire.transcript", "record", "a.replwire", cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("name = input('Name: ')\r")
        tty.wait("\nName: ")
        tty.type("Ada\r")
        tty.wait(PROMPT)
        tty.type("input('? ')\r")
        tty.wait(r"\n\? ")
        tty.type("\x04")
        tty.wait("EOFError")
        tty.wait(PROMPT)
        tty.type("import getpass; len(getpass.getpass())\r")
        tty.wait("Password: ")
        tty.type("hidden\r")
        tty.wait("6")
        tty.wait(PROMPT)
        tty.type("exit()\r")
        assert tty.status() == 0
    written = (tmp_path / "a.replwire").read_text()
    assert written == (
        ">>> name = input('Name: ')\nName:\n< Ada\n>>> input('? ')\n?\n<^D\n"
        "Traceback (most recent call last):\n  ...\nEOFError: EOF when reading a line\n"
        ">>> import getpass; len(getpass.getpass())\nPassword:\n< (password)\n6\n"
    )
