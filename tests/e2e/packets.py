#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The log of packets of a real connector: what rillctl finds in it, what a kill and a full disk leave
of it, and that no packet notices.

usage: packets.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import csv
import datetime
import glob
import io
import json
import os
import re
import resource
import stat
import sys
import time

from harness import LIMIT, RILLD, environment, run_tests
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import RILLCTL, by_socket, ctl

CASES = []


def case(function):
    CASES.append(function)
    return function


def config(t, more="", base=TWO_ASSETS, name="packets"):
    return base + f"packet-log: {{folder: {t.folder}/{name}{more}}}\n"


def files(t, name="packets"):
    return sorted(glob.glob(f"{t.folder}/{name}/packets-*.jsonl"))


def lines(t, name="packets"):
    """All lines of the files, as JSON: each must be one."""
    return [json.loads(line) for path in files(t, name) for line in open(path, encoding="ascii")]


def packets(c, *args):
    """What rillctl says, as JSON: packets, and lines about the log."""
    found = [json.loads(line) for line in ctl(c, "packets", *args, "--json").out.splitlines()]
    return [p for p in found if "event" not in p], [p for p in found if "event" in p]


def eventually(what):
    deadline = time.monotonic() + LIMIT
    while not (got := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return got


def state(c):
    return json.loads(by_socket(c, "GET", "/v1/node")[1])["packet_log"]


def logged(c, which):
    """Lines of the node's log, as `which` reads one."""
    c.stop()
    return [which(line) for line in c.program.text["err"].decode().splitlines()]


def logfmt(line):
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "=]+)(?: |$)', line)
    assert " ".join(f"{k}={v}" for k, v in found) == line, line
    return {k: json.loads(v) if v[0] == '"' else v for k, v in found}


@case
def a_log_for_programs(t):
    """JSON, logfmt or text: a rejected packet is there with the id by which rillctl knows it."""
    for name, read in (("json", json.loads), ("logfmt", logfmt), ("text", None)):
        c = Connector(t, name, config(t, name=name), arguments=("--verbose", "--log-format", name))
        r = receive(t, c.link("bob"))
        send(t, r.path, 10, c.link("alice"))
        t.rill("ping", "g.x.nobody", "--link", c.link("alice"), "--count", "1").end()
        refused = [p for p in packets(c, "--rejected")[0] if p["code" if "code" in p else "result"] == "F02"]
        by_bob = [p for p in packets(c, "--rejected")[0] if p["by"] == "neighbour"]
        assert refused and by_bob, packets(c)
        if read is None:
            c.stop()
            text = c.program.text["err"].decode()
            assert re.search(rf"rilld: account alice: packet to g\.x\.nobody\S* rejected F02: .* packet={refused[0]['id']}$", text, re.M), text
            continue
        all_ = logged(c, read)
        for line in all_:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
            assert line["level"] in ("warning", "info", "debug") and line["msg"], line
        assert any(line["msg"].startswith("ready on 127.0.0.1") for line in all_), all_
        assert any(line["msg"] == "account bob: connected" and line["account"] == "bob" for line in all_), all_
        one = [line for line in all_ if line.get("packet") == refused[0]["id"]]
        assert len(one) == 1, (refused, all_)
        assert (one[0]["account"], one[0]["code"], one[0]["by"], one[0]["destination"]) == \
            ("alice", "F02", "node", refused[0]["destination"]), one
        assert one[0]["level"] == "debug" and "rejected F02" in one[0]["msg"], one
        one = [line for line in all_ if line.get("packet") == by_bob[0]["id"]]
        assert len(one) == 1 and (one[0]["account"], one[0]["code"], one[0]["by"]) == ("alice", by_bob[0]["result"], "bob"), one
    p = t.start([RILLD, "run", "--log-format", "json", "--config", t.file("bad.yaml", "address: [\"a\nb\"]\n")])
    assert p.end() == 2
    problems = [json.loads(line) for line in p.text["err"].decode().splitlines()]
    assert problems and {line["level"] for line in problems} == {"error"}, problems
    for args, pattern in ((["run", "--log-format"], "needs a value"), (["run", "--log-format=xml", "--config", "x"], "text, logfmt or json, not xml"),
                          (["local", "--log-format", "JSON"], "text, logfmt or json, not JSON"), (["check", "--log-format", "json", "--config", "x"], "unknown option")):
        p = t.start([RILLD, *args])
        assert p.end() == 2 and re.search(pattern, p.text["err"].decode()), (args, p.text)


@case
def a_node_of_programs_has_such_a_log(t):
    p = t.start([RILLD, "local", "--listen", "127.0.0.1:0", "--log-format", "json", "--verbose"])
    port = re.search(r"ready on 127.0.0.1:(\d+)", p.until("ready on", "err")).group(1)
    t.rill("ping", "private.rill.nobody", "--link", f"btp+ws://:token@127.0.0.1:{port}", "--count", "1").end()
    p.process.terminate()
    assert p.end() == 0
    all_ = [json.loads(line) for line in p.text["err"].decode().splitlines()]
    lost = [line for line in all_ if line.get("code") == "F02"]
    assert lost and re.fullmatch(r"[0-9a-f]{32}", lost[0]["packet"]) and lost[0]["by"] == "node", all_
    assert all_[-1]["msg"] == "stopped", all_


@case
def what_happened_to_a_payment(t):
    """Each packet has a line: by account, by destination, by its id, by its code; sums are the books'."""
    c = Connector(t, "c", config(t))
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 12345, c.link("alice"))
    address = json.loads(r.lines()[0])["destination_account"]
    found, events = packets(c)
    assert [e["event"] for e in events] == ["begun"] and "after" not in events[0], events
    good = [p for p in found if p["result"] == "fulfilled"]
    assert sum(int(p["in"]) for p in good) == 12345, found
    assert sum(int(p["out"]) for p in good) == int(done["delivered"]), found
    for p in good:
        assert (p["from"], p["to"]) == ("alice", "bob") and p["destination"].startswith(address), p
        assert re.fullmatch(r"[0-9a-f]{32}", p["id"]) and p["us"] >= 0 and p["at"] <= p["expires"], p
        assert "by" not in p and not {"data", "fulfillment"} & set(p), p
    assert packets(c, "alice")[0] == found
    assert packets(c, "bob")[0] == [p for p in found if p.get("to") == "bob"]
    assert not packets(c, "carol")[0]
    one = good[0]
    assert packets(c, "--id", one["id"][:10])[0] == [one]
    assert packets(c, "--destination", one["destination"])[0] == [p for p in found if p["destination"] == one["destination"]]
    assert packets(c, "--rejected")[0] == [p for p in found if p["result"] != "fulfilled"]
    assert packets(c, "--limit", "1")[0] == found[:1]
    # A time is that from which on, or before which.
    assert packets(c, "--from", one["at"])[0][-1] == found[-1]
    assert not packets(c, "--to", found[0]["at"])[0]
    # Nobody is there, so that this node rejects it, and is said to have.
    t.rill("ping", "g.x.nobody", "--link", c.link("alice"), "--count", "1").end()
    lost, _ = packets(c, "--code", "F02", "--rejected")
    assert lost and {p["by"] for p in lost} == {"node"} and "to" not in lost[0], lost
    assert lost[0]["triggered_by"] == "g.x" and lost[0]["destination"].startswith("g.x.nobody"), lost
    assert packets(c, "--code", "F")[0][-1] == lost[-1]
    # For people, and for spreadsheets.
    table = ctl(c, "packets", "alice", "--rejected").out.splitlines()
    assert table[0].split() == "TIME FROM TO IN (UNITS) OUT RESULT BY MS ID DESTINATION MESSAGE".split(), table
    assert any("this node" in line and "no such account" in line for line in table), table
    rows = list(csv.reader(io.StringIO(ctl(c, "packets", "--csv").out)))
    assert rows[0][:6] == ["at", "from", "to", "in", "out", "result"] and len(rows) == len(packets(c)[0]) + 1, rows
    assert [row[9] for row in rows[1:]] == [p.get("id", "") for p in packets(c)[0]]
    assert stat.S_IMODE(os.stat(f"{t.folder}/packets").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(files(t)[0]).st_mode) == 0o600
    assert f"packets in {t.folder}/packets" in ctl(c, "status").out
    c.stop()
    assert packets_of(lines(t))[:len(found)] == found
    assert lines(t)[-1]["event"] == "ended"


