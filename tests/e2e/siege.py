# SPDX-License-Identifier: Apache-2.0
"""What tests under attack need: attackers, an honest payer with its own books, and memory.

RILL_LOAD=full (./dev load) takes the full counts; without it the same tests run with smaller ones.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import harness
from harness import LIMIT, RILL, RILLD, Node, reserved_port
from proxy import Proxy, contradicted
from runner import wait_until

HAMMER = os.path.abspath(sys.argv[3])
FULL = os.environ.get("RILL_LOAD") == "full"
with open(RILLD, "rb") as program:
    # Under AddressSanitizer memory says nothing, and everything takes several times as long.
    SANITIZED = b"__asan_init" in program.read()
PAY_SECONDS = 20 if not SANITIZED else 60  # what an honest payment may take under any attack
MIB = 1 << 20


def environment():
    """The environment without what fills memory before it is used, since memory is measured."""
    return {k: v for k, v in harness.environment().items() if k != "MALLOC_PERTURB_"}


def scaled(quick, full, sanitized=None):
    """Counts: for ./dev test, for ./dev load, and for ./dev test with sanitizers."""
    if FULL:
        return full
    return sanitized if SANITIZED and sanitized is not None else quick


def raise_file_limit(wanted):
    """Allows us, and what we start, as many open files as possible. Returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted <= hard or soft < hard < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) * 1024


class Memory(threading.Thread):
    """The most memory that processes had, read every 50 ms."""

    def __init__(self, *processes):
        super().__init__(daemon=True)
        self.processes = processes
        self.before = [memory_of(p.pid) for p in processes]
        self.most = list(self.before)
        self.done = threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.05):
            for i, process in enumerate(self.processes):
                try:
                    self.most[i] = max(self.most[i], memory_of(process.pid))
                except (OSError, TypeError):
                    pass

    def check(self, *bounds):
        """No process grew by more MiB than its bound. What they grew by, in MiB."""
        self.done.set()
        self.join()
        grown = [(most - before) / MIB for most, before in zip(self.most, self.before)]
        for process, growth, bound in zip(self.processes, grown, bounds):
            assert process.poll() is None, f"{process.args[:2]} has ended"
            assert SANITIZED or growth <= bound, f"{process.args[:2]} grew by {growth:.1f} MiB, not {bound}"
        return ", ".join(f"+{growth:.1f} MiB" for growth in grown)


class Hammer:
    """An attacker: see hammer.c."""

    def __init__(self, mode, port, count, **options):
        args = [HAMMER, mode, str(port), str(count), *(f"{k}={v}" for k, v in options.items())]
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        assert line, f"hammer ended with {self.process.wait(LIMIT)}"
        return json.loads(line)

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(LIMIT)
        self.process.stdout.close()
        assert code == 0, f"hammer ended with {code}"

    def kill(self):
        self.process.kill()
        self.process.wait()


class Siege:
    """A node under attack, and honest clients of it, put away at the end of the block."""

    def __init__(self, *options, preexec=None, tls=None):
        self.reserved = reserved_port()
        self.port = self.reserved.getsockname()[1]
        self.node = QuietNode(*options, port=self.port, preexec=preexec)
        self.scheme = "btp+wss" if tls else "btp+ws"
        self.tls = ["--ca-file", tls] if tls else []
        self.folder = tempfile.TemporaryDirectory(prefix="rill-siege-")
        self.attackers = []
        self.receivers = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for a in self.attackers:
            a.kill()
        ends = [r.close() for r in self.receivers]
        self.folder.cleanup()
        self.reserved.close()
        if kind:
            self.node.kill()
            print("".join(f"# {line}\n" for line in self.node.said().splitlines()[-20:]), end="")
        else:
            self.node.stop()
            assert not any(ends), ends

    def attack(self, mode, count, **options):
        hammer = Hammer(mode, self.port, count, **options)
        self.attackers.append(hammer)
        return hammer

    def receiver(self, name="receiver"):
        r = Receiver(self, name)
        self.receivers.append(r)
        return r

    def during(self, receiver, hammer, least=2):
        """Pays again and again until the attack is over, `least` times at least; tells how it went."""
        worst, count = 0.0, 0
        answer = []
        waiter = threading.Thread(target=lambda: answer.append(hammer.answer()), daemon=True)
        waiter.start()
        while waiter.is_alive() or count < least:
            worst = max(worst, receiver.pay())
            count += 1
        waiter.join()
        assert answer, "the attacker failed"
        tried = f", after {receiver.retries} failures to connect" if receiver.retries else ""
        return answer[0], f"{count} honest payments meanwhile, the slowest took {worst:.2f} s{tried}"


