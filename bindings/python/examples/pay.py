#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pays an amount, and waits until it has arrived.

usage: pay.py CREDENTIALS AMOUNT
"""

import sys

import rill


def main() -> int:
    try:
        payment = rill.pay(sys.argv[1], int(sys.argv[2]), timeout=60)
    except rill.RillError as error:
        print(f"pay: {error}", file=sys.stderr)
        return 1
    print(f"sent {payment.sent} units, the receiver got {payment.delivered}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
