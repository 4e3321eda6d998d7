#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rill pay` and `rill quote` as a person and a script use them: asked at a terminal, stopped,
killed and gone on with, and wrong arguments.

usage: pay_cli.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP. Nothing sleeps: what is shown, or in a file, is waited for.
"""

import json
import os
import pty
import resource
import select
import signal
import stat
import subprocess
import sys
import time

from harness import LIMIT, RILL, environment, run_with_node
from terminal import Terminal

TESTS = []


def case(function):
    TESTS.append(function)
    return function


class Asked:
    """`rill pay` with a person at the terminal."""

    def __init__(self, *args, out=True):
        self.typed, slave = pty.openpty()
        self.terminal = Terminal(args, out=out, stdin=slave)
        os.close(slave)

    def __enter__(self):
        while "Pay? [y/N]" not in self.terminal.text:
            assert self.terminal.read(), self.terminal.text
        return self

    def __exit__(self, *_):
        self.terminal.close()
        os.close(self.typed)

    def answer(self, text):
        os.write(self.typed, text.encode())
        return self.terminal.end()


def receiving(t):
    """`rill receive --json`, whose credentials are there."""
    path = t.file("c.json")
    r = t.rill("receive", "--json", "--link", t.link("receiver"), "--credentials", path)
    wait_for(lambda: os.path.exists(path))
    r.path = path
    return r


def received(receiver):
    """Units, all in all."""
    events = [json.loads(line) for line in receiver.lines() if line.startswith("{")]
    return sum(int(event["amount"]) for event in events if event["event"] == "money")


@case
def a_person_says_yes(t):
    r = receiving(t)
    with Asked("pay", r.path, "0.001", "--link", t.link("payer")) as asked:
        assert received(r) == 0
        assert asked.answer("y\n") == 0, asked.terminal.text
        shown = asked.terminal.text
    for part in ("0.001 XRP (1000000 units)", "at least 0.00099 XRP", "rate", "fee", "sent 1000000 units"):
        assert part in shown, (part, shown)
    r.until('"connection_end"')
    assert received(r) == 1000000


@case
def a_person_sees_what_is_paid(t):
    """Also where standard output goes into a file, or nowhere."""
    r = receiving(t)
    for quiet in ((), ("-q",)):
        out = t.file("out")
        with open(out, "wb") as kept:
            with Asked("pay", r.path, "0.001", *quiet, "--link", t.link("payer"), out=kept) as asked:
                for part in ("to  ", "0.001 XRP (1000000 units)", "at least 0.00099 XRP", "rate"):
                    assert part in asked.terminal.text, (part, asked.terminal.text)
                assert asked.answer("n\n") == 1, asked.terminal.text
        with open(out, encoding="utf-8") as kept:
            assert "0.001 XRP (1000000 units)" in kept.read()
    assert received(r) == 0


@case
def a_person_says_no(t):
    r = receiving(t)
    for answer in ("n\n", "\n", "what?\n", "\x04"):
        with Asked("pay", r.path, "0.001", "--link", t.link("payer")) as asked:
            assert asked.answer(answer) == 1, asked.terminal.text
            assert "Nothing was sent" in asked.terminal.text, asked.terminal.text
    with Asked("pay", r.path, "0.001", "--link", t.link("payer")) as asked:
        asked.terminal.process.send_signal(signal.SIGINT)
        assert asked.terminal.end() == 1, asked.terminal.text
        assert "stopped" in asked.terminal.text and "Nothing was sent" in asked.terminal.text
    assert received(r) == 0


@case
def a_disk_is_full(t):
    """Before it pays: it does not. After it: the sums are where somebody can read them."""
    r = receiving(t)
    rest = ("--link", t.link("payer"))
    for more in ((), ("--json",)):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([RILL, "pay", r.path, "1000", "--units", "--yes", *more, *rest], stdout=full, env=environment(),
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
        assert p.returncode == 1 and b"No space left" in p.stderr and b"Nothing was sent" in p.stderr, p
    assert received(r) == 0
    for more in ((), ("--json",)):
        p = t.rill("quote", r.path, "1000", "--units", *more, *rest)
        assert p.end() == 0, p.text
        room = len(p.text["out"]) + 8
        with open(t.file("out"), "wb") as out:
            p = subprocess.run([RILL, "pay", r.path, "1000", "--units", "--yes", *more, *rest], stdout=out, env=environment(),
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
        assert p.returncode == 1 and b"all was paid: sent 1000 units, delivered 1000, in doubt 0" in p.stderr, p


@case
def a_state_that_cannot_be_saved(t):
    """It says which file, why, and what can be done; and nothing is sent."""
    r = receiving(t)
    file = t.file("payment.json")
    for more in ((), ("--json",)):
        p = subprocess.run([RILL, "pay", r.path, "1000", "--units", "--yes", "--save", file, *more, "--link", t.link("payer")],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT,
                           env=environment(), check=False,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        said = p.stderr.decode()
        assert p.returncode == 1 and "0 of 1000 units sent" in said, p
        for part in ("cannot be saved", "payment.json: File too large", "What can be done: free space"):
            assert part in said, (part, said)
    assert json.loads(p.stdout.splitlines()[-1])["reason"] == "save", p
    assert received(r) == 0


@case
def amounts_that_cannot_be(t):
    """The end of the numbers, and less than a unit of an asset that is known only when the receiver has answered."""
    r = receiving(t)
    link = ("--yes", "--link", t.link("payer"))
    for amount in (("18446744073.709551615",), ("18446744073709551615", "--units"), ("18446744073.709551616",)):
        t.fails(2, "too large", "pay", r.path, *amount, *link)
    p = t.rill("pay", r.path, "--deliver", "0.1234567891234", "--json", *link)
    assert p.end() == 2, p.text
    done = p.events()[-1]
    assert [done.get(name) for name in ("event", "reason", "sent")] == ["done", "amount", "0"], p.text
    assert received(r) == 0


@case
def a_script_says_yes_beforehand(t):
    r = receiving(t)
    link = ("--link", t.link("payer"))
    t.fails(2, "no terminal.*--yes", "pay", r.path, "1", *link)
    assert received(r) == 0
    p = t.rill("pay", r.path, "0.000001", "--yes", "--json", *link)
    assert p.end() == 0
    quote, done = p.events()[0], p.events()[-1]
    assert quote["event"] == "quote" and quote["max_source"] == "1000", quote
    assert done["event"] == "done" and done["error"] is None and done["reason"] is None, done
    p = t.rill("quote", r.path, "3", "--deliver", "--units", *link)
    assert p.end() == 0
    assert "at most" in p.text["out"].decode() and "deliver" in p.text["out"].decode(), p.text
    r.until('"received":"1000"')
    assert received(r) == 1000


@case
def bad_arguments(t):
    r = receiving(t)
    link = ("--link", t.link("payer"))
    bad = [
        ("RECEIVER is missing", ()),
        ("AMOUNT is missing", (r.path,)),
        ("is not an amount", (r.path, "five")),
        ("is not an amount", (r.path, "1e3")),
        ('AMOUNT: "-5" is not an amount: it is below 0', (r.path, "-5")),
        ('AMOUNT: "-5 XRP" is not an amount: it is below 0', (r.path, "-5", "XRP")),
        ('AMOUNT: "-5" is not an amount: it is below 0', (r.path, "-5", "--units")),
        ("is not an amount: it is below 0", (r.path, "5", "--deliver", "--max-source", "-6")),
        ("must be above 0", (r.path, "0")),
        ("is too large", (r.path, "99999999999999999999999")),
        ("too many digits", (r.path, "0.0000000001")),
        ("the asset is XRP, not EUR", (r.path, "5EUR")),
        ("the asset is XRP, not EUR", (r.path, "5", "EUR")),
        ("--units says that it is none", (r.path, "5XRP", "--units")),
        ("--deliver needs an AMOUNT", ("https://wallet.example/a", "--deliver")),
        ("--max-source is for", (r.path, "5", "--max-source", "6")),
        ("--slippage must be less than 1", (r.path, "5", "--slippage", "1")),
        ("give --min-rate, or", (r.path, "5", "--min-rate", "1", "--price", "1")),
        ("--price must be above 0", (r.path, "5", "--price", "0")),
        ("--as needs --key", (r.path, "5", "--as", "https://wallet.example/me")),
        ("No such file", (r.path, "5", "--key", t.file("nobody"))),
        ("others can read it", (r.path, "5", "--key", exposed(t))),
        ("in single quotes", (".example/alice", "5")),
        ("no port", ("$wallet.example:80/alice", "5")),
        ("no user name", ("$me@wallet.example", "5")),
        ("no query", ("$wallet.example/?a", "5")),
        ("outside ASCII", ("$w\u00e4llet.example", "5")),
        ("no user name", ("https://me:secret@wallet.example/", "5")),
        ("not protected", ("http://wallet.example/", "5")),
        ("link goes after --link", ("ftp://wallet.example/", "5")),
        ("not the saved state", ("--resume", t.file("none", "{}"))),
        ("No such file", ("--resume", t.file("nobody"))),
        ("no RECEIVER beside it", (r.path, "--resume", t.file("none", "{}"))),
        ("holds no payment", (r.path, "5", "--save", t.file("other", "hello"))),
    ]
    for pattern, args in bad:
        p = t.fails(2, pattern, "pay", *args, "--yes", *link)
        assert "secret" not in p.text["err"].decode(), p.text
    assert received(r) == 0
    t.fails(3, "cannot reach the node", "pay", r.path, "5", "--yes", "--link", "btp+ws://:x@127.0.0.1:1")


def exposed(t):
    path = t.file("key.pem", "-----BEGIN PRIVATE KEY-----\n")
    os.chmod(path, 0o644)
    return path


def state(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def wait_for(look):
    """What it finds. It is looked at again and again, for a file tells nobody that it changes."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        select.select([], [], [], 0.002)
    raise AssertionError("it did not happen")


