#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receivers with a secret of their own: started again, and several at one account.

usage: receivers.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP. Nothing here sleeps: it waits for lines and for ends of processes.
"""

import base64
import os
import signal
import sys

from harness import run_with_node

SECRET = base64.b64encode(bytes(range(32))).decode() + "\n"
CASES = []


def case(function):
    CASES.append(function)
    return function


def receiver(t, name, *args, account="fleet"):
    """`rill receive` at an account that several may share; its credentials in the file `name`."""
    p = t.rill("receive", "--link", t.link(account), "--credentials", t.file(name), "--secret-file",
               t.file("secret", SECRET), *args)
    p.until("wrote its ILP")
    return p


def pay(t, credentials, amount, *args):
    p = t.rill("send", "--json", "--link", t.link("payer"), t.file(credentials), str(amount), *args)
    assert p.end() == 0, p.text
    assert p.events()[-1]["delivered"] == str(amount), p.text


def stop(p):
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text


def sums(*receivers):
    return [sum(int(line.split()[4]) for line in p.lines() if "received" in line and "in all" in line)
            for p in receivers]


@case
def what_was_handed_out_stays_good(t):
    for name in ("first", "second"):
        p = receiver(t, name)
        pay(t, "first", 1000)
        p.until("connection ended")
        p.process.kill()
        p.end()


@case
def each_of_several_gets_its_own(t):
    """Of all that is paid each unit is counted once, by the one who handed out the address."""
    a, b = receiver(t, "a", "--instance", "a"), receiver(t, "b", "--instance", "b")
    for _ in range(3):
        pay(t, "a", 1000, "--max-packet", "100")
        pay(t, "b", 500, "--max-packet", "100")
    a.process.kill()
    a.end()
    again = receiver(t, "c", "--instance", "a")
    pay(t, "a", 70)
    pay(t, "b", 7)
    stop(again)
    stop(b)
    assert sums(a, again, b) == [3000, 70, 1507], (a.text, again.text, b.text)


@case
def what_cannot_be_a_secret_is_told(t):
    receive = ["receive", "--link", t.link("r"), "--credentials", t.file("c")]
    t.fails(2, "--instance needs --secret-file", *receive, "--instance", "a")
    for name in ("", "n" * 65):
        t.fails(2, "--instance is not a name of 1 to 64 bytes", *receive, "--secret-file", t.file("secret", SECRET),
                "--instance", name)
    t.fails(1, "--secret-file: .*absent: No such file", *receive, "--secret-file", t.file("absent"))
    for bad in ("", "AAAA\n", SECRET + SECRET, "x" * 300, base64.b64encode(bytes(33)).decode()):
        t.fails(2, "--secret-file: .*bad: is not 32 bytes in base64, as \"openssl rand -base64 32\"", *receive,
                "--secret-file", t.file("bad", bad))
    os.chmod(t.file("secret"), 0o644)
    p = receiver(t, "d")
    p.until("warning: others can read .*secret, which holds the receiver's secret", "err")
    stop(p)
    assert "AAECAwQF" not in str(p.text)


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
