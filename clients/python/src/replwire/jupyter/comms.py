"""Comms: messages between widgets in front ends and their objects in the session."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

from ..session import Session
from .messages import Object
from .request import Request

KINDS = ("comm_open", "comm_msg", "comm_close")


class Comms:
    """Which comms are open, and the messages that the session handles."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}  # what each is for
        self._handled: dict[str, asyncio.Future[None]] = {}

    def info(self, target: str | None) -> Object:
        return {
            id: {"target_name": name} for id, name in self._open.items() if target in (None, name)
        }

    def clear(self) -> None:
        self._open.clear()

    async def pass_on(self, session: Session, request: Request) -> None:
        """Until the session has handled it."""
        content = request.content
        id = str(content.get("comm_id", ""))
        if request.type not in session.ready.capabilities:
            if request.type == "comm_open":  # nobody is there
                request.publish("comm_close", {"comm_id": id, "data": {}})
            return
        if request.type == "comm_close":
            self._open.pop(id, None)
        named: dict[str, Any] = {}
        if request.type == "comm_open":
            name = str(content.get("target_name", ""))
            self._open[id] = name
            named["target_name"] = name
        handled = asyncio.get_running_loop().create_future()
        self._handled[request.id] = handled
        wire: Any = session
        try:
            wire.comm(
                request.type,
                id,
                content.get("data") or {},
                metadata=request.message.metadata,
                buffers=request.message.buffers,
                id=request.id,
                **named,
            )
            await asyncio.wait({handled, session.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._handled[request.id]

    def take_end(self, id: Any) -> None:
        """The session has handled this message."""
        handled = self._handled.get(str(id))
        if handled is not None and not handled.done():
            handled.set_result(None)

    def publish(self, event: Any, request: Request) -> None:
        """What the session says."""
        content = {"comm_id": event.comm_id, "data": event.data}
        if event.type == "comm_open":
            content["target_name"] = event.target_name
            self._open[event.comm_id] = event.target_name
        elif event.type == "comm_close":
            self._open.pop(event.comm_id, None)
        buffers = [b64decode(each) for each in event.buffers or ()]
        request.publish(event.type, content, event.metadata, buffers)
