"""Pictures as sixels, which xterm, foot, mlterm, Konsole, Windows Terminal and others draw."""

from __future__ import annotations

import base64
import io
import os
import re
import select
import sys
import termios
from functools import lru_cache
from importlib.util import find_spec

MOST_PIXELS = 1000  # to a side; a terminal does not scale
BAND = 6  # rows that one sixel holds
PATIENCE = 0.5  # seconds; a terminal that is there answers in milliseconds
LFLAG = 3  # of what termios.tcgetattr() gives
AS_TEXT = bytes((value + 63) % 256 for value in range(256))


@lru_cache(1)
def available() -> bool:
    """Whether the terminal says that it can, and Pillow is there to count the colours."""
    attributes = _device_attributes() if find_spec("PIL") is not None else None
    return attributes is not None and "4" in attributes.split(";")


def _device_attributes() -> str | None:
    """What it answers to DA1. None: nothing, or somebody types, whose words must not be taken."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[LFLAG] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        if select.select([terminal], [], [], 0)[0]:
            return None
        sys.stdout.write("\x1b[c")
        sys.stdout.flush()
        told = b""
        while select.select([terminal], [], [], PATIENCE)[0]:
            told += os.read(terminal, 1)
            if found := re.search(rb"\x1b\[\?([\d;]+)c", told):
                return found[1].decode()
        return None
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def drawn(png: str) -> str:
    """`png` in base64. Transparent parts are white, as on paper."""
    from PIL import Image  # noqa: PLC0415  # it need not be there

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    paper.thumbnail((MOST_PIXELS, MOST_PIXELS))
    counted = paper.convert("RGB").quantize(256)
    width, height = counted.size
    palette = counted.getpalette() or []
    pixels = counted.tobytes()
    colors = "".join(
        f"#{number};2;{';'.join(str(round(part / 2.55)) for part in palette[3 * number :][:3])}"
        for number in sorted(set(pixels))
    )
    bands = "-".join(
        _band([pixels[row * width :][:width] for row in range(top, min(top + BAND, height))])
        for top in range(0, height, BAND)
    )
    return f'\x1bPq"1;1;{width};{height}{colors}{bands}\x1b\\\n'


def _band(rows: list[bytes]) -> str:
    """Of each colour the bits of the rows that have it, the top row lowest; runs are counted."""
    lines: list[str] = []
    for color in sorted(set(b"".join(rows))):
        bits = 0
        for number, row in enumerate(rows):
            only = bytes(1 << number if value == color else 0 for value in range(256))
            bits |= int.from_bytes(row.translate(only), "big")
        line = bits.to_bytes(len(rows[0]), "big").translate(AS_TEXT).decode()
        counted = re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", line)
        lines.append(f"#{color}{counted}")
    return "$".join(lines)
