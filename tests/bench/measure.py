"""What the rows of the benchmark measure with."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

MIB = 1 << 20
CHUNK = 1 << 20
# PYTHONUNBUFFERED and its like would change what is measured.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Process:
    """A program on two pipes, spoken to by plain os.write and os.read."""

    def __init__(self, *command):
        self.errors = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            env=ENVIRONMENT,
        )
        self.pid = self.popen.pid
        self.stdin = self.popen.stdin.fileno()
        self.stdout = self.popen.stdout.fileno()

    def read(self, size=CHUNK):
        data = os.read(self.stdout, size)
        if not data:
            self.errors.seek(0)
            said = self.errors.read()[-500:].decode(errors="replace")
            raise RuntimeError(f"{self.popen.args[0]} ended with {self.popen.wait()}: {said}")
        return data

    def ask(self, line, mark):
        """Sends a line; returns what came up to the end of the first line with `mark` in it."""
        os.write(self.stdin, line)
        data = self.read()
        while mark not in data or data[-1] != 10:
            data += self.read()
        return data

    def drain(self, mark):
        """Reads to the end of the line with `mark` in it; returns the chunks. For floods: looks at the tail only."""
        chunks, tail = [], b""
        while mark not in tail or tail[-1] != 10:
            chunks.append(self.read())
            tail = (tail + chunks[-1])[-4096:]
        return chunks

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.popen.stdin.close()
        if any(error):
            self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()
        self.errors.close()


class Server(Process):
    RESULT = b'"type":"result"'

    def __init__(self, program, *arguments):
        super().__init__(program, *arguments)
        line = self.read()
        while line[-1] != 10:
            line += self.read()
        self.ready = json.loads(line)

    def execute(self, code):
        """Runs code and returns its frames; for what is not timed to the microsecond."""
        os.write(self.stdin, execute_line(code))
        data = self.read()
        while not (data[-1] == 10 and (self.RESULT in data or b'"type":"error"' in data)):
            data += self.read()
        frames = [json.loads(line) for line in data.splitlines()]
        if frames[-1]["type"] != "result":
            raise RuntimeError(f"{code!r} ended in {frames[-1]}")
        return frames

    def value(self, code):
        return self.execute(code)[-1]["value"]


def execute_line(code, **fields):
    frame = {"type": "execute", "id": "b", "code": code, **fields}
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"


@contextlib.contextmanager
def one_core():
    """Keeps this process, and what it spawns meanwhile, on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def timed(action, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return times


def in_turns(blocks, *actions):
    """Each action `blocks` times, in turns; returns one flat list of figures per action."""
    figures = [[] for _ in actions]
    for _ in range(blocks):
        for action, collected in zip(actions, figures):
            collected.extend(action())
    return figures


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))


def peak(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def context_switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return total


def percentile(figures, percent):
    return sorted(figures)[min(len(figures) - 1, len(figures) * percent // 100)]


def micro(seconds):
    return f"{seconds * 1e6:.1f} us"


def milli(seconds):
    return f"{seconds * 1e3:.1f} ms"


def mib(size):
    return f"{size / MIB:.1f} MiB"
