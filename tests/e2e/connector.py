#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rilld run: real connectors with balances, between payers and receivers; killed, and their disks
full; and their books compared afterwards, to the unit.

usage: connector.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import errno
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from btp import Client, Closed, fulfill, prepare
from harness import Program, RILL, RILLD, environment, reserved_port, run_tests

CASES = []
KILLS = int(os.environ.get("RILL_KILLS", "8"))
ROUND = 250  # kills of one store; then another one begins, with books of its own


def case(function):
    CASES.append(function)
    return function


class Connector:
    """One `rilld run`, whose accounts have the token NAME-token each."""

    def __init__(self, t, name, config, port=0, durability="full", arguments=()):
        self.t = t
        self.arguments = arguments
        self.name = name
        self.store = t.file(f"{name}.books")
        text = f"store: {{path: {self.store}, durability: {durability}}}\nlisten: [{{port: {port}, http: true}}]\n{config}"
        self.path = t.file(f"{name}.yaml", text)
        self.tokens = {f"TOKEN_{word.upper()}": f"{word}-token"
                       for word in re.findall(r"env:TOKEN_(\w+)", config.lower().replace("env:token_", "env:TOKEN_"))}
        self.start()

    def start(self):
        self.program = self.t.start([RILLD, "run", "--config", self.path, *self.arguments],
                                    env=environment(**self.tokens))
        line = self.program.until("ready on", "err")
        self.port = int(re.search(r":(\d+) as", line).group(1))

    def stop(self):
        self.program.process.send_signal(signal.SIGTERM)
        assert self.program.end() == 0, self.program.text

    def kill(self):
        self.program.process.kill()
        self.program.process.wait()

    def link(self, account):
        return f"btp+ws://:{account}-token@127.0.0.1:{self.port}"

    def balances(self):
        """What SIGUSR1 says: name, and what the node owes it."""
        self.program.text["err"] = b""
        self.program.process.send_signal(signal.SIGUSR1)
        found = {}
        count = len(re.findall(r"relation:", open(self.path, encoding="utf-8").read()))
        while len(found) < count:
            self.program.until(r"account .*balance", "err")
            for line in self.program.lines("err"):
                match = re.search(r"account (\w+): balance (-?\d+)", line)
                if match:
                    found[match.group(1)] = int(match.group(2))
            if len(found) < count:
                self.program._pump(20)
        return found

    def books(self):
        """Of a connector that does not run: balances by name and asset, checked against the lines."""
        db = sqlite3.connect(self.store)
        names = {row[0]: (row[1], row[2], row[3], row[4]) for row in
                 db.execute("SELECT id, holder, name, asset, scale FROM accounts")}
        booked = {row[0]: int(row[1]) for row in db.execute("SELECT account, booked FROM balances")}
        computed = dict.fromkeys(names, 0)
        own = {(holder, asset, scale): i for i, (holder, _, asset, scale) in names.items() if holder != 1}
        for source, destination, taken, given in db.execute(
                "SELECT source, destination, taken, given FROM flows UNION ALL SELECT source, destination, taken, given FROM days"):
            for account, amount in ((source, -int(taken)), (destination, int(given))):
                _, _, asset, scale = names[account]
                computed[account] += amount
                computed[own[2, asset, scale]] -= amount
        db.close()
        for account, name in names.items():
            assert booked.get(account, 0) == computed[account], (name, booked, computed)
        for asset in {(asset, scale) for _, _, asset, scale in names.values()}:
            total = sum(booked.get(i, 0) for i, n in names.items() if n[2:] == asset)
            assert total == 0, (asset, total, booked)
        return {name: booked.get(i, 0) for i, (holder, name, _, _) in names.items() if holder == 1}


TWO_ASSETS = """address: g.x
accounts:
  alice: {relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: 1000000}
  bob: {relation: child, asset: EUR/4, tokens: env:TOKEN_BOB}
rates: {base: USD, spread: 0.01, prices: {EUR: {price: 2}}}
"""


def receive(t, link, name="receiver"):
    """`rill receive --json`: its first line is its credentials."""
    p = t.rill("receive", "--json", "--link", link, "--credentials", "-")
    p.path = t.file(f"{name}.json", p.until("shared_secret"))
    return p


def send(t, path, amount, link, *args, code=0):
    p = t.rill("send", path, str(amount), "--link", link, "--json", *args)
    got = p.end()
    assert got == code, (got, p.text)
    return p.events()[-1]


def received(p):
    return sum(int(e["amount"]) for e in p.events()[1:] if e["event"] == "money")


