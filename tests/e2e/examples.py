#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The configurations of examples/connector are right as they are, and run, with files and ports of ours.

usage: examples.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys

from harness import EXAMPLES, RILLD, environment, reserved_port, run_tests
from rillctl import by_socket

FOLDER = os.path.join(EXAMPLES, "connector")
ETC, VAR = "/etc/rilld/", "/var/lib/rilld/"


class Running:
    """What by_socket needs."""

    def __init__(self, store):
        self.store = store


def local(t, text):
    """The same with files in a folder of ours, and ports that are free; the secrets are made. And the environment."""
    ports, secrets = {}, {}

    def port(match):
        number = match.group(2)
        if number not in ports:
            ports[number] = reserved_port()
        return f"{match.group(1)}{ports[number].getsockname()[1]}"
    for name in set(re.findall(r"file:" + ETC + r"([\w.-]+)", text)):
        t.file(name, f"the-secret-of-{name}-that-nobody-knows-{os.urandom(16).hex()}\n")
    for name in set(re.findall(r"env:(\w+)", text)):
        secrets[name] = f"secret-{os.urandom(16).hex()}"
    if ETC + "cert.pem" in text:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        t.file("key.pem"), "-out", t.file("cert.pem"), "-days", "2", "-subj", "/CN=example"],
                       check=True, capture_output=True, timeout=60)
    text = re.sub(r"(?m)^(\s*(?:- )?port: )(\d+)", port, text)
    text = re.sub(r"(http://127\.0\.0\.1:)(\d+)", port, text)  # nobody is there
    text = text.replace(ETC, t.folder + "/").replace(VAR, t.folder + "/")
    assert "/etc/" not in text and "/var/" not in text, text
    return text, environment(**secrets), ports


def runs(t, name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        text = f.read()
    # As the first lines of each say.
    assert f"rilld check --config examples/connector/{name}" in text, name
    p = t.start([RILLD, "check", "--config", os.path.join(FOLDER, name)])
    assert p.end() == 0 and "no errors" in p.lines()[0], p.text
    assert not p.lines("err"), p.text
    changed, env, ports = local(t, text)
    path = t.file(name, changed)
    p = t.start([RILLD, "run", "--config", path], env=env)
    p.read_along()
    line = p.until("ready on", "err")
    address = re.search(r"(?m)^address: (\S+)", text).group(1)
    assert f" as {address}" in line, line
    p.until("rillctl at", "err")
    node = Running(t.file("books"))
    have = {a["name"] for a in json.loads(by_socket(node, "GET", "/v1/accounts")[1])["accounts"]}
    below = re.search(r"(?ms)^accounts:\n(.*?)^\S", text + "end").group(1)
    wanted = set(re.findall(r"(?m)^  (\w+):", below))
    assert have == wanted and have, (have, wanted)
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text
    assert "secret" not in p.text["err"].decode().replace("peering.secret", ""), p.text
    for port in ports.values():
        port.close()


def test_of(name):
    def test(t):
        runs(t, name)
    test.__name__ = name.replace("-", "_").replace(".", "_")
    return test


CASES = [test_of(os.path.basename(path)) for path in sorted(glob.glob(os.path.join(FOLDER, "*.yaml")))]


if __name__ == "__main__":
    assert len(CASES) >= 5, CASES
    sys.exit(run_tests(CASES))
