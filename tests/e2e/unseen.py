#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets whose end one of the two neighbours does not see: who asked over HTTP and went, and who fulfils too late.

usage: unseen.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import hashlib
import http.client
import http.server
import queue
import signal
import socket
import struct
import sys
import threading
import uuid

import harness
from btp import FULFILL, PREPARE, Client, fulfill, parse, prepare
from harness import reserved_port, run_tests
from connector import Connector
from reload import account, changes, edit, reload
from rillctl import by_socket, ctl
from runner import wait_until

CASES = []
CONFIG = """address: g.x
accounts:
  alice: {relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: 1000%s}
  bob: {relation: child, asset: USD/2, tokens: env:TOKEN_BOB}
"""


def case(function):
    CASES.append(function)
    return function


def head(c, packet):
    return (f"POST /ilp HTTP/1.1\r\nHost: 127.0.0.1:{c.port}\r\nAuthorization: Bearer alice-token\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(packet)}\r\n\r\n").encode()


class Http1:
    """A connection of alice's over which one request follows the other."""

    def __init__(self, c):
        self.c = c
        self.socket = socket.create_connection(("127.0.0.1", c.port), timeout=harness.LIMIT)

    def ask(self, packet):
        self.socket.sendall(head(self.c, packet) + packet)

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        lines, body = data.split(b"\r\n\r\n", 1)
        length = int([line for line in lines.lower().split(b"\r\n") if line.startswith(b"content-length:")][0][15:])
        while len(body) < length:
            body += self.more()
        assert lines.startswith(b"HTTP/1.1 200"), lines
        return parse(body)

    def more(self):
        data = self.socket.recv(65536)
        assert data, "the node has closed the connection"
        return data

    def close(self):
        self.socket.close()


class Http2:
    """A connection of alice's in HTTP/2, by hand: streams that are given up one by one."""
    DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6

    def __init__(self, c):
        self.c = c
        self.buffer = b""
        self.next = 1
        self.bodies, self.ended = {}, set()
        self.socket = socket.create_connection(("127.0.0.1", c.port), timeout=harness.LIMIT)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def ask(self, packet):
        fields = {":method": "POST", ":scheme": "http", ":path": "/ilp", ":authority": f"127.0.0.1:{self.c.port}",
                  "authorization": "Bearer alice-token", "content-type": "application/octet-stream",
                  "content-length": str(len(packet))}
        block = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in fields.items())
        stream, self.next = self.next, self.next + 2
        self.socket.sendall(self.frame(self.HEADERS, 4, stream, block) + self.frame(self.DATA, 1, stream, packet))
        return stream

    def take(self, n):
        while len(self.buffer) < n:
            data = self.socket.recv(65536)
            assert data, "the node has closed the connection"
            self.buffer += data
        found, self.buffer = self.buffer[:n], self.buffer[n:]
        return found

    def step(self):
        length = int.from_bytes(self.take(3), "big")
        kind, flags = self.take(2)
        stream = int.from_bytes(self.take(4), "big")
        payload = self.take(length)
        if kind == self.SETTINGS and not flags & 1:
            self.socket.sendall(self.frame(self.SETTINGS, 1, 0, b""))
        if kind == self.DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        if kind in (self.DATA, self.HEADERS) and flags & 1:
            self.ended.add(stream)
        return kind, flags

    def answer(self, stream):
        while stream not in self.ended:
            self.step()
        return parse(self.bodies[stream])

    def give_up(self, stream):
        """The node has read that before this returns."""
        self.socket.sendall(self.frame(self.RST_STREAM, 0, stream, struct.pack(">I", 8)) + self.frame(self.PING, 0, 0, bytes(8)))
        while self.step() != (self.PING, 1):
            pass

    def close(self):
        self.socket.close()


def has_read_all(c):
    """What came before this is read: it comes by a connection that is younger."""
    late = Http1(c)
    late.ask(prepare("peer.config", 0, condition=bytes.fromhex("66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925")))
    assert late.answer()["type"] == FULFILL
    late.close()


def unseen(c):
    found = account(c, "alice")["unseen"]
    return found["packets"], int(found["amount"])


def begin(t, more=""):
    c = Connector(t, "c", CONFIG % more)
    c.program.until("rillctl at", "err")
    return c, Client(c.port, token="bob-token")


