#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of node, sender and receiver in the middle of payments, and a node that is an enemy.

usage: faults.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES HAMMER [TEST...]

Prints TAP; what was counted follows each line. Who is killed is killed when a random number of
packets has been fulfilled, so that it is always in the middle. Proxies before the node keep books:

    sent <= fulfilled at the receiver <= sent + in doubt

holds for what a sender says at its end, and no condition is fulfilled twice. Not in these books is
what a receiver fulfilled while its own link was breaking: the node knows of no fulfillment, and has
told the sender so.
"""

import concurrent.futures
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading

import btp
from proxy import Proxy
from runner import wait_until
from siege import (LIMIT, MIB, RILL, Memory, QuietNode, Siege, environment, lost, run_tests, scaled)

AMOUNT, PACKETS = 3000, 300


class Payment:
    """One payment through its own proxy."""

    def __init__(self, siege, receiver):
        self.receiver = receiver
        self.before = receiver.proxy.books()[1]
        self.proxy = Proxy(siege.port)
        self.struck = threading.Event()
        self.out, self.said = (open(os.path.join(siege.folder.name, f"sender.{name}"), "a+b") for name in ("out", "err"))
        self.process = subprocess.Popen(
            [RILL, "send", "--json", "--credentials", receiver.path, "--amount", str(AMOUNT), "--max-packet",
             str(AMOUNT // PACKETS), "--link", f"btp+ws://:sender-token@127.0.0.1:{self.proxy.port}"],
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.said, env=environment())

    def strike(self, rng, proxy, ledger, blow):
        """Calls blow() from the proxy's thread when a random number of packets is fulfilled."""
        proxy.when_fulfilled(ledger, rng.randrange(2, PACKETS - 20), lambda: (blow(), self.struck.set()))

    def wait_struck(self):
        wait_until(self.struck.is_set, self.process, lambda: f"the payment never came so far: {self.text(self.said)}")

    @staticmethod
    def text(file):
        file.seek(0)
        return file.read().decode(errors="replace")

    def events(self, name):
        lines = self.text(self.out).split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def give_up(self):
        """
        As a person who has been told what is waited for, and does not want to: Ctrl-C. It may also
        end by itself before.
        """
        before = len(self.events("waiting"))
        wait_until(lambda: self.process.poll() is not None or len(self.events("waiting")) > before,
                   what=lambda: f"it says nothing: {self.text(self.out)[-2000:]}")
        self.process.send_signal(signal.SIGINT)

    def end(self):
        code = self.process.wait(2 * LIMIT)  # half of it until what is lost has expired
        self.proxy.stop()
        self.err, done = self.text(self.said), self.events("done")
        self.out.close()
        self.said.close()
        assert len(done) == 1 if code in (0, 1) else code < 0, (code, self.err)
        return done[0] if done else None

    def fulfilled(self):
        return self.receiver.proxy.books()[1] - self.before

    def check(self, done):
        """What the sender says against the books. Units in doubt, and units that only the receiver has."""
        sent, doubt = int(done["sent"]), int(done["in_doubt"])
        gone = lost(self.proxy, self.receiver.proxy)
        text = f"{done}, fulfilled {self.fulfilled()}, of these {gone} lost by the receiver: {self.err}"
        assert sent <= self.fulfilled() - gone <= sent + doubt, f"the books do not balance: {text}"
        assert sent + doubt <= AMOUNT, text
        assert self.process.returncode == (0 if sent == AMOUNT else 1), text
        assert self.process.returncode == 0 or f"{sent} of {AMOUNT} units sent" in self.err, text
        assert doubt == 0 or f"{doubt} in doubt" in self.err, text
        assert self.proxy.books()[0] <= self.fulfilled(), text
        assert self.receiver.proxy.down.twice == self.receiver.proxy.down.wrong == 0, text
        return doubt, gone


def rounds(function, quick, full, sanitized):
    """Runs function(rng) many times, several at once. Returns the sums of their results."""
    count = scaled(quick, full, sanitized)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda i: function(random.Random(f"{function.__name__} {i}")), range(count)))
    return count, [sum(column) for column in zip(*results)]


