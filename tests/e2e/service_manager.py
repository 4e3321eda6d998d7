#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rilld under a manager of services: what it tells it, sockets that it is passed, and restarts in the
middle of payments, in which nobody is refused and nothing is in doubt.

usage: service_manager.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import array
import base64
import hashlib
import json
import os
import random
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from btp import FULFILL, MESSAGE, RESPONSE, Client, Closed, WebSocket, frame, fulfill, parse_frame, prepare, reject
from harness import LIMIT, RILL, RILLD, environment, reserved_port, run_tests

CASES = []
RESTARTS = int(os.environ.get("RILL_RESTARTS", "6"))
RILLCTL = os.path.join(os.path.dirname(RILLD), "rillctl")


def case(function):
    CASES.append(function)
    return function


class Manager:
    """What systemd is to a service: it is told things, keeps sockets, and passes them on."""

    def __init__(self, t, args, abstract=False, **variables):
        self.t = t
        self.args = args
        self.variables = variables
        name = t.file("notify")
        if abstract:
            name = f"@rill-test-{os.getpid()}-{random.getrandbits(32)}"
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if abstract else name)
        self.kept = []  # sockets that a service left here
        self.told = []
        self.program = None

    def start(self, passed=(), more=0):
        """A process with these sockets from descriptor 3 on, and so many more that there are not. It knows its
        own number, as LISTEN_PID says."""
        fds = [s.fileno() for s in passed]

        def pass_on():
            copies = [os.dup(fd) for fd in fds]
            for at, fd in enumerate(copies):
                os.dup2(fd, 3 + at)
                os.set_inheritable(3 + at, True)

        variables = {"NOTIFY_SOCKET": self.name, **self.variables}
        command = list(self.args)
        if fds:
            variables.update(LISTEN_FDS=str(len(fds) + more), LISTEN_FDNAMES=":".join(["rilld"] * len(fds)))
            command = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
        self.program = self.t.start(command, env=environment(**variables), preexec_fn=pass_on, close_fds=False)
        self.program.read_along()

    def hear(self):
        """One message. Sockets that come with it are kept."""
        deadline = time.monotonic() + LIMIT
        while not select.select([self.socket], [], [], 0.02)[0]:
            assert self.program.process.poll() is None, ("it has ended", self.program.text)
            assert time.monotonic() < deadline, (self.told, self.program.text)
        data, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
        for level, kind, rights in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds = array.array("i")
            fds.frombytes(rights[:len(rights) - len(rights) % fds.itemsize])
            for fd in fds:
                s = socket.socket(fileno=fd)
                # As systemd does: the same socket is kept once.
                if all(k.getsockname() != s.getsockname() for k in self.kept):
                    self.kept.append(s)
                else:
                    s.close()
        self.told.append(data.decode())
        if self.told[-1] == "FDSTOREREMOVE=1\nFDNAME=rilld":
            self.forget()
        return self.told[-1]

    def forget(self):
        for s in self.kept:
            s.close()
        self.kept = []

    def fill(self):
        """Other services tell it as much as it takes, and it is slow to read."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
            others.setblocking(False)
            try:
                while True:
                    others.sendto(b"STATUS=another service", self.socket.getsockname())
            except BlockingIOError:
                pass

    def hear_until(self, word):
        while True:
            message = self.hear()
            if word in message.split("\n"):
                return message

    def stop(self):
        self.program.process.send_signal(signal.SIGTERM)
        assert self.program.end() == 0, self.program.text

    def restart(self):
        """The next process has the sockets that the one before has left."""
        self.stop()
        self.start(self.kept)
        self.hear_until("READY=1")

    def close(self):
        self.socket.close()
        self.forget()
        if not self.name.startswith("@"):
            os.unlink(self.name)


CONFIG = """address: g.x
accounts:
  alice: {relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: 1000000000000}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB}
