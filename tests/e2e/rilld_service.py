#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rilld as a service: certificates that are renewed, lines for journald, signals, a terminal that closes.
Prints TAP.

Usage: rilld_service.py RILLD
"""
import fcntl
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import btp
import runner
from rilld_cli import ENVIRONMENT, RILLD, TIMEOUT, Node, rejected
from btp import Client, Closed

TESTS = []
TIME = r'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ'


def test(function):
    TESTS.append(function)
    return function


def make_certificate(name, cert, key):
    """Makes a certificate for that name, in the place of the present one."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                    '-nodes', '-keyout', key + '.new', '-out', cert + '.new', '-days', '2',
                    '-subj', '/CN=' + name], check=True, capture_output=True)
    os.rename(key + '.new', key)
    os.rename(cert + '.new', cert)


def connect_tls(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(('127.0.0.1', port), TIMEOUT))


def certificate_of(s):
    pem = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
    shown = subprocess.run(['openssl', 'x509', '-noout', '-subject'], input=pem, check=True,
                           capture_output=True, text=True).stdout
    return re.search(r'CN ?= ?(\S+)', shown)[1]


def upgraded(s):
    s.sendall(b'GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    return s.recv(4096).startswith(b'HTTP/1.1 101 ')


@test
def certificates_are_renewed():
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, 'cert'), os.path.join(folder, 'key')
        make_certificate('first.example', cert, key)
        with Node('--tls-cert', cert, '--tls-key', key, listen=('127.0.0.1:0', '127.0.0.2:0')) as node:
            with connect_tls(node.port) as old:
                assert certificate_of(old) == 'first.example'
                make_certificate('second.example', cert, key)
                with connect_tls(node.port) as other:
                    assert certificate_of(other) == 'first.example'  # nobody has said so yet
                node.process.send_signal(signal.SIGHUP)
                node.wait_line('new connections get the certificate in ' + cert)
                with connect_tls(node.port) as new:
                    assert certificate_of(new) == 'second.example'
                assert upgraded(old), 'the connection from before goes on'
                # What cannot be used changes nothing.
                with open(cert, 'w', encoding='ascii') as f:
                    f.write('no PEM')
                node.process.send_signal(signal.SIGHUP)
                node.wait_line('the old certificate stays in use, since --tls-cert or --tls-key cannot be used: is each a PEM file')
                os.remove(key)
                node.process.send_signal(signal.SIGHUP)
                node.wait_line('--tls-key %s: No such file or directory; the old certificate stays' % key)
                with connect_tls(node.port) as new:
                    assert certificate_of(new) == 'second.example'


@test
def without_a_certificate_there_is_nothing_to_renew():
    with Node() as node:
        node.process.send_signal(signal.SIGHUP)
        node.wait_line('SIGHUP: there is no certificate to read again')
        assert Client(node.port, 'alice').accepted


@test
def lines_begin_with_the_time():
    with Node() as node:
        line = node.wait_line('ready')
        assert re.fullmatch(TIME + r' rilld: ready on 127\.0\.0\.1:%d as private\.rill \(XRP, scale 9\)' % node.port, line), line


def lines_in(file, patterns):
    """The lines of a node whose standard error is `file`, after each pattern was seen and the node has stopped."""
    port_file = file.name + '.port'
    status = os.fstat(file.fileno())
    env = {**ENVIRONMENT, 'JOURNAL_STREAM': '%d:%d' % (status.st_dev, status.st_ino)}
    with subprocess.Popen([RILLD, 'local', '-v', '--listen', '0.0.0.0:0', '--port-file', port_file], stderr=file,
                          stdin=subprocess.DEVNULL, env=env) as node:
        try:
            while not os.path.exists(port_file):
                assert node.poll() is None
            with open(port_file, encoding='ascii') as f:
                port = int(f.read())
            client = Client(port, 'alice')
            Client(port, 'alice', token='another')
            client.close()
        finally:
            node.send_signal(signal.SIGTERM)
            assert node.wait(TIMEOUT) == 0
    with open(file.name, encoding='utf-8') as f:
        text = f.read()
    for pattern in patterns:
        assert re.search(pattern, text, re.MULTILINE), (pattern, text)
    return text.splitlines()


@test
def lines_for_journald_have_priorities():
    with tempfile.NamedTemporaryFile('w') as file:
        lines = lines_in(file, [r'^<4>warning: other machines can reach 0\.0\.0\.0:\d+', '^<6>ready on ', '^<6>account alice: connected',
                                '^<6>stopp'])
        assert all(re.match(r'<[3-7]>(?!rilld)', line) for line in lines), lines


@test
def a_stream_that_is_no_longer_journalds():
    with Node(env={'JOURNAL_STREAM': '1:1'}) as node:
        assert re.match(TIME + ' rilld: ', node.wait_line('ready'))


