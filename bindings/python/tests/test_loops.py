# SPDX-License-Identifier: Apache-2.0
"""Several loops and threads, the garbage collector, handlers that block, and programs that just
end."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from typing import Any, List

import pytest

import rill
from support import CLIENT, HERE, SERVER, Both, Hub, Node, in_loop, until


def test_a_loop_after_the_other_and_side_by_side() -> None:
    sums: List[int] = []

    @in_loop
    async def one() -> None:
        async with Both() as b:
            here, there = await b.streams()
            for _ in range(20):
                await here.send(1)
            sums.append(there.received)

    one()
    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [20] * 5


@in_loop
async def test_another_thread_is_refused() -> None:
    async with Both() as b:
        here, there = await b.streams()
        errors: List[BaseException] = []

        def use() -> None:
            calls: Any = [
                lambda: here.write(b"x"),
                lambda: here.totals,
                here.close,
                here.abort,
                b.connection.close,
                lambda: b.connection.stats,
                b.server.generate_credentials,
            ]
            for call in calls:
                try:
                    call()
                except RuntimeError as error:
                    errors.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        assert len(errors) == 7 and "event loop" in str(errors[0])
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(
            None, lambda: asyncio.run_coroutine_threadsafe(here.send(3), loop)
        )
        assert (await asyncio.wrap_future(done)).sent == 3


@in_loop
async def test_a_program_that_blocks_loses_nothing() -> None:
    async with Both(rill.Options(min_rate=1, max_packet_amount=10, packet_lifetime=0.3)) as b:
        here, there = await b.streams()
        sending = asyncio.ensure_future(here.send(100))
        for _ in range(4):
            await asyncio.sleep(0)
            time.sleep(0.2)
        assert (await sending).sent == 100 and there.received == 100


@in_loop
async def test_what_nobody_holds_is_collected() -> None:
    gone: List[Any] = []
    for _ in range(3):
        async with Both() as b:
            here, there = await b.streams()
            await here.send(2)
            for thing in (here, there, b.connection, b.server, b.connection._engine):
                gone.append(weakref.ref(thing))
            await here.aclose()
        del b, here, there, thing
    await asyncio.sleep(0.01)
    gc.collect()
    assert [ref() for ref in gone if ref() is not None] == []


@in_loop
async def test_while_the_collector_runs_all_the_time() -> None:
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        async with Both() as b:
            for _ in range(3):
                here, there = await b.streams()
                here.write(bytes(30_000))
                await here.send(10)
                assert await there.readexactly(30_000) == bytes(30_000)
                await here.aclose()
    finally:
        gc.set_threshold(*before)


@in_loop
async def test_many_connections_leave_nothing() -> None:
    async with Both() as b:
        for _ in range(30):
            connection = b.server.connect(b.server.generate_credentials())
            connection.abort()
            await until(lambda: connection.closed)
        engine = b.server._engine
        await until(lambda: len(engine.connections) == 1)  # the one of Both
        assert not engine._incoming and not engine._tasks


PROGRAM = """
    import asyncio, sys
    sys.path.insert(0, {here!r})
    import rill
    from support import Both

    async def main():
        b = Both()
        await b.__aenter__()
        here, there = await b.streams()
        asyncio.ensure_future(here.send(10**6))
        {end}

    {run}
    print("ended")
"""


@pytest.mark.parametrize(
    "end, run, status",
    [
        ("await asyncio.sleep(0.01)", "asyncio.run(main())", 0),
        ("pass", "loop = asyncio.new_event_loop(); loop.run_until_complete(main())", 0),
        ("sys.exit(3)", "asyncio.run(main())", 3),
        ("raise KeyError", "asyncio.run(main())", 1),
    ],
)
def test_programs_that_just_end(end: str, run: str, status: int) -> None:
    program = textwrap.dedent(PROGRAM).format(here=str(HERE), end=end, run=run)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status, done.stderr
    assert "Fatal" not in done.stderr and "Segmentation" not in done.stderr


def test_tasks_that_begin_at_once() -> None:
    """A loop whose tasks run as they are made (3.12): handlers run outside the core all the same."""
    factory = getattr(asyncio, "eager_task_factory", None)
    hub = Hub()

    @in_loop
    async def run() -> None:
        if factory is not None:
            asyncio.get_running_loop().set_task_factory(factory)

        async def handle(connection: rill.Connection) -> None:
            await server.aclose(timeout=0)

        async def decide(packet: rill.IncomingPacket) -> bool:
            return True

        server = await rill.listen(
            handle, link=hub.link("server"), account=SERVER, decide=decide
        )
        connection = await rill.connect(
            server.generate_credentials(),
            link=hub.link("client"),
            account=CLIENT,
            options=rill.Options(min_rate=1, connect_timeout=0.2),
        )
        stream = await connection.open_stream()
        with pytest.raises(rill.RillError):
            await stream.send(5, timeout=0.3)
        assert server.closed
        await connection._engine.close()

    run()


def test_a_program_in_a_thread_of_its_own(node: Node) -> None:
    payments: List[rill.Payment] = []

    @in_loop
    async def serve() -> None:
        async def handle(connection: rill.Connection) -> None:
            async for stream in connection:
                pass

        async with rill.listen(handle, link=node.uri("threads")) as server:
            credentials = [server.generate_credentials() for _ in range(4)]

            def pay(which: int) -> None:
                link = node.uri(f"thread{which}")
                payments.append(rill.pay(credentials[which], which + 1, link=link))

            threads = [threading.Thread(target=pay, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            await until(lambda: len(payments) == 4)
            for thread in threads:
                thread.join()

    serve()
    assert sorted(payment.sent for payment in payments) == [1, 2, 3, 4]
