#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Settlement by engines (RFC 38): real connectors, each with an engine that pays the other's, that
is away, that is killed, that lies; and afterwards both books are the same, to the unit.

usage: settlement.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import argparse
import http.client
import http.server
import json
import os
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time

import connector
from connector import certificate, receive, send
from harness import EXAMPLES, RILLD, environment, reserved_port, run_tests
from rillctl import ctl, rows

CASES = []


def case(function):
    CASES.append(function)
    return function


def ask(port, method, path, body=b"", headers=None):
    """Status and body."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


class Engine:
    """A settlement engine. What it is told to pay it pays once for each key, and the other engine
    tells its connector until that has said yes. What it knows outlives it, as in a database."""

    def __init__(self):
        self.socket = reserved_port()
        self.port = self.socket.getsockname()[1]
        self.keys = {}       # key: body
        self.accounts = set()
        self.asked = []      # (path, key, body): all that came
        self.tried = 0       # connections, also those that do not get as far as a question
        self.refuse = lambda handler: None  # an answer instead of work
        self.after = lambda handler: None   # the same after the work
        self.other = None
        self.server = None
        self.tls = None      # it speaks https then
        self.lock = threading.Lock()

    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def start(self):
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status, body=b"", kind="application/json"):
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                key = self.headers.get("idempotency-key")
                self.body = body
                with engine.lock:
                    engine.asked.append((self.path, key, body))
                early = engine.refuse(self)
                if early is None:
                    early = self.work(body, key)
                late = engine.after(self)
                self.answer(*(late or early))

            def work(self, body, key):
                if self.path == "/accounts":
                    engine.accounts.add(json.loads(body)["id"])
                    return 201,
                account, what = re.fullmatch(r"/accounts/([^/]+)/(\w+)", self.path).groups()
                if account not in engine.accounts:
                    return 404, b"no such account", "text/plain"
                if what == "messages":
                    return 201, b"answer to " + body, "application/octet-stream"
                with engine.lock:
                    fresh = key not in engine.keys
                    assert engine.keys.setdefault(key, body) == body, "a key with two amounts"
                if fresh:
                    engine.other.receives(body)
                return 201, body

            def do_DELETE(self):
                with engine.lock:
                    engine.asked.append((self.path, None, b""))
                engine.accounts.discard(self.path.split("/")[-1])
                self.answer(204)

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def get_request(self):
                engine.tried += 1
                return super().get_request()

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], (ConnectionError, BrokenPipeError)):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    # the other direction: what comes on the ledger
    def pays_into(self, port, account):
        self.connector = (port, account)
        self.coming = []

    def receives(self, body):
        with self.lock:
            self.coming.append((f"key-{random.getrandbits(64):x}", body))
        threading.Thread(target=self.tell, daemon=True).start()

    def tell(self):
        """Again and again until the connector says yes."""
        while True:
            with self.lock:
                if not self.coming:
                    return
                key, body = self.coming[0]
            port, account = self.connector
            try:
                status, got = ask(port, "POST", f"/accounts/{account}/settlements", body,
                                  {"Idempotency-Key": key, "Content-Type": "application/json"})
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            assert status == 201 and got == body, (status, got)
            with self.lock:
                if self.coming and self.coming[0][0] == key:
                    self.coming.pop(0)
        

class Connector(connector.Connector):
    """One with a port for engines."""

    def __init__(self, t, name, config, port=0):
        self.engines = reserved_port()
        self.engines_port = self.engines.getsockname()[1]
        super().__init__(t, name, f"engines: {{port: {self.engines_port}}}\n{config}", port)

    def start(self):
        self.program = self.t.start([RILLD, "run", "-v", "--config", self.path],
                                    env=environment(**self.tokens))
        self.program.read_along()
        line = self.program.until("ready on", "err")
        self.port = int(re.search(r":(\d+) as", line).group(1))

    def balance(self, account):
        return int(json.loads(ctl(self, "balance", account, "--json").out)["balance"])

    def account(self, account):
        return json.loads(ctl(self, "balance", account, "--json").out)

    def audit(self):
        assert json.loads(ctl(self, "audit", "--json").out)["good"] is True


def settlement(engine, threshold=1000, settle_to=100, more=""):
    return f"settlement: {{engine: '{engine.url()}', threshold: {threshold}, settle-to: {settle_to}{more}}}"


def pair(t, more=""):
    """alice - west - east - bob, and an engine each."""
    one, two = Engine(), Engine()
    west = Connector(t, "west", f"""address: g.west
