"""The printer that _repr_pretty_(printer, cycle) is given: what such methods use of IPython's."""

from contextlib import contextmanager

WIDTH = 79
MOST_ITEMS = 1000


class Group:
    def __init__(self):
        self.parts = []  # texts, breaks, groups

    def width(self):
        return sum(part.width() if type(part) is not str else len(part) for part in self.parts)

    def must_break(self):
        return any(type(part) is not str and part.must_break() for part in self.parts)

    def write(self, out, column, flat=False):
        flat = flat or (not self.must_break() and column + self.width() <= WIDTH)
        for part in self.parts:
            if type(part) is str:
                out.append(part)
                lines = part.rsplit("\n", 1)
                column = len(lines[-1]) + (column if len(lines) == 1 else 0)
            else:
                column = part.write(out, column, flat)
        return column


class Break:
    def __init__(self, text, indentation, forced):
        self.text, self.indentation, self.forced = text, indentation, forced

    def width(self):
        return len(self.text)

    def must_break(self):
        return self.forced

    def write(self, out, column, flat):
        out.append(self.text if flat else "\n" + " " * self.indentation)
        return column + len(self.text) if flat else self.indentation


class Printer:
    """Lays out what it is told: the breaks of a group become new lines when it is too wide."""

    max_width = WIDTH
    newline = "\n"
    verbose = False
    max_seq_length = MOST_ITEMS

    def __init__(self):
        self.indentation = 0
        self.stack = []  # ids of what is being printed
        self.groups = [Group()]

    def add(self, part):
        self.groups[-1].parts.append(part)

    def text(self, text):
        self.add(str(text))

    def breakable(self, sep=" "):
        self.add(Break(sep, self.indentation, False))

    def break_(self):
        self.add(Break("", self.indentation, True))

    def begin_group(self, indent=0, open=""):
        if open:
            self.text(open)
        group = Group()
        self.add(group)
        self.groups.append(group)
        self.indentation += indent

    def end_group(self, dedent=0, close=""):
        self.indentation -= dedent
        if len(self.groups) > 1:
            self.groups.pop()
        if close:
            self.text(close)

    @contextmanager
    def group(self, indent=0, open="", close=""):
        self.begin_group(indent, open)
        try:
            yield
        finally:
            self.end_group(indent, close)

    @contextmanager
    def indent(self, indent):
        self.indentation += indent
        try:
            yield
        finally:
            self.indentation -= indent

    def flush(self):
        """Nothing waits here."""

    def pretty(self, value):
        cycle = id(value) in self.stack
        self.stack.append(id(value))
        try:
            method = getattr(type(value), "_repr_pretty_", None)
            if method is not None and not isinstance(value, type):
                with self.group():
                    value._repr_pretty_(self, cycle)
            elif type(value) in BRACKETS and value:
                self.items(value, cycle)
            else:
                self.text(repr(value))
        finally:
            self.stack.pop()

    def items(self, value, cycle):
        opening, closing = BRACKETS[type(value)]
        if cycle:
            return self.text(f"{opening}...{closing}")
        with self.group(1, opening, closing):
            for number, item in enumerate(value):
                if number:
                    self.text(",")
                    self.breakable()
                if number == MOST_ITEMS:
                    return self.text("...")
                self.pretty(item)
                if type(value) is dict:
                    self.text(": ")
                    self.pretty(value[item])
            if type(value) is tuple and len(value) == 1:
                self.text(",")

    def result(self):
        out = []
        self.groups[0].write(out, 0)
        return "".join(out)


BRACKETS = {list: "[]", tuple: "()", set: "{}", dict: "{}"}


def by(method):
    """What the method prints of its object."""
    printer = Printer()
    printer.stack.append(id(method.__self__) if hasattr(method, "__self__") else 0)
    with printer.group():
        method(printer, False)
    return printer.result()
