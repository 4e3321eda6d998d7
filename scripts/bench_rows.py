# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what each one measures, how, and what it must reach."""

import os
import shutil
import signal
import statistics
import subprocess
import time

from bench_world import PACKET, PYTHON, ROOT, TOKEN, Failed, cpu_seconds, link, resident_bytes


class Row:
    """
    samples: {"rill": [...], "js": [...], "limit": [...]}, in `unit`; more is better, or less.
    ratios: to the limit, of what was measured in turns with it; empty where it was not.
    typical: the median is the row's figure; elsewhere it is the best.
    need(row) says whether it is enough; required is that in words.
    """

    def __init__(self, key, work, unit, less=False, required="", need=None):
        self.key, self.work, self.unit, self.less = key, work, unit, less
        self.required, self.need = required, need
        self.samples = {"rill": [], "js": [], "limit": []}
        self.ratios = []
        self.typical = False  # the median counts, not the best
        self.notes = []

    def add(self, who, values, scale=1.0):
        self.samples[who] += [value * scale for value in values]

    def figure(self, who):
        values = self.samples[who]
        if not values:
            return None
        if self.typical:
            return statistics.median(values)
        return min(values) if self.less else max(values)

    def ratio(self, who):
        """How many times as good as the other; of "less" rows, how many times less."""
        if who == "limit" and self.ratios:
            return statistics.median(self.ratios)
        rill, other = self.figure("rill"), self.figure(who)
        if not rill or not other:
            return None
        return other / rill if self.less else rill / other


def at_least(value):
    return lambda row: row.figure("rill") >= value


def at_most(value):
    return lambda row: row.figure("rill") <= value


def share(part, least):
    return lambda row: row.ratio("limit") >= part and row.figure("rill") >= least


def quotients(these, those):
    return [this / that for this, that in zip(these, those)]


def try_js(world, row, body):
    """If a peer fails, its figure is missing, and the benchmark goes on."""
    if not world.settings.javascript:
        return
    try:
        body()
    except Failed as error:
        row.notes.append(f"JavaScript: {error}")


def pair(world):
    """Both endpoints in one process, in turns with the cryptography alone."""
    rows = []
    for kind, unit, part, name in (("money", "packets/s", 60, "packets"),
                                   ("data", "MB/s", 70, "megabytes")):
        work = kind + ", both endpoints in one process, one core"
        row = Row("pair_" + kind, work, unit, required=f"{part} % of the limit and 400"
                  + (",000" if kind == "money" else ""),
                  need=share(part / 100, 400000 if kind == "money" else 400))
        s = world.settings
        got = world.c("pair", kind, s.slice, s.rounds)
        row.add("rill", got["pair"])
        ways = {"OpenSSL's EVP and SHA256_* called directly": got["limit_direct"],
                "Rill's own interface": got["limit_rill"]}
        better = max(ways, key=lambda way: statistics.median(ways[way]))
        row.add("limit", ways[better])
        row.ratios = quotients(got["pair"], ways[better])
        row.notes.append("the cryptography alone, medians: " + "; ".join(
            f"by {way} {statistics.median(rates):,.0f}" for way, rates in ways.items())
            + "; the better one is the limit")
        for _ in range(s.repeats):
            try_js(world, row, lambda: row.add("js", world.js("pair.js", kind, s.seconds)[name + "_cold"]))
        rows.append(row)
        if "pair_ipsec_mb" in got:
            rows.append(pair_ipsec_mb(kind, unit, got))
    return rows


def pair_ipsec_mb(kind, unit, got):
    """The same, encrypted by intel-ipsec-mb; its limit is its own cryptography."""
    row = Row(f"pair_{kind}_ipsec_mb", kind + ", one process, with ipsec-mb", unit)
    row.add("rill", got["pair_ipsec_mb"])
    row.add("limit", got["limit_ipsec_mb"])
    row.ratios = quotients(got["pair_ipsec_mb"], got["limit_ipsec_mb"])
    times = statistics.median(quotients(got["pair_ipsec_mb"], got["pair"]))
    row.notes.append(f"{times:.2f} times as much as with OpenSSL, median of the rounds")
    if kind == "money":  # what makes it worth having
        row.required, row.need = "1.5 times OpenSSL's", lambda _: times >= 1.5
    return row


def package_once(world, row, cold, who, name, command):
    got = world.js(*command)
    row.add(who, got[name])
    cold[who] += got[name + "_cold"]


