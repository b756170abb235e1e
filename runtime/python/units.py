"""Columns and cursors in what --position-encoding names: bytes of UTF-8, code units of UTF-16, or code
points."""

ENCODING, SIZE = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": (None, 1),
}[getattr(wire, "position_encoding", "utf-32")]


def told(text, position):
    """A position in code points as the client counts it."""
    if ENCODING is None or position is None or text is None:
        return position
    beyond = max(position - len(text), 0)
    return len(text[:position].encode(ENCODING, "surrogatepass")) // SIZE + beyond


def meant(text, position):
    """The other way: the place before the character that the position is in."""
    if ENCODING is None:
        return position
    if position >= len(text) * 4:
        return len(text)
    return len(text.encode(ENCODING, "surrogatepass")[: position * SIZE].decode(ENCODING, "ignore"))
