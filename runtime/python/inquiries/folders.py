"""Modules and files that could be named, from the file system, without importing or opening any.
A folder is listed in one call that holds no GIL."""

import posix
import sys

safe = wire.use("safe")

MOST_ENTRIES = 5000
MOST_SOURCE = 262144


def listing(folder, packages=False):
    """[(name, is folder, is package)]"""
    return wire.list_folder(folder or ".", MOST_ENTRIES, packages)


def module_names(folder):
    for name, is_folder, is_package in listing(folder, True):
        if is_folder:
            if is_package and name.isidentifier():
                yield name
            continue
        stem, _, suffix = name.partition(".")
        if (suffix == "py" or suffix.endswith("so")) and stem.isidentifier():
            yield stem


def path_of(package):
    """The folders of a package that has been imported."""
    path = dict.get(safe.instance_dict(package) or {}, "__path__")
    if type(path) is not list:  # of a namespace package
        path = dict.get(safe.instance_dict(path) or {}, "_path")
    return [each for each in path if type(each) is str] if type(path) is list else []


def folders_of(dotted):
    """Where the submodules of a package lie."""
    if not dotted:
        return [each for each in sys.path if type(each) is str]
    package = safe.loaded_module(dotted)
    if package is not None:
        return path_of(package)
    parent, _, name = dotted.rpartition(".")
    return [f"{folder or '.'}/{name}" for folder in folders_of(parent)]


def submodules(dotted, clock):
    """A set of names; what `clock` leaves no time for is left out."""
    found = set()
    if not dotted:
        found.update(sys.builtin_module_names)
        found.update(name for name in list(sys.modules) if type(name) is str and "." not in name)
    else:
        begin = dotted + "."
        loaded = [name for name in list(sys.modules) if type(name) is str]
        found.update(name[len(begin) :] for name in loaded if name.startswith(begin))
    for folder in folders_of(dotted):
        if clock.over():
            break
        found.update(module_names(folder))
    found.discard("__init__")
    return {name for name in found if name.isidentifier()}


def source_of(dotted):
    """The source of a module that has not been imported, or nothing."""
    parent, _, name = dotted.rpartition(".")
    for folder in folders_of(parent):
        for path in (f"{folder or '.'}/{name}/__init__.py", f"{folder or '.'}/{name}.py"):
            text = read_text(path)
            if text is not None:
                return text
    return ""


def read_text(path):
    try:
        file = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return posix.read(file, MOST_SOURCE).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        posix.close(file)


def global_names(dotted):
    """What a module that has not been imported defines, by the looks of its source."""
    found = set()
    for line in source_of(dotted).split("\n"):
        words = line[:200].replace("(", " ").replace(":", " ").replace("=", " = ").split()
        if not words or line[0].isspace():
            continue
        if words[0] in ("def", "class") and len(words) > 1:
            found.add(words[1])
        elif words[0] == "async" and len(words) > 2:
            found.add(words[2])
        elif len(words) > 1 and words[1] == "=":
            found.add(words[0])
    return {name for name in found if name.isidentifier()}


def paths(typed):
    """Files and folders whose path begins with what has been typed; folders end with a slash."""
    folder, slash, begin = typed.rpartition("/")
    where = folder + slash
    if where == "~/" or where.startswith("~/"):
        home = posix.environ.get(b"HOME", b"").decode("utf-8", "surrogateescape")
        where = home + where[1:]
    found = []
    for name, is_folder, _ in listing(where):
        if name.startswith(begin) and (begin.startswith(".") or not name.startswith(".")):
            found.append(folder + slash + name + ("/" if is_folder else ""))
    return found
