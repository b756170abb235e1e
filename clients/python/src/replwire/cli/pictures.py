"""Pictures on terminals that can show them, else in files."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from . import sixel

CHUNK = 4096  # most that kitty takes at once
# A picture's kind, and what its file's name ends in. The first is what terminals take.
KINDS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/svg+xml": ".svg",
    "application/pdf": ".pdf",
}


def picture(data: Mapping[str, object]) -> str | None:
    """What a terminal shows of a picture in `data`; None where there is none."""
    kind = next((each for each in KINDS if isinstance(data.get(each), str)), None)
    if kind is None:
        return None
    form = str(data[kind])
    if kind == "image/png":
        if _is_kitty():
            return _kitty(form)
        if os.environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "mintty"):
            return f"\x1b]1337;File=inline=1:{''.join(form.split())}\x07\n"
        if sixel.available():
            with suppress(OSError, ValueError):  # no picture at all
                return sixel.drawn(form)
    return f"[{_written(kind, form)}]\n"


def _is_kitty() -> bool:
    return (
        os.environ.get("TERM") in ("xterm-kitty", "xterm-ghostty")
        or os.environ.get("TERM_PROGRAM") == "ghostty"
    ) and not os.environ.get("TMUX")


def _kitty(form: str) -> str:
    form = "".join(form.split())
    chunks = [form[at : at + CHUNK] for at in range(0, len(form), CHUNK)]
    head = "a=T,f=100,"
    text = ""
    for number, chunk in enumerate(chunks):
        text += f"\x1b_G{head}m={int(number < len(chunks) - 1)};{chunk}\x1b\\"
        head = ""
    return text + "\n"


@lru_cache(1)
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="replwire-"))


def _written(kind: str, form: str) -> Path:
    data = form.encode() if kind == "image/svg+xml" else base64.b64decode(form)
    number = sum(1 for _ in _folder().iterdir()) + 1
    path = _folder() / f"{number}{KINDS[kind]}"
    path.write_bytes(data)
    return path
