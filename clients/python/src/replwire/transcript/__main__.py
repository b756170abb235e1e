"""replwire-transcript: plays transcripts, updates them, records new ones."""

from __future__ import annotations

import argparse
import asyncio
import doctest
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from glob import glob
from pathlib import Path

from ..errors import ReplwireError
from ..usage import Parser
from ..version import VERSION
from .file import Transcript, TranscriptError
from .play import Outcome, Play, play_all
from .record import record
from .recorded import transcript_of
from .report import as_json, junit, summary, table, tap

FLAGS = {  # but those that say what doctest shows
    name: flag
    for name, flag in doctest.OPTIONFLAGS_BY_NAME.items()
    if not name.startswith(("REPORT", "FAIL"))
}


def parser() -> Parser:
    program = Parser(prog="replwire-transcript", description="Whole Python sessions as tests.")
    program.add_argument("--version", action="version", version=f"replwire-transcript {VERSION}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="play transcripts and show how they differ",
        description="Plays each file in a fresh session: transcripts (.replwire), Markdown (.md), "
        "notebooks (.ipynb), Python modules (.py, their docstrings), doctest text (.txt, .rst). "
        "Prints a unified diff for each that differs. Exit status: 0 all went as expected, 1 some "
        "differ, 2 usage.",
    )
    run.add_argument("files", nargs="+", metavar="FILE", help="or a folder of *.replwire files")
    run.add_argument("--update", action="store_true", help="write what came into the files")
    run.add_argument("--jobs", type=_positive, metavar="N", help="sessions at once (processors)")
    run.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="for an example (60)"
    )
    run.add_argument(
        "--setup", metavar="FILE",
        help="Python to run once; each file begins in a branch of the session that it leaves",
    )  # fmt: skip
    run.add_argument("--cwd", metavar="DIR", help="where code runs (beside each file)")
    run.add_argument(
        "--with", dest="folders", action="append", default=[], metavar="PATTERN",
        help="play each file in every folder that fits, such as 's/*/'",
    )  # fmt: skip
    run.add_argument("--table", action="store_true", help="print examples and points, a row each")
    run.add_argument("--json", metavar="FILE", help="write JSON; - is standard output")
    run.add_argument("--junit", metavar="FILE", help="write JUnit XML; - is standard output")
    run.add_argument("--tap", metavar="FILE", help="write TAP; - is standard output")
    run.add_argument(
        "-o", "--option", action="append", default=[], choices=sorted(FLAGS), metavar="FLAG",
        help="a flag of doctest, for all examples: " + ", ".join(sorted(FLAGS)),
    )  # fmt: skip
    new = commands.add_parser(
        "record",
        help="write a transcript of a live session",
        description="Runs what is typed, or piped in, and writes the transcript of it. A line that "
        "begins with # becomes a comment.",
    )
    new.add_argument("file", metavar="FILE", help="what to write")
    new.add_argument("--force", action="store_true", help="write over a file that exists")
    old = commands.add_parser(
        "from",
        help="make a transcript of a recording",
        description="Prints the transcript of a session that `replwire --record FILE` recorded.",
    )
    old.add_argument("file", metavar="FILE", help="the recording")
    for each in (run, new):
        each.add_argument("--server", metavar="COMMAND", help="starts the server (replwire)")
    return program


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 1e9:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    program = parser()
    options = program.parse_args(arguments)
    try:
        if options.command == "record":
            return record(str(options.file), options.server, bool(options.force))
        if options.command == "from":
            print(transcript_of(Path(options.file)), end="")
            return 0
        return asyncio.run(_run(options))
    except (ReplwireError, OSError, TranscriptError) as error:
        print(f"replwire-transcript: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _command(options: argparse.Namespace) -> list[str] | None:
    return shlex.split(options.server) if options.server else None


def _paths(names: Sequence[str]) -> list[Path]:
    paths: list[Path] = []
    for path in map(Path, names):
        if path.is_dir():
            found = sorted(path.rglob("*.replwire"))
            if not found:
                raise FileNotFoundError(f"{path}: no *.replwire files there")
            paths += found
        elif path.exists():
            paths.append(path)
        else:
            raise FileNotFoundError(f"{path}: no such file")
    return paths


def _read(path: Path) -> Transcript | Outcome:
    try:
        return Transcript.read(path)
    except TranscriptError as error:
        return Outcome(Transcript(path, "", []), failure=f"{error}\n")


def _in_folders(
    read: list[Transcript | Outcome], patterns: list[str]
) -> list[Transcript | Outcome]:
    """Each in every folder, when there are any to play it with."""
    if not patterns:
        return read
    found = sorted({Path(each) for pattern in patterns for each in glob(pattern)})
    folders = [each for each in found if each.is_dir()]
    if not folders:
        raise FileNotFoundError(f"{' '.join(patterns)}: no such folder")
    return [
        replace(each, folder=folder) if isinstance(each, Transcript) else each
        for each in read
        for folder in (folders if isinstance(each, Transcript) else folders[:1])
    ]


async def _run(options: argparse.Namespace) -> int:
    flags = 0
    for name in options.option:
        flags |= FLAGS[name]
    jobs = options.jobs or os.cpu_count() or 1
    how = Play(_command(options), options.timeout, flags, jobs, options.cwd, options.setup)
    read = _in_folders([_read(path) for path in _paths(options.files)], options.folders)
    played = play_all([each for each in read if isinstance(each, Transcript)], how)
    # Where a report goes to standard output, nothing else does.
    out = sys.stderr if "-" in (options.junit, options.tap, options.json) else sys.stdout
    outcomes: list[Outcome] = []
    updated = 0
    for each in read:
        outcome = each if isinstance(each, Outcome) else await anext(played)
        outcomes.append(outcome)
        if outcome.passed:
            continue
        if options.update and outcome.update():
            print(f"updated {outcome.transcript.path}", file=out)
            updated += 1
        else:
            print(outcome.diff(), end="", file=out, flush=True)
    await played.aclose()
    _write(options.junit, junit, outcomes)
    _write(options.tap, tap, outcomes)
    _write(options.json, as_json, outcomes)
    if options.table:
        print(table(outcomes), end="", file=out)
    print(summary(outcomes), file=sys.stderr)
    return int(updated < sum(not each.passed for each in outcomes))


def _write(
    name: str | None, form: Callable[[Sequence[Outcome]], str], outcomes: list[Outcome]
) -> None:
    if name == "-":
        print(form(outcomes), end="")
    elif name:
        Path(name).write_text(form(outcomes), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
