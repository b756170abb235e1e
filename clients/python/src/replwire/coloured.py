"""A traceback in the colours that CPython 3.13 and later give it on a terminal."""

from __future__ import annotations

import re

PLAIN, RED, MAGENTA = "\x1b[0m", "\x1b[1;31m", "\x1b[35m"
BOLD_MAGENTA = "\x1b[1;35m"

_BARS = r"[ |+\-]*"  # an exception group draws its parts behind them
_FRAME = re.compile(rf'^({_BARS}File )(".*")(, line )(\d+)(?:(, in )(.*))?$')
_CODE = re.compile(r"^(?:[ |]*\| )?(?! *\|) {4}")
_MARKS = re.compile(r"^([ |]*    +)([~^][~^ ]*)$")
_EXCEPTION = re.compile(r"^([ |]*)([A-Za-z_][\w.]*)(?:: (.*))?$")
_PART = re.compile(r"^[ |]*\+[+\-]*-{10,} ")


def coloured(traceback: str) -> str:
    """`traceback` with escape sequences, which are all that is added."""
    lines = traceback.split("\n")
    shown = lines.copy()
    due = True  # an exception, and not a line of its message or a note
    for at, line in enumerate(lines):
        if frame := _FRAME.match(line):
            shown[at], due = _frame(frame), True
        elif marks := _MARKS.match(line):
            shown[at - 1], shown[at] = _marked(lines[at - 1], marks)
        elif _PART.match(line):
            due = True
        elif due and not _CODE.match(line) and (exception := _EXCEPTION.match(line)):
            shown[at], due = _exception(exception), False
    return "\n".join(shown)


def _frame(match: re.Match[str]) -> str:
    file, name, comma, number, inside, function = match.groups()
    text = f"{file}{MAGENTA}{name}{PLAIN}{comma}{MAGENTA}{number}{PLAIN}"
    return f"{text}{inside}{MAGENTA}{function}{PLAIN}" if inside else text


def _marked(code: str, marks: re.Match[str]) -> tuple[str, str]:
    begin, end = marks.span(2)
    code = f"{code[:begin]}{RED}{code[begin:end]}{PLAIN}{code[end:]}"
    return code, f"{marks[1]}{RED}{marks[2]}{PLAIN}"


def _exception(match: re.Match[str]) -> str:
    before, name, message = match.groups()
    text = f"{before}{BOLD_MAGENTA}{name}{PLAIN}"
    return text if message is None else f"{text}: {MAGENTA}{message}{PLAIN}"