def node_killed(rng):
    with Siege() as s:
        receiver = s.receiver()
        payment = Payment(s, receiver)
        payment.strike(rng, receiver.proxy, receiver.proxy.down, s.node.process.kill)
        payment.wait_struck()
        s.node.kill()
        s.node = QuietNode(port=s.port)
        payment.give_up()
        doubt, gone = payment.check(payment.end())
        receiver.settle()
        receiver.pay()
        return doubt, gone, payment.process.returncode == 0


def sigkill_of_the_node():
    count, (doubt, gone, complete) = rounds(node_killed, 4, 40, 2)
    return (f"{count} nodes killed and started again; {doubt} of {count * AMOUNT} units in doubt when senders "
            f"gave up, {gone} lost with the receiver's link; {complete} payments complete all the same")


def sender_killed(rng):
    with Siege() as s:
        receiver = s.receiver()
        payment = Payment(s, receiver)
        payment.strike(rng, payment.proxy, payment.proxy.up, payment.process.kill)
        assert payment.end() is None
        # What was under way comes to its end, and is the receiver's, once.
        receiver.settle()
        assert receiver.proxy.down.twice == receiver.proxy.down.wrong == 0
        assert payment.proxy.books()[0] <= payment.fulfilled() <= AMOUNT
        # The next one has the same credentials.
        receiver.pay()
        return (payment.fulfilled() - AMOUNT,)


def sigkill_of_the_sender():
    count, _ = rounds(sender_killed, 6, 60, 3)
    return f"{count} senders killed; what was fulfilled by then was printed, once, and the next payment complete"


def receiver_killed(rng):
    with Siege() as s:
        receiver = s.receiver()
        payment = Payment(s, receiver)
        payment.strike(rng, receiver.proxy, receiver.proxy.down, receiver.process.kill)
        payment.wait_struck()
        receiver.process.wait(LIMIT)
        payment.give_up()
        done = payment.end()
        doubt, gone = payment.check(done)
        # A fulfillment leaves before the line about it does.
        assert receiver.printed() <= payment.fulfilled()
        unsaid = payment.fulfilled() - receiver.printed()
        # Another in its place makes credentials of its own.
        other = s.receiver("receiver-2")
        other.pay()
        return doubt, gone, unsaid


def sigkill_of_the_receiver():
    count, (doubt, gone, unsaid) = rounds(receiver_killed, 4, 40, 2)
    return (f"{count} receivers killed; {doubt} of {count * AMOUNT} units in doubt, {gone} lost with the receiver's "
            f"link, {unsaid} fulfilled and not printed any more")


