#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rill receive --spsp`: payment pointers answered, and paid.

usage: spsp_server.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import harness
from harness import run_with_node

CASES = []


def case(function):
    CASES.append(function)
    return function


def serve(t, *args, who="shop", where="127.0.0.1:0"):
    """`rill receive --json --spsp`; its URL."""
    p = t.rill("receive", "--json", "--link", t.link(who), "--spsp", where, *args)
    p.until('"event": ?"spsp"')
    p.url = [e for e in p.events() if e["event"] == "spsp"][-1]["url"]
    p.port = int(p.url.rsplit(":", 1)[1])
    return p


def ask(p, path="/.well-known/pay", method="GET", headers=None, connection=None):
    c = connection or http.client.HTTPConnection("127.0.0.1", p.port, timeout=harness.LIMIT)
    c.request(method, path, headers=headers or {})
    answer = c.getresponse()
    body = answer.read()
    if connection is None:
        c.close()
    return answer.status, answer.headers, body


def pay(t, p, path, amount, **headers):
    """Asks for credentials and pays with them; what the sender's last event says."""
    status, _, body = ask(p, path, headers=headers)
    assert status == 200, (status, body)
    file = t.file("answer.json", body)
    s = t.rill("send", "--json", "--link", t.link("payer"), "--credentials", file, "--amount",
               str(amount))
    assert s.end() == 0, s.text
    os.unlink(file)
    return s.events()[-1]


def received(p):
    """The tag of each connection, and what came on it."""
    tags, sums = {}, {}
    for e in p.events():
        if e["event"] == "connection":
            tags[e["connection"]] = e.get("tag")
        elif e["event"] == "connection_end":
            sums[tags[e["connection"]]] = int(e["received"])
    return sums


@case
def users_are_paid_each_under_its_name(t):
    users = t.file("users", "# a comment\ncarol\n\nd\u00e9d\u00e9\r\n")
    p = serve(t, "--user", "alice", "--user", "bob", "--users", users, "--tag", "shop")
    for path, amount in (("/alice", 1000), ("/bob", 2000), ("/.well-known/pay", 3000),
                         ("/carol", 4000), ("/d%C3%A9d%C3%A9", 5000)):
        assert pay(t, p, path, amount)["delivered"] == str(amount)
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0
    assert received(p) == {"alice": 1000, "bob": 2000, "shop": 3000, "carol": 4000, "d\u00e9d\u00e9": 5000}


@case
def each_query_is_for_one_payer(t):
    """Two payers at once, of one pointer: neither ends the other's connection."""
    p = serve(t, "--user", "alice")
    files = [t.file(f"{i}.json", ask(p, "/alice")[2]) for i in range(2)]
    senders = [t.rill("send", "--json", "--link", t.link(f"payer{i}"), "--credentials", f,
                      "--amount", "100000", "--max-packet", "100") for i, f in enumerate(files)]
    for s in senders:
        assert s.end() == 0, s.text
        assert s.events()[-1]["delivered"] == "100000"


@case
def what_it_says(t):
    p = serve(t, "--user", "alice")
    status, headers, body = ask(p, "/alice", headers={"Accept": "application/spsp4+json, application/spsp+json"})
    assert status == 200 and headers["Content-Type"] == "application/spsp4+json", headers.items()
    assert headers["Access-Control-Allow-Origin"] == "*" and "no-cache" in headers["Cache-Control"]
    answer = json.loads(body)
    assert set(answer) == {"destination_account", "shared_secret", "receipts_enabled"}, answer
    assert len(base64.b64decode(answer["shared_secret"], validate=True)) == 32
    assert ask(p, "/alice", headers={"Accept": "application/spsp+json"})[1]["Content-Type"] == "application/spsp+json"
    status, headers, body = ask(p, "/bob")
    assert status == 404 and json.loads(body) == {"id": "InvalidReceiverError", "message": "Invalid receiver ID"}
    assert headers["Content-Type"] == "application/spsp4+json"
    assert ask(p, "/alice", method="HEAD")[0] == 200
    status, headers, _ = ask(p, "/alice", method="OPTIONS")
    assert status == 204 and "web-monetization-id" in headers["Access-Control-Allow-Headers"]
    assert ask(p, "/alice", method="DELETE")[0] == 405
    nonce, secret = (base64.b64encode(bytes(n)).decode() for n in (16, 32))
    both = {"Receipt-Nonce": nonce, "Receipt-Secret": secret}
    assert json.loads(ask(p, "/alice", headers=both)[2])["receipts_enabled"] is True
    for wrong in ({"Receipt-Nonce": nonce}, {"Receipt-Secret": secret},
                  {**both, "Receipt-Nonce": secret}, {**both, "Receipt-Secret": "?"}):
        assert ask(p, "/alice", headers=wrong)[0] == 400, wrong
    assert ask(p, "/alice?x")[0] == 400


