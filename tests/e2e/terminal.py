#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rill` at a terminal: progress, colours, warnings, amounts for people, mistakes in links.

usage: terminal.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP. Nothing sleeps: what a terminal shows is waited for.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios

from harness import LIMIT, RILL, Node, environment, run_with_node

TESTS = []


def case(function):
    TESTS.append(function)
    return function


class Terminal:
    """A program whose standard error, or output too, is a terminal of so many columns; `out` may be a file."""

    def __init__(self, args, columns=80, out=False, stdin=subprocess.DEVNULL, **env):
        self.master, slave = pty.openpty()
        self.resize(columns)
        # What is typed is not echoed into what is shown.
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ECHO
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        variables = environment(TERM="xterm")
        variables.pop("NO_COLOR", None)
        variables.update(env)
        self.process = subprocess.Popen([RILL, *args], stdin=stdin, stderr=slave,
                                        stdout=slave if out is True else out or subprocess.DEVNULL, env=variables)
        os.close(slave)
        self.text = ""
        self.open = True

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        """More of what is shown; false at the end."""
        ready, _, _ = select.select([self.master], [], [], LIMIT)
        assert ready, f"nothing is shown for {LIMIT} s: {self.text!r}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # how Linux says that the other end is closed
            data = b""
        self.text += data.decode()
        self.open = bool(data)
        return self.open

    def lines(self):
        """What stood in the line, one after the other; all but the last are whole."""
        plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.text)
        return [line for line in re.split(r"[\r\n]+", plain) if line]

    def until(self, pattern, count=1):
        while len([line for line in self.lines()[:-1] if re.search(pattern, line)]) < count:
            if not self.read():
                raise AssertionError(f"not {count} lines like {pattern!r}: {self.lines()}")

    def end(self):
        while self.open and self.read():
            pass
        return self.process.wait(LIMIT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


class Shown:
    """Terminals that are closed at the end of a test."""

    def __init__(self):
        self.all = []

    def __call__(self, *args, **options):
        terminal = Terminal(args, **options)
        self.all.append(terminal)
        return terminal

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for terminal in self.all:
            terminal.close()


def receiving(t, *args):
    """A receiver whose lines go nowhere, so that they delay nothing."""
    path = t.file("c")
    p = t.rill("receive", "--link", t.link("r"), "--credentials", path, *args)
    p.path = path
    while "-q" in args and not os.path.exists(path):
        assert p.process.poll() is None, p.text
        select.select([], [], [], 0.01)
    if "-q" not in args:
        p.until("wrote")
    return p


# ---- progress ----

@case
def money_that_is_sent_is_counted(t):
    receiver = receiving(t, "--max", "100")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "300", "--timeout", "1.5")
        assert p.end() == 1
        assert any(re.match(r"sent 100 of 300 \(33 %\), .*\d+ packets? in flight$", line) for line in p.lines()), p.lines()


@case
def packets_are_in_flight_at_full_speed(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "1000000000", "--max-packet", "1", "--min-rate", "1",
                  columns=120)
        p.until(r"sent [1-9]\d* of 1000000000 ", 8)
        p.process.send_signal(signal.SIGINT)
        busy = [line for line in p.lines() if re.match(r"sent [1-9]\d* of", line)][:8]
        assert all(re.search(r", [1-9]\d* packets? in flight$", line) for line in busy), busy
        assert p.end() == 1


def huge(t):
    """A file that takes longer to send than any test, but takes no room on the disk."""
    path = t.file("huge", b"")
    os.truncate(path, 10**12)
    return path


@case
def a_file_is_counted_in_bytes(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "--file", huge(t), columns=120)
        p.until(r"^sent \d+\.\d MB of 1\.0 TB \(\d+ %\), \d+ .* left, \d+\.\d [kM]B/s, [1-9]\d* packets? in flight$", 3)
        counts = [float(m[1]) for m in (re.search(r"sent (\d+\.\d) MB", line) for line in p.lines()) if m]
        assert counts == sorted(counts) and counts[0] < counts[-1] and "units" not in p.text, counts
        p.process.send_signal(signal.SIGINT)
        assert p.end() == 1


@case
def a_pipe_has_no_end_that_is_known(t):
    receiver = receiving(t, "-q")
    read, write = os.pipe()
    with Shown() as shown, os.fdopen(write, "wb") as pipe:
        p = shown("send", "--link", t.link("s"), receiver.path, "--file", "-", stdin=read)
        os.close(read)
        pipe.write(bytes(50_000))
        pipe.flush()
        p.until(r"^sent 50\.0 kB, .* in flight$")
        pipe.close()
        assert p.end() == 0, p.text
        assert not any(word in p.text for word in (" of ", "%", "left")), p.lines()


