"""Tracebacks as front ends show them: in colours, and with cells by their numbers."""

from __future__ import annotations

import re

from .. import frames
from ..coloured import BOLD_MAGENTA, MAGENTA, PLAIN, coloured

CELL = "<In[{}]>"  # the name of a cell's code
WIDTH = 75
_CELL = re.compile(r"<In\[(\d*)\]>")
# `Cell In[3], line 2` is what VS Code makes a link of.
_PLACE = re.compile(
    f'File {re.escape(MAGENTA)}"{_CELL.pattern}"{re.escape(PLAIN)}, '
    f"line {re.escape(MAGENTA)}(\\d+){re.escape(PLAIN)}"
)
_PLAIN_PLACE = re.compile(f'File "{_CELL.pattern}", line ')


def named(text: str) -> str:
    """With the numbers of cells instead of the names of their code."""
    text = _PLACE.sub(rf"Cell {MAGENTA}In[\1], line \2{PLAIN}", text)
    return _CELL.sub(r"In[\1]", _PLAIN_PLACE.sub(r"Cell In[\1], line ", text))


def shown(name: str, message: str = "") -> list[str]:
    """An exception without a stack."""
    text = f"{BOLD_MAGENTA}{name}{PLAIN}"
    return ["-" * WIDTH, f"{text}: {message}" if message else text]


def traceback(error: frames.Error) -> list[str]:
    """Its lines; the exception's own is the last."""
    name = error.exception_type
    head = "Traceback (most recent call last)"
    text = named(coloured(error.traceback.rstrip("\n")))
    if text.startswith(f"{head}:\n"):
        filled = head.rjust(max(WIDTH - len(name), len(head) + 1))
        text = f"{BOLD_MAGENTA}{name}{PLAIN}{filled}{text[len(head) + 1 :]}"
    return ["-" * WIDTH, *text.split("\n")]
