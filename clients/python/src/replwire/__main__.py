"""`python -m replwire`: a session in this very interpreter."""

import os
import sys

from .errors import ServerNotFound
from .process import find_server

if __name__ == "__main__":
    try:
        line = find_server()
    except ServerNotFound as missing:
        print("replwire:", missing, file=sys.stderr)
        sys.exit(2)
    os.execv(line[0], [*line, "--python", sys.executable, *sys.argv[1:]])