@test
def nobody_reads_its_lines():
    """With a full pipe, packets are forwarded as before. Lost lines are reported when somebody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with tempfile.TemporaryDirectory() as folder:
        port_file = os.path.join(folder, 'port')
        with subprocess.Popen([RILLD, 'local', '-v', '--listen', '127.0.0.1:0', '--port-file', port_file],
                              stderr=writing, stdin=subprocess.DEVNULL, env=ENVIRONMENT) as node:
            os.close(writing)
            try:
                lines = open(reading, encoding='utf-8')
                assert 'ready on' in lines.readline()
                with open(port_file, encoding='ascii') as f:
                    client = Client(int(f.read()), 'alice')
                for _ in range(3000):  # each a line of 80 bytes and more
                    assert client.call(btp.prepare('private.rill.nobody', 1))['type'] == btp.REJECT
                client.close()
                node.send_signal(signal.SIGUSR1)
                found = [line for line in lines_until(lines, 'lines are missing here')]
                missing = int(re.search(r'rilld: (\d+) lines are missing here', found[-1])[1])
                there = sum('rejected' in line for line in found)
                assert there > 0 and 3000 <= missing + there < 3100, (missing, there)
                node.send_signal(signal.SIGTERM)
                assert 'stopped' in lines_until(lines, 'rilld: stopped$')[-1]
                # Nor does it wait long for a reader of the last ones.
                assert node.wait(TIMEOUT) == 0
            finally:
                node.kill()
                lines.close()


def lines_until(file, pattern):
    """Up to the first that matches."""
    found = []
    while not found or not re.search(pattern, found[-1]):
        line = file.readline()
        assert line, found
        found.append(line.rstrip('\n'))
    return found


@test
def nobody_reads_its_last_lines():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen([RILLD, 'local', '--listen', '127.0.0.1:0'], stderr=writing,
                          stdin=subprocess.DEVNULL, env=ENVIRONMENT) as node:
        try:
            while b'ready' not in os.read(reading, 4096):
                pass
            os.set_blocking(writing, False)
            while True:  # as a neighbour that writes into the same pipe
                try:
                    os.write(writing, b'x' * 100)
                except BlockingIOError:
                    break
            os.set_blocking(writing, True)
            node.send_signal(signal.SIGTERM)
            assert node.wait(TIMEOUT) == 0
        finally:
            node.kill()
            os.close(reading)
            os.close(writing)


@test
def a_terminal_that_closes_stops_it():
    child, terminal = pty.fork()
    if child == 0:
        os.execve(RILLD, [RILLD, 'local', '--listen', '127.0.0.1:0'], ENVIRONMENT)
    text = b''
    while b'\n' not in text:
        text += os.read(terminal, 4096)
    assert text.startswith(b'rilld: ready on '), text  # no time: whoever sits there has a clock
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


# ---- signals ----

@test
def sigterm_waits_for_packets_under_way():
    with Node() as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        first = alice.ask(btp.prepare('private.rill.bob'))
        request, _ = bob.request()
        node.process.send_signal(signal.SIGTERM)
        node.wait_line('stopping once 1 packets')
        rejected(alice.call(btp.prepare('private.rill.bob')), 'T03')
        try:
            Client(node.port, 'carol')
            raise AssertionError('a client was taken while stopping')
        except (ConnectionError, Closed):
            pass
        bob.answer(request, btp.fulfill())
        assert alice.reply_to(first)['type'] == btp.FULFILL
        assert node.process.wait(TIMEOUT) == 0


@test
def sigterm_does_not_wait_for_ever():
    with Node() as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        first = alice.ask(btp.prepare('private.rill.bob'))
        bob.request()
        node.process.send_signal(signal.SIGTERM)
        rejected(alice.reply_to(first), 'T03')
        assert node.process.wait(TIMEOUT) == 0


@test
def a_second_signal_stops_at_once():
    with Node() as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        alice.ask(btp.prepare('private.rill.bob'))
        bob.request()
        node.process.send_signal(signal.SIGTERM)
        node.wait_line('stopping')
        start = time.monotonic()
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(TIMEOUT) == 1
        assert time.monotonic() - start < 4, 'it waited for the packet all the same'
        assert not os.path.exists(node.port_file)
        node.process.returncode = 0  # for __exit__: as it should be


@test
def sigusr1_tells_what_happened():
    with Node() as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        first = alice.ask(btp.prepare('private.rill.bob', 250))
        bob.answer(bob.request()[0], btp.fulfill())
        alice.reply_to(first)
        node.process.send_signal(signal.SIGUSR1)
        node.wait_line(r'account alice: sent 1 packets \(0 rejected, 250 units fulfilled\)')
        node.wait_line(r'account bob: .* got 1 \(250 units fulfilled\)')


def strangers_at_once(node):
    """As many as may wait at its port, 500 at most, who all speak before it reads a word: it stands still until
    then. Then there are more lines than strangers may cause at once, though this machine be slow."""
    with open('/proc/sys/net/core/somaxconn', encoding='ascii') as f:
        count = min(500, int(f.read()))
    node.process.send_signal(signal.SIGSTOP)
    strangers = []
    for _ in range(count):
        strangers.append(socket.create_connection(('127.0.0.1', node.port), TIMEOUT))
        strangers[-1].sendall(b'GET / HTTP/1.1\r\n\r\n')
    return strangers


@test
def sigusr1_is_answered_beside_a_flood_of_strangers():
    with Node() as node:
        alice = Client(node.port, 'alice')
        strangers = strangers_at_once(node)
        node.process.send_signal(signal.SIGUSR1)  # in their midst
        node.process.send_signal(signal.SIGCONT)
        for s in strangers:
            s.recv(4096)
            s.close()
        node.wait_line('0 requests open')
        node.process.send_signal(signal.SIGUSR1)  # after them, when their lines have used up what there may be
        node.wait_line('account alice: sent 0 packets', 2)
        node.wait_line('0 requests open', 2)
        node.wait_line('[1-9][0-9]* lines were left out, because too many came at once')
        alice.close()


if __name__ == '__main__':
    sys.exit(runner.run(TESTS, names=sys.argv[2:]))
