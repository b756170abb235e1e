"""A program as `python3` runs it: a file, `-c`, `-m`, `-`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import frames
from ..typed import WRAPPER
from .terminal import Terminal, exit_status

# As at the end of a script: executors are told to end, threads that are no daemons waited for.
JOIN = """def join():
    import threading
    for each in reversed(getattr(threading, "_threading_atexits", [])):
        each()
    for each in threading.enumerate():
        if each is not threading.main_thread() and not each.daemon:
            each.join()
join()
"""
_AS_MODULE = "__import__('runpy')._run_module_as_main({!r})"
_AS_DIRECTORY = "__import__('runpy')._run_module_as_main('__main__', False)"


class Program(NamedTuple):
    """The code, and what is around it when it begins."""

    code: str
    filename: str
    argv: Sequence[str]
    folder: str  # sys.path[0]
    file: str | None = None  # __file__

    @property
    def preparation(self) -> str:
        lines = [
            f"__import__('sys').argv[:] = {list(self.argv)!r}",
            f"__import__('sys').path[:1] = [{self.folder!r}]",
        ]
        if self.file is not None:
            lines.append(f"__file__ = {self.file!r}")
        return "\n".join(lines)


def of_file(name: str, arguments: Sequence[str], folder: Path = Path()) -> Program:
    import zipfile  # noqa: PLC0415  # the prompt has no file

    path = (folder / name).absolute()
    argv = [name, *arguments]
    if path.is_dir() or zipfile.is_zipfile(path):  # what it holds as __main__
        return Program(_AS_DIRECTORY, WRAPPER, argv, str(path))
    return Program(_source(path), str(path), argv, str(path.resolve().parent), str(path))


def of_code(code: str, arguments: Sequence[str]) -> Program:
    return Program(code, "<string>", ["-c", *arguments], "")


def of_module(name: str, arguments: Sequence[str]) -> Program:
    return Program(_AS_MODULE.format(name), WRAPPER, ["-m", *arguments], os.getcwd())


def of_input() -> Program:
    return Program(sys.stdin.read(), "<stdin>", ["-"], "")


def _source(path: Path) -> str:
    import tokenize  # noqa: PLC0415  # few need it

    try:
        with tokenize.open(path) as file:  # its encoding is what it says
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise OSError(f"{path}: {error}") from None


def functions_of(name: str) -> dict[str, Callable[..., Any]]:
    """Those that a file defines and does not hide, or that its `__all__` names."""
    import importlib.util  # noqa: PLC0415  # few need it
    import inspect  # noqa: PLC0415

    path = Path(name).absolute()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise OSError(f"{name}: no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    members = vars(module)
    names = members.get("__all__") or [
        each
        for each, value in members.items()
        if inspect.isfunction(value) and value.__module__ == path.stem and each[0] != "_"
    ]
    return {each: members[each] for each in names}


def surroundings() -> dict[str, str]:
    """The size of the terminal, for who asks the environment."""
    if not sys.stdout.isatty():
        return {}
    size = shutil.get_terminal_size()
    return {"COLUMNS": str(size.columns), "LINES": str(size.lines)}


def at_terminal() -> str:
    """What makes the session's streams say that they are a terminal's, as ours are."""
    streams = [n for n in ("stdin", "stdout", "stderr") if getattr(sys, n).isatty()]
    return "\n".join(f"__import__('sys').{each}.isatty = lambda: True" for each in streams)


def run(terminal: Terminal, program: Program) -> int:
    terminal.run(program.preparation, silent=True)
    end = terminal.run(program.code, filename=program.filename)
    last = terminal.run(JOIN, silent=True)
    if isinstance(end, frames.Result) and isinstance(last, frames.Error):
        return exit_status(last)
    return exit_status(end)