accounts:
  alice: {{relation: child, asset: USD/2, credit: 1000000, tokens: env:TOKEN_ALICE}}
  east: {{relation: peer, asset: USD/2, credit: 1000000, tokens: env:TOKEN_EAST, {settlement(one, more=more)}}}
routes: [{{prefix: g.east, account: east}}]
""", reserved := reserved_port_number(t))
    east = Connector(t, "east", f"""address: g.east
accounts:
  bob: {{relation: child, asset: USD/2, credit: 1000000, tokens: env:TOKEN_BOB}}
  west: {{relation: peer, asset: USD/2, credit: 1000000, link: {{uri: 'btp+ws://127.0.0.1:{reserved}', token: env:TOKEN_EAST}}, {settlement(two)}}}
routes: [{{prefix: g.west, account: west}}]
""", reserved_port_number(t))
    one.other, two.other = two, one
    one.pays_into(west.engines_port, "east")
    two.pays_into(east.engines_port, "west")
    one.start()
    two.start()
    east.program.until("account west: connected", "err")
    return west, east, one, two


def reserved_port_number(t):
    s = reserved_port()
    if not hasattr(t, "sockets"):
        t.sockets = []
    t.sockets.append(s)
    return s.getsockname()[1]


def eventually(what, limit=60):
    deadline = time.monotonic() + limit
    while not (got := what()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return got


def same_books(west, east):
    """What west owes east is what east thinks that it is owed."""
    eventually(lambda: west.balance("east") == -east.balance("west"))
    for c, account in ((west, "east"), (east, "west")):
        # An engine tells the other side before it answers.
        eventually(lambda c=c, account=account: c.account(account)["settlement"]["outstanding"] is None)
        c.audit()
    return west.balance("east")


@case
def both_books_are_the_same(t):
    """Money goes one way and is settled; then the other way, and is settled by the other side."""
    west, east, one, two = pair(t)
    bob = receive(t, east.link("bob"))
    assert send(t, bob.path, 2500, west.link("alice"))["delivered"] == "2500"
    assert same_books(west, east) == 100
    assert [json.loads(b) for p, k, b in one.asked if k] == [{"amount": "2400", "scale": 2}]
    for c, account, kind in ((west, "east", "settled-out"), (east, "west", "settled-in")):
        lines = [x for x in json.loads(ctl(c, "statement", account, "--json").out)["lines"]
                 if x["kind"] == kind]
        assert len(lines) == 1 and re.fullmatch(r"engine http://127.0.0.1:\d+", lines[0]["who"]), lines
    alice = receive(t, west.link("alice"), "alice")
    assert send(t, alice.path, 5000, east.link("bob"))["delivered"] == "5000"
    left = same_books(west, east)
    assert left == -100, left
    west.stop()
    east.stop()
    west.start()
    east.start()
    assert same_books(west, east) == -100
    assert len([k for p, k, b in one.asked if k]) == 1, one.asked


@case
def an_engine_that_is_away(t):
    """The debt is booked once, shown as outstanding, and asked for until the engine is back."""
    west, east, one, two = pair(t)
    one.stop()
    bob = receive(t, east.link("bob"))
    send(t, bob.path, 2500, west.link("alice"))
    assert west.balance("east") == 100
    shown = eventually(lambda: (s := west.account("east")["settlement"])["tries"] > 1 and s)
    assert shown["outstanding"]["amount"] == "2400" and shown["engine"] == one.url(), shown
    assert "connect" in shown["problem"].lower(), shown
    table = ctl(west, "balance", "east").out
    assert "24.00" in table and one.url() in table, table
    status, text = metrics(west)
    assert 'rill_connector_settlement_outstanding{account="east",asset="USD",scale="2"} 2400' in text, text
    # More debt is not settled meanwhile, and a restart changes nothing.
    send(t, bob.path, 3000, west.link("alice"))
    assert west.balance("east") == 3100
    west.kill()
    west.start()
    key = west.account("east")["settlement"]["outstanding"]["key"]
    assert key == shown["outstanding"]["key"]
    one.start()
    assert same_books(west, east) == 100
    assert [k for p, k, b in one.asked if k][0] == key
    assert len(one.keys) == 2, one.keys


def metrics(c):
    s = socket.socket(socket.AF_UNIX)
    s.connect(c.store + ".sock")
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    text = b""
    while data := s.recv(65536):
        text += data
    s.close()
    return int(text.split()[1]), text.decode()


@case
def an_engine_whose_answers_are_lost(t):
    """Answers are lost, late, cut, or errors: each debt is paid once all the same."""
    west, east, one, two = pair(t)
    dice = random.Random(5)

    def after(handler):
        if not handler.path.endswith("/settlements") or dice.random() < 0.4:
            return None
        luck = dice.randrange(4)
        if luck == 0:
            handler.connection.shutdown(socket.SHUT_RDWR)
        return [(500,), (503, b"{"), (201, b'{"amount":"1'), (404, b"who?", "text/plain")][luck]

    one.after = after
    bob = receive(t, east.link("bob"))
    for _ in range(4):
        send(t, bob.path, 1500, west.link("alice"))
    eventually(lambda: west.account("east")["settlement"]["outstanding"] is None)
    assert 100 <= same_books(west, east) < 1000


@case
def an_engine_that_lies(t):
    """It claims more than it was asked for, which changes nothing; and less: the rest is for next time."""
    west, east, one, two = pair(t)
    claims = [b'{"amount":"99999","scale":2}', b'{"amount":"1000","scale":2}']
    paid = []
    two.receives = lambda body: paid.append(json.loads(body)["amount"])
    one.after = lambda handler: (201, claims.pop(0)) if claims and handler.path.endswith("/settlements") else None
    bob = receive(t, east.link("bob"))
    send(t, bob.path, 2500, west.link("alice"))
    eventually(lambda: west.account("east")["settlement"]["outstanding"] is None and paid)
    assert west.balance("east") == 100 and paid == ["2400"], paid
    send(t, bob.path, 2500, west.link("alice"))
    eventually(lambda: west.account("east")["settlement"]["outstanding"] is None and len(paid) == 2)
    # It is due: the engine is asked for it again, by itself.
    eventually(lambda: west.account("east")["settlement"]["left_out"] is None)
    assert paid == ["2400", "2500", "1500"] and west.balance("east") == 100, paid
    west.audit()


@case
def an_engine_that_takes_less(t):
    """What it does not take is owed: it is shown, is kept over a restart, and goes back to the balance with the engine."""
    engine = Engine()
    engine.after = lambda handler: (201, b'{"amount":"600","scale":2}') if handler.path.endswith("/settlements") else None
    engine.receives = lambda body: None
    engine.other = engine
    engine.start()
    c = Connector(t, "c", f"""address: g.x
