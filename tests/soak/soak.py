"""Mixes everything that a session may meet, for a long time, and counts.

    soak.py PROGRAM SECONDS [SEED] [--survive]

Each writer numbers its lines: `<writer>:<serial>`. After each round every request must have had one
terminal frame, every line must have come once, in order, under the execution that it belongs to,
and threads and descriptors must be where they were after the first rounds, memory where it was at
its highest in the first quarter of the time: which of all that is mixed here comes when is chance,
and what is imported or cached is not growth. Nor is what glibc's allocator keeps after a flood: it
learns from a large block that it frees to give back less, so its thresholds are set, and stay.

With --survive the interpreter dies among it all, in every way, and is put back; what was bound, and
every line printed before, must be there.
"""

import collections
import json
import os
import random
import re
import selectors
import subprocess
import sys
import time

PATIENCE = 60
WARM_UP = 10  # rounds: imports, arenas and caches are not growth
MEMORY_MARGIN = 12 * 1024 * 1024
COUNTED = ("threads", "descriptors", "snapshots")
FREED_IS_GIVEN_BACK = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}  # glibc's own at its start
LINE = re.compile(r"^(\w+):(\d+)$")

# What all sessions of the soak have: a writer with its own counted lines on each way out.
PRELUDE = r"""
import asyncio, concurrent.futures, ctypes, multiprocessing, os, signal, subprocess, sys, threading, time
libc = ctypes.CDLL(None)
def lines(writer, count, start=0):
    return ''.join(f'{writer}:{n}\n' for n in range(start, start + count))
def by_print(writer, count):
    for n in range(count): print(f'{writer}:{n}\n', end='')
def by_write(writer, count):
    data = lines(writer, count).encode()
    while data: data = data[os.write(1, data):]
def by_c(writer, count):
    for n in range(count): libc.puts(b'%s:%d' % (writer.encode(), n))
    libc.fflush(None)
def by_child(writer, count):
    subprocess.run(['seq', '-f', writer + ':%.0f', '0', str(count - 1)])
def by_fork(writer, count):
    pid = os.fork()
    if pid == 0:
        by_print(writer, count)
        os._exit(0)
    os.waitpid(pid, 0)
def by_pool(writer, count):
    with multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
    by_print(writer, count)
def by_asyncio(writer, count):
    async def run():
        p = await asyncio.create_subprocess_exec('seq', '-f', writer + ':%.0f', '0', str(count - 1))
        await p.wait()
    asyncio.run(run())
def crashing_child(writer, count, end):
    pid = os.fork()
    if pid == 0:
        by_write(writer, count)
        end()
    os.waitpid(pid, 0)
late = []
def later(writer, count, pause):
    def work():
        time.sleep(pause)
        by_print(writer, count)
    thread = threading.Thread(target=work)
    thread.start()
    late.append(thread)
def join_all():
    while late: late.pop().join()
"""