def node_package(world):
    """The package of bindings/node beside the original, in turns, on the same Node."""
    s = world.settings
    rows = []
    for kind, unit, name, times in (("money", "packets/cpu s", "packets", 100),
                                    ("data", "MB/cpu s", "megabytes", 20),
                                    ("connections", "1/cpu s", "connections", 20)):
        row = Row("node_" + kind, f"ilp-protocol-stream for Node, {kind}, one process", unit,
                  required=f"{times} times the original",
                  need=lambda row, times=times: (row.ratio("js") or 0) >= times)
        cold = {"rill": [], "js": []}
        for _ in range(s.repeats):
            for who, words in (("rill", ["--ours"]), ("js", [])):
                try_js(world, row, lambda: package_once(world, row, cold, who, name,
                                                        ["pair.js", kind, s.seconds, *words]))
        if kind != "connections":
            cryptography_alone(world, row, kind)
        if cold["rill"] and cold["js"]:
            row.notes.append(f"in a new process, while V8 compiles, "
                             f"{max(cold['rill']) / max(cold['js']):.1f} times the original")
        rows.append(row)
    rows.append(node_over_rilld(world))
    rows += [node_idle(world, which) for which in ("server", "both")]
    return [row for row in rows if row.samples["rill"]]


def node_over_rilld(world):
    """Client and server in Node, over rilld; the limit is Rill's own client and server there."""
    s = world.settings
    row = Row("node_rilld", "ilp-protocol-stream for Node, money, client and server over rilld", "packets/s",
              required="50 times the original and 60 % of the limit",
              need=lambda row: (row.ratio("js") or 0) >= 50 and (row.ratio("limit") or 0) >= 0.6)
    spent = {}
    for _ in range(s.repeats):
        for who, words in (("rill", ["--ours"]), ("js", [])):
            def once(who=who, words=words):
                node, port = world.rilld(options=["--max-packet-amount", str(PACKET)])
                got = world.send_js(port, port, "money", 10**7, *words)
                done = got["done"][0]
                row.add(who, [done / got["sending"][0]])
                keep_least(spent, who, (got["cpu"][0], cpu_seconds(node),
                                        cpu_seconds(world.server) - world.server_start), done)
                world.stop_all()
            try_js(world, row, once)
        node, port = world.rilld()
        got = world.send_c(port, port, "money", s.packets)
        row.add("limit", [s.packets / (got["total"][0] - got["ready"][0])])
        keep_least(spent, "limit", (got["cpu"][0], cpu_seconds(node), world.server_cpu()), s.packets)
        world.stop_all()
    for who, name in (("rill", "Rill for Node"), ("js", "the original"), ("limit", "the limit")):
        if who in spent:
            row.notes.append("processor time of one packet, microseconds: {}: client {:.2f}, node {:.2f}, "
                             "server {:.2f}".format(name, *spent[who]))
    if "limit" in spent and "rill" in spent:
        row.notes.append(f"by the processor time of all three {sum(spent['limit']) / sum(spent['rill']):.0%} "
                         "of the limit")
    row.notes.append("the limit is Rill's own client and server, in C, over the same node")
    return row


def keep_least(spent, who, seconds, packets):
    """Microseconds of one packet: those of the round that took the least of all together."""
    if packets == 0:  # the machine had no time for us
        return
    micro = tuple(second / packets * 1e6 for second in seconds)
    spent[who] = min(spent.get(who, (9e9,)), micro, key=sum)


