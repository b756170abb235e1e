"""The names that the user has bound, a page of them at a time: only its values are looked at."""

import itertools
import sys

safe = wire.use("safe")
describe = wire.use("describe")
arrays = wire.use("arrays")

DEFAULT_LIMIT = 100
MOST_LIMIT = 1000
MOST_REPR = 200
MOST_BYTES = 4_000_000  # of a reply, reckoned high
COLLECTED = 1 << 14  # Py_TPFLAGS_HAVE_GC
MANAGED = 3 << 3  # Py_TPFLAGS_MANAGED_DICT and _WEAKREF, from 3.11 on
HEAD = 16  # bytes in front of an object for the one, and for the other


def is_user_name(name, value):
    if type(name) is not str or not name.strip("_"):
        return False
    if name.startswith("__") and name.endswith("__"):
        return False
    if hasattr(wire, "shell") and wire.shell.user_ns_hidden.get(name, safe.MISSING) is value:
        return False
    return dict.get(wire.startup, name, safe.MISSING) is not value


def size_of(value):
    """As sys.getsizeof() would tell it; what a class in Python says of itself is not asked."""
    kind = type(value)
    for cls in safe.mro(kind):
        found = safe.class_dict(cls).get("__sizeof__")
        if type(found) is safe.MethodDescriptor and safe.is_static(cls):
            flags = safe.read_flags(kind)
            managed = sys.version_info >= (3, 11) and bool(flags & MANAGED)
            return found(value) + HEAD * (bool(flags & COLLECTED) + managed)
    return None


def module_of(value):
    """Where it, or else its type, is defined; None for what Python itself is made of."""
    kind = type(value)
    if kind is safe.Module:
        return safe.module_name(value)
    if kind is safe.Function:
        name = value.__module__
    elif safe.is_class(value):
        name = safe.module_of(value)
    else:
        name = safe.module_of(kind)
    return name if type(name) is str and name != "builtins" else None


def describe_variable(name, value):
    fields = {"name": name, "type": describe.type_name(value), "repr": "…", "has_children": False}
    try:
        fields["repr"] = describe.short_repr(value, MOST_REPR)
        fields.update(measures(value))
        fields["has_children"] = has_children(value)
    except Exception:  # an odd value costs its own description only
        pass
    return fields


def measures(value):
    fields = {}
    shape = arrays.shape_of(value)
    size = size_of(value)
    if shape is not None:
        size = shape.bytes or size
        fields["shape"] = [*shape.shape]
        if shape.dtype:
            fields["dtype"] = shape.dtype
    length = shape.shape[0] if shape is not None and shape.shape else safe.length(value)
    for key, said in (("size", size), ("length", length), ("module", module_of(value))):
        if said is not None:
            fields[key] = said
    return fields


# ---- what a value holds ------------------------------------------------------------------------

MOST_NAME = 200  # characters
MOST_SCANNED = 100_000  # entries that are looked through for one
ITERATED = safe.ids(set, frozenset)


class Children:
    """Of a dict its entries, of a list, a tuple or a set its items, of anything else what is stored
    in it under a name: attributes and slots."""

    def __init__(self, value):
        self.value = value
        kind = type(value)
        if safe.is_subclass(dict, kind):
            self.how, self.count = "keys", dict.__len__(value)
        elif safe.is_subclass(list, kind):
            self.how, self.count = "indices", list.__len__(value)
        elif safe.is_subclass(tuple, kind):
            self.how, self.count = "indices", tuple.__len__(value)
        elif id(kind) in ITERATED:
            self.how, self.count = "items", len(value)
        else:
            self.how = "names"
            self.found = [] if arrays.shape_of(value) is not None else [*attributes(value)]
            self.count = len(self.found)

    def entries(self, offset, count):
        """[(name, value)] of a page."""
        if self.how == "names":
            return self.found[offset : offset + count]
        if self.how == "keys":
            page = itertools.islice(dict.items(self.value), offset, offset + count)
            return [(key_name(key), each) for key, each in page]
        if self.how == "indices":
            page = self.items(offset, offset + count)
        else:
            page = list(itertools.islice(self.value, offset, offset + count))
        return [(str(offset + index), each) for index, each in enumerate(page)]

    def items(self, begin, end):
        base = list if safe.is_subclass(list, type(self.value)) else tuple
        return base.__getitem__(self.value, slice(begin, end))

    def child(self, step):
        """By the name that `entries` gives it, or by its key or index; MISSING when there is none."""
        if self.how in ("indices", "items"):
            index = int(step) if type(step) is int or step.isdecimal() else None
            if self.how == "indices" and index is not None and index < 0:
                index += self.count
            if index is None or not 0 <= index < self.count:
                return safe.MISSING
            return self.entries(index, 1)[0][1]
        pairs = self.found if self.how == "names" else safe.items(self.value, MOST_SCANNED)
        # Not by the key's hash: another key with the same one would be asked whether it is equal.
        for key, each in pairs:
            if type(key) is type(step) and key == step:
                return each
        if self.how == "keys" and type(step) is str:
            for key, each in pairs:
                if type(key) is not str and key_name(key) == step:
                    return each
        return safe.MISSING


