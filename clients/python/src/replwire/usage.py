"""Command lines that are wrong: one line that says why, and what was meant perhaps."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

_UNKNOWN = re.compile(r"unrecognized arguments: (--?[\w-]+)")
_options: set[str] = set()  # of all parsers: those of a command are another's


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words before `--`, and those behind it."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


class Parser(argparse.ArgumentParser):
    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        _options.update(each for each in names if each.startswith("--"))
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        if unknown := _UNKNOWN.search(message):
            import difflib  # noqa: PLC0415  # few need it

            message = f"{unknown[1]}: no such option"
            for nearest in difflib.get_close_matches(unknown[1], _options, 1):
                message += f"; did you mean {nearest}?"
        print(f"{self.prog}: {message}\nSee {self.prog} --help.", file=sys.stderr)
        sys.exit(2)
