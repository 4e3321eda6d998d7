#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev test: runs every stage, two at a time, and counts every test in them.

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

children = set()
children_lock = threading.Lock()


class Failed(Exception):
    """A stage that cannot go on; its text is the log to show."""


def run(command, env=None, timeout=STAGE_SECONDS):
    """Runs a command in a process group of its own; returns (status, output)."""
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    with children_lock:
        children.add(child)
    try:
        output = child.communicate(timeout=timeout)[0]
        status = child.returncode
    except subprocess.TimeoutExpired:
        end_group(child)
        output = child.communicate()[0] + b"\ntook too long\n"
        status = 124
    with children_lock:
        children.discard(child)
    return status, output.decode("utf-8", "replace")


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
        return count, output if count.failures else ""
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
WAITING = ["--num-processes", str((os.cpu_count() or 1) + 1)]
PREFIX = f"{ROOT}/build/installed"
GCC_BUILD = ("build, gcc", build(GCC, ["--buildtype=debugoptimized", f"--prefix={PREFIX}"],
                                 {"CC": "gcc"}), None)


def quick_stages():
    return [GCC_BUILD, ("unit, golden", meson_tests(GCC, ["unit", "golden"]), GCC_BUILD[0])]


def gcc_stages():
    return [
        GCC_BUILD,
        ("tests, gcc", meson_tests(GCC), "build, gcc"),
        ("end to end, gcc", meson_tests(GCC, ["e2e"], WAITING), "build, gcc"),
        ("interop", tap_program("interop", ["node", "tests/interop/run.js"], INTEROP_ENV,
                                before=["tests/interop/install"]), "build, gcc"),
        ("browser", tap_program("browser", ["python3", "tests/e2e/browser.py", f"{ROOT}/{GCC}/src/cli",
                                            f"{ROOT}/{GCC}/examples"]), "build, gcc"),
        ("page", tap_program("page", ["python3", "tests/e2e/page.py", f"{ROOT}/{GCC}/src/cli",
                                      f"{ROOT}/{GCC}/examples"]), "build, gcc"),
        ("openapi", tap_program("openapi", ["build/openapi/bin/python", "tests/openapi/run.py",
                                            f"{ROOT}/{GCC}/src/cli", f"{ROOT}/{GCC}/examples"],
                                before=["tests/openapi/install"]), "build, gcc"),
        ("schema", tap_program("schema", ["build/openapi/bin/python", "tests/openapi/schema.py",
                                          f"{ROOT}/{GCC}/src/cli", "examples/connector"]), "openapi"),
        ("node package", tap_program("node package", ["node", "bindings/node/test/run.js"],
                                     INTEROP_ENV, before=["bindings/node/test/install"]),
         "build, gcc"),
        ("node tarball", tap_program("node tarball", ["node", "bindings/node/test/tarball.js"],
                                     INTEROP_ENV, before=["bindings/node/test/install"]),
         "node package"),
        ("python package", tap_program("python package",
                                       ["build/python/bin/python", "bindings/python/tests/run.py"],
                                       INTEROP_ENV, before=["bindings/python/tests/install"]),
         "interop"),
        ("valgrind", meson_tests(GCC, ["unit"], ["--wrap", VALGRIND, "--timeout-multiplier", "20"]),
         "tests, gcc"),
    ]


def other_compiler_stages():
    # With less optimisation they compile in half the time, and their reports name more lines.
    asan_options = ["--buildtype=debugoptimized", "-Doptimization=1",
                    "-Db_sanitize=address,undefined"]
    return [
        ("build, sanitizers", build(ASAN, asan_options, {"CC": "gcc"}), None),
        ("build, clang", build(CLANG, ["--buildtype=debugoptimized", "-Dipsec_mb=disabled"],
                               {"CC": "clang"}), None),
        ("tests, sanitizers",
         meson_tests(ASAN, env=SANITIZER_ENV, options=["--timeout-multiplier", "4"]),
         "build, sanitizers"),
        ("end to end, sanitizers",
         meson_tests(ASAN, ["e2e"], ["--timeout-multiplier", "4", *WAITING], SANITIZER_ENV),
         "build, sanitizers"),
        ("interop, sanitizers",
         tap_program("interop, sanitizers", ["node", "tests/interop/run.js"],
                     {**SANITIZER_ENV, "RILL_BIN": f"{ROOT}/{ASAN}/src/cli",
                      "RILL_EXAMPLES": f"{ROOT}/{ASAN}/examples"},
                     before=["tests/interop/install"]),
         "end to end, sanitizers"),
        ("node package, sanitizers",
         tap_program("node package, sanitizers", ["bindings/node/test/sanitized"], INTEROP_ENV,
                     before=["bindings/node/test/install"]), "node package"),
        ("tests, clang", meson_tests(CLANG, ["unit", "golden"]), "build, clang"),
    ]


