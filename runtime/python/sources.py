"""The source of code that came over the wire, for as long as anything of it can be shown: while one
of its code objects lives. The public linecache has it for as long, if it has been imported."""

import sys
from _weakref import ReferenceType

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

# Sources without a code object whose name something still holds: a copy of the code, such as
# line_profiler puts in a function's place.
MOST_NAMED = 256
named = []

split = None, []  # the source that was last asked for lines, and those


class Source:
    __slots__ = ("filename", "text", "first_line", "codes", "entry")

    def __init__(self, filename, text, first_line):
        self.filename = filename
        self.text = text
        self.first_line = first_line
        self.codes = {}
        self.entry = None  # what stands in linecache

    def lines(self, first, last):
        """Lines without their ends, counted as in the code; empty ones where there are none."""
        global split
        if split[0] is not self:
            split = self, self.text.split("\n")
        known = split[1]
        indices = range(first - self.first_line, last - self.first_line + 1)
        return [known[each].rstrip("\r") if 0 <= each < len(known) else "" for each in indices]


class CodeRef(ReferenceType):
    __slots__ = ("source", "code_id")


def forget(ref):
    source = ref.source
    of_code.pop(ref.code_id, None)
    source.codes.pop(id(ref), None)
    if source.codes:
        return
    if is_named(source):
        named.append(source)
        if len(named) > MOST_NAMED:
            drop(named.pop(0))
    else:
        drop(source)


def is_named(source):
    own = 1 + (2 if is_published(source) else 0)  # and the argument
    return sys.getrefcount(source.filename) > own + 1


def drop(source):
    global split
    if live.get(id(source.filename)) is source:
        del live[id(source.filename)]
    if split[0] is source:
        split = None, []
    if source not in class_sources:
        withdraw(source)


def drop_unnamed():
    for source in [each for each in named if not is_named(each)]:
        named.remove(source)
        drop(source)


def nested(code):
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from nested(constant)


def keep(source, codes):
    """Keeps the source until the last of these code objects is gone."""
    drop_unnamed()
    for code in codes:
        ref = CodeRef(code, forget)
        ref.source = source
        ref.code_id = id(code)
        of_code[ref.code_id] = source
        source.codes[id(ref)] = ref
    if source.codes:
        live[id(source.filename)] = source
        publish(source)


def remember(filename, text, first_line, codes):
    """Called for code that has functions or classes in it, before it runs."""
    source = live.get(id(filename)) or Source(filename, text, first_line)
    inner = [each for code in codes if code is not None for each in nested(code)]
    keep(source, inner)
    if any(not each.co_flags & OPTIMIZED for each in inner):
        class_sources.append(source)
        for old in class_sources[:-MOST_CLASS_SOURCES]:
            class_sources.remove(old)
            if not old.codes and old not in named:
                withdraw(old)


def defining_file(cls):
    """The file name under which a class of `__main__` was defined, or None."""
    import re

    statement = re.compile(rf"^[ \t]*class[ \t]+{re.escape(cls.__name__)}\b", re.MULTILINE)
    for source in [*reversed(class_sources), *live.values()]:
        if statement.search(source.text):
            return source.filename
    return None


def keep_cell(filename, text, first_line, codes):
    """Called when something holds on to the code of a cell: frames that outlive it still show
    their lines."""
    source = live.get(id(filename)) or Source(filename, text, first_line)
    keep(source, [code for code in codes if code is not None and id(code) not in of_code])


def of(code):
    source = of_code.get(id(code))
    if source is not None:
        return source
    source = live.get(id(code.co_filename))  # of a copy, such as code.replace() makes
    return source if source is not None and source.filename is code.co_filename else None


# ---- the public linecache ------------------------------------------------------------------


def entries():
    """linecache.cache, or None."""
    linecache = dict.get(sys.modules, "linecache")
    found = getattr(linecache, "cache", None)
    return found if isinstance(found, dict) else None


def publish(source):
    """Under its name linecache has what was sent. A piece out of a file has the rest of the file
    around it."""
    cache = entries()
    if cache is None:
        return
    if source.entry is None:
        before, after = around(source) if source.first_line > 1 else ([], [])
        lines = [*before, *(line.rstrip("\r") + "\n" for line in source.text.split("\n")), *after]
        source.entry = (len(source.text), None, lines, source.filename)
    dict.__setitem__(cache, source.filename, source.entry)


def around(source):
    blank = ["\n"] * (source.first_line - 1)
    try:
        found = wire.read_file(source.filename)
    except ValueError:
        found = None
    if found is None:
        return blank, []
    lines = found[0].decode("utf-8", "replace").replace("\r\n", "\n").splitlines(True)
    end = source.first_line - 1 + source.text.count("\n") + 1
    return (lines[: len(blank)] + blank)[: len(blank)], lines[end:]


def is_published(source):
    cache = entries()
    entry = dict.get(cache, source.filename) if cache is not None else None
    return entry is not None and entry is source.entry


def withdraw(source):
    """The newest other source of that name takes its place."""
    if is_published(source):
        restore(source.filename)


def restore(filename):
    for source in [*reversed(live.values()), *reversed(class_sources)]:
        if source.filename == filename:
            return publish(source)
    cache = entries()
    if cache is not None:
        dict.pop(cache, filename, None)


def has(filename):
    """Whether linecache has it although no file does."""
    entry = dict.get(entries() or {}, filename)
    return type(entry) is tuple and len(entry) == 4 and entry[1] is None


def publish_all():
    for source in [*class_sources, *live.values()]:
        publish(source)
