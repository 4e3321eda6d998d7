# SPDX-License-Identifier: Apache-2.0
"""What the tests share: nodes, links in memory, and coroutines that are cancelled at a given await."""

from __future__ import annotations

import asyncio
import functools
import os
import pathlib
import re
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any, Awaitable, Callable, Coroutine, Generator, List, Optional, Tuple, TypeVar

import rill
from rill._core import ffi, lib

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
# Generous: some tests do one thing some hundred times, on a machine that may be busy.
SECONDS = 240.0

T = TypeVar("T")


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine, on a loop of its own, with an end. Afterwards no task is left
    that a program of the package's user would find."""

    @functools.wraps(test)
    def run(*arguments: Any, **words: Any) -> None:
        async def limited() -> None:
            await asyncio.wait_for(test(*arguments, **words), SECONDS)
            await asyncio.sleep(0)
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            assert not left, f"tasks are left: {left}"

        asyncio.run(limited())

    return run


async def until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits for what no event tells."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come"
        await asyncio.sleep(0.005)


class Node:
    """A rilld local, of the folder RILL_BIN."""

    def __init__(self, folder: pathlib.Path, *options: str, http: bool = False) -> None:
        programs = os.environ.get("RILL_BIN")
        assert programs, "RILL_BIN is not set: the folder of rilld"
        self.file = folder / "port"
        self.log = open(folder / "log", "w+", encoding="utf-8")
        listen = "--listen-http" if http else "--listen"
        self.process = subprocess.Popen(
            [f"{programs}/rilld", "local", listen, "127.0.0.1:0", "--port-file", str(self.file)]
            + list(options),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        end = time.monotonic() + 30
        while not (self.file.exists() and re.search(r"\d\s", self.file.read_text())):
            assert self.process.poll() is None, f"rilld ended: {self.said()}"
            assert time.monotonic() < end, "rilld does not listen"
            time.sleep(0.01)
        self.port = int(re.findall(r"\d+", self.file.read_text())[-1])

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def uri(self, name: str, scheme: str = "btp+ws") -> str:
        """The link of somebody with that name."""
        return f"{scheme}://:{name}@127.0.0.1:{self.port}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


class MemoryLink(rill.Link):
    """One of the ways to a hub in memory. ``lose``: what is done with a packet of ours instead of
    delivering it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.lose: Optional[Callable[[bytes], str]] = None
        self.count = 0
        self.held: List[Tuple[Any, bytes]] = []

    async def open(self) -> None:
        await asyncio.sleep(0)
        self.up = True

    def send(self, target: Any, packet: bytes) -> None:
        self.count += 1
        what = self.lose(packet) if self.lose is not None else ""
        loop = asyncio.get_running_loop()
        if what == "hold":
            self.held.append((target, packet))
        elif what == "unsent":
            loop.call_soon(self.unanswered, target, False)
        elif what == "drop":
            loop.call_soon(self.unanswered, target, True)
        elif what == "no reply":
            loop.call_soon(self.hub.forward, (self, None), packet)
            loop.call_soon(self.unanswered, target, True)
        else:
            loop.call_soon(self.hub.forward, (self, target), packet)

    def unanswered(self, target: Any, sent: bool) -> None:
        self.owner.link_unanswered(target, sent)
        self.owner.link_turn()

    def release(self) -> None:
        """What was held is delivered."""
        held, self.held = self.held, []
        for target, packet in held:
            asyncio.get_running_loop().call_soon(self.hub.forward, (self, target), packet)

    def take(self, token: Any, packet: bytes) -> None:
        if self.up:
            self.owner.link_prepare(token, ffi.from_buffer("uint8_t[]", packet), len(packet))
            self.owner.link_turn()

    def reply(self, token: Any, packet: bytes) -> None:
        link, target = token
        if target is not None:
            asyncio.get_running_loop().call_soon(link.replied, target, packet)

    def replied(self, target: Any, packet: bytes) -> None:
        if self.up:
            self.owner.link_reply(target, ffi.from_buffer("uint8_t[]", packet), len(packet))
            self.owner.link_turn()

    def flush(self) -> None:
        pass

    async def close(self) -> None:
        self.up = False
        await asyncio.sleep(0)


class Hub:
    """Knows whose address is whose, and forwards packets. ``rates``: units of somebody for one of
    who pays, rounded down."""

    def __init__(self) -> None:
        self.links: dict[str, MemoryLink] = {}
        self.rates: dict[str, Fraction] = {}

    def link(self, name: str) -> MemoryLink:
        self.links[name] = made = MemoryLink(self)
        return made

    def forward(self, token: Any, packet: bytes) -> None:
        read = ffi.new("rill_prepare *")
        view = ffi.from_buffer("uint8_t[]", packet)
        assert lib.rill_prepare_decode(read, view, len(packet)) == 0
        address = bytes(ffi.buffer(read.destination.data, read.destination.len)).decode()
        name = address.split(".")[1]
        found = self.links.get(name)
        if name in self.rates:
            at = 2 + (packet[1] & 0x7F if packet[1] & 0x80 else 0)
            amount = int(read.amount * self.rates[name])
            packet = packet[:at] + amount.to_bytes(8, "big") + packet[at + 8 :]
        if found is not None and found.up:
            found.take(token, packet)
        elif token[1] is not None:
            token[0].unanswered(token[1], False)


def account(name: str) -> rill.Account:
    return rill.Account(f"test.{name}", "ABC", 2)


CLIENT, SERVER = account("client"), account("server")


def pair() -> Tuple[MemoryLink, MemoryLink]:
    """A client's link, and its server's."""
    hub = Hub()
    return hub.link("client"), hub.link("server")


class Both:
    """A client and a server, connected in memory: ``async with Both() as b``."""

    def __init__(
        self,
        options: Optional[rill.Options] = None,
        server_options: Optional[rill.Options] = None,
        decide: Optional[rill.Decide] = None,
        **credentials: Any,
    ) -> None:
        self.credentials = credentials
        self.options, self.server_options, self.decide = options, server_options, decide
        self.link, self.server_link = pair()
        self.connection: rill.Connection
        self.server: rill.Server
        self._remote: Optional[rill.Connection] = None

    async def __aenter__(self) -> Both:
        self.server = await rill.listen(
            link=self.server_link, account=SERVER, options=self.server_options, decide=self.decide
        )
        self.connection = await rill.connect(
            self.server.generate_credentials("a tag", **self.credentials),
            link=self.link,
            account=CLIENT,
            options=self.options or rill.Options(min_rate=1),
        )
        return self

    async def remote(self) -> rill.Connection:
        """The server's end; there is one with the first packet."""
        if self._remote is None:
            self._remote = await self.server.accept()
        return self._remote

    async def streams(self) -> Tuple[rill.Stream, rill.Stream]:
        """A stream of the client's, and the server's end of it."""
        here = await self.connection.open_stream()
        here.write(b"x")
        there = await (await self.remote()).accept_stream()
        assert await there.readexactly(1) == b"x"
        return here, there

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        await self.connection.__aexit__(kind or Exception, value, trace)
        await self.server.aclose(timeout=0.5)


class CancelledAt(Awaitable[T]):
    """Awaits a coroutine, and cancels its task as it is suspended for the nth time. ``ready``: at the
    moment when it would go on, and no sooner. ``count``: how often it was suspended."""

    def __init__(self, work: Coroutine[Any, Any, T], at: int, ready: bool = False) -> None:
        self.work, self.at, self.ready, self.count = work, at, ready, 0

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self.work.__await__()
        step: Callable[[Any], Any] = inner.send
        value: Any = None
        while True:
            try:
                waited_for = step(value)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            self.count += 1
            if self.count == self.at:
                task = asyncio.current_task()
                assert task is not None
                if self.ready and waited_for is not None:
                    # Before the task's own callback, which comes when we have yielded.
                    waited_for.add_done_callback(functools.partial(_cancel, task))
                else:
                    task.cancel()
            try:
                value = yield waited_for
                step = inner.send
            except BaseException as error:
                value, step = error, inner.throw


def _cancel(task: asyncio.Task[Any], done: Any) -> None:
    task.cancel()


def python(script: str, *arguments: str, env: Optional[dict[str, str]] = None) -> Any:
    return subprocess.Popen(
        [sys.executable, "-u", script, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    )
