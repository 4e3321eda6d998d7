#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rillctl, as an operator uses it: at real connectors, while they forward.

usage: rillctl.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import csv
import http.client
import io
import json
import os
import pty
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import time

from harness import BIN, RILLD, environment, reserved_port, run_tests
from connector import TWO_ASSETS, Connector, receive, send

RILLCTL = os.path.join(BIN, "rillctl")
CASES = []


def case(function):
    CASES.append(function)
    return function


class Answer:
    def __init__(self, args, env):
        done = subprocess.run([RILLCTL, *args], capture_output=True, text=True, check=False,
                              env=environment(**env), timeout=60)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        assert self.code in (0, 1), self.__dict__
        return json.loads(self.out)


def ctl(c, *args, code=0, **env):
    """rillctl by the socket of a connector. code None: any."""
    answer = Answer([*args, "--config", c.path], {**c.tokens, **env})
    assert code in (None, answer.code), (args, answer.__dict__)
    return answer


def edit(c, *statements):
    """The books of a node that does not run, as somebody who should not would."""
    db = sqlite3.connect(c.store)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def rows(text):
    """A table's lines after its headings, by columns."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()[1:]]


@case
def what_a_node_has(t):
    """Accounts, balances, rates: in tables with coins, in JSON with units; and all adds up to 0."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 12345, c.link("alice"))
    table = rows(ctl(c, "accounts").out)
    assert [row[:4] for row in table] == [
        ["alice", "child", "USD/2", "-123.45"],
        ["bob", "child", "EUR/4", f"{int(done['delivered']) // 10000}.{int(done['delivered']) % 10000:04}"]], table
    both = ctl(c, "accounts", "--json").json()["accounts"]
    assert [a["balance"] for a in both] == ["-12345", done["delivered"]], both
    assert rows(ctl(c, "balance", "alice").out)[0][3] == "-123.45"
    assert ctl(c, "balance", "bob", "--json").json()["balance"] == done["delivered"]
    assets = ctl(c, "balance", "--json").json()["assets"]
    for a in assets:
        assert int(a["exchange"]) + int(a["outside"]) + int(a["owed_to_accounts"]) - int(a["owed_by_accounts"]) == 0, a
    assert assets[0]["owed_by_accounts"] == "12345" and assets[1]["owed_to_accounts"] == done["delivered"]
    rates = ctl(c, "rates", "--json").json()
    assert rates["base"] == "USD" and {p["code"]: p["price"] for p in rates["prices"]} == {"USD": "1", "EUR": "2"}, rates
    assert [(p["units"], p["brings"]) for p in rates["pairs"]] == [("100", "4950"), ("10000", "198")], rates
    assert ["USD/2", "EUR/4", "0.4950", "0.010000", "good"] in rows(ctl(c, "rates").out)
    assert "ready" in ctl(c, "status").out
    c.stop()
    assert not os.path.exists(c.store + ".sock")


