# SPDX-License-Identifier: Apache-2.0
"""Over a node: BTP, ILP over HTTP, the environment, blocking calls, and links that are lost."""

from __future__ import annotations

import asyncio
import json
import pathlib
import socket
import ssl
import subprocess
from typing import Any, Dict, List, Tuple

import aiohttp
import pytest

import rill
from support import Node, in_loop, until


async def take(connection: rill.Connection) -> None:
    async for stream in connection:
        await stream.read()


@in_loop
async def test_money_and_bytes(node: Node) -> None:
    async with rill.listen(link=node.uri("bob")) as server:
        assert server.address.startswith("private.rill.")
        assert (server.account.asset_code, server.account.asset_scale) == ("XRP", 9)
        async with rill.connect(server.generate_credentials(), link=node.uri("al")) as connection:
            stream = await connection.open_stream()
            stream.write(b"a" * 200_000)
            remote = await (await server.accept()).accept_stream()
            result, data = await asyncio.gather(stream.send(10**12), remote.readexactly(200_000))
            assert result == rill.Sent(10**12, 10**12) and data == b"a" * 200_000
            assert remote.received == 10**12


@in_loop
async def test_a_server_pays_and_connects_too(node: Node) -> None:
    async with rill.listen(link=node.uri("one")) as one, rill.listen(link=node.uri("two")) as two:
        connection = one.connect(two.generate_credentials())
        stream = await connection.open_stream()
        assert (await stream.send(5)).sent == 5
        await connection.aclose()


