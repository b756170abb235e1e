"""`python -m replwire`, and the command `replwire`: a session in this very interpreter."""

import os
import sys
from pathlib import Path
from typing import NoReturn

# It holds no Python of its own, and becomes the one that it is told.
SERVER = Path(__file__).with_name("bin") / "replwire"


def main() -> NoReturn:
    os.execv(SERVER, ["replwire", "--python", sys.executable, *sys.argv[1:]])


if __name__ == "__main__":
    main()
