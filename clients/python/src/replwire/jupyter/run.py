"""The process of a kernel: signals, the parent's end, the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import zmq

from ..errors import SessionDied
from .kernel import Kernel
from .listening import Listening
from .server import Server
from .sockets import Connection


def run(connection: str | None, server: Server, listening: Listening) -> int:
    if connection is None:
        from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415

        connection = str(Path(jupyter_runtime_dir()) / f"kernel-{os.getpid()}.json")
        print(f"connect by: jupyter console --existing {connection}", file=sys.stderr)
    try:
        asyncio.run(_run(Connection(Path(connection), listening), server))
    except zmq.ZMQError as error:  # an address is in use
        print(f"replwire-jupyter: {error}", file=sys.stderr)
        return 1
    except SessionDied as death:
        print(f"replwire-jupyter: {death.stderr or death}".rstrip(), file=sys.stderr)
        return 2
    return 0


async def _run(connection: Connection, server: Server) -> None:
    kernel = Kernel(connection, server)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, kernel.interrupt_soon)
    for each in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(each, kernel.end.set)
    parent = _parent()
    if parent is not None:
        loop.add_reader(parent, kernel.end.set)
    await kernel.run()


def _parent() -> int | None:
    """Readable at the end of whoever started the kernel and is answerable for it."""
    named = os.environ.get("JPY_PARENT_PID")
    if not named or named != str(os.getppid()) or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(int(named))
    except OSError:
        return None
