"""Imports modules of the standard library for bundled code alone: from the folder that Python came
with, whatever sys.path says, under no name that user code sees. What another thread imports at the
same time is not waited for: whoever is first has made the module."""

import _imp
import marshal
import posix
import sys
from _thread import _local

Module = type(sys)
Spec = type(sys.implementation)
modules = wire.own_modules
STAND_INS = {"linecache": "lines", "warnings": "warnless", "_colorize": "colourless"}


def library():
    """Where the standard library lies."""
    version = "python%d.%d" % sys.version_info[:2]
    lib = getattr(sys, "platlibdir", "lib")
    found = []
    if "os" in modules:
        found.append(getattr(modules["os"], "__file__", "").rpartition("/")[0])
    found.append(f"{sys.base_prefix}/{lib}/{version}")
    found.append(f"{sys.base_prefix}/lib/{version}")
    folders = [each for each in found if each and wire.read_file(each + "/traceback.py")][:1]
    for prefix in (sys.base_exec_prefix, sys.base_prefix):
        folders += [f"{prefix}/{each}/{version}/lib-dynload" for each in (lib, "lib")]
    return list(dict.fromkeys(folders))


LIBRARY = library()


class Pending(_local):
    """What this thread is in the midst of importing."""

    def __init__(self):
        self.modules = {}
        self.depth = 0


pending = Pending()


def load(name):
    return inner_sys.modules.get(name) or make(name)


def make(name):
    parent, _, last = name.rpartition(".")
    package = load(parent) if parent else None
    made = inner_sys.modules.get(name)  # by the package itself, as collections.abc from 3.13.4 on
    if made is not None:
        return made
    folders = package.__path__ if package else LIBRARY
    pending.depth += 1
    try:
        run(name, last, folders)
        module = inner_sys.modules[name]  # the code may have left another one in its place
    except BaseException:
        pending.modules.pop(name, None)
        raise
    finally:
        pending.depth -= 1
        if not pending.depth:
            for each, made in pending.modules.items():
                modules.setdefault(each, made)
            pending.modules = {}
    if package:
        setattr(package, last, module)
    return module


def run(name, last, folders):
    if name in STAND_INS:
        module = pending.modules[name] = Module(name)
        module.__dict__.update(wire.load(STAND_INS[name]))
        return
    if name in sys.builtin_module_names:
        module = pending.modules[name] = _imp.create_builtin(Spec(name=name, origin=None))
        _imp.exec_builtin(module)
        return
    for folder in folders:
        for path, package in ((f"{folder}/{last}.py", None), (f"{folder}/{last}/__init__.py", 1)):
            code = code_of(path, name)
            if code is not None:
                execute(name, code, path.rpartition("/")[0] if package else None)
                return
        for suffix in _imp.extension_suffixes():
            if is_file(f"{folder}/{last}{suffix}"):
                spec = Spec(name=name, origin=f"{folder}/{last}{suffix}")
                module = pending.modules[name] = _imp.create_dynamic(spec)
                _imp.exec_dynamic(module)
                return
    raise ImportError(f"no module {name} in {folders}")


def execute(name, code, folder):
    module = pending.modules[name] = Module(name)
    space = module.__dict__
    space["__builtins__"] = inner_builtins
    space["__package__"] = name if folder else name.rpartition(".")[0]
    if folder:
        space["__path__"] = [folder]
    exec(code, space)


def is_file(path):
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def code_of(path, name):
    source = wire.read_file(path)
    if source is None:
        return None
    text, changed = source
    own = f"<replwire {name}>"
    folder, _, file = path.rpartition("/")
    cached = wire.read_file(f"{folder}/__pycache__/{file[:-3]}.{sys.implementation.cache_tag}.pyc")
    if cached is not None and is_of(cached[0], text, changed):
        code = marshal.loads(cached[0][16:])
        _imp._fix_co_filename(code, own)
        return code
    return compile(text, own, "exec", dont_inherit=True)


def is_of(data, text, changed):
    """Whether bytecode was made of this source by this Python."""
    magic, flags = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
    if magic != wire.magic_number:
        return False
    stamp = changed & 0xFFFFFFFF, len(text) & 0xFFFFFFFF
    told = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    return bool(flags & 1) or told == stamp


def import_module(name, globals=None, locals=None, fromlist=(), level=0):
    if level:
        package = globals["__package__"].split(".")
        package = package[: len(package) - level + 1]
        name = ".".join([*package, name] if name else package)
    module = load(name)
    if not fromlist:
        return load(name.partition(".")[0])
    if hasattr(module, "__path__"):
        for each in fromlist:
            if each != "*" and not hasattr(module, each):
                setattr(module, each, load(f"{name}.{each}"))
    return module


def import_inside(name, *rest):
    """For modules of the standard library: what they leave in sys.modules stays among ours."""
    return inner_sys if name == "sys" else import_module(name, *rest)


class InnerModules:
    """What sys.modules is for them: what this thread is in the midst of importing as well."""

    def get(self, name, default=None):
        found = modules.get(name) or pending.modules.get(name)
        return default if found is None else found

    def __getitem__(self, name):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name):
        return self.get(name) is not None

    def __setitem__(self, name, module):
        pending.modules[name] = module


inner_builtins = {**__builtins__, "__import__": import_inside}
inner_sys = Module("sys")
inner_sys.__dict__.update(sys.__dict__)
inner_sys.modules = InnerModules()
