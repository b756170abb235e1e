"""How values show beyond their repr: display() and the rich forms of results. Loaded at the first
use of either. A form that cannot be had costs that form only, and is said on stderr."""

import sys

MOST_TEXT = 65536  # characters of a text/plain
LONGEST_ID = 4096  # bytes, as all ids on the wire
PLAIN = "text/plain"
METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
    ("application/pdf", "_repr_pdf_"),
)
NOBODYS = "_replwire_no_such_method_"  # whoever has it has any name that one asks for


def encoded(kind, value, nan_is_null):
    """(JSON, its size) of what stands for this MIME type."""
    textual = kind.startswith("text/") or kind.endswith("+xml") or kind.endswith("javascript")
    if textual and isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value).decode("utf-8", "replace")
    if textual and not isinstance(value, str):
        raise TypeError(f"{kind} must be str, not {type(value).__name__}")
    if kind.startswith("image/") and not textual and isinstance(value, str):
        value = value.strip()  # base64, often with a newline at its end
    return wire.encode(value, nan_is_null)


def complain(what, error):
    text = wire.load("report")["report"](error, wire.sources["of"])[2]
    say(f"Exception in {what}:\n{text}")


def say(text):
    if sys.stderr is not None:
        sys.stderr.write(text)


class Forms:
    """What one value says of itself: JSON by MIME type, and metadata. `raw`: it is data already, in
    which NaN is a mistake; methods that give data may leave it to JavaScript's null."""

    def __init__(self, value, include=None, exclude=None, raw=False):
        self.value = value
        self.raw = raw
        self.include = {include} if isinstance(include, str) else include
        self.exclude = {exclude} if isinstance(exclude, str) else exclude or ()
        self.data = {}
        self.metadata = {}
        self.left = wire.MOST_BYTES

    def wants(self, kind):
        wanted = self.include is None or kind in self.include
        return wanted and kind not in self.exclude and kind not in self.data

    def name(self, method):
        return f"{type(self.value).__qualname__}.{method}"

    def attempt(self, what, function, *args, **options):
        try:
            return function(*args, **options)
        except NotImplementedError:
            return None
        except Exception as error:
            complain(what, error)
            return None

    def put(self, what, kind, value, metadata=None):
        found = self.attempt(what, encoded, kind, value, not self.raw)
        if found is None or not self.fits(what, kind, found[1]):
            return
        self.data[kind] = found[0]
        if metadata:
            self.metadata[kind] = metadata

    def fits(self, what, kind, size):
        if size > self.left:
            say(f"{what}: {kind} of {size} bytes is too long to show\n")
            return False
        self.left -= size
        return True

    def method(self, name):
        found = getattr(self.value, name, None)
        return found if callable(found) else None

    def has_methods(self):
        if isinstance(self.value, type):
            return False
        try:
            return getattr(self.value, NOBODYS, None) is None
        except Exception:
            return False

    def shows_itself(self):
        """Whether its own method has shown it: nothing else is to be told of it."""
        name = "_ipython_display_"
        method = None
        if self.has_methods():
            method = self.attempt(self.name(name), self.method, name)
        try:
            if method is not None:
                method()
                return True
        except NotImplementedError:
            pass
        except Exception as error:
            complain(self.name(name), error)
        return False

    def add_formatted(self, shell, text):
        """What IPython's formatters say beyond the text. False when one of them has shown it."""
        data, metadata = shell.display_formatter.format(self.value)
        more = {kind: form for kind, form in data.items() if (kind, form) != (PLAIN, text)}
        self.add_all("display", (more, metadata))
        return bool(data)

    def add_rich(self, by_methods=True):
        if is_figure(self.value):
            self.add_picture()
        if by_methods and self.has_methods():
            self.add_bundle()
            for kind, name in METHODS:
                if self.wants(kind):
                    self.add(kind, name)

    def add(self, kind, name):
        method = self.attempt(self.name(name), self.method, name)
        found = self.attempt(self.name(name), method) if method is not None else None
        if found is None:
            return
        if type(found) is tuple and len(found) == 2:
            self.put(self.name(name), kind, *found)
        else:
            self.put(self.name(name), kind, found)

    def add_bundle(self):
        name = "_repr_mimebundle_"
        method = self.attempt(self.name(name), self.method, name)
        if method is None:
            return
        found = self.attempt(
            self.name(name), method, include=self.include, exclude=self.exclude or None
        )
        if found is not None:
            self.attempt(self.name(name), self.add_all, self.name(name), found)

    def add_all(self, what, found):
        data, metadata = found if type(found) is tuple else (found, {})
        metadata = metadata or {}
        for kind, value in data.items():
            if value is not None and isinstance(kind, str) and self.wants(kind):
                self.put(what, kind, value, metadata.get(kind))
        # What is said of no form means them all.
        self.metadata.update((k, v) for k, v in metadata.items() if k not in data)

    def add_picture(self):
        kind = {"svg": "image/svg+xml"}.get(getattr(wire, "figure_format", ""), "image/png")
        if self.wants(kind):
            draw = wire.load("picture")["draw"]
            found = self.attempt("drawing a figure", draw, self.value, kind)
            if found is not None:
                self.put("drawing a figure", kind, *found)

    def add_pretty(self):
        """Whether its own method says how it looks as text."""
        name = "_repr_pretty_"
        if PLAIN in self.data or not self.wants(PLAIN) or not self.has_methods():
            return False
        method = self.attempt(self.name(name), self.method, name)
        if method is None:
            return False
        text = self.attempt(self.name(name), wire.load("pretty")["by"], method)
        if text is not None:
            self.put(self.name(name), PLAIN, text[:MOST_TEXT])
        return PLAIN in self.data

    def add_repr(self, text=None):
        if not self.wants(PLAIN):
            return
        if text is None:
            text = self.attempt(self.name("__repr__"), repr, self.value)
        if text is not None:
            self.put(self.name("__repr__"), PLAIN, text[:MOST_TEXT])

    def told(self, metadata=None):
        """JSON of all metadata."""
        found = self.attempt("metadata", wire.encode, merged(self.metadata, metadata or {}), False)
        if found is None or not self.fits("display", "metadata", found[1]):
            return wire.encode({}, False)[0]
        return found[0]


