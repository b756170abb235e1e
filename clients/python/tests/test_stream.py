from __future__ import annotations

import asyncio

import pytest

from replwire import ExecutionError, Session, UnansweredInput, frames, sync


async def test_events_are_typed_and_in_order(session: Session) -> None:
    stream = session.stream("print('a')\ndisplay(1)\nclear_output()\n'end'")
    events = [event async for event in stream]
    assert [type(event) for event in events] == [
        frames.Output,
        frames.Display,
        frames.ClearOutput,
        frames.Result,
    ]
    assert all(event.execution_id == stream.id for event in events)  # type: ignore[union-attr]


async def test_an_error_is_the_last_event(session: Session) -> None:
    events = [event async for event in session.stream("1/0")]
    assert isinstance(events[-1], frames.Error)
    assert events[-1].exception_type == "ZeroDivisionError"


async def test_the_program_answers_what_it_reads(session: Session) -> None:
    async for event in session.stream("input('Name: ')", on_input="ask"):
        if isinstance(event, frames.Input):
            assert event.prompt == "Name: "
            session.answer(event, "Ada")
        else:
            assert isinstance(event, frames.Result)
            assert event.value == "Ada"


async def test_unanswered_raises_behind_the_error(session: Session) -> None:
    seen: list[frames.Event] = []
    with pytest.raises(UnansweredInput) as caught:
        async for event in session.stream("input('Name: ')"):
            seen.append(event)
    assert isinstance(seen[-1], frames.Error)
    assert isinstance(caught.value.__cause__, ExecutionError)


async def test_a_stream_that_is_left_is_interrupted(session: Session) -> None:
    async for event in session.stream("print('runs', flush=True)\nwhile True: pass"):
        assert isinstance(event, frames.Output)
        break
    assert (await session.execute("'free'")).value == "free"


async def test_cancelling_who_reads_interrupts(session: Session) -> None:
    stream = session.stream("while True: pass")
    task = asyncio.create_task(stream.__anext__())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await session.execute("'free'")).value == "free"


async def test_a_slow_reader_holds_the_code_back(session: Session) -> None:
    """The server keeps 8 MiB and the client some frames of what nobody reads."""
    stream = session.stream("for n in range(400): print('x' * 100_000)\n'end'")
    first = await stream.__anext__()
    assert isinstance(first, frames.Output)
    while session.reading:  # nobody else waits: the session stops reading
        await asyncio.sleep(0)
    size = len(first.data)
    # Whoever waits for something else is served all the same.
    assert (await session.status()).state == "busy"
    async for event in stream:
        if isinstance(event, frames.Output):
            size += len(event.data)
    assert size == 400 * 100_001


async def test_two_streams(session: Session) -> None:
    one = session.stream("print('1')\n1")
    two = session.stream("print('2')\n2")
    ends = [[e async for e in two][-1], [e async for e in one][-1]]
    assert [end.value for end in ends if isinstance(end, frames.Result)] == [2, 1]


def test_blocking_streams(blocking: sync.Session) -> None:
    assert [type(e) for e in blocking.stream("print(1)\n2")] == [frames.Output, frames.Result]
    for event in blocking.stream("print('runs', flush=True)\nwhile True: pass"):
        assert isinstance(event, frames.Output)
        break
    for event in blocking.stream("input()", on_input="ask"):
        if isinstance(event, frames.Input):
            blocking.answer(event, "Ada")
    assert isinstance(event, frames.Result)
    assert event.value == "Ada"
