"""A session that has a name: what it holds as the prompt ends is there when it is resumed."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RequestRefused
from ..sync import Session
from .commands import names, skipped
from .prompt import state_folder
from .screen import Screen

_NAME = re.compile(r"\w[\w.-]*")


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


@contextmanager
def resumed(name: str | None, session: Session, screen: Screen) -> Generator[None]:
    """Its variables are there meanwhile, and kept at the end."""
    if name is None:
        yield
        return
    kept = Resumed(name, session, screen)
    kept.load()
    yield
    kept.save()


class Resumed:
    def __init__(self, name: str, session: Session, screen: Screen) -> None:
        folder = state_folder() / "sessions"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / f"{name}.session"
        self._session = session
        self._screen = screen

    def load(self) -> None:
        """OSError when the file is no good: it stays as it is."""
        if not self._file.exists():
            return
        try:
            reply = self._session.load(str(self._file))
        except RequestRefused as refusal:
            raise OSError(refusal.message) from None
        self._screen.remark(f"{names(reply.loaded)} from {self._file}")
        for line in skipped(reply.skipped):
            self._screen.remark(line)
        if reply.skipped:
            kept = Path(f"{self._file}.before")
            kept.write_bytes(self._file.read_bytes())
            kept.chmod(0o600)
            self._screen.remark(f"the file as it was: {kept}")

    def save(self) -> None:
        if self._session.closed:
            return
        try:
            reply = self._session.save(str(self._file))
        except RequestRefused as refusal:
            self._screen.complain(refusal.message)
            return
        for line in skipped(reply.skipped):
            self._screen.remark(line)
