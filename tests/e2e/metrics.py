#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a connector says at /metrics: the format that Prometheus reads, names of the Grafana dashboard, and histograms that
add up.

usage: metrics.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES FOLDER_OF_DASHBOARDS [TEST...]

Prints TAP.
"""

import json
import os
import re
import shutil
import subprocess
import sys

DASHBOARDS = os.path.abspath(sys.argv.pop(3))

from harness import run_tests  # noqa: E402
from btp import FULFILL, REJECT, Client, fulfill, prepare, reject  # noqa: E402
from connector import TWO_ASSETS, Connector, receive, send  # noqa: E402
from rillctl import by_socket  # noqa: E402

CASES = []
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.e+-]+|\+Inf|NaN)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
# What a family of this type has behind its name.
ENDINGS = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}


def case(function):
    CASES.append(function)
    return function


def read(text):
    """The text format, strictly: families with their help, type and samples."""
    families, family = {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert name not in families and words, line
            family = families[name] = {"help": words, "samples": {}}
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert family is families[name] and "type" not in family and not family["samples"] and kind in ENDINGS, line
            family["type"] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            own = [end for end in ENDINGS[family["type"]] if name == list(families)[-1] + end]
            assert own, f"{name} is not of the family before it"
            pairs = LABEL.findall(labels or "")
            assert "".join(f'{k}="{v}",' for k, v in pairs) in ((labels or "") + ",", ""), line
            assert len(dict(pairs)) == len(pairs), line
            key = (name, *pairs)
            assert key not in family["samples"], f"twice: {line}"
            family["samples"][key] = float(value)
    assert all("type" in f for f in families.values())
    return families


def check_by_promtool(text, families):
    """Where promtool is to be had."""
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not promtool:
        return
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    # Names of ilp-connector, as its dashboards ask for them. Of families without samples nothing is said.
    old = {f"{name} counter metrics should have \"_total\" suffix" for name, f in families.items()
           if name.startswith("ilp_connector_") and f["type"] == "counter" and f["samples"]}
    assert set(said) == old and len(said) == len(old), done


@case
def the_format_is_what_prometheus_reads(t):
    """Each name has a help and a type; histograms grow from bucket to bucket, and end in their count."""
    c = Connector(t, "c", TWO_ASSETS)
    r = receive(t, c.link("bob"))
    send(t, r.path, 1000, c.link("alice"))
    p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "1")
    p.end()
    text = by_socket(c, "GET", "/metrics")[1]
    families = read(text)
    for name, f in families.items():
        if f["type"] != "histogram":
            continue
        buckets = [(dict(k[1:])["le"], v) for k, v in f["samples"].items() if k[0] == name + "_bucket"]
        bounds = [float(le) for le, _ in buckets]
        counts = [v for _, v in buckets]
        assert bounds == sorted(set(bounds)) and buckets[-1][0] == "+Inf", buckets
        assert counts == sorted(counts) and counts[-1] == f["samples"][(name + "_count",)] > 0, (name, buckets)
        total = f["samples"][(name + "_sum",)]
        assert 0 < total < counts[-1] * 60, (name, total)
    of = {k: v for f in families.values() for k, v in f["samples"].items()}
    packets = [v for k, v in of.items() if k[0] == "ilp_connector_incoming_ilp_packets" and ("result", "fulfilled") in k]
    # Others were answered by the node itself.
    assert 1 <= of[("rill_connector_packet_seconds_count",)] <= sum(packets), (packets, text)
    assert of[("rill_connector_open_packets",)] == 0 and of[("rill_connector_books_ok",)] == 1
    check_by_promtool(text, families)
    c.stop()
    r.kill()


# What ilp-connector 23 says: its names, types, and labels beside account, asset and scale.
OF_ILP_CONNECTOR = {
    "ilp_connector_incoming_ilp_packets": ("counter", {"result"}),
    "ilp_connector_incoming_ilp_packet_value": ("counter", {"result"}),
    "ilp_connector_outgoing_ilp_packets": ("counter", {"result", "code"}),
    "ilp_connector_outgoing_ilp_packet_value": ("counter", {"result"}),
    "ilp_connector_incoming_money": ("gauge", {"result"}),
    "ilp_connector_outgoing_money": ("gauge", {"result"}),
    "ilp_connector_rate_limited_ilp_packets": ("counter", set()),
    "ilp_connector_rate_limited_money": ("counter", set()),
    "ilp_connector_balance": ("gauge", set()),
}
# Of these it has the last amount alone, so that most are never seen. Here it is their sum (docs/connector.md).
SUMS = {"ilp_connector_incoming_money", "ilp_connector_outgoing_money"}


@case
def names_and_labels_of_ilp_connector(t):
    """A dashboard of ilp-connector's finds what it asks for: each name, its type, its labels, and the same sign."""
    c = Connector(t, "c", TWO_ASSETS.replace("tokens: env:TOKEN_BOB", "tokens: env:TOKEN_BOB, packets-a-second: 2, credit: 1000, "
                                             "settlement: {engine: 'http://127.0.0.1:9/', threshold: 1000000}"))
    bob, alice = Client(c.port, token="bob-token"), Client(c.port, token="alice-token")
    asked = [alice.ask(prepare("g.x.bob.shop", amount)) for amount in (100, 20, 3)]
    for answer in (fulfill(), reject("T04"), b"\x0d\x00"):
        bob.answer(bob.request()[0], answer)
    assert [alice.reply_to(a)["type"] for a in asked] == [FULFILL, REJECT, REJECT]
    for _ in range(4):
        assert bob.call(prepare("g.nowhere", 7))["type"] == REJECT
    text = by_socket(c, "GET", "/metrics")[1]
    families = read(text)
    check_by_promtool(text, families)
    of = {k: v for f in families.values() for k, v in f["samples"].items()}
    for name, (kind, labels) in OF_ILP_CONNECTOR.items():
        assert families[name]["type"] == ("counter" if name in SUMS else kind), name
        found = set().union(*({k for k, _ in key[1:]} for key in families[name]["samples"]))
        # Settlements have no limit of a rate, and so there is nothing to say of them.
        assert found == (set() if name == "ilp_connector_rate_limited_money" else {"account", "asset", "scale"} | labels), (name, found)
    results = {key[0]: set() for key in of}
    for key in of:
        results[key[0]].update(v for k, v in key[1:] if k == "result")
    for way in ("incoming", "outgoing"):
        for what in ("packets", "packet_value"):
            assert results[f"ilp_connector_{way}_ilp_{what}"] == {"fulfilled", "rejected", "failed"}, (way, what, results)

    def value(name, account, *labels):
        asset = {"alice": ("USD", "2"), "bob": ("EUR", "4")}[account]
        return of[(name, ("account", account), ("asset", asset[0]), ("scale", asset[1]), *labels)]
    # Positive: the account owes the node.
    assert value("ilp_connector_balance", "alice") == 100 == -value("rill_connector_balance", "alice")
    assert value("ilp_connector_balance", "bob") == -4950 == -value("rill_connector_balance", "bob")
    assert value("ilp_connector_outgoing_ilp_packets", "bob", ("result", "rejected"), ("code", "T04")) == 1
    assert value("ilp_connector_outgoing_ilp_packet_value", "bob", ("result", "fulfilled")) == 4950
    assert value("ilp_connector_incoming_ilp_packet_value", "alice", ("result", "fulfilled")) == 100
    assert value("ilp_connector_incoming_ilp_packet_value", "alice", ("result", "rejected")) == 20
    assert value("ilp_connector_incoming_ilp_packet_value", "alice", ("result", "failed")) == 3
    assert value("ilp_connector_rate_limited_ilp_packets", "bob") >= 1
    alice.close()
    bob.close()
    c.stop()


