"""`%undo`, `%checkpoint`, `%checkpoints`, `%restore`: lines at the head of a cell that go to the
server, with IPython and without."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..session import Session
from .effects import Effects

_LINE = re.compile(r"\s*%(undo|checkpoints|checkpoint|restore)\b[ \t]*([^#]*)")

_HELP = re.compile(r"\s*(\?{0,2})\s*([\w.]+)\s*(\?{0,2})\s*")


@dataclass(frozen=True)
class Magic:
    name: str
    argument: str


def split(code: str) -> tuple[list[Magic], str]:
    """The magics at its head, and the code behind them, whose lines keep their numbers."""
    magics: list[Magic] = []
    lines = code.split("\n")
    head = 0
    for line in lines:
        found = _LINE.match(line)
        if found is not None:
            magics.append(Magic(found[1], found[2].strip()))
        elif line.strip() and not line.lstrip().startswith("#"):
            break
        head += 1
    if not magics:
        return [], code
    rest = "\n".join(lines[head:])
    return magics, "\n" * head + rest if rest.strip() else ""


async def help_page(code: str, session: Session) -> dict[str, Any] | None:
    """For a cell that is `name?` or `name??`: what a front end shows in its pager."""
    asked = _HELP.fullmatch(code)
    marks = "" if asked is None else asked[1] + asked[3]
    if asked is None or len(marks) not in (1, 2):
        return None
    name = asked[2]
    reply = await session.inspect(name, len(name), len(marks) - 1)
    data = reply.data if reply.found else {"text/plain": f"{name} is not defined"}
    return {"source": "page", "data": data, "start": 0}


async def perform(magic: Magic, session: Session, effects: Effects) -> str:
    """Gives what is to be shown."""
    if magic.name == "checkpoint":
        reply = await session.checkpoint(magic.argument or None)
        return f"checkpoint {magic.argument or reply.checkpoint_id}\n"
    if magic.name == "checkpoints":
        found = [each for each in (await session.checkpoints()).checkpoints if not each.automatic]
        lines = [f"{each.name or each.checkpoint_id:24}{each.age:8.0f} s ago" for each in found]
        return "\n".join(lines or ["no checkpoints"]) + "\n"
    if magic.name == "restore":
        id, name = await _checkpoint(session, magic.argument)
        await session.restore(id)
        return f"the variables are those of checkpoint {name}\n"
    cells = int(magic.argument or 1)
    await session.undo(effects.executions_of(cells))
    return "undone: the last cell\n" if cells == 1 else f"undone: the last {cells} cells\n"


async def _checkpoint(session: Session, name: str) -> tuple[str, str]:
    """The newest of that name, or the newest."""
    for each in reversed((await session.checkpoints()).checkpoints):
        if not each.automatic and name in ("", each.name, each.checkpoint_id):
            return each.checkpoint_id, each.name or each.checkpoint_id
    raise ValueError(f"no checkpoint {name}" if name else "no checkpoints")