@case
def a_settlement_and_a_statement(t):
    """What was settled by hand is booked once, and every line of the statement adds up."""
    port = reserved_port()
    c = Connector(t, "c", TWO_ASSETS, port.getsockname()[1])
    r = receive(t, c.link("bob"))
    first = send(t, r.path, 1000, c.link("alice"))
    said = ctl(c, "settle", "alice", "3.00USD", "--in", "--note", 'transfer "7", =late', "--who", "maria").out
    assert "the balance of alice is -7.00 USD now" in said, said
    key = re.search(r"key (\w+)", said).group(1)
    again = ctl(c, "settle", "alice", "300", "--in", "--key", key)
    assert "it was booked before" in again.out, again.out
    ctl(c, "settle", "alice", "301", "--in", "--key", key, code=1)
    ctl(c, "settle", "alice", "50", "--out", "--key", "k2")
    second = send(t, r.path, 200, c.link("alice"))
    for wrong, pattern in ((["alice", "3EUR", "--in"], "no amount of USD"), (["alice", "0.001USD", "--in"], "at most 2 digits"),
                           (["alice", "3", "--in", "--out"], "only one of"), (["alice", "3"], "--in .* or --out"),
                           (["alice"], "an argument is missing"), (["nobody", "3", "--in"], "no such account"),
                           (["alice", "0", "--in"], "at least 1"), (["alice", "1e3", "--in"], "is not like"),
                           (["alice", "3", "--inn"], "did you mean \"--in\"")):
        answer = ctl(c, "settle", *wrong, code=2)
        assert re.search(pattern, answer.err), (wrong, answer.err)
    assert "The time of packets is when the hour begins" in ctl(c, "statement", "alice", "--step", "hour").out
    assert "The time of packets" not in ctl(c, "statement", "alice", "--step", "all").out
    st = ctl(c, "statement", "alice", "--json").json()
    assert st["opening"] == "0" and st["closing"] == "-950", st
    balance = 0
    for line in st["lines"]:
        balance += int(line["change"])
        assert line["balance"] == str(balance), line
    assert balance == -950
    entries = [line for line in st["lines"] if "who" in line]
    assert [(e["kind"], e["change"], e["who"]) for e in entries][0] == ("settled-in", "300", "maria"), entries
    assert sum(int(line["change"]) for line in st["lines"] if line["kind"] == "sent" and line["with"] == "bob") == -1200
    other = ctl(c, "statement", "bob", "--json").json()
    assert other["closing"] == str(int(first["delivered"]) + int(second["delivered"])), other
    # The same as a table for spreadsheets, whose cells cannot be formulas.
    table = list(csv.DictReader(io.StringIO(ctl(c, "statement", "alice", "--csv").out, newline="")))
    assert [row["kind"] for row in table][:1] == ["opening"] and table[-1]["balance"] == "-950", table
    assert any(row["note"] == 'transfer "7", =late' for row in table), table
    ctl(c, "settle", "alice", "1", "--deposit", "--note", "=1+1")
    assert any(row["note"] == "'=1+1" for row in
               csv.DictReader(io.StringIO(ctl(c, "statement", "alice", "--csv").out, newline="")))
    # Times: nothing before, nothing after, and each step of it has the same sum.
    assert ctl(c, "statement", "alice", "--to", "2020-01-01", "--json").json()["closing"] == "0"
    late = ctl(c, "statement", "alice", "--from", "2999-01-01", "--to", "2999-01-02T10:00Z", "--json").json()
    assert late["opening"] == late["closing"] == "-949" and late["lines"] == [], late
    for step in ("minute", "hour", "day", "all"):
        lines = ctl(c, "statement", "alice", "--step", step, "--json").json()["lines"]
        assert sum(int(line["change"]) for line in lines) == -949, (step, lines)
    for wrong in (["--from", "yesterday"], ["--step", "week"], ["--from", "2026-02-30"],
                  ["--from", "2026-01-02", "--to", "2026-01-02"], ["--csv", "--json"]):
        ctl(c, "statement", "alice", *wrong, code=2)
    c.stop()
    c.start()
    assert ctl(c, "statement", "alice", "--json").json()["closing"] == "-949"
    # Two runs of the node in the same day are one line for each neighbour.
    send(t, r.path, 10, c.link("alice"))
    sums = [line for line in ctl(c, "statement", "alice", "--step", "all", "--json").json()["lines"] if line["kind"] == "sent"]
    assert len(sums) == 1 and sums[0]["change"] == "-1210", sums
    c.stop()


@case
def an_audit_while_it_forwards(t):
    """It finds nothing wrong in books that change meanwhile, and everything that was changed."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"))
    r = receive(t, c.link("bob"))
    r.read_along()
    ctl(c, "settle", "alice", "300", "--in", "--key", "one")
    ctl(c, "settle", "alice", "20", "--out", "--key", "two")
    p = t.rill("send", r.path, "30000000", "--link", c.link("alice"), "--json", "--max-packet", "1000")
    p.read_along()
    audits = 0
    while p.process.poll() is None and audits < 50:
        assert ctl(c, "audit", "--json").json()["good"] is True
        audits += 1
    assert audits > 1, audits
    assert p.end() == 0, p.text
    answer = ctl(c, "audit")
    assert "the books are right" in answer.out and "2 entries" in answer.out, answer.out
    c.stop()
    edit(c, "DROP TRIGGER entries_are_final", "UPDATE entries SET note = 'x' WHERE id = 1")
    c.start()
    answer = ctl(c, "audit", code=1)
    assert "THE BOOKS ARE WRONG" in answer.out and re.search(r"changed: +1\n", answer.out), answer.out
    c.stop()
    edit(c, "UPDATE balances SET booked = booked + 1 WHERE account = (SELECT id FROM accounts WHERE name = 'bob')")
    c.start()
    found = ctl(c, "audit", "--json", code=1).json()
    assert found["uneven_balances"] == 1 and found["uneven_assets"] == 1 and found["broken_entries"] == 1, found
    c.stop()


@case
def what_was_changed_since(t):
    """An audit finds sums that were changed so that all balances add up; a head that was kept, that the end is cut off."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    send(t, r.path, 1000, c.link("alice"))
    c.stop()
    c.start()
    ctl(c, "log-level", "info", "--who", "maria")
    deadline = time.monotonic() + 60
    while ctl(c, "audit", "--json").json()["unsealed"] > 0:  # it is sealed when there is nothing else to do
        assert time.monotonic() < deadline
    ctl(c, "log-level", "warning", "--who", "eve")
    found = ctl(c, "audit", "--json").json()
    assert found["good"] is True and found["seals"] >= 2 and found["continues"] is None, found
    head = found["head"]
    assert "these books had it" in ctl(c, "audit", "--since-head", head).out
    for wrong in ("x", head[:-1], head + "0", "-1.0" + head[head.index(":"):], ".:"):
        ctl(c, "audit", "--since-head", wrong, code=2)
    wrong = head[:-1] + ("0" if head[-1] != "0" else "1")
    assert "NOT OF THESE BOOKS" in ctl(c, "audit", "--since-head", wrong, code=1).out
    c.stop()
    saved = c.store + ".saved"
    shutil.copyfile(c.store, saved)
    # The last line, which is of eve; nothing but the head can tell.
    edit(c, "DROP TRIGGER entries_stay", "DELETE FROM entries WHERE who = 'eve'")
    c.start()
    assert ctl(c, "audit").code == 0
    answer = ctl(c, "audit", "--since-head", head, code=1)
    assert "THE BOOKS ARE WRONG: the head that was kept is not of these books" in answer.out, answer.out
    c.stop()
    # 100 units from alice to bob's debt, in all sums and balances.
    shutil.copyfile(saved, c.store)
    edit(c, "UPDATE flows SET taken = taken - 100 WHERE minute = (SELECT min(minute) FROM flows)",
         "UPDATE balances SET booked = booked + 100 * (SELECT count(*) FROM flows WHERE minute = (SELECT min(minute) FROM flows))"
         " WHERE account = (SELECT id FROM accounts WHERE name = 'alice')",
         "UPDATE balances SET booked = booked - 100 * (SELECT count(*) FROM flows WHERE minute = (SELECT min(minute) FROM flows))"
         " WHERE account = (SELECT id FROM accounts WHERE holder = 2 AND asset = 'USD')")
    c.start()
    found = ctl(c, "audit", "--json", code=1).json()
    assert found["uneven_balances"] == 0 and found["broken_seals"] == 1, found
    assert "sums that were changed:         1\n" in ctl(c, "audit", code=1).out
    c.stop()


