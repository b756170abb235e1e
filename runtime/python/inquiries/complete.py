"""What could stand at the cursor: names, attributes, keys, keyword arguments, modules, files."""

import time

safe = wire.use("safe")
describe = wire.use("describe")
signatures = wire.use("signatures")
evaluate = wire.use("evaluate")
folders = wire.use("folders")
Scan = wire.use("scan").Scan
spaces = wire.use("spaces").spaces

MOST_CODE = 131072  # characters in front of the cursor that are looked at
MOST_MATCHES = 5000
MOST_BYTES = 4_000_000  # of a reply, reckoned high
LATE = 0.01  # seconds that describing what was found may take beyond the rest
MOST_KEYS = MOST_MATCHES + 1  # one more tells that there are more

KEYWORDS = (
    "False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield match case"
).split()


def word_start(text):
    at = len(text)
    while at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    return at


def rank(name):
    """Public names come before private ones, those before special ones."""
    if not name.startswith("_"):
        return 0
    return 2 if name.startswith("__") else 1


KEYS = safe.ids(str, int, bool, float, bytes, type(None))


class Match:
    __slots__ = ("text", "kind", "value", "bound", "first")

    def __init__(self, text, kind, value=safe.MISSING, bound=0, first=1):
        self.text = text
        self.kind = kind  # None: as the value says
        self.value = value
        self.bound = bound
        self.first = first

    def entry(self, start, end):
        kind = self.kind
        if kind is None:
            known = self.value is not safe.MISSING
            kind = describe.kind_of(self.value) if known else "instance"
        try:
            signature = self.signature(kind)
        except Exception:  # an odd value costs its own signature only
            signature = ""
        fields = {"start": start, "end": end, "text": self.text, "type": kind}
        fields["signature"] = signature
        return fields

    def signature(self, kind):
        if self.value is safe.MISSING:
            return ""
        if kind in ("function", "class"):
            return signatures.signature(self.value, self.bound)
        if kind in ("instance", "key", "property"):
            told = value_type(self.value)
            return told and ": " + told
        return ""


def value_type(value):
    if type(value) is property:
        getter = value.fget
        told = signatures.returns(getter) if type(getter) is safe.Function else ""
        return told.removeprefix(" -> ") or "property"
    return "" if type(value) is safe.GetSet else describe.type_name(value)


