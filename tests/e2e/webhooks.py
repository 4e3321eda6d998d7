#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who is told of each line of the audit, by a receiver that fails in every way; signatures are
checked as Rafiki's documentation says, by code that shares nothing with the node's.

usage: webhooks.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import hashlib
import hmac
import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import LIMIT, RILLD, reserved_port, run_tests
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import by_socket, ctl

CASES = []
SECRET = "a secret that signs"


def case(function):
    CASES.append(function)
    return function


def verify(header, body, secret=SECRET):
    """As Rafiki's documentation says: the signature is of the time, a dot, and the canonical JSON of the
    parsed body, with its keys in order and without blanks."""
    parts = dict(part.strip().split("=", 1) for part in header.split(","))
    canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hmac.new(secret.encode(), f"{parts['t']}.{canonical}".encode(), hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, parts["v1"]), (header, body)
    assert abs(time.time() * 1000 - int(parts["t"])) < LIMIT * 1000, header
    assert canonical.encode() == body  # who signs the bytes that came is right, too


class Receiver:
    """Takes what it is told. `lie` is called first, and may answer otherwise."""

    def __init__(self, port=0, tls=None, secret=SECRET):
        self.got, self.tries, self.lie = [], 0, lambda handler, event: False
        self.change = threading.Condition()
        self.problem = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    assert self.headers["content-type"] == "application/json"
                    verify(self.headers["rafiki-signature"], body, secret)
                except AssertionError as e:
                    receiver.problem = e
                event = json.loads(body)
                event["sequence"] = int(self.headers["rill-sequence"])
                with receiver.change:
                    receiver.tries += 1
                    receiver.change.notify_all()
                try:
                    if receiver.lie(self, event):
                        return
                except (BrokenPipeError, ConnectionResetError):
                    return
                with receiver.change:
                    receiver.got.append(event)
                    receiver.change.notify_all()
                self.answer(200)

            do_GET = do_POST

            def answer(self, status, body=b"", **fields):
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def until(self, what):
        with self.change:
            assert self.change.wait_for(lambda: what(self), LIMIT), (self.got, self.tries)
        assert self.problem is None, self.problem
        return self

    def notes(self):
        """What operators wrote beside entries, each once, in the order of the first time."""
        return list(dict.fromkeys(e["data"]["note"] for e in self.got))

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def config(t, port, more="", scheme="http"):
    secret = t.file("webhook.secret", SECRET + "\n")
    return TWO_ASSETS + f"webhooks: {{url: '{scheme}://127.0.0.1:{port}/hooks', secret: 'file:{secret}'{more}}}\n"


def enter(c, note, amount=1, *args):
    return ctl(c, "settle", "alice", str(amount), "--deposit", "--note", note, "--who", "maria", *args)


def state(c):
    return json.loads(by_socket(c, "GET", "/v1/node")[1])["webhooks"]


def eventually(what):
    deadline = time.monotonic() + LIMIT
    while not (got := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return got


def in_order(receiver):
    """Each at least once, the first time of each in order, without a gap, and always with the same id."""
    seen = {}
    last = None
    for e in receiver.got:
        assert seen.setdefault(e["sequence"], e["id"]) == e["id"], e
        assert last is None or e["sequence"] <= last + 1, (last, e)
        last = e["sequence"] if last is None else max(last, e["sequence"])
    assert sorted(seen) == list(range(min(seen), max(seen) + 1)), sorted(seen)
    assert len(set(seen.values())) == len(seen)


@case
def each_line_is_told(t):
    """Entries and changes, signed, with their amounts; nothing of before it was asked for."""
    receiver = Receiver()
    c = Connector(t, "c", TWO_ASSETS)
    enter(c, "before")
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace(TWO_ASSETS, config(t, receiver.port)))
    ctl(c, "reload", "--who", "ada")
    # It begins with the lines of the reload.
    receiver.until(lambda r: len(r.got) == 2)
    assert [e["data"]["who"] for e in receiver.got] == ["ada", "ada"], receiver.got
    notes = [e["data"]["note"] for e in receiver.got]
    assert notes[0].startswith("webhooks secret file:") and "webhooks url http://127.0.0.1" in notes[1], notes
    there = len(receiver.got)
    enter(c, 'transfer "7" ü \\ \x1f /', 300, "--key", "k1")
    ctl(c, "settle", "bob", "7", "--out", "--note", "out")
    ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2", "--who", "bea")
    ctl(c, "log-level", "info", "--who", "lea")
    receiver.until(lambda r: len(r.got) == there + 4)
    got = receiver.got[there:]
    types = [e["type"] for e in got]
    assert types == ["account.deposit", "account.settled_out", "account.changed", "node.changed"], types
    entry = got[0]
    assert uuid.UUID(entry["id"]).version == 8
    at = entry["data"].pop("at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert entry["data"] == {"account": "alice", "asset": {"code": "USD", "scale": 2}, "amount": "300", "who": "maria",
                             "note": 'transfer "7" ü \\ \x1f /', "key": "k1"}, entry
    assert got[2]["data"]["account"] == "carol" and got[2]["data"]["who"] == "bea"
    assert "account" not in got[3]["data"]
    eventually(lambda: state(c)["delivered"] == there + 4)
    assert state(c)["waiting"] == 0 and state(c)["problem"] is None
    assert f"{there + 4} delivered, 0 waiting" in ctl(c, "status").out
    in_order(receiver)
    c.stop()


