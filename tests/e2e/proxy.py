# SPDX-License-Identifier: Apache-2.0
"""Stands between a BTP client and its node. It passes on what they say, and keeps books of it.

The books are made from the bytes alone. What is fulfilled counts when the fulfillment has come
and is the one that belongs to the condition, whether or not it can still be passed on.
"""

import hashlib
import selectors
import socket
import struct
import threading

import btp

MOST_WAITING = 1 << 20  # bytes that one side has not read yet: then the other is not read
MESSAGE_ENTRY = b"\x03ilp"


def packet_of(message):
    """(BTP type, request id, the bytes of the ILP packet or None)."""
    kind, request = struct.unpack_from(">BI", message)
    at = message.find(MESSAGE_ENTRY, 5, 40)
    if at < 0:
        return kind, request, None
    return kind, request, btp.Reader(message[at + len(MESSAGE_ENTRY) + 1:]).octets()


class Ledger:
    """What was asked and fulfilled in one direction."""

    def __init__(self):
        self.prepares = 0
        self.fulfills = 0
        self.rejects = 0
        self.units = 0         # fulfilled
        self.unanswered = 0    # Prepares on connections that broke before an answer came
        self.unheard = 0       # units that these ask for
        self.wrong = 0         # fulfillments that do not belong to the condition
        self.twice = 0         # conditions that were fulfilled before
        self.fulfilled = {}    # condition -> amount; of late
        self.before = {}       # and before that
        self.rejected = {}     # condition -> amount

    def forget(self):
        """What was fulfilled before the last time that this was called."""
        self.fulfilled, self.before = {}, self.fulfilled
        self.rejected = {}

    def take(self, asked, packet):
        """The reply to a Prepare; asked is (amount, condition)."""
        amount, condition = asked
        if packet is None or packet[0] != btp.FULFILL:
            self.rejects += 1
            self.rejected[condition] = amount
            return
        fulfillment = btp.Reader(packet[1:]).octets()[:32]
        if hashlib.sha256(fulfillment).digest() != condition:
            self.wrong += 1
            return
        if amount > 0:
            if condition in self.fulfilled or condition in self.before:
                self.twice += 1
            self.fulfilled[condition] = amount
        self.fulfills += 1
        self.units += amount


def contradicted(sender, receiver):
    """
    Units that a receiver fulfilled, and that its sender was told were rejected: the fulfillment
    was lost with the receiver's link, and the node knows of none. What they are is the receiver's
    to bear: it has not been paid for them.
    """
    return sum(amount for condition, amount in sender.rejected.items()
               if condition in receiver.fulfilled or condition in receiver.before)


class Way:
    """One direction of one connection."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.upgraded = False
        self.came = bytearray()
        self.waiting = bytearray()

    def messages(self):
        """The payloads of the binary messages that have come whole; all goes to `waiting`."""
        if not self.upgraded:
            end = self.came.find(b"\r\n\r\n")
            if end < 0:
                return
            self.upgraded = True
            self.pass_on(end + 4)
        while True:
            frame = self.frame()
            if frame is None:
                return
            size, opcode, payload = frame
            if opcode == 2:
                yield payload
            self.pass_on(size)

    def pass_on(self, size):
        self.waiting += self.came[:size]
        del self.came[:size]

    def frame(self):
        came = self.came
        if len(came) < 2:
            return None
        length, at = came[1] & 127, 2
        if length == 126:
            at = 4
            length = int.from_bytes(came[2:4], "big")
        elif length == 127:
            at = 10
            length = int.from_bytes(came[2:10], "big")
        mask = bytes(4)
        if came[1] & 128:
            mask = bytes(came[at:at + 4])
            at += 4
        if len(came) < at + length:
            return None
        payload = bytes(came[at:at + length])
        if any(mask):
            key = (mask * (length // 4 + 1))[:length]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
        return at + length, came[0] & 15, payload


class Pair:
    """One client's connection and ours to the node for it."""

    def __init__(self, client, node):
        self.client, self.node = client, node
        self.up, self.down = Way(client, node), Way(node, client)
        self.asked_up, self.asked_down = {}, {}  # request id -> (amount, condition)
        self.cut = False


