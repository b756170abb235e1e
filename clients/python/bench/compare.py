"""The figures of README's table: a start and a round trip, in replwire and elsewhere.

--quick: a few of each, to see that it works.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jupyter_client

from replwire import sync

STARTS, TRIPS = (1, 5) if "--quick" in sys.argv[1:] else (7, 200)


class Replwire:
    name = "replwire"
    args: tuple[str, ...] = ()

    def start(self) -> None:
        self._session = sync.Session(args=["--python", sys.executable, *self.args]).start()

    def run(self) -> None:
        assert self._session.execute("1+1").value == 2

    def stop(self) -> None:
        self._session.close()


class Surviving(Replwire):
    name = "replwire --survive"
    args = ("--survive",)


class Ipykernel:
    name = f"ipykernel {importlib.metadata.version('ipykernel')}"

    def start(self) -> None:
        made: Any = jupyter_client.manager.start_new_kernel(kernel_name="python3")
        self._manager, self._client = made

    def run(self) -> None:
        reply = self._client.execute_interactive("1+1", output_hook=lambda _: None)
        assert reply["content"]["status"] == "ok"

    def stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


class Interactive:
    name = "python3 -i"

    def start(self) -> None:
        pipe = subprocess.PIPE
        line = [sys.executable, "-i", "-q", "-u"]
        self._child = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self.run()

    def run(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(b"1+1\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == b"2\n"

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()


def timed(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def main() -> None:
    processors = os.cpu_count()
    print(f"Python {platform.python_version()}, {platform.machine()}, {processors} processors")
    print(f"{'':24}{'start, ms':>12}{'1+1, ms':>12}")
    for make in (Replwire, Surviving, Ipykernel, Interactive):
        starts, trips = [], []
        for _ in range(STARTS):
            peer = make()
            starts.append(timed(peer.start))
            trips += [timed(peer.run) for _ in range(TRIPS // STARTS)]
            peer.stop()
        print(f"{make.name:24}{median(starts) * 1e3:12.1f}{median(trips) * 1e3:12.2f}")


if __name__ == "__main__":
    main()
