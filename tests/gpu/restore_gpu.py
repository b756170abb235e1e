#!/usr/bin/env python3
"""What --survive and saving do with a GPU: restore_gpu.py REPLWIRE

Run by a Python that has torch, on a machine with an NVIDIA GPU; the sessions run in the same Python.
JAX, CuPy and Numba are looked at where they are there. Prints a line per check and exits with 1 if
one failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

MEBIBYTES = 2048
failed = 0


class Session:
    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [program, "--survive", "--python", sys.executable, "--snapshot-limit", str(2**40)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.number = 0

    def send(self, frame: dict) -> None:
        self.process.stdin.write(json.dumps(frame) + "\n")
        self.process.stdin.flush()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("the session ended")
        return json.loads(line)

    def execute(self, code: str, **more: object) -> tuple[dict, list[dict]]:
        """The terminal frame, and those before it."""
        self.number += 1
        self.send({"type": "execute", "id": self.number, "code": code, "timeout": 240, **more})
        before = []
        while True:
            frame = self.read()
            if frame["type"] in ("result", "error") and frame["execution_id"] == self.number:
                return frame, before
            before.append(frame)

    def status(self) -> dict:
        self.send({"type": "status", "id": "status"})
        while (frame := self.read())["type"] != "status_reply":
            pass
        return frame

    def request(self, frame: dict) -> dict:
        """Its reply, or what says that it was refused."""
        self.number += 1
        self.send({"id": self.number, **frame})
        while (reply := self.read()).get("id") != self.number or reply["type"] == "progress":
            pass
        return reply

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)


def used_memory() -> int:
    """Of all GPUs, in MiB."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return sum(map(int, subprocess.run(command, capture_output=True, text=True).stdout.split()))


def check(name: str, fine: bool, more: object = "") -> None:
    global failed
    failed += not fine
    print("PASS" if fine else "FAIL", name, more, flush=True)


def wait_until_free(limit: int, seconds: float) -> tuple[float, int]:
    start = time.monotonic()
    while True:
        used = used_memory()
        passed = time.monotonic() - start
        if used <= limit or passed > seconds:
            return passed, used
        time.sleep(0.02)


# What makes an array `x` on the GPU, and what takes a number from it.
LIBRARIES = {
    "jax": ("import jax.numpy as jnp\nx = jnp.arange(1000.0)", "float((x + 1)[3])"),
    "cupy": ("import cupy\nx = cupy.arange(1000.0)", "float((x + 1)[3])"),
    "numba": (
        "import numpy\nfrom numba import cuda\nx = cuda.to_device(numpy.arange(1000.0) + 1)",
        "float(x[3])",
    ),
}


def use(program: str, name: str, make: str, take: str) -> None:
    """An array of that library: used, shown, not saved, and lost in a crash that costs nothing else."""
    session = Session(program)
    outcome, frames = session.execute(f"import os\nkept = [5]\n{make}")
    check(f"{name} works", outcome["type"] == "result", outcome.get("exception_message", ""))
    for _ in range(2):
        begun = time.monotonic()
        outcome, more = session.execute(take)
        frames += more
        check(f"{name}: a number", outcome.get("value") == 4.0, f"{time.monotonic() - begun:.3f} s")
    said = [frame["data"] for frame in frames if frame["type"] == "output"]
    check(f"{name}: nothing is said of snapshots", not any("fork" in each for each in said), said)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        reply = session.request({"type": "save", "path": f"{folder}/a.session"})
        skipped = {each["name"]: each["reason"] for each in reply.get("skipped", [])}
        took = time.monotonic() - begun
        check(f"{name}: its array is not saved, the rest is",
              "x" in skipped and "kept" in reply.get("saved", []) and took < 20, (took, reply))
    outcome, _ = session.execute(take)
    check(f"{name}: goes on behind a save", outcome.get("value") == 4.0, outcome)
    outcome, _ = session.execute("os.kill(os.getpid(), 11)")
    check(f"{name}: a crash is told", outcome.get("restored") is True, outcome.get("reason"))
    outcome, _ = session.execute("kept")
    check(f"{name}: variables are kept", outcome.get("value") == [5], outcome)
    begun = time.monotonic()
    outcome, _ = session.execute(take, timeout=20, grace=1)
    check(f"{name}: what is lost fails and says why", outcome["type"] == "error",
          (time.monotonic() - begun, outcome.get("reason"), outcome.get("exception_type"),
           str(outcome.get("exception_message"))[:200], outcome.get("notes")))
    outcome, _ = session.execute("kept")
    check(f"{name}: variables are kept behind that", outcome.get("value") == [5], outcome)
    session.end()


