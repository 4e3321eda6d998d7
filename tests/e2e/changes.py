#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts, routes and prices that operators add while a connector runs: at once, for good, by whom.

usage: changes.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import os
import re
import signal
import sqlite3
import sys

from harness import run_tests
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import ctl, rows

CASES = []


def case(function):
    CASES.append(function)
    return function


def notes(c):
    """Of a connector that does not run: who changed what."""
    db = sqlite3.connect(c.store)
    found = db.execute("SELECT who, note FROM entries WHERE kind = 5 ORDER BY id").fetchall()
    db.close()
    return found


def settings(c):
    db = sqlite3.connect(c.store)
    found = db.execute("SELECT kind, name, value FROM settings WHERE kind <> 'config' ORDER BY kind, name").fetchall()
    db.close()
    return found


def token_of(answer):
    return re.search(r"shown once: ([0-9a-f]{64})\n", answer.out).group(1)


def link(c, token):
    return f"btp+ws://:{token}@127.0.0.1:{c.port}"


def way(c, prefix):
    return {row[0]: row[1] for row in rows(ctl(c, "routes").out)}.get(prefix)


def replace(c, old, new):
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    assert old in text, text
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))


@case
def an_account(t):
    """Added, used, changed, settled and taken out; and there again after kill -9."""
    c = Connector(t, "c", TWO_ASSETS)
    first = token_of(ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2", "credit=500", "--who", "maria"))
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 300, link(c, first))
    assert int(done["delivered"]) == 14850, done
    c.kill()
    c.start()
    assert [row[:4] for row in rows(ctl(c, "accounts").out)][-1] == ["carol", "child", "USD/2", "-3.00"]
    assert ctl(c, "balance", "carol", "--json").json()["source"] == "api"
    r = receive(t, c.link("bob"), "again")
    send(t, r.path, 300, link(c, first), "--stall", "1", "--max-packet", "100", code=1)  # above its credit
    ctl(c, "accounts", "set", "carol", "credit=1000", "max-packet=100")
    assert int(send(t, r.path, 300, link(c, first))["delivered"]) == 14850
    for wrong, pattern, code in (
            (["add", "carol", "relation=child", "asset=USD/2"], "there is an account of this name", 1),
            (["add", "bob", "relation=child", "asset=USD/2"], "there is an account of this name", 1),
            (["set", "bob", "credit=1"], "the configuration has this account", 1),
            (["remove", "bob"], "the configuration has this account", 1),
            (["set", "nobody", "credit=1"], "there is no such account", 2),
            (["add", "dave", "relation=chld", "asset=USD/2"], "parent, peer or child", 1),
            (["add", "dave", "relation=child", "asset=GBP/2"], "there is no price for GBP", 1),
            (["add", "dave", "relation=parent", "asset=USD/2"], "a parent needs a link", 1),
            (["add", "da.ve", "relation=child", "asset=USD/2"], "characters other than", 1),
            (["add", "dave", "relation=child", "asset=USD/2", "segment=carol"], "another child has the same address", 1),
            (["add", "dave", "relation=child", "asset=USD/2", "tokens=hunter2"], "not the secret itself", 1),
            (["set", "carol", "relation=peer"], "relation changes only", 1),
            (["add", "dave", "relation"], "is not like credit=1000", 2),
            (["add"], "an argument is missing", 2), (["get", "x"], 'there is no "accounts get"', 2),
            (["remove", "carol"], "its balance is -800 units", 1)):
        answer = ctl(c, "accounts", *wrong, code=code)
        assert re.search(pattern, answer.err), (wrong, answer.err)
    assert len(rows(ctl(c, "accounts").out)) == 3
    # Two tokens while one is replaced by the other.
    second = token_of(ctl(c, "accounts", "set", "carol", "--new-token"))
    for token in (first, second):
        send(t, r.path, 10, link(c, token))
    third = token_of(ctl(c, "accounts", "set", "carol", "--new-token", "--drop-old-tokens"))
    send(t, r.path, 10, link(c, third))
    for token in (first, second):
        p = t.rill("send", r.path, "10", "--link", link(c, token), "--json")
        assert p.end() != 0, p.text
    below = ctl(c, "settle", "carol", "-5", "--in", code=2)
    assert 'the amount "-5" is not like' in below.err, below.err
    ctl(c, "settle", "carol", "830", "--in")
    assert "removed" in ctl(c, "accounts", "remove", "carol", "--who", "maria").out
    while len(rows(ctl(c, "accounts").out)) != 2:
        pass
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()
    said = notes(c)
    assert [what for who, what in said if who == "maria" and what.startswith("added: ")] and ("maria", "removed") in said, said
    assert settings(c) == [], settings(c)
    with open(c.store, "rb") as f:
        books = f.read()
    for token in (first, second, third):
        assert token.encode() not in books and token not in c.program.text["err"].decode()
    c.start()
    assert len(rows(ctl(c, "accounts").out)) == 2
    c.stop()


