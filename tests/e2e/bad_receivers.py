#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receivers' servers that do everything wrong, as somebody meets them who pays: one line that says
what it is and what can be done, the right exit code, no money moved, nothing written.

usage: bad_receivers.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP. Nothing sleeps: who is slow waits until the other side gives up.
"""

import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from harness import run_with_node

TESTS = []
SECRET = base64.b64encode(bytes(range(32))).decode()
GOOD = {"destination_account": "test.receiver.token", "shared_secret": SECRET}
TYPE = "application/spsp4+json"


def case(function):
    TESTS.append(function)
    return function


class Server:
    """Answers every connection in the same way: with bytes, or by a function of (socket, asked)."""

    def __init__(self, answer, context=None):
        self.answer, self.context = answer, context
        self.asked = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            asked = b""
            while b"\r\n\r\n" not in asked:
                part = connection.recv(65536)
                if not part:
                    return
                asked += part
            self.asked.append(asked.decode().split("\r\n", 1)[0])
            if callable(self.answer):
                self.answer(connection, asked.decode())
            else:
                connection.sendall(self.answer)
        except OSError:
            pass  # the other side has given up
        finally:
            connection.close()

    def close(self):
        self.socket.close()


def response(body, kind=TYPE, status="200 OK", more=""):
    body = body if isinstance(body, bytes) else body.encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n{more}\r\n").encode() + body


def changed(**members):
    return response(json.dumps({**GOOD, **members}))


def endless(head, part):
    """A body that does not end, as fast as it is read."""
    def answer(connection, _):
        connection.sendall(head)
        while True:
            connection.sendall(part)
    return answer


def mute(connection, _):
    """Nothing at all, until the other side gives up."""
    while connection.recv(1):
        pass


def slow(connection, _):
    """Never silent, and never done: a byte of a header every tenth of a second."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    connection.settimeout(0.1)
    while True:
        connection.sendall(b"x")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            pass


def without_money(t):
    """A link to an account that must not be used for anything but the question who we are."""
    return ("--link", t.link("payer"))


def pay(t, receiver, *more, code=1, pattern="", error=None, reason=None, program="pay"):
    """One line for people; and for scripts the same line, and that nothing was sent."""
    state = t.file("payment.json")
    save = ("--save", state, "--yes") if program == "pay" else ()
    before = set(os.listdir(t.folder))
    p = t.fails(code, pattern, program, receiver, "5", *save, *without_money(t), *more)
    assert len(p.text["err"]) < 1100, p.text
    if code == 1 and program == "pay":
        assert "Nothing was sent" in p.errors()[0], p.text
    assert p.text["out"] == b"", p.text
    p = t.rill(program, receiver, "5", *save, "--json", *without_money(t), *more)
    assert p.end() == code, p.text
    events = p.events()
    assert events[0]["event"] == "error", events
    if error:
        assert events[0]["error"] == error, events
    if code == 1 and program == "pay":
        done = events[-1]
        assert (done["event"], done["sent"], done["in_doubt"]) == ("done", "0", "0"), events
        assert reason is None or done["reason"] == reason, events
    assert set(os.listdir(t.folder)) == before, "something was written"


def pays_nothing(t, cases):
    for what, answer, pattern, reason in cases:
        server = Server(answer)
        try:
            pay(t, f"http://127.0.0.1:{server.port}/alice", pattern=pattern, reason=reason)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        finally:
            server.close()


DEEP = "[" * 10000 + "]" * 10000