class Completer:
    """Looks at the code in front of the cursor; `matches` begin at `start`."""

    def __init__(self, text, clock):
        self.text = text
        self.clock = clock
        self.start = len(text)
        self.matches = []
        self.scan = Scan(text)
        if self.scan.kind == "string":
            self.in_string()
        elif self.scan.kind == "code":
            self.in_code()

    def add(self, text, kind, value=safe.MISSING, bound=0, first=1):
        self.matches.append(Match(text, kind, value, bound, first))

    # ---- in code ---------------------------------------------------------------------------

    def in_code(self):
        text = self.text
        self.start = word_start(text)
        word = text[self.start :]
        if word[:1].isdigit():
            return
        statement = text[self.scan.statement :].lstrip()
        keyword = statement.split(None, 1)[:1]
        if keyword in (["import"], ["from"]) and statement != keyword[0]:
            if self.imports(keyword[0], statement[len(keyword[0]) :].lstrip()):
                return
        if hasattr(wire, "shell") and self.magics(word):
            return
        before = text[: self.start].rstrip(" \t")
        if before.endswith("."):
            self.attributes(before[:-1], word)
            return
        self.keyword_arguments(word)
        if not word and before.endswith("["):
            self.keys(len(before) - 1, "", None)
        self.names(word)

    def magics(self, word):
        """IPython's. False where none begins."""
        line = self.text[: self.start].rpartition("\n")[2].strip()
        known = wire.shell.magics_manager.magics
        for sign, kind in (("%", "line"), ("%%", "cell")):
            if line == sign:
                for name in known[kind]:
                    if name.startswith(word):
                        self.add(name, "magic")
        return line in ("%", "%%")

    def attributes(self, before, word):
        found = evaluate.expression_before(self.scan, len(before))
        if found is None or before[word_start(before) :].isdigit():
            return
        for name, value in found.names().items():
            if name.startswith(word) and name.isidentifier():
                if type(value) is safe.Member and not found.instance:
                    value = safe.attribute(found.value, name)
                binds = type(value) is safe.Function and found.binds()
                self.add(name, None, value, int(binds))
            if self.late():
                return
        self.columns(found, word)

    def columns(self, found, word):
        if not found.instance:
            for label in wire.use("arrays").labels(found.value, MOST_KEYS):
                if type(label) is str and label.startswith(word) and label.isidentifier():
                    self.add(label, "key")

    def names(self, word):
        seen = set()
        for space in spaces():
            for index, (name, value) in enumerate(safe.items(space)):
                if index % 4096 == 4095 and self.clock.over():
                    break
                if type(name) is str and name.startswith(word) and name not in seen:
                    seen.add(name)
                    if name.isidentifier():
                        self.add(name, None, value)
        for name in KEYWORDS:
            if name.startswith(word) and name not in seen:
                self.add(name, "keyword")

    def keyword_arguments(self, word):
        text, brackets = self.text, self.scan.brackets
        before = text[: self.start].rstrip()
        if not brackets or not before.endswith(("(", ",")) or text[brackets[-1]] != "(":
            return
        opened = brackets[-1]
        first = evaluate.primary_start(self.scan, len(text[:opened].rstrip(" \t")))
        if text[:first].rstrip().endswith(("def", "class")):
            return
        found = evaluate.expression_before(self.scan, opened)
        if found is None or found.instance:
            return
        given = {part.split("=")[0].strip() for part in text[opened + 1 : self.start].split(",")}
        for name in signatures.keyword_names(found.value, found.bound):
            if name.startswith(word) and name not in given:
                self.add(name + "=", "param", first=0)

    # ---- imports ---------------------------------------------------------------------------

    def imports(self, keyword, rest):
        """False when the statement is past what is imported."""
        if keyword == "import":
            part = rest.rpartition(",")[2].strip()
            return self.modules(part)
        module, found, names = rest.partition(" import")
        if not found:
            words = rest.split()
            if len(words) == 1 and rest[-1:].isspace():
                return self.only("import")
            return self.modules(rest.strip())
        if names and not names[0].isspace() and names[0] != "(":
            return False
        self.members(module.strip(), names)
        return True

    def only(self, word):
        self.add(word, "keyword")
        return True

    def modules(self, dotted):
        if any(character.isspace() for character in dotted) or dotted.startswith("."):
            return True
        parent, _, begin = dotted.rpartition(".")
        for name in folders.submodules(parent, self.clock):
            if name.startswith(begin):
                self.add(name, "module")
        return True

    def members(self, module, names):
        if module.startswith("."):  # relative to what, nobody says
            return
        words = names.replace("(", " ").replace(",", " , ").split()
        word = self.text[self.start :]
        if word and words:
            words.pop()
        if words and words[-1] != ",":
            return
        found = {}
        loaded = safe.loaded_module(module)
        for name in folders.submodules(module, self.clock) if module else ():
            found[name] = Match(name, "module")
        if loaded is not None:
            for name, value in safe.items(safe.instance_dict(loaded) or {}):
                if type(name) is str and name.isidentifier():
                    found[name] = Match(name, None, value)
        elif not self.clock.over():
            for name in folders.global_names(module):
                found.setdefault(name, Match(name, "statement"))
        self.matches += [each for each in found.values() if each.text.startswith(word)]

    # ---- in strings ------------------------------------------------------------------------

    def in_string(self):
        scan = self.scan
        content = self.text[scan.content :]
        if "f" in scan.prefix.lower() or "t" in scan.prefix.lower():
            inner = content.replace("{{", "  ").replace("}}", "  ")
            opened = inner.rfind("{")
            if opened > inner.rfind("}"):
                return self.in_field(scan.content + opened + 1)
        if len(scan.quote) == 3:
            return None
        self.start = scan.content
        before = len(self.text[: scan.token].rstrip())
        if before and self.text[before - 1] == "[" and "b" not in scan.prefix.lower():
            if self.keys(before - 1, content, scan.quote):
                return None
        return self.paths(content)

    def in_field(self, begin):
        """The expression in a field of an f-string."""
        inner = Completer(self.text[begin:], self.clock)
        self.start = begin + inner.start
        self.matches = inner.matches

    def keys(self, bracket, begin, quote):
        """The keys of what stands in front of the bracket; inside of quotes when there is one."""
        found = evaluate.expression_before(self.scan, bracket)
        if found is None or found.instance:
            return False
        for key, value in keys_of(found.value):
            if quote is None:
                self.add(repr(key), "key", value, first=0)
            elif type(key) is str and key.startswith(begin):
                self.add(quoted(key, quote), "key", value)
            if self.late():
                break
        return True

    def paths(self, content):
        if "\n" in content or "\0" in content:
            return
        for path in folders.paths(content):
            self.add(path, "path")

    def late(self):
        return len(self.matches) % 256 == 255 and self.clock.over()


def keys_of(value):
    if safe.is_subclass(dict, type(value)):
        for key, each in safe.items(value, MOST_KEYS):
            if id(type(key)) in KEYS:
                yield key, each
        return
    if safe.full_name(type(value)) == "os._Environ":
        for key in dict.get(safe.instance_dict(value), "_data"):
            yield key.decode("utf-8", "surrogateescape"), ""
    for label in wire.use("arrays").labels(value, MOST_KEYS):
        yield label, safe.MISSING


def quoted(key, quote):
    """A key as it stands between these quotes."""
    text = repr(key)[1:-1]
    if "\\'" in text or quote not in text:
        text = text.replace("\\'", "'")
    return text.replace(quote, "\\" + quote)


def complete(code, cursor, clock):
    """(matches, start, end, metadata, partial)"""
    end = min(cursor, len(code))
    skipped = max(end - MOST_CODE, 0)
    if skipped:
        skipped = code.find("\n", skipped, end) + 1 or skipped
    done = Completer(code[skipped:end], clock)
    start = skipped + done.start
    matches = done.matches
    if wire.with_jedi and done.scan.kind == "code":
        known = {each.text for each in matches}
        for name, kind in wire.use("jedi_names").names(code, end, clock):
            if name not in known and name.startswith(code[start:end]):
                matches.append(Match(name, kind, first=int(not name.endswith("="))))
    matches.sort(key=lambda each: (each.first, rank(each.text), each.text))
    entries = []
    room = MOST_BYTES
    for each in matches[:MOST_MATCHES]:
        if room < 0 or (len(entries) % 64 == 63 and time.monotonic() > clock.end + LATE):
            break
        entries.append(each.entry(start, end))
        room -= 100 + 4 * (2 * len(each.text) + len(entries[-1]["signature"]))
    partial = clock.missed or len(entries) < len(matches)
    texts = [each["text"] for each in entries]
    return texts, start, end, {"_jupyter_types_experimental": entries}, partial
