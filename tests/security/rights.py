#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What rights rilld keeps, and where it listens. Prints TAP.

Usage: rights.py FOLDER-OF-PROGRAMS FOLDER-OF-EXAMPLES

What only root can begin is left out for others.
"""
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import btp  # noqa: E402
from harness import LIMIT, RILL, RILLD, environment, run_tests  # noqa: E402
from runner import wait_until  # noqa: E402

NOBODY = 65534
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def for_root(function):
    if os.geteuid() == 0:
        TESTS.append(function)
    return function


def ids(pid):
    """The lines of /proc/PID/status about the user of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return {name: value.split() for name, value in
                (line.rstrip("\n").split(":", 1) for line in f)}


def free_privileged_port():
    for port in range(1023, 600, -1):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError("no free port below 1024")


def listening(pid):
    """(address, port) of every listening TCP socket of a process."""
    inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    found = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{name}", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    address, port = fields[1].split(":")
                    found.add((address, int(port, 16)))
    return found


def start(case, *options, env=None, ready=True, **more):
    os.chmod(case.folder, 0o777)
    node = case.start([RILLD, "local", *options], env=env or environment(), **more)
    if ready:
        node.until("ready on", "err")
    return node


# ---- where it listens ----

@test
def it_listens_to_this_machine_alone_unless_told(case):
    node = start(case, env=environment(MONEYD_BIND_PORT="0", RILL_CORE_DUMPS="1"))
    where = listening(node.process.pid)
    assert len(where) == 1 and {address for address, _ in where} == {"0100007F"}, where
    told = start(case, "--listen", "0.0.0.0:0", env=environment(RILL_CORE_DUMPS="1"))
    assert {address for address, _ in listening(told.process.pid)} == {"00000000"}
    assert any("other machines can reach" in line for line in told.lines("err"))


# ---- whom it becomes ----

