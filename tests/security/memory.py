#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which secrets stay in the memory of rilld and rill, and who can read that memory. Prints TAP.

Usage: memory.py FOLDER-OF-PROGRAMS FOLDER-OF-EXAMPLES

Memory is read from /proc/PID/mem, which RILL_CORE_DUMPS=1 allows as it allows core dumps. Each
search for what must not be there is made beside one for what must, so that it can fail.
"""
import base64
import hashlib
import hmac
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import btp  # noqa: E402
from harness import LIMIT, RILL, RILLD, environment, run_tests  # noqa: E402
from runner import wait_until  # noqa: E402

OPEN = {"RILL_CORE_DUMPS": "1"}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


# ---- reading and searching ----

def memory_of(pid):
    """All that the process may write to: heap, stacks, data."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, rights = line.split()[:2]
            start, end = (int(x, 16) for x in where.split("-"))
            if "w" not in rights:
                continue
            mem.seek(start)
            try:
                parts.append(mem.read(end - start))
            except OSError:
                pass  # nothing there: a guard
    return b"\0".join(parts)


def folded(data):
    """What stays the same below every WebSocket mask: how bytes four apart differ."""
    number = int.from_bytes(data, "big")
    return (number ^ (number >> 32)).to_bytes(len(data), "big")[4:]