@case
def a_large_configuration(t):
    """Its text, as it was read last, is in a file without a name: what operators add is read with it."""
    c = Connector(t, "c", TWO_ASSETS + "#" + 200 * ("-" * 500 + "\n#") + "\n")

    def nameless():
        folder = f"/proc/{c.program.process.pid}/fd"
        paths = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
        return [path for path in paths if path.startswith(c.store + ".config-") and path.endswith(" (deleted)")]

    def credit_of(name):
        return ctl(c, "balance", name, "--json").json()["credit"]

    assert len(nameless()) == 1 and not [name for name in os.listdir(os.path.dirname(c.store)) if ".config-" in name]
    token = token_of(ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2", "credit=500"))
    # What is in the file by now does not count before it is loaded.
    replace(c, "credit: 1000000", "credit: 2000000")
    ctl(c, "accounts", "add", "dave", "relation=child", "asset=USD/2")
    assert "there is an account" in ctl(c, "accounts", "add", "bob", "relation=child", "asset=USD/2", code=1).err
    assert credit_of("alice") == "1000000" and credit_of("carol") == "500"
    ctl(c, "reload")
    assert credit_of("alice") == "2000000" and credit_of("carol") == "500" and len(nameless()) == 1
    ctl(c, "accounts", "remove", "dave")
    assert credit_of("alice") == "2000000"
    r = receive(t, c.link("bob"))
    send(t, r.path, 300, link(c, token))
    c.kill()
    c.start()
    assert credit_of("alice") == "2000000" and credit_of("carol") == "500" and len(nameless()) == 1
    assert [row[:4] for row in rows(ctl(c, "accounts").out)][-1] == ["carol", "child", "USD/2", "-3.00"]
    # One that is small again is in memory.
    with open(c.path, encoding="utf-8") as f:
        text = re.sub("#-+\n", "", f.read())
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text)
    ctl(c, "reload")
    assert nameless() == []
    ctl(c, "accounts", "set", "carol", "credit=700")
    assert credit_of("carol") == "700" and credit_of("alice") == "2000000"
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()


