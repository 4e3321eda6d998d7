#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package of bindings/python: client and server, each a process, over the BTP link named.

usage: net.py receive LINK FILE
       net.py send LINK FILE money|data SECONDS COUNT
The sender stops after SECONDS or COUNT packets or bytes, whichever comes first, and says how much
it did in which time, counted from before it connects.
"""

import asyncio
import sys
import time

import rill

PACKET = 1000
PIECE = 1 << 20


def figure(name: str, value: float) -> None:
    print(f"{name}\t{value:.6g}", flush=True)


async def receive(link: str, file: str) -> None:
    async def read(stream: rill.Stream) -> None:
        try:
            async for _ in stream.data():
                pass
        except rill.RillError:
            pass  # the client was killed

    async def serve(connection: rill.Connection) -> None:
        tasks = set()
        async for stream in connection:
            task = asyncio.ensure_future(read(stream))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async with rill.listen(serve, link=link) as server:
        server.generate_credentials().save(file)
        print("listening", flush=True)
        await server.serve_forever()


async def pay(stream: rill.Stream, seconds: float, count: int) -> float:
    stream.send_max = count * PACKET
    end = time.perf_counter() + seconds
    async for _ in stream.sent_money():
        if stream.totals.sent >= count * PACKET or time.perf_counter() >= end:
            break
    return stream.totals.sent / PACKET


async def write(stream: rill.Stream, seconds: float, count: int) -> float:
    piece = bytes(PIECE)
    end = time.perf_counter() + seconds
    written = 0
    while written < count and time.perf_counter() < end:
        stream.write(piece[: count - written])
        written += len(piece[: count - written])
        await stream.drain()
    await stream.aclose()
    return written


async def send(link: str, file: str, kind: str, seconds: str, count: str) -> None:
    start = time.perf_counter()
    connection = await rill.connect(file, link=link, options=rill.Options(min_rate=1))
    stream = await connection.open_stream()
    began, cpu = time.perf_counter(), time.process_time()
    work = pay if kind == "money" else write
    done = await work(stream, float(seconds), int(count))
    figure("done", done)
    figure("connect", began - start)
    figure("sending", time.perf_counter() - began)
    figure("cpu", time.process_time() - cpu)
    connection.abort()


if __name__ == "__main__":
    role = {"receive": receive, "send": send}[sys.argv[1]]
    asyncio.run(role(*sys.argv[2:]))
