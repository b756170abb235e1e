#!/usr/bin/env python3
"""What the client adds to a round trip, how fast a pool gives, and what 200 sessions cost.

bench.py [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from replwire import Pool, Session, process, sync

Samples = list[float]


def show(what: str, samples: Samples) -> None:
    ordered = sorted(samples)
    p50, p99 = (ordered[int(len(ordered) * part)] * 1e6 for part in (0.5, 0.99))
    print(f"{what:44} p50 {p50:8.1f} µs   p99 {p99:8.1f} µs   ({len(samples)} times)", flush=True)


def timed(work: Callable[[], object], count: int) -> Samples:
    samples = []
    for _ in range(count):
        begun = time.perf_counter()
        work()
        samples.append(time.perf_counter() - begun)
    return samples


class Raw:
    """The yardstick: write a line, read lines until the result, and parse that."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(process.find_server(), stdin=pipe, stdout=pipe, bufsize=0)
        assert self.server.stdin and self.server.stdout
        self.input = self.server.stdin
        self.output = os.fdopen(os.dup(self.server.stdout.fileno()), "rb")
        self.output.readline()

    def execute(self) -> None:
        self.input.write(b'{"type":"execute","id":1,"code":"1+1"}\n')
        while json.loads(self.output.readline())["type"] != "result":
            pass

    def close(self) -> None:
        self.input.close()
        self.server.wait()


async def asyncio_raw(count: int) -> Samples:
    """The same on asyncio's own subprocess streams."""
    pipe = subprocess.PIPE
    server = await asyncio.create_subprocess_exec(*process.find_server(), stdin=pipe, stdout=pipe)
    assert server.stdin and server.stdout
    await server.stdout.readline()
    samples = []
    for _ in range(count):
        begun = time.perf_counter()
        server.stdin.write(b'{"type":"execute","id":1,"code":"1+1"}\n')
        while json.loads(await server.stdout.readline())["type"] != "result":
            pass
        samples.append(time.perf_counter() - begun)
    server.stdin.close()
    await server.wait()
    return samples


async def asyncio_session(session: Session, count: int) -> Samples:
    samples = []
    for _ in range(count):
        begun = time.perf_counter()
        await session.execute("1+1")
        samples.append(time.perf_counter() - begun)
    return samples


async def founding_case() -> Samples:
    samples = []
    async with Session() as session:
        for _ in range(300):
            begun = time.perf_counter()
            await session.execute("name = input('Name: ')", on_input=["Alice"])
            await session.execute("age = input('Age: ')", on_input=["30"])
            result = await session.execute("f'{name} is {age}'")
            samples.append(time.perf_counter() - begun)
            assert result.value == "Alice is 30"
    return samples


async def one_round(rows: dict[str, Samples], count: int) -> None:
    """Fresh servers each time: where the system places them decides as much as the code does."""
    raw = Raw()
    with sync.Session() as blocking:
        async with Session() as session:
            for _ in range(5):
                batches = {
                    "line": timed(raw.execute, count),
                    "sync": timed(lambda: blocking.execute("1+1"), count),
                    "streams": await asyncio_raw(count),
                    "asyncio": await asyncio_session(session, count),
                }
                for name, batch in batches.items():
                    rows.setdefault(name, []).append(statistics.median(batch) * 1e6)
    raw.close()


async def round_trips(rounds: int) -> None:
    rows: dict[str, Samples] = {}
    for _ in range(rounds):
        await one_round(rows, 200)
    names = {
        "line": "raw loop: write a line, read a line",
        "sync": "replwire.sync.Session.execute",
        "streams": "raw loop on asyncio's subprocess streams",
        "asyncio": "replwire.Session.execute",
    }
    print(f"`1+1`, medians of {5 * rounds} batches of 200, from the best batch on")
    for name, what in names.items():
        ordered = sorted(rows[name])
        best, quarter, half = (ordered[int(len(ordered) * part)] for part in (0, 0.25, 0.5))
        print(f"{what:44} best {best:6.1f}   quarter {quarter:6.1f}   half {half:6.1f} µs")


def pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


async def warm_acquire(sessions: int) -> None:
    samples = []
    async with Pool(min_idle=sessions, max_sessions=sessions, recycle_after=None) as pool:
        for _ in range(10):
            members = []
            for _ in range(sessions):
                begun = time.perf_counter()
                members.append(await pool.take())
                samples.append(time.perf_counter() - begun)
            for member in members:
                pool.give_back(member)
            while pool.info().idle < sessions:
                await asyncio.sleep(0.01)
    show("warm acquire", samples)


async def many(sessions: int) -> None:
    begun = time.perf_counter()
    async with Pool(min_idle=sessions, max_sessions=sessions, recycle_after=None) as pool:
        started = time.perf_counter() - begun
        members = [await pool.take() for _ in range(sessions)]
        await asyncio.gather(*(each.session.execute("1+1") for each in members))
        memory = sum(pss(each.session.ready.pid) for each in members)
        begun = time.perf_counter()
    closed = time.perf_counter() - begun
    each = f"{started / sessions * 1e3:.1f} ms and {memory / sessions / 2**20:.1f} MiB each"
    print(f"{sessions} sessions in a pool: warm after {started:.2f} s, ", end="")
    print(f"PSS {memory / 2**20:.0f} MiB in all ({each}), closed in {closed:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    asyncio.run(round_trips(3 if quick else 20))
    show("the founding case, three executes, two inputs", asyncio.run(founding_case()))
    asyncio.run(warm_acquire(20))
    asyncio.run(many(20 if quick else 200))


if __name__ == "__main__":
    main()
