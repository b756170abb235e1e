"""Plays transcripts, each in a fresh session."""

from __future__ import annotations

import asyncio
import doctest
import os
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

from .. import frames
from ..errors import ReplwireError, ServerNotFound, SessionDied, UnansweredInput
from ..process import Command
from ..session import Session
from ..typed import as_typed
from .compare import fits, wanted
from .file import Transcript
from .format import ANSWER, Example
from .got import Got
from .rewrite import difference, may_be_updated, rewritten

MOST = 4 << 20  # bytes of an example's output that are looked at


@dataclass(frozen=True)
class Play:
    """How to play."""

    command: Command = None  # the server; None: the one that is found
    timeout: float = 60.0  # seconds for an example
    flags: int = 0  # doctest's option flags that hold everywhere
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass
class Outcome:
    """How a transcript went."""

    transcript: Transcript
    flags: int = 0
    played: list[tuple[Example, Got]] = field(default_factory=list[tuple[Example, Got]])
    seconds: float = 0.0
    failure: str = ""  # why it could not be played at all

    @property
    def passed(self) -> bool:
        return not self.failure and all(fits(*each, self.flags) for each in self.played)

    def diff(self) -> str:
        return self.failure or difference(self.transcript, self.played, self.flags)

    def updated(self) -> str:
        return rewritten(self.transcript, self.played, self.flags, whole=False)

    def update(self) -> bool:
        """Writes what came into the file; false when that does not make it pass."""
        text = self.updated()
        if self.failure or self.transcript.path.suffix == ".py":
            return self.passed
        if text != self.transcript.text:
            data = text.replace("\n", self.transcript.newline).encode()
            self.transcript.path.write_bytes(data)
        return all(fits(*each, self.flags) or may_be_updated(*each) for each in self.played)


async def play_all(transcripts: Iterable[Transcript], how: Play) -> AsyncGenerator[Outcome, None]:
    """Several at once; the outcomes come in the order of the transcripts."""
    turns = asyncio.Semaphore(how.jobs)

    async def one(transcript: Transcript) -> Outcome:
        async with turns:
            return await play(transcript, how)

    tasks = [asyncio.create_task(one(each)) for each in transcripts]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


async def play(transcript: Transcript, how: Play | None = None) -> Outcome:
    how = how or Play()
    outcome = Outcome(transcript, how.flags)
    begun = time.monotonic()
    try:
        async with Session(how.command) as session:
            player = Player(session, transcript, how)
            for example in transcript.examples:
                if example.flags(how.flags) & doctest.SKIP:
                    continue
                got = await player.play(example)
                outcome.played.append((example, got))
                if player.over:
                    break
    except ServerNotFound:  # no transcript's own fault
        raise
    except (ReplwireError, OSError) as error:
        outcome.failure = f"{transcript.path}: {error}\n"
    outcome.seconds = time.monotonic() - begun
    return outcome


class Player:
    """Runs example after example in one session, and takes down what a terminal would show."""

    def __init__(self, session: Session, transcript: Transcript, how: Play) -> None:
        self._session = session
        self._filename = str(transcript.path)
        self._timeout = how.timeout
        self.over = False  # nothing more can be played

    async def play(self, example: Example) -> Got:
        got = Got()
        answers = wanted(example)[1]
        try:
            if example.after_reset:
                await self._session.reset()
            await self._run(example, got, answers)
        except UnansweredInput as unanswered:
            got.problem = f"{unanswered}: there is no answer left in the transcript"
        except SessionDied as death:
            got.problem, self.over = str(death), True
        if not got.problem and len(got.answers) < len(answers):
            got.problem = f"{len(answers) - len(got.answers)} of its answers were not asked for"
        return got

    async def _run(self, example: Example, got: Got, answers: list[str]) -> None:
        line = example.line + 1
        code, filename, first_line = example.source, self._filename, line
        if example.kind != "plain":
            code, filename, first_line = as_typed(code, filename, line)
        stream = self._session.stream(
            code,
            on_input="ask",
            filename=filename,
            first_line=first_line,
            timeout=self._timeout,
            timeout_includes_input=True,
            output_limit=MOST,
        )
        async for event in stream:
            if isinstance(event, frames.Input):
                got.show(event.prompt)
                await self._answer(event, got, answers)
            elif isinstance(event, frames.Stuck):
                got.problem, self.over = "the code does not stop, though its time is over", True
                return
            else:
                got.take(event, both=example.kind == "transcript")
                if isinstance(event, frames.Error) and event.reason == "timeout":
                    got.problem = f"it took longer than {self._timeout:g} s"

    async def _answer(self, question: frames.Input, got: Got, answers: list[str]) -> None:
        if len(got.answers) >= len(answers):
            self._session.answer(question, None)
            return
        line = answers[len(got.answers)]
        got.answer(line)
        answer = ANSWER.fullmatch(line)
        assert answer is not None
        if answer["key"] == "^C":
            await self._session.interrupt(question.execution_id)
        elif answer["key"] == "^D":
            self._session.answer(question, EOFError())
        else:
            self._session.answer(question, answer["text"] or "")