@case
def wrong_configurations(t):
    """Each error has its place; nothing is opened."""
    bad = t.file("bad.yaml", "address: g.x\nstore: {path: x}\naccounts:\n  a: {relation: chld, asset: USD}\n")
    for command in ("check", "run"):
        p = t.start([RILLD, command, "--config", bad])
        assert p.end() == 2, p.text
        lines = p.lines("err")
        assert len(lines) == 2, lines
        assert re.search(r"bad.yaml:4:17: relation: parent, peer or child, not 'chld'", lines[0]), lines
        assert re.search(r"bad.yaml:4:30: asset: a code and a scale", lines[1]), lines
    for args, code, pattern in (
            (["run"], 2, "a configuration is needed: rilld run --config FILE"),
            (["check", "--confg", "x"], 2, "did you mean --config"),
            (["check", "--config", "/none"], 1, "/none: No such file or directory"),
            (["run", "--config", t.folder], 1, "Is a directory")):
        p = t.start([RILLD, *args])
        assert p.end() == code, p.text
        assert re.search(pattern, p.text["err"].decode()), p.text
    good = t.file("good.yaml", f"store: {{path: {t.folder}/none/x}}\n" + TWO_ASSETS)
    p = t.start([RILLD, "check", "--config", good])
    assert p.end() == 0 and "no errors" in p.lines()[0], p.text
    p = t.start([RILLD, "run", "--config", good], env=environment(TOKEN_BOB="x"))
    assert p.end() == 1, p.text
    assert "unable to open database file" in p.text["err"].decode(), p.text
    os.mkdir(os.path.join(t.folder, "none"))
    p = t.start([RILLD, "run", "--config", good], env=environment(TOKEN_BOB="x"))
    assert p.end() == 2, p.text
    assert re.search(r"good.yaml:4:\d+: alice: the token env:TOKEN_ALICE cannot be read: there is none",
                     p.text["err"].decode()), p.text


@case
def the_schema_is_json(t):
    p = t.start([RILLD, "check", "--schema"])
    assert p.end() == 0
    schema = json.loads(p.text["out"])
    account = schema["properties"]["accounts"]["additionalProperties"]
    assert account["properties"]["relation"]["enum"] == ["parent", "peer", "child"]
    assert account["required"] == ["relation", "asset"]


@case
def a_payment_between_two_assets(t):
    """What was sent is what alice owes; what was delivered is what bob is owed; after a restart too."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    done = send(t, r.path, 12345, c.link("alice"))
    assert done["sent"] == "12345" and 605000 < int(done["delivered"]) <= 611078, done
    r.until("connection_end")
    assert received(r) == int(done["delivered"])
    want = {"alice": -12345, "bob": int(done["delivered"])}
    assert c.balances() == want
    c.stop()
    assert c.books() == want
    c.start()
    assert c.balances() == want
    c.stop()


@case
def credit_ends_a_payment(t):
    """What alice may not owe is not sent, and she learns why."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: 500"))
    r = receive(t, c.link("bob"))
    p = t.rill("send", r.path, "2000", "--link", c.link("alice"), "--json", "--stall", "5")
    assert p.end() == 1, p.text
    done = p.events()[-1]
    assert "T04" in p.text["out"].decode(), p.text
    assert int(done["sent"]) <= 500, done
    assert c.balances()["alice"] == -int(done["sent"])
    c.stop()
    c.books()


@case
def a_store_has_one_node(t):
    c = Connector(t, "c", TWO_ASSETS)
    p = t.start([RILLD, "run", "--config", c.path], env=environment(**c.tokens))
    assert p.end() == 1, p.text
    assert "another process has it open" in p.text["err"].decode(), p.text
    c.stop()


@case
def through_two_connectors(t):
    """Alice is at one, bob at another; the books of the two agree about each other."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN, credit: 10_000_000_000}
  bob: {relation: child, asset: EUR/4, tokens: env:TOKEN_BOB}
rates: {base: USD, spread: 0, prices: {EUR: {price: 5/4}}}
""")
    down = Connector(t, "down", f"""accounts:
  up: {{relation: parent, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: none}}
""")
    assert "as g.up.down" in down.program.text["err"].decode(), down.program.text
    r = receive(t, up.link("bob"))
    done = send(t, r.path, 100000, down.link("alice"))
    r.until("connection_end")
    assert received(r) == int(done["delivered"])
    below = down.balances()
    above = up.balances()
    assert below["alice"] == -100000
    assert below["up"] == 100000 * 10000
    assert above["down"] == -below["up"]
    assert above["bob"] == int(done["delivered"])
    # And back: bob spends what he has.
    back = receive(t, down.link("alice"), "back")
    done = send(t, back.path, 4000, up.link("bob"))
    below, above = down.balances(), up.balances()
    assert above["down"] == -below["up"]
    assert below["alice"] == -100000 + int(done["delivered"])
    for c in (down, up):
        c.stop()
    assert up.books() == above and down.books() == below


def certificate(t, name):
    key, cert = t.file(name + ".key"), t.file(name + ".cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
    return cert, key


@case
def neighbours_with_an_authority_of_their_own(t):
    """TLS between connectors, by BTP and by HTTP, with `ca`; without it no token is shown."""
    cert, key = certificate(t, "up")
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN, credit: none}
  web: {relation: peer, asset: USD/6, tokens: env:TOKEN_WEB, credit: none}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB}
""")
    up.stop()
    with open(up.path, encoding="utf-8") as f:
        text = f.read()
    with open(up.path, "w", encoding="utf-8") as f:
        f.write(text.replace("http: true", f"http: true, cert: {cert}, key: {key}"))
    up.start()
    r = t.rill("receive", "--json", "--link", f"btp+wss://:bob-token@127.0.0.1:{up.port}", "--credentials", "-",
               "--ca-file", cert)
    r.path = t.file("bob.json", r.until("shared_secret"))
    r.read_along()
    for name, scheme, account in (("by-btp", "btp+wss", "down"), ("by-http", "ilp+https", "web")):
        config = f"""address: g.{name}