@case
def receipts_reach_who_pays(t):
    """Who pays gets the receipt, and shows it; who chose the secret verifies it."""
    p = serve(t, "--user", "alice")
    nonce, secret = base64.b64encode(os.urandom(16)).decode(), base64.b64encode(os.urandom(32)).decode()
    headers = {"Receipt-Nonce": nonce, "Receipt-Secret": secret}
    secret_file = t.file("receipt-secret", secret)

    def verified(receipt, total):
        v = t.rill("receipt", "verify", receipt, "--secret-file", secret_file, "--nonce", nonce, "--json")
        assert v.end() == 0 and v.events()[0]["total"] == str(total), v.text

    for command in (("send", "--credentials"), ("pay", "--yes", "--units")):
        file = t.file("answer.json", ask(p, "/alice", headers=headers)[2])
        args = [*command, file, "--amount", "70000"] if command[0] == "send" else [command[0], file, "70000", *command[1:]]
        s = t.rill(*args, "--json", "--max-packet", "1000", "--link", t.link("payer"))
        assert s.end() == 0, s.text
        verified(s.events()[-1]["receipt"], 70000)
        os.unlink(file)
    file = t.file("answer.json", ask(p, "/alice", headers=headers)[2])
    s = t.rill("send", file, "5", "--link", t.link("payer"))
    assert s.end() == 0, s.text
    word, receipt, rest = s.lines()[-1].split(" ", 2)
    assert word == "receipt" and rest == "(not verified: rill receipt verify)", s.text
    verified(receipt, 5)
    assert "receipt" not in pay(t, p, "/alice", 100), "nobody asked for one"


@case
def curl_and_nghttp(t):
    p = serve(t, "--user", "alice")
    if shutil.which("curl"):
        for version in ("--http1.0", "--http1.1", "--http2-prior-knowledge", "--http2"):
            c = subprocess.run(["curl", "-sSf", "-m", "30", version, p.url + "/alice"],
                               capture_output=True, timeout=harness.LIMIT)
            assert c.returncode == 0 and json.loads(c.stdout)["shared_secret"], (version, c)
    if shutil.which("nghttp"):
        c = subprocess.run(["nghttp", "-nsm", "100", p.url + "/alice"], capture_output=True,
                           timeout=harness.LIMIT)
        rows = [line.split() for line in c.stdout.decode().splitlines() if line.endswith("/alice")]
        assert len(rows) == 100 and all("200" in row for row in rows), c.stdout.decode()[-1000:]


