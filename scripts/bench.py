#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks of a build folder, prints one table, and writes build/bench.json."""

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from bench_rows import GROUPS  # noqa: E402: after the line above, which they need
from bench_world import INTEROP, ROOT, Failed, World  # noqa: E402


def settings_of(options):
    quick = options.quick
    return argparse.Namespace(
        javascript=options.javascript,
        repeats=1 if quick else 3,
        js_repeats=1 if quick else 2,
        seconds=0.5 if quick else 1.0,       # of one measurement
        slice=0.1, rounds=4 if quick else 30,  # of those that take turns with their limit
        js_seconds=2.0 if quick else 3.0,
        js_idle=100 if quick else 300,
        packets=100000 if quick else 300000,  # over the node
        bytes=10**8 if quick else 2 * 10**8,
        many=10000 if quick else 100000,
        delay_ms=50)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measures Rill beside the JavaScript packages and beside what the machine "
        "allows. Each figure is the best of three, or of thirty short ones that take turns with "
        "their limit, with the spread of all; of many against few it is the median of thirty "
        "turns. Loopback only.")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true",
                        help="within a minute: once each, shorter, 10,000 for 100,000")
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(GROUPS),
                        help="some of them: " + ", ".join(GROUPS))
    parser.add_argument("--no-javascript", dest="javascript", action="store_false",
                        help="leave the JavaScript packages out")
    parser.add_argument("--json", metavar="FILE", default=os.path.join(ROOT, "build/bench.json"),
                        help="where the figures go (build/bench.json)")
    return parser.parse_args(arguments)


def install_javascript():
    """False, with a line that says why, if the packages are not available."""
    try:
        for folder in INTEROP, os.path.join(ROOT, "bindings/node/test"):
            subprocess.run([os.path.join(folder, "install")], check=True, timeout=300,
                           stdout=sys.stderr)
        return True
    except (subprocess.SubprocessError, OSError):
        print("bench: the JavaScript packages are not there: their figures are left out",
              file=sys.stderr)
        return False


def install_python():
    """False, with a line that says why, if the package of bindings/python cannot be built."""
    try:
        subprocess.run([os.path.join(ROOT, "bindings/python/tests/install")], check=True,
                       timeout=600, stdout=sys.stderr)
        return True
    except (subprocess.SubprocessError, OSError):
        print("bench: bindings/python cannot be built: its figures are left out", file=sys.stderr)
        return False


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False,
                              cwd=ROOT)
        return done.stdout.strip()
    except (subprocess.SubprocessError, OSError):
        return ""


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "openssl": output_of("pkg-config", "--modversion", "libcrypto"),
        "libuv": output_of("pkg-config", "--modversion", "libuv"),
        "compiler": output_of("cc", "--version").partition("\n")[0],
        "node": output_of("node", "--version"),
        "commit": output_of("git", "describe", "--always", "--dirty"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def verdict(row):
    if row.need is None:
        return ""
    if row.figure("rill") is None:
        return "not measured"
    return "reached" if row.need(row) else "not reached"


def spread(values):
    """Of the repeats, in percent of the best."""
    if len(values) < 2 or max(values) == 0:
        return None
    return 100 * (max(values) - min(values)) / max(values)


def as_json(row):
    return {
        "name": row.key, "work": row.work, "unit": row.unit,
        "better": "less" if row.less else "more",
        **{who: {"figure": row.figure(who), "all": values, "spread_percent": spread(values)}
           for who, values in row.samples.items()},
        "rill_to_javascript": row.ratio("js"), "rill_to_limit": row.ratio("limit"),
        "rill_to_limit_all": row.ratios,
        "required": row.required, "verdict": verdict(row), "notes": row.notes,
    }


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def cells(row):
    percent = spread(row.samples["rill"])
    to_js, to_limit = row.ratio("js"), row.ratio("limit")
    return [row.work, row.unit, number(row.figure("rill")),
            "-" if percent is None else f"{percent:.0f} %",
            number(row.figure("js")), number(row.figure("limit")),
            "-" if to_js is None else f"{number(to_js)} x",
            "-" if to_limit is None else f"{100 * to_limit:.0f} %",
            row.required or "-", verdict(row)]


HEADS = ["work", "unit", "Rill", "spread", "JavaScript", "limit", "to JS", "to limit",
         "must reach", ""]


def print_table(rows):
    """A table that Markdown reads too."""
    table = [HEADS] + [cells(row) for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADS))]
    left = (0, 1, 8, 9)
    for number_of_line, line in enumerate(table):
        print("| " + " | ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))) + " |")
        if number_of_line == 0:
            print("|" + "|".join(
                "-" * (width + 2) if i in left else "-" * (width + 1) + ":"
                for i, width in enumerate(widths)) + "|")
    for row in rows:
        for note in row.notes:
            print(f"- {row.key}: {note}")


def busy_seconds():
    """Processor seconds of the whole machine, and of the processes that this program has started."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, irq, softirq = map(int, file.readline().split()[1:8])
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return ((user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"),
            ours.ru_utime + ours.ru_stime + mine.ru_utime + mine.ru_stime)


def measure(options):
    """(rows, what failed)"""
    rows, failed = [], []
    world = World(options.build, settings_of(options))
    try:
        for name, group in GROUPS.items():
            if options.only and name not in options.only:
                continue
            started = time.monotonic()
            try:
                rows += group(world)
            except Failed as error:
                failed.append(f"{name}: {error}")
            world.stop_all()
            print(f"bench: {name} took {time.monotonic() - started:.0f} s", file=sys.stderr)
    finally:
        world.close()
    return rows, failed


def main():
    options = parse(sys.argv[1:])
    options.javascript = options.javascript and install_javascript()
    if not options.only or "python_package" in options.only:
        install_python()
    facts = machine()
    started, (all_before, own_before) = time.monotonic(), busy_seconds()
    rows, failed = measure(options)
    all_after, own_after = busy_seconds()
    facts["seconds"] = round(time.monotonic() - started)
    others = all_after - all_before - (own_after - own_before)
    facts["others_percent"] = round(
        max(0.0, 100 * others / (time.monotonic() - started) / facts["cores"]), 1)
    print(f"{facts['date']}, {facts['cores']} x {facts['cpu']}, {facts['system']}, "
          f"OpenSSL {facts['openssl']}, node {facts['node']}, commit {facts['commit']}, "
          f"{facts['seconds']} s; other programs took {facts['others_percent']} % of the machine")
    print_table(rows)
    for line in failed:
        print(f"- failed: {line}")
    os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"machine": facts, "quick": options.quick, "failed": failed,
                   "rows": [as_json(row) for row in rows]}, file, indent=2)
        file.write("\n")
    print(f"written: {os.path.relpath(options.json)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
