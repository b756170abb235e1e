"""Says in few words what an object is: its type, its repr, its signature."""

import sys

safe = wire.use("safe")

MOST_TEXT = 200  # characters of a repr
MOST_ITEMS = 20
MOST_DEPTH = 4
MOST_BITS = 4096  # of an int that is written out
MOST_PARAMETERS = 100

Code = type((lambda: 0).__code__)
GenericAlias = type(list[int])
UnionType = type(int | None)
PLAIN = safe.ids(type(None), bool, float, complex, type(...), type(NotImplemented))
OPENED = {id(list): "[]", id(tuple): "()", id(set): "{}", id(dict): "{}"}


WRITTEN = safe.ids(safe.Function, safe.Method)


def type_name(value):
    return safe.qualname(type(value))


class Repr:
    """Writes values of the built-in types as repr() would, cut to a size; of anything else only
    what it is an instance of."""

    def __init__(self, most=MOST_TEXT):
        self.room = most
        self.open = set()

    def of(self, value, depth=0):
        if self.room <= 0:
            return "…"
        text = self.text(value, depth)
        self.room -= len(text)
        return text

    def text(self, value, depth):
        kind = type(value)
        if id(kind) in PLAIN:
            return repr(value)
        if kind is str or kind is bytes:
            return self.cut_string(value)
        if kind is int:
            bits = value.bit_length()
            return repr(value) if bits <= MOST_BITS else f"<int of {bits} bits>"
        if id(kind) in OPENED:
            return self.container(value, depth)
        if kind is range:
            parts = [value.start, value.stop, value.step][: 2 if value.step == 1 else 3]
            return f"range({', '.join(self.text(part, depth) for part in parts)})"
        if kind is frozenset:
            return f"frozenset({self.container(value, depth) if value else ''})"
        if kind is bytearray:
            return f"bytearray({self.cut_string(bytes(value[: self.room]))})"
        return self.other(value, kind, depth)

    def cut_string(self, value):
        most = max(self.room - 2, 0)
        if len(value) <= most:
            return repr(value)
        return repr(value[:most]) + "…"

    def container(self, value, depth):
        if id(value) in self.open or depth >= MOST_DEPTH:
            return "…"
        brackets = OPENED.get(id(type(value)), "{}")
        if not value:
            return "set()" if type(value) is set else brackets
        self.open.add(id(value))
        parts = []
        paired = safe.is_subclass(dict, type(value))
        entries = safe.first(dict.items(value) if paired else value, MOST_ITEMS + 1)
        for index, entry in enumerate(entries):
            if index == MOST_ITEMS or self.room <= 0:
                parts.append("…")
                break
            if paired:
                entry_text = f"{self.of(entry[0], depth + 1)}: {self.of(entry[1], depth + 1)}"
            else:
                entry_text = self.of(entry, depth + 1)
            self.room -= 2
            parts.append(entry_text)
        self.open.discard(id(value))
        comma = "," if type(value) is tuple and len(value) == 1 else ""
        return brackets[0] + ", ".join(parts) + comma + brackets[1]

    def other(self, value, kind, depth):
        if safe.is_class(value):
            return f"<class '{safe.full_name(value)}'>"
        if kind is safe.Module:
            return f"<module '{safe.module_name(value)}'>"
        if kind is safe.Function:
            return f"<function {value.__qualname__}>"
        if kind is safe.Method:
            function = value.__func__
            name = function.__qualname__ if type(function) is safe.Function else "?"
            return f"<bound method {name}>"
        if kind is safe.Builtin or kind is safe.MethodDescriptor:
            return f"<built-in {value.__name__}>"
        if safe.is_static(kind) and safe.is_subclass(dict, kind):
            return f"{safe.qualname(kind)}({self.container(value, depth)})"
        known = wire.use("arrays").shape_text(value)
        if known is not None:
            return known
        if safe.is_static(kind) and safe.module_of(kind) == "datetime":
            return self.date(value, kind)
        return f"<{safe.full_name(kind)} object>"

    @staticmethod
    def date(value, kind):
        zone = safe.attribute(value, "tzinfo")
        if zone is None or zone is safe.MISSING:
            return kind.__repr__(value)
        return f"<{safe.full_name(kind)} object>"


