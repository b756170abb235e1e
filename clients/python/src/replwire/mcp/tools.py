"""What each tool does. Tools know sessions; of the protocol that calls them they know no more than
`Caller`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from .. import frames
from ..session import Session
from .account import Account, account, within
from .arguments import (
    Answer,
    Branch,
    Checkpoint,
    Execute,
    InFile,
    InSession,
    Inspect,
    NoArguments,
    Output,
    Restore,
    Undo,
    Variables,
)
from .calls import NOBODY
from .running import Confirmation, Running
from .sessions import GRACE, Named, Sessions, Trouble
from .text import plain_lines

PACE = 0.1  # seconds between two reports of progress


class Declined(Exception):
    """The person does not want to answer."""

    def __str__(self) -> str:
        return "the person declined to answer"


class Asked(Exception):
    """The caller's own protocol wants questions as the result of the call, and the answers with the
    next one."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self.running = running


class Caller(Protocol):
    """Who called, for as long as the call lasts."""

    wants_progress: bool
    asks: Literal["now", "by_result", "never"]

    async def progress(self, count: int, text: str) -> None: ...

    async def ask(
        self, named: Named, question: frames.Input | Confirmation
    ) -> str | EOFError | Declined | None:
        """None when nobody could be asked."""
        ...


@dataclass
class Answered:
    """What a tool tells beside an `Account`."""

    told: dict[str, Any]
    text: str