AMOUNT = 60000


@case
def killed_and_gone_on_with(t):
    """By another process, which sends what cannot have arrived, and no more."""
    r = receiving(t)
    file = t.file("payment.json")
    slow = ("--link", t.link("payer"), "--max-packet", "1")
    p = t.rill("pay", r.path, str(AMOUNT), "--units", "--yes", "--save", file, *slow)
    wait_for(lambda: (state(file) or {}).get("sent", "0") not in ("0", str(AMOUNT)))
    t.fails(2, "another process pays", "pay", "--resume", file, *slow)
    t.fails(2, "another process pays", "pay", r.path, "1", "--yes", "--save", file, *slow)
    p.process.send_signal(signal.SIGKILL)
    p.end()
    left = state(file)
    assert not left["complete"] and stat.S_IMODE(os.stat(file).st_mode) == 0o600, left
    t.fails(2, "not complete: go on with it", "pay", r.path, "1", "--yes", "--save", file, *slow)
    p = t.rill("pay", "--resume", file, "--json", "--link", t.link("payer"))
    code = p.end()
    done = p.events()[-1]
    assert done["event"] == "done", p.text
    in_doubt = int(done["in_doubt"])
    assert int(done["sent"]) + in_doubt == AMOUNT, done
    assert in_doubt <= AMOUNT // 8 + 1, done
    assert (code, done["reason"]) == ((0, None) if in_doubt == 0 else (1, "in_doubt")), done
    r.until(r'"connection_end","connection":2')
    total = received(r)
    assert AMOUNT - in_doubt <= total <= AMOUNT, (total, done)
    assert int(state(file)["sent"]) + int(state(file)["in_doubt"]) == AMOUNT, state(file)


