"""Transcripts: what they may say, and how what came is compared with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcripts import played

from replwire.transcript import Transcript, TranscriptError

# As it should be, then as it should not: each fails without what it is about.
PASS = {
    "value": ">>> 6 * 7\n42\n",
    "nothing": ">>> x = 1\n>>> x\n1\n",
    "several lines": ">>> def f(n):\n...     return n\n...\n>>> f(2)\n2\n",
    "answers": ">>> name = input('Name: ')\nName:\n< Ada L.\n>>> name\n'Ada L.'\n",
    "several answers": ">>> [input(), input('b')]\n< 1\nb\n<\n['1', '']\n",
    "prompt behind output": ">>> print('x'); input('y ')\nx\ny\n<  z \n' z '\n",
    "password": ">>> import getpass\n>>> getpass.getpass('Secret: ')\nSecret:\n< s\n's'\n",
    "end of input": ">>> input('?')\n?\n<^D\nTraceback (most recent call last):\n  ...\n"
    "EOFError: EOF when reading a line\n",
    "interrupt": ">>> input('?')\n?\n<^C\nTraceback (most recent call last):\n"
    "KeyboardInterrupt\n>>> 1\n1\n",
    "reads of stdin": ">>> import sys\n>>> sys.stdin.readline()\n< line\n'line\\n'\n",
    "ellipsis": ">>> print('a\\nb\\nc')\na\n...\nc\n",
    "ellipsis in a line": ">>> object()\n<object object at 0x...>\n",
    "regular expression": ">>> print('took 1.25 s')\n/took \\d+\\.\\d+ s/\n",
    "expression and ellipsis": ">>> print('\\n'.join('abcd'))\n/[aA]/\n...\n/d/\n",
    "slashes that are meant": ">>> print('/usr/[lib/')\n/usr/[lib/\n",
    "blank line": ">>> print('a\\n\\nb')\na\n<BLANKLINE>\nb\n",
    "stderr": ">>> import sys\n>>> print('e', file=sys.stderr)\ne\n",
    "child": ">>> import os\n>>> os.system('echo child')\nchild\n0\n",
    "no newline": ">>> print('a', end='')\na\n",
    "traceback": ">>> 1/0\nTraceback (most recent call last):\n  any\n   thing\n"
    "ZeroDivisionError: division by zero\n",
    "output and traceback": ">>> print('a'); 1/0\na\nTraceback (most recent call last):\n  ...\n"
    "ZeroDivisionError: ...\n",
    "long message": ">>> raise ValueError('a\\nb')\nTraceback (most recent call last):\n"
    "ValueError: a\nb\n",
    "syntax error": ">>> x =\nTraceback (most recent call last):\nSyntaxError: invalid syntax\n",
    "printed traceback": ">>> import traceback\n>>> try: 1/0\n"
    "... except Exception: traceback.print_exc()\n...\nTraceback (most recent call last):\n"
    "  ...\nZeroDivisionError: division by zero\n",
    "traceback in a message": ">>> print('x')\n"
    "... raise ValueError('a\\nTraceback (most recent call last):\\nb')\n"
    "x\nTraceback (most recent call last):\nValueError: a\nTraceback (most recent call last):\nb\n",
    "message that repeats": ">>> raise ValueError('a\\nValueError: b')\n"
    "Traceback (most recent call last):\nValueError: a\nValueError: b\n",
    "group": ">>> import sys\n>>> if sys.version_info >= (3, 11):\n"
    "...     raise ExceptionGroup('two', [ValueError(1), KeyError(2)])\n"
    "... else: raise ValueError\nTraceback (most recent call last):\n"
    "/ExceptionGroup: two .2 sub-exceptions.|ValueError/\n",
    "exit": ">>> exit(3)\nTraceback (most recent call last):\nSystemExit: 3\n>>> 1\n1\n",
    "clean exit": ">>> import sys\n>>> sys.exit(0)\n>>> exit()\n>>> 1\n1\n",
    "clean exit that is expected": ">>> exit(0)\nTraceback (most recent call last):\n"
    "SystemExit: 0\n",
    "directives": ">>> print('a   b')  # doctest: +NORMALIZE_WHITESPACE\na b\n"
    ">>> open('none')  # doctest: +IGNORE_EXCEPTION_DETAIL\n"
    "Traceback (most recent call last):\nFileNotFoundError: other\n"
    ">>> 1/0  # doctest: +SKIP\n",
    "every expression": ">>> for n in range(2): n\n0\n1\n>>> 1; 2\n1\n2\n",
    "of a function not": ">>> def f():\n...     1\n...     return 2\n>>> f()\n2\n",
    "await": ">>> import asyncio\n>>> await asyncio.sleep(0, 5)\n5\n",
    "underscore": ">>> 40 + 2\n42\n>>> _ + 1\n43\n>>> if 1: 7\n7\n>>> _\n7\n",
    "comments": "# What this is\n\nAny text.\n\n  >>> 1\n  1\n\n# The end\n",
    "tabs": ">>> print('a\tb'); input()\na\tb\n< c\td\n'c\\td'\n",
    "display": ">>> display({'a': 1})\n{'a': 1}\n",
    "long repr": ">>> 'x' * 60_000\n'" + "x" * 60_000 + "'\n",
    "unicode": ">>> print('größer 🐍\\x0b\\u2028|')\ngrößer 🐍\x0b\u2028|\n",
    "byte order mark": "\ufeff>>> 1\n1\n",
    "windows": ">>> print('a')\r\na\r\n>>> input()\r\n< b\r\n'b'\r\n",
    "call": ">>> import host\n>>> print('a'); host.search('x', n=(1,))\na\n"
    '@ call search("x", n=(1,)) -> {"hits": 1}\n{\'hits\': 1}\n',
    "calls and answers": ">>> import host\n>>> host.f(1) + int(input('? ')) + host.f(2)\n"
    "@ call f(1) -> 10\n?\n< 5\n@ call f(...) -> 20\n35\n",
    "call that raises": ">>> import host\n>>> host.f()\n@ call f() raises LookupError: gone\n"
    "Traceback (most recent call last):\nLookupError: gone\n",
    "call that raises another": ">>> import host\n>>> host.f()\n@ call f() raises NoPrice\n"
    "Traceback (most recent call last):\nhost.CallError: NoPrice: \n",
    "call that is awaited": ">>> import host\n>>> await host.f(None)\n"
    "@ call await f(None) -> true\nTrue\n",
    "output that looks like a call": ">>> print('@ call f() -> 1')\n/@ call f\\(\\) -> 1/\n",
}
FAIL = {
    "value": ">>> 6 * 7\n43\n",
    "missing": ">>> 6 * 7\n",
    "too much": ">>> x = 1\n1\n",
    "expression": ">>> print('took 1 s')\n/took \\d+\\.\\d+ s/\n",
    "expression of one line": ">>> print('a\\nb')\n/.*/\n",
    "another exception": ">>> 1/0\nTraceback (most recent call last):\nValueError: x\n",
    "no exception": ">>> 1\nTraceback (most recent call last):\nValueError: x\n",
    "unexpected exception": ">>> 1/0\n",
    "output before a traceback": ">>> print('a'); 1/0\nb\nTraceback (most recent call last):\n"
    "ZeroDivisionError: division by zero\n",
    "prompt": ">>> input('a')\nb\n< x\n'x'\n",
    "ellipsis off": ">>> print('abc')  # doctest: -ELLIPSIS\na...\n",
    "line off": ">>> print('a\\nb')  # doctest: -ELLIPSIS\n...\nb\n",
    "arguments of a call": ">>> import host\n>>> host.f(1)\n@ call f(2) -> 1\n1\n",
    "call that is not made": ">>> import host\n>>> 1\n1\n@ call f() -> 1\n",
    "call that is not expected": ">>> import host\n>>> host.f()\n"
    ">>> host.f()\n@ call f() -> 1\n1\n",
    "calls in another order": ">>> import host\n>>> host.f(1), host.f(2)\n"
    "@ call f(2) -> 1\n@ call f(1) -> 1\n(1, 1)\n",
    "answer instead of a call": ">>> import host\n>>> host.f()\n< 1\n@ call f() -> 1\n1\n",
    "no json behind a call": ">>> import host\n>>> host.f()\n@ call f() -> one\n1\n",
}


@pytest.mark.parametrize("text", PASS.values(), ids=PASS)
def test_goes_as_written(tmp_path: Path, text: str) -> None:
    outcome = played(tmp_path / "a.replwire", text)
    assert outcome.diff() == ""
    assert outcome.passed


@pytest.mark.parametrize("text", FAIL.values(), ids=FAIL)
def test_differs(tmp_path: Path, text: str) -> None:
    outcome = played(tmp_path / "a.replwire", text)
    assert not outcome.passed
    assert not outcome.failure
    assert "+++" in outcome.diff()


def test_answers_that_do_not_fit(tmp_path: Path) -> None:
    missing = played(tmp_path / "a.replwire", ">>> input('Who? ')\n")
    assert "+nothing answers input('Who? '): there is no answer left" in missing.diff()
    unused = played(tmp_path / "a.replwire", ">>> 1\n1\n< nobody asks\n")
    assert "-< nobody asks\n+1 of its answers were not asked for\n" in unused.diff()


def test_calls_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.replwire"
    missing = played(path, ">>> import host\n>>> 1\n1\n@ call f(1) -> 1\n")
    assert "-@ call f(1) -> 1\n+1 of its calls were not made\n" in missing.diff()
    other = played(path, ">>> import host\n>>> host.f(2)\n@ call f(1) -> 1\n1\n")
    assert "+f(2) was called, which the transcript does not expect here\n" in other.diff()
    bad = played(path, ">>> import host\n>>> host.f(2)\n@ call f(1) -> x\n1\n")
    assert "+'@ call f(1) -> x': what stands behind -> is not JSON: " in bad.diff()


def test_the_diff_shows_the_whole_traceback(tmp_path: Path) -> None:
    text = "\n\n>>> 1\n2\n\n>>> def f():\n...     1/0\n>>> f()\n"
    diff = played(tmp_path / "a.replwire", text).diff()
    assert diff.startswith(f"--- {tmp_path}/a.replwire\n+++ {tmp_path}/a.replwire (played)\n")
    assert "-2\n+1\n" in diff
    assert f'+  File "{tmp_path}/a.replwire", line 7, in f\n' in diff


def test_no_trace_of_how_it_is_run(tmp_path: Path) -> None:
    """Code that is compiled as the interpreter's prompt does, in several statements."""
    text = ">>> def f(): 1/0\n>>> for n in range(2):\n...     n\n...     f()\n>>> dir()\n"
    diff = played(tmp_path / "a.replwire", text).diff()
    assert "<typed>" not in diff
    assert f'+  File "{tmp_path}/a.replwire", line 4, in <module>\n+    f()\n' in diff
    assert f'+  File "{tmp_path}/a.replwire", line 1, in f\n' in diff
    assert "__typed__" not in diff


