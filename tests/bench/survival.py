"""Rows on --survive."""

import json
import os
import statistics
import time

from measure import MIB, Server, execute_line, in_turns, mib, micro, milli, one_core

PAUSE = 0.002  # of a client that thinks
KILL = execute_line("import os; os.kill(os.getpid(), 11)")
ERROR = b'"type":"error"'


def request(kind, **fields):
    return json.dumps({"type": kind, "id": "r", **fields}, separators=(",", ":")).encode() + b"\n"


def timed_with_pauses(action, count, pause=PAUSE):
    times = []
    for _ in range(count):
        time.sleep(pause)
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return times


def processes_below(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(child) for child in children.read().split()]


class Survival:
    def surviving(self, *arguments):
        return Server(self.program, "--survive", *arguments)

    def survival(self):
        line, mark = execute_line("1+1"), Server.RESULT
        with (
            one_core(),
            self.surviving() as safe,
            self.surviving("--survive-level", "fast") as fast,
            self.server() as plain,
        ):
            programs = [lambda p=p: timed_with_pauses(lambda: p.ask(line, mark), 50) for p in (safe, fast, plain)]
            in_turns(2, *programs)
            figures = in_turns(self.fewer(40, 5), *programs)
        safe, fast, beside = map(statistics.median, figures)
        self.show("1+1 with --survive, pauses of 2 ms, one core", micro(safe), bound="below 1.5 ms", fine=safe < 0.0015)
        self.show_ratio("the same with --survive-level fast", fast, beside, "without", micro, 1.6)
        with self.surviving() as server:  # what waits for all processors to be quiet shows behind long pauses only
            server.execute("import tempfile; file = tempfile.TemporaryFile()")
            typed = statistics.median(timed_with_pauses(lambda: server.ask(line, mark), self.fewer(60, 10), 0.05))
        self.show("1+1 with --survive and a file, pauses of 50 ms", micro(typed), bound="below 3 ms", fine=typed < 0.003)

    def snapshot(self):
        count = self.fewer(200, 20)
        with self.surviving() as server:
            self.snapshot_row(server, "snapshot, bare", count, 0.0015)
            memory = json.loads(server.ask(request("checkpoints"), b"checkpoints_reply"))["checkpoints"][-1]["memory"]
            self.show("memory of the newest, untouched", mib(memory), bound="below 2 MiB", fine=memory < 2 * MIB)
        with self.surviving() as server:
            server.execute("big = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): big[i] = 1")
            time.sleep(0.5)
            self.snapshot_row(server, "snapshot, 1 GiB resident", self.fewer(20, 5), 0.030)

    def snapshot_row(self, server, what, count, most):
        times = timed_with_pauses(lambda: server.ask(request("checkpoint"), b"checkpoint_reply"), count)
        median = statistics.median(times)
        bound = f"p50 {milli(most)}"
        self.show(what, milli(median), f"worst {milli(max(times))}", bound=bound, fine=median <= most)

    def death(self):
        with self.surviving() as server:
            times = timed_with_pauses(lambda: server.ask(KILL, ERROR), self.fewer(200, 20))
        median, worst = statistics.median(times), max(times)
        fine = median <= 0.005 and worst <= 0.050
        self.show("SIGSEGV to `error`, p50", milli(median), f"worst {milli(worst)}", bound="5 ms, 50 ms", fine=fine)

    def undo(self):
        times = {"undo": [], "restore": []}
        with self.surviving() as server:
            reply = json.loads(server.ask(request("checkpoint"), b"checkpoint_reply"))
            for _ in range(self.fewer(100, 10)):
                server.execute("x = 1")
                requests = {"undo": request("undo"), "restore": request("restore", checkpoint_id=reply["checkpoint_id"])}
                for kind, line in requests.items():
                    times[kind] += timed_with_pauses(lambda: server.ask(line, kind.encode() + b"_reply"), 1)
        for kind, figures in times.items():
            median = statistics.median(figures)
            self.show(f"{kind}, bare, p50", milli(median), f"worst {milli(max(figures))}", bound="5 ms", fine=median <= 0.005)

    def crashes(self):
        count = self.fewer(1000, 100)
        with self.surviving() as server:
            for _ in range(3):
                server.execute("kept = {'a': [1, 2]}")
            before = self.traces(server)
            for n in range(count):
                server.ask(KILL, ERROR)
                assert server.value("kept") == {"a": [1, 2]}, n
            after = self.traces(server)
        self.show_traces(f"{count} crashes: what the server holds", before, after)

    def show_traces(self, what, before, after):
        same = before[:2] == after[:2] and after[2] - before[2] < 4 * MIB
        shown = [f"{files} fds, {processes} processes, {mib(memory)}" for files, processes, memory in (before, after)]
        self.show(what, "as before" if same else "MORE", " -> ".join(shown), fine=same)

    def traces(self, server):
        time.sleep(0.2)
        status = json.loads(server.ask(request("status"), b"status_reply"))
        with open(f"/proc/{server.pid}/statm") as statm:
            memory = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert status["state"] == "idle"
        return len(os.listdir(f"/proc/{server.pid}/fd")), len(processes_below(server.pid)), memory
