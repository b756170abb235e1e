"""Runs code in a session, and is the terminal that it talks with."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
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

        with held_interrupts(), Listener(interrupt) as listener, closing_event(over):
            for event in stream:
                if isinstance(event, frames.Input):
                    self._ask(event, listener, got)
                    continue
                self.screen.show(event)
                if got is not None:
                    got.take(event)
                if isinstance(event, (frames.Result, frames.Error)):
                    return event
        raise AssertionError("a stream ends with a result or an error")

    def _ask(self, question: frames.Input, listener: Listener, got: Got | None) -> None:
        typed = "<^D"
        try:
            with listener.paused(), free_interrupts():
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


HELD = {signal.SIGINT, signal.SIGURG}  # the second ends a listener


@contextmanager
def held_interrupts() -> Generator[None]:
    """Ctrl-C waits for whoever listens: it tears no session out of the middle of a frame, and none
    gets lost between two that would act on it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def free_interrupts() -> Generator[None]:
    """Ctrl-C, one that has waited too, is KeyboardInterrupt."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_interrupt() -> bool:
    """One that has waited."""
    return signal.sigtimedwait({signal.SIGINT}, 0) is not None


class Listener:
    """Acts on Ctrl-C while this thread waits for the session; where it is held."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def __enter__(self) -> Listener:
        # Also when a KeyboardInterrupt came in the middle of freeing them.
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread.ident is not None
        signal.pthread_kill(self._thread.ident, signal.SIGURG)
        self._thread.join()

    @contextmanager
    def paused(self) -> Generator[None]:
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def _listen(self) -> None:
        while signal.sigwait(HELD) == signal.SIGINT:
            with suppress(ReplwireError):  # the code, or the session, has ended by itself
                self._act()


@contextmanager
def closing_event(event: threading.Event) -> Generator[None]:
    try:
        yield
    finally:
        event.set()


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