@case
def narrow_terminals_do_not_scroll(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        for columns in (40, 20, 5):
            p = shown("send", "--link", t.link("s"), receiver.path, "123456789012", "--max-packet", "1", "--file", huge(t),
                      columns=columns)
            p.until(r"\d+ %", 5)
            # What is waited for is a message, and has lines of its own.
            lines = [line for line in p.lines() if not line.startswith("rill send: waiting")]
            assert all(len(line) < columns for line in lines), (columns, p.lines())
            assert p.text.count("\n") == len(p.lines()) - len(lines), p.text
            p.process.send_signal(signal.SIGINT)
            p.end()


@case
def a_terminal_that_is_made_narrower_is_noticed(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "1000000000", "--max-packet", "1", "--min-rate", "1",
                  columns=120)
        p.until(r".{50}", 2)
        p.resize(30)
        before = len(p.lines())
        p.until(r"^\d+ %", 3)
        assert all(len(line) < 30 for line in p.lines()[before + 1:-1]), p.lines()[before:]
        p.process.send_signal(signal.SIGINT)
        p.end()


@case
def a_dumb_terminal_gets_no_escapes(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "--file", huge(t), TERM="dumb", out=True)
        p.until(r"sent .* of 1\.0 TB", 3)
        p.process.send_signal(signal.SIGINT)
        assert p.end() == 1 and "\x1b" not in p.text and "\r" in p.text, p.text
        p = shown("sned", TERM="dumb")
        assert p.end() == 2 and p.text == 'rill: there is no command "sned"; did you mean "send"? see "rill help"\n'


@case
def without_a_terminal_there_is_no_progress(t):
    receiver = receiving(t, "-q")
    path = t.file("big", bytes(10_000_000))
    p = t.rill("send", "--link", t.link("s"), receiver.path, "--file", path)
    assert p.end() == 0 and "in flight" not in str(p.text) and len(p.lines()) == 1, p.text
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "--file", path, "--quiet", out=True)
        assert p.end() == 0 and p.text == "", p.text


@case
def verbose_tells_of_the_path(t):
    receiver = receiving(t, "-q")
    with Shown() as shown:
        p = shown("send", "--link", t.link("s"), receiver.path, "1000000000", "--max-packet", "7", "--min-rate", "1/2", "-v",
                  out=True, columns=120)
        p.until("sent [1-9]", 2)
        p.process.send_signal(signal.SIGINT)
        assert p.end() == 1
        assert any(re.match(r"\d+ packets rejected, rate 1 \(minimum 0.5\), round trip \d+\.\d{3} ms, "
                            "at most 7 units in a packet", line) for line in p.lines()), p.lines()


# ---- colours ----

@case
def colours_are_for_terminals(t):
    red = "\x1b[1;31mrill:\x1b[0m "
    with Shown() as shown:
        def said(*args, **env):
            p = shown("sned", *args, **env)
            assert p.end() == 2
            return p.text
        assert said().startswith(red)
        assert "\x1b" not in said(NO_COLOR="1")
        assert said(NO_COLOR="").startswith(red), "an empty NO_COLOR is none"
        p = shown("info", "--color", "never", "--amount", "1", NO_COLOR="")
        assert p.end() == 2
        p = shown("help", out=True)
        assert p.end() == 0 and "\x1b[1mcommands:\x1b[0m" in p.text
        p = shown("send", "--color", "never", "--min-rate", "x", "c", "1", out=True)
        assert p.end() == 2 and "\x1b" not in p.text, p.text
        p = shown("send", "--color=always", "--min-rate", "x", "c", "1", NO_COLOR="1")
        assert p.end() == 2 and "\x1b[1;31mrill send:\x1b[0m" in p.text, p.text
    p = t.rill("send", "--color", "always", "--min-rate", "x", "c", "1")
    assert p.end() == 2 and b"\x1b[1;31m" in p.text["err"], p.text
    p = t.rill("help")
    assert p.end() == 0 and b"\x1b" not in p.text["out"]


