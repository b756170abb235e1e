from __future__ import annotations

import asyncio

import pytest

from replwire import ExecutionError, Pool, RequestRefused, Session, SessionClosed, SessionDied, sync

SURVIVE = ["--survive"]


async def test_a_branch_is_a_session_of_its_own() -> None:
    async with Session(args=SURVIVE) as first:
        await first.execute("x = [1]")
        async with await first.branch(name="idea") as branch:
            assert (await branch.execute("x.append(2)\nprint(x)")).stdout == "[1, 2]\n"
            assert (await first.execute("x")).value == [1]
            listed = (await first.sessions()).sessions
            assert [(each.session, each.name) for each in listed] == [
                (None, None),
                (branch.name, "idea"),
            ]
        assert len((await first.sessions()).sessions) == 1
        with pytest.raises(SessionClosed):
            await branch.execute("1")
        assert (await first.execute("x")).value == [1]


async def test_sessions_run_at_the_same_time() -> None:
    async with Session(args=SURVIVE) as first:
        branches = await asyncio.gather(*(first.branch() for _ in range(4)))
        codes = [f"import time\ntime.sleep(0.05)\nprint({n})\n{n}" for n in range(4)]
        results = await asyncio.gather(
            *(branch.execute(code) for branch, code in zip(branches, codes, strict=True))
        )
        assert [result.value for result in results] == [0, 1, 2, 3]
        assert [result.stdout for result in results] == ["0\n", "1\n", "2\n", "3\n"]


async def test_it_begins_in_a_checkpoint() -> None:
    async with Session(args=SURVIVE) as first:
        await first.execute("x = 1")
        saved = (await first.checkpoint()).checkpoint_id
        await first.execute("x = 2")
        async with await first.branch(checkpoint=saved) as branch:
            assert (await branch.execute("x")).value == 1
            async with await branch.branch() as inner:
                assert (await inner.execute("x")).value == 1


def double(n: int) -> int:
    return 2 * n


async def test_its_code_asks_and_calls_as_its_parents_does() -> None:
    async with Session(
        args=SURVIVE, on_input=lambda prompt: prompt + "!", functions={"double": double}
    ) as first:
        async with await first.branch() as branch:
            assert (await branch.execute("import host\nhost.double(4), input('hi')")).value == [
                8,
                "hi!",
            ]
        async with await first.branch(on_input=["told"]) as branch:
            assert (await branch.execute("input()")).value == "told"


async def test_its_errors_interrupts_and_crashes_are_its_own() -> None:
    async with Session(args=SURVIVE) as first, await first.branch() as branch:
        with pytest.raises(ExecutionError):
            await branch.execute("1 / 0")
        task = asyncio.create_task(branch.execute("while True: pass"))
        while (await branch.status()).state != "busy":
            pass
        await branch.interrupt()
        with pytest.raises(ExecutionError):
            await task
        with pytest.raises(ExecutionError):
            await branch.execute("import os\nos.abort()")
        assert (await branch.execute("1")).value == 1
        assert (await first.execute("2")).value == 2


async def test_a_stream_of_a_branch() -> None:
    async with (
        Session(args=SURVIVE) as first,
        await first.branch() as branch,
        branch.stream("print('a')\n1") as stream,
    ):
        kinds = [event.type async for event in stream]
    assert kinds == ["output", "result"]


async def test_without_survive_there_is_none() -> None:
    async with Session() as first:
        with pytest.raises(RequestRefused, match="unknown type"):
            await first.branch()
        assert (await first.execute("1")).value == 1


async def test_it_ends_with_the_first_session() -> None:
    async with Session(args=SURVIVE) as first:
        branch = await first.branch()
    with pytest.raises(SessionClosed):
        await branch.execute("1")
    await branch.close()


async def test_whoever_waits_hears_that_the_server_has_died() -> None:
    async with Session(args=SURVIVE) as first:
        branch = await first.branch()
        task = asyncio.create_task(branch.execute("import os, signal\nos.kill(os.getppid(), 9)"))
        with pytest.raises(SessionDied):
            await task


def test_the_blocking_session_has_them_too() -> None:
    with sync.Session(args=SURVIVE, on_input=["theirs"]) as first:
        first.execute("x = [1]")
        with first.branch(on_input=lambda prompt: prompt.upper()) as branch:
            assert branch.execute("x.append(2)\ninput('a'), x").value == ["A", [1, 2]]
            assert first.execute("x, input()").value == [[1], "theirs"]
            assert len(first.sessions().sessions) == 2
        with pytest.raises(SessionClosed):
            branch.execute("1")
        assert len(first.sessions().sessions) == 1


async def test_a_pool_of_branches() -> None:
    async with Pool(
        args=SURVIVE, template="import json\nn = [0]", branches=True, min_idle=2, max_sessions=4
    ) as pool:
        servers: set[int] = set()
        for _ in range(6):
            async with pool.session() as session:
                assert (await session.execute("n[0] += 1\njson.dumps(n)")).value == "[1]"
                servers.add(session.ready.pid)
        assert len(servers) == 1
        assert pool.info().acquired == 6


async def test_a_pool_of_branches_without_survive_has_sessions_of_their_own() -> None:
    async with Pool(template="n = [0]", branches=True, min_idle=1, max_sessions=2) as pool:
        for _ in range(2):
            async with pool.session() as session:
                assert (await session.execute("n[0] += 1\nn")).value == [1]
