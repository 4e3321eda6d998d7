#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Neighbours with habits of their own, without the programs that have them: interledger-rs as the
node of our programs and as a client of ours, and packets of every size that is sent.

usage: peers.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP.
"""

import base64
import hashlib
import os
import socket
import sys
import threading
import traceback

import btp
from first_contact import Peer
from harness import LIMIT, run_with_node

ADDRESS = "test.rs"
EMPTY = hashlib.sha256(bytes(32)).digest()  # the condition of requests between neighbours
MAX_MESSAGE = 40000


class RustPeer(Peer):
    """A connection of a client, as interledger-rs reads and writes it."""

    def __init__(self, connection):
        super().__init__(connection)
        self.lock = threading.Lock()

    def send(self, kind, request, packet=None):
        entries = [] if packet is None else [("ilp", 0, packet)]
        payload = btp.frame(kind, request, entries)
        n = len(payload)
        head = bytes([0x82, n]) if n < 126 else bytes([0x82, 126]) + n.to_bytes(2, "big")
        with self.lock:
            self.socket.sendall(head + payload)


class RustNode:
    """
    interledger-rs, as far as our programs meet it: Prepare in RESPONSE, Fulfill and Reject in MESSAGE,
    one connection for an account, messages of at most 40,000 bytes; and what comes right behind the
    authentication is lost, as is the first request after the answer to it.
    """

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.peers = {}    # name -> RustPeer
        self.waiting = {}  # our request's id -> (peer, its request's id)
        self.lost = 0
        self.largest = 0
        self.next = 1 << 31
        self.lock = threading.Lock()
        self.failure = []
        threading.Thread(target=self.accept, daemon=True).start()

    def link(self, name):
        return f"btp+ws://{name}:token@127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            peer = RustPeer(connection)
            kind, request, entries = peer.receive()
            assert kind == btp.MESSAGE and "auth" in entries, entries
            name = entries["auth_username"].decode()
            # What is there already goes to a reader that is thrown away with its buffer.
            peer.socket.settimeout(0.2)
            try:
                while True:
                    peer.receive()
                    self.lost += 1
            except socket.timeout:
                peer.buffer = b""
            peer.socket.settimeout(LIMIT)
            peer.send(btp.RESPONSE, request)
            peer.receive()
            self.lost += 1
            self.peers[name] = peer
            while True:
                self.take(name, peer, *peer.receive())
        except btp.Closed:
            pass
        except OSError:
            pass
        except Exception:  # pylint: disable=broad-except
            self.failure.append(traceback.format_exc())

    def take(self, name, peer, kind, request, entries):
        """It looks at the packet alone, whatever the frame's type is."""
        del kind
        packet = entries["ilp"]
        self.largest = max(self.largest, len(packet))
        fields = btp.parse(packet)
        if fields["type"] != btp.PREPARE:
            with self.lock:
                to, its = self.waiting.pop(request, (None, None))
            if to is not None:
                to.send(btp.MESSAGE, its, packet)
            return
        destination = fields["destination"]
        if destination == "peer.config":
            data = btp.octets(f"{ADDRESS}.{name}".encode()) + bytes([9]) + btp.octets(b"XRP")
            peer.send(btp.MESSAGE, request, btp.fulfill(bytes(32), data))
            return
        to = self.peers.get(destination.split(".")[2]) if destination.startswith(ADDRESS + ".") else None
        if to is None:
            peer.send(btp.MESSAGE, request, btp.reject("F02"))
            return
        with self.lock:
            self.next += 1
            self.waiting[self.next] = (peer, request)
            ours = self.next
        to.send(btp.RESPONSE, ours, packet)

    def close(self):
        self.listener.close()


def money_and_bytes_over_interledger_rs(t):
    node = RustNode()
    try:
        path = t.file("receiver.json")
        receiver = t.rill("receive", "--link", node.link("bob"), "--credentials", path, "--connections", "1")
        receiver.until("wrote its ILP address")
        receiver.read_along()
        sender = t.rill("send", "--link", node.link("alice"), "--credentials", path, "--amount", "100000",
                        "--data", "x" * 100000)
        assert sender.end() == 0, sender.text
        assert receiver.end() == 0, receiver.text
        assert receiver.lines()[-1].startswith("server connection ended, received 100000 units"), receiver.text
        assert not node.failure, node.failure[0]
        assert node.lost >= 4, node.lost  # of each program, the two questions that were not heard
        assert node.largest <= MAX_MESSAGE, node.largest
    finally:
        node.close()


