"""What is asked about code: loaded at the first inquiry, and each part of it when it is needed.

None of it runs user code, and none imports a file: while user code runs, each system call of an
import would cost a turn of the GIL, and a module of the user's might be found in its place.
"""

import sys

loaded = {}


def use(name):
    """A bundled module, the same for all who use it."""
    module = loaded.get(name)
    if module is None:
        module = loaded[name] = type(sys.implementation)(**wire.load(name))
    return module


wire.use = use


def is_complete(code, *_):
    return use("is_complete").is_complete(code)
