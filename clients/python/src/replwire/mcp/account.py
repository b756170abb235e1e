"""What a caller is told of an execution: as data, and as a text to read."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Union

from .. import frames
from .images import Picture, Unseen, bounded
from .running import Running, picture_of, text_of
from .sessions import Named, Options
from .text import Stream, fitted

NUMBER = {"type": "integer"}
TEXT = {"type": "string"}
# The form of what is told of an execution.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "session": TEXT,
        "state": {"enum": ["ok", "error", "waiting_for_input"]},
        "execution": {"type": ["integer", "null"], "description": "its number in the session"},
        "value": {"description": "of the last expression, when it is plain data"},
        "repr": {"type": "string", "description": "of the same, as Python shows it"},
        "stdout": TEXT,
        "stderr": TEXT,
        "left_out": {
            "type": "array",
            "description": "parts of the output; the tool `output` has them",
            "items": {
                "type": "object",
                "properties": {
                    "stream": {"enum": ["stdout", "stderr"]},
                    "offset": NUMBER,
                    "bytes": NUMBER,
                },
                "required": ["stream", "offset", "bytes"],
            },
        },
        "displays": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kinds": {"type": "array", "items": TEXT},
                    "text": TEXT,
                    "image": {"type": "boolean", "description": "it is among the content"},
                },
            },
        },
        "displays_left_out": NUMBER,
        "question": {
            "type": "object",
            "description": "what the code asks; the tool `answer` answers",
            "properties": {"id": TEXT, "prompt": TEXT, "password": {"type": "boolean"}},
            "required": ["id", "prompt", "password"],
        },
        "error": {
            "type": "object",
            "properties": {
                "reason": TEXT,
                "type": TEXT,
                "message": TEXT,
                "traceback": TEXT,
                "frames": {"type": "array", "items": {"type": "object"}},
                "notes": {"type": "array", "items": TEXT},
                "signal": TEXT,
                "exit_status": NUMBER,
                "exit_code": {},
            },
            "required": ["reason", "type", "message"],
        },
        "restored": {"type": "boolean", "description": "what it changed is undone"},
        "late_output": {"type": "string", "description": "of executions before this one"},
        "notes": {"type": "array", "items": TEXT},
        "execution_time": {"type": "number"},
    },
    "required": ["session", "state"],
}
ENDS = {
    "timeout": "Stopped: its time was over.",
    "interrupt": "Interrupted.",
    "memory": "Stopped: it took too much memory.",
    "aborted": "It was not run.",
    "cancelled": "It was not run: it was taken out of the queue.",
}
FRAMES = 20  # of a traceback

Content = Union[str, Picture]


@dataclass
class Account:
    told: dict[str, Any]
    content: list[Content] = field(default_factory=list[Content])

    @property
    def is_error(self) -> bool:
        return "error" in self.told


async def account(named: Named, running: Running, options: Options) -> Account:
    """Of what has come since the last one."""
    told: dict[str, Any] = {"session": named.name}
    written = Written(options.output)
    terminal = running.terminal
    number = _number(named, running)
    told["state"] = _state(running)
    told["execution"] = number
    for name, stream in running.streams.items():
        if stream.parts:
            others = running.streams["stderr" if name == "stdout" else "stdout"]
            told[name] = written.stream(named, name, stream, others, number)
    if written.left_out:
        told["left_out"] = written.left_out
    result = Account(told)
    await _tell_displays(running, options, written, result)
    if running.questions:
        _tell_question(running, told, written)
    if isinstance(terminal, frames.Result):
        _tell_value(terminal, options.output, told, written)
    elif terminal is not None:
        _tell_error(terminal, options.output, told, written)
    elif running.failure is not None:
        _tell_death(running.failure, told, written)
    if terminal is not None:
        told["execution_time"] = round(terminal.execution_time, 6)
    _tell_notes(named, running, told, written)
    running.forget()
    result.content.insert(0, written.text)
    return result


def _number(named: Named, running: Running) -> int | None:
    """Executions are numbered as they run; that of one that runs is told at its end."""
    if running.terminal is None:
        return running.number or named.count + 1
    number = running.terminal.execution_count
    named.count = number or named.count
    return number


def _state(running: Running) -> str:
    if running.questions:
        return "waiting_for_input"
    return "ok" if isinstance(running.terminal, frames.Result) else "error"


class Written:
    """The text, part by part."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.left_out: list[dict[str, Any]] = []
        self.parts: list[str] = []

    def stream(
        self, named: Named, name: str, stream: Stream, other: Stream, number: int | None
    ) -> str:
        """Half of the budget is each stream's own; of the other's half it has what is left."""
        taken = sum(len(each) for each in other.parts if isinstance(each, str))
        half = self.budget // 2
        fit = fitted(stream, self.budget - min(taken, half))
        where = f"session={named.name!r}, execution={number}, stream={name!r}"
        note = ""
        if fit.cut is not None:
            self.left_out.append({"stream": name, **fit.cut._asdict()})
            note = f"[… {fit.cut.bytes} bytes left out; output({where}, "
            note += f"offset={fit.cut.offset}) has them …]"
            whole = [each for each in stream.parts if isinstance(each, str)]
            if number is not None and len(whole) == len(stream.parts):
                named.keep(number, name, stream.start, "".join(whole))
        text = fit.text(note)
        self.add(text if name == "stdout" else f"[stderr]\n{text}")
        return text

    def add(self, text: str) -> None:
        if text:
            self.parts.append(text.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.parts)


