"""Measures replwire on this machine, each figure beside its yardstick measured in the same run.

Machines are noisy: what is compared runs in turns, and the figures are medians unless a row says otherwise.
"""

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time

from branches import Branches
from measure import (
    ENVIRONMENT,
    MIB,
    Process,
    Server,
    context_switches,
    execute_line,
    forget_peak,
    in_turns,
    mib,
    micro,
    milli,
    one_core,
    peak,
    percentile,
    resident,
    timed,
)
from survival import Survival

ROW_SECONDS = 900


class Bench(Survival, Branches):
    def __init__(self, build, quick):
        self.program = os.path.join(build, "replwire")
        self.yardstick = os.path.join(build, "tests/bench/replwire_yardstick")
        self.bare = os.path.join(build, "tests/bench/replwire_bare_python")
        self.quick = quick
        with self.server() as server:
            self.ready = server.ready
        self.python = self.ready["python"]["executable"]
        self.missed = []

    def server(self):
        return Server(self.program)

    def fewer(self, count, quick_count):
        return quick_count if self.quick else count

    # Rows. Each prints its lines through one of these two.

    def show(self, what, measured, beside="", got="", bound="", fine=None):
        verdict = "" if fine is None else "ok" if fine else "MISSED"
        print(f"{what:<46} | {measured:>12} | {beside:<29} | {got:>8} | {bound:<15} | {verdict}", flush=True)
        if fine is False:
            self.missed.append(what)

    def show_ratio(self, what, measured, beside, name, text, most=None):
        ratio = measured / beside
        bound = "" if most is None else f"at most {most} x"
        fine = None if most is None else round(ratio, 2) <= most
        self.show(what, text(measured), f"{text(beside)} {name}", f"{ratio:.2f} x", bound, fine)

    def header(self, title):
        print(f"\n{title}\n{'what':<46} | {'replwire':>12} | {'beside':<29} | {'ratio':>8} | {'must reach':<15} |")
        print(f"{'-' * 46} | {'-' * 12} | {'-' * 29} | {'-' * 8} | {'-' * 15} | ------")

    def roundtrip(self):
        line, mark = execute_line("1+1"), Server.RESULT
        with one_core(), self.server() as server, Process(self.yardstick) as yardstick:
            programs = [lambda p=p: timed(lambda: p.ask(line, mark), 100) for p in (server, yardstick)]
            in_turns(5, *programs)
            figures = in_turns(self.fewer(50, 10), *programs)
        ours, beside = map(statistics.median, figures)
        self.show_ratio("execute 1+1, round trip p50, one core", ours, beside, "the bare loop", micro, 2.2)

    def input(self):
        plain, asking, answer = execute_line("1+1"), execute_line("input()"), b'{"type":"input_response","data":"a"}\n'
        with one_core(), self.server() as server:

            def ask_and_answer():
                server.ask(asking, b'"type":"input"')
                server.ask(answer, Server.RESULT)

            actions = (
                lambda: timed(ask_and_answer, 100),
                lambda: timed(lambda: server.ask(plain, Server.RESULT), 100),
            )
            in_turns(5, *actions)
            figures = in_turns(self.fewer(50, 10), *actions)
        ours, beside = map(statistics.median, figures)
        self.show_ratio("input() answered at once, p50, one core", ours, beside, "execute 1+1", micro, 2.2)

    @staticmethod
    def offer(server):
        functions = [{"name": "f"}, {"name": "af", "is_async": True}]
        frame = {"type": "functions", "id": "f", "functions": functions}
        server.ask(json.dumps(frame).encode() + b"\n", b"functions_reply")
        server.execute("import asyncio, host")

    @staticmethod
    def answers_to(frames):
        """Those of all calls, or questions, among them, the last one first."""
        found = re.findall(rb'"type":"(call|input)","id":"([^"]*)"', frames)
        line = b'{"type":"%s_response","%s_id":"%s","data":"a"}\n'
        return b"".join(line % (kind, kind, each) for kind, each in reversed(found))

    def call(self):
        asking = execute_line("input()")
        calling, awaiting = execute_line("host.f()"), execute_line("await host.af()")
        with one_core(), self.server() as server:
            self.offer(server)

            def ask_and_answer(line, kind):
                server.ask(self.answers_to(server.ask(line, b'"type":"%s"' % kind)), Server.RESULT)

            actions = (
                lambda: timed(lambda: ask_and_answer(calling, b"call"), 100),
                lambda: timed(lambda: ask_and_answer(awaiting, b"call"), 100),
                lambda: timed(lambda: ask_and_answer(asking, b"input"), 100),
            )
            in_turns(5, *actions)
            figures = in_turns(self.fewer(50, 10), *actions)
        ours, awaited, beside = map(statistics.median, figures)
        self.show_ratio("host.f() answered at once, p50, one core", ours, beside, "input()", micro, 1.1)
        self.show_ratio("await host.f(), the same", awaited, beside, "input()", micro)

    def gather(self):
        count = 1000
        line = execute_line(f"len(await asyncio.gather(*(host.af(n) for n in range({count}))))")

        def once(server):
            os.write(server.stdin, line)
            frames = server.read()
            while frames.count(b'"type":"call"') < count or frames[-1] != 10:
                frames += server.read()
            result = json.loads(server.ask(self.answers_to(frames), Server.RESULT).splitlines()[-1])
            assert result["value"] == count

        with self.server() as server:
            self.offer(server)
            times = timed(lambda: once(server), self.fewer(30, 10))
        each = statistics.median(times) / count
        self.show("1,000 calls in one gather, each", micro(each), "", "", "under 60 us", each < 60e-6)

    def calls(self):
        def many(server, count):
            os.write(server.stdin, execute_line(f"for n in range({count}): host.f(n)"))
            frames = server.read()
            for _ in range(count):
                while b'"type":"call"' not in frames or frames[-1] != 10:
                    frames += server.read()
                os.write(server.stdin, self.answers_to(frames))
                frames = server.read()
            while Server.RESULT not in frames:
                frames += server.read()

        count = self.fewer(100_000, 10_000)
        with one_core(), self.server() as server:
            self.offer(server)
            many(server, 2000)
            before = resident(server.pid)
            many(server, count)
            grown = resident(server.pid) - before
        self.show(f"{count:,} calls: memory grows by", mib(grown), "", "", "under 1 MiB", grown < MIB)

    def startup(self):
        def spawn_to_ready():
            start = time.perf_counter()
            with self.server():
                return [time.perf_counter() - start]

        def python_run():
            command = [self.python, "-c", "pass"]
            return timed(lambda: subprocess.run(command, stdin=subprocess.DEVNULL, env=ENVIRONMENT), 1)

        in_turns(2, spawn_to_ready, python_run)
        figures = in_turns(self.fewer(20, 8), spawn_to_ready, python_run)
        ours, beside = map(statistics.median, figures)
        self.show_ratio("spawn to ready", ours, beside, "python3 -c pass", milli, 1.1)

    def memory(self):
        def at_ready():
            with self.server() as server:
                time.sleep(0.3)
                return [resident(server.pid)]

        def waiting():
            with Process(self.python, "-c", "input()") as process:
                time.sleep(0.3)
                size = resident(process.pid)
                os.write(process.stdin, b"\n")
                return [size]

        ours, beside = map(statistics.median, in_turns(self.fewer(5, 3), at_ready, waiting))
        self.show(
            "resident memory at ready",
            mib(ours),
            f"{mib(beside)} python3 -c 'input()'",
            f"+{(ours - beside) / MIB:.1f}",
            "at most +4 MiB",
            ours - beside <= 4 * MIB,
        )

    def growth(self):
        self.grow("x = 1", self.fewer(1_000_000, 50_000))
        self.grow("def f(): pass", self.fewer(200_000, 20_000))

    def grow(self, code, count):
        line = execute_line(code)

        def executions(server, count):
            return timed(lambda: server.ask(line, Server.RESULT), count)

        with one_core(), self.server() as server:
            executions(server, 1000)
            before = resident(server.pid)
            executions(server, count - 2000)
            with self.server() as new:
                figures = in_turns(10, lambda: executions(server, 100), lambda: executions(new, 100))
            grown = resident(server.pid) - before
        last, first = map(statistics.median, figures)
        what = f"{count:,} x `{code}`"
        self.show(f"{what}: memory grows by", mib(grown), "", "", "under 2 MiB", grown < 2 * MIB)
        self.show_ratio(f"{what}: last 1,000, p50", last, first, "a new session's first", micro, 1.1)

    def loop(self):
        in_function = "def f(t):\n for i in range(10_000_000): t += i\nf(0)"
        at_top = "t = 0\nfor i in range(10_000_000): t += i"
        for where, code in (("in a function", in_function), ("at top level", at_top)):
            self.loop_of(where, f"import time\nstart = time.perf_counter()\n{code}\ntime.perf_counter() - start")

    def loop_of(self, where, code):
        *lines, last = code.splitlines()
        script = "\n".join([*lines, f"print({last})"])

        def alone(program):
            command = [program, "-c", script]
            return lambda: [float(subprocess.check_output(command, env=ENVIRONMENT))]

        # A new process each time on either side: how memory happens to lie makes a tenth of a difference.
        def ours():
            with self.server() as server:
                return [server.value(code)]

        turns = in_turns(self.fewer(9, 3), ours, alone(self.python), alone(self.bare))
        best, beside, bare = map(min, turns)
        what = f"10 million additions {where}, best"
        self.show_ratio(what, best, beside, "python3", milli, 1.05)
        self.show_ratio("  the same linked as replwire is, no server", bare, beside, "python3", milli)

    def idle(self):
        seconds = self.fewer(10, 3)
        with self.server() as server:
            server.execute("1+1")
            time.sleep(0.5)
            before = context_switches(server.pid)
            time.sleep(seconds)
            switches = context_switches(server.pid) - before
        self.show(f"context switches in {seconds} s idle", str(switches), "", "", "0", switches == 0)

    def inputs(self):
        right = 0
        with self.server() as server:
            for number in range(1000):
                server.ask(execute_line("input()"), b'"type":"input"')
                answer = f'{{"type":"input_response","data":"{number}"}}\n'.encode()
                right += json.loads(server.ask(answer, Server.RESULT).splitlines()[-1])["value"] == str(number)
        self.show("1,000 executions, each asking once: answered", str(right), "", "", "1000", right == 1000)

    def complete(self):
        many = "for n in range(10_000): globals()[f'name_{n}'] = n\ndef name_of(what, where=1): 'Says what.'"
        tables = "import numpy, pandas\ntable = pandas.DataFrame({'a': [1]})"
        for what, setup, code in (
            ("complete among 10,000 names", many, "name_o"),
            ("complete 5,000 of 10,000 names", many, "name_"),
            ("complete an attribute of numpy", tables, "numpy."),
            ("complete an attribute of a DataFrame", tables, "table."),
        ):
            self.inquire(what, setup, {"type": "complete", "code": code})
        for what, setup, code in (
            ("inspect among 10,000 names", many, "name_of("),
            ("inspect a function of numpy", tables, "numpy.linspace"),
            ("inspect a DataFrame", tables, "table"),
        ):
            self.inquire(what, setup, {"type": "inspect", "code": code})
        self.inquire("variables, a page of 10,000 names", many, {"type": "variables"})

    def inquire(self, what, setup, frame):
        line, mark = json.dumps({**frame, "id": "b"}).encode() + b"\n", frame["type"].encode() + b"_reply"
        status = b'{"type":"status","id":"b"}\n'
        with self.server() as server:
            server.execute(setup)
            first = timed(lambda: server.ask(line, mark), 1)[0]
            actions = (
                lambda: timed(lambda: server.ask(line, mark), 20),
                lambda: timed(lambda: server.ask(status, b'"status_reply"'), 20),
            )
            figures, beside = in_turns(self.fewer(50, 5), *actions)
        worst = percentile(figures, 99)
        texts = f"{milli(statistics.median(figures))} {milli(worst)}"
        self.show(f"{what}, p50 p99", texts, f"{milli(statistics.median(beside))} status", "", "p99 at most 100", worst <= 0.1)
        self.show("  the first one", milli(first), "", "", "at most 100 ms", first <= 0.1)

    def prints(self):
        count, text = 200_000, "x" * 32
        code, size = f"for i in range({count}): print('{text}')", count * 33
        script = f"import sys\nwhile sys.stdin.readline():\n for i in range({count}): print('{text}')\n sys.stdout.flush()"
        def ours():
            with self.server() as server:
                return self.flood(server, execute_line(code), size)

        def beside():
            with Process(self.python, "-c", script) as python:
                return self.plain_flood(python, size)

        # New processes each time: what their hash seeds do to a dict lookup is a tenth of the time.
        figures = in_turns(self.fewer(15, 5), ours, beside)
        self.show_ratio("200,000 prints of 32 bytes", *map(statistics.median, figures), "python3", milli, 1.0)

    @staticmethod
    def flood(server, line, size):
        def once():
            os.write(server.stdin, line)
            chunks.append(server.drain(Server.RESULT))

        chunks = []
        times = timed(once, 3)
        frames = map(json.loads, b"".join(chunks[0]).splitlines())
        if sum(len(frame["data"]) for frame in frames if frame["type"] == "output") != size:
            raise RuntimeError("output was lost")
        return times

    @staticmethod
    def plain_flood(python, size):
        def once():
            os.write(python.stdin, b"\n")
            received = 0
            while received < size:
                received += len(python.read())

        return timed(once, 3)

    def child(self):
        blocks = self.fewer(1_000_000_000, 200_000_000) // 65536
        size = blocks * 65536
        script = f"import os\nb = (b'x' * 63 + b'\\n') * 1024\nfor i in range({blocks}): os.write(1, b)"
        code = f"import subprocess\nsubprocess.run([{self.python!r}, '-c', {script!r}]).returncode"

        def beside():
            with subprocess.Popen([self.python, "-c", script], stdout=subprocess.PIPE) as child:
                subprocess.run(["cat"], stdin=child.stdout, stdout=subprocess.DEVNULL, check=True)

        with self.server() as server:
            self.require_capture(server)

            def ours():
                os.write(server.stdin, execute_line(code))
                received, tail = 0, b""
                while Server.RESULT not in tail or tail[-1] != 10:
                    chunk = server.read()
                    received += len(chunk)
                    tail = (tail + chunk[-4096:])[-4096:]
                if received < size:
                    raise RuntimeError("output was lost")

            figures = in_turns(3, lambda: timed(ours, 1), lambda: timed(beside, 1))
        rate, plain = (size / statistics.median(times) / 1e6 for times in figures)
        self.show(
            f"{size / 1e9:.1f} GB through fd 1 by a child",
            f"{rate:.0f} MB/s",
            f"{plain:.0f} MB/s child to cat",
            f"{rate / plain:.2f} x",
            "at least 0.5 x",
            rate / plain >= 0.5,
        )

    @staticmethod
    def require_capture(server):
        frames = server.execute("import os\nos.write(1, b'seen')")
        if not any(frame.get("data") == "seen" for frame in frames):
            raise RuntimeError("fd 1 is not captured by this version")

    def bigprint(self):
        size = 100_000_000
        with self.server() as server:
            server.execute(f"s = 'x' * {size}")
            before = resident(server.pid)
            forget_peak(server.pid)
            os.write(server.stdin, execute_line("print(s)"))
            server.drain(Server.RESULT)
            ours = peak(server.pid) - before
        script = f"s = 'x' * {size}\nprint('made', flush=True)\ninput()\nprint(s, flush=True)\ninput()"
        with Process(self.python, "-c", script) as python:
            python.read()
            before = resident(python.pid)
            forget_peak(python.pid)
            os.write(python.stdin, b"\n")
            received = 0
            while received <= size:
                received += len(python.read())
            beside = peak(python.pid) - before
            os.write(python.stdin, b"\n")
        self.show(
            "100 MB in one print: extra memory",
            mib(ours),
            f"{mib(beside)} python3",
            f"{ours / size:.2f} x",
            "at most 3 x size",
            ours <= 3 * size,
        )

    def firstbyte(self):
        count = self.fewer(250, 50)
        wait = "time.sleep(0.02)"
        spin = "end = time.monotonic() + 0.02\nwhile time.monotonic() < end: pass"
        stamp = "print(time.monotonic_ns(), end=' ', flush={})\n"
        script = f"import sys, time\nwhile sys.stdin.readline():\n {stamp.format(True)}"
        with self.server() as server, Process(self.python, "-c", script) as python:
            server.execute("import time")

            def ours(rest):
                data = server.ask(execute_line(stamp.format(False) + rest), b'"type":"output"')
                arrived = time.monotonic_ns()
                if Server.RESULT not in data:
                    server.drain(Server.RESULT)
                return [(arrived - int(json.loads(data.splitlines()[0])["data"])) / 1e9]

            def beside():
                os.write(python.stdin, b"\n")
                data = python.read()
                return [(time.monotonic_ns() - int(data)) / 1e9]

            waiting, spinning, flushed = in_turns(count, lambda: ours(wait), lambda: ours(spin), beside)
        latency = percentile(waiting + spinning, 99)
        beside = f"{milli(percentile(flushed, 99))} python3, flushed"
        self.show("first byte of a print, p99", milli(latency), beside, "", "at most 10 ms", latency <= 0.01)


    # Stopping: from the request to the terminal frame. `code` says `go` first.

    BLOCKED = {
        "a loop": "while True: pass",
        "time.sleep": "import time\ntime.sleep(60)",
        "input()": "input()",
        "socket.recv": "import socket\na, b = socket.socketpair()\na.recv(1)",
        "await asyncio.sleep": "import asyncio\nawait asyncio.sleep(60)",
        "subprocess.run": "import subprocess\nsubprocess.run(['sleep', '60'])",
    }

    def interrupt(self):
        stop, mark = b'{"type":"interrupt","execution_id":"b"}\n', b'"type":"error"'

        def once(server, code):
            server.ask(execute_line(f"print('go', end='')\n{code}"), b"go")
            time.sleep(0.01)  # until it is where it stays
            return timed(lambda: server.ask(stop, mark), 1)[0]

        for name, code in self.BLOCKED.items():
            p50, worst = (0.0005, 0.02) if name == "a loop" else (0.002, 0.05)
            with self.server() as server:
                once(server, code)
                times = [once(server, code) for _ in range(self.fewer(200, 20))]
            median, longest = statistics.median(times), max(times)
            self.show(
                f"interrupt of {name}, p50",
                milli(median),
                f"{milli(longest)} the worst",
                "",
                f"{milli(p50)}, {milli(worst)}",
                median <= p50 and longest <= worst,
            )

    def deadline(self):
        time_limit, late = 0.2, 0.05
        for name, code in {**self.BLOCKED, "sum(range(10**11))": "sum(range(10**11))"}.items():
            fields = {"timeout": time_limit, "grace": 0, "timeout_includes_input": True}
            line = execute_line(code, **fields)
            figures = []
            for _ in range(self.fewer(10, 3)):
                with self.server() as server:
                    server.execute("import asyncio, socket, subprocess, time")
                    start = time.perf_counter()
                    os.write(server.stdin, line)
                    server.drain(b'"type":"stuck"' if "range" in name else b'"type":"error"')
                    figures.append(time.perf_counter() - start)
                    server.popen.kill()
            worst = max(figures, key=lambda seconds: abs(seconds - time_limit))
            self.show(
                f"deadline of 200 ms on {name}, worst",
                milli(worst),
                f"{milli(statistics.median(figures))} the median",
                "",
                "within 50 ms",
                abs(worst - time_limit) <= late,
            )


