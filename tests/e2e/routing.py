#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of rilld processes that tell each other routes: payments across them while links are cut
and processes are killed; and the books of all of them compared, to the unit.

usage: routing.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import re
import signal
import sys

import connector
from connector import receive, received, send
from harness import RILLD, environment, reserved_port, run_tests
from proxy import Proxy
from rillctl import ctl, rows

CASES = []


def case(function):
    CASES.append(function)
    return function


class Connector(connector.Connector):
    """One that says which way packets go."""

    def start(self):
        self.program = self.t.start([RILLD, "run", "-v", "--config", self.path],
                                    env=environment(**self.tokens))
        self.program.read_along()
        line = self.program.until("ready on", "err")
        self.port = int(re.search(r":(\d+) as", line).group(1))

    def until_way(self, prefix, account):
        self.program.until(rf"packets to {re.escape(prefix)} go to {account}$", "err")


def peer(name, token, port=None):
    """An account of a peer that connects to us with this token, or that we connect to with it."""
    link = f"tokens: env:TOKEN_{token}" if port is None else \
        f"link: {{uri: 'btp+ws://127.0.0.1:{port}', token: env:TOKEN_{token}}}"
    return f"  {name}: {{relation: peer, asset: USD/6, credit: none, {link}}}\n"


def child(name):
    return f"  {name}: {{relation: child, asset: USD/6, credit: none, tokens: env:TOKEN_{name.upper()}}}\n"


FAST = "route-interval: 1s\nroute-hold-down: 3s\n"


def network(t, name, *accounts, port=0, more=FAST):
    return Connector(t, name, f"address: g.{name}\n{more}accounts:\n{''.join(accounts)}", port)


def line_of_three(t, more=FAST):
    """a - b - c, alice at a and bob at c. The ends connect to the middle, whose port stays."""
    port = reserved_port()
    b = network(t, "b", peer("a", "A"), peer("c", "C"), port=port.getsockname()[1], more=more)
    a = network(t, "a", child("alice"), peer("b", "A", b.port))
    c = network(t, "c", child("bob"), peer("b", "C", b.port))
    a.until_way("g.c", "account b")
    c.until_way("g.a", "account b")
    b.until_way("g.a", "account a")
    b.until_way("g.c", "account c")
    return a, b, c, port


def check_even(*pairs):
    """Each pair is what both ends of a link say that they owe each other."""
    for one, other in pairs:
        assert one == -other, (one, other)


@case
def a_line_of_three(t):
    """Routes are learnt through the middle, and payments go both ways; nobody has configured any."""
    a, b, c, _ = line_of_three(t)
    bob = receive(t, c.link("bob"), "bob")
    alice = receive(t, a.link("alice"), "alice")
    done = send(t, bob.path, 1000000, a.link("alice"))
    assert done["sent"] == done["delivered"] == "1000000", done
    done = send(t, alice.path, 400000, c.link("bob"))
    assert done["delivered"] == "400000", done
    bob.until("connection_end")
    alice.until("connection_end")
    assert received(bob) == 1000000 and received(alice) == 400000
    ways = {way["prefix"]: (way["account"], way["kind"], way["hops"], way["taken"], way["away"])
            for way in ctl(a, "routes", "--json").json()["routes"]}
    assert ways == {"g.a": (None, "own", 0, True, False), "g.a.alice": ("alice", "child", 0, True, False),
                    "g.b": ("b", "learnt", 1, True, False), "g.c": ("b", "learnt", 2, True, False)}, ways
    assert rows(ctl(a, "routes", "g.c").out) == [["g.c", "b", "learnt", "2", "taken"]]
    assert ctl(a, "routes", "g.none", "--json").json() == {"routes": [], "more": False}
    have = {n.name: n.balances() for n in (a, b, c)}
    assert have == {"a": {"alice": -600000, "b": 600000}, "b": {"a": -600000, "c": 600000},
                    "c": {"b": -600000, "bob": 600000}}, have
    for n in (a, b, c):
        n.stop()
        assert n.books() == have[n.name]


@case
def who_leaves_is_forgotten(t):
    """The end of the line stops: first it is away, then it is nowhere, and all of them know."""
    a, b, c, _ = line_of_three(t)
    bob = receive(t, c.link("bob"), "bob")
    assert send(t, bob.path, 1000, a.link("alice"))["delivered"] == "1000"
    c.stop()
    for n, prefix in ((b, "g.c"), (a, "g.c")):
        n.program.until(rf"packets to {prefix} go to nobody$", "err")
    p = t.rill("send", bob.path, "1000", "--link", a.link("alice"), "--json", "--timeout", "10")
    assert p.end() == 1, p.text
    assert "F02" in p.text["out"].decode() + p.text["err"].decode(), p.text
    assert a.balances()["alice"] == -1000
    # It comes back, and all is well.
    a.program.text["err"] = b""
    c.start()
    a.until_way("g.c", "account b")
    bob = receive(t, c.link("bob"), "again")
    assert send(t, bob.path, 1000, a.link("alice"))["delivered"] == "1000"
    for n in (a, b, c):
        n.stop()
    check_even((a.books()["b"], b.books()["a"]), (b.books()["c"], c.books()["b"]))


