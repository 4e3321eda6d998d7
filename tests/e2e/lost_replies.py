#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replies that are lost with a link, and senders that wait until they know what became of the money.

usage: lost_replies.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES HAMMER [TEST...]

Prints TAP. A packet that expired without a reply is in doubt until the receiver has told how much
it has (half a minute: all rounds run at the same time). Then the payment goes on, and what arrived
is not paid again: to the unit, by the books of the proxies.
"""

import sys

from faults import AMOUNT, Payment, rounds
from siege import QuietNode, Siege, lost, run_tests


def settled(payment, receiver):
    """Everything that was paid, and how many units the receiver has without a fulfillment at its own node."""
    done = payment.end()
    gone = lost(payment.proxy, receiver.proxy)
    text = f"{done}, fulfilled {payment.fulfilled()}, of these {gone} lost by the receiver: {payment.err}"
    assert payment.process.returncode == 0, text
    assert done["sent"] == str(AMOUNT) and done["in_doubt"] == "0", text
    assert AMOUNT <= payment.fulfilled() <= AMOUNT + gone, text
    assert receiver.proxy.down.twice == receiver.proxy.down.wrong == 0, text
    return gone


def sender_cut(rng):
    with Siege() as s:
        receiver = s.receiver()
        payment = Payment(s, receiver)
        payment.strike(rng, payment.proxy, payment.proxy.up, payment.proxy.cut)
        gone = settled(payment, receiver)
        assert gone == 0, gone
        # What the sender's link brought is less: the rest it was told by the receiver.
        return (AMOUNT - payment.proxy.books()[0],)


def links_of_senders():
    count, (told,) = rounds(sender_cut, 4, 40, 2)
    assert told > 0, "no reply was lost"
    return f"{count} payments of {AMOUNT} units, complete to the unit; {told} units known from the receiver alone"


def node_killed(rng):
    with Siege() as s:
        receiver = s.receiver()
        payment = Payment(s, receiver)
        payment.strike(rng, receiver.proxy, receiver.proxy.down, s.node.process.kill)
        payment.wait_struck()
        s.node.kill()
        s.node = QuietNode(port=s.port)
        return (settled(payment, receiver),)


def nodes_killed():
    count, (gone,) = rounds(node_killed, 4, 40, 2)
    return f"{count} payments of {AMOUNT} units, complete; {gone} units more were lost with the receivers' links"


if __name__ == "__main__":
    sys.exit(run_tests([[links_of_senders, nodes_killed]]))
