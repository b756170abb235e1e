"""The Jupyter kernel beside ipykernel, each figure with its yardstick."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from jupyter_client.manager import KernelManager

KERNELS = {"replwire": "replwire-test", f"ipykernel {importlib.metadata.version('ipykernel')}": "python3"}
STARTS, TRIPS, STOPS = 5, 100, 7


class Kernel:
    def __init__(self, name: str) -> None:
        begun = time.perf_counter()
        self._manager = KernelManager(kernel_name=name)
        self._manager.start_kernel(stderr=-3)
        self._client: Any = self._manager.client()
        self._client.start_channels()
        while True:  # the first request may come before the kernel listens
            id = self._client.kernel_info()
            if self._reply(id):
                break
        self.start = time.perf_counter() - begun
        self._client.wait_for_ready(timeout=60)

    def _reply(self, id: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = self._client.get_shell_msg(timeout=60)
            if message["parent_header"].get("msg_id") == id:
                return message

    def begin(self, code: str) -> str:
        return str(self._client.execute(code))

    def until(self, id: str, kind: str) -> None:
        """Until something of this kind, or its idle state, is published for it."""
        while True:
            message = self._client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") == id:
                state = message["content"].get("execution_state")
                if message["msg_type"] == kind or state == kind:
                    return

    def run(self, code: str) -> float:
        begun = time.perf_counter()
        id = self.begin(code)
        self.until(id, "idle")
        took = time.perf_counter() - begun
        self._reply(id)
        return took

    def stop_a_loop(self) -> float:
        id = self.begin("print('runs')\nwhile True: pass")
        self.until(id, "stream")
        begun = time.perf_counter()
        self._manager.interrupt_kernel()
        self.until(id, "idle")
        took = time.perf_counter() - begun
        self._reply(id)
        return took

    def crash(self) -> float:
        """From the signal to a value that was there before."""
        self.run("kept = 1")
        begun = time.perf_counter()
        self.run("import os; os.kill(os.getpid(), 11)")
        self.run("assert kept == 1")
        return time.perf_counter() - begun

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def measured(name: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    starts = []
    for _ in range(STARTS):
        kernel = Kernel(name)
        starts.append(kernel.start)
        kernel.close()
    figures["start to kernel_info_reply"] = median(starts)
    kernel = Kernel(name)

    def repeat(times: int, act: Callable[[], float]) -> float:
        return median(act() for _ in range(times))

    repeat(10, lambda: kernel.run("1+1"))
    figures["1+1, request to idle"] = repeat(TRIPS, lambda: kernel.run("1+1"))
    figures["200,000 prints"] = kernel.run("for n in range(200_000): print(n)")
    figures["interrupt of a loop"] = repeat(STOPS, kernel.stop_a_loop)
    if name != "python3":
        figures["segfault to an answer"] = repeat(STOPS, kernel.crash)
    kernel.close()
    return figures


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors, ms")
    columns = {title: measured(name) for title, name in KERNELS.items()}
    print(f"{'':30}" + "".join(f"{title:>18}" for title in columns))
    for row in next(iter(columns.values())):
        cells = (f"{each[row] * 1e3:18.2f}" if row in each else f"{'never':>18}" for each in columns.values())
        print(f"{row:30}{''.join(cells)}")


if __name__ == "__main__":
    sys.exit(main())
