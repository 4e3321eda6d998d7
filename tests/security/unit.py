#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd units: what systemd says of them, and rilld below the filters that they ask for.

Usage: unit.py FOLDER-OF-PROGRAMS FOLDER-OF-EXAMPLES UNIT COMPILER...

There need be no systemd that runs: the same seccomp filters are made here, of the lists that
systemd-analyze prints, and put in front of rilld, which then must serve a payment. Prints TAP.
"""
import ctypes
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import LIMIT, RILLD, environment, run_tests  # noqa: E402

UNIT, COMPILER = sys.argv[3], sys.argv[4:]
CONNECTOR_UNIT = os.path.join(os.path.dirname(UNIT), "rilld-connector.service")
RILLCTL = os.path.join(os.path.dirname(RILLD), "rillctl")
EXPOSURE = 15  # of 100, as systemd counts it
EPERM = 1
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def said(*command):
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False,
                         stdin=subprocess.DEVNULL)
    return run.returncode, run.stdout + run.stderr


def settings(unit, name):
    """The values of a setting, in their order."""
    with open(unit, encoding="utf-8") as f:
        return re.findall(rf"^{name}=(.*)$", f.read(), re.MULTILINE)


# ---- the lists ----

def group(name):
    """The system calls of a group."""
    status, text = said("systemd-analyze", "--no-pager", "syscall-filter", name)
    assert status == 0, text
    calls = set()
    for word in (line.strip() for line in text.splitlines()[1:]):
        if word.startswith("@"):
            calls |= group(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def members(words):
    calls = set()
    for word in words.split():
        calls |= group(word) if word.startswith("@") else {word}
    return calls


def allowed_calls(unit=UNIT):
    """What SystemCallFilter= leaves; systemd lets through what every program needs, @default."""
    calls = group("@default")
    for value in settings(unit, "SystemCallFilter"):
        if value.startswith("~"):
            calls -= members(value[1:]) - group("@default")
        else:
            calls |= members(value)
    return calls


def call_numbers():
    text = subprocess.run([*COMPILER, "-E", "-dM", "-include", "sys/syscall.h", "-x", "c",
                           os.devnull], capture_output=True, text=True, timeout=LIMIT,
                          check=True).stdout
    return {name: int(n) for name, n in re.findall(r"#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


# ---- a filter of seccomp, in the machine that the kernel runs ----

LOAD, EQUAL, MASKED, RETURN = 0x20, 0x15, 0x45, 0x06  # ld abs, jeq, jset, ret
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | EPERM
NUMBER, ARGUMENT_0, ARGUMENT_2 = 0, 16, 32
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
PROT_WRITE, PROT_EXEC = 2, 4


def op(code, k, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, k)


def one_of(place, values, yes):
    """If what lies at place is one of these, `yes`; else it is refused."""
    tests = [op(EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [op(LOAD, place), *tests, op(RETURN, REFUSE), op(RETURN, yes)]


def never_both(place, first, second):
    """Refused where both bits are set."""
    return [op(LOAD, place), op(MASKED, first, 0, 2), op(MASKED, second, 0, 1),
            op(RETURN, REFUSE), op(RETURN, ALLOW)]


def only_for(number, then):
    return [op(LOAD, NUMBER), op(EQUAL, number, 0, len(then)), *then]


def program(calls, unit):
    """SystemCallFilter=, RestrictAddressFamilies= and MemoryDenyWriteExecute=."""
    numbers = call_numbers()
    families = {"AF_INET": AF_INET, "AF_INET6": AF_INET6, "AF_UNIX": AF_UNIX, "AF_NETLINK": AF_NETLINK}
    wanted = [families[name] for value in settings(unit, "RestrictAddressFamilies")
              for name in value.split()]
    ops = only_for(numbers["socket"], one_of(ARGUMENT_0, wanted, ALLOW)) if "socket" in calls else []
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]:
        ops += only_for(numbers["mmap"], never_both(ARGUMENT_2, PROT_WRITE, PROT_EXEC))
    ops.append(op(LOAD, NUMBER))
    for name in sorted(calls & numbers.keys()):
        ops += [op(EQUAL, numbers[name], 0, 1), op(RETURN, ALLOW)]
    ops.append(op(RETURN, REFUSE))
    assert len(ops) <= 4096
    return b"".join(ops), len(ops)


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2


def sandbox(calls, unit):
    """For a child before it becomes rilld: the filters, no rights, the unit's limits."""
    code, count = program(calls, unit)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", count, ctypes.addressof(buffer))

    def enter():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            os._exit(98)
        if LIBC.prctl(PR_SET_SECCOMP, FILTER, header, 0, 0) != 0:
            os._exit(99)
    return enter, buffer


