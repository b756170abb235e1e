"""What `on_input` may be, made into one function from a question to its answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, Union

from .frames import Input


class Prompt(str):
    """The text of a question, and what else is known of it."""

    password: bool
    execution_id: str | int | None

    @classmethod
    def of(cls, question: Input) -> Prompt:
        prompt = cls(question.prompt)
        prompt.password = question.password
        prompt.execution_id = question.execution_id
        return prompt


# The text; or nothing, when there is no answer. EOFError ends the input, any other exception is
# told to the code that asked, and raised by the session's own call as well.
Answer = Union[str, None]
Ask = Callable[[Prompt], Union[Answer, Awaitable[Answer]]]
OnInput = Union[
    Callable[[Prompt], Union[Answer, Awaitable[Answer]]],
    Callable[[str], Union[Answer, Awaitable[Answer]]],
    Mapping[Any, Any],  # from a pattern to a text, or to a function
    Iterable[str],
    Literal["ask", "eof", "error"],  # what the wire's own `on_input` says
    None,
]

WIRE = ("ask", "eof", "error")


def by_pattern(answers: Mapping[Any, Any]) -> Ask:
    patterns = [(re.compile(pattern), answer) for pattern, answer in answers.items()]

    def ask(prompt: Prompt) -> Any:
        for pattern, answer in patterns:
            if pattern.search(prompt):
                return answer(prompt) if callable(answer) else answer
        return None

    return ask


def asker(on_input: OnInput) -> Ask | None:
    if on_input is None:
        return None
    if isinstance(on_input, str):
        if on_input in WIRE:
            return None
        raise TypeError(f"on_input: a list of answers, not {on_input!r}")
    if callable(on_input):
        return on_input  # type: ignore[return-value,unused-ignore]
    if isinstance(on_input, Mapping):
        return by_pattern(on_input)  # pyright: ignore[reportUnknownArgumentType]
    answers = iter(on_input)
    return lambda _: next(answers, None)
