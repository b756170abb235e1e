"""Compiles code that nobody wants to run: what it would warn of is not said."""

import _warnings
import sys

NAME = "<replwire inquiry>"
# Of all code: which name warnings go by is another matter in each version. Compiling runs no code
# of another thread's.
IGNORE = ("ignore", None, Warning, None, 0)
ONLY_AST = 0x400
TOP_LEVEL_AWAIT = 0x2000


def filters():
    warnings = dict.get(sys.modules, "warnings")
    return getattr(warnings, "filters", None) or getattr(_warnings, "filters", None)


def compile_quietly(code, mode, flags):
    active = filters()
    if type(active) is not list:
        active = []
    try:  # an interrupt may come behind each call
        active.insert(0, IGNORE)
        return compile(code, NAME, mode, flags | TOP_LEVEL_AWAIT, True)
    finally:
        if active and active[0] is IGNORE:
            del active[0]


NOT_PYTHON = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError)


def parse(code, mode):
    """The syntax tree, or None."""
    try:
        return compile_quietly(code, mode, ONLY_AST)
    except NOT_PYTHON:
        return None


def is_python(code):
    try:
        return compile_quietly(code, "exec", 0) is not None
    except NOT_PYTHON:
        return False