accounts:
  bob: {{relation: child, asset: USD/2, tokens: env:TOKEN_BOB, {settlement(engine, settle_to=0)}}}
""")
    ctl(c, "settle", "bob", "1000", "--deposit")
    eventually(lambda: (c.account("bob")["settlement"]["left_out"] or {}).get("amount") == "400")
    for _ in range(2):
        assert c.balance("bob") == 0
        assert ctl(c, "outstanding", "--json").json()["left_out"] == [
            {"account": "bob", "open": True, "asset": {"code": "USD", "scale": 2}, "amount": "400"}]
        assert re.search(r"STILL OWED\n *bob +USD/2 +4.00\n", ctl(c, "outstanding").out), ctl(c, "outstanding").out
        table = ctl(c, "balance", "bob").out
        assert "NOT TAKEN" in table and " 4.00 " in table, table
        c.audit()
        c.kill()
        c.start()
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(re.sub(r", settlement: \{[^}]*\}", "", text))
    ctl(c, "reload")
    assert c.balance("bob") == 400 and total(c, "bob", "settled-back") == 400
    assert ctl(c, "outstanding").out == "nothing is outstanding\n"
    c.kill()
    c.start()
    assert c.balance("bob") == 400
    c.audit()


@case
def paid_ahead(t):
    """What an account has paid ahead is not paid back because the configuration is read again, or the node starts again."""
    engine = Engine()
    engine.receives = lambda body: None
    engine.other = engine
    engine.start()
    c = Connector(t, "c", f"""address: g.x
