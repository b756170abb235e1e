"""What front ends and editors ask of an execution, and messages of comms."""

from __future__ import annotations

import asyncio

from replwire import Session, frames, sync


def test_options_of_execute(blocking: sync.Session) -> None:
    result = blocking.execute(
        "  x = 2\n  [x, __name__]",
        dedent=True,
        name="buffer",
        store_history=False,
        expressions={"double": "x * 2", "missing": "y"},
    )
    assert result.value == [2, "buffer"]
    assert result.execution_count is None
    assert result.frame.expressions is not None
    assert result.frame.expressions["double"].value == 4
    assert result.frame.expressions["missing"].exception_type == "NameError"


def test_events_of_an_execution(blocking: sync.Session) -> None:
    stream = blocking.stream("'a'\n'b'", notify_start=True, values="all")
    kinds = [each.type for each in stream]
    assert kinds[:2] == ["started", "value"]


def test_places(blocking: sync.Session) -> None:
    blocking.execute("def f(a): pass\ndata = {'x': [1]}", filename="a.py")
    reply = blocking.inspect("f(")
    assert reply.definition == frames.Definition("a.py", 1)
    assert reply.signatures is not None
    assert reply.signatures[0].label == "f(a)"
    assert blocking.variables(path=["data", "x"]).variables[0].repr == "1"
    assert isinstance(blocking.resize(100, 40), frames.ResizeReply)


async def test_comms() -> None:
    events: asyncio.Queue[frames.Event] = asyncio.Queue()
    async with Session(on_event=events.put_nowait) as session:
        session.comm("comm_open", "c", {"a": 1}, target_name="nobody", buffers=[b"x"], id="open")
        closed, done = await events.get(), await events.get()
        assert isinstance(closed, frames.CommCloseEvent)
        assert (closed.comm_id, closed.execution_id) == ("c", "open")
        assert isinstance(done, frames.Result)


def test_comms_blocking() -> None:
    events: list[frames.Event] = []
    with sync.Session(on_event=events.append) as session:
        session.comm("comm_open", "c", {}, target_name="nobody")
        session.comm("comm_msg", "c", {})
        assert session.execute("1").value == 1
    assert [each.type for each in events] == ["comm_close"]
