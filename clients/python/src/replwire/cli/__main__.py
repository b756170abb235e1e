"""replwire-cli: runs code and files in a session, or talks with one."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path

from .. import frames
from ..errors import ReplwireError, SessionDied
from ..sync import Session
from .prompt import open_prompt
from .repl import converse
from .screen import Screen
from .terminal import Terminal, exit_status, read_answer, status_of_death

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


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(
        prog="replwire-cli",
        description="Runs Python code in a replwire session. Without a command: a prompt.",
    )
    program.add_argument(
        "--server", metavar="COMMAND", help="starts the server: 'ssh worker1 replwire' (replwire)"
    )
    program.add_argument("--python", metavar="PATH", help="the interpreter or venv to run in")
    program.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    commands = program.add_subparsers(dest="command", metavar="COMMAND")
    execute = commands.add_parser("exec", help="run code, show the value of its last expression")
    execute.add_argument("code", metavar="CODE")
    run = commands.add_parser("run", help="run a file as python3 would")
    run.add_argument("file", metavar="FILE.py")
    run.add_argument("args", nargs=argparse.REMAINDER, metavar="ARG", help="sys.argv[1:]")
    commands.add_parser("prompt", help="an interactive prompt (the default)")
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    screen = Screen(options.color, values=options.command != "run")
    try:
        return _main(options, screen)
    except SessionDied as death:
        if death.fatal is None or death.fatal.reason != "exit":
            screen.complain(str(death))
        return status_of_death(death)
    except BrokenPipeError:  # whoever read what it prints has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ReplwireError, OSError) as error:
        screen.complain(f"replwire-cli: {error}")
        return 2
    except KeyboardInterrupt:
        return 130


def _main(options: argparse.Namespace, screen: Screen) -> int:
    code = _source(Path(options.file)) if options.command == "run" else ""
    with open_session(options.server, options.python, screen) as session:
        terminal = Terminal(session, screen)
        if options.command == "exec":
            return exit_status(terminal.run(options.code, filename="<string>"))
        if options.command == "run":
            return _run(terminal, code, options.file, options.args)
        return converse(terminal, open_prompt(session, screen.color))


def open_session(server: str | None, python: str | None, screen: Screen) -> Session:
    return Session(
        shlex.split(server) if server else None,
        python=python,
        on_input=lambda question: read_answer(question, question.password),
        on_event=screen.show,
        apart=True,
    )


def _source(path: Path) -> str:
    try:
        with tokenize.open(path) as file:  # its encoding is what it says
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise OSError(f"{path}: {error}") from None


def _run(terminal: Terminal, code: str, file: str, arguments: list[str]) -> int:
    path = Path(file).absolute()
    terminal.run(
        f"__import__('sys').argv[:] = {[file, *arguments]!r}\n"
        f"__import__('sys').path[:1] = [{str(path.resolve().parent)!r}]\n"
        f"__file__ = {str(path)!r}",
        silent=True,
    )
    end = terminal.run(code, filename=str(path))
    last = terminal.run(JOIN, silent=True)
    if isinstance(end, frames.Result) and isinstance(last, frames.Error):
        return exit_status(last)
    return exit_status(end)


if __name__ == "__main__":
    sys.exit(main())