accounts:
  bob: {{relation: child, asset: USD/2, credit: 0, tokens: env:TOKEN_BOB, {settlement(engine)}}}
""", reserved_port_number(t))
    told = ask(c.engines_port, "POST", "/accounts/bob/settlements", b'{"amount":"5000","scale":2}', {"idempotency-key": "k"})
    assert told[0] == 201, told
    ctl(c, "reload")
    c.kill()
    c.start()
    ctl(c, "reload")
    assert c.balance("bob") == 5000 and c.account("bob")["settlement"]["outstanding"] is None
    ctl(c, "settle", "bob", "1", "--deposit")
    eventually(lambda: c.balance("bob") == 100)
    c.audit()


@case
def killed_at_any_moment(t):
    """Both nodes and both engines are killed while money goes both ways."""
    west, east, one, two = pair(t)
    dice = random.Random(int(os.environ.get("RILL_SEED", "7")))
    bob = receive(t, east.link("bob"))
    alice = receive(t, west.link("alice"), "alice")
    for turn in range(int(os.environ.get("RILL_KILLS", "8"))):
        payer = (t.rill("send", bob.path, "4000", "--link", west.link("alice"), "--json", "--stall", "3")
                 if turn % 2 == 0 else
                 t.rill("send", alice.path, "6000", "--link", east.link("bob"), "--json", "--stall", "3"))
        time.sleep(dice.random() * 0.3)
        victim = dice.choice([west, east, one, two])
        if isinstance(victim, Engine):
            victim.stop()
            time.sleep(dice.random() * 0.3)
            victim.start()
        else:
            victim.kill()
            time.sleep(dice.random() * 0.2)
            victim.start()
            (bob if victim is east else alice).kill()
            if victim is east:
                bob = receive(t, east.link("bob"))
            else:
                alice = receive(t, west.link("alice"), "alice")
        payer.end()
    # What was out when a node was killed ends by expiry, and one side may have booked it: the
    # settlements all the same are on both sides.
    for c, account in ((west, "east"), (east, "west")):
        eventually(lambda c=c, account=account: c.account(account)["settlement"]["outstanding"] is None)
    eventually(lambda: not one.coming and not two.coming)
    for payer_, payee, account, other in ((west, east, "east", "west"), (east, west, "west", "east")):
        out = total(payer_, account, "settled-out")
        got = total(payee, other, "settled-in")
        assert out == -got != 0, (account, out, got)
        payer_.audit()


def total(c, account, kind):
    lines = json.loads(ctl(c, "statement", account, "--json").out)["lines"]
    return sum(int(x["change"]) for x in lines if x["kind"] == kind)


@case
def messages_of_engines(t):
    """An engine asks the other one, by way of both connectors."""
    west, east, one, two = pair(t)
    eventually(lambda: "west" in two.accounts)
    status, body = ask(west.engines_port, "POST", "/accounts/east/messages", b"hello")
    assert (status, body) == (201, b"answer to hello")
    assert ("/accounts/west/messages", None, b"hello") in two.asked
    big = random.Random(1).randbytes(32000)
    assert ask(west.engines_port, "POST", "/accounts/east/messages", big) == (201, b"answer to " + big)
    assert ask(west.engines_port, "POST", "/accounts/east/messages", bytes(33000))[0] == 413
    two.refuse = lambda handler: (422, b"no", "text/plain")
    assert ask(west.engines_port, "POST", "/accounts/east/messages", b"x") == (400, b"no")
    two.refuse = lambda handler: (500, b"", "text/plain")
    assert ask(west.engines_port, "POST", "/accounts/east/messages", b"x")[0] == 502
    two.stop()
    assert ask(west.engines_port, "POST", "/accounts/east/messages", b"x")[0] == 502
    east.stop()
    assert ask(west.engines_port, "POST", "/accounts/east/messages", b"x")[0] == 503


@case
def who_may_ask(t):
    """Tokens, pages of browsers, resources that are not there; and the same key again."""
    token = t.file("engine.token", "engine-secret\n")
    c = connector.Connector(t, "c", f"""address: g.x