"""
TOKENS = {"TOKEN_ALICE": "alice-token", "TOKEN_BOB": "bob-token"}


def connector(t, port, **options):
    """A manager of `rilld run`, with alice and bob."""
    path = t.file("node.yaml", f"store: {{path: {t.file('books')}}}\n"
                               f"listen: [{{port: {port}, http: true}}]\n{CONFIG}")
    return Manager(t, [RILLD, "run", "--config", path], **TOKENS, **options)


def local(t, *ports):
    """A manager of `rilld local`."""
    listen = [word for port in ports for word in ("--listen", f"127.0.0.1:{port}")]
    return Manager(t, [RILLD, "local", *listen])


def listening(port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(16)
    return s


def serves(port):
    """Somebody there speaks HTTP."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.settimeout(LIMIT)
        s.sendall(b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
        return s.recv(4096).startswith(b"HTTP/1.1 ")


@case
def what_the_manager_is_told(t):
    """Ready once the ports are open, with the sockets to keep; reloading and ready again; stopping."""
    for abstract in (False, True):
        with reserved_port() as held:
            m = connector(t, held.getsockname()[1], abstract=abstract)
            m.start()
            first = m.hear_until("READY=1")
            assert "STATUS=ready as g.x" in first, first
            assert m.told[:-1] == ["FDSTORE=1\nFDNAME=rilld"], m.told
            assert [s.getsockname() for s in m.kept] == [held.getsockname()], m.kept
            m.program.process.send_signal(signal.SIGHUP)
            reloading = m.hear_until("RELOADING=1")
            at = int(re.search(r"^MONOTONIC_USEC=(\d+)$", reloading, re.M).group(1))
            assert 0 <= time.monotonic_ns() // 1000 - at < 60_000_000, (at, time.monotonic_ns())
            assert m.hear() == "READY=1"
            m.program.process.send_signal(signal.SIGTERM)
            m.hear_until("STOPPING=1")
            assert m.program.end() == 0, m.program.text
            m.close()


@case
def a_reload_while_it_is_not_ready(t):
    """It waits for a parent: that it has read something does not make it ready."""
    with reserved_port() as nobody:
        path = t.file("node.yaml", f"store: {{path: {t.file('books')}}}\naccounts:\n  up: {{relation: parent, "
                                   f"asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{nobody.getsockname()[1]}', "
                                   "token: env:T}}\n")
        m = Manager(t, [RILLD, "run", "--config", path], T="x" * 32)
        m.start()
        m.program.until("account up: waiting for our address", "err")
        m.program.process.send_signal(signal.SIGHUP)
        m.program.until("SIGHUP: the configuration is not read again now", "err")
        m.program.process.send_signal(signal.SIGTERM)
        m.hear_until("STOPPING=1")
        assert len(m.told) == 1, m.told
        assert m.program.end() == 0, m.program.text
        m.close()


@case
def a_manager_that_has_much_to_read(t):
    """Nothing of what it does not hear again is lost."""
    count = 12
    held = [reserved_port() for _ in range(count)]
    ports = ", ".join(f"{{port: {s.getsockname()[1]}}}" for s in held)
    path = t.file("node.yaml", f"store: {{path: {t.file('books')}}}\nlisten: [{ports}]\n{CONFIG}")
    m = Manager(t, [RILLD, "run", "--config", path], **TOKENS)
    m.fill()
    m.start()
    for s in held:
        m.program.until(f"ready on .*:{s.getsockname()[1]} ", "err")
    m.hear_until("STATUS=ready as g.x")
    assert len(m.kept) == count, m.told
    m.program.process.send_signal(signal.SIGTERM)
    m.hear_until("STOPPING=1")
    assert m.program.end() == 0, m.program.text
    m.close()
    for s in held:
        s.close()


@case
def a_watchdog_that_is_fed(t):
    """By the loop: as long as it turns, and no longer."""
    with reserved_port() as held:
        m = connector(t, held.getsockname()[1], WATCHDOG_USEC="60000")
        m.start()
        m.hear_until("READY=1")
        for _ in range(5):
            m.hear_until("WATCHDOG=1")
        m.program.process.send_signal(signal.SIGSTOP)
        while select.select([m.socket], [], [], 0.2)[0]:
            m.socket.recv(4096)  # those of before
        m.program.process.send_signal(signal.SIGCONT)
        m.hear_until("WATCHDOG=1")
        m.stop()
        m.close()
        # Another process's: not for this one.
        m = connector(t, held.getsockname()[1], WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        m.start()
        m.hear_until("READY=1")
        assert not select.select([m.socket], [], [], 0.3)[0], m.socket.recv(4096)
        m.stop()
        m.close()


@case
def who_comes_before_it_is_there(t):
    """Sockets of the manager's: who has connected to them waits, and is served."""
    with listening() as s:
        port = s.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), LIMIT) as early:
            early.settimeout(LIMIT)
            early.sendall(b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
            m = connector(t, port)
            m.start([s])
            m.hear_until("READY=1")
            assert early.recv(4096).startswith(b"HTTP/1.1 ")
        assert serves(port)
        m.stop()
        with socket.create_connection(("127.0.0.1", port), LIMIT):
            pass  # nobody is there, and nobody is refused
        m.close()


@case
def a_socket_of_operators_that_is_passed(t):
    path = t.file("admin.sock")
    with socket.socket(socket.AF_UNIX) as s, listening() as port:
        s.bind(path)
        s.listen(4)
        config = t.file("node.yaml", f"store: {{path: {t.file('books')}}}\nadmin: {{socket: {path}}}\n"
                                     f"listen: [{{port: {port.getsockname()[1]}}}]\n{CONFIG}")
        m = Manager(t, [RILLD, "run", "--config", config], **TOKENS)
        for _ in range(2):
            m.start([s, port])
            m.hear_until("READY=1")
            out = subprocess.run([RILLCTL, "status", "--socket", path, "--json"], check=True, timeout=LIMIT,
                                 capture_output=True, text=True).stdout
            assert json.loads(out)["address"] == "g.x", out
            m.stop()
            assert os.path.exists(path), "it is the manager's"
        os.chmod(path, 0o666)
        m.start([s, port])
        m.program.until("everybody may connect to it: SocketMode=0600", "err")
        assert m.program.end() != 0, m.program.text
        m.close()


@case
def what_cannot_be_used(t):
    """A socket at another address, and a descriptor that is none: it says so, closes them, and runs."""
    with listening() as other, reserved_port() as held, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        m = connector(t, held.getsockname()[1])
        m.start([other, deaf])
        m.hear_until("READY=1")
        m.program.until("descriptor 4 was passed, and cannot be used: it is no socket that listens", "err")
        m.program.until("1 sockets that were passed are at addresses where nothing is to listen", "err")
        assert "FDSTOREREMOVE=1\nFDNAME=rilld" in m.told, "or the manager keeps what nobody uses any more"
        assert [s.getsockname() for s in m.kept] == [held.getsockname()], m.kept
        assert serves(held.getsockname()[1])
        m.stop()
        m.close()
        # More than there are: what the process has opened itself is not one of them.
        m = connector(t, held.getsockname()[1])
        m.start([other], more=5)
        m.hear_until("READY=1")
        for fd in range(4, 9):
            m.program.until(f"descriptor {fd} was not passed", "err")
        assert serves(held.getsockname()[1])
        m.stop()
        m.close()
        # Sockets for another process are not ours.
        m = connector(t, held.getsockname()[1], LISTEN_PID="1", LISTEN_FDS="3")
        m.start()
        m.hear_until("READY=1")
        assert "passed" not in m.program.text["err"].decode(), m.program.text
        m.stop()
        m.close()
        # A manager that is gone is not waited for.
        m = connector(t, held.getsockname()[1])
        m.socket.close()
        m.start()
        m.program.until("ready on", "err")
        m.stop()


@case
def another_address_than_before(t):
    """Of the same port, which the manager keeps taken: it is told to forget it, and the next try is without."""
    with listening() as s:
        port = s.getsockname()[1]
        path = t.file("node.yaml", f"store: {{path: {t.file('books')}}}\n"
                                   f"listen: [{{host: 0.0.0.0, port: {port}, http: true}}]\n{CONFIG}")
        m = Manager(t, [RILLD, "run", "--config", path], **TOKENS)
        m.kept = [socket.socket(fileno=os.dup(s.fileno()))]
        s.close()
        m.start(m.kept)
        m.program.until("address .*in use|in use", "err")
        assert m.program.end() != 0, m.program.text
        assert m.hear() == "FDSTOREREMOVE=1\nFDNAME=rilld", m.told
        m.start(m.kept)
        m.hear_until("READY=1")
        assert serves(port)
        m.stop()
        m.close()


@case
def a_socket_that_is_passed_twice(t):
    """By a unit of its own, and by the process before, which left it with the manager."""
    with listening() as s:
        m = connector(t, s.getsockname()[1])
        m.start([s, s])
        m.hear_until("READY=1")
        assert "passed" not in m.program.text["err"].decode(), m.program.text
        assert serves(s.getsockname()[1])
        m.stop()
        m.close()


@case
def ready_with_new_accounts(t):
    """Thousands are written to the books, which takes a while. Who comes once it is ready can pay."""
    with reserved_port() as held:
        m = connector(t, held.getsockname()[1])
        with open(m.args[-1], "a") as config:
            for i in range(3000):
                config.write(f"  a{i}: {{relation: child, asset: USD/6, tokens: env:T{i}}}\n")
                m.variables[f"T{i}"] = f"token-{i}"
            config.write("  last: {relation: child, asset: USD/6, tokens: env:TOKEN_LAST}\n")
        m.variables["TOKEN_LAST"] = "last-token"
        m.start()
        m.hear_until("READY=1")
        alice, last = [Client(held.getsockname()[1], token=f"{name}-token") for name in ("alice", "last")]
        asked = alice.ask(prepare("g.x.last.y", 1))
        while not last.requests and asked not in alice.replies:
            ready = select.select([alice.ws.socket, last.ws.socket], [], [], LIMIT)[0]
            assert ready, m.program.text
            for client in (alice, last):
                if client.ws.socket in ready:
                    client.step()
        assert last.requests, alice.replies
        last.answer(last.request()[0], fulfill())
        assert alice.reply_to(asked)["type"] == FULFILL
        m.stop()
        m.close()


@case
def who_comes_while_it_stops(t):
    """He has connected, and shows his token when the node stops: he is told to come again, and not
    that the token is wrong, which is the last word. Nor is he let in, for soon he would be lost."""
    for kind in ("connector", "local"):
        leave_while_one_comes(t, kind)


def leave_while_one_comes(t, kind):
    with reserved_port() as held:
        port = held.getsockname()[1]
        m = connector(t, port) if kind == "connector" else local(t, port)
        m.start()
        m.hear_until("READY=1")
        alice, bob = Client(port, "alice", "alice-token"), Client(port, "bob", "bob-token")
        asked = alice.ask(prepare("g.x.bob.y" if kind == "connector" else "private.rill.bob.y", 1))
        request, _ = bob.request()
        late = WebSocket(port)
        m.program.process.send_signal(signal.SIGTERM)
        m.hear_until("STOPPING=1")
        late.send(frame(MESSAGE, 0, [("auth", 0, b""), ("auth_username", 1, b"alice"),
                                     ("auth_token", 1, b"alice-token")]))
        try:
            answer = late.receive()
        except Closed as closed:
            assert "1013" in str(closed), closed
        else:
            raise AssertionError((kind, answer))
        bob.answer(request, fulfill())
        assert alice.reply_to(asked)["type"] == FULFILL
        assert m.program.end() == 0, m.program.text
        m.close()


class Leaving(WebSocket):
    """A node that is about to stop, and has taken one more connection."""

    def __init__(self, listener):
        listener.settimeout(LIMIT)
        self.buffer = b""
        self.socket = listener.accept()[0]
        self.socket.settimeout(LIMIT)

    def upgrade(self):
        key = re.search(r"Sec-WebSocket-Key: (\S+)", self.head()).group(1)
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.socket.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) +
                            b"\r\n\r\n")

    def message(self):
        """The next one, which is masked."""
        while True:
            first, second = self.take(2)
            n = second & 127
            if n == 126:
                n = int.from_bytes(self.take(2), "big")
            mask = self.take(4)
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(n)))
            if first & 15 == 2:
                return parse_frame(payload)

    def tell(self, payload, opcode=2):
        self.socket.sendall(bytes([0x80 | opcode, len(payload)]) + payload)


