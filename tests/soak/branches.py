"""Many branches at once, at random, against a model in the client.

    branches.py PROGRAM SECONDS [SEED]

At most 32 branches print, ask, call host functions, crash, are interrupted, killed, branched and closed.
Each session has a list `log`, in which each execution notes its number; a branch begins with its parent's.
The model knows what each list must be, so that each result tells whether the state is the right one. Ids
are unique among all sessions, and each line that is printed says `<execution>:<serial>`. What must hold:

- every frame names the session that it belongs to, and none comes behind a `close_reply`;
- each request is answered once, the executions of a session in their order;
- each line comes once, in order, under its execution and before its end, also when that is a crash;
- a crash, a kill or a deadline costs one execution of one session;
- once all branches are closed, the server has the descriptors and processes that it began with.

Prints the seed and the operations of a round that breaks one of these, and exits with 1.
"""

import collections
import contextlib
import itertools
import json
import os
import random
import selectors
import subprocess
import sys
import time

from survive_machine import Broken

PATIENCE = 120
BRANCHES = 32
OPERATIONS = 600  # of a round; at its end all branches are closed
MARK = "REPLWIRE_SOAK"  # in the environment of all processes that the server has ever started
QUEUED = 3  # at most, in one session

PRELUDE = """
import ctypes, host, os, subprocess, time
log = []
pipe = os.pipe()
def lines(name, count): return ''.join(f'{name}:{n}\\n' for n in range(count))
def by_print(name, count):
    for n in range(count): print(f'{name}:{n}')
def by_write(name, count):
    data = lines(name, count).encode()
    while data: data = data[os.write(1, data):]
def by_child(name, count): subprocess.run(['seq', '-f', name + ':%.0f', '0', str(count - 1)])
"""
WAYS = ["by_print", "by_print", "by_write", "by_child"]
DEATHS = ["os._exit(3)", "os.abort()", "ctypes.string_at(0)", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 11)"]
WAITS = ["while True: pass", "time.sleep(60)", "subprocess.run(['sleep', '60'])"]


class Session:
    """What the client knows of one. `log` is the state behind the last execution that has been told."""

    def __init__(self, name, pid, log):
        self.name = name  # None: the first one
        self.pid = pid
        self.log = log
        self.queue = collections.deque()  # whose turn has not been over, in order
        self.closing = False

    def enqueue(self, entry):
        self.queue.append(entry)
        self.take_turns()

    def take_turns(self):
        while self.queue and isinstance(self.queue[0], Branching):
            self.queue.popleft().log = self.log.copy()


class Execution:
    def __init__(self, session, number, kind, count):
        self.session = session
        self.id = f"{session.name or 'first'}.{number}"
        self.number = number
        self.kind = kind
        self.count = count  # of lines
        self.text = ""
        self.reason = None  # of the error that it ends in
        self.leaves = True  # its number in `log`
        self.begun = None  # what the client does once the first line is there
        self.value = None  # behind the length and the sum of `log` in the result
        self.questions = 0

    def lines(self):
        return "".join(f"{self.id}:{n}\n" for n in range(self.count))


class Branching:
    """A branch that has been asked for. Its turn comes in order; the reply comes once it has started."""

    def __init__(self, session, number):
        self.session = session
        self.id = f"branch{number}"
        self.log = None  # what it begins with, once its turn has come


