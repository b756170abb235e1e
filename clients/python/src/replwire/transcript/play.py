"""Plays transcripts, each in a fresh session."""

from __future__ import annotations

import asyncio
import doctest
import os
import shlex
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import frames
from ..cli.program import Program, of_file
from ..errors import ReplwireError, ServerNotFound, SessionDied, UnansweredInput
from ..process import Command
from ..session import Session
from ..typed import as_typed
from . import calls, notebook
from .compare import fits, wanted
from .file import Transcript
from .format import ANSWER, CALL, POINTS, Example
from .got import Got
from .rewrite import difference, may_be_updated, rewritten

MOST = 65536  # bytes of an example's output that are looked at, unless it expects more
# What runs elsewhere has folders of its own.
REMOTE = {"ssh", "docker", "podman", "kubectl", "srun"}


@dataclass(frozen=True)
class Play:
    """How to play."""

    command: Command = None  # the server; None: the one that is found
    timeout: float = 60.0  # seconds for an example
    flags: int = 0  # doctest's option flags that hold everywhere
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    cwd: str | None = None  # where code runs; None: where the transcript is
    setup: str | None = None  # a file to run first, once for all
    template: Session | None = None  # the session that has run it: each begins in a branch of it

    def folder(self, transcript: Transcript) -> str | None:
        if self.cwd is not None:
            return self.cwd
        line = self.command if isinstance(self.command, (list, tuple)) else [self.command or ""]
        if Path(str(line[0])).name in REMOTE:
            return None
        return str((transcript.folder or transcript.path.parent).absolute())


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

    @property
    def points(self) -> tuple[float, float]:
        """Those that were won, and all there are."""
        verdicts = self.verdicts
        return sum(e.points for e, ok in verdicts if ok), sum(e.points for e, _ in verdicts)

    @property
    def verdicts(self) -> list[tuple[Example, bool]]:
        """Of all examples but those to skip; what was not played is lost."""
        won = {e.line for e, got in self.played if not self.failure and fits(e, got, self.flags)}
        every = self.transcript.examples
        return [(e, e.line in won) for e in every if not e.flags(self.flags) & doctest.SKIP]

    @property
    def passed_examples(self) -> int:
        return sum(ok for _, ok in self.verdicts)

    @property
    def all_examples(self) -> int:
        return len(self.verdicts)

    def diff(self) -> str:
        return self.failure or difference(self.transcript, self.played, self.flags)

    def updated(self) -> str:
        return rewritten(self.transcript, self.played, self.flags, whole=False)

    def update(self) -> bool:
        """Writes what came into the file; false when that does not make it pass."""
        text = self.updated()
        if self.failure or self.transcript.path.suffix == ".py" or self.transcript.folder:
            return self.passed
        if self.transcript.path.suffix == ".ipynb":
            as_expected = {e.line for e, got in self.played if fits(e, got, self.flags)}
            notebook.write(self.transcript.path, self.played, as_expected)
            return all(not got.problem for _, got in self.played)
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

    tasks: list[asyncio.Task[Outcome]] = []
    try:
        if how.setup is not None:
            how = replace(how, template=await _template(how.setup, how))
        tasks += [asyncio.create_task(one(each)) for each in transcripts]
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        if how.template is not None:
            await how.template.close()


async def _template(setup: str, how: Play) -> Session:
    """A session in the state that the file leaves."""
    code = Path(setup).read_text("utf-8")
    args = ["--survive", "--sessions", str(how.jobs + 1)]
    session = await Session(how.command, args=args, cwd=how.cwd).start()
    try:
        await session.execute(code, filename=setup, silent=True)
    except BaseException:
        await session.close()
        raise
    return session


async def _session(transcript: Transcript, how: Play) -> Session:
    """One to play it in, where its folder is the current one."""
    folder = how.folder(transcript)
    if how.template is None:
        return Session(how.command, cwd=folder)
    branch = await how.template.branch(name=transcript.label)
    if folder is not None:
        await branch.execute(f"__import__('os').chdir({folder!r})", silent=True)
    return branch


