"""What code calls of its module `host`: from the frame to the answer."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from .. import frames
from ..session import Session
from .running import Confirmation, Running

LONGEST = 1000  # characters of a call as a person is shown it
NOBODY = "nobody could be asked whether it is allowed"


class Host(Protocol):
    """Who has the functions."""

    async def described(self) -> dict[str, dict[str, Any]]: ...

    async def call(self, call: frames.Call) -> Any: ...


class Calls:
    """Of one session."""

    def __init__(self, session: Session, host: Host, confirm: bool) -> None:
        self._session = session
        self._host = host
        self._confirm = confirm
        self._tasks: dict[str, tuple[asyncio.Task[None], Running | None]] = {}

    def take(self, event: frames.Call | frames.CallClosed, running: Running | None) -> None:
        if isinstance(event, frames.Call):
            task = asyncio.create_task(self._answer(event, running))
            self._tasks[event.id] = task, running
            task.add_done_callback(lambda _: self._tasks.pop(event.id, None))
        elif event.id in self._tasks:
            self._tasks[event.id][0].cancel()

    def drop(self, running: Running) -> None:
        for task, its in self._tasks.values():
            if its is running:
                task.cancel()

    async def _answer(self, call: frames.Call, running: Running | None) -> None:
        value: Any
        try:
            if self._confirm:
                await self._ask(call, running)
            value = await self._host.call(call)
        except Exception as error:
            value = error
        self._session.answer(call, value)

    async def _ask(self, call: frames.Call, running: Running | None) -> None:
        if running is None:  # its execution is over, and no call of a tool waits
            raise PermissionError(f"{call.name}(): {NOBODY}")
        asked = Confirmation(call.id, as_code(call), asyncio.get_running_loop().create_future())
        running.confirmations[call.id] = asked
        running.changed.set()
        try:
            refusal = await asked.refusal
        finally:
            running.confirmations.pop(call.id, None)
        if refusal is not None:
            raise PermissionError(f"{call.name}(): {refusal}")


def as_code(call: frames.Call) -> str:
    words = [repr(each) for each in call.args]
    words += [f"{name}={value!r}" for name, value in call.kwargs.items()]
    text = f"{call.name}({', '.join(words)})"
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