engines: {{port: {(port := reserved_port_number(t))}, tokens: 'file:{token}'}}
accounts:
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, {settlement(Engine())}}}
""")
    body = b'{"amount":"12345","scale":4}'
    path = "/accounts/alice/settlements"
    key = {"Idempotency-Key": "k"}
    good = {**key, "Authorization": "Bearer engine-secret"}
    assert ask(port, "POST", path, body, key)[0] == 401
    assert ask(port, "POST", path, body, {**key, "Authorization": "Bearer engine-secre"})[0] == 401
    assert ask(port, "POST", path, body, {**good, "Origin": "http://evil.example"})[0] == 403
    assert ask(port, "POST", path, body, {"Authorization": "Bearer engine-secret"})[0] == 400
    assert ask(port, "GET", path, b"", good)[0] == 405
    assert ask(port, "POST", "/accounts/nobody/settlements", body, good)[0] == 404
    assert ask(port, "POST", path, bytes(50000), good)[0] == 413
    for _ in range(3):
        assert ask(port, "POST", path, body, good) == (201, body)
    assert ask(port, "POST", path, b'{"amount":"12346","scale":4}', good)[0] == 409
    c.kill()
    c.start()
    assert ask(port, "POST", path, body, good) == (201, body)
    assert ask(port, "POST", path, b'{"amount":"1","scale":4}', good)[0] == 409
    assert ask(port, "POST", path, b'{"amount":"55","scale":4}', {**good, "Idempotency-Key": "l"})[0] == 201
    # 123.45 units and 0.55 units are 124 units.
    assert json.loads(ctl(c, "balance", "alice", "--json").out)["balance"] == "124"
    # By whose token it was is in the audit.
    lines = json.loads(ctl(c, "audit", "--lines", "--json").out)["lines"]
    assert {x["person"] for x in lines if x["kind"] == "settled-in"} == {f"file:{token}"}, lines
    c.stop()


@case
def a_token_of_one_account(t):
    """It is good for that account, and no other one is; another one in its place is in the audit."""
    paths = {name: t.file(f"{name}.token", f"{name}-secret\n") for name in ("all", "one", "two")}
    engine = f"engine: 'http://127.0.0.1:1', threshold: 1000"
    c = connector.Connector(t, "c", f"""address: g.x
engines: {{port: {(port := reserved_port_number(t))}, tokens: 'file:{paths["all"]}'}}
accounts:
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, settlement: {{{engine}, tokens: 'file:{paths["one"]}'}}}}
  bob: {{relation: child, asset: USD/2, tokens: env:TOKEN_BOB, settlement: {{{engine}, tokens: ['file:{paths["two"]}', 'file:{paths["one"]}']}}}}
  carol: {{relation: child, asset: USD/2, tokens: env:TOKEN_CAROL, settlement: {{{engine}}}}}
