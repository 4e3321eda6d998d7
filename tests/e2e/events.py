#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a connector tells those who follow it, over its socket and its port, in both versions of HTTP;
and whom its port does not answer.

usage: events.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import LIMIT, environment, run_tests
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import by_socket, ctl

CASES = []
OPERATED = TWO_ASSETS + "admin: {port: 0, tokens: env:TOKEN_OPERATOR, names: [node.example, ops]}\n"
TOKEN = {"Authorization": "Bearer operator-token"}


def case(function):
    CASES.append(function)
    return function


def operated(t, config=OPERATED):
    c = Connector(t, "c", config)
    c.admin = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    return c


class Events:
    """Who follows: events as they come."""

    def __init__(self, port=None, path=None, last=None, headers=TOKEN, of="/v1/events"):
        if path is None:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LIMIT)
            self.socket.connect(path)
        lines = [f"GET {of} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if last is not None:
            lines.append(f"Last-Event-ID: {last}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        self.status = self.response.status
        self.last = None
        self.seen = []

    def next(self, name=None, **expected):
        """The next one of this kind that has these values."""
        deadline = time.monotonic() + LIMIT
        while True:
            assert time.monotonic() < deadline, f"no {name} {expected}: {self.seen[-10:]}"
            kind, data, number = "message", [], None
            while True:
                line = self.response.readline().decode()
                if not line:
                    raise EOFError(f"it ended: {self.seen}")
                line = line.rstrip("\n")
                if not line:
                    self.last = number if number is not None else self.last
                    if data:
                        break
                field, _, value = line.partition(": ")
                if field == "event":
                    kind = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    number = value
            event = json.loads("\n".join(data))
            self.seen.append((kind, event, number))
            if name in (None, kind) and all(event.get(k) == v for k, v in expected.items()):
                return event

    def close(self):
        self.response.close()
        self.socket.close()


@case
def what_happens_is_told(t):
    """Payments, balances, rejects, links, settlements, another configuration: by the port and by the socket."""
    c = operated(t)
    followers = [Events(c.admin), Events(path=c.store + ".sock", headers=None)]
    for f in followers:
        assert f.status == 200 and f.response.getheader("Content-Type") == "text/event-stream", f.response.headers
        assert f.response.getheader("Cache-Control") == "no-store"
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 12345, c.link("alice"))
    p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "1")
    p.end()
    ctl(c, "settle", "alice", "3.00USD", "--in", "--note", "bank", "--who", "maria")
    ctl(c, "reload", "--who", "maria")
    by_port, by_socket_too = followers
    # Whoever came with a token has to show it again after that, and goes on where it was.
    try:
        while True:
            by_port.next()
    except EOFError:
        pass
    again = Events(c.admin, last=by_port.last)
    for f in (again, by_socket_too):
        if not any(kind == "account" and e["account"] == "bob" and e["balance"] == done["delivered"]
                   for kind, e, _ in by_port.seen if f is again):
            f.next("account", account="bob", balance=done["delivered"])
        f.next("node")
    assert not any(kind == "lost" for kind, _, _ in by_port.seen + again.seen)
    for seen in (by_port.seen + again.seen, by_socket_too.seen):
        for name, expected in (("link", {"account": "bob", "up": True}), ("reload", {"who": "maria", "changes": 0}),
                               ("rejects", {"account": "alice", "code": "F02", "by": None}),
                               ("entry", {"account": "alice", "kind": "settled-in", "amount": "300", "who": "maria",
                                          "note": "bank", "asset": "USD/2"})):
            assert any(kind == name and all(e[k] == v for k, v in expected.items()) for kind, e, _ in seen), (name, seen)
    while not any(kind == "account" and e["account"] == "alice" and e["balance"] == "-12045" for kind, e, _ in by_socket_too.seen):
        by_socket_too.next("account")
    told = [event for kind, event, _ in by_socket_too.seen if kind == "account"]
    assert sum(int(e["amounts"]["from"]) for e in told if e["account"] == "alice") == int(done["sent"]), told
    assert sum(int(e["amounts"]["to"]) for e in told if e["account"] == "bob") == int(done["delivered"]), told
    entries = json.loads(by_socket(c, "GET", "/v1/entries")[1])["entries"]
    assert [(e["kind"], e["amount"]) for e in entries] == [("settled-in", "300")], entries
    rejects = json.loads(by_socket(c, "GET", "/v1/rejects")[1])["rejects"]
    assert any(row["account"] == "alice" and row["code"] == "F02" for row in rejects), rejects
    numbers = [number for _, _, number in by_socket_too.seen]
    assert len(set(numbers)) == len(numbers)
    c.stop()
    r.kill()


