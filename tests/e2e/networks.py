#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seven rilld processes as a network: a parent, peers and children, three assets, routes by CCP from
behind exchanges. Payments cross it while links are cut and processes are killed, and afterwards the
books of all neighbours are compared, to the unit.

usage: networks.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP. Who is struck, and after how many packets, is drawn from RILL_SEED, which is printed.

What the books of two neighbours may differ by is known by name. A fault strikes when a Fulfill is
on a link and has not been passed on: one neighbour has booked that packet, and the other has not.
Let A have asked B. Then of what B has booked and A has not, each packet

- is in A's log of packets as one that A itself gave up, and in B's as fulfilled: it counts exactly;
- or A was killed, and lists it at its next start as one that was out (rillctl in-flight);
- or B was killed, and its log lacks the last fifth of a second: then A's log has it as given up;
- or A was killed within a fifth of a second of giving it up: then the link itself is the witness.

If neither was killed, the first are all that there are.
"""

import collections
import glob
import json
import os
import random
import re
import select
import signal
import sqlite3
import sys
import threading
import time

import btp
import connector
from connector import in_flight, receive, received, send
from harness import LIMIT, Program, reserved_port, run_tests
from proxy import Proxy
from rillctl import by_socket

CASES = []
PACE = 200  # packets a second of each payer, so that faults and not the traffic take the time
ENDLESS = 10 ** 15  # units: no payment is ever over by itself
ASSET = {"USD": "USD/9", "EUR": "EUR/6", "XRP": "XRP/9"}
LARGEST = {"USD": "1000000", "EUR": "1000", "XRP": "1000000"}  # units of a payer's packet
RATES = "rates: {base: USD, spread: 0, prices: {EUR: {price: 5/4}, XRP: {price: 1/2}}}\n"


def case(function):
    CASES.append(function)
    return function


# ---- waiting, while everybody's output is read ----

def read_all(seconds):
    """What programs print is read as it comes, for at most so long: one that nobody reads stops."""
    streams = {stream: (p, name) for p in list(Program.along) for stream, name in p._streams().items()}
    for stream in select.select(list(streams), [], [], seconds)[0]:
        program, name = streams[stream]
        program._read(stream, name)


def until(what, condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {what() if callable(what) else what}"
        read_all(0.01)


# ---- what a network is of ----

class Link(Proxy):
    """A link between two nodes, which can be cut. It knows each packet that was asked and never answered."""

    def __init__(self, caller, called, port):
        self.caller, self.called = caller, called  # names of nodes; the first one connects
        self.doubt = {"up": {}, "down": {}}  # id -> units
        super().__init__(port)

    def no_answer(self, pair):
        for name, asked in ("up", pair.asked_up), ("down", pair.asked_down):
            self.doubt[name].update({condition.hex()[:32]: amount for amount, condition in asked.values()})
        super().no_answer(pair)

    def asked_by(self, node):
        """The books of what that end asked."""
        return self.up if node == self.caller else self.down

    def never_answered(self, node):
        return self.doubt["up" if node == self.caller else "down"]


class Node(connector.Connector):
    """One with a log of packets, whose port stays."""

    def __init__(self, t, name, config):
        self.listens = reserved_port()
        self.folder = os.path.join(t.folder, f"{name}.packets")
        self.killed = 0
        self.out = []       # packets that were out at a kill, as it lists them
        self.recovered = 0  # booked at a start, since their Fulfill had come
        self.config = config + f"packet-log: {{folder: {self.folder}}}\n"
        self.t, self.name = t, name

    def begin(self):
        super().__init__(self.t, self.name, self.config, self.listens.getsockname()[1])

    def start(self):
        super().start()
        self.program.read_along()

    def again(self):
        """After it was killed."""
        self.program.kill()
        self.killed += 1
        self.start()
        listed = in_flight(self)
        self.out += listed["from_before"]
        self.recovered += listed["booked_at_start"]

    def accounts(self):
        return json.loads(by_socket(self, "GET", "/v1/accounts")[1])["accounts"]

    def ways(self):
        """Where packets go: account by prefix."""
        routes = json.loads(by_socket(self, "GET", "/v1/routes")[1])["routes"]
        return {way["prefix"]: way["account"] for way in routes if way["taken"] and not way["away"]}

    def logs(self):
        return sorted(glob.glob(f"{self.folder}/packets-*.jsonl"))

    def since(self, sizes):
        """What was written after its files had these sizes."""
        text = ""
        for path in self.logs():
            with open(path, encoding="ascii") as f:
                f.seek(sizes.get(path, 0))
                text += f.read()
        return text

    def packets(self):
        """The lines of its log, by id."""
        found = {}
        for path in self.logs():
            with open(path, encoding="ascii") as f:
                for text in f:
                    line = json.loads(text)
                    if "id" in line and int(line["in"]) > 0:
                        assert line["id"] not in found, (self.name, line, found[line["id"]])
                        found[line["id"]] = line
        return found

    def flows(self):
        """Of one that does not run: what its books have taken from each account, and given to each."""
        db = sqlite3.connect(self.store)
        names = {row[0]: row[1] for row in db.execute("SELECT id, name FROM accounts WHERE holder = 1")}
        taken, given = collections.Counter(), collections.Counter()
        for source, destination, took, gave in db.execute(
                "SELECT source, destination, taken, given FROM flows UNION ALL SELECT source, destination, taken, given FROM days"):
            taken[names.get(source)] += int(took)
            given[names.get(destination)] += int(gave)
        db.close()
        return taken, given


def account(name, relation, asset, more):
    return f"  {name}: {{relation: {relation}, asset: {ASSET[asset]}, credit: none, {more}}}\n"


class Network:
    """
    Links are (caller, called, what the called one is to the caller, asset): parent or peer. Customers
    are name -> (node, asset).
    """

    def __init__(self, t, tops, links, customers):
        self.t, self.customers = t, customers
        nodes = sorted({name for link in links for name in link[:2]})
        self.striking = threading.Lock()
        self.texts = {name: [] for name in nodes}
        self.address = dict(tops)
        self.links = {}
        ports = {name: reserved_port() for name in nodes}
        for caller, called, what, asset in links:
            link = Link(caller, called, ports[called].getsockname()[1])
            self.links[caller, called] = link
            token = f"{caller}_{called}".upper()
            self.texts[caller].append(account(called, what, asset, f"send-routes: true, link: {{uri: 'btp+ws://127.0.0.1:{link.port}', token: env:TOKEN_{token}}}"))
            self.texts[called].append(account(caller, "child" if what == "parent" else "peer", asset, f"receive-routes: true, tokens: env:TOKEN_{token}"))
            if what == "parent":
                self.address.setdefault(caller, f"{self.address[called]}.{caller}")
        for name, (node, asset) in customers.items():
            self.texts[node].append(account(name, "child", asset, f"packets-a-second: {PACE}, tokens: env:TOKEN_{name.upper()}"))
        self.nodes = {}
        for name in sorted(nodes, key=lambda n: self.address[n].count(".")):  # parents first
            head = f"address: {self.address[name]}\n" if name in tops else ""
            probe = account("probe", "child", "USD", "tokens: env:TOKEN_PROBE")
            node = Node(t, name, f"{head}route-interval: 1s\nroute-hold-down: 3s\n{RATES}accounts:\n{''.join(self.texts[name])}{probe}")
            node.listens.close()
            node.listens = ports[name]
            self.nodes[name] = node
            node.begin()

    def close(self):
        for link in self.links.values():
            link.stop()
        for node in self.nodes.values():
            node.listens.close()

    def fulfilled(self):
        return sum(link.up.fulfills + link.down.fulfills for link in self.links.values())

    def neighbours(self, name):
        return [link[1 - link.index(name)] for link in self.links if name in link]

    def link(self, one, other):
        return self.links.get((one, other)) or self.links[other, one]

    def whole(self):
        """Every link is there, by what both of its ends say."""
        for name, node in self.nodes.items():
            up = {a["name"] for a in node.accounts() if a["sessions"] > 0}
            if not set(self.neighbours(name)) <= up:
                return False
        return True

    def leads(self, name, address, account):
        """Whether packets for the address go from this node to that account, by what each node on the way knows now."""
        for _ in self.nodes:
            ways = self.nodes[name].ways()
            fit = [p for p in ways if p in ("", address) or address.startswith(p + ".")]
            name = ways[max(fit, key=len)] if fit else None
            if name not in self.nodes:
                return name == account
        return False

    def logged(self):
        """Everything that has ended by now has its line in the logs of packets: a packet after it has."""
        waiting = []
        for node in self.nodes.values():
            have = {path: os.path.getsize(path) for path in node.logs()}
            condition = os.urandom(32)
            client = btp.Client(node.port, token="probe-token")
            client.call(btp.prepare("g.nowhere", 1, condition=condition))
            client.close()
            waiting.append((node, have, condition.hex()[:32]))
        for node, have, packet in waiting:
            until(f"{node.name} has written its log", lambda: packet in node.since(have))

    # ---- faults ----

    def strike(self, links, count, blow, asked=None):
        """
        When one of the links has so many more Fulfills of what `asked` (None: anybody) asked there, and
        before the last of those is passed on: blow(link, who asked).
        """
        struck = threading.Event()

        def strike_once(link, asker):
            with self.striking:
                if not struck.is_set():
                    blow(link, asker)
                    struck.set()
        for link in links:
            for asker in (link.caller, link.called):
                if asked in (None, asker):
                    link.when_fulfilled(link.asked_by(asker), count, lambda link=link, asker=asker: strike_once(link, asker))
        until(f"{count} packets are fulfilled on one of {[(link.caller, link.called) for link in links]}", struck.is_set)

    def kill(self, count, name=None):
        """With a Fulfill on its way to it. It says that this packet was out. None: whoever that is."""
        victims, before = [], {n.name: len(n.out) for n in self.nodes.values()}
        links = [link for link in self.links.values() if name in (None, link.caller, link.called)]

        def blow(_, asker):
            self.nodes[asker].program.process.kill()
            victims.append(asker)
        self.strike(links, count, blow, name)
        self.nodes[victims[0]].again()
        assert len(self.nodes[victims[0]].out) > before[victims[0]], f"{victims[0]} does not list what was out"

    def cut(self, count, link=None, victims=()):
        """
        With a Fulfill on its way there. None: whichever that is. At the same moment the first of the
        victims who is at neither end is killed.
        """
        killed = []

        def blow(cut, _):
            cut.cut()
            killed.extend([v for v in victims if v not in (cut.caller, cut.called)][:1])
            for name in killed:
                self.nodes[name].program.process.kill()
        self.strike(list(self.links.values()) if link is None else [link], count, blow)
        for name in killed:
            self.nodes[name].again()

    def mended(self):
        """Links are there again, and what was given up meanwhile is in the logs."""
        until("all links are up again", self.whole)
        self.logged()

    # ---- books ----

    def compare(self):
        """Of nodes that do not run. What each pair differs by: named, and what only kills explain."""
        logs = {name: node.packets() for name, node in self.nodes.items()}
        flows = {name: node.flows() for name, node in self.nodes.items()}
        sums = collections.Counter()
        for node in self.nodes.values():
            node.books()
            if not node.killed:
                self.log_is_books(node, logs[node.name], flows[node.name])
        for one, other in self.links:
            for a, b in (one, other), (other, one):
                sums.update(self.compare_asked(a, b, logs, flows))
        return sums

    @staticmethod
    def log_is_books(node, log, flows):
        taken, given = collections.Counter(), collections.Counter()
        for line in log.values():
            if line["result"] == "fulfilled":
                taken[line["from"]] += int(line["in"])
                given[line["to"]] += int(line["out"])
        assert (taken, given) == (+flows[0], +flows[1]), (node.name, taken, given, flows)

    def compare_asked(self, a, b, logs, flows):
        """Of what a asked of b."""
        link = self.link(a, b)
        asked = {i: line for i, line in logs[a].items() if line.get("to") == b}
        answered = {i: line for i, line in logs[b].items() if line.get("from") == a}
        given_up = {i: int(line["out"]) for i, line in asked.items() if line["result"] != "fulfilled" and line["by"] == "node"}
        for i, line in asked.items():
            if i in answered:
                assert line["out"] == answered[i]["in"], (line, answered[i])
            if line["result"] == "fulfilled" and i in answered:
                assert answered[i]["result"] == "fulfilled", (line, answered[i])
        named = sum(amount for i, amount in given_up.items() if i in answered and answered[i]["result"] == "fulfilled")
        most = 0
        if self.nodes[a].killed:
            most += sum(int(f["given"]) for f in self.nodes[a].out if f["to"] == b)
            most += sum(amount for i, amount in link.never_answered(a).items() if i not in logs[a])
        if self.nodes[b].killed:
            most += sum(amount for i, amount in given_up.items() if i not in answered)
        differ = flows[b][0][a] - flows[a][1][b]
        if differ or named or most:
            print(f"# {a} asked {b}: {flows[a][1][b]} units there, {differ} more here: {named} named, at most {most} by kills")
        assert named <= differ <= named + most, (a, b, differ, named, most, given_up)
        assert link.up.twice == link.down.twice == link.up.wrong == link.down.wrong == 0, vars(link.up)
        return {"differ": differ, "named": named, "most": most, "exact": most == 0}


# ---- payments ----

class Payment:
    """One that goes on until it is told to stop."""

    def __init__(self, net, payer, payee):
        self.net, self.payer, self.payee = net, payer, payee
        t = net.t
        self.receiver = receive(t, self.at(payee).link(payee), f"{payer}-{payee}")
        self.receiver.read_along()
        address = json.loads(self.receiver.lines()[0])["destination_account"]
        until(f"there is a way from {payer} to {address}", lambda: net.leads(net.customers[payer][0], address, payee))
        self.sender = t.rill("send", self.receiver.path, str(ENDLESS), "--link", self.at(payer).link(payer), "--json",
                             "--max-packet", LARGEST[net.customers[payer][1]], "--stall", str(LIMIT), "--timeout", str(10 * LIMIT))
        self.sender.read_along()

    def at(self, who):
        return self.net.nodes[self.net.customers[who][0]]

    def stop(self):
        self.sender.process.send_signal(signal.SIGINT)

    def end(self):
        """It sends no more, and what is under way is over."""
        assert self.sender.end() in (0, 1), self.sender.text
        self.done = self.sender.events()[-1]
        assert self.done["event"] == "done", self.done
        self.receiver.process.send_signal(signal.SIGINT)
        assert self.receiver.end() == 0, self.receiver.text
        self.got = received(self.receiver)

    def compare(self):
        """Of nodes that do not run. What was fulfilled is booked, but for what was out at a kill, and listed."""
        done, payee = self.done, self.at(self.payee)
        owed = payee.flows()[1][self.payee]
        doubt = sum(int(f["given"]) for f in payee.out if f["to"] == self.payee)
        assert 0 < int(done["delivered"]) <= self.got, (done, self.got)
        assert 0 <= self.got - owed <= doubt, (self.payee, self.got, owed, doubt)
        owes = self.at(self.payer).flows()[0][self.payer]
        assert 0 < owes <= int(done["sent"]) + int(done["in_doubt"]), (self.payer, owes, done)


def seeded(name):
    seed = int(os.environ.get("RILL_SEED", str(time.time_ns() % 1000000)))
    print(f"# {name}: RILL_SEED={seed}", flush=True)
    return random.Random(seed)


TOPS = {"top": "g.top", "west": "g.west", "east": "g.east"}
# A ring of five, so that everybody has two ways, and a child at each side of it.
LINKS = [("left", "top", "parent", "USD"), ("right", "top", "parent", "EUR"), ("west", "left", "peer", "USD"),
         ("east", "right", "peer", "EUR"), ("west", "east", "peer", "XRP"),
         ("shop", "west", "parent", "XRP"), ("till", "right", "parent", "EUR")]
CUSTOMERS = {"alice": ("left", "USD"), "bob": ("right", "EUR"), "carol": ("shop", "XRP"), "dave": ("till", "EUR"),
             "erin": ("till", "USD"), "frank": ("left", "EUR"), "grace": ("east", "XRP"), "henry": ("left", "USD"),
             "ivan": ("top", "XRP"), "judy": ("top", "EUR")}
PAYMENTS = [("alice", "bob"), ("carol", "dave"), ("erin", "ivan"), ("grace", "frank"), ("judy", "henry")]
# Which way packets go while all is well. A parent tells its children nothing of each other.
WAYS = {"top": {"g.top.left": "left", "g.top.right": "right"},
        "left": {"g.top": "top", "g.top.right": "west", "g.west": "west", "g.east": "west"},
        "right": {"g.top": "top", "g.top.left": "east", "g.top.right.till": "till", "g.west": "east", "g.east": "east"},
        "west": {"g.top": "left", "g.top.left": "left", "g.top.right": "east", "g.west.shop": "shop", "g.east": "east"},
        "east": {"g.top": "right", "g.top.left": "west", "g.top.right": "right", "g.west": "west"},
        "shop": {"g.top.right": "west", "g.west": "west"},
        "till": {"g.top": "right", "g.top.right": "right"}}


def ready(net, wanted):
    """Links and ways are all there."""
    until("all links are up", net.whole)
    for name, ways in wanted.items():
        until(lambda: f"{name} has the ways {ways}, not {net.nodes[name].ways()}", lambda: ways.items() <= net.nodes[name].ways().items())


def paid_in_trouble(net, pairs, ways, troubles):
    """They pay, there is trouble, and then the books are compared."""
    ready(net, ways)
    payments = [Payment(net, *pair) for pair in pairs]
    # The payer has heard of it: what is lost before, it may never have paid.
    late = lambda: [p for p in payments if not re.search(rb'"delivered":"[1-9]', p.sender.text["out"])]
    until(lambda: f"all have begun: {[(p.payer, p.sender.text, p.payee, p.receiver.text) for p in late()]}", lambda: not late())
    for trouble in troubles:
        trouble()
        net.mended()
    ready(net, ways)
    for p in payments:
        p.stop()
    for p in payments:
        p.end()
    for node in net.nodes.values():
        node.stop()
    sums = net.compare()
    for p in payments:
        p.compare()
    net.close()
    assert sums["named"] > 0, sums
    print(f"# {net.fulfilled()} packets were fulfilled on {len(net.links)} links. Neighbours differ by {sums['differ']} units: {sums['named']} are "
          f"named, and of the rest, at most {sums['most']}, were killed nodes. Exact: {sums['exact']} of {2 * len(net.links)} ways")


@case
def seven_nodes_three_assets(t):
    """Each node is killed, and each link is cut: at the same moment, unless it is the node's own."""
    chance = seeded("seven nodes")
    net = Network(t, TOPS, LINKS, CUSTOMERS)

    def trouble(victim, link):
        count = chance.randrange(1, 60)
        if victim not in (link.caller, link.called):
            net.cut(count, link, [victim])
            return
        net.kill(count, victim)
        until("all links are up again", net.whole)
        net.cut(count, link)
    victims, links = chance.sample(list(net.nodes), len(net.nodes)), chance.sample(list(net.links.values()), len(net.links))
    paid_in_trouble(net, PAYMENTS, WAYS, [lambda pair=pair: trouble(*pair) for pair in zip(victims, links)])


