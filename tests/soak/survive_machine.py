"""Random operations of --survive against a model, with kills from outside at random moments.

    survive_machine.py PROGRAM SECONDS [SEED]

The session's state is a list; each execution that changes it appends its own number. The model
knows which list each execution left, so `restored` alone says what the next one has to find. What
must hold:

- the session never ends by itself, and each request is answered once;
- what was told (`result`, `error` without `restored`) is undone only where `restored.undone` says so,
  and that is what lies between `last_execution_id` and the newest one;
- none of it is undone by a death, unless its snapshot was killed as well or it said `kept: false`.

Prints the seed and the operations of a session that breaks one of these, and exits with 1.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

PATIENCE = 60
OPERATIONS = 60  # of a session
DEATHS = [
    "os.kill(os.getpid(), signal.SIGSEGV)",
    "os.kill(os.getpid(), signal.SIGKILL)",
    "os.abort()",
    "os._exit(3)",
    "os.closerange(3, 1000)",
]


class Broken(Exception):
    pass


def all_processes() -> list[tuple[int, int, str]]:
    """Number, parent and state of each. (A task's file `children` leaves some out that live while
    others are reaped.)"""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((int(name), int(parent), state))
    return found


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return str(error)


def threads_of(process: int) -> str:
    """Where each stands: its name, its state, the system call's function in the kernel."""
    lines = []
    for task in sorted(os.listdir(f"/proc/{process}/task")):
        folder = f"/proc/{process}/task/{task}"
        state = text_of(f"{folder}/stat").rpartition(")")[2].split()[:1]
        where = f"{text_of(f'{folder}/wchan')} {text_of(f'{folder}/syscall')}"
        lines.append(f"    {task} {text_of(f'{folder}/comm')} {''.join(state)} {where}")
    return "\n".join(lines)


