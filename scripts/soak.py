#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev soak: a node and receivers, built with sanitizers, under mixed traffic and random faults.

Payments with and without data, text alone, pings, clients that come and go at once, strangers who
say nothing or nonsense, connections cut in the middle, clients killed. Proxies before the node keep
books of what is fulfilled. Every 10 s the memory of each process is read. The verdict, at the end:

- books: of each payment sent <= fulfilled at its receiver <= sent + in doubt, and equal where
  nothing was cut or killed; nothing fulfilled twice; receivers print what the books say. (What a
  receiver fulfilled while its own link broke does not count: the node knows of no fulfillment.)
- memory: after the warm-up (a quarter of the run, 90 s at least) a straight line through a
  process's memory rises by no more than the larger of 4 MiB and 5 % over the rest of the run;
- sanitizers: no report, and every process that was not killed ends with status 0.
"""

import argparse
import base64
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

import btp  # noqa: E402  (found by the line above)
from proxy import Proxy, contradicted  # noqa: E402

SAMPLE_SECONDS = 10
WARM_UP = 0.25          # of the run, and
WARM_UP_SECONDS = 90    # at least
MOST_GROWTH = 4 << 20   # bytes, or
MOST_GROWTH_PART = 0.05
PATIENCE = 120          # seconds for a process to end, a line to come
RECEIVERS = 4
SANITIZERS = {
    # A small quarantine is full before the warm-up is over.
    "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16:thread_local_quarantine_size_kb=64:"
                    "malloc_context_size=12",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
REPORT = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|Assertion")
UNITS = re.compile(r'"amount":"(\d+)"')


class Problem(Exception):
    """Something that the soak is there to find."""


def environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ILP_", "MONEYD_"))}
    return {**env, **SANITIZERS}


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) * 1024


def slope(samples):
    """How much a straight line through (time, value) rises, a second."""
    n = len(samples)
    mean_x = sum(x for x, _ in samples) / n
    mean_y = sum(y for _, y in samples) / n
    across = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / across if across else 0.0


class Process:
    """A program whose standard error is looked at for reports when it has ended."""
    running = set()

    def __init__(self, soak, args, stdout):
        self.soak = soak
        self.errors = tempfile.TemporaryFile(dir=soak.folder)
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=stdout,
                                        stderr=self.errors, env=environment())
        self.running.add(self.process)
        self.name = os.path.basename(args[0]) + " " + args[1]
        self.killed = False

    def kill(self):
        self.killed = True
        self.process.kill()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def finish(self, good=(0,)):
        """Waits for its end, and judges it, once."""
        if self.errors.closed:
            return self.process.returncode
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Problem(f"{self.name} did not end within {PATIENCE} s") from None
        self.running.discard(self.process)
        said = self.said()
        self.errors.close()
        if REPORT.search(said):
            raise Problem(f"{self.name}: a report:\n{said.decode(errors='replace')[-6000:]}")
        if not self.killed and code not in good:
            raise Problem(f"{self.name} ended with {code}: {said.decode(errors='replace')[-500:]}")
        return code


class Receiver:
    """`rill receive` behind a proxy. One payment at a time: credentials are one connection's."""

    def __init__(self, soak, number):
        self.soak = soak
        self.number = number
        self.free = threading.Lock()
        self.proxy = Proxy(soak.port)
        self.path = os.path.join(soak.folder, f"receiver-{number}")
        self.samples = []
        self.start()

    def start(self):
        self.printed = 0
        self.before = self.proxy.books()[1]
        self.unheard = self.proxy.down.unheard
        self.started = threading.Event()
        self.ended = threading.Condition()
        self.ends = 0
        self.history = []  # payments and their faults since its start
        self.program = Process(self.soak, [
            self.soak.rill, "receive", "--json", "--credentials", "-", "--link",
            f"btp+ws://:receiver-{self.number}@127.0.0.1:{self.proxy.port}"], subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, args=(self.program.process.stdout,), daemon=True)
        self.reader.start()
        if not self.started.wait(PATIENCE):
            raise Problem("a receiver does not start")

    def read(self, stdout):
        """Adds up what it prints. Data is long, and only counted by its sender."""
        for line in stdout:
            if b'"event":"money"' in line:
                self.printed += int(UNITS.search(line.decode())[1])
            elif b'"event":"connection_end"' in line:
                with self.ended:
                    self.ends += 1
                    self.ended.notify_all()
            elif b"shared_secret" in line:
                with open(self.path, "wb") as f:
                    f.write(line)
                self.started.set()
        stdout.close()

    def wait_end(self, ends, seconds):
        with self.ended:
            self.ended.wait_for(lambda: self.ends > ends, seconds)

    def stop(self, how):
        """SIGKILL, or SIGTERM and a look at its books."""
        if how == signal.SIGKILL:
            self.program.kill()
        else:
            self.program.process.send_signal(how)
        try:
            self.program.finish()
        finally:
            self.reader.join(PATIENCE)
        if not self.proxy.wait_idle(PATIENCE):
            raise Problem(f"receiver {self.number} is gone, and its connection is not")
        fulfilled = self.proxy.books()[1] - self.before
        # A fulfillment leaves before the line about it does, so one killed may say less; and one whose
        # link broke may have fulfilled what the link did not carry any more.
        unheard = self.proxy.down.unheard - self.unheard
        if self.printed > fulfilled + unheard or (how != signal.SIGKILL and self.printed < fulfilled):
            raise Problem(f"receiver {self.number} printed {self.printed} units, its fulfillments are "
                          f"{fulfilled}, and it may have made others of {unheard}; after {self.history}")


