#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tutorial's client: two streams, a message and some money on each. server.py says how to run
it."""

import asyncio
import sys

import rill


async def main(file: str) -> None:
    async with rill.connect(file) as connection:
        # Streams that the client opens have odd numbers, those of the server even ones.
        a = await connection.open_stream()
        b = await connection.open_stream()
        for stream in (a, b):
            print(f"sending data to server on stream {stream.id}")
            stream.write(b"hello there!")
        for stream, amount in ((a, 100), (b, 200)):
            print(f"sending money to server on stream {stream.id}")
            result = await stream.send(amount)
            print(f"sent {result.sent} units")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "credentials.json"))