@for_root
def it_becomes_somebody_else_for_good(case):
    port = free_privileged_port()
    node = start(case, "--listen", f"127.0.0.1:{port}", "--port-file", case.file("port"), "--user",
                 "nobody")
    who = ids(node.process.pid)
    assert who["Uid"] == [str(NOBODY)] * 4, who["Uid"]
    assert len(set(who["Gid"])) == 1 and who["Gid"][0] != "0", who["Gid"]
    assert who["Groups"] == [], who["Groups"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(who[name][0], 16) == 0, (name, who[name])
    assert who["NoNewPrivs"] == ["1"]
    assert os.stat(case.file("port")).st_uid == NOBODY
    assert os.stat(f"/proc/{node.process.pid}/mem").st_uid == 0, "its user may read its memory"
    assert btp.Client(port, "alice").accepted
    node.process.send_signal(signal.SIGTERM)
    btp.Client.close_all()
    assert node.end() == 0, node.text
    assert not os.path.exists(case.file("port"))


@for_root
def a_group_of_its_own_and_numbers(case):
    node = start(case, "--listen", "127.0.0.1:0", "--user", "12345", "--group", "23456")
    who = ids(node.process.pid)
    assert (who["Uid"], who["Gid"]) == (["12345"] * 4, ["23456"] * 4), who
    assert who["Groups"] == [], who["Groups"]


@for_root
def groups_of_root_are_given_up(case):
    node = start(case, "--listen", "127.0.0.1:0", "--user", "nobody",
                 preexec_fn=lambda: os.setgroups([0, 4, 27]))
    assert ids(node.process.pid)["Groups"] == []


@for_root
def a_way_back_is_no_start(case):
    """A process whose rights survive a change of user, as some containers set it."""
    def keep_rights():
        if ctypes.CDLL(None).prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0:
            os._exit(99)
    node = start(case, "--listen", "127.0.0.1:0", "--user", "nobody", ready=False,
                 preexec_fn=keep_rights)
    assert node.end() == 1, node.text
    assert "the rights of root could not be given up" in node.lines("err")[-1], node.text


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


@test
def who_is_not_root_cannot_become_another(case):
    program = case.file("rilld")
    with open(RILLD, "rb") as f:
        case.file("rilld", f.read())
    os.chmod(program, 0o755)
    os.chmod(case.folder, 0o777)
    own = NOBODY if os.geteuid() == 0 else os.geteuid()
    own_group = NOBODY if os.geteuid() == 0 else os.getegid()
    p = case.start([program, "local", "--listen", "127.0.0.1:0", "--user", str(own + 1), "--group",
                    "12345"], preexec_fn=as_nobody)
    assert p.end() == 1 and "Operation not permitted" in p.lines("err")[-1], p.text
    # That it is already whom it shall be is fine: systemd or su has been there before.
    p = case.start([program, "local", "--listen", "127.0.0.1:0", "--user", str(own), "--group",
                    str(own_group)], preexec_fn=as_nobody)
    p.until("ready on", "err")


@test
def wrong_users(case):
    for options, word in ((["--user", "no-such-user"], "no such user"),
                          (["--user", "root"], "that is root"), (["--user", "0"], "that is root"),
                          (["--user", "nobody", "--group", "0"], "its group is root's"),
                          (["--user", "nobody", "--group", "no-such-group"], "no such group"),
                          (["--user", "54321"], "give --group too"),
                          (["--user", "4294967295", "--group", "1"], "no such user"),
                          (["--user", ""], "empty"), (["--group", "nobody"], "--user")):
        p = start(case, "--listen", "127.0.0.1:0", *options, ready=False)
        assert p.end() == 2, (options, p.text)
        assert len(p.lines("err")) == 1 and re.search(word, p.lines("err")[0]), (options, p.text)


@for_root
def a_port_file_where_its_user_may_not_write(case):
    os.mkdir(case.file("closed"), 0o755)
    p = start(case, "--listen", "127.0.0.1:0", "--port-file", case.file("closed/port"), "--user",
              "nobody", ready=False)
    assert p.end() == 1 and "Permission denied" in p.lines("err")[-1], p.text


@for_root
def a_key_that_only_root_reads(case):
    cert, key = case.file("cert.pem"), case.file("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True, timeout=LIMIT)
    os.chmod(key, 0o600)
    start(case, "--listen", "127.0.0.1:0", "--port-file", case.file("port"), "--user", "nobody",
          "--tls-cert", cert, "--tls-key", key)
    with open(case.file("port"), encoding="ascii") as f:
        port = int(f.read())
    info = case.rill("info", "--link", f"btp+wss://:t@localhost:{port}", "--ca-file", cert)
    assert info.end() == 0 and "private.rill." in info.lines()[0], info.text


# ---- files that are closed, and are another's then ----

def close_standard_files():
    os.closerange(0, 3)


@test
def closed_standard_files_are_no_sockets(case):
    node = case.start([RILLD, "local", "--verbose", "--listen", "127.0.0.1:0", "--port-file",
                       case.file("port")], env=environment(RILL_CORE_DUMPS="1"),
                      preexec_fn=close_standard_files)
    wait_until(lambda: os.path.exists(case.file("port")), node.process)
    for fd in range(3):
        assert os.readlink(f"/proc/{node.process.pid}/fd/{fd}") == "/dev/null", fd
    with open(case.file("port"), encoding="ascii") as f:
        port = int(f.read())
    assert btp.Client(port, "alice").accepted
    btp.Client.close_all()
    p = case.start([RILL, "info", "--link", f"btp+ws://:t@127.0.0.1:{port}"],
                   preexec_fn=close_standard_files)
    assert p.end() == 1, "what could not be written counts as written"


# ---- a pipe or another file as port file ----

@test
def standard_output_that_is_a_file(case):
    path = case.file("out", "before\n")
    with open(path, "ab") as out:
        node = subprocess.Popen([RILLD, "local", "--listen", "127.0.0.1:0", "--port-file",
                                 "/proc/self/fd/1"], stdout=out, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, env=environment())
    try:
        assert b"ready" in node.stderr.readline()
        with open(path, encoding="ascii") as f:
            lines = f.read().split()
        assert lines[0] == "before" and lines[1].isdigit() and len(lines) == 2, lines
    finally:
        node.kill()
        node.wait(LIMIT)
        node.stderr.close()



@test
def a_pipe_that_somebody_reads(case):
    os.mkfifo(case.file("pipe"))
    node = start(case, "--listen", "127.0.0.1:0", "--port-file", case.file("pipe"), ready=False)
    with open(case.file("pipe"), encoding="ascii") as f:
        port = int(f.read())
    assert btp.Client(port, "alice").accepted
    btp.Client.close_all()
    node.process.send_signal(signal.SIGTERM)
    assert node.end() == 0


@test
def a_pipe_that_nobody_reads_does_not_hold_it_for_ever(case):
    os.mkfifo(case.file("pipe"))
    node = start(case, "--listen", "127.0.0.1:0", "--port-file", case.file("pipe"), ready=False)
    assert node.end() == 1 and "timed out" in node.lines("err")[-1], node.text


def main():
    if os.geteuid() != 0:
        print("# without the tests that only root can begin")
    return run_tests(TESTS)


if __name__ == "__main__":
    sys.exit(main())
