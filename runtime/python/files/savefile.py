"""The format of a file of variables (docs/saving.md), for those who write it and those who read it.

One line of text, of a fixed length, says where the index is; then come the groups of names that share
objects, each a pickle and the buffers that it left out, one behind the other; at the end the index, as
JSON. The line and the index have checksums, and the index has those of the groups.
"""

FORMAT = 1
PIECE = 1 << 22  # bytes that are written or read at once


def first_line(offset, size, checksum):
    text = f"replwire session file {FORMAT}, index {offset:020d} {size:012d} {checksum:08x}"
    check = wire.checksum(text.encode(), 0)
    return f"{text} {check:08x}\n".encode()


LINE = len(first_line(0, 0, 0))


def read_first_line(line):
    """(offset, size, checksum) of the index; ValueError with a reason."""
    words = line.split(b" ")
    if words[:3] != [b"replwire", b"session", b"file"] or len(words) < 4:
        raise ValueError("it is no session file")
    number = words[3].rstrip(b",")
    if number.isdigit() and int(number) > FORMAT:
        raise ValueError(f"it has format {int(number)}, and this replwire knows {FORMAT}")
    try:
        offset, size, checksum = int(words[5]), int(words[6]), int(words[7], 16)
    except (ValueError, IndexError):
        offset = size = checksum = 0
    if line != first_line(offset, size, checksum):
        raise ValueError(f"it is damaged within the first {LINE} bytes")
    return offset, size, checksum