def cryptography_alone(world, row, kind):
    """The limit of a row of Node: what no program can do without, in the same minutes."""
    got = world.c("pair", kind, world.settings.slice, max(4, world.settings.rounds // 3))
    row.add("limit", [max(statistics.median(got[way]) for way in ("limit_direct", "limit_rill"))])
    if row.samples["js"]:
        row.notes.append(f"the cryptography alone, of both ends: "
                         f"{row.figure('limit') / row.figure('js'):.1f} times the original")


def node_idle(world, which):
    """Memory of idle connections in Node: the slope, so what is needed once does not count."""
    what = {"server": "server's end", "both": "both ends"}[which]
    row = Row("node_idle_" + which, f"ilp-protocol-stream for Node, idle connection, {what}", "bytes",
              less=True, required="a fifth of the original",
              need=lambda row: (row.ratio("js") or 0) >= 5)
    for who, words in (("rill", ["--ours"]), ("js", [])):
        count = world.settings.js_idle * (10 if who == "rill" else 5)
        def once(who=who, count=count, words=words):
            got = world.js_idle(count, which, *words)
            row.add(who, got["bytes"])
            row.notes.append(f"{'Rill' if who == 'rill' else 'the original'}, of {count:,}: "
                             f"{got['heap_bytes'][0]:,.0f} on V8's heap, the rest malloc's; "
                             f"resident {got['resident_bytes'][0]:,.0f}")
        try_js(world, row, once)
    return row


def python_package(world):
    """The package of bindings/python beside ilp-protocol-stream, in turns, over rilld."""
    if not os.path.exists(PYTHON):
        raise Failed("bindings/python/tests/install was not run")
    s = world.settings
    rows = []
    for kind, count, unit, units in (("money", 10**6, "packets/s", 1), ("data", 10**9, "MB/s", 1e6)):
        row = Row("python_" + kind, f"rill for Python, {kind}, client and server over rilld", unit,
                  required="20 times JavaScript's", need=lambda row: (row.ratio("js") or 0) >= 20)
        for _ in range(s.repeats):
            for who, send in (("rill", world.send_python), ("js", world.send_js)):
                if who == "js" and not s.javascript:
                    continue
                _, port = world.rilld(options=["--max-packet-amount", str(PACKET)])
                got = send(port, port, kind, count)
                row.add(who, [got["done"][0] / units / got["sending"][0]])
                if who == "rill":
                    row.notes = [f"processor time of the client for one: "
                                 f"{got['cpu'][0] / got['done'][0] * units * 1e6:.1f} microseconds"]
                world.stop_all()
        rows.append(row)
    return rows


def loopback(world):
    """Client and server, processes, over a node."""
    s = world.settings
    money = Row("loop_money", "money, client and server over the node, loopback", "packets/s",
                required="150,000", need=at_least(150000))
    data = Row("loop_data", "data, client and server over the node, loopback", "MB/s",
               required="200", need=at_least(200))
    large = []
    spent = {}
    for _ in range(s.repeats):
        node, port = world.rilld()
        for row, kind, count, units in ((money, "money", s.packets, 1),
                                        (data, "data", s.bytes, 1e6)):
            before = cpu_seconds(node)
            got = world.send_c(port, port, kind, count)
            row.add("rill", [count / units / (got["total"][0] - got["ready"][0])])
            spent[row] = min(spent.get(row, (9e9,)), tuple(
                seconds / count * units * 1e6 for seconds in (
                    got["cpu"][0], cpu_seconds(node) - before, world.server_cpu())))
        # The bytes of a packet: what the pair sends, and BTP's and WebSocket's headers.
        money.add("limit", world.c("echo", 172 + 24, 97 + 20, 1024, s.seconds)["packets"])
        data.add("limit", world.c("echo", 32767 + 200, 80 + 20, 32, s.seconds)["megabytes"])
        got = world.send_c(port, port, "data", s.bytes, 1 << 22)
        large.append(s.bytes / 1e6 / (got["total"][0] - got["ready"][0]))
        world.stop_all()
    for row, (client, node_us, server) in spent.items():
        row.notes.append("processor time of one packet or MB, microseconds: "
                         f"client {client:.2f}, node {node_us:.2f}, server {server:.2f}")
    data.notes.append(f"with buffers of 4 MB set by the application: {max(large):.0f} MB/s")
    for _ in range(s.repeats):
        try_js(world, money, lambda: js_sends(world, money, "money", 10**6, 0))
        try_js(world, data, lambda: js_sends(world, data, "data", 10**8, 0))
    return [money, data]


def js_sends(world, row, kind, count, far):
    """How many in a second, or, on a long path, how long all of count takes."""
    _, port = world.connector()
    got = world.send_js(port, world.delayed(port) if far else port, kind, count)
    world.stop_all()
    done, sending = got["done"][0], got["sending"][0]
    if done == 0:
        raise Failed("nothing arrived")
    if far:
        row.add("js", [got["connect"][0] + sending * count / done])
        if done < count and not row.notes:
            row.notes.append("JavaScript: from as much as it did in "
                             f"{world.settings.js_seconds:g} s")
    else:
        row.add("js", [done / sending / (1 if kind == "money" else 1e6)])


def programs(world):
    """The same as loopback's money, with the programs that users run."""
    s = world.settings
    row = Row("loop_programs", "money, rill send to rill receive over rilld", "packets/s")
    program = world.build + "/src/cli/rill"
    for _ in range(s.repeats):
        _, port = world.rilld()
        file = world.file("credentials")
        world.start([program, "receive", "--link", link(port, "bob"), "--credentials", file,
                     "--connections", 1])
        world.wait_for_file(file)
        count = s.packets // 2
        got = world.send_program(program, port, file, count * PACKET)
        row.add("rill", [count / got["seconds"]])
        world.stop_all()
    return [row]


def far(world):
    """A long way: 50 ms to the node, 50 ms back."""
    s = world.settings
    trip = 2 * s.delay_ms / 1000
    money = Row("far_money", f"1,000 packets of money, {s.delay_ms} ms each way", "s", less=True,
                required="0.9", need=at_most(0.9))
    data = Row("far_data", f"10 MB of data, {s.delay_ms} ms each way", "s", less=True,
               required="1.5", need=at_most(1.5))
    first = Row("first_money", "first unit of money after connect, rate given", "round trips",
                less=True, required="1", need=at_most(1.1))
    first.add("limit", [1])
    http = Row("far_http", f"the same by HTTP/2, after the link is up, {s.delay_ms} ms each way", "s",
               less=True, required="0.7", need=at_most(0.7))
    linked, large = [], []
    for row in money, data:
        row.add("limit", [4 * trip])
    for _ in range(s.repeats):
        _, port = world.rilld()
        line = world.delayed(port)
        got = world.send_c(port, line, "money", 1000)
        money.add("rill", got["total"])
        linked += got["ready"]
        first.add("rill", [(got["first"][0] - got["ready"][0]) / trip])
        data.add("rill", world.send_c(port, line, "data", 10**7)["total"])
        large += world.send_c(port, line, "data", 10**7, 1 << 24)["total"]
        world.stop_all()
        _, port = world.rilld(http=True)
        by = link(world.delayed(port), "", "ilp+h2c")
        got = world.send_c(port, None, "money", 1000, by=by)
        http.add("rill", [got["total"][0] - got["ready"][0]])
        http.add("limit", [3 * trip])
        world.stop_all()
    money.notes.append(f"of it {min(linked):.2f} s are link and IL-DCP: three round trips")
    data.notes.append(f"with buffers of 16 MB set by the application: {min(large):.2f} s")
    for _ in range(s.js_repeats):
        try_js(world, money, lambda: js_sends(world, money, "money", 1000, 1))
        try_js(world, data, lambda: js_sends(world, data, "data", 10**7, 1))
    try_js(world, first, lambda: js_first(world, first))
    return [money, http, data, first]


def js_first(world, row):
    for _ in range(world.settings.repeats):
        got = world.js("pair.js", "first", world.settings.delay_ms)
        row.add("js", got["round_trips_rate_given"])
    row.notes.append(f"JavaScript without a rate given: {got['round_trips'][0]:.1f}")


def payment(world):
    """Whole payments by SPSP: two processes, and connections that are open already."""
    s = world.settings
    trip = 2 * s.delay_ms / 1000
    many = Row("payments", "whole payments (SPSP, connect, one packet, close), loopback",
               "payments/s", required="5,000", need=at_least(5000))
    far = Row("payment_far", f"one whole payment, {s.delay_ms} ms each way, rate given",
              "round trips", less=True, required="3", need=at_most(3.1))
    far.add("limit", [3])
    count = s.packets // 10
    spent = []
    for _ in range(s.repeats):
        server, ports = world.payee()
        before = cpu_seconds(server)
        got = world.pay_c(ports, count, 64)
        many.add("rill", [count / got["seconds"][0]])
        spent.append((got["cpu"][0] / count * 1e6, (cpu_seconds(server) - before) / count * 1e6))
        got = world.pay_c([world.delayed(port) for port in ports], 5, 1)
        far.add("rill", [got["seconds"][0] / 5 / trip])
        world.stop_all()
    many.notes.append("processor time of one payment, microseconds: payer {:.0f}, receiver and its "
                      "node {:.0f}".format(*min(spent)))
    for _ in range(s.js_repeats):
        try_js(world, many, lambda: js_payments(world, many, 64))
    try_js(world, far, lambda: js_payments(world, far, 1))
    many.notes.append("JavaScript: @interledger/pay with a quote, which it needs, over Node's HTTP")
    return [many, far]


def js_payments(world, row, at_once):
    """How many in a second, or, one after the other on a long path, how many round trips each."""
    s = world.settings
    _, match = world.start(["node", os.path.join(ROOT, "bench/js/payment.js"), "receive"],
                           r"^listening (\d+) (\d+)$")
    ports = match.groups() if at_once > 1 else [world.delayed(port) for port in match.groups()]
    got = world.js("payment.js", "pay", *ports, s.js_seconds, at_once)
    world.stop_all()
    done, took = got["payments"][0], got["seconds"][0]
    row.add("js", [done / took if at_once > 1 else took / done / (2 * s.delay_ms / 1000)])


def idle(world):
    s = world.settings
    row = Row("idle", f"memory of an idle server connection, one stream, of {s.many:,}", "bytes",
              less=True, required="2,048", need=at_most(2048))
    got = world.c("idle", s.many)  # once: it is a count
    row.add("rill", got["bytes"])
    own = got["own_bytes"][0]
    row.notes.append(f"of it asked for by Rill itself: {own:,.0f}; the rest is OpenSSL's")
    try_js(world, row, lambda: row.add("js", world.js_idle(5 * s.js_idle, "server")["bytes"]))
    return [row]


def growth(world):
    """Cost of a packet: many against few, in turns."""
    s = world.settings
    rows = []
    for what, few, many in ("connections", 1, s.many), ("streams", 1, 1000):
        got = world.c("pair", what, many, s.slice, s.rounds, timeout=100)
        for busy in "one", "all":
            rows.append(growth_row(what, few, many, busy, quotients(got["few"], got[busy])))
    for busy in "one", "all":
        got = world.c("node", s.many, busy, s.slice, s.rounds, timeout=100)
        rows.append(growth_row("accounts", 2, s.many, busy, quotients(got["few"], got["many"])))
    rows.append(routes_row(world))
    got = world.c("node", s.many, "any", s.slice, s.rounds, timeout=100)
    far = statistics.median(quotients(got["few"], got["many"]))
    rows[-2].notes.append(f"each pays another one every time, so that nothing foretells what the "
                          f"node needs: {far:.2f} times")
    return rows


def routes_row(world):
    """Every packet goes by another prefix than the one before."""
    s = world.settings
    got = world.c("node", s.many, "routes", s.slice, s.rounds, timeout=100)
    row = Row("routes", f"cost of a packet, routes 10 to {s.many:,}, each by another one", "times",
              less=True, required="1.5", need=at_most(1.5))
    row.typical = True
    row.add("rill", quotients(got["few"], got["many"]))
    got = world.c("routes", s.many, s.slice, s.rounds, timeout=100)
    alone = statistics.median(quotients(got["many"], got["few"]))
    row.notes.append(f"the lookup alone: {alone:.2f} times; a change takes at most {got['change'][0]:.2f} ms;"
                     f" if a neighbour with all of them is lost, nobody waits for more than "
                     f"{got['loss'][0]:.1f} ms")
    return row


def growth_row(what, few, many, busy, times):
    """Neighbours on the machine slow many down more than few, or few alone: its median."""
    busy_words = "the others idle" if busy == "one" else "all busy in turn"
    row = Row(f"{what}_{busy}", f"cost of a packet, {what} {few} to {many:,}, {busy_words}",
              "times", less=True, required="1.5", need=at_most(1.5))
    row.typical = True
    row.add("rill", times)
    return row


def forwarding(world):
    """What the node's process spends on a packet, without what its clients spend."""
    s = world.settings
    row = Row("forward", "rilld forwarding, one core", "packets/cpu s", required="250,000",
              need=at_least(250000))
    wall = []

    def flood(node, who):
        process, port = node()
        before = cpu_seconds(process)
        got = world.c("flood", link(port, "alice"), link(port, "bob"),
                      512 if who == "rill" else 64, 2 * s.seconds)
        row.add(who, [got["fulfilled"][0] / (cpu_seconds(process) - before)])
        world.stop_all()
        return got["packets"]

    for _ in range(s.repeats):
        wall += flood(world.rilld, "rill")
        row.add("limit", world.c("echo", 172 + 24, 97 + 20, 512, s.seconds)["relay_packets"])
        try_js(world, row, lambda: flood(world.connector, "js"))
    row.notes.append(f"by the clock, beside a client that takes the other core: {max(wall):,.0f}/s")
    row.notes.append("ilp-connector's rate limit is lifted; as it comes it forwards 166.7/s")
    return [row]


def http(world):
    """The node's and the receiver's processor time, without what those who ask spend."""
    s = world.settings
    rows = []
    for key, scheme, version, least in (("http2", "ilp+h2c", "HTTP/2", 150000),
                                        ("http1", "ilp+http", "HTTP/1.1", 50000)):
        row = Row("forward_" + key, f"rilld forwarding what comes over {version}, one core",
                  "packets/cpu s", required=f"{least:,}", need=at_least(least))
        for _ in range(s.repeats):
            process, port = world.rilld(http=True)
            before = cpu_seconds(process)
            got = world.c("flood", link(port, "", scheme), link(port, "bob"), 512, 2 * s.seconds)
            row.add("rill", [got["fulfilled"][0] / (cpu_seconds(process) - before)])
            world.stop_all()
            if version == "HTTP/1.1":
                try_js(world, row, lambda: plugin_http(world, row))
        rows.append(row)
    rows.append(http_tls(world))
    return rows + spsp(world)


def plugin_http(world, row):
    """The server of ilp-plugin-http, which has nobody behind it: it answers by itself."""
    process, match = world.start(["node", os.path.join(ROOT, "bench/js/http.js"), TOKEN], r"^(\d+)$")
    before = cpu_seconds(process)
    got = world.c("flood", link(match.group(1), "", "ilp+http"), "-", 64, 2 * world.settings.seconds)
    if got["fulfilled"][0] == 0:
        raise Failed("ilp-plugin-http fulfilled nothing")
    row.add("js", [got["fulfilled"][0] / (cpu_seconds(process) - before)])
    row.notes = ["JavaScript: ilp-plugin-http, which answers each packet by itself"]
    world.stop_all()


def http_tls(world):
    """The same over TLS, on both ways."""
    s = world.settings
    row = Row("forward_https", "rilld forwarding what comes over HTTP/2 with TLS, one core",
              "packets/cpu s", required="100,000", need=at_least(100000))
    tls = world.certificate()
    for _ in range(s.repeats):
        process, port = world.rilld(http=True, tls=tls)
        before = cpu_seconds(process)
        got = world.c("flood", link(port, "", "ilp+https"), link(port, "bob", "btp+wss"), 512,
                      2 * s.seconds)
        row.add("rill", [got["fulfilled"][0] / (cpu_seconds(process) - before)])
        world.stop_all()
    return row


def connector(world):
    """A connector that keeps its books, by the clock: the disk is waited for. In turns with none."""
    s = world.settings
    row = Row("connector", "rilld run, two assets, every Fulfill on the disk first",
              "packets/s", required="150,000 and half of durability none",
              need=share(0.5, 150000))
    spent = []
    for _ in range(max(s.repeats, 3)):
        turn = {}
        for durability, who in (("full", "rill"), ("none", "limit")):
            process, port = world.rilld_run(durability)
            before = cpu_seconds(process)
            got = world.c("flood", f"btp+ws://:alice-{TOKEN}@127.0.0.1:{port}",
                          f"btp+ws://:bob-{TOKEN}@127.0.0.1:{port}", 8192, 2 * s.seconds)
            turn[who] = got["packets"][0]
            row.add(who, [turn[who]])
            if who == "rill":
                spent.append((cpu_seconds(process) - before) / got["fulfilled"][0] * 1e6)
            world.stop_all()
        row.ratios.append(turn["rill"] / turn["limit"])
    row.notes.append(f"processor time of the node for one packet: {min(spent):.2f} microseconds")
    row.notes.append("the limit is the same without waiting for the disk")
    return [row, connector_wait(world)]


def connector_wait(world):
    """
    How much later the slowest hundredth of the Fulfills comes because the disk is waited for. The
    limit is the disk's own: a small write and its fdatasync.
    """
    s = world.settings
    row = Row("connector_wait", "p99 that durability adds to a packet, 10,000 a second", "ms",
              less=True, required="5 more than the limit",
              need=lambda row: row.figure("rill") <= row.figure("limit") + 5)
    row.typical = True
    for _ in range(max(s.repeats, 3)):
        p99 = {}
        for durability in "full", "none":
            _, port = world.rilld_run(durability)
            got = world.c("flood", f"btp+ws://:alice-{TOKEN}@127.0.0.1:{port}",
                          f"btp+ws://:bob-{TOKEN}@127.0.0.1:{port}", 8192, 2 * s.seconds, 10000)
            p99[durability] = got["p99_ms"][0]
            world.stop_all()
        row.add("rill", [p99["full"] - p99["none"]])
        row.add("limit", [disk_ms(world)])
        row.notes.append(f"p99 {p99['full']:.2f} ms, without durability {p99['none']:.2f}")
    return row


def disk_ms(world):
    """p99 of a write of four pages and its fdatasync, in milliseconds."""
    took = []
    with open(world.file("disk"), "wb") as file:
        for _ in range(300):
            begin = time.monotonic()
            file.write(bytes(16384))
            file.flush()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - begin) * 1000)
    return sorted(took)[-3]