@case
def answers_that_are_none(t):
    pays_nothing(t, [
        ("a page for people", response("<html><h1>Welcome</h1></html>", "text/html"), "page for people", "server_answer"),
        ("a page that says that it is an answer", response("<html>"), "page for people", "server_answer"),
        ("nothing", response(""), "JSON", "server_answer"),
        ("a list", response("[]"), "JSON", "server_answer"),
        ("a key that comes twice", response(f'{{"destination_account":"test.a","destination_account":"test.b","shared_secret":"{SECRET}"}}'), "JSON", "server_answer"),
        ("a number for a text", changed(destination_account=7), "destination_account", "server_answer"),
        ("a number for the secret", changed(shared_secret=7), "shared_secret", "server_answer"),
        ("a number without end", response(json.dumps(GOOD)[:-1] + ',"a":1e400}'), "JSON", "server_answer"),
        ("nesting", response(json.dumps(GOOD)[:-1] + f',"a":{DEEP}}}'), "JSON", "server_answer"),
        ("no secret", response('{"destination_account":"test.a"}'), "shared_secret", "server_answer"),
        ("a short secret", changed(shared_secret="AAAA"), "shared_secret", "server_answer"),
        ("no address", response(f'{{"shared_secret":"{SECRET}"}}'), "destination_account", "server_answer"),
        ("an address that is none", changed(destination_account="nowhere at all"), "ILP address|destination_account", "server_answer"),
        ("an address that is not text", response(b'{"destination_account":"test.\xff","shared_secret":"' + SECRET.encode() + b'"}'), "JSON", "server_answer"),
        ("no such receiver", response("{}", status="404 Not Found"), "no such receiver.*404", "no_such_receiver"),
        ("a server with words of its own", response('{"id":"x","message":"come back\\r\\n \\u001b[31mtomorrow"}', status="403 Forbidden"), "status 403: come back .*tomorrow", "server_refused"),
        ("a server out of order", response("oh", status="503 Service Unavailable"), "status 503", "server_refused"),
    ])


@case
def answers_that_do_not_come(t):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\n".encode()
    pays_nothing(t, [
        ("the end before an answer", lambda connection, _: None, "Empty reply|closed|reset", "server_unreachable"),
        ("the end within the headers", b"HTTP/1.1 200 OK\r\nContent-Ty", ".", None),
        ("the end within the body", head + b"Content-Length: 1000\r\n\r\n{", ".", None),
        ("what is not HTTP", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", ".", "server_answer"),
        ("a huge body", head + b"Content-Length: 100000000\r\n\r\n" + b" " * 200000, "too large", "server_answer"),
        ("a body without end", endless(head + b"\r\n", b" " * 65536), "too large", "server_answer"),
        ("headers without end", endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 4000 + b"\r\n"), ".", None),
    ])


@case
def redirects(t):
    pays_nothing(t, [
        ("to http elsewhere", response("", status="302 Found", more="Location: http://wallet.example/\r\n"), "leads on to where it must not be followed: http is not protected", "server_answer"),
        ("to a file", response("", status="302 Found", more="Location: file:///etc/passwd\r\n"), ".", "server_answer"),
        ("to nowhere", response("", status="302 Found"), "redirects to nowhere", "server_answer"),
        ("without end", lambda c, asked: c.sendall(response("", status="302 Found", more=f"Location: {asked.split()[1]}x\r\n")), "again and again", "server_answer"),
        ("with a password", response("", status="302 Found", more="Location: https://a:b@wallet.example/\r\n"), "user name", "server_answer"),
    ])


CA = """[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
[any]
commonName = supplied
[names]
subjectAltName = {alt}
"""


def certificate(t, name, alt="IP:127.0.0.1", end="20991231000000Z"):
    """Signed by itself, until then."""
    cert, key, request = (t.file(f"{name}.{kind}") for kind in ("pem", "key", "csr"))
    config = t.file(f"{name}.conf", CA.format(folder=t.folder, alt=alt))
    t.file("index", "")
    t.file("serial", "01\n")
    for command in (
            ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
             "-keyout", key, "-out", request],
            ["ca", "-batch", "-selfsign", "-config", config, "-extensions", "names", "-keyfile", key, "-in", request,
             "-startdate", "20200101000000Z", "-enddate", end, "-out", cert, "-notext"]):
        subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)
    return cert, key


def https(t, name, answer, *how):
    cert, key = certificate(t, name, *how)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return Server(answer, context), cert


