#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev test: runs every stage, three at a time, and counts every test in them.

A stage either keeps the processors busy (COMPUTES), or mostly waits for processes and clocks
(WAITS). One that computes and two that wait run beside each other; those that compute have a lower
priority, so that the tests which wait find the processor free when they need it.

What is installed is ./dev's concern. The last line is "N passed, N failed".
"""

import concurrent.futures
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import time

import tap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GCC = "build/test-gcc"
ASAN = "build/test-asan"
CLANG = "build/test-clang"
RELEASE = "build/test-release"
CLANG_FUZZ = "build/test-fuzz"
STAGE_SECONDS = 1200
LOG_LINES = 200
COMPUTES, WAITS = "computes", "waits"
PLACES = {COMPUTES: 1, WAITS: 2}

children = set()
children_lock = threading.Lock()
this_stage = threading.local()  # prefix of its commands; processor: seconds of it that they used


class Failed(Exception):
    """A stage that cannot go on; its text is the log to show."""


def run(command, env=None, timeout=STAGE_SECONDS):
    """Runs a command in a process group of its own; returns (status, output)."""
    # A group, not a session: the kernel compares priorities within a session only.
    child = subprocess.Popen([*this_stage.prefix, *command], cwd=ROOT,
                             env={**os.environ, **(env or {})},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, process_group=0)
    with children_lock:
        children.add(child)
    late = threading.Event()
    clock = threading.Timer(timeout, lambda: (late.set(), end_group(child)))
    clock.start()
    output = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    clock.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    with children_lock:
        children.discard(child)
    this_stage.processor += usage.ru_utime + usage.ru_stime
    if late.is_set():
        return 124, output.decode("utf-8", "replace") + "\ntook too long\n"
    return child.returncode, output.decode("utf-8", "replace")


def end_group(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_or_fail(command, env=None):
    status, output = run(command, env)
    if status != 0:
        raise Failed(f"$ {' '.join(command)}\n{output}\nstatus {status}")
    return output


# ---- kinds of stages: each returns (Count, log) ----

def build(folder, options, env=None):
    def stage():
        if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
            run_or_fail(["meson", "setup", folder, "-Dtests=true", "-Dwerror=true", *options], env)
        status, output = run(["ninja", "-C", folder])
        if status != 0:
            raise Failed("\n".join(line for line in output.splitlines() if line[:1] != "["))
        return tap.Count(), ""
    return stage


def meson_tests(folder, suites=(), options=(), env=None):
    """Runs the tests of a build folder; counts the TAP lines of each."""
    def stage():
        name = "-".join(["stage", *suites, "wrapped" if "--wrap" in options else "plain"])
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--logbase", name, *options]
        for suite in suites:
            command += ["--suite", suite]
        if not suites:
            command += ["--no-suite", "e2e"]  # a stage of its own
        logs = f"{ROOT}/{folder}/meson-logs/{name}*.json"
        for old in glob.glob(logs):
            os.remove(old)
        status, output = run(command, env)
        count, log = read_meson_logs(glob.glob(logs))
        if count.passed == 0 and not count.failures:
            count.failures.append("no test was found")
        if status != 0 and not count.failures:
            count.failures.append(f"meson test ended with status {status}")
        return count, log or (output if count.failures else "")
    return stage


def read_meson_logs(paths):
    count = tap.Count()
    log = []
    for path in paths:
        for line in open(path, encoding="utf-8").read().splitlines():
            test = json.loads(line)
            one = count_meson_test(test)
            if one.failures:
                log += [f"--- {test['name']}: {test['result']}",
                        tail(test["stdout"]), tail(test.get("stderr", ""))]
            count.add(one)
    return count, "\n".join(log)


def count_meson_test(test):
    good = test["result"] == "OK"
    name = test["name"]
    if "1.." in test["stdout"]:
        one = tap.parse(test["stdout"], name)
    else:
        one = tap.Count(1 if good else 0)
    if not good and not one.failures:
        one.failures.append(f"{name}: {test['result']}")
    return one


def tap_program(name, command, env=None, before=None):
    """One program that prints TAP; `before` is a command that it needs to have run."""
    def stage():
        if before:
            run_or_fail(before)
        status, output = run(command, env)
        count = tap.of_program(output, name, status)
        return count, tap.without_passed(output) if count.failures else ""
    return stage


def check(command):
    """A command that is one test: it fails by its exit status."""
    def stage():
        run_or_fail(command)
        return tap.Count(1), ""
    return stage


# ---- which stages there are ----

INTEROP_ENV = {"RILL_BIN": f"{ROOT}/{GCC}/src/cli", "RILL_EXAMPLES": f"{ROOT}/{GCC}/examples"}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:detect_leaks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
VALGRIND = ("valgrind --quiet --error-exitcode=9 --leak-check=full "
            "--errors-for-leak-kinds=definite,indirect")
# Tests with processes wait for seven eighths of their time: one more of them at once.
MORE_AT_ONCE = ["--num-processes", str((os.cpu_count() or 1) + 1)]
PREFIX = f"{ROOT}/build/installed"
GCC_BUILD = ("build, gcc", COMPUTES,
             build(GCC, ["--buildtype=debugoptimized", f"--prefix={PREFIX}"], {"CC": "gcc"}), None)
# With less optimisation they compile in half the time, and their reports name more lines.
ASAN_BUILD = ("build, sanitizers", COMPUTES,
              build(ASAN, ["--buildtype=debugoptimized", "-Doptimization=1",
                           "-Db_sanitize=address,undefined"], {"CC": "gcc"}), None)
CLANG_BUILD = ("build, clang", COMPUTES,
               build(CLANG, ["--buildtype=debugoptimized", "-Doptimization=1",
                             "-Dipsec_mb=disabled"], {"CC": "clang"}), None)
# As ./dev demo and an installation build. Optimised as a whole gcc sees more, and warns of more;
# and what only optimised code does wrong is seen by no other stage.
RELEASE_BUILD = ("build, release", COMPUTES,
                 build(RELEASE, ["--buildtype=release"], {"CC": "gcc"}), None)


def quick_stages():
    return [GCC_BUILD,
            ("unit, golden", COMPUTES, meson_tests(GCC, ["unit", "golden"]), GCC_BUILD[0])]


def computing_stages():
    """In the order in which they start: first what others need, and what takes longest."""
    return [
        GCC_BUILD,
        ASAN_BUILD,
        ("tests, gcc", COMPUTES, meson_tests(GCC), "build, gcc"),
        ("tests, sanitizers", COMPUTES,
         meson_tests(ASAN, env=SANITIZER_ENV, options=["--timeout-multiplier", "4"]),
         "build, sanitizers"),
        CLANG_BUILD,
        ("tests, clang", COMPUTES, meson_tests(CLANG, ["unit", "golden"]), "build, clang"),
        RELEASE_BUILD,
        ("tests, release", COMPUTES, meson_tests(RELEASE, ["unit", "golden"]), "build, release"),
        ("valgrind", COMPUTES,
         meson_tests(GCC, ["unit"], ["--wrap", VALGRIND, "--timeout-multiplier", "20"],
                     {"RILL_TEST_SHARE": "10"}), "build, gcc"),
    ]


def waiting_stages():
    """In the order in which they start."""
    installed_for_node = ["bindings/node/test/install"]
    return [
        ("end to end, gcc", WAITS, meson_tests(GCC, ["e2e"], MORE_AT_ONCE), "build, gcc"),
        ("interop", WAITS,
         tap_program("interop", ["node", "tests/interop/run.js"], INTEROP_ENV,
                     before=["tests/interop/install"]), "build, gcc"),
        ("end to end, sanitizers", WAITS,
         meson_tests(ASAN, ["e2e"], ["--timeout-multiplier", "4", *MORE_AT_ONCE], SANITIZER_ENV),
         "build, sanitizers"),
        ("node package", WAITS,
         tap_program("node package", ["node", "bindings/node/test/run.js"], INTEROP_ENV,
                     before=installed_for_node), "build, gcc"),
        ("node package, sanitizers", WAITS,
         tap_program("node package, sanitizers", ["bindings/node/test/sanitized"], INTEROP_ENV,
                     before=installed_for_node), "node package"),
        ("python package", WAITS,
         tap_program("python package",
                     ["build/python/bin/python", "bindings/python/tests/run.py"], INTEROP_ENV,
                     before=["bindings/python/tests/install"]), "interop"),
        ("interop, sanitizers", WAITS,
         tap_program("interop, sanitizers", ["node", "tests/interop/run.js"],
                     {**SANITIZER_ENV, "RILL_BIN": f"{ROOT}/{ASAN}/src/cli",
                      "RILL_EXAMPLES": f"{ROOT}/{ASAN}/examples"},
                     before=["tests/interop/install"]), "end to end, sanitizers"),
        ("page", WAITS,
         tap_program("page", ["python3", "tests/e2e/page.py", f"{ROOT}/{GCC}/src/cli",
                              f"{ROOT}/{GCC}/examples"]), "build, gcc"),
        ("browser", WAITS,
         tap_program("browser", ["python3", "tests/e2e/browser.py", f"{ROOT}/{GCC}/src/cli",
                                 f"{ROOT}/{GCC}/examples"]), "build, gcc"),
        ("openapi", WAITS,
         tap_program("openapi", ["build/openapi/bin/python", "tests/openapi/run.py",
                                 f"{ROOT}/{GCC}/src/cli", f"{ROOT}/{GCC}/examples"],
                     before=["tests/openapi/install"]), "build, gcc"),
        ("schema", WAITS,
         tap_program("schema", ["build/openapi/bin/python", "tests/openapi/schema.py",
                                f"{ROOT}/{GCC}/src/cli", "examples/connector"]), "openapi"),
        ("node tarball", WAITS,
         tap_program("node tarball", ["node", "bindings/node/test/tarball.js"], INTEROP_ENV,
                     before=installed_for_node), "node package"),
        ("installation", WAITS,
         tap_program("installation", ["tests/install/run", GCC, PREFIX]), "build, gcc"),
        ("API that lasts", WAITS, tap_program("API that lasts", ["tests/abi/run", GCC]),
         "build, gcc"),
        ("other languages", WAITS, tap_program("other languages", ["tests/languages/run", GCC]),
         "build, gcc"),
    ]


def check_stages():
    return [(name, COMPUTES, check(command), needs) for name, command, needs in [
        ("core makes no system call", ["scripts/check_core_symbols.sh", GCC], "build, gcc"),
        ("exported symbols", ["scripts/check_exports.sh", GCC], "build, gcc"),
        ("includes point downward", ["python3", "scripts/check_layers.py"], None),
        ("public headers", ["python3", "scripts/check_headers.py"], None),
        ("no circle of files", ["python3", "scripts/check_circles.py"], None),
        ("sizes of files and functions", ["python3", "scripts/check_sizes.py"], None),
        ("mutants apply", ["python3", "scripts/mutants.py", "--check"], None),
        ("format", ["scripts/format.sh", "--dry-run", "-Werror"], None),
        ("man pages", ["scripts/check_man.sh"], None),
        ("documents", ["python3", "scripts/check_docs.py"], None),
    ]]


# ---- running them ----

def run_stage(name, kind, stage, start):
    begin = time.monotonic()
    this_stage.prefix = ["nice", "-n", "5"] if kind == COMPUTES else []
    this_stage.processor = 0
    try:
        count, log = stage()
    except Failed as failure:
        count, log = tap.Count(0, [name]), str(failure)
    except Exception as failure:  # a fault of this program is a failure, not an end
        count, log = tap.Count(0, [name]), f"{type(failure).__name__}: {failure}"
    now = time.monotonic()
    report(name, count, log, (now - begin, this_stage.processor, now - start))
    return count


def tail(text):
    lines = text.splitlines()
    if len(lines) > LOG_LINES:
        lines = [f"... {len(lines) - LOG_LINES} lines before", *lines[-LOG_LINES:]]
    return "\n".join(lines)


def failed_lines(count):
    return "".join(f"  FAILED {failure}\n" for failure in count.failures[:50])


def report(name, count, log, times):
    seconds, processor, total = times
    text = (f"{name:30} {count.passed:6} passed {len(count.failures):4} failed "
            f"{seconds:7.1f} s   ({processor:.0f} s of processor, at {total:.0f} s)\n")
    text += "".join(f"  KNOWN {known}\n" for known in count.known)
    if count.failures:
        text += failed_lines(count)
        text += "".join(f"  | {line}\n" for line in tail(log).splitlines())
    sys.stdout.write(text)
    sys.stdout.flush()


def run_all(stages):
    """Starts each stage once what it needs is done and a place of its kind is free."""
    start = time.monotonic()
    total = tap.Count()
    counts = {}
    waiting = list(stages)
    running = {}
    with concurrent.futures.ThreadPoolExecutor(sum(PLACES.values())) as pool:
        while waiting or running:
            start_ready(pool, waiting, running, counts, start)
            done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in done:
                name, _ = running.pop(future)
                counts[name] = future.result()
                total.add(counts[name])
                total.add(give_up(waiting, name, counts))
    return total


def start_ready(pool, waiting, running, counts, start):
    for stage in list(waiting):
        name, kind, function, needs = stage
        beside = sum(other == kind for _, other in running.values())
        if beside < PLACES[kind] and (needs is None or needs in counts):
            waiting.remove(stage)
            running[pool.submit(run_stage, name, kind, function, start)] = (name, kind)


def give_up(waiting, name, counts):
    """What needs a build that failed cannot run: each such stage counts as a failure."""
    lost = tap.Count()
    if counts[name].failures and name.startswith("build"):
        for stage in [stage for stage in waiting if stage[3] == name]:
            waiting.remove(stage)
            counts[stage[0]] = tap.Count(0, [stage[0]])
            lost.add(counts[stage[0]])
            report(stage[0], counts[stage[0]], f"not run: {name} failed", (0, 0, 0))
            lost.add(give_up(waiting, stage[0], counts))
    return lost


def interrupt(signum, _frame):
    with children_lock:
        for child in children:
            end_group(child)
    os._exit(128 + signum)


def main():
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if sys.argv[1:] == ["--quick"]:
        stages = quick_stages()
    else:
        stages = check_stages() + computing_stages() + waiting_stages()
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    total = run_all(stages)
    # Once more, at the end: a log is often cut, and what is left is its end.
    print(f"{failed_lines(total)}{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