def accounts(world):
    """
    A connector with many children in its configuration, of which none is connected. The books are
    there: it is not its first start. Memory is the growth from a tenth of them to all of them.
    """
    s = world.settings
    many, few = s.many, s.many // 10
    start = Row("accounts_start", f"restart of rilld run with {many:,} accounts, to ready", "s",
                less=True, required="2", need=at_most(2))
    memory = Row("accounts_memory", f"memory of an idle account of rilld run, of {many:,}",
                 "bytes", less=True, required="1,024", need=at_most(1024))
    files = {count: world.many_accounts(count) for count in (few, many)}
    for file in files.values():
        world.end(world.rilld_of(file)[0])
    spent, reloads = [], []
    for _ in range(s.repeats):
        held = {}
        for count, file in files.items():
            process, took = world.rilld_of(file)
            time.sleep(0.5)  # what it does after it is ready
            held[count] = resident_bytes(process)
            if count == many:
                start.add("rill", [took])
                spent.append(cpu_seconds(process))
                reloads.append(reload_of(process))
            world.end(process)
        memory.add("rill", [(held[many] - held[few]) / (many - few)])
    start.notes.append(f"processor time of it: {min(spent):.2f} s")
    took, more = min(reloads)
    start.notes.append(f"reading the same configuration again (SIGHUP): {took:.2f} s, in which "
                       f"no packet goes on; afterwards it holds {more / many:+,.0f} bytes an account")
    return [start, memory]


