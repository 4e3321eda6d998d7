# SPDX-License-Identifier: Apache-2.0
"""Payment pointers, and rill's own server of SPSP."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
from typing import Any, Dict, List, Tuple

import pytest

import rill
from support import Node, in_loop

GOOD: List[Tuple[str, str]] = [
    ("$wallet.example", "https://wallet.example/.well-known/pay"),
    ("$wallet.example/", "https://wallet.example/.well-known/pay"),
    ("$wallet.example/alice", "https://wallet.example/alice"),
    ("$wallet.example/a/b%20c", "https://wallet.example/a/b%20c"),
    ("$[::1]/x", "https://[::1]/x"),
]
BAD = ["", "$", "wallet.example", "$/x", "$a b", "$a:80", "$u@a", "$a?q", "$a#f", "$ä.example", "$a/%zz", "$a\n"]


@pytest.mark.parametrize("pointer, url", GOOD)
def test_pointers(pointer: str, url: str) -> None:
    assert rill.payment_pointer_url(pointer) == url


@pytest.mark.parametrize("pointer", BAD, ids=repr)
def test_pointers_that_are_none(pointer: str) -> None:
    with pytest.raises(rill.MalformedError):
        rill.payment_pointer_url(pointer)


@in_loop
async def test_urls_that_are_none() -> None:
    for url in ("http://wallet.example/a", "http://127.0.0.1.example/a"):
        with pytest.raises(rill.UnsupportedError):
            await rill.query(url)
    for url in ("https://", "https://u:p@h/", "https://h:x/", "ftp://h/", "https://h/ x"):
        with pytest.raises(rill.MalformedError):
            await rill.query(url)


def test_a_payment_to_whom_a_url_names(node: Node) -> None:
    command = [os.environ["RILL_BIN"] + "/rill", "receive", "--spsp", "127.0.0.1:0", "--user", "al"]
    shop = subprocess.Popen(
        [*command, "--link", node.uri("spsp-shop")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert shop.stdout is not None
        url = None
        for line in shop.stdout:
            url = re.search(r"http://127\.0\.0\.1:\d+", line)
            if url:
                break
        assert url, "it answers nowhere"
        payment = rill.pay(f"{url.group()}/al", 60, link=node.uri("spsp-payer"))
        assert payment.sent == 60
        with pytest.raises(rill.NotFoundError):
            rill.pay(f"{url.group()}/nobody", 60, link=node.uri("spsp-payer"))
    finally:
        shop.kill()
        shop.wait()


SECRET = bytes(range(32))
ANSWER = {"destination_account": "test.a", "shared_secret": base64.b64encode(SECRET).decode()}
SPSP = "application/spsp4+json"


def answer(status: int, kind: str, body: Any, location: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
    return (head + (f"Location: {location}\r\n" if location else "") + "\r\n").encode() + data


ANSWERS: List[Tuple[str, bytes, Any]] = [
    ("good", answer(200, SPSP, ANSWER), None),
    ("old", answer(200, "application/spsp+json; charset=utf-8", ANSWER), None),
    (
        "base64url",
        answer(200, SPSP, {**ANSWER, "shared_secret": base64.urlsafe_b64encode(SECRET).decode()[:-1]}),
        None,
    ),
    ("redirect", answer(302, SPSP, b"", "/good"), None),
    ("to elsewhere", answer(302, SPSP, b"", "http://wallet.example/"), rill.UnsupportedError),
    ("for ever", answer(302, SPSP, b"", "/for%20ever"), rill.ProtocolError),
    ("none", answer(404, SPSP, b""), rill.NotFoundError),
    ("refused", answer(500, SPSP, b""), rill.RefusedError),
    ("html", answer(200, "text/html", b"<p>"), rill.UnsupportedError),
    ("not json", answer(200, SPSP, b"{"), rill.MalformedError),
    ("deep", answer(200, SPSP, b"[" * 60000), rill.MalformedError),
    ("a list", answer(200, SPSP, [1]), rill.MalformedError),
    ("no secret", answer(200, SPSP, {"destination_account": "test.a"}), rill.MalformedError),
    ("short", answer(200, SPSP, {**ANSWER, "shared_secret": "AAAA"}), rill.MalformedError),
    ("number", answer(200, SPSP, {**ANSWER, "destination_account": 5}), rill.MalformedError),
    ("long", answer(200, SPSP, b" " * 100000), rill.TooLargeError),
    ("nonsense", b"SSH-2.0\r\n\r\n", rill.ProtocolError),
    ("nothing", b"", rill.RillError),
]


@in_loop
async def test_answers() -> None:
    by_path: Dict[str, bytes] = {name.replace(" ", "%20"): text for name, text, _ in ANSWERS}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert b"Accept: application/spsp4+json" in request
        writer.write(by_path[request.split(b" ")[1].decode()[1:]])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name, _, error in ANSWERS:
        url = f"http://127.0.0.1:{port}/{name.replace(' ', '%20')}"
        if error is None:
            assert await rill.query(url) == rill.Credentials("test.a", SECRET), name
            continue
        with pytest.raises(error):
            await rill.query(url)
    server.close()
    await server.wait_closed()
    with pytest.raises(rill.ConnectError):
        await rill.query(url)


@in_loop
async def test_a_server_that_says_nothing() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(rill.RillTimeoutError):
        await rill.query(f"http://127.0.0.1:{port}/a", timeout=0.1)
    server.close()
    await server.wait_closed()
