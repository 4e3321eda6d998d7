#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another configuration for a connector that runs: what is different is applied, nothing else moves.

usage: reload.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import os
import re
import signal
import sqlite3
import sys
import time

from btp import FULFILL, REJECT, Client, fulfill, prepare
from harness import reserved_port, run_tests
from connector import TWO_ASSETS, Connector, receive, received, send
from rillctl import Answer, ctl
from runner import wait_until

CASES = []


def case(function):
    CASES.append(function)
    return function


def edit(c, *pairs):
    """Each text becomes the other, in the configuration's file."""
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    for old, new in pairs:
        assert old in text, (old, text)
        text = text.replace(old, new)
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text)


def reload(c, code=0):
    answer = Answer(["reload", "--who", "maria", "--socket", c.store + ".sock"], {})
    assert answer.code == code, answer.__dict__
    return answer


def changes(c):
    """Of the audit: who, account and what."""
    db = sqlite3.connect(c.store)
    found = db.execute("SELECT who, name, note FROM entries JOIN accounts ON account = accounts.id WHERE kind = 5"
                       " ORDER BY entries.id").fetchall()
    db.close()
    return found


def account(c, name):
    return ctl(c, "balance", name, "--json").json()


@case
def limits_rates_and_accounts(t):
    """All of it in one, while a payment goes on whose connections stay."""
    c = Connector(t, "c", TWO_ASSETS)
    c.tokens["TOKEN_CAROL"] = "carol-token"
    c.stop()
    c.start()
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "3000000", "--link", c.link("alice"), "--json", "--max-packet", "100",
               "--stall", "20", "--min-rate", "20")
    p.read_along()
    c.program.until("rillctl at", "err")
    while int(account(c, "alice")["balance"]) > -10000:
        pass
    # More credit, so that the payment can end; a new account in a new asset; another price.
    edit(c, ("credit: 1000000", "credit: 5000000"), ("price: 2}", "price: 4}, GBP: {price: 5}"),
         ("accounts:\n", "accounts:\n  carol: {relation: child, asset: GBP/2, tokens: env:TOKEN_CAROL, credit: 7, segment: car}\n"))
    said = reload(c).out.splitlines()
    new = "added: asset GBP/2, credit 7, segment car, tokens env:TOKEN_CAROL"
    assert said == ["rates prices EUR price 4, before 2", "rates prices GBP price 5, before none",
                    f"account carol: {new}", "account alice: credit 5000000, before 1000000",
                    "loaded: 4 changes"], said
    assert p.end() == 0, p.text
    done = p.events()[-1]
    assert done["sent"] == "3000000", done
    assert not re.search(r"account \w+: disconnected", c.program.text["err"].decode())
    assert 0 < int(done["delivered"]) < 3000000 * 49.5, done
    near = receive(t, c.link("carol"), "near")
    assert near.events()[0]["address"].startswith("g.x.car.") if "address" in near.events()[0] else True
    got = send(t, near.path, 500, c.link("alice"))
    assert got["delivered"] == "99", got
    assert reload(c).out == "loaded: 0 changes\n"
    final = c.balances()
    assert final["carol"] == 99 and final["alice"] == -3000500, final
    assert ctl(c, "audit", "--json").json()["good"] is True
    c.stop()
    assert c.books() == final
    assert changes(c) == [("maria", "", "rates prices EUR price 4, before 2"),
                          ("maria", "", "rates prices GBP price 5, before none"), ("maria", "carol", new),
                          ("maria", "alice", "credit 5000000, before 1000000")], changes(c)


