"""Changes to other modules, made when user code imports them and not before.

Loaded by runtime/patches.cc, which names them too, when the first of them is.
"""

import sys


def patch_getpass(module):
    def getpass(prompt="Password: ", stream=None):
        """Ask the client for a password and return it."""
        return wire.ask(str(prompt), True)

    module.getpass = getpass


def patch_linecache(module):
    if "sources" in vars(wire):
        wire.sources["publish_all"](module)


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
    import os

    if not os.environ.get("MPLBACKEND") and not names_backend(module.matplotlib_fname()):
        module.rcParams["backend"] = "module://" + FIGURES


def names_backend(path):
    """Whether a settings file of the user's own does; that of the distribution may, too."""
    import os
    import re

    if path.startswith("/etc/") or os.path.basename(os.path.dirname(path)) == "mpl-data":
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return re.search(r"^\s*backend\s*:", file.read(), re.MULTILINE) is not None
    except OSError:
        return False


class FiguresLoader:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__dict__.update(wire.load("figures"))


def patch_ipython(module):
    """What it shows would be printed, were it not for a kernel of its own."""
    own = wire.display.show()
    for name in ("display", "update_display", "clear_output", "publish_display_data"):
        if name in vars(module):
            setattr(module, name, own[name])


PATCHES = {
    "getpass": patch_getpass,
    "linecache": patch_linecache,
    "inspect": patch_inspect,
    "matplotlib": patch_matplotlib,
    "IPython.core.display_functions": patch_ipython,
    "IPython.core.display": patch_ipython,  # before version 7.23
}


def patch(name, module):
    PATCHES[name](module)


busy = False


def find_spec(name):
    """Finds nothing itself, but has the loader of the module call the patch once it is there."""
    global busy
    if busy:
        return None
    import importlib.util

    if name == FIGURES:
        return importlib.util.spec_from_loader(name, FiguresLoader())

    busy = True
    try:
        spec = importlib.util.find_spec(name)
    finally:
        busy = False
    if spec is None or not hasattr(spec.loader, "exec_module"):
        return spec
    execute = spec.loader.exec_module

    def exec_module(module):
        del spec.loader.exec_module
        execute(module)
        patch(name, module)

    spec.loader.exec_module = exec_module
    return spec


def announce_exit(status):
    """Called by os._exit before it ends the process."""
    frame, lines = sys._getframe(1), []
    while frame is not None:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}\n')
        frame = frame.f_back
    wire.announce_exit(status, "Stack (most recent call first):\n" + "".join(lines))