def reload_of(process):
    """(seconds, bytes that it holds more afterwards) of the second SIGHUP, and all after it."""
    before = resident_bytes(process)
    for _ in range(2):
        begin = time.monotonic()
        process.send_signal(signal.SIGHUP)
        while "is loaded" not in (line := process.stdout.readline()):
            if line == "" or "not loaded" in line:
                raise Failed("rilld did not read its configuration again")
        took = time.monotonic() - begin
    time.sleep(0.5)
    return took, resident_bytes(process) - before


def spsp(world):
    """Queries for one of 100,000 receivers, by nghttp2's client."""
    if not shutil.which("h2load"):
        return []
    s = world.settings
    users = world.file("users")
    with open(users, "w", encoding="utf-8") as file:
        file.writelines(f"user{i}\n" for i in range(100000))
    rows = []
    for key, version, flags in (("spsp_http2", "HTTP/2", ["-m", "32"]),
                                ("spsp_http1", "HTTP/1.1", ["--h1"])):
        row = Row(key, f"SPSP queries over {version}, 100,000 users, one core", "queries/cpu s",
                  required="20,000", need=at_least(20000))
        for _ in range(s.repeats):
            _, port = world.rilld()
            process, match = world.start(
                [world.cli("rill"), "receive", "--spsp", "127.0.0.1:0", "--users", users, "--link",
                 link(port, "shop")], r"answers SPSP on (\S+)")
            before = cpu_seconds(process)
            count = int(100000 * s.seconds)
            done = subprocess.run(["h2load", "-n", str(count), "-c", "8", *flags,
                                   match.group(1) + "/user77777"], capture_output=True, text=True,
                                  timeout=120, check=False)
            if f"{count} succeeded" not in done.stdout:
                raise Failed("h2load: not all queries were answered")
            row.add("rill", [count / (cpu_seconds(process) - before)])
            world.stop_all()
        rows.append(row)
    return rows


GROUPS = {
    "pair": pair,
    "node_package": node_package,
    "python_package": python_package,
    "loopback": loopback,
    "programs": programs,
    "far": far,
    "payment": payment,
    "idle": idle,
    "growth": growth,
    "forwarding": forwarding,
    "http": http,
    "connector": connector,
    "accounts": accounts,
}
