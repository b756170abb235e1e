"""replwire-jupyter: installs the kernel, and is the kernel that Jupyter starts."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import ReplwireError
from ..usage import Parser
from ..version import VERSION

EPILOG = """environment: REPLWIRE is the server's command; VIRTUAL_ENV, else CONDA_PREFIX, else a
.venv in the notebook's folder or above it is the Python that runs the cells, unless --python
says otherwise.

files: the history is kept in $XDG_STATE_HOME/replwire/jupyter-history.sqlite (~/.local/state)."""


def parser() -> Parser:
    program = Parser(
        prog="replwire-jupyter",
        description="A Jupyter kernel whose variables survive crashes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("--version", action="version", version=f"replwire-jupyter {VERSION}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    install = commands.add_parser(
        "install",
        help="tell Jupyter of the kernel",
        description="Installs a kernelspec. What stands behind -- are options of the server, such "
        "as --snapshots 10 or --memory-limit 8G.",
    )
    install.add_argument("--python", metavar="PATH|VENV", help="what runs the cells")
    install.add_argument("--name", help="of the kernelspec (replwire, and the venv's name)")
    install.add_argument("--display-name", metavar="TEXT", help="what front ends show")
    where = install.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user (the default)")
    where.add_argument(
        "--sys-prefix", action="store_true", help="into the environment of this command"
    )
    where.add_argument("--prefix", metavar="DIR", help="below DIR/share/jupyter")
    _add_server_options(install)
    commands.add_parser("list", help="show the kernels that it has installed")
    remove = commands.add_parser("remove", help="take kernels away again")
    remove.add_argument("names", nargs="+", metavar="NAME")
    run = commands.add_parser(
        "run", help="be the kernel; Jupyter does this", description="Runs until it is shut down."
    )
    run.add_argument("-f", dest="connection", metavar="FILE", help="the connection file")
    run.add_argument("--python", metavar="PATH|VENV", help="what runs the cells")
    _add_server_options(run)
    return program


def _add_server_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("options", nargs="*", metavar="-- OPTIONS", help="of the server")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        if options.command == "run":
            return _run(options)
        return _specs(options)
    except (ReplwireError, OSError, ImportError) as error:
        print(f"replwire-jupyter: {error}", file=sys.stderr)
        if isinstance(error, ImportError):
            print("pip install 'replwire[jupyter]' brings what it needs", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _specs(options: argparse.Namespace) -> int:
    from . import specs  # noqa: PLC0415  # the kernel itself needs none of it

    try:
        if options.command == "install":
            prefix = sys.prefix if options.sys_prefix else options.prefix
            spec = specs.install(
                options.python, options.name, options.display_name, prefix, options.options
            )
            print(f"installed {spec.name} ({spec.display_name}) in {spec.folder}")
        elif options.command == "list":
            for spec in specs.installed():
                python = spec.python or "as the notebook's folder says"
                print(f"{spec.name}\t{spec.display_name}\t{python}\t{spec.folder}")
        else:
            for name in options.names:
                print(f"removed {specs.remove(name).folder}")
    except specs.SpecError as error:
        print(f"replwire-jupyter: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGINT, lambda _number, _frame: None)  # there is no cell yet
    from .listening import listen  # noqa: PLC0415  # the commands need none

    listening = listen(Path(options.connection)) if options.connection else {}
    from .server import Server  # noqa: PLC0415

    server = Server(options.python, options.options)
    from .run import run  # noqa: PLC0415  # its libraries need not be there for the rest

    return run(options.connection, server, listening)


if __name__ == "__main__":
    sys.exit(main())