@case
def certificates(t):
    for name, how, trusted, pattern in (
            ("unknown", (), False, "certificate"),
            ("elsewhere", ("DNS:wallet.example",), True, "name|certificate"),
            ("expired", ("IP:127.0.0.1", "20200102000000Z"), True, "expired")):
        server, cert = https(t, name, response(json.dumps(GOOD)), *how)
        more = ("--ca-file", cert) if trusted else ()
        pay(t, f"https://127.0.0.1:{server.port}/alice", *more, pattern=pattern, error="TLS", reason="server_tls")
        assert server.asked == [], "it was asked all the same"
        server.close()
    server, cert = https(t, "downgrade", response("", status="302 Found", more="Location: http://127.0.0.1:1/\r\n"))
    pay(t, f"https://127.0.0.1:{server.port}/alice", "--ca-file", cert, pattern="http", reason="server_answer")
    server.close()


@case
def a_redirect_to_another_host_is_shown(t):
    """Within https, and counted: the payer sees whom the money would go to."""
    there, cert = https(t, "there", response('{"destination_account":"test.nobody.a","shared_secret":"' + SECRET + '"}'))
    context = there.context
    here = Server(response("", status="302 Found", more=f"Location: https://127.0.0.1:{there.port}/bob\r\n"), context)
    p = t.rill("quote", f"https://127.0.0.1:{here.port}/alice", "5", "--ca-file", cert, *without_money(t))
    assert p.end() == 1, p.text
    err = p.text["err"].decode()
    assert "another page, 1 time" in err and f"https://127.0.0.1:{there.port}/bob" in err, p.text
    here.close()
    there.close()


@case
def who_is_slow_has_so_much_time_and_no_more(t):
    """--timeout is a limit for the receiver's server too, and it is said what is waited for."""
    for answer in (mute, slow):
        server = Server(answer)
        started = time.monotonic()
        p = t.rill("pay", f"http://127.0.0.1:{server.port}/alice", "5", "--yes", "--timeout", "3", *without_money(t))
        assert p.end() == 1, p.text
        assert time.monotonic() - started < 20, "it waited for longer than it was told to"
        err = p.text["err"].decode()
        assert re.search(r"(?m)^rill pay: waiting for the receiver's server", err), p.text
        assert len(p.errors()) == 1 and "Nothing was sent" in p.errors()[0], p.text
        server.close()


@case
def the_time_is_for_all_of_it(t):
    """Half of --timeout goes with the receiver's server, so that the path has the other half alone."""
    receiver = t.receive()
    with open(receiver.path, encoding="utf-8") as file:
        credentials = file.read()
    receiver.process.send_signal(signal.SIGSTOP)

    def late(connection, _):
        connection.settimeout(6)
        try:
            connection.recv(1)
        except socket.timeout:
            connection.sendall(response(credentials))

    server = Server(late)
    started = time.monotonic()
    p = t.rill("pay", f"http://127.0.0.1:{server.port}/alice", "5", "--yes", "--timeout", "8", *without_money(t))
    assert p.end() == 1, p.text
    assert time.monotonic() - started < 14, "it waited for longer than it was told to"  # each by itself: 16 s
    assert len(p.errors()) == 1 and "Nothing was sent" in p.errors()[0], p.text
    receiver.process.send_signal(signal.SIGCONT)
    server.close()


def wallet(**members):
    """A wallet with an incoming payment at any URL, of which these members are said."""
    def answer(connection, asked):
        base = f"http://127.0.0.1:{server.port}"
        path = asked.split()[1]
        ours = {"id": base + path, "walletAddress": base + "/alice", "completed": False,
                "receivedAmount": {"value": "0", "assetCode": "XRP", "assetScale": 9},
                "methods": [{"type": "ilp", "ilpAddress": "test.receiver.a", "sharedSecret": SECRET}],
                "createdAt": "2026-01-01T00:00:00Z", **members}
        if asked.startswith("POST"):
            said = {"access_token": {"value": "t", "manage": base + "/m", "access": []},
                    "continue": {"access_token": {"value": "c"}, "uri": base + "/c"}}
        elif "authorization:" in asked.lower():
            said = ours
        else:
            said = {"receivedAmount": ours["receivedAmount"], "authServer": base + "/auth"}
        connection.sendall(response(json.dumps(said), "application/json"))
    server = Server(answer)
    return server