def is_ready(node):
    """Waits until the manager is told."""
    while not node.manager.recv(4096).startswith(b"READY=1"):
        pass


def start(case, calls, unit=UNIT, command=None, **variables):
    enter, buffer = sandbox(calls, unit)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"rill-unit-{os.getpid()}-{os.urandom(4).hex()}"
    manager.bind("\0" + name)
    manager.settimeout(LIMIT)
    program_file = case.file("rilld")
    os.chmod(case.folder, 0o777)
    with open(RILLD, "rb") as f:
        case.file("rilld", f.read())
    os.chmod(program_file, 0o755)
    command = command or ["local", "--listen", "127.0.0.1:0", "--port-file", case.file("port")]
    node = case.start([program_file, *command], env=environment(NOTIFY_SOCKET="@" + name, **variables),
                      preexec_fn=enter)
    node.buffer = buffer
    node.manager = manager
    return node


def pay(case, links):
    receiver = case.rill("receive", "--link", links[0], "--credentials", case.file("c.json"),
                         "--connections", "1")
    receiver.until("wrote its ILP address")
    sender = case.rill("send", "--link", links[1], "--credentials", case.file("c.json"),
                       "--amount", "12345")
    assert sender.end() == 0, sender.text
    assert receiver.end() == 0, receiver.text
    assert re.search("payment for: 12345", "\n".join(receiver.lines())), receiver.text


# ---- the tests ----

@test
def systemd_finds_little_that_is_exposed(case):
    for path in (UNIT, CONNECTOR_UNIT):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        unit = case.file(os.path.basename(path), re.sub(r"^ExecStart=\S+", f"ExecStart={RILLD}", text, flags=re.MULTILINE))
        status, out = said("systemd-analyze", "--no-pager", "security", "--offline=true",
                           f"--threshold={EXPOSURE}", unit)
        assert status == 0, out
        status, out = said("systemd-analyze", "--no-pager", "verify", "--man=no", unit)
        assert status == 0 and out.strip() == "", out
    bare = case.file("bare.service", f"[Service]\nExecStart={RILLD} local\n")
    status, _ = said("systemd-analyze", "--no-pager", "security", "--offline=true",
                     f"--threshold={EXPOSURE}", bare)
    assert status != 0, "a unit without any of it passes too"


@test
def rilld_serves_below_the_filters(case):
    node = start(case, allowed_calls())
    node.until("ready on", "err")
    is_ready(node)
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as f:
        status = f.read()
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE), status
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE), status
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE), status
    with open(case.file("port"), encoding="ascii") as f:
        port = int(f.read())
    links = [f"btp+ws://:{who}-{os.urandom(8).hex()}@127.0.0.1:{port}" for who in "ab"]
    pay(case, links)
    node.process.send_signal(signal.SIGUSR1)
    node.until("requests open", "err")
    node.process.send_signal(signal.SIGTERM)
    assert node.end() == 0, node.text


@test
def a_connector_serves_below_its_filters(case):
    """With books that are new, and with those that it finds."""
    config = case.file("connector.yaml", f"""address: g.x
store: {{path: {case.folder}/books}}
listen: [{{port: 0}}]
accounts:
  a: {{relation: child, asset: USD/6, tokens: env:TOKEN_A, credit: 1000000}}
  b: {{relation: child, asset: USD/6, tokens: env:TOKEN_B, credit: 1000000}}
""")
    os.chmod(config, 0o644)
    for _ in range(2):
        node = start(case, allowed_calls(CONNECTOR_UNIT), CONNECTOR_UNIT, ["run", "--config", config],
                     TOKEN_A="a-token", TOKEN_B="b-token", RUNTIME_DIRECTORY=case.folder)
        is_ready(node)
        port = re.search(r"ready on \S+:(\d+) ", node.until("ready on", "err")).group(1)
        pay(case, [f"btp+ws://:{who}-token@127.0.0.1:{port}" for who in "ab"])
        status, out = said(RILLCTL, "status", "--socket", case.file("admin.sock"))
        assert status == 0 and "g.x" in out, out
        node.process.send_signal(signal.SIGHUP)
        is_ready(node)
        node.process.send_signal(signal.SIGTERM)
        assert node.end() == 0, node.text


@test
def the_filters_filter(case):
    for missing in ({"socket"}, {"epoll_create1"}, {"bind"}):
        node = start(case, allowed_calls() - missing)
        code = node.end()
        assert code not in (0, 98, 99), f"without {missing}: {code} {node.text}"


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
