"""--survive with libraries that have threads, locks and connections of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = os.environ.get("REPLWIRE", str(Path(__file__).parents[2] / "build" / "replwire"))


class Session:
    def __init__(self, python: str = sys.executable, *options: str) -> None:
        command = [PROGRAM, "--python", python, *(options or ["--survive"])]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.number = 0
        self.lost: list[str] = []

    def execute(self, code: str) -> dict:
        """The terminal frame. What hangs is an error by its deadline."""
        self.number += 1
        frame = {"type": "execute", "id": self.number, "code": code, "timeout": 60, "grace": 1}
        self.process.stdin.write(json.dumps(frame) + "\n")
        self.process.stdin.flush()
        while True:
            frame = json.loads(self.process.stdout.readline())
            if frame["type"] == "restored":
                self.lost = frame["lost_threads"]
            if frame["type"] in ("result", "error") and frame["execution_id"] == self.number:
                return frame

    def value(self, code: str) -> object:
        frame = self.execute(code)
        assert frame["type"] == "result", frame
        return frame.get("value")

    def request(self, kind: str, **fields: object) -> dict:
        self.process.stdin.write(json.dumps({"type": kind, "id": kind, **fields}) + "\n")
        self.process.stdin.flush()
        while True:
            frame = json.loads(self.process.stdout.readline())
            if frame.get("id") == kind and frame["type"] != "progress":
                return frame

    def save(self, file: Path, names: set[str]) -> None:
        reply = self.request("save", path=str(file), names=sorted(names))
        assert reply["type"] == "save_reply" and set(reply["saved"]) == names, reply

    def load(self, file: Path) -> None:
        reply = self.request("load", path=str(file))
        assert reply["type"] == "load_reply", reply

    def crash(self) -> None:
        frame = self.execute("import os; os.abort()")
        assert frame["reason"] == "crash" and frame["restored"], frame


@pytest.fixture
def session():
    session = Session()
    yield session
    session.process.stdin.close()
    session.process.stdout.read()
    assert session.process.wait(60) == 0


def test_grpc_runs_on_behind_snapshots(session):
    session.value(
        "import grpc, concurrent.futures as futures\n"
        "server = grpc.server(futures.ThreadPoolExecutor(2))\n"
        "port = server.add_insecure_port('127.0.0.1:0')\n"
        "server.start()\n"
        "def connect():\n"
        "    channel = grpc.insecure_channel(f'127.0.0.1:{port}')\n"
        "    grpc.channel_ready_future(channel).result(20)\n"
        "    return channel\n"
        "channel = connect()"
    )
    assert [session.value(str(number)) for number in range(5)] == list(range(5))
    session.value("another = connect()")


FITS = (
    "import numpy as np\n"
    "from sklearn.ensemble import HistGradientBoostingClassifier as Classifier\n"
    "x = np.random.rand(2000, 5)\n"
    "y = (x[:, 0] > 0.5).astype(int)\n"
    "def use(): return bool(Classifier(max_iter=5).fit(x, y).score(x, y) > 0.9)"
)
MULTIPLIES = "import numpy as np\na = np.ones((800, 800))\ndef use(): return bool((a @ a)[0, 0] == 800)"
LOOPS = (
    "import numba\n"
    "@numba.njit(parallel=True)\n"
    "def add(n):\n"
    "    total = 0\n"
    "    for i in numba.prange(n): total += i\n"
    "    return total\n"
    "def use(): return add(1000) == 499500"
)


@pytest.mark.parametrize("code", [FITS, MULTIPLIES, LOOPS], ids=["sklearn", "openblas", "numba"])
def test_a_pool_of_threads_is_made_anew(session, code):
    session.value(code)
    assert session.value("use()") is True
    for _ in range(2):
        session.crash()
        assert session.value("use()") is True


def test_a_pool_that_cannot_be_made_anew_is_told(session):
    session.value(
        "import polars\n"
        "frame = polars.DataFrame({'a': list(range(1000)) * 100, 'b': [1.0] * 100000})\n"
        "def use(): return frame.lazy().group_by('a').agg(polars.col('b').sum()).collect().height"
    )
    assert session.value("use()") == 1000
    session.crash()
    assert any("polars" in name for name in session.lost), session.lost
    frame = session.execute("use()")
    assert frame["type"] == "error" and frame["reason"] == "crash", frame
    assert "polars" in frame["exception_message"] and frame["execution_time"] < 20, frame
    assert session.value("1 + 1") == 2


def test_a_closed_file_of_hdf5_is_opened_again(session):
    session.value(
        "import h5py, tempfile\n"
        "name = tempfile.mktemp()\n"
        "file = h5py.File(name, 'w')\n"
        "file['a'] = 1"
    )
    assert session.value("file.close(); file = h5py.File(name, 'r+'); int(file['a'][()])") == 1
    session.crash()
    assert session.value("int(file['a'][()])") == 1
    assert session.value("file.close(); file = h5py.File(name, 'r+'); int(file['a'][()])") == 1


def test_executors_go_on(session):
    session.value(
        "import asyncio\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2)\n"
        "x = pool.submit(abs, -1).result(), await asyncio.to_thread(abs, -1)"
    )
    session.crash()
    assert session.value("await asyncio.to_thread(abs, -2)") == 2
    assert session.value("pool.submit(abs, -3).result()") == 3