@case
def who_comes_back_misses_nothing(t):
    """With Last-Event-ID; and after a restart it is told that it may have."""
    c = operated(t)
    f = Events(c.admin)
    f.next("node")
    f.close()
    ctl(c, "settle", "alice", "1", "--in")
    again = Events(c.admin, last=f.last)
    again.next("entry", amount="1")
    assert not any(kind == "lost" for kind, _, _ in again.seen), again.seen
    c.stop()
    c.start()
    c.admin = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    later = Events(c.admin, last=again.last)
    assert later.next()["events"] is None and later.seen[0][0] == "lost", later.seen
    later.next("node", state="ready")
    c.stop()


@case
def over_http_2(t):
    """curl, where there is one that speaks it."""
    if not shutil.which("curl"):
        return
    c = operated(t)
    p = subprocess.Popen(["curl", "-sN", "--http2-prior-knowledge", "-H", f"Authorization: {TOKEN['Authorization']}",
                          f"http://127.0.0.1:{c.admin}/v1/events"], stdout=subprocess.PIPE, env=environment())
    try:
        text = b""
        while text.count(b"event: node") < 3:
            text += p.stdout.readline()
        assert b"retry: 1000\nid: " in text
    finally:
        p.kill()
        p.wait()
        p.stdout.close()
    # It has left, and nobody holds the node up when it ends.
    ctl(c, "status")
    c.stop()


@case
def too_many_are_refused(t):
    c = operated(t)
    many = [Events(c.admin) for _ in range(32)]
    assert all(f.status == 200 for f in many)
    one_more = Events(c.admin)
    assert one_more.status == 503 and b"no more may" in one_more.response.read()
    many[0].close()
    deadline = time.monotonic() + LIMIT
    while Events(c.admin).status != 200:
        assert time.monotonic() < deadline
    c.stop()


@case
def who_does_not_read_holds_nobody_up(t):
    """It is told nothing more, and payments and others go on; the node keeps a bounded part of it."""
    c = operated(t)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", c.admin))
    slow.sendall(b"GET /v1/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer operator-token\r\n\r\n")
    f = Events(c.admin)
    f.next("node")
    r = receive(t, c.link("bob"))
    for i in range(3):
        done = send(t, r.path, 1000, c.link("alice"))
        assert done["sent"] == "1000", done
    f.next("account", account="bob")
    assert slow.recv(4096).startswith(b"HTTP/1.1 200")
    c.stop()
    r.kill()