def key_name(key):
    return key[:MOST_NAME] if type(key) is str else describe.short_repr(key, MOST_NAME)


def attributes(value):
    """(name, value) of what is stored in an object, special names left out."""
    if safe.is_class(value):
        stored = [] if safe.is_static(value) else safe.first(safe.class_dict(value).items())
    else:
        stored = safe.items(safe.instance_dict(value) or {})
    for name, each in stored:
        if is_attribute(name):
            yield name, each
    if safe.is_class(value):
        return
    for cls in safe.mro(type(value)):
        slots = () if safe.is_static(cls) else safe.first(safe.class_dict(cls).items())
        for name, slot in slots:
            if type(slot) is safe.Member and is_attribute(name):
                try:
                    yield name, slot.__get__(value)
                except AttributeError:
                    pass  # it is empty


def is_attribute(name):
    return type(name) is str and not (name.startswith("__") and name.endswith("__"))


def has_children(value):
    kind = type(value)
    for base in (dict, list, tuple):
        if safe.is_subclass(base, kind):
            return base.__len__(value) > 0
    if id(kind) in ITERATED:
        return len(value) > 0
    return next(attributes(value), None) is not None and arrays.shape_of(value) is None


class Names:
    """Of the session's namespace."""

    def __init__(self, prefix):
        self.names = sorted(
            name
            for name, value in safe.items(wire.main)
            if is_user_name(name, value) and name.startswith(prefix)
        )
        self.count = len(self.names)

    def entries(self, offset, count):
        for name in self.names[offset : offset + count]:
            value = dict.get(wire.main, name, safe.MISSING)
            if value is not safe.MISSING:
                yield name, value


class Filtered:
    def __init__(self, children, prefix):
        pairs = children.entries(0, MOST_SCANNED)
        self.found = [pair for pair in pairs if pair[0].startswith(prefix)]
        self.count = len(self.found)

    def entries(self, offset, count):
        return self.found[offset : offset + count]


def at(path):
    """(value, None), or (None, the number of the step that leads to nothing)"""
    value = dict.get(wire.main, path[0], safe.MISSING)
    for number, step in enumerate(path[1:], 1):
        if value is safe.MISSING:
            return None, number - 1
        value = Children(value).child(step)
    return (value, None) if value is not safe.MISSING else (None, len(path) - 1)


def variables(prefix, offset, limit, path, clock):
    """(total, [{…}], partial), or (the number of the step of the path that leads to nothing,)"""
    if path:
        value, lost = at(path)
        if lost is not None:
            return (lost,)
        listed = Filtered(Children(value), prefix) if prefix else Children(value)
    else:
        listed = Names(prefix)
    limit = DEFAULT_LIMIT if limit < 0 else min(limit, MOST_LIMIT)
    page = []
    room = MOST_BYTES
    for name, value in listed.entries(offset, limit):
        if room < 0 or clock.over():
            clock.missed = True
            break
        page.append(describe_variable(name, value))
        room -= 500 + 4 * (len(name) + len(page[-1]["repr"]))
    return listed.count, page, clock.missed