@case
def amounts_a_second(t):
    """A payment ends, however little may pass in a second, and takes as long as that takes at least."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: 1000000, amount-a-second: 2000"))
    r = receive(t, c.link("bob"))
    r.read_along()

    def pay(limit, units):
        """units of what was sent: those that are limited. As many as pass in a second pass at once."""
        begun = time.monotonic()
        done = send(t, r.path, 9000, c.link("alice"), "--stall", "30")
        took = time.monotonic() - begun
        assert done["sent"] == "9000", done
        assert took >= (int(done[units]) - limit) / limit, (took, done)

    def why():
        return {row["message"] for row in ctl(c, "why", "alice", "--json").json()["rejects"]}

    pay(2000, "sent")
    assert "above the account's amount a second" in why(), why()
    edit(c, (", amount-a-second: 2000", ""),
         ("tokens: env:TOKEN_BOB", "tokens: env:TOKEN_BOB, amount-to-a-second: 100000, packets-to-a-second: 500"))
    said = reload(c).out.splitlines()
    assert said == ["account alice: amount-a-second 0, before 2000",
                    "account bob: amount-to-a-second 100000, before 0",
                    "account bob: packets-to-a-second 500, before 0", "loaded: 3 changes"], said
    pay(100000, "delivered")
    assert "above the destination's amount a second" in why(), why()
    assert account(c, "alice")["balance"] == "-18000"
    c.stop()
    c.books()


@case
def a_wrong_configuration(t):
    """It is refused whole, with each place in the log and to who asked; and the old one goes on."""
    c = Connector(t, "c", TWO_ASSETS)
    with open(c.path, encoding="utf-8") as f:
        good = f.read()
    r = receive(t, c.link("bob"))
    for old, new, pattern in (
            ("relation: child, asset: USD/2", "relation: chld, asset: USD/2", r"c.yaml:5:21: relation: parent, peer or child"),
            ("credit: 1000000", "credit: -1", r"c.yaml:5:\d+: credit"),
            ("asset: USD/2", "asset: USD/3", r"c.yaml:5:3: alice: asset changes only"),
            ("alice: {relation: child", "alice: {relation: peer", r"c.yaml:5:3: alice: relation changes only"),
            ("address: g.x", "address: g.y", r"c.yaml:\d+:1: address changes only"),
            ("c.books", "d.books", r"c.yaml:1:8: store: path changes only"),
            ("http: true", "http: false", r"c.yaml:2:\d+: listen, other than its certificates, changes only"),
            ("tokens: env:TOKEN_BOB", "tokens: env:TOKEN_NONE", r"c.yaml:6:\d+: bob: the token env:TOKEN_NONE cannot be read"),
            ("tokens: env:TOKEN_BOB", "tokens: env:TOKEN_ALICE", r"bob: another account has the same token"),
            ("rates:", "routes: [{prefix: g.x.alice, account: bob}]\nrates:", r"g.x.alice: there is a route"),
            ("rates:", "admin: {socket: /tmp/x}\nrates:", r"admin, other than .* changes only"),
            ("tokens: env:TOKEN_BOB", "link: {uri: 'nonsense://x'}", r"c.yaml:6:\d+: .*"),
            ("accounts:", "accounts:\n  dora: {relation: child, asset: USD/2, tokens: env:NONE, credit: 1}", "dora: the token"),
            ("accounts:", "accounts", r"c.yaml:\d+:\d+: not YAML")):
        edit(c, (old, new), *[("credit: 1000000", "credit: 3")] * (old != "credit: 1000000"))
        answer = reload(c, code=1)
        assert re.search(pattern, answer.err), (new, answer.err)
        assert re.search("not loaded: .*" + pattern, c.program.until("not loaded: .*" + pattern, "err"))
        assert "all stays as it is" in answer.err, answer.err
        with open(c.path, "w", encoding="utf-8") as f:
            f.write(good)
        assert account(c, "alice")["credit"] == "1000000"
    assert "dora" not in ctl(c, "accounts").out
    os.rename(c.path, c.path + ".away")
    c.program.process.send_signal(signal.SIGHUP)
    c.program.until("not loaded: .*No such file", "err")
    os.rename(c.path + ".away", c.path)
    send(t, r.path, 100, c.link("alice"))
    # Nothing is left of what was refused: the same names can be added afterwards.
    c.tokens["NONE"] = "dora-token"
    assert reload(c).out == "loaded: 0 changes\n"
    c.stop()
    c.books()
    assert changes(c) == []


@case
def an_account_leaves_and_comes_back(t):
    """Its packets that are out are answered; its balance stays in the books, and it has it again."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 5000, c.link("alice"))
    r.process.send_signal(signal.SIGTERM)
    r.end()
    waiting = receive(t, c.link("bob"), "waiting")
    with open(c.path, encoding="utf-8") as f:
        both = f.read()
    edit(c, ("  bob: {relation: child, asset: EUR/4, tokens: env:TOKEN_BOB}\n", ""))
    c.program.process.send_signal(signal.SIGHUP)
    c.program.until("loaded: account bob: removed", "err")
    c.program.until("the configuration is loaded: 1 changes", "err")
    assert "bob" not in ctl(c, "accounts").out
    # Its balance can be found, so that all of them add up to zero.
    [eur] = [a for a in ctl(c, "balance", "--json").json()["assets"] if a["code"] == "EUR"]
    assert eur["closed"] == [{"name": "bob", "balance": done["delivered"]}], eur
    assert int(eur["owed_to_accounts"]) - int(eur["owed_by_accounts"]) + int(eur["exchange"]) + int(eur["outside"]) == 0, eur
    assert re.search(r"bob +EUR/4 +" + re.escape(str(int(done["delivered"]) / 10000)), ctl(c, "balance").out), ctl(c, "balance").out
    for extra in ((), ("--asset", "EUR/4")):
        assert ctl(c, "statement", "bob", *extra, "--json").json()["closing"] == done["delivered"]
    assert "there is no such account" in ctl(c, "statement", "bob", "--asset", "USD/2", code=2).err
    p = t.rill("send", waiting.path, "100", "--link", c.link("alice"), "--json", "--timeout", "5")
    assert p.end() == 1 and "F02" in p.text["out"].decode(), p.text
    p = t.rill("info", "--link", c.link("bob"))
    assert p.end() == 3, p.text
    assert ctl(c, "audit", "--json").json()["good"] is True
    waiting.kill()

    with open(c.path, "w", encoding="utf-8") as f:
        f.write(both)
    assert "account bob: added" in reload(c).out
    assert account(c, "bob")["balance"] == done["delivered"]
    again = receive(t, c.link("bob"), "again")
    more = send(t, again.path, 100, c.link("alice"))
    want = {"alice": -5100, "bob": int(done["delivered"]) + int(more["delivered"])}
    assert c.balances() == want
    c.stop()
    assert c.books() == want
    assert [(a, what) for _, a, what in changes(c)] == [
        ("bob", f"removed, with a balance of {done['delivered']} EUR/4, which stays in the books"),
        ("bob", "added: asset EUR/4, tokens env:TOKEN_BOB")], changes(c)