class Session:
    """The server, and all that it has said in this round."""

    def __init__(self, program, survive=False):
        self.survive = survive
        self.interpreter = None
        self.process = subprocess.Popen(
            [program, *["--survive"][:survive]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | FREED_IS_GIVEN_BACK,
        )
        self.pid = self.process.pid
        for pipe in (self.process.stdin, self.process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.rest = b""
        self.bytes_read = 0
        self.clear()

    def clear(self):
        self.terminals = collections.defaultdict(list)
        self.texts = collections.defaultdict(str)  # of execution and stream
        self.replies = collections.Counter()
        self.questions = []
        self.started = set()  # executions that have printed
        self.late = set()  # those that printed after their end

    def send(self, frame):
        data = json.dumps(frame).encode() + b"\n"
        deadline = time.monotonic() + PATIENCE
        while data:
            try:
                data = data[os.write(self.process.stdin.fileno(), data) :]
            except BlockingIOError:
                assert time.monotonic() < deadline, "the server does not read"
                self.take(0.05)

    def take(self, timeout):
        if not self.selector.select(timeout):
            return
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        if not data:
            raise AssertionError(f"the server ended with {self.process.wait(PATIENCE)}")
        self.bytes_read += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.accept(json.loads(line))

    def accept(self, frame):
        kind = frame["type"]
        if kind in ("result", "error"):
            self.terminals[frame["execution_id"]].append(frame)
        elif kind == "output":
            id_ = frame["execution_id"]
            assert bool(frame.get("late")) == (id_ in self.terminals), f"late or not: {frame}"
            self.texts[id_, frame["stream"]] += frame["data"]
            self.started.add(id_)
            if frame.get("late"):
                self.late.add(id_)
        elif kind == "input":
            self.questions.append(frame["id"])
        elif kind in ("status_reply", "interrupt_reply", "undo_reply"):
            self.replies[frame.get("id")] += 1
        elif kind == "ready":
            self.interpreter = frame["python"]["pid"]
        elif kind == "restored":
            self.interpreter = frame["pid"]
            assert frame["checkpoint_id"], f"nothing was left: {frame}"
        else:
            assert kind in ("input_closed", "output_truncated"), f"unexpected: {frame}"

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"missing: {what}"
            self.take(0.05)

    def execute(self, id_, code, **more):
        self.send({"type": "execute", "id": id_, "code": code, "silent": True, **more})

    def processes(self):
        return {self.pid, self.interpreter}

    def figures(self):
        pages = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/statm") as file:
                pages += int(file.read().split()[1])
        return {
            "memory": pages * os.sysconf("SC_PAGESIZE"),
            "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.processes()),
            "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes()),
            "snapshots": len(children_of(self.pid)) if self.survive else 0,
        }

    def children(self):
        return children_of(self.interpreter)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


class Round:
    """A mix of executions. `wanted` holds what each must have written, line by line."""

    def __init__(self, source, number):
        self.source = source
        self.number = number
        self.writers = 0
        self.wanted = collections.defaultdict(dict)  # of execution: writer -> lines
        self.ids = []
        self.may_be_late = set()
        self.kinds = collections.Counter()
        self.codes = {}
        self.reasons = {}  # of those that must end with a certain error

    def writer(self, id_, count):
        self.writers += 1
        name = f"w{self.number}x{self.writers}"
        self.wanted[id_][name] = count
        return name

    def play(self, session):
        actions = [
            self.simple, self.simple, self.simple, self.mixed, self.mixed, self.threads, self.late,
            self.input, self.flood, self.interrupted, self.crashing_children, self.processes, self.closes,
        ]
        if session.survive:
            actions += [self.crashes, self.crashes, self.killed, self.hangs, self.rolled_back, self.undone]
        if self.number > 0:
            actions = self.source.choices(actions, k=self.source.randrange(5, 15))
        for action in actions:  # first each of them: the server starts a thread when it first needs it
            self.kinds[action.__name__] += 1
            id_ = f"r{self.number}e{len(self.ids)}"
            self.ids.append(id_)
            self.codes[id_] = action.__name__
            action(session, id_)
            if self.source.random() < 0.3:
                session.take(0)
        last = f"r{self.number}last"
        self.ids.append(last)
        session.execute(last, "join_all()")
        session.wait(lambda: session.terminals[last], f"the end of round {self.number}")
        if session.survive:
            self.fill_up_snapshots(session, last)
        session.send({"type": "status", "id": last})
        session.wait(lambda: session.replies[last], "status_reply")

    def simple(self, session, id_):
        way = self.source.choice(["by_print", "by_write", "by_c", "by_child", "by_fork", "by_asyncio"])
        count = self.source.choice([1, 10, 1000])
        session.execute(id_, f"{way}('{self.writer(id_, count)}', {count})")

    def mixed(self, session, id_):
        """One stream, several ways: the order must hold from each to the next."""
        ways = self.source.choices(["by_print", "by_write", "by_child", "by_c"], k=5)
        code = [f"{way}('{self.writer(id_, 50)}', 50)" for way in ways]
        session.execute(id_, "\n".join(code))

    def threads(self, session, id_):
        names = [self.writer(id_, 300) for _ in range(4)]
        session.execute(
            id_,
            f"with concurrent.futures.ThreadPoolExecutor(4) as pool:\n"
            f"    x = list(pool.map(by_print, {names}, [300] * 4))",
        )

    def late(self, session, id_):
        self.may_be_late.add(id_)
        pause = self.source.choice([0, 0.005, 0.03])
        session.execute(id_, f"later('{self.writer(id_, 100)}', 100, {pause})")

    def input(self, session, id_):
        name = self.writer(id_, 1)
        session.execute(id_, f"answer = input('?')\nprint(answer)")
        session.wait(lambda: session.questions, "a question")
        session.send({"type": "input_response", "input_id": session.questions.pop(0), "data": f"{name}:0"})

    def flood(self, session, id_):
        """The client looks away: the writer must wait, and lose nothing."""
        count = 200_000
        way = self.source.choice(["by_print", "by_write", "by_child"])
        session.execute(id_, f"{way}('{self.writer(id_, count)}', {count})")
        time.sleep(self.source.choice([0, 0.1]))

    def interrupted(self, session, id_):
        name = self.writer(id_, 1)
        rests = ["os.waitpid(p.pid, 0)", "while True: pass", "time.sleep(60)", "threading.Event().wait()", "input()"]
        rest = self.source.choice(rests) if self.number > 0 else rests[0]
        # The child first: an interrupt inside of Popen would leave it to nobody.
        child = "p = subprocess.Popen(['sleep', '60'])" if "p.pid" in rest else "p = None"
        session.execute(
            id_,
            f"{child}\ntry:\n    by_print('{name}', 1)\n    {rest}\n"
            f"finally:\n    if p: p.kill(); p.wait()",
        )
        session.wait(lambda: id_ in session.started, f"the start of {id_}")
        session.send({"type": "interrupt", "id": f"i{id_}", "execution_id": id_})
        session.wait(lambda: session.terminals[id_], f"the end of {id_}")
        session.questions.clear()
        assert session.terminals[id_][0].get("exception_type") == "KeyboardInterrupt", session.terminals[id_]

    def crashing_children(self, session, id_):
        end = self.source.choice(
            ["lambda: os._exit(3)", "os.abort", "lambda: ctypes.string_at(0)", "lambda: os.kill(os.getpid(), 9)", "sys.exit"]
        )
        session.execute(id_, f"crashing_child('{self.writer(id_, 20)}', 20, {end})")

    def processes(self, session, id_):
        session.execute(id_, f"by_pool('{self.writer(id_, 5)}', 5)")

    def closes(self, session, id_):
        code = self.source.choice(["os.close(1)", "os.close(0)", "sys.stdout.close()", "exit()", "os.closerange(3, 256)"])
        session.execute(id_, f"join_all()\nby_print('{self.writer(id_, 3)}', 3)\n{code}")

    # ---- with --survive: a thread that still has lines to print would be lost, and they with it

    def crashes(self, session, id_):
        end = self.source.choice(
            ["os._exit(3)", "os.abort()", "ctypes.string_at(0)", "os.kill(os.getpid(), 9)", "libc.exit(4)"]
        )
        way = self.source.choice(["by_print", "by_write", "by_child"])
        count = self.source.choice([1, 1000, 50_000])
        self.reasons[id_] = "crash"
        session.execute(id_, f"join_all()\n{way}('{self.writer(id_, count)}', {count})\n{end}")

    def killed(self, session, id_):
        rest = self.source.choice(["while True: pass", "time.sleep(60)", "input()", "sum(range(10**11))"])
        self.reasons[id_] = "crash"
        session.execute(id_, f"join_all()\nby_print('{self.writer(id_, 1)}', 1)\n{rest}")
        session.wait(lambda: id_ in session.started, f"the start of {id_}")
        os.kill(session.interpreter, 9)
        session.wait(lambda: session.terminals[id_], f"the end of {id_}")
        session.questions.clear()

    def hangs(self, session, id_):
        self.reasons[id_] = "timeout"
        session.execute(id_, f"join_all()\nby_print('{self.writer(id_, 9)}', 9)\nsum(range(10**11))", timeout=0.3, grace=0.1)

    def rolled_back(self, session, id_):
        code = f"join_all()\nby_print('{self.writer(id_, 9)}', 9)\ndel by_print"
        session.execute(id_, code, transaction="rollback_always")

    def undone(self, session, id_):
        session.execute(id_, f"join_all()\nby_print('{self.writer(id_, 9)}', 9)\ndel by_print")
        session.send({"type": "undo", "id": f"u{id_}"})

    def fill_up_snapshots(self, session, last):
        for number in range(4):
            id_ = f"{last}{number}"
            self.ids.append(id_)
            session.execute(id_, "None")
        session.wait(lambda: session.terminals[id_], f"the end of {id_}")

    def check(self, session):
        wrong = set(session.terminals) ^ set(self.ids)
        assert not wrong, "terminal frames of others, or none: " + ", ".join(
            f"{id_} ({self.codes.get(id_)})" for id_ in sorted(wrong)
        )
        for id_ in self.ids:
            assert len(session.terminals[id_]) == 1, f"{id_}: {len(session.terminals[id_])} terminal frames"
            self.check_end(id_, session.terminals[id_][0])
        assert session.late <= self.may_be_late, f"after the end: {session.late - self.may_be_late}"
        for (id_, stream), text in session.texts.items():
            if stream == "stdout":
                self.check_text(id_, text)
        for id_, writers in self.wanted.items():
            assert (id_, "stdout") in session.texts or not writers, f"{id_} ({self.codes[id_]}): nothing came"
        return sum(sum(writers.values()) for writers in self.wanted.values())

    def check_end(self, id_, frame):
        if id_ not in self.reasons:
            wrong = frame.get("reason") in ("crash", "timeout") or frame.get("exception_type") == "NameError"
            assert not wrong, f"{id_}: {frame}"
            return
        assert frame.get("reason") == self.reasons[id_], f"{id_} ({self.codes[id_]}): {frame}"
        assert frame.get("restored"), f"{id_}: {frame}"

    def check_text(self, id_, text):
        seen = collections.defaultdict(int)
        for line in text.splitlines():
            match = LINE.match(line)
            assert match, f"{id_}: not a line of any writer: {line[:200]!r}"
            writer, serial = match[1], int(match[2])
            assert writer in self.wanted.get(id_, {}), f"{id_}: has a line of another: {line}"
            assert serial == seen[writer], f"{id_}: {line} where {seen[writer]} is next"
            seen[writer] += 1
        assert dict(seen) == self.wanted[id_], f"{id_}: {dict(seen)} for {self.wanted[id_]}"


def settled_figures(session, begin):
    """The figures, once threads and children that end have ended."""
    deadline = time.monotonic() + 5
    if begin is None:
        time.sleep(0.2)
    while True:
        now = session.figures()
        settled = begin is None or all(now[name] == begin[name] for name in COUNTED)
        if (settled and not session.children()) or time.monotonic() > deadline:
            return now
        time.sleep(0.01)


def check_figures(session, begin, now):
    assert not session.children(), f"children left: {session.children()}"
    for name in COUNTED:  # fewer is no leak: with --survive a snapshot may just be on its way
        assert now[name] <= begin[name], f"{name}: {begin[name]} at the beginning, {now[name]} now"
    grown = now["memory"] - begin["memory"]
    assert grown < MEMORY_MARGIN, f"memory grew by {grown / 1e6:.1f} MB"


def soak(session, source, seconds, figures):
    session.execute("prelude", PRELUDE)
    session.wait(lambda: session.terminals["prelude"], "the prelude")
    assert session.terminals["prelude"][0]["type"] == "result", session.terminals["prelude"]
    start = time.monotonic()
    end = start + seconds
    while figures["rounds"] <= WARM_UP or time.monotonic() < end:
        session.clear()
        this = Round(source, figures["rounds"])
        this.play(session)
        figures["lines"] += this.check(session)
        figures["executions"] += len(this.ids)
        figures["kinds"].update(this.kinds)
        now = settled_figures(session, figures["begin"])
        if figures["rounds"] == WARM_UP:
            figures["begin"] = now
        elif figures["begin"]:
            if time.monotonic() < start + seconds / 4:
                figures["begin"]["memory"] = max(figures["begin"]["memory"], now["memory"])
            check_figures(session, figures["begin"], now)
        figures["end"] = now
        figures["rounds"] += 1


def main(program, seconds, seed=None, survive=False):
    seed = int(seed) if seed else random.randrange(1 << 32)
    print(f"soak: seed {seed}", flush=True)
    figures = dict.fromkeys(["rounds", "executions", "lines"], 0)
    figures.update(begin=None, end=None, kinds=collections.Counter())
    session = Session(program, survive)
    failure = None
    try:
        soak(session, random.Random(seed), float(seconds), figures)
        session.process.stdin.close()
        os.set_blocking(session.process.stdout.fileno(), True)
        last = session.process.stdout.read()[-2000:]
        assert session.process.wait(PATIENCE) == 0, f"exit status {session.process.returncode}: {last}"
    except Exception as error:
        failure = f"{type(error).__name__}: {str(error)[:2000]}"
    finally:
        if session.process.poll() is None:
            session.process.kill()
            session.process.wait()
    print(f"rounds {figures['rounds']}, executions {figures['executions']}")
    print(f"counted lines {figures['lines']}, bytes read {session.bytes_read}")
    print("mix:", ", ".join(f"{name} {count}" for name, count in sorted(figures["kinds"].items())))
    for name in ("begin", "end"):
        print(f"{name}:", figures[name])
    print(f"soak: FAILED in round {figures['rounds']}, seed {seed}: {failure}" if failure else "soak: no fault")
    return 1 if failure else 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--survive"]
    sys.exit(main(*words, survive="--survive" in sys.argv))