def packets_of(all_lines):
    return [line for line in all_lines if "event" not in line]


@case
def it_is_off_by_default(t):
    """No files; and rillctl says how to have them."""
    c = Connector(t, "c", TWO_ASSETS)
    said = ctl(c, "packets", code=2).err
    assert "packet-log" in said, said
    assert state(c) is None and "packets in" not in ctl(c, "status").out
    assert "packet_log" not in by_socket(c, "GET", "/metrics")[1]
    c.stop()


@case
def without_addresses(t):
    """Nothing says where a packet went, nor can it be asked for."""
    c = Connector(t, "c", config(t, ", addresses: false"))
    r = receive(t, c.link("bob"))
    send(t, r.path, 100, c.link("alice"))
    t.rill("ping", "g.x.nobody", "--link", c.link("alice"), "--count", "1").end()
    found, _ = packets(c)
    assert found and all("destination" not in p for p in found), found
    assert not packets(c, "--destination", "g.x")[0]
    c.stop()
    # Not even in what somebody else has said.
    assert "g.x." not in "".join(open(path, encoding="ascii").read() for path in files(t))


@case
def after_a_kill(t):
    """Lines that were written are there; a line that is not whole is cut off; what was out is in no line."""
    c = Connector(t, "c", config(t))
    r = receive(t, c.link("bob"))
    send(t, r.path, 700, c.link("alice"))
    before, _ = packets(c)
    c.kill()
    with open(files(t)[-1], "ab") as f:
        f.write(b'{"at":"2026-11-30T00:00:00.000Z","from":"al')
    c.start()
    found, events = packets(c)
    assert found == before, (found, before)
    assert [e["event"] for e in events] == ["begun", "begun"] and events[1]["after"] == "kill", events
    assert "right before that may be missing" in ctl(c, "packets").out
    assert len(files(t)) == 1 and lines(t)  # it goes on in the same file
    c.stop()
    c.start()
    assert packets(c)[1][-1]["after"] == "end"
    c.stop()
    c.books()