async def play(transcript: Transcript, how: Play | None = None) -> Outcome:
    how = how or Play()
    outcome = Outcome(transcript, how.flags)
    begun = time.monotonic()
    try:
        async with await _session(transcript, how) as session:
            player = Player(session, transcript, how)
            await player.begin()
            if offered := calls.functions(transcript.examples):
                await session.define(*offered)
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
        outcome.failure = f"{transcript.label}: {error}\n"
    outcome.seconds = time.monotonic() - begun
    return outcome


class Player:
    """Runs example after example in one session, and takes down what a terminal would show."""

    def __init__(self, session: Session, transcript: Transcript, how: Play) -> None:
        self._session = session
        self._filename = str(transcript.path)
        self._folder = transcript.folder or transcript.path.parent
        self._timeout = how.timeout
        self._flags = how.flags
        self._branch = how.template is not None
        self.over = False  # nothing more can be played

    async def begin(self) -> None:
        if self._branch:
            self._start = (await self._session.checkpoint()).checkpoint_id

    async def _fresh(self) -> None:
        """A clean `__main__`; in a branch what it began with."""
        if self._branch:
            await self._session.restore(self._start)
        else:
            await self._session.reset()

    async def play(self, example: Example) -> Got:
        got = Got()
        answers = wanted(example)[1]
        try:
            for each in answers:
                calls.expected(each)
            if example.after_reset:
                await self._fresh()
            await self._run(example, got, answers)
        except UnansweredInput as unanswered:
            got.problem = f"{unanswered}: there is no answer left in the transcript"
        except SessionDied as death:
            got.problem, self.over = str(death), True
        except (OSError, calls.BadLine) as error:  # there is no such program
            got.problem = str(error)
        if not got.problem and len(got.answers) < len(answers):
            left = answers[len(got.answers) :]
            asked = "made" if all(CALL.fullmatch(each) for each in left) else "asked for"
            what = "calls" if asked == "made" else "answers"
            got.problem = f"{len(left)} of its {what} were not {asked}"
        return got

    async def _run(self, example: Example, got: Got, answers: list[str]) -> None:
        line = example.line + 1
        code, filename, first_line = example.source, self._filename, line
        if example.kind == "program":
            program = self._program(example)
            await self._fresh()
            await self._session.execute(program.preparation, silent=True)
            code, filename, first_line = program.code, program.filename, 1
        elif example.kind in ("transcript", "doctest"):
            code, filename, first_line = as_typed(code, filename, line)
        stream = self._session.stream(
            code,
            on_input="ask",
            functions="ask",
            filename=filename,
            first_line=first_line,
            timeout=self._timeout,
            timeout_includes_input=True,
            output_limit=max(MOST, 2 * len(example.want)),
        )
        async for event in stream:
            if isinstance(event, frames.Input):
                got.show(event.prompt)
                await self._answer(event, got, answers)
            elif isinstance(event, frames.Call):
                self._answer_call(event, got, example, answers)
            elif isinstance(event, frames.Stuck):
                got.problem = f"timed out after {self._timeout:g} s, and does not stop"
                self.over = True
                return
            elif isinstance(event, frames.Error) and event.reason == "timeout":
                got.problem = f"timed out after {self._timeout:g} s"
            elif (
                example.kind == "program"
                and isinstance(event, frames.Error)
                and event.reason == "exit"
            ):
                got.end_program(event)
            elif example.kind != "program" or not isinstance(event, frames.Result):
                if example.kind == "notebook":
                    got.events.append(event)
                got.take(event, both=example.kind != "doctest")

    def _program(self, example: Example) -> Program:
        words = shlex.split(POINTS.sub("", example.source))
        if words[0] in ("python", "python3") and words[1:]:
            del words[0]
        return of_file(words[0], words[1:], self._folder)

    async def _answer(self, question: frames.Input, got: Got, answers: list[str]) -> None:
        if len(got.answers) >= len(answers) or CALL.fullmatch(answers[len(got.answers)]):
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

    def _answer_call(
        self, call: frames.Call, got: Got, example: Example, answers: list[str]
    ) -> None:
        line = answers[len(got.answers)] if len(got.answers) < len(answers) else ""
        want = calls.expected(line)
        if want is not None and calls.fits(want, call, example.flags(self._flags)):
            got.answer(line)
            self._session.answer(call, want.value)
            return
        made = calls.rendered(call)
        got.problem = f"{made} was called, which the transcript does not expect here"
        self._session.answer(call, NotImplementedError(f"{made}: not expected"))
