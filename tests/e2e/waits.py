#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every wait of `rill` ends, and says what it is for: lines for people, events for programs.

usage: waits.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES KEEPER [TEST...]

Prints TAP. Nothing here sleeps: it waits for lines and for ends of processes. That a time-out
passes is waited for as well, so these are a few seconds each.
"""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

import btp
from harness import Node, run_with_node

KEEPER = os.path.abspath(sys.argv[3])
CASES = []


def case(function):
    CASES.append(function)
    return function


def last(p, event):
    return [e for e in p.events() if e["event"] == event][-1]


def send(t, receiver, *args, **options):
    return t.rill("send", "--link", t.link("s"), "--credentials", receiver.path, *args, **options)


def ends_with(p, code, error, pattern):
    """Its last events, with --json: the error, and then the sums, if there are any."""
    assert p.end() == code, p.text
    events = p.events()
    assert last(p, "error")["error"] == error, p.text
    assert re.search(pattern, last(p, "error")["text"]), p.text
    assert re.search(pattern, p.errors()[-1]), p.text
    if code == 1:
        assert events[-1]["event"] == "done" and events[-1]["error"] == error, p.text


# ---- nodes that are none ----

class Deaf:
    """A port that takes connections; what comes of each is `serve`'s to say."""

    def __init__(self, serve=None):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(8)
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        self.open = []
        if serve:
            threading.Thread(target=self.run, daemon=True).start()

    def link(self):
        return f"btp+ws://:token@127.0.0.1:{self.port}"

    def run(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(s)
            try:
                self.serve(s)
            except OSError:
                pass

    def close(self):
        # Closing alone would leave a thread in accept().
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for s in [self.socket, *self.open]:
            s.close()


def shake_hands(s):
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(4096)
    key = re.search(rb"sec-websocket-key: (\S+)", head, re.I).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise OSError("the other side has closed")
        data += more
    return data


def message(s):
    """The payload of one frame of a client: short ones are all that comes here."""
    first, length = exactly(s, 2)
    length &= 127
    if length == 126:
        length, = struct.unpack(">H", exactly(s, 2))
    mask = exactly(s, 4)
    return first & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(exactly(s, length)))


def authenticate_and_say_nothing(s):
    shake_hands(s)
    while True:
        opcode, data = message(s)
        if opcode == 2:
            break
    answer = btp.frame(btp.RESPONSE, struct.unpack(">I", data[1:5])[0], [])
    s.sendall(bytes([0x82, len(answer)]) + answer)


# ---- what the receiver takes ----

@case
def a_receiver_whose_maximum_is_less(t):
    receiver = t.receive("--max", "100")
    p = send(t, receiver, "--amount", "1000", "--stall", "2")
    p.until(r"^rill send: waiting for the receiver to take more money: its maximum is 100 of its units, "
            r"and it has 100 \(for 1 s; no longer than 1 s more\)$", "err")
    assert p.end() == 1 and len(p.errors()) == 1, p.text
    assert re.search(r"100 of 1000 units sent.*no progress for 2 s, waiting for the receiver to take more money",
                     p.errors()[0]), p.text

    p = send(t, receiver, "--amount", "1000", "--stall", "2", "--json")
    p.until(r'"event":"waiting"')
    w = last(p, "waiting")
    assert w["for"] == "receive_max" and w["seconds"] == 1 and w["left"] <= 1, w
    assert w["text"].startswith("the receiver to take more money: its maximum is 100"), w
    ends_with(p, 1, "STALLED", "no progress for 2 s, waiting for the receiver to take more money")
    assert last(p, "done")["sent"] == "100" == last(p, "done")["delivered"], p.text


@case
def a_time_out_names_the_wait(t):
    receiver = t.receive("--max", "100")
    p = send(t, receiver, "--amount", "1000", "--timeout", "2", "--json")
    ends_with(p, 1, "TIMEOUT", "timed out, waiting for the receiver to take more money")


@case
def a_minimum_that_the_path_lacks(t):
    receiver = t.receive()
    p = send(t, receiver, "--amount", "1000", "--min-rate", "1.5", "--stall", "3", "--json")
    p.until(r'"event":"waiting"|"event":"error"')
    assert p.end() == 1, p.text
    assert last(p, "done")["error"] == "RATE" and last(p, "done")["sent"] == "0", p.text
    assert "the path's rate is 1, the minimum 1.5" in last(p, "error")["text"], p.text
    waits = [e for e in p.events() if e["event"] == "waiting"]
    assert all(e["for"] == "min_rate" and "the path's rate is 1, the minimum is 1.5" in e["text"] for e in waits), waits


# ---- receivers that go ----

