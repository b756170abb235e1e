"""The server that the tests talk to: `REPLWIRE`, else what scripts/build left."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import pytest_asyncio

import replwire
from replwire import sync

ROOT = Path(__file__).resolve().parents[3]
# An installed package is a plugin already.
installed = any(each.value == "replwire.pytest_plugin" for each in entry_points(group="pytest11"))
pytest_plugins = ["pytester", *([] if installed else ["replwire.pytest_plugin"])]
# Who is started in the background by a shell ignores it, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("REPLWIRE", str(ROOT / "build" / "replwire"))


@pytest_asyncio.fixture
async def session() -> AsyncIterator[replwire.Session]:
    async with replwire.Session() as session:
        yield session


@pytest.fixture
def blocking() -> Iterator[sync.Session]:
    with sync.Session() as session:
        yield session
