#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tutorial's server: prints what comes in.

    rilld local &
    python3 server.py credentials.json &
    python3 client.py credentials.json

Another node is named by ILP_BTP_SERVER. It ends when its first client has gone.
"""

import asyncio
import sys

import rill


async def print_money(stream: rill.Stream) -> None:
    async for amount in stream.money():
        print(f"server stream {stream.id} got incoming payment for: {amount}")


async def print_data(stream: rill.Stream) -> None:
    async for data in stream.data():
        print(f"server stream {stream.id} got data: {data.decode()}")


async def serve(connection: rill.Connection) -> None:
    print("server got connection")
    tasks = []
    async for stream in connection:
        print(f"server got a new stream: {stream.id}")
        tasks.append(asyncio.create_task(print_money(stream)))
        tasks.append(asyncio.create_task(print_data(stream)))
    await asyncio.gather(*tasks)


async def main(file: str) -> None:
    options = rill.Options(receive_max=10000)
    async with rill.listen(options=options) as server:
        server.generate_credentials().save(file)
        await serve(await server.accept())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "credentials.json"))