@case
def a_receiver_that_stops_says_so(t):
    receiver = t.receive()
    p = send(t, receiver, "--file", "-", stdin=subprocess.PIPE)
    p.process.stdin.write(b"some\n")
    p.process.stdin.flush()
    receiver.until("got data: some")
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.end() == 0, receiver.text
    assert p.end() == 1, p.text
    assert re.search("the receiver has closed the connection before all was sent", p.errors()[-1]), p.text
    p.process.stdin.close()


@case
def a_receiver_that_was_started_again(t):
    receiver = t.receive()
    with open(receiver.path, "rb") as f:
        old = t.file("old", f.read())
    receiver.process.send_signal(signal.SIGTERM)
    receiver.end()
    t.receive()
    for more in ([], ["--min-rate", "0.5"], ["--data", "x"]):
        p = t.rill("send", "--link", t.link("s"), "--credentials", old, "--amount", "10", "--json", *more)
        assert p.end() == 1, p.text
        assert "the receiver does not accept these credentials (F06" in last(p, "error")["text"], p.text
        assert last(p, "done")["seconds"] < 20, p.text  # and not the 30 s of those who wait for an answer


def keeper(t):
    """A server that can be killed, and started again with the same secret."""
    p = t.start([KEEPER, t.link("keeper"), t.file("keeper.json")])
    p.path = t.file("keeper.json")
    p.until("listening")
    return p


def money_of(p):
    return sum(int(line.split()[1]) for line in p.lines() if line.startswith("money "))


@case
def money_goes_on_to_a_receiver_that_was_started_again(t):
    first = keeper(t)
    # Small packets, so that it takes a while: it is killed in the middle.
    p = send(t, first, "--amount", "300000", "--max-packet", "10", "--min-rate", "1", "--json")
    first.until("money")
    first.kill()
    second = keeper(t)
    assert p.end() == 0, p.text
    second.process.send_signal(signal.SIGTERM)
    second.end()
    done = last(p, "done")
    assert done["error"] is None and done["sent"] == "300000" == done["delivered"], done
    assert 0 < money_of(second) <= 300000, second.text


@case
def bytes_do_not_go_on_to_a_receiver_that_was_started_again(t):
    first = keeper(t)
    p = send(t, first, "--file", "-", "--json", stdin=subprocess.PIPE)
    p.process.stdin.write(b"some")
    p.process.stdin.flush()
    p.until('"event":"progress".*"bytes":4')
    first.kill()
    keeper(t)
    p.process.stdin.write(b"more")
    p.process.stdin.close()
    ends_with(p, 1, "FORGOTTEN", "the other side no longer knows this connection")


# ---- nodes that do not answer ----

@case
def a_node_that_says_nothing(t):
    node = Deaf()
    try:
        for args in (["info"], ["ping", "private.rill"], ["receive", "--credentials", t.file("c")],
                     ["send", "--credentials", t.receive().path, "--amount", "1"]):
            p = t.rill(*args, "--json", "--link", node.link())
            p.until('"event":"waiting","for":"handshake"')
            p.kill()
        p = t.rill("info", "--json", "--link", node.link())
        ends_with(p, 3, "CONNECT", "did not answer in time")
    finally:
        node.close()


@case
def a_node_that_does_not_tell_our_address(t):
    node = Deaf(authenticate_and_say_nothing)
    try:
        programs = [t.rill(*args, "--json", "--link", node.link()) for args in (
            ["info"], ["ping", "private.rill"], ["receive", "--credentials", t.file("c")],
            ["send", "--credentials", t.receive().path, "--amount", "1"])]
        for p in programs:
            p.until('"event":"waiting","for":"account"')
        info, ping, receive, sender = programs
        for p in (info, ping):
            assert p.end() == 3, p.text
            assert "IL-DCP" in p.errors()[-1], p.text
        # These wait for 30 s: that they do, the unit tests see. Here they are stopped.
        for p in (receive, sender):
            p.process.send_signal(signal.SIGINT)
            p.until('"event":"stopping"')
            p.end()
        quick = t.rill("send", "--credentials", t.receive().path, "--amount", "1", "--json", "--timeout", "2",
                       "--link", node.link())
        ends_with(quick, 3, "TIMEOUT", "timed out, waiting for the node to tell our address")
    finally:
        node.close()


@case
def a_node_that_hangs_up(t):
    node = Deaf(lambda s: s.close())
    try:
        for args in (["info"], ["ping", "private.rill"], ["receive", "--credentials", t.file("c")],
                     ["send", "--credentials", t.receive().path, "--amount", "1"]):
            p = t.rill(*args, "--json", "--link", node.link())
            assert p.end() == 3, p.text
            assert last(p, "error")["text"].startswith("cannot reach the node"), p.text
    finally:
        node.close()