@case
def incoming_payments(t):
    """Complete, over, in another asset: nothing is paid."""
    for what, members, reason in (
            ("complete", {"completed": True, "methods": []}, "completed"),
            ("over", {"expiresAt": "2020-01-01T00:00:00Z"}, "expired"),
            ("without a way to be paid", {"methods": []}, "server_unsupported"),
            ("with an amount that is none", {"receivedAmount": {"value": "1.5", "assetCode": "XRP", "assetScale": 9}}, "server_answer")):
        server = wallet(**members)
        try:
            pay(t, f"http://127.0.0.1:{server.port}/incoming-payments/1", pattern=".", reason=reason)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        finally:
            server.close()


def interrupted(t, wallet, **members):
    """The state of a payment to that wallet, as a process that was killed has left it."""
    state = {**GOOD, "rill_payment": 1, "amount": "1000", "deliver": "0", "min_rate": "99/100", "sent": "500",
             "in_doubt": "125", "delivered": "498", "packet_lifetime_ns": "1", "complete": False,
             "incoming_payment": f"http://127.0.0.1:{wallet.port}/incoming-payments/1", **members}
    return t.file("payment.json", json.dumps(state))


def units(value):
    return {"value": str(value), "assetCode": "XRP", "assetScale": 9}


@case
def gone_on_with_where_no_more_is_taken(t):
    """The wallet's word settles what was in doubt, and nothing is sent to what takes no more."""
    for members, reason in (({"completed": True, "methods": []}, "completed"),
                            ({"expiresAt": "2020-01-01T00:00:00Z"}, "expired")):
        for told, sent in (("498", "500"), ("560", "566")):
            server = wallet(receivedAmount=units(told), **members)
            file = interrupted(t, server)
            p = t.rill("pay", "--resume", file, "--json", *without_money(t))
            assert p.end() == 1, p.text
            done = p.events()[-1]
            assert [done[name] for name in ("event", "reason", "sent", "delivered", "in_doubt")] == [
                "done", reason, sent, told, "0"], done
            with open(file, encoding="utf-8") as f:
                kept = json.load(f)
            assert (kept["sent"], kept["in_doubt"], kept["complete"]) == (sent, "0", False), kept
            assert f"{sent} of 1000 units are sent" in p.text["err"].decode(), p.text
            server.close()
    server = wallet(receivedAmount=units(995), completed=True, methods=[])
    p = t.rill("pay", "--resume", interrupted(t, server, sent="900", in_doubt="100"), *without_money(t))
    assert p.end() == 0 and b"1000 units were sent, 995 delivered" in p.text["out"], p.text
    server.close()


@case
def stopped_while_a_wallet_is_waited_for(t):
    """It says where the money is: nothing more was sent, but some was before."""
    server = Server(b"")
    file = interrupted(t, server, packet_lifetime_ns="90000000000")
    for json_wanted in (True, False):
        p = t.rill("pay", "--resume", file, *(("--json",) if json_wanted else ()), *without_money(t))
        p.until("doubt", "out" if json_wanted else "err")
        p.process.send_signal(signal.SIGINT)
        assert p.end() == 1, p.text
        said = p.text["err"].decode()
        assert "Nothing was sent" not in said and "500 of 1000 units are sent, 498 delivered, 125 in doubt" in said, said
        if json_wanted:
            done = p.events()[-1]
            assert [done[name] for name in ("event", "reason", "sent", "delivered", "in_doubt")] == [
                "done", "cancelled", "500", "498", "125"], done
    assert not server.asked
    server.close()


@case
def names_of_receivers(t):
    """What cannot be a receiver is refused before anything is asked, and is not repeated."""
    for pattern, receiver in (
            ("no port", "$wallet.example:80/alice"), ("no port|no user name", "$me:secret@wallet.example"),
            ("no query", "$wallet.example/?a"), ("no fragment|#", "$wallet.example/#a"),
            ("outside ASCII", "$w\u00e4llet.example"), ("no user name", "https://me:secret@wallet.example/"),
            ("not protected", "http://wallet.example/"), (".", "$"), (".", "https://"), (".", "$wallet.example/%zz")):
        for program in ("pay", "quote"):
            yes = ("--yes",) if program == "pay" else ()
            p = t.fails(2, pattern, program, receiver, "5", *yes, *without_money(t))
            assert "secret" not in p.text["err"].decode(), p.text


if __name__ == "__main__":
    sys.exit(run_with_node(TESTS))
