#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rilld from outside: its command line, its messages, and what clients get. Prints TAP.

Usage: rilld_cli.py RILLD
"""
import base64
import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import btp
import runner
from btp import Client, Closed, WebSocket

RILLD = os.path.abspath(sys.argv[1])
TIMEOUT = btp.TIMEOUT
TESTS = []


# Ours, without what would configure the node.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith('MONEYD_')}


def test(function):
    TESTS.append(function)
    return function


def run(*arguments, env=None):
    """Runs rilld to its end."""
    return subprocess.run([RILLD, *arguments], capture_output=True, text=True, timeout=TIMEOUT,
                          env={**ENVIRONMENT, **(env or {})}, stdin=subprocess.DEVNULL)


class Node:
    """A node on a port of the system's choice, stopped and checked at the end of the block."""

    def __init__(self, *options, env=None, listen=('127.0.0.1:0',)):
        self.folder = tempfile.TemporaryDirectory()
        self.port_file = os.path.join(self.folder.name, 'port')
        arguments = [RILLD, 'local', '--port-file', self.port_file]
        for where in listen:
            arguments += ['--listen', where]
        self.process = subprocess.Popen([*arguments, *options], stderr=subprocess.PIPE, text=True,
                                        env={**ENVIRONMENT, **(env or {})},
                                        stdin=subprocess.DEVNULL)
        self.lines = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.rstrip('\n'))
                self.news.notify_all()

    def __enter__(self):
        # Written before "ready" is said; with --quiet there is no more to wait for than the file.
        with self.news:
            while not os.path.exists(self.port_file):
                assert self.process.poll() is None, self.lines
                self.news.wait(0.05)
        with open(self.port_file, encoding='ascii') as f:
            self.ports = [int(line) for line in f.read().split()]
        self.port = self.ports[0]
        return self

    def __exit__(self, kind, error, trace):
        # Those still there would make it wait for their part of the WebSocket's end.
        Client.close_all()
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self.reader.join(TIMEOUT)
            self.process.stderr.close()
            if error is not None:
                print('\n'.join('# rilld said: ' + line for line in self.lines))
            self.folder.cleanup()
        if error is None:
            assert code == 0, 'exit code %d' % code

    def wait_line(self, pattern, count=1):
        """The first line of the log that matches, once there are so many."""
        found = []

        def there():
            found[:] = [line for line in self.lines if re.search(pattern, line)]
            return len(found) >= count
        with self.news:
            assert self.news.wait_for(there, TIMEOUT), (pattern, self.lines)
        return found[0]

    def count_lines(self, pattern):
        with self.news:
            return len([line for line in self.lines if re.search(pattern, line)])


def ildcp(client):
    reply = client.call(btp.prepare('peer.config', 0,
                                    condition=hashlib.sha256(bytes(32)).digest()))
    assert reply['type'] == btp.FULFILL and reply['fulfillment'] == bytes(32), reply
    r = btp.Reader(reply['data'])
    address = r.octets().decode()
    scale = r.take(1)[0]
    return address, scale, r.octets().decode()


def rejected(reply, code):
    assert reply['type'] == btp.REJECT and reply['code'] == code, (code, reply)
    assert reply['triggered_by'] == 'private.rill' and reply['message'], reply
    return reply


def one_line(result, code, pattern):
    assert result.returncode == code, result
    assert result.stdout == '', result
    assert re.fullmatch(r'rilld: [^\n]*\n', result.stderr), result
    assert re.search(pattern, result.stderr), (pattern, result.stderr)


# ---- the command line ----

@test
def help_and_version():
    for arguments, words in ((['help'], 'rilld local'), (['--help'], 'rilld local'),
                             (['local', '--help'], '--max-packet-amount'),
                             (['help', 'local'], '--max-packet-amount'),
                             (['--version'], r'^rilld \d+\.\d+\.\d+$')):
        result = run(*arguments)
        assert result.returncode == 0 and result.stderr == '', result
        assert re.search(words, result.stdout), result
    every = set(re.findall(r'--[a-z-]+', run('local', '--help').stdout))
    assert every == {'--listen', '--listen-http', '--neighbours', '--port-file', '--address', '--asset-code', '--asset-scale',
                     '--max-packet-amount', '--rate-limit', '--uplink', '--log-format', '--uplink-ca', '--tls-cert', '--tls-key',
                     '--allow-origin', '--max-sessions', '--max-strangers', '--auth-timeout',
                     '--idle-timeout', '--max-accounts', '--max-open', '--max-buffer', '--user',
                     '--group', '--quiet', '--verbose', '--help'}, every


