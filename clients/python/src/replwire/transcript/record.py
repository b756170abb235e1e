"""Writes the transcript of a live session."""

from __future__ import annotations

from ..errors import ReplwireError


def record(file: str, command: list[str] | None, force: bool) -> int:
    raise ReplwireError(f"{file}: not yet")
