"""A Python session in a process of its own: run code there, answer its input(), see its output."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import VERSION as __version__

if TYPE_CHECKING:
    from . import frames
    from .answers import OnInput, Prompt
    from .breaker import PoolBroken
    from .errors import (
        ReplwireError,
        RequestRefused,
        ServerNotFound,
        SessionClosed,
        SessionDied,
        UnansweredInput,
    )
    from .pool import Pool, PoolInfo
    from .results import ExecutionError, Result
    from .session import Session
    from .stream import Stream

# asyncio alone costs more than a program that blocks needs for all: each is imported when it is
# asked for.
_HOME = {
    "ExecutionError": "results",
    "OnInput": "answers",
    "Pool": "pool",
    "PoolBroken": "breaker",
    "PoolInfo": "pool",
    "Prompt": "answers",
    "ReplwireError": "errors",
    "RequestRefused": "errors",
    "Result": "results",
    "ServerNotFound": "errors",
    "Session": "session",
    "SessionClosed": "errors",
    "SessionDied": "errors",
    "Stream": "stream",
    "UnansweredInput": "errors",
}

__all__ = [
    "ExecutionError",
    "OnInput",
    "Pool",
    "PoolBroken",
    "PoolInfo",
    "Prompt",
    "ReplwireError",
    "RequestRefused",
    "Result",
    "ServerNotFound",
    "Session",
    "SessionClosed",
    "SessionDied",
    "Stream",
    "UnansweredInput",
    "__version__",
    "frames",
]


def __getattr__(name: str) -> Any:
    if name == "frames":
        return import_module(".frames", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
