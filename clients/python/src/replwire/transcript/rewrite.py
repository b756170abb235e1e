"""The file as it would be if it expected what came."""

from __future__ import annotations

import difflib
import re

from .compare import expression, fits, line_fits, wanted
from .file import Transcript
from .format import ANSWER, Example
from .got import Got

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
    lines += _traceback(example, got, flags, whole)
    if whole and got.problem:
        lines += got.problem.rstrip("\n").split("\n")
    return lines


def _is_pattern(line: str, example: Example) -> bool:
    if expression(line) is not None:
        return example.kind == "transcript"
    return "..." in line and line.strip() != "..."


def _kept(line: str, patterns: list[str], flags: int) -> str | None:
    for number, pattern in enumerate(patterns):
        if line_fits(pattern, line, flags):
            del patterns[: number + 1]
            return pattern
    return None


def _escaped(example: Example, line: str, first: bool) -> str:
    """A line of output that would mean something else in a file."""
    if not line:
        return "<BLANKLINE>"
    if example.kind != "transcript":
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
    if got.error is None:
        return []
    if whole:
        return (got.traceback or got.error).rstrip("\n").split("\n")
    message = got.error.rstrip("\n").split("\n")
    return ["Traceback (most recent call last):", STACK, *message]


def difference(transcript: Transcript, played: list[tuple[Example, Got]], flags: int) -> str:
    name = str(transcript.path)
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
