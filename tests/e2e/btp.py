# SPDX-License-Identifier: Apache-2.0
"""A BTP client and ILP packets, by hand: nothing here is shared with what it tests."""
import base64
import hashlib
import os
import socket
import struct
import time

RESPONSE, ERROR, MESSAGE, TRANSFER = 1, 2, 6, 7
PREPARE, FULFILL, REJECT = 12, 13, 14
TIMEOUT = 20  # seconds: generous, for machines under load


class Closed(Exception):
    """The other side has closed the connection."""


# ---- OER ----

def octets(data):
    n = len(data)
    if n < 128:
        return bytes([n]) + data
    size = (n.bit_length() + 7) // 8
    return bytes([128 + size]) + n.to_bytes(size, 'big') + data


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        if len(self.data) < n:
            raise ValueError('ends too early')
        head, self.data = self.data[:n], self.data[n:]
        return head

    def octets(self):
        n = self.take(1)[0]
        if n >= 128:
            n = int.from_bytes(self.take(n - 128), 'big')
        return self.take(n)


# ---- ILP ----

def expiry(seconds):
    ms = int((time.time() + seconds) * 1000)
    return time.strftime('%Y%m%d%H%M%S', time.gmtime(ms // 1000)) + '%03d' % (ms % 1000)


def prepare(destination, amount=100, seconds=30, condition=None, data=b''):
    """A Prepare; without a condition it is that of 32 bytes of 7."""
    if condition is None:
        condition = hashlib.sha256(b'\7' * 32).digest()
    return bytes([PREPARE]) + octets(
        struct.pack('>Q', amount) + expiry(seconds).encode() + condition +
        octets(destination.encode()) + octets(data))


def fulfill(fulfillment=b'\7' * 32, data=b''):
    return bytes([FULFILL]) + octets(fulfillment + octets(data))


def reject(code, data=b''):
    return bytes([REJECT]) + octets(code.encode() + octets(b'') + octets(b'') + octets(data))


def parse(packet):
    """A packet as a dict with its type and fields."""
    outer = Reader(packet)
    kind = outer.take(1)[0]
    r = Reader(outer.octets())
    if kind == PREPARE:
        amount, = struct.unpack('>Q', r.take(8))
        return {'type': kind, 'amount': amount, 'expiry': r.take(17).decode(),
                'condition': r.take(32), 'destination': r.octets().decode(), 'data': r.octets()}
    if kind == FULFILL:
        return {'type': kind, 'fulfillment': r.take(32), 'data': r.octets()}
    if kind == REJECT:
        return {'type': kind, 'code': r.take(3).decode(), 'triggered_by': r.octets().decode(),
                'message': r.octets().decode(), 'data': r.octets()}
    raise ValueError('type %d' % kind)


# ---- BTP ----

def frame(kind, request, entries, before=b''):
    body = before + bytes([1, len(entries)])
    for name, content, data in entries:
        body += octets(name.encode()) + bytes([content]) + octets(data)
    return bytes([kind]) + struct.pack('>I', request) + octets(body)


def parse_frame(data):
    """(type, request id, protocolData as a dict; an ERROR's code under 'code')."""
    r = Reader(data)
    kind, request = struct.unpack('>BI', r.take(5))
    body = Reader(r.octets())
    entries = {}
    if kind == ERROR:
        entries['code'] = body.take(3)
        for field in ('name', 'triggered_at', 'data'):
            entries[field] = body.octets()
    elif kind == TRANSFER:
        body.take(8)
    count = int.from_bytes(body.octets(), 'big')
    for _ in range(count):
        name = body.octets().decode()
        body.take(1)
        entries[name] = body.octets()
    return kind, request, entries


# ---- WebSocket ----

class WebSocket:
    def __init__(self, port, host='127.0.0.1', origin=None, receive_buffer=None):
        self.buffer = b''
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ['GET / HTTP/1.1', 'Host: %s:%d' % (host, port), 'Upgrade: websocket',
                 'Connection: Upgrade', 'Sec-WebSocket-Key: ' + key, 'Sec-WebSocket-Version: 13']
        if origin is not None:
            lines.append('Origin: ' + origin)
        self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        self.status = int(self.head().split()[1])

    def head(self):
        while b'\r\n\r\n' not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        return head.decode()

    def more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            raise Closed() from None
        if not data:
            raise Closed()
        self.buffer += data

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        head, self.buffer = self.buffer[:n], self.buffer[n:]
        return head

    def encode(self, payload, opcode=2):
        n = len(payload)
        if n < 126:
            head = struct.pack('>BB', 0x80 | opcode, 0x80 | n)
        else:
            head = struct.pack('>BBH', 0x80 | opcode, 0x80 | 126, n)
        return head + bytes(4) + payload  # a mask of zeros masks nothing

    def send(self, payload, opcode=2):
        self.socket.sendall(self.encode(payload, opcode))

    def receive(self):
        """The next binary message. Pings are answered."""
        while True:
            first, second = self.take(2)
            n = second & 127
            if n == 126:
                n, = struct.unpack('>H', self.take(2))
            elif n == 127:
                n, = struct.unpack('>Q', self.take(8))
            payload = self.take(n)
            if first & 15 == 2:
                return payload
            if first & 15 == 8:
                raise Closed(int.from_bytes(payload[:2], 'big'))
            if first & 15 == 9:
                self.send(payload, 10)

    def close(self):
        self.socket.close()


class Client:
    """An authenticated BTP client. What comes while it waits for a reply is kept."""
    everyone = []

    def __init__(self, port, name='', token='token', **options):
        self.ws = WebSocket(port, **options)
        self.requests = []  # (request id, Prepare) that came
        self.replies = {}   # request id -> parsed reply, or None for one without a packet
        self.next = 1
        self.ws.send(frame(MESSAGE, 0, [('auth', 0, b''), ('auth_username', 1, name.encode()),
                                        ('auth_token', 1, token.encode())]))
        kind, _, self.refusal = parse_frame(self.ws.receive())
        self.accepted = kind == RESPONSE
        self.everyone.append(self)

    def step(self):
        kind, request, entries = parse_frame(self.ws.receive())
        if kind == MESSAGE:
            self.requests.append((request, parse(entries['ilp'])))
        elif kind == RESPONSE and 'ilp' in entries:
            self.replies[request] = parse(entries['ilp'])
        else:
            self.replies[request] = {'type': None, 'btp': kind}

    def ask(self, packet):
        """Sends a Prepare; the id to wait for."""
        request, self.next = self.next, self.next + 1
        self.ws.send(frame(MESSAGE, request, [('ilp', 0, packet)]))
        return request

    def reply_to(self, request):
        while request not in self.replies:
            self.step()
        return self.replies.pop(request)

    def call(self, packet):
        return self.reply_to(self.ask(packet))

    def request(self):
        """The next Prepare that comes: (request id, parsed)."""
        while not self.requests:
            self.step()
        return self.requests.pop(0)

    def answer(self, request, packet):
        self.ws.send(frame(RESPONSE, request, [('ilp', 0, packet)]))

    def close(self):
        self.ws.close()

    @classmethod
    def close_all(cls):
        while cls.everyone:
            cls.everyone.pop().close()
