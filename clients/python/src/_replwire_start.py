"""The command `replwire`: a session in this very interpreter.

Not in the package, whose import costs more than the session's start.
"""

import os
import sys

TYPE_CHECKING = False  # typing itself takes milliseconds to import
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    # It holds no Python of its own, and becomes the one that it is told.
    server = os.path.join(os.path.dirname(__file__), "replwire", "bin", "replwire")
    os.execv(server, ["replwire", "--python", sys.executable, *sys.argv[1:]])