@in_loop
async def test_by_the_environment(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ILP_PLUGIN", "ILP_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ILP_BTP_SERVER", f"btp+ws://127.0.0.1:{node.port}")
    assert rill.link_uri_from_environment() != rill.link_uri_from_environment()
    async with rill.listen(take) as server:
        async with rill.connect(server.generate_credentials()) as connection:
            assert connection.account.address != server.address
            await (await connection.open_stream()).send(1)
    monkeypatch.setenv("ILP_CREDENTIALS", '{"server":"btp+ws://h:1","btpToken":"t"}')
    assert rill.link_uri_from_environment() == "btp+ws://:t@h:1"
    monkeypatch.setenv("ILP_CREDENTIALS", f'{{"server":"{node.uri("x")}"}}')
    assert rill.link_uri_from_environment() == node.uri("x")
    for wrong in ("{", "[]", "{}", '{"server":5}', '{"server":"btp+ws://:a@h","btpToken":"t"}'):
        monkeypatch.setenv("ILP_CREDENTIALS", wrong)
        with pytest.raises(rill.MalformedError):
            rill.link_uri_from_environment()
    monkeypatch.setenv("ILP_PLUGIN", "ilp-plugin-xrp-paychan")
    with pytest.raises(rill.UnsupportedError):
        rill.link_uri_from_environment()


def test_pay_blocks(node: Node, tmp_path: pathlib.Path) -> None:
    got: List[Any] = []

    async def handle(connection: rill.Connection) -> None:
        async for stream in connection:
            data = await stream.read()
            got.append((stream.received, data))

    @in_loop
    async def both() -> None:
        async with rill.listen(handle, link=node.uri("shop")) as server:
            file = tmp_path / "credentials.json"
            server.generate_credentials().save(file)
            loop = asyncio.get_running_loop()

            def call() -> rill.Payment:
                return rill.pay(file, 250, data=b"for tea", link=node.uri("me"))

            assert await loop.run_in_executor(None, call) == rill.Payment(250, 250, 7)
            payment = await rill.pay_async(file, 3, link=node.uri("me"))
            assert payment.sent == 3
            await until(lambda: len(got) == 2)

    both()
    assert got == [(250, b"for tea"), (3, b"")]


@in_loop
async def test_pay_inside_a_running_loop_fails_as_elsewhere(node: Node) -> None:
    nobody = rill.Credentials("private.rill.nobody.x", bytes(32))
    options = rill.Options(connect_timeout=0.3)
    with pytest.raises(rill.RillError) as caught:
        rill.pay(nobody, 5, link=node.uri("me"), options=options)
    assert caught.value.sent == 0


@in_loop
async def test_over_http(http_node: Node) -> None:
    async with rill.listen(take, link=http_node.uri("receiver")) as server:
        link = http_node.uri("payer", "ilp+http")
        async with rill.connect(server.generate_credentials(), link=link) as connection:
            stream = await connection.open_stream()
            assert (await stream.send(777)).sent == 777
            stream.write(b"x" * 100_000)
            await stream.aclose()
    with pytest.raises(rill.UnsupportedError):
        await rill.listen(link=link)
    with pytest.raises(rill.UnsupportedError):
        await rill.listen(link=f"ilp+http://name:token@127.0.0.1:{http_node.port}")


@in_loop
async def test_receiving_over_http(tmp_path: pathlib.Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    neighbours = tmp_path / "neighbours"
    ours = {"tokens": ["in"], "uri": f"ilp+http://:out@127.0.0.1:{port}/ilp"}
    neighbours.write_text(json.dumps({"shop": ours}), encoding="utf-8")
    neighbours.chmod(0o600)
    node = Node(tmp_path, "--neighbours", str(neighbours), http=True)
    try:
        uri = f"ilp+http://:in@127.0.0.1:{node.port}"
        link = rill.HTTPServerLink(uri, token="out", port=port, path="/ilp")
        async with rill.listen(link=link) as server:
            assert server.address.endswith(".shop") and link.port == port
            payer = node.uri("payer", "ilp+http")
            async with rill.connect(server.generate_credentials(), link=payer) as connection:
                stream = await connection.open_stream()
                stream.write(b"a" * 100_000)
                remote = await (await server.accept()).accept_stream()
                result, data = await asyncio.gather(stream.send(5000), remote.readexactly(100_000))
                assert result == rill.Sent(5000, 5000) and data == b"a" * 100_000
                assert remote.received == 5000
            # And the other way: a server by HTTP pays as well.
            async with rill.listen(take, link=node.uri("other")) as other:
                back = server.connect(other.generate_credentials())
                assert (await (await back.open_stream()).send(7)).sent == 7
                await back.aclose()
            with pytest.raises(rill.AddressInUseError):
                await rill.listen(link=rill.HTTPServerLink(uri, token="out", port=port))
            await refused_requests(port, server.address)
    finally:
        node.end()


async def refused_requests(port: int, address: str) -> None:
    good, url = {"Authorization": "Bearer out"}, f"http://127.0.0.1:{port}/ilp"
    cases: List[Tuple[int, str, str, Dict[str, str], bytes]] = [
        (401, "POST", url, {}, b"x"),
        (401, "POST", url, {"Authorization": "Bearer ou"}, b"x"),
        (401, "POST", url, {"Authorization": "out"}, b"x"),
        (404, "POST", url + "/elsewhere", good, b"x"),
        (405, "GET", url, good, b""),
        (413, "POST", url, good, bytes(1 << 20)),
        (400, "POST", url, good, b""),
        (400, "POST", url, good, b"\x0c\x05short"),
        (400, "POST", url, good, b"\x0d" + bytes(80)),
    ]
    async with aiohttp.ClientSession() as session:
        for status, method, where, headers, body in cases:
            async with session.request(method, where, headers=headers, data=body) as response:
                assert response.status == status, (status, method, where, body[:10])


def test_links_by_http_that_cannot_be() -> None:
    for uri, token, path in (
        ("btp+ws://:t@127.0.0.1:1", "t", "/"),
        ("http://127.0.0.1:1", "t", "/"),
        ("ilp+http://:t@127.0.0.1:1", "", "/"),
        ("ilp+http://:t@127.0.0.1:1", "t\u00e4", "/"),
        ("ilp+http://:t@127.0.0.1:1", "t", "x"),
        ("ilp+http://account:t@127.0.0.1:1", "t", "/"),
    ):
        with pytest.raises(rill.RillError):
            rill.HTTPServerLink(uri, token=token, path=path)


@in_loop
async def test_nodes_that_are_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for link in (f"btp+ws://:t@127.0.0.1:{port}", f"ilp+http://:t@127.0.0.1:{port}"):
            nobody = rill.Credentials("test.nobody", bytes(32))
            with pytest.raises(rill.ConnectError) as caught:
                await rill.connect(nobody, link=link)
            assert isinstance(caught.value, ConnectionError) and ":t@" not in str(caught.value)
        taken.listen()
        with pytest.raises(rill.RillTimeoutError):
            await rill.listen(link=f"btp+ws://:t@127.0.0.1:{port}", timeout=0.2)


@in_loop
async def test_a_node_that_refuses(node: Node) -> None:
    async with rill.listen(link=f"btp+ws://name:first@127.0.0.1:{node.port}"):
        with pytest.raises(rill.RefusedError) as caught:
            await rill.listen(link=f"btp+ws://name:second@127.0.0.1:{node.port}")
        assert isinstance(caught.value, ConnectionRefusedError)
        assert "second" not in str(caught.value)


WRONG: List[Any] = ["", "x", "http://h", "btp+ws://", "btp+ws://h:x", "btp+ws://[::", 5, b"x"]


@pytest.mark.parametrize("uri", WRONG, ids=repr)
def test_uris_that_are_none(uri: Any) -> None:
    with pytest.raises((rill.LinkURIError, rill.UnsupportedError)):
        asyncio.run(rill.listen(link=uri)._open())


@in_loop
async def test_a_link_that_is_lost_comes_back(node: Node) -> None:
    options = rill.Options(min_rate=1, max_packet_amount=10, packet_lifetime=3)
    async with rill.listen(take, link=node.uri("a1")) as server:
        async with rill.connect(
            server.generate_credentials(), link=node.uri("a2"), options=options
        ) as connection:
            stream = await connection.open_stream()
            await stream.send(10)
            sending = asyncio.ensure_future(stream.send(50_000))
            for link in (connection._engine.link, server._engine.link):
                await until(lambda: stream.totals.in_flight > 0 or sending.done())
                link._session.abort()  # type: ignore[attr-defined]
                await until(lambda: link.up is False or sending.done())
                await until(lambda: link.up or sending.done())
            assert (await sending).sent == 50_000
            remote = list(server._engine.connections.values())[0]
            assert remote.stats.received == 50_010


@in_loop
async def test_a_node_that_is_killed(tmp_path: pathlib.Path) -> None:
    own = Node(tmp_path)
    options = rill.Options(min_rate=1, idle_timeout=1, packet_lifetime=3)
    server = await rill.listen(link=own.uri("b1"), options=options)
    connection = await rill.connect(
        server.generate_credentials(), link=own.uri("b2"), options=options
    )
    stream = await connection.open_stream()
    await stream.send(10)
    own.end()
    await until(lambda: not connection._engine.link.up)
    assert "link" in connection.waiting_for
    with pytest.raises(rill.RillError) as caught:
        await stream.send(5, timeout=1)
    assert caught.value.sent == 0
    await connection._engine.close()
    await server.aclose(timeout=0.1)


@in_loop
async def test_over_tls(tmp_path: pathlib.Path) -> None:
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [*words.split(), "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    own = Node(tmp_path, "--tls-cert", cert, "--tls-key", key)
    trusting = ssl.create_default_context(cafile=cert)
    with pytest.raises(rill.TLSError):
        await rill.listen(link=own.uri("a", "btp+wss"))
    async with rill.listen(take, link=own.uri("a", "btp+wss"), ssl=trusting) as server:
        async with rill.connect(
            server.generate_credentials(), link=own.uri("b", "btp+wss"), ssl=trusting
        ) as connection:
            stream = await connection.open_stream()
            stream.write(bytes(300_000))
            assert (await stream.send(12)).sent == 12
    own.end()