@case
def lines_of_the_audit(t):
    """Those of the node itself among them, with who the node knows: as a table, in JSON, for spreadsheets, page by page."""
    c = Connector(t, "c", TWO_ASSETS + "admin: {port: 0, tokens: env:TOKEN_OPERATOR}\n")
    port = re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1)
    me = f"socket, user {os.getuid()}"
    ctl(c, "settle", "alice", "300", "--in", "--note", "bank, \"7\"\nsecond line", "--who", "maria", "--key", "k")
    ctl(c, "rates", "set", "XRP", "3", "--who", "=eve")
    ctl(c, "log-level", "info", "--who", "nobody")
    Answer(["log-level", "warning", "--url", f"http://127.0.0.1:{port}", "--who", "maria"], {"RILLCTL_TOKEN": "operator-token"})
    ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2")
    ctl(c, "routes", "add", "g.y", "carol")
    all_ = ctl(c, "audit", "--lines", "--json").json()
    lines = all_["lines"]
    assert [x["number"] for x in lines] == list(range(1, all_["last"] + 1)), lines
    first = lines[0]
    assert (first["account"], first["kind"], first["amount"], first["who"], first["person"], first["key"]) == (
        "alice", "settled-in", "300", "maria", me, "k"), first
    notes = {x["note"]: x for x in lines}
    assert notes["log-level info"]["person"] == me and notes["log-level info"]["account"] is None, notes
    assert notes["log-level warning"]["person"] == "env:TOKEN_OPERATOR" and notes["log-level warning"]["who"] == "maria", notes
    assert all(x["person"] in (me, "env:TOKEN_OPERATOR") for x in lines), lines
    assert any("XRP" in x["note"] for x in lines) and any("g.y" in x["note"] for x in lines), lines
    table = ctl(c, "audit", "--lines").out
    assert f"maria ({me})" in table and "maria (env:TOKEN_OPERATOR)" in table and "3.00" in table, table
    behind = ctl(c, "audit", "--lines", "--after", "2", "--json").json()
    assert behind["lines"] == lines[2:], behind
    sheet = list(csv.DictReader(io.StringIO(ctl(c, "audit", "--lines", "--csv").out, newline="")))
    assert [int(row["number"]) for row in sheet] == [x["number"] for x in lines], sheet
    assert sheet[0]["note"] == 'bank, "7"\nsecond line' and sheet[1]["who"] == "'=eve", sheet[:2]
    assert sheet[0]["hash"] == first["hash"] and sheet[0]["amount"] == "300", sheet[0]
    # Page by page it is the same.
    paged, after = [], 0
    while True:
        status, text = by_socket(c, "GET", f"/v1/lines?after={after}&limit=2")
        page = json.loads(text)["lines"]
        assert status == 200 and len(page) <= 2, text
        if not page:
            break
        paged += page
        after = page[-1]["number"]
    assert paged == lines
    for wrong in ("after=-1", "after=x", "limit=0", "limit=1001", "format=xml"):
        assert by_socket(c, "GET", "/v1/lines?" + wrong)[0] == 400, wrong
    for wrong in (["--csv"], ["--after", "1"], ["--lines", "--csv", "--json"], ["--lines", "--since-head", "x"], ["--lines", "--after", "x"]):
        ctl(c, "audit", *wrong, code=2)
    # More than one page has room for.
    for i in range(1010):
        assert by_socket(c, "PUT", "/v1/log-level", json.dumps({"level": "info", "who": f"w{i}"}))[0] == 200
    many = ctl(c, "audit", "--lines", "--json").json()
    assert len(many["lines"]) == many["last"] == len(lines) + 1010
    sheet = list(csv.DictReader(io.StringIO(ctl(c, "audit", "--lines", "--csv").out, newline="")))
    assert [int(row["number"]) for row in sheet] == list(range(1, many["last"] + 1))
    statement = ctl(c, "statement", "alice", "--json").json()
    assert statement["lines"][0]["person"] == me, statement
    assert csv.DictReader(io.StringIO(ctl(c, "statement", "alice", "--csv").out, newline="")).fieldnames[-1] == "person"
    assert ctl(c, "audit").code == 0
    c.stop()