@case
def changed_while_it_was_stopped(t):
    """A stop, an edit and a start: all that is different is in the audit, and no secret is in the books."""
    port = reserved_port().getsockname()[1]
    c = Connector(t, "c", TWO_ASSETS)
    admin = t.file("admin-token", "first-admin-token\n")
    bob = t.file("bob-token", "hush-bob\n")
    known = 0

    def told():
        """What is new in the audit of a connector that does not run."""
        nonlocal known
        new = changes(c)[known:]
        known += len(new)
        return sorted((name, what) for who, name, what in new if who == "start")

    c.stop()
    assert told() == []
    edit(c, ("accounts:", f"admin: {{port: {port}, two-people: true, tokens: ['file:{admin}']}}\naccounts:"),
         ("tokens: env:TOKEN_BOB", f"tokens: [env:TOKEN_BOB, 'file:{bob}']"))
    c.start()
    c.kill()
    assert told() == [("", f"admin port {port}, before none"), ("", f"admin tokens token file:{admin} added"),
                      ("", "admin two-people true, before false"), ("bob", f"tokens file:{bob} added"),
                      ("bob", "tokens: another one is there now")]
    c.start()
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 5000, c.link("alice"))
    r.kill()
    c.stop()
    assert told() == []  # nothing is different
    edit(c, ("two-people: true, ", ""), ("credit: 1000000", "credit: none"), ("price: 2}", "price: 3}"),
         ("accounts:\n", "accounts:\n  eve: {relation: peer, asset: USD/2, tokens: env:TOKEN_EVE, credit: none}\n"))
    t.file("admin-token", "second-admin-token\n")
    t.file("bob-token", "hush-ben\n")
    c.tokens["TOKEN_EVE"] = "eve-token"
    c.start()
    c.program.until("since the last start: account alice: credit none, before 1000000", "err")
    # A reload tells another token, too, though its file has the same name.
    t.file("admin-token", "third-admin-token\n")
    secret = f"admin tokens file:{admin} token: another one is there now"
    assert reload(c).out == f"{secret}\nloaded: 1 changes\n"
    assert reload(c).out == "loaded: 0 changes\n"
    c.stop()
    assert ("maria", "", secret) in changes(c)
    assert told() == [("", secret), ("", "admin two-people false, before true"),
                      ("", "rates prices EUR price 3, before 2"), ("alice", "credit none, before 1000000"),
                      ("bob", "tokens: another one is there now"),
                      ("eve", "added: asset USD/2, credit none, relation peer, tokens env:TOKEN_EVE")]
    edit(c, (f"  bob: {{relation: child, asset: EUR/4, tokens: [env:TOKEN_BOB, 'file:{bob}']}}\n", ""))
    c.start()
    c.program.until(f"account bob is not in the configuration, and its balance is {done['delivered']} EUR/4", "err")
    assert ctl(c, "audit", "--json").json()["good"] is True
    c.stop()
    assert told() == [("bob", f"removed, with a balance of {done['delivered']} EUR/4, which stays in the books")]
    with open(c.store, "rb") as f:
        books = f.read()
    for word in (b"first-admin", b"second-admin", b"third-admin", b"hush"):
        assert word not in books and word not in c.program.text["err"], word


