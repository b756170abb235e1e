"""The ports of a kernel, open before the libraries that serve them are imported: a client that
finds one closed tries again a tenth of a second later, or two."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

NAMES = ("shell", "iopub", "stdin", "control", "hb")
Listening = dict[str, socket.socket]  # by name


def listen(path: Path) -> Listening:
    """Opens the ports that the connection file gives, as far as that is possible. Errors are left
    to Connection, which tries again what is missing here."""
    found: Listening = {}
    with suppress(OSError, ValueError, TypeError, AttributeError, OverflowError):
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if told.get("transport", "tcp") != "tcp":
            return found
        address = str(told.get("ip") or "127.0.0.1")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for name in NAMES:
            if port := int(told.get(f"{name}_port") or 0):
                each = socket.create_server((address, port), family=family, backlog=100)
                each.setblocking(False)
                found[name] = each
    return found
