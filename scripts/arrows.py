"""Includes between rooms run one way: prints each that does not, and fails. A room's tests may include what the room may.
See CONTRIBUTING.md for the rooms."""

import re
import subprocess
import sys
from pathlib import Path

# Each room of the server and the rooms below it that it may include.
BELOW = {"system": set()}
for room, uses in {
    "wire": ["system"],
    "output": ["wire"],
    "link": ["output"],
    "session": ["link"],
    "survive": ["link"],
    "serve": ["session", "survive"],
    "app": ["serve"],
}.items():
    BELOW[room] = set(uses).union(*(BELOW[use] for use in uses))

# Of the rooms beside the server: what each may include beyond itself.
BESIDE = {"text": {"text"}, "protocol": {"protocol", "text"}, "runtime": {"runtime", "text"}}


def allowed(source: list[str], target: list[str]) -> bool:
    if source[0] in BESIDE:
        return target[0] in BESIDE[source[0]]
    if target[0] != "server":
        return target[0] in BESIDE
    return target[1] == source[1] or target[1] in BELOW[source[1]]


def wrong_includes(root: Path):
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output([*tracked, "server", "tests", *BESIDE], cwd=root, text=True).split():
        if not name.endswith((".cc", ".h")) or not (root / name).exists():
            continue
        source = name.split("/")
        if source[0] == "tests":
            if source[1] not in {**BELOW, **BESIDE}:  # they know the wire alone, or what any test may use
                continue
            source = source[1:] if source[1] in BESIDE else ["server", *source[1:]]
        if source[0] == "server" and (len(source) < 3 or source[1] not in BELOW):
            yield f"{name}: is in no room"
            continue
        for number, line in enumerate((root / name).read_text().splitlines(), 1):
            include = re.match(r'#include "((?:server|protocol|runtime|text)/[^"]+)"', line)
            if include and not allowed(source, include[1].split("/")):
                yield f"{name}:{number}: may not include {include[1]}"


if __name__ == "__main__":
    wrong = list(wrong_includes(Path(__file__).parents[1]))
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    sys.exit(1 if wrong else 0)
