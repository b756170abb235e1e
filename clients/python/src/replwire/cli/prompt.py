"""Where a person types code: prompt_toolkit's editor where that is installed, else plain lines."""

from __future__ import annotations

import atexit
import os
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import ReplwireError
from ..sync import Session
from .screen import GREEN, PLAIN, Screen
from .terminal import Terminal, free_interrupts

PROMPT, MORE = ">>> ", "... "
LFLAG = 3  # of what termios.tcgetattr() gives
# Gives a block of code; EOFError at the end.
Prompt = Callable[[], str]


def open_prompt(
    terminal: Terminal, name: str = "", settle: Callable[[], None] = lambda: None
) -> Prompt:
    """`name`: the session's, whose history is its own. `settle`: called when it has read once, or
    needs the settings that the terminal began with."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(ImportError):
            from .editor import open_editor  # noqa: PLC0415  # its library need not be there

            return open_editor(terminal, name, settle)
        _complete_lines(terminal, name)
    settle()
    return Lines(terminal).read


@contextmanager
def early_prompt(screen: Screen) -> Generator[Callable[[], None]]:
    """A prompt to type at while the editor is being loaded, which takes longer than all the rest.
    What is typed meanwhile stays with the terminal, unseen, until the editor reads and shows it:
    gives what settles the terminal again, for then."""
    descriptor = sys.stdin.fileno()
    silent = termios.tcgetattr(descriptor)
    silent[LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    with ExitStack() as changed:
        changed.callback(
            termios.tcsetattr, descriptor, termios.TCSANOW, termios.tcgetattr(descriptor)
        )
        # Before the prompt is seen: until then the terminal would take Ctrl-R for itself.
        termios.tcsetattr(descriptor, termios.TCSANOW, silent)
        screen.write_prompt(PROMPT)
        yield changed.close


def state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "replwire"


def history_file(name: str = "") -> Path | None:
    """Its owner's alone; None where none can be written."""
    try:
        folder = state_folder()
        path = folder / "sessions" / f"{name}.history" if name else folder / "history"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except (OSError, RuntimeError):
        return None
    return path


def open_block(session: Session, code: str) -> str | None:
    """None when the code is ready to run, else what its next line begins with."""
    if not code.strip():
        return None
    last = code.rpartition("\n")[2]
    reply = session.is_complete(code if last.strip() else code[: len(code) - len(last)])
    return (reply.indent or "") if reply.status == "incomplete" else None


class Lines:
    """Line after line from standard input, as the interactive interpreter reads them. Prompts are
    for terminals only."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._color = terminal.screen.color
        self._prompts = sys.stdin.isatty()

    def read(self) -> str:
        code = self._line(PROMPT)
        while open_block(self._terminal.session, code) is not None:
            try:
                code = f"{code}\n{self._line(MORE)}"
            except EOFError:
                break
        return code

    def _line(self, prompt: str) -> str:
        # \1 and \2 tell readline what takes no room.
        shown = f"\1{GREEN}\2{prompt}\1{PLAIN}\2" if self._color else prompt
        with free_interrupts():
            return input(shown if self._prompts else "")


def _complete_lines(terminal: Terminal, name: str) -> None:
    try:
        import readline  # noqa: PLC0415  # changes what input() does
    except ImportError:
        return
    found: list[str] = []

    def complete(_: str, number: int) -> str | None:
        if number == 0:
            found[:] = _matches(terminal.session, readline.get_line_buffer(), readline.get_begidx())
        return found[number] if number < len(found) else None

    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?.")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    # Beside the editor's, whose format is another.
    if (path := history_file(name)) is not None:
        plain = path.with_name(path.name + ".readline")
        with suppress(OSError):
            plain.touch(mode=0o600)
            readline.read_history_file(plain)
        atexit.register(readline.write_history_file, plain)


def _matches(session: Session, line: str, begin: int) -> list[str]:
    try:
        reply = session.complete(line)
    except ReplwireError:
        return []
    # readline replaces from `begin` on, the session from its own start.
    cut = begin - reply.cursor_start
    return [each[cut:] if cut >= 0 else each for each in reply.matches]