@case
def a_receiver_that_misbehaves(t):
    """Errors, redirects, silence, half an answer, an answer without end: it is told again, and packets do not wait."""
    other = Receiver()
    receiver = Receiver()
    c = Connector(t, "c", config(t, receiver.port, ", timeout: 500ms, retry-after: 20ms"))
    r = receive(t, c.link("bob"))
    hold = threading.Event()

    def redirect(handler, event):
        handler.answer(307, Location=f"http://127.0.0.1:{other.port}/hooks")

    def close(handler, event):
        handler.connection.shutdown(socket.SHUT_RDWR)

    def half(handler, event):
        handler.wfile.write(b"HTTP/1.1 2")
        handler.connection.shutdown(socket.SHUT_RDWR)

    def cut(handler, event):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        handler.connection.shutdown(socket.SHUT_RDWR)

    def nonsense(handler, event):
        handler.wfile.write(b"hello\r\n\r\n")
        handler.connection.shutdown(socket.SHUT_RDWR)

    def silent(handler, event):
        hold.wait(LIMIT)

    ways = [lambda h, e: h.answer(500, b"x" * 100000), redirect, close, half, cut, nonsense, silent,
            lambda h, e: h.answer(404), lambda h, e: h.answer(301, Location="/elsewhere")]
    for i, way in enumerate(ways):
        tries = receiver.tries
        receiver.lie = lambda h, e, way=way: way(h, e) or True
        enter(c, f"n{i}")
        receiver.until(lambda r: r.tries > tries)
        sent = time.monotonic()
        assert int(send(t, r.path, 10, c.link("alice"))["delivered"]) > 0
        assert time.monotonic() - sent < LIMIT / 4
        eventually(lambda: state(c)["problem"])
        assert state(c)["waiting"] >= 1, state(c)
        receiver.lie = lambda h, e: False
        receiver.until(lambda r, i=i: f"n{i}" in r.notes())
    # One that talks too much has it all the same.
    receiver.lie = lambda h, e: h.answer(200, b"y" * 3000000) or receiver.got.append(e) or True
    enter(c, "long")
    receiver.until(lambda r: "long" in r.notes())
    eventually(lambda: not state(c)["waiting"])
    hold.set()
    assert receiver.notes() == [f"n{i}" for i in range(len(ways))] + ["long"], receiver.notes()
    assert other.tries == 0, other.got
    in_order(receiver)
    status, text = by_socket(c, "GET", "/metrics")
    assert f"rill_connector_webhooks_delivered_total {len(ways) + 1}\n" in text, text
    assert "rill_connector_webhooks_waiting 0\n" in text and "rill_connector_webhooks_failing_seconds 0\n" in text
    c.stop()
    log = c.program.text["err"].decode()
    assert "webhooks: it answers with status 500; it is tried again" in log and SECRET not in log, log
    assert log.count("webhooks: they are taken again") == len(ways), log


@case
def away_for_long(t):
    """What happens while nobody is there is told when he is back, over restarts, all of it and in order."""
    held = reserved_port()
    c = Connector(t, "c", config(t, held.getsockname()[1]))
    for i in range(100):
        enter(c, f"n{i}")
        if i == 50:
            c.kill()
            c.start()
    s = eventually(lambda: (s := state(c))["waiting"] == 100 and s)
    assert s["failing_since"] is not None and "onnect" in s["problem"], s
    assert "they fail since" in ctl(c, "status").out
    receiver = Receiver(held.getsockname()[1])
    receiver.until(lambda r: len(r.notes()) == 100)
    assert receiver.notes() == [f"n{i}" for i in range(100)], receiver.notes()
    in_order(receiver)
    eventually(lambda: not state(c)["waiting"])
    # What he has he is not told again.
    c.stop()
    c.start()
    enter(c, "last")
    receiver.until(lambda r: r.notes()[-1] == "last")
    assert len(receiver.got) == 101, len(receiver.got)
    c.stop()