class Session:
    def __init__(self, program: str, options: list[str], chance: random.Random) -> None:
        self.process = subprocess.Popen(
            [program, "--survive", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.chance = chance
        self.buffer = b""
        self.frames: collections.deque[str] = collections.deque(maxlen=12)  # the last, with their time
        self.number = 0
        self.trace: list[str] = []
        self.pid = 0
        self.lists: dict[int | None, list[int] | None] = {None: None}  # that an execution left
        self.lineage: list[int] = []  # executions whose effects are there, oldest first
        self.exposed = 0  # how many of the newest have no snapshot any more, or never had one
        self.checkpoints: dict[str, list[int]] = {}
        self.restores = 0
        self.pid = self.expect("ready")["python"]["pid"]
        self.run("import os, signal, time, threading, asyncio\nlog = []", [])

    # ---- frames ---------------------------------------------------------------------------------

    def send(self, **frame: object) -> None:
        self.process.stdin.write(json.dumps(frame).encode() + b"\n")
        self.process.stdin.flush()

    def frame(self, patience: float = PATIENCE) -> dict | None:
        end = time.monotonic() + patience
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise Broken("the session ended")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.frames.append(f"{time.monotonic():.3f} {line.decode()[:400]}")
        frame = json.loads(line)
        if frame["type"] == "restored":
            self.restored(frame)
        elif frame["type"] == "fatal":
            raise Broken(f"fatal: {frame}")
        return frame

    def expect(self, kind: str, **fields: object) -> dict:
        while True:
            frame = self.frame()
            if frame is None:
                raise Broken(f"no {kind} {fields}")
            if frame["type"] == kind and fields.items() <= frame.items():
                return frame

    def answer(self, kind: str, **more: object) -> dict:
        """Of a request with an id: its reply, or a refusal."""
        self.number += 1
        name = f"r{self.number}"
        self.send(type=kind, id=name, **more)
        while True:
            frame = self.frame()
            if frame is None:
                raise Broken(f"{kind} was not answered")
            if frame.get("id") == name:
                return frame

    def report(self) -> None:
        """What there is, for whoever looks for the cause."""
        server = self.process.pid
        print(f"  now {time.monotonic():.3f}; server {server}, interpreter {self.pid}; the last frames:")
        for line in self.frames:
            print(f"    {line}")
        everybody = all_processes()
        there = {server}
        while more := {pid for pid, parent, _ in everybody if parent in there} - there:
            there |= more
        for pid, parent, state in everybody:
            if pid in there:
                print(f"  {pid} of {parent} {state}")
                with contextlib.suppress(OSError):
                    print(threads_of(pid))
        sys.stdout.flush()

    # ---- the model ------------------------------------------------------------------------------

    def restored(self, frame: dict) -> None:
        self.restores += 1
        self.pid = frame["pid"]
        last = frame["last_execution_id"]
        if frame["checkpoint_id"] is None:
            there: list[int] = []
        elif frame["cause"] == "restore" and frame["checkpoint_id"] in self.checkpoints:
            there = self.checkpoints[frame["checkpoint_id"]]
        elif last is not None and last not in self.lineage:
            raise Broken(f"goes back to {last}, which is not among {self.lineage}")
        else:
            there = [] if last is None else self.lineage[: self.lineage.index(last) + 1]
        if frame["checkpoint_id"] is not None and (there[-1] if there else None) != last:
            raise Broken(f"{frame} is not the state behind {there[-1:]}")
        common = 0
        while common < min(len(there), len(self.lineage)) and there[common] == self.lineage[common]:
            common += 1
        undone = self.lineage[common:]
        if frame["undone"] != undone:
            raise Broken(f"undone {frame['undone']}, not {undone}")
        if frame["cause"] not in ("restore", "undo") and len(undone) > self.exposed:
            raise Broken(f"{undone} is undone; without a snapshot are {self.exposed}: {frame}")
        self.lineage = there.copy()
        self.exposed = 0

    def told(self, number: int, frame: dict, after: list[int] | None) -> None:
        self.lists[number] = after
        self.lineage.append(number)
        self.exposed = self.exposed + 1 if frame.get("kept") is False else 0

    def state(self) -> list[int] | None:
        return self.lists[self.lineage[-1] if self.lineage else None]

    def changed(self, number: int) -> list[int] | None:
        now = self.state()
        return None if now is None else [*now, number]

    # ---- operations -----------------------------------------------------------------------------

    def start(self, code: str, **more: object) -> int:
        self.number += 1
        self.send(type="execute", id=self.number, code=code, **more)
        return self.number

    def end(self, number: int) -> dict:
        while True:
            frame = self.frame()
            if frame is None:
                raise Broken(f"execution {number} does not end")
            if frame["type"] in ("result", "error") and frame["execution_id"] == number:
                return frame

    def run(self, code: str, after: list[int] | None, **more: object) -> dict:
        number = self.start(code, **more)
        frame = self.end(number)
        if frame["type"] != "result":
            raise Broken(f"{code!r}: {frame}")
        self.told(number, frame, after)
        return frame

    def verify(self) -> None:
        """An execution that changes nothing tells what is there. A death may come in between."""
        for _ in range(20):
            number = self.start("globals().get('log')")
            frame = self.end(number)
            if frame["type"] == "error" and frame["reason"] == "crash":
                continue
            before = self.state()
            if frame.get("value", None) != before:
                raise Broken(f"{frame} where {before} should be")
            self.told(number, frame, before)
            return
        raise Broken("it dies each time")

    def execute(self, code: str, **more: object) -> None:
        """`code` ends well or badly; `N` in it is its number."""
        number = self.number + 1
        self.start(code.replace("N", str(number)), **more)
        frame = self.end(number)
        if frame.get("restored") or frame.get("reason") in ("crash", "aborted"):
            return
        if frame.get("reason") == "timeout" and frame["exception_type"] != "KeyboardInterrupt":
            return
        if "changes" in code and self.state() is not None:
            self.told(number, frame, self.changed(number))
        elif "log = []" in code:
            self.told(number, frame, [])
        else:
            self.told(number, frame, self.state())

    def change(self) -> None:
        self.execute("log.append(N)  # changes")

    def fail(self) -> None:
        self.execute("log.append(N); 1 / 0  # changes")

    def sleep(self) -> None:
        self.execute("import time\ntime.sleep(0.002)\nlog.append(N)  # changes")

    def silent(self) -> None:
        self.execute("log.append(N)  # changes", silent=True)

    def await_something(self) -> None:
        self.execute("import asyncio\nawait asyncio.sleep(0)\nlog.append(N)  # changes")

    def pipes(self) -> None:
        self.execute("import os\nends = os.pipe()\nlog.append(N)  # changes")

    def thread(self) -> None:
        self.execute(
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(0.05,), daemon=True).start()\n"
            "log.append(N)  # changes"
        )

    def die(self) -> None:
        self.execute(f"import os, signal\nlog.append(N)\n{self.chance.choice(DEATHS)}")

    def hang(self) -> None:
        self.execute(
            "import signal\nlog\nx = signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
            "log.append(N)\nsum(range(10**10))",
            timeout=0.02,
            grace=0.02,
        )

    def roll_back(self) -> None:
        ways = ["rollback_on_failure", "rollback_always"]
        code = self.chance.choice(["log.append(N)  # changes", "log.append(N); 1 / 0  # changes"])
        self.execute(code, transaction=self.chance.choice(ways))

    def again(self) -> None:
        self.execute("log = []")

    def checkpoint(self) -> None:
        reply = self.answer("checkpoint")
        if reply["type"] == "checkpoint_reply":
            self.checkpoints[reply["checkpoint_id"]] = self.lineage.copy()
            self.exposed = 0

    def restore(self) -> None:
        if self.checkpoints:
            self.answer("restore", checkpoint_id=self.chance.choice(list(self.checkpoints)))

    def undo(self) -> None:
        count = self.chance.choice([1, 1, 2])
        before = self.lineage.copy()
        reply = self.answer("undo", count=count)
        if reply["type"] == "undo_reply" and self.lineage != before[: len(before) - count]:
            raise Broken(f"undo {count}: {before} became {self.lineage}")

    def look(self) -> None:
        self.answer("status")
        self.answer("checkpoints")

    # ---- from outside ---------------------------------------------------------------------------

    def processes(self) -> list[int]:
        return [pid for pid, parent, _ in all_processes() if parent == self.process.pid]

    @staticmethod
    def signal(process: int, number: int) -> None:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass

    def kill_at_rest(self) -> None:
        time.sleep(self.chance.choice([0, 0, self.chance.random() * 0.002]))
        self.await_death()

    def kill_running(self) -> None:
        number = self.start(f"import time\ntime.sleep({self.chance.random() * 0.004})")
        time.sleep(self.chance.random() * 0.006)
        before = self.restores
        self.signal(self.pid, signal.SIGKILL)
        frame = self.end(number)
        if frame["type"] == "result":
            self.told(number, frame, self.state())
        while self.restores == before:
            if self.frame() is None:
                raise Broken("nobody was restored")

    def await_death(self) -> None:
        before = self.restores
        self.signal(self.pid, signal.SIGKILL)
        while self.restores == before:
            if self.frame() is None:
                raise Broken("nobody was restored")

    def kill_some_other(self) -> None:
        """A snapshot, what keeps descriptors, or what Python is started anew from."""
        others = [each for each in self.processes() if each != self.pid]
        for each in self.chance.sample(others, min(len(others), self.chance.choice([1, 1, 2]))):
            self.signal(each, signal.SIGKILL)
        self.expose()

    def kill_all_others(self) -> None:
        for each in self.processes():
            if each != self.pid:
                self.signal(each, signal.SIGKILL)
        self.expose()

    def kill_all(self) -> None:
        self.expose()
        before = self.restores
        everybody = self.processes()
        for each in self.chance.sample(everybody, len(everybody)):
            self.signal(each, signal.SIGKILL)
        while self.restores == before:
            if self.frame() is None:
                raise Broken("nobody was restored")
        self.expose()  # what was woken may have been killed behind that

    def expose(self) -> None:
        self.exposed = len(self.lineage)

    def finish(self) -> None:
        self.process.stdin.close()
        try:
            while True:
                if self.frame() is None:
                    raise Broken("it does not end")
        except Broken as broken:
            if str(broken) != "the session ended":
                raise
        if self.process.wait(PATIENCE) != 0:
            raise Broken(f"exit status {self.process.returncode}")


OPERATIONS_OF = {
    Session.change: 8, Session.fail: 2, Session.sleep: 3, Session.silent: 1,
    Session.await_something: 1, Session.pipes: 1, Session.thread: 1, Session.die: 4, Session.hang: 1,
    Session.roll_back: 3, Session.again: 1, Session.checkpoint: 2, Session.restore: 2,
    Session.undo: 3, Session.look: 1, Session.kill_at_rest: 4, Session.kill_running: 4,
    Session.kill_some_other: 3, Session.kill_all_others: 1, Session.kill_all: 1,
}  # fmt: skip


def one_session(program: str, seed: int) -> int:
    chance = random.Random(seed)
    options = ["--snapshots", str(chance.choice([1, 2, 3, 3, 5]))]
    if chance.random() < 0.15:
        options += ["--snapshot-limit", "1"]
    session = Session(program, options, chance)
    try:
        for _ in range(OPERATIONS):
            (operation,) = chance.choices(list(OPERATIONS_OF), OPERATIONS_OF.values())
            session.trace.append(operation.__name__)
            operation(session)
            session.verify()
        session.finish()
    except Exception as broken:
        print(f"seed {seed}, {options}: {broken!r}\n  behind {' '.join(session.trace)}", flush=True)
        session.report()
        session.process.kill()
        raise
    return session.restores


def main() -> int:
    program, seconds = sys.argv[1], float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(10**6)
    end = time.monotonic() + seconds
    sessions = restores = 0
    while time.monotonic() < end:
        try:
            restores += one_session(program, seed + sessions)
        except Exception:
            return 1
        sessions += 1
    print(f"{sessions} sessions of {OPERATIONS} operations from seed {seed}: {restores} restored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
