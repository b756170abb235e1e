"""Functions of a program's own that code in a session calls: how they are told of, and answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Union

if TYPE_CHECKING:
    import inspect
    import logging

# A function of that name, or what the wire says of one that the program answers by hand.
Functions = Union[Mapping[str, Callable[..., Any]], Literal["ask"], None]
Offered = Union[Callable[..., Any], Mapping[str, Any]]

KINDS = {
    "POSITIONAL_ONLY": "positional",
    "POSITIONAL_OR_KEYWORD": "positional",
    "VAR_POSITIONAL": "var_positional",
    "KEYWORD_ONLY": "keyword",
    "VAR_KEYWORD": "var_keyword",
}
_encode = json.JSONEncoder(allow_nan=False).encode


def named(functions: Iterable[Offered], by_name: Mapping[str, Offered]) -> dict[str, Offered]:
    """Each under the name that it has, or is given."""
    found: dict[str, Offered] = {}
    for each in functions:
        name: object = _name_of(each)
        if not isinstance(name, str):
            raise TypeError(f"{each!r} has no name: give it one, as in define(name=…)")
        found[name] = each
    return {**found, **by_name}


def _name_of(function: Offered) -> object:
    return getattr(function, "__name__", None) if callable(function) else function.get("name")


def described(name: str, function: Offered) -> dict[str, Any]:
    """As the frame `functions` wants it."""
    if isinstance(function, Mapping):
        return {**function, "name": name}
    import inspect  # noqa: PLC0415  # few need it

    told: dict[str, Any] = {"name": name, "is_async": is_async(function)}
    doc = inspect.getdoc(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of C, and it does not say
        return {**told, "doc": doc}
    parameters = list(signature.parameters.values())
    told["parameters"] = [_parameter(each) for each in parameters]
    annotated = any(each.annotation is not each.empty for each in parameters)
    if annotated or signature.return_annotation is not signature.empty:
        doc = f"{name}{signature}\n\n{doc}" if doc else f"{name}{signature}"
    return {**told, "doc": doc}


def _parameter(parameter: inspect.Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {"name": parameter.name, "kind": KINDS[parameter.kind.name]}
    if parameter.default is not parameter.empty:
        try:
            json.loads(_encode(parameter.default))
            told["default"] = parameter.default
        except (TypeError, ValueError):  # it is the function's own; the code sees that there is one
            told["default"] = None
    return told


def is_async(function: Callable[..., Any]) -> bool:
    import inspect  # noqa: PLC0415  # few need it

    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def answer_of(name: str, value: object) -> dict[str, Any]:
    """The part of a `call_response` that says it; an exception is what the function raised."""
    if isinstance(value, BaseException):
        return {"error": {"type": type(value).__name__, "message": str(value)}}
    try:
        _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"{name}() returned what is not JSON: {error}"
        log().error("%s", message)
        return {"error": {"type": "TypeError", "message": message}}
    return {"data": value}


def failed(name: str, error: BaseException) -> BaseException:
    """For the program's log: the code in the session sees no more than type and message."""
    log().error("%s() failed", name, exc_info=error)
    return error


def log() -> logging.Logger:
    import logging  # noqa: PLC0415  # few need it

    return logging.getLogger("replwire")