def is_figure(value):
    module = sys.modules.get("matplotlib.figure")
    kind = getattr(module, "Figure", None)
    return isinstance(kind, type) and isinstance(value, kind)


def of_result(value, text):
    """(forms, metadata or None); () when it has shown itself, None when there is but the repr."""
    shell = getattr(wire, "shell", None)
    own = shell is None
    if not own and wire.shows_as_repr(value):
        return None
    forms = Forms(value)
    if forms.shows_itself() if own else not forms.add_formatted(shell, text):
        return ()
    if not is_figure(value) or not is_open(value):
        forms.add_rich(own)
    if not (own and forms.add_pretty()) and not forms.data:
        return None
    forms.add_repr(text)
    return forms.data, forms.told() if forms.metadata else None


def is_open(figure):
    """Whether it will be shown at the end of the execution."""
    return getattr(getattr(figure.canvas, "manager", None), "shows_at_end", False)


def merged(first, second):
    result = dict(first)
    for kind, value in second.items():
        known = result.get(kind)
        both = isinstance(known, dict) and isinstance(value, dict)
        result[kind] = {**known, **value} if both else value
    return result


def publish(forms, metadata=None, display_id=None, update=False):
    if not forms.data:
        return
    if not wire.publish(forms.data, forms.told(metadata), display_id, bool(update)):
        print(str(forms.value))  # in a forked child


class DisplayHandle:
    """What was shown under an id of its own, and can be shown anew."""

    def __init__(self, display_id=None):
        self.display_id = display_id or new_id()

    def display(self, obj, **options):
        display(obj, display_id=self.display_id, **options)

    def update(self, obj, **options):
        update_display(obj, display_id=self.display_id, **options)

    def __repr__(self):
        return f"<DisplayHandle display_id={self.display_id}>"


def new_id():
    import os

    return os.urandom(16).hex()


def of_raw(data):
    forms = Forms(data, raw=True)
    forms.add_all("display", data)
    return forms


def display(
    *objs,
    include=None,
    exclude=None,
    metadata=None,
    transient=None,
    display_id=None,
    raw=False,
    clear=False,
    update=False,
    **options,
):
    """Show objects to the client, each in all the forms that it has."""
    if display_id is None and transient:
        display_id = transient.get("display_id")
    if display_id is True:
        display_id = new_id()
    if display_id is not None and not isinstance(display_id, str):
        raise TypeError("display_id must be a str or True")
    if display_id is not None and len(display_id.encode()) > LONGEST_ID:
        raise ValueError(f"display_id must not be longer than {LONGEST_ID} bytes")
    if update and display_id is None:
        raise TypeError("display_id required for update_display")
    if clear:
        clear_output(wait=True)
    for value in objs:
        if raw:
            forms = of_raw(value)
        else:
            forms = Forms(value, include, exclude)
            if forms.shows_itself():
                continue
            forms.add_rich()
            if not forms.add_pretty():
                forms.add_repr()
        publish(forms, metadata, display_id, update)
    return DisplayHandle(display_id) if display_id is not None else None


def update_display(obj, *, display_id, **options):
    """Show something else in place of what was shown under this display_id."""
    options["update"] = True
    display(obj, display_id=display_id, **options)


def clear_output(wait=False):
    """Have the client clear what the execution has shown."""
    wire.clear_shown(wait)


def publish_display_data(
    data, metadata=None, source=None, *, transient=None, update=False, **options
):
    """Show data that is there by MIME type already."""
    display(data, metadata=metadata, transient=transient, update=update, raw=True)