@case
def tokens_change(t):
    """A new one works at once beside the old one; who has shown one that is taken out must come again."""
    c = Connector(t, "c", TWO_ASSETS)
    file = t.file("bob-token", "first-token\n")
    edit(c, ("tokens: env:TOKEN_BOB", f"tokens: [env:TOKEN_BOB, 'file:{file}']"))
    assert "account bob: has a new token" in reload(c).out
    r = receive(t, c.link("first"))
    send(t, r.path, 10, c.link("alice"))
    # The file has another token now: the configuration's text is the same.
    t.file("bob-token", "second-token\n")
    out = reload(c).out
    assert "has a new token" in out and "a token is not good any more" in out, out
    s = receive(t, c.link("second"), "second")
    send(t, s.path, 10, c.link("alice"))
    p = t.rill("info", "--link", c.link("first"))
    assert p.end() == 3, p.text
    for secret in ("first-token", "second-token"):
        assert secret not in c.program.text["err"].decode()
    c.stop()
    db = open(c.store, "rb").read()
    assert b"first-token" not in db and b"second-token" not in db


@case
def links_and_routes(t):
    """A link that is not different stays up; one that is goes to another place; routes follow."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN, credit: 10_000_000_000}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB}
""")
    other = Connector(t, "other", """address: g.other
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN, credit: 10_000_000_000}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB}
""")
    down = Connector(t, "down", f"""address: g.down
accounts:
  up: {{relation: parent, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  side: {{relation: peer, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: none}}
""")
    ctl(down, "log-level", "info")
    a = receive(t, up.link("bob"), "a")
    b = receive(t, other.link("bob"), "b")
    send(t, a.path, 100, down.link("alice"))
    down.program.text["err"] = b""
    edit(down, (f"side: {{relation: peer, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}'",
                f"side: {{relation: peer, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{other.port}'"),
         ("accounts:", "routes: [{prefix: g.other, account: side}]\naccounts:"))
    said = reload(down).out
    assert f"account side: link uri btp+ws://127.0.0.1:{other.port}, before btp+ws://127.0.0.1:{up.port}" in said and "route g.other added, to side" in said, said
    down.program.until("account side: connected", "err")
    send(t, b.path, 100, down.link("alice"))
    send(t, a.path, 100, down.link("alice"))
    assert "account up: disconnected" not in down.program.text["err"].decode()
    assert other.balances()["down"] == -100 * 10000
    # The route goes, and then the default one leads to the other side.
    edit(down, ("routes: [{prefix: g.other, account: side}]\n", "default-route: side\n"))
    said = reload(down).out
    assert "route g.other removed" in said and "default-route side" in said, said
    send(t, b.path, 100, down.link("alice"))
    assert other.balances()["down"] == -200 * 10000
    for c in (down, up, other):
        c.stop()
        c.books()