class Tools:
    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    # ---- code ---------------------------------------------------------------------------------

    async def execute(self, to: Execute, caller: Caller) -> Account:
        named = await self.sessions.get(to.session)
        named.free()
        running = named.submit(to.code, to.timeout, self.sessions.options.output)
        return await self.wait(named, running, caller)

    async def answer(self, to: Answer, caller: Caller) -> Account:
        named = self.sessions.find(to.session)
        if (to.text is not None) + to.end_of_file + to.refuse != 1:
            raise Trouble("say one of text, end_of_file and refuse")
        for running in named.running:
            for question in running.questions.values():
                if to.question in (None, question.id):
                    answer: str | BaseException = to.text or ""
                    if to.text is None:
                        answer = EOFError() if to.end_of_file else Declined()
                    return await self.answered(named, running, question, answer, caller)
        which = "no question waits" if to.question is None else f"no question {to.question!r} waits"
        raise Trouble(f"{which} in session {named.name!r}")

    async def answered(
        self,
        named: Named,
        running: Running,
        question: frames.Input,
        answer: str | BaseException,
        caller: Caller,
    ) -> Account:
        running.questions.pop(question.id, None)
        named.session.answer(question, answer)
        return await self.wait(named, running, caller)

    async def wait(self, named: Named, running: Running, caller: Caller) -> Account:
        """For the end of it, or for a question that somebody else has to answer."""
        running.waited_for = True
        asking: dict[str, asyncio.Task[bool]] = {}
        reporting = None
        if caller.wants_progress:
            reporting = asyncio.create_task(_report(running, caller))
        try:
            with self.sessions.busy(named):
                while not running.over and not await self._asked(named, running, caller, asking):
                    running.changed.clear()
                    await running.changed.wait()
        except asyncio.CancelledError:
            named.abandon(running)
            raise
        finally:
            running.waited_for = False
            for task in (*asking.values(), reporting):
                if task is not None:
                    task.cancel()
        named.settled(running)
        return await account(named, running, self.sessions.options)

    async def _asked(
        self,
        named: Named,
        running: Running,
        caller: Caller,
        asking: dict[str, asyncio.Task[bool]],
    ) -> bool:
        """Whether somebody else has to answer. Who can be asked is asked meanwhile."""
        if caller.asks == "never":
            for each in running.confirmations.values():
                each.settle(NOBODY)
            return bool(running.questions)
        waiting = {**running.questions, **running.confirmations}
        for gone in asking.keys() - waiting.keys():
            asking.pop(gone).cancel()
        open_ones = for_a_person(running)
        if not open_ones:
            return bool(running.questions)
        if caller.asks == "by_result":
            raise Asked(running)
        for question in open_ones:
            if question.id not in asking:
                asking[question.id] = asyncio.create_task(
                    self._ask(named, running, question, caller)
                )
        return any(task.done() and not task.result() for task in asking.values())

    async def _ask(
        self,
        named: Named,
        running: Running,
        question: frames.Input | Confirmation,
        caller: Caller,
    ) -> bool:
        answer = await caller.ask(named, question)
        if isinstance(question, Confirmation):
            running.confirmations.pop(question.id, None)
            question.settle(refusal(answer))
            return True
        if answer is not None and question.id in running.questions:
            del running.questions[question.id]
            named.session.answer(question, answer)
        running.changed.set()
        return answer is not None

    async def interrupt(self, to: InSession, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        reply = await named.session.interrupt(grace=GRACE)
        told = {"session": named.name, "outcome": reply.outcome}
        if reply.execution_id is None:
            return Answered(told, "Nothing runs.")
        return Answered(told, "Interrupted; the variables are kept.")

    async def output(self, to: Output, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        raw, total = await self._range(named, to)
        # It need not begin and end between characters.
        begin = 0
        while begin < min(len(raw), 3) and to.offset and raw[begin] & 0xC0 == 0x80:
            begin += 1
        end = len(raw)
        if to.offset + end < total:
            while end > max(begin, len(raw) - 3) and raw[end - 1] & 0xC0 == 0x80:
                end -= 1
            end -= end > begin and raw[end - 1] >= 0xC0
        text = plain_lines(raw[begin:end].decode(errors="replace"))
        following = to.offset + end
        told: dict[str, Any] = {"session": named.name, "text": text, "total": total}
        if following < total:
            told["next_offset"] = following
            text += f"\n[… {total - following} bytes follow: offset={following} …]"
        return Answered(told, text)

    async def _range(self, named: Named, to: Output) -> tuple[bytes, int]:
        limits = named.session.ready.limits
        length = min(to.length or self.sessions.options.output, limits.output_get_bytes)
        kept = named.kept.get(to.execution, {}).get(to.stream)
        if kept is not None:
            return kept[to.offset : to.offset + length], len(kept)
        reply = await named.session.output_get(to.execution, to.stream, to.offset, length)
        return base64.b64decode(reply.data), reply.total

    # ---- questions ----------------------------------------------------------------------------

    async def status(self, to: InSession, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        reply = await named.session.status(stack=True)
        told = {name: value for name, value in asdict(reply).items() if value is not None}
        told["session"] = named.name
        for name in ("id", "execution_id", "pending_inputs"):
            told.pop(name, None)
        lines = [f"{named.name}: {reply.state}"]
        if reply.state != "idle":
            lines[0] += f" for {reply.elapsed:.1f} s, {reply.queued} more waiting"
        for each in reply.stack or []:
            lines.append(f"  {each.filename}, line {each.line}, in {each.function}")
        told["questions"] = [
            {"id": each.id, "prompt": each.prompt, "password": each.password}
            for running in named.running
            for each in running.questions.values()
        ]
        lines += [f"  input({each['prompt']!r}) waits" for each in told["questions"]]
        lines.append(f"  {reply.memory_usage >> 20} MiB, {reply.cpu_seconds:.1f} s of processor")
        if reply.state == "idle" and "checkpoints" in named.session.ready.capabilities:
            kept = await _checkpoints(named)
            told["checkpoints"] = [{"id": each[0], "name": each[1]} for each in kept]
            lines += [f"  checkpoint {name or id}" for id, name in kept]
        return Answered(told, "\n".join(lines))

    async def variables(self, to: Variables, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        reply = await named.session.variables(to.prefix, to.offset, to.limit)
        found = [
            {name: value for name, value in asdict(each).items() if value is not None}
            for each in reply.variables
        ]
        told = {"session": named.name, "total": reply.total, "variables": found}
        lines = [f"{each.name}: {each.type} = {each.repr}" for each in reply.variables]
        left = reply.total - to.offset - len(found)
        if left > 0:
            lines.append(f"[… {left} more …]")
        return Answered(told, "\n".join(lines) or "No variables.")

    async def inspect(self, to: Inspect, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        reply = await named.session.inspect(to.expression, detail_level=int(to.source))
        if not reply.found:
            raise Trouble(f"nothing is known by the name {to.expression!r}")
        text = within(str(reply.data.get("text/plain", "")), self.sessions.options.output)
        return Answered({"session": named.name, "text": text}, text)

    # ---- states -------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, named: Named) -> Generator[Session]:
        """For what waits behind the executions."""
        named.free()
        with self.sessions.busy(named):
            yield named.session

    async def undo(self, to: Undo, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        with self._turn(named) as session:
            await session.undo(to.count)
        what = "the last execution" if to.count == 1 else f"the last {to.count} executions"
        told = {"session": named.name, "undone": to.count}
        return Answered(told, f"Undone: {what}. (Files and the network are as they were left.)")

    async def checkpoint(self, to: Checkpoint, caller: Caller) -> Answered:
        named = await self.sessions.get(to.session)
        with self._turn(named) as session:
            reply = await session.checkpoint(to.name)
        told: dict[str, Any] = {"session": named.name, "checkpoint": reply.checkpoint_id}
        if to.name is not None:
            told["name"] = to.name
        return Answered(told, f"Checkpoint {to.name or reply.checkpoint_id}.")

    async def restore(self, to: Restore, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        with self._turn(named) as session:
            found = await _checkpoint(named, to.checkpoint)
            await session.restore(found)
        told = {"session": named.name, "checkpoint": found}
        return Answered(told, f"The variables are as they were at {to.checkpoint}.")

    async def branch(self, to: Branch, caller: Caller) -> Answered:
        parent = self.sessions.find(to.session)
        told = {"session": to.name, "parent": parent.name}
        with self._turn(parent):
            if to.checkpoint is not None:
                told["checkpoint"] = await _checkpoint(parent, to.checkpoint)
            await self.sessions.branch(parent, to.name, told.get("checkpoint"))
        state = f", at {to.checkpoint}" if to.checkpoint is not None else ""
        return Answered(told, f"Session {to.name} begins in the state of {parent.name}{state}.")

    async def save(self, to: InFile, caller: Caller) -> Answered:
        named = self.sessions.find(to.session)
        with self._turn(named) as session:
            reply = await session.save(to.path, to.names)
        skipped = [asdict(each) for each in reply.skipped]
        told: dict[str, Any] = {"session": named.name, "path": reply.path, "bytes": reply.bytes}
        told.update(saved=reply.saved, skipped=skipped)
        return Answered(told, _moved("Saved", reply.saved, reply.skipped) + f"\n{reply.path}")

    async def load(self, to: InFile, caller: Caller) -> Answered:
        named = await self.sessions.get(to.session)
        with self._turn(named) as session:
            reply = await session.load(to.path, to.names)
        skipped = [asdict(each) for each in reply.skipped]
        told = {"session": named.name, "loaded": reply.loaded, "skipped": skipped}
        return Answered(told, _moved("Loaded", reply.loaded, reply.skipped))

    # ---- sessions -----------------------------------------------------------------------------

    async def list_sessions(self, to: NoArguments, caller: Caller) -> Answered:
        told: list[dict[str, Any]] = []
        for name in sorted(self.sessions.named):
            try:
                named = self.sessions.find(name)
                status = await named.session.status()
            except Exception:
                continue  # it has just ended
            entry: dict[str, Any] = {
                "session": name,
                "state": status.state,
                "executions": named.executions,
                "memory": status.memory_usage,
                "python": named.session.ready.python.version,
            }
            if named.parent is not None:
                entry["parent"] = named.parent
            told.append(entry)
        lines = [
            f"{each['session']}: {each['state']}, {each['executions']} executions, "
            f"{each['memory'] >> 20} MiB, Python {each['python']}"
            + (f", branched from {each['parent']}" if "parent" in each else "")
            for each in told
        ]
        return Answered({"sessions": told}, "\n".join(lines) or "No sessions.")

    async def close(self, to: InSession, caller: Caller) -> Answered:
        await self.sessions.close(to.session)
        return Answered({"session": to.session, "closed": True}, f"Closed: {to.session}.")


def for_a_person(running: Running) -> list[frames.Input | Confirmation]:
    """What may be asked in a form."""
    questions = [each for each in running.questions.values() if not each.password]
    return [*questions, *running.confirmations.values()]


def refusal(answer: str | EOFError | Declined | None) -> str | None:
    """Why a call is not allowed."""
    if answer is None:
        return NOBODY
    return None if isinstance(answer, str) else "the person did not allow it"


async def _checkpoint(named: Named, wanted: str) -> str:
    """The id of the one that has this name, or this id; of several with one name the newest."""
    kept = await _checkpoints(named)
    found = next((id for id, name in reversed(kept) if wanted in (id, name)), None)
    if found is None:
        there = ", ".join(name or id for id, name in kept) or "none"
        raise Trouble(f"no checkpoint {wanted!r}; there are: {there}")
    return found


def _moved(what: str, names: list[str], skipped: list[frames.SkippedName]) -> str:
    lines = [f"{what}: {', '.join(names) or 'nothing'}."]
    lines += [f"Not {each.name}: {each.reason}" for each in skipped]
    return "\n".join(lines)


async def _checkpoints(named: Named) -> list[tuple[str, str | None]]:
    """Those that were asked for: their ids and names, oldest first."""
    reply = await named.session.checkpoints()
    return [(each.checkpoint_id, each.name) for each in reply.checkpoints if not each.automatic]


async def _report(running: Running, caller: Caller) -> None:
    """What is written, as it comes; what comes within a moment together."""
    count = 0
    while await running.written.wait():
        running.written.clear()
        text = plain_lines("".join(running.fresh))[-2000:]
        running.fresh.clear()
        count += 1
        await caller.progress(count, text.rstrip("\n"))
        await asyncio.sleep(PACE)