@case
def the_dashboard_has_no_other_names(t):
    """Each query of it asks for what /metrics says, with labels that this has."""
    secret = t.file("secret", "a secret that signs\n")
    c = Connector(t, "c", TWO_ASSETS + f"packet-log: {{folder: {t.folder}/packets}}\n"
                  f"webhooks: {{url: 'http://127.0.0.1:9/', secret: 'file:{secret}'}}\n")
    families = read(by_socket(c, "GET", "/metrics")[1])
    there = {name + end for name, f in families.items() for end in ENDINGS[f["type"]]}
    labels = {}
    for f in families.values():
        for key in f["samples"]:
            labels.setdefault(key[0], set()).update(k for k, _ in key[1:])
    count = 0
    for name in sorted(os.listdir(DASHBOARDS)):
        with open(os.path.join(DASHBOARDS, name), encoding="utf-8") as f:
            dashboard = json.load(f)
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        queries += [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
        for query in queries:
            asked = re.findall(r"\b((?:rill|ilp)_connector_\w+)(?:\{([^}]*)\})?", query)
            assert asked, query
            for metric, given in asked:
                assert metric in there, f"{name}: /metrics has no {metric}"
                for label in re.findall(r"(\w+)=~?\"", given):
                    # job is Prometheus's own.
                    assert label == "job" or metric not in labels or label in labels[metric], (metric, label)
                count += 1
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids) and dashboard["uid"] and all(panel["title"] for panel in dashboard["panels"])
        cells = set()
        for panel in dashboard["panels"]:
            g = panel["gridPos"]
            assert g["x"] + g["w"] <= 24
            own = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
            assert not own & cells, panel["title"]
            cells |= own
    assert count > 15, count
    # What is on the other side: nothing that the node says is left out.
    with open(os.path.join(DASHBOARDS, "rill-connector.json"), encoding="utf-8") as f:
        text = f.read()
    missing = [name for name in families if name not in text and not name.startswith("rill_connector_price")]
    assert not missing, missing
    c.stop()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
