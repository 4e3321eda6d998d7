# SPDX-License-Identifier: Apache-2.0
"""Waiting for a change. What has changed is kept elsewhere, so that a wait that is cancelled takes
nothing with it."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional, Set


class Signal:
    """Any number of tasks wait for it; each looks for itself whether it has what it wants."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def wait_until(self, holds: Callable[[], bool], timeout: Optional[float] = None) -> bool:
        """Waits until it holds; False: that took longer than timeout, seconds."""
        if timeout is None:
            while not holds():
                await self.wait()
            return True
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not holds():
            left = end - loop.time()
            if left <= 0:
                return False
            timer = loop.call_later(left, self.notify)
            try:
                await self.wait()
            finally:
                timer.cancel()
        return True