def reads_nothing(node):
    """It was taken, and nobody came to read it."""


def says_nothing(node):
    node.head()


def goes_away(node):
    """Before it has asked for anything."""
    node.upgrade()
    node.tell((1001).to_bytes(2, "big"), 8)


def knows_nobody_any_more(node):
    """As who_comes_while_it_stops."""
    node.upgrade()
    node.message()
    node.tell((1013).to_bytes(2, "big"), 8)


def lets_in_and_goes_away(node):
    node.upgrade()
    node.tell(frame(RESPONSE, node.message()[1], []))
    node.tell((1001).to_bytes(2, "big"), 8)


def tells_no_account_any_more(node):
    """The packet that asks for it is refused, as all are when it stops."""
    node.upgrade()
    requests = [node.message()[1], node.message()[1]]
    node.tell(frame(RESPONSE, requests[0], []))
    node.tell(frame(RESPONSE, requests[1], [("ilp", 0, reject("T03"))]))
    node.tell((1001).to_bytes(2, "big"), 8)


def hold(process):
    """It stands still from now on."""
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + LIMIT
    while True:
        with open(f"/proc/{process.pid}/stat") as stat:
            if stat.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


@case
def who_was_taken_by_the_one_that_leaves(t):
    """The node has taken a connection just before it stops. Whoever is at its other end comes again, to the
    process after it, and nobody is told that there is no node. The test is the process before, the
    one after it stands still until that has left."""
    with listening() as theirs, listening() as ours:
        m = local(t, theirs.getsockname()[1], ours.getsockname()[1])
        m.start([theirs, ours])
        m.hear_until("READY=1")
        receiver = t.rill("receive", "--json", "--link", f"btp+ws://bob:b@127.0.0.1:{theirs.getsockname()[1]}",
                          "--credentials", "-")
        path = t.file("bob.json", receiver.until("shared_secret"))
        receiver.read_along()
        link = f"btp+ws://alice:a@127.0.0.1:{ours.getsockname()[1]}"
        for leave in (reads_nothing, says_nothing, goes_away, knows_nobody_any_more, lets_in_and_goes_away,
                      tells_no_account_any_more):
            for command in (["send", path, "1000"], ["send", path, "0.000001XRP"], ["quote", path, "1000"],
                            ["receive", "--credentials", "-", "--connections", "1"]):
                hold(m.program.process)
                program = t.rill(*command, "--link", link, "--json")
                before = Leaving(ours)
                leave(before)
                before.close()
                m.program.process.send_signal(signal.SIGCONT)
                if command[0] == "receive":
                    program.until("shared_secret")
                    program.process.send_signal(signal.SIGINT)
                assert program.end() == 0, (leave.__name__, command, program.text)
        receiver.process.send_signal(signal.SIGINT)
        assert receiver.end() == 0
        m.stop()
        m.close()