def within(text: str, budget: int) -> str:
    if len(text) <= budget and text.isprintable():
        return text
    stream = Stream()
    stream.add(text)
    fit = fitted(stream, budget)
    return fit.text(f"[… {fit.cut.bytes} bytes left out …]" if fit.cut else "")


async def _tell_displays(
    running: Running, options: Options, written: Written, result: Account
) -> None:
    forms = [each.data for each in running.shown.kept]
    final = running.terminal
    if isinstance(final, frames.Result) and final.display and picture_of(final.display):
        forms.append(final.display)
    if not forms:
        return
    told: list[dict[str, Any]] = []
    for data in forms:
        entry: dict[str, Any] = {"kinds": list(data)}
        text = within(text_of(data), options.output // 4)
        picture = picture_of(data)
        if picture is not None:
            try:
                result.content.append(await _bounded(picture, options.edge))
                entry["image"] = True
            except Unseen as why:
                text = f"[a picture that cannot be shown: {why}]\n{text}"
        if text:
            entry["text"] = text
            written.add(text)
        told.append(entry)
    result.told["displays"] = told
    left_out = running.shown.count - len(running.shown.kept)
    if left_out:
        result.told["displays_left_out"] = left_out
        written.add(f"[… {left_out} displays in between left out …]")


async def _bounded(picture: Picture, edge: int) -> Picture:
    if len(picture.data) < SMALL:
        return bounded(picture, edge)
    return await asyncio.to_thread(bounded, picture, edge)


SMALL = 1 << 16


def _tell_question(running: Running, told: dict[str, Any], written: Written) -> None:
    question = next(iter(running.questions.values()))
    told["question"] = {
        "id": question.id,
        "prompt": question.prompt,
        "password": question.password,
    }
    kind = "a password" if question.password else "input"
    written.add(f"[The code waits for {kind}: {question.prompt!r}. `answer` answers it.]")


def _tell_value(
    terminal: frames.Result, budget: int, told: dict[str, Any], written: Written
) -> None:
    if terminal.repr is None:
        return
    told["repr"] = within(terminal.repr, budget)
    if _is_short(terminal.value, budget):
        told["value"] = terminal.value
    written.add(f"Out[{terminal.execution_count}]: {told['repr']}")


def _is_short(value: Any, budget: int) -> bool:
    if value is None:
        return False
    return isinstance(value, (bool, int, float)) or len(json.dumps(value)) <= budget


def _tell_error(
    terminal: frames.Error, budget: int, told: dict[str, Any], written: Written
) -> None:
    error: dict[str, Any] = {
        "reason": terminal.reason,
        "type": terminal.exception_type,
        "message": within(terminal.exception_message, budget),
        "traceback": within(terminal.traceback, budget),
        "frames": [
            {name: value for name, value in asdict(each).items() if value is not None}
            for each in _ends(terminal.frames)
        ],
    }
    for name in ("notes", "signal", "exit_status", "exit_code"):
        value = getattr(terminal, name)
        if value is not None:
            error[name] = value
    told["error"] = error
    if terminal.restored:
        told["restored"] = True
    written.add(error["traceback"] or f"{terminal.exception_type}: {error['message']}".strip(": "))
    if terminal.reason == "crash":
        how = terminal.signal or f"exit status {terminal.exit_status}"
        written.add(f"[The interpreter died: {how}.]")
    elif terminal.reason in ENDS:
        written.add(f"[{ENDS[terminal.reason]}]")


def _ends(stack: list[frames.TracebackFrame]) -> list[frames.TracebackFrame]:
    half = FRAMES // 2
    return stack if len(stack) <= FRAMES else [*stack[:half], *stack[-half:]]


def _tell_death(failure: BaseException, told: dict[str, Any], written: Written) -> None:
    text = f"{failure}\nThe session is gone; the next call with its name starts an empty one."
    told["error"] = {"reason": "died", "type": type(failure).__name__, "message": text}
    written.add(text)


def _tell_notes(named: Named, running: Running, told: dict[str, Any], written: Written) -> None:
    notes, named.notes = named.notes, []
    if restored := running.restored:
        if restored.checkpoint_id is None:
            notes.append("Python was started anew: the variables are lost.")
        else:
            notes.append("The variables are as they were before this execution.")
        if restored.lost_threads:
            notes.append(f"Threads that are gone: {', '.join(restored.lost_threads)}")
    if notes:
        told["notes"] = notes
        for note in notes:
            written.add(f"[{note}]")
    if named.late.parts:
        late = within("".join(map(str, named.late.parts)), written.budget // 4)
        named.late.forget()
        told["late_output"] = late
        written.add(f"[output of earlier executions]\n{late}")