def test_a_server_that_dies(tmp_path: Path) -> None:
    outcome = played(tmp_path / "a.replwire", ">>> import os\n>>> os.abort()\n>>> 1\n2\n")
    assert "SIGABRT" in outcome.diff()
    assert len(outcome.played) == 2  # there is no session for the third


def test_no_server(tmp_path: Path) -> None:
    outcome = played(tmp_path / "a.replwire", ">>> 1\n1\n", command="/no/such/server")
    assert not outcome.passed
    assert "No such file" in outcome.diff()


def test_an_example_that_takes_too_long(tmp_path: Path) -> None:
    text = ">>> while True: pass\n>>> 'free'\n'free'\n"
    diff = played(tmp_path / "a.replwire", text, timeout=0.2).diff()
    assert "+timed out after 0.2 s\n" in diff  # which no update writes
    assert "KeyboardInterrupt" not in diff
    assert "-'free'" not in diff


def test_output_without_end(tmp_path: Path) -> None:
    text = ">>> while True: print('x' * 1000)\n"
    diff = played(tmp_path / "a.replwire", text, timeout=1.0).diff()
    assert " bytes are left out]" in diff
    assert len(diff) < 200_000
    assert len(outcome_lines := diff.split("\n")) < 220, len(outcome_lines)


def test_an_example_that_nothing_stops(tmp_path: Path) -> None:
    outcome = played(tmp_path / "a.replwire", ">>> sum(range(10**12))\n>>> 1\n", timeout=0.2)
    assert "+timed out after 0.2 s, and does not stop" in outcome.diff()
    assert len(outcome.played) == 1


def test_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    for text in (">>>1\n", "  >>> 1\n1\n"):
        with pytest.raises(TranscriptError, match=r"a\.replwire: line \d"):
            played(tmp_path / "a.replwire", text)
    with pytest.raises(TranscriptError, match=r"no example"):
        played(tmp_path / "a.replwire", "1 + 1\n2\n")
    (tmp_path / "b.replwire").write_bytes(b"\xff")
    with pytest.raises(TranscriptError, match="utf-8"):
        Transcript.read(tmp_path / "b.replwire")
