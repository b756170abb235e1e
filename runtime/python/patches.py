"""Changes to other modules, made when user code imports them and not before.

Loaded by runtime/hooks/patches.cc, which names them too, when the first of them is.
"""

import sys

MOST_STACK = 1000


def patch_getpass(module):
    def getpass(prompt="Password: ", stream=None):
        """Ask the client for a password and return it."""
        return wire.ask(str(prompt), True)

    module.getpass = getpass


class Cache(dict):
    """What linecache has read. Emptied, it still has what was sent, since that can be read nowhere
    else."""

    def clear(self):
        super().clear()
        if "sources" in vars(wire):
            wire.sources["publish_all"]()
        wire.publish_current()


def patch_linecache(module):
    module.cache = Cache(module.cache)
    if "sources" in vars(wire):
        wire.sources["publish_all"]()
    wire.publish_current()


def patch_inspect(module):
    original = module.getfile

    def getfile(object):
        """Work out which source or compiled file an object was defined in."""
        if isinstance(object, type) and object.__module__ == "__main__":
            return wire.sources["defining_file"](object) or original(object)
        return original(object)

    module.getfile = getfile


FIGURES = "_replwire_figures"


def patch_matplotlib(module):
    """Figures go to the client unless the user has said where else. Not by the environment: child
    processes have no client."""
    environ = getattr(sys.modules.get("os"), "environ", {})
    if not environ.get("MPLBACKEND") and not names_backend(module.matplotlib_fname()):
        module.rcParams["backend"] = "module://" + FIGURES


def names_backend(path):
    """Whether a settings file of the user's own does; that of the distribution may, too."""
    if path.startswith("/etc/") or path.split("/")[-2:-1] == ["mpl-data"]:
        return False
    found = wire.read_file(path)
    lines = found[0].decode("utf-8", "replace").split("\n") if found else []
    return any(line.partition(":")[0].strip() == "backend" for line in lines if ":" in line)


class FiguresLoader:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__dict__.update(wire.load("figures"))


class HostLoader:
    """Of the module `host`, which is no file."""

    def create_module(self, spec):
        return wire.host()

    def exec_module(self, module):
        pass


def patch_ipython(module):
    """What it shows would be printed, were it not for a kernel of its own."""
    if hasattr(wire, "with_ipython"):
        return
    own = wire.show()
    for name in ("display", "update_display", "clear_output", "publish_display_data"):
        if name in vars(module):
            setattr(module, name, own[name])


PLOTLY = "plotly_mimetype+notebook_connected"


def patch_plotly(module):
    """Figures go to the client, not to a browser, unless the environment says where else. What it
    would need IPython for is `display`."""
    if module.ipython_display is None:
        module.ipython_display = type(sys.implementation)(**wire.show())
    if module.nbformat is None:
        module.nbformat = type(sys.implementation)(__version__="5.0")
    if not module.env_renderer:
        loads_first = getattr(module.renderers["notebook_connected"], "global_init", False)
        module.renderers.default = PLOTLY.partition("+")[0] if loads_first else PLOTLY


def patch_comm(module):
    wire.load("comms")["provide"](module)


processes = None


def patch_multiprocessing(module):
    global processes
    processes = processes or wire.load("processes")
    processes["patch"](module)


# ---- tools that know code by its file -------------------------------------------------------


def is_sent(filename):
    return isinstance(filename, str) and wire.sources["has"](filename)


def patch_numba(module):
    """Compiled functions are kept from one session to the next, known by their source."""
    base = getattr(module, "IPythonCacheLocator", None) or module._IPythonCacheLocator
    implementation = getattr(module, "CacheImpl", None) or module._CacheImpl

    class SentCacheLocator(base):
        def get_cache_path(self):
            folder = module.AppDirs(appname="numba", appauthor=False).user_cache_dir
            return folder + "/replwire"

        @classmethod
        def from_function(cls, function, filename):
            if not is_sent(filename):
                return None
            self = cls(function, filename)
            try:
                self.ensure_cache_path()
            except OSError:
                return None
            return self

    implementation._locator_classes.append(SentCacheLocator)


def patch_line_profiler(module):
    original = module.is_generated_code
    module.is_generated_code = lambda filename: is_sent(filename) or original(filename)


class SentPattern:
    """A pattern of file names that are looked for in linecache, ours among them."""

    def __init__(self, original):
        self.original = original

    def match(self, filename):
        return is_sent(filename) or self.original.match(filename)


def patch_pysnooper(module):
    module.ipykernel_filename_pattern = SentPattern(module.ipykernel_filename_pattern)


PATCHES = {
    "numba.core.caching": patch_numba,
    "line_profiler.line_profiler": patch_line_profiler,
    "pysnooper.tracer": patch_pysnooper,
    "comm": patch_comm,
    "plotly.io._renderers": patch_plotly,
    "getpass": patch_getpass,
    "linecache": patch_linecache,
    "inspect": patch_inspect,
    "matplotlib": patch_matplotlib,
    "IPython.core.display_functions": patch_ipython,
    "IPython.core.display": patch_ipython,  # before version 7.23
    "multiprocessing.reduction": patch_multiprocessing,
    "multiprocessing.spawn": patch_multiprocessing,
    "multiprocessing.context": patch_multiprocessing,
    "multiprocessing.connection": patch_multiprocessing,
    "multiprocessing.queues": patch_multiprocessing,
    "joblib.pool": patch_multiprocessing,
}


MADE = {FIGURES: FiguresLoader, "host": HostLoader}  # modules that are no files
STANDARD = {"getpass", "inspect", "linecache"}  # of the standard library, or left as they are


def patch(name, module):
    try:
        PATCHES[name](module)
    except AttributeError:  # another version of it: left as it is
        pass


def is_own(finder):
    return getattr(finder, "__name__", None) == "_replwire_patches"


def find_spec(name, spec):
    """Finds nothing itself, but has the loader of the module call the patch once it is there."""
    if name in MADE:
        return type(sys.__spec__)(name, MADE[name]())
    parent = name.rpartition(".")[0]
    path = sys.modules[parent].__path__ if parent else None
    for finder in sys.meta_path:
        if spec is None and not is_own(finder) and hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, path)
    if spec is None or not hasattr(spec.loader, "exec_module"):
        return spec
    if name in STANDARD and not is_standard(spec.origin):
        return spec
    execute = spec.loader.exec_module

    def exec_module(module):
        del spec.loader.exec_module
        execute(module)
        patch(name, module)

    spec.loader.exec_module = exec_module
    return spec


def is_standard(origin):
    """Whether a module is the standard library's own, not one of the user's with its name."""
    import os

    folder = os.__file__.rpartition("/")[0]
    return origin == "frozen" or str(origin).rpartition("/")[0] == folder


def stack():
    """The stack of whoever calls os._exit."""
    frame, lines = sys._getframe(1), []
    while frame is not None and len(lines) < MOST_STACK:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}\n')
        frame = frame.f_back
    return "Stack (most recent call first):\n" + "".join(lines)