def end(c, bob, balances, lines):
    assert c.balances() == balances, (c.balances(), balances)
    assert ctl(c, "audit", "--json").json()["good"] is True
    bob.close()
    c.stop()
    c.books()
    assert changes(c) == lines, changes(c)


def line(packets, units, who="it owes them"):
    return ("node", "alice", f"{packets} packets of {units} units were fulfilled after its connection or request was lost: {who}")


@case
def a_connection_that_is_cut(t):
    """HTTP/1.1: who asks and goes owes what is fulfilled, and is told of nothing; others of the account go on."""
    c, bob = begin(t)
    stays, goes, ends = Http1(c), Http1(c), Http1(c)
    stays.ask(prepare("g.x.bob.shop", 1))
    first = bob.request()
    goes.ask(prepare("g.x.bob.shop", 100))
    second = bob.request()
    ends.ask(prepare("g.x.bob.shop", 20))
    third = bob.request()
    goes.close()
    # One that ends its side alone waits no more either.
    ends.socket.shutdown(socket.SHUT_WR)
    has_read_all(c)
    for request, packet in (first, second, third):
        assert packet["amount"] in (1, 100, 20)
        bob.answer(request, fulfill())
    assert stays.answer()["type"] == FULFILL
    wait_until(lambda: unseen(c) == (2, 120))
    # The next of the same connection is another packet.
    stays.ask(prepare("g.x.bob.shop", 3))
    bob.answer(bob.request()[0], fulfill())
    assert stays.answer()["type"] == FULFILL
    assert unseen(c) == (2, 120)
    stays.close()
    ends.close()
    # The first is told at once, and the second when the node drains.
    end(c, bob, {"alice": -124, "bob": 124}, [line(1, 100), line(1, 20)])


@case
def the_link_of_its_replies_is_taken_out(t):
    """Asynchronous replies: they go by the link that is taken out, while there is time. Whose are not taken owes; the log says so."""
    away = reserved_port()  # nobody takes replies there
    link = f", link: {{uri: 'ilp+http://127.0.0.1:{away.getsockname()[1]}/ilp', token: env:TOKEN_ALICE, " \
        "callback-url: 'http://127.0.0.1:9/ilp'}"
    c = Connector(t, "c", CONFIG.replace("alice: {relation: child", "alice: {relation: peer, send-routes: false") % link)
    c.program.until("rillctl at", "err")
    bob = Client(c.port, token="bob-token")
    asking = http.client.HTTPConnection("127.0.0.1", c.port, timeout=harness.LIMIT)
    alice = {"Authorization": "Bearer alice-token", "Content-Type": "application/octet-stream"}
    out = []
    for amount in (1, 100, 20):
        asking.request("POST", "/ilp", prepare("g.x.bob.shop", amount, seconds=6), {**alice, "Request-Id": str(uuid.uuid4())})
        answer = asking.getresponse()
        assert (answer.status, answer.read()) == (202, b""), answer.status
        out.append(bob.request()[0])
    edit(c, (link, ""))
    said = reload(c).out
    assert "account alice: link uri none" in said, said
    for request in out:
        bob.answer(request, fulfill())
    said = c.program.until("did not take the Fulfill of a packet", "err")
    assert "its books may differ from ours" in said, said
    assert unseen(c) == (0, 0)
    # It may ask as before, and is answered at once.
    asking.request("POST", "/ilp", prepare("g.x.bob.shop", 3), alice)
    bob.answer(bob.request()[0], fulfill())
    answer = asking.getresponse()
    assert (answer.status, parse(answer.read())["type"]) == (200, FULFILL)
    asking.close()
    away.close()
    assert c.program.text["err"].decode().count("did not take the Fulfill") == 1, c.program.text
    assert c.balances() == {"alice": -124, "bob": 124}
    bob.close()
    c.stop()
    c.books()