def learnt(n):
    """What others have told it."""
    return {way["prefix"]: way["account"] for way in ctl(n, "routes", "--json").json()["routes"] if way["kind"] == "learnt"}


def reload_with(n, text):
    """Another configuration, by SIGHUP; what it says of before is forgotten."""
    with open(n.path, "w", encoding="utf-8") as f:
        f.write(text)
    n.program.text["err"] = b""
    n.program.process.send_signal(signal.SIGHUP)
    n.program.until("the configuration is loaded", "err")


@case
def reloaded_while_routes_are_learnt(t):
    """SIGHUP in the middle of a payment, again and again: a peer comes, is told no more, is heard no
    more, and goes. No packet is lost, and no route is left that nobody tells."""
    a, b, c, _ = line_of_three(t, FAST + "# env:TOKEN_D\n")  # it has that token from the start
    with open(b.path, encoding="utf-8") as f:
        plain = f.read()
    bob = receive(t, c.link("bob"), "bob")
    bob.read_along()
    p = t.rill("send", bob.path, "300000", "--link", a.link("alice"), "--json", "--max-packet", "50", "--stall", "30")
    p.read_along()
    d = network(t, "d", child("dora"), peer("b", "D", b.port))
    line = peer("d", "D").replace("relation: peer,", "relation: peer, FLAGS")
    for _ in range(2):
        for n in (a, c, d):
            n.program.text["err"] = b""
        reload_with(b, plain + line.replace("FLAGS", ""))
        for n, prefix, way in ((a, "g.d", "account b"), (c, "g.d", "account b"), (d, "g.a", "account b"), (d, "g.c", "account b")):
            n.until_way(prefix, way)
        assert learnt(b) == {"g.a": "a", "g.c": "c", "g.d": "d"}, learnt(b)
        d.program.text["err"] = b""
        reload_with(b, plain + line.replace("FLAGS", "send-routes: false,"))
        for prefix in ("g.a", "g.c"):
            d.until_way(prefix, "nobody")
        assert learnt(b) == {"g.a": "a", "g.c": "c", "g.d": "d"}, learnt(b)
        for n in (a, c):
            n.program.text["err"] = b""
        reload_with(b, plain + line.replace("FLAGS", "send-routes: false, receive-routes: false,"))
        for n in (a, c):
            n.until_way("g.d", "nobody")
        assert learnt(b) == {"g.a": "a", "g.c": "c"}, learnt(b)
        reload_with(b, plain)
        b.program.until("account d: is gone", "err")
        assert learnt(a) == {"g.b": "b", "g.c": "b"} and learnt(c) == {"g.b": "b", "g.a": "b"}, (learnt(a), learnt(c))
    assert p.end() == 0, p.text
    lost = [row for row in ctl(a, "why", "alice", "--json").json()["rejects"] if row["code"] != "F99"]
    assert lost == [], lost
    assert a.balances()["alice"] == -300000
    for n in (a, b, c, d):
        n.stop()
    check_even((a.books()["b"], b.books()["a"]), (b.books()["c"], c.books()["b"]))
    assert c.books()["bob"] == received(bob) == 300000


@case
def a_cut_link_has_another_way(t):
    """A triangle whose short side is cut in the middle of a payment: the rest goes the long way."""
    c = network(t, "c", child("bob"), peer("a", "A"), peer("b", "B"))
    proxy = Proxy(c.port)
    b = network(t, "b", peer("a", "AB"), peer("c", "B", c.port))
    a = network(t, "a", child("alice"), peer("b", "AB", b.port), peer("c", "A", proxy.port))
    a.until_way("g.c", "account c")
    a.until_way("g.b", "account b")
    b.until_way("g.c", "account c")
    bob = receive(t, c.link("bob"), "bob")
    bob.read_along()
    # One packet at a time is enough to be sure which are under way.
    p = t.rill("send", bob.path, "20000000", "--link", a.link("alice"), "--json", "--max-packet", "10000")
    p.read_along()
    assert proxy.wait_for(lambda: proxy.up.fulfills >= 100, 50), p.text
    proxy.stop()
    a.until_way("g.c", "account b")
    assert p.end() == 0, p.text
    done = p.events()[-1]
    assert int(done["delivered"]) <= 20000000 and int(done["sent"]) == 20000000, done
    bob.until("connection_end")
    have = {n.name: n.balances() for n in (a, b, c)}
    # What went by b is even; what was under way on the cut link c may have fulfilled alone.
    check_even((have["a"]["b"], have["b"]["a"]), (have["b"]["c"], have["c"]["b"]))
    lost = -have["c"]["a"] - have["a"]["c"]
    assert have["a"]["b"] > 0 and have["a"]["c"] > 0, have
    assert lost == proxy.up.unheard or 0 <= lost <= 20000000 // 100, (lost, have)
    assert have["a"]["alice"] == -(have["a"]["b"] + have["a"]["c"]), have
    assert have["c"]["bob"] == received(bob), have
    for n in (a, b, c):
        n.stop()
        assert n.books() == have[n.name]