class Soak:
    def __init__(self, build, folder, seconds, seed):
        self.rill = os.path.join(build, "src", "cli", "rill")
        self.rilld = os.path.join(build, "src", "cli", "rilld")
        self.seconds = seconds
        self.seed = seed
        self.folder = folder
        self.stop = threading.Event()
        self.counts_lock = threading.Lock()
        self.counts = {}
        self.problems = []
        self.samples = []
        self.start_node()
        self.receivers = [Receiver(self, i) for i in range(RECEIVERS)]
        self.long = Receiver(self, RECEIVERS)

    def start_node(self):
        port_file = os.path.join(self.folder, "port")
        # Few accounts and strangers, so that the limits are met during the warm-up.
        self.node = Process(self, [self.rilld, "local", "--listen", "127.0.0.1:0", "--port-file", port_file,
                                   "--max-accounts", "500", "--max-strangers", "32"], subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(port_file):
            if self.node.process.poll() is not None or time.monotonic() > end:
                raise Problem(f"the node does not start: {self.node.said()}")
            time.sleep(0.02)
        with open(port_file, encoding="ascii") as f:
            self.port = int(f.read())

    def count(self, name, n=1):
        with self.counts_lock:
            self.counts[name] = self.counts.get(name, 0) + n

    def found(self, problem):
        with self.counts_lock:
            self.problems.append(str(problem))
        self.stop.set()
        print(f"PROBLEM {problem}", flush=True)

    # ---- traffic: each worker does one thing again and again ----

    def worker(self, function, number):
        rng = random.Random(f"{self.seed} {function.__name__} {number}")
        while not self.stop.is_set():
            try:
                function(rng)
            except Problem as problem:
                self.found(problem)
            except Exception as error:  # a fault of ours ends the soak as well, and is told
                self.found(f"{function.__name__}: {type(error).__name__}: {error}")
                time.sleep(1)

    def pay(self, rng):
        receiver = rng.choice(self.receivers)
        if not receiver.free.acquire(timeout=1):
            return
        try:
            self.pay_to(receiver, rng)
        finally:
            receiver.free.release()

    def pay_to(self, receiver, rng):
        fault = rng.choice(["none"] * 6 + ["cut sender", "cut receiver", "kill sender", "kill receiver"])
        proxy = Proxy(self.port)
        amount = rng.choice([0, 1, 100, 10_000, 1_000_000]) + rng.randrange(1000)
        size = rng.choice([0, 0, 5, 3000, 300_000]) if amount else 1000
        # Less than the 30 s after which what is in doubt is not in doubt any more; and where nothing is
        # to go wrong, enough for a slow machine.
        seconds = "25" if fault in ("none", "kill sender") else "8"
        args = [self.rill, "send", "--json", "--credentials", receiver.path, "--timeout", seconds, "--link",
                f"btp+ws://:payer-{rng.randrange(200)}@127.0.0.1:{proxy.port}"]
        if amount:
            args += ["--amount", str(amount), "--max-packet", str(max(1, amount // rng.choice([1, 30, 1000])))]
        if size:
            path = os.path.join(self.folder, f"data-{threading.get_ident()}")
            with open(path, "wb") as f:
                f.write(rng.randbytes(size))
            args += ["--file", path]
        before, ends, cuts = receiver.proxy.books()[1], receiver.ends, receiver.proxy.cuts
        count = rng.randrange(1, 40)
        sender = Process(self, args, subprocess.PIPE)
        if fault == "cut sender":
            proxy.when_fulfilled(proxy.up, count, proxy.cut)
        elif fault == "kill sender":
            proxy.when_fulfilled(proxy.up, count, sender.kill)
        elif fault == "cut receiver":
            receiver.proxy.when_fulfilled(receiver.proxy.down, count, receiver.proxy.cut)
        elif fault == "kill receiver":
            receiver.proxy.when_fulfilled(receiver.proxy.down, count, receiver.program.kill)
        out = sender.process.stdout.read()
        sender.process.stdout.close()
        sender.process.wait(PATIENCE)
        said = sender.said().decode(errors="replace").strip()
        code = sender.finish(good=(0, 1))
        receiver.history.append(f"{fault} at {count}: {amount} units, {size} bytes, exit {code}")
        receiver.proxy.triggers.clear()
        proxy.stop()
        died = receiver.program.killed
        if died:
            receiver.proxy.wait_idle(PATIENCE)
        else:
            # Who was killed or cut off says no goodbye: what is under way is there within a second.
            receiver.wait_end(ends, 1 if code != 0 or sender.killed else PATIENCE)
            receiver.proxy.wait_answered(5)
        self.judge(receiver, proxy, sender, code, out, before, amount, died, cuts, fault, said)
        if died:
            receiver.stop(signal.SIGKILL)
            receiver.start()
            self.count("receivers killed")
        elif sender.killed:
            # Its connection would be gone on with by the next: the receiver is to forget it.
            receiver.stop(signal.SIGTERM)
            receiver.start()
        self.count("connections cut", proxy.cuts + receiver.proxy.cuts - cuts)

    def judge(self, receiver, proxy, sender, code, out, before, amount, died, cuts, fault, said):
        fulfilled = receiver.proxy.books()[1] - before
        self.count("payments")
        self.count("units fulfilled", fulfilled)
        if sender.killed:
            self.count("senders killed")
            return
        result = json.loads(out.splitlines()[-1]) if out else None
        if result is None:
            raise Problem("rill send printed nothing")
        sent, doubt = int(result["sent"]), int(result["in_doubt"])
        lost = contradicted(proxy.up, receiver.proxy.down)
        text = (f"sent {sent} of {amount}, in doubt {doubt}, fulfilled {fulfilled}, of these {lost} "
                f"lost with the receiver's link, exit {code}, {fault}: {said}; at the sender "
                f"{proxy.up.prepares} packets, {proxy.up.fulfills} fulfilled, {proxy.up.rejects} rejected")
        self.count("units fulfilled and lost with the receiver's link", lost)
        if not sent <= fulfilled - lost <= sent + doubt or sent > amount or proxy.books()[0] > fulfilled:
            raise Problem(f"the books do not balance: {text}")
        if code == 0 and (sent != amount or doubt != 0):
            raise Problem(f"called complete, and is not: {text}")
        if code != 0 and not (proxy.cuts or receiver.proxy.cuts > cuts or died):
            raise Problem(f"incomplete for no reason: {text}")
        self.count("payments complete" if code == 0 else "payments incomplete")
        self.count("units left in doubt", doubt)

    def pay_long(self, rng):
        """A long connection: many packets, many bytes, no fault."""
        before = self.long.proxy.books()[1]
        amount = rng.randrange(100_000, 400_000)
        args = [self.rill, "send", "--json", "--credentials", self.long.path, "--amount", str(amount),
                "--max-packet", "4", "--link", f"btp+ws://:long@127.0.0.1:{self.port}"]
        ends = self.long.ends
        sender = Process(self, args, subprocess.PIPE)
        out = sender.process.stdout.read()
        sender.process.stdout.close()
        sender.finish()
        self.long.wait_end(ends, PATIENCE)
        fulfilled = self.long.proxy.books()[1] - before
        if int(json.loads(out.splitlines()[-1])["sent"]) != amount or fulfilled != amount:
            raise Problem(f"a long payment: {amount} to send, {fulfilled} fulfilled: {out}")
        self.count("long payments")

    def ask(self, rng):
        args = rng.choice([["ping", "private.rill", "--count", "2"], ["info"], ["ping", "private.rill.nobody"]])
        program = Process(self, [self.rill, *args, "--link",
                                 f"btp+ws://:asker-{rng.randrange(50)}@127.0.0.1:{self.port}"],
                          subprocess.DEVNULL)
        program.finish(good=(1,) if "private.rill.nobody" in args else (0,))
        self.count("pings and questions")
        self.stop.wait(rng.random() * 2)

    def come_and_go(self, rng):
        """Short connections, with a token of their own each; some ask something."""
        client = btp.Client(self.port, "", f"token-{rng.getrandbits(64)}")
        if not client.accepted:
            raise Problem("a client was refused")
        if rng.random() < 0.3:
            client.call(btp.prepare("private.rill.nobody", seconds=20))
        if rng.random() < 0.5:
            client.ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        btp.Client.everyone.clear()
        self.count("short connections")
        self.stop.wait(rng.random() * 0.05)

    def trespass(self, rng):
        """Strangers: silent, nonsensical, wrong tokens, huge frames, bogus addresses."""
        kind = rng.randrange(5)
        try:
            if kind == 0:
                with socket.create_connection(("127.0.0.1", self.port)) as s:
                    s.sendall(rng.randbytes(rng.randrange(2000)))
                    self.stop.wait(rng.random())
            elif kind == 1:
                ws = btp.WebSocket(self.port)
                ws.socket.sendall(rng.randbytes(rng.randrange(3000)))
                ws.close()
            elif kind == 2:
                client = btp.Client(self.port, "fixed", rng.choice(["right", "wrong"]))
                client.close()
            elif kind == 3:
                client = btp.Client(self.port, "", "huge")
                client.ws.socket.sendall(b"\x82\xff" + (100 << 20).to_bytes(8, "big") + bytes(4000))
                client.close()
            else:
                self.bogus_tokens(rng)
        except (OSError, btp.Closed):
            pass
        btp.Client.everyone.clear()
        self.count("strangers")
        self.stop.wait(rng.random() * 0.1)

    def bogus_tokens(self, rng):
        """Packets to a receiver with tokens that it never made, and bytes that nobody sealed."""
        with open(rng.choice(self.receivers).path, encoding="ascii") as f:
            account = json.load(f)["destination_account"].rsplit(".", 1)[0]
        client = btp.Client(self.port, "", "bogus")
        asked = []
        for _ in range(100):
            token = base64.urlsafe_b64encode(rng.randbytes(45)).decode()
            asked.append(client.ask(btp.prepare(f"{account}.{token}", data=rng.randbytes(200))))
        for request in asked:
            reply = client.reply_to(request)
            if reply["type"] == btp.FULFILL:
                raise Problem("a receiver fulfilled a packet that nobody sealed")
        client.close()
        self.count("bogus tokens", len(asked))

    # ---- the run ----

    def sample(self, now):
        self.samples.append((now, memory_of(self.node.process.pid)))
        self.long.samples.append((now, memory_of(self.long.program.process.pid)))

    def watch(self):
        begin = time.monotonic()
        end = begin + self.seconds
        while (now := time.monotonic()) < end and not self.stop.is_set():
            for program in (self.node, self.long.program):
                if program.process.poll() is not None:
                    self.found(f"{program.name} has ended: {program.said().decode(errors='replace')[-6000:]}")
                    return
            self.sample(now - begin)
            if len(self.samples) % 6 == 0:  # no payment takes half as long
                for r in [*self.receivers, self.long]:
                    r.proxy.down.forget()
            counts = ", ".join(f"{n} {name}" for name, n in sorted(self.counts.items()))
            print(f"{now - begin:6.0f} s  node {self.samples[-1][1] / 2**20:6.1f} MiB  "
                  f"receiver {self.long.samples[-1][1] / 2**20:6.1f} MiB  {counts}", flush=True)
            self.stop.wait(max(0.0, min(SAMPLE_SECONDS, end - time.monotonic())))

    def run(self):
        workers = [(self.pay, 3), (self.pay_long, 1), (self.ask, 1), (self.come_and_go, 2), (self.trespass, 2)]
        threads = [threading.Thread(target=self.worker, args=(function, number), daemon=True)
                   for function, many in workers for number in range(many)]
        for thread in threads:
            thread.start()
        self.watch()
        self.stop.set()
        for thread in threads:
            thread.join(2 * PATIENCE)
            if thread.is_alive():
                self.found("a worker does not end")
        self.end()
        return self.verdict()

    def end(self):
        for r in [*self.receivers, self.long]:
            try:
                r.stop(signal.SIGTERM)
                down = r.proxy.down
                if down.twice or down.wrong:
                    raise Problem(f"receiver {r.number}: {down.twice} fulfilled twice, {down.wrong} wrongly")
            except Problem as problem:
                self.found(problem)
            r.proxy.stop()
        try:
            self.node.process.send_signal(signal.SIGTERM)
            self.node.finish()
        except Problem as problem:
            self.found(problem)

    def memory_verdict(self, name, samples):
        last = samples[-1][0]
        warm = [s for s in samples if s[0] >= max(WARM_UP * last, WARM_UP_SECONDS)]
        if len(warm) < 6:
            self.found(f"{name}: too few samples for a verdict on memory: run for longer")
            return
        growth = slope(warm) * (warm[-1][0] - warm[0][0])
        bound = max(MOST_GROWTH, MOST_GROWTH_PART * warm[0][1])
        print(f"{name}: {warm[0][1] / 2**20:.1f} MiB at {warm[0][0]:.0f} s, "
              f"{warm[-1][1] / 2**20:.1f} MiB at {warm[-1][0]:.0f} s, most {max(y for _, y in warm) / 2**20:.1f}; "
              f"the line rises by {growth / 2**20:+.2f} MiB, the bound is {bound / 2**20:.1f}")
        if growth > bound:
            self.found(f"{name} grows")

    def verdict(self):
        self.memory_verdict("node", self.samples)
        self.memory_verdict("receiver", self.long.samples)
        for name, n in sorted(self.counts.items()):
            print(f"{n:12} {name}")
        for name in ("payments complete", "payments incomplete", "senders killed", "receivers killed",
                     "connections cut", "long payments", "short connections", "bogus tokens"):
            if not self.counts.get(name):
                self.found(f"there were no {name}: the soak did not do its work")
        print(f"soak: {'FAILED' if self.problems else 'passed'} after {self.samples[-1][0] / 60:.1f} minutes, "
              f"seed {self.seed}, {len(self.problems)} problems")
        return 1 if self.problems else 0


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"soak of {options.minutes:g} minutes, seed {options.seed}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="rill-soak-") as folder:
            return Soak(options.build, folder, options.minutes * 60, options.seed).run()
    finally:
        for process in Process.running:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