def told(links, name):
    """Who learns of a node by what neighbours tell: a parent is told only of the node and of what its children tell."""
    found, new = set(), [(name, True)]
    while new:
        node, below = new.pop()
        if (node, below) in found:
            continue
        found.add((node, below))
        for caller, called, what, _ in links:
            if caller == node and what == "parent":
                new += [(called, True)] if below else []
            elif caller == node or called == node:
                new.append((called if caller == node else caller, False))
    return {node for node, _ in found} - {name}


def drawn(chance):
    """Three to six nodes: each one but the first is the child or the peer of an earlier one, and some have another peer."""
    names = ["ada", "ben", "cleo", "dan", "eve", "fay"][:chance.randrange(3, 7)]
    assets = list(ASSET)[:chance.randrange(2, 4)]
    tops, links = {names[0]: f"g.{names[0]}"}, []
    for i, name in enumerate(names[1:], 1):
        what = chance.choice(["parent", "peer"])
        links.append((name, chance.choice(names[:i]), what, chance.choice(assets)))
        if what == "peer":
            tops[name] = f"g.{name}"
    for _ in range(chance.randrange(0, 3)):
        pair = chance.sample(names, 2)
        if not any(set(link[:2]) == set(pair) for link in links):
            links.append((*pair, "peer", chance.choice(assets)))
    return names, assets, tops, links


@case
def a_network_that_is_drawn(t):
    chance = seeded("a drawn network")
    names, assets, tops, links = drawn(chance)
    print(f"# {links}", flush=True)
    customers, pairs = {}, []
    for number in range(3):
        payer, payee = f"payer{number}", f"payee{number}"
        at = chance.choice(names)
        customers[payee] = (at, chance.choice(assets))
        customers[payer] = (chance.choice(sorted(told(links, at))), chance.choice(assets))
        pairs.append((payer, payee))
    net = Network(t, tops, links, customers)
    troubles = [lambda: net.kill(chance.randrange(1, 60)), lambda: net.cut(chance.randrange(1, 60)),
                lambda: net.cut(chance.randrange(1, 60), None, chance.sample(names, len(names)))]
    paid_in_trouble(net, pairs, {}, chance.sample(troubles, 3))


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