def short_repr(value, most=MOST_TEXT):
    text = Repr(most).of(value)
    return text if len(text) <= most + 1 else text[:most] + "…"


def kind_of(value):
    """One of the words that Jupyter's clients know."""
    kind = type(value)
    if safe.is_class(value):
        return "class"
    if kind is safe.Module:
        return "module"
    if kind is property or kind is safe.GetSet:
        return "property"
    if kind is staticmethod or kind is classmethod:
        return "function"
    if id(kind) in FUNCTIONS:
        return "function"
    return "instance"


FUNCTIONS = safe.ids(
    safe.Function,
    safe.Builtin,
    safe.Method,
    safe.MethodDescriptor,
    safe.ClassMethodDescriptor,
    safe.Wrapper,
    safe.BoundWrapper,
)


# ---- signatures ------------------------------------------------------------------------------


def annotation_text(value, depth=0):
    if depth > MOST_DEPTH:
        return "…"
    kind = type(value)
    if kind is str:
        return value[:MOST_TEXT]
    if value is None:
        return "None"
    if kind is GenericAlias:
        inner = ", ".join(annotations_text(value.__args__, depth))
        return f"{annotation_text(value.__origin__, depth + 1)}[{inner}]"
    if kind is UnionType:
        return " | ".join(annotations_text(value.__args__, depth))
    if safe.is_class(value):
        return "None" if value is type(None) else safe.qualname(value)
    if safe.module_of(kind) == "typing":
        return typing_text(value, depth)
    if value is ...:
        return "..."
    return short_repr(value, 40)


def annotations_text(values, depth):
    return [annotation_text(each, depth + 1) for each in values[:MOST_ITEMS]]


def typing_text(value, depth):
    own = safe.instance_dict(value) or {}
    name = dict.get(own, "_name", dict.get(own, "__name__"))
    arguments = dict.get(own, "__args__")
    if type(name) is not str:
        origin = dict.get(own, "__origin__")
        name = dict.get(safe.instance_dict(origin) or {}, "_name")
        if type(name) is not str:
            name = safe.qualname(origin) if safe.is_class(origin) else "…"
    if type(arguments) is tuple and arguments:
        return f"{name}[{', '.join(annotations_text(arguments, depth))}]"
    return name


def annotations_of(function):
    # From 3.14 on they are code that runs when asked for.
    found = function.__annotations__ if sys.version_info < (3, 14) else None
    return found if type(found) is dict else {}


class Parameter:
    __slots__ = ("name", "kind", "default", "annotation")

    def __init__(self, name, kind, default, annotation):
        self.name = name
        self.kind = kind  # "positional", "either", "star", "keyword", "stars"
        self.default = default  # MISSING: none
        self.annotation = annotation

    def text(self):
        text = {"star": "*", "stars": "**"}.get(self.kind, "") + self.name
        if self.annotation is not safe.MISSING:
            text += ": " + annotation_text(self.annotation)
        if self.default is not safe.MISSING:
            equals = " = " if self.annotation is not safe.MISSING else "="
            text += equals + short_repr(self.default, 40)
        return text


def unwrapped(function):
    """What functools.wraps left behind a function."""
    for _ in range(10):
        inner = dict.get(safe.instance_dict(function) or {}, "__wrapped__")
        if type(inner) is not safe.Function:
            break
        function = inner
    return function


def parameters_of(function):
    code = function.__code__
    names = code.co_varnames
    count, keywords = code.co_argcount, code.co_kwonlyargcount
    defaults = function.__defaults__
    defaults = defaults if type(defaults) is tuple else ()
    by_name = function.__kwdefaults__
    by_name = by_name if type(by_name) is dict else {}
    annotations = annotations_of(function)

    def parameter(name, kind, default=safe.MISSING):
        return Parameter(name, kind, default, dict.get(annotations, name, safe.MISSING))

    found = []
    for index, name in enumerate(names[:count]):
        kind = "positional" if index < code.co_posonlyargcount else "either"
        place = index - (count - len(defaults))
        found.append(parameter(name, kind, defaults[place] if place >= 0 else safe.MISSING))
    after = count + keywords
    if code.co_flags & 0x04:
        found.append(parameter(names[after], "star"))
        after += 1
    for name in names[count : count + keywords]:
        found.append(parameter(name, "keyword", dict.get(by_name, name, safe.MISSING)))
    if code.co_flags & 0x08:
        found.append(parameter(names[after], "stars"))
    return found