@case
def quiet_says_nothing_but_errors(t):
    receiver = receiving(t, "-q", "--connections", "1")
    for args in (["info"], ["ping", "private.rill"], ["demo"], ["send", receiver.path, "5"]):
        p = t.rill(*args, "-q", "--link", t.link("s"))
        assert p.end() == 0 and p.text == {"out": b"", "err": b""}, (args, p.text)
    assert receiver.end() == 0 and receiver.text == {"out": b"", "err": b""}, receiver.text
    t.fails(1, "does not answer: F02", "ping", "private.rill.nobody", "-q", "--link", t.link("s"))
    p = t.rill("info", "-q", "--json", "--link", t.link("s"))
    assert p.end() == 0 and p.events()[0]["asset_scale"] == 9


# ---- amounts for people ----

@case
def amounts_in_the_asset(t):
    receiver = receiving(t)
    for amount, units in ((["1.5XRP"], "1500000000"), (["1.5 XRP"], "1500000000"), (["1.5", "XRP"], "1500000000"),
                          (["0.000000001XRP"], "1"), (["42"], "42")):
        p = t.rill("send", "--json", "--link", t.link("s"), receiver.path, *amount)
        assert p.end() == 0 and p.events()[-1]["sent"] == units, p.text
    p = t.rill("send", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "2.5XRP")
    assert p.end() == 0
    assert p.lines()[-1].startswith("sent 2500000000 units (2.5 XRP), delivered 2500000000 units (2.5 XRP), in "), p.text
    receiver.until(r"connection ended, received 2500000000 units \(2.5 XRP\) in all")
    for amount, why in ((["1EUR"], "asset of our account is XRP, not EUR"), (["1.5", "xrp"], "is XRP, not xrp"),
                        (["0.0000000001XRP"], "too many digits after the point: the scale of our account is 9"),
                        (["18446744074XRP"], "too large: at most 18446744073709551615 units"), (["1.5"], "like 1.5XRP")):
        t.fails(2, "AMOUNT: .*" + why, "send", "--link", t.link("s"), receiver.path, *amount)


@case
def a_receiver_may_want_its_asset(t):
    receiver = receiving(t, "--max", "0.0000001 XRP")
    p = t.rill("send", "--json", "--link", t.link("s"), receiver.path, "300", "--timeout", "1.5")
    assert p.end() == 1 and p.events()[-1]["sent"] == "100", p.text
    t.fails(2, "is XRP, not EUR", "receive", "--link", t.link("r"), "--credentials", t.file("d"), "--max", "1EUR")


# ---- output that fails ----

@case
def a_full_disk_is_named_once(t):
    receiver = receiving(t, "-q")
    for args in (["help"], ["help", "send"], ["--version"], ["info"], ["info", "--json"], ["ping", "private.rill"],
                 ["ping", "private.rill", "--json"], ["demo"], ["demo", "--json"], ["send", receiver.path, "1"],
                 ["send", receiver.path, "1", "--json"], ["receive", "--credentials", t.file("other")]):
        with open("/dev/full", "wb") as full:
            link = [] if args[0] in ("help", "--version") else ["--link", t.link("s")]
            p = subprocess.run([RILL, *args, *link], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env=environment(), timeout=LIMIT, check=False)
        assert p.returncode == 1, (args, p)
        # Money that has moved is told where somebody can read it.
        paid = rb"rill send: all was paid: sent 1 units, delivered 1, in doubt 0, 0 bytes of data\n" if args[0] == "send" else b""
        assert re.fullmatch(rb"rill.*: cannot write to standard output: No space left on device(; the receiver takes nothing more)?\n"
                            + paid, p.stderr), (args, p.stderr)


@case
def a_reader_that_has_seen_enough_is_no_news(t):
    for args in (["help"], ["demo"], ["info", "--link", t.link("s")]):
        read, write = os.pipe()
        os.close(read)
        p = subprocess.run([RILL, *args], stdout=write, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment(),
                           timeout=LIMIT, check=False)
        os.close(write)
        assert p.returncode == 1 and p.stderr == b"", (args, p)


# ---- files that hold secrets ----

@case
def files_that_others_can_read_are_warned_of(t):
    receiver = receiving(t, "-q")
    os.chmod(receiver.path, 0o644)
    p = t.rill("send", "--link", t.link("s"), receiver.path, "5")
    assert p.end() == 0
    [line] = p.lines("err")
    assert line == (f"rill send: warning: others can read {receiver.path}, which holds the receiver's secret (mode 0644): "
                    f"chmod 600 {receiver.path}"), line
    p = t.rill("send", "--link", t.link("s"), receiver.path, "5", "--quiet")
    assert p.end() == 0 and p.text == {"out": b"", "err": b""}, p.text
    link = t.file("link", t.link("x"))
    assert not run_to_end(t, "info", "--link-file", link).lines("err")
    os.chmod(link, 0o640)
    [line] = run_to_end(t, "info", "--link", "@" + link).lines("err")
    assert "warning: others can read" in line and "link's token (mode 0640)" in line and "x-token" not in line, line