def certificate(t, name):
    key, cert = t.file("key.pem"), t.file("cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


@case
def tls_and_a_new_certificate(t):
    cert, key = certificate(t, "first")
    p = serve(t, "--user", "alice", "--tls-cert", cert, "--tls-key", key)
    assert p.url.startswith("https://"), p.url

    def fetch():
        context = ssl.create_default_context(cafile=cert)
        c = http.client.HTTPSConnection("127.0.0.1", p.port, timeout=harness.LIMIT, context=context)
        c.request("GET", "/alice")
        answer = c.getresponse().read()
        subject = dict(x[0] for x in c.sock.getpeercert()["subject"])["commonName"] if c.sock else None
        c.close()
        return json.loads(answer), subject
    assert fetch()[0]["shared_secret"]
    certificate(t, "second")
    p.process.send_signal(signal.SIGHUP)
    p.until("new connections get the certificate", "err")
    assert fetch()[0]["shared_secret"]
    # A file that is none changes nothing.
    with open(key, "w"):
        pass
    p.process.send_signal(signal.SIGHUP)
    p.until("the old certificate stays in use", "err")
    assert fetch()[0]["shared_secret"]


@case
def credentials_stay_good_while_the_queries_have_ended(t):
    """After the port is gone, and the receiver was started again with the same secret."""
    secret = t.file("secret", base64.b64encode(os.urandom(32)))
    p = serve(t, "--user", "alice", "--secret-file", secret)
    file = t.file("c.json", ask(p, "/alice")[2])
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 0
    t.rill("receive", "--link", t.link("shop"), "--credentials", t.file("x"), "--secret-file",
           secret).until("wrote its ILP")
    s = t.rill("send", "--json", "--link", t.link("payer"), "--credentials", file, "--amount", "77")
    assert s.end() == 0 and s.events()[-1]["delivered"] == "77", s.text


@case
def beside_a_file(t):
    """--credentials and --spsp at once; the file is written as ever."""
    p = t.receive("--spsp", "127.0.0.1:0")
    line = next(line for line in p.lines() if "answers SPSP on " in line)
    p.port = int(line.rsplit(":", 1)[1])
    s = t.rill("send", "--json", "--link", t.link("payer"), "--credentials", p.path, "--amount", "5")
    assert s.end() == 0, s.text
    assert pay(t, p, "/.well-known/pay", 6)["delivered"] == "6"


@case
def it_ends_with_its_connections(t):
    p = serve(t, "--user", "alice", "--connections", "1")
    assert pay(t, p, "/alice", 10)["delivered"] == "10"
    assert p.end() == 0, p.text


@case
def clients_that_mean_harm(t):
    p = serve(t, "--user", "alice")

    def raw(data, wait=True):
        s = socket.create_connection(("127.0.0.1", p.port), timeout=harness.LIMIT)
        s.sendall(data)
        got = b""
        while wait and (part := s.recv(65536)):
            got += part
        s.close()
        return got
    for bad in (b"GET /alice HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"GET /alice HTTP/1.1\nHost: x\n\n", b"GET /alice HTTP/1.1\r\nHost : x\r\n\r\n",
                b"GET /alice HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n",
                b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        got = raw(bad)
        assert not got or b" 200 " not in got.split(b"\r\n")[0], (bad[:50], got[:100])
    # One who hangs up in the middle, one who says half a request, and many at once.
    raw(b"GET /alice HTTP/1.1\r\nHo", wait=False)
    half = socket.create_connection(("127.0.0.1", p.port))
    half.sendall(b"GET /alice HTTP/1.1\r\nHo")
    idle = [socket.create_connection(("127.0.0.1", p.port)) for _ in range(200)]
    assert ask(p, "/alice")[0] == 200
    for s in (half, *idle):
        s.close()
    # Who ends its own side first still gets the answer.
    s = socket.create_connection(("127.0.0.1", p.port), timeout=harness.LIMIT)
    s.sendall(b"GET /alice HTTP/1.1\r\nHost: x\r\n\r\n")
    s.shutdown(socket.SHUT_WR)
    got = b""
    while part := s.recv(65536):
        got += part
    s.close()
    assert got.startswith(b"HTTP/1.1 200 "), got[:100]


@case
def wrong_arguments(t):
    link = ("--link", t.link("shop"))
    spsp = ("--spsp", "127.0.0.1:0")
    t.fails(2, "--spsp ADDRESS:PORT", "receive", *link)
    t.fails(2, "--user needs --spsp", "receive", *link, "--credentials", "-", "--user", "a")
    t.fails(2, "--users needs --spsp", "receive", *link, "--credentials", "-", "--users", "a")
    t.fails(2, "--tls-cert needs --spsp", "receive", *link, "--credentials", "-", "--tls-cert", "a")
    t.fails(2, "belong together", "receive", *link, *spsp, "--tls-cert", "a")
    t.fails(2, "must be ADDRESS:PORT", "receive", *link, "--spsp", "8080")
    t.fails(2, "must be ADDRESS:PORT", "receive", *link, "--spsp", "wallet.example:8080")
    t.fails(2, "port must be a number", "receive", *link, "--spsp", "127.0.0.1:70000")
    t.fails(2, "no address of this machine", "receive", *link, "--spsp", "192.0.2.1:0")
    t.fails(2, "No such file", "receive", *link, *spsp, "--tls-cert", "/none", "--tls-key", "/none")
    cert, _ = certificate(t, "x")
    t.fails(2, "belong together\\?", "receive", *link, *spsp, "--tls-cert", cert, "--tls-key", cert)
    for name in ("a/b", "", "a b", "a?", "a#", "a%20", "..", "x" * 256, "a\tb"):
        t.fails(2, "the name", "receive", *link, *spsp, "--user", name)
    t.fails(2, "is there twice", "receive", *link, *spsp, "--user", "a", "--user", "a")
    t.fails(2, "No such file", "receive", *link, *spsp, "--users", "/none")
    t.fails(2, "--users", "receive", *link, *spsp, "--users", "/")
    t.fails(2, "the name", "receive", *link, *spsp, "--users", t.file("bad", "fine\nnot fine\n"))
    t.fails(2, "given twice", "receive", *link, *spsp, *spsp)
    taken = socket.create_server(("127.0.0.1", 0))
    t.fails(1, "in use", "receive", *link, "--spsp", f"127.0.0.1:{taken.getsockname()[1]}")
    taken.close()


@case
def a_node_that_is_not_there(t):
    with harness.reserved_port() as s:
        p = t.rill("receive", "--link", f"btp+ws://:x@127.0.0.1:{s.getsockname()[1]}", "--spsp", "127.0.0.1:0")
        assert p.end() == 3, p.text


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
