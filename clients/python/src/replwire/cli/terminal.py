"""Runs code in a session, and is the terminal that it talks with."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import frames
from ..errors import ReplwireError, SessionDied
from ..sync import Session
from .screen import Screen

if TYPE_CHECKING:
    from ..transcript.got import Got


class Terminal:
    """Answers come from standard input; Ctrl-C interrupts the code that runs, over the wire."""

    def __init__(self, session: Session, screen: Screen) -> None:
        self.session = session
        self.screen = screen

    def run(
        self, code: str, got: Got | None = None, **options: Any
    ) -> frames.Result | frames.Error:
        """Shows what comes, and takes it down in `got`."""
        self.screen.begin()
        stream = self.session.stream(code, on_input="ask", **options)
        over = threading.Event()

        def interrupt() -> None:
            # It may come before the execution does.
            while self.session.interrupt(stream.id).outcome == "not_running":
                if over.wait(0.01):
                    return

        with on_interrupt(interrupt), closing_event(over):
            for event in stream:
                if isinstance(event, frames.Input):
                    self._ask(event, got)
                    continue
                self.screen.show(event)
                if got is not None:
                    got.take(event)
                if isinstance(event, (frames.Result, frames.Error)):
                    return event
        raise AssertionError("a stream ends with a result or an error")

    def _ask(self, question: frames.Input, got: Got | None) -> None:
        typed = "<^D"
        try:
            with on_interrupt(None):
                answer = read_answer(question.prompt, question.password)
            typed = f"< {answer}" if answer else "<"
            if question.password:
                typed = "< (password)"  # it does not belong in a file
            self.session.answer(question, answer)
        except EOFError:
            self.session.answer(question, EOFError())
        except KeyboardInterrupt:
            typed = "<^C"
            self.session.interrupt(question.execution_id)
        if typed in ("<^C", "<^D") and sys.stdin.isatty():
            print(flush=True)  # the cursor still stands behind the prompt
        self.screen.answered()
        if got is not None:
            got.show(question.prompt)
            got.answer(typed)


def read_answer(prompt: str, password: bool) -> str:
    if password and sys.stdin.isatty():
        import getpass  # noqa: PLC0415  # few need it

        return getpass.getpass(prompt)
    return input(prompt.replace("\0", ""))  # which it would refuse


@contextmanager
def on_interrupt(act: Callable[[], object] | None) -> Generator[None]:
    """What Ctrl-C does meanwhile; None: KeyboardInterrupt, as ever. The reader of a session must
    not be torn out of the middle of a frame, so another thread acts: one that the signal itself
    wakes, since a handler of Python's waits for the main thread, which may just begin to wait."""
    told, teller = os.pipe()
    os.set_blocking(teller, False)

    def listen() -> None:
        while numbers := os.read(told, 64):
            for _ in range(numbers.count(signal.SIGINT)):
                with suppress(ReplwireError):  # the code, or the session, has ended by itself
                    if act is not None:
                        act()
        os.close(told)

    threading.Thread(target=listen, daemon=True).start()
    fd_before = signal.set_wakeup_fd(teller if act else -1, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGINT, ignore if act else signal.default_int_handler)
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd_before)
        signal.signal(signal.SIGINT, before)
        os.close(teller)  # and so the listener ends


@contextmanager
def closing_event(event: threading.Event) -> Generator[None]:
    try:
        yield
    finally:
        event.set()


def ignore(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN it lets the wake-up descriptor know."""


def exit_status(end: frames.Result | frames.Error) -> int:
    """What the shell is told, as python3 would."""
    if isinstance(end, frames.Result):
        return 0
    if end.reason == "exit":
        code = end.exit_code
        return 0 if code is None else code & 0xFF if isinstance(code, int) else 1
    return 130 if end.reason == "interrupt" else 1


def status_of_death(death: SessionDied) -> int:
    status = death.exit_status or 0
    return 128 - status if status < 0 else status