def two_nodes(t):
    """up, where a program is carol; and down, whose alice is another one. The line of up's account is down's."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: peer, asset: USD/6, tokens: env:TOKEN_DOWN, credit: 10_000_000_000}
  carol: {relation: child, asset: USD/6, tokens: env:TOKEN_CAROL}
""")
    side = f"  up: {{relation: peer, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}\n"
    down = Connector(t, "down", f"""address: g.down
accounts:
{side}  alice: {{relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: none}}
routes: [{{prefix: g.up, account: up}}]
""")
    ctl(down, "log-level", "info")
    ctl(up, "log-level", "info")
    wait_until(lambda: account(down, "up")["sessions"] == 1)
    return up, down, side


@case
def an_account_leaves_whose_link_is_ours(t):
    """Its link stays until the packets that are out are answered, and is closed then."""
    up, down, side = two_nodes(t)
    alice = Client(down.port, token="alice-token")
    carol = Client(up.port, token="carol-token")
    asked = alice.ask(prepare("g.up.carol.x", 100))
    request, came = carol.request()
    assert came["amount"] == 100, came
    edit(down, (side, ""), ("routes: [{prefix: g.up, account: up}]\n", ""))
    assert "account up: removed" in reload(down).out
    assert alice.call(prepare("g.up.carol.y", 1))["type"] == REJECT  # it gets no more
    carol.answer(request, fulfill())
    reply = alice.reply_to(asked)
    assert reply["type"] == FULFILL, reply
    up.program.until("account down: disconnected", "err")
    for c in (down, up):
        c.stop()
    assert down.books() == {"alice": -100, "up": 100}
    assert up.books() == {"down": -100, "carol": 100}


@case
def an_account_comes_back_whose_link_is_ours(t):
    """It has the link that it had, by which the answers to what is out come."""
    up, down, side = two_nodes(t)
    alice = Client(down.port, token="alice-token")
    carol = Client(up.port, token="carol-token")
    route = "routes: [{prefix: g.up, account: up}]\n"
    asked = alice.ask(prepare("g.up.carol.x", 100))
    request, _ = carol.request()
    edit(down, (side, ""), (route, ""))
    assert "account up: removed" in reload(down).out
    edit(down, ("accounts:\n", "accounts:\n" + side))
    assert "account up: added: " in reload(down).out
    for _ in range(10):  # the node looks what has to go meanwhile
        assert account(up, "down")["sessions"] == 1, account(up, "down")
    carol.answer(request, fulfill())
    reply = alice.reply_to(asked)
    assert reply["type"] == FULFILL, reply
    # With another link the old one makes room for it.
    asked = alice.ask(prepare("g.up.carol.x", 100))
    assert alice.reply_to(asked)["type"] == REJECT  # there is no route yet
    edit(down, ("accounts:\n", route + "accounts:\n"))
    reload(down)
    asked = alice.ask(prepare("g.up.carol.x", 1))
    request, _ = carol.request()
    other = side.replace("token: env:TOKEN_DOWN", "token: env:TOKEN_DOWN, connections: 2")
    edit(down, (side, ""), (route, ""))
    reload(down)
    edit(down, ("accounts:\n", route + "accounts:\n" + other))
    reload(down)
    carol.answer(request, fulfill())
    assert alice.reply_to(asked)["type"] == FULFILL
    wait_until(lambda: account(up, "down")["sessions"] == 2)
    asked = alice.ask(prepare("g.up.carol.y", 10))
    request, _ = carol.request()
    carol.answer(request, fulfill())
    assert alice.reply_to(asked)["type"] == FULFILL
    for c in (down, up):
        c.stop()
    assert down.books() == {"alice": -111, "up": 111}