class Proxy(threading.Thread):
    """up: what clients ask of the node, and it answers; down: what it asks of them."""

    def __init__(self, node_port, listener=None):
        """Listens at a new port, or continues with a listener that another proxy has handed over."""
        super().__init__(daemon=True)
        self.node_port = node_port
        self.up, self.down = Ledger(), Ledger()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.pairs = {}    # socket -> Pair
        self.triggers = []  # (ledger, count of fulfills, function)
        self.cuts = 0
        self.stopped = False
        self.selector = selectors.DefaultSelector()
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.wake_read, self.wake_write = socket.socketpair()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.start()

    # ---- for tests ----

    def when_fulfilled(self, ledger, count, function):
        """Calls function from the proxy's thread, once the ledger has so many more fulfills."""
        with self.lock:
            self.triggers.append((ledger, ledger.fulfills + count, function))

    def cut(self):
        """
        Breaks all connections: nothing more is passed on. What the client had under way then is
        still read, for the books.
        """
        with self.lock:
            for pair in set(self.pairs.values()):
                if not pair.cut:
                    self.cuts += 1
                    self.part(pair)

    def books(self):
        with self.lock:
            return self.up.units, self.down.units

    def wait_for(self, condition, seconds):
        """Until condition() of the books holds; false: it does not within the time."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def wait_idle(self, seconds):
        """Until all that clients said before they left is in the books; false: somebody has not left."""
        return self.wait_for(lambda: not self.pairs, seconds)

    def wait_answered(self, seconds):
        """Until clients have answered all that they were asked; connections that broke never do."""
        self.wait_for(lambda: not any(pair.asked_down for pair in self.pairs.values()), seconds)

    def stop(self):
        self.hand_over().close()

    def hand_over(self):
        """
        Ends it, but for its listener, which is the caller's now. Who closed it and listened at its
        port again would fail now and then: a process that is just being started has a copy of it.
        """
        self.stopped = True
        try:
            self.wake_write.send(b"x")
        except OSError:
            pass  # something else has woken it, and it has ended
        self.join()
        return self.listener

    # ---- the thread ----

    def run(self):
        while not self.stopped:
            for key, events in self.selector.select():
                if key.fileobj is self.wake_read:
                    self.wake_read.recv(64)
                    continue
                with self.lock:
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.fileobj in self.pairs:
                        self.serve(key.fileobj, events)
                    self.changed.notify_all()
        with self.lock:
            for pair in set(self.pairs.values()):
                self.drop(pair)
            self.changed.notify_all()
        for s in (self.wake_read, self.wake_write, self.selector):
            s.close()

    def accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        try:
            node = socket.create_connection(("127.0.0.1", self.node_port), btp.TIMEOUT)
        except OSError:
            client.close()
            return
        pair = Pair(client, node)
        for s in (client, node):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setblocking(False)
            self.pairs[s] = pair
            self.selector.register(s, selectors.EVENT_READ)

    def leave(self, s):
        if self.pairs.pop(s, None) is not None:
            self.selector.unregister(s)
            s.close()

    def no_answer(self, pair):
        for ledger, asked in (self.up, pair.asked_up), (self.down, pair.asked_down):
            ledger.unanswered += len(asked)
            ledger.unheard += sum(amount for amount, _ in asked.values())
            asked.clear()

    def drop(self, pair):
        self.no_answer(pair)
        self.leave(pair.client)
        self.leave(pair.node)

    def part(self, pair):
        """The node's side is over: the client is told, and what it still says is for the books."""
        pair.cut = True
        self.leave(pair.node)
        self.selector.modify(pair.client, selectors.EVENT_READ)
        try:
            pair.client.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(pair)

    def serve(self, s, events):
        pair = self.pairs[s]
        try:
            if events & selectors.EVENT_WRITE:
                self.write(pair, pair.down if s is pair.client else pair.up)
            if events & selectors.EVENT_READ and s in self.pairs:
                self.read(pair, pair.up if s is pair.client else pair.down)
        except BlockingIOError:
            pass
        except OSError:
            self.end(pair, s)

    def end(self, pair, s):
        if s is pair.client or pair.client not in self.pairs:
            self.drop(pair)
        elif not pair.cut:
            self.part(pair)

    def read(self, pair, way):
        data = way.source.recv(1 << 16)
        if not data:
            self.end(pair, way.source)
            return
        way.came += data
        for message in way.messages():
            self.book(pair, way, message)
            if way.source not in self.pairs:
                return
        if not pair.cut:
            self.write(pair, way)

    def write(self, pair, way):
        if way.waiting:
            try:
                del way.waiting[:way.sink.send(way.waiting)]
            except BlockingIOError:
                pass
            except OSError:
                self.end(pair, way.sink)
                return
        self.watch(pair, pair.client, pair.up, pair.down)
        self.watch(pair, pair.node, pair.down, pair.up)

    def watch(self, pair, s, to_read, to_write):
        events = 0
        if len(to_read.waiting) < MOST_WAITING:
            events |= selectors.EVENT_READ
        if to_write.waiting:
            events |= selectors.EVENT_WRITE
        if events == 0:
            events = selectors.EVENT_WRITE  # the system's way of telling that it is gone
        if self.selector.get_key(s).events != events:
            self.selector.modify(s, events)

    # ---- the books ----

    def book(self, pair, way, message):
        kind, request, packet = packet_of(message)
        from_client = way is pair.up
        if kind == btp.MESSAGE and packet is not None and packet[0] == btp.PREPARE:
            ledger = self.up if from_client else self.down
            asked = pair.asked_up if from_client else pair.asked_down
            fields = btp.Reader(packet[1:]).octets()
            asked[request] = (int.from_bytes(fields[:8], "big"), fields[25:57])
            ledger.prepares += 1
        elif kind in (btp.RESPONSE, btp.ERROR):
            ledger = self.down if from_client else self.up
            asked = (pair.asked_down if from_client else pair.asked_up).pop(request, None)
            if asked is not None:
                ledger.take(asked, packet)
                self.pull_triggers(ledger)

    def pull_triggers(self, ledger):
        due = [t for t in self.triggers if t[0] is ledger and ledger.fulfills >= t[1]]
        for trigger in due:
            self.triggers.remove(trigger)
            trigger[2]()