# ---- each by its name: those that a program can be brought to wait for; the others have unit tests ----

def waits_for(p, reason):
    """It says so by itself, once it has waited for a second."""
    p.until(f'"event":"waiting","for":"{reason}"')
    w = last(p, "waiting")
    assert w["text"] and w["seconds"] <= 2, w


@case
def a_node_that_takes_no_connection(t):
    # Nobody accepts: once two wait, no more handshakes of TCP are answered.
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    clients = []
    try:
        for _ in range(3):
            clients.append(socket.socket())
            clients[-1].setblocking(False)
            clients[-1].connect_ex(full.getsockname())
        p = t.rill("info", "--json", "--link", f"btp+ws://:token@127.0.0.1:{full.getsockname()[1]}")
        waits_for(p, "connect")
        p.kill()
    finally:
        for s in [full, *clients]:
            s.close()


@case
def a_node_that_stops_on_the_way_up(t):
    def shake_hands_and_stay(s):
        shake_hands(s)
        s.recv(1 << 16)

    for scheme, serve, reason in (("btp+wss", None, "tls"), ("btp+ws", shake_hands_and_stay, "auth")):
        node = Deaf(serve)
        try:
            p = t.rill("info", "--json", "--link", node.link().replace("btp+ws", scheme))
            waits_for(p, reason)
            p.kill()
        finally:
            node.close()


@case
def a_node_that_has_gone(t):
    node = Node()
    try:
        p = t.rill("receive", "--json", "--link", f"btp+ws://:r-token@127.0.0.1:{node.port}", "--credentials",
                   "-")
        p.until('"shared_secret"')
    finally:
        node.stop()
    p.until('"event":"waiting","for":"(link|connect)"')
    p.kill()


@case
def a_receiver_that_answers_nothing(t):
    receiver = t.receive()
    receiver.process.send_signal(signal.SIGSTOP)
    p = send(t, receiver, "--amount", "10", "--json")
    waits_for(p, "answer")
    p.process.send_signal(signal.SIGINT)
    p.until('"event":"stopping"')
    receiver.process.send_signal(signal.SIGCONT)
    p.end()


@case
def replies_that_do_not_come(t):
    receiver = t.receive()
    p = send(t, receiver, "--amount", "1000000", "--max-packet", "1", "--json")
    receiver.until("incoming payment")
    receiver.process.send_signal(signal.SIGSTOP)
    waits_for(p, "reply")
    # Nobody answers the close either.
    p.process.send_signal(signal.SIGINT)
    p.until('"event":"stopping","for":"(close|reply)"')
    receiver.process.send_signal(signal.SIGCONT)
    p.kill()


@case
def a_receiver_whose_output_nobody_reads(t):
    receiver = t.receive()
    p = send(t, receiver, "--file", t.file("large", b"x" * 8_000_000), "--json")
    waits_for(p, "data_window")
    receiver.process.send_signal(signal.SIGKILL)
    p.kill()


@case
def input_that_does_not_come(t):
    receiver = t.receive()
    p = send(t, receiver, "--file", "-", "--json", stdin=subprocess.PIPE)
    waits_for(p, "input")
    p.process.stdin.close()
    assert p.end() == 0, p.text


# ---- Ctrl-C ----

@case
def ctrl_c_says_what_it_waits_for(t):
    receiver = t.receive("--max", "100")
    p = send(t, receiver, "--amount", "1000")
    p.until("waiting for the receiver to take more money", "err")
    p.process.send_signal(signal.SIGINT)
    p.until(r"^rill send: stopping \(Ctrl-C again: at once\)", "err")
    assert p.end() == 1 and "cancelled" in p.errors()[-1], p.text
    receiver.process.send_signal(signal.SIGINT)
    receiver.until(r"^rill receive: stopping \(Ctrl-C again: at once\)", "err")
    assert receiver.end() == 0, receiver.text


@case
def ctrl_c_tells_how_much_arrived(t):
    """Of money, bytes, or both: what was to be sent."""
    receiver = t.receive("--max", "100")
    p = send(t, receiver, "--file", "-", stdin=subprocess.PIPE)
    p.process.stdin.write(b"hello")
    p.process.stdin.flush()
    receiver.until("got data: hello")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1 and p.errors()[-1] == "rill send: incomplete: 5 bytes arrived: cancelled", p.text
    p.process.stdin.close()
    p = send(t, receiver, "--data", "again", "--amount", "1000")
    receiver.until("incoming payment for: 100")
    receiver.until("got data: again")
    p.until("waiting for the receiver to take more money", "err")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1, p.text
    assert p.errors()[-1] == ("rill send: incomplete: 100 of 1000 units sent, 100 delivered, 0 in doubt, and 5 of 5 bytes "
                              "arrived: cancelled"), p.text


