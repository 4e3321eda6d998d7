#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the platform tag of a wheel: manylinux_2_X_PROCESSOR, with the oldest glibc that has what
its module asks for (PEP 600), or musllinux_1_2_PROCESSOR (PEP 656). It fails if the module needs
another library than those of libc.

usage: platform_tag.py MODULE [PROCESSOR], which is this machine's by default
"""

import platform
import re
import subprocess
import sys

LIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"}
MUSL = {"libc.so"}


def main() -> int:
    said = subprocess.run(
        ["readelf", "-dVW", sys.argv[1]], capture_output=True, text=True, check=True
    ).stdout
    machine = sys.argv[2] if len(sys.argv) > 2 else platform.machine()
    needed = set(re.findall(r"\(NEEDED\)[^[]*\[(.+?)\]", said))
    if needed == MUSL:
        print(f"musllinux_1_2_{machine}")
        return 0
    others = {name for name in needed if name not in LIBC and not name.startswith("ld-linux")}
    if others:
        print(f"platform_tag: {sys.argv[1]} needs {', '.join(sorted(others))}", file=sys.stderr)
        return 1
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_(2\.\d+)", said)]
    if not versions:
        print(f"platform_tag: {sys.argv[1]} is not linked with glibc", file=sys.stderr)
        return 1
    major, minor = max(max(versions), (2, 17))
    print(f"manylinux_{major}_{minor}_{machine}")
    return 0


sys.exit(main())