@case
def a_stream_that_is_given_up(t):
    """HTTP/2: one stream is reset, and the others of its connection go on."""
    c, bob = begin(t)
    alice = Http2(c)
    streams = [alice.ask(prepare("g.x.bob.shop", amount)) for amount in (1, 100, 20)]
    requests = [bob.request()[0] for _ in streams]
    alice.give_up(streams[1])
    for request in requests:
        bob.answer(request, fulfill())
    assert alice.answer(streams[0])["type"] == alice.answer(streams[2])["type"] == FULFILL
    assert unseen(c) == (1, 100)
    # A reject, or a time that is over, costs nothing.
    gone = alice.ask(prepare("g.x.bob.shop", 50, seconds=4))
    bob.request()
    alice.give_up(gone)
    wait_until(lambda: account(c, "alice")["held"] == "0")
    # A stream that is younger is not taken for one that is gone.
    again = alice.ask(prepare("g.x.bob.shop", 3))
    bob.answer(bob.request()[0], fulfill())
    assert alice.answer(again)["type"] == FULFILL
    assert unseen(c) == (1, 100) and streams[1] not in alice.ended and gone not in alice.ended
    packets = account(c, "alice")["packets"]
    assert packets == {"from": 5, "rejected": 1, "to": 0, "open": 0}, packets
    alice.close()
    end(c, bob, {"alice": -124, "bob": 124}, [line(1, 100)])


@case
def the_node_bears_it(t):
    """charge-unseen: false holds for requests over HTTP as for connections by BTP."""
    c, bob = begin(t, ", charge-unseen: false")
    alice = Http2(c)
    gone, stays = (alice.ask(prepare("g.x.bob.shop", amount)) for amount in (100, 20))
    alice.give_up(gone)
    for _ in range(2):
        bob.answer(bob.request()[0], fulfill())
    assert alice.answer(stays)["type"] == FULFILL
    wait_until(lambda: unseen(c) == (1, 100))
    assert account(c, "alice")["unseen"]["charged"] is False
    alice.close()
    end(c, bob, {"alice": -20, "bob": 120}, [line(1, 100, "this node bears them")])


@case
def fulfilled_too_late(t):
    """Who fulfils what was rejected as too late is named: its books have what these have not."""
    c, bob = begin(t)
    alice = Client(c.port, token="alice-token")
    asked = [alice.ask(prepare("g.x.bob.shop", amount, seconds=4)) for amount in (100, 20, 3)]
    requests = [bob.request()[0] for _ in asked]
    for a in asked:
        answer = alice.reply_to(a)
        assert answer["code"] == "R00", answer
    bob.answer(requests[0], fulfill())
    bob.answer(requests[1], fulfill(b"\x08" * 32))  # this is no fulfillment of it
    bob.answer(requests[2], fulfill())
    wait_until(lambda: account(c, "bob")["late"] == {"packets": 2, "amount": "103"})
    assert "2 packets to bob, of 103 units, were rejected here as too late" in ctl(c, "why", "bob").out
    assert 'rill_connector_late_money_total{account="bob",asset="USD",scale="2"} 103\n' in by_socket(c, "GET", "/metrics")[1]
    alice.close()
    said = "1 packets of %d units were fulfilled too late: it may count them as owed to it, and this node does not"
    end(c, bob, {"alice": 0, "bob": 0}, [("node", "bob", said % 100), ("node", "bob", said % 3)])


def post(c, name, packet, request):
    asking = http.client.HTTPConnection("127.0.0.1", c.port, timeout=harness.LIMIT)
    asking.request("POST", "/ilp", packet, {"Authorization": f"Bearer {name}-token", "Request-Id": request,
                                            "Content-Type": "application/octet-stream"})
    answer = asking.getresponse()
    found = answer.status, answer.read()
    asking.close()
    return found