def a_goodbye_that_nobody_hears():
    """Everything is fulfilled when the receiver stops, and the node stops before the sender has closed its link."""
    with Siege() as s:
        receiver = s.receiver()
        down = receiver.proxy.down
        asked = []  # Prepares until the receiver was stopped

        def stop_after_all():
            if receiver.proxy.books()[1] == AMOUNT:
                receiver.process.send_signal(signal.SIGSTOP)
                asked.append(down.prepares)
            else:
                receiver.proxy.when_fulfilled(down, 1, stop_after_all)

        receiver.proxy.when_fulfilled(down, 1, stop_after_all)
        process = subprocess.Popen(
            [RILL, "send", "--json", "--credentials", receiver.path, "--amount", str(AMOUNT), "--timeout", "1",
             "--link", f"btp+ws://:sender-token@127.0.0.1:{s.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        # One more is the goodbye: the last fulfillment has reached the sender.
        assert receiver.proxy.wait_for(lambda: asked and down.prepares > asked[0], LIMIT), receiver.said()[-2000:]
        s.node.process.send_signal(signal.SIGSTOP)
        out, err = process.communicate(timeout=LIMIT)
        s.node.process.send_signal(signal.SIGCONT)
        receiver.process.send_signal(signal.SIGCONT)
        assert process.returncode == 0 and json.loads(out.splitlines()[-1])["sent"] == str(AMOUNT), (process.returncode, out, err)
        return "the payment is complete all the same"


# ---- an enemy in the node's place ----


def upgrade(s):
    """The server's side of a WebSocket, BTP's authentication accepted."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(65536)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
    accept = btp.base64.b64encode(btp.hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    ws = btp.WebSocket.__new__(btp.WebSocket)
    ws.socket, ws.buffer = s, b""
    while True:
        first, second = ws.take(2)
        length = second & 127
        if length == 126:
            length = int.from_bytes(ws.take(2), "big")
        mask = ws.take(4)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(ws.take(length)))
        if first & 15 == 2:
            break
    answer = payload[1:5]
    s.sendall(b"\x82" + bytes([8]) + b"\1" + answer + b"\2\1\0")


def says_garbage(s, rng):
    s.sendall(rng.randbytes(5000))


def sends_100_megabytes(s, _):
    upgrade(s)
    s.sendall(b"\x82\x7f" + (100 << 20).to_bytes(8, "big"))
    for _ in range(1600):
        s.sendall(bytes(65536))


def sends_garbage_packets(s, rng):
    upgrade(s)
    for i in range(2000):
        packet = btp.frame(btp.MESSAGE, i, [("ilp", 0, rng.randbytes(200))])
        s.sendall(b"\x82\x7e" + len(packet).to_bytes(2, "big") + packet)


def never_reads(s, _):
    """Asks without end. Each question is answered, and no answer is read."""
    upgrade(s)
    packet = btp.frame(btp.MESSAGE, 7, [("ilp", 0, btp.prepare("private.rill.nobody.x" * 20))])
    message = b"\x82\x7e" + len(packet).to_bytes(2, "big") + packet
    while True:
        s.sendall(message * 100)


def a_node_that_is_an_enemy():
    """Five times something else stands in the place of the receiver's node. Then the node is back."""
    behaviours = [says_garbage, sends_100_megabytes, sends_garbage_packets, never_reads]
    rng = random.Random(4)
    with Siege() as s:
        receiver = s.receiver()
        listener = receiver.proxy.hand_over()  # the enemy takes its place: the receiver's link is to that port
        memory = Memory(receiver.process)
        listener.settimeout(LIMIT)
        for behave in behaviours:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(LIMIT)
                try:
                    behave(connection, rng)
                except (OSError, btp.Closed):
                    pass  # the receiver has had enough
        grown = memory.check(48)
        receiver.proxy = Proxy(s.port, listener)
        # It asks who it is.
        assert receiver.proxy.wait_for(lambda: receiver.proxy.up.prepares > 0, LIMIT), receiver.said()[-2000:]
        receiver.pay()
        return f"{len(behaviours)} enemies; receiver {grown}; it is back when its node is"


def a_receiver_without_memory():
    """It may have 8 MiB more address space than it uses, under bogus packets and an honest payment."""
    with Siege() as s:
        receiver = s.receiver()
        receiver.pay()
        with open(f"/proc/{receiver.process.pid}/status", encoding="ascii") as f:
            size = int(re.search(r"VmSize:\s+(\d+) kB", f.read())[1]) * 1024
        resource.prlimit(receiver.process.pid, resource.RLIMIT_AS, (size + 8 * MIB, resource.RLIM_INFINITY))
        done, text = s.during(receiver, s.attack("stream", 10000, parallel=4, address=receiver.address))
        assert done["answered"] == 10000 and done["fulfilled"] == 0, done
        assert receiver.process.poll() is None
        return f"10000 bogus packets; {text}"


if __name__ == "__main__":
    from siege import SANITIZED
    TESTS = [sigkill_of_the_node, sigkill_of_the_sender, sigkill_of_the_receiver,
             a_goodbye_that_nobody_hears, a_node_that_is_an_enemy]
    sys.exit(run_tests([TESTS, [] if SANITIZED else [a_receiver_without_memory]]))
