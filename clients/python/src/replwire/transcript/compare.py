"""Whether what came is what was expected."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from functools import lru_cache

from .format import ANSWER, Example
from .got import Got

_checker = doctest.OutputChecker()
_TRACEBACK = re.compile(r"^Traceback \((?:most recent call last|innermost last)\):[ \t]*\n", re.M)
_ADDRESS = re.compile("0x[0-9a-f]+")
_MESSAGE = re.compile(r"^(?:\w|/.+/$)", re.M)


def wanted(example: Example) -> tuple[list[str], list[str]]:
    """What shall be shown, cut at the answers; and the answers, as they stand there."""
    if not example.loose:
        return [example.want], []
    texts, answers = [""], list[str]()
    for line in example.want_lines:
        if ANSWER.fullmatch(line):
            answers.append(line)
            texts.append("")
        else:
            texts[-1] += line + "\n"
    return texts, answers


def fits(example: Example, got: Got, others: int = 0) -> bool:
    if got.problem:
        return False
    error = error_of(example, got)
    if example.kind == "plain":
        return error is None
    if example.kind == "notebook":
        return _cell_fits(example, got, error)
    flags = example.flags(others)
    texts, answers = wanted(example)
    if answers != got.answers:
        return False
    *asked, last = zip(texts, got.texts, strict=True)
    loose = example.loose
    # Editors take away the blank that a prompt ends in.
    if not all(text_fits(want.rstrip(), shown.rstrip(), flags, loose) for want, shown in asked):
        return False
    return _end_fits(example, last[0], ended(last[1]), error, flags)


def ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def error_of(example: Example, got: Got) -> str | None:
    """The exception that has to be expected."""
    expected = example.exc_msg is not None or _TRACEBACK.search(example.want)
    return None if got.clean_exit and not expected else got.error


def _cell_fits(example: Example, got: Got, error: str | None) -> bool:
    def plain(text: str) -> str:
        return _ADDRESS.sub("0x...", ended(text))

    if plain(example.want) != plain("".join(got.texts)):
        return False
    return (example.exc_msg or "").rstrip() == (error or "").rstrip()


def _end_fits(example: Example, want: str, shown: str, error: str | None, flags: int) -> bool:
    loose = example.loose
    if error is None:
        return text_fits(want, shown, flags, loose)
    if not loose:  # doctest does not look at what was printed before
        return example.exc_msg is not None and _error_fits(example.exc_msg, error, flags, loose)
    # What was printed, and what the exception says, may hold tracebacks as well.
    return any(
        text_fits(printed, shown, flags, True) and _error_fits(message, error, flags, True)
        for printed, message in tracebacks(want)
    )


def tracebacks(want: str) -> Iterator[tuple[str, str]]:
    """Where a traceback may begin: what is before it, and the message that ends it."""
    for header in _TRACEBACK.finditer(want):
        rest = want[header.end() :]
        if message := _MESSAGE.search(rest):
            yield want[: header.start()], rest[message.start() :]


def traceback_fits(example: Example, error: str, flags: int) -> list[str]:
    """The lines of the expected traceback, if that is what came."""
    want = wanted(example)[0][-1]
    for printed, message in tracebacks(want):
        if _error_fits(message, error, flags, example.loose):
            return want[len(printed) :].split("\n")[:-1]
    return []


def _error_fits(want: str, error: str, flags: int, loose: bool) -> bool:
    if text_fits(want, error, flags, loose):
        return True
    return bool(flags & doctest.IGNORE_EXCEPTION_DETAIL) and _name(want) == _name(error)


def _name(error: str) -> str:
    return re.split(r"[:\n]", error, maxsplit=1)[0].rpartition(".")[2]


def text_fits(want: str, got: str, flags: int, loose: bool) -> bool:
    if _checker.check_output(want, got, flags):
        return True
    return loose and lines_fit(want.split("\n"), got.split("\n"), flags)


def lines_fit(want: list[str], got: list[str], flags: int) -> bool:
    """Line by line: `reach` is how many lines of `got` can have been accounted for so far."""
    reach = {0}
    for line in want:
        if line.strip() == "..." and flags & doctest.ELLIPSIS:
            reach = set(range(min(reach), len(got) + 1))
        else:
            reach = {n + 1 for n in reach if n < len(got) and line_fits(line, got[n], flags)}
        if not reach:
            return False
    return len(got) in reach


def line_fits(want: str, got: str, flags: int) -> bool:
    if _checker.check_output(want, got, flags):
        return True
    pattern = expression(want)
    return pattern is not None and pattern.fullmatch(got) is not None


@lru_cache(1000)
def expression(line: str) -> re.Pattern[str] | None:
    """`/…/` is a regular expression for one line."""
    if len(line) < 3 or line[0] != "/" or line[-1] != "/":
        return None
    try:
        return re.compile(line[1:-1])
    except re.error:
        return None