@case
def routes(t):
    """Added, moved and taken out, durable; what the configuration has stays its own."""
    c = Connector(t, "c", TWO_ASSETS + "routes: [{prefix: g.far, account: bob}]\n")
    assert "route g.near added, to bob" in ctl(c, "routes", "add", "g.near", "bob", "--who", "maria").out
    c.kill()
    c.start()
    assert way(c, "g.near") == "bob"
    assert "route g.near leads to alice, before to bob" in ctl(c, "routes", "add", "g.near", "alice").out
    for wrong, pattern, code in ((["add", "g.far", "alice"], "the configuration has a route", 1),
                                 (["add", "g.x y", "alice"], "is no ILP address", 1),
                                 (["add", "g.new", "nobody"], "there is no account 'nobody'", 1),
                                 (["add", "g.x.bob", "alice"], "there is a route for this prefix", 1),
                                 (["remove", "g.far"], "the API has added no such thing", 2),
                                 (["add", "g.new"], "an argument is missing", 2), (["remove"], "an argument is missing", 2),
                                 (["g.far", "more"], "one argument too many", 2)):
        answer = ctl(c, "routes", *wrong, code=code)
        assert re.search(pattern, answer.err), (wrong, answer.err)
    # The configuration gets one to the same prefix: it counts, and that is said.
    replace(c, "account: bob}]", "account: bob}, {prefix: g.near, account: bob}]")
    ctl(c, "reload")
    assert "set aside: route g.near of the API: the configuration has a route to this prefix" in ctl(c, "status").out
    assert way(c, "g.near") == "bob"
    replace(c, ", {prefix: g.near, account: bob}]", "]")
    ctl(c, "reload")
    assert "set aside" not in ctl(c, "status").out
    assert way(c, "g.near") == "alice"
    # An account that a route of the API leads to is taken out of the configuration.
    ctl(c, "routes", "add", "g.bob", "bob")
    ctl(c, "accounts", "add", "carol", "relation=peer", "asset=USD/2")
    ctl(c, "routes", "add", "g.carol", "carol")
    assert "the route g.carol leads to it" in ctl(c, "accounts", "remove", "carol", code=1).err
    ctl(c, "routes", "remove", "g.carol")
    ctl(c, "accounts", "remove", "carol")
    assert "route g.near removed" in ctl(c, "routes", "remove", "g.near").out
    c.stop()
    assert settings(c) == [("route", "g.bob", "bob")], settings(c)
    assert ("maria", "route g.near added, to bob") in notes(c)


