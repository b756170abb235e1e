"""Rows on branches."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import MIB, Server, execute_line, in_turns, mib, micro, milli, one_core, timed
from survival import PAUSE, request, timed_with_pauses

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
sys.path.append(str(CLIENT / "tests"))
import students

TABLES = "import numpy, pandas"
BRANCH = request("branch")
ADD = execute_line("1+1")


def seconds(time_taken):
    return f"{time_taken:.2f} s"


def branch(server):
    """The name of a new one."""
    return json.loads(server.ask(BRANCH, b"branch_reply"))["session"]


def close(server, name):
    server.ask(request("close", session=name), b"close_reply")


class Branches:
    def branch(self):
        opened = []
        with self.surviving() as server:

            def once():
                opened.append(branch(server))

            times = []
            for _ in range(self.fewer(200, 20)):
                times += timed_with_pauses(once, 1)
                close(server, opened.pop())
        median = statistics.median(times)
        fine = median <= 0.0015
        self.show("branch to branch_reply, bare, p50", milli(median), f"worst {milli(max(times))}", bound="1.5 ms", fine=fine)

    def branches(self):
        """100 sessions with numpy and pandas: branches, and processes that import them."""
        count, fewer = 100, self.fewer(10, 3)
        with self.surviving("--sessions", str(count + 1)) as server:
            if not self.has_tables(server):
                return
            time.sleep(0.2)
            start = time.perf_counter()
            os.write(server.stdin, BRANCH * count)
            self.await_frames(server, b'"branch_reply"', count)
            branched = time.perf_counter() - start
            listed = json.loads(server.ask(request("sessions"), b"sessions_reply"))["sessions"]
            sizes = [each["memory"] for each in listed if each["session"] is not None]
        start = time.perf_counter()
        fresh = [self.server() for _ in range(fewer)]
        for each in fresh:
            os.write(each.stdin, execute_line(TABLES))
        for each in fresh:
            self.await_frames(each, Server.RESULT, 1)
        imported = (time.perf_counter() - start) * count / fewer
        for each in fresh:
            each.__exit__(None, None, None)
        what = f"{count} branches with numpy and pandas"
        self.show(what, seconds(branched), bound="0.3 s", fine=branched <= 0.3)
        what = f"  as many new processes, from {fewer} at once"
        self.show(what, "", seconds(imported), f"{imported / branched:.0f} x")
        median = statistics.median(sizes)
        what = "  proportional memory of one, untouched"
        self.show(what, mib(median), f"{mib(max(sizes))} the largest", bound="below 1.5 MiB", fine=median < 1.5 * MIB)

    def has_tables(self, server):
        try:
            server.execute(TABLES)
        except RuntimeError:
            print(f"left out: {self.python} has no numpy and pandas")
            return False
        return True

    @staticmethod
    def await_frames(server, mark, count):
        data = b""
        while data.count(mark) < count or data[-1] != 10:
            data += server.read()
        return data

    def branch_runs(self):
        """In a branch, for the first time and later, and in the first session; a client that thinks, one core."""
        first, later, beside = [], [], []
        with one_core(), self.surviving() as server:
            for _ in range(self.fewer(40, 8)):
                name = branch(server)
                line = execute_line("1+1", session=name)
                first += timed_with_pauses(lambda line=line: server.ask(line, Server.RESULT), 1)
                later += timed_with_pauses(lambda line=line: server.ask(line, Server.RESULT), 10)
                beside += timed_with_pauses(lambda: server.ask(ADD, Server.RESULT), 10)
                close(server, name)
                time.sleep(PAUSE)
        first, later, beside = map(statistics.median, (first, later, beside))
        self.show_ratio("1+1 in a branch, the first time", first, beside, "first session", micro, 1.5)
        self.show_ratio("1+1 in a branch, later", later, beside, "first session", micro, 1.1)

    def back_to_back(self):
        with one_core(), self.surviving() as safe, self.server() as plain:
            programs = [lambda p=p: timed(lambda: p.ask(ADD, Server.RESULT), 100) for p in (safe, plain)]
            in_turns(2, *programs)
            safe, plain = map(statistics.median, in_turns(self.fewer(40, 5), *programs))
        self.show_ratio("1+1 back to back with --survive, one core", safe, plain, "without", micro, 8)

    def many_branches(self):
        count = self.fewer(10_000, 300)
        with self.surviving() as server:
            for _ in range(50):
                close(server, branch(server))
            before = self.traces(server)
            for _ in range(count):
                close(server, branch(server))
            self.show_traces(f"{count:,} branches opened and closed", before, self.traces(server))

    def programs(self):
        """Those of students, through replwire-transcript."""
        count = self.fewer(200, 40)
        with self.server() as server:
            setup = students.SETUP if not self.has_tables(server) else f"{TABLES}\n{students.SETUP}"
        (from_one, wrong), (fresh, wrong_fresh) = (self.graded(count, setup, alone) for alone in (False, True))
        for each in wrong + wrong_fresh:
            print(each)
        beside = f"{seconds(fresh)} processes"
        self.show(f"{count} programs from one state", seconds(from_one), beside, f"{fresh / from_one:.1f} x")
        right = count - len(wrong)
        self.show("  verdicts that are right", f"{right}", f"{count - len(wrong_fresh)} processes", "", f"{count}", right == count)

    def graded(self, count, setup, alone):
        command = [sys.executable, "-m", "replwire.transcript", "run", "task.replwire", "--with", "s/*/", "--json", "-"]
        command += ["--jobs", "4", "--timeout", "2", *(["--setup", "setup.py"] if not alone else [])]
        environment = {**os.environ, "PYTHONPATH": str(CLIENT / "src"), "REPLWIRE": os.path.abspath(self.program)}
        with tempfile.TemporaryDirectory() as folder:
            kinds = students.hand_in(Path(folder), 19, count, setup, alone)
            start = time.perf_counter()
            told = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            taken = time.perf_counter() - start
        return taken, students.misjudged(kinds, json.loads(told.stdout))
