#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies of the books of real connectors, while they forward, and while they are killed; and nodes
that are started from them.

usage: backup.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys

import harness
from harness import run_tests
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import RILLCTL, Answer, by_socket, ctl, edit
from runner import wait_until

CASES = []
MIB = 1024 * 1024


def case(function):
    CASES.append(function)
    return function


def pad(c, mib):
    """Books that take a while to copy: the node does not know what this table is, and keeps it."""
    edit(c, "CREATE TABLE padding (data BLOB)",
         "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
         " INSERT INTO padding SELECT randomblob(1048000) FROM n" % mib)


def of_copy(t, c, copy, name="copy"):
    """A node with the books of a copy, as the documentation says; its balances are returned."""
    d = Connector.__new__(Connector)
    d.__dict__.update(c.__dict__)
    d.store = os.path.join(t.folder, name + ".books")
    shutil.copyfile(copy, d.store)
    with open(c.path, encoding="utf-8") as f:
        text = f.read().replace(c.store, d.store)
    d.path = t.file(name + ".yaml", text)
    d.start()
    return d


def balances(c):
    return {a["name"]: int(a["balance"]) for a in ctl(c, "accounts", "--json").json()["accounts"]}


@case
def while_it_forwards(t):
    """Copies under load: each is of one moment, audits clean, and a node starts with it."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"))
    c.stop()
    pad(c, 24)
    c.start()
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "2000000000", "--link", c.link("alice"), "--json", "--max-packet", "1000")
    p.read_along()
    copies = []
    while len(copies) < 3:
        assert p.process.poll() is None, p.text
        path = os.path.join(t.folder, f"copy-{len(copies)}")
        before = balances(c)
        said = ctl(c, "backup", path)
        assert re.search(rf"the copy is in {path}, \d+ pages", said.out), said.__dict__
        copies.append((path, before, balances(c)))
    p.kill()
    assert ctl(c, "audit", "--json").json()["good"] is True
    for i, (path, before, after) in enumerate(copies):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert not os.path.exists(path + ".partial")
        d = of_copy(t, c, path, f"of-{i}")
        found = balances(d)
        assert before["alice"] >= found["alice"] >= after["alice"], (before, found, after)
        assert before["bob"] <= found["bob"] <= after["bob"], (before, found, after)
        assert ctl(d, "audit", "--json").json()["good"] is True
        d.stop()
        d.books()
    # A node that begins with one forwards.
    d = of_copy(t, c, copies[-1][0], "last")
    owed = balances(d)["alice"]
    r2 = receive(t, d.link("bob"), "again")
    send(t, r2.path, 500, d.link("alice"))
    assert balances(d)["alice"] == owed - 500
    d.stop()
    c.stop()


@case
def killed_amid_a_copy(t):
    """What is left has another name; the node and the next copy are right; nothing is lost of the one before."""
    c = Connector(t, "c", TWO_ASSETS)
    path = os.path.join(t.folder, "copy")
    r = receive(t, c.link("bob"))
    send(t, r.path, 1000, c.link("alice"))
    ctl(c, "backup", path)
    with open(path, "rb") as f:
        first = f.read()
    c.stop()
    pad(c, 96)
    c.start()
    status, text = by_socket(c, "POST", "/v1/backup", json.dumps({"file": path, "force": True}))
    assert status == 202, text
    while True:
        state = json.loads(by_socket(c, "GET", "/v1/backup")[1])
        assert state["state"] == "running", state
        if state["copied"] > 0:
            break
    c.kill()
    assert os.path.exists(path + ".partial")
    with open(path, "rb") as f:
        assert f.read() == first
    c.start()
    assert json.loads(by_socket(c, "GET", "/v1/backup")[1])["state"] == "none"
    assert ctl(c, "audit", "--json").json()["good"] is True
    ctl(c, "backup", path, code=1)
    ctl(c, "backup", path, "--force")
    assert not os.path.exists(path + ".partial")
    d = of_copy(t, c, path)
    assert balances(d) == balances(c)
    assert ctl(d, "audit", "--json").json()["good"] is True
    d.stop()
    # One that ends in order while a copy is made takes what there is of it away.
    status, text = by_socket(c, "POST", "/v1/backup", json.dumps({"file": path + "-2"}))
    assert status == 202, text
    c.stop()
    assert not os.path.exists(path + "-2.partial")


@case
def stopped_amid_a_copy(t):
    """Ctrl-C ends the copy and not the command alone; what there is of it goes, and the next one is whole."""
    c = Connector(t, "c", TWO_ASSETS)
    path = os.path.join(t.folder, "copy")
    c.stop()
    pad(c, 192)
    c.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([RILLCTL, "backup", path, "--who", "maria", "--config", c.path],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: (lambda s: s["state"] == "running" and s["copied"] > 0)(
            json.loads(by_socket(c, "GET", "/v1/backup")[1])))
        p.send_signal(number)
        out, err = p.communicate(timeout=harness.LIMIT)
        assert p.returncode == 1 and "it was stopped" in err and out == "", (p.returncode, out, err)
        state = json.loads(by_socket(c, "GET", "/v1/backup")[1])
        assert state["state"] == "failed" and "it was stopped" in state["problem"], state
        assert state["copied"] < state["pages"], state
        assert not os.path.exists(path) and not os.path.exists(path + ".partial")
    assert by_socket(c, "DELETE", "/v1/backup")[0] == 409
    ctl(c, "backup", path)
    said = [(line["who"], line["note"]) for line in ctl(c, "audit", "--lines", "--json").json()["lines"]]
    assert said.count(("maria", f"backup to {path} stopped")) == 2, said
    c.stop()


@case
def who_may_have_a_copy_where(t):
    """By the port a name in one folder, with a scope of its own; by the socket a path; and nothing else is replaced."""
    folder = os.path.join(t.folder, "copies")
    c = Connector(t, "c", TWO_ASSETS + "admin: {port: 0, tokens: [{token: env:TOKEN_B, scopes: backup}, "
                  "{token: env:TOKEN_N, scopes: [read, node, money, accounts, rates, metrics]}]}\n")

    def by(name, *args):
        if "operators on port" not in c.program.text["err"].decode():
            c.program.until("operators on port", "err")
        port = re.search(r"operators on port (\d+)", c.program.text["err"].decode()).group(1)
        return Answer([*args, "--url", f"http://127.0.0.1:{port}"], {"RILLCTL_TOKEN": f"{name}-token"})
    assert 'no folder "backups"' in by("b", "backup", "monday").err
    assert 'no folder "backups"' in ctl(c, "backup", "monday", code=1).err
    c.stop()
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("store: {", f"store: {{backups: {folder}, "))
    c.start()
    answer = by("n", "backup", "monday")
    assert answer.code == 1 and "it has not the scope backup" in answer.err, answer.__dict__
    answer = by("b", "accounts")
    assert answer.code == 1 and "it has not the scope read" in answer.err, answer.__dict__
    assert not os.path.exists(folder)
    answer = by("b", "backup", "monday")
    assert answer.code == 0 and f"the copy is in {folder}/monday" in answer.out, answer.__dict__
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700 and os.listdir(folder) == ["monday"]
    for bad in (f"{t.folder}/x", "../x", "./x", "..", ".x", "a b", "x\n", "x" * 201, "\u00e4", c.store, "/dev/null"):
        answer = by("b", "backup", bad)
        assert answer.code == 2 and "file" in answer.err, (bad, answer.__dict__)
    assert os.listdir(folder) == ["monday"] and not os.path.exists(os.path.join(t.folder, "x"))
    # What is there stays, unless it is a copy and somebody wants to replace it.
    answer = by("b", "backup", "monday")
    assert answer.code == 1 and "there is a file of this name already" in answer.err, answer.__dict__
    assert by("b", "backup", "monday", "--force").code == 0
    with open(os.path.join(folder, "note"), "w", encoding="utf-8") as f:
        f.write("important")
    answer = by("b", "backup", "note", "--force")
    assert answer.code == 1 and "is no copy of books" in answer.err, answer.__dict__
    with open(os.path.join(folder, "note"), encoding="utf-8") as f:
        assert f.read() == "important"
    # By the socket: a path, or the same names; never the books themselves.
    assert ctl(c, "backup", "tuesday", "--json").json()["state"] == "done"
    done = subprocess.run([RILLCTL, "backup", "./here", "--config", c.path], cwd=t.folder,
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and os.path.exists(os.path.join(t.folder, "here")), done
    for own in ("", "-wal", "-journal", ".flights", ".key", ".sock"):
        assert "the books themselves" in ctl(c, "backup", c.store + own, "--force", code=1).err
    assert "No such file" in ctl(c, "backup", f"{t.folder}/none/x", code=1).err
    assert "Not a directory" in ctl(c, "backup", f"{c.path}/x", code=1).err
    os.mkdir(os.path.join(t.folder, "shared"))
    os.chmod(os.path.join(t.folder, "shared"), 0o777)
    assert "everybody may write" in ctl(c, "backup", f"{t.folder}/shared/x", code=1).err
    for body in ("{}", '{"file": 7}', '{"file": "x", "force": 1}', '{"file": "x", "who": ""}', "[]"):
        assert by_socket(c, "POST", "/v1/backup", body)[0] == 400, body
    # Who it was is in the audit.
    notes = [(x["who"], x["person"], x["note"]) for x in ctl(c, "audit", "--lines", "--json").json()["lines"]]
    assert any(p == "env:TOKEN_B" and n == f"backup to {folder}/monday" for _, p, n in notes), notes
    assert any(p == f"socket, user {os.getuid()}" and n == f"backup to {folder}/tuesday" for _, p, n in notes), notes
    assert ctl(c, "audit", "--json").json()["good"] is True
    c.stop()


@case
def where_there_is_no_room(t):
    """A full disk: it is said, nothing is left, and the node goes on. If a file system may be mounted here."""
    folder = os.path.join(t.folder, "small")
    os.mkdir(folder)
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False).returncode == 0
    if not mounted:
        print("# skipped: no file system can be mounted here")
        return
    try:
        c = Connector(t, "c", TWO_ASSETS)
        c.stop()
        pad(c, 16)
        c.start()
        answer = ctl(c, "backup", f"{folder}/copy", code=1)
        assert re.search(rf"{folder}/copy: the disk is full", answer.err), answer.__dict__
        assert os.listdir(folder) == []
        c.program.until("no copy of the books was made", "err")
        r = receive(t, c.link("bob"))
        send(t, r.path, 100, c.link("alice"))
        assert ctl(c, "audit", "--json").json()["good"] is True
        c.stop()
    finally:
        for program in t.programs:
            program.kill()
        subprocess.run(["umount", folder], check=True)


@case
def settlements_of_a_copy(t):
    """What was settled by hand after the copy is not in it, and can be entered again, with the same key."""
    c = Connector(t, "c", TWO_ASSETS)
    path = os.path.join(t.folder, "copy")
    ctl(c, "settle", "alice", "300", "--in", "--key", "one")
    ctl(c, "backup", path)
    ctl(c, "settle", "alice", "50", "--in", "--key", "two")
    head = ctl(c, "audit", "--json").json()["head"]
    d = of_copy(t, c, path)
    assert balances(d)["alice"] == 300
    answer = ctl(d, "audit", "--since-head", head, code=1)
    assert "NOT OF THESE BOOKS" in answer.out, answer.out
    assert "it was booked before" in ctl(d, "settle", "alice", "300", "--in", "--key", "one").out
    ctl(d, "settle", "alice", "50", "--in", "--key", "two")
    assert balances(d)["alice"] == 350
    d.stop()
    c.stop()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
