#!/usr/bin/env python3
"""What --survive does with a GPU: restore_gpu.py REPLWIRE

Run by a Python that has torch, on a machine with an NVIDIA GPU; the sessions run in the same Python.
Prints a line per check and exits with 1 if one failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

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
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
