"""One message of a front end, and what goes back under its header."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .messages import Message, Object, now

if TYPE_CHECKING:
    from .front import Front


class Request:
    __slots__ = ("_front", "aborted", "asks", "channel", "content", "message", "started")

    def __init__(self, front: Front, channel: str, message: Message) -> None:
        self._front = front
        self.channel = channel
        self.message = message
        self.content = message.content
        self.asks = bool(message.content.get("allow_stdin", True))
        self.aborted = False
        self.started = ""

    @property
    def type(self) -> str:
        return self.message.type

    @property
    def id(self) -> str:
        return str(self.message.header.get("msg_id") or "")

    @property
    def header(self) -> Object:
        return self.message.header

    def busy(self) -> None:
        self.started = now()
        self.publish("status", {"execution_state": "busy"})

    def idle(self) -> None:
        self.publish("status", {"execution_state": "idle"})

    def publish(
        self,
        kind: str,
        content: Object,
        metadata: Object | None = None,
        buffers: list[bytes] | None = None,
    ) -> None:
        self._front.publish(kind, content, self.header, metadata, buffers)

    def reply(self, content: Object) -> None:
        self._front.send(self.channel, self.message, *self._reply(content))

    def to_publish(self, kind: str, content: Object) -> Callable[[], None]:
        """Encodes it now; the function returned sends it."""
        return self._front.to_publish(kind, content, self.header)

    def to_end(self, content: Object) -> Callable[[], None]:
        """Encodes the reply and `idle`; the function returned sends both."""
        reply = self._front.to_send(self.channel, self.message, *self._reply(content))
        idle = self.to_publish("status", {"execution_state": "idle"})

        def send() -> None:
            reply()
            idle()

        return send

    def _reply(self, content: Object) -> tuple[str, Object, Object]:
        metadata = {"started": self.started, "status": content.get("status", "ok")}
        return self.type.removesuffix("_request") + "_reply", content, metadata

    def ask(self, content: Object) -> str:
        """Gives the id of the question."""
        return self._front.send("stdin", self.message, "input_request", content)

    def forget(self) -> None:
        """What it asked for is done; its header is kept for what comes late."""
        self.content = self.message.content = {}
        self.message.buffers = []


def failure(name: str, text: str, traceback: list[Any] | None = None) -> Object:
    return {"status": "error", "ename": name, "evalue": text, "traceback": traceback or []}
