"""What a name stands for: its signature, documentation, type, place and, when asked for, source."""

safe = wire.use("safe")
describe = wire.use("describe")
signatures = wire.use("signatures")
evaluate = wire.use("evaluate")
folders = wire.use("folders")
Scan = wire.use("scan").Scan

MOST_CODE = 131072
MOST_TEXT = 65536  # characters of documentation
MOST_SOURCE = 262144
WINDOWS = (100, 1000, 10_000)  # lines


def identifier_end(code, at):
    while at < len(code) and (code[at].isalnum() or code[at] == "_"):
        at += 1
    return at


def candidates(code, cursor):
    """(text, scan, end) of the expressions that could be meant, the likeliest first: the name at
    the cursor, then the functions of the calls that it stands in, from within."""
    skipped = max(cursor - MOST_CODE, 0)
    code, cursor = code[skipped:], cursor - skipped
    scan = Scan(code[:cursor])
    if scan.kind == "code":
        end = identifier_end(code, cursor)
        whole = Scan(code[:end]) if end > cursor else scan
        start = evaluate.primary_start(whole, end)
        name = code[start:end].strip()
        if name and not name[-1].isspace() and (name[-1].isalnum() or name[-1] in "_)]"):
            yield name.rpartition(".")[2], whole, end
    for bracket in reversed(scan.brackets):
        if code[bracket] == "(":
            start = evaluate.primary_start(scan, bracket)
            name = code[start:bracket].strip()
            if name:
                yield name.rpartition(".")[2], scan, bracket


def find(code, cursor):
    for name, scan, end in candidates(code, cursor):
        found = evaluate.expression_before(scan, end, True)
        if found is not None:
            return name, found
    return None, None


# ---- where something is defined ----------------------------------------------------------------


def code_of(value):
    function, _ = signatures.callee(value) if not safe.is_class(value) else (None, 0)
    return function.__code__ if function is not None else None


def sources():
    return list(wire.sources["live"].values()) + wire.sources["class_sources"]


class Place:
    """Where something stands: a file's name, a line, and, when it can be had, the text from the
    first line of the file on."""

    whole = False  # a module: its source is the file's

    def __init__(self, filename, line, text=None, first_line=1):
        self.filename = filename
        self.line = line
        self.text = text
        self.first_line = first_line

    def source(self):
        text = self.text
        if text is None and not self.filename.endswith(".so"):
            text = folders.read_text(self.filename)
        if text is None:
            return None
        text = text.replace("\r\n", "\n")
        return text if self.whole else block(text, self.line - self.first_line)


def block(text, row):
    """The statement that begins at this line, with all that is indented below it."""
    lines = text.split("\n")
    if not 0 <= row < len(lines):
        return None
    # Reading a statement costs time for each of its lines: so no more of them than it takes.
    for count in WINDOWS:
        rest = "\n".join(lines[row : row + count])[:MOST_SOURCE]
        end = statement_end(rest)
        if end < len(rest) or row + count >= len(lines):
            break
    return rest[:end].rstrip() + "\n"


def statement_end(text):
    """Where the first statement ends: before the next line that is indented no deeper."""
    indent = len(text) - len(text.lstrip())
    headed = False
    for start in Scan(text).lines:
        line = text[start : start + 1000].split("\n", 1)[0]
        if len(line) - len(line.lstrip()) <= indent:
            if headed:
                return start
            headed = not line.lstrip().startswith("@")
    return len(text)


def file_of(value, code):
    """Code that comes with the interpreter knows no file; its module does."""
    if not code.co_filename.startswith("<frozen "):
        return code.co_filename
    function, _ = signatures.callee(value)
    module = safe.loaded_module(function.__module__)
    found = dict.get(safe.instance_dict(module) or {}, "__file__") if module is not None else None
    return found if type(found) is str else code.co_filename


def place_of(value):
    code = code_of(value)
    if code is not None:
        known = wire.sources["of"](code)
        if known is not None:
            return Place(code.co_filename, code.co_firstlineno, known.text, known.first_line)
        return Place(file_of(value, code), code.co_firstlineno)
    if safe.is_class(value):
        return place_of_class(value)
    if type(value) is safe.Module:
        filename = dict.get(safe.instance_dict(value), "__file__")
        if type(filename) is not str:
            return None
        place = Place(filename, 1)
        place.whole = filename.endswith(".py")
        return place
    return None


def place_of_class(cls):
    name = safe.qualname(cls).rpartition(".")[2]
    if safe.module_of(cls) == "__main__":
        for source in reversed(sources()):
            row = class_row(source.text, name)
            if row is not None:
                line = row + source.first_line
                return Place(source.filename, line, source.text, source.first_line)
        return None
    module = safe.loaded_module(safe.module_of(cls))
    filename = dict.get(safe.instance_dict(module), "__file__") if module is not None else None
    if type(filename) is not str or not filename.endswith(".py"):
        return None
    text = folders.read_text(filename) or ""
    row = class_row(text, name)
    return Place(filename, row + 1, text) if row is not None else Place(filename, 1)


def class_row(text, name):
    row = None
    lines = text.split("\n")
    for index, line in enumerate(lines):
        words = line.lstrip().split(None, 1)
        if words[:1] == ["class"] and len(words) > 1:
            rest = words[1]
            if rest.startswith(name) and not rest[len(name) :][:1].isidentifier():
                row = index
    while row and lines[row - 1].lstrip().startswith("@"):
        row -= 1
    return row


# ---- what is said ------------------------------------------------------------------------------


