#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`rill` and the examples as their users run them, against a real node.

usage: cli.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES

Prints TAP. Nothing here sleeps: it waits for output, files' names told by output, and ends of
processes, each with a generous limit.
"""

import base64
import fcntl
import hashlib
import hmac
import json
import os
import re
import resource
import select
import signal
import stat
import struct
import subprocess
import sys
import termios
import threading

from harness import EXAMPLES, LIMIT, RILL, RILLD, Node, environment, reserved_port, run_with_node
from runner import wait_until

COMMANDS = ["demo", "receive", "send", "info", "ping", "trace", "receipt", "keys", "help"]


CASES = []


def case(function):
    CASES.append(function)
    return function


# ---- receipts ----


def receipt_of(secret, stream=1, total=500, nonce=bytes(16)):
    """By RFC 39 alone."""
    signed = b"\x01" + nonce + bytes([stream]) + total.to_bytes(8, "big")
    return base64.b64encode(signed + hmac.new(secret, signed, hashlib.sha256).digest()).decode()


@case
def receipts_are_verified(t):
    secret, nonce = os.urandom(32), os.urandom(16)
    file = t.file("secret", base64.b64encode(secret))
    receipt = receipt_of(secret, 7, 2 ** 64 - 1, nonce)
    verify = ("receipt", "verify", receipt, "--secret-file", file)
    p = t.rill(*verify, "--json", "--nonce", base64.b64encode(nonce).decode())
    assert p.end() == 0, p.text
    assert p.events() == [{"event": "receipt", "verified": True, "stream": 7,
                           "nonce": base64.b64encode(nonce).decode(), "total": str(2 ** 64 - 1)}]
    p = t.rill("receipt", "show", receipt, "--json")
    assert p.end() == 0 and p.events()[0]["verified"] is False, p.text
    t.fails(1, "not made with this secret", "receipt", "verify", receipt_of(bytes(32)), *verify[3:])
    for at in range(4, 76, 9):
        changed = receipt[:at] + ("A" if receipt[at] != "A" else "B") + receipt[at + 1:]
        t.fails(1, "not made with this secret", "receipt", "verify", changed, *verify[3:])
    t.fails(1, "another payment", *verify, "--nonce", base64.b64encode(bytes(16)).decode())
    t.fails(1, "No such file", *verify[:3], "--secret-file", t.file("none"))
    t.fails(2, "32 bytes in base64", *verify[:3], "--secret-file", t.file("short", "AAAA"))
    t.fails(2, "16 bytes in base64", *verify, "--nonce", "AAAA")
    t.fails(2, "is no receipt", "receipt", "show", receipt[:-4])
    t.fails(2, "is no receipt", "receipt", "show", receipt + "AAAA")
    t.fails(2, "is no receipt", "receipt", "show", "Ag" + receipt[2:])
    t.fails(2, "--secret-file FILE is missing", *verify[:3])
    t.fails(2, "verifies nothing", "receipt", "show", receipt, "--secret-file", file)
    t.fails(2, "say what to do", "receipt", "make", receipt)
    t.fails(2, "RECEIPT is missing", "receipt", "verify")


# ---- keys ----


@case
def keys_are_made_shown_and_never_overwritten(t):
    first, second = t.file("first.pem"), t.file("second.pem")
    made = t.rill("keys", "new", first, "--json")
    assert made.end() == 0
    told = json.loads(made.text["out"])
    assert told["event"] == "new" and re.fullmatch(r"[\w-]{43}", told["key_id"]) and told["jwk"]["kid"] == told["key_id"]
    assert stat.S_IMODE(os.stat(first).st_mode) == 0o600
    before = open(first).read()
    assert before.startswith("-----BEGIN PRIVATE KEY-----\n")
    t.fails(2, r"first\.pem is there already", "keys", "new", first)
    assert open(first).read() == before
    shown = t.rill("keys", "show", first)
    assert shown.end() == 0 and told["jwk"]["x"].encode() in shown.text["out"]
    assert before.split("\n")[1].encode() not in shown.text["out"]
    assert t.rill("keys", "new", second, "--id", "mine", "-q").end() == 0
    both = t.rill("keys", "jwks", first, second)
    assert both.end() == 0
    keys = json.loads(both.text["out"])["keys"]
    assert [key["kty"] for key in keys] == ["OKP", "OKP"] and keys[0] == told["jwk"]
    t.fails(2, r'both keys have the id "one"', "keys", "jwks", first, second, "--id", "one")


@case
def keys_that_are_none_or_known_to_others(t):
    key, text = t.file("key.pem"), t.file("text")
    assert t.rill("keys", "new", key, "-q").end() == 0
    with open(text, "w") as f:
        f.write("no key\n")
    os.chmod(text, 0o600)
    t.fails(2, r"text holds no private key", "keys", "show", text)
    os.chmod(key, 0o640)
    t.fails(2, r"others can read .*key\.pem", "keys", "show", key)
    t.fails(2, r"absent: No such file", "keys", "show", t.file("absent"))
    t.fails(2, r"No such file", "keys", "new", t.file("no folder/key.pem"))
    t.fails(2, r'--id: "a;b" is not an id', "keys", "new", t.file("other"), "--id", "a;b")
    assert not os.path.exists(t.file("other"))
    t.fails(2, r"ACTION is missing", "keys")
    t.fails(2, r"FILE is missing", "keys", "new")
    t.fails(2, r"say what to do", "keys", "make", key)
    t.fails(2, r"takes one FILE", "keys", "show", key, key)


# ---- help ----


@case
def help_explains_every_command(t):
    overview = t.rill("help")
    assert overview.end() == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", overview.text["out"].decode(), re.M), command
        one, other = t.rill("help", command), t.rill(command, "--help")
        assert one.end() == 0 and other.end() == 0
        assert one.text["out"] == other.text["out"] and b"usage: rill " + command.encode() in one.text["out"]
        assert b"--link" in one.text["out"]
    version = t.rill("--version")
    assert version.end() == 0 and re.fullmatch(r"rill \d+\.\d+\.\d+\n", version.text["out"].decode())
    assert t.rill("--help").end() == 0
    nothing = t.rill()
    assert nothing.end() == 2 and b"usage" in nothing.text["err"]


@case
def mistakes_on_the_command_line_exit_2(t):
    t.fails(2, r'there is no command "sned"; did you mean "send"\? see "rill help"', "sned")
    t.fails(2, r'there is no command "nonsense"; see "rill help"', "nonsense")
    t.fails(2, r'there is no option "--nonsense"', "--nonsense")
    t.fails(2, r'a command comes first: "rill COMMAND --json', "--json", "info")
    t.fails(2, r'there is no option "--ammount"; did you mean "--amount"\? see "rill help send"', "send", "--ammount", "5")
    t.fails(2, r'there is no option "-x"; see "rill help send"', "send", "-x")
    t.fails(2, r'no command "recieve"; did you mean "receive"\?', "help", "recieve")
    t.fails(2, r'there is no --crypto "opensll"; did you mean "openssl"\?', "send", "--amount", "1", "--crypto", "opensll")
    t.fails(2, r'--color: "alwys" is not auto, always or never', "info", "--color", "alwys")
    t.fails(2, r"--quiet or --verbose, not both", "info", "-qv")
    t.fails(2, r"--credentials or a FILE", "send", "a", "--credentials", "b", "--amount", "1")
    t.fails(2, r"--amount or an AMOUNT", "send", "a", "1", "--amount", "1")
    t.fails(2, r'a value is missing after "--amount"', "send", "--amount")
    t.fails(2, r'takes no value: "--json"', "send", "--json=yes")
    t.fails(2, r'given twice: "--amount"', "send", "--amount", "1", "--amount", "2")
    t.fails(2, r'too many arguments: "x"', "info", "x")
    t.fails(2, r"ADDRESS is missing", "ping")
    t.fails(2, r"not an ILP address", "ping", "not an address")
    t.fails(2, r"ADDRESS is missing", "trace")
    t.fails(2, r"not an ILP address", "trace", "not an address")
    t.fails(2, r"0.002 is the least", "trace", "private.rill", "--packet-time", "0.001")
    t.fails(2, r"--max-amount", "trace", "private.rill", "--max-amount", "-1")
    t.fails(2, r"--credentials FILE is missing", "receive")
    t.fails(2, r"nothing to send", "send", "--credentials", "x")
    t.fails(2, r'no command "nonsense"', "help", "nonsense")
    t.fails(2, r"not both", "send", "--amount", "1", "--min-rate", "1", "--slippage", "0.1")
    t.fails(2, r"not both", "send", "--data", "x", "--file", "y")
    t.fails(2, r"not both", "info", "--link", "x", "--link-file", "y")
    t.fails(2, r"not a whole number from 1", "receive", "--credentials", "x", "--connections", "0")
    t.fails(2, r"--tag is too long", "receive", "--credentials", "x", "--tag", "t" * 256)


@case
def bad_amounts_exit_2(t):
    for bad in ["-5", "1.5", "", "abc", "+1", "1e3", " 1", "0x10"]:
        t.fails(2, r'--amount: ".*" is not an amount', "send", "--amount", bad)
        t.fails(2, r'AMOUNT: ".*" is not an amount', "send", "--", "c.json", bad)
        t.fails(2, r'--max: ".*" is not an amount', "receive", "--credentials", "x", "--max", bad)
    for bad in ["-5", "-1.5XRP", "-.5"]:
        t.fails(2, f'AMOUNT: "{bad}" is not an amount: it is below 0', "send", "c.json", bad)
        t.fails(2, f'--amount: "{bad}" is not an amount: it is below 0', "send", "--amount", bad)
    t.fails(2, r"--amount: .* is too large", "send", "--amount", "18446744073709551616")
    t.fails(2, r"--amount must be above 0", "send", "--amount", "0")
    for bad in ["0", "-1", "soon", ""]:
        t.fails(2, r"--timeout: ", "send", "--amount", "1", "--timeout", bad)
    for option, bad in [("--min-rate", "x"), ("--min-rate", "-1"), ("--min-rate", "0"),
                        ("--slippage", "1"), ("--slippage", "1/0"), ("--max-packet", "0")]:
        t.fails(2, option, "send", "--amount", "1", option, bad)


# ---- the node ----


@case
def an_unreachable_node_exits_3(t):
    credentials = t.file("c", json.dumps({
        "destination_account": "private.rill.x.y", "shared_secret": base64.b64encode(bytes(32)).decode()}))
    with reserved_port() as port:
        nowhere = f"btp+ws://:token@127.0.0.1:{port.getsockname()[1]}"
        for args in (["info"], ["ping", "private.rill"], ["receive", "--credentials", t.file("new")],
                     ["send", "--credentials", credentials, "--amount", "1"], ["demo"]):
            t.fails(3, r"cannot reach the node", *args, "--link", nowhere)
        assert not os.path.exists(t.file("new"))
        t.fails(3, r"cannot reach the node", "info", env=environment(ILP_BTP_SERVER=nowhere.replace(":token@", "")))


@case
def a_malformed_uri_exits_2(t):
    for bad in ["nonsense", "http://127.0.0.1/", "btp+ws://", "btp+ws://:t@127.0.0.1:99999",
                "ws://:t@127.0.0.1:7768", ""]:
        for args in (["info"], ["ping", "private.rill"], ["receive", "--credentials", t.file("c")]):
            t.fails(2, r"link's URI", *args, "--link", bad)
    t.fails(2, r"link's file .*No such file", "info", "--link-file", t.file("absent"))
    t.fails(2, r"holds no URI", "info", "--link", "@" + t.file("empty", "\n"))


@case
def a_wrong_token_exits_3(t):
    right = f"btp+ws://alice:right-token@127.0.0.1:{t.node.port}"
    assert t.rill("info", "--link", right).end() == 0
    wrong = right.replace("right", "wrong")
    t.fails(3, r"refuse", "info", "--link", wrong)
    t.fails(3, r"refuse", "ping", "private.rill", "--link", wrong)
    t.fails(3, r"refuse", "receive", "--credentials", t.file("c"), "--link", wrong)
    t.fails(3, r"refuse", "send", "--credentials", t.receive().path, "--amount", "1", "--link", wrong)


@case
def info_tells_address_and_asset(t):
    p = t.rill("info", "--link", f"btp+ws://bob:x@127.0.0.1:{t.node.port}")
    assert p.end() == 0
    assert p.lines() == ["address      private.rill.bob", "asset code   XRP", "asset scale  9"]
    p = t.rill("info", "--json", "--link", "@" + t.file("link", f"  {t.link('bob2')}\r\n"))
    assert p.end() == 0
    [event] = p.events()
    assert event["event"] == "info" and event["asset_code"] == "XRP" and event["asset_scale"] == 9
    assert event["address"].startswith("private.rill.")
    p = t.rill("info", env=environment(ILP_BTP_SERVER=t.link("bob3")))
    assert p.end() == 0


@case
def ping_is_answered(t):
    p = t.rill("ping", "private.rill", "--link", t.link("pinger"))
    assert p.end() == 0 and re.fullmatch(r"answer from private.rill: number 1, time [\d.]+ ms", p.lines()[0])
    p = t.rill("ping", "private.rill", "--json", "--link", t.link("pinger"))
    assert p.end() == 0 and p.events()[0]["event"] == "ping"
    t.fails(1, r"private.rill.nobody does not answer: F02", "ping", "private.rill.nobody", "--link", t.link("pinger"))


# ---- payments ----


@case
def money_and_text(t):
    receiver = t.receive("--connections", "1")
    assert stat.S_IMODE(os.stat(receiver.path).st_mode) == 0o600
    sender = t.rill("send", "--link", t.link("sender"), "--credentials", receiver.path, "--amount", "1000",
                    "--data", "hello\nthere")
    assert sender.end() == 0, sender.text
    assert re.match(r"sent 1000 units \(0.000001 XRP\), delivered 1000 units \(0.000001 XRP\), 11 bytes of data, in \d+ packets",
                    sender.lines()[-1])
    assert not sender.lines("err"), sender.text
    assert receiver.end() == 0
    lines = receiver.lines()
    assert lines[1:3] == ["server got connection", "server got a new stream: 1"]
    assert "server stream 1 got data: hello\\nthere" in lines
    assert sum(int(m[1]) for m in (re.search(r"incoming payment for: (\d+)", line) for line in lines) if m) == 1000
    assert lines[-2:] == ["server stream 1 ended", "server connection ended, received 1000 units (0.000001 XRP) in all"]


@case
def who_encrypts_is_a_choice_of_each(t):
    """The other side need not know. A backend that this build or processor lacks is refused by name."""
    pairs = [("fastest", "openssl"), ("openssl", "fastest")]
    asked = t.fails(2, r"this build or this processor has no ipsec-mb|absent: No such file", "send", "--amount", "1",
                    "--credentials", t.file("absent"), "--crypto", "ipsec-mb")
    if "absent" in asked.lines("err")[0]:
        pairs.append(("ipsec-mb", "ipsec-mb"))
    for ours, theirs in pairs:
        receiver = t.receive("--connections", "1", "--crypto", theirs)
        sender = t.rill("send", "--link", t.link("sender"), "--credentials", receiver.path, "--amount", "1000",
                        "--data", "x" * 40000, "--crypto", ours)
        assert sender.end() == 0 and receiver.end() == 0, sender.text
        assert sender.lines()[-1].startswith("sent 1000 units (0.000001 XRP), delivered 1000 units")
    for command in ("send", "--amount", "1"), ("receive", "--credentials", t.file("never")):
        t.fails(2, r'--crypto is openssl, ipsec-mb or fastest, and not "rot13"', *command, "--crypto", "rot13")


@case
def json_events(t):
    path = t.file("c")
    receiver = t.rill("receive", "--json", "--link", t.link("r"), "--credentials", "-", "--tag", "bill 7",
                      "--connections", "1")
    credentials = receiver.until("shared_secret")
    t.file("c", credentials)
    sender = t.rill("send", "--json", "--link", t.link("s"), "--credentials", path, "--amount", "12345",
                    "--data", "Grüße", "--max-packet", "1000")
    assert sender.end() == 0 and receiver.end() == 0
    [done] = sender.events()
    assert (done["event"], done["sent"], done["delivered"], done["in_doubt"]) == ("done", "12345", "12345", "0")
    assert done["packets"] >= 13 and done["rejects"] >= 0 and done["seconds"] > 0
    events = receiver.events()[1:]
    kinds = [e["event"] for e in events]
    assert kinds[:2] == ["connection", "stream"] and kinds[-2:] == ["stream_end", "connection_end"], kinds
    assert events[0]["tag"] == "bill 7"
    money = [e for e in events if e["event"] == "money"]
    assert sum(int(e["amount"]) for e in money) == 12345 and money[-1]["total"] == "12345"
    assert all(isinstance(e["amount"], str) and e["stream"] == 1 for e in money)
    data = b"".join(base64.b64decode(e["data"]) for e in events if e["event"] == "data")
    assert data.decode() == "Grüße"


def received_data(receiver):
    return b"".join(base64.b64decode(e["data"]) for e in receiver.events()[1:] if e["event"] == "data")


@case
def a_file_and_standard_input(t):
    content = os.urandom(3_000_000)
    for name in (t.file("big", content), "-"):
        receiver = t.rill("receive", "--json", "--link", t.link("r"), "--credentials", "-", "--connections", "1")
        path = t.file("c", receiver.until("shared_secret"))
        sender = t.rill("send", "--json", "--link", t.link("s"), "--credentials", path, "--file", name,
                        "--amount", "77", stdin=subprocess.PIPE)
        # Its output is read meanwhile, for it takes no more from the sender than it can print.
        reader = threading.Thread(target=receiver.end, daemon=True)
        reader.start()
        if name == "-":
            sender.process.stdin.write(content)
        sender.process.stdin.close()
        assert sender.end() == 0, sender.text
        reader.join(LIMIT)
        assert receiver.end() == 0
        assert received_data(receiver) == content
        assert sender.events()[-1]["sent"] == "77"


@case
def output_that_nobody_reads(t):
    """It delays no reply. No more is taken, nothing gets lost, and everything is printed once it is read."""
    content = os.urandom(3_000_000)
    receiver = t.rill("receive", "--json", "--link", t.link("r"), "--credentials", "-", "--connections", "1")
    path = t.file("c", receiver.until("shared_secret"))
    pipe = receiver.process.stdout
    half = fcntl.fcntl(pipe, 1031, 65536) // 2  # F_SETPIPE_SZ
    sender = t.rill("send", "--json", "--link", t.link("s"), "--credentials", path, "--file", t.file("big", content),
                    "--amount", "1000", "--max-packet", "1")
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0] < half:
        select.select([], [], [], 0.01)
    address = json.loads(receiver.lines()[0])["destination_account"]
    for _ in range(3):
        t.fails(1, r"does not answer|answers|F06", "ping", address, "--link", t.link("p"))
    reader = threading.Thread(target=receiver.end, daemon=True)
    reader.start()
    assert sender.end() == 0, sender.text
    assert sender.events()[-1]["sent"] == "1000"
    reader.join(LIMIT)
    assert receiver.end() == 0, receiver.text["err"]
    assert received_data(receiver) == content
    assert sum(int(e["amount"]) for e in receiver.events()[1:] if e["event"] == "money") == 1000


@case
def output_that_fails(t):
    """A receiver that cannot write its output takes nothing more, and tells both sides."""
    receiver = t.receive()
    receiver.process.stdout.close()
    # More than can be through before the first line cannot be written.
    sender = t.rill("send", "--json", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "1000000000",
                    "--max-packet", "1", "--data", "x", "--timeout", "50")
    assert sender.end() == 1, sender.text
    receiver.process.stdout = open(os.devnull, "rb")  # pylint: disable=consider-using-with
    assert receiver.end() == 1, receiver.text
    assert re.search("cannot write to standard output: Broken pipe", receiver.text["err"].decode()), receiver.text
    with open("/dev/full", "wb") as full:
        p = subprocess.run([RILL, "receive", "--link", t.link("r"), "--credentials", t.file("f")], stdout=full,
                           stderr=subprocess.PIPE, timeout=LIMIT, check=False, env=environment())
    assert p.returncode == 1 and b"No space left on device" in p.stderr, p


@case
def so_many_credentials_that_it_takes_long(t):
    """They can be stopped, and are not more than a disk takes."""
    path = t.file("many")
    t.fails(2, "--count.*at most 100000", "receive", "--link", t.link("r"), "--credentials", path, "--count", "100001")
    p = t.rill("receive", "--link", t.link("r"), "--credentials", path, "--count", "100000")
    p.until(r"many\.150")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text["err"]
    written = [name for name in os.listdir(t.folder) if name.startswith("many.")]
    assert 150 <= len(written) < 50000, len(written)
    p = t.rill("receive", "--link", t.link("r"), "--credentials", path, "--count", "250")
    p.until(r"many\.250")
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text["err"]


@case
def what_cannot_be_sent_is_said(t):
    receiver = t.receive("--max", "100")
    for options, sent in ((["--amount", "300"], "100"), (["--amount", "300", "--min-rate", "2"], "0")):
        p = t.rill("send", "--json", "--link", t.link("s"), "--credentials", receiver.path, "--timeout", "1.5", *options)
        assert p.end() == 1, p.text
        done = p.events()[-1]
        assert (done["event"], done["sent"], done["delivered"], done["in_doubt"]) == ("done", sent, sent, "0"), p.text
        [line] = p.errors()
        assert f"incomplete: {sent} of 300 units sent, {sent} delivered, 0 in doubt" in line, line
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.end() == 0, receiver.text


@case
def a_terminal_that_closes_stops_a_payment_cleanly(t):
    """Also where the shell says so once more. A payment under nohup goes on."""
    receiver = t.receive("--max", "100")
    p = t.rill("send", "--json", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "300")
    receiver.until("incoming payment")
    for _ in range(2):
        p.process.send_signal(signal.SIGHUP)
    assert p.end() == 1, p.text
    assert p.events()[-1]["sent"] == "100" and any("cancelled" in line for line in p.lines("err")), p.text
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        p = t.rill("send", "--json", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "300", "--timeout", "4")
    finally:
        signal.signal(signal.SIGHUP, before)
    p.until("waiting")
    receiver.until("(?s)incoming payment")
    p.process.send_signal(signal.SIGHUP)
    assert p.end() == 1 and "cancelled" not in p.text["err"].decode(), p.text
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.end() == 0


@case
def read_again_means_nothing_where_nothing_was_read(t):
    receiver = t.receive("--spsp", "127.0.0.1:0")
    receiver.until("answers SPSP")
    receiver.process.send_signal(signal.SIGHUP)
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.end() == 0, receiver.text


@case
def a_signal_stops_a_payment_cleanly(t):
    receiver = t.receive("--max", "100")
    p = t.rill("send", "--json", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "300")
    receiver.until("incoming payment")
    p.process.send_signal(signal.SIGINT)
    assert p.end() == 1, p.text
    assert p.events()[-1]["sent"] == "100" and "cancelled" in p.lines("err")[0], p.text
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.end() == 0


@case
def bad_credentials_exit_2(t):
    link = ["--link", t.link("s"), "--amount", "1"]
    t.fails(2, r"No such file", "send", "--credentials", t.file("absent"), *link)
    good = {"destination_account": "private.rill.x.y", "shared_secret": base64.b64encode(bytes(32)).decode()}
    for content, why in [("", "no credentials"), ("hello", "no credentials"), ("[]", "no credentials"),
                         ("{}", "no credentials"), (b"\x00\xff" * 9000, "no credentials"),
                         (json.dumps({**good, "shared_secret": "AAAA"}), "32 bytes"),
                         (json.dumps({**good, "shared_secret": "%" * 44}), "32 bytes"),
                         (json.dumps({**good, "destination_account": "not an address"}), "not an ILP address"),
                         (json.dumps({**good, "destination_account": 7}), "no credentials")]:
        t.fails(2, why, "send", "--credentials", t.file("c", content), *link)
    t.fails(2, r"Is a directory", "send", "--credentials", t.folder, *link)
    receiver = t.receive()
    t.fails(2, r"cannot read .*No such file", "send", "--credentials", receiver.path, "--file", t.file("absent"), *link)


@case
def a_wrong_secret_exits_1(t):
    receiver = t.receive()
    with open(receiver.path) as f:
        credentials = json.load(f)
    credentials["shared_secret"] = base64.b64encode(b"\x07" * 32).decode()
    wrong = t.file("wrong", json.dumps(credentials))
    p = t.rill("send", "--link", t.link("s"), "--credentials", wrong, "--amount", "5", "--timeout", "2")
    assert p.end() == 1, p.text
    [line] = p.errors()
    assert "0 of 5 units sent" in line and "does not accept these credentials" in line, line


@case
def a_receiver_that_is_gone_exits_1(t):
    receiver = t.receive()
    receiver.process.send_signal(signal.SIGTERM)
    assert receiver.end() == 0
    p = t.rill("send", "--link", t.link("s"), "--credentials", receiver.path, "--amount", "5", "--timeout", "2")
    assert p.end() == 1, p.text
    [line] = p.errors()
    assert "0 of 5 units sent" in line and "cannot be reached" in line, line


@case
def a_full_disk_leaves_nothing(t):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    folder = t.file("folder")
    os.mkdir(folder)
    path = os.path.join(folder, "credentials")
    receive = ["receive", "--link", t.link("r"), "--credentials", path]
    t.fails(1, r"cannot write the credentials to .*File too large", *receive, preexec_fn=no_room)
    assert os.listdir(folder) == []
    with open(path, "w") as f:
        f.write("what was there before")
    t.fails(1, r"cannot write the credentials to ", *receive, preexec_fn=no_room)
    with open(path) as f:
        assert f.read() == "what was there before"
    assert os.listdir(folder) == ["credentials"]
    receive[-1] = os.path.join(folder, "absent", "credentials")
    t.fails(1, r"cannot write the credentials to .*No such file", *receive)


@case
def too_few_files_are_named(t):
    """However few files may be open, the message says so, and blames neither the node nor the link."""
    link = t.link("few")
    told = {t.rill("info", "--link", link, preexec_fn=lambda n=n: few_files(n)): n for n in range(6, 40)}
    seen = set()
    for p, n in told.items():
        code = p.end()
        assert code in (0, 1, 3), (n, p.text)
        if code != 0:
            [line] = p.errors()
            assert re.search(r'(too many files are open|too many open files).*"ulimit -n" shows the limit, and raises it$', line), (n, line)
        seen.add(code)
    assert seen >= {0, 1}, seen
    p = t.start([RILLD, "local", "--listen", "127.0.0.1:0"], preexec_fn=lambda: few_files(8))
    assert p.end() == 1 and "cannot start: too many files are open" in p.lines("err")[-1], p.text
    p = t.start([RILLD, "local", "--listen", "127.0.0.1:0"], preexec_fn=lambda: few_files(30))
    p.until('only 30 files may be open .*: each address takes at most 1 sessions', "err")


def few_files(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@case
def secrets_are_not_shown(t):
    path = t.file("c")
    receiver = t.rill("receive", "--json", "--link", t.link("hush"), "--credentials", path)
    other = t.rill("receive", f"--link={t.link('hush2')}", "--credentials", t.file("c2"))
    other.until("wrote")
    for p in (receiver, other):
        if p is receiver:
            sender = t.receive(who="waiter")  # the node has answered others: receiver's turn has come
            sender.kill()
        with open(f"/proc/{p.process.pid}/cmdline", "rb") as f:
            assert b"token" not in f.read()
    other.process.send_signal(signal.SIGTERM)
    assert other.end() == 0
    with open(t.file("c2")) as f:
        secret = json.load(f)["shared_secret"]
    text = str(other.text)
    assert "token" not in text and secret not in text


@case
def a_lost_node_comes_back(t):
    reserved = reserved_port()
    port = reserved.getsockname()[1]
    node = Node(port)
    link = f"btp+ws://:{{}}@127.0.0.1:{port}"
    path = t.file("c")
    receiver = t.rill("receive", "--link", link.format("r"), "--credentials", path, "--connections", "2")
    receiver.until("wrote")
    pay = ["send", "--link", link.format("s"), "--credentials", path, "--amount", "10"]
    assert t.rill(*pay).end() == 0
    receiver.until("connection ended")
    node.stop()
    receiver.until("link was lost", "err")
    node = Node(port)
    receiver.until("link is back", "err")
    p = t.rill(*pay)
    assert p.end() == 0, p.text
    assert receiver.end() == 0
    node.stop()
    reserved.close()


# ---- the tutorial ----


TUTORIAL = ["server got connection", "server got a new stream: 1", "server got a new stream: 3",
            "server stream 1 got data: hello there!", "server stream 3 got data: hello there!",
            "server stream 1 got incoming payment for: 100", "sent 100 units",
            "server stream 3 got incoming payment for: 200", "sent 200 units"]


@case
def the_demo(t):
    for options in ([], ["--link", f"btp+ws://127.0.0.1:{t.node.port}"], ["--link", t.link("demo")]):
        p = t.rill("demo", *options)
        assert p.end() == 0, p.text
        lines = p.lines()
        for line in TUTORIAL:
            assert line in lines, (line, p.text)
        assert lines.index("sent 100 units") < lines.index("sent 200 units") and lines[-1] == "sent 200 units"
        assert not p.lines("err"), p.text
    p = t.rill("demo", "--json")
    assert p.end() == 0
    assert [e["amount"] for e in p.events() if e["event"] == "sent"] == ["100", "200"]


def examples(t, server, client):
    """Runs the two with the credentials in a file. Returns their lines."""
    path = t.file("credentials.json")
    if os.path.exists(path):
        os.unlink(path)
    def start(args, who):
        args = [os.path.join(EXAMPLES, args[0]), *(path if a == "FILE" else a for a in args[1:])]
        return t.start(args, env=environment(ILP_BTP_SERVER=t.link(who)))
    serving = start(server, "example-server")
    wait_until(lambda: os.path.exists(path), serving.process, lambda: serving.text)
    running = start(client, "example-client")
    assert running.end() == 0, (client, running.text, serving.text)
    assert serving.end() == 0, (server, serving.text)
    return serving.lines(), running.lines()


@case
def example_server_and_client(t):
    server, client = examples(t, ["server", "FILE"], ["client", "FILE"])
    for line in TUTORIAL:
        assert line in server + client, (line, server, client)


@case
def example_streams(t):
    server, client = examples(t, ["server", "FILE"], ["streams", "FILE"])
    assert len([line for line in server if "new stream" in line]) == 5
    assert sorted(client) == [f"stream {2 * i - 1} sent {i * 1000} units, {i * 1000} arrived" for i in range(1, 6)]


@case
def example_micropayments(t):
    server, client = examples(t, ["server", "FILE"], ["micropayments", "FILE", "2"])
    assert client[-1].endswith("20 in all"), client
    assert len([line for line in server if "incoming payment for: 10" in line]) == 2, server


@case
def example_giftcard(t):
    server, client = examples(t, ["giftcard", "serve", "FILE"], ["giftcard", "claim", "FILE"])
    assert server == ["server paid out 5000 units"]
    assert sum(int(line.split()[2]) for line in client) == 5000


@case
def example_messages(t):
    server, client = examples(t, ["messages", "serve", "FILE"], ["messages", "talk", "FILE", "hello", "how are you?"])
    assert sorted(client) == ["client got: HELLO", "client got: HOW ARE YOU?"]


@case
def example_epoll(t):
    p = t.start([os.path.join(EXAMPLES, "epoll")])
    assert p.end() == 0, p.text
    lines = p.lines()
    assert "server got data: hello over epoll" in lines and "client: all is sent" in lines, lines
    assert sum(int(line.split()[2]) for line in lines if re.match(r"server got \d+ units", line)) == 1000
    assert [line for line in lines if "ended" in line] == [f"{who}: the connection has ended: success" for who in ("server", "client")]


@case
def example_threads(t):
    orders = t.file("orders", "10\nnonsense\n20\n" + "1\n" * 100)
    path = t.file("credentials.json")
    server = t.start([os.path.join(EXAMPLES, "server"), path], env=environment(ILP_BTP_SERVER=t.link("threads-server")))
    wait_until(lambda: os.path.exists(path), server.process, lambda: server.text)
    with open(orders, "rb") as f:
        p = t.start([os.path.join(EXAMPLES, "threads"), path], stdin=f, env=environment(ILP_BTP_SERVER=t.link("threads-client")))
    assert p.end() == 0 and server.end() == 0, (p.text, server.text)
    assert p.lines() == ["paid 10 units", "paid 20 units"] + ["paid 1 units"] * 100
    assert p.lines("err") == ['threads: "nonsense" is not an amount']


@case
def examples_and_rill_share_credentials(t):
    path = t.file("c")
    server = t.start([os.path.join(EXAMPLES, "server"), path], env=environment(ILP_BTP_SERVER=t.link("r")))
    wait_until(lambda: os.path.exists(path), server.process, lambda: server.text)
    assert t.rill("send", "--link", t.link("s"), "--credentials", path, "--amount", "42").end() == 0
    assert server.end() == 0 and "server stream 1 got incoming payment for: 42" in server.lines()


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
