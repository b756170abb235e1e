"""The names that the user has bound, a page of them at a time: only its values are looked at."""

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
    fields = {"name": name, "type": describe.type_name(value), "repr": "…"}
    try:
        fields["repr"] = describe.short_repr(value, MOST_REPR)
        fields.update(measures(value))
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


def variables(prefix, offset, limit, clock):
    """(total, [{…}], partial)"""
    names = sorted(
        name
        for name, value in safe.items(wire.main)
        if is_user_name(name, value) and name.startswith(prefix)
    )
    limit = DEFAULT_LIMIT if limit < 0 else min(limit, MOST_LIMIT)
    page = []
    room = MOST_BYTES
    for name in names[offset : offset + limit]:
        if room < 0 or clock.over():
            clock.missed = True
            break
        value = dict.get(wire.main, name, safe.MISSING)
        if value is not safe.MISSING:
            page.append(describe_variable(name, value))
            room -= 500 + 4 * (len(name) + len(page[-1]["repr"]))
    return len(names), page, clock.missed
