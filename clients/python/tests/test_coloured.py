from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

import pytest

from replwire.coloured import BOLD_MAGENTA, MAGENTA, PLAIN, RED, coloured


def told(code: str, path: Path) -> str:
    path.write_text(code)
    try:
        exec(compile(code, str(path), "exec"), {})
    except BaseException:
        return traceback.format_exc()
    raise AssertionError


CASES = [
    "1 / 0",
    "x = = 2",
    "raise ValueError('a: b\\nsecond: line')",
    "try: 1 / 0\nexcept Exception as error: raise KeyError('k') from error",
    "e = KeyError('k'); e.add_note('see: here'); raise e" if sys.version_info >= (3, 11) else "1()",
    "raise KeyboardInterrupt",
    "class Odd(Exception): pass\nraise Odd",
    "def f(): f()\nf()",
]


@pytest.mark.parametrize("code", CASES)
def test_only_escape_sequences_are_added(code: str, tmp_path: Path) -> None:
    text = told(code, tmp_path / "file.py")
    assert coloured(text) != text
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured(text)) == text


def test_what_is_coloured(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    text = coloured(told("def f(): return 1 / 0\nf()", path))
    assert f'{MAGENTA}"{path}"{PLAIN}, line {MAGENTA}1{PLAIN}, in {MAGENTA}f{PLAIN}\n' in text
    assert f"{BOLD_MAGENTA}ZeroDivisionError{PLAIN}: {MAGENTA}division by zero{PLAIN}\n" in text
    if sys.version_info >= (3, 11):
        assert f"return {RED}1 / 0{PLAIN}\n" in text


def test_what_is_not_coloured(tmp_path: Path) -> None:
    text = coloured(told("raise ValueError('a: b\\nsecond: line')", tmp_path / "file.py"))
    assert "\nsecond: line\n" in text


def test_a_group() -> None:
    text = coloured(
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "a.py", line 11, in <module>\n'
        "  |     raise group\n"
        "  | ExceptionGroup: two (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | ValueError: 1\n"
        "    +---------------- 2 ----------------\n"
        "    | KeyError: 'x'\n"
    )
    for name in ("ExceptionGroup", "ValueError", "KeyError"):
        assert f"| {BOLD_MAGENTA}{name}{PLAIN}: " in text
    assert "|     raise group\n" in text