class Asked:
    """A neighbour who takes what it is asked, and posts its replies when the test says so."""

    def __init__(self, name):
        came = self.came = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                came.put((self.headers["Request-Id"], parse(body)))
                self.send_response(202 if body[0] == PREPARE else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.link = f", link: {{uri: 'ilp+http://127.0.0.1:{self.server.server_address[1]}/ilp', " \
            f"token: env:TOKEN_{name.upper()}, callback-url: 'http://127.0.0.1:9/ilp'}}"

    def packet(self):
        """The next that carries money, and its Request-Id."""
        while True:
            request, packet = self.came.get(timeout=harness.LIMIT)
            if packet.get("amount"):
                return request, packet

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@case
def the_link_by_which_it_left_is_another(t):
    """Asynchronous replies: the old link waits for those that are out; what comes when it is closed is named."""
    asked = Asked("bob")
    c = Connector(t, "c", "routes: [{prefix: g.bob, account: bob}]\n" + CONFIG.replace(
        "bob: {relation: child, asset: USD/2, tokens: env:TOKEN_BOB",
        "bob: {relation: peer, send-routes: false, asset: USD/2, tokens: env:TOKEN_BOB" + asked.link) % "")
    c.program.until("rillctl at", "err")
    alice = Client(c.port, token="alice-token")
    out = []
    for amount in (100, 20, 3):
        out.append((alice.ask(prepare("g.bob.shop", amount)), asked.packet()[0]))
    edit(c, ("http://127.0.0.1:9/ilp", "http://127.0.0.1:8/ilp"))
    reload(c)
    assert post(c, "bob", fulfill(), out[0][1])[0] == 200
    assert alice.reply_to(out[0][0])["type"] == FULFILL
    # By the new link all is as before.
    wait_until(lambda: account(c, "bob")["sessions"] == 2)
    request = alice.ask(prepare("g.bob.shop", 7))
    assert post(c, "bob", fulfill(), asked.packet()[0])[0] == 200
    assert alice.reply_to(request)["type"] == FULFILL
    for request, by in out[1:]:
        assert post(c, "bob", fulfill(), by)[0] == 200
        assert alice.reply_to(request)["type"] == FULFILL
    # What has expired is rejected, and the request is given up a second later: then nobody waits.
    request = alice.ask(prepare("g.bob.shop", 5, seconds=3))
    by = asked.packet()[0]
    assert alice.reply_to(request)["code"] == "R00"
    post(c, "bob", fulfill(), by)
    assert account(c, "bob")["late"] == {"packets": 1, "amount": "5"}, account(c, "bob")
    assert c.balances() == {"alice": -130, "bob": 130}
    alice.close()
    asked.close()
    c.stop()
    c.books()
    said = "1 packets of %d units were fulfilled too late: it may count them as owed to it, and this node does not"
    assert [x for x in changes(c) if x[0] == "node"] == [("node", "bob", said % 5)], changes(c)


@case
def the_token_of_its_sessions_is_another(t):
    """Asynchronous replies: whose sessions end with their token owes what is fulfilled, and is told of nothing."""
    asked = Asked("alice")
    c = Connector(t, "c", CONFIG.replace("alice: {relation: child", "alice: {relation: peer, send-routes: false") % asked.link)
    c.program.until("rillctl at", "err")
    bob = Client(c.port, token="bob-token")
    assert post(c, "alice", prepare("g.x.bob.shop", 100), str(uuid.uuid4())) == (202, b"")
    request = bob.request()[0]
    edit(c, ("tokens: env:TOKEN_ALICE", f"tokens: sha256:{hashlib.sha256(b'other-token').hexdigest()}"))
    assert "its connections are closed" in reload(c).out
    bob.answer(request, fulfill())
    wait_until(lambda: unseen(c) == (1, 100))
    assert c.balances() == {"alice": -100, "bob": 100}
    bob.close()
    asked.close()
    c.stop()
    c.books()
    assert changes(c)[-1] == line(1, 100), changes(c)


@case
def late_until_the_end(t):
    """How often a neighbour is late while the node stops is its choice, and no line each: the rest is told at the end."""
    c, bob = begin(t)
    alice = Client(c.port, token="alice-token")
    asked = [alice.ask(prepare("g.x.bob.shop", amount, seconds=4)) for amount in (100, 20, 3)]
    late = [bob.request()[0] for _ in asked]
    for a in asked:
        assert alice.reply_to(a)["code"] == "R00"
    holds = alice.ask(prepare("g.x.bob.shop", 5, seconds=30))
    last = bob.request()[0]
    bob.answer(late[0], fulfill())
    wait_until(lambda: account(c, "bob")["late"]["packets"] == 1)
    c.program.process.send_signal(signal.SIGTERM)
    c.program.until("stopping", "err")
    for request in late[1:] + [last]:
        bob.answer(request, fulfill())
    assert alice.reply_to(holds)["type"] == FULFILL
    assert c.program.end() == 0, c.program.text
    for client in (alice, bob):
        client.close()
    said = "%d packets of %d units were fulfilled too late: it may count them as owed to it, and this node does not"
    assert changes(c) == [("node", "bob", said % (1, 100)), ("node", "bob", said % (2, 23))], changes(c)


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
