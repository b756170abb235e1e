"""What is asked about code: loaded at the first inquiry, and each part of it when it is needed.

None of it runs user code, and none imports a file: while user code runs, each system call of an
import would cost a turn of the GIL, and a module of the user's might be found in its place.
"""

import sys
import time

BUDGET = 0.06  # seconds: the way here and back takes some of the 100 ms that are promised

loaded = {}


class Clock:
    """How much time an answer has left."""

    def __init__(self):
        self.end = time.monotonic() + BUDGET
        self.missed = False

    def over(self):
        self.missed = self.missed or time.monotonic() > self.end
        return self.missed


def use(name):
    """A bundled module, the same for all who use it."""
    module = loaded.get(name)
    if module is None:
        module = loaded[name] = type(sys.implementation)(**wire.load(name))
    return module


wire.use = use


def is_complete(code, *_):
    return use("is_complete").is_complete(code)


def complete(code, cursor, *_):
    units = use("units")
    cursor = units.meant(code, cursor)
    texts, start, end, metadata, partial = use("complete").complete(code, cursor, Clock())
    start, end = units.told(code, start), units.told(code, end)
    for each in metadata["_jupyter_types_experimental"]:
        each["start"], each["end"] = start, end
    return texts, start, end, metadata, partial


def inspect(code, cursor, with_source):
    cursor = use("units").meant(code, cursor)
    return use("inspection").inspect(code, cursor, with_source, Clock())


def variables(prefix, offset, limit, path):
    return use("variables").variables(prefix, offset, limit, path, Clock())
