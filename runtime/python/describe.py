"""Says in few words what an object is: its type, its repr."""

safe = wire.use("safe")

MOST_TEXT = 200  # characters of a repr
MOST_ITEMS = 20
MOST_DEPTH = 4
MOST_BITS = 4096  # of an int that is written out

PLAIN = safe.ids(type(None), bool, float, complex, type(...), type(NotImplemented))
OPENED = {id(list): "[]", id(tuple): "()", id(set): "{}", id(dict): "{}"}


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
        if is_host_function(value):
            return f"<function host.{safe.attribute(value, '_name')}>"
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
    if id(kind) in FUNCTIONS or is_host_function(value):
        return "function"
    return "instance"


def is_host_function(value):
    """Whether it calls a function of the client's (host.py)."""
    return type(value) is vars(wire).get("host_function", safe.MISSING)


FUNCTIONS = safe.ids(
    safe.Function,
    safe.Builtin,
    safe.Method,
    safe.MethodDescriptor,
    safe.ClassMethodDescriptor,
    safe.Wrapper,
    safe.BoundWrapper,
)
