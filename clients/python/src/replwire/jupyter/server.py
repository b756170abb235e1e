"""The server of a kernel. It starts while the libraries that the kernel takes are imported."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..process import Process, command_line, find_server

SURROUNDINGS = {  # what a notebook shows of a terminal
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}


class Server:
    def __init__(self, python: str | None, args: Sequence[str]) -> None:
        self._python = python
        self._args = ["--survive", "--survive-level", "early", "--ipython", "auto", *args]
        level = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        level.add_argument("--survive-level")
        # A cell's value is told before its snapshot is there, and `kept` or `not_kept` follows.
        self.tells_kept = level.parse_known_args(self._args)[0].survive_level == "early"
        self._ahead: Process | None = self._start()

    def start(self) -> Process:
        """The one that has been started ahead, or another one."""
        ahead, self._ahead = self._ahead, None
        return ahead or self._start()

    def _start(self) -> Process:
        server = find_server(same_python=False)
        command = command_line(server, self._args, None, self._python)
        return Process(command, SURROUNDINGS, apart=True)