""")
    body = b'{"amount":"100","scale":2}'

    def may(account, token):
        headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {token}"}
        status = ask(port, "POST", f"/accounts/{account}/settlements", body, headers)[0]
        assert status in (201, 401), status
        return status == 201
    tokens = ("all-secret", "one-secret", "two-secret", "three-secret")

    def table():
        return {account: [word.split("-")[0] for word in tokens if may(account, word)] for account in ("alice", "bob", "carol")}
    assert table() == {"alice": ["one"], "bob": ["one", "two"], "carol": ["all"]}, table()
    t.file("two.token", "three-secret\n")
    said = ctl(c, "reload", "--who", "maria").out
    assert said == "account bob: settlement tokens: another one is there now\nloaded: 1 changes\n", said
    assert table() == {"alice": ["one"], "bob": ["one", "three"], "carol": ["all"]}, table()
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace(f", tokens: 'file:{paths['one']}'}}", "}"))
    assert f"account alice: settlement tokens file:{paths['one']} removed" in ctl(c, "reload").out
    assert table()["alice"] == ["all"]
    os.unlink(paths["two"])
    assert "two.token cannot be read" in reload_refused(c, text)
    c.stop()


@case
def wrong_configurations(t):
    """Each with its place; and what a running node cannot change."""
    def check(account, engines="engines: {port: 0}"):
        path = t.file("c.yaml", f"address: g.x\nstore: {{path: x}}\n{engines}\naccounts:\n"
                                f"  a: {{relation: child, asset: USD/2, tokens: env:A, {account}}}\n")
        p = t.start([RILLD, "check", "--config", path])
        p.end()
        return p.text["err"].decode()
    good = "engine: 'https://e.example/x', threshold: 10"
    assert check(f"settlement: {{{good}}}") == ""
    assert check("settlement: {engine: 'http://localhost:3000', threshold: 10}") == ""
    for settlement_, pattern in (
            ("engine: 'http://e.example', threshold: 10", r"c.yaml:5:\d+: engine: https is needed, unless insecure"),
            ("engine: 'ftp://e.example', threshold: 10", r"c.yaml:5:\d+: engine: http:// or https:// is needed"),
            ("engine: 'https://:x@e.example', threshold: 10", r"c.yaml:5:\d+: a: engine: a URL of at most"),
            ("engine: 'https://e\u00fc.example', threshold: 10", r"c.yaml:5:\d+: a: engine: a URL of at most"),
            ("engine: 'https://e.example'", r"c.yaml:5:\d+: settlement: threshold is missing"),
            ("threshold: 5", r"c.yaml:5:\d+: settlement: engine is missing"),
            (f"{good}, settle-to: 10", r"c.yaml:5:\d+: a: settle-to must be below threshold"),
            (f"{good}, scale: 256", r"c.yaml:5:\d+: scale"),
            (f"{good}, treshold: 1", r"c.yaml:5:\d+: 'treshold' is not known in a settlement; there are: engine,")):
        assert re.search(pattern, check(f"settlement: {{{settlement_}}}")), check(f"settlement: {{{settlement_}}}")
    assert check("settlement: {engine: 'http://e.example', threshold: 10, insecure: true}") == ""
    for engines, pattern in (
            ("engines: {port: 1, host: 0.0.0.0}", r"c.yaml:3:\d+: other machines reach the engines' port"),
            ("engines: {port: 1, cert: x}", r"c.yaml:3:\d+: a port needs both cert and key"),
            ("engines: {}", r"c.yaml:3:\d+: engines: port is missing")):
        assert re.search(pattern, check("", engines)), check("", engines)
    for engines in ("engines: {port: 1, host: 0.0.0.0, unprotected: true}",
                    "engines: {port: 1, host: 0.0.0.0, tokens: env:X, insecure: true}", "engines: {port: 1, host: '::1'}"):
        assert check("", engines) == "", check("", engines)
    warning = check("", "engines: {port: 1, host: 0.0.0.0, tokens: env:X}")
    assert re.search(r"c.yaml:3:\d+: warning: engines: other machines reach it without TLS", warning), warning


@case
def an_engine_with_an_authority_of_its_own(t):
    """By https, with `ca`; without it the engine is not believed, and is asked again once it is. A
    change that is refused changes nothing of that, and what is taken away is not used any more."""
    cert, key = certificate(t, "engine")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    engine = Engine()
    engine.tls = tls
    engine.other = argparse.Namespace(receives=lambda body: None)
    engine.start()
    c = Connector(t, "c", f"""address: g.x
