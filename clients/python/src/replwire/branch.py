"""A session that begins in the state of another one, and runs beside it in the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from . import frames
from .answers import OnInput
from .errors import ReplwireError
from .process import Process
from .session import Session

if TYPE_CHECKING:
    from typing_extensions import Self


class Branch(Session):
    """Made by `Session.branch`. Everything that a session can is the same; the process and its
    pipes are those of the first session, which reads for all."""

    def __init__(
        self,
        parent: Session,
        *,
        on_input: OnInput,
        on_event: Callable[[frames.Event], object] | None,
    ) -> None:
        root = parent.root
        self._root = root
        self._parent = parent
        self._close_timeout = root._close_timeout
        self._conversation = parent._conversation.branched(
            root._write,
            self._ask,
            self._host,
            self._host_closed,
            on_input=on_input,
            on_event=on_event,
        )
        self._conversation.on_end = self._branch_ended
        self._answering: dict[str, asyncio.Task[None]] = {}
        self.closing = False
        self.loop = root.loop
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.ready = root.ready

    # ---- life ---------------------------------------------------------------------------------

    async def open(self, name: str | None, checkpoint: str | None) -> None:
        pending: asyncio.Future[frames.BranchReply] = self._root._future()
        self._parent._conversation.begin(self._conversation, name, checkpoint, pending)
        self.began = await pending

    @property
    def name(self) -> str:
        """What the server calls it."""
        return self.began.session

    async def start(self) -> Self:
        return self

    async def close(self) -> None:
        """Ends this session alone: what runs is interrupted, and its memory is free then."""
        if self.ended.done():
            return
        if not self.closing:
            self.closing = True
            with suppress(ReplwireError):
                await self._root.request({"type": "close", "session": self.name}, frames.CloseReply)
        await self.ended

    def _branch_ended(self) -> None:
        for task in self._answering.values():
            task.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    def disown(self) -> None:
        self._conversation.disown()

    # ---- the pipes are the first session's ----------------------------------------------------

    @property
    def root(self) -> Session:
        return self._root

    @property
    def _process(self) -> Process | None:  # type: ignore[override]
        return self._root._process

    @property
    def reading(self) -> bool:  # type: ignore[override]
        return self._root.reading

    def read_on(self) -> None:
        self._root.read_on()

    def read_less(self) -> None:
        self._root.read_less()
