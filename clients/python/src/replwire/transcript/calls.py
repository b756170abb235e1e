"""Calls of the client's functions in a transcript: `@ call search('x') -> {"hits": 1}`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import frames
from .compare import line_fits, wanted
from .format import CALL, Example

# `call f(1) -> 2`, or `call f(1) raises LookupError: no such thing`; `await` before the name of an
# async function.
_LINE = re.compile(
    r"(?P<await>await )?(?P<call>(?P<name>\w+)\(.*\)) "
    r"(?:-> (?P<data>.*)|raises (?P<type>\w+)(?:: (?P<message>.*))?)"
)


@dataclass(frozen=True)
class Expected:
    """A call that a line expects, and its answer."""

    name: str
    text: str  # of the call
    is_async: bool
    value: Any  # what it returns, or the exception that it raises


class BadLine(ValueError):
    """A line that begins like an expected call, and is none."""


def expected(line: str) -> Expected | None:
    """None: the line is no `@ call`."""
    said = CALL.fullmatch(line)
    if said is None:
        return None
    found = _LINE.fullmatch(said["call"])
    if found is None:
        raise BadLine(
            f"{line!r}: not of the form `@ call f(1) -> 2` or `@ call f(1) raises E: text`"
        )
    if found["type"]:
        value = type(found["type"], (Exception,), {})(found["message"] or "")
    else:
        try:
            value = json.loads(found["data"])
        except ValueError as error:
            raise BadLine(f"{line!r}: what stands behind -> is not JSON: {error}") from None
    return Expected(found["name"], _normal(found["call"]), bool(found["await"]), value)


def rendered(call: frames.Call) -> str:
    """As the code could have written it."""
    parts = [repr(each) for each in call.args]
    parts += [f"{name}={value!r}" for name, value in call.kwargs.items()]
    return f"{call.name}({', '.join(parts)})"


def _normal(text: str) -> str:
    """The same with its arguments as Python writes them, where they are literals."""
    if "..." in text:
        return text
    try:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        parts = [repr(_plain(each)) for each in call.args]
        parts += [f"{each.arg}={_plain(each.value)!r}" for each in call.keywords if each.arg]
    except (ValueError, TypeError, SyntaxError, AssertionError):
        return text
    return f"{text.partition('(')[0]}({', '.join(parts)})"


def _plain(node: ast.expr) -> Any:
    return json.loads(json.dumps(ast.literal_eval(node)))


def fits(want: Expected, call: frames.Call, flags: int) -> bool:
    return line_fits(want.text, rendered(call), flags)


def functions(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """What has to be offered for these, as the frame `functions` has it."""
    found: dict[str, bool] = {}
    for example in examples:
        for line in wanted(example)[1]:
            try:
                want = expected(line)
            except BadLine:  # the example says so when it is played
                continue
            if want is not None:
                found[want.name] = found.get(want.name, False) or want.is_async
    return [{"name": name, "is_async": is_async} for name, is_async in found.items()]