def tail(secret):
    """Of what was freed the beginning is soon overwritten: its end is what gives it away."""
    return secret[len(secret) // 2:]


def found(memory, secret):
    """As it is, masked, in base64 and in hex."""
    forms = {secret, base64.b64encode(secret).rstrip(b"="), secret.hex().encode(),
             base64.urlsafe_b64encode(secret).rstrip(b"=")}
    return any(tail(form) in memory for form in forms) or folded(tail(secret)) in folded(memory)


def copies(memory, secret):
    """How many there are in plain, and how many with those below masks."""
    return memory.count(tail(secret)), folded(memory).count(folded(tail(secret)))


def holds(program, secret):
    return found(memory_of(program.process.pid), secret)


def fresh(kind):
    return f"tok-{kind}-{os.urandom(12).hex()}"


class Node:
    """A rilld whose memory may be read."""

    def __init__(self, case, *options, env=None):
        path = case.file(f"port{len(case.programs)}")
        self.program = case.start([RILLD, "local", "--listen", "127.0.0.1:0", "--port-file", path,
                                   *options], env=environment(**(OPEN if env is None else env)))
        self.program.until("ready", "err")
        with open(path, encoding="ascii") as f:
            self.port = int(f.read())

    def link(self, secret):
        return f"btp+ws://:{secret}@127.0.0.1:{self.port}"


# ---- tokens in rilld ----

@test
def rilld_forgets_a_token_once_it_is_hashed(case):
    node = Node(case)
    secrets = {kind: fresh(kind) for kind in ("named", "unnamed", "wrong")}
    named = btp.Client(node.port, "alice", secrets["named"])
    unnamed = btp.Client(node.port, "", secrets["unnamed"])
    wrong = btp.Client(node.port, "alice", secrets["wrong"])
    assert named.accepted and unnamed.accepted and not wrong.accepted
    memory = memory_of(node.program.process.pid)
    assert hashlib.sha256(secrets["named"].encode()).digest() in memory, "the search sees nothing"
    for kind, secret in secrets.items():
        assert not found(memory, secret.encode()), f"the {kind} token is still there"


@test
def rilld_forgets_a_token_that_came_in_pieces(case):
    node = Node(case)
    secret = fresh("pieces").encode()
    frame = btp.frame(btp.MESSAGE, 1, [("auth", 0, b""), ("auth_username", 1, b"b" * 200),
                                       ("auth_token", 1, secret + b"x" * 3000)])
    ws = btp.WebSocket(node.port)
    head, rest = frame[:20], frame[20:]
    ws.socket.sendall(bytes([0x02, 0x80 | len(head)]) + bytes(4) + head)  # more fragments follow
    start = bytes([0x80, 0x80 | 126]) + len(rest).to_bytes(2, "big") + bytes(4)
    ws.socket.sendall(start + rest[:-1])
    wait_until(lambda: holds(node.program, secret), what=lambda: "the search sees nothing")
    ws.socket.sendall(rest[-1:])
    assert btp.parse_frame(ws.receive())[0] == btp.RESPONSE
    assert not holds(node.program, secret), "the token is still there"
    ws.close()


@test
def rilld_forgets_a_token_that_came_over_tls(case):
    cert, key = case.file("cert.pem"), case.file("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True, timeout=LIMIT)
    node = Node(case, "--tls-cert", cert, "--tls-key", key)
    secret = fresh("tls")
    account = "a" * 200  # so that no later record is as long, and covers the token
    p = case.rill("receive", "--link", f"btp+wss://{account}:{secret}@localhost:{node.port}",
                  "--ca-file", cert, "--credentials", case.file("c.json"))
    p.until("wrote its ILP address")
    memory = memory_of(node.program.process.pid)
    assert hashlib.sha256(secret.encode()).digest() in memory, "the search sees nothing"
    assert not found(memory, secret.encode()), "the token is still there"


# ---- secrets in rill ----

def derived_key(secret):
    """What a connection keeps instead of its shared secret (RFC 29 section 5.1.2)."""
    return hmac.new(secret, b"ilp_stream_encryption", "sha256").digest()


@test
def rill_keeps_keys_only_while_it_needs_them(case):
    node = Node(case)
    secret = fresh("link")
    path = case.file("credentials.json")
    receiver = case.rill("receive", "--link", node.link(secret), "--credentials", path,
                         env=environment(**OPEN))
    receiver.until("wrote its ILP address")
    with open(path, encoding="ascii") as f:
        shared = base64.b64decode(json.load(f)["shared_secret"])
    memory = memory_of(receiver.process.pid)
    # The option, the link's URI, and the link itself, for connecting again; no frame of its own.
    assert copies(memory, secret.encode()) == (3, 3), copies(memory, secret.encode())
    assert not found(memory, shared), "a receiver keeps the shared secret that it gave out"
    # A payment that goes on: its data does not end.
    sender = case.start([RILL, "send", "--link-file", case.file("link", node.link(fresh("sender"))),
                         "--credentials", path, "--amount", "5", "--file", "-"],
                        stdin=subprocess.PIPE, env=environment(**OPEN))
    sender.process.stdin.write(b"hello")
    sender.process.stdin.flush()
    receiver.until("got data: hello")
    receiver.until("incoming payment for: 5")
    # While there is money to send, another connection may have to be made with it.
    wait_until(lambda: not found(memory_of(sender.process.pid), shared), sender.process,
               lambda: "send keeps the shared secret")
    for program in (sender, receiver):
        memory = memory_of(program.process.pid)
        assert derived_key(shared) in memory, "the search sees nothing"
        assert not found(memory, shared), f"{program.args[1]} keeps the shared secret"
    sender.process.stdin.close()
    assert sender.end() == 0


@test
def a_token_in_the_environment_leaves_no_copy_in_the_json_library(case):
    node = Node(case)
    secret = fresh("env")
    unused = fresh("unused")
    credentials = json.dumps({"server": node.link(secret), "unused": "x" * 5000 + unused})
    p = case.rill("receive", "--credentials", case.file("c.json"),
                  env=environment(ILP_CREDENTIALS=credentials, **OPEN))
    p.until("wrote its ILP address")
    # In the environment itself and in the link: twice, not more.
    memory = memory_of(p.process.pid)
    assert copies(memory, secret.encode()) == (2, 2), copies(memory, secret.encode())
    assert copies(memory, unused.encode()) == (1, 1), copies(memory, unused.encode())


@test
def a_token_on_the_command_line_is_erased(case):
    node = Node(case)
    secret = fresh("argv")
    for form in (["--link", node.link(secret)], ["--link=" + node.link(secret)]):
        p = case.rill("receive", *form, "--credentials", case.file("c.json"))
        p.until("wrote its ILP address")
        with open(f"/proc/{p.process.pid}/cmdline", "rb") as f:
            line = f.read()
        assert b"receive" in line and secret.encode() not in line, line


@test
def a_link_in_the_wrong_place_is_not_shown(case):
    for words in (["{}"], ["info", "{}"], ["ping", "{}"], ["--link={}"], ["info", "--lnk={}"],
                  ["info", "--lnk", "{}"], ["send", "--amount", "1", "{}"], ["{}", "info"],
                  ["ping", "private.rill", "{}"], ["info", "--json={}"], ["info", "--link=", "{}"]):
        secret = fresh("lost")
        p = case.rill(*(word.format(f"btp+ws://:{secret}@localhost:7768") for word in words))
        assert p.end() != 0, words
        assert secret not in str(p.text), (words, p.text)


# ---- who can read it ----

def as_nobody():
    """For a child: somebody without rights, where we are root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def readable_by_its_own_user(pid):
    """Whether another process of that user, without more rights, reads memory or environment."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            as_nobody()
            for name in ("mem", "environ"):
                try:
                    with open(f"/proc/{pid}/{name}", "rb"):
                        code = 1
                        break
                except PermissionError:
                    code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), code
    return code == 1


def yama():
    """Whether the system lets a user read his processes at all."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as f:
            return int(f.read())
    except OSError:
        return 0


def copy_of(case, program):
    """One that nobody can reach, wherever this was built."""
    os.chmod(case.folder, 0o777)
    return shutil.copy(program, case.folder)


@test
def nobody_of_the_same_user_reads_the_memory_of_rilld(case):
    rilld = copy_of(case, RILLD)
    answers = {}
    for name, env in (("open", OPEN), ("protected", {})):
        p = case.start([rilld, "local", "--listen", "127.0.0.1:0"], env=environment(**env),
                       preexec_fn=as_nobody)
        p.until("ready", "err")
        answers[name] = readable_by_its_own_user(p.process.pid)
    assert not answers["protected"]
    assert answers["open"] or yama() > 0, "the reading fails anyway"


@test
def nobody_of_the_same_user_reads_the_memory_of_rill(case):
    node = Node(case)
    rill = copy_of(case, RILL)
    answers = {}
    for name, env in (("open", OPEN), ("protected", {})):
        p = case.start([rill, "receive", "--link", node.link(fresh(name)), "--credentials",
                        case.file(f"{name}.json")], env=environment(**env), preexec_fn=as_nobody)
        p.until("wrote its ILP address")
        answers[name] = readable_by_its_own_user(p.process.pid)
    assert not answers["protected"]
    assert answers["open"] or yama() > 0, "the reading fails anyway"


def dumps_core(program):
    program.process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(program.process.pid, 0)
    program.process.returncode = -signal.SIGABRT
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT, status
    return os.WCOREDUMP(status)


@test
def a_crash_leaves_no_core_dump(case):
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    back = os.getcwd()
    os.chdir(case.folder)
    try:
        protected, opened = Node(case, env={}), Node(case)
        assert not dumps_core(protected.program), "rilld dumps its core"
        p = case.rill("receive", "--link", Node(case).link(fresh("x")), "--credentials", "c.json")
        p.until("wrote its ILP address")
        assert not dumps_core(p), "rill dumps its core"
        print(f"# with RILL_CORE_DUMPS=1 {'a' if dumps_core(opened.program) else 'no'} dump, "
              f"the limit being {hard}")
    finally:
        os.chdir(back)
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
