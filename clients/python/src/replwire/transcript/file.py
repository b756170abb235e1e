"""A file and the examples in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import notebook
from .format import Example
from .pages import examples_of


class TranscriptError(ValueError):
    """The file is no transcript: a line of it cannot be read."""


@dataclass(frozen=True)
class Transcript:
    path: Path
    text: str  # its lines end in \n
    examples: list[Example]
    newline: str = "\n"  # as the file itself has them
    folder: Path | None = None  # where it is played, if not beside the file

    @property
    def label(self) -> str:
        return str(self.path) if self.folder is None else f"{self.path} in {self.folder}"

    @classmethod
    def read(cls, path: Path) -> Transcript:
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise TranscriptError(f"{path}: {error}") from None
        newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
        text = text.replace(newline, "\n")
        try:
            if path.suffix == ".ipynb":
                text, examples = notebook.read(text)
            else:
                examples = examples_of(path, text.removeprefix("\ufeff"))
            if not examples:
                raise TranscriptError(f"{path}: there is no example in it (>>> code)")
            return cls(path, text, examples, newline)
        except TranscriptError:
            raise
        except (ValueError, SyntaxError) as error:
            said = str(error).replace("of the docstring for <string> ", "")
            raise TranscriptError(f"{path}: {said}") from None
