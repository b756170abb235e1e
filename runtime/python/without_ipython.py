"""Takes back what an IPython that could not be loaded has left: the session goes on without it."""

import sys

for space, before in wire.with_ipython:
    for name in [*space]:
        if name not in before:
            del space[name]
    space.update(before)
for name in ("with_ipython", "shell", "shows_as_repr"):
    vars(wire).pop(name, None)
for name in [*sys.modules]:
    if name.partition(".")[0] == "IPython":  # imported again, it shows by the session's display()
        del sys.modules[name]
