"""For pytest: collects `*.replwire` files, and gives the fixtures `replwire_session`, and
`replwire_template` and `replwire_branch`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import sync
from .transcript import Outcome, Play, Transcript, TranscriptError, play


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("replwire", "whole Python sessions as tests")
    group.addoption(
        "--replwire-update",
        action="store_true",
        help="write what came into *.replwire files that expect something else",
    )
    group.addoption(
        "--replwire-timeout", type=float, default=60.0, metavar="SECONDS", help="for an example"
    )
    parser.addini(
        "replwire_files",
        "patterns of the files that are transcripts, such as *.replwire *.ipynb docs/*.md; a "
        "Markdown page or a notebook named on the command line always is",
        type="args",
        default=["*.replwire"],
    )
    group.addoption("--replwire-server", metavar="COMMAND", help="starts the server (replwire)")


def _command(config: pytest.Config) -> list[str] | None:
    server: str | None = config.getoption("--replwire-server")
    return shlex.split(server) if server else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> TranscriptFile | None:
    patterns: list[str] = parent.config.getini("replwire_files")
    named = file_path.suffix in (".md", ".ipynb") and parent.session.isinitpath(file_path)
    if not named and not any(file_path.match(each) for each in patterns):
        return None
    make = TranscriptFile.from_parent  # pyright: ignore
    made: TranscriptFile = make(parent, path=file_path)
    return made


class TranscriptDiffersError(Exception):
    """Something else came than the transcript expects."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.diff())


class TranscriptFile(pytest.File):
    def collect(self) -> Iterable[TranscriptItem]:
        try:
            transcript = Transcript.read(self.path)
        except TranscriptError as error:
            raise self.CollectError(str(error)) from None
        make = TranscriptItem.from_parent  # pyright: ignore
        yield make(self, name=self.path.stem, transcript=transcript)


class TranscriptItem(pytest.Item):
    """A transcript is one test, as it is one session."""

    def __init__(self, *, transcript: Transcript, **others: Any) -> None:
        super().__init__(**others)  # pyright: ignore[reportUnknownMemberType]
        self._transcript = transcript

    def runtest(self) -> None:
        outcome = asyncio.run(play(self._transcript, self._how()))
        if outcome.passed:
            return
        if not (self.config.getoption("--replwire-update") and outcome.update()):
            raise TranscriptDiffersError(outcome)

    def _how(self) -> Play:
        seconds: Any = self.config.getoption("--replwire-timeout")
        return Play(_command(self.config), float(seconds))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, TranscriptDiffersError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


@pytest.fixture
def replwire_session(request: pytest.FixtureRequest) -> Iterator[sync.Session]:
    """A fresh session, whose calls block; closed at the end of the test."""
    with sync.Session(_command(request.config)) as session:
        yield session


@pytest.fixture(scope="session")
def replwire_template(request: pytest.FixtureRequest) -> Iterator[sync.Session]:
    """The session whose state each `replwire_branch` begins in: what all tests need is run here
    once, by a fixture of session scope."""
    with sync.Session(_command(request.config), args=["--survive"]) as session:
        yield session


@pytest.fixture
def replwire_branch(replwire_template: sync.Session) -> Iterator[sync.Session]:
    """A branch of `replwire_template`, closed at the end of the test."""
    with replwire_template.branch(name="replwire_branch") as branch:
        yield branch