@case
def a_link_is_replaced_while_packets_are_out(t):
    """What is out by the old one is answered by it, what is new goes by the new one, and the old one goes at last."""
    for scheme in ("btp+ws", "ilp+http", "ilp+h2c"):
        up = Connector(t, f"up-{scheme}", """address: g.up
accounts:
  down: {relation: peer, asset: USD/6, tokens: [env:TOKEN_DOWN, env:TOKEN_AGAIN], credit: none, send-routes: false}
  carol: {relation: child, asset: USD/6, tokens: env:TOKEN_CAROL}
""")
        down = Connector(t, f"down-{scheme}", f"""address: g.down
accounts:
  up: {{relation: peer, asset: USD/6, max-sessions: 1, receive-routes: false, link: {{uri: '{scheme}://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: none}}
routes: [{{prefix: g.up, account: up}}]
""")
        down.tokens["TOKEN_AGAIN"] = "again-token"
        down.stop()
        down.start()
        ctl(down, "log-level", "info")
        wait_until(lambda: account(down, "up")["sessions"] == 1)
        alice = Client(down.port, token="alice-token")
        carol = Client(up.port, token="carol-token")
        first = alice.ask(prepare("g.up.carol.x", 100))
        out, _ = carol.request()
        edit(down, ("token: env:TOKEN_DOWN", "token: env:TOKEN_AGAIN"))
        assert "account up: link token env:TOKEN_AGAIN" in reload(down).out
        wait_until(lambda: account(down, "up")["sessions"] == 1)
        second = alice.ask(prepare("g.up.carol.y", 20))
        again, came = carol.request()
        assert came["amount"] == 20, came
        assert account(down, "up")["coming"] == "120", account(down, "up")
        carol.answer(again, fulfill())
        assert alice.reply_to(second)["type"] == FULFILL
        carol.answer(out, fulfill())
        assert alice.reply_to(first)["type"] == FULFILL
        if scheme == "btp+ws":
            wait_until(lambda: account(up, "down")["sessions"] == 1)
        for c in (down, up):
            c.stop()
        assert down.books() == {"alice": -120, "up": 120}
        assert up.books() == {"down": -120, "carol": 120}


@case
def a_link_for_which_there_is_no_room(t):
    """The account has all its sessions: the link is closed, and opened again until there is room."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: peer, asset: USD/6, tokens: env:TOKEN_DOWN, credit: none, send-routes: false}
  carol: {relation: child, asset: USD/6, tokens: env:TOKEN_CAROL}
""")
    link = f", link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}"
    down = Connector(t, "down", """address: g.down
accounts:
  up: {relation: peer, asset: USD/6, max-sessions: 1, receive-routes: false, tokens: env:TOKEN_UP}
  alice: {relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: none}
routes: [{prefix: g.up, account: up}]
""")
    down.tokens["TOKEN_DOWN"] = "down-token"
    down.stop()
    down.start()
    first = Client(down.port, token="up-token")
    edit(down, ("tokens: env:TOKEN_UP", "tokens: env:TOKEN_UP" + link))
    reload(down)
    why = r"account up: its link cannot be used: the account has all its sessions \(max-sessions\); tried again in "
    down.program.until(why + "1 s", "err")
    down.program.until(why + "2 s", "err")
    first.close()
    wait_until(lambda: account(up, "down")["sessions"] == 1 and account(down, "up")["sessions"] == 1)
    alice = Client(down.port, token="alice-token")
    carol = Client(up.port, token="carol-token")
    asked = alice.ask(prepare("g.up.carol.x", 100))
    carol.answer(carol.request()[0], fulfill())
    assert alice.reply_to(asked)["type"] == FULFILL
    for c in (down, up):
        c.stop()