@case
def ctrl_c_ends_pings(t):
    deaf = Deaf()
    p = t.rill("ping", "private.rill", "--link", deaf.link())
    p.until("waiting for", "err")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1 and p.errors() == ["rill ping: stopped before an answer came"], p.text
    p = t.rill("trace", "private.rill", "--link", deaf.link())
    p.until("waiting for", "err")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1 and p.errors() == ["rill trace: stopped before everything was asked"], p.text
    deaf.close()
    p = t.rill("ping", "private.rill", "--count", "1000", "--link", t.link("s"))
    os.read(p.process.stdout.fileno(), 10)
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 0, p.text


@case
def a_trace_has_so_much_time_and_no_more(t):
    """It says what it waits for, and then what can be done."""
    deaf = Deaf()
    p = t.rill("trace", "private.rill", "--timeout", "3", "--link", deaf.link())
    p.until("waiting for", "err")
    assert p.end() == 1, p.text
    assert p.errors() == ["rill trace: the time is over before everything was asked; 0 packets were answered. Give more "
                          "by --timeout, or ask less by --packet-time and --max-amount 0"], p.text
    deaf.close()
    t.fails(2, "--timeout", "trace", "private.rill", "--timeout", "never", "--link", t.link("s"))


@case
def ctrl_c_ends_what_has_nothing_to_tell(t):
    for command in ("demo", "info"):
        deaf = Deaf()
        p = t.rill(command, "--link", deaf.link())
        p.until("waiting for", "err")
        p.process.send_signal(signal.SIGINT)
        assert p.end() == -signal.SIGINT, p.text
        deaf.close()


@case
def a_second_ctrl_c_ends_at_once(t):
    receiver = t.receive()
    p = send(t, receiver, "--amount", "1000000", "--max-packet", "1")
    receiver.until("incoming payment")
    # Nobody answers the close: it would wait for that.
    receiver.process.send_signal(signal.SIGSTOP)
    p.process.send_signal(signal.SIGINT)
    p.until("^rill send: stopping .* waiting for", "err")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 128 + signal.SIGINT, p.text
    receiver.process.send_signal(signal.SIGCONT)


# ---- events ----

@case
def events_tell_all(t):
    receiver = t.receive("--max", "50")
    p = send(t, receiver, "--amount", "100", "--data", "hello", "--stall", "2", "--json")
    assert p.end() == 1, p.text
    progress = last(p, "progress")
    assert progress["sent"] == "50" == progress["delivered"] and progress["bytes"] == 5, progress
    done = last(p, "done")
    assert done["error"] == "STALLED" and done["bytes"] == 5, done
    p = send(t, receiver, "--amount", "50", "--json")
    assert p.end() == 0 and last(p, "done")["error"] is None, p.text


@case
def failures_are_events(t):
    for args, error in ((["send", "--json", "--nonsense"], "INVALID"),
                        (["send", "--json", "--amount", "x"], "INVALID"),
                        (["send", "--json", "--credentials", t.file("absent"), "--amount", "1"], "INVALID"),
                        (["info", "--json", "--link", "nonsense"], "INVALID"),
                        (["receive", "--json", "--credentials", t.file("no/such/folder"), "--link", t.link("r")], "IO")):
        p = t.rill(*args)
        assert p.end() in (1, 2), p.text
        [event] = p.events()
        assert event["event"] == "error" and event["error"] == error, p.text
        assert p.errors()[-1].endswith(event["text"]), p.text


# ---- credentials for many ----

@case
def credentials_for_as_many_as_are_asked_for(t):
    path = t.file("c")
    receiver = t.rill("receive", "--link", t.link("r"), "--credentials", path, "--count", "3", "--tag", "shop")
    receiver.until(r"ILP address.*\.3$")
    files = [f"{path}.{i}" for i in (1, 2, 3)]
    for i in (3, 1, 2):
        assert t.rill("send", "--link", t.link(f"s{i}"), "--credentials", files[i - 1], "--amount", str(i)).end() == 0
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.end() == 0
    tags = [line.split(": ")[1] for line in receiver.lines() if "with tag" in line]
    assert tags == ["shop.3", "shop.1", "shop.2"], tags
    assert len({open(f, encoding="utf-8").read() for f in files}) == 3
    assert all(os.stat(f).st_mode & 0o777 == 0o600 for f in files)
    lines = t.rill("receive", "--link", t.link("r"), "--credentials", "-", "--count", "2")
    first = json.loads(lines.until('"shared_secret"'))["destination_account"]
    lines.until(f'"destination_account":"(?!{first})')
    t.fails(2, r"not a whole number from 1", "receive", "--credentials", path, "--count", "0")


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