@case
def a_node_that_does_not_answer(t):
    """It is waited for for so long; and a change may have been made all the same."""
    path = os.path.join(t.folder, "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        for more, words in (["status"], r"no answer in 0.2 s$"), (["reload"], r"no answer in 0.2 s: .*look before you ask again"):
            p = Answer([*more, "--socket", path, "--timeout", "0.2"], {})
            assert p.code == 3 and re.search(words, p.err.strip()), p.err
        for bad in ("0", "x", "-1"):
            p = Answer(["status", "--socket", path, "--timeout", bad], {})
            assert p.code == 2 and "is not a time" in p.err, p.err


@case
def who_may(t):
    """The socket is the node's user's alone; at the port a token of the configuration is needed."""
    c = Connector(t, "c", TWO_ASSETS + "admin: {port: 0, tokens: env:TOKEN_OPERATOR}\n")
    port = re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1)
    where = c.program.until("rillctl at", "err").split("rillctl at ")[1]
    mode = os.stat(where)
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600, oct(mode.st_mode)
    url = ["--url", f"http://127.0.0.1:{port}/"]
    file = t.file("token", "operator-token\n")
    assert Answer(["accounts", *url, "--token-file", file], {}).code == 0
    assert Answer(["accounts", *url], {"RILLCTL_TOKEN": "operator-token"}).code == 0
    for args, env, code, pattern in (
            ([*url], {"RILLCTL_TOKEN": "alice-token"}, 3, "does not know this token"),
            ([*url], {}, 2, "wants a token"),
            ([*url, "--token-file", "/none"], {}, 2, "No such file"),
            ([*url, "--token-file", t.file("empty", "\n")], {}, 2, "no token"),
            (["--url", "localhost:1"], {}, 2, "begins with http"),
            ([*url, "--socket", where], {}, 2, "only one of"),
            (["--url", "http://127.0.0.1:1"], {"RILLCTL_TOKEN": "x"}, 3, "127.0.0.1:1"),
            (["--socket", "/none/at/all"], {}, 3, 'is "rilld run" running'),
            (["--socket", "x" * 600], {}, 2, "too long"),
            (["--config", "/none"], {}, 2, "No such file"),
            ([], {"RILLCTL_SOCKET": "/none"}, 3, "/none"),
            (["--nonsense"], {}, 2, "there is no option")):
        answer = Answer(["accounts", *args], env)
        assert answer.code == code and re.search(pattern, answer.err), (args, answer.__dict__)
    assert Answer(["accounts"], {"RILLCTL_SOCKET": where}).code == 0
    assert Answer(["acounts"], {}).code == 2 and 'did you mean "accounts"' in Answer(["acounts"], {}).err
    assert Answer([], {}).code == 2 and Answer(["help"], {}).code == 0 and Answer(["--version"], {}).code == 0
    c.stop()


