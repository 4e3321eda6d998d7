#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Through an HTTP proxy to a node whose name only the proxy knows.

usage: by_proxy.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

import harness
from harness import Node, environment, run_tests

CASES = []
NAME = "node.example"


def case(function):
    CASES.append(function)
    return function


class Proxy:
    """Knows CONNECT, and that every host is this machine."""

    def __init__(self, password=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.password = password
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(4096)
            if not more:
                return
            head += more
        self.asked.append(head)
        if self.password and b"Proxy-Authorization: Basic " + self.password not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        port = int(re.match(rb"CONNECT [^ ]+:(\d+) HTTP/1.1\r\n", head)[1])
        server = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self.pass_on, args=(server, client), daemon=True).start()
        self.pass_on(client, server)

    @staticmethod
    def pass_on(source, destination):
        try:
            while data := source.recv(65536):
                destination.sendall(data)
        except OSError:
            pass
        try:
            destination.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class TlsNode(Node):
    """BTP and HTTP on one port, with TLS."""

    def __init__(self):
        self.keys = tempfile.mkdtemp(prefix="rill-e2e-keys-")
        key, self.cert = (os.path.join(self.keys, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", self.cert, "-days", "2", "-subj", f"/CN={NAME}", "-addext",
                        f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True)
        folder = tempfile.mkdtemp(prefix="rill-e2e-node-")
        self.folder = folder
        port_file = os.path.join(folder, "port")
        neighbours = os.path.join(folder, "neighbours.json")
        with open(neighbours, "w", opener=harness.private) as f:
            json.dump({"payer": {"tokens": ["payer-token"]}}, f)
        self.program = harness.Program(
            [harness.RILLD, "local", "--listen-http", "127.0.0.1:0", "--port-file", port_file,
             "--tls-cert", self.cert, "--tls-key", key, "--neighbours", neighbours])
        self.program.until("ready", "err")
        with open(port_file) as f:
            self.port = int(f.read())


def through(proxy, scheme="https", user="", **more):
    """An environment with this proxy."""
    env = environment()
    env[f"{scheme}_proxy"] = f"http://{user}127.0.0.1:{proxy.port}"
    env.update(more)
    return env


def link(t, who, scheme):
    return f"{scheme}://:{who}-token@{NAME}:{t.node.port}"


def pays(t, scheme, proxy, **how):
    trust = {"SSL_CERT_FILE": t.node.cert}
    env = through(proxy, **how, **trust)
    path = t.file("c.json")
    receiver = t.rill("receive", "--link", link(t, "receiver", "btp+wss"), "--credentials", path,
                      env=env)
    receiver.until("wrote its ILP address")
    payer = t.rill("send", "--credentials", path, "--amount", "1000", "--link",
                   link(t, "payer", scheme), "--json",
                   *(["--min-rate", "1"] if scheme == "ilp+https" else []), env=env)
    assert payer.end() == 0, payer.text
    done = [e for e in payer.events() if e["event"] == "done"][0]
    assert int(done["sent"]) == int(done["delivered"]) == 1000, done
    wanted = f"CONNECT {NAME}:{t.node.port} HTTP/1.1\r\n".encode()
    assert proxy.asked and all(head.startswith(wanted) for head in proxy.asked), proxy.asked


@case
def btp_pays(t):
    pays(t, "btp+wss", Proxy())


@case
def http_pays(t):
    pays(t, "ilp+https", Proxy())


@case
def a_proxy_that_wants_to_know_who_we_are(t):
    pays(t, "btp+wss", Proxy(b"bWU6cGFzcw=="), user="me:pass@")
    env = through(Proxy(b"bWU6cGFzcw=="), SSL_CERT_FILE=t.node.cert)
    t.fails(3, r"the proxy 127.0.0.1:\d+ said: 407 Proxy Authentication Required", "info", "--link",
            link(t, "payer", "btp+wss"), env=env)


@case
def hosts_that_go_without(t):
    proxy = Proxy()
    env = through(proxy, no_proxy="x.example,.example", SSL_CERT_FILE=t.node.cert)
    t.fails(3, r"cannot resolve node.example", "info", "--link", link(t, "payer", "btp+wss"),
            env=env)
    assert not proxy.asked, proxy.asked


@case
def a_variable_that_is_wrong(t):
    env = through(Proxy(), https_proxy="socks5://127.0.0.1:1")
    t.fails(3, r"https_proxy is not a proxy: http://HOST:PORT", "info", "--link",
            link(t, "payer", "btp+wss"), env=env)


if __name__ == "__main__":
    node = TlsNode()
    status = run_tests(CASES, node)
    node.stop()
    sys.exit(status)
