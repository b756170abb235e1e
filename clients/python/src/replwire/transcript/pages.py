"""Which examples a file holds, by what kind of file it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .format import Example, Kind, parse

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})[ \t]*(?P<word>[\w.+-]*)[^`\n]*$")
TEXTS = {"", ".txt", ".rst", ".doctest", ".text", ".adoc"}
PYTHON = {"python", "python3", "py", "py3", "pycon", "python-repl", "doctest"}


def examples_of(path: Path, text: str) -> list[Example]:
    if path.suffix == ".replwire":
        return parse(text)
    if path.suffix in (".md", ".markdown"):
        return [example for block in _blocks(text) for example in _of_block(*block)]
    if path.suffix == ".py":
        return _of_module(path, text)
    if path.suffix not in TEXTS:
        known = ", ".join(sorted({".replwire", ".md", ".markdown", ".py", ".ipynb", *TEXTS} - {""}))
        raise ValueError(f"of a kind that is not played; those that are: {known}")
    return parse(text, "doctest")


def _blocks(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """The fenced blocks of Markdown: language, number of the first line, lines."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        number += 1
        if fence is None:
            continue
        first, marks = number, fence["marks"]
        closing = re.compile(rf" *{marks[0]}{{{len(marks)},}}[ \t]*$")
        while number < len(lines) and not closing.match(lines[number]):
            number += 1
        yield fence["word"].lower(), first, lines[first:number]
        number += 1


def _of_block(language: str, first: int, lines: list[str]) -> list[Example]:
    text = "\n".join([*lines, ""])
    kind: Kind = "transcript" if language == "replwire" else "doctest"
    if language not in PYTHON and kind == "doctest":
        return []
    if kind == "transcript" or re.search(r"^ *>>>( |$)", text, re.M):
        return [_moved(each, first) for each in parse(text, kind)]
    indent = min((len(each) - len(each.lstrip()) for each in lines if each.strip()), default=0)
    source = "".join(each[indent:] + "\n" for each in lines)
    ends = first + len(lines)
    return [Example(source, "", first, ends, indent, "plain")] if source.strip() else []


def _of_module(path: Path, text: str) -> list[Example]:
    """The docstrings of a module, each in a `__main__` where the module's own code has run."""
    module = f"__name__, __file__ = {path.stem!r}, {str(path.absolute())!r}\n"
    run = f"{module}exec(compile({text!r}, __file__, 'exec'))\n"
    examples: list[Example] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        found = parse(ast.get_docstring(node, clean=False) or "", "doctest")
        if found:
            first = node.body[0].lineno - 1
            examples.append(Example(run, "", first, first, kind="plain", after_reset=True))
            examples += [_moved(each, first) for each in found]
    return examples


def _moved(example: Example, lines: int) -> Example:
    return replace(example, line=example.line + lines, want_begin=example.want_begin + lines)
