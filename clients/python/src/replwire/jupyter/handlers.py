"""What each request is answered by, but execute_request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..session import Session
from ..version import VERSION
from .messages import PROTOCOL, Object
from .request import Request, failure

if TYPE_CHECKING:
    from .kernel import Kernel

Handler = Callable[["Kernel", Request], Awaitable[Object]]

MOMENT = 0.1  # seconds that a question waits for executions before it


async def kernel_info(kernel: Kernel, request: Request) -> Object:
    version = (await kernel.started()).ready.python.version
    await kernel.front.somebody_listens()  # the first client sends code next
    manual = "https://docs.python.org/" + ".".join(version.split(".")[:2])
    return {
        "status": "ok",
        "protocol_version": PROTOCOL,
        "implementation": "replwire",
        "implementation_version": VERSION,
        "language_info": {
            "name": "python",
            "version": version,
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "python", "version": 3},
            "pygments_lexer": "python3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        },
        "banner": f"Python {version}, replwire {VERSION}; a crash costs one cell",
        "help_links": [{"text": "Python", "url": manual}],
        "debugger": False,
        "supported_features": [],
    }


async def connect(kernel: Kernel, request: Request) -> Object:
    return {"status": "ok", **kernel.connection.ports}


async def _settled(kernel: Kernel) -> Session:
    """The session, when what was sent before has been done, or a moment later."""
    if not kernel.at_rest.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(kernel.at_rest.wait(), MOMENT)
    return await kernel.started()


def _place(request: Request) -> tuple[str, int]:
    code = str(request.content.get("code", ""))
    position = request.content.get("cursor_pos")
    return code, len(code) if position is None else min(max(int(position), 0), len(code))


async def complete(kernel: Kernel, request: Request) -> Object:
    reply = await (await _settled(kernel)).complete(*_place(request))
    return {
        "status": "ok",
        "matches": reply.matches,
        "cursor_start": reply.cursor_start,
        "cursor_end": reply.cursor_end,
        "metadata": reply.metadata,
    }


async def inspect(kernel: Kernel, request: Request) -> Object:
    level = 1 if request.content.get("detail_level") else 0
    reply = await (await _settled(kernel)).inspect(*_place(request), level)
    found = {"status": "ok", "found": reply.found, "data": reply.data}
    return {**found, "metadata": reply.metadata}


async def is_complete(kernel: Kernel, request: Request) -> Object:
    reply = await (await kernel.started()).is_complete(str(request.content.get("code", "")))
    if reply.status == "incomplete":
        return {"status": reply.status, "indent": reply.indent or ""}
    return {"status": reply.status}


async def history(kernel: Kernel, request: Request) -> Object:
    return {"status": "ok", "history": kernel.history.asked(request.content)}


async def comm_info(kernel: Kernel, request: Request) -> Object:
    return {"status": "ok", "comms": kernel.comms.info(request.content.get("target_name"))}


async def comm(kernel: Kernel, request: Request) -> Object:
    await kernel.pass_on(request)
    return {}  # nothing is replied


async def interrupt(kernel: Kernel, request: Request) -> Object:
    await kernel.interrupt()
    return {"status": "ok"}


async def shutdown(kernel: Kernel, request: Request) -> Object:
    content = {"status": "ok", "restart": bool(request.content.get("restart"))}
    await kernel.close_session()
    request.publish("shutdown_reply", content)
    asyncio.get_running_loop().call_soon(kernel.end.set)
    return content


async def no_subshells(kernel: Kernel, request: Request) -> Object:
    return failure("NotImplementedError", "this kernel has no subshells")


async def list_subshells(kernel: Kernel, request: Request) -> Object:
    return {"status": "ok", "subshell_id": []}


async def no_debugger(kernel: Kernel, request: Request) -> Object:
    asked = request.content
    return {
        "type": "response",
        "request_seq": asked.get("seq", 0),
        "success": False,
        "command": asked.get("command", ""),
        "message": "this kernel has no debugger",
    }


# Answered at once, also while code runs.
QUESTIONS: dict[str, Handler] = {
    "kernel_info_request": kernel_info,
    "connect_request": connect,
    "complete_request": complete,
    "inspect_request": inspect,
    "is_complete_request": is_complete,
    "shutdown_request": shutdown,
    "interrupt_request": interrupt,
}
CONTROL: dict[str, Handler] = {
    "kernel_info_request": kernel_info,
    "connect_request": connect,
    "interrupt_request": interrupt,
    "shutdown_request": shutdown,
    "create_subshell_request": no_subshells,
    "delete_subshell_request": no_subshells,
    "list_subshell_request": list_subshells,
    "debug_request": no_debugger,
}
# These take their turn among the executions.
TURNS: dict[str, Handler] = {
    "history_request": history,
    "comm_info_request": comm_info,
    "comm_open": comm,
    "comm_msg": comm,
    "comm_close": comm,
}
