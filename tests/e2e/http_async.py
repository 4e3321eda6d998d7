#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asynchronous replies over HTTP (RFC 35) between two connectors, also where what is between them
loses and repeats requests and responses; and their books compared afterwards, to the unit.

usage: http_async.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import http.client
import http.server
import random
import signal
import sys
import threading
import time

import harness
from connector import received, receive, send
from harness import RILLD, environment, reserved_port, run_tests
from routing import Connector, child

CASES = []
FAST = "route-interval: 1s\nroute-hold-down: 3s\n"
PREPARE, FULFILL = 12, 13


def case(function):
    CASES.append(function)
    return function


class Between:
    """What is in front of a connector's port: it passes on what is posted, or does not."""

    def __init__(self, port, faults=None):
        self.port, self.faults, self.counts = port, faults, {}
        self.lock = threading.Lock()
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                between.pass_on(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ilp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def ask(self, handler, body):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.LIMIT)
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in ("host", "connection")}
        c.request("POST", handler.path, body, headers)
        answer = c.getresponse()
        got = answer.status, answer.read()
        c.close()
        return got

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        kind = "prepare" if body[0] == PREPARE else "fulfill" if body[0] == FULFILL else "reject"
        with self.lock:
            fault = self.faults.choice(("lost", "lost after", "twice", "500 after", "late")) \
                if self.faults is not None and self.faults.random() < 0.3 else None
        if fault in ("500 after", "lost") and kind == "prepare":
            fault = None  # who is told that its Prepare failed does not wait for a reply
        try:
            if fault == "lost":
                handler.close_connection = True
                return
            if fault == "late":
                time.sleep(0.1)
            status, answer = self.ask(handler, body)
            self.count((kind, status))
            if fault == "twice":
                self.count((kind, "again", self.ask(handler, body)[0]))
            if fault == "lost after":
                handler.close_connection = True
                return
            handler.send_response(500 if fault == "500 after" else status)
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except ConnectionRefusedError:
            handler.send_error(502)
        except OSError:
            handler.close_connection = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def peer(name, token, scheme, there, here):
    """A neighbour that is asked there and shows our token here."""
    callback = "" if here is None else f", callback-url: '{here}'"
    return (f"  {name}: {{relation: peer, asset: USD/6, credit: none, tokens: env:TOKEN_{token},\n"
            f"    link: {{uri: '{scheme}{there[4:]}', token: env:TOKEN_{token}{callback}}}}}\n")


def two(t, scheme="ilp+http", faults=None, forms=(True, True)):
    """a and b, neighbours; alice at a and bob at b."""
    ports = [reserved_port(), reserved_port()]
    numbers = [p.getsockname()[1] for p in ports]
    between = [Between(n, faults) for n in numbers]
    urls = [b.url for b in between] if scheme == "ilp+http" else \
        [f"http://127.0.0.1:{n}/ilp" for n in numbers]
    at = [url if form else None for url, form in zip(urls, forms)]
    a = Connector(t, "a", f"address: g.a\n{FAST}accounts:\n{child('alice')}{peer('b', 'AB', scheme, urls[1], at[0])}",
                  numbers[0])
    b = Connector(t, "b", f"address: g.b\n{FAST}accounts:\n{child('bob')}{peer('a', 'AB', scheme, urls[0], at[1])}",
                  numbers[1])
    a.until_way("g.b", "account b")
    b.until_way("g.a", "account a")
    return a, b, between, ports


def statuses(between, kind):
    """How often each status was the answer to what came first, of both."""
    found = {}
    for b in between:
        for key, n in b.counts.items():
            if key[0] == kind and key[1] != "again":
                found[key[1]] = found.get(key[1], 0) + n
    return found


def pay_both_ways(t, a, b, there, back):
    bob = receive(t, b.link("bob"), "bob")
    alice = receive(t, a.link("alice"), "alice")
    done = send(t, bob.path, there, a.link("alice"), "--max-packet", "20000")
    assert done["sent"] == done["delivered"] == str(there), done
    done = send(t, alice.path, back, b.link("bob"), "--max-packet", "20000")
    assert done["delivered"] == str(back), done
    bob.until("connection_end")
    alice.until("connection_end")
    assert received(bob) == there and received(alice) == back


def check_books(a, b, net):
    have = {n.name: n.balances() for n in (a, b)}
    assert have == {"a": {"alice": -net, "b": net}, "b": {"a": -net, "bob": net}}, have
    for n in (a, b):
        n.stop()
        assert n.books() == have[n.name]