TABLES = {
    "A session over pipes": ("roundtrip", "input", "call", "gather", "calls", "startup", "memory", "growth", "loop", "idle", "inputs"),
    "Questions about code": ("complete",),
    "Output": ("prints", "child", "bigprint", "firstbyte"),
    "Stopping": ("interrupt", "deadline"),
    "Surviving": ("survival", "back_to_back", "snapshot", "death", "undo", "crashes"),
    "Branches": ("branch", "branches", "branch_runs", "many_branches", "programs"),
}


def parse_arguments():
    rows = [row for table in TABLES.values() for row in table]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"what to measure (all): {', '.join(rows)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a look, not a measurement")
    parser.add_argument("--build", default="build", help="where replwire was built")
    arguments = parser.parse_args()
    for row in arguments.rows:
        if row not in rows:
            parser.error(f"no such row: {row}; there are {', '.join(rows)}")
    arguments.rows = arguments.rows or rows
    return arguments


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())


def out_of_time(*_):
    raise TimeoutError(f"not done after {ROW_SECONDS} s")


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGALRM, out_of_time)
    bench = Bench(arguments.build, arguments.quick)
    server, python = bench.ready["server"], bench.ready["python"]
    print(f"{server['name']} {server['version']}, Python {python['version'].split()[0]} ({bench.python})")
    print(f"{cpu_name()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}{', quick' * arguments.quick}")
    for title, rows in TABLES.items():
        chosen = [row for row in rows if row in arguments.rows]
        if chosen:
            bench.header(title)
        for row in chosen:
            signal.alarm(ROW_SECONDS)
            try:
                getattr(bench, row)()
            except Exception as error:  # One row that fails must not cost the others.
                bench.show(row, "failed", str(error)[:200], fine=False)
            finally:
                signal.alarm(0)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
