"""What the tests of transcripts share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from replwire.transcript import Outcome, Play, Transcript, play


def played(path: Path, text: str, **how: object) -> Outcome:
    path.write_bytes(text.encode())
    return asyncio.run(play(Transcript.read(path), Play(**how)))  # type: ignore[arg-type]