@case
def the_middle_is_killed(t):
    """kill -9 of the middle in the middle of a payment, twice: it begins with the routes that it
    had, and the payment goes on."""
    a, b, c, _ = line_of_three(t)
    bob = receive(t, c.link("bob"), "bob")
    bob.read_along()
    p = t.rill("send", bob.path, "30000000", "--link", a.link("alice"), "--json", "--max-packet", "10000",
               "--timeout", "50")
    p.read_along()
    for _ in range(2):
        bob.until("\"money\"")
        bob.text["out"] = bob.text["out"].split(b"\n", 1)[0] + b"\n"
        b.kill()
        b.start()
    assert p.end() == 0, p.text
    done = p.events()[-1]
    assert done["sent"] == "30000000", done
    have = {n.name: n.balances() for n in (a, b, c)}
    # What was under way when it died may be booked by those who fulfilled, and not by who paid.
    assert 0 <= -have["b"]["a"] - have["a"]["b"] and 0 <= -have["c"]["b"] - have["b"]["c"], have
    assert have["a"]["alice"] == -have["a"]["b"] == -30000000, have
    assert have["c"]["bob"] == -have["c"]["b"] >= 30000000, have
    for n in (a, b, c):
        n.stop()
        assert n.books() == have[n.name]


@case
def routes_are_kept(t):
    """After kill -9 a node has the routes that it had. Those that are missing then are named: of a
    neighbour that does not come back, of one that is not there any more, of the configuration."""
    port = reserved_port()
    b = network(t, "b", peer("a", "A"), peer("c", "C"), port=port.getsockname()[1],
                more=FAST + "routes: [{prefix: g.static, account: a}]\n")
    a = network(t, "a", child("alice"), peer("b", "A", b.port))
    c = network(t, "c", child("bob"), peer("b", "C", b.port))
    b.until_way("g.c", "account c")
    a.until_way("g.c", "account b")
    bob = receive(t, c.link("bob"), "bob")
    assert send(t, bob.path, 1000, a.link("alice"))["delivered"] == "1000"
    c.kill()
    b.kill()
    b.start()
    lines = b.program.lines("err")
    ready = [i for i, line in enumerate(lines) if "ready on" in line][0]
    assert any("packets to g.c go to account c" in line for line in lines[:ready]), lines
    # c does not come back: it is away, and then its route is missing.
    b.program.until("the route g.c by account c, which was there before, is missing: the account has not", "err")
    b.program.until("packets to g.c go to nobody", "err")
    b.program.text["err"] = b""  # what b says while c starts is read along
    c.start()
    b.until_way("g.c", "account c")
    # Another configuration: without c, and without the route.
    b.stop()
    text = open(b.path, encoding="utf-8").read()
    with open(b.path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"  c: .*\n", "", text).replace("{prefix: g.static, account: a}", ""))
    b.start()
    b.program.until("the route g.c by account c, .* there is no such account any more", "err")
    b.program.until("the route g.static by account a, .* it is not in the configuration any more", "err")
    # It is said once.
    b.stop()
    b.start()
    assert not any("is missing" in line for line in b.program.lines("err")), b.program.text
    for n in (a, b, c):
        n.stop()


@case
def parents_peers_and_children(t):
    """A tree with a link across it: children tell their parents, parents all, peers each other."""
    top = network(t, "top", *(f"  {n}: {{relation: child, asset: USD/6, credit: none, receive-routes: true, "
                              f"tokens: env:TOKEN_{n.upper()}}}\n" for n in ("left", "right")), child("alice"))

    def below(name, *accounts):
        return Connector(t, name, f"{FAST}accounts:\n"
                         f"  top: {{relation: parent, asset: USD/6, credit: none, send-routes: true, link: "
                         f"{{uri: 'btp+ws://127.0.0.1:{top.port}', token: env:TOKEN_{name.upper()}}}}}\n"
                         f"{''.join(accounts)}")
    left = below("left", child("bob"), peer("far", "FAR"))
    right = below("right", child("carol"))
    far = network(t, "far", child("dave"), peer("left", "FAR", left.port))
    far.until_way("g.top.left", "account left")
    far.until_way("g.top", "account left")
    top.until_way("g.top.left", "account left")
    left.until_way("g.far", "account far")
    # A peer's ways are not told to a parent: far reaches top by left, but top has no way to far.
    dave = receive(t, far.link("dave"), "dave")
    assert send(t, dave.path, 1000, left.link("bob"))["delivered"] == "1000"
    carol = receive(t, right.link("carol"), "carol")
    p = t.rill("send", carol.path, "5000", "--link", left.link("bob"), "--json")
    assert p.end() == 0, p.text
    p = t.rill("send", dave.path, "1000", "--link", top.link("alice"), "--json", "--timeout", "10")
    assert p.end() == 1 and "F02" in p.text["out"].decode() + p.text["err"].decode(), p.text
    for n in (top, left, right, far):
        n.stop()
    check_even((left.books()["far"], far.books()["left"]), (left.books()["top"], top.books()["left"]),
               (right.books()["top"], top.books()["right"]))


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
