"""Code as if it were typed at the interactive interpreter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

WRAPPER = "<typed>"
_WRAPPED = re.compile(rf'^  File "{WRAPPER}", .*\n(?:    .*\n)*', re.M)
# Its lines are made known, as `execute` does for its own code, under a name that is no file's: what
# is on the disk has the marks of a transcript.
_NAME = "<typed {}>"
_NAMED = re.compile(r'(File "|^)<typed (.*?)>(?=", line |:\d+: )', re.M)
_RUN = """def __typed__(name, text):
    import ast, linecache
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    return compile(ast.Interactive(ast.parse(text).body), name, "single")
exec(globals().pop("__typed__")({name!r}, {text!r}))
"""


class Typed(NamedTuple):
    """What is executed, and where its first line stands."""

    code: str
    filename: str
    first_line: int


def as_typed(code: str, filename: str, first_line: int = 1) -> Typed:
    """The interactive interpreter shows the value of every expression statement, `execute` that of
    the last one: code for which this makes a difference is compiled as the former does."""
    typed = Typed(code, filename, first_line)
    try:
        body = ast.parse(code).body
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # the session says what is wrong with it
        return typed
    shown = [each for each in _at_top(body) if isinstance(each, ast.Expr)]
    if all(each is body[-1] for each in shown) or _awaits(body):
        return typed
    text = "\n" * (first_line - 1) + code
    return Typed(_RUN.format(name=_NAME.format(filename), text=text), WRAPPER, 1)


def without_wrapper(traceback: str) -> str:
    return _NAMED.sub(r"\1\2", _WRAPPED.sub("", traceback))


def _at_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of the session itself: those in `if` and `for`, not those of functions."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, (ast.ExceptHandler, ast.match_case)):
                yield from _at_top(child.body)
            elif isinstance(child, ast.stmt):
                yield from _at_top([child])


def _awaits(body: list[ast.stmt]) -> bool:
    kinds = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.comprehension)
    nodes = (node for each in body for node in ast.walk(each) if isinstance(node, kinds))
    return any(not isinstance(node, ast.comprehension) or node.is_async for node in nodes)