accounts:
  up: {{relation: peer, asset: USD/6, link: {{uri: '{scheme}://127.0.0.1:{up.port}', token: env:TOKEN_{account.upper()}}}}}
  alice: {{relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: none}}
default-route: up
"""
        down = Connector(t, name, config)
        p = t.rill("send", r.path, "100", "--link", down.link("alice"), "--json", "--stall", "1")
        assert p.end() == 1, p.text
        with open(down.path, encoding="utf-8") as f:
            without = f.read()
        assert "cannot be used" in reload_with(down, without.replace("', token", "', ca: /nowhere, token"), 1)
        said = reload_with(down, without.replace("', token", f"', ca: {cert}, token"))
        assert f"account up: link ca {cert}, before none" in said, said
        assert send(t, r.path, 100, down.link("alice"))["sent"] == "100"
        down.stop()
        down.start()
        assert send(t, r.path, 100, down.link("alice"))["sent"] == "100"
        down.stop()
    up.stop()


def reload_with(c, text, code=0):
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(text)
    p = c.t.start([RILLD.replace("rilld", "rillctl"), "reload", "--socket", c.store + ".sock"])
    assert p.end() == code, p.text
    return (p.text["out"] + p.text["err"]).decode()


@case
def a_trace_through_two_connectors(t):
    """Each of the two is heard of where it refuses, by its own name and with its own limits."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN, credit: none, max-packet: 2_000_000}
  bob: {relation: child, asset: EUR/4, tokens: env:TOKEN_BOB, most: 15000}
rates: {base: USD, spread: 0, prices: {EUR: {price: 1}}}
""")
    down = Connector(t, "down", f"""accounts:
  up: {{relation: parent, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: 1_000, max-packet: 100_000}}
""")
    r = receive(t, up.link("bob"))
    address = json.loads(r.lines()[0])["destination_account"]
    p = t.rill("trace", address, "--json", "--link", down.link("alice"))
    assert p.end() == 0, p.text
    events = p.events()
    first = events[0]
    assert (first["event"], first["search"], first["amount"], first["left_ms"]) == ("answer", "reach", "0", 30000), first
    assert address.startswith(first["triggered_by"]) and first["code"] == "F06", first
    ranges = [e for e in events if e["event"] == "range"]
    times = [(e["code"], e["triggered_by"]) for e in ranges if e["search"] == "time" and e["code"] != "R00"]
    assert times == [("R02", "g.up.down"), ("R02", "g.up"), ("F06", first["triggered_by"])], ranges
    amounts = [(e["code"], e["triggered_by"], int(e["first"]), int(e["last"])) for e in ranges if e["search"] == "amount"]
    # Alice's cents are 10000 units of the connectors' account. Bob may be owed 15000 of his units: 150 cents.
    assert amounts[0] == ("F06", first["triggered_by"], 0, amounts[0][3]) and 140 <= amounts[0][3] <= 150, amounts
    assert amounts[1] == ("T04", "g.up", amounts[1][2], 200) and amounts[1][2] > 150, amounts
    assert amounts[2] == ("F08", "g.up", 201, amounts[2][3]) and 940 <= amounts[2][3] <= 1000, amounts
    assert amounts[3] == ("T04", "g.up.down", amounts[3][2], 100000) and amounts[3][2] > 1000, amounts
    assert amounts[4] == ("F08", "g.up.down", 100001, 2 ** 64 - 1), amounts
    of = {e["first"]: e for e in ranges if e["search"] == "amount"}
    assert (of["201"]["received"], of["201"]["maximum"]) == ("2010000", "2000000"), of
    assert (of["100001"]["received"], of["100001"]["maximum"]) == ("100001", "100000"), of
    assert events[-1] == {"event": "trace", "address": address, "nodes": events[-1]["nodes"],
                          "packets": len([e for e in events if e["event"] == "answer"])}, events[-1]
    assert set(events[-1]["nodes"]) == {"g.up", "g.up.down", first["triggered_by"]}, events[-1]
    # For people: where the way ends, and what cannot be known.
    p = t.rill("trace", "g.up.nobody.at.home", "--max-amount", "0", "--link", down.link("alice"))
    assert p.end() == 0, p.text
    lines = p.lines()
    assert lines[0] == "to g.up.nobody.at.home, with 30 s and no money:", lines
    assert re.match(r"  F02 \(Unreachable\), says g.up: .* \([\d.]+ ms\)$", lines[1]), lines
    assert lines[2] == "  it got to that node, which knows no way on", lines
    assert "by its amount" not in "".join(lines) and lines[-3].endswith(": g.up, g.up.down"), lines
    assert lines[-2].startswith("A node that refuses nothing is not seen."), lines
    p = t.rill("trace", "g.up.nobody", "--quiet", "--link", down.link("alice"))
    assert p.end() == 0 and not p.lines() and not p.lines("err"), p.text
    assert down.balances() == {"up": 0, "alice": 0} and up.balances() == {"down": 0, "bob": 0}
    r.process.send_signal(signal.SIGINT)
    assert r.end() == 0, r.text
    for c in (down, up):
        c.stop()


@case
def a_parent_that_does_not_agree(t):
    """It holds the account in another asset, or does not know us: one line, and no node."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN}
  other: {relation: peer, asset: USD/6, tokens: env:TOKEN_OTHER}
