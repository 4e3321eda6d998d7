#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator's port of a real node is as its OpenAPI document says: schemathesis asks what the
document allows, and what it does not. No answer has a status, a type or a body of its own.

usage: run.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

By the environment that tests/openapi/install makes. RILL_SEED repeats a run. Prints TAP.
"""

import http.client
import json
import os
import random
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from connector import TWO_ASSETS, Connector, receive, send  # noqa: E402
from harness import run_tests  # noqa: E402

SCHEMATHESIS = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), "schemathesis")
SEED = int(os.environ.get("RILL_SEED", random.randrange(1 << 32)))
EXAMPLES = 5  # of each operation, besides those of each limit of the document
CASES = []


def case(function):
    CASES.append(function)
    return function


def node(t, tokens):
    c = Connector(t, "c", TWO_ASSETS + f"admin: {{port: 0, tokens: {tokens}}}\n"
                  f"packet-log: {{folder: {t.folder}/packets}}\n")
    c.admin = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    r = receive(t, c.link("bob"))
    send(t, r.path, 100, c.link("alice"))
    return c


def ask(c, method, path, token="operator-token", body=None):
    s = http.client.HTTPConnection("127.0.0.1", c.admin, timeout=60)
    s.request(method, path, body, {"Authorization": f"Bearer {token}"})
    response = s.getresponse()
    got = response.status, response.read().decode()
    s.close()
    return got


def schemathesis(t, c, token, *args):
    began = time.monotonic()
    done = subprocess.run(
        [SCHEMATHESIS, "--config-file", os.path.join(HERE, "schemathesis.toml"), "run",
         f"http://127.0.0.1:{c.admin}/v1/openapi.json", "--header", f"Authorization: Bearer {token}",
         "--seed", str(SEED), "--generation-database", "none", "--request-timeout", "30", "--no-color", *args],
        cwd=t.folder, capture_output=True, text=True, check=False, timeout=240,
        env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")})
    print(f"# seed {SEED}: {time.monotonic() - began:.1f} s; "
          + (re.search(r"\d+ generated.*", done.stdout) or [""])[0])
    assert done.returncode == 0, (SEED, done.stdout[-20000:], done.stderr[-2000:])
    return done.stdout


@case
def it_is_as_its_document_says(t):
    """With a token that may do all; and the books are right after everything that was asked."""
    c = node(t, "env:TOKEN_OPERATOR")
    said = schemathesis(t, c, "operator-token", "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES))
    with open(os.path.join(HERE, "..", "..", "src", "connector", "openapi.json"), encoding="utf-8") as f:
        operations = sum(len(path) for path in json.load(f)["paths"].values())
    # It leaves out the document itself, and schemathesis.toml three more.
    assert re.search(rf"{operations - 4} selected / {operations - 1} total", said), said[:2000]
    status, text = ask(c, "GET", "/v1/audit")
    assert status == 200 and json.loads(text)["good"], text
    assert ask(c, "POST", "/v1/drain")[0] == 202
    assert c.program.end() == 0, c.program.text


@case
def so_it_is_to_who_may_only_look(t):
    """With the scope read alone: all else is refused as the document says, and changes nothing."""
    c = node(t, "[env:TOKEN_OPERATOR, {token: env:TOKEN_WALL, scopes: read}]")
    before = [ask(c, "GET", path) for path in ("/v1/routes", "/v1/proposals", "/v1/log-level", "/v1/peers")]
    schemathesis(t, c, "wall-token", "--phases", "coverage", "--exclude-method", "GET")
    assert [ask(c, "GET", path) for path in ("/v1/routes", "/v1/proposals", "/v1/log-level", "/v1/peers")] == before
    assert json.loads(ask(c, "GET", "/v1/accounts/alice")[1])["balance"] == "-100"
    c.stop()


sys.exit(run_tests(CASES))
