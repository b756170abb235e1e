"""replwire-cli: runs code and files in a session, or talks with one."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ReplwireError, SessionDied
from ..process import find_server
from ..sync import Session
from ..usage import Parser
from ..version import VERSION
from . import program as programs
from .commands import Commands, python
from .prompt import early_prompt, open_prompt
from .repl import converse
from .resume import is_name, resumed
from .screen import Screen
from .terminal import Terminal, exit_status, read_answer, status_of_death

USAGE = """replwire-cli [OPTIONS] [FILE.py [ARG...] | -c CODE [ARG...] | -m MODULE [ARG...] | -]
       replwire-cli [OPTIONS] exec CODE | run FILE.py [ARG...] | prompt"""
EPILOG = """commands:
  FILE.py, -c, -m, -  run a program as python3 would
  exec CODE           run code, show the value of its last expression
  run FILE.py         the same as FILE.py; `--functions TOOLS.py` may stand behind it
  prompt              an interactive prompt (the default)

exit status: that of the program; 1 after an exception, 2 for wrong usage or a server that does
not start, 130 after Ctrl-C, 128 + N when signal N killed the session.

environment: REPLWIRE is the server's command; VIRTUAL_ENV, else CONDA_PREFIX, else a .venv in the
working directory or above it is the Python that runs the code, unless --python says otherwise;
NO_COLOR turns colours off.

files: the history of the prompt is kept in $XDG_STATE_HOME/replwire/history (~/.local/state), what
--resume NAME keeps in replwire/sessions there."""


def parser() -> Parser:
    program = Parser(
        prog="replwire-cli",
        usage=USAGE,
        description="Runs Python code in a replwire session. Without a command: a prompt.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    program.add_argument("--version", action="version", version=f"replwire-cli {VERSION}")
    program.add_argument(
        "--server", metavar="COMMAND", help="starts the server: 'ssh worker1 replwire' (replwire)"
    )
    program.add_argument("--python", metavar="PATH", help="the interpreter or venv to run in")
    program.add_argument(
        "--functions", metavar="FILE.py", help="offers its functions to the code, as module `host`"
    )
    program.add_argument(
        "--resume", metavar="NAME", help="the prompt of a session that is kept under this name"
    )
    program.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    program.add_argument(
        "--no-survive", action="store_true", help="at the prompt: a crash ends the session"
    )
    rest = argparse.REMAINDER
    program.add_argument("-c", dest="code", nargs=rest, help=argparse.SUPPRESS)
    program.add_argument("-m", dest="module", nargs=rest, help=argparse.SUPPRESS)
    program.add_argument("words", nargs=rest, help=argparse.SUPPRESS)
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    line = parser()
    options = line.parse_args(arguments)
    command = _command(line, options)
    if options.resume is not None and (command != "prompt" or not is_name(options.resume)):
        line.error("--resume NAME: at the prompt, and letters, digits, '.', '-' and '_'")
    screen = Screen(options.color, values=command in ("exec", "prompt"))
    try:
        if command == "prompt":
            return _prompt(options, screen)
        return _run(options, command, screen)
    except SessionDied as death:
        if death.fatal is None and death.exit_status == 2:  # it did not start, and said why
            screen.complain(f"replwire-cli: {death.stderr or death}")
        elif death.fatal is None or death.fatal.reason != "exit":
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


def _command(line: Parser, options: argparse.Namespace) -> str:
    """Its name, `program` for what python3 runs as well; the words behind it are left."""
    for given, missing in ((options.code, "-c CODE"), (options.module, "-m MODULE")):
        if given is not None:
            given.extend(options.words)
            if not given:
                line.error(f"{missing}: it is missing")
            return "program"
    words: list[str] = options.words
    if not words or words[0] == "prompt":
        return "prompt"
    if words[0] in ("exec", "run"):
        command = words.pop(0)
        if not words:
            line.error(f"{command} {'CODE' if command == 'exec' else 'FILE.py'}: it is missing")
        if command == "run" and words[1:2] == ["--functions"] and words[2:]:
            options.functions = words[2]
            del words[1:3]
        return command if command == "exec" else "program"
    return "program"


def _program(options: argparse.Namespace) -> programs.Program:
    if options.code is not None:
        return programs.of_code(options.code[0], options.code[1:])
    if options.module is not None:
        return programs.of_module(options.module[0], options.module[1:])
    if options.words[0] == "-":
        return programs.of_input()
    return programs.of_file(options.words[0], options.words[1:])


def _run(options: argparse.Namespace, command: str, screen: Screen) -> int:
    program = _program(options) if command == "program" else None
    functions = programs.functions_of(options.functions) if options.functions else None
    with open_session(
        options.server, options.python, screen, env=programs.surroundings(), functions=functions
    ) as session:
        terminal = Terminal(session, screen)
        if streams := programs.at_terminal():
            terminal.run(streams, silent=True)
        if program is None:
            return exit_status(terminal.run(options.words[0], filename="<string>"))
        return programs.run(terminal, program)


def _prompt(options: argparse.Namespace, screen: Screen) -> int:
    person = sys.stdin.isatty() and sys.stdout.isatty()
    functions = programs.functions_of(options.functions) if options.functions else None
    survive = ["--survive"] if person and not options.no_survive else []
    with open_session(
        options.server,
        options.python,
        screen,
        args=survive,
        env=programs.surroundings(),
        functions=functions,
    ) as session:
        terminal = Terminal(session, screen)
        if not person:
            with resumed(options.resume, session, screen):
                return converse(terminal, open_prompt(terminal), Commands(terminal))
        screen.remark(banner(session, bool(survive)))
        with resumed(options.resume, session, screen), early_prompt(screen) as settle:
            terminal.run(programs.at_terminal(), silent=True)
            prompt = open_prompt(terminal, options.resume or "", settle)
            screen.write_prompt("\r")  # the editor's own takes its place
            return converse(terminal, prompt, Commands(terminal))


def banner(session: Session, survives: bool) -> str:
    more = "; a crash costs one execution" if survives else ""
    return (
        f"{python(session.ready)}, replwire {session.ready.server.version}{more}\n"
        ":help for the prompt's own commands, ?name for documentation, Ctrl-D to leave"
    )


def open_session(
    server: str | None,
    python: str | None,
    screen: Screen,
    *,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Session:
    return Session(
        shlex.split(server) if server else find_server(same_python=False),
        python=python,
        args=args,
        env=env,
        on_input=lambda question: read_answer(question, question.password),
        functions=functions,
        on_event=screen.show,
        apart=True,
    )


if __name__ == "__main__":
    sys.exit(main())
