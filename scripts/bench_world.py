# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of bench.py run in: programs, nodes, a long way, and processor time."""

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INTEROP = os.path.join(ROOT, "tests/interop")
PYTHON = os.path.join(ROOT, "build/python/bin/python")  # bindings/python/tests/install makes it
PACKET = 1000  # units of a packet, as bench/*.c and bench/js/*.js have it


class Failed(Exception):
    """A benchmark could not be measured; the others go on."""


def figures(text):
    """{name: [figure, ...]} of the lines that the programs print."""
    out = {}
    for line in text.splitlines():
        name, tab, value = line.partition("\t")
        if tab:
            out.setdefault(name, []).append(float(value))
    return out


TOKEN = secrets.token_hex(16)


def link(port, name, scheme="btp+ws"):
    """Over HTTP there are no names."""
    return f"{scheme}://{name}:{TOKEN}@127.0.0.1:{port}"


class World:
    """When it is closed, it ends everything that it has started."""

    def __init__(self, build, settings):
        self.build = build
        self.settings = settings
        self.folder = tempfile.mkdtemp(prefix="rill-bench-")
        self.running = []
        self.names = 0
        self.server = None
        self.server_start = 0.0  # processor seconds until send_js's server listened

    def close(self):
        self.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop_all(self):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        self.running = []

    def file(self, name):
        self.names += 1
        return os.path.join(self.folder, f"{self.names}-{name}")

    def program(self, name):
        return os.path.join(self.build, "bench", f"bench_{name}")

    def run(self, command, timeout=60, env=None):
        """The figures that a program prints."""
        command = [str(word) for word in command]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=timeout, check=False,
                                  env={**os.environ, **(env or {})})
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{os.path.basename(command[0])}: over {timeout} s") from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            raise Failed(f"{' '.join(map(os.path.basename, command[:3]))}: {lines[-1]}")
        return figures(done.stdout)

    def c(self, name, *arguments, timeout=60):
        return self.run([self.program(name), *arguments], timeout)

    def js(self, script, *arguments, timeout=60, env=None):
        if not self.settings.javascript:
            return {}
        return self.run(["node", "--expose-gc", os.path.join(ROOT, "bench/js", script),
                         *arguments], timeout, env)

    def js_idle(self, *arguments):
        """Idle connections in Node, with what malloc has handed out counted."""
        env = {"LD_PRELOAD": os.path.join(self.build, "bench", "bench_malloc.so"),
               "RILL_MALLOC": self.file("malloc")}
        return self.js("pair.js", "idle", *arguments, timeout=120, env=env)

    def start(self, command, pattern=None, errors=subprocess.DEVNULL):
        """Starts a process and waits for the line that matches pattern, if there is one."""
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=errors, text=True)
        self.running.append(process)
        while pattern:
            line = process.stdout.readline()
            if line == "":
                raise Failed(f"{os.path.basename(str(command[0]))} ended at once")
            match = re.search(pattern, line)
            if match:
                return process, match
        return process, None

    def wait_for_file(self, name):
        for _ in range(1000):
            if os.path.exists(name) and os.path.getsize(name) > 0:
                with open(name, encoding="utf-8") as file:
                    text = file.read()
                if text.endswith("\n"):
                    return text
            time.sleep(0.01)
        raise Failed(f"{name} was not written")

    def cli(self, name):
        return os.path.join(self.build, "src/cli", name)

    def rilld(self, http=False, tls=None, options=()):
        """(process, port); with http, the port takes that beside BTP"""
        file = self.file("port")
        more = ["--tls-cert", tls[0], "--tls-key", tls[1]] if tls else []
        process, _ = self.start([self.cli("rilld"), "local", "--quiet",
                                 "--listen-http" if http else "--listen", "127.0.0.1:0",
                                 "--port-file", file, *more, *options])
        return process, int(re.search(r"(\d+)\s*$", self.wait_for_file(file)).group(1))

    def certificate(self):
        """(certificate, key) of 127.0.0.1, which our programs trust from then on."""
        cert, key = self.file("cert.pem"), self.file("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                       check=True, capture_output=True, timeout=60)
        os.environ["SSL_CERT_FILE"] = cert
        return cert, key

    def rilld_run(self, durability):
        """(process, port) of a connector between alice and bob, in two assets."""
        file = self.file("connector.yaml")
        for name in "alice", "bob":
            os.environ[f"BENCH_{name.upper()}"] = f"{name}-{TOKEN}"
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""address: g.bench
store: {{path: {self.file("books")}, durability: {durability}}}
listen: [{{host: 127.0.0.1, port: 0}}]
accounts:
  alice: {{relation: child, asset: USD/2, tokens: env:BENCH_ALICE, credit: none}}
  bob: {{relation: child, asset: EUR/4, tokens: env:BENCH_BOB}}
rates: {{base: USD, spread: 0.002, prices: {{EUR: {{price: 1.0842}}}}}}
""")
        process, match = self.start([self.cli("rilld"), "run", "--config", file],
                                    r"ready on \S+:(\d+) as", subprocess.STDOUT)
        return process, int(match.group(1))

    def many_accounts(self, count):
        """The configuration of a connector with so many children, each with a token of its own."""
        file = self.file("accounts.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""address: g.bench
store: {{path: {self.file("books")}}}
admin: {{socket: none}}
listen: [{{host: 127.0.0.1, port: 0}}]
accounts:
""")
            for i in range(count):
                token = hashlib.sha256(f"{i}-{TOKEN}".encode()).hexdigest()
                out.write(f"  a{i}: {{relation: child, asset: USD/6, credit: 1000, "
                          f"tokens: 'sha256:{token}'}}\n")
        return file

    def rilld_of(self, file):
        """(process, seconds until it was ready) of a connector with this configuration."""
        begin = time.monotonic()
        process, _ = self.start([self.cli("rilld"), "run", "--config", file], r"ready on",
                                subprocess.STDOUT)
        return process, time.monotonic() - begin

    def end(self, process):
        """As an operator ends it: what it booked is in its store."""
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired as error:
            raise Failed("a process did not end") from error

    def connector(self):
        """ilp-connector as in `moneyd local`, without its limit of 10,000 packets a minute."""
        account = {
            "relation": "child", "plugin": "ilp-plugin-mini-accounts", "assetCode": "XRP",
            "assetScale": 9, "maxPacketAmount": str(PACKET),
            "rateLimit": {"refillPeriod": 1000, "refillCount": 1000000, "capacity": 1000000},
            "balance": {"minimum": "-Infinity", "maximum": "Infinity",
                        "settleThreshold": "-Infinity"},
            "options": {"wsOpts": {"host": "127.0.0.1", "port": 0}, "allowedOrigins": []},
        }
        config = {"ilpAddress": "private.moneyd", "backend": "one-to-one", "spread": 0,
                  "store": "ilp-store-memory", "env": "test", "accounts": {"local": account}}
        file = self.file("connector.json")
        with open(file, "w", encoding="utf-8") as out:
            json.dump(config, out)
        process, match = self.start(
            ["node", "--unhandled-rejections=warn",
             os.path.join(INTEROP, "lib/connector-main.js"), file], r'"local":(\d+)')
        return process, int(match.group(1))

    def delayed(self, port):
        """The port of a line to that port, 50 ms long each way."""
        _, match = self.start([self.program("delay"), port, self.settings.delay_ms], r"^(\d+)$")
        return int(match.group(1))

    def send_c(self, near, far, kind, count, buffers=None, by=None):
        """
        What bench_net's client prints; the server is at port near, the client at far. buffers:
        bytes of each of a stream's, instead of what they are at first. by: the client's link, if it
        is not one by BTP.
        """
        os.environ.pop("BENCH_BUFFER", None)
        if buffers:
            os.environ["BENCH_BUFFER"] = str(buffers)
        file = self.file("credentials")
        self.server, _ = self.start([self.program("net"), "receive", link(near, "bob"), file],
                                    "listening")
        return self.c("net", "send", by or link(far, "alice"), file, kind, count)

    def payee(self):
        """(process, (port of its node, port of its SPSP server)) of bench_payment's receiver."""
        process, match = self.start([self.program("payment"), "receive"],
                                    r"^listening (\d+) (\d+)$")
        return process, match.groups()

    def pay_c(self, ports, count, at_once):
        """What bench_payment's payer prints, at these ports."""
        return self.c("payment", "pay", link(ports[0], "", "ilp+h2c"),
                      f"http://127.0.0.1:{ports[1]}/alice", count, at_once)

    def server_cpu(self):
        """Processor seconds of send_c's server, which ends by itself."""
        try:
            return figures(self.server.communicate(timeout=10)[0])["cpu"][0]
        except (subprocess.TimeoutExpired, KeyError, ValueError) as error:
            raise Failed("bench_net receive did not end") from error

    def send_js(self, near, far, kind, count, *words):
        file = self.file("credentials")
        script = os.path.join(ROOT, "bench/js/net.js")
        self.server, _ = self.start(["node", script, "receive", link(near, "bob"), file, *words],
                                    "listening")
        self.server_start = cpu_seconds(self.server)
        return self.js("net.js", "send", link(far, "alice"), file, kind,
                       self.settings.js_seconds, count, *words)

    def send_python(self, near, far, kind, count):
        """The package of bindings/python, as send_js."""
        file = self.file("credentials")
        command = [PYTHON, os.path.join(ROOT, "bench/python/net.py")]
        self.start([*command, "receive", link(near, "bob"), file], "listening")
        return self.run([*command, "send", link(far, "alice"), file, kind,
                         self.settings.js_seconds, count])

    def send_program(self, program, port, file, amount):
        """The object that `rill send --json` ends with."""
        done = subprocess.run(
            [program, "send", "--link", link(port, "alice"), "--credentials", file, "--amount",
             str(amount), "--max-packet", str(PACKET), "--min-rate", "1", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"rill send: exit {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(process):
    """Processor time that a process has had."""
    with open(f"/proc/{process.pid}/schedstat", encoding="utf-8") as file:
        return int(file.read().split()[0]) / 1e9


def resident_bytes(process):
    """Memory of its own that a process has now, without what files give it."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^RssAnon:\s*(\d+)", file.read(), re.MULTILINE).group(1)) * 1024