@test
def help_on_a_full_disk_fails():
    with open('/dev/full', 'w', encoding='ascii') as full:
        result = subprocess.run([RILLD, 'help'], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert result.returncode == 1 and b'standard output: No space left on device' in result.stderr, result


@test
def wrong_arguments():
    one_line(run(), 2, 'rilld help')
    one_line(run('serve'), 2, 'serve')
    one_line(run('help', 'me'), 2, 'me')
    for arguments, word in (
            (['now'], 'now'), (['--frobnicate'], '--frobnicate'), (['--frobnicate=1'], 'frobnicate'),
            (['--listen'], 'value'), (['--listen', '7768'], 'ADDRESS:PORT'),
            (['--listen', '127.0.0.1'], 'ADDRESS:PORT'), (['--listen', 'example.com:1'], 'ADDRESS'),
            (['--listen', '127.0.0.1:65536'], '65535'), (['--listen', '127.0.0.1:x'], '65535'),
            (['--listen', '::1:7768'], 'ADDRESS:PORT'), (['--listen', '[127.0.0.1]:1'], 'ADDRESS'),
            (['--listen', '127.0.0.1:-1'], '65535'), (['--listen', ':7768'], 'ADDRESS'),
            (['--address', 'rill'], 'private.rill'), (['--address', 'private'], 'private.rill'),
            (['--address', ''], 'empty'), (['--address', 'peer.x'], 'peer'),
            (['--address', 'private.' + 'x' * 600], '512'),
            (['--asset-code', ''], 'empty'), (['--asset-code', 'x' * 33], '32'),
            (['--asset-code', 'a b'], 'ASCII'), (['--asset-scale', '256'], '255'),
            (['--asset-scale', '-1'], 'whole number'), (['--asset-scale', '1.5'], 'whole number'),
            (['--max-packet-amount', '0'], 'from 1'), (['--max-packet-amount', '-5'], 'whole'),
            (['--max-packet-amount', '18446744073709551616'], '18446744073709551615'),
            (['--max-packet-amount', ''], 'whole'), (['--rate-limit', '0'], 'from 1'),
            (['--rate-limit', '1e3'], 'whole'), (['--rate-limit', '1000000001'], '1000000000'),
            (['--allow-origin', ''], 'origin'), (['--port-file', ''], 'empty'),
            (['--quiet', '--verbose'], 'not both'), (['--quiet=1'], 'quiet')):
        one_line(run('local', *arguments), 2, re.escape(word))
    one_line(run('local', '--listen', 'a\nb\x1b[31m'), 2, r'a\?b\?')


@test
def wrong_variables():
    for name, value in (('MONEYD_BIND_IP', 'example.com'), ('MONEYD_BIND_PORT', 'x'),
                        ('MONEYD_BIND_PORT', '70000'), ('MONEYD_ASSET_SCALE', '300')):
        one_line(run('local', env={name: value}), 2, name)
    one_line(run('local', env={'MONEYD_ILP_ADDRESS': 'x'}), 2, 'address')


@test
def port_in_use():
    with Node() as node:
        where = '127.0.0.1:%d' % node.port
        result = run('local', '--listen', where)
        one_line(result, 1, 'cannot listen on %s: address in use' % re.escape(where))
        assert '--listen' in result.stderr
        # Also as the second address of several: nothing is left behind.
        with tempfile.TemporaryDirectory() as folder:
            result = run('local', '--listen', '127.0.0.1:0', '--listen', where, '--port-file',
                         os.path.join(folder, 'p'))
            one_line(result, 1, 'address in use')
            assert os.listdir(folder) == []


@test
def mistyped_words():
    one_line(run('lcal'), 2, r'unknown command: lcal; did you mean local\?')
    one_line(run('local', '--lisen', 'x'), 2, r'unknown option: --lisen; did you mean --listen\?')
    one_line(run('local', '--max-sesions=3'), 2, r'--max-sesions; did you mean --max-sessions\?')
    one_line(run('local', '--nonsense'), 2, r'unknown option: --nonsense \(')
    one_line(run('--listen', '127.0.0.1:0'), 2, r'a command comes first: rilld local --listen')


@test
def files_of_tls_that_are_not_there():
    with tempfile.TemporaryDirectory() as folder:
        there = os.path.join(folder, 'there')
        with open(there, 'w', encoding='ascii') as f:
            f.write('no PEM')
        for cert, key, name in (('/nowhere/c', there, '--tls-cert /nowhere/c: No such file'),
                                (there, '/nowhere/k', '--tls-key /nowhere/k: No such file'),
                                (there, there, 'is each a PEM file')):
            one_line(run('local', '--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key), 1, name)


@test
def ports_that_are_for_root():
    def nobody():
        os.setgid(65534)
        os.setuid(65534)
    if os.geteuid() != 0:
        nobody = None
    with open('/proc/sys/net/ipv4/ip_unprivileged_port_start', encoding='ascii') as f:
        if int(f.read()) <= 80:
            return  # this system lets everybody
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'rilld')
        os.chmod(folder, 0o755)
        shutil.copy(RILLD, program)
        result = subprocess.run([program, 'local', '--listen', '127.0.0.1:80'], capture_output=True, text=True,
                                timeout=TIMEOUT, preexec_fn=nobody, env=ENVIRONMENT, check=False)
    one_line(result, 1, 'cannot listen on 127.0.0.1:80: ports below 1024 are for root: .*--user')


@test
def address_of_another_machine():
    one_line(run('local', '--listen', '192.0.2.1:0'), 1, r'cannot listen on 192\.0\.2\.1:0')


@test
def port_file_that_cannot_be_written():
    one_line(run('local', '--listen', '127.0.0.1:0', '--port-file', '/nowhere/port'), 1,
             '/nowhere/port: No such file')
    one_line(run('local', '--listen', '127.0.0.1:0', '--port-file', '/dev/full'), 1, 'No space left')
    assert os.path.exists('/dev/full')


# ---- starting and stopping ----

@test
def ready_line_and_port_file():
    with Node() as node:
        line = node.wait_line('ready')
        assert line.endswith(' rilld: ready on 127.0.0.1:%d as private.rill (XRP, scale 9)' % node.port)
        folder = os.path.dirname(node.port_file)
        assert os.listdir(folder) == ['port'], os.listdir(folder)
        with open(node.port_file, encoding='ascii') as f:
            assert f.read() == '%d\n' % node.port
        assert os.stat(node.port_file).st_mode & 0o777 == 0o644
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(TIMEOUT) == 0
        assert not os.path.exists(node.port_file)


@test
def a_port_file_of_another_node_stays():
    with Node() as node:
        other = node.port_file + '.other'
        with open(other, 'w', encoding='ascii') as f:
            f.write('1\n')
        os.rename(other, node.port_file)
        node.process.send_signal(signal.SIGINT)
        assert node.process.wait(TIMEOUT) == 0
        assert os.path.exists(node.port_file)


@test
def several_addresses():
    with Node('--allow-origin', 'http://a', listen=('127.0.0.1:0', '127.0.0.2:0', '[::1]:0')) as node:
        assert len(node.ports) == 3
        node.wait_line(r'ready on \[::1\]:%d ' % node.ports[2])
        bob = Client(node.ports[2], 'bob', host='::1')
        alice = Client(node.ports[1], 'alice', host='127.0.0.2')
        request = alice.ask(btp.prepare('private.rill.bob'))
        bob.answer(bob.request()[0], btp.fulfill())
        assert alice.reply_to(request)['type'] == btp.FULFILL
        assert node.count_lines('warning') == 0


@test
def an_address_that_others_reach_is_warned_of():
    with Node(listen=('0.0.0.0:0',)) as node:
        node.wait_line(r'warning: other machines can reach 0\.0\.0\.0:\d+')


@test
def quiet_says_nothing():
    with Node('--quiet') as node:
        assert Client(node.port, 'alice').accepted
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(TIMEOUT) == 0
        node.reader.join(TIMEOUT)
        assert node.lines == [], node.lines


@test
def variables_of_moneyd():
    env = {'MONEYD_BIND_IP': 'localhost', 'MONEYD_BIND_PORT': '0', 'MONEYD_ASSET_CODE': 'EUR',
           'MONEYD_ASSET_SCALE': '2', 'MONEYD_ILP_ADDRESS': 'test.heroku'}
    with Node(env=env, listen=()) as node:
        node.wait_line(r'ready on 127\.0\.0\.1:%d as test\.heroku \(EUR, scale 2\)' % node.port)
        assert ildcp(Client(node.port, 'a')) == ('test.heroku.a', 2, 'EUR')
    with Node('--address=private.rill', '--asset-code=USD', '--asset-scale=0', env=env) as node:
        assert ildcp(Client(node.port, 'a')) == ('private.rill.a', 0, 'USD')


# ---- accounts ----

@test
def il_dcp():
    with Node() as node:
        assert ildcp(Client(node.port, 'alice')) == ('private.rill.alice', 9, 'XRP')
        name = base64.urlsafe_b64encode(hashlib.sha256(b'sesame').digest()).decode().rstrip('=')
        assert ildcp(Client(node.port, '', 'sesame')) == ('private.rill.' + name, 9, 'XRP')


@test
def wrong_tokens_and_names():
    with Node('--verbose') as node:
        alice = Client(node.port, 'alice', 'right-secret')
        assert alice.accepted
        for name, token in (('alice', 'wrong-secret'), ('alice', ''), ('', ''), ('a.b', 't'),
                            ('a b', 't'), ('x' * 300, 't')):
            refused = Client(node.port, name, token)
            assert not refused.accepted and refused.refusal['code'] == b'F00', (name, token)
            try:
                refused.step()
                raise AssertionError('not closed')
            except Closed:
                pass
        node.wait_line('account alice: refused: wrong token')
        assert ildcp(alice)[0] == 'private.rill.alice'
        alice.close()
        assert not Client(node.port, 'alice', 'wrong-secret').accepted
        assert Client(node.port, 'alice', 'right-secret').accepted
    assert not [line for line in node.lines if 'secret' in line or 'x' * 300 in line], node.lines


@test
def origins():
    with Node('--allow-origin', 'http://good', '--allow-origin', 'http://fine') as node:
        assert WebSocket(node.port, origin='http://good').status == 101
        assert WebSocket(node.port, origin='http://fine').status == 101
        assert WebSocket(node.port, origin='http://evil').status != 101
    with Node() as node:
        assert WebSocket(node.port, origin='http://good').status != 101
        assert WebSocket(node.port).status == 101


# ---- packets ----

@test
def forwards_between_accounts():
    with Node('--max-packet-amount', '1000') as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        request = alice.ask(btp.prepare('private.rill.bob.x', 1000, data=b'hello'))
        ident, got = bob.request()
        assert (got['amount'], got['destination'], got['data']) == (1000, 'private.rill.bob.x', b'hello')
        bob.answer(ident, btp.fulfill(data=b'thanks'))
        assert alice.reply_to(request) == {'type': btp.FULFILL, 'fulfillment': b'\7' * 32,
                                           'data': b'thanks'}
        request = alice.ask(btp.prepare('private.rill.bob.x'))
        bob.answer(bob.request()[0], btp.reject('F99', b'why'))
        reply = alice.reply_to(request)
        assert (reply['code'], reply['data']) == ('F99', b'why')
        request = alice.ask(btp.prepare('private.rill.bob.x'))
        bob.answer(bob.request()[0], btp.fulfill(b'\x08' * 32))
        rejected(alice.reply_to(request), 'F05')
        reply = rejected(alice.call(btp.prepare('private.rill.bob.x', 1001)), 'F08')
        assert reply['data'] == (1001).to_bytes(8, 'big') + (1000).to_bytes(8, 'big')
        rejected(alice.call(btp.prepare('private.rill.nobody')), 'F02')
        rejected(alice.call(btp.prepare('private.rill.alice')), 'F02')
        rejected(alice.call(btp.prepare('private.rill.bob', seconds=-1)), 'R00')
        rejected(alice.call(btp.prepare('private.rill.bob', seconds=1.5)), 'R02')
        request = alice.ask(btp.prepare('private.rill.bob', seconds=2.5))
        bob.request()
        rejected(alice.reply_to(request), 'R00')


@test
def echo():
    with Node() as node:
        alice = Client(node.port, 'alice')
        data = b'ECHOECHOECHOECHO\0' + btp.octets(b'private.rill.alice.ping')
        request = alice.ask(btp.prepare('private.rill', 0, data=data))
        ident, got = alice.request()
        assert got['destination'] == 'private.rill.alice.ping'
        assert got['data'] == b'ECHOECHOECHOECHO\1'
        alice.answer(ident, btp.fulfill())
        assert alice.reply_to(request)['type'] == btp.FULFILL


@test
def leaving_with_requests_open():
    with Node() as node:
        alice, bob = Client(node.port, 'alice'), Client(node.port, 'bob')
        requests = [alice.ask(btp.prepare('private.rill.bob')) for _ in range(20)]
        for _ in requests:
            bob.request()
        start = time.monotonic()
        bob.close()
        for request in requests:
            rejected(alice.reply_to(request), 'T01')
        assert time.monotonic() - start < 10
        rejected(alice.call(btp.prepare('private.rill.bob')), 'T01')
        bob = Client(node.port, 'bob')
        request = alice.ask(btp.prepare('private.rill.bob'))
        bob.answer(bob.request()[0], btp.fulfill())
        assert alice.reply_to(request)['type'] == btp.FULFILL


@test
def rate_limit_is_of_an_account():
    with Node('--rate-limit', '50') as node:
        alice, bob, carol = (Client(node.port, name) for name in ('alice', 'bob', 'carol'))
        requests = [alice.ask(btp.prepare('private.rill.nobody')) for _ in range(200)]
        codes = [alice.reply_to(request)['code'] for request in requests]
        assert codes[:50] == ['F02'] * 50, codes
        assert codes.count('T05') >= 100, codes.count('T05')
        request = bob.ask(btp.prepare('private.rill.carol'))
        carol.answer(carol.request()[0], btp.fulfill())
        assert bob.reply_to(request)['type'] == btp.FULFILL


@test
def a_client_that_does_not_read_delays_nobody():
    with Node() as node:
        slow = Client(node.port, 'slow', receive_buffer=4096)
        alice, bob, carol = (Client(node.port, name) for name in ('alice', 'bob', 'carol'))
        stop = threading.Event()
        flooded = threading.Event()

        def flood():
            sent = 0
            try:
                while not stop.is_set():
                    alice.ask(btp.prepare('private.rill.slow', data=bytes(32000)))
                    sent += 1
                    if sent % 500 == 0:
                        flooded.set()
            except OSError:
                pass

        def drain():
            try:
                while not stop.is_set():
                    alice.step()
            except (Closed, OSError):
                pass
        threads = [threading.Thread(target=f, daemon=True) for f in (flood, drain)]
        for thread in threads:
            thread.start()
        assert flooded.wait(TIMEOUT)
        worst = 0
        for _ in range(100):
            start = time.monotonic()
            request = bob.ask(btp.prepare('private.rill.carol'))
            carol.answer(carol.request()[0], btp.fulfill())
            assert bob.reply_to(request)['type'] == btp.FULFILL
            worst = max(worst, time.monotonic() - start)
        stop.set()
        assert worst < 5, worst
        print('# worst round trip beside the flood: %.1f ms' % (worst * 1000))
        # Wakes the threads, which may wait for room or for bytes.
        alice.ws.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(TIMEOUT)
        slow.close()


@test
def malformed_input_is_refused_and_logged_once():
    with Node() as node:
        alice = Client(node.port, 'alice')
        for _ in range(5):
            rejected(alice.call(b'\x0c\x05junk!'), 'F00')
            rejected(alice.call(b'\x0d\x05junk!'), 'F01')
        assert ildcp(alice)[0] == 'private.rill.alice'
        node.wait_line('account alice: sent a malformed Prepare')
        assert node.count_lines('account alice') == 1
        for junk in (b'', b'\x06', b'\x06\0\0\0\1\xff', b'\x07' * 50, b'\0' * 1000):
            bad = Client(node.port, 'bad')
            bad.ws.send(junk)
            try:
                bad.step()
            except Closed:
                pass
        with socket.create_connection(('127.0.0.1', node.port), TIMEOUT) as s:
            s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            assert b' 426 ' in s.recv(4096)
        with socket.create_connection(('127.0.0.1', node.port), TIMEOUT) as s:
            s.sendall(bytes(range(256)) * 100)
        assert ildcp(alice)[0] == 'private.rill.alice'


@test
def many_clients():
    with Node() as node:
        clients = [Client(node.port, 'c%d' % i) for i in range(200)]
        requests = [c.ask(btp.prepare('private.rill.c%d.x' % ((i + 1) % 200)))
                    for i, c in enumerate(clients)]
        for client in clients:
            client.answer(client.request()[0], btp.fulfill())
        for client, request in zip(clients, requests):
            assert client.reply_to(request)['type'] == btp.FULFILL
        for client in clients:
            client.close()


@test
def many_clients_under_a_low_soft_limit_of_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 300:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        node = Node()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with node:
        clients = [Client(node.port, 'c%d' % i) for i in range(150)]
        assert ildcp(clients[-1])[0] == 'private.rill.c149'


if __name__ == '__main__':
    sys.exit(runner.run(TESTS, names=sys.argv[2:]))