""")
    for asset, token, code, pattern in (
            ("USD/2", "down-token", 2, r":4:3: the parent holds this account in USD/6, not in USD/2"),
            ("USD/6", "other-token", 1, r":4:\d+: .*(F01|refused|no account)"),
            ("USD/6", "wrong", 1, r":4:\d+: .*(refused|token|authenticat)")):
        config = t.file("down.yaml", f"""store: {{path: {t.folder}/down.books}}
listen: [{{port: 0}}]
accounts:
  up: {{relation: parent, asset: {asset}, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:T}}}}
""")
        p = t.start([RILLD, "run", "--config", config], env=environment(T=token))
        assert p.end() == code, (asset, token, p.text)
        assert any(re.search(pattern, line) for line in p.lines("err")), p.text
        assert token not in p.text["err"].decode()
    up.stop()


@case
def a_parent_that_changes_its_mind(t):
    """It is started again with another scale: nothing is forwarded, either way, until it agrees again."""
    def above(scale, address="g.up"):
        return f"""address: {address}
accounts:
  down: {{relation: child, asset: USD/{scale}, tokens: env:TOKEN_DOWN, credit: none}}
  bob: {{relation: child, asset: USD/6, tokens: env:TOKEN_BOB, credit: none}}
"""

    def status(c):
        return subprocess.run([os.path.join(os.path.dirname(RILLD), "rillctl"), "status", "--socket", c.store + ".sock"],
                              env=environment(), capture_output=True, text=True, timeout=60).stdout

    def tried(source, destination, amount):
        answer = source.call(prepare(destination, amount))
        return answer["type"], answer["code"], answer["message"]

    for given in (True, False):
        name = "given" if given else "own"
        place = f"g.up.down{'' if given else '.own'}"
        port = reserved_port()
        up = Connector(t, f"up-{name}", above(2), port.getsockname()[1])
        down = Connector(t, name, f"""{'' if given else 'address: ' + place}
accounts:
  up: {{relation: parent, asset: USD/2, credit: none, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/2, tokens: env:TOKEN_ALICE, credit: none}}
""")
        if given:
            assert "as g.up.down" in down.program.text["err"].decode()
        for scale, address, line in (
                (6, "g.up", "the parent holds this account in USD/6, not in USD/2: nothing is forwarded"),
                (2, "g.up", "the parent holds this account in the same asset again"),
                (2, "g.two", "another address now, g.two.down: a restart is needed")):
            if address != "g.up" and not given:
                continue  # the address is the configuration's, and what the parent says is not taken
            up.stop()
            with open(up.path, encoding="utf-8") as f:
                head = f.read().split("address:")[0]
            with open(up.path, "w", encoding="utf-8") as f:
                f.write(head + above(scale, address))
            down.program.text["err"] = b""
            up.start()
            down.program.until(line, "err")
            alice, bob = Client(down.port, "", "alice-token"), Client(up.port, "", "bob-token")
            if scale == 6:
                wanted = (14, "T00", "an account's asset is not agreed on with the neighbour")
                assert tried(alice, "g.up.bob.x", 7) == wanted
                assert tried(bob, place + ".alice.x", 70000) == wanted
                assert "the parent holds its account in another asset" in status(down)
            elif address == "g.up":
                assert "ready" in status(down) and "another asset" not in status(down)
                for source, to, destination, sent, brought in ((alice, bob, "g.up.bob.x", 7, 70000),
                                                               (bob, alice, place + ".alice.x", 30000, 3)):
                    number = source.ask(prepare(destination, sent))
                    request, packet = to.request()
                    assert packet["amount"] == brought, packet
                    to.answer(request, fulfill())
                    assert source.reply_to(number)["type"] == 13
            alice.close()
            bob.close()
        assert down.balances() == {"up": 4, "alice": -4}
        down.stop()
        up.stop()


@case
def a_parent_that_does_not_say(t):
    """It does not answer IL-DCP: with an address of its own the node goes on without."""
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: peer, asset: USD/6, tokens: env:TOKEN_DOWN, credit: none}
  bob: {relation: child, asset: USD/6, tokens: env:TOKEN_BOB, credit: none}
""")
    down = Connector(t, "down", f"""address: g.down
accounts:
  up: {{relation: parent, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{up.port}', token: env:TOKEN_DOWN}}}}
  alice: {{relation: child, asset: USD/6, tokens: env:TOKEN_ALICE, credit: none}}
""", arguments=("-v",))
    down.program.until("account up: its asset is not compared with the parent's: .* refused with F01", "err")
    r = receive(t, up.link("bob"))
    assert send(t, r.path, 100, down.link("alice"))["delivered"] == "100"
    down.stop()
    up.stop()


