"""Drives whole sessions with random frames, valid and not.

    session_fuzz.py PROGRAM SECONDS CORPUS [SEED]

After each round the server must be alive, every line that it wrote a frame, every accepted execute
ended by exactly one terminal frame, and every other request answered once.
"""

import collections
import json
import os
import pathlib
import random
import selectors
import subprocess
import sys
import time

PATIENCE = 20
REPLIES = {"interrupt", "status", "reset", "output_get"}
TERMINAL = {"result", "error"}

CODES = [
    "1 + 1",
    "x = [1, 2, 3]",
    "x",
    "1 / 0",
    "print('out')",
    "import sys\nprint('err', file=sys.stderr)",
    "import os\nn = os.write(1, b'\\xff\\xfe\\0')",
    "import os\nn = os.system('echo child')",
    "input('?')",
    "while input(): pass",
    "sum(range(100_000))",
    "print('x' * 100_000)",
    "import sys\nsys.exit(3)",
    "exit()",
    "import sys\nsys.stdout.close()",
    "raise KeyboardInterrupt",
    "def f(: pass",
    "'\\ud800'",
    "import os\nos.close(1)",
    "import time\ntime.sleep(0.01)",
    "import threading\nthreading.Thread(target=print, args=('late',)).start()",
    "\0",
    "",
]
ODD_VALUES = [None, True, -1, 0, 2**53, 2**53 + 1, 2**64, 1.5, "", "x", "\0", "\u2028", [], {}, [[]], ["a", 1]]


class Client:
    """A session under test, and what is still owed to its client."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program, "--max-frame-bytes", "100000"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            os.set_blocking(pipe.fileno(), False)
        self.errors = b""
        self.rest = b""
        self.asked = []
        self.counts = collections.Counter()  # answers seen for an id
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.selector.register(self.process.stderr, selectors.EVENT_READ)

    def take(self, timeout):
        for key, _ in self.selector.select(timeout):
            data = os.read(key.fd, 1 << 20)
            if key.fileobj is self.process.stderr:
                self.errors += data
            elif data:
                self.accept(data)
            if not data:
                self.selector.unregister(key.fileobj)
                if key.fileobj is self.process.stdout:
                    raise AssertionError("the server's output ended")

    def accept(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            frame = json.loads(line.decode("utf-8"))
            assert isinstance(frame.get("type"), str), line
            assert frame["type"] != "fatal", line
            assert not any(byte < 0x20 for byte in line), line
            self.note(frame)

    def note(self, frame):
        kind = frame["type"]
        if kind in TERMINAL:
            self.counts["execution", key(frame["execution_id"])] += 1
        elif kind == "protocol_error" and "id" in frame:
            self.counts[
                "duplicate" if frame["code"] == "duplicate_id" else "refused", key(frame["id"])
            ] += 1
        elif kind.endswith("_reply") and "id" in frame:
            self.counts["reply", key(frame["id"])] += 1
        elif kind == "input":
            self.asked.append(frame["id"])

    def send(self, data):
        deadline = time.monotonic() + PATIENCE
        while data:
            try:
                data = data[os.write(self.process.stdin.fileno(), data) :]
            except BlockingIOError:
                self.take(0.05)
                assert time.monotonic() < deadline, "the server does not read"

    def answer_all(self, condition):
        """Answers whatever is asked until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            while self.asked:
                self.send(encode({"type": "input_response", "input_id": self.asked.pop(), "eof": True}))
            assert time.monotonic() < deadline, "an answer is missing"
            self.take(0.05)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
        self.selector.close()


def key(value):
    return json.dumps(value)


