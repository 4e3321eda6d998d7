#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receivers with a secret of their own: started again, and several at one account; two payers of one.

usage: receivers.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP. Nothing here sleeps: it waits for lines and for ends of processes.
"""

import base64
import os
import signal
import subprocess
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
    p.read_along()
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
    """Each unit that is paid is counted once, by the receiver that handed out the address."""
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


def long_payment(t, receiver, packet):
    """A payment of a million packets of that size. It has begun."""
    p = t.rill("send", "--json", "--link", t.link("earlier"), t.file("c"), f"{packet}000000", "--max-packet", str(packet))
    receiver.until(f"incoming payment for: {packet}$")
    return p


@case
def two_payers_with_one_file(t):
    """The later payer ends the earlier one's payment. Both are told, and nothing is lost."""
    warning = r"^rill send: warning: the receiver has ended an earlier payment with these credentials.* for one payment at a time$"
    r = receiver(t, "c")
    earlier = long_payment(t, r, 2)
    # It stays until the earlier one has been told: that goes on by itself once it is gone.
    later = t.rill("send", "--json", "--link", t.link("later"), t.file("c"), "500", "--file", "-", stdin=subprocess.PIPE)
    later.until(warning, "err")
    assert earlier.end() == 1, earlier.text
    later.process.stdin.close()
    assert later.end() == 0, later.text
    [told] = [e for e in later.events() if e["event"] == "warning"]
    assert told["warning"] == "ENDED_ANOTHER" and later.errors()[0].endswith(told["text"]), later.text
    assert later.events()[-1]["delivered"] == "500", later.text
    assert "another program has begun a connection with the same credentials" in earlier.errors()[-1], earlier.text
    assert all(e["event"] != "warning" for e in earlier.events()), earlier.text
    done = earlier.events()[-1]
    assert done["event"] == "done" and done["error"] == "REMOTE", earlier.text

    # One that was killed had not ended either; one that has ended is nothing to be told of.
    long_payment(t, r, 3).kill()
    for warned in (True, False, False):
        p = t.rill("send", "--link", t.link("later"), t.file("c"), "7")
        assert p.end() == 0, p.text
        assert ("warning" in str(p.text)) == warned, p.text
    p = t.rill("send", "--quiet", "--link", t.link("later"), t.file("c"), "7")
    assert p.end() == 0 and p.errors() == [], p.text
    stop(r)


@case
def what_cannot_be_a_secret_is_told(t):
    receive = ["receive", "--link", t.link("r"), "--credentials", t.file("c")]
    t.fails(2, "--instance needs --secret-file", *receive, "--instance", "a")
    for name in ("", "n" * 65):
        t.fails(2, "--instance must be a name of 1 to 64 bytes", *receive, "--secret-file", t.file("secret", SECRET),
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
