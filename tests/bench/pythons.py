"""Measures sessions in each Python, and both ways into the one that replwire holds, beside that Python alone.

The start is from spawn to `ready` against `python3 -c pass`.
"""

import os
import statistics
import subprocess
import sys
import time

from bench import ENVIRONMENT, Server, execute_line, in_turns, one_core, timed

LOOP = """\
import time
def loop():
    total = 0
    for n in range(3_000_000):
        total += n & 7
    return total
start = time.perf_counter()
loop()
took = time.perf_counter() - start
"""


class Session(Server):
    def __init__(self, *command):
        super(Server, self).__init__(*command)
        while self.read()[-1] != 10:
            pass


def starts(command, interpreter, count):
    def spawn_to_ready():
        start = time.perf_counter()
        with Session(*command):
            return [time.perf_counter() - start]

    def alone():
        run = [interpreter, "-c", "pass"]
        return timed(lambda: subprocess.run(run, stdin=subprocess.DEVNULL, env=ENVIRONMENT), 1)

    in_turns(2, spawn_to_ready, alone)
    return map(statistics.median, in_turns(count, spawn_to_ready, alone))


def round_trip(command, count):
    line = execute_line("1+1")
    with one_core(), Session(*command) as server:
        timed(lambda: server.ask(line, Server.RESULT), 500)
        return statistics.median(timed(lambda: server.ask(line, Server.RESULT), count * 50))


def loops(command, interpreter, count):
    def ours():
        with Session(*command) as server:
            return [server.value(LOOP + "took")]

    def alone():
        return [float(subprocess.check_output([interpreter, "-c", LOOP + "print(took)"], env=ENVIRONMENT))]

    return map(min, in_turns(count, ours, alone))


def measure(name, command, interpreter, quick):
    ready, alone = starts(command, interpreter, 10 if quick else 60)
    trip = round_trip(command, 10 if quick else 60)
    loop, loop_alone = loops(command, interpreter, 3 if quick else 12)
    print(
        f"{name:<44} | {ready * 1e3:5.1f} ms, {ready / alone:.2f} x | {trip * 1e6:6.1f} us |"
        f" {loop * 1e3:6.1f} ms, {loop / loop_alone:.2f} x",
        flush=True,
    )


def main(program, *interpreters):
    quick = bool(os.environ.get("QUICK"))
    print(f"{'':<44} | {'start':<15} | {'1+1':<9} | loop in a function")
    measure("embedded", [program, "--prefer", "embedded", "--python", interpreters[0]], interpreters[0], quick)
    for interpreter in interpreters:
        measure(interpreter, [program, "--python", interpreter], interpreter, quick)


main(*sys.argv[1:])