@case
def both_ways_in_http_1(t):
    a, b, between, ports = two(t)
    pay_both_ways(t, a, b, 1000000, 400000)
    # It was the asynchronous form: each Prepare was taken with 202, and each reply was posted.
    assert set(statuses(between, "prepare")) == {202}, [b.counts for b in between]
    assert set(statuses(between, "fulfill")) == {200}, [b.counts for b in between]
    assert statuses(between, "fulfill")[200] >= 70, [b.counts for b in between]
    for one in between:
        one.close()
    check_books(a, b, 600000)
    for p in ports:
        p.close()


@case
def both_ways_in_http_2(t):
    a, b, between, ports = two(t, "ilp+h2c")
    pay_both_ways(t, a, b, 1000000, 400000)
    check_books(a, b, 600000)
    for p in ports:
        p.close()


@case
def who_does_not_know_the_form_answers_at_once(t):
    """b has the synchronous form alone: it asks so, and answers so; and a node has both."""
    a, b, between, ports = two(t, forms=(True, False))
    pay_both_ways(t, a, b, 500000, 200000)
    assert set(statuses(between, "prepare")) == {200}, [b.counts for b in between]
    assert not statuses(between, "fulfill"), [b.counts for b in between]
    check_books(a, b, 300000)
    for one in between:
        one.close()
    for p in ports:
        p.close()


@case
def whatever_is_lost_and_repeated(t):
    """Nothing is paid twice, no Fulfill is lost, and both books agree."""
    a, b, between, ports = two(t, faults=random.Random(7))
    pay_both_ways(t, a, b, 2000000, 800000)
    counts = [b.counts for b in between]
    assert any(("prepare", "again", 202) in c for c in counts), counts
    assert any(("fulfill", "again", 400) in c for c in counts), counts
    errors = b"".join(n.program.text["err"] for n in (a, b))
    assert b"did not take the Fulfill" not in errors, errors
    check_books(a, b, 1200000)
    for one in between:
        one.close()
    for p in ports:
        p.close()


@case
def stopped_in_a_payment(t):
    """A node that stops waits for the replies to what is under way: they come by its port."""
    a, b, between, ports = two(t, faults=random.Random(8))
    bob = receive(t, b.link("bob"), "bob")
    payer = t.rill("send", bob.path, "100000000", "--link", a.link("alice"), "--json", "--max-packet", "20000")
    while b.balances()["bob"] < 400000:
        time.sleep(0.02)
    a.program.process.send_signal(signal.SIGTERM)
    assert a.program.end() == 0, a.program.text
    payer.kill()
    # Each unit that bob has b has from a, and a knows it.
    books = a.books()
    have = b.balances()
    assert books["b"] == -have["a"] == have["bob"], (books, have)
    b.stop()
    assert b.books() == have
    for one in between:
        one.close()
    for p in ports:
        p.close()


@case
def configurations_that_cannot_be(t):
    """Each is refused with its place, and what to do."""
    account = "  b: {{relation: {relation}, asset: USD/6{tokens}, link: {{uri: '{uri}'{more}}}}}\n"
    good = {"relation": "peer", "tokens": ", tokens: env:TOKEN_B", "uri": "ilp+https://b.example/ilp",
            "more": ", callback-url: 'https://a.example/ilp'", "http": "true", "address": "address: g.a\n"}

    def check(code, pattern, **changes):
        has = {**good, **changes}
        path = t.file("config.yaml", f"{has['address']}store: {{path: x}}\nlisten: [{{port: 0, http: {has['http']}}}]\n"
                                     f"accounts:\n{account.format(**has)}")
        p = t.start([RILLD, "check", "--config", path], env=environment(TOKEN_B="secret"))
        assert p.end() == code, p.text
        assert pattern in p.text["err"].decode() + p.text["out"].decode(), (pattern, p.text)

    check(0, "")
    check(0, "", more=good["more"] + ", answers-url: 'https://b.example/replies'")
    check(2, "needs tokens", tokens="")
    check(2, "no port has http: true", http="false")
    check(2, "a link of ILP over HTTP", uri="btp+wss://b.example/ilp")
    check(2, "begins with https:// or http://", more=", callback-url: 'ilp+https://a.example/ilp'")
    check(2, "no user name and no token", more=", callback-url: 'https://x:y@a.example/ilp'")
    check(2, "the host and the port of uri", more=good["more"] + ", answers-url: 'https://c.example/replies'")
    check(2, "the host and the port of uri", more=good["more"] + ", answers-url: 'http://b.example/replies'")
    check(2, "is for a link with a callback-url", more=", answers-url: 'https://b.example/replies'")
    check(2, "leave out connections", more=good["more"] + ", connections: 2")
    check(2, "max-sessions must be 2", tokens=good["tokens"] + ", max-sessions: 1")
    check(2, "address is needed", relation="parent", address="")


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