@case
def scopes_of_tokens(t):
    """A token does what its scopes say, is told which one is missing, and has those of now after a reload."""
    scopes = ("read", "metrics", "accounts", "money", "rates", "node")
    tokens = ", ".join(f"{{token: env:TOKEN_{s.upper()}, scopes: {s}}}" for s in scopes)
    c = Connector(t, "c", TWO_ASSETS + f"admin: {{port: 0, tokens: [env:TOKEN_ALL, {tokens}]}}\n")
    port = re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1)

    def by(scope, *args):
        return Answer([*args, "--url", f"http://127.0.0.1:{port}/"], {"RILLCTL_TOKEN": f"{scope}-token"})

    def status(scope, path, method="GET", body=None):
        s = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        s.request(method, path, body, {"Authorization": f"Bearer {scope}-token"})
        response = s.getresponse()
        got = response.status, response.read().decode()
        s.close()
        return got
    for command, need in ((["accounts"], "read"), (["status"], "read"), (["rates"], "read"), (["audit"], "read"),
                          (["statement", "alice"], "read"), (["log-level"], "read"),
                          (["accounts", "add", "carol", "relation=child", "asset=USD/2"], "accounts"),
                          (["routes", "add", "g.y", "alice"], "accounts"),
                          (["rates", "set", "EUR", "3"], "rates"), (["log-level", "info"], "node"), (["reload"], "node")):
        for scope in (*scopes, "all"):
            answer = by(scope, *command)
            if scope in (need, "all"):
                assert "scope" not in answer.err, (command, scope, answer.__dict__)
            else:
                assert answer.code == 1 and f"it has not the scope {need}" in answer.err, (command, scope, answer.__dict__)
    entry = json.dumps({"kind": "deposit", "amount": "7", "who": "me", "key": "k"})
    for scope in scopes:
        assert status(scope, "/metrics")[0] == (200 if scope == "metrics" else 403)
        assert status(scope, "/v1/accounts/alice/entries", "POST", entry)[0] == (201 if scope == "money" else 403)
        assert status(scope, "/v1/none")[0] == 404 and status(scope, "/healthz")[0] == 200
    assert json.loads(status("read", "/v1/drain", "POST")[1])["scope"] == "node"
    assert status("nobody", "/v1/accounts")[0] == 401
    assert ctl(c, "balance", "alice", "--json").json()["balance"] == "7"
    # Who follows by the port has to come again, and may not any more.
    follower = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    follower.request("GET", "/v1/events", headers={"Authorization": "Bearer read-token"})
    events = follower.getresponse()
    assert events.status == 200
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("{token: env:TOKEN_READ, scopes: read}", "{token: env:TOKEN_READ, scopes: [rates, money]}"))
    answer = by("node", "reload")
    assert answer.code == 0 and "admin tokens token env:TOKEN_READ, scopes money rates added" in answer.out, answer.__dict__
    events.read()  # it ends
    follower.close()
    assert status("read", "/v1/events")[0] == 403 and status("read", "/v1/accounts")[0] == 403
    assert status("read", "/v1/accounts/alice/entries", "POST", entry)[0] == 200
    # The same token twice, with other scopes: nobody could say what it may do.
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("{token: env:TOKEN_RATES, scopes: rates}", "{token: env:TOKEN_READ, scopes: rates}"))
    answer = by("node", "reload")
    assert answer.code != 0 and "another token is the same, and has other scopes" in answer.err + answer.out, answer.__dict__
    # A token that goes and one that comes are in the audit, too.
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("{token: env:TOKEN_RATES, scopes: rates}", "env:TOKEN_RATES").replace("{token: env:TOKEN_METRICS, scopes: metrics}, ", ""))
    assert by("node", "reload").code == 0
    c.stop()
    db = sqlite3.connect(c.store)
    told = [row[0] for row in db.execute("SELECT note FROM entries WHERE kind = 5 AND note LIKE 'admin tokens %' ORDER BY id")]
    db.close()
    assert told == ["admin tokens token env:TOKEN_READ, scopes money rates added",
                    "admin tokens token env:TOKEN_READ, scopes read removed",
                    "admin tokens token env:TOKEN_METRICS, scopes metrics removed",
                    "admin tokens token env:TOKEN_RATES added",
                    "admin tokens token env:TOKEN_RATES, scopes rates removed",
                    "admin tokens token env:TOKEN_READ, scopes money rates removed",
                    "admin tokens token env:TOKEN_READ, scopes read added"], told


@case
def the_socket_of_a_node(t):
    """What a killed node left is replaced; a living one's and other files are not; it can be named."""
    c = Connector(t, "c", TWO_ASSETS)
    where = c.store + ".sock"
    c.kill()
    assert os.path.exists(where)
    assert Answer(["accounts", "--socket", where], {}).code == 3
    c.start()
    ctl(c, "accounts")
    # Another node with other books, and the same socket.
    for config, pattern in ((f"admin: {{socket: {where}}}\n", "another node uses it"),
                            (f"admin: {{socket: {t.file('file', 'x')}}}\n", "something else than a socket"),
                            (f"admin: {{socket: {t.folder}/none/x}}\n", "No such file"),
                            (f"admin: {{socket: /{'x' * 200}}}\n", "too long for a socket")):
        path = t.file("other.yaml", f"store: {{path: {t.folder}/other.books}}\n{TWO_ASSETS}{config}")
        p = t.start([RILLD, "run", "--config", path], env=environment(**c.tokens))
        assert p.end() != 0 and re.search(rf"other.yaml:\d+:\d+: admin: .*{pattern}", p.text["err"].decode()), p.text
    ctl(c, "accounts")
    c.stop()
    for config, expected in (("admin: {socket: none}\n", None), (f"admin: {{socket: {t.folder}/own}}\n", f"{t.folder}/own")):
        d = Connector(t, "d", TWO_ASSETS + config)
        if expected is None:
            assert "rillctl at" not in d.program.text["err"].decode()
            assert "the node has no socket" in ctl(d, "accounts", code=2).err
        else:
            d.program.until(f"rillctl at {expected}", "err")
            ctl(d, "accounts")
        d.stop()
    # Under systemd it is where rillctl looks.
    c.tokens["RUNTIME_DIRECTORY"] = t.folder
    c.start()
    c.program.until(f"rillctl at {t.folder}/admin.sock", "err")
    c.stop()


