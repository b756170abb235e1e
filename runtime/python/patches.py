"""Changes to modules of the standard library, made when user code imports them and not before."""

import sys


def patch_getpass(module):
    def getpass(prompt="Password: ", stream=None):
        """Ask the client for a password and return it."""
        return wire.ask(str(prompt), True)

    module.getpass = getpass


def patch_linecache(module):
    wire.publish_sources(module)


PATCHES = {"getpass": patch_getpass, "linecache": patch_linecache}


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


def install():
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, Finder())