class Client:
    def __init__(self, program, chance):
        self.mark = f"{os.getpid()}.{chance.getrandbits(64)}"
        self.server = subprocess.Popen(
            [program, "--survive", "--sessions", str(BRANCHES + 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, MARK: self.mark},
        )
        for pipe in (self.server.stdin, self.server.stdout):
            os.set_blocking(pipe.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.server.stdout, selectors.EVENT_READ)
        self.chance = chance
        self.rest = b""
        self.unsent = bytearray()
        self.numbers = itertools.count(1)
        self.sessions = {}  # by name, those that are open
        self.executions = {}  # by id, those under way
        self.waiting = {}  # by id, requests of other kinds, and who takes the reply
        self.due = []  # answers that the client has yet to give: session, frame
        self.trace = collections.deque(maxlen=300)
        self.last = collections.deque(maxlen=20)  # frames
        self.kinds = collections.Counter()
        self.frames = self.lines = 0
        self.wait(lambda: self.sessions, "ready")
        self.first = self.sessions[None]
        self.request("functions", functions=[{"name": "double"}])
        self.execute_code(self.first, "prelude", PRELUDE, 0).leaves = False
        self.settle()

    # ---- frames ---------------------------------------------------------------------------------

    def send(self, kind, session, **fields):
        name = {} if session is None or session.name is None else {"session": session.name}
        self.unsent += json.dumps({"type": kind, **fields, **name}).encode() + b"\n"
        self.write()

    def write(self):
        """As much as the server takes; `take` goes on with the rest."""
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                del self.unsent[: os.write(self.server.stdin.fileno(), self.unsent)]

    def request(self, kind, session=None, answered=lambda frame: None, **fields):
        id_ = f"r{next(self.numbers)}"
        self.waiting[id_] = (f"{kind}_reply", session, answered)
        self.send(kind, session, id=id_, **fields)

    def take(self, timeout):
        self.write()
        if not self.selector.select(timeout):
            return
        data = os.read(self.server.stdout.fileno(), 1 << 20)
        if not data:
            raise Broken(f"the server ended with {self.server.wait(PATIENCE)}")
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.frames += 1
            self.last.append(line)
            try:
                frame = json.loads(line)
            except ValueError as error:
                raise Broken(f"{error}: {line!r}") from None
            self.accept(frame)

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise Broken(f"missing: {what() if callable(what) else what}")
            self.take(0.05)

    def accept(self, frame):
        kind = frame["type"]
        if kind in ("branch_reply", "close_reply", "ready"):
            return getattr(self, kind)(frame)
        if frame.get("session") not in self.sessions:
            raise Broken(f"of no open session: {frame}")
        session = self.sessions[frame.get("session")]
        if kind.endswith("_reply"):
            self.reply(session, frame)
        elif kind == "restored":
            self.restored(session, frame)
        elif kind in ("output", "input", "call", "result", "error"):
            execution = self.executions.get(frame["execution_id"])
            if execution is None and session.closing and frame.get("late"):
                return  # a child's, whose execution has ended with the session
            if execution is None or execution.session is not session:
                raise Broken(f"of no execution that is under way in this session: {frame}")
            getattr(self, kind if kind in ("output", "input", "call") else "ended")(execution, frame)
        elif kind == "input_closed" or (kind == "call_closed" and session.closing):
            pass
        elif session.closing and frame.get("code") in ("unknown_call_id", "unknown_input_id", "shutting_down"):
            pass  # the answer and the `close` have met
        else:
            raise Broken(f"unexpected: {frame}")

    def ready(self, frame):
        self.sessions[None] = Session(None, frame["python"]["pid"], [])

    def reply(self, session, frame):
        kind, asked, answered = self.waiting.pop(frame["id"], (None, None, None))
        if kind != frame["type"] or (asked or self.first) is not session:
            raise Broken(f"answers nothing: {frame}")
        answered(frame)

    def restored(self, session, frame):
        session.pid = frame["pid"]
        if frame["undone"] or not frame["checkpoint_id"]:
            raise Broken(f"more than one execution is lost: {frame}")

    def output(self, execution, frame):
        if execution.session.closing and frame["stream"] == "stderr":
            return  # the interrupt may fall into a __del__
        if frame["stream"] != "stdout" or frame.get("late"):
            raise Broken(f"{execution.kind}: {frame}")
        execution.text += frame["data"]
        if execution.begun is not None and "\n" in execution.text:
            begun, execution.begun = execution.begun, None
            begun()

    def input(self, execution, frame):
        self.ask(execution, frame, "ask", frame["prompt"], "input_response", input_id=frame["id"])

    def call(self, execution, frame):
        self.ask(execution, frame, "call", *frame["args"], "call_response", call_id=frame["id"])

    def ask(self, execution, frame, kind, asked, answer, **fields):
        execution.questions += 1
        if execution.kind != kind or asked != execution.id or execution.questions > 1:
            raise Broken(f"not asked for by {execution.kind}: {frame}")
        if not execution.session.closing:
            self.due.append((execution.session, answer, {**fields, "data": execution.value}))

    def ended(self, execution, frame):
        del self.executions[execution.id]
        session = execution.session
        self.lines += execution.text.count("\n")
        if session.closing:
            session.queue.remove(execution)
            if not execution.lines().startswith(execution.text):
                raise Broken(f"{execution.kind} was closed behind {execution.text[-200:]!r}: {frame}")
            return
        if not session.queue or session.queue.popleft() is not execution:
            raise Broken(f"out of turn: {frame}")
        if frame.get("reason") != execution.reason or frame.get("kept") is False:
            raise Broken(f"{execution.kind}, which ends in {execution.reason}: {frame}")
        if execution.text != execution.lines() and not (execution.kind == "deadline" and not execution.text):
            raise Broken(f"{execution.kind}: {execution.count} lines, not {execution.text[-200:]!r}: {frame}")
        if execution.leaves:
            session.log.append(execution.number)
        wanted = [len(session.log), sum(session.log), execution.value]
        if execution.reason is None and execution.kind != "prelude" and frame["value"] != wanted:
            raise Broken(f"{execution.kind}: {frame['value']} where {wanted} should be")
        session.take_turns()

    def branch_reply(self, frame):
        asked = self.executions.pop(frame["id"], None)
        if not isinstance(asked, Branching) or frame["session"] in self.sessions:
            raise Broken(f"answers nothing: {frame}")
        if asked.log is None:
            raise Broken(f"out of turn: {frame}")
        self.sessions[frame["session"]] = Session(frame["session"], frame["pid"], asked.log)

    def close_reply(self, frame):
        session = self.sessions.pop(frame["session"], None)
        kind, asked, _ = self.waiting.pop(frame.get("id"), (None, None, None))
        if session is None or kind != "close_reply" or asked is not session:
            raise Broken(f"answers nothing: {frame}")
        if session.queue:
            raise Broken(f"closed without an answer to {[each.id for each in session.queue]}: {frame}")
        if os.path.exists(f"/proc/{session.pid}"):
            raise Broken(f"{session.pid} lives on: {frame}")

    # ---- operations -----------------------------------------------------------------------------

    def execute_code(self, session, kind, code, count, **more):
        execution = Execution(session, next(self.numbers), kind, count)
        way = self.chance.choice(WAYS)
        self.trace.append(f"{execution.id} {kind}")
        self.kinds[kind] += 1
        self.executions[execution.id] = execution
        session.enqueue(execution)
        if kind != "prelude":
            noted = f"log.append({execution.number})\n" * (kind != "deadline")
            printed = f"{way}('{execution.id}', {count})\n" * (count > 0)
            code = noted + printed + code.replace("ID", repr(execution.id))
        self.send("execute", session, id=execution.id, code=code, **more)
        return execution

    def prints(self, session):
        self.execute_code(session, "print", "[len(log), sum(log), None]", self.chance.choice([0, 1, 10, 1000]))

    def floods(self, session):
        self.execute_code(session, "flood", "[len(log), sum(log), None]", 30_000)
        time.sleep(self.chance.random() * 0.05)  # the client looks away

    def asks(self, session):
        execution = self.execute_code(session, "ask", "[len(log), sum(log), input(ID)]", 1)
        execution.value = f"answer to {execution.id}"

    def calls(self, session):
        execution = self.execute_code(session, "call", "[len(log), sum(log), host.double(ID)]", 1)
        execution.value = f"answer to {execution.id}"

    def crashes(self, session):
        count = self.chance.choice([0, 1, 1000])
        execution = self.execute_code(session, "crash", self.chance.choice(DEATHS), count)
        execution.reason, execution.leaves = "crash", False

    def is_killed(self, session):
        execution = self.execute_code(session, "kill", self.chance.choice(WAITS), 1)
        execution.reason, execution.leaves = "crash", False
        execution.begun = lambda: session.closing or os.kill(session.pid, 9)

    def is_interrupted(self, session):
        execution = self.execute_code(session, "interrupt", self.chance.choice(WAITS), 1)
        execution.reason = "interrupt"
        execution.begun = lambda: session.closing or self.request("interrupt", session, execution_id=execution.id)

    def is_late(self, session):
        code = self.chance.choice([*WAITS, "sum(range(10**11))"])
        execution = self.execute_code(session, "deadline", code, 1, timeout=0.3, grace=0.2)
        execution.reason, execution.leaves = "timeout", False

    def branches(self, session):
        branching = sum(isinstance(each, Branching) for each in self.executions.values())
        if len(self.sessions) - 1 + branching >= BRANCHES:
            return
        branching = Branching(session, next(self.numbers))
        self.trace.append(f"{branching.id} of {session.name or 'first'}")
        self.kinds["branch"] += 1
        self.executions[branching.id] = branching
        session.enqueue(branching)
        self.send("branch", session, id=branching.id)

    def closes(self, session):
        """Not while it branches: that request may be answered either way."""
        branching = [each for each in self.executions.values() if isinstance(each, Branching)]
        branches = any(each.session is session for each in branching)
        if session is self.first or session.closing or branches:
            return
        self.trace.append(f"{session.name} closes")
        self.kinds["close"] += 1
        session.closing = True
        self.due = [each for each in self.due if each[0] is not session]
        self.request("close", session)

    def lists(self, session):
        there = {name for name, each in self.sessions.items() if not each.closing}

        def listed(frame):
            names = {each["session"] for each in frame["sessions"]}
            missing = {name for name in there - names if name in self.sessions and not self.sessions[name].closing}
            if missing or len(names) != len(frame["sessions"]):
                raise Broken(f"{missing} not among {names}")

        self.request("sessions", None, listed)

    def answer_some(self):
        """In any order, and some later."""
        self.chance.shuffle(self.due)
        for _ in range(self.chance.randrange(len(self.due) + 1)):
            session, kind, fields = self.due.pop()
            if not session.closing:
                self.send(kind, session, **fields)

    def operate(self):
        free = [each for each in self.sessions.values() if len(each.queue) < QUEUED and not each.closing]
        if free:
            (operation,) = self.chance.choices(list(OPERATIONS_OF), OPERATIONS_OF.values())
            operation(self, self.chance.choice(free))
        self.answer_some()
        self.take(self.chance.choice([0, 0, 0.002]) if free else 0.01)

    # ---- rounds ---------------------------------------------------------------------------------

    def settle(self):
        """Until nothing is under way."""

        def done():
            for session, kind, fields in self.due:
                self.send(kind, session, **fields)
            self.due.clear()
            return not self.executions and not self.waiting

        self.wait(done, lambda: f"the end of {[*self.executions, *self.waiting][:10]}")

    def close_all(self):
        while len(self.sessions) > 1:
            for session in self.chance.sample(list(self.sessions.values()), len(self.sessions)):
                self.closes(session)
            self.settle()

    def play(self):
        self.trace.clear()
        for _ in range(OPERATIONS):
            self.operate()
        if self.chance.random() < 0.5:
            self.settle()
            for session in self.sessions.values():
                self.prints(session)
        self.close_all()
        for _ in range(4):  # as many snapshots as there may be
            self.prints(self.first)
        self.settle()
        del self.first.log[:]
        # With a pipe there is a keeper at the end of each round, not only where code has left a descriptor open.
        code = "log.clear()\nfor each in pipe: os.close(each)\npipe = os.pipe()"
        self.execute_code(self.first, "prelude", code, 0).leaves = False
        self.settle()

    def figures(self):
        return {
            "descriptors": len(os.listdir(f"/proc/{self.server.pid}/fd")),
            "threads": len(os.listdir(f"/proc/{self.server.pid}/task")),
            "processes": len(marked(self.mark)),
        }

    def settled_figures(self, begin):
        """Once what ends has ended. Fewer is no leak: a snapshot may just be on its way."""
        end = time.monotonic() + 10
        while True:
            now = self.figures()
            if all(now[name] <= begin[name] for name in begin) or time.monotonic() > end:
                return now
            time.sleep(0.01)


OPERATIONS_OF = {
    Client.prints: 8, Client.floods: 1, Client.asks: 4, Client.calls: 4, Client.crashes: 3, Client.is_killed: 2,
    Client.is_interrupted: 3, Client.is_late: 1, Client.branches: 8, Client.closes: 4, Client.lists: 1,
}  # fmt: skip


def marked(mark):
    """All processes with this mark in their environment, whoever their parent is now."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def described(pid):
    """What tells a reader which process this is: its parent, threads, where each waits, and its descriptors."""
    told = []
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as file:
            told.append("parent " + file.read().rpartition(")")[2].split()[1])
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm") as name, open(f"/proc/{pid}/task/{task}/wchan") as place:
                told.append(f"{name.read().strip()} in {place.read().strip()}")
        for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
            told.append(f"{number}={os.readlink(f'/proc/{pid}/fd/{number}')}")
    return f"{pid}: {', '.join(told)}"


def soak(client, seconds, told):
    end = time.monotonic() + seconds
    begin = None
    while begin is None or time.monotonic() < end:
        client.play()
        now = client.figures() if begin is None else client.settled_figures(begin)
        if told["rounds"] < 3:  # until all is there that stays
            begin = {name: max(now[name], (begin or now)[name]) for name in now}
        told.update(begin=begin, end=now, rounds=told["rounds"] + 1)
        if any(now[name] > begin[name] for name in begin):
            print("all processes:", *map(described, marked(client.mark)), sep="\n    ")
            raise Broken(f"left behind: {begin} at the beginning, {now} now")


def main(program, seconds, seed=None):
    seed = int(seed) if seed else random.randrange(1 << 32)
    print(f"soak of branches: seed {seed}", flush=True)
    told = {"rounds": 0}
    client = Client(program, random.Random(seed))
    failure = None
    try:
        soak(client, float(seconds), told)
        client.server.stdin.close()
        os.set_blocking(client.server.stdout.fileno(), True)
        last = client.server.stdout.read()[-2000:]
        if client.server.wait(PATIENCE) != 0:
            raise Broken(f"exit status {client.server.returncode}: {last}")
        if left := marked(client.mark):
            raise Broken(f"processes that outlive the server: {left}")
    except Exception as error:
        failure = f"{type(error).__name__}: {str(error)[:8000]}"
        print(f"the operations of round {told['rounds']}: {'; '.join(client.trace)}")
        print(f"the last frames of {client.server.pid}:")
        for line in client.last:
            print("   ", line.decode(errors="replace")[:300])
    finally:
        client.server.kill()
        client.server.wait()
    print(f"{told}, frames {client.frames}, counted lines {client.lines}")
    print("mix:", ", ".join(f"{kind} {count}" for kind, count in sorted(client.kinds.items())))
    print(f"soak of branches: FAILED, seed {seed}: {failure}" if failure else "soak of branches: no fault")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
