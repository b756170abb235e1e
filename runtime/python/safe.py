"""Looks at objects without running any code that could be a user's: no __getattr__, no property,
no descriptor that is written in Python, no __dir__, no metaclass. Classes are compared by `is` and
looked for by id, since a metaclass may define __eq__ and __hash__; no value is asked for its
truth."""

import itertools
import sys

MappingProxy = type(type.__dict__)
GetSet = type(type.__dict__["__dict__"])
Member = type(type(lambda: 0).__dict__["__globals__"])
Function = type(lambda: 0)
Builtin = type(len)
MethodDescriptor = type(str.join)
ClassMethodDescriptor = type(dict.__dict__["fromkeys"])
Wrapper = type(object.__init__)
BoundWrapper = type(object().__init__)
Method = type(type("", (), {"m": lambda self: 0})().m)
Module = type(sys)
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE

read_mro = type.__dict__["__mro__"].__get__
read_class_dict = type.__dict__["__dict__"].__get__
read_qualname = type.__dict__["__qualname__"].__get__
read_module = type.__dict__["__module__"].__get__
read_flags = type.__dict__["__flags__"].__get__
read_text_signature = type.__dict__["__text_signature__"].__get__
MISSING = object()

# Whether a class derives from another: is_subclass(base, cls).
is_subclass = type.__dict__["__subclasscheck__"]


def ids(*types):
    return frozenset(map(id, types))


STORED = ids(Member, GetSet)
UNBOUND = ids(staticmethod, classmethod)
GO_FIRST = ids(Member, GetSet, property)  # before what an instance has of that name
# Types whose __get__ only binds.
PLAIN_GETTERS = ids(
    Function, Builtin, Method, MethodDescriptor, ClassMethodDescriptor, Wrapper
)


def is_class(value):
    return is_subclass(type, type(value))


def mro(cls):
    return read_mro(cls)


def class_dict(cls):
    return read_class_dict(cls)


def qualname(cls):
    return read_qualname(cls)


def module_of(cls):
    """The name of the module that defines a class, or None."""
    try:
        name = read_module(cls)
    except AttributeError:
        return None
    return name if type(name) is str else None


def full_name(cls):
    module = module_of(cls)
    return qualname(cls) if module in (None, "builtins") else f"{module}.{qualname(cls)}"


def is_static(cls):
    """Made in C, once and for all; nobody can have changed it."""
    return read_flags(cls) & (HEAP_TYPE | IMMUTABLE_TYPE) != HEAP_TYPE


def instance_dict(value):
    """The dict behind an object's attributes, or None."""
    for cls in read_mro(type(value)):
        found = read_class_dict(cls).get("__dict__")
        if found is None:
            continue
        if id(type(found)) not in STORED or is_class(value):
            return None
        try:
            space = type(found).__get__(found, value)
        except (AttributeError, TypeError):
            return None
        return space if is_subclass(dict, type(space)) else None
    return None


def items(space, most=None):
    """The entries of a dict, whatever its class says of them: a copy, made in one step, since the
    code that runs may change it meanwhile."""
    return first(dict.items(space), most)


def first(iterable, most=None):
    return list(itertools.islice(iterable, most))


def module_name(module):
    name = dict.get(instance_dict(module) or {}, "__name__")
    return name if type(name) is str else "?"


def in_classes(cls, name):
    for each in read_mro(cls):
        found = read_class_dict(each).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def lookup(value, name):
    """What stands behind an attribute, as it is stored; MISSING where there is none."""
    kind = type(value)
    if is_class(value):
        found = in_classes(value, name)
        return found if found is not MISSING else in_classes(kind, name)
    found = in_classes(kind, name)
    if id(type(found)) in GO_FIRST:
        return found
    own = instance_dict(value)
    if own is not None:
        mine = dict.get(own, name, MISSING)
        if mine is not MISSING:
            return mine
    return found


# Whose attributes in C may be read: what is behind them is known to run no Python code.
HARMLESS = {"builtins", "datetime", "numpy", "types", "functools", "_thread", "time"}


def may_read(descriptor, name):
    if type(descriptor) is Member:
        return True  # a slot: memory and no more
    if type(descriptor) is not GetSet or name.startswith("__"):
        return False
    owner = descriptor.__objclass__
    return is_static(owner) and (module_of(owner) or "").split(".")[0] in HARMLESS


def attribute(value, name):
    """An attribute's value, or MISSING when it takes code to tell."""
    found = lookup(value, name)
    kind = type(found)
    if id(kind) in STORED:
        if is_class(value) or not may_read(found, name):
            return MISSING
        try:
            return kind.__get__(found, value, type(value))
        except Exception:
            return MISSING
    if id(kind) in UNBOUND:
        return found.__func__
    if kind is property or (has_getter(kind) and not only_binds(kind)):
        return MISSING
    return found


def only_binds(kind):
    return id(kind) in PLAIN_GETTERS or kind is vars(wire).get("host_function", MISSING)


def has_getter(kind):
    return in_classes(kind, "__get__") is not MISSING


def names(value):
    """{attribute name: what stands behind it} of everything that can be found without code."""
    found = {}
    for cls in reversed(read_mro(value if is_class(value) else type(value))):
        for name, each in first(read_class_dict(cls).items()):
            if type(name) is str:
                found[name] = each
    own = instance_dict(value)
    if own is not None:
        for name, each in items(own):
            if type(name) is str:
                found[name] = each
    return found


def loaded_module(name):
    """A module that has been imported, or None."""
    module = dict.get(sys.modules, name)
    return module if is_subclass(Module, type(module)) else None


def builtin_space():
    return wire.builtins


def length(value):
    """len(), when that is C's own of a built-in type; else None."""
    for cls in read_mro(type(value)):
        found = read_class_dict(cls).get("__len__", MISSING)
        if found is not MISSING:
            plain = type(found) is Wrapper and is_static(cls)
            root = (module_of(cls) or "").split(".")[0]
            return found(value) if plain and root in SIZED else None
    return None


SIZED = {"builtins", "collections", "array", "types"}