# ---- links ----

@case
def mistakes_in_a_uri_are_named(t):
    for scheme, right in (("ws", "btp+ws"), ("wss", "btp+wss"), ("http", "btp+ws"), ("https", "btp+wss"), ("WS", "btp+ws"),
                          ("btp", "btp+ws"), ("btp+wx", "btp+ws")):
        uri = f"{scheme}://:x-token@127.0.0.1:7768"
        t.fails(2, rf"^rill info: the link's URI: it begins with {re.escape(scheme)}://; write {re.escape(right)}:// instead$",
                "info", "--link", uri)
        t.fails(2, rf"^rill info: ILP_BTP_SERVER: it begins with .* write {re.escape(right)}:// instead$", "info",
                env=environment(ILP_BTP_SERVER=uri))
        t.fails(2, rf'^rill info: ILP_CREDENTIALS: "server": it begins with .* write {re.escape(right)}:// ', "info",
                env=environment(ILP_CREDENTIALS=json.dumps({"server": uri})))
    t.fails(2, "ILP_BTP_SERVER: it does not begin with btp", "info", env=environment(ILP_BTP_SERVER="localhost:7768"))
    t.fails(2, "ILP_BTP_SERVER: the port is not a number", "ping", "private.rill", env=environment(ILP_BTP_SERVER="btp+ws://h:x"))
    t.fails(2, "ILP_CREDENTIALS: it is not a JSON object", "info", env=environment(ILP_CREDENTIALS="{"))
    t.fails(2, 'ILP_CREDENTIALS: it has no "server"', "info", env=environment(ILP_CREDENTIALS="{}"))
    t.fails(2, "ILP_PLUGIN: rill knows only ilp-plugin-btp", "info", env=environment(ILP_PLUGIN="ilp-plugin-xrp-escrow"))
    t.fails(2, r'--ca-file: ".*absent" No such file', "info", "--link", t.link("x"), "--ca-file", t.file("absent"))


@case
def a_token_that_is_replaced_is_warned_of(t):
    port = t.node.port
    p = t.rill("info", env=environment(ILP_BTP_SERVER=f"btp+ws://alice:x-token@127.0.0.1:{port}"))
    assert p.end() == 0
    [line] = p.lines("err")
    assert "warning: the account and token in ILP_BTP_SERVER are replaced" in line and "x-token" not in line, line
    p = t.rill("info", env=environment(ILP_BTP_SERVER=f"btp+ws://127.0.0.1:{port}"))
    assert p.end() == 0 and not p.lines("err"), p.text
    p = t.rill("demo", env=environment(ILP_BTP_SERVER="garbage"))
    assert p.end() == 0, "the demo has a node of its own"


@case
def tls_and_no_tls_are_told_apart(t):
    cert, key = t.file("cert.pem"), t.file("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    plain, secure = t.node.port, Node(0, "--tls-cert", cert, "--tls-key", key)
    link = f"://:x@127.0.0.1:{secure.port}"
    t.fails(3, r"where it speaks TLS, the URI of the link begins with btp\+wss://$", "info", "--link", "btp+ws" + link)
    secure.program.until("sent HTTP without TLS, and this address speaks TLS only", "err")
    t.fails(3, r"no TLS with .*: it speaks none: the URI of a link to it begins with btp\+ws://$", "info", "--link",
            f"btp+wss://:x@127.0.0.1:{plain}")
    t.node.program.until("sent TLS, and this address speaks none", "err")
    t.fails(3, "certificate is not trusted: .*; --ca-file FILE names an authority to trust$", "info", "--link", "btp+wss" + link)
    assert t.rill("info", "--link", "btp+wss" + link, "--ca-file", cert).end() == 0
    t.fails(3, "cannot be used", "info", "--link", "btp+wss" + link, "--ca-file", t.file("empty", "no certificate"))
    secure.stop()


def run_to_end(t, *args):
    p = t.rill(*args)
    assert p.end() == 0, p.text
    return p


if __name__ == "__main__":
    sys.exit(run_with_node(TESTS))
