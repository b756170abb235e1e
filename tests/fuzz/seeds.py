"""Writes the lines that the session files send, one file for each session: seeds for the fuzzers.

    seeds.py SESSIONS TARGET
"""

import pathlib
import re
import sys

ESCAPE = re.compile(rb"\\(?:n|r|t|\\|x[0-9a-fA-F]{2})")


def unescape(match):
    text = match.group()
    named = {b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t", b"\\\\": b"\\"}
    return named.get(text) or bytes([int(text[2:], 16)])


def sent(session):
    """All that the client sends in a session file."""
    text = b""
    for line in session.split(b"\n"):
        if line.startswith(b"> "):
            text += line[2:] + b"\n"
        elif line.startswith(b">e "):
            text += ESCAPE.sub(unescape, line[3:])
    return text


def main(sessions, target):
    pathlib.Path(target).mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(sessions).glob("*.session")):
        text = sent(path.read_bytes())
        if text:
            # The fuzzer takes the first byte for the size of its pieces.
            (pathlib.Path(target) / path.stem).write_bytes(b"\x07" + text)


if __name__ == "__main__":
    main(*sys.argv[1:])
