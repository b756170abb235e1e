"""A dataclass that is made one when its first instance is, or when its fields are asked for.

There are some sixty kinds of frames, of which a session needs six to begin. `dataclass` writes and
compiles three functions for each; to have that done for all took half of the imports of
`replwire-cli`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Frame", "late_dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as late_dataclass

    class Frame: ...
else:

    def late_dataclass(kind: type) -> type:
        return kind

    def _make(kind: type) -> None:
        from dataclasses import dataclass  # noqa: PLC0415  # imports `inspect`

        dataclass(kind)  # in place

    class _Late(type):
        def __getattr__(cls, name: str) -> Any:
            if name not in ("__dataclass_fields__", "__match_args__") or cls.__base__ is object:
                raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
            _make(cls)
            return getattr(cls, name)

    class Frame(metaclass=_Late):
        def __init__(self, *values: Any, **named: Any) -> None:
            _make(type(self))
            self.__init__(*values, **named)  # its own, from now on

        def __reduce__(self) -> Any:  # so that who unpickles one calls it as well
            return type(self), tuple(vars(self).values())