@case
def killed_at_any_moment(t):
    """Each line comes at least once, and the first time of each in order."""
    dice = random.Random(int(os.environ.get("RILL_SEED", "11")))
    receiver = Receiver()
    receiver.lie = lambda h, e: dice.random() < 0.2 and (h.answer(503) or True)
    c = Connector(t, "c", config(t, receiver.port))
    count = 0
    for _ in range(int(os.environ.get("RILL_KILLS", "8"))):
        for _ in range(dice.randrange(1, 6)):
            enter(c, f"n{count}")
            count += 1
        time.sleep(dice.random() * 0.3)
        c.kill()
        c.start()
    receiver.until(lambda r: f"n{count - 1}" in r.notes())
    assert receiver.notes() == [f"n{i}" for i in range(count)], receiver.notes()
    in_order(receiver)
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()


@case
def who_the_receiver_is(t):
    """Only one with a certificate that is trusted is told; what a reload changes counts at once."""
    cert, key = t.file("hook.pem"), t.file("hook.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    receiver = Receiver(tls=(cert, key))
    c = Connector(t, "c", config(t, receiver.port, scheme="https"))
    enter(c, "one")
    problem = eventually(lambda: state(c)["problem"])
    assert "certificate" in problem.lower() and receiver.tries == 0, problem

    def load(new):
        with open(c.path, encoding="utf-8") as f:
            text = f.read()
        with open(c.path, "w", encoding="utf-8") as f:
            f.write(re.sub(r"webhooks: .*\n", new, text))
        return ctl(c, "reload").out
    secret = re.search(r"secret: '(file:[^']*)'", config(t, 1)).group(1)
    said = load(f"webhooks: {{url: 'https://127.0.0.1:{receiver.port}/hooks?token=hush', secret: '{secret}', ca: {cert}}}\n")
    assert f"webhooks url https://127.0.0.1:{receiver.port}/hooks, before https://127.0.0.1:{receiver.port}/hooks" in said, said
    receiver.until(lambda r: r.notes()[:1] == ["one"] and len(r.got) >= 2)
    assert "hush" not in json.dumps(receiver.got) and state(c)["url"] == f"https://127.0.0.1:{receiver.port}/hooks"
    # Without a secret nothing is sent.
    os.unlink(secret.removeprefix("file:"))
    enter(c, "two")
    problem = eventually(lambda: state(c)["problem"])
    assert problem == "its secret cannot be read", problem
    t.file("webhook.secret", SECRET)
    receiver.until(lambda r: "two" in r.notes())
    # Nobody is told, and then another one goes on.
    assert "webhooks url none, before" in load("")
    assert state(c) is None
    enter(c, "three")
    other = Receiver()
    with open(c.path, "a", encoding="utf-8") as f:
        f.write(f"webhooks: {{url: 'http://127.0.0.1:{other.port}/', secret: '{secret}'}}\n")
    ctl(c, "reload")
    other.until(lambda r: "three" in r.notes())
    in_order(receiver)
    assert other.got[0]["sequence"] == receiver.got[-1]["sequence"] + 1
    c.stop()


@case
def wrong_configurations(t):
    """Each with its place."""
    def check(line):
        p = t.start([RILLD, "check", "--config", t.file("w.yaml", f"address: g.x\nstore: {{path: x}}\naccounts: {{a: {{relation: child, asset: USD/2, tokens: env:A}}}}\n{line}\n")])
        p.end()
        return p.text["err"].decode()
    assert check("webhooks: {url: 'https://e.example/x?y=z', secret: env:S, timeout: 10s}") == ""
    assert check("webhooks: {url: 'http://localhost:3000', secret: env:S}") == ""
    assert check("webhooks: {url: 'http://e.example', secret: env:S, insecure: true}") == ""
    for line, pattern in (
            ("webhooks: {url: 'http://e.example', secret: env:S}", r"w.yaml:4:\d+: webhooks: url: 'http://e.example' is no https URL"),
            ("webhooks: {url: 'ftp://e.example', secret: env:S}", "is no https URL"),
            ("webhooks: {url: 'https://e.example/#x', secret: env:S}", "is no https URL"),
            ("webhooks: {url: '$e.example', secret: env:S}", "is no https URL"),
            ("webhooks: {url: 'https://e.example'}", "webhooks: secret is missing"),
            ("webhooks: {secret: env:S}", "webhooks: url is missing"),
            ("webhooks: {url: 'https://e.example', secret: hunter2}", "not the secret itself"),
            ("webhooks: {url: 'https://e.example', secret: env:S, timeout: 1h}", r"w.yaml:4:\d+: timeout"),
            ("webhooks: {url: 'https://e.example', secret: env:S, retry-after: 1ms}", r"w.yaml:4:\d+: retry-after"),
            ("webhooks: {url: 'https://e.example', secret: env:S, timout: 1s}", "'timout' is not known in webhooks")):
        said = check(line)
        assert re.search(pattern, said), (line, said)
        assert "hunter2" not in said


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
