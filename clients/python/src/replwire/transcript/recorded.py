"""The transcript of a recording, as `replwire --record` makes them."""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from .. import frames
from .file import TranscriptError
from .got import Got
from .record import Notes

NEVER_RAN = ("cancelled", "aborted")
CHANGES = ("reset", "undo", "checkpoint", "restore", "branch", "close", "save", "load")


@dataclass
class Ran:
    """An execution, or another request that changes the state, as a comment."""

    code: str
    got: Got = field(default_factory=Got)
    ran: bool = True


class Recorded:
    """Takes the frames of the first session in order."""

    def __init__(self) -> None:
        self._all: list[Ran] = []
        self._by_id: dict[frames.Id, Ran] = {}
        self._asking: dict[str, Ran] = {}
        # The server names them, in the order in which they come; its events say how.
        self._nameless: deque[Ran] = deque()

    def text(self) -> str:
        out = io.StringIO()
        notes = Notes(out)
        for each in self._all:
            if each.ran:
                notes.note(each.code, each.got)
        return out.getvalue()

    def take(self, direction: str, frame: Any) -> None:
        if not isinstance(frame, dict):
            return
        told = cast("dict[str, Any]", frame)
        if told.get("session") is not None:
            return
        if direction == ">":
            self._asked(told)
        elif decode := frames.DECODERS.get(told.get("type", "")):
            self._told(decode(told))

    def _asked(self, frame: dict[str, Any]) -> None:
        kind = str(frame.get("type", "")).lower()
        if kind == "execute" and isinstance(frame.get("code"), str):
            ran = Ran(frame["code"])
            given: list[Any] = frame.get("inputs") or []
            for answer in given:
                ran.got.answer(_answer(str(answer)))
            self._all.append(ran)
            if frame.get("id") is None:
                self._nameless.append(ran)
            elif isinstance(frame["id"], (str, int)):
                self._by_id[frame["id"]] = ran
            else:  # no id: the server has refused it
                ran.ran = False
        elif kind == "input_response":
            self._answered(frame)
        elif kind == "interrupt" and self._asking:
            ran = next(iter(self._asking.values()))
            ran.got.answer("<^C")
            self._asking = {id: each for id, each in self._asking.items() if each is not ran}
        elif kind in CHANGES:
            said = {name: value for name, value in frame.items() if name not in ("type", "id")}
            self._all.append(Ran(f"# {kind} {json.dumps(said) if said else ''}".rstrip()))

    def _answered(self, frame: dict[str, Any]) -> None:
        id = frame.get("input_id") or next(iter(self._asking), None)
        ran = self._asking.pop(id, None) if isinstance(id, str) else None
        if ran is not None:
            data = frame.get("data")
            ran.got.answer(_answer(data) if isinstance(data, str) else "<^D")

    def _told(self, event: frames.Event) -> None:
        if isinstance(event, frames.ProtocolError) and event.id in self._by_id:
            self._by_id[event.id].ran = False
            return
        ran = self._of(getattr(event, "execution_id", None))
        if ran is None:
            return
        if isinstance(event, frames.Input):
            ran.got.show(event.prompt)
            self._asking[event.id] = ran
        elif isinstance(event, frames.InputClosed):
            self._asking.pop(event.id, None)
        else:
            ran.got.take(event)
        if isinstance(event, (frames.Result, frames.Error)):
            ran.ran = not isinstance(event, frames.Error) or event.reason not in NEVER_RAN

    def _of(self, id: frames.Id | None) -> Ran | None:
        if id is None:
            return None
        if id not in self._by_id and self._nameless:
            self._by_id[id] = self._nameless.popleft()
        return self._by_id.get(id)


def _answer(text: str) -> str:
    return f"< {text}" if text else "<"


def read(lines: Iterable[str], path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            direction = entry["dir"]
        except (ValueError, KeyError, TypeError):
            if not line.endswith("\n"):
                return  # the process died
            raise TranscriptError(f"{path}, line {number}: not of a recording") from None
        if "frame" in entry:
            yield direction, entry["frame"]


def transcript_of(path: Path) -> str:
    recorded = Recorded()
    with path.open(encoding="utf-8", errors="replace") as lines:
        for direction, frame in read(lines, path):
            recorded.take(direction, frame)
    return recorded.text()