def save(program: str) -> None:
    session = Session(program)
    session.execute(
        "import torch\nkept = torch.ones(3)\nlost = torch.ones(3, device='cuda')\n"
        "module = torch.nn.Linear(2, 2).cuda()\nempty = torch.ones(3, device='meta')"
    )
    with tempfile.TemporaryDirectory() as folder:
        reply = session.request({"type": "save", "path": f"{folder}/a.session"})
        skipped = {each["name"]: each["reason"] for each in reply.get("skipped", [])}
        check("tensors on the GPU are not saved", set(skipped) == {"lost", "module"}, reply)
        check("the reason says so", all("cuda:0" in each for each in skipped.values()), skipped)
        session.execute("kept = empty = None")
        reply = session.request({"type": "load", "path": f"{folder}/a.session"})
        outcome, _ = session.execute("kept.tolist() + [str(empty.device)]")
        check("the others are", outcome.get("value") == [1.0, 1.0, 1.0, "meta"], (reply, outcome))
    session.end()


def main(program: str) -> int:
    before = used_memory()
    session = Session(program)
    outcome, _ = session.execute("import os, torch\nkept = 5")
    check("torch is there", outcome["type"] == "result", outcome.get("exception_message", ""))
    outcome, _ = session.execute(
        f"t = torch.ones({MEBIBYTES * 2**18}, device='cuda')\ntorch.cuda.synchronize()\nt[7].item()"
    )
    check("CUDA works", outcome.get("value") == 1.0, outcome.get("exception_message", ""))
    outcome, _ = session.execute("(t[7] + 1).item()")
    check("it works in the next execution, with snapshots between", outcome.get("value") == 2.0)
    used = used_memory()
    check("the memory is taken", used - before >= MEBIBYTES, f"{before} -> {used} MiB")
    print("snapshots", session.status().get("snapshots"))

    outcome, frames = session.execute("os.kill(os.getpid(), 11)")
    passed, left = wait_until_free(before + 100, 5)
    check("a crash is told", outcome.get("reason") == "crash" and outcome.get("restored") is True)
    check("the memory is free within a second", left <= before + 100 and passed <= 1,
          f"{passed:.2f} s, {left} MiB")
    restored = next((frame for frame in frames if frame["type"] == "restored"), {})
    devices = restored.get("lost_devices", [])
    check("restored.lost_devices", any("nvidia" in each for each in devices), devices)
    outcome, _ = session.execute("kept")
    check("variables are kept", outcome.get("value") == 5, outcome)
    for code in ("(t[7] + 1).item()", "torch.ones(3, device='cuda')", "torch.cuda.synchronize()"):
        outcome, frames = session.execute(code, grace=1)
        notes = outcome.get("notes", [])
        said = any("restored from a snapshot" in note for note in notes)
        check(f"the error of {code} has a note", outcome.get("reason") == "exception" and said,
              f"{outcome.get('exception_type')}: {outcome.get('exception_message', '')[:90]} {notes}")
    outcome, _ = session.execute("torch.ones(3).sum().item()")
    check("the CPU is of use", outcome.get("value") == 3.0, outcome.get("exception_message", ""))
    session.end()
    passed, left = wait_until_free(before + 100, 5)
    check("all is free at the end", left <= before + 100, f"{left} MiB")

    session = Session(program)
    session.execute("import os, torch\nt = torch.ones(2**28, device='cuda')\nx = t.sum().item()")
    session.execute("1")
    outcome, _ = session.execute("while True: t.add_(1)", timeout=1, grace=0.2)
    check("a loop on the GPU can be interrupted", outcome.get("reason") == "timeout", outcome)
    interpreter = session.execute("os.getpid()")[0].get("value")
    os.kill(interpreter, 9)
    while session.read()["type"] != "restored":
        pass
    passed, left = wait_until_free(before + 100, 5)
    check("SIGKILL at rest frees it within a second", left <= before + 100 and passed <= 1,
          f"{passed:.2f} s, {left} MiB")
    session.end()
    save(program)
    for name, code in LIBRARIES.items():
        if find_spec(name) is None:
            print("SKIP", name, "is not there", flush=True)
        else:
            use(program, name, *code)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
