"""What the tests of transcripts share."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from replwire.transcript import Outcome, Play, Transcript, play


def played(path: Path, text: str, **how: object) -> Outcome:
    path.write_bytes(text.encode())
    return asyncio.run(play(Transcript.read(path), Play(**how)))  # type: ignore[arg-type]


def run(*words: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    source = str(ROOT / "clients" / "python" / "src")
    return subprocess.run(
        [sys.executable, "-m", "replwire.transcript", *map(str, words)],
        cwd=cwd,
        check=False,
        env={**os.environ, "PYTHONPATH": source, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