accounts:
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, {settlement(engine)}}}
""")
    c.program.until("certificate", "err")
    assert engine.asked == [], engine.asked
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with_ca = text.replace("threshold: 1000", f"threshold: 1000, ca: {cert}")
    assert "ca: the file cannot be read" in reload_refused(c, with_ca.replace(cert, "/nowhere"))
    with_ca = with_ca.replace(engine.url(), engine.url() + "/")

    def not_believed():
        asked, tried = len(engine.asked), engine.tried
        eventually(lambda: engine.tried >= tried + 2)
        assert len(engine.asked) == asked, engine.asked[asked:]
    refused = reload_refused(c, with_ca.replace("USD/2", "USD/3"))
    assert "asset" in refused, refused
    not_believed()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(with_ca)
    assert f"settlement ca {cert}, before none" in ctl(c, "reload").out
    eventually(lambda: "alice" in engine.accounts)
    c.stop()
    c.start()
    ctl(c, "settle", "alice", "1000", "--deposit")
    eventually(lambda: engine.keys)
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(with_ca.replace(f", ca: {cert}", ""))
    assert f"settlement ca none, before {cert}" in ctl(c, "reload").out
    ctl(c, "settle", "alice", "1000", "--deposit")
    not_believed()
    c.stop()


@case
def a_reload(t):
    """An engine is added to an account, and taken away, while the node runs."""
    engine = Engine()
    engine.start()
    c = Connector(t, "c", "address: g.x\naccounts:\n"
                          "  alice: {relation: child, asset: USD/2, tokens: env:TOKEN_ALICE}\n")
    text = open(c.path, encoding="utf-8").read()

    def load(new):
        with open(c.path, "w", encoding="utf-8") as f:
            f.write(new)
        return ctl(c, "reload").out
    with_engine = text.replace("tokens: env:TOKEN_ALICE", f"tokens: env:TOKEN_ALICE, {settlement(engine)}")
    assert f"settlement engine {engine.url()}" in load(with_engine)
    eventually(lambda: "alice" in engine.accounts)
    other = with_engine.replace("threshold: 1000", "threshold: 2000")
    assert "settlement threshold 2000, before 1000" in load(other)
    assert "settlement engine none" in load(text)
    eventually(lambda: "alice" not in engine.accounts)
    refused = reload_refused(c, text.replace("engines: {port", "engines: {host: '::1', port"))
    assert "engines, other than their tokens and certificates, changes only" in refused, refused
    c.stop()


def reload_refused(c, new):
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(new)
    answer = ctl(c, "reload", code=1)
    return answer.out + answer.err


def outstanding(c):
    return json.loads(ctl(c, "outstanding", "--json").out)["outstanding"]


def idle(c):
    """What is outstanding while the engine is not being asked: a try at a port where nobody is ends at once."""
    return eventually(lambda: (all_ := outstanding(c)) and all_[0]["tries"] > 0 and all_[0])


def end_it(c, account, *args, code=0):
    """Again where the engine is being asked at this very moment."""
    for _ in range(50):
        said = ctl(c, "settle", account, *args, code=None)
        if "at this moment" not in said.err:
            break
        time.sleep(0.1)
    assert said.code == code, (said.code, said.out, said.err)
    return said


@case
def an_engine_that_is_gone_for_good(t):
    """An operator ends what is outstanding there, as paid or not; twice the same changes nothing, and a kill neither."""
    west, east, one, two = pair(t)
    one.stop()
    bob = receive(t, east.link("bob"))
    send(t, bob.path, 2500, west.link("alice"))
    one_ = idle(west)
    assert (one_["account"], one_["amount"], one_["open"]) == ("east", "2400", True), one_
    table = ctl(west, "outstanding").out
    assert one_["key"] in table and "24.00" in table and one.url() in table, table
    for wrong in (("--end", one_["key"]), ("--end", one_["key"], "--paid", "--unpaid"), ("--paid",), ("5", "--unpaid"), ("5", "--paid", "--in"),
                  ("5", "--end", one_["key"], "--paid"), ("--end", one_["key"], "--paid", "--in"), ("--in",)):
        ctl(west, "settle", "east", *wrong, code=2)
    ctl(west, "settle", "east", "--end", "another", "--paid", code=2)
    ctl(west, "settle", "nobody", "--end", one_["key"], "--paid", code=2)
    said = end_it(west, "east", "--end", one_["key"], "--paid", "--who", "maria", "--note", "the bank says so").out
    assert said == "ended as paid; the balance of east is 1.00 USD now\n", said
    assert outstanding(west) == [] and ctl(west, "outstanding").out == "nothing is outstanding\n"
    for restarted in (False, True):
        if restarted:
            west.kill()
            west.start()
        assert "ended before as paid" in end_it(west, "east", "--end", one_["key"], "--paid").out
        assert "the other way" in end_it(west, "east", "--end", one_["key"], "--unpaid", code=1).err
    lines = json.loads(ctl(west, "statement", "east", "--json").out)["lines"]
    mine = [x for x in lines if x.get("who") == "maria"]
    assert [(x["kind"], x["change"]) for x in mine] == [("change", "0")], lines
    assert "ended as paid: 2400" in mine[0]["note"] and mine[0]["note"].endswith("; the bank says so"), mine
    west.audit()

    # The account has no engine any more: what was not paid is owed again.
    east.program.until("connected", "err")
    send(t, bob.path, 3000, west.link("alice"))
    key = idle(west)["key"]
    with open(west.path, encoding="utf-8") as f:
        text = f.read()
    with open(west.path, "w", encoding="utf-8") as f:
        f.write(re.sub(r", settlement: \{[^}]*\}", "", text))
    ctl(west, "reload")
    said = end_it(west, "east", "--end", key, "--unpaid").out
    assert said == "ended as not paid; the balance of east is 31.00 USD now\n", said
    west.kill()
    west.start()
    assert outstanding(west) == [] and west.balance("east") == 3100
    assert total(west, "east", "settled-back") == 3000
    west.audit()
    assert not one.keys, one.keys  # nobody has asked again


@case
def outstanding_of_an_account_that_is_gone(t):
    """It is taken out while the node is down; its engine is asked on with its token, and an operator can end it, in the books of who is gone."""
    engine = Engine()
    seen = []
    engine.refuse = lambda handler: seen.append(handler.headers.get("authorization")) or (503,)
    engine.start()
    secret = t.file("engine.token", "the-secret\n")
    c = Connector(t, "c", f"""address: g.x
