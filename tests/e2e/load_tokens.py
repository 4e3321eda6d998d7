#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Distinct bogus tokens, in both senses: of BTP accounts, and of STREAM connections.

usage: load_tokens.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES HAMMER [TEST...]

Prints TAP; what was counted and measured follows each line.
"""

import sys

from btp import Client
from siege import Memory, Siege, run_tests, scaled


def wrong_tokens_of_an_account():
    """Guesses at the token of an existing account."""
    count = scaled(6000, 1000000, 1000)
    with Siege() as s:
        receiver = s.receiver()
        owner = Client(s.port, "owner", "the-owner's-token")
        memory = Memory(s.node.process)
        done, text = s.during(receiver, s.attack("tokens", count, name="owner", seed=1))
        assert done["accepted"] == 0, "a guess was accepted"
        assert done["refused"] >= count * 0.99 and done["refused"] + done["closed"] + done["failed"] == count, done
        assert Client(s.port, "owner", "the-owner's-token").accepted
        owner.close()
        rate = done["refused"] / max(done["ms"], 1) * 1000
        return f"{done['refused']} guesses refused, {rate:.0f} a second; node {memory.check(32)}; {text}"


def accounts_without_end():
    """Clients that each make an account by their own token, twice as many as the node keeps."""
    count = scaled(6000, 200000, 1000)
    kept = count // 2
    with Siege("--max-accounts", str(kept)) as s:
        receiver = s.receiver()
        memory = Memory(s.node.process)
        # Few at a time: those whose end the node has not read yet are kept, too.
        done, text = s.during(receiver, s.attack("tokens", count, parallel=kept // 8, seed=2))
        assert done["accepted"] >= count * 0.99, done
        # Whoever was there is still known, with his token and no other.
        receiver.pay()
        grown = memory.check(32 + kept * 600 / 2**20)
        return f"{done['accepted']} accounts, of which {kept} may be kept; node {grown}; {text}"


def stream_tokens_that_nobody_made():
    """Packets to a receiver with different tokens, of which it keeps nothing."""
    count = scaled(60000, 1000000, 6000)
    with Siege() as s:
        receiver = s.receiver()
        receiver.pay()
        memory = Memory(s.node.process, receiver.process)
        hammer = s.attack("stream", count, parallel=4, address=receiver.address, seed=3)
        done, text = s.during(receiver, hammer)
        assert done["answered"] == count and done["fulfilled"] == 0, done
        assert done["F06"] + done["T"] == count and done["F06"] >= count * 0.5, done
        rate = done["answered"] / max(done["ms"], 1) * 1000
        return (f"{count} packets at {rate:.0f} a second, {done['F06']} refused by the receiver, {done['T']} by the "
                f"node; node, receiver {memory.check(32, 16)}; {text}")


if __name__ == "__main__":
    sys.exit(run_tests([[wrong_tokens_of_an_account], [accounts_without_end], [stream_tokens_that_nobody_made]]))