@case
def what_the_file_takes_away(t):
    """A file that was edited while the node was down never locks an operator out: what was added and
    does not fit any more is named in the log, and the rest works."""
    c = Connector(t, "c", TWO_ASSETS + "# env:TOKEN_DAVE\n")
    token = token_of(ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2", "segment=x", "credit=100"))
    ctl(c, "routes", "add", "g.x.y", "bob")
    secret = os.path.join(os.path.dirname(c.path), "frank.token")
    with open(secret, "w", encoding="utf-8") as f:
        f.write("franks-token")
    os.chmod(secret, 0o600)
    ctl(c, "accounts", "add", "frank", "relation=peer", "asset=USD/2", "link.uri=btp+ws://127.0.0.1:1",
        f"link.token=file:{secret}")
    c.stop()
    os.unlink(secret)
    replace(c, "accounts:\n", "accounts:\n  dave: {relation: child, asset: USD/2, segment: x, tokens: env:TOKEN_DAVE}\n"
                              "  eve: {relation: child, asset: USD/2, segment: y, tokens: env:TOKEN_BOB2}\n")
    c.tokens["TOKEN_BOB2"] = "bob2-token"
    c.start()
    log = c.program.text["err"].decode()
    assert "added by the API, and not used: carol: another child has the same address" in log, log
    assert "added by the API, and not used: g.x.y: there is a route for this prefix already" in log, log
    assert way(c, "g.x.x") == "dave" and way(c, "g.x.y") == "eve"
    r = receive(t, c.link("bob"))
    send(t, r.path, 10, link(c, token))
    ctl(c, "settle", "carol", "10", "--in")
    ctl(c, "accounts", "remove", "frank")
    ctl(c, "routes", "remove", "g.x.y")
    assert way(c, "g.x.y") == "eve"  # it is the child's own
    ctl(c, "accounts", "remove", "carol")
    c.stop()


@case
def a_file_that_is_refused(t):
    """Then nothing that was added is set aside for what is in that file: who has money stays."""
    c = Connector(t, "c", TWO_ASSETS)
    ctl(c, "accounts", "add", "carol", "relation=child", "asset=USD/2")
    ctl(c, "settle", "carol", "10", "--in")
    replace(c, "accounts:\n", "min-message-window: 3s\naccounts:\n"
                              "  carol: {relation: child, asset: USD/2, tokens: env:TOKEN_DAVE}\n")
    assert "min-message-window changes only when" in ctl(c, "reload", code=1).err
    assert "set aside" not in ctl(c, "status").out
    assert "its balance is 10 units" in ctl(c, "accounts", "remove", "carol", code=1).err
    ctl(c, "settle", "carol", "10", "--out")
    ctl(c, "accounts", "remove", "carol")
    c.stop()


@case
def links_and_tokens_are_in_the_audit(t):
    """Who changed which link and token of an account, of the API and of the file; never a secret."""
    c = Connector(t, "c", TWO_ASSETS)
    secret, other = (t.file(f"{name}.token", f"hush-{name}\n") for name in ("one", "two"))
    ctl(c, "accounts", "add", "eve", "relation=peer", "asset=USD/2", "link.uri=btp+ws://127.0.0.1:1",
        f"link.token=file:{secret}", "--who", "ada")
    said = ctl(c, "accounts", "set", "eve", "link.uri=btp+ws://127.0.0.1:2", f"link.token=file:{other}", "--who", "maria").out
    assert "link uri btp+ws://127.0.0.1:2, before btp+ws://127.0.0.1:1" in said, said
    token = token_of(ctl(c, "accounts", "set", "eve", "--new-token", "--who", "bea"))
    ctl(c, "accounts", "set", "eve", "--new-token", "--drop-old-tokens", "--who", "eva")
    with open(other, "w", encoding="utf-8") as f:
        f.write("hush-three")
    said = ctl(c, "reload", "--who", "lea").out
    assert "account eve: link token: another one is there now" in said, said
    assert "loaded: 0 changes" in ctl(c, "reload", "--who", "lea").out
    said = ctl(c, "accounts", "set", "eve", "link=", "--who", "ida").out
    c.stop()
    found = notes(c)
    [added] = [text for who, text in found if who == "ada"]
    assert f"link token file:{secret}, link uri btp+ws://127.0.0.1:1" in added, added
    for line in (("maria", "link uri btp+ws://127.0.0.1:2, before btp+ws://127.0.0.1:1"),
                 ("maria", f"link token file:{other}, before file:{secret}"), ("bea", "has a new token"),
                 ("eva", "has a new token"), ("eva", "a token is not good any more; its connections are closed"),
                 ("lea", "link token: another one is there now"),
                 ("ida", "link uri none, before btp+ws://127.0.0.1:2"), ("ida", f"link token none, before file:{other}")):
        assert found.count(line) == 1, (line, found)
    with open(c.store, "rb") as f:
        books = f.read()
    said = books + c.program.text["err"]
    for word in (b"hush-one", b"hush-two", b"hush-three", token.encode()):
        assert word not in said, word
    c.start()
    assert ctl(c, "audit").out.endswith("the books are right\n")
    c.stop()


@case
def many_routes(t):
    """All of them, sorted, in pages that nobody sees; also where it is a page and one more."""
    config = TWO_ASSETS + "routes:\n" + "".join(f"  - {{prefix: g.n{i * 7919 % 2500}, account: bob}}\n" for i in range(2500))
    c = Connector(t, "c", config)
    shown = [row[0] for row in rows(ctl(c, "routes").out)]
    assert len(shown) == 2503 and shown == sorted(shown), (len(shown), shown[:5])
    assert len(ctl(c, "routes", "--json").json()["routes"]) == 2503
    for prefix, count in (("g.n1", 1 + 10 + 100 + 1000), ("g.n", 2500), ("g.n2499", 1), ("g.none", 0)):
        assert len(rows(ctl(c, "routes", prefix).out)) == count, prefix
    c.stop()


@case
def while_packets_flow(t):
    """Accounts and routes come and go a hundred times while a payment goes on: no packet is lost."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "200000", "--link", c.link("alice"), "--json", "--max-packet", "50", "--stall", "20")
    p.read_along()
    for i in range(25):
        ctl(c, "accounts", "add", f"n{i}", "relation=peer", "asset=USD/2")
        ctl(c, "routes", "add", f"g.n{i}", f"n{i}")
        if i % 2:
            ctl(c, "routes", "remove", f"g.n{i}")
            ctl(c, "accounts", "remove", f"n{i}")
    assert p.end() == 0, p.text
    # What the receiver itself refuses is how a sender finds the rate.
    lost = [row for row in ctl(c, "why", "alice", "--json").json()["rejects"] if row["code"] != "F99"]
    assert lost == [], lost
    c.program.process.send_signal(signal.SIGHUP)
    c.program.until("the configuration is loaded: 0 changes", "err")
    c.stop()
    assert len(settings(c)) == 26, settings(c)
    c.books()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