@case
def packets_pass_and_are_seen(t):
    """By those who watch: each packet and how it ended, by account and outcome; and how many there were."""
    c = operated(t)
    live = "/v1/packets/live"
    watches = {query: Events(c.admin, of=live + query) for query in
               ("", "?account=bob", "?account=carol", "?outcome=rejected", "?outcome=F02", "?outcome=fulfilled")}
    assert all(f.status == 200 for f in watches.values())
    r = receive(t, c.link("bob"))
    send(t, r.path, 12345, c.link("alice"))
    p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "1")
    p.end()
    seen = watches[""].next("packet", result="F02", by="node", to=None, out=None)
    assert seen["from"] == "alice" and re.fullmatch("[0-9a-f]{32}", seen["id"]), seen
    paid = watches["?outcome=fulfilled"].next("packet", **{"from": "alice", "to": "bob", "result": "fulfilled"})
    assert paid["us"] > 0 and int(paid["out"]) > 0, paid
    assert any(e["result"] == "fulfilled" and e["id"] == paid["id"] for kind, e, _ in watches[""].seen if kind == "packet")
    watches["?account=bob"].next("packet", result="fulfilled", id=paid["id"])
    for query in ("?outcome=rejected", "?outcome=F02"):
        assert watches[query].next("packet", result="F02")["from"] == "alice"
        assert all(e["result"] != "fulfilled" for kind, e, _ in watches[query].seen if kind == "packet")
    count = watches[""].next("count")
    assert count["passed"] >= count["shown"], count
    watches["?account=carol"].next("count", passed=0, shown=0)
    assert [kind for kind, _, _ in watches["?account=carol"].seen] == ["count"]
    # 8 may watch; who leaves makes room. Others follow events all the same.
    more = [Events(c.admin, of=live) for _ in range(3)]
    assert [f.status for f in more] == [200, 200, 503]
    watches.popitem()[1].close()
    deadline = time.monotonic() + LIMIT
    while (again := Events(c.admin, of=live)).status != 200:
        assert again.status == 503 and time.monotonic() < deadline
        again.close()
    assert Events(c.admin).status == 200
    for query in ("outcome=x", "outcome=", "account=", "outcome=t04"):
        assert Events(c.admin, of=f"{live}?{query}").status == 400, query
    # Who came with a token has to show it again after another configuration.
    ctl(c, "reload")
    try:
        while True:
            watches[""].next()
    except EOFError:
        pass
    c.stop()
    r.kill()


@case
def a_token_is_needed(t):
    c = operated(t)
    for headers in (None, {"Authorization": "Bearer wrong"}):
        for of in ("/v1/events", "/v1/packets/live"):
            f = Events(c.admin, headers=headers, of=of)
            assert f.status == 401, f.status
    c.stop()


def raw(port, method, path, headers):
    s = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    s.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        s.putheader(name, value)
    s.endheaders()
    response = s.getresponse()
    body = response.read().decode()
    got = response.status, body, dict((k.lower(), v) for k, v in response.getheaders())
    s.close()
    return got


@case
def pages_of_others_are_not_answered(t):
    """No other origin asks anything, and the page has no name that is not the node's (DNS rebinding)."""
    c = operated(t)
    here = f"127.0.0.1:{c.admin}"
    for host in (here, f"localhost:{c.admin}", f"[::1]:{c.admin}", "node.example", "OPS:80"):
        status, body, headers = raw(c.admin, "GET", "/", {"Host": host})
        assert status == 200 and "<title>Rill</title>" in body, (host, status)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    for host in ("evil.example", f"evil.example:{c.admin}", "127.0.0.1.evil.example", "node.example.evil"):
        for path in ("/", "/page.js", "/chart.js"):
            status, body, _ = raw(c.admin, "GET", path, {"Host": host})
            assert status == 421 and "<" not in body, (host, status, body)
        # What needs a token needs no name: who asks for numbers has one of its own for this node.
        assert raw(c.admin, "GET", "/metrics", {"Host": host})[0] == 401
        assert raw(c.admin, "GET", "/metrics", {"Host": host, **TOKEN})[0] == 200
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{c.admin + 1}", "http://localhost"):
        for method, path in (("GET", "/v1/accounts"), ("GET", "/"), ("GET", "/v1/events"), ("POST", "/v1/drain"),
                             ("OPTIONS", "/v1/accounts"), ("GET", "/healthz")):
            status, body, headers = raw(c.admin, method, path, {"Host": here, "Origin": origin, **TOKEN})
            assert status == 403 and "another origin" in body, (origin, method, path, status)
            assert not any(name.startswith("access-control") for name in headers), headers
    assert raw(c.admin, "GET", "/v1/node", {"Host": here, "Sec-Fetch-Site": "cross-site", **TOKEN})[0] == 403
    assert raw(c.admin, "GET", "/v1/node", {"Host": here, "Origin": f"http://{here}", **TOKEN})[0] == 200
    assert raw(c.admin, "GET", "/", {"Host": here, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200
    status, _, headers = raw(c.admin, "POST", "/", {"Host": here, "Content-Length": "0"})
    assert status == 405 and headers["allow"] == "GET"
    assert "ready" in ctl(c, "status").out  # nothing of that has stopped it
    c.program.process.send_signal(signal.SIGTERM)
    assert c.program.end() == 0, c.program.text


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
