#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON schema of a configuration, held against the program that reads one: the same keys, and the
same values.

usage: schema.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES_IN_YAML

Prints TAP. Wrong and right values are put at every key. The program says of each what it says, by the
line where it stands; a validator says what it says by the schema. They agree, but for what a schema
cannot say: see BEYOND.
"""

import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema_rs
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import runner  # noqa: E402  pylint: disable=wrong-import-position

BIN, EXAMPLES = (os.path.abspath(p) for p in sys.argv[1:3])
RILLD = os.path.join(BIN, "rilld")
CASES = []

# Every key, in configurations that are right: together they have all that a file may have.
ENGINE = {"engine": "https://engine.example/", "token": "env:T", "tokens": ["env:T", "file:t"], "threshold": 1000,
          "settle-to": 10, "scale": 2, "ca": "ca.pem", "insecure": False}
PORT = {"host": "127.0.0.1", "port": 0, "cert": "c.pem", "key": "k.pem", "insecure": True}
FULL = {
    "address": "g.x",
    "store": {"path": "books", "durability": "none", "keep-minutes": "30d", "backups": "copies"},
    "admin": {**PORT, "socket": "none", "tokens": [{"token": "env:T", "scopes": ["read", "money"]}, {"token": "env:U"}],
              "names": ["rill.example"], "two-people": True},
    "engines": {**PORT, "tokens": ["env:T"], "unprotected": False},
    "listen": [{**PORT, "http": True}],
    "accounts": {
        "partner": {"relation": "peer", "asset": "USD/6", "tokens": ["env:T"], "credit": 1, "most": "none", "max-packet": 5,
                    "packets-a-second": 6, "amount-a-second": 7, "packets-to-a-second": 8, "amount-to-a-second": 9,
                    "max-sessions": 4, "send-routes": True, "receive-routes": False, "max-routes": 10, "charge-unseen": True,
                    "link": {"uri": "ilp+https://p.example/ilp", "token": "env:T", "callback-url": "https://x.example/ilp",
                             "answers-url": "https://p.example/answers", "ca": "ca.pem", "insecure": False},
                    "settlement": ENGINE},
        "shop": {"relation": "child", "asset": "EUR/2", "segment": "s", "tokens": ["env:T"]},
        "other": {"relation": "peer", "asset": "USD/6", "link": {"uri": "btp+wss://o.example/", "token": "env:T", "connections": 2}}},
    "rates": {"base": "USD", "prices": {"EUR": {"price": "3/4"}}, "url": "https://rates.example/", "token": "env:T", "ca": "ca.pem",
              "insecure": False, "refresh": "30s", "timeout": "5s", "stale-after": "5m", "by-api": True, "spread": "0.2%",
              "spreads": [{"from": "USD", "to": "EUR", "spread": 0.01}]},
    "webhooks": {"url": "https://books.example/", "secret": "env:T", "ca": "ca.pem", "insecure": False, "timeout": "5s", "retry-after": "1s"},
    "peering": {"url": "https://x.example/", "name": "X", "secret": "env:T", "ca": "ca.pem", "insecure": False, "timeout": "10s",
                "accept": {"host": "127.0.0.1", "port": 0, "cert": "c.pem", "key": "k.pem",
                           "assets": [{"asset": "USD/2", "credit": 0, "most": "none", "max-packet": 5, "packets-a-second": 6,
                                       "amount-a-second": 7, "settlement": {**ENGINE, "scale": 1}}],
                           "approve": True, "max-peers": 20, "requests-a-minute": 60, "requests-a-minute-each": 6,
                           "hosts": ["bank.example"], "refused-hosts": [".bad.example"], "prefixes": ["g.a"], "refused-prefixes": ["g.b"]}},
    "packet-log": {"folder": "packets", "size": "500MiB", "keep": "30d", "addresses": True},
    "routes": [{"prefix": "g.a", "account": "partner"}],
    "default-route": "other", "min-message-window": "1s", "max-hold-time": "30s", "route-interval": "30s", "route-hold-down": "45s"}

HASH = "sha256:" + "0a" * 32
# What is put at every key: what one kind of value takes, another one refuses.
VALUES = [
    None, True, False, "true", "false", "True", "yes", "", "~", "null", "none", "text", "two words", "two\nlines", "\u00fc",
    0, 1, 2, 16, 17, 64, 65, 255, 256, 65535, 65536, 6000, 6001, 10 ** 7, 10 ** 7 + 1, 10 ** 9, 10 ** 9 + 1, 2 ** 64 - 2, 2 ** 64 - 1, 2 ** 64,
    -1, 0.5, -0.5, 1.5, "0", "1", "16", "1_000", "1__0", "_1", "1_", "-1", "+1", "0x10", "1 ", " 1",
    "250ms", "30s", "5m", "2h", "1d", "1w", "30 s", "30S", "1.5s", "s", "500MiB", "2GiB", "500MB", "1.5GiB", "MiB",
    "1.0842", "3/4", "0/4", "3/0", "3/", "/4", ".5", "5.", ".", "0.0", "1/2/3", "1e3", "0.2%", "100%", "%", "3/4%", "0.2 %",
    "parent", "peer", "child", "Peer", "full", "normal", "read", "money", ["read"], ["read", "metrics"], ["read", "no"], ["peer"],
    "USD/2", "USD", "/2", "USD/", "U D/2", "USD/255", "USD/256", "USD/007", "USD/0007", "USD/1_0", "USD/-1", "A/B/2", "X" * 31 + "/2", "X" * 32 + "/2",
    "file:x", "env:X", "file:", "env:", "File:x", "https://x.example/", "secret", HASH, HASH[:-1], HASH + "0", HASH.upper(), "sha256:",
    [], ["a"], ["a", 1], ["env:X", "file:y"], ["env:X", "secret"], ["env:X", HASH], [[]], [None], {}, {"a": 1}, {"token": "env:X"},
    {"token": "env:X", "scopes": "read"}, {"token": "env:X", "scopes": []}, {"token": "x"}, [{"token": "env:X"}, "env:Y"], [{"scopes": "read"}],
]

# What a schema cannot say: (what the value is, what the program says). Each must be met.
BEYOND = [
    # It has no words for how large what is in quotes is: numbers, times and sizes with their units, parts with a percent sign.
    (lambda v: isinstance(v, str) and re.fullmatch(r"[0-9_]+|[0-9]+[a-zA-Z]+", v), r"a whole number from|a time such as|a size such as|at most 6 digits"),
    (lambda v: isinstance(v, str) and re.fullmatch(r"[0-9./]+%?", v), r"a part of 1 such as"),
]
# What must be true of keys together, or of a text within, is said by `rilld check` alone.


def case(function):
    CASES.append(function)
    return function


def check(text, suffix=".json"):
    """(exit code, what it says by line)."""
    with tempfile.NamedTemporaryFile("w", suffix=suffix, encoding="utf-8") as f:
        f.write(text)
        f.flush()
        done = subprocess.run([RILLD, "check", "--config", f.name], capture_output=True, text=True, check=False, timeout=60)
    said = {}
    for line in done.stderr.splitlines():
        found = re.match(r".*?:(\d+):\d+: (.*)", line)
        if found and "warning: " not in line:
            said.setdefault(int(found.group(1)), []).append(found.group(2))
    assert done.returncode in (0, 2), (done.returncode, done.stderr)
    assert (done.returncode == 2) == bool(said), done.stderr
    return done.returncode, said


def written(value, path=(), lines=None, put=None):
    """
    JSON with one key a line: its lines, and which line each path is at. put: a value for each path that is
    put in the place of all that it has.
    """
    lines = [""] if lines is None else lines
    places = {}
    if path in (put or {}):
        lines[-1] += json.dumps(put[path])
    elif isinstance(value, dict):
        lines[-1] += "{"
        for number, key in enumerate(value):
            lines.append(f"{json.dumps(key)}: ")
            places[(*path, key)] = len(lines)
            places.update(written(value[key], (*path, key), lines, put)[1])
            lines[-1] += "," if number + 1 < len(value) else "}"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        lines[-1] += "["
        for number, one in enumerate(value):
            places.update(written(one, (*path, number), lines, put)[1])
            lines[-1] += "," if number + 1 < len(value) else "]"
    else:
        lines[-1] += json.dumps(value)
    return lines, places


def replaced(config, path, value):
    changed = copy.deepcopy(config)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return changed


def leaves(config, path=()):
    """Paths of what has no keys below it."""
    for key, value in config.items() if isinstance(config, dict) else enumerate(config):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def inner(config, path=()):
    """Paths of what has."""
    for key, value in config.items() if isinstance(config, dict) else enumerate(config):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield (*path, key)
            yield from inner(value, (*path, key))


SCHEMA = json.loads(subprocess.run([RILLD, "check", "--schema"], capture_output=True, check=True, timeout=60).stdout)
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def keys_of(schema, path=""):
    """Every key that the schema knows, by the path to it; names of maps are *, and places in lists are left out."""
    for key, below in schema.get("properties", {}).items():
        yield f"{path}/{key}"
        yield from keys_of(below, f"{path}/{key}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], f"{path}/*")
    if "items" in schema:
        yield from keys_of(schema["items"], path)
    for one in schema.get("anyOf", []):
        yield from keys_of(one, path)


NAMED = ("/accounts", "/rates/prices")  # maps: their keys are names


def keys_in(config, path=""):
    """The same of a configuration."""
    if isinstance(config, list):
        for one in config:
            yield from keys_in(one, path)
    elif isinstance(config, dict):
        for key, value in config.items():
            here = f"{path}/*" if path in NAMED else f"{path}/{key}"
            if path not in NAMED:
                yield here
            yield from keys_in(value, here)


@case
def every_key_is_known_to_both():
    """And no key of one is unknown to the other."""
    code, said = check(json.dumps(FULL, indent=1))
    assert code == 0, said
    assert VALIDATOR.is_valid(FULL), [str(e) for e in VALIDATOR.iter_errors(FULL)]
    in_schema = set(keys_of(SCHEMA))
    assert in_schema == set(keys_in(FULL)), in_schema ^ set(keys_in(FULL))
    assert len(in_schema) > 100, len(in_schema)
    # The program lists all that it knows where it meets what it does not.
    objects = [(), *(path for path in inner(FULL) if isinstance(at(FULL, path), dict) and path not in (("accounts",), ("rates", "prices")))]
    for path in objects:
        have = at(FULL, path)
        changed = replaced(FULL, (*path, "no-such-key"), 1)
        assert not VALIDATOR.is_valid(changed), path
        code, said = check(json.dumps(changed))
        listed = [re.search(r"'no-such-key' is not known in .*?; there are: (.*)", text) for texts in said.values() for text in texts]
        assert code == 2 and len(listed) == 1 and listed[0], (path, said)
        known = set(listed[0].group(1).split(", "))
        own = {key for key in (p.rsplit("/", 1)[1] for p in in_schema if p.rsplit("/", 1)[0] == place(path))}
        whole = len(listed[0].group(1)) < 340  # a line has no room for more
        assert known == own if whole else len(known & own) >= len(known) - 1, (path, known ^ own, have)


def at(config, path):
    for step in path:
        config = config[step]
    return config


def place(path):
    """As keys_of writes it."""
    text = ""
    for step in path:
        if not isinstance(step, int):
            text += "/*" if text in NAMED else f"/{step}"
    return text


@case
def what_is_missing_is_missed_by_both():
    for path in [*leaves(FULL), *inner(FULL)]:
        if isinstance(path[-1], int) or path[:-1] in (("accounts",), ("rates", "prices")):
            continue
        changed = copy.deepcopy(FULL)
        del at(changed, path[:-1])[path[-1]]
        _, said = check(json.dumps(changed))
        missed = any(text.endswith(f": {path[-1]} is missing") for texts in said.values() for text in texts)
        shape = missed and not any("rates: base is missing" in text for texts in said.values() for text in texts)
        assert VALIDATOR.is_valid(changed) != shape, (path, said)


@case
def every_value_is_taken_or_refused_by_both():
    met, compared, differ = [0] * len(BEYOND), 0, []
    paths = list(leaves(FULL))
    for value in VALUES:
        # All at once: each has its line. The last key is wrong, so that the program says no more than what each value is.
        lines, places = written({**FULL, "no-such-key": 1}, (), None, {path: value for path in paths})
        _, said = check("\n".join(lines))
        for path in paths:
            compared += 1
            texts = said.get(places[path], [])
            valid = VALIDATOR.is_valid(replaced(FULL, path, value))
            if valid != bool(texts):
                continue
            beyond = [i for i, (what, says) in enumerate(BEYOND) if valid and what(value) and all(re.search(says, text) for text in texts)]
            if beyond:
                met[beyond[0]] += 1
            else:
                differ.append(f"{'/'.join(map(str, path))}: {value!r} is {'valid' if valid else 'not valid'} by the schema; rilld says {texts or 'nothing'}")
    assert not differ, f"{len(differ)} differ:\n" + "\n".join(differ[:40])
    assert all(met), met
    print(f"# {compared} values were compared; {sum(met)} are beyond a schema")


@case
def what_has_keys_is_nothing_else():
    """A value, a list or nothing, in the place of an object or of a list of them."""
    for path in inner(FULL):
        for value in (None, True, 1, "text", "env:X", [], {}, [[]], [None], ["env:X"], [{"a": 1}], {"": at(FULL, path)}, {"x": {}}):
            lines, places = written({**FULL, "no-such-key": 1}, (), None, {path: value})
            code, said = check("\n".join(lines))
            line = places.get(path) or places[path[:-1]]
            refused = any(number >= line and not any("no-such-key" in text for text in texts) for number, texts in said.items())
            # A list's place is its key's, and others of the list have lines of their own.
            valid = VALIDATOR.is_valid(replaced(FULL, path, value))
            assert code == 2 and valid != refused, (path, value, valid, said)


class Core(yaml.SafeLoader):
    """YAML 1.2, as editors read it: 1_000 is a text, and so is yes."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"), ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
                            ("int", r"[-+]?[0-9]+", "-+0123456789"),
                            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+0123456789.")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


@case
def the_examples_are_valid():
    """By the schema, as YAML 1.2 and as YAML 1.1; and to the program."""
    files = sorted(glob.glob(os.path.join(EXAMPLES, "*.yaml")))
    assert len(files) >= 5, files
    for name in files:
        with open(name, encoding="utf-8") as f:
            text = f.read()
        for loader in (Core, yaml.SafeLoader):
            config = yaml.load(text, loader)  # noqa: S506  both are safe
            assert VALIDATOR.is_valid(config), (name, loader, [str(e) for e in VALIDATOR.iter_errors(config)])
        code, said = check(text, ".yaml")
        assert code == 0, (name, said)


if __name__ == "__main__":
    sys.exit(runner.run(CASES, names=sys.argv[3:]))
