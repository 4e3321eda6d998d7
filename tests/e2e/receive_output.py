#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rill receive --output`: where bytes go, what happens to files that are there, to streams that do
not come whole, and where nothing can be written.

usage: receive_output.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP.
"""

import glob
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading

from harness import RILL, environment, run_with_node
from runner import wait_until

TESTS = []
CONTENT = bytes(range(256)) * 4000


def case(function):
    TESTS.append(function)
    return function


def receiver(t, *args, **options):
    path = t.file("c")
    p = t.rill("receive", "--link", t.link("r"), "--credentials", path, *args, **options)
    p.path = path
    return p


def reading(p):
    """Reads what it prints, in the background, to its end. Otherwise it would take no more."""
    thread = threading.Thread(target=p.end, daemon=True)
    thread.start()
    return thread


def send(t, p, *args, code=0):
    s = t.rill("send", "--link", t.link("s"), p.path, *args)
    assert s.end() == code, s.text
    return s


def folder_of(t):
    folder = t.file("folder")
    os.mkdir(folder)
    return folder


def read(path):
    with open(path, "rb") as f:
        return f.read()


@case
def one_stream_into_a_file(t):
    folder = folder_of(t)
    path = os.path.join(folder, "x.bin")
    p = receiver(t, "--output", path, preexec_fn=lambda: os.umask(0o027))
    p.until("wrote its ILP")
    assert os.listdir(folder) == [], "nothing is made before bytes come"
    send(t, p, "77", "--file", t.file("content", CONTENT))
    assert p.end() == 0, p.text
    assert read(path) == CONTENT and os.listdir(folder) == ["x.bin"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert f"server wrote {len(CONTENT)} bytes of stream 1 to {path}" in p.lines()
    assert not any("got data" in line for line in p.lines()) and not p.lines("err"), p.text


@case
def standard_output_has_the_bytes_alone(t):
    p = receiver(t, "--output", "-")
    p.until("wrote its ILP", "err")
    reader = reading(p)
    send(t, p, "--file", t.file("content", CONTENT))
    reader.join()
    assert p.end() == 0
    assert p.text["out"] == CONTENT
    assert f"server wrote {len(CONTENT)} bytes of stream 1 to standard output" in p.lines("err")


@case
def each_stream_a_file_of_a_folder(t):
    for name in (folder_of(t), os.path.join(t.folder, "new/")):
        p = receiver(t, "--output", name, "--connections", "3", "--json")
        wait_until(lambda: os.path.exists(p.path), p.process, lambda: p.text)
        for text in ("one", "two"):
            send(t, p, "5", "--data", text)
        send(t, p, "5")
        assert p.end() == 0, p.text
        stored = [e for e in p.events() if e["event"] == "stored"]
        assert [(e["connection"], e["stream"], e["bytes"], e["complete"]) for e in stored] == [(1, 1, 3, True), (2, 1, 3, True)]
        assert [read(e["file"]) for e in stored] == [b"one", b"two"]
        assert sorted(glob.glob(os.path.join(name, "*"))) == sorted(e["file"] for e in stored)
        assert all(re.search(r"/\d{8}-\d{6}-\d-1$", e["file"]) for e in stored), stored
        assert not [e for e in p.events() if e["event"] == "data"]
        os.unlink(p.path)


@case
def a_file_that_is_there_is_not_overwritten_unasked(t):
    path = t.file("there", "before")
    t.fails(2, r'--output: ".*there" is there already; --overwrite replaces it', "receive", "--credentials", t.file("c"),
            "--output", path)
    p = receiver(t, "--output", path, "--overwrite")
    p.until("wrote its ILP")
    send(t, p, "--data", "after")
    assert p.end() == 0 and read(path) == b"after"


@case
def a_file_that_came_meanwhile_stays(t):
    folder = folder_of(t)
    path = os.path.join(folder, "x")
    p = receiver(t, "--output", path)
    p.until("wrote its ILP")
    with open(path, "w") as f:
        f.write("somebody else's")
    send(t, p, "--data", "ours")
    assert p.end() == 1, p.text
    assert read(path) == b"somebody else's"
    [partial] = glob.glob(path + ".*.part")
    assert read(partial) == b"ours"
    assert re.search(r"cannot write to .*/x: File exists", p.text["err"].decode()), p.text
    assert f"server wrote 4 bytes of stream 1 to {partial}: not all of it came" in p.lines(), p.text


@case
def what_did_not_come_whole_is_told(t):
    folder = folder_of(t)
    path = os.path.join(folder, "x")
    p = receiver(t, "--output", path)
    p.until("wrote its ILP")
    read_end, write_end = os.pipe()
    sender = t.rill("send", "--link", t.link("s"), p.path, "--file", "-", stdin=read_end)
    os.close(read_end)
    os.write(write_end, b"x" * 1000)
    while not glob.glob(path + ".*.part"):
        assert p.process.poll() is None, p.text
    sender.process.send_signal(signal.SIGINT)
    assert sender.end() == 1
    os.close(write_end)
    assert p.end() == 1, p.text
    assert not os.path.exists(path)
    [partial] = glob.glob(path + ".*.part")
    assert read(partial) == b"x" * 1000
    assert f"server wrote 1000 bytes of stream 1 to {partial}: not all of it came" in p.lines(), p.text


@case
def a_full_disk_is_named_and_money_is_refused(t):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    folder = folder_of(t)
    path = os.path.join(folder, "x")
    p = receiver(t, "--output", path, "--json", preexec_fn=no_room)
    wait_until(lambda: os.path.exists(p.path), p.process, lambda: p.text)
    reader = reading(p)
    sender = send(t, p, "1000000000000", "--max-packet", "1000", "--min-rate", "1", "--file", t.file("content", CONTENT), code=1)
    assert "can no longer write its output" in sender.text["err"].decode(), sender.text
    reader.join()
    assert p.end() == 1
    [line] = p.lines("err")
    assert re.search(r"rill receive: cannot write to .*/x: File too large; the receiver takes nothing more$", line), line
    [stored] = [e for e in p.events() if e["event"] == "stored"]
    assert stored["bytes"] == 100_000 and not stored["complete"] and stored["file"].endswith(".part"), stored
    assert os.path.getsize(stored["file"]) == 100_000
    money = [int(e["amount"]) for e in p.events() if e["event"] == "money"]
    told = re.search(r"sent (\d+) units", sender.text["out"].decode())
    assert sum(money) == int(told[1]), (sum(money), told[0])


@case
def no_space_on_standard_output(t):
    with open("/dev/full", "wb") as full:
        path = t.file("c")
        p = subprocess.Popen([RILL, "receive", "--link", t.link("r"), "--credentials", path, "--output", "-"], stdout=full,
                             stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
    while b"wrote its ILP" not in p.stderr.readline():
        pass
    s = t.rill("send", "--link", t.link("s"), path, "--file", t.file("content", CONTENT))
    assert s.end() == 1, s.text
    said = p.stderr.read().decode()
    assert p.wait() == 1 and "cannot write to standard output: No space left on device; the receiver takes nothing more" in said, said
    p.stderr.close()


@case
def mistakes_are_told_before_anything_is_done(t):
    def fails(why, *args):
        t.fails(2, why, "receive", "--credentials", t.file("c"), *args)
    fails(r'--output: ".*/absent/x" No such file', "--output", t.file("absent/x"))
    fails(r'--output: "" No such file', "--output", "")
    fails("--overwrite needs --output", "--overwrite")
    fails(r'--output: ".*plain/" Not a directory', "--output", t.file("plain", "x") + "/")
    fails("a file has room for one stream; give a folder with --connections 2", "--output", t.file("x"), "--connections", "2")
    t.fails(2, "cannot both be standard output", "receive", "--credentials", "-", "--output", "-")


@case
def a_reader_that_takes_nothing_is_given_up_after_a_signal(t):
    p = receiver(t, "--output", "-", "-q")
    wait_until(lambda: os.path.exists(p.path), p.process, lambda: p.text)
    sender = t.rill("send", "--link", t.link("s"), p.path, "--file", t.file("content", CONTENT * 20))
    held = os.read(p.process.stdout.fileno(), 1)  # it has begun, and nobody reads on
    p.process.send_signal(signal.SIGINT)
    code = p.process.wait(60)
    assert code == 1, (code, p.process.stderr.read(), held)
    sender.kill()


if __name__ == "__main__":
    sys.exit(run_with_node(TESTS))