def encode(frame):
    return json.dumps(frame, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


class Round:
    """Some lines, and what they are to be answered with."""

    def __init__(self, random_, corpus, number):
        self.random = random_
        self.corpus = corpus
        self.number = number
        self.serial = 0
        self.owed = collections.Counter()

    def fresh_id(self):
        self.serial += 1
        return self.random.choice([f"{self.number}.{self.serial}", self.number * 1000 + self.serial])

    def lines(self):
        makers = [self.execute, self.execute, self.request, self.answer, self.odd_field, self.mutated, self.noise]
        for _ in range(self.random.randrange(1, 30)):
            yield self.random.choice(makers)()

    def execute(self):
        frame = {"type": "execute", "id": self.fresh_id(), "code": self.random.choice(CODES)}
        if self.random.random() < 0.3:
            frame["inputs"] = ["a", ""]
        if self.random.random() < 0.3:
            frame["on_input"] = self.random.choice(["eof", "error"])
        if self.random.random() < 0.2:
            frame["output_limit"] = self.random.choice([0, 10, 1000])
        if self.random.random() < 0.1:
            frame["stop_on_error"] = True
        frame["silent"] = self.random.choice([None, True, False])
        self.owed["execution", key(frame["id"])] += 1
        return encode(frame)

    def request(self):
        kind = self.random.choice(sorted(REPLIES))
        frame = {"type": kind, "id": self.fresh_id()}
        if kind == "output_get":
            frame.update(execution_count=self.random.randrange(1, 20), stream="stdout", offset=0, size=10)
        if kind == "interrupt" and self.random.random() < 0.5:
            frame["execution_id"] = self.random.choice(["no such", 5])
        self.owed["any", key(frame["id"])] += 1
        return encode(frame)

    def answer(self):
        return encode({"type": "input_response", "data": self.random.choice(["", "yes", "\0\ud800"])})

    def odd_field(self):
        """A request with a field that may or may not be right: answered once all the same."""
        frame = {"type": "status", "id": self.fresh_id()}
        frame[self.random.choice(["stack", "extra", "code", "data"])] = self.random.choice(ODD_VALUES)
        self.owed["any", key(frame["id"])] += 1
        return encode(frame)

    def mutated(self):
        """A line of the corpus with a few bytes changed; its id is taken out so that it stays
        without a claim."""
        line = bytearray(self.random.choice(self.corpus).replace(b'"shutdown"', b'"shut"'))
        for _ in range(self.random.randrange(0, 6)):
            if line:
                at = self.random.randrange(len(line))
                line[at : at + self.random.randrange(2)] = bytes([self.random.randrange(256)])
        return harmless(bytes(line))

    def noise(self):
        choice = self.random.randrange(5)
        if choice == 0:
            return harmless(self.random.randbytes(self.random.randrange(200)))
        if choice == 1:
            return b"[" * self.random.randrange(1, 5000) + b"\n"
        if choice == 2:
            return b'{"type":"status","id":"' + b"x" * self.random.randrange(99_000, 200_000) + b'"}\n'
        if choice == 3:
            return self.random.choice([b"\n", b"\r\n", b"{}\n", b"null\n", b"\xef\xbb\xbf{}\n", b"{\n"])
        return encode({self.random.choice(["type", "id", "x"]): self.random.choice(ODD_VALUES)})


def harmless(line):
    """One line that does not end the session."""
    line = line.replace(b"\n", b"")
    return b"\n" if b"shutdown" in line.lower() or b"\\u" in line else line + b"\n"


def check(round_, counts):
    for (kind, id_), wanted in round_.owed.items():
        terminal, refused, reply = counts["execution", id_], counts["refused", id_], counts["reply", id_]
        if kind == "execution":
            assert terminal + refused == wanted, f"execute {id_}: {terminal} terminal, {refused} refused"
        else:
            assert reply + refused == wanted, f"request {id_}: {reply} replies, {refused} refused"


def play(client, round_):
    """Sends a round whole or in pieces, then waits until all that is owed has come."""
    data = b"".join(round_.lines())
    while data:
        size = round_.random.choice([len(data), round_.random.randrange(1, 5000)])
        client.send(data[:size])
        data = data[size:]
    marker = f"end of {round_.number}"
    client.send(encode({"type": "reset", "id": marker}))
    client.answer_all(lambda: client.counts["reply", key(marker)] > 0)
    status = f"status of {round_.number}"
    # Replies that carry a stack come after those to later requests, but in their own order.
    client.send(encode({"type": "status", "id": status, "stack": True}))
    client.answer_all(lambda: client.counts["reply", key(status)] > 0)
    check(round_, client.counts)


def read_corpus(folder):
    lines = []
    for path in sorted(pathlib.Path(folder).iterdir()):
        lines += path.read_bytes()[1:].split(b"\n")
    return [line for line in lines if line] or [b"{}"]


def main(program, seconds, corpus, seed=None):
    seed = int(seed) if seed else random.randrange(1 << 32)
    print(f"session_fuzz: seed {seed}", flush=True)
    source, lines = random.Random(seed), read_corpus(corpus)
    end = time.monotonic() + float(seconds)
    number = sessions = 0
    client = None
    try:
        while time.monotonic() < end:
            if client is None:
                client = Client(program)
                sessions += 1
            number += 1
            play(client, Round(source, lines, number))
            client.counts.clear()
            if source.random() < 0.02:
                client.end()
                client = None
    except Exception as error:
        print(f"session_fuzz: round {number}, seed {seed}: {type(error).__name__}: {error}")
        if client is not None:
            print(client.errors.decode("utf-8", "replace")[-4000:])
        return 1
    finally:
        if client is not None:
            client.end()
    print(f"session_fuzz: {number} rounds in {sessions} sessions, no fault")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
