"""What code printed, as a reader without a terminal should see it: a terminal's last state of each
line, and of too many lines the first and the last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

# An escape sequence: of control (the first two groups are its parameters and its final letter), of
# the kinds that carry a text, any other; and what was cut off.
_ESCAPE = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\Z)"
    r"|\x1b\[[0-?]*\Z"
    r"|\x1b[ -/]*[0-~]"
    r"|\x1b"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOVE = re.compile(r"(\r|\x08|\x1b\[[0-?]*[ -/]*K)")


def plain(text: str) -> str:
    """One line as a terminal shows it in the end: `\\r` and `\\b` go back, what comes next is
    written over what stands there, and colours are gone."""
    if text.isprintable():
        return text
    text = _ESCAPE.sub(lambda found: found[0] if found[2] == "K" else "", text.rstrip("\r"))
    if _MOVE.search(text) is None:
        return _CONTROL.sub("", text)
    line: list[str] = []
    at = 0
    for part in _MOVE.split(text):
        if part == "\r":
            at = 0
        elif part == "\x08":
            at = max(at - 1, 0)
        elif part.endswith("K") and part.startswith("\x1b"):
            _erase(line, at, part)
        else:
            written = _CONTROL.sub("", part)
            line += " " * (at - len(line))
            line[at : at + len(written)] = written
            at += len(written)
    return "".join(line).rstrip(" ") if "\x1b" in text else "".join(line)


def _erase(line: list[str], at: int, sequence: str) -> None:
    if "2" in sequence:
        line.clear()
    elif "1" in sequence:
        line[:at] = " " * min(at, len(line))
    else:
        del line[at:]


def plain_lines(text: str) -> str:
    """The same of any number of lines."""
    if "\x1b" not in text and "\r" not in text and _CONTROL.search(text) is None:
        return text
    return "\n".join(plain(line) for line in text.split("\n"))


def size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class Cut(NamedTuple):
    """What was left out, in bytes of the stream as it was written."""

    offset: int
    bytes: int


class Piece(NamedTuple):
    """A line or a part of one; one that was left out by the server has no text."""

    text: str | None
    begin: int
    end: int


@dataclass
class Stream:
    """What came of one stream, from byte `start` on. A part that is a number is that many bytes
    which the server has left out."""

    start: int = 0
    parts: list[str | int] = field(default_factory=list[str | int])

    def add(self, text: str) -> None:
        self.parts.append(text)

    def skip(self, omitted: int) -> None:
        self.parts.append(omitted)

    def forget(self) -> None:
        """It has been told, or cleared; what comes next is counted on."""
        self.start += sum(each if isinstance(each, int) else size(each) for each in self.parts)
        self.parts.clear()

    def pieces(self, longest: int) -> Iterator[Piece]:
        at = self.start
        begun: list[str] = []
        for part in [*self.parts, 0]:
            if isinstance(part, str):
                begun.append(part)
                continue
            for raw, text in _shown("".join(begun), longest):
                yield Piece(text, at, at := at + size(raw))
            begun.clear()
            if part:
                yield Piece(None, at, at := at + part)


def _shown(text: str, longest: int) -> Iterator[tuple[str, str]]:
    """As it was written, and as it is shown. A long line is cut into parts, unless it was written
    over: then no part of what is shown has a place of its own."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    for raw in lines:
        shown = plain(raw[:-1]) + "\n" if raw.endswith("\n") else plain(raw)
        if shown != raw:
            yield raw, shown
        else:
            for at in range(0, len(raw), longest):
                yield raw[at : at + longest], raw[at : at + longest]


class Fitted(NamedTuple):
    head: str
    cut: Cut | None = None
    tail: str = ""

    def text(self, note: str) -> str:
        """With a note, a line of its own, in the place of what was left out."""
        if self.cut is None:
            return self.head
        newline = "" if not self.head or self.head.endswith("\n") else "\n"
        return f"{self.head}{newline}{note}\n{self.tail}"


def fitted(stream: Stream, budget: int) -> Fitted:
    """At most so many characters of it: as many of the beginning as of the end."""
    pieces = list(stream.pieces(max(budget // 8, 1)))
    texts = [piece.text for piece in pieces if piece.text is not None]
    if len(texts) == len(pieces) and sum(map(len, texts)) <= budget:
        return Fitted("".join(texts))
    head = _that_fit(pieces, budget // 2)
    tail = _that_fit(pieces[: len(head) - 1 if head else None : -1], budget - budget // 2)
    left = pieces[len(head) : len(pieces) - len(tail)]
    cut = Cut(left[0].begin, left[-1].end - left[0].begin)
    return Fitted("".join(head), cut, "".join(reversed(tail)))


def _that_fit(pieces: list[Piece], room: int) -> list[str]:
    texts: list[str] = []
    for piece in pieces:
        if piece.text is None or len(piece.text) > room:
            break
        texts.append(piece.text)
        room -= len(piece.text)
    return texts
