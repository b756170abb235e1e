"""A Python session in a process of its own: run code there, answer its input(), see its output."""

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
    "frames",
]
