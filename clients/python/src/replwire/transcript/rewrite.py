"""The file as it would be if it expected what came."""

from __future__ import annotations

import difflib
import re

from .compare import error_of, expression, fits, line_fits, traceback_fits, wanted
from .file import Transcript
from .format import ANSWER, Example
from .got import Got

MOST_LINES = 100  # at the head and at the tail of what a diff shows of an example
STACK = "  ..."  # what stands in a file for the lines of a traceback


def rewritten(
    transcript: Transcript, played: list[tuple[Example, Got]], flags: int, whole: bool
) -> str:
    """`whole`: for a person to see, all tracebacks and problems included; else for the file, where
    only what is expected may change."""
    lines = transcript.text.split("\n")
    for example, got in reversed(played):
        if fits(example, got, flags) or not (whole or may_be_updated(example, got)):
            continue
        begin = example.want_begin
        margin = " " * example.indent
        new = [margin + line if line else line for line in shown(example, got, flags, whole)]
        lines[begin : begin + len(example.want_lines)] = new
    return "\n".join(lines)


def may_be_updated(example: Example, got: Got) -> bool:
    return not got.problem and example.kind != "plain" and wanted(example)[1] == got.answers


def shown(example: Example, got: Got, flags: int = 0, whole: bool = False) -> list[str]:
    """What came, in the lines of a transcript. Patterns that fit their line stay."""
    flags = example.flags(flags)
    lines: list[str] = []
    wants = [text.split("\n")[:-1] for text in wanted(example)[0]]
    wants += [[]] * len(got.texts)
    for number, text in enumerate(got.texts):
        answered = number < len(got.answers)
        shown_lines = (text.rstrip() if answered else text).split("\n")
        if shown_lines[-1] == "":
            shown_lines.pop()
        patterns = [line for line in wants[number] if _is_pattern(line, example)]
        for line in shown_lines:
            lines.append(_kept(line, patterns, flags) or _escaped(example, line, not lines))
        lines += got.answers[number : number + 1]
    if whole:
        want = [line for line in example.want_lines if not ANSWER.fullmatch(line)]
        lines = _shortened(_aligned(lines, want, flags) if example.loose else lines)
    lines += _traceback(example, got, flags, whole)
    if whole and got.problem:
        lines += got.problem.rstrip("\n").split("\n")
    return lines


def _aligned(lines: list[str], want: list[str], flags: int) -> list[str]:
    """Lines of `...` that stand for what came stay, up to the first line that differs."""
    kept: list[str] = []
    at = 0
    for number, line in enumerate(want):
        if line.strip() == "..." and number + 1 < len(want):
            following = want[number + 1]
            until = next(
                (n for n in range(at, len(lines)) if line_fits(following, lines[n], flags)), -1
            )
            if until < 0:
                break
            at = until
        elif at < len(lines) and line_fits(line, lines[at], flags):
            at += 1
        else:
            break
        kept.append(line)
    return kept + lines[at:]


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= 2 * MOST_LINES:
        return lines
    left_out = len(lines) - 2 * MOST_LINES
    return [*lines[:MOST_LINES], f"[{left_out} lines are left out]", *lines[-MOST_LINES:]]


def _is_pattern(line: str, example: Example) -> bool:
    if expression(line) is not None:
        return example.loose
    return "..." in line and line.strip() != "..."


def _kept(line: str, patterns: list[str], flags: int) -> str | None:
    for number, pattern in enumerate(patterns):
        if line_fits(pattern, line, flags):
            del patterns[: number + 1]
            return pattern
    return None


def _escaped(example: Example, line: str, first: bool) -> str:
    """A line of output that would mean something else in a file."""
    if example.kind == "notebook":
        return line
    if not line:
        return "<BLANKLINE>"
    if not example.loose:
        return line
    if (
        not line.strip()
        or line.startswith(">>>")
        or ANSWER.fullmatch(line)
        or (first and line.startswith("..."))
    ):
        return f"/{re.escape(line)}/".replace("\\ ", " ").replace("\\<", "<")
    return line


def _traceback(example: Example, got: Got, flags: int, whole: bool) -> list[str]:
    if error_of(example, got) is None or got.error is None:
        return []
    if whole:
        if as_expected := traceback_fits(example, got.error, flags):
            return as_expected
        return (got.traceback or got.error).rstrip("\n").split("\n")
    message = got.error.rstrip("\n").split("\n")
    return ["Traceback (most recent call last):", STACK, *message]


def difference(transcript: Transcript, played: list[tuple[Example, Got]], flags: int) -> str:
    name = transcript.label
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            _lines(transcript.text),
            _lines(rewritten(transcript, played, flags, whole=True)),
            name,
            f"{name} (played)",
        )
    )


def _lines(text: str) -> list[str]:
    """Those of a file: `splitlines` also cuts at characters that may stand in output."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + [rest] * bool(rest)
