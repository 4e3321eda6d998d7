#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Auto-peering: nodes that agree on an account by themselves, in both roles; beside another node that
speaks as Rafiki's packages/backend does (service.ts, routes.ts, errors.ts of its auto-peering), by code
that shares nothing with the node's; and strangers that want what is not theirs.

usage: peering.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import LIMIT, RILLD, environment, reserved_port, run_tests
from connector import Connector, receive, received, send
from rillctl import by_socket, ctl

CASES = []
SECRET = "a secret of at least thirty-two characters"
ERRORS = {  # Rafiki's: type, message, status
    "InvalidIlpConfiguration": ("The ILP configuration is misconfigured", 400),
    "InvalidPeerIlpConfiguration": ("Requested peer's ILP configuration is misconfigured", 400),
    "UnknownAsset": ("Unknown asset", 404),
    "PeerUnsupportedAsset": ("Peer does not support asset", 400),
    "InvalidPeerUrl": ("Peer URL is invalid or peer does not support auto-peering", 400),
    "InvalidPeeringRequest": ("Invalid peering request", 400),
    "LiquidityError": ("Could not deposit liquidity to peer", 400),
}


def case(function):
    CASES.append(function)
    return function


class Node(Connector):
    """A connector NAME of the network test, with a customer that has credit, and what `accept` says."""

    def __init__(self, t, name, accept=None, more="", accounts="", insecure=True, secret=SECRET):
        self.ilp, self.ask = reserved_port(), reserved_port()
        port = self.ilp.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/" if insecure else f"https://{name}.example/"
        self.ask_port = self.ask.getsockname()[1]
        self.ask_url = f"http://127.0.0.1:{self.ask_port}/"
        where = t.file(f"{name}.secret", secret + "\n")
        said = f"insecure: {'true' if insecure else 'false'}{more}"
        if accept is not None:
            said += f", accept: {{port: {self.ask_port}, {accept}}}"
        super().__init__(t, name, f"""address: test.{name}
accounts:
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: 1000000}}
  bob: {{relation: child, asset: USD/2, tokens: env:TOKEN_BOB}}
{accounts}peering: {{url: '{self.url}', name: 'Node {name}', secret: 'file:{where}', {said}}}
""", port)

    def peers(self):
        return json.loads(by_socket(self, "GET", "/v1/peers")[1])

    def account(self, name):
        return json.loads(by_socket(self, "GET", f"/v1/accounts/{name}")[1])

    def entries(self):
        """The lines of the audit, of a node that does not run."""
        db = sqlite3.connect(self.store)
        found = db.execute("SELECT who, note FROM entries").fetchall()
        db.close()
        return found


def post(node, body, headers=None, method="POST", path="/"):
    """What the port of a node answers: status, JSON."""
    c = http.client.HTTPConnection("127.0.0.1", node.ask_port, timeout=LIMIT)
    c.request(method, path, body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode(),
              {"Content-Type": "application/json", **(headers or {})})
    r = c.getresponse()
    text = r.read()
    c.close()
    return r.status, json.loads(text) if text.startswith(b"{") else text


def request(address="test.other", url="http://127.0.0.1:9/", **more):
    """As Rafiki's sendPeeringRequest: a token of its own each time; NaN, which is null, where no
    maximum is said."""
    return {"ilpConnectorUrl": url, "staticIlpAddress": address, "asset": {"code": "USD", "scale": 2},
            "httpToken": str(uuid.uuid4()), "maxPacketAmount": None, "name": "Other", **more}


class Rafiki:
    """Takes requests at / as acceptPeeringRequest does, and packets anywhere else. `lie` may answer instead."""

    def __init__(self, address="test.rafiki", assets=(("USD", 2),)):
        self.address, self.assets = address, assets
        self.peers, self.requests, self.packets = {}, [], []
        self.lie = lambda handler, body: False
        self.change = threading.Condition()
        rafiki = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with rafiki.change:
                    rafiki.change.notify_all()
                    if self.path != "/":
                        rafiki.packets.append((self.path, self.headers["authorization"]))
                        self.reply(500, {})
                        return
                    rafiki.requests.append(json.loads(body))
                if not rafiki.lie(self, rafiki.requests[-1]):
                    self.reply(*rafiki.accept(rafiki.requests[-1]))

            def reply(self, status, value, **fields):
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"content-type": "application/json; charset=utf-8", **fields}.items():
                    self.send_header(name, text)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @staticmethod
    def error(kind):
        message, status = ERRORS[kind]
        return status, {"error": {"code": status, "message": message, "type": kind}}

    def accept(self, body):
        asset = (body["asset"]["code"], body["asset"]["scale"])
        if asset not in self.assets:
            return self.error("UnknownAsset")
        if not body["ilpConnectorUrl"].startswith("http") or not body["staticIlpAddress"].startswith("test."):
            return self.error("InvalidPeerIlpConfiguration")
        outgoing = str(uuid.uuid4())
        # One that is there is updated, with both tokens.
        self.peers[body["staticIlpAddress"], asset] = (body["httpToken"], outgoing)
        return 200, {"ilpConnectorUrl": self.url + "ilp", "staticIlpAddress": self.address, "httpToken": outgoing,
                     "name": "Rafiki", "tenantId": str(uuid.uuid4())}