@case
def stopped_and_gone_on_with(t):
    """What a clean stop leaves is exact: nothing is in doubt, and all of it arrives."""
    r = receiving(t)
    file = t.file("payment.json")
    p = t.rill("pay", r.path, str(AMOUNT), "--units", "--yes", "--json", "--save", file, "--link", t.link("payer"),
               "--max-packet", "1")
    wait_for(lambda: (state(file) or {}).get("sent", "0") not in ("0", str(AMOUNT)))
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1, p.text
    done = p.events()[-1]
    assert done["reason"] == "cancelled" and done["in_doubt"] == "0", done
    assert 0 < int(done["sent"]) < AMOUNT, done
    # As if it had been made by a wallet, for this payment.
    t.file("payment.json", json.dumps({**state(file), "incoming_payment": "https://wallet.example/i/1"}))
    p = t.rill("pay", "--resume", file, "--json", "--link", t.link("payer"))
    assert p.end() == 0, p.text
    assert "stays open until its time is over" in p.text["err"].decode(), p.text
    assert p.events()[-1]["sent"] == str(AMOUNT), p.text
    r.until(r'"connection_end","connection":2')
    assert received(r) == AMOUNT
    assert state(file)["complete"]
    p = t.rill("pay", "--resume", file, "--link", t.link("payer"))
    assert p.end() == 0 and b"nothing is left to pay" in p.text["out"], p.text
    p = t.rill("pay", "--resume", file, "--json", "--link", t.link("payer"))
    assert p.end() == 0 and p.events()[-1].keys() == done.keys() - {"reject"}, p.text
    assert received(r) == AMOUNT


if __name__ == "__main__":
    sys.exit(run_with_node(TESTS))