class QuietNode:
    """rilld at a port that the caller has reserved, its lines kept in a file: nobody reads them while it runs."""

    def __init__(self, *options, port, preexec=None):
        self.folder = tempfile.TemporaryDirectory(prefix="rill-siege-node-")
        self.port_file = os.path.join(self.folder.name, "port")
        self.lines = open(os.path.join(self.folder.name, "log"), "a+b")
        self.process = subprocess.Popen(
            [RILLD, "local", "--listen", f"127.0.0.1:{port}", "--port-file", self.port_file, *options],
            stdin=subprocess.DEVNULL, stderr=self.lines, env=environment(), preexec_fn=preexec)
        wait_until(lambda: os.path.exists(self.port_file), self.process, self.said)

    def said(self):
        self.lines.seek(0)
        return self.lines.read().decode(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()
        os.path.exists(self.port_file) and os.unlink(self.port_file)

    def stop(self):
        self.process.terminate()
        code = self.process.wait(LIMIT)
        said = self.said()
        self.lines.close()
        self.folder.cleanup()
        assert code == 0, f"rilld ended with {code}: {said[-2000:]}"


class Receiver:
    """`rill receive` behind a proxy that keeps books."""

    def __init__(self, siege, name):
        self.siege = siege
        self.retries = 0
        self.proxy = Proxy(siege.port) if not siege.tls else None
        self.path = os.path.join(siege.folder.name, name)
        self.lines = open(self.path + ".lines", "a+b")
        port = self.proxy.port if self.proxy else siege.port
        self.process = subprocess.Popen(
            [RILL, "receive", "--json", "--credentials", self.path, *siege.tls, "--link",
             f"{siege.scheme}://:{name}-token@127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=self.lines, stderr=self.lines, env=environment())
        wait_until(lambda: os.path.exists(self.path), self.process, self.said)
        with open(self.path, encoding="ascii") as f:
            self.address = json.load(f)["destination_account"]

    def said(self):
        self.lines.seek(0)
        return self.lines.read().decode(errors="replace")

    def events(self):
        """What it has printed so far, whole lines."""
        lines = self.said().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def printed(self):
        return sum(int(e["amount"]) for e in self.events() if e["event"] == "money")

    def settle(self):
        """
        Waits until all that the node has for it is answered, and what it fulfilled is printed. What
        somebody who is gone had left with the node comes before the answer to a new packet. What it
        answered as its link broke may have been fulfilled, too.
        """
        wait_until(self.answers, what=lambda: self.said()[-2000:], interval=0.05)
        wait_until(self.settled, what=lambda: (self.printed(), {k: v for k, v in vars(self.proxy.down).items()
                                                                if isinstance(v, int)}))

    def answers(self):
        asked = subprocess.run(
            [RILL, "ping", self.address, "--link", f"{self.siege.scheme}://:settle@127.0.0.1:{self.siege.port}"],
            capture_output=True, text=True, timeout=LIMIT, env=environment(), check=False)
        return f"F06 (Unexpected Payment), says {self.address.rpartition('.')[0]}" in asked.stderr

    def settled(self):
        down = self.proxy.down
        return (down.prepares == down.fulfills + down.rejects + down.unanswered
                and down.units <= self.printed() <= down.units + down.unheard)

    def send(self, amount, packets):
        return subprocess.run(
            [RILL, "send", "--json", "--credentials", self.path, "--amount", str(amount), "--max-packet",
             str(amount // packets), *self.siege.tls, "--link",
             f"{self.siege.scheme}://:honest-{os.urandom(8).hex()}@127.0.0.1:{self.siege.port}"],
            capture_output=True, text=True, timeout=LIMIT + PAY_SECONDS, env=environment(), check=False)

    def pay(self, amount=3000, packets=300):
        """
        An honest payment: all of it arrives, in time, to the unit. How long it took. Where the node
        is so beset that it cannot be reached at first, it is tried again, as a person would.
        """
        before = self.proxy.books()[1] if self.proxy else 0
        start = time.monotonic()
        result = self.send(amount, packets)
        while result.returncode == 3 and time.monotonic() - start < PAY_SECONDS:
            self.retries += 1
            result = self.send(amount, packets)
        took = time.monotonic() - start
        assert result.returncode == 0, result
        done = json.loads(result.stdout.splitlines()[-1])
        sums = int(done["sent"]), int(done["delivered"]), int(done["in_doubt"])
        assert sums == (amount, amount, 0), done
        if self.proxy:
            got = self.proxy.books()[1] - before
            assert got == amount, f"the receiver's books say {got}, not {amount}"
            assert self.proxy.down.twice == 0 and self.proxy.down.wrong == 0
        assert took <= PAY_SECONDS, f"an honest payment took {took:.1f} s"
        return took

    def close(self):
        """Ends it cleanly, unless its test has killed it. Returns what is wrong with its end, or None."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(LIMIT)
        wrong = None if code in (0, -signal.SIGKILL) else f"a receiver ended with {code}: {self.said()[-3000:]}"
        self.lines.close()
        if self.proxy:
            self.proxy.stop()
        return wrong


def lost(sender, receiver):
    """Like contradicted, for two proxies."""
    with sender.lock, receiver.lock:
        return contradicted(sender.up, receiver.down)


def run_tests(tests):
    """TAP. Tests of one group run at the same time: they wait more than they work."""
    only = sys.argv[4:]
    groups = [[t for t in group if not only or t.__name__ in only] for group in tests]
    print(f"1..{sum(len(group) for group in groups)}", flush=True)
    number, failed = 0, 0
    for group in groups:
        results = [None] * len(group)

        def run(i, test):
            start = time.monotonic()
            try:
                note = test()
                results[i] = (True, f"{note}; {time.monotonic() - start:.1f} s")
            except Exception:  # every failure is a line of TAP
                results[i] = (False, traceback.format_exc())

        threads = [threading.Thread(target=run, args=(i, test)) for i, test in enumerate(group)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for test, (good, text) in zip(group, results):
            number += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {test.__name__.replace('_', ' ')}")
            print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)
    return 1 if failed else 0


__all__ = ["FULL", "LIMIT", "MIB", "RILL", "SANITIZED", "Hammer", "Memory", "Node", "Proxy", "QuietNode", "Receiver",
           "Siege", "environment", "lost", "memory_of", "raise_file_limit", "run_tests", "scaled"]
