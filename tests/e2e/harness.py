# SPDX-License-Identifier: Apache-2.0
"""What tests of programs need: processes whose lines can be waited for, a node, a folder."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import runner

BIN, EXAMPLES = (os.path.abspath(p) for p in sys.argv[1:3])
RILL = os.path.join(BIN, "rill")
RILLD = os.path.join(BIN, "rilld")
LIMIT = 60  # seconds for anything to happen


def environment(**more):
    """Our environment, without variables that name another node, or a proxy."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("ILP_", "MONEYD_")) and not k.lower().endswith("_proxy")}
    env.update(more)
    return env


def private(path, flags):
    """For open(): a file that nobody else can read, as a file with a secret should be."""
    return os.open(path, flags, 0o600)


def reserved_port():
    """
    A socket at a free port of the loopback address that does not listen. While it is open the port
    is given to nobody who asks for any, and connections to it are refused; a program of ours that
    asks for this port gets it, again after each restart.
    """
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s


class Program:
    """A process whose lines can be waited for. What it prints is read while it is waited for, or,
    after read_along(), while any is: a program that nobody reads stops, as it should."""

    along = []
    reading = threading.Lock()

    def __init__(self, args, env=None, stdin=subprocess.DEVNULL, **options):
        self.args = args
        self.process = subprocess.Popen(args, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env or environment(), **options)
        self.text = {"out": b"", "err": b""}

    def read_along(self):
        for stream in self._streams():
            os.set_blocking(stream.fileno(), False)
        Program.along.append(self)

    def _streams(self):
        return {stream: name for stream, name in ((self.process.stdout, "out"), (self.process.stderr, "err"))
                if not stream.closed}

    def _read(self, stream, name):
        with Program.reading:
            if stream.closed:
                return
            try:
                data = os.read(stream.fileno(), 65536)
            except BlockingIOError:  # another thread was first
                return
            if not data:
                stream.close()
            self.text[name] += data

    def _pump(self, timeout):
        deadline = time.monotonic() + timeout
        while own := self._streams():
            others = [p for p in list(Program.along) if p is not self]
            streams = {stream: (p, name) for p in [self, *others] for stream, name in p._streams().items()}
            ready, _, _ = select.select(list(streams), [], [], max(0, deadline - time.monotonic()))
            for stream in ready:
                program, name = streams[stream]
                program._read(stream, name)
            if any(stream in own for stream in ready):
                return True
            if time.monotonic() >= deadline:
                raise AssertionError(f"nothing came from {self.args[:2]} for {timeout} s: {self.text}")
        return False

    def lines(self, which="out"):
        return self.text[which].decode().splitlines()

    def errors(self):
        """Lines on stderr without those that say what is waited for."""
        return [line for line in self.lines("err") if not re.match(r"rill \w+: (waiting for|stopping)", line)]

    def until(self, pattern, which="out"):
        """The first whole line that matches."""
        while True:
            whole = self.text[which].decode(errors="replace").split("\n")[:-1]
            for line in whole:
                if re.search(pattern, line):
                    return line
            if not self._pump(LIMIT):
                raise AssertionError(f"no line like {pattern!r}: {self.text}")

    def end(self):
        while self._pump(LIMIT):
            pass
        return self.process.wait(LIMIT)

    def events(self):
        return [json.loads(line) for line in self.lines()]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self in Program.along:
            Program.along.remove(self)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


class Case:
    """What one test needs. It is cleaned up at the end."""

    def __init__(self, node):
        self.node = node
        self.folder = tempfile.mkdtemp(prefix="rill-e2e-")
        self.programs = []

    def file(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb", opener=private) as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def link(self, who):
        return f"btp+ws://:{who}-token@127.0.0.1:{self.node.port}"

    def start(self, args, **options):
        program = Program(args, **options)
        self.programs.append(program)
        return program

    def rill(self, *args, **options):
        return self.start([RILL, *args], **options)

    def fails(self, code, pattern, *args, **options):
        """One line on stderr that matches, that exit code, and nothing that is secret."""
        p = self.rill(*args, **options)
        got = p.end()
        err = p.errors()
        assert got == code, f"exit {got}, not {code}: {args}: {p.text}"
        assert len(err) == 1, f"not one line: {args}: {p.text}"
        assert re.search(pattern, err[0]), f"{err[0]!r} is not like {pattern!r}"
        assert "token" not in err[0].replace("token of --link", "").replace("refused the token", "").replace(":TOKEN@", ""), err[0]
        return p

    def receive(self, *args, who="receiver"):
        """`rill receive --json`, its credentials written."""
        path = self.file(f"{who}.json")
        p = self.rill("receive", "--link", self.link(who), "--credentials", path, *args)
        p.path = path
        p.until(r"wrote its ILP address")
        return p

    def close(self):
        for p in self.programs:
            p.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Node:
    def __init__(self, port=0, *options):
        self.folder = tempfile.mkdtemp(prefix="rill-e2e-node-")
        port_file = os.path.join(self.folder, "port")
        self.program = Program([RILLD, "local", "--listen", f"127.0.0.1:{port}", "--port-file",
                                port_file, *options])
        self.program.until("ready", "err")
        with open(port_file) as f:
            self.port = int(f.read())

    def stop(self):
        self.program.process.send_signal(signal.SIGTERM)
        code = self.program.end()
        self.program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert code == 0, f"rilld ended with {code}"


def run_tests(tests, node=None):
    """Each function with a case of its own, as TAP. Arguments that are names of some of them
    choose those; programs have other arguments of their own. Returns the exit status."""
    def call(test):
        case = Case(node)
        try:
            test(case)
        finally:
            case.close()
    return runner.run(tests, call, sys.argv[3:])


def run_with_node(tests):
    """As run_tests, with a node that all of them share."""
    node = Node()
    status = run_tests(tests, node)
    node.stop()
    return status
