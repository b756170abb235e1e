"""What an example did."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import frames
from ..typed import without_wrapper


@dataclass
class Got:
    """What an example did."""

    parts: list[list[str]] = field(default_factory=lambda: [[]])
    answers: list[str] = field(default_factory=list[str])  # as they stand in the transcript
    error: str | None = None  # the exception, as the last lines of a traceback tell it
    traceback: str = ""
    problem: str = ""  # what no expectation can mend
    clean_exit: bool = False  # the error is `sys.exit()` with nothing to complain of
    events: list[frames.Event] = field(default_factory=list[frames.Event])  # of a notebook's cell

    def show(self, text: str) -> None:
        self.parts[-1].append(text)

    def answer(self, line: str) -> None:
        self.answers.append(line)
        self.parts.append([])

    @property
    def texts(self) -> list[str]:
        """What was shown, cut where a question was answered."""
        return ["".join(part) for part in self.parts]

    def take(self, event: frames.Event, both: bool = True) -> None:
        """Shows an event as a terminal would; stderr too, with `both`."""
        if isinstance(event, frames.Output):
            if both or event.stream == "stdout":
                self.show(event.data)
        elif isinstance(event, frames.OutputTruncated):
            self.show(f"[{event.omitted} bytes are left out]")
        elif isinstance(event, frames.Display):
            self.show(f"{event.data.get('text/plain', '')}\n")
        elif isinstance(event, frames.Result) and event.repr is not None:
            self.show(event.repr + "\n")
        elif isinstance(event, frames.Error):
            self.clean_exit = event.reason == "exit" and event.exit_code in (None, 0)
            self.traceback = without_wrapper(event.traceback)
            self.error = exception_only(event)

    def end_program(self, event: frames.Error) -> None:
        """As the shell sees the end: by its exit status, which `sys.exit()` chooses."""
        code = event.exit_code
        if isinstance(code, str):
            self.show(f"{code}\n")
        if code not in (None, 0):
            self.show(f"[exit status {code if isinstance(code, int) else 1}]\n")


def exception_only(error: frames.Error) -> str:
    """The last lines of a traceback, which may be several."""
    name = error.exception_type
    said = f"{name}: {error.exception_message}" if error.exception_message else name
    if said and said in error.traceback:
        return said + "\n"
    lines = error.traceback.rstrip("\n").split("\n")
    for number in range(len(lines) - 1, -1, -1):
        if name and _tells(lines[number], name):
            return "\n".join(lines[number:]) + "\n"
    return (said or error.reason) + "\n"


def _tells(line: str, name: str) -> bool:
    return line == name or line.startswith(f"{name}:")
