#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ILP over HTTP: the node's port, asked by others and by our client; a node that does not behave.

usage: http_link.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import datetime
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import harness
from harness import Case, Node, Program, RILLD, run_tests

CASES = []
AMOUNT = 100000
OCTETS = "application/octet-stream"


def case(function):
    CASES.append(function)
    return function


class HttpNode(Node):
    """A node whose one port takes HTTP, and BTP beside it."""

    def __init__(self, *options, port=0):
        self.folder = harness.tempfile.mkdtemp(prefix="rill-e2e-node-")
        port_file = os.path.join(self.folder, "port")
        self.program = Program([RILLD, "local", "--listen-http", f"127.0.0.1:{port}", "--port-file",
                                port_file, *options])
        self.program.until("ready", "err")
        with open(port_file) as f:
            self.port = int(f.read())


def reserved():
    """A port where nobody listens yet."""
    with harness.reserved_port() as s:
        return s.getsockname()[1]


def prepare(destination, data=b"", seconds=20):
    """A Prepare of no value, by RFC 27 and RFC 30 alone."""
    def var(octets):
        n = len(octets)
        return (bytes([n]) if n < 128 else b"\x82" + n.to_bytes(2, "big")) + octets
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    body = bytes(8) + expires.strftime("%Y%m%d%H%M%S000").encode()
    body += hashlib.sha256(bytes(32)).digest() + var(destination.encode()) + var(data)
    return b"\x0c" + var(body)


def ask(t, body, method="POST", path="/ilp", token="tester", content_type=OCTETS, connection=None):
    headers = {"Content-Type": content_type} if content_type else {}
    if token:
        headers["Authorization"] = "Bearer " + token
    c = connection or http.client.HTTPConnection("127.0.0.1", t.node.port, timeout=harness.LIMIT)
    c.request(method, path, body, headers)
    answer = c.getresponse()
    got = answer.status, answer.getheader("Content-Type"), answer.read()
    if connection is None:
        c.close()
    return got


@case
def statuses(t):
    good = prepare("peer.config")
    for path in ("/", "/ilp", "/accounts/alice/ilp?x=1"):
        status, kind, body = ask(t, good, path=path)
        assert (status, kind, body[0]) == (200, OCTETS, 13), (status, kind, body)
        assert b"private.rill." in body and b"XRP" in body, body
    assert ask(t, prepare("peer.config", b"x" * 300))[0] == 200
    for kind in ("application/ilp+octet-stream", OCTETS + "; charset=x", OCTETS.upper()):
        assert ask(t, good, content_type=kind)[0] == 200, kind
    # What is no ILP over HTTP.
    assert ask(t, good, token=None)[0] == 401
    assert ask(t, good, token="two words")[0] == 401
    assert ask(t, good, content_type="application/json")[0] == 400
    assert ask(t, good, content_type=None)[0] == 400
    assert ask(t, b"")[0] == 400
    assert ask(t, good[:-1])[0] == 400
    assert ask(t, b"\x0d" + good[1:])[0] == 400
    assert ask(t, b"\x0c" * 70000)[0] == 413
    assert ask(t, good, method="PUT")[0] == 405
    # What is refused as a packet comes as a packet: peers take other statuses for failures.
    status, kind, body = ask(t, prepare("private.rill.nobody.x"))
    assert (status, kind, body[0]) == (200, OCTETS, 14) and b"F02" in body, body


@case
def one_connection_after_the_other(t):
    c = http.client.HTTPConnection("127.0.0.1", t.node.port, timeout=harness.LIMIT)
    for _ in range(50):
        assert ask(t, prepare("peer.config"), connection=c)[0] == 200
        assert ask(t, b"?", connection=c)[0] == 400
    c.close()


@case
def long_tokens(t):
    assert ask(t, prepare("peer.config"), token="t" * 4096)[0] == 200
    assert ask(t, prepare("peer.config"), token="t" * 4097)[0] == 401


@case
def accounts_are_told_apart_by_their_tokens(t):
    names = {ask(t, prepare("peer.config"), token=token)[2] for token in ("a", "b", "a", "c")}
    assert len(names) == 3, names


