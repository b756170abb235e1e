"""How something can be called, as far as its definition says so."""

import sys

safe = wire.use("safe")
describe = wire.use("describe")

MOST_PARAMETERS = 100
GenericAlias = type(list[int])
UnionType = type(int | None)
WRITTEN = safe.ids(safe.Function, safe.Method)  # in Python
VALUE_WITH_FAKE_GLOBALS = 2  # of annotationlib.Format


class Written:
    """What stands for a value in the code of an annotation: its text."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text

    def __getattr__(self, name):
        return Written(f"{self.text}.{name}")

    def __getitem__(self, key):
        keys = key if type(key) is tuple else (key,)
        return Written(f"{self.text}[{', '.join(annotations_text(keys, 0))}]")

    def __or__(self, other):
        return Written(f"{self.text} | {annotation_text(other)}")

    def __ror__(self, other):
        return Written(f"{annotation_text(other)} | {self.text}")


class WrittenNames(dict):
    def __missing__(self, name):
        return Written(name)


def annotation_text(value, depth=0):
    if depth > describe.MOST_DEPTH:
        return "…"
    kind = type(value)
    if kind is str:
        return value[:describe.MOST_TEXT]
    if kind is Written:
        return value.text[:describe.MOST_TEXT]
    if kind is list:
        return f"[{', '.join(annotations_text(value, depth))}]"
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
    return describe.short_repr(value, 40)


def annotations_text(values, depth):
    return [annotation_text(each, depth + 1) for each in values[:describe.MOST_ITEMS]]


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
        if name == "Optional":
            arguments = [each for each in arguments if each is not type(None)]
        return f"{name}[{', '.join(annotations_text(arguments, depth))}]"
    return name


def annotations_of(function):
    code = function.__annotate__ if sys.version_info >= (3, 14) else None
    found = function.__annotations__ if code is None else lazy_annotations(code)
    return found if type(found) is dict else {}


def lazy_annotations(annotate):
    """From 3.14 on they are code that runs when asked for. It runs here with names that stand for
    themselves, so that nothing of the user's does."""
    if type(annotate) is not safe.Function or annotate.__name__ != "__annotate__":
        return {}
    code = annotate.__code__
    cells = dict(zip(code.co_freevars, annotate.__closure__ or ()))
    empty = {each: {} if each == "__classdict__" else Written(each) for each in cells}
    closure = tuple(type(cells[each])(value) for each, value in empty.items())
    try:
        found = safe.Function(code, WrittenNames(), None, None, closure)(VALUE_WITH_FAKE_GLOBALS)
    except Exception:  # an operator that is no annotation's
        return {}
    return {each: meant(value, annotate, cells) for each, value in found.items()}


def meant(value, annotate, cells):
    """What a name alone stands for."""
    if type(value) is not Written or not value.text.isidentifier():
        return value
    try:
        return cells[value.text].cell_contents
    except (KeyError, ValueError):
        builtin = dict.get(annotate.__builtins__, value.text, value)
        return dict.get(annotate.__globals__, value.text, builtin)


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
            text += equals + describe.short_repr(self.default, 40)
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


HOST_KINDS = {
    "positional": "either",
    "keyword": "keyword",
    "var_positional": "star",
    "var_keyword": "stars",
}


def host_parameters(value):
    """Of a function of the client's."""
    return [
        Parameter(name, HOST_KINDS[kind], default[0] if default else safe.MISSING, safe.MISSING)
        for name, kind, default in safe.attribute(value, "_parameters")
    ]


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
        if id(kind) in describe.FUNCTIONS:
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
    if describe.is_host_function(value):
        return host_parameters(value)
    function, given = callee(value)
    if function is None:
        return None
    found = parameters_of(function)
    return found[min(given + bound, sum(each.kind in ("positional", "either") for each in found)) :]


def text_signature(value):
    if safe.is_class(value):
        return safe.read_text_signature(value)
    if id(type(value)) in describe.FUNCTIONS and id(type(value)) not in WRITTEN:
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


def labels(value, bound=0):
    """[(text, name, kind)] of the parameters, each text as `signature` has it."""
    found = parameters(value, bound)
    if found is not None:
        return [(each.text(), each.name, each.kind) for each in found[:MOST_PARAMETERS]]
    parts = own_parts(text_signature(value))
    before = parts.index("/") if "/" in parts else 0
    result, after_star = [], False
    for index, part in enumerate(parts):
        name = part.lstrip("*").partition("=")[0].strip()
        kind = "keyword" if after_star else "positional" if index < before else "either"
        if part.startswith("*"):
            kind, after_star = ("stars" if part.startswith("**") else "star"), True
        if name and part != "/":
            result.append((part, name, kind))
    return result


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