@case
def killed_again_and_again(t):
    """Whatever the moment: every line is whole, and none is there twice."""
    c = Connector(t, "c", config(t))
    r = receive(t, c.link("bob"))
    r.read_along()
    for _ in range(4):
        begun = state(c)["lines"]
        p = t.rill("send", r.path, "100000", "--link", c.link("alice"), "--json", "--max-packet", "1")
        p.read_along()
        eventually(lambda: state(c)["lines"] > begun + 500)
        c.kill()
        p.process.kill()
        p.process.wait()
        c.start()
        r.kill()
        r = receive(t, c.link("bob"))
        r.read_along()
    c.stop()
    found = packets_of(lines(t))
    assert len(found) > 2000 and len({p["id"] for p in found}) == len(found)
    assert [e.get("after") for e in lines(t) if e.get("event") == "begun"][1:] == ["kill"] * 4
    c.books()


@case
def it_goes_on_in_other_files(t):
    """The size is never exceeded; the oldest go; what is found is in the order of time, page by page."""
    c = Connector(t, "c", config(t, ", size: 1MiB"))
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "8000", "--link", c.link("alice"), "--json", "--max-packet", "1")
    p.read_along()

    def small():
        assert sum(os.path.getsize(path) for path in files(t) if os.path.exists(path)) <= 1 << 20
        return p.process.poll() is not None

    eventually(small)
    assert p.end() == 0, p.text
    found, _ = packets(c, "--limit", "100000")
    assert 2000 < len(found) < 8000, len(found)
    assert [p["at"] for p in found] == sorted(p["at"] for p in found)
    assert len({p["id"] for p in found}) == len(found) and found[-1]["id"] == packets_of(lines(t))[-1]["id"]
    middle = found[len(found) // 2]
    assert packets(c, "--limit", "100000", "--from", middle["at"])[0] == [p for p in found if p["at"] >= middle["at"]]
    assert packets(c, "--limit", "100000", "--to", middle["at"])[0] == [p for p in found if p["at"] < middle["at"]]
    said = ctl(c, "packets", "--limit", "10")
    assert len(said.out.splitlines()) == 11 and "there may be more" in said.err, said.__dict__
    assert "0001-" not in files(t)[0]
    assert state(c)["missing"] == 0 and state(c)["bytes"] <= 1 << 20, state(c)
    c.stop()


@case
def a_disk_that_is_full(t):
    """Packets go on; lines are missing, are counted, and the log says how many."""
    c = Connector(t, "c", config(t, base=TWO_ASSETS.replace("credit: 1000000", "credit: none")))
    r = receive(t, c.link("bob"))
    r.read_along()
    send(t, r.path, 100, c.link("alice"))
    c.stop()
    # Larger than the books' files, so that a limit on the size of files is one on this alone.
    some = [line for line in open(files(t)[0], "rb") if b"fulfilled" in line][0]
    with open(files(t)[0], "ab") as f:
        f.write(some * (16_000_000 // len(some)))
    c.start()
    begun = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23]
    size = os.path.getsize(files(t)[0])
    limit = resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE, (size + 5000, limit[1]))
    r.kill()
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "40000", "--link", c.link("alice"), "--json", "--max-packet", "1")
    p.read_along()
    c.program.until("packet-log: it cannot be written, and packets go on without it: File too large", "err")
    assert p.end() == 0 and p.events()[-1]["sent"] == "40000", p.text
    now = state(c)
    assert now["problem"] == "File too large" and now["missing"] > 10000, now
    metrics = by_socket(c, "GET", "/metrics")[1]
    metrics = metrics if isinstance(metrics, str) else metrics.decode()
    assert "rill_connector_packet_log_ok 0" in metrics, metrics
    assert f"rill_connector_packet_log_missing_total {now['missing']}" in metrics, metrics
    assert "it cannot be written since" in ctl(c, "status").out
    # What is there can be read all the same; and with room again it goes on by itself.
    assert packets(c, "--from", "2020-01-01", "--limit", "5")[0]
    resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE, limit)
    c.program.until("packet-log: it can be written again", "err")
    gap = eventually(lambda: [e for e in packets(c, "--from", begun, "--limit", "100000")[1] if e["event"] == "missing"])
    assert sum(e["packets"] for e in gap) == state(c)["missing"], (gap, state(c))
    assert "packets from" in ctl(c, "packets", "--from", begun, "--limit", "100000").out
    c.stop()
    after = packets_of(lines(t))
    assert len(after) - 16_000_000 // len(some) + sum(e["packets"] for e in gap) >= 40000, (len(after), gap)
    c.books()