def curl(t, *args):
    p = subprocess.run(["curl", "-sS", "-m", "30", *args], capture_output=True, timeout=harness.LIMIT)
    assert p.returncode == 0, p.stderr
    return p.stdout


@case
def curl_by_both_versions(t):
    if not shutil.which("curl"):
        return
    packet = t.file("packet", prepare("peer.config"))
    for version in ("--http1.0", "--http1.1", "--http2-prior-knowledge"):
        said = curl(t, version, "-H", "Authorization: Bearer curl", "-H", f"Content-Type: {OCTETS}",
                    "--data-binary", "@" + packet, "-o", t.file("answer"), "-w",
                    "%{http_version} %{http_code}", f"http://127.0.0.1:{t.node.port}/ilp").decode()
        assert said.split()[1] == "200", said
        with open(t.file("answer"), "rb") as f:
            assert f.read()[0] == 13


@case
def nghttp_asks_many_times_on_one_connection(t):
    if not shutil.which("nghttp"):
        return
    packet = t.file("packet", prepare("peer.config"))
    p = subprocess.run(["nghttp", "-nsm", "50", "-H", "authorization: Bearer nghttp", "-H",
                        f"content-type: {OCTETS}", "-d", packet,
                        f"http://127.0.0.1:{t.node.port}/ilp"],
                       capture_output=True, timeout=harness.LIMIT)
    rows = [line.split() for line in p.stdout.decode().splitlines() if line.endswith("/ilp")]
    assert len(rows) == 50 and all("200" in row for row in rows), p.stdout.decode()[-2000:]


def pay(t, scheme, amount=AMOUNT, port=None, code=0, args=()):
    p = t.rill("send", "--json", "--link", f"{scheme}://:payer-token@127.0.0.1:{port or t.node.port}/ilp",
               t.path, str(amount), "--max-packet", "100", *args)
    assert p.end() == code, p.text
    return p.events()[-1]


def receiver(t):
    p = t.receive()
    p.read_along()
    t.path = p.path
    return p


@case
def payments_over_each(t):
    """From HTTP to BTP on the same port, to the unit."""
    receiver(t)
    for scheme in ("ilp+http", "ilp+h2c", "btp+ws"):
        done = pay(t, scheme)
        assert done["delivered"] == str(AMOUNT), done


@case
def bytes_over_each(t):
    folder = os.path.join(t.folder, "got")
    os.mkdir(folder)
    p = t.rill("receive", "--link", t.link("files"), "--credentials", t.file("files.json"), "--output",
               folder + "/")
    p.until("wrote its ILP")
    p.read_along()
    content = os.urandom(300000)
    for scheme in ("ilp+http", "ilp+h2c"):
        s = t.rill("send", "--link", f"{scheme}://:payer@127.0.0.1:{t.node.port}", "--credentials",
                   t.file("files.json"), "--file", t.file("sent", content))
        assert s.end() == 0, s.text
    got = [open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)]
    assert got.count(content) == 2, [len(g) for g in got]


