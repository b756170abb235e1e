"""In place of `linecache` for the traceback module that bundled code has to itself: reads each file
anew for each report, and never one that has another's name."""

import sys

MOST_BYTES = 1 << 25  # of a file that is looked into

cache = {}  # filename -> lines
namespaces = {}  # filename -> globals of code that has this name


def getline(filename, lineno, module_globals=None):
    lines = getlines(filename, module_globals)
    return lines[lineno - 1] if 1 <= lineno <= len(lines) else ""


def getlines(filename, module_globals=None):
    lines = cache.get(filename)
    if lines is None:
        text = from_file(filename)
        if text is None:
            lines = published(filename) or split(from_loader(filename) or "")
        else:
            lines = split(text)
        cache[filename] = lines
    return lines


updatecache = getlines


def split(text):
    return [line + "\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def published(filename):
    """What whoever made the code left in the public linecache: doctest, attrs, IPython."""
    linecache = dict.get(sys.modules, "linecache")
    entries = getattr(linecache, "cache", None)
    entry = dict.get(entries, filename) if isinstance(entries, dict) else None
    if type(entry) is tuple and len(entry) == 4 and type(entry[2]) is list:
        return [line for line in entry[2] if type(line) is str]
    return None


def from_file(filename):
    if not filename or (filename.startswith("<") and filename.endswith(">")):
        return None
    try:
        read = wire.read_file(filename)
    except ValueError:  # a null character in it
        return None
    if read is None or len(read[0]) > MOST_BYTES:
        return None
    return decoded(read[0])


def decoded(data):
    for line in data.split(b"\n", 2)[:2]:
        found = line.partition(b"coding")[2]
        if line.lstrip().startswith(b"#") and found[:1] in (b":", b"="):
            name = found[1:].split()[:1]
            try:
                return data.decode(name[0].decode("ascii"), "replace")
            except (LookupError, ValueError, IndexError):
                break
    return data.decode("utf-8-sig", "replace")


def from_loader(filename):
    space = namespaces.get(filename)
    if not isinstance(space, dict):
        return None
    spec = space.get("__spec__")
    loader = getattr(spec, "loader", None) or space.get("__loader__")
    name = getattr(spec, "name", None) or space.get("__name__")
    get_source = getattr(loader, "get_source", None)
    if get_source is None or not isinstance(name, str) or name == "__main__":
        return None
    try:
        text = get_source(name)
    except Exception:
        return None
    return text if isinstance(text, str) else None


def lazycache(filename, module_globals):
    namespaces[filename] = module_globals
    return True


def checkcache(filename=None):
    """Nothing stays from one report to the next."""


def clearcache():
    cache.clear()
    namespaces.clear()


# What `python3 -c` and the interactive interpreter registered (from 3.13 on) is not shown.
def _getlines_from_code(code):
    return []


def _getline_from_code(code, lineno):
    return ""


def _register_code(code, string, name):
    """Nothing is."""
