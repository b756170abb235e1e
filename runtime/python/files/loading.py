"""Reads variables from a file (docs/saving.md). All checksums are looked at before anything is loaded,
and nothing is bound before all is loaded: a file that is refused leaves the session as it was. What a
pickle asks for runs as it is loaded, as with any pickle."""

import json
import posix
import sys
from _io import BytesIO

format = wire.use("savefile")
pickles = wire.use("pickles")
load_public = wire.builtins["__import__"]

SMALL = 1 << 20  # bytes of a pickle that is read at once
FUNCTION = type(lambda: 0)
CELL = type((lambda value: lambda: value)(0).__closure__[0])


class Damaged(ValueError):
    pass


class Input:
    """The file, of a size that does not change."""

    def __init__(self, number, size):
        self.number = number
        self.size = size
        self.done = self.total = 0

    def read_into(self, view, offset):
        while view.nbytes:
            size = posix.preadv(self.number, [view[: format.PIECE]], offset)
            if not size:
                raise Damaged("it has become shorter")
            view = view[size:]
            offset += size
            self.done += size
            wire.progress(self.done, max(self.done, self.total))

    def read(self, offset, size):
        data = bytearray(size)
        self.read_into(memoryview(data), offset)
        return data


class Part:
    """A part of the file, for an Unpickler."""

    def __init__(self, input, offset, size):
        self.input = input
        self.at = offset
        self.end = offset + size

    def read(self, size=-1):
        left = self.end - self.at
        size = left if size < 0 else min(size, left)
        data = self.input.read(self.at, size)
        self.at += size
        return bytes(data)

    def readinto(self, target):
        view = memoryview(target).cast("B")[: self.end - self.at]
        self.input.read_into(view, self.at)
        self.at += view.nbytes
        return view.nbytes

    def readline(self):
        line = bytearray()
        while self.at < self.end and not line.endswith(b"\n"):
            line += self.read(1)
        return bytes(line)


# ---- the index ----------------------------------------------------------------------------------


def read_index(input):
    if input.size < format.LINE:
        head = bytes(input.read(0, input.size))
        known = head.startswith(b"replwire session file ")
        raise Damaged("it is truncated" if known else "it is no session file")
    offset, size, checksum = format.read_first_line(bytes(input.read(0, format.LINE)))
    if offset + size > input.size:
        raise Damaged(f"it is truncated: it has {input.size} of {offset + size} bytes")
    if offset + size < input.size:
        raise Damaged(f"something follows its end, from byte {offset + size} on")
    data = input.read(offset, size)
    if wire.checksum(data, 0) != checksum:
        raise Damaged(f"the index is damaged (bytes {offset} to {offset + size})")
    try:
        index = json.loads(data.decode())
        for entry in index["groups"]:
            check_entry(entry, offset)
        version = [int(part) for part in index["python"].split(".")[:2]]
        return index["groups"], version
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise Damaged(f"the index says what cannot be (bytes {offset} to {offset + size})")


def check_entry(entry, end):
    sizes = [entry["size"], *entry.get("buffers", ())]
    if not all(type(each) is int and each >= 0 for each in [*sizes, entry["offset"]]):
        raise ValueError("size")
    if entry["offset"] + sum(sizes) > end or type(entry["names"]) is not list:
        raise ValueError("offset")
    if not entry["names"] or not all(type(name) is str for name in entry["names"]):
        raise ValueError("names")
    int(entry["checksum"], 16)


def bytes_of(entry):
    return entry["size"] + sum(entry.get("buffers", ()))


def verify(input, entry):
    view = memoryview(bytearray(min(format.PIECE, bytes_of(entry))))
    check, offset, left = 0, entry["offset"], bytes_of(entry)
    while left:
        piece = view[: min(left, view.nbytes)]
        input.read_into(piece, offset)
        check = wire.checksum(piece, check)
        offset += piece.nbytes
        left -= piece.nbytes
    if check != int(entry["checksum"], 16):
        names = ", ".join(entry["names"][:5]) + (", …" if len(entry["names"]) > 5 else "")
        raise Damaged(f"{names}: damaged (bytes {entry['offset']} to {offset})")


# ---- objects ------------------------------------------------------------------------------------


def public_module(name):
    load_public(name)
    return sys.modules[name]


def make_function(code, space, name, closure):
    return FUNCTION(code, space, name, None, closure)


def set_function(function, state):
    attributes, fields = state
    for name, value in fields.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)


def set_cell(cell, content):
    if content:
        cell.cell_contents = content[0]


def make_memoized(size, typed, function):
    return public_module("functools").lru_cache(size, typed)(function)


KNOWN = {
    "make_function": make_function,
    "set_function": set_function,
    "make_cell": CELL,
    "set_cell": set_cell,
    "make_memoized": make_memoized,
}


class SessionUnpickler(pickles.Unpickler):
    def persistent_load(self, name):
        if name in KNOWN:
            return KNOWN[name]
        kind, _, rest = name.partition(" ")
        if kind == "module":
            return public_module(rest)
        if kind == "object":
            module, _, name = rest.partition(" ")
            return getattr(public_module(module), name)
        if kind == "namespace":
            return wire.main if rest == "__main__" else public_module(rest).__dict__
        raise ValueError(f"it refers to {name!r}, which this replwire does not know")


def buffers_of(input, entry):
    offset = entry["offset"] + entry["size"]
    for size in entry.get("buffers", ()):
        yield input.read(offset, size)
        offset += size


def values_of(input, entry):
    offset, size = entry["offset"], entry["size"]
    file = BytesIO(input.read(offset, size)) if size <= SMALL else Part(input, offset, size)
    values = pickles.load(SessionUnpickler(file, buffers=buffers_of(input, entry)))
    if type(values) is not list or len(values) != len(entry["names"]):
        raise ValueError("there is another number of values than of names")
    return values


def reason_of(error):
    if isinstance(error, ModuleNotFoundError):
        name = error.name or "?"
        return f"it needs the module {name}, which this Python does not have"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"it cannot be unpickled: {type(error).__name__}: {text}"[:1000]


def load_all(input, entries, version, wanted):
    """({name: value}, [(name that is not loaded, reason)])"""
    found, skipped = {}, []
    for entry in entries:
        names = [name for name in entry["names"] if wanted is None or name in wanted]
        if entry.get("code") and version != [*sys.version_info[:2]]:
            theirs, ours = ".".join(map(str, version)), "%d.%d" % sys.version_info[:2]
            reason = f"it has functions of Python {theirs}, and this is Python {ours}"
            skipped += [(name, reason) for name in names]
            continue
        try:
            values = values_of(input, entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = reason_of(error)
            skipped += [(name, reason) for name in names]
        else:
            by_name = dict(zip(entry["names"], values))
            found.update((name, by_name[name]) for name in names)
    return found, skipped


def load(path, number, size, asked):
    """(names, [(name that is not loaded, reason)])"""
    input = Input(number, size)
    try:
        entries, version = read_index(input)
        missing = []
        if asked is not None:
            missing = {*asked}.difference(*(entry["names"] for entry in entries))
            entries = [entry for entry in entries if not {*asked}.isdisjoint(entry["names"])]
        input.done, input.total = 0, 2 * sum(map(bytes_of, entries))
        for entry in entries:
            verify(input, entry)
    except ValueError as error:
        raise OSError(f"{path}: {error}")
    found, skipped = load_all(input, entries, version, None if asked is None else {*asked})
    skipped += [(name, "the file has no such name") for name in missing]
    wire.main.update(found)
    return sorted(found), sorted(skipped)
