"""replwire-mcp: Python sessions for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ReplwireError
from ..process import find_server
from ..usage import Parser, split
from ..version import VERSION

if TYPE_CHECKING:
    from .sessions import Options

USAGE = """replwire-mcp [OPTIONS] [-- REPLWIRE-OPTIONS]
       replwire-mcp install CLIENT [--write]"""
DESCRIPTION = """Serves Python sessions to a client of the Model Context Protocol, over standard
input and output. Variables last from call to call, and survive crashes, time-outs and endless
loops. With `install` it says how a client is told of it."""
EPILOG = """What follows `--` goes to the server of the sessions: replwire-mcp -- --memory-limit 4G

environment: REPLWIRE is that server's command; VIRTUAL_ENV, else CONDA_PREFIX, else a .venv in the
working directory or above it is the Python that runs the code, unless --python says otherwise."""
FENCES = ("workspace", "read-only", "none")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parser() -> Parser:
    program = Parser(
        prog="replwire-mcp",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = program.add_argument
    add("--version", action="version", version=f"replwire-mcp {VERSION}")
    add("--server", metavar="COMMAND", help="starts the server of a session (replwire)")
    add("--python", metavar="PATH", help="the interpreter or venv that runs the code")
    add("--cwd", metavar="DIR", default=".", help="where the code runs (.)")
    add(
        "--sandbox", metavar="KIND", choices=FENCES,
        help="workspace: the code writes below --cwd only, and has no network (the default, where "
        "the server has a sandbox); read-only; none",
    )  # fmt: skip
    add("--timeout", metavar="TIME", type=seconds, default=120.0,
        help="interrupt code that runs longer, unless the call says otherwise (120; 0: none)",
    )  # fmt: skip
    add("--sessions", metavar="N", type=positive, default=16, help="most sessions at once (16)")
    add("--idle-exit", metavar="TIME", type=seconds, default=0.0,
        help="end a session that nobody has used for so long (never)",
    )  # fmt: skip
    add("--output-chars", metavar="N", type=positive, default=16_000,
        help="of an execution's output, tell no more than so many characters (16000)",
    )  # fmt: skip
    add("--image-size", metavar="PIXELS", type=positive, default=1568,
        help="make larger pictures smaller (1568)",
    )  # fmt: skip
    add("--images", metavar="N", type=positive, default=8,
        help="show no more of one execution's displays (8)",
    )  # fmt: skip
    add("--record", metavar="DIR", help="keep a recording of each session there")
    add("--with", metavar="NAME=COMMAND", dest="others", type=other, action="append", default=[],
        help="start another server of the protocol: the code can call its tools, as host.NAME_TOOL",
    )  # fmt: skip
    add("--confirm", action="store_true", help="ask the person before each such call")
    return program


def other(text: str) -> tuple[str, str]:
    name, equals, command = text.partition("=")
    if not name.isidentifier() or not equals or not command.strip():
        raise argparse.ArgumentTypeError(f"must be NAME=COMMAND, not {text}")
    return name, command


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def seconds(text: str) -> float:
    """As the server has it: a number, or one with ms, s, m or h."""
    for unit in ("ms", "s", "m", "h"):
        number = text[: -len(unit)]
        if text.endswith(unit) and number.replace(".", "", 1).isdigit():
            return float(number) * UNITS[unit]
    number_of = float(text)
    if not 0 <= number_of <= 1e9:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number_of


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["install"]:
            from .install import main as install  # noqa: PLC0415

            return install(words[1:])
        words, more = split(words)
        chosen = parser().parse_args(words)
        options, fence = _options(chosen, more)
        return _serve(options, fence)
    except (ReplwireError, OSError) as error:
        print(f"replwire-mcp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _options(chosen: argparse.Namespace, more: list[str]) -> tuple[Options, str]:
    from .sessions import Options  # noqa: PLC0415

    command = shlex.split(chosen.server) if chosen.server else find_server(same_python=False)
    fence = _fence(command, chosen.sandbox)
    arguments = ["--survive", "--survive-level", "fast", "--timeout", str(chosen.timeout)]
    arguments += ["--cwd", str(chosen.cwd)]
    if fence != "none":
        arguments += ["--sandbox", fence]
    if chosen.python:
        arguments += ["--python", str(chosen.python)]
    options = Options(
        command,
        [*arguments, *more],
        sessions=chosen.sessions,
        idle=chosen.idle_exit,
        record=Path(chosen.record).absolute() if chosen.record else None,
        output=chosen.output_chars,
        edge=chosen.image_size,
        pictures=chosen.images,
        others=dict(chosen.others),
        confirm=chosen.confirm,
    )
    return options, fence


def _fence(command: list[str], wanted: str | None) -> str:
    """The sandbox that sessions are started in. What was asked for is never left away."""
    if wanted == "none":
        return wanted
    help = subprocess.run(
        [*command, "--help"],
        stdin=subprocess.DEVNULL,  # ours is the client's
        capture_output=True,
        text=True,
        check=False,
    )
    if "--sandbox " in help.stdout:
        return wanted or "workspace"
    if wanted is not None:
        raise ReplwireError(f"--sandbox {wanted}: this replwire has no sandbox")
    print("replwire-mcp: without a sandbox: code has your rights", file=sys.stderr)
    return "none"


def _serve(options: Options, fence: str) -> int:
    try:
        from .serve import serve  # noqa: PLC0415  # not installed with the rest
    except ImportError as error:
        print(
            f"replwire-mcp: {error}; install it with: pip install 'replwire[mcp]'",
            file=sys.stderr,
        )
        return 2
    return asyncio.run(serve(options, fence))


if __name__ == "__main__":
    sys.exit(main())
