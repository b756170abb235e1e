"""The prompt with prompt_toolkit: several lines, colour, completion, signatures, history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import completion_is_selected, has_focus
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout

from ..errors import ReplwireError
from .prompt import MORE, PROMPT, Prompt, history_file, open_block
from .terminal import Terminal


class SessionCompleter(Completer):
    """What the session itself offers."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        cursor = document.cursor_position
        try:
            reply = self._terminal.session.complete(document.text, cursor)
        except ReplwireError:
            return
        for match in reply.matches:
            yield Completion(match, start_position=reply.cursor_start - cursor)


class Signature:
    """Of the function whose call is being typed, and the first line of its documentation: shown
    below the line."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.text = ""

    def typed(self, buffer: Buffer) -> None:
        before = buffer.document.text_before_cursor
        if before.endswith("("):
            get_app().create_background_task(self._look_up(before))
        elif before.endswith(")"):
            self.text = ""

    async def _look_up(self, code: str) -> None:
        with suppress(ReplwireError):
            reply = await asyncio.to_thread(self._terminal.session.inspect, code, len(code) - 1)
            told = reply.data.get("text/plain", "") if reply.found else ""
            parts = told.split("\n\n", 2)  # signature, facts, documentation
            self.text = "\n".join(each.partition("\n")[0] for each in parts[::2])
            get_app().invalidate()


def open_editor(terminal: Terminal, name: str, settle: Callable[[], None]) -> Prompt:
    session, screen = terminal.session, terminal.screen  # the first one: it reads for all
    signature = Signature(terminal)
    lexer, screen.paint = _colours() if screen.color else (None, None)
    editor: PromptSession[str] = PromptSession(
        message=FormattedText([("ansigreen", PROMPT)]),
        prompt_continuation=FormattedText([("ansigreen", MORE)]),
        multiline=True,
        key_bindings=_keys(terminal),
        completer=SessionCompleter(terminal),
        complete_while_typing=False,
        complete_in_thread=True,
        history=_history(name),
        enable_history_search=True,
        lexer=lexer,
        color_depth=None if screen.color else ColorDepth.DEPTH_1_BIT,
        bottom_toolbar=lambda: signature.text or None,
    )
    editor.default_buffer.on_text_insert += signature.typed

    def listen() -> None:
        """Shows what comes while nobody waits for anything: the output of threads and tasks."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            session.poll()
            if session.closed:
                loop.remove_reader(session.readable)
                get_app().exit(exception=EOFError)

        loop.add_reader(session.readable, readable)

    def read() -> str:
        signature.text = ""
        try:
            with patch_stdout(raw=True):  # what comes meanwhile stands above the prompt
                return editor.prompt(pre_run=listen)
        finally:
            settle()

    return read


def _history(name: str) -> History:
    path = history_file(name)
    return InMemoryHistory() if path is None else FileHistory(str(path))


def _keys(terminal: Terminal) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~completion_is_selected & has_focus(DEFAULT_BUFFER))
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        document = buffer.document
        indent = None
        with suppress(ReplwireError):  # running the code will say so
            indent = open_block(terminal.session, document.text)
        at_the_end = document.line_count == 1 or not document.text_after_cursor.strip()
        if indent is None and at_the_end:
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + (indent or ""))

    @keys.add("enter", filter=completion_is_selected)
    def choose(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    return keys


def _colours() -> tuple[Lexer | None, Callable[[str], str] | None]:
    """For what is typed, and for a value's repr."""
    try:
        from prompt_toolkit.lexers import PygmentsLexer  # noqa: PLC0415  # may not be there
        from pygments import highlight  # noqa: PLC0415
        from pygments.formatters import TerminalFormatter  # noqa: PLC0415  # pyright: ignore
        from pygments.lexers import PythonLexer  # noqa: PLC0415  # pyright: ignore
    except ImportError:
        return None, None
    lexer = PythonLexer(ensurenl=False, stripnl=False)  # pyright: ignore
    formatter: Any = TerminalFormatter()  # pyright: ignore

    def paint(text: str) -> str:
        return str(highlight(text, lexer, formatter))  # pyright: ignore

    return PygmentsLexer(PythonLexer), paint  # pyright: ignore
