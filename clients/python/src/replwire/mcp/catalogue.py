"""The tools as they are listed: name, description, arguments, and what each does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .account import NUMBER, SCHEMA, TEXT, Account
from .arguments import (
    Answer,
    Arguments,
    Branch,
    Checkpoint,
    Execute,
    InFile,
    InSession,
    Inspect,
    NoArguments,
    Output,
    Restore,
    Undo,
    Variables,
)
from .tools import Answered, Caller, Tools


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    description: str
    arguments: type[Arguments]
    call: Callable[[Tools, Any, Caller], Awaitable[Account | Answered]]
    schema: dict[str, Any]  # of what it tells
    read_only: bool = False


def _told(**properties: Any) -> dict[str, Any]:
    """Of an object that has all of these, and may have more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


SKIPPED = _list(_told(name=TEXT, reason=TEXT))

TOOLS = [
    Tool(
        "execute",
        "Run Python code",
        "Runs Python code in a lasting session: variables, imports and functions stay for the next "
        "call. Top-level await works. The value of a last expression, the output, figures and "
        "display() come back; long output is cut in the middle, and `output` has the rest. "
        "An error, a crash or a time-out costs this one execution, never the variables.",
        Execute,
        Tools.execute,
        SCHEMA,
    ),
    Tool(
        "answer",
        "Answer input()",
        "Answers code that waits in input(), and goes on waiting for its end as `execute` does.",
        Answer,
        Tools.answer,
        SCHEMA,
    ),
    Tool(
        "interrupt",
        "Interrupt",
        "Stops what runs in a session as Ctrl-C does, firmly after two seconds. Variables stay.",
        InSession,
        Tools.interrupt,
        _told(session=TEXT, outcome=TEXT),
    ),
    Tool(
        "status",
        "Where is it now?",
        "What a session is doing: its state, the Python stack of what runs, questions that wait, "
        "memory, checkpoints. Answered at once, also while code runs.",
        InSession,
        Tools.status,
        _told(session=TEXT, state=TEXT),
        read_only=True,
    ),
    Tool(
        "variables",
        "List variables",
        "Names, types and short values of what a session holds.",
        Variables,
        Tools.variables,
        _told(session=TEXT, total=NUMBER, variables=_list(_told(name=TEXT, type=TEXT, repr=TEXT))),
        read_only=True,
    ),
    Tool(
        "inspect",
        "Inspect a name",
        "Signature, type, documentation and, if asked for, source of what a name stands for.",
        Inspect,
        Tools.inspect,
        _told(session=TEXT, text=TEXT),
        read_only=True,
    ),
    Tool(
        "output",
        "Read output that was cut",
        "A range of what an execution wrote, of which `execute` told the beginning and the end.",
        Output,
        Tools.output,
        _told(session=TEXT, text=TEXT, total=NUMBER),
        read_only=True,
    ),
    Tool(
        "undo",
        "Undo executions",
        "Brings back the variables as they were before the last executions (two at least can be "
        "undone). Files and the network are not touched.",
        Undo,
        Tools.undo,
        _told(session=TEXT, undone=NUMBER),
    ),
    Tool(
        "checkpoint",
        "Take a checkpoint",
        "Keeps the whole state of a session under a name, for `restore`.",
        Checkpoint,
        Tools.checkpoint,
        _told(session=TEXT, checkpoint=TEXT),
    ),
    Tool(
        "restore",
        "Restore a checkpoint",
        "Brings back the state of a checkpoint, any number of times.",
        Restore,
        Tools.restore,
        _told(session=TEXT, checkpoint=TEXT),
    ),
    Tool(
        "branch",
        "Branch a session",
        "Begins another session in the state of one, within milliseconds, however much data that "
        "holds. Both go on at the same time and share nothing: try an idea, and keep or close it.",
        Branch,
        Tools.branch,
        _told(session=TEXT, parent=TEXT),
    ),
    Tool(
        "save",
        "Save variables to a file",
        "Writes the variables of a session to a file; `load` has them back, on another day too. "
        "What cannot be saved is named, with the reason.",
        InFile,
        Tools.save,
        _told(session=TEXT, path=TEXT, bytes=NUMBER, saved=_list(TEXT), skipped=SKIPPED),
    ),
    Tool(
        "load",
        "Load variables from a file",
        "Binds the variables that `save` has written. This runs code from the file, as unpickling "
        "does: only files that you have saved.",
        InFile,
        Tools.load,
        _told(session=TEXT, loaded=_list(TEXT), skipped=SKIPPED),
    ),
    Tool(
        "sessions",
        "List sessions",
        "The sessions that there are, and what each is doing.",
        NoArguments,
        Tools.list_sessions,
        _told(sessions=_list(_told(session=TEXT, state=TEXT, executions=NUMBER))),
        read_only=True,
    ),
    Tool(
        "close",
        "Close a session",
        "Ends a session: what runs is stopped, its variables are gone, its memory is free.",
        InSession,
        Tools.close,
        _told(session=TEXT, closed={"const": True}),
    ),
]
