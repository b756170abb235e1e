from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from replwire import ExecutionError, Pool, PoolBroken, Session, SessionClosed, SessionDied


async def until(pool: Pool, **figures: object) -> None:
    """Waits for what the pool does meanwhile."""
    async with Within(20):
        while any(getattr(pool.info(), name) != value for name, value in figures.items()):
            await asyncio.sleep(0.002)


class Within:  # asyncio.timeout came with Python 3.11
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.timer = asyncio.get_running_loop().call_later(self.seconds, task.cancel)

    async def __aexit__(self, *_: object) -> None:
        self.timer.cancel()


async def test_sessions_are_warm_when_they_are_wanted() -> None:
    async with Pool(min_idle=2, warmup="import json") as pool:
        assert (pool.info().idle, pool.info().started) == (2, 2)
        async with pool.session() as session:
            assert (await session.execute("json.dumps([])")).value == "[]"
            assert (await session.execute("1")).execution_count == 2  # the warm-up is silent
        await until(pool, idle=2, busy=0, starting=0)
        assert pool.info().acquired_warm == 1


async def test_a_warm_session_takes_under_a_tenth_of_a_millisecond() -> None:
    async with Pool(min_idle=20, max_sessions=20, recycle_after=None) as pool:
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            await pool.take()
            times.append(time.perf_counter() - begun)
    assert sorted(times)[10] < 0.0001


async def test_everybody_has_a_process_of_their_own() -> None:
    async with Pool(min_idle=1) as pool:
        pids = []
        for _ in range(3):
            async with pool.session() as session:
                pids.append(session.ready.pid)
                assert (await session.execute("x = 1\n'y' in globals()")).value is False
        await until(pool, idle=1, busy=0, starting=0)
        assert len(set(pids)) == 3
        assert pool.info().recycled == 3


async def test_a_session_used_again_is_clean_and_warm() -> None:
    async with Pool(min_idle=1, max_sessions=1, recycle_after=2, warmup="w = 1") as pool:
        pids = []
        for _ in range(3):
            async with pool.session() as session:
                pids.append(session.ready.pid)
                names = "'x' in globals(), 'w' in globals()"
                assert (await session.execute(names)).value == [False, True]
                await session.execute("x = 1")
        assert pids[0] == pids[1] != pids[2]
        await until(pool, idle=1, starting=0)
        assert pool.info().recycled == 1


async def test_never_more_than_max_sessions() -> None:
    async with Pool(min_idle=0, max_sessions=2) as pool:
        most = 0

        async def use() -> None:
            nonlocal most
            async with pool.session() as session:
                info = pool.info()
                most = max(most, info.busy + info.idle + info.starting)
                await session.execute("1")

        await asyncio.gather(*(use() for _ in range(8)))
        assert most == 2
        assert pool.info().acquired == 8


async def test_no_session_in_time() -> None:
    async with Pool(min_idle=1, max_sessions=1) as pool, pool.session():
        with pytest.raises(TimeoutError):
            async with pool.session(timeout=0.05):
                pass
        assert pool.info().waiting == 0


async def test_who_gives_up_waiting_takes_nothing_with_it() -> None:
    async with Pool(min_idle=1, max_sessions=1) as pool:
        async with pool.session():
            waiting = asyncio.create_task(pool.take())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with pool.session() as session:
            assert (await session.execute("1")).value == 1


async def test_a_warm_up_that_fails_opens_the_breaker() -> None:
    pool = Pool(min_idle=3, warmup="1/0", starting_at_once=1)
    with pytest.raises(PoolBroken) as caught:
        await pool.start()
    assert isinstance(caught.value.__cause__, ExecutionError)
    assert pool.info().failures == 1


async def test_the_breaker_stays_open_for_a_while_and_heals(tmp_path: os.PathLike[str]) -> None:
    flag = os.path.join(tmp_path, "broken")
    warmup = f"import os\nassert not os.path.exists({flag!r})"
    async with Pool(min_idle=0, warmup=warmup, retry_after=0.2) as pool:
        open(flag, "w").close()
        for _ in range(5):  # one try for all of them: no storm
            with pytest.raises(PoolBroken):
                await pool.take()
        assert (pool.info().failures, pool.info().breaker) == (1, "open")
        os.remove(flag)
        await until(pool, breaker="closed")
        async with pool.session() as session:
            assert (await session.execute("1")).value == 1


async def test_who_waits_when_the_breaker_opens_is_told() -> None:
    async with Pool(min_idle=0, warmup="1/0") as pool:
        outcomes = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(each, PoolBroken) for each in outcomes)


async def test_a_session_that_dies_idle_is_replaced() -> None:
    async with Pool(min_idle=1, max_sessions=1, recycle_after=None) as pool:
        async with pool.session() as session:
            pid = session.ready.pid
        await until(pool, idle=1, busy=0, starting=0)
        os.kill(pid, signal.SIGKILL)
        await until(pool, died=1)
        await until(pool, idle=1, starting=0)
        async with pool.session() as session:
            assert session.ready.pid != pid


async def test_sessions_that_die_as_soon_as_they_are_warm_make_no_storm() -> None:
    warmup = "import os, threading\nthreading.Timer(0.05, lambda: os._exit(1)).start()"
    async with Pool(min_idle=1, warmup=warmup, retry_after=60) as pool:
        await until(pool, idle=0, breaker="open")
        assert pool.info().started == 1
        with pytest.raises(PoolBroken) as caught:
            await pool.take()
        assert isinstance(caught.value.__cause__, SessionDied)


async def test_a_session_that_comes_back_busy_is_replaced() -> None:
    async with Pool(min_idle=1, max_sessions=1, recycle_after=None) as pool:
        async with pool.session() as session:
            pid = session.ready.pid
            stream = session.stream("while True: pass")
        async with pool.session() as session:
            assert session.ready.pid != pid
        del stream


async def test_sessions_beyond_min_idle_end_when_nobody_wants_them() -> None:
    async with Pool(min_idle=1, recycle_after=None, idle_ttl=0.1) as pool:
        members = [await pool.take() for _ in range(3)]
        for member in members:
            pool.give_back(member)
        await until(pool, idle=1, busy=0, starting=0)
        assert pool.info().expired >= 2


async def test_close_ends_all_and_tells_who_waits() -> None:
    pool = await Pool(min_idle=1, max_sessions=1).start()
    member = await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(SessionClosed):
        await waiting
    assert member.session.closed
    with pytest.raises(SessionClosed):
        await pool.take()


async def test_options_are_the_sessions() -> None:
    async with Pool(min_idle=1, env={"GREETING": "hi"}) as pool, pool.session() as session:
        assert isinstance(session, Session)
        assert (await session.execute("import os\nos.environ['GREETING']")).value == "hi"


async def test_a_pool_at_rest_wakes_nobody() -> None:
    async with Pool(min_idle=2) as pool:
        await until(pool, idle=2, starting=0)
        assert not asyncio.all_tasks() - {asyncio.current_task()}
        loop = asyncio.get_running_loop()
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


async def test_what_is_on_its_way_ends_with_the_pool() -> None:
    async with Pool(min_idle=1, max_sessions=2, recycle_after=None, warmup="x = 1") as pool:
        member = await pool.take()  # another one begins
        pool.give_back(member)
        await asyncio.sleep(0)
    assert member.session.closed
    assert not asyncio.all_tasks() - {asyncio.current_task()}
