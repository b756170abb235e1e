"""Code as if it were typed at the interactive interpreter."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def as_typed(code: str, filename: str = "<stdin>", first_line: int = 1) -> str:
    """The interactive interpreter shows the value of every expression statement, `execute` that of
    the last one: code for which this makes a difference is compiled as the former does."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):  # the session says what is wrong with it
        return code
    shown = [each for each in _at_top(body) if isinstance(each, ast.Expr)]
    if all(each is body[-1] for each in shown) or _awaits(body):
        return code
    text = "\n" * (first_line - 1) + code
    tree = f"__import__('ast').Interactive(__import__('ast').parse({text!r}).body)"
    return f"exec(compile({tree}, {filename!r}, 'single'))"


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
