#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node and a server under clients of the worse kind: honest ones go on, memory stays bounded.

usage: load_clients.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES HAMMER [TEST...]

Prints TAP; what was counted and measured follows each line. Bounds of memory are growth over the
process's memory before the attack.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time

from btp import Client, prepare
from harness import RILLD
from runner import wait_until
from siege import MIB, Memory, Siege, memory_of, raise_file_limit, run_tests, scaled


def limits_are_options():
    """A value that cannot be a limit is refused, in one line."""
    checks = [(["--max-sessions", "0"], "from 1 to"), (["--max-strangers", "x"], "whole number"),
              (["--auth-timeout", "0"], "from 1 to"), (["--idle-timeout", "86401"], "86400"),
              (["--max-accounts", "1"], "from 2 to"), (["--max-open", "-1"], "whole number"),
              (["--max-buffer", "0.5"], "whole number"), (["--tls-cert", "x"], "need each other"),
              (["--tls-key", "x"], "need each other"), (["--max-buffer"], "needs a value")]
    for arguments, words in checks:
        result = subprocess.run([RILLD, "local", *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 2 and words in result.stderr and result.stderr.count("\n") == 1, result
    result = subprocess.run([RILLD, "local", "--listen", "127.0.0.1:0", "--tls-cert", "/dev/null", "--tls-key",
                             "/dev/null"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and "cannot be used" in result.stderr and result.stderr.count("\n") == 1, result
    return f"{len(checks) + 1} mistakes"


def ten_thousand_clients():
    """10,000 connected clients that ask something all at once."""
    files = raise_file_limit(20000)
    count = min(scaled(10000, 10000, 1500), files - 200)
    with Siege() as s:
        receiver = s.receiver()
        memory = Memory(s.node.process, receiver.process)
        hammer = s.attack("hold", count)
        held, text = s.during(receiver, hammer)
        assert held["accepted"] == count and held["live"] == count, held
        idle = (memory_of(s.node.process.pid) - memory.before[0]) / count
        for _ in range(2):
            asked = hammer.tell("ask")
            assert asked["asked"] == asked["answered"] == count, asked
            receiver.pay()
        hammer.end()
        assert receiver.pay()
        grown = memory.check(100, 16)
        return f"{count} clients, {held['ms'] / 1000:.1f} s; idle {idle:.0f} bytes each; node, receiver {grown}; {text}"


STRANGERS = 1024  # that the node keeps, and
BACKLOG = 1024    # that wait in the system until a slow machine's node gets to them


def silent_strangers():
    """Clients that connect and say nothing."""
    count = scaled(3000, 10000, 1500)
    with Siege("--auth-timeout", "3") as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        hammer = s.attack("silent", count)
        _, text = s.during(receiver, hammer)
        held = hammer.tell("count")
        assert held["connected"] == count and held["live"] <= STRANGERS + BACKLOG, held
        start = time.monotonic()
        while hammer.tell("count")["live"] > 0:
            receiver.pay()
            assert time.monotonic() - start < 15, "they are still there after 15 s"
        gone = time.monotonic() - start
        return f"{count} strangers, {held['live']} of them kept, none after {gone:.1f} s; node {memory.check(32)}; {text}"


def half_open_tls():
    """Clients that hold half-open TLS, against a node with TLS."""
    count = scaled(2000, 10000, 1200)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, "cert"), os.path.join(folder, "key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        with Siege("--tls-cert", cert, "--tls-key", key, "--auth-timeout", "3", tls=cert) as s:
            receiver = s.receiver()
            memory = Memory(s.node.process)
            hammer = s.attack("tls", count)
            _, text = s.during(receiver, hammer)
            held = hammer.tell("count")
            assert held["connected"] == count and held["live"] <= STRANGERS + BACKLOG, held
            start = time.monotonic()
            while hammer.tell("count")["live"] > 0:
                receiver.pay()
                assert time.monotonic() - start < 15, "they are still there after 15 s"
            gone = time.monotonic() - start
            return f"{count} half-open, {held['live']} of them kept, none after {gone:.1f} s; node {memory.check(160)}; {text}"


def a_byte_a_second():
    """Clients that send one byte each second: of their request, or of a message once authenticated."""
    count = scaled(1000, 5000, 300)
    with Siege("--auth-timeout", "3", "--idle-timeout", "3") as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        drip, trickle = s.attack("drip", count), s.attack("trickle", count)
        _, text = s.during(receiver, drip)
        trickle.answer()
        start = time.monotonic()
        while (left := drip.tell("count")["live"] + trickle.tell("count")["live"]) > 0:
            receiver.pay()
            assert time.monotonic() - start < 25, f"{left} are still there after 25 s"
        ended = time.monotonic() - start
        return f"2 x {count} clients, all gone after {ended:.1f} s; node {memory.check(32)}; {text}"


def clients_that_never_read():
    """Clients that ask without end, and never read an answer."""
    count = scaled(30, 1000, 20)
    with Siege("--max-buffer", "16") as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        hammer = s.attack("deaf", count)
        held = hammer.answer()
        start = time.monotonic()
        worst, paid = 0.0, 0
        # All that they are sent waits in the system at first, megabytes for each.
        while held["closed"] == 0 or time.monotonic() - start < scaled(2, 20):
            worst, paid = max(worst, receiver.pay()), paid + 1
            held = hammer.tell("count")
            assert time.monotonic() - start < 90, f"nobody was dropped: {held}"
        grown = memory.check(16 + 32)
        return (f"{count} clients, {held['asked']} questions, {held['closed']} clients dropped; --max-buffer 16: "
                f"node {grown}; {paid} honest payments meanwhile, the slowest took {worst:.2f} s")


def frames_of_100_megabytes():
    count = scaled(60, 3000)
    with Siege() as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        done, text = s.during(receiver, s.attack("huge", count, parallel=20))
        assert done["accepted"] == done["closed"] == count, done
        # What went out before the end came back fits into the system's buffers.
        assert done["bytes"] < count * 8 * MIB, done
        return (f"{count} times 100 MiB, of which {done['bytes'] / count / 1024:.0f} KiB each were taken by the "
                f"system; node {memory.check(32)}; {text}")


def a_storm_of_reconnections():
    count = scaled(6000, 200000, 1000)
    with Siege("--max-accounts", "1000") as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        done, text = s.during(receiver, s.attack("storm", count))
        assert done["accepted"] + done["closed"] + done["failed"] == count, done
        assert done["accepted"] >= count * 0.99, done
        rate = done["accepted"] / max(done["ms"], 1) * 1000
        return f"{done['accepted']} connections at {rate:.0f} a second; node {memory.check(32)}; {text}"


def random_garbage():
    """Random bytes instead of HTTP, WebSocket frames, BTP, ILP packets, and STREAM data."""
    count = scaled(3000, 100000, 1000)
    with Siege() as s:
        receiver = s.receiver()
        memory = Memory(s.node.process, receiver.process)
        done, text = s.during(receiver, s.attack("garbage", count, address=receiver.address, seed=7))
        # Random BTP may be an authentication that is refused.
        assert done["closed"] + done["refused"] == count and done["fulfilled"] == 0, done
        assert done["F06"] >= count // 5, "it did not reach the receiver"
        return (f"{count} connections, {done['answered']} packets rejected, {done['F06']} of them by the receiver; "
                f"node, receiver {memory.check(32, 16)}; {text}")


def files_run_out():
    """A node that may open 200 files; then fewer than it has open."""
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    raise_file_limit(4096)
    with Siege(preexec=few_files) as s:
        # It says so after it has begun to listen.
        wait_until(lambda: "connections" in s.node.said(), s.node.process)
        limits = re.search(r"at most (\d+) sessions, and (\d+) connections", s.node.said())
        sessions, strangers = int(limits[1]), int(limits[2])
        assert sessions + strangers <= 200, limits[0]
        receiver = s.receiver()
        # Strangers take all the room that they may have, and none of the others'.
        silent = s.attack("silent", 300)
        _, text = s.during(receiver, silent)
        silent.end()
        # All sessions are taken: who is in goes on, who is not is told to try again.
        hold = s.attack("hold", 300)
        held = hold.answer()
        assert held["accepted"] == sessions - 1 and held["closed"] == 301 - sessions, held
        asked = hold.tell("ask")
        assert asked["answered"] == sessions - 1, asked
        hold.end()
        receiver.pay()
        # Of a sudden no file is left at all: who is in goes on, and the others wait.
        friend = Client(s.port, "friend")
        in_use = len(os.listdir(f"/proc/{s.node.process.pid}/fd"))
        resource.prlimit(s.node.process.pid, resource.RLIMIT_NOFILE, (in_use, 200))
        silent = s.attack("silent", 50)
        silent.answer()
        reply = friend.call(prepare("private.rill.nobody"))
        assert reply["code"] == "F02", reply
        silent.end()
        resource.prlimit(s.node.process.pid, resource.RLIMIT_NOFILE, (200, 200))
        receiver.pay()
        friend.close()
        return f"200 files: {sessions} sessions, {strangers} strangers; {text}"


def memory_runs_out():
    """It may have 24 MiB more address space than it uses. Allocations fail, and so do clients that need them."""
    with Siege() as s:
        receiver = s.receiver()
        receiver.pay()
        with open(f"/proc/{s.node.process.pid}/status", encoding="ascii") as f:
            size = int(re.search(r"VmSize:\s+(\d+) kB", f.read())[1]) * 1024
        resource.prlimit(s.node.process.pid, resource.RLIMIT_AS, (size + 24 * MIB, resource.RLIM_INFINITY))
        deaf = s.attack("deaf", 20)
        deaf.answer()
        hold = s.attack("hold", scaled(5000, 10000))
        held = hold.answer()
        asked = hold.tell("ask")
        said = deaf.tell("count")
        assert s.node.process.poll() is None, "the node has ended"
        deaf.kill()
        hold.kill()
        took = receiver.pay()
        return (f"{held['accepted']} of {held['started']} clients accepted, {asked['answered']} answered, "
                f"{said['closed']} of 20 that do not read dropped; then an honest payment took {took:.2f} s")


if __name__ == "__main__":
    from siege import SANITIZED
    WAITING = [silent_strangers, half_open_tls, a_byte_a_second]
    ALONE = [limits_are_options, ten_thousand_clients, clients_that_never_read, frames_of_100_megabytes, a_storm_of_reconnections,
             random_garbage, files_run_out]
    if not SANITIZED:  # its shadow memory does not fit into any limit
        ALONE.append(memory_runs_out)
    sys.exit(run_tests([[t] for t in ALONE] + [WAITING]))