accounts:
  alice: {{relation: child, asset: USD/2, credit: 5000, tokens: env:TOKEN_ALICE}}
  bob: {{relation: child, asset: EUR/3, tokens: env:TOKEN_BOB, {settlement(engine, more=f", token: 'file:{secret}'")}}}
rates: {{base: USD, prices: {{EUR: {{price: 1}}}}}}
""")
    ctl(c, "settle", "bob", "1500", "--deposit")
    eventually(lambda: seen)
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"  bob: .*\n", "", text))
    c.kill()
    engine.stop()
    seen.clear()
    engine.start()
    c.start()
    eventually(lambda: seen)
    assert set(seen) == {"Bearer the-secret"}, seen
    engine.stop()
    one = idle(c)
    assert (one["account"], one["open"], one["amount"], one["asset"]) == \
        ("bob", False, "1400", {"code": "EUR", "scale": 3}), one
    ctl(c, "balance", "bob", code=2)
    said = end_it(c, "bob", "--end", one["key"], "--unpaid").out
    assert said == "ended as not paid; the balance of bob is 1.500 EUR now\n", said
    c.audit()
    # It is there when the account comes back, in the same run and in another one.
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(re.sub(r", settlement: \{[^}]*\}", "", text))
    ctl(c, "reload")
    assert c.balance("bob") == 1500
    ctl(c, "settle", "bob", "1", "--deposit")
    c.kill()
    c.start()
    assert c.balance("bob") == 1501
    assert total(c, "bob", "settled-back") == 1400
    c.audit()
    c.stop()


@case
def the_example(t):
    """It is right, and it runs: a customer pays ahead by her engine, and then sends that much."""
    engine = Engine()
    engine.start()
    with open(os.path.join(EXAMPLES, "connector", "settlement.yaml"), encoding="utf-8") as f:
        text = f.read()
    p = t.start([RILLD, "check", "--config", t.file("example.yaml", text)])
    assert p.end() == 0, p.text
    port = reserved_port_number(t)
    text = text.replace("/var/lib/rilld/books", t.file("books")).replace("port: 7768", "port: 0")
    text = text.replace("port: 7771", f"port: {port}").replace("http://127.0.0.1:3000", engine.url())
    for name in ("east", "alice", "bob"):
        text = text.replace(f"/etc/rilld/{name}.token", t.file(f"{name}.token", f"{name}-token\n"))
    p = t.start([RILLD, "run", "--config", t.file("example.yaml", text)])
    at = re.search(r":(\d+) as", p.until("ready on", "err")).group(1)
    eventually(lambda: engine.accounts == {"east", "alice"})
    bob = receive(t, f"btp+ws://:bob-token@127.0.0.1:{at}")
    alice = f"btp+ws://:alice-token@127.0.0.1:{at}"
    refused = t.rill("send", bob.path, "5", "--link", alice, "--stall", "1")
    assert refused.end() != 0, refused.text
    assert ask(port, "POST", "/accounts/alice/settlements", b'{"amount":"3","scale":0}',
               {"Idempotency-Key": "a"})[0] == 201
    assert send(t, bob.path, 3000000, alice)["delivered"] == "3000000"
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
