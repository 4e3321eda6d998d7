#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver that writes each packet into its books before it takes it, and takes no packet twice.

usage: decide.py CREDENTIALS BOOKS
"""

import asyncio
import sqlite3
import sys

import rill


async def main(file: str, name: str) -> None:
    books = sqlite3.connect(name)
    books.execute("create table if not exists packets (id blob primary key, tag text, units integer)")

    def decide(packet: rill.IncomingPacket) -> bool:
        with books:
            books.execute(
                "insert or ignore into packets values (?, ?, ?)",
                (packet.packet_id, packet.connection.tag, packet.amount),
            )
        return True

    async def serve(connection: rill.Connection) -> None:
        async for stream in connection:
            await stream.read()
        print(f"{connection.tag}: {connection.stats.received} units")

    async with rill.listen(serve, decide=decide) as server:
        server.generate_credentials("invoice 1").save(file)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