def interledger_rs_as_a_client(t):
    """How it adds a parent: it does not wait for the answer to its authentication."""
    bob = btp.Client(t.node.port, "bob")
    ws = btp.WebSocket(t.node.port)
    ws.send(btp.frame(btp.MESSAGE, 9, [("auth", 0, b""), ("auth_token", 1, b"its-token")]))
    name = base64.urlsafe_b64encode(hashlib.sha256(b"its-token").digest()).decode().rstrip("=")
    ws.send(btp.frame(btp.RESPONSE, 10, [("ilp", 0, btp.prepare("peer.config", 0, condition=EMPTY))]))
    control = bytes([1]) + bytes(16) + bytes(4) + b"\1\0"
    ws.send(btp.frame(btp.RESPONSE, 11, [("ilp", 0, btp.prepare("peer.route.control", 0, 60, EMPTY, control))]))
    ws.send(btp.frame(btp.RESPONSE, 12, [("ilp", 0, btp.prepare("private.rill.bob.x", 77))]))
    answers = {}

    def read():
        _, request, entries = btp.parse_frame(ws.receive())
        answers[request] = btp.parse(entries["ilp"]) if "ilp" in entries else None

    request, prepare = bob.request()
    assert prepare["amount"] == 77
    bob.answer(request, btp.fulfill())
    while len(answers) < 4:
        read()
    assert answers[9] is None
    assert answers[10]["fulfillment"] == bytes(32) and name.encode() in answers[10]["data"], answers[10]
    assert answers[11] == {"type": btp.FULFILL, "fulfillment": bytes(32), "data": b""}, answers[11]
    assert answers[12]["fulfillment"] == b"\7" * 32, answers[12]
    # And what is for it, with its answer in a MESSAGE.
    for answer, kind in ((btp.fulfill(), btp.FULFILL), (btp.reject("F99", b"no"), btp.REJECT)):
        ours = bob.ask(btp.prepare(f"private.rill.{name}.y"))
        frame, request, entries = btp.parse_frame(ws.receive())
        assert frame == btp.MESSAGE and btp.parse(entries["ilp"])["type"] == btp.PREPARE
        ws.send(btp.frame(btp.MESSAGE, request, [("ilp", 0, answer)]))
        assert bob.reply_to(ours)["type"] == kind
    ws.close()
    bob.close()


def packets_of_every_size_that_is_sent(t):
    """The most that RFC 27 allows, one byte more, what ilp-protocol-stream sends, the most that is accepted, and more."""
    alice, bob = btp.Client(t.node.port, "alice"), btp.Client(t.node.port, "bob")
    for size in (0, 32767, 32768, 32773, 40000):
        data = os.urandom(size)
        ours = alice.ask(btp.prepare("private.rill.bob.x", data=data))
        request, prepare = bob.request()
        assert prepare["data"] == data, size
        bob.answer(request, btp.fulfill(data=data))
        assert alice.reply_to(ours)["data"] == data, size
        ours = alice.ask(btp.prepare("private.rill.bob.x"))
        request, _ = bob.request()
        bob.answer(request, btp.reject("F99", data))
        assert alice.reply_to(ours)["data"] == data, size
    reply = alice.call(btp.prepare("private.rill.bob.x", data=bytes(40001)))
    assert reply["type"] == btp.REJECT and reply["code"] == "F00", reply
    alice.close()
    bob.close()


def a_reject_with_junk_comes_clean(t):
    """A Reject whose triggeredBy is no address. Its sender is answered at once."""
    alice, bob = btp.Client(t.node.port, "alice"), btp.Client(t.node.port, "bob")
    for by in (b"not an address", b"caf\xc3\xa9", b"a" * 2000, b""):
        ours = alice.ask(btp.prepare("private.rill.bob.x"))
        request, _ = bob.request()
        bob.answer(request, bytes([btp.REJECT]) + btp.octets(
            b"F99" + btp.octets(by) + btp.octets(b"\xff\xfe") + btp.octets(b"why")))
        kind, its, entries = btp.parse_frame(alice.ws.receive())
        assert (kind, its) == (btp.RESPONSE, ours)
        outer = btp.Reader(entries["ilp"])
        assert outer.take(1)[0] == btp.REJECT
        r = btp.Reader(outer.octets())
        assert r.take(3) == b"F99" and r.octets() == b"" and r.octets() == b"\xff\xfe" and r.octets() == b"why"
    alice.close()
    bob.close()


if __name__ == "__main__":
    sys.exit(run_with_node([money_and_bytes_over_interledger_rs, interledger_rs_as_a_client,
                            packets_of_every_size_that_is_sent, a_reject_with_junk_comes_clean]))