@case
def an_account_leaves_whose_link_is_down(t):
    """Nothing of it is waited for: it goes, nobody is dialled for it, and its name is free."""
    away = reserved_port()  # nobody listens there
    number = away.getsockname()[1]
    bob = "  bob: {relation: peer, asset: %s, link: {uri: 'btp+ws://127.0.0.1:" + str(number) + \
        "', token: env:TOKEN_BOB}}\n"
    c = Connector(t, "c", "address: g.c\naccounts:\n  alice: {relation: child, asset: USD/6, tokens: env:TOKEN_ALICE}\n"
                  + bob % "USD/6")
    ctl(c, "log-level", "info")
    edit(c, (bob % "USD/6", ""))
    assert "account bob: removed" in reload(c).out
    c.program.until("account bob: is gone", "err")
    c.program.text["err"] = b""  # that line is not the next one
    # With another asset it is another account.
    edit(c, ("accounts:\n", "accounts:\n" + bob % "USD/2"))
    assert "account bob: added: asset USD/2" in reload(c).out
    edit(c, (bob % "USD/2", ""))
    reload(c)
    c.program.until("account bob: is gone", "err")
    # It comes back while its link closes: that is opened again.
    up = Connector(t, "up", "address: g.up\naccounts:\n  c: {relation: peer, asset: USD/2, tokens: env:TOKEN_BOB}\n",
                   number)
    for _ in range(5):
        edit(c, ("accounts:\n", "accounts:\n" + bob % "USD/2"))
        reload(c)
        wait_until(lambda: account(c, "bob")["sessions"] == 1)
        edit(c, (bob % "USD/2", ""))
        reload(c)
    edit(c, ("accounts:\n", "accounts:\n" + bob % "USD/2"))
    reload(c)
    wait_until(lambda: account(c, "bob")["sessions"] == 1)
    c.stop()
    up.stop()
    away.close()


@case
def a_neighbour_that_refuses(t):
    """Its operator has a wrong token for us: we ask again, and are there once it is right."""
    port = reserved_port()
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: peer, asset: USD/6, tokens: env:TOKEN_DOWN}
""", port.getsockname()[1])
    down = Connector(t, "down", f"""address: g.down
accounts:
  up: {{relation: peer, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_WRONG}}}}
""")
    down.program.until(r"account up: .*(refused|token|authenticat|account).*; tried again in 1 s", "err")
    down.program.until("tried again in 2 s", "err")
    edit(up, ("tokens: env:TOKEN_DOWN", "tokens: [env:TOKEN_DOWN, env:TOKEN_WRONG]"))
    up.tokens["TOKEN_WRONG"] = "wrong-token"
    up.stop()
    up.start()
    while account(down, "up")["sessions"] == 0:
        pass
    assert "wrong-token" not in down.program.text["err"].decode()
    down.stop()
    up.stop()


@case
def again_and_again_under_load(t):
    """A payment does not notice, whatever else comes and goes fifty times."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"))
    c.tokens.update({f"TOKEN_X{i}": f"x{i}-token" for i in range(5)})
    c.stop()
    c.start()
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "200000000", "--link", c.link("alice"), "--json", "--max-packet", "1000",
               "--timeout", "60")
    p.read_along()
    with open(c.path, encoding="utf-8") as f:
        text = f.read()
    loads = 0
    for i in range(50):
        more = "".join(f"  x{k}: {{relation: child, asset: USD/{2 + k}, tokens: env:TOKEN_X{k}, credit: {i}}}\n"
                       for k in range(5) if (i * 7 + k) % 3)
        with open(c.path, "w", encoding="utf-8") as f:
            f.write(text.replace("accounts:\n", "accounts:\n" + more))
        c.program.process.send_signal(signal.SIGHUP)
        c.program.until("the configuration is (not )?loaded", "err")
        loads += "is loaded" in c.program.text["err"].decode()
        c.program.text["err"] = b""
        if p.process.poll() is not None:
            break
    assert loads > 10, loads
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text)
    assert p.end() == 0, p.text
    assert p.events()[-1]["sent"] == "200000000", p.events()[-1]
    assert ctl(c, "audit", "--json").json()["good"] is True
    c.stop()
    assert c.books()["alice"] == -200000000
    assert received(r) == c.books()["bob"]


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
