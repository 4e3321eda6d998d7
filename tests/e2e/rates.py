#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service of prices that comes, lies and goes, while a connector exchanges at what it says.

usage: rates.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import re
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import LIMIT, reserved_port, run_tests
from connector import Connector, receive, send
from rillctl import ctl

CASES = []

CONFIG = """address: g.x
accounts:
  alice: {relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: 100000000}
  bob: {relation: child, asset: EUR/4, tokens: env:TOKEN_BOB}
"""


def case(function):
    CASES.append(function)
    return function


def eur(rate):
    return f'{{"base":"USD","rates":{{"EUR":{rate}}}}}'.encode()


class Service:
    """It says what `body` is, or does what `lie` says; every question is in `asked`."""

    def __init__(self, port, tls=None):
        self.body, self.lie, self.status = eur("2"), None, 200
        self.asked, self.change = [], threading.Condition()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with service.change:
                    service.asked.append((self.path, self.headers.get("Authorization"), self.headers.get("Accept")))
                    service.change.notify_all()
                try:
                    (service.lie or Handler.answer)(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def answer(self):
                self.send_response(service.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def wait(self, more):
        """Until it was asked so many times more."""
        with self.change:
            want = len(self.asked) + more
            assert self.change.wait_for(lambda: len(self.asked) >= want, LIMIT), self.asked

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def config(port, more="", scheme="http", rates="spread: 0"):
    return CONFIG + (f"rates: {{base: USD, url: '{scheme}://127.0.0.1:{port}/v1/rates?list=all', refresh: 1s, timeout: 500ms,"
                     f" stale-after: 3s, {rates}{more}}}\n")


def rates(c):
    return ctl(c, "rates", "--json").json()


def price(c, code="EUR"):
    return next(p for p in rates(c)["prices"] if p["code"] == code)


def until(c, what):
    """Until the rates are so."""
    while not what(found := rates(c)):
        assert c.program.process.poll() is None
    return found


def pays(t, c, r, amount, factor):
    """A payment that brings exactly so many units for each."""
    done = send(t, r.path, amount, c.link("alice"))
    assert int(done["delivered"]) == amount * factor, done
    return amount


@case
def it_comes_lies_and_goes(t):
    """While it is away nothing is exchanged; what it says is used at once; no lie is believed."""
    held = reserved_port()
    c = Connector(t, "c", config(held.getsockname()[1]))
    r = receive(t, c.link("bob"))
    c.program.until("prices: the service cannot be asked: .*", "err")
    assert price(c)["state"] == "awaited"
    # A payment that begins before there is a price waits for it.
    early = t.rill("send", r.path, "100", "--link", c.link("alice"), "--json", "--stall", "30")
    while not any(row["code"] == "T00" for row in ctl(c, "why", "alice", "--json").json()["rejects"]):
        pass
    assert "none has come yet" in ctl(c, "status").out
    service = Service(held.getsockname()[1])
    assert early.end() == 0 and int(early.events()[-1]["delivered"]) == 20000, early.text
    sent = 100 + pays(t, c, r, 1000, 200)
    c.program.until("prices come again", "err")
    path, token, accept = service.asked[-1]
    assert (path, token, accept) == ("/v1/rates?list=all&base=USD", None, "application/json"), service.asked[-1]

    def html(h):
        h.send_response(200)
        h.end_headers()
        h.wfile.write(b"<!doctype html><title>Sign in</title>")

    def huge(h):
        h.send_response(200)
        h.end_headers()
        for _ in range(64):
            h.wfile.write(b" " * 65536)
        h.wfile.write(eur("9"))

    def slow(h):
        h.send_response(200)
        h.end_headers()
        for byte in eur("9"):
            h.wfile.write(bytes([byte]))
            h.wfile.flush()
            if service.stopping.wait(0.1):
                return

    def elsewhere(h):
        h.send_response(302)
        h.send_header("Location", "/v1/other?base=USD")
        h.send_header("Content-Length", "0")
        h.end_headers()

    service.stopping = threading.Event()
    answer = None
    for lie, body, pattern in (
            (html, None, "not JSON"), (huge, None, "too large"), (slow, None, "[Tt]ime"), (elsewhere, None, "302.*not followed"),
            (answer, b'{"base":"EUR","rates":{"EUR":9}}', "another base"), (answer, b'{"rates":{"EUR":9}}', "no base"),
            (answer, b'{"base":"USD","rates":{"EUR":9,"EUR":9}}', "not JSON"), (answer, eur("-9"), "EUR is below zero"),
            (answer, eur("0"), "EUR is zero"), (answer, eur('"9"'), "EUR is no number"), (answer, eur("1e400"), "too large"),
            (answer, eur("NaN"), "not JSON"), (answer, b'{"base":"USD","rates":{}}', "no price of EUR")):
        # The truth first, so that what was said before is good, and then the lie.
        service.lie, service.body = None, eur("2")
        until(c, lambda found: found["service"]["problem"] is None)
        service.lie, service.body = lie, body or service.body
        found = until(c, lambda found: found["service"]["problem"] is not None)
        assert re.search(pattern, found["service"]["problem"]), (pattern, found["service"])
        assert all(p["price"] in ("1/2", "1") for p in found["prices"]), found
        if price(c)["state"] == "good":
            service.lie, service.body = None, eur("2")
            sent += pays(t, c, r, 10, 200)
    service.stopping.set()
    service.lie, service.body = None, eur("3")
    until(c, lambda found: any(p["price"] == "1/3" for p in found["prices"]))
    sent += pays(t, c, r, 77, 300)

    # It goes. The price is used until it is too old, then nothing is, and everybody says so.
    service.close()
    until(c, lambda found: all(p["state"] in ("fixed", "too old") for p in found["prices"]))
    late = t.rill("send", r.path, "100", "--link", c.link("alice"), "--json", "--stall", "30")
    before = sum(row["count"] for row in ctl(c, "why", "alice", "--json").json()["rejects"] if row["code"] == "T00")
    while sum(row["count"] for row in ctl(c, "why", "alice", "--json").json()["rejects"] if row["code"] == "T00") == before:
        pass
    assert re.search(r"too old +\d+ s +service", ctl(c, "rates").out), ctl(c, "rates").out
    assert re.search(r"its last answer, at 20.*: the service cannot be asked", ctl(c, "status").out)
    service = Service(held.getsockname()[1])
    service.body = eur("4")
    assert late.end() == 0 and int(late.events()[-1]["delivered"]) == 40000, late.text
    sent += 100
    assert c.balances()["alice"] == -sent
    c.stop()
    c.books()
    service.close()


@case
def a_secret_that_it_is_shown(t):
    """By TLS and an authority of ours; with another certificate nothing is asked."""
    key, cert = t.file("key.pem"), t.file("cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    service = Service(0, (cert, key))
    secret = t.file("secret", "s3cret\n")
    c = Connector(t, "c", config(service.port, f", token: 'file:{secret}'", "https"))
    c.program.until("prices: the service cannot be asked: .*certificate", "err")
    assert service.asked == [], service.asked
    c.stop()
    d = Connector(t, "d", config(service.port, f", token: 'file:{secret}', ca: {cert}", "https"))
    until(d, lambda found: any(p["price"] == "1/2" for p in found["prices"]))
    assert service.asked[-1][1] == "Bearer s3cret", service.asked[-1]
    with open(secret, "w", encoding="utf-8") as f:
        f.write("other\n")
    service.wait(2)
    assert service.asked[-1][1] == "Bearer other", service.asked[-1]
    for text in (ctl(d, "rates", "--json").out, ctl(d, "status").out, d.program.text["err"].decode()):
        assert "other" not in text and "list=all" not in text, text
    d.stop()
    service.close()


@case
def prices_by_hand(t):
    """rates set: before the service's, for a time; the configuration's stay; who did it is in the audit."""
    service = Service(0)
    c = Connector(t, "c", config(service.port, ", prices: {GBP: {price: 5/4}}"))
    until(c, lambda found: any(p["price"] == "1/2" for p in found["prices"]))
    r = receive(t, c.link("bob"))
    said = ctl(c, "rates", "set", "EUR", "0.25", "--who", "maria").out
    assert said == "one EUR is worth 0.25 USD now\n", said
    pays(t, c, r, 10, 400)
    service.wait(2)
    pays(t, c, r, 10, 400)
    assert re.search(r"EUR +1/4 +good +\d+ s +maria", ctl(c, "rates").out), ctl(c, "rates").out
    assert "the configuration says what GBP is worth" in ctl(c, "rates", "set", "GBP", "1", code=1).err
    for wrong, pattern in ((["EUR"], "an argument is missing"), (["EUR", "0"], "above 0"), (["EUR", "-1"], "above 0"),
                           (["EUR", "1", "--for", "1w"], "a time such as"), (["EUR", "1", "--for", "0s"], "a time such as")):
        answer = ctl(c, "rates", "set", *wrong, code=2)
        assert re.search(pattern, answer.err), (wrong, answer.err)
    assert 'did you mean' in ctl(c, "ratess", code=2).err
    assert 'there is no "rates get"' in ctl(c, "rates", "get", code=2).err
    ctl(c, "rates", "set", "EUR", "0.5", "--for", "1s")
    until(c, lambda found: any(p["source"] == "service" and p["state"] == "good" for p in found["prices"]))
    pays(t, c, r, 10, 200)
    assert "taken away" in ctl(c, "rates", "set", "EUR", "none").out
    assert "no price of EUR was entered" in ctl(c, "rates", "set", "EUR", "none", code=2).err
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()
    db = sqlite3.connect(c.store)
    notes = db.execute("SELECT who, note FROM entries WHERE kind = 5 ORDER BY id").fetchall()
    db.close()
    assert notes[0] == ("maria", "price of EUR 1/4") and notes[1][1] == "price of EUR 1/2 for 1 s", notes
    assert notes[2][1] == "price of EUR taken away", notes
    service.close()


@case
def another_service_by_reload(t):
    """What another service said counts no more; the same one at other times goes on."""
    one, other = Service(0), Service(0)
    other.body = eur("5")
    c = Connector(t, "c", config(one.port))
    r = receive(t, c.link("bob"))
    pays(t, c, r, 10, 200)
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace(f":{one.port}/", f":{other.port}/"))
    c.program.process.send_signal(signal.SIGHUP)
    c.program.until("loaded: rates url ", "err")
    until(c, lambda found: any(p["price"] == "1/5" for p in found["prices"]))
    pays(t, c, r, 10, 500)
    count = len(one.asked)
    other.wait(2)
    assert len(one.asked) == count
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("stale-after: 3s", "stale-after: 1s"))
    c.program.process.send_signal(signal.SIGHUP)
    c.program.until("not loaded: .*stale-after must be longer", "err")
    pays(t, c, r, 10, 500)
    c.stop()
    for service in (one, other):
        service.close()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