@case
def who_hangs_up_on_everybody(t):
    """That is no node that is restarted: it is told after a few attempts, and not waited for."""
    with listening() as s:
        path = t.file("c.json", json.dumps({"destination_account": "private.rill.bob.x",
                                            "shared_secret": base64.b64encode(bytes(32)).decode()}))
        payer = t.rill("send", path, "1000", "--link", f"btp+ws://alice:a@127.0.0.1:{s.getsockname()[1]}", "--json")
        for _ in range(3):
            Leaving(s).close()
        assert payer.end() == 3, payer.text
        assert payer.events()[-1]["error"] in ("NOT_CONNECTED", "CONNECT"), payer.text
        s.setblocking(False)
        try:
            raise AssertionError(s.accept())
        except BlockingIOError:
            pass


def pay_through_restarts(t, m, link, seed):
    """Payments, one after another, while the node is restarted. What was sent, and what the receiver counted."""
    draw = random.Random(seed)
    receiver = t.rill("receive", "--json", "--link", link("bob"), "--credentials", "-")
    path = t.file("bob.json", receiver.until("shared_secret"))
    receiver.read_along()
    sent = amid = number = 0
    times = 1  # larger until a payment lasts for longer than the time before a restart
    while number < RESTARTS or amid == 0:
        number += 1
        amount = times * draw.randrange(20_000_000, 40_000_000)
        payer = t.rill("send", path, str(amount), "--link", link("alice"), "--json", "--min-rate", "1",
                       "--max-packet", str(draw.choice([1000, 2000, 5000])))
        payer.read_along()
        time.sleep(draw.uniform(0.02, 0.4))  # the moment of the restart
        if payer.process.poll() is None:
            amid += 1
        else:
            times *= 4
        m.restart()
        code = payer.end()
        end = payer.events()[-1]
        assert code == 0 and int(end["delivered"]) == amount, (seed, number, code, end, payer.text)
        assert int(end.get("in_doubt", 0)) == 0, (seed, number, end)
        sent += amount
    receiver.process.send_signal(signal.SIGINT)
    receiver.end()
    got = sum(int(e["amount"]) for e in receiver.events()[1:] if e["event"] == "money")
    assert got == sent, (seed, got, sent)
    return sent