GRANT = "assets: [{asset: USD/2, credit: 500000, max-packet: 100000}]"


def eventually(what):
    deadline = time.monotonic() + LIMIT
    while not (got := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return got


def add(node, url, *args, code=0):
    return ctl(node, "peer", "add", "--auto", url, "--who", "ada", *args, code=code)


@case
def two_nodes_agree(t):
    """One asks, the other has it written down; payments cross in both directions; the books are equal,
    also after both were started again."""
    a = Node(t, "a", GRANT + ", approve: false")
    b = Node(t, "b")
    said = add(b, a.ask_url, "--credit", "400000", "--name", "a", "--max-packet", "50000").out
    assert "account a: agreed with test.a (Node a), at " + a.url in said, said
    there = a.peers()["peers"]
    assert len(there) == 1 and there[0]["peered"]["address"] == "test.b", there
    name = there[0]["name"]
    assert re.fullmatch(r"test-b-USD-2-[0-9a-f]{12}", name), name
    assert there[0]["credit"] == "500000" and there[0]["peered"]["quiet"], there
    here = b.account("a")
    assert here["credit"] == "400000" and here["peered"]["made"] == "asked" and here["peered"]["with"] == a.ask_url
    r, q = receive(t, b.link("bob"), "r"), receive(t, a.link("bob"), "q")
    done = send(t, r.path, 123456, a.link("alice"))
    back = send(t, q.path, 23456, b.link("alice"))
    assert done["delivered"] == "123456" and back["delivered"] == "23456", (done, back)
    balance = lambda node, who: int(node.account(who)["balance"])
    assert balance(a, name) == 100000 and balance(b, "a") == -100000
    for node in (a, b):
        node.stop()
        assert node.books()
        node.start()
    r, q = receive(t, b.link("bob"), "r2"), receive(t, a.link("bob"), "q2")
    assert send(t, r.path, 1000, a.link("alice"))["delivered"] == "1000"
    assert send(t, q.path, 500, b.link("alice"))["delivered"] == "500"
    assert balance(a, name) == 100500 and balance(b, "a") == -100500
    # Asking again changes nothing, and nothing is said to be different.
    said = add(b, a.ask_url).out
    assert said.startswith("account a: agreed again with test.a"), said
    assert send(t, r.path, 1000, a.link("alice"))["delivered"] == "1000"
    assert "already" in add(b, a.ask_url, "--name", "other", code=1).err
    assert "test.b" in ctl(a, "peer").out and "accepted" in ctl(a, "peer", "show", name).out
    ctl(a, "peer", "show", "nobody", code=1)
    text = by_socket(a, "GET", "/metrics")[1]
    assert 'rill_connector_peering_requests_total{result="made"} 0\n' in text, text  # since it was started again
    assert 'rill_connector_peering_requests_total{result="again"} 1\n' in text, text
    # One that owes is not taken out.
    assert "settle it first" in ctl(a, "peer", "remove", name, code=1).err
    ctl(a, "settle", name, "101500", "--out", "--note", "all")
    ctl(a, "peer", "remove", name)
    assert a.peers()["peers"] == []
    for node in (a, b):
        node.stop()
    # Who did what is in the audit.
    assert any(w == "peer 127.0.0.1" and "was made: test.b at http" in n for w, n in a.entries()), a.entries()
    assert any(w == "ada" and "auto-peering: a was made: test.a" in n for w, n in b.entries()), b.entries()


@case
def an_operator_agrees(t):
    """By default a peer waits; nothing of it is there until an operator has looked; over a restart, too."""
    a = Node(t, "a", GRANT)
    b = Node(t, "b")
    add(b, a.ask_url, "--credit", "none", "--name", "a")
    p = a.peers()
    assert p["peers"] == [] and len(p["waiting"]) == 1, p
    w = p["waiting"][0]
    assert w["address"] == "test.b" and w["from"] == "127.0.0.1" and w["url"] == "ilp+" + b.url and w["credit"] == "500000", w
    assert "token" not in json.dumps(p) and "sha256" not in json.dumps(p)
    r = receive(t, b.link("bob"))
    assert "test.b" not in ctl(a, "routes").out
    a.kill()
    a.start()
    assert a.peers()["waiting"] == p["waiting"]
    add(b, a.ask_url)  # the same, and it waits still
    assert len(a.peers()["waiting"]) == 1
    assert w["name"] in ctl(a, "peer").out
    assert w["id"] in ctl(a, "peer").out and re.fullmatch("[0-9a-f]{32}", w["id"]), w
    # Whoever has not looked at it, or at something else, cannot agree to it.
    ctl(a, "peer", "approve", w["name"], code=2)
    assert "not what was looked at" in ctl(a, "peer", "approve", w["name"], "0" * 32, code=1).err
    assert a.peers()["waiting"] == p["waiting"]
    said = ctl(a, "peer", "approve", w["name"], w["id"], "--who", "maria").out
    assert "added: " in said and "route test.b added" in said, said
    assert a.peers()["waiting"] == [] and not a.peers()["peers"][0]["peered"]["quiet"]
    assert send(t, r.path, 777, a.link("alice"))["delivered"] == "777"
    ctl(a, "peer", "approve", w["name"], w["id"], code=2)
    a.kill()
    a.start()
    assert a.peers()["waiting"] == [] and len(a.peers()["peers"]) == 1
    # One that is refused is gone, and may ask again.
    status, _ = post(a, request("test.other"))
    other = a.peers()["waiting"][0]["name"]
    assert status == 200
    assert "does not wait any more" in ctl(a, "peer", "remove", other, "--who", "maria").out
    assert a.peers()["waiting"] == []
    assert post(a, request("test.other"))[0] == 200
    for node in (a, b):
        node.stop()
    entries = a.entries()
    assert ("maria", f"auto-peering: agrees to {w['name']}") in entries, entries
    assert ("maria", f"auto-peering: refuses {other}") in entries, entries


@case
def rafiki_is_asked(t):
    """Each of its errors in words; answers that are lost, late, redirected or lies; and then a good one."""
    rafiki = Rafiki()
    n = Node(t, "n")
    words = {
        "InvalidIlpConfiguration": "does not accept this node's ILP address", "UnknownAsset": "no accounts in USD/2",
        "InvalidPeerIlpConfiguration": "does not accept this node's ILP address", "PeerUnsupportedAsset": "no accounts in USD/2",
        "InvalidPeerUrl": "does not support auto-peering", "InvalidPeeringRequest": "the peer refuses the request",
        "LiquidityError": "Could not deposit liquidity"}
    for kind, part in words.items():
        rafiki.lie = lambda h, b, kind=kind: h.reply(*rafiki.error(kind)) or True
        said = add(n, rafiki.url, code=1).err
        assert part in said and kind in said, (kind, said)
    def good(**more):
        return {"ilpConnectorUrl": rafiki.url, "staticIlpAddress": "test.rafiki", "httpToken": str(uuid.uuid4()), "name": "R",
                "tenantId": "x", **more}
    for answer, part in (
            ((404, b"Not Found"), "status 404: is it a node's URL for auto-peering"),
            ((500, b""), "status 500"), ((302, b"", {"location": "/elsewhere"}), "status 302"),
            ((200, b"hello"), "not one object in JSON"), ((200, b"[]"), "not one object in JSON"),
            ((200, b"{" * 5000), "not one object"), ((200, good(httpToken="short")), "httpToken"),
            ((200, good(httpToken="a b c d e f g h i")), "httpToken"), ((200, good(httpToken="x" * 500)), "httpToken"),
            ((200, good(staticIlpAddress="test.n")), "this node's"), ((200, good(staticIlpAddress="test.n.bob")), "this node's"),
            ((200, good(staticIlpAddress="test")), "staticIlpAddress"), ((200, good(staticIlpAddress="g.rafiki")), "not of the network test"),
            ((200, good(staticIlpAddress="test.a..b")), "staticIlpAddress"), ((200, good(staticIlpAddress="test." + "x" * 1100)), "staticIlpAddress"),
            ((200, good(ilpConnectorUrl="ftp://x.example")), "https:// or http://"),
            ((200, good(ilpConnectorUrl="http://u:p@x.example/")), "or an @"),
            ((200, good(ilpConnectorUrl="http://x.example/?q")), "query"),
            ((200, b'{"httpToken":"' + b"a" * 20000 + b'"}'), "")):
        rafiki.lie = lambda h, b, a=answer: h.reply(a[0], a[1], **(a[2] if len(a) > 2 else {})) or True
        said = add(n, rafiki.url, code=1).err
        assert part in said, (answer, said)
        assert n.peers() == {"peers": [], "waiting": []}, said
    # It has answered, and nobody heard: asking again is the same question, and gets a peer.
    def lost(h, b):
        rafiki.accept(b)
        h.connection.close()
        return True
    rafiki.lie = lost
    said = add(n, rafiki.url, code=1).err
    assert "ask again: that is safe" in said, said
    hold = threading.Event()
    rafiki.lie = lambda h, b: hold.wait(LIMIT) and False
    hasty = Node(t, "hasty", more=", timeout: 500ms")
    assert "ask again" in add(hasty, rafiki.url, code=1).err
    hold.set()
    hasty.stop()
    rafiki.requests = [r for r in rafiki.requests if r["staticIlpAddress"] == "test.n"]
    before = rafiki.peers["test.n", ("USD", 2)][0]
    rafiki.lie = lambda h, b: False
    said = ctl(n, "peer", "add", "--auto", rafiki.url, "--json").json()
    assert said["address"] == "test.rafiki" and said["again"] is False, said
    assert rafiki.peers["test.n", ("USD", 2)][0] == before and all(r["httpToken"] == before for r in rafiki.requests)
    asked = rafiki.requests[-1]
    assert asked == {"staticIlpAddress": "test.n", "ilpConnectorUrl": n.url, "asset": {"code": "USD", "scale": 2},
                     "httpToken": before, "name": "Node n"}, asked
    # What we send it shows that token, at the URL that it has named.
    p = n.peers()["peers"][0]
    assert p["credit"] == "0", p
    creds = t.file("far.json", json.dumps({"destination_account": "test.rafiki.x", "shared_secret": "A" * 43}))
    p = t.rill("send", creds, "10", "--link", n.link("alice"), "--stall", "2")
    with rafiki.change:
        assert rafiki.change.wait_for(lambda: rafiki.packets, LIMIT)
    p.kill()
    assert set(rafiki.packets) == {("/ilp", f"Bearer {before}")}, rafiki.packets
    n.stop()
    log = n.program.text["err"].decode()
    with open(n.store, "rb") as f:
        books = f.read()
    assert before not in log and before.encode() not in books
    assert rafiki.peers["test.n", ("USD", 2)][1].encode() not in books


@case
def rafiki_asks(t):
    """As Rafiki's node does: it gets what it expects, once. Its new tokens for the same address are
    another one's until an operator has taken the account out."""
    rafiki = Rafiki()
    n = Node(t, "n", GRANT + ", approve: false, max-peers: 3, requests-a-minute-each: 1000, requests-a-minute: 1000")
    first = request("test.rafiki", rafiki.url + "ilp", maxPacketAmount=5000)
    status, got = post(n, first)
    assert status == 200 and set(got) == {"staticIlpAddress", "ilpConnectorUrl", "httpToken", "name", "tenantId"}, got
    assert got["staticIlpAddress"] == "test.n" and got["ilpConnectorUrl"] == n.url and got["name"] == "Node n"
    assert uuid.UUID(got["tenantId"]) is not None and len(got["httpToken"]) == 64
    # The same again, to the letter: the answer was lost.
    assert post(n, first) == (200, got)
    # Another token is another one.
    status, error = post(n, {**first, "httpToken": str(uuid.uuid4())})
    assert status == 400 and error["error"]["type"] == "InvalidPeeringRequest" and error["error"]["code"] == 400, error
    status, error = post(n, {**first, "ilpConnectorUrl": "http://127.0.0.1:1/mine"})
    assert status == 400, error
    # Its token opens the account, as does no other one; and ours is what it is shown.
    ilp = http.client.HTTPConnection("127.0.0.1", n.port, timeout=LIMIT)
    for token, status in ((first["httpToken"], 400), ("wrong-token-of-nobody", 401), (got["httpToken"], 401)):
        ilp.request("POST", "/", b"x", {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"})
        answer = ilp.getresponse()
        answer.read()
        assert answer.status == status, (token, answer.status)
    ilp.close()
    creds = t.file("far.json", json.dumps({"destination_account": "test.rafiki.x", "shared_secret": "A" * 43}))
    p = t.rill("send", creds, "10", "--link", n.link("alice"), "--stall", "2")
    with rafiki.change:
        assert rafiki.change.wait_for(lambda: rafiki.packets, LIMIT)
    p.kill()
    assert set(rafiki.packets) == {("/ilp", f"Bearer {got['httpToken']}")}, rafiki.packets
    peers = n.peers()["peers"]
    assert len(peers) == 1 and peers[0]["credit"] == "500000", peers
    # Errors with Rafiki's names and statuses.
    for body, status, kind in (
            (request("test.p1", asset={"code": "EUR", "scale": 2}), 404, "UnknownAsset"),
            (request("test.p1", asset={"code": "USD", "scale": 3}), 404, "UnknownAsset"),
            (request("test.p1", "gopher://x"), 400, "InvalidPeerIlpConfiguration"),
            (request("not an address"), 400, "InvalidPeerIlpConfiguration"),
            (request("test.p1", httpToken=7), 400, "InvalidPeeringRequest"),
            (request("test.p1", maxPacketAmount=1.5), 400, "InvalidPeeringRequest"),
            (request("test.p1", maxPacketAmount="10"), 400, "InvalidPeeringRequest"),
            (request("test.p1", asset=None), 400, "InvalidPeeringRequest"),
            (b"{", 400, "InvalidPeeringRequest"), (b"", 400, "InvalidPeeringRequest"),
            (b'{"httpToken":"a","httpToken":"b"}', 400, "InvalidPeeringRequest")):
        got_status, error = post(n, body)
        assert (got_status, error["error"]["type"], error["error"]["code"]) == (status, kind, status), (body, error)
    assert post(n, b"x" * 10000)[0] == 413
    assert post(n, None, method="GET")[0] == 405 and post(n, request(), path="/other")[0] == 404
    assert post(n, request(), {"Origin": "https://evil.example"})[0] == 403
    # Addresses that are somebody's.
    for address in ("test.n", "test.n.alice", "test.n.x", "test.rafiki.sub", "test.rafiki", "g.p1", "test1.p1"):
        status, error = post(n, request(address))
        assert status == 400, (address, error)
        assert "leads to" not in json.dumps(error), error  # whose it is is nobody's business
    assert len(n.peers()["peers"]) == 1
    # No more than the operator wants.
    assert post(n, request("test.p1"))[0] == 200 and post(n, request("test.p2", maxPacketAmount=10**30))[0] == 200
    status, error = post(n, request("test.p3"))
    assert status == 400 and "no more peers" in error["error"]["message"], error
    assert post(n, first) == (200, got)  # who is there is not too many
    # Taken out, it may come with another token.
    ctl(n, "peer", "remove", peers[0]["name"])
    assert eventually(lambda: post(n, request("test.rafiki"))[0] == 200)
    n.stop()


@case
def what_an_operator_limits(t):
    """Requests a minute, hosts, prefixes, who waits; and URLs that lead inside."""
    n = Node(t, "n", GRANT + ", requests-a-minute-each: 3")
    assert [post(n, request(f"test.p{i}"))[0] for i in range(5)] == [200, 200, 200, 429, 429]
    text = by_socket(n, "GET", "/metrics")[1]
    assert 'rill_connector_peering_requests_total{result="limited"} 2\n' in text
    assert "rill_connector_peering_waiting 3\n" in text
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert "peering" not in done.stdout + done.stderr, done
    n.stop()
    many = ", requests-a-minute-each: 1000, requests-a-minute: 1000"
    n = Node(t, "m", GRANT + many)
    assert [post(n, request(f"test.p{i}"))[0] for i in range(6)] == [200] * 4 + [400] * 2
    waiting = n.peers()["waiting"]
    assert post(n, request("test.p1.below"))[0] == 400 and len(waiting) == 4  # somebody waits for it
    n.stop()
    n = Node(t, "s", GRANT + many + ", approve: false, hosts: [.bank.example, one.example], refused-hosts: [bad.bank.example],"
             " prefixes: [test.good], refused-prefixes: [test.good.bad]", insecure=False)
    for url, message in (("https://x.bank.example/", None), ("https://one.example", None), ("https://bank.example", "host"),
                         ("https://bad.bank.example/", "host"), ("https://two.example/", "host"), ("https://one.example:8443/ilp", None),
                         ("http://one.example/", "https"), ("https://127.0.0.1/", "name of a host"), ("https://[::1]/", "name of a host"),
                         ("https://10.1/", "name of a host"), ("https://0x7f000001/", "name of a host"), ("https://localhost/", "known everywhere"),
                         ("https://db.internal/", "known everywhere"), ("https://a@one.example/", "or an @")):
        address = f"test.good.x{abs(hash(url))}"
        status, answer = post(n, request(address, url))
        assert status == (400 if message else 200), (url, answer)
        assert message is None or message in answer["error"]["message"], (url, answer)
    for address, status in (("test.good.bad.x", 400), ("test.goodx", 400), ("test.other", 400), ("test.good.fine", 200)):
        assert post(n, request(address, "https://one.example/"))[0] == status, address
    # By http nobody is asked, but on this machine; and who is asked by https may not name http.
    assert "the URL must be https" in add(n, "http://peer.example/", code=2).err
    rafiki = Rafiki("test.good.r")
    rafiki.lie = lambda h, b: h.reply(200, {**rafiki.accept(b)[1], "ilpConnectorUrl": "http://other.example/"}) or True
    assert "the URL must be https" in add(n, rafiki.url, code=1).err
    rafiki.lie = lambda h, b: False
    add(n, rafiki.url)
    n.stop()


@case
def an_address_is_not_taken_over(t):
    """Routes of the configuration, of operators, and accounts that are set aside keep what they have."""
    n = Node(t, "n", GRANT + ", approve: false, requests-a-minute-each: 1000, requests-a-minute: 1000",
             accounts="  carol: {relation: peer, asset: USD/2, tokens: env:TOKEN_CAROL}\n"
                      "routes: [{prefix: test.carol, account: carol}]\n")
    for address in ("test.carol", "test.carol.x"):
        assert post(n, request(address))[0] == 400, address
    ctl(n, "routes", "add", "test.far.away", "carol")
    for address in ("test.far", "test.far.away", "test.far.away.x"):
        assert post(n, request(address))[0] == 400, address
    mine = request("test.mine")
    assert post(n, mine)[0] == 200
    # The file has a route to it now: the account is set aside, and is still whose it was.
    def edit(a, b):
        with open(n.path, encoding="utf-8") as f:
            text = f.read()
        assert a in text
        with open(n.path, "w", encoding="utf-8") as f:
            f.write(text.replace(a, b))
        ctl(n, "reload")
    edit("{prefix: test.carol, account: carol}", "{prefix: test.mine, account: carol}")
    assert n.peers()["peers"] == [] and "the configuration has a route" in ctl(n, "status").out
    assert post(n, mine)[0] == 400
    edit("{prefix: test.mine, account: carol}", "{prefix: test.carol, account: carol}")
    assert len(n.peers()["peers"]) == 1 and post(n, mine)[0] == 200
    # So it is by a route above it: a longer prefix would have its packets all the same.
    edit("{prefix: test.carol, account: carol}", "{prefix: test.carol, account: carol}, {prefix: test.mine.all, account: carol}")
    assert len(n.peers()["peers"]) == 1 and post(n, request("test.mine.all.x"))[0] == 400
    edit(", {prefix: test.mine.all, account: carol}", "")
    longer = request("test.long.er")
    assert post(n, longer)[0] == 200 and len(n.peers()["peers"]) == 2
    edit("{prefix: test.carol, account: carol}", "{prefix: test.carol, account: carol}, {prefix: test.long, account: carol}")
    assert len(n.peers()["peers"]) == 1 and "a route above its address" in ctl(n, "status").out
    assert post(n, longer)[0] == 400 and "test.long.er" not in ctl(n, "routes").out
    edit(", {prefix: test.long, account: carol}", "")
    assert len(n.peers()["peers"]) == 2 and post(n, longer)[0] == 200
    added = ctl(n, "routes", "add", "test.long", "carol").out
    assert "removed" in added and len(n.peers()["peers"]) == 1, added
    ctl(n, "routes", "remove", "test.long")
    assert len(n.peers()["peers"]) == 2
    ctl(n, "peer", "remove", next(p["name"] for p in n.peers()["peers"] if "long" in p["name"]))
    # An operator's route to the same prefix is refused, and changes nothing.
    ctl(n, "routes", "add", "test.mine", "carol", code=1)
    n.kill()
    n.start()
    assert len(n.peers()["peers"]) == 1
    assert re.search(r"test.mine +\S*test-mine", ctl(n, "routes").out), ctl(n, "routes").out
    n.stop()


@case
def an_address_by_the_parent(t):
    """It counts as one of the configuration: no peer keeps it, nor what is below it."""
    p = Node(t, "p", accounts="  n: {relation: child, asset: USD/2, tokens: env:TOKEN_N}\n")
    n = Node(t, "n", GRANT + ", approve: false")
    for address in ("test.p.n.sub", "test.p.nn"):
        assert post(n, request(address))[0] == 200, address
    n.stop()
    with open(n.path, encoding="utf-8") as f:
        text = f.read()
    up = f"  up: {{relation: parent, asset: USD/2, link: {{uri: 'btp+ws://127.0.0.1:{p.port}', token: env:TOKEN_N}}}}\n"
    with open(n.path, "w", encoding="utf-8") as f:
        f.write(text.replace("address: test.n\n", "").replace("accounts:\n", "accounts:\n" + up))
    n.tokens["TOKEN_N"] = "n-token"
    for _ in range(2):
        n.start()
        assert [a["peered"]["address"] for a in n.peers()["peers"]] == ["test.p.nn"]
        assert "it is this node's address, or below it" in ctl(n, "status").out
        assert "test.p.n.sub" not in ctl(n, "routes").out
        # An operator's change reads all of it again, with the same address.
        ctl(n, "routes", "add", "test.more.of.it", "bob")
        ctl(n, "routes", "remove", "test.more.of.it")
        assert [a["peered"]["address"] for a in n.peers()["peers"]] == ["test.p.nn"]
        n.kill()
    p.stop()


@case
def the_secret_and_a_reload(t):
    """Another secret makes other tokens, and peers have to be asked again; what cannot change is said."""
    a = Node(t, "a", GRANT + ", approve: false")
    b = Node(t, "b")
    add(b, a.ask_url, "--credit", "1000000", "--name", "a")
    r = receive(t, b.link("bob"))
    assert send(t, r.path, 100, a.link("alice"))["delivered"] == "100"
    t.file("b.secret", "another secret, that is long enough, too")
    assert "link token: another one is there now" in ctl(b, "reload").out
    said = add(b, a.ask_url, code=1).err
    assert "may have an account for this node's address already" in said, said
    ctl(a, "settle", a.peers()["peers"][0]["name"], "100", "--out")
    ctl(a, "peer", "remove", a.peers()["peers"][0]["name"])
    assert eventually(lambda: ctl(b, "peer", "add", "--auto", a.ask_url, code=None).code == 0)
    assert send(t, r.path, 100, a.link("alice"))["delivered"] == "100"
    t.file("b.secret", "short")
    assert "32 characters" in ctl(b, "reload", code=1).err
    with open(a.path, encoding="utf-8") as f:
        text = f.read()
    with open(a.path, "w", encoding="utf-8") as f:
        f.write(text.replace(f"port: {a.ask_port}", "port: 1"))
    assert "changes only when the node is started again" in ctl(a, "reload", code=1).err
    with open(a.path, "w", encoding="utf-8") as f:
        f.write(text.replace("credit: 500000", "credit: 7"))
    said = ctl(a, "reload").out
    assert "peering accept assets asset USD/2" in said and "credit 7" in said and "credit 500000" in said, said
    # Without the secret the link could not be opened: the account has to go first.
    t.file("b.secret", SECRET)
    with open(b.path, encoding="utf-8") as f:
        text = f.read()
    with open(b.path, "w", encoding="utf-8") as f:
        f.write(re.sub("peering: .*\n", "", text))
    assert "the secret of peering (none) cannot be read" in ctl(b, "reload", code=1).err
    for node in (a, b):
        node.stop()


def certificate(t, name):
    """Of 127.0.0.1, signed by itself."""
    key, cert = t.file(name + ".key"), t.file(name + ".cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


@case
def asked_over_tls(t):
    """The port that peers ask has a certificate: who trusts it agrees, by either HTTP; who does not,
    and who speaks no TLS, gets nothing; half handshakes keep nobody out; a reload brings another one."""
    cert, key = certificate(t, "a")
    a = Node(t, "a", f"{GRANT}, approve: false, cert: '{cert}', key: '{key}', requests-a-minute: 1000, requests-a-minute-each: 1000")
    url = f"https://127.0.0.1:{a.ask_port}/"
    stranger = Node(t, "s")  # it trusts the system's authorities alone
    said = add(stranger, url, code=1).err
    assert re.search("certificate|has not answered", said), said
    assert a.peers()["peers"] == []
    stranger.stop()
    b = Node(t, "b", more=f", ca: '{cert}'")
    said = add(b, url, "--credit", "400000", "--name", "a").out
    assert "account a: agreed with test.a (Node a), at " + a.url in said, said
    assert len(a.peers()["peers"]) == 1
    r, q = receive(t, b.link("bob"), "r"), receive(t, a.link("bob"), "q")
    assert send(t, r.path, 1234, a.link("alice"))["delivered"] == "1234"
    assert send(t, q.path, 234, b.link("alice"))["delivered"] == "234"
    place = ("127.0.0.1", a.ask_port)
    # Without TLS there is no answer of HTTP.
    for said in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        with socket.create_connection(place, timeout=LIMIT) as s:
            s.sendall(said)
            got = b""
            try:
                while data := s.recv(1000):
                    got += data
            except ConnectionResetError:
                pass
            assert b"HTTP" not in got, got

    def ask(trusted=cert):
        c = http.client.HTTPSConnection(*place, timeout=LIMIT, context=ssl.create_default_context(cafile=trusted))
        c.request("POST", "/", b"{", {"Content-Type": "application/json"})
        answer = c.getresponse()
        kind = json.loads(answer.read())["error"]["type"]
        c.close()
        return answer.status, kind
    assert ask() == (400, "InvalidPeeringRequest")
    done = subprocess.run(["curl", "-sS", "--http2", "--cacert", cert, "--noproxy", "*", "-d", "{", "-w", " %{http_version} %{http_code}", url],
                          capture_output=True, text=True, check=False, timeout=LIMIT, env=environment())
    assert done.stdout.endswith(" 2 400") and "InvalidPeeringRequest" in done.stdout, done
    # More half handshakes than the port has places.
    halves = [socket.create_connection(place, timeout=LIMIT) for _ in range(100)]
    for half in halves:
        half.sendall(bytes([22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]))
    assert ask() == (400, "InvalidPeeringRequest")
    for half in halves:
        half.close()
    # Another certificate, at the same path, and then none that can be used.
    assert ssl.get_server_certificate(place).strip() == open(cert, encoding="ascii").read().strip()
    for old, new in zip((cert, key), certificate(t, "a2")):
        shutil.copyfile(new, old)
    ctl(a, "reload")
    assert ssl.get_server_certificate(place).strip() == open(cert, encoding="ascii").read().strip()
    assert ask() == (400, "InvalidPeeringRequest")
    with open(cert, "w", encoding="ascii") as f:
        f.write("no certificate")
    assert "cert or key cannot be used" in ctl(a, "reload", code=1).err
    assert ask(t.file("a2.cert")) == (400, "InvalidPeeringRequest")
    balance = -int(b.account("a")["balance"])
    assert balance == 1000 and int(a.account(a.peers()["peers"][0]["name"])["balance"]) == balance
    for node in (a, b):
        node.stop()


@case
def who_has_no_peering(t):
    """Nobody listens, and what an operator asks for is said to be missing."""
    c = Connector(t, "c", "address: test.c\naccounts: {alice: {relation: child, asset: USD/2, tokens: env:TOKEN_ALICE}}\n")
    said = ctl(c, "peer", "add", "--auto", "https://peer.example/", code=1).err
    assert "the configuration has no `peering`" in said, said
    assert json.loads(by_socket(c, "GET", "/v1/peers")[1]) == {"peers": [], "waiting": []}
    assert "rill_connector_peering" not in by_socket(c, "GET", "/metrics")[1]
    for args, pattern in ((("add",), "--auto URL is missing"), (("approve",), "an argument is missing"), (("kick", "x"), "there are: list"),
                          (("approve", "x"), "an argument is missing: peer approve NAME ID"), (("remove", "x", "y"), "one argument too many"),
                          (("list", "x"), "one argument too many"), (("approve", "a/b", "0"), "no name of a peer")):
        assert pattern in ctl(c, "peer", *args, code=2).err, args
    ctl(c, "peer", "approve", "nobody", "0" * 32, code=2)
    ctl(c, "peer", "remove", "nobody", code=2)
    c.stop()
    n = Node(t, "n")
    for args, pattern in ((("--asset", "USD"), "asset must be a code and a scale"), (("--credit", "much"), "account: credit"),
                          (("--max-packet", "0"), "account: max-packet"), (("--name", "a.b"), "name has letters"),
                          (("--name", "alice"), "there is an account alice already")):
        said = ctl(n, "peer", "add", "--auto", "http://127.0.0.1:9/", *args, code=None).err
        assert pattern in said, (args, said)
    assert "has not answered" in add(n, "http://127.0.0.1:9/", code=1).err
    n.stop()


@case
def wrong_configurations(t):
    """Each with its place."""
    def check(line, listen="listen: [{port: 1, http: true}]"):
        p = t.start([RILLD, "check", "--config", t.file("w.yaml", "address: test.x\nstore: {path: x}\naccounts: {a: {relation: child, asset:"
                                                        f" USD/2, tokens: env:A}}}}\n{listen}\n{line}\n")], env=environment())
        p.end()
        return p.text["err"].decode()
    base = "url: 'https://x.example/', secret: env:S"
    assert check(f"peering: {{{base}}}") == ""
    assert check(f"peering: {{{base}, accept: {{port: 3005, assets: [{{asset: USD/2}}]}}}}") == ""
    for line, pattern in (
            ("peering: {secret: env:S}", "url is missing"), ("peering: {url: 'https://x.example/'}", "secret is missing"),
            ("peering: {url: 'http://x.example/', secret: env:S}", r"w.yaml:5:\d+: peering: url: the URL must be https"),
            (f"peering: {{{base}, accept: {{port: 1}}}}", "assets is missing"),
            (f"peering: {{{base}, accept: {{port: 1, assets: []}}}}", "at least one"),
            (f"peering: {{{base}, accept: {{port: 1, assets: [{{asset: USD/2}}, {{asset: USD/2}}]}}}}", "twice"),
            (f"peering: {{{base}, accept: {{port: 1, cert: x, assets: [{{asset: USD/2}}]}}}}", "both cert and key"),
            (f"peering: {{{base}, accept: {{port: 1, hosts: 'A B', assets: [{{asset: USD/2}}]}}}}", "is no host"),
            (f"peering: {{{base}, accept: {{port: 1, prefixes: 'x.y', assets: [{{asset: USD/2}}]}}}}", "no prefix"),
            (f"peering: {{{base}, accept: {{port: 1, max-peers: 100000, assets: [{{asset: USD/2}}]}}}}", "max-peers"),
            (f"peering: {{{base}, accept: {{port: 1, assets: [{{asset: USD/2, settlement: {{engine: 'http://e.example', threshold: 1}}}}]}}}}",
             "https is needed")):
        said = check(line)
        assert re.search(pattern, said), (line, said)
    assert "no port has http: true" in check(f"peering: {{{base}, accept: {{port: 1, assets: [{{asset: USD/2}}]}}}}", "listen: [{port: 1}]")


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