@case
def a_parent_that_is_away(t):
    """The node says what it waits for, and begins when the parent is there; it can be stopped before."""
    port = reserved_port()
    config = t.file("down.yaml", f"""store: {{path: {t.folder}/down.books}}
listen: [{{port: 0}}]
accounts:
  up: {{relation: parent, asset: USD/6, link: {{uri: 'btp+ws://127.0.0.1:{port.getsockname()[1]}', token: env:T}}}}
""")
    p = t.start([RILLD, "run", "--config", config], env=environment(T="down-token"))
    p.until("account up: waiting for our address", "err")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text
    p = t.start([RILLD, "run", "--config", config], env=environment(T="down-token"))
    p.until("account up: waiting for our address", "err")
    up = Connector(t, "up", """address: g.up
accounts:
  down: {relation: child, asset: USD/6, tokens: env:TOKEN_DOWN}
""", port.getsockname()[1])
    p.until("ready on .* as g.up.down", "err")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text
    up.stop()


@case
def programs_of_a_machine_on_a_network(t):
    """rilld local --uplink: two local nodes below a connector, and a payment from one to the other."""
    up = Connector(t, "up", """address: g.up
accounts:
  left: {relation: child, asset: USD/6, tokens: env:TOKEN_LEFT, credit: 1_000_000}
  right: {relation: child, asset: EUR/6, tokens: env:TOKEN_RIGHT}
rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}
""")

    def local(who):
        p = t.start([RILLD, "local", "--listen", "127.0.0.1:0", "-v"],
                    env=environment(RILLD_UPLINK=up.link(who)))
        line = p.until("ready on", "err")
        assert f"as g.up.{who} (" in line, line
        return p, f"btp+ws://:NAME-token@127.0.0.1:{re.search(r':([0-9]+) as', line).group(1)}"
    left, left_link = local("left")
    right, right_link = local("right")
    r = receive(t, right_link.replace("NAME", "bob"))
    done = send(t, r.path, 10000, left_link.replace("NAME", "alice"))
    assert done["sent"] == "10000" and done["delivered"] == "5000", done
    # On one machine the packets do not leave it.
    near = receive(t, left_link.replace("NAME", "carol"), "near")
    done = send(t, near.path, 777, left_link.replace("NAME", "alice"))
    assert done["delivered"] == "777", done
    assert up.balances() == {"left": -10000, "right": 5000}
    # The uplink is lost, and comes back; what is asked for meanwhile is refused for now.
    port = up.port
    up.stop()
    left.until("account .parent.: disconnected", "err")
    text = open(up.path, encoding="utf-8").read().replace("port: 0", f"port: {port}")
    with open(up.path, "w", encoding="utf-8") as f:
        f.write(text)
    left.text["err"] = b""
    up.start()
    left.until("account .parent.: connected", "err")
    right.until("account .parent.: connected", "err")
    done = send(t, r.path, 100, left_link.replace("NAME", "alice"))
    assert done["delivered"] == "50", done
    for p in (left, right):
        p.process.send_signal(signal.SIGTERM)
        assert p.end() == 0, p.text
        assert "token" not in p.text["err"].decode(), p.text
    up.stop()
    assert up.books() == {"left": -10100, "right": 5050}


@case
def an_uplink_that_refuses(t):
    up = Connector(t, "up", """address: g.up
accounts:
  peer: {relation: peer, asset: USD/6, tokens: env:TOKEN_PEER}
""")
    for link, pattern in ((up.link("nobody"), "the uplink gives no address"),
                          (up.link("peer"), "the uplink gives no address: .*F01"),
                          ("nonsense", "--uplink: ")):
        p = t.start([RILLD, "local", "--listen", "127.0.0.1:0", "--uplink", link])
        assert p.end() == 1, p.text
        assert re.search(pattern, p.text["err"].decode()), p.text
        assert "-token" not in p.text["err"].decode(), p.text
    # Who has an address of its own needs no answer.
    p = t.start([RILLD, "local", "--listen", "127.0.0.1:0", "--uplink", up.link("peer"), "--address",
                 "g.me", "--asset-code", "USD", "--asset-scale", "6"])
    p.until("ready on .* as g.me .USD, scale 6", "err")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text
    p = t.start([RILLD, "local", "--uplink-ca", "x"])
    assert p.end() == 2 and "--uplink-ca needs --uplink" in p.text["err"].decode(), p.text
    up.stop()


@case
def an_uplink_in_a_file(t):
    """@FILE: its first line is the URI, and the list of processes has no token; the variable may say so, too."""
    up = Connector(t, "up", """address: g.up
accounts:
  left: {relation: child, asset: USD/6, tokens: env:TOKEN_LEFT, credit: 1_000_000}
  right: {relation: child, asset: USD/6, tokens: env:TOKEN_RIGHT}
""")
    right = receive(t, up.link("right"))
    path = t.file("uplink", f"  {up.link('left')} \nand a second line\n")
    local = [RILLD, "local", "--listen", "127.0.0.1:0"]
    for args, more in ((["--uplink", f"@{path}"], {}), ([f"--uplink=@{path}"], {}), ([], {"RILLD_UPLINK": f"@{path}"})):
        p = t.start([*local, *args], env=environment(**more))
        line = p.until("ready on", "err")
        assert "as g.up.left (" in line, line
        with open(f"/proc/{p.process.pid}/cmdline", "rb") as f:
            assert b"-token" not in f.read()
        done = send(t, right.path, 100, f"btp+ws://:me@127.0.0.1:{re.search(r':([0-9]+) as', line).group(1)}") if not args else None
        p.process.send_signal(signal.SIGTERM)
        assert p.end() == 0 and "-token" not in p.text["err"].decode() and "others can read" not in p.text["err"].decode(), p.text
    assert done["delivered"] == "100", done
    # Whom others can ask for it is warned; what cannot be read, or has nothing, is no link.
    os.chmod(path, 0o644)
    p = t.start([*local, "--uplink", f"@{path}"])
    p.until(f"others can read {path}, which holds the uplink's token: chmod 600 {path}", "err")
    p.until("ready on .* as g.up.left", "err")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text
    for name, pattern in ((t.file("none"), "No such file"), (t.file("empty", "\n"), "holds no URI"), ("", "No such file"),
                          (t.folder, "holds no URI|Is a directory"), (t.file("nonsense", "my-secret"), "--uplink: ")):
        p = t.start([*local, "--uplink", f"@{name}"])
        assert p.end() == (1 if "nonsense" in name else 2), p.text
        assert re.search(rf"--uplink: .*{pattern.replace('--uplink: ', '')}", p.text["err"].decode()), p.text
        assert "my-secret" not in p.text["err"].decode(), p.text
    up.stop()