@case
def why_packets_were_rejected(t):
    """By code and by whom: by this node, and by the neighbour that they went to."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: 500"))
    assert "no packet of alice was rejected" in ctl(c, "why", "alice").out
    r = receive(t, c.link("bob"))
    p = t.rill("send", r.path, "2000", "--link", c.link("alice"), "--json", "--stall", "2")
    assert p.end() == 1, p.text
    p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "1")
    p.end()
    found = ctl(c, "why", "alice", "--json").json()
    by = {(row["code"], row["by"]): row for row in found["rejects"]}
    assert by["T04", None]["message"] == "above the account's credit" and by["T04", None]["triggered_by"] == "g.x", by
    assert by["F99", "bob"]["count"] > 0, by  # what a receiver answers to packets that ask for the rate
    assert ("F02", None) in by, by
    table = ctl(c, "why", "alice").out
    assert re.search(r"\d+  T04 +Insufficient Liquidity +this node +g.x ", table), table
    assert "no such account" in ctl(c, "why", "nobody", code=2).err
    assert "0 packets under way" in ctl(c, "in-flight").out
    c.stop()


class Documented:
    """Answers against the document that the node serves."""

    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]

    def check(self, value, schema, where):
        if "$ref" in schema:
            return self.check(value, self.schemas[schema["$ref"].split("/")[-1]], where)
        for part in schema.get("allOf", ()):
            self.check(value, part, where)
        if "oneOf" in schema:
            good = [part for part in schema["oneOf"] if self.fits(value, part)]
            assert len(good) == 1, (where, value)
            return None
        types = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None)}
        names = schema.get("type", [])
        names = [names] if isinstance(names, str) else names
        assert not names or type(value) in [types[n] for n in names], (where, value, names)
        assert "enum" not in schema or value in schema["enum"], (where, value)
        assert "pattern" not in schema or value is None or re.search(schema["pattern"], value), (where, value)
        assert "minimum" not in schema or value is None or value >= schema["minimum"], (where, value)
        if isinstance(value, dict) and "properties" in schema:
            assert set(schema.get("required", ())) <= set(value), (where, set(value))
            assert schema.get("additionalProperties", True) or set(value) <= set(schema["properties"]), (where, set(value))
            for name, one in value.items():
                self.check(one, schema["properties"].get(name, {}), f"{where}.{name}")
        if isinstance(value, list) and "items" in schema:
            for one in value:
                self.check(one, schema["items"], where + "[]")
        return None

    def fits(self, value, schema):
        try:
            self.check(value, schema, "")
            return True
        except AssertionError:
            return False

    def answer(self, method, path, status, text):
        operation = self.document["paths"][path][method.lower()]
        assert str(status) in operation["responses"], (method, path, status, text)
        content = operation["responses"][str(status)].get("content", {})
        if "application/json" in content:
            self.check(json.loads(text), content["application/json"]["schema"], f"{method} {path}")


def by_socket(c, method, path, body=None, token=None):
    s = http.client.HTTPConnection("localhost", timeout=60)
    s.sock = socket.socket(socket.AF_UNIX)
    s.sock.settimeout(60)
    s.sock.connect(c.store + ".sock")
    s.request(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    response = s.getresponse()
    text = response.read().decode()
    s.close()
    return response.status, text


@case
def two_people(t):
    """What one has settled by hand another one confirms: by another token, or the socket; over restarts, once."""
    c = Connector(t, "c", TWO_ASSETS + "admin: {port: 0, tokens: [env:TOKEN_ADA, env:TOKEN_BEA], two-people: true}\n")

    def by(name, *args, code=0):
        if "operators on port" not in c.program.text["err"].decode():
            c.program.until("operators on port", "err")
        port = re.search(r"operators on port (\d+)", c.program.text["err"].decode()).group(1)
        answer = Answer([*args, "--url", f"http://127.0.0.1:{port}", "--who", "me"], {"RILLCTL_TOKEN": f"{name}-token"})
        assert answer.code == code, (args, answer.__dict__)
        return answer
    said = by("ada", "settle", "alice", "300", "--in", "--note", "bank").out
    id_ = re.search(r"rillctl confirm ([0-9a-f]{16})", said).group(1)
    assert "not booked yet" in said and ctl(c, "balance", "alice", "--json").json()["balance"] == "0"
    assert "it takes another person" in by("ada", "confirm", id_, code=1).err
    c.kill()
    c.start()
    table = ctl(c, "proposals").out
    assert id_ in table and "settled-in" in table and "env:TOKEN_ADA" in table and "bank" in table, table
    assert "ASSET" in table and " 3.00 " in table, table
    assert by("bea", "confirm", id_).out == "booked\n"
    assert "no such proposal" in by("bea", "confirm", id_, code=2).err
    assert ctl(c, "balance", "alice", "--json").json()["balance"] == "300"
    c.kill()
    c.start()
    assert ctl(c, "balance", "alice", "--json").json()["balance"] == "300"
    assert "nothing waits" in ctl(c, "proposals").out
    # By the socket and a token; and taken away.
    id_ = re.search(r"confirm (\w+)", ctl(c, "settle", "alice", "5", "--out").out).group(1)
    ctl(c, "confirm", id_, code=1)
    by("ada", "confirm", id_)
    id_ = re.search(r"confirm (\w+)", ctl(c, "settle", "alice", "7", "--out").out).group(1)
    assert "will not be booked" in ctl(c, "reject", id_).out
    by("ada", "confirm", id_, code=2)
    ctl(c, "confirm", "../x", code=2)
    assert ctl(c, "balance", "alice", "--json").json()["balance"] == "295"
    entries = [x for x in ctl(c, "statement", "alice", "--json").json()["lines"] if x["change"] != "0"]
    assert entries[0]["who"] == "me, confirmed by me" and entries[0]["note"] == "bank", entries
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()
    said = sqlite3.connect(c.store).execute("SELECT note FROM entries WHERE kind = 5 ORDER BY id").fetchall()
    assert any("confirms proposal" in n and "by env:TOKEN_BEA" in n for n, in said), said
    bad = t.file("bad.yaml", TWO_ASSETS + "store: {path: x}\nadmin: {socket: none, port: 0, tokens: env:A, two-people: true}\n")
    p = t.start([RILLD, "check", "--config", bad])
    p.end()
    assert b"two-people needs two ways in" in p.text["err"], p.text


@case
def old_minutes(t):
    """They become days: balances, audits and statements of days are the same; of parts of a day nothing is made up."""
    c = Connector(t, "c", TWO_ASSETS)
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    r = receive(t, c.link("bob"))
    send(t, r.path, 100, c.link("alice"))
    ctl(c, "settle", "alice", "7", "--deposit")
    head = ctl(c, "audit", "--json").json()["head"]
    c.stop()
    # The chain of sums made anew, so that an audit cannot tell; but who has kept the head can.
    edit(c, "DROP TRIGGER seals_stay", "DELETE FROM seals", "DELETE FROM sealed_days",
         "UPDATE flows SET minute = minute - 5 * 1440", "INSERT INTO flows SELECT run, minute - 1, source, destination, packets, taken, given FROM flows",
         "UPDATE balances SET booked = booked + (SELECT sum(given) FROM flows WHERE destination = account) / 2 WHERE account = (SELECT id FROM accounts WHERE name = 'bob')",
         "UPDATE balances SET booked = booked - (SELECT sum(taken) FROM flows WHERE source = account) / 2 WHERE account = (SELECT id FROM accounts WHERE name = 'alice')",
         "UPDATE balances SET booked = booked + (SELECT sum(taken) FROM flows) / 2 WHERE account = (SELECT id FROM accounts WHERE holder = 2 AND asset = 'USD')",
         "UPDATE balances SET booked = booked - (SELECT sum(given) FROM flows) / 2 WHERE account = (SELECT id FROM accounts WHERE holder = 2 AND asset = 'EUR')")
    c.start()
    assert ctl(c, "audit").out.endswith("the books are right\n")
    assert head.split(":")[0].split(".")[1] == "0" or "NOT OF THESE BOOKS" in ctl(c, "audit", "--since-head", head, code=1).out
    days = ctl(c, "statement", "alice", "--json").json()
    assert len([x for x in days["lines"] if x["kind"] == "sent"]) == 1, days
    assert len([x for x in ctl(c, "statement", "alice", "--step", "minute", "--json").json()["lines"] if x["kind"] == "sent"]) > 1
    c.stop()
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace("store: {", "store: {keep-minutes: 2d, "))
    c.start()
    ctl(c, "log-level", "info")
    deadline = time.monotonic() + 60
    while "sums of whole days" not in ctl(c, "statement", "alice", "--step", "minute", code=None).err:
        assert time.monotonic() < deadline
    assert ctl(c, "audit").out.endswith("the books are right\n")
    again = ctl(c, "statement", "alice", "--json").json()
    assert (again["lines"], again["opening"], again["closing"]) == (days["lines"], days["opening"], days["closing"]), (days, again)
    assert ctl(c, "statement", "alice", "--step", "all", "--json").json()["closing"] == days["closing"]
    day = days["lines"][0]["at"][:10]
    assert ctl(c, "statement", "alice", "--from", day, "--json").json()["lines"] == days["lines"]
    ctl(c, "statement", "alice", "--from", day + "T12:00", code=2)
    r = receive(t, c.link("bob"), "again")
    send(t, r.path, 100, c.link("alice"))
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()


@case
def what_is_documented(t):
    """Every answer is as the document says, good and bad ones; nothing that is asked makes a 500."""
    c = Connector(t, "c", TWO_ASSETS)
    documented = Documented(json.loads(by_socket(c, "GET", "/v1/openapi.json")[1]))
    assert documented.document["openapi"] == "3.1.0"
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(documented.document)))
    assert names == set(documented.schemas), names ^ set(documented.schemas)
    r = receive(t, c.link("bob"))
    send(t, r.path, 100, c.link("alice"))
    p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "1")
    p.end()
    good = {"/v1/accounts/{account}/entries": {"kind": "settled-in", "amount": "3", "who": "maria", "key": "k"},
            "/v1/log-level": {"level": "info"}, "/v1/reload": {}, "/v1/drain": {}}
    bodies = [None, "", "[]", "{}", "{", '{"who": 7}', '{"kind": "x"}', '{"level": 1}', "\x00", "x" * 70000]
    order = sorted(documented.document["paths"], key=lambda path: path == "/v1/drain")
    for path in order:
        for method in ("GET", "POST", "PUT", "DELETE"):
            for name in ("alice", "nobody", "%00", "x" * 300):
                where = path.replace("{account}", name)
                there = method.lower() in documented.document["paths"][path]
                if there and path in ("/v1/events", "/v1/packets/live"):  # it never ends: tests/e2e/events.py
                    continue
                for body in bodies if there and method != "GET" and name == "alice" and path != "/v1/drain" else [None]:
                    if there and method != "GET" and path in ("/v1/drain",):
                        continue
                    status, text = by_socket(c, method, where, body)
                    assert status != 500, (method, where, body, text)
                    if not there:
                        assert status == 405 or (status == 404 and "{" in path), (method, where, status)
                    elif status != 413:
                        documented.answer(method, path, status, text)
                if "{" not in path:
                    break
        if path in good and path != "/v1/drain":
            method = "PUT" if path == "/v1/log-level" else "POST"
            for _ in range(2):
                status, text = by_socket(c, method, path.replace("{account}", "alice"), json.dumps(good[path]))
                assert status in (200, 201), (path, status, text)
                documented.answer(method, path, status, text)
    for query in ("?from=2026-01-01&step=minute", "?step=week", "?format=csv", "?from=x"):
        status, text = by_socket(c, "GET", "/v1/accounts/alice/statement" + query)
        if "csv" not in query:
            documented.answer("GET", "/v1/accounts/{account}/statement", status, text)
    status, text = by_socket(c, "POST", "/v1/drain", "{}")
    documented.answer("POST", "/v1/drain", status, text)
    assert c.program.end() == 0, c.program.text


@case
def what_accounts_do_now(t):
    """Tables one after the other, plain where nobody looks; one that stays, in a terminal; lines of JSON."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    top = t.start([RILLCTL, "top", "--interval", "1", "--count", "30", "--json", "--config", c.path],
                  env=environment(**c.tokens))
    top.until("accounts")
    done = send(t, r.path, 3000, c.link("alice"))
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, top.text
        top._pump(20)
        lines = [json.loads(line) for line in top.text["out"].decode().split("\n")[:-1]]
        sums = {name: sum(a[kind] for line in lines for a in line["accounts"] if a["name"] == name)
                for name, kind in (("alice", "fulfilled_a_second"), ("bob", "sent_a_second"))}
        if sums["alice"] > 0 and lines[-1]["accounts"][0]["balance"] == f"-{done['sent']}":
            break
    assert sums["bob"] > 0 and lines[-1]["node"]["state"] == "ready", lines
    top.kill()
    plain = ctl(c, "top", "--interval", "1", "--count", "2").out
    assert plain.count("g.x: ready; ") == 2 and plain.count("ACCOUNT") == 2 and "\x1b" not in plain, plain
    assert "FULFILLED/S" in plain and "-30.00" in plain, plain
    master, slave = pty.openpty()
    shown = subprocess.Popen([RILLCTL, "top", "--interval", "1", "--count", "2", "--config", c.path],
                             stdout=slave, stdin=slave, env=environment(**c.tokens))
    os.close(slave)
    text = b""
    try:
        while True:
            text += os.read(master, 4096)
    except OSError:  # the terminal is closed
        pass
    os.close(master)
    assert shown.wait(60) == 0 and text.count(b"\x1b[H\x1b[J") == 2, text
    for wrong in (["--interval", "0"], ["--interval", "1.5"], ["--count", "x"], ["--count", "-1"], ["--interval", "4000"]):
        assert "a whole number from 1 to" in ctl(c, "top", *wrong, code=2).err, wrong
    c.stop()
    assert ctl(c, "top", "--count", "1", code=3).out == ""
    r.kill()


