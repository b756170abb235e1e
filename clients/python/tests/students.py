"""Programs as students hand them in, drawn from a seed: endless, crashing, asking, wrong, right.

The task: `rows` is there already; ask for a number and print their sum with it.
"""

from __future__ import annotations

import random
from pathlib import Path

SETUP = "rows = list(range(1000))\n"
TASK = "# Adds a number to the sum of all rows.\n\n$ student.py\nn?\n< 21\n499521\n"
ASK = "n = int(input('n? '))\n"
RIGHT = "right"

# Of each kind: what its diff has, and the programs. Those that are right have none.
KINDS = {
    RIGHT: (
        "",
        [
            ASK + "print(sum(rows) + n)",
            ASK + "print(sum(rows, n))",
            ASK + "for row in rows:\n    n += row\nprint(n)",
            ASK + "rows.append(n)\nprint(sum(rows))\nrows.clear()",
            "def solve(n):\n    return n + sum(rows)\n\nprint(solve(int(input('n? '))))",
        ],
    ),
    "wrong": (
        "-499521",
        [
            ASK + "print(sum(rows) - n)",
            ASK + "print(sum(rows[1:-1]) + n)",
            ASK + "rows.clear()\nprint(sum(rows) + n)",
            ASK,
            "print(sum(rows))",
        ],
    ),
    "endless": (
        "timed out after",
        [
            ASK + "while True:\n    pass",
            ASK + "while sum(rows) != n:\n    rows.append(0)\n    rows.pop()",
            "while True:\n    try:\n        n = int(input('n? ') + 'x')\n    except ValueError:\n"
            "        import time\n        time.sleep(1000)",
            ASK + "while n:\n    try:\n        n += rows[n]\n    except IndexError:\n        n = 1",
            "import threading\nthreading.Event().wait()",
        ],
    ),
    "crash": (
        "+Fatal Python error",
        [
            ASK + "import ctypes\nctypes.string_at(0)",
            ASK + "import os\nos.abort()",
            ASK + "import sys\nsys.setrecursionlimit(10**9)\n"
            "class A:\n    def __getattr__(self, name):\n        return getattr(self, name)\n\n"
            "A().x",
        ],
    ),
    "is killed": ("interpreter was ended by", [ASK + "import os\nos.kill(os.getpid(), 9)"]),
    "leaves": ("+Stack (most recent call first)", [ASK + "import os\nos._exit(3)"]),
    "exits": ("+[exit status 3]", [ASK + "import sys\nsys.exit(3)", ASK + "raise SystemExit(3)"]),
    "raises": ("+ZeroDivisionError", [ASK + "print(1 / 0)", "1 / 0"]),
    "recursion": ("+RecursionError", [ASK + "def f(n):\n    return f(n) + 1\n\nprint(f(n))"]),
    "asks": (
        "there is no answer left",
        [ASK + "m = input('m? ')\nprint(sum(rows) + n)", "while True:\n    " + ASK],
    ),
    "prints": (
        "lines are left out",
        [
            ASK + "for row in rows * 5:\n    print(row)\nprint(sum(rows) + n)",
            "import sys\nfor k in range(20000):\n    print(k, file=sys.stderr)\n" + ASK,
            ASK + "import os\nos.write(1, b'x\\n' * 20000)\nprint(sum(rows) + n)",
        ],
    ),
}


def hand_in(
    folder: Path, seed: int, count: int, setup: str = SETUP, alone: bool = False
) -> dict[str, str]:
    """`count` programs, each in a folder of its own below `s`: its name, and its kind.

    They expect that `setup` has run; `alone`: they begin with it.
    """
    chance = random.Random(seed)
    (folder / "setup.py").write_text(setup)
    (folder / "task.replwire").write_text(TASK)
    bad = [kind for kind in KINDS if kind != RIGHT]
    kinds: dict[str, str] = {}
    for number in range(count):
        kind = RIGHT if chance.random() < 0.3 else bad[number % len(bad)]
        name = f"s/{number:03}"
        (folder / name).mkdir(parents=True)
        program = f"# Seed {seed}, number {number}.\n{chance.choice(KINDS[kind][1])}\n"
        (folder / name / "student.py").write_text(setup * alone + program)
        kinds[name] = kind
    return kinds


def misjudged(kinds: dict[str, str], outcomes: list[dict[str, object]]) -> list[str]:
    """Those whose verdict, as `--json` tells it, is not the one of their kind."""
    wrong: list[str] = []
    for outcome in outcomes:
        kind = kinds[str(outcome["folder"])]
        told = f"{outcome['diff']}{outcome['error'] or ''}"
        if outcome["passed"] != (kind == RIGHT) or KINDS[kind][0] not in told:
            wrong.append(f"{outcome['folder']} ({kind}): {told[:1000]}")
    missing = len(kinds) - len(outcomes)
    return wrong + [f"{missing} are missing"] * (missing != 0)