def ask(port, path, token="operator-token", method="GET", body=None):
    """Status, and the answer: an object, or text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, json.loads(text) if response.getheader("content-type") == "application/json" else text


@case
def what_operators_do(t):
    """Balances, a settlement that is asked for twice, metrics; and who may not."""
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: 500") +
                  "admin: {port: 0, tokens: env:TOKEN_OPERATOR}\n")
    port = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    assert ask(port, "/healthz", None) == (200, {"status": "ok"})
    assert ask(port, "/readyz", None) == (200, {"status": "ready"})
    assert ask(port, "/v1/accounts", None)[0] == 401
    assert ask(port, "/v1/accounts", "alice-token")[0] == 401
    assert ask(port, "/v1/none")[0] == 404 and ask(port, "/v1/accounts/none")[0] == 404
    assert ask(port, "/v1/accounts", method="DELETE")[0] == 405
    r = receive(t, c.link("bob"))
    assert send(t, r.path, 500, c.link("alice"))["sent"] == "500"
    status, alice = ask(port, "/v1/accounts/alice")
    assert status == 200 and alice["balance"] == "-500" and alice["credit"] == "500", alice
    assert alice["address"] == "g.x.alice" and alice["asset"] == {"code": "USD", "scale": 2}, alice
    # She has paid by bank; the clerk's program asks twice.
    entry = {"kind": "settled-in", "amount": "300", "who": "maria", "note": "bank", "key": "transfer 77"}
    status, alice = ask(port, "/v1/accounts/alice/entries", method="POST", body=entry)
    assert status == 201 and alice["balance"] == "-200", alice
    status, alice = ask(port, "/v1/accounts/alice/entries", method="POST", body=entry)
    assert status == 200 and alice["balance"] == "-200", alice
    assert ask(port, "/v1/accounts/alice/entries", method="POST", body={**entry, "amount": "301"})[0] == 409
    for wrong in ({**entry, "kind": "gift"}, {**entry, "amount": 300}, {**entry, "amount": "0"},
                  {**entry, "amount": "-1"}, {**entry, "who": ""}, {**entry, "note": 7},
                  {**entry, "key": "x" * 256}, [], "text"):
        status, answer = ask(port, "/v1/accounts/alice/entries", method="POST", body=wrong)
        assert status == 400 and answer["error"], (wrong, answer)
    status, answer = ask(port, "/v1/accounts")
    assert [a["name"] for a in answer["accounts"]] == ["alice", "bob"]
    status, text = ask(port, "/metrics")
    assert status == 200 and 'rill_connector_balance{account="alice",asset="USD",scale="2"} -200\n' in text, text
    assert "rill_connector_books_ok 1\n" in text
    # What was settled can be spent again, and is there after kill -9.
    assert send(t, r.path, 300, c.link("alice"))["sent"] == "300"
    c.kill()
    c.start()
    assert c.balances()["alice"] == -500
    c.stop()
    db = sqlite3.connect(c.store)
    rows = db.execute("SELECT kind, amount, who, note, key FROM entries").fetchall()
    assert rows == [(1, 300, "maria", "bank", "transfer 77")], rows
    db.close()
    # The key is known to the next process, too.
    c.start()
    port = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    assert ask(port, "/v1/accounts/alice/entries", method="POST", body=entry)[0] == 200
    assert c.balances()["alice"] == -500
    c.stop()


def fill(c, t):
    """Makes the disk of a connector's books full: a function that gives it space again."""
    size = os.path.getsize(c.store + "-wal")
    before = resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    return lambda: resource.prlimit(c.program.process.pid, resource.RLIMIT_FSIZE, before)


def fill_tmpfs(folder):
    """The same with a file system that is really full."""
    path = os.path.join(folder, "filler")
    with open(path, "wb", buffering=0) as f:
        block = b"x" * 4096
        try:
            while True:
                f.write(block)
        except OSError as e:
            assert e.errno == errno.ENOSPC, e
    return lambda: os.unlink(path)