def documentation(value):
    if safe.is_class(value):
        return own_documentation(value)
    kind = type(value)
    if kind is safe.Module:
        text = dict.get(safe.instance_dict(value), "__doc__")
    elif kind is safe.Method:
        return documentation(value.__func__)
    elif id(kind) in describe.FUNCTIONS or kind is property:
        text = value.__doc__
    elif describe.is_host_function(value):
        text = dict.get(safe.instance_dict(value), "__doc__")
    else:
        return own_documentation(kind)
    return text if type(text) is str else None


def own_documentation(cls):
    text = safe.class_dict(cls).get("__doc__")
    return text if type(text) is str else None


def dedent(text):
    first, *rest = text.expandtabs()[:MOST_TEXT].split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[margin:].rstrip() for line in rest)]).strip()


def value_facts(value):
    yield "Type", safe.full_name(type(value))
    if describe.kind_of(value) == "instance":
        yield "Value", describe.short_repr(value)
        shape = wire.use("arrays").shape_of(value)
        if shape is not None:
            yield "Shape", describe.short_repr(shape.shape)
            if shape.dtype:
                yield "Dtype", shape.dtype
        else:
            length = safe.length(value)
            if length is not None:
                yield "Length", str(length)


class Account:
    def __init__(self, name, found, with_source):
        value = found.value
        self.signature = ""
        if not found.instance and describe.kind_of(value) in ("function", "class"):
            signature = signatures.signature(value, found.bound)
            self.signature = name + signature if signature else ""
        self.facts = (
            [("Type", safe.full_name(value))] if found.instance else [*value_facts(value)]
        )
        place = place_of(value)
        self.definition = None
        if place is not None:
            self.definition = {"filename": place.filename, "line": place.line}
            self.facts.append(("Defined in", f"{place.filename}, line {place.line}"))
        elif safe.is_class(value) and safe.module_of(value):
            self.facts.append(("Defined in", f"module {safe.module_of(value)}"))
        text = documentation(value)
        self.text = dedent(text) if text else ""
        self.source = place.source() if place is not None and with_source else None

    def plain(self):
        parts = [self.signature] if self.signature else []
        parts.append("\n".join(f"{what}: {said}" for what, said in self.facts))
        if self.text:
            parts.append(self.text)
        if self.source:
            parts.append("Source:\n" + self.source)
        return "\n\n".join(parts)

    def markdown(self):
        parts = [fenced(self.signature)] if self.signature else []
        parts.append("\n".join(f"- **{what}:** {inline(said)}" for what, said in self.facts))
        if self.text:
            parts.append(fenced(self.text, "text"))
        if self.source:
            parts.append("**Source:**\n\n" + fenced(self.source.rstrip("\n")))
        return "\n\n".join(parts)


def longest_run(text):
    run = longest = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def fenced(text, language="python"):
    fence = "`" * max(3, longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def inline(text):
    fence = "`" * (longest_run(text) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def inspect(code, cursor, with_source, clock):
    """(found, {MIME type: text}, partial, definition or None, signatures or None)"""
    cursor = min(cursor, len(code))
    name, found = find(code, cursor)
    help = attempt(signature_help, code, cursor, name, found)
    if found is None:
        return False, {}, False, None, help
    account = Account(name, found, with_source)
    texts = {"text/plain": account.plain(), "text/markdown": account.markdown()}
    return True, texts, clock.over(), account.definition, help


def attempt(function, *arguments):
    """Odd code costs its own signature only."""
    try:
        return function(*arguments)
    except Exception:
        return None


# ---- signatures --------------------------------------------------------------------------------


def call_at(code, cursor):
    """(name, what is called, the text of its arguments so far) of the innermost call around the
    cursor, or None."""
    skipped = max(cursor - MOST_CODE, 0)
    scan = Scan(code[skipped:cursor])
    for bracket in reversed(scan.brackets):
        if scan.text[bracket] == "(":
            start = evaluate.primary_start(scan, bracket)
            name = scan.text[start:bracket].strip()
            found = evaluate.expression_before(scan, bracket) if name else None
            if found is not None:
                return name.rpartition(".")[2], found, arguments(scan, bracket)
    return None


def arguments(scan, bracket):
    """What stands between the commas behind this bracket; those within it are no commas of its
    own."""
    parts, begin, at = [], bracket + 1, bracket + 1
    inner = {first: last for last, first in scan.pairs.items()}
    while at < len(scan.text):
        if at in inner:
            at = inner[at]
        elif scan.text[at] in "([{\"'":
            break  # open up to the cursor
        elif scan.text[at] == ",":
            parts.append(scan.text[begin:at])
            begin = at + 1
        at += 1
    return [*parts, scan.text[begin:]]


def signature_help(code, cursor, name, found):
    call = call_at(code, cursor)
    given = None
    if call is not None:
        name, found, given = call
    if found is None or found.instance:
        return None
    if describe.kind_of(found.value) not in ("function", "class") and call is None:
        return None
    text = signatures.signature(found.value, found.bound)
    if not text:
        return None
    labels = signatures.labels(found.value, found.bound)
    fields = {"label": name + text, "parameters": [{"label": each} for each, _, _ in labels]}
    active = active_parameter(labels, given) if given is not None else None
    if active is not None:
        fields["active_parameter"] = active
    return [fields]


def active_parameter(labels, given):
    keyword, equals, _ = given[-1].partition("=")
    if equals and keyword.strip().isidentifier():
        for index, (_, name, kind) in enumerate(labels):
            if name == keyword.strip() and kind in ("either", "keyword"):
                return index
        kinds = [kind for _, _, kind in labels]
        return kinds.index("stars") if "stars" in kinds else None
    place = sum("=" not in each.replace("==", "") for each in given) - 1
    for index, (_, _, kind) in enumerate(labels):
        if kind == "star" or (kind in ("positional", "either") and index == place):
            return index
        if kind in ("keyword", "stars"):
            break
    return None
