"""What an expression stands for, as far as that can be told without running it."""

safe = wire.use("safe")
quiet = wire.use("quiet")
signatures = wire.use("signatures")
spaces = wire.use("spaces").spaces

MOST_SCANNED = 100_000  # entries of a dict that are looked through for a key


class Found:
    """A value, or, with `instance`, some instance of the class `value`."""

    __slots__ = ("value", "instance", "bound")

    def __init__(self, value, instance=False, bound=0):
        self.value = value
        self.instance = instance
        self.bound = bound  # how many arguments a call of it is given already

    def binds(self):
        """Whether functions of its class get it as their first argument."""
        return self.instance or not (safe.is_class(self.value) or type(self.value) is safe.Module)

    def names(self):
        return safe.names(self.value)

    def attribute(self, name):
        if self.instance:
            stored = safe.in_classes(self.value, name)
            found = safe.MISSING if safe.has_getter(type(stored)) else stored
        else:
            stored = safe.lookup(self.value, name)
            found = safe.attribute(self.value, name)
        if id(type(stored)) in safe.UNBOUND:
            return Found(stored.__func__, bound=int(type(stored) is classmethod))
        if type(stored) is property:
            return returned(stored.fget) if type(stored.fget) is safe.Function else None
        if id(type(stored)) in safe.PLAIN_GETTERS:
            return Found(stored, bound=int(type(stored) is safe.Function and self.binds()))
        return Found(found) if found is not safe.MISSING else None


def returned(function):
    kind = dict.get(signatures.annotations_of(function), "return")
    return Found(kind, True) if kind is not None and safe.is_class(kind) else None


def primary_start(scan, end):
    """Where the name, call, subscript or literal that ends before `end` begins."""
    text = scan.text
    at = end
    while at > 0:
        if at - 1 in scan.pairs:
            at = scan.pairs[at - 1]
            before = text[at - 1 : at]
            if before and (before.isalnum() or before in "_)]}\"'") and text[at] in "([":
                continue
        elif text[at - 1].isalnum() or text[at - 1] == "_":
            while at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_"):
                at -= 1
        else:
            break
        dot = len(text[:at].rstrip(" \t"))
        if dot == 0 or text[dot - 1] != ".":
            break
        at = len(text[: dot - 1].rstrip(" \t"))
    return at


def expression_before(scan, end, stored=False):
    """What the expression that ends before `end` stands for; None when that cannot be told. With
    `stored`, an attribute that takes code to tell stands for its property."""
    end = len(scan.text[:end].rstrip(" \t"))
    text = scan.text[primary_start(scan, end) : end].strip()
    if not text:
        return None
    tree = quiet.parse("(" + text + "\n)", "eval")
    if tree is None:
        return None
    return (stored and stored_attribute(tree.body)) or evaluate(tree.body)


def stored_attribute(node):
    base = evaluate(node.value) if type(node).__name__ == "Attribute" else None
    if base is None:
        return None
    find = safe.in_classes if base.instance else safe.lookup
    found = find(base.value, node.attr)
    return Found(found) if type(found) is property else None


def evaluate(node):
    visit = VISITS.get(type(node).__name__)
    return visit(node) if visit is not None else None


def of_name(node):
    for space in spaces():
        found = dict.get(space, node.id, safe.MISSING)
        if found is not safe.MISSING:
            return Found(found)
    return None


def of_attribute(node):
    base = evaluate(node.value)
    return base.attribute(node.attr) if base is not None else None


def of_call(node):
    base = evaluate(node.func)
    if base is None or base.instance:
        return None
    if not safe.is_class(base.value):
        kind = type(base.value)
        if kind is safe.Method:
            return returned(base.value.__func__) if is_function(base.value.__func__) else None
        return returned(base.value) if kind is safe.Function else None
    called = safe.in_classes(type(base.value), "__call__")
    plain = called is safe.class_dict(type)["__call__"] and base.value is not type
    return Found(base.value, True) if plain else None


def is_function(value):
    return type(value) is safe.Function


def constant_index(node):
    if type(node).__name__ == "Constant":
        return node.value
    if type(node).__name__ == "UnaryOp" and type(node.op).__name__ == "USub":
        index = constant_index(node.operand)
        return -index if type(index) is int else None
    return None


def of_subscript(node):
    base = evaluate(node.value)
    index = constant_index(node.slice)
    if base is None or base.instance or index is None:
        return None
    kind = type(base.value)
    if kind is list or kind is tuple:
        if type(index) is not int or not -len(base.value) <= index < len(base.value):
            return None
        return Found(base.value[index])
    return in_dict(base.value, index) if safe.is_subclass(dict, kind) else None


def in_dict(space, key):
    # Not by the key's hash: another key with the same one would be asked whether it is equal.
    for each, value in safe.items(space, MOST_SCANNED):
        if type(each) is type(key) and each == key:
            return Found(value)
    return None


VISITS = {
    "Name": of_name,
    "Attribute": of_attribute,
    "Call": of_call,
    "Subscript": of_subscript,
    "Constant": lambda node: Found(node.value),
    "JoinedStr": lambda node: Found(str, True),
    "List": lambda node: Found(list, True),
    "ListComp": lambda node: Found(list, True),
    "Tuple": lambda node: Found(tuple, True),
    "Set": lambda node: Found(set, True),
    "SetComp": lambda node: Found(set, True),
    "Dict": lambda node: Found(dict, True),
    "DictComp": lambda node: Found(dict, True),
}