@case
def a_connector_that_is_restarted_under_payments(t):
    seed = int(os.environ.get("RILL_SEED", random.getrandbits(32)))
    print(f"# RILL_SEED={seed}")
    with reserved_port() as held:
        port = held.getsockname()[1]
        m = connector(t, port)
        m.start()
        m.hear_until("READY=1")
        sent = pay_through_restarts(t, m, lambda who: f"btp+ws://:{who}-token@127.0.0.1:{port}", seed)
        m.stop()
        m.close()
    db = sqlite3.connect(t.file("books"))
    booked = dict(db.execute("SELECT name, booked FROM accounts JOIN balances ON balances.account = accounts.id "
                             "WHERE holder = 1"))
    lost = db.execute("SELECT note FROM entries WHERE note LIKE '%was lost%'").fetchall()
    db.close()
    assert not lost, "Fulfills that could not be passed on"
    assert {k: int(v) for k, v in booked.items()} == {"alice": -sent, "bob": sent}, (booked, sent)


@case
def a_local_node_that_is_restarted_under_payments(t):
    seed = int(os.environ.get("RILL_SEED", random.getrandbits(32)))
    print(f"# RILL_SEED={seed}")
    with reserved_port() as held:
        port = held.getsockname()[1]
        m = local(t, port)
        m.start()
        m.hear_until("READY=1")
        pay_through_restarts(t, m, lambda who: f"btp+ws://:{who}-token@127.0.0.1:{port}", seed)
        m.stop()
        m.close()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
