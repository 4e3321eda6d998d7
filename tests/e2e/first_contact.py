#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first round trips with a node: what follows our authentication at once, and nodes that
do not like that.

usage: first_contact.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP. The nodes are sockets of this program's, which read and answer by hand.
"""

import base64
import hashlib
import socket
import sys
import threading
import traceback

import btp
import runner
from harness import LIMIT, RILL, Program

ADDRESS = b"test.node.someone"
ANSWER = btp.fulfill(bytes(32), btp.octets(ADDRESS) + bytes([6]) + btp.octets(b"EUR"))


class Peer:
    """The WebSocket of one client, from the server's side."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(LIMIT)
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        [key] = [line.split(b":")[1].strip() for line in head.split(b"\r\n")
                 if line.lower().startswith(b"sec-websocket-key")]
        accept = base64.b64encode(hashlib.sha1(
            key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.socket.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
                            b"\r\n\r\n")

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise btp.Closed()
        self.buffer += data

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        head, self.buffer = self.buffer[:n], self.buffer[n:]
        return head

    def receive(self):
        """The next message: (type, request id, entries). Pings are passed over."""
        while True:
            first, second = self.take(2)
            n = second & 127
            if n == 126:
                n = int.from_bytes(self.take(2), "big")
            mask = self.take(4)
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(n)))
            if first & 15 == 2:
                return btp.parse_frame(payload)
            if first & 15 == 8:
                raise btp.Closed()

    def nothing_for(self, seconds):
        """Whether no further message came in that time."""
        self.socket.settimeout(seconds)
        try:
            self.receive()
            return False
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(LIMIT)

    def answer(self, request, packet=None):
        entries = [] if packet is None else [("ilp", 0, packet)]
        payload = btp.frame(btp.RESPONSE, request, entries)
        head = bytes([0x82, len(payload)])
        assert len(payload) < 126
        self.socket.sendall(head + payload)

    def auth(self):
        kind, request, entries = self.receive()
        assert kind == btp.MESSAGE and "auth" in entries, entries
        return request

    def query(self):
        kind, request, entries = self.receive()
        assert kind == btp.MESSAGE and btp.parse(entries["ilp"])["destination"] == "peer.config"
        return request


def info_from(node, errors=False):
    """What `rill info` prints, while node(listener) plays the node."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(LIMIT)
        failure = []

        def play():
            try:
                node(lambda: Peer(listener.accept()[0]))
            except Exception:  # pylint: disable=broad-except
                failure.append(traceback.format_exc())

        thread = threading.Thread(target=play)
        thread.start()
        program = Program([RILL, "info", "--link",
                           f"btp+ws://:token@127.0.0.1:{listener.getsockname()[1]}"])
        code = program.end()
        thread.join(LIMIT)
        assert not failure, failure[0]
        return (code, program.lines(), program.lines("err")) if errors else (code, program.lines())


TOLD = ["address      test.node.someone", "asset code   EUR", "asset scale  6"]


def the_account_is_asked_for_along_with_the_authentication():
    def node(accept):
        peer = accept()
        auth = peer.auth()
        query = peer.query()  # before anything was answered
        peer.answer(auth)
        peer.answer(query, ANSWER)

    assert info_from(node) == (0, TOLD)


def it_is_asked_for_again_where_the_node_looked_at_nothing_before():
    def node(accept):
        peer = accept()
        auth = peer.auth()
        peer.query()
        peer.answer(auth)
        peer.answer(peer.query(), ANSWER)

    assert info_from(node) == (0, TOLD)


def a_late_answer_to_the_first_question_counts():
    def node(accept):
        peer = accept()
        auth = peer.auth()
        first = peer.query()
        peer.answer(auth)
        peer.query()
        peer.answer(first, ANSWER)

    assert info_from(node) == (0, TOLD)


def a_node_that_hangs_up_then_is_given_time():
    def node(accept):
        peer = accept()
        peer.auth()
        peer.query()
        peer.socket.close()
        peer = accept()
        auth = peer.auth()
        assert peer.nothing_for(0.3)
        peer.answer(auth)
        peer.answer(peer.query(), ANSWER)

    assert info_from(node) == (0, TOLD)


def a_node_whose_clock_is_ahead():
    def node(accept):
        peer = accept()
        auth = peer.auth()
        query = peer.query()
        peer.answer(auth)
        peer.answer(query, btp.reject("R00"))

    code, lines, errors = info_from(node, errors=True)
    assert code == 3 and not lines, (code, lines)
    assert "clock" in errors[0], errors


def a_node_that_loses_much_of_what_comes_first():
    def node(accept):
        peer = accept()
        auth = peer.auth()
        peer.query()
        peer.answer(auth)
        peer.query()
        peer.query()
        peer.answer(peer.query(), ANSWER)

    assert info_from(node) == (0, TOLD)


if __name__ == "__main__":
    sys.exit(runner.run([the_account_is_asked_for_along_with_the_authentication,
                         it_is_asked_for_again_where_the_node_looked_at_nothing_before,
                         a_late_answer_to_the_first_question_counts,
                         a_node_that_hangs_up_then_is_given_time,
                         a_node_whose_clock_is_ahead,
                         a_node_that_loses_much_of_what_comes_first], names=sys.argv[3:]))