def join_parameters(parameters):
    parts = []
    positional = star = False
    for each in parameters[:MOST_PARAMETERS]:
        if positional and each.kind != "positional":
            parts.append("/")
        positional = each.kind == "positional"
        if each.kind == "keyword" and not star:
            parts.append("*")
        star = star or each.kind in ("star", "keyword")
        parts.append(each.text())
    if positional:
        parts.append("/")
    if len(parameters) > MOST_PARAMETERS:
        parts.append("…")
    return ", ".join(parts)


def constructor(cls):
    """The function that a call of the class reaches, or None."""
    for each in safe.mro(cls):
        space = safe.class_dict(each)
        for name in ("__init__", "__new__"):
            found = space.get(name)
            if type(found) is staticmethod:
                found = found.__func__
            if type(found) is safe.Function:
                return found
            if found is not None and each is not object:
                return None
    return None


def callee(value):
    """(function, how many of its parameters are given already) for what a call reaches."""
    for _ in range(5):
        kind = type(value)
        if kind is safe.Function:
            return unwrapped(value), 0
        if kind is safe.Method:
            function, given = callee(value.__func__)
            return function, given + 1
        if id(kind) in safe.UNBOUND:
            function, given = callee(value.__func__)
            return function, given + (kind is classmethod)
        if safe.is_class(value):
            return constructor(value), 1
        if id(kind) in FUNCTIONS:
            return None, 0
        value = safe.in_classes(kind, "__call__")
        if type(value) is safe.Function:
            return unwrapped(value), 1
        if value is safe.MISSING:
            break
    return None, 0


def parameters(value, bound=0):
    """The parameters that are left for a caller; None when they are not known. `bound`: as many
    as an instance that it was looked up on takes."""
    function, given = callee(value)
    if function is None:
        return None
    found = parameters_of(function)
    return found[min(given + bound, sum(each.kind in ("positional", "either") for each in found)) :]


def text_signature(value):
    if safe.is_class(value):
        return safe.read_text_signature(value)
    if id(type(value)) in FUNCTIONS and id(type(value)) not in WRITTEN:
        return value.__text_signature__
    return None


def signature(value, bound=0):
    """Such as "(a, b=1)"; empty when it is not known or not callable."""
    found = parameters(value, bound)
    if found is not None:
        return f"({join_parameters(found)}){returns(value)}"
    text = text_signature(value)
    if type(text) is not str or text == "($self, /, *args, **kwargs)":
        return ""
    return "(" + ", ".join(own_parts(text)) + ")"


def own_parts(text):
    """The parameters in a text signature but for the one that stands for the object itself."""
    parts = " ".join(text.strip()[1:-1].split()).split(", ")
    if parts[0].startswith("$"):
        parts = parts[2:] if parts[1:2] == ["/"] else parts[1:]
    return parts


def keyword_names(value, bound=0):
    """The parameters that may be given by name."""
    found = parameters(value, bound)
    if found is not None:
        return [each.name for each in found if each.kind in ("either", "keyword")]
    text = text_signature(value)
    if type(text) is not str:
        return []
    parts = own_parts(text)
    if "/" in parts:
        parts = parts[parts.index("/") + 1 :]
    names = [part.partition("=")[0] for part in parts]
    return [name for name in names if name.isidentifier()]


def returns(value):
    function, _ = callee(value)
    if safe.is_class(value) or function is None:
        return ""
    found = dict.get(annotations_of(function), "return", safe.MISSING)
    return "" if found is safe.MISSING else " -> " + annotation_text(found)
