"""What a transcript says: its examples, each with its code, its answers and what is expected."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

# transcript: answers and regular expressions mean something; program: the same, of a line `$ FILE`;
# doctest: what doctest makes of it; notebook: a cell; plain: code which only has to run.
Kind = Literal["transcript", "program", "doctest", "notebook", "plain"]

CALL = re.compile(r"@ call (?P<call>.*)")  # of a function of the client's, with its answer
ANSWER = re.compile(r"<(?: (?P<text>.*)|(?P<key>\^[CD])|)|@ call .*")
PROGRAM = re.compile(r"(?P<indent> *)\$ (?P<line>\S.*)")
POINTS = re.compile(r"[ \t]*#[ \t]*points:[ \t]*(?P<points>\d+(?:\.\d+)?)[ \t]*$", re.M)
DEFAULTS = {
    "transcript": doctest.ELLIPSIS,
    "program": doctest.ELLIPSIS,
    "doctest": 0,
    "notebook": 0,
    "plain": 0,
}


@dataclass(frozen=True)
class Example:
    source: str
    want: str  # the lines below the code, answers included
    line: int  # of the code's first line, from 0
    want_begin: int  # the line behind the code
    indent: int = 0
    kind: Kind = "transcript"
    options: dict[int, bool] = field(default_factory=dict[int, bool])
    exc_msg: str | None = None  # as doctest reads it
    after_reset: bool = False  # in a clean `__main__`

    @property
    def loose(self) -> bool:
        """Whether answers and regular expressions mean something."""
        return self.kind in ("transcript", "program")

    @property
    def points(self) -> float:
        """What it counts: `# points: 2` behind the code."""
        said = POINTS.search(self.source)
        return 1.0 if said is None else float(said["points"])

    @property
    def want_lines(self) -> list[str]:
        return self.want.split("\n")[:-1]

    def flags(self, others: int = 0) -> int:
        flags = others | DEFAULTS[self.kind]
        for flag, on in self.options.items():
            flags = flags | flag if on else flags & ~flag
        return flags


def parse(text: str, kind: Kind = "transcript") -> list[Example]:
    """doctest's own parser says where the examples are. It expands tabs; what they are in the file
    is taken from there again."""
    lines = text.split("\n")
    found = [_of_doctest(each, lines, kind) for each in doctest.DocTestParser().get_examples(text)]
    if kind == "transcript":
        found += _programs(lines, found)
    return sorted(found, key=lambda example: example.line)


def _programs(lines: list[str], others: list[Example]) -> Iterator[Example]:
    """The lines `$ FILE ARG...` that belong to no other example."""
    taken = {n for each in others for n in range(each.line, each.want_begin + len(each.want_lines))}
    number = 0
    while number < len(lines):
        line = PROGRAM.fullmatch(lines[number])
        begin = number = number + 1
        if line is None or begin - 1 in taken:
            continue
        indent = len(line["indent"])
        while number < len(lines) and number not in taken and lines[number].strip():
            if PROGRAM.fullmatch(lines[number]):
                break
            number += 1
        want = "".join(each[indent:] + "\n" for each in lines[begin:number])
        yield Example(line["line"], want, begin - 1, begin, indent, "program")


def _of_doctest(found: doctest.Example, lines: list[str], kind: Kind) -> Example:
    code_ends = found.lineno + 1  # `source` says nothing of an empty `...` at its end
    while lines[code_ends : code_ends + 1] and lines[code_ends].lstrip().startswith("..."):
        code_ends += 1
    code = lines[found.lineno : code_ends]
    expected = lines[code_ends : code_ends + found.want.count("\n")]
    source, want = found.source, found.want
    if "\t" not in "".join(line[: found.indent] for line in [*code, *expected]):
        source = "".join(line[found.indent + 4 :] + "\n" for line in code)
        if kind == "transcript":  # doctest compares with its tabs expanded
            want = "".join(line[found.indent :] + "\n" for line in expected)
    return Example(
        source,
        want,
        found.lineno,
        code_ends,
        found.indent,
        kind,
        dict(found.options),
        found.exc_msg,
    )
