"""Pictures that a reader can take: of a kind that models see, and no larger than a bound."""

from __future__ import annotations

import base64
import binascii
import io
from importlib import import_module
from typing import Any, NamedTuple

SEEN = ("image/png", "image/jpeg", "image/webp", "image/gif")
BYTES = 1 << 20  # of one picture, as it is before base64
BOMB = 100_000_000  # pixels; what has more is not even looked at


class Picture(NamedTuple):
    mime: str
    data: str  # base64


class Unseen(Exception):
    """Why there is no picture."""


def bounded(picture: Picture, edge: int) -> Picture:
    """The picture, smaller when an edge of it is longer, or when it is of too many bytes."""
    try:
        raw = base64.b64decode(picture.data)
    except binascii.Error as error:
        raise Unseen(f"{picture.mime}: {error}") from None
    measured = _size_of_png(raw)
    if measured is not None and max(measured) <= edge and len(raw) <= BYTES:
        return Picture(picture.mime, "".join(picture.data.split()))
    try:
        pillow: Any = import_module("PIL.Image")  # few pictures need it
    except ImportError:
        raise Unseen(f"{picture.mime} of {len(raw)} bytes; Pillow is not installed") from None
    try:
        with pillow.open(io.BytesIO(raw)) as image:
            if image.width * image.height > BOMB:
                raise Unseen(f"{picture.mime} of {image.width} by {image.height} pixels")
            if max(image.size) <= edge and len(raw) <= BYTES:
                return Picture(picture.mime, "".join(picture.data.split()))
            image.thumbnail((edge, edge))
            return _within_bytes(image)
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise Unseen(f"{picture.mime}: {error}") from None


def _within_bytes(image: Any) -> Picture:
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = image.convert("RGB")
    kind = "PNG"
    while True:
        out = io.BytesIO()
        image.save(out, kind, **({"optimize": True} if kind == "PNG" else {"quality": 85}))
        if out.tell() <= BYTES or max(image.size) < 64:
            return Picture(f"image/{kind.lower()}", base64.b64encode(out.getvalue()).decode())
        if kind == "PNG":
            kind, image = "JPEG", image.convert("RGB")
        else:
            image = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)))


def _size_of_png(raw: bytes) -> tuple[int, int] | None:
    if raw[:8] != b"\x89PNG\r\n\x1a\n" or raw[12:16] != b"IHDR" or len(raw) < 24:
        return None
    return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