def a_full_disk_of(t, c, fill_it):
    """The node takes no money, says so, and goes on when there is space; the books are right."""
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "20000000", "--link", c.link("alice"), "--json", "--max-packet", "1000",
               "--timeout", "50", "--stall", "40")
    p.read_along()
    while c.balances()["alice"] == 0:
        pass
    empty = fill_it()
    c.program.until("the books cannot be written, and packets are refused until they can: .*c.books", "err")
    done = subprocess.run([os.path.join(os.path.dirname(RILLD), "rillctl"), "status", "--socket", c.store + ".sock"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and "the books cannot be written" in done.stdout, done
    q = t.rill("send", r.path, "5", "--link", c.link("alice"), "--json", "--timeout", "2")
    assert q.end() == 1 and "T00" in q.text["out"].decode(), q.text
    empty()
    c.program.until("the books can be written again", "err")
    assert len(re.findall("cannot be written", c.program.text["err"].decode())) == 1, c.program.text
    assert p.end() == 0, p.text
    assert p.events()[-1]["sent"] == "20000000", p.events()[-1]
    final = c.balances()
    assert final == {"alice": -20000000, "bob": received(r)}, final
    c.stop()
    assert c.books() == final


@case
def a_full_disk(t):
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"))
    a_full_disk_of(t, c, lambda: fill(c, t))


@case
def a_full_file_system(t):
    """If a file system may be mounted here."""
    folder = os.path.join(t.folder, "small")
    os.mkdir(folder)
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False).returncode == 0
    if not mounted:
        print("# skipped: no file system can be mounted here")
        return
    try:
        path, t.folder = t.folder, folder
        c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"))
        t.folder = path
        a_full_disk_of(t, c, lambda: fill_tmpfs(folder))
        # A node is not started where there is no room for what it needs.
        for name in os.listdir(folder):
            if name.startswith("c.books"):
                os.unlink(os.path.join(folder, name))
        empty = fill_tmpfs(folder)
        p = t.start([RILLD, "run", "--config", c.path], env=environment(**c.tokens))
        assert p.end() == 1, p.text
        assert re.search(r"c.yaml:1:8: .*(No space left|full)", p.text["err"].decode()), p.text
        empty()
    finally:
        t.folder = path
        for program in t.programs:
            program.kill()
        subprocess.run(["umount", folder], check=True)


def in_flight(c):
    """As `rillctl in-flight --json`, without a process for it."""
    s = http.client.HTTPConnection("localhost", timeout=60)
    s.sock = socket.socket(socket.AF_UNIX)
    s.sock.settimeout(60)
    s.sock.connect(c.store + ".sock")
    s.request("GET", "/v1/in-flight")
    answer = json.loads(s.getresponse().read())
    s.close()
    return answer


@case
def nobody_else_reads_the_books(t):
    old = os.umask(0)
    try:
        c = Connector(t, "c", TWO_ASSETS)
    finally:
        os.umask(old)
    names = [name for name in os.listdir(t.folder) if name.startswith("c.books")]
    assert len(names) >= 4, names  # the books, their log and its index, the list, the socket
    for name in names:
        mode = os.stat(os.path.join(t.folder, name)).st_mode & 0o777
        assert mode & 0o077 == 0, (name, oct(mode))
    c.stop()


@case
def killed_again_and_again(t):
    killed_in_payments(t, "full")


@case
def killed_without_waiting_for_the_disk(t):
    """The list of packets has what the books have not yet: nothing is lost while the power stays."""
    killed_in_payments(t, "none")


def killed_in_payments(t, durability):
    """
    kill -9 in the middle of payments: nothing is passed on that is not in the books, and the books
    are even after each. The payer pays all in the end.
    """
    port = reserved_port()
    seed = int(os.environ.get("RILL_SEED", str(time.time_ns() % 1000000)))
    print(f"# seed {seed}")
    chance = random.Random(seed)
    c = Connector(t, "c", TWO_ASSETS.replace("credit: 1000000", "credit: none"), port.getsockname()[1],
                  durability)
    r = receive(t, c.link("bob"))
    r.read_along()
    p = t.rill("send", r.path, "300000000", "--link", c.link("alice"), "--json", "--max-packet", "1000",
               "--min-rate", "49", "--timeout", "50")
    p.read_along()
    while c.balances()["alice"] == 0:
        pass
    under_way = 0
    out = {}
    recovered = 0
    kills = min(KILLS, 8)  # clients wait longer and longer until they connect again: most would meet silence
    for _ in range(kills):
        # A moment that nobody chose: what is asserted holds at each. RILL_SEED repeats them.
        time.sleep(chance.uniform(0.05, 0.5))
        under_way += p.process.poll() is None
        c.kill()
        booked = c.books()
        assert booked["alice"] <= 0 <= booked["bob"], booked
        c.start()
        # What was out is listed, by the node and by its log; what was fulfilled is booked.
        listed = in_flight(c)
        out.update({f["id"]: f for f in listed["from_before"]})
        recovered += listed["booked_at_start"]
        log = c.program.text["err"].decode()
        assert (listed["booked_at_start"] > 0) == ("they are booked now" in log), (listed, log)
        assert ("were out when the node was killed" in log) or not listed["from_before"], (listed, log)
    assert p.end() in (0, 1), p.text
    assert under_way >= kills // 2, f"only {under_way} of {kills} kills met the payment"
    done = p.events()[-1]
    final = c.balances()
    c.stop()
    assert c.books() == final
    # What the payer counts as sent has arrived, and what is booked was fulfilled.
    got = received(r)
    assert int(done["delivered"]) <= got, (done, got)
    assert final["bob"] <= got, (final, got)
    # To the unit, but for the packets that are listed: what the receiver has, bob is owed.
    doubt = sum(int(f["given"]) for f in out.values())
    print(f"# {len(out)} packets of {doubt} units were out, {recovered} were booked at a start")
    assert got - final["bob"] <= doubt, (final, got, out)
    # The payer learns from the receiver what came of those: she is not charged for them.
    uncharged = sum(int(f["taken"]) for f in out.values()) + 1000 * recovered
    assert int(done["sent"]) + final["alice"] <= uncharged, (final, done, uncharged)
    assert -final["alice"] <= int(done["sent"]) + int(done.get("in_doubt", 0)), (final, done)


class Traffic:
    """
    Packets of alice's to bob, by clients that connect again at once, and know what they have said and
    heard of each. Sums over all kills, in units.
    """
    AMOUNT, WINDOW = 1000, 24

    def __init__(self):
        self.heard, self.fulfilled = 0, 0  # what alice was told is fulfilled, what bob has said he fulfils
        self.sent, self.met = 0, 0         # packets, and kills that met some on their way

    def begin(self, c):
        self.alice, self.bob = Client(c.port, token="alice-token"), Client(c.port, token="bob-token")
        assert self.alice.accepted and self.bob.accepted
        Client.everyone.clear()
        self.open = 0
        self.threads = [threading.Thread(target=work) for work in (self.pay, self.answer)]
        for thread in self.threads:
            thread.start()

    def pay(self):
        try:
            while True:
                while self.open < self.WINDOW:
                    self.open += 1
                    self.sent += 1
                    self.alice.ask(prepare("g.x.bob", self.AMOUNT))
                self.alice.step()
                for reply in self.alice.replies.values():
                    self.open -= 1
                    self.heard += self.AMOUNT if reply["type"] == 13 else 0
                self.alice.replies.clear()
        except (Closed, OSError):
            pass

    def answer(self):
        try:
            while True:
                request, packet = self.bob.request()
                self.fulfilled += packet["amount"]  # before it is said: the node may be killed right after
                self.bob.answer(request, fulfill())
        except (Closed, OSError):
            pass

    def end(self):
        """The node is gone: what it had said is heard."""
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()
        self.met += self.open > 0
        self.alice.close()
        self.bob.close()


def killed_among_packets(t, durability):
    """RILL_KILLS kills, each in the middle of packets."""
    seed = int(os.environ.get("RILL_SEED", str(time.time_ns() % 1000000)))
    chance = random.Random(seed)
    print(f"# seed {seed}", flush=True)
    done, sums = 0, [0] * 5
    while done < KILLS:
        now = min(KILLS - done, ROUND)
        sums = [a + b for a, b in zip(sums, kill_often(t, f"c{done}", durability, chance, now))]
        done += now
        print(f"# {done} kills, {sums[0]} of them with packets on their way, of {sums[1]}; {sums[2]} were out, of {sums[3]} units, "
              f"and {sums[4]} were booked at a start; the books are right", flush=True)


def kill_often(t, name, durability, chance, kills):
    """kill -9 again and again. Kills that met packets, packets, packets that were out, their units, booked at a start."""
    port = reserved_port()
    c = Connector(t, name, TWO_ASSETS.replace("credit: 1000000", "credit: none"), port.getsockname()[1], durability)
    traffic, out, recovered = Traffic(), {}, 0
    for _ in range(kills):
        traffic.begin(c)
        # A moment that nobody chose: what is asserted holds at each. RILL_SEED repeats them.
        time.sleep(chance.uniform(0.001, 0.08))
        c.kill()
        c.program.kill()  # its pipes, too: there may be thousands
        traffic.end()
        booked = c.books()
        # Nothing was passed on that is not in the books, and nothing is in them that was not fulfilled.
        if durability == "full":
            assert -booked["alice"] >= traffic.heard, (booked, vars(traffic))
        assert 0 <= booked["bob"] <= traffic.fulfilled, (booked, vars(traffic))
        c.start()
        listed = in_flight(c)
        out.update({f["id"]: f for f in listed["from_before"]})
        recovered += listed["booked_at_start"]
        log = c.program.text["err"].decode()
        assert (listed["booked_at_start"] > 0) == ("they are booked now" in log), (listed, log)
        assert ("were out when the node was killed" in log) or not listed["from_before"], (listed, log)
    final = c.balances()
    c.stop()
    c.program.kill()
    port.close()
    assert c.books() == final
    # To the unit, but for the packets that are listed: what bob has fulfilled he is owed, and what alice
    # was told is fulfilled she owes.
    given = sum(int(f["given"]) for f in out.values())
    assert 0 <= traffic.fulfilled - final["bob"] <= given, (final, vars(traffic), out)
    assert traffic.heard <= -final["alice"], (final, vars(traffic))
    assert -final["alice"] - traffic.heard <= traffic.AMOUNT * traffic.WINDOW * kills, (final, vars(traffic))
    return traffic.met, traffic.sent, len(out), given, recovered


@case
def killed_among_packets_in_full(t):
    killed_among_packets(t, "full")


@case
def killed_among_packets_in_none(t):
    killed_among_packets(t, "none")


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
