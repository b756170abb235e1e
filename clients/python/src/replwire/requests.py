"""The requests that have one reply, a method each.

Written by generate.py from `replwire --schema`; not to be edited.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from . import frames

Reply = TypeVar("Reply")


class AsyncRequests:
    """For the session of asyncio programs."""

    async def request(self, frame: dict[str, Any], reply: type[Reply]) -> Reply:
        raise NotImplementedError

    async def interrupt(
        self,
        execution_id: frames.Id | None = None,
        grace: float | None = None,
    ) -> frames.InterruptReply:
        """`interrupt`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "interrupt",
            "execution_id": execution_id,
            "grace": grace,
        }
        return await self.request(frame, frames.InterruptReply)

    async def status(
        self,
        stack: bool | None = None,
    ) -> frames.StatusReply:
        """`status`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "status",
            "stack": stack,
        }
        return await self.request(frame, frames.StatusReply)

    async def complete(
        self,
        code: str,
        cursor_pos: int | None = None,
    ) -> frames.CompleteReply:
        """`complete`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "complete",
            "code": code,
            "cursor_pos": cursor_pos,
        }
        return await self.request(frame, frames.CompleteReply)

    async def inspect(
        self,
        code: str,
        cursor_pos: int | None = None,
        detail_level: int | None = None,
    ) -> frames.InspectReply:
        """`inspect`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "inspect",
            "code": code,
            "cursor_pos": cursor_pos,
            "detail_level": detail_level,
        }
        return await self.request(frame, frames.InspectReply)

    async def is_complete(
        self,
        code: str,
    ) -> frames.IsCompleteReply:
        """`is_complete`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "is_complete",
            "code": code,
        }
        return await self.request(frame, frames.IsCompleteReply)

    async def variables(
        self,
        prefix: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        path: list[frames.Id] | None = None,
    ) -> frames.VariablesReply:
        """`variables`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "variables",
            "prefix": prefix,
            "offset": offset,
            "limit": limit,
            "path": path,
        }
        return await self.request(frame, frames.VariablesReply)

    async def debug(
        self,
        host: str | None = None,
        port: int | None = None,
    ) -> frames.DebugReply:
        """`debug`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "debug",
            "host": host,
            "port": port,
        }
        return await self.request(frame, frames.DebugReply)

    async def output_get(
        self,
        execution_count: int,
        stream: Literal["stdout", "stderr"],
        offset: int,
        size: int,
    ) -> frames.OutputGetReply:
        """`output_get`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "output_get",
            "execution_count": execution_count,
            "stream": stream,
            "offset": offset,
            "size": size,
        }
        return await self.request(frame, frames.OutputGetReply)

    async def reset(self) -> frames.ResetReply:
        """`reset`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "reset",
        }
        return await self.request(frame, frames.ResetReply)

    async def save(
        self,
        path: str,
        names: list[str] | None = None,
    ) -> frames.SaveReply:
        """`save`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "save",
            "path": path,
            "names": names,
        }
        return await self.request(frame, frames.SaveReply)

    async def load(
        self,
        path: str,
        names: list[str] | None = None,
    ) -> frames.LoadReply:
        """`load`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "load",
            "path": path,
            "names": names,
        }
        return await self.request(frame, frames.LoadReply)

    async def checkpoint(
        self,
        name: str | None = None,
    ) -> frames.CheckpointReply:
        """`checkpoint`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoint",
            "name": name,
        }
        return await self.request(frame, frames.CheckpointReply)

    async def checkpoints(self) -> frames.CheckpointsReply:
        """`checkpoints`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoints",
        }
        return await self.request(frame, frames.CheckpointsReply)

    async def checkpoint_drop(
        self,
        checkpoint_id: str,
    ) -> frames.CheckpointDropReply:
        """`checkpoint_drop`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoint_drop",
            "checkpoint_id": checkpoint_id,
        }
        return await self.request(frame, frames.CheckpointDropReply)

    async def restore(
        self,
        checkpoint_id: str,
    ) -> frames.RestoreReply:
        """`restore`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "restore",
            "checkpoint_id": checkpoint_id,
        }
        return await self.request(frame, frames.RestoreReply)

    async def undo(
        self,
        count: int | None = None,
    ) -> frames.UndoReply:
        """`undo`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "undo",
            "count": count,
        }
        return await self.request(frame, frames.UndoReply)

    async def sessions(self) -> frames.SessionsReply:
        """`sessions`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "sessions",
        }
        return await self.request(frame, frames.SessionsReply)

    async def resize(
        self,
        columns: int,
        lines: int,
    ) -> frames.ResizeReply:
        """`resize`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "resize",
            "columns": columns,
            "lines": lines,
        }
        return await self.request(frame, frames.ResizeReply)


class SyncRequests:
    """For the session that blocks."""

    def request(self, frame: dict[str, Any], reply: type[Reply]) -> Reply:
        raise NotImplementedError

    def interrupt(
        self,
        execution_id: frames.Id | None = None,
        grace: float | None = None,
    ) -> frames.InterruptReply:
        """`interrupt`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "interrupt",
            "execution_id": execution_id,
            "grace": grace,
        }
        return self.request(frame, frames.InterruptReply)

    def status(
        self,
        stack: bool | None = None,
    ) -> frames.StatusReply:
        """`status`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "status",
            "stack": stack,
        }
        return self.request(frame, frames.StatusReply)

    def complete(
        self,
        code: str,
        cursor_pos: int | None = None,
    ) -> frames.CompleteReply:
        """`complete`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "complete",
            "code": code,
            "cursor_pos": cursor_pos,
        }
        return self.request(frame, frames.CompleteReply)

    def inspect(
        self,
        code: str,
        cursor_pos: int | None = None,
        detail_level: int | None = None,
    ) -> frames.InspectReply:
        """`inspect`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "inspect",
            "code": code,
            "cursor_pos": cursor_pos,
            "detail_level": detail_level,
        }
        return self.request(frame, frames.InspectReply)

    def is_complete(
        self,
        code: str,
    ) -> frames.IsCompleteReply:
        """`is_complete`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "is_complete",
            "code": code,
        }
        return self.request(frame, frames.IsCompleteReply)

    def variables(
        self,
        prefix: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        path: list[frames.Id] | None = None,
    ) -> frames.VariablesReply:
        """`variables`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "variables",
            "prefix": prefix,
            "offset": offset,
            "limit": limit,
            "path": path,
        }
        return self.request(frame, frames.VariablesReply)

    def debug(
        self,
        host: str | None = None,
        port: int | None = None,
    ) -> frames.DebugReply:
        """`debug`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "debug",
            "host": host,
            "port": port,
        }
        return self.request(frame, frames.DebugReply)

    def output_get(
        self,
        execution_count: int,
        stream: Literal["stdout", "stderr"],
        offset: int,
        size: int,
    ) -> frames.OutputGetReply:
        """`output_get`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "output_get",
            "execution_count": execution_count,
            "stream": stream,
            "offset": offset,
            "size": size,
        }
        return self.request(frame, frames.OutputGetReply)

    def reset(self) -> frames.ResetReply:
        """`reset`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "reset",
        }
        return self.request(frame, frames.ResetReply)

    def save(
        self,
        path: str,
        names: list[str] | None = None,
    ) -> frames.SaveReply:
        """`save`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "save",
            "path": path,
            "names": names,
        }
        return self.request(frame, frames.SaveReply)

    def load(
        self,
        path: str,
        names: list[str] | None = None,
    ) -> frames.LoadReply:
        """`load`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "load",
            "path": path,
            "names": names,
        }
        return self.request(frame, frames.LoadReply)

    def checkpoint(
        self,
        name: str | None = None,
    ) -> frames.CheckpointReply:
        """`checkpoint`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoint",
            "name": name,
        }
        return self.request(frame, frames.CheckpointReply)

    def checkpoints(self) -> frames.CheckpointsReply:
        """`checkpoints`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoints",
        }
        return self.request(frame, frames.CheckpointsReply)

    def checkpoint_drop(
        self,
        checkpoint_id: str,
    ) -> frames.CheckpointDropReply:
        """`checkpoint_drop`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "checkpoint_drop",
            "checkpoint_id": checkpoint_id,
        }
        return self.request(frame, frames.CheckpointDropReply)

    def restore(
        self,
        checkpoint_id: str,
    ) -> frames.RestoreReply:
        """`restore`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "restore",
            "checkpoint_id": checkpoint_id,
        }
        return self.request(frame, frames.RestoreReply)

    def undo(
        self,
        count: int | None = None,
    ) -> frames.UndoReply:
        """`undo`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "undo",
            "count": count,
        }
        return self.request(frame, frames.UndoReply)

    def sessions(self) -> frames.SessionsReply:
        """`sessions`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "sessions",
        }
        return self.request(frame, frames.SessionsReply)

    def resize(
        self,
        columns: int,
        lines: int,
    ) -> frames.ResizeReply:
        """`resize`, as docs/protocol.md describes it."""
        frame: dict[str, Any] = {
            "type": "resize",
            "columns": columns,
            "lines": lines,
        }
        return self.request(frame, frames.ResizeReply)