@case
def levels_and_drain(t):
    """The log's level at run time; and a node that is told to end lets what is under way end."""
    c = Connector(t, "c", TWO_ASSETS)
    assert ctl(c, "log-level").out == "warning\n"
    ctl(c, "log-level", "loud", code=2)
    ctl(c, "log-level", "debug", "--who", "maria")
    r = receive(t, c.link("bob"))
    c.program.until("account bob: connected", "err")
    ctl(c, "log-level", "warning")
    said = ctl(c, "drain").out
    assert "takes no new packets" in said, said
    assert c.program.end() == 0, c.program.text
    db = sqlite3.connect(c.store)
    notes = [row[:2] for row in db.execute("SELECT who, note FROM entries WHERE kind = 5")]
    db.close()
    assert notes[0] == ("maria", "log-level debug") and notes[-1][1] == "drain", notes
    c.start()
    assert ctl(c, "audit", "--json").json()["good"] is True
    c.stop()
    r.kill()


@case
def strangers_at_the_socket(t):
    """Whoever speaks something else there, or says nothing, disturbs nobody."""
    c = Connector(t, "c", TWO_ASSETS)
    where = c.store + ".sock"
    silent = []
    for i in range(70):  # more than may be strangers
        s = socket.socket(socket.AF_UNIX)
        s.connect(where)
        if i % 2:
            s.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        silent.append(s)
    assert "alice" in ctl(c, "accounts").out
    for s in silent:
        s.close()
    c.stop()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
