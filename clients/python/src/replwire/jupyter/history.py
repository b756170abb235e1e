"""What was typed, over all sessions: a file of SQLite with the tables that IPython has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    session integer PRIMARY KEY AUTOINCREMENT, start timestamp, end timestamp, num_cmds integer,
    remark text);
CREATE TABLE IF NOT EXISTS history (
    session integer, line integer, source text, source_raw text, PRIMARY KEY (session, line));
"""
PATIENCE = 0.2  # seconds for another kernel that writes
MANY = 1 << 31

Entry = list[Any]  # session, line, source


def history_file() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "replwire" / "jupyter-history.sqlite"


class History:
    """Kept in memory for this session where no file can be written."""

    def __init__(self, path: Path) -> None:
        self._outputs: dict[int, str] = {}  # of this session
        self._unwritten: list[tuple[int, str]] = []
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._begin(str(path))
        except (OSError, sqlite3.Error):
            self._begin(":memory:")

    def _begin(self, name: str) -> None:
        self._base = sqlite3.connect(name, timeout=PATIENCE)
        self._base.execute("PRAGMA synchronous = OFF")  # a power cut may cost it, no crash does
        self._base.executescript(TABLES)
        with self._base:
            start = "INSERT INTO sessions (start, remark) VALUES (datetime('now', 'localtime'), '')"
            self.session = self._base.execute(start).lastrowid or 1

    def add(self, line: int, source: str) -> None:
        self._unwritten.append((line, source))

    def add_output(self, line: int, text: str) -> None:
        self._outputs[line] = text

    def write(self) -> None:
        rows = [(self.session, line, source, source) for line, source in self._unwritten]
        if not rows:
            return
        try:
            with self._base:
                self._base.executemany("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error:  # another one writes: the next time
            return
        self._unwritten.clear()

    def close(self) -> None:
        self.write()
        end = "UPDATE sessions SET end = datetime('now', 'localtime'), num_cmds = "
        end += "(SELECT count(*) FROM history WHERE session = ?) WHERE session = ?"
        try:
            with self._base:
                self._base.execute(end, (self.session, self.session))
        except sqlite3.Error:
            pass
        self._base.close()

    # ---- what a history_request asks for --------------------------------------------------------

    def asked(self, content: dict[str, Any]) -> list[Entry]:
        self.write()
        kinds: dict[str, Callable[[dict[str, Any]], Iterator[Entry]]] = {
            "range": self._range,
            "tail": self._tail,
            "search": self._search,
        }
        kind = kinds.get(str(content.get("hist_access_type", "tail")))
        if kind is None:
            return []
        try:
            found = list(kind(content))
        except sqlite3.Error:  # busy, or damaged: the cells go on without it
            return []
        if not content.get("output"):
            return found
        return [[session, line, (source, self._output(session, line))]
                for session, line, source in found]  # fmt: skip

    def _output(self, session: int, line: int) -> str | None:
        return self._outputs.get(line) if session == self.session else None

    def _rows(self, query: str, values: Sequence[Any]) -> Iterator[Entry]:
        query = f"SELECT session, line, source_raw FROM history {query}"
        return map(list, self._base.execute(query, values))

    def _range(self, content: dict[str, Any]) -> Iterator[Entry]:
        session = int(content.get("session") or 0)
        if session <= 0:
            session += self.session  # 0 is this one, -1 the one before
        start, stop = int(content.get("start") or 0), content.get("stop")
        last = MANY if stop is None else int(stop)
        if start < 0 or last < 0:  # counted from the end
            query = "SELECT max(line) FROM history WHERE session = ?"
            end = int(self._base.execute(query, (session,)).fetchone()[0] or 0) + 1
            start, last = (each + end if each < 0 else each for each in (start, last))
        query = "WHERE session = ? AND line >= ? AND line < ? ORDER BY line"
        return self._rows(query, (session, start, last))

    def _tail(self, content: dict[str, Any]) -> Iterator[Entry]:
        return self._newest("", (), _number(content), unique=False)

    def _search(self, content: dict[str, Any]) -> Iterator[Entry]:
        pattern = str(content.get("pattern") or "*")
        unique = bool(content.get("unique"))
        return self._newest("WHERE source_raw GLOB ?", (pattern,), _number(content), unique)

    def _newest(
        self, which: str, values: Sequence[Any], number: int, unique: bool
    ) -> Iterator[Entry]:
        """Oldest first. `unique`: each text once, where it came last."""
        found: list[Entry] = []
        seen: set[str] = set()
        for row in self._rows(f"{which} ORDER BY session DESC, line DESC", values):
            if len(found) >= number:
                break
            if not unique or row[2] not in seen:
                seen.add(row[2])
                found.append(row)
        return reversed(found)


def _number(content: dict[str, Any]) -> int:
    n = content.get("n")
    return MANY if n is None else int(n)
