"""The same branch for scripts and tests: its calls block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from . import frames
from .answers import OnInput
from .errors import ReplwireError, RequestRefused
from .process import Process
from .slots import Slot
from .sync import Session

if TYPE_CHECKING:
    from typing_extensions import Self


class Branch(Session):
    """Made by `Session.branch`. Everything that a session can is the same; the process and its
    pipes are those of the first session, which reads for all, and so is its lock."""

    def __init__(
        self,
        parent: Session,
        name: str | None,
        checkpoint: str | None,
        *,
        on_input: OnInput,
        on_event: Callable[[frames.Event], object] | None,
    ) -> None:
        self._root = root = parent.root
        self._changed = root._changed
        self._slots = root._slots
        self._questions = root._questions
        self._conversation = parent._conversation.branched(
            root._write,
            self._ask,
            self._host,
            self._host_closed,
            on_input=on_input,
            on_event=on_event,
        )
        self._closing = False
        self.ready = root.ready
        begun = Slot()
        with self._changed:
            parent._conversation.begin(self._conversation, name, checkpoint, begun)
        root.wait(begun)
        told = begun.result()
        if not isinstance(told, frames.BranchReply):
            raise RequestRefused("unexpected", f"branch: answered by {told!r}")
        self.began = told

    @property
    def name(self) -> str:
        """What the server calls it."""
        return self.began.session

    def start(self) -> Self:
        return self

    def close(self) -> None:
        """Ends this session alone: what runs is interrupted, and its memory is free then."""
        with self._changed:
            begun, self._closing = self._closing, True
        if begun or self.closed:
            return
        with suppress(ReplwireError):
            self._root.request({"type": "close", "session": self.name}, frames.CloseReply)

    def disown(self) -> None:
        self._conversation.disown()

    # ---- the pipes are the first session's ----------------------------------------------------

    @property
    def root(self) -> Session:
        return self._root

    @property
    def _process(self) -> Process | None:  # type: ignore[override]
        return self._root._process

    def wait(self, slot: Slot, patience: float | None = None) -> bool:
        return self._root.wait(slot, patience)

    def poll(self) -> None:
        self._root.poll()
