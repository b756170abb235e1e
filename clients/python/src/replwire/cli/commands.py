"""What the prompt itself understands: lines that begin with `:` or `?`, which no Python does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .. import frames
from ..errors import RequestRefused
from ..sync import Session
from ..sync_branch import Branch
from .terminal import Terminal

HELP = """\
?name              what it is: signature and documentation
:undo [N]          take back the last execution, or the last N
:checkpoint [NAME] keep the state as it is now
:checkpoints       those that are kept
:restore ID        go back to one of them, by its id or name
:branch [NAME]     go on in a copy of this session
:sessions          those that there are
:switch [NAME]     go on in another one; without a name, in the first
:close             end this copy, and go on in the first session
:vars [PREFIX]     the variables
:save FILE         the variables into a file
:load FILE         and back
:time CODE         run code and say how long it took
:where             the process, its memory, and what it is doing
:python            which Python runs the code
:help              this
Ctrl-C stops what runs, Ctrl-R searches the history, Ctrl-D or exit() ends."""

_ASKED = re.compile(r"\?{1,2}\s*(?P<before>[\w.\[\]'\"]+)|(?P<behind>[\w.]+)\?{1,2}")
_MAGIC = re.compile(r"%%?[a-zA-Z]\w*|!\s*\w")
NO_MAGIC = "magics and shell lines are IPython's; :help tells what this prompt has"


class Commands:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._branches: dict[str, Branch] = {}
        self._by_name: dict[str, Callable[[str], Iterator[str] | None]] = {
            "undo": self._undo,
            "checkpoint": self._checkpoint,
            "checkpoints": self._checkpoints,
            "restore": self._restore,
            "branch": self._branch,
            "sessions": self._sessions,
            "switch": self._switch,
            "close": self._close,
            "vars": self._vars,
            "save": self._save,
            "load": self._load,
            "time": self._time,
            "where": self._where,
            "python": self._python,
            "help": lambda _: iter([HELP]),
        }

    @property
    def _session(self) -> Session:
        return self._terminal.session

    def take(self, code: str) -> bool:
        """Whether it was one, and is done."""
        line = code.strip()
        asked = _ASKED.fullmatch(line)
        if asked is not None:
            self._say(self._about(asked["before"] or asked["behind"]))
        elif _MAGIC.match(line) and not self._has_ipython():
            self._say(iter([NO_MAGIC]))
        elif line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            act = self._by_name.get(name)
            try:
                self._say(
                    iter([f":{name} is not known, :help tells what is"])
                    if act is None
                    else act(rest.strip())
                )
            except RequestRefused as refusal:
                self._terminal.screen.complain(self._why(name, refusal))
        else:
            return False
        return True

    def _say(self, lines: Iterator[str] | None) -> None:
        for line in lines or ():
            self._terminal.screen.remark(line)

    @staticmethod
    def _why(name: str, refusal: RequestRefused) -> str:
        if refusal.code == "unknown_type":
            return f":{name} needs a session that survives: start without --no-survive"
        return refusal.message

    def _has_ipython(self) -> bool:
        return self._session.inspect("get_ipython", len("get_ipython")).found

    def _about(self, name: str) -> Iterator[str]:
        reply = self._session.inspect(name, len(name))
        yield reply.data.get("text/plain", "") if reply.found else f"{name} is not known"

    def _undo(self, rest: str) -> Iterator[str]:
        if rest and not rest.isdigit():
            yield ":undo [N]: how many executions to take back"
            return
        self._session.undo(int(rest) if rest else None)

    def _checkpoint(self, rest: str) -> Iterator[str]:
        yield f"{self._session.checkpoint(rest or None).checkpoint_id} keeps the state as it is"

    def _checkpoints(self, _: str) -> Iterator[str]:
        for each in self._session.checkpoints().checkpoints:
            yield f"{each.checkpoint_id}  {each.name or ''}".rstrip()

    def _restore(self, rest: str) -> None:
        named = [
            each.checkpoint_id
            for each in self._session.checkpoints().checkpoints
            if each.name == rest
        ]
        self._session.restore(named[-1] if named else rest)

    def _branch(self, rest: str) -> Iterator[str]:
        branch = self._session.branch(name=rest or None, on_event=self._terminal.screen.show)
        self._branches[branch.name] = branch
        self._terminal.session = branch
        yield f"{rest or branch.name}: {branch.name}, a copy of the session"

    def _sessions(self, _: str) -> Iterator[str]:
        here = self._session.name if isinstance(self._session, Branch) else None
        for each in self._session.root.sessions().sessions:
            mark = "*" if each.session == here else " "
            size = each.memory / (1 << 20)
            name = f"{each.session or 'first'}  {each.name or ''}".rstrip()
            yield f"{mark} {name}  {each.state}, {size:.1f} MiB"

    def _switch(self, rest: str) -> Iterator[str]:
        root = self._session.root
        if rest in ("", "first"):
            self._terminal.session = root
            return
        listed = [each for each in root.sessions().sessions if rest in (each.session, each.name)]
        branch = self._branches.get((listed[-1].session or "") if listed else rest)
        if branch is None:
            yield f"there is no session {rest}, :sessions tells which there are"
        else:
            self._terminal.session = branch

    def _close(self, _: str) -> Iterator[str]:
        session = self._session
        if not isinstance(session, Branch):
            yield "this is the first session: Ctrl-D ends it"
            return
        self._terminal.session = session.root
        session.close()
        del self._branches[session.name]

    def _vars(self, rest: str) -> Iterator[str]:
        reply = self._session.variables(prefix=rest or None)
        width = max([len(each.name) for each in reply.variables], default=0)
        for each in reply.variables:
            yield f"{each.name:{width}}  {each.type}  {each.repr}"
        if not reply.variables:
            yield "there are none"

    def _save(self, rest: str) -> Iterator[str]:
        if not rest:
            yield ":save FILE: where to"
            return
        reply = self._session.save(rest)
        yield f"{names(reply.saved)} in {reply.path}"
        yield from skipped(reply.skipped)

    def _load(self, rest: str) -> Iterator[str]:
        if not rest:
            yield ":load FILE: where from"
            return
        reply = self._session.load(rest)
        yield f"{names(reply.loaded)} from {rest}"
        yield from skipped(reply.skipped)

    def _time(self, rest: str) -> Iterator[str]:
        end = self._terminal.run(rest, filename="<time>")
        if isinstance(end, frames.Result):
            yield seconds(end.execution_time)

    def _where(self, _: str) -> Iterator[str]:
        status = self._session.status()
        yield f"server {self._session.ready.pid}, Python {self._session.ready.python.pid} at first"
        yield f"{status.state}, {(status.memory_usage or 0) / (1 << 20):.1f} MiB"

    def _python(self, _: str) -> Iterator[str]:
        yield python(self._session.ready)


def names(all: list[str]) -> str:
    return f"{len(all)} {'name' if len(all) == 1 else 'names'}"


def skipped(all: list[frames.SkippedName]) -> Iterator[str]:
    for each in all:
        yield f"not {each.name}: {each.reason}"


def python(ready: frames.Ready) -> str:
    return f"Python {ready.python.version} in {ready.python.prefix} ({ready.python.executable})"


def seconds(time: float) -> str:
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if time >= unit:
            return f"{time / unit:.3g} {name}"
    return f"{time * 1e9:.3g} ns"
