from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CLIENT_TESTS = Path(__file__).resolve().parents[2] / "clients" / "python" / "tests"
sys.path.append(str(CLIENT_TESTS))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from kernels import Kernel  # noqa: PLC0415  # its folder is on the path by now

    made = Kernel("--python", sys.prefix, state=tmp_path_factory.mktemp("state"))
    yield made
    made.close()
