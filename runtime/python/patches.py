"""Changes to modules of the standard library, made when user code imports them and not before."""

import sys


def patch_getpass(module):
    def getpass(prompt="Password: ", stream=None):
        """Ask the client for a password and return it."""
        return wire.ask(str(prompt), True)

    module.getpass = getpass


def patch_linecache(module):
    wire.sources["publish_all"](module)


def patch_inspect(module):
    original = module.getfile

    def getfile(object):
        """Work out which source or compiled file an object was defined in."""
        if isinstance(object, type) and object.__module__ == "__main__":
            return wire.sources["defining_file"](object) or original(object)
        return original(object)

    module.getfile = getfile


PATCHES = {"getpass": patch_getpass, "linecache": patch_linecache, "inspect": patch_inspect}


class Finder:
    """Stands first in sys.meta_path; finds nothing itself, but has the loader of a module that is
    to be patched call the patch once the module is there."""

    busy = False

    def find_spec(self, name, path=None, target=None):
        patch = PATCHES.get(name)
        if patch is None or Finder.busy:
            return None
        import importlib.util

        Finder.busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            Finder.busy = False
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            del spec.loader.exec_module
            execute(module)
            patch(module)

        spec.loader.exec_module = exec_module
        return spec


def patch_exit():
    """os._exit says so before it ends the process."""
    import posix

    original = posix._exit

    def _exit(status):
        """Exit to the system with specified status, without normal exit processing."""
        frame, lines = sys._getframe(1), []
        while frame is not None:
            code = frame.f_code
            lines.append(f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}\n')
            frame = frame.f_back
        wire.announce_exit(status, "Stack (most recent call first):\n" + "".join(lines))
        original(status)

    posix._exit = sys.modules["os"]._exit = _exit


def install():
    patch_exit()
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, Finder())