@case
def over_tls_with_either_version(t):
    """ALPN decides: our client gets HTTP/2, and who offers HTTP/1.1 alone gets that."""
    key, cert = t.file("key.pem"), t.file("cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    node, plain = HttpNode("--tls-cert", cert, "--tls-key", key), t.node
    t.node = node
    try:
        p = t.rill("receive", "--link", f"btp+wss://:tls@127.0.0.1:{node.port}", "--ca-file", cert,
                   "--credentials", t.file("tls.json"))
        p.until("wrote its ILP")
        p.read_along()
        t.path = t.file("tls.json")
        assert pay(t, "ilp+https", args=("--ca-file", cert))["delivered"] == str(AMOUNT)
        if shutil.which("curl"):
            packet = t.file("packet", prepare("peer.config"))
            for offer, version in (("--http1.1", "1.1"), ("--http2", "2")):
                said = curl(t, offer, "--cacert", cert, "-H", "Authorization: Bearer curl", "-H",
                            f"Content-Type: {OCTETS}", "--data-binary", "@" + packet, "-o",
                            t.file("answer"), "-w", "%{http_version} %{http_code}",
                            f"https://127.0.0.1:{node.port}/").decode()
                assert said == version + " 200", said
        t.fails(3, "certificate", "info", "--link", f"ilp+https://:x@127.0.0.1:{node.port}")
    finally:
        t.node = plain
        node.stop()


def certificate(t, name):
    key, cert = t.file(name + ".key"), t.file(name + ".cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class TlsFront:
    """TLS before a node, for those who show a certificate that it knows."""

    def __init__(self, port, cert, key, known):
        self.port_of_node = port
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=known)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_cert_chain(cert, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            client = self.context.wrap_socket(plain, server_side=True)
            node = socket.create_connection(("127.0.0.1", self.port_of_node))
        except OSError:
            plain.close()
            return

        def copy(source, to):
            try:
                while part := source.recv(65536):
                    to.sendall(part)
            except OSError:
                pass
            for s in (source, to):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        threading.Thread(target=copy, args=(node, client), daemon=True).start()
        copy(client, node)


@case
def a_client_certificate(t):
    cert, key = certificate(t, "node")
    known, known_key = certificate(t, "known")
    other, other_key = certificate(t, "other")
    front = TlsFront(t.node.port, cert, key, known)
    for scheme in ("ilp+https", "btp+wss"):
        link = ("info", "--link", f"{scheme}://:x@127.0.0.1:{front.port}", "--ca-file", cert)
        p = t.rill(*link, "--client-cert", known, "--client-key", known_key)
        assert p.end() == 0, p.text
        for wrong in ((), ("--client-cert", other, "--client-key", other_key)):
            p = t.rill(*link, *wrong)
            assert p.end() == 3, (wrong, p.text)
        t.fails(2, "belong together", *link, "--client-cert", known)
        t.fails(2, "No such file", *link, "--client-cert", known, "--client-key", t.file("none"))
        t.fails(3, "private key file cannot be used", *link, "--client-cert", known, "--client-key", other_key)
    front.socket.close()


@case
def uris(t):
    path = t.file("none.json", "{}")
    t.fails(2, "ILP over HTTP has no name of an account", "info", "--link",
            f"ilp+http://alice:token@127.0.0.1:{t.node.port}")


@case
def who_is_told_no_account_says_it_himself(t):
    """A neighbour without IL-DCP, as Rafiki is one."""
    receiver(t)

    def fault(number, f, status, body):
        write(f, status, b"\x0e\x06F02\x00\x00\x00" if b"private.rill." in body and body[0] == 13 and
              b"XRP" in body else body)
        return True
    proxy = Proxy(t.node.port, fault)
    asset = ("--address", "private.rill.me", "--asset", "XRP/9")
    done = pay(t, "ilp+http", 1000, proxy.port, args=asset)
    assert done["delivered"] == "1000", done
    link = f"ilp+http://:x@127.0.0.1:{proxy.port}"
    t.fails(2, "together", "send", "--link", link, t.path, "1", "--address", "private.rill.me")
    t.fails(2, "CODE/SCALE", "send", "--link", link, t.path, "1", "--address", "private.rill.me", "--asset", "XRP")
    t.fails(2, "CODE/SCALE", "send", "--link", link, t.path, "1", "--address", "private.rill.me", "--asset", "XRP/256")
    t.fails(2, "not an ILP address", "send", "--link", link, t.path, "1", "--address", "me", "--asset", "XRP/9")
    proxy.close()


# ---- neighbours that are known from the start ----


def neighbours(t, name, content):
    return t.file(name, json.dumps(content))


@case
def a_neighbour_is_asked_over_http(t):
    """Two nodes: what is sent at one is delivered at the other, by HTTP between them."""
    there = HttpNode("--address", "private.rill.b")
    file = neighbours(t, "n.json", {"b": {"tokens": ["from-b", "from-b-next"],
                                          "uri": f"ilp+http://:to-b@127.0.0.1:{there.port}/ilp"}})
    here = HttpNode("--neighbours", file)
    try:
        path = t.file("b.json")
        p = t.rill("receive", "--link", f"btp+ws://:shop@127.0.0.1:{there.port}", "--credentials", path)
        p.until("wrote its ILP")
        p.read_along()
        for scheme in ("btp+ws", "ilp+http", "ilp+h2c"):
            s = t.rill("send", "--json", "--link", f"{scheme}://:payer@127.0.0.1:{here.port}", path,
                       str(AMOUNT), "--max-packet", "500")
            assert s.end() == 0, s.text
            assert s.events()[-1]["delivered"] == str(AMOUNT), s.text
        # Either token is the neighbour's, and nobody else's.
        plain, t.node = t.node, here
        addresses = [ask(t, prepare("peer.config"), token=token)[2] for token in
                     ("from-b", "from-b-next", "from-c")]
        t.node = plain
        assert addresses[0] == addresses[1] and b"private.rill.b" in addresses[0], addresses
        assert addresses[2] != addresses[0]
    finally:
        here.stop()
        there.stop()


@case
def a_neighbour_that_is_not_there_at_first(t):
    port = reserved()
    file = neighbours(t, "n.json", {"b": {"tokens": ["from-b"],
                                          "uri": f"ilp+http://:to-b@127.0.0.1:{port}/ilp"}})
    here = HttpNode("--neighbours", file)
    plain, t.node = t.node, here
    try:
        here.program.until("account b: it cannot be reached", "err")
        status, _, body = ask(t, prepare("private.rill.b.x"))
        assert status == 200 and b"T01" in body, body
        assert ask(t, prepare("peer.config"), token="from-b")[0] == 200
        there = HttpNode("--address", "private.rill.b", port=port)
        here.program.until("account b: it can be reached again", "err")
        status, _, body = ask(t, prepare("private.rill.b"))
        assert status == 200 and b"T01" not in body, body
        there.stop()
    finally:
        t.node = plain
        here.stop()


@case
def files_of_neighbours(t):
    good = {"tokens": ["a"], "uri": "ilp+http://:x@127.0.0.1:1/"}

    def fails(content, pattern):
        file = t.file("n.json", content if isinstance(content, str) else json.dumps(content))
        p = t.start([RILLD, "local", "--listen-http", "127.0.0.1:0", "--neighbours", file])
        assert p.end() == 2, p.text
        lines = p.errors()
        assert len(lines) == 1 and re.search(pattern, lines[0]), (pattern, p.text)
        assert "secret" not in lines[0], lines
    fails("", "line 1 is not JSON")
    fails('{"b": {"tokens": ["secret"]}, "b": {"tokens": ["other"]}}', "a name twice")
    fails([good], "must be an object")
    fails({"b": ["a"]}, "must be an object")
    fails({"b": {"tokens": []}}, "list of 1 to 16")
    fails({"b": {"tokens": ["x"] * 17}}, "list of 1 to 16")
    fails({"b": {"tokens": [1]}}, "list of 1 to 16")
    fails({"b": {"uri": good["uri"]}}, "list of 1 to 16")
    fails({"b": {"tokens": ["a"], "uri": 1}}, "must be a text")
    fails({"b": {"tokens": ["a"], "url": good["uri"]}}, "only")
    fails({"b": {"tokens": ["a"], "uri": "btp+ws://:secret@x"}}, "not of ILP over HTTP")
    fails({"b": {"tokens": ["a"], "uri": "ilp+http://secret:secret@x"}}, "no name of an account")
    fails({"b": {"tokens": ["secret secret"]}}, "a token is empty")
    fails({"b": {"tokens": ["a", "a"]}}, "there twice")
    fails({"b": good, "c": {"tokens": ["b", "a"]}}, "there twice")
    fails({"b.c": good}, "characters")
    fails({"": good}, "needs a name")
    p = t.start([RILLD, "local", "--listen", "127.0.0.1:0", "--neighbours", t.file("n.json", "{}")])
    assert p.end() == 2 and "--neighbours needs --listen-http" in p.errors()[0], p.text
    p = t.start([RILLD, "local", "--listen-http", "127.0.0.1:0", "--neighbours", t.file("none")])
    assert p.end() == 2 and "No such file" in p.errors()[0], p.text


class Proxy:
    """Between a client and the node: HTTP/1.1 read and written by Python, with faults."""

    def __init__(self, port, fault):
        self.port_of_node, self.fault, self.count = port, fault, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.seen = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        node = http.client.HTTPConnection("127.0.0.1", self.port_of_node, timeout=harness.LIMIT)
        f = s.makefile("rwb")
        try:
            while self.one(s, f, node):
                pass
        except OSError:
            pass
        finally:
            node.close()
            f.close()
            s.close()

    def one(self, s, f, node):
        first = f.readline()
        if not first:
            return False
        headers = {}
        while (line := f.readline()) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = f.read(int(headers["content-length"]))
        with self.lock:
            self.count += 1
            number = self.count
            self.seen[body] = self.seen.get(body, 0) + 1
        node.request("POST", first.split()[1].decode(), body,
                     {k: headers[k] for k in ("content-type", "authorization")})
        answer = node.getresponse()
        return self.fault(number, f, answer.status, answer.read())

    def close(self):
        self.socket.close()


def write(f, status, body, extra=b""):
    f.write(b"HTTP/1.1 %d X\r\n%scontent-length: %d\r\n\r\n" % (status, extra, len(body)) + body)
    f.flush()


def chunked(f, body):
    f.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for i in range(0, len(body), 7):
        f.write(b"%x\r\n" % len(body[i:i + 7]) + body[i:i + 7] + b"\r\n")
    f.write(b"0\r\n\r\n")
    f.flush()


def through(t, fault, amount=20000):
    """A payment through a proxy; nothing was sent twice that had been seen."""
    receiver(t)
    proxy = Proxy(t.node.port, fault)
    done = pay(t, "ilp+http", amount, proxy.port)
    proxy.close()
    assert max(proxy.seen.values()) == 1, "a packet was sent twice"
    return done


@case
def a_node_that_closes_each_connection(t):
    def fault(number, f, status, body):
        write(f, status, body, b"connection: close\r\n")
        return False
    assert through(t, fault)["delivered"] == "20000"


@case
def a_node_that_ends_answers_with_the_connection(t):
    def fault(number, f, status, body):
        f.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        f.flush()
        return False
    assert through(t, fault)["delivered"] == "20000"


@case
def a_node_that_answers_in_chunks(t):
    def fault(number, f, status, body):
        chunked(f, body)
        return True
    assert through(t, fault)["delivered"] == "20000"


@case
def a_node_that_is_busy_now_and_then(t):
    """A status that is no packet is T00: the packet is tried again, as another one."""
    def fault(number, f, status, body):
        if number % 10 == 3 and body[0] == 14:
            write(f, 503, b"busy")
        else:
            write(f, status, body)
        return True
    assert through(t, fault)["delivered"] == "20000"


@case
def a_node_that_closes_idle_connections_without_a_word(t):
    """With the next packet on its way: of an answered one nothing is lost, and none is sent twice."""
    def fault(number, f, status, body):
        write(f, status, body, b"keep-alive: timeout=1\r\n")
        return number != 40
    done = through(t, fault)
    assert done["delivered"] == "20000" or int(done["in_doubt"]) > 0, done


@case
def a_node_that_knows_nobody(t):
    def fault(number, f, status, body):
        write(f, 401, b"no")
        return True
    receiver(t)
    proxy = Proxy(t.node.port, fault)
    p = t.rill("send", "--link", f"ilp+http://:wrong@127.0.0.1:{proxy.port}", t.path, "1")
    assert p.end() > 0, p.text
    assert any("refused the token" in line for line in p.lines("err")), p.text
    proxy.close()


if __name__ == "__main__":
    node = HttpNode()
    status = run_tests(CASES, node)
    node.stop()
    sys.exit(status)