def release_stages():
    """As ./dev demo and an installation build. Optimised as a whole gcc sees more, and warns of
    more; and what only optimised code does wrong is seen by no other stage."""
    return [
        ("build, release", build(RELEASE, ["--buildtype=release"], {"CC": "gcc"}), None),
        ("tests, release", meson_tests(RELEASE, ["unit", "golden"]), "build, release"),
    ]


def check_stages():
    return [
        ("core makes no system call", check(["scripts/check_core_symbols.sh", GCC]), "build, gcc"),
        ("exported symbols", check(["scripts/check_exports.sh", GCC]), "build, gcc"),
        ("includes point downward", check(["python3", "scripts/check_layers.py"]), None),
        ("public headers", check(["python3", "scripts/check_headers.py"]), None),
        ("no circle of files", check(["python3", "scripts/check_circles.py"]), None),
        ("sizes of files and functions", check(["python3", "scripts/check_sizes.py"]), None),
        ("mutants apply", check(["python3", "scripts/mutants.py", "--check"]), None),
        ("format", check(["scripts/format.sh", "--dry-run", "-Werror"]), None),
        ("installation", tap_program("installation", ["tests/install/run", GCC, PREFIX]), "build, gcc"),
        ("API that lasts", tap_program("API that lasts", ["tests/abi/run", GCC]), "build, gcc"),
        ("other languages", tap_program("other languages", ["tests/languages/run", GCC]),
         "build, gcc"),
        ("man pages", check(["scripts/check_man.sh"]), None),
        ("documents", check(["python3", "scripts/check_docs.py"]), None),
    ]


# ---- running them ----

def run_stage(name, stage, start):
    begin = time.monotonic()
    try:
        count, log = stage()
    except Failed as failure:
        count, log = tap.Count(0, [name]), str(failure)
    except Exception as failure:  # a fault of this program is a failure, not an end
        count, log = tap.Count(0, [name]), f"{type(failure).__name__}: {failure}"
    now = time.monotonic()
    report(name, count, log, now - begin, now - start)
    return count


def tail(text):
    lines = text.splitlines()
    if len(lines) > LOG_LINES:
        lines = [f"... {len(lines) - LOG_LINES} lines before", *lines[-LOG_LINES:]]
    return "\n".join(lines)


def report(name, count, log, seconds, total):
    text = (f"{name:30} {count.passed:6} passed {len(count.failures):4} failed "
            f"{seconds:7.1f} s   (at {total:.0f} s)\n")
    text += "".join(f"  KNOWN {known}\n" for known in count.known)
    if count.failures:
        text += "".join(f"  FAILED {failure}\n" for failure in count.failures[:50])
        text += "".join(f"  | {line}\n" for line in tail(log).splitlines())
    sys.stdout.write(text)
    sys.stdout.flush()


def run_all(stages):
    """Starts each stage once what it needs is done and one of two places is free."""
    start = time.monotonic()
    total = tap.Count()
    counts = {}
    waiting = list(stages)
    running = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        while waiting or running:
            start_ready(pool, waiting, running, counts, start)
            done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in done:
                name = running.pop(future)
                counts[name] = future.result()
                total.add(counts[name])
                total.add(give_up(waiting, name, counts))
    return total


def start_ready(pool, waiting, running, counts, start):
    for stage in list(waiting):
        name, function, needs = stage
        if len(running) < 2 and (needs is None or needs in counts):
            waiting.remove(stage)
            running[pool.submit(run_stage, name, function, start)] = name


def give_up(waiting, name, counts):
    """What needs a build that failed cannot run: each such stage counts as a failure."""
    lost = tap.Count()
    if counts[name].failures and name.startswith("build"):
        for stage in [stage for stage in waiting if stage[2] == name]:
            waiting.remove(stage)
            counts[stage[0]] = tap.Count(0, [stage[0]])
            lost.add(counts[stage[0]])
            report(stage[0], counts[stage[0]], f"not run: {name} failed", 0, 0)
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
        stages = gcc_stages() + other_compiler_stages() + release_stages() + check_stages()
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    total = run_all(stages)
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