@case
def another_configuration(t):
    """A reload turns it on and off, and changes what is kept; connections stay, and the audit says so."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))

    def load(text, code=0):
        with open(c.path, encoding="utf-8") as f:
            head = "".join(f.readlines()[:2])
        with open(c.path, "w", encoding="utf-8") as f:
            f.write(head + text)
        return ctl(c, "reload", "--who", "ada", code=code)

    send(t, r.path, 100, c.link("alice"))
    assert "packet-log folder" in load(config(t)).out
    send(t, r.path, 200, c.link("alice"))
    found = [p for p in packets(c)[0] if p["result"] == "fulfilled"]
    assert sum(int(p["in"]) for p in found) == 200, found
    said = load(config(t, ", size: 2MiB, keep: 1d, addresses: false")).out
    assert "packet-log size 2MiB, before 1GiB" in said and "addresses false" in said, said
    send(t, r.path, 300, c.link("alice"))
    assert "destination" not in packets(c)[0][-1]
    # To another folder: the old one is written to its end.
    load(config(t, name="elsewhere"))
    eventually(lambda: lines(t)[-1].get("event") == "ended")
    send(t, r.path, 400, c.link("alice"))
    found = [p for p in packets(c)[0] if p["result"] == "fulfilled"]
    assert sum(int(p["in"]) for p in found) == 400, found
    # A folder that cannot be is refused with its place, and all stays.
    said = load(config(t, name="none/x"), code=1).err
    assert re.search(r"c.yaml:\d+:\d+: packet-log: folder: .*No such file", said), said
    assert state(c)["folder"].endswith("elsewhere")
    load(TWO_ASSETS)
    eventually(lambda: lines(t, "elsewhere")[-1].get("event") == "ended")
    ctl(c, "packets", code=2)
    send(t, r.path, 500, c.link("alice"))
    r.until("connection_end")
    assert r.process.poll() is None and len(r.events()) > 0
    c.stop()
    assert sum(int(p["in"]) for p in lines(t) if p.get("result") == "fulfilled") == 500
    assert sum(int(p["in"]) for p in lines(t, "elsewhere") if p.get("result") == "fulfilled") == 400


@case
def one_node_writes_a_folder(t):
    c = Connector(t, "c", config(t))
    other = t.file("other.yaml", f"store: {{path: {t.folder}/other.books}}\n" + config(t))
    p = t.start([RILLD, "run", "--config", other], env=environment(**c.tokens))
    assert p.end() != 0, p.text
    assert re.search(r"other.yaml:7:\d+: packet-log: folder: .*another node", p.text["err"].decode()), p.text
    c.stop()


@case
def who_follows(t):
    """Packets as they come, each once."""
    c = Connector(t, "c", config(t))
    r = receive(t, c.link("bob"))
    send(t, r.path, 100, c.link("alice"))
    before = len(packets(c)[0])
    f = t.start([RILLCTL, "packets", "--follow", "--json", "--config", c.path], env=environment(**c.tokens))
    g = t.start([RILLCTL, "packets", "--follow", "--from", "2020-01-01", "--config", c.path], env=environment(**c.tokens))
    g.until("fulfilled")
    eventually(lambda: json.loads(by_socket(c, "GET", "/v1/packets?limit=1")[1]))
    time_of_last = packets(c)[0][-1]["at"]
    send(t, r.path, 1000, c.link("alice"))
    f.until("fulfilled")
    eventually(lambda: len(packets(c)[0]) > before)
    for p in (f, g):
        p.process.kill()
        p.process.wait()
    assert all(json.loads(line)["at"] >= time_of_last for line in f.lines() if "event" not in line), f.text
    c.stop()


@case
def what_may_be_asked(t):
    """Wrong questions are refused; nobody is asked to count bytes."""
    c = Connector(t, "c", config(t))
    for query in ("from=x", "to=2026-13-01", "limit=0", "limit=1001", "limit=-1", "rejected=yes", "after=1", "after=1.x",
                  "id=xyz", "code=t04", "account=", "from=2026-01-02&to=2026-01-01", "after=" + "9" * 30 + ".1"):
        assert by_socket(c, "GET", "/v1/packets?" + query)[0] == 400, query
    for query in ("after=999999.0", "after=1.99999999999", "after=0.0", "after=end", "account=nobody", "id=00"):
        status, body = by_socket(c, "GET", "/v1/packets?" + query)
        assert status == 200 and json.loads(body)["packets"] == [], (query, body)
    for args in (["--csv", "--json"], ["--limit", "x"], ["--follow", "--to", "2026-01-01"], ["--from", "y"]):
        ctl(c, "packets", *args, code=2)
    c.stop()


@case
def what_a_configuration_may_say(t):
    """Each error has its place."""

    def check(line):
        path = t.file("w.yaml", f"address: g.x\nstore: {{path: b}}\naccounts: {{a: {{relation: child, asset: USD/2, tokens: env:A}}}}\n{line}\n")
        p = t.start([RILLD, "check", "--config", path])
        p.end()
        return p.text["err"].decode()

    assert check("packet-log: {folder: p}") == ""
    assert check("packet-log: {folder: p, size: 500MiB, keep: 30d, addresses: false}") == ""
    for line, pattern in (
            ("packet-log: {size: 1GiB}", r"w.yaml:4:\d+: .*folder is missing"),
            ("packet-log: {folder: p, size: 1000}", r"w.yaml:4:\d+: size: a size such as 500MiB or 2GiB, from 1MiB to 1024TiB, not '1000'"),
            ("packet-log: {folder: p, size: 512KiB}", "from 1MiB to 1024TiB"),
            ("packet-log: {folder: p, size: 1GB}", "a size such as"),
            ("packet-log: {folder: p, keep: 1s}", r"keep: a time such as .*, from 1m to 36500d"),
            ("packet-log: {folder: p, addresses: no}", "addresses: true or false"),
            ("packet-log: {folder: p, compress: true}", "'compress' is not known in a log of packets")):
        said = check(line)
        assert re.search(pattern, said), (line, said)


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
