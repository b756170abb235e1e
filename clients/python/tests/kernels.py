"""A kernel of ours and a client of Jupyter's own, for tests."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

SOURCE = Path(__file__).resolve().parents[1] / "src"
PATIENCE = 30.0


class Told:
    """What came back for one request."""

    def __init__(self, reply: dict[str, Any], published: list[dict[str, Any]]) -> None:
        self.reply = reply["content"]
        self.channel_message = reply
        self.published = published

    @property
    def kinds(self) -> list[str]:
        return [each["msg_type"] for each in self.published]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each["content"] for each in self.published if each["msg_type"] == kind]

    def text(self, name: str = "stdout") -> str:
        return "".join(each["text"] for each in self.of("stream") if each["name"] == name)

    @property
    def value(self) -> str | None:
        found = self.of("execute_result")
        return found[0]["data"]["text/plain"] if found else None

    @property
    def states(self) -> list[str]:
        return [each["execution_state"] for each in self.of("status")]


class Kernel:
    def __init__(
        self,
        *words: str,
        state: Path,
        when_begun: Callable[[KernelManager], None] = lambda _: None,
    ) -> None:
        self.manager = KernelManager()
        argv = [sys.executable, "-m", "replwire.jupyter", "run", "-f", "{connection_file}", *words]
        self.manager._kernel_spec = KernelSpec(
            argv=argv, display_name="ours", language="python", interrupt_mode="signal"
        )
        ours = {"PYTHONPATH": str(SOURCE), "XDG_STATE_HOME": str(state)}
        self.manager.start_kernel(env={**os.environ, **ours})
        when_begun(self.manager)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.seen: list[dict[str, Any]] = []  # published, in the order that it came

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    # ---- what is sent ---------------------------------------------------------------------------

    def send(self, kind: str, channel: str = "shell", buffers: Any = None, **content: Any) -> str:
        message = self.client.session.msg(kind, content)
        sender = getattr(self.client, f"{channel}_channel")
        self.client.session.send(sender.socket, message, buffers=buffers)
        return str(message["header"]["msg_id"])

    def execute(self, code: str, **content: Any) -> str:
        defaults = {"silent": False, "store_history": True, "allow_stdin": False}
        return self.send("execute_request", **{"code": code, **defaults, **content})

    # ---- what comes back ------------------------------------------------------------------------

    def published(self, patience: float = PATIENCE) -> dict[str, Any]:
        message: dict[str, Any] = self.client.get_iopub_msg(timeout=patience)
        self.seen.append(message)
        return message

    def until(self, kind: str, parent: str | None = None) -> dict[str, Any]:
        """The next one of this kind."""
        while True:
            message = self.published()
            mine = parent is None or message["parent_header"].get("msg_id") == parent
            if mine and message["msg_type"] == kind:
                return message

    def reply(self, id: str, channel: str = "shell") -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while True:
            reader = getattr(self.client, f"get_{channel}_msg")
            message: dict[str, Any] = reader(timeout=max(end - time.monotonic(), 0))
            if message["parent_header"]["msg_id"] == id:
                return message

    def question(self, id: str) -> dict[str, Any]:
        """The next one of this execution; those of others were given up."""
        while True:
            asked: dict[str, Any] = self.client.get_stdin_msg(timeout=PATIENCE)
            if asked["parent_header"]["msg_id"] == id:
                return dict(asked["content"])

    def told(self, id: str, channel: str = "shell") -> Told:
        """All that is published under its header until it is idle, and its reply."""
        mine: list[dict[str, Any]] = [
            each for each in self.seen if each["parent_header"].get("msg_id") == id
        ]
        while not any(each["content"].get("execution_state") == "idle" for each in mine):
            message = self.published()
            if message["parent_header"].get("msg_id") == id:
                mine.append(message)
        return Told(self.reply(id, channel), mine)

    def run(self, code: str, **content: Any) -> Told:
        return self.told(self.execute(code, **content))

    def ask(self, kind: str, channel: str = "shell", **content: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.told(self.send(kind, channel, **content), channel).reply
        return told


@contextmanager
def kernel(*words: str, state: Path, **options: Any) -> Iterator[Kernel]:
    made = Kernel(*words, state=state, **options)
    try:
        yield made
    finally:
        made.close()
