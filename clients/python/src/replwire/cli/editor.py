"""The prompt with prompt_toolkit: several lines, colour, completion, history."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout

from ..errors import ReplwireError
from ..sync import Session
from .prompt import MORE, PROMPT, Prompt, open_block


class SessionCompleter(Completer):
    """What the session itself offers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        cursor = document.cursor_position
        try:
            reply = self._session.complete(document.text, cursor)
        except ReplwireError:
            return
        for match in reply.matches:
            yield Completion(match, start_position=reply.cursor_start - cursor)


def open_editor(session: Session, color: bool) -> Prompt:
    editor: PromptSession[str] = PromptSession(
        message=FormattedText([("ansigreen", PROMPT)]),
        prompt_continuation=FormattedText([("ansigreen", MORE)]),
        multiline=True,
        key_bindings=_keys(session),
        completer=SessionCompleter(session),
        complete_while_typing=False,
        complete_in_thread=True,
        lexer=_lexer() if color else None,
        color_depth=None if color else ColorDepth.DEPTH_1_BIT,
    )

    def read() -> str:
        with patch_stdout(raw=True):  # what threads print meanwhile stands above the prompt
            return editor.prompt()

    return read


def _keys(session: Session) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~completion_is_selected)
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        document = buffer.document
        indent = None
        with suppress(ReplwireError):  # running the code will say so
            indent = open_block(session, document.text)
        if indent is None and not document.text_after_cursor.strip():
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + (indent or ""))

    @keys.add("enter", filter=completion_is_selected)
    def choose(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    return keys


def _lexer() -> Lexer | None:
    try:
        from prompt_toolkit.lexers import PygmentsLexer  # noqa: PLC0415  # may not be there
        from pygments.lexers import PythonLexer  # noqa: PLC0415  # pyright: ignore
    except ImportError:
        return None
    return PygmentsLexer(PythonLexer)  # pyright: ignore
