"""The source of code that came over the wire, for as long as its functions and classes live."""

import _weakref
import sys

OPTIMIZED = 0x1  # CO_OPTIMIZED: set for functions, not for class bodies
CodeType = type((lambda: 0).__code__)

# The newest sources that define classes: unlike a function, a class does not hold on to its code.
MOST_CLASS_SOURCES = 256
class_sources = []

# id of the very str that an execution was compiled under -> Source. Two executions under one name
# have two strs.
live = {}

# id of a code object -> Source. The name is not enough: from 3.13 on, code objects of one name share
# one str, whichever execution they are of.
of_code = {}


class Source:
    __slots__ = ("filename", "text", "first_line", "codes")

    def __init__(self, filename, text, first_line):
        self.filename = filename
        self.text = text
        self.first_line = first_line
        self.codes = {}

    def line(self, number):
        """One line without its end, counted as in the code; None where there is none."""
        lines = self.text.split("\n")
        index = number - self.first_line
        return lines[index] if 0 <= index < len(lines) else None


class CodeRef(_weakref.ReferenceType):
    __slots__ = ("source", "code_id")


def forget(ref):
    source = ref.source
    of_code.pop(ref.code_id, None)
    source.codes.pop(id(ref), None)
    if source.codes:
        return
    live.pop(id(source.filename), None)
    linecache = sys.modules.get("linecache")
    if source not in class_sources and linecache and is_published(linecache, source):
        linecache.cache.pop(source.filename, None)


def nested(code):
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from nested(constant)


def keep(source, codes):
    """Keeps the source until the last of these code objects is gone."""
    for code in codes:
        ref = CodeRef(code, forget)
        ref.source = source
        ref.code_id = id(code)
        of_code[ref.code_id] = source
        source.codes[id(ref)] = ref
    if not source.codes:
        return
    live[id(source.filename)] = source
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        publish(linecache, source)


def remember(filename, text, first_line, code):
    """Called for code that has functions or classes in it."""
    source = live.get(id(filename)) or Source(filename, text, first_line)
    keep(source, nested(code))
    if any(not inner.co_flags & OPTIMIZED for inner in nested(code)):
        class_sources.append(source)
        del class_sources[:-MOST_CLASS_SOURCES]
        linecache = sys.modules.get("linecache")
        if linecache is not None:
            publish(linecache, source)


def defining_file(cls):
    """The file name under which a class of `__main__` was defined, or None."""
    import re

    statement = re.compile(rf"^[ \t]*class[ \t]+{re.escape(cls.__name__)}\b", re.MULTILINE)
    for source in [*reversed(class_sources), *live.values()]:
        if statement.search(source.text):
            return source.filename
    return None


def keep_cell(filename, text, first_line, codes):
    """Called when the code of a cell raised: frames that outlive it still show their lines."""
    source = live.get(id(filename)) or Source(filename, text, first_line)
    keep(source, [code for code in codes if code is not None])


def of(code):
    source = of_code.get(id(code))
    if source is not None:
        return source
    source = live.get(id(code.co_filename))  # of a copy, such as code.replace() makes
    return source if source is not None and source.filename is code.co_filename else None


def publish(linecache, source):
    """For inspect.getsource and whoever else asks linecache. A file that is there is read from
    there: it has the lines around as well."""
    import os

    if os.path.isfile(source.filename):
        return
    lines = ["\n"] * (source.first_line - 1) + [line + "\n" for line in source.text.split("\n")]
    linecache.cache[source.filename] = (len(source.text), None, lines, source.filename)


def is_published(linecache, source):
    entry = linecache.cache.get(source.filename)
    return entry is not None and len(entry) == 4 and entry[0] == len(source.text)


def publish_all(linecache):
    for source in [*class_sources, *live.values()]:
        publish(linecache, source)
