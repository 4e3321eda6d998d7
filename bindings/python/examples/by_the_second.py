#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pays by the second, for what the server sends meanwhile, until its time is over.

usage: by_the_second.py CREDENTIALS UNITS SECONDS
"""

import asyncio
import sys

import rill


async def main(file: str, units: int, seconds: int) -> None:
    async with rill.connect(file) as connection:
        stream = await connection.open_stream()
        for _ in range(seconds):
            # What could not be sent in one second is sent in the next.
            stream.send_max += units
            await asyncio.sleep(1)
            print(f"{stream.totals.sent} units have arrived")
    print(f"{stream.totals.sent} units in all")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
