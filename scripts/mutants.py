#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev mutants: breaks the code on purpose, and says which tests notice.

Each mutant of tests/mutants/*.toml is put into a private copy of the tree, built, and given to
the unit, golden and property tests (those where something fails on purpose are a suite of their
own), to the inputs that the fuzzers have found, and to the simulator, each on its own. What nothing notices is
tried once more in a copy built with the sanitizers. What nothing notices there needs an
explanation in the table; without one the exit status is 1. With --first a mutant is done with as
soon as anything notices: a few programs are built and run at a time, the likely ones first, so
that all of the table takes minutes and not hours. It then says of each mutant one test that
notices, and not how many do. With --random the mutants are made up
from a seed instead, and the kill rate is reported.

Before any test is run each mutant is given to the compiler, which looks at its syntax alone.
--compiles does that and no more.
"""

import argparse
import collections
import concurrent.futures
import glob
import hashlib
import json
import os
import queue
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "tests", "mutants")
SUITES = ("unit", "failures", "golden", "property", "fuzz")  # fuzz: its inputs that are kept
COLUMNS = (*SUITES, "sim")
# What is quickly compiled and linked: that is most of the time. Without debug information a
# program that does not contain the mutant is the same as before, and need not be run.
SETUP = ["-Dtests=true", "-Doptimization=1", "-Ddebug=false", "-Dwerror=false"]
SANITIZED = ["-Db_sanitize=address,undefined"]
if shutil.which("ld.gold"):
    SETUP.append("-Dc_link_args=-fuse-ld=gold")
ENV = {
    "CC": "gcc",
    # A mutant may ask for memory without end.
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:hard_rss_limit_mb=2048",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
BUILD_SECONDS = 900
TEST_SECONDS = 45
SIM_SECONDS = 60
SCENARIO_SEEDS = 3
HUNG = "took too long"

children = set()
children_lock = threading.Lock()


class Broken(Exception):
    """The fault is in the table, the copy or the machine, and not in a mutant."""


def run(command, timeout, env=None, folder=ROOT):
    """(status, output). The status is None if it took too long."""
    with children_lock:
        child = subprocess.Popen(["nice", "-n", "10", *command], cwd=folder,
                                 env={**os.environ, **ENV, **(env or {})},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        children.add(child)
    try:
        output = child.communicate(timeout=timeout)[0]
        status = child.returncode
    except subprocess.TimeoutExpired:
        end_group(child)
        output = child.communicate()[0]
        status = None
    with children_lock:
        children.discard(child)
    return status, output.decode("utf-8", "replace")


def end_group(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def interrupt(signum, _frame):
    for child in list(children):
        end_group(child)
    os._exit(128 + signum)


# ---- the table ----

class Mutant:
    def __init__(self, group, name, file, old, new, breaks, survives=None):
        self.group, self.name, self.file = group, name, file
        self.old, self.new = old, new
        self.breaks, self.survives = breaks, survives

    def apply(self, text):
        count = text.count(self.old)
        if count != 1:
            raise Broken(f"{self.name}: its old text is {count} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def read_table():
    mutants = []
    for path in sorted(glob.glob(os.path.join(TABLE, "*.toml"))):
        group = os.path.splitext(os.path.basename(path))[0]
        with open(path, "rb") as file:
            entries = tomllib.load(file)["mutant"]
        for entry in entries:
            try:
                mutants.append(Mutant(group, **entry))
            except TypeError as fault:
                raise Broken(f"{path}: {entry.get('name')}: {fault}") from fault
    return mutants


def check_table(mutants):
    """What is wrong with the table, compared with the present tree."""
    names = set()
    for mutant in mutants:
        if mutant.name in names:
            yield f"{mutant.name}: there are two of this name"
        names.add(mutant.name)
        if mutant.old == mutant.new:
            yield f"{mutant.name}: changes nothing"
        try:
            mutant.apply(read(os.path.join(ROOT, mutant.file)))
        except (Broken, OSError) as fault:
            yield str(fault)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


# ---- mutants from a seed ----

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
         "||": "&&", "+=": "-=", "-=": "+=", "true": "false", "false": "true"}
TOKEN = re.compile(r"(?<![-<>=!+*/&|^%])(<=|>=|==|!=|<|>|&&|\|\||\+=|-=)(?![<>=&|])"
                   r"|\b(true|false)\b")
CONDITION = re.compile(r"^(\s*(?:\} else )?if \()(.*)(\)(?: \{)?)$")
STATEMENT = re.compile(r"^(\s+)(?:return RILL_ERR_\w+;|[a-z][\w>.\[\]-]*(?:\(| [-+|&*/]?= |\+\+|--)"
                       r".*;)$")
NAMES = {"_floor": "_ceil", "_ceil": "_floor", "rill_add_sat": "rill_sub_sat",
         "rill_sub_sat": "rill_add_sat"}
NAME = re.compile(r"\brill_(?:add|sub)_sat\b|(?<=\w)(?:_floor|_ceil)(?=\(|_sat\()")


def blank(text):
    """The text with comments and literals as spaces, so that positions stay."""
    pattern = r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.DOTALL)


def balanced(text):
    depth = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return False
    return depth == 0


def edits_of(line):
    """(start, end, replacement) of each that this line of code allows."""
    for m in TOKEN.finditer(line):
        yield m.start(), m.end(), SWAPS[m.group()]
    for m in NAME.finditer(line):
        yield m.start(), m.end(), NAMES[m.group()]
    m = CONDITION.match(line)
    if m and balanced(m.group(2)):
        yield m.end(1), m.end(1), "!("
    m = STATEMENT.match(line)
    if m and balanced(line):
        yield len(m.group(1)), len(line), ";"


def random_mutants(paths, count, seed):
    found = []
    for path in paths:
        text = read(os.path.join(ROOT, path))
        at = 0
        lines = text.split("\n")
        for number, code in enumerate(blank(text).split("\n")):
            line = lines[number]
            if code[:1].isspace() and "assert" not in code:
                found += [(path, number + 1, at, line, *edit) for edit in edits_of(code)]
            at += len(line) + 1
    chosen = random.Random(seed).sample(sorted(found), min(count, len(found)))
    return [made_up(*one) for one in sorted(chosen)], len(found)


def made_up(path, number, at, line, start, end, new):
    """A mutant by its place: its old text is all of the file."""
    if new == "!(":
        close = CONDITION.match(line).end(2)
        changed = f"{line[:start]}!({line[start:close]}){line[close:]}"
    else:
        changed = line[:start] + new + line[end:]
    text = read(os.path.join(ROOT, path))
    mutant = Mutant("random", f"{path}:{number}:{start + 1}", path, text,
                    text[:at] + changed + text[at + len(line):], "")
    mutant.before, mutant.after = line.strip(), changed.strip()
    return mutant


# ---- a private copy of the tree ----

def files_of_tree():
    status, output = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], 60)
    if status == 0:
        return [name for name in output.split("\0") if name and
                os.path.isfile(os.path.join(ROOT, name))]
    names = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(("build", ".", "node_modules"))]
        names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return names


def suite_of(test):
    return test["suite"][0].split(":")[1]


class Copy:
    """The copy is kept from run to run. Only what has changed is copied and built again."""

    def __init__(self, folder, cores, setup):
        self.tree = os.path.join(folder, "tree")
        self.build = os.path.join(folder, "build")
        self.cores = cores
        self.setup = setup
        self.slower = 4 if setup == SANITIZED else 1
        self.tests = []
        self.targets = []
        self.digests = {}

    def prepare(self):
        names = files_of_tree()
        if "meson.build" not in names:
            raise Broken(f"cannot tell which files {ROOT} has")
        for name in names:
            self.put(name, os.path.join(ROOT, name))
        kept = set(names)
        for folder, _, files in os.walk(self.tree):
            for file in files:
                path = os.path.join(folder, file)
                if os.path.relpath(path, self.tree) not in kept:
                    os.remove(path)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.must(["meson", "setup", self.build, self.tree, *SETUP,
                       *self.setup])
        self.must(["ninja", "-C", self.build, "build.ninja"])  # an older copy's meson.build
        tests = json.loads(self.must(["meson", "introspect", "--tests", self.build]))
        self.tests = [test for test in tests if suite_of(test) in SUITES]
        self.tests.sort(key=lambda test: test["timeout"], reverse=True)  # the long ones first
        self.targets = sorted({os.path.relpath(test["cmd"][0], self.build) for test in tests
                               if suite_of(test) in COLUMNS})

    def put(self, name, source):
        path = os.path.join(self.tree, name)
        with open(source, "rb") as file:
            wanted = file.read()
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == wanted:
                    return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(source, path)
        os.utime(path)

    def must(self, command):
        status, output = run(command, BUILD_SECONDS)
        if status != 0:
            raise Broken(f"$ {' '.join(command)}\n{output}")
        return output

    def compile(self, targets=None):
        return run(["ninja", "-C", self.build, "-j", str(self.cores), *(targets or self.targets)],
                   BUILD_SECONDS)

    def target_of(self, test):
        return os.path.relpath(test["cmd"][0], self.build)

    def remember(self):
        """The programs as they are without a mutant."""
        self.digests = {target: self.digest(target) for target in self.targets}

    def digest(self, target):
        with open(os.path.join(self.build, target), "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    def any_changed(self):
        return any(self.digests[target] != self.digest(target) for target in self.targets)

    def changed(self, program):
        target = os.path.relpath(program, self.build)
        return self.digests.get(target) != self.digest(target)

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="utf-8") as file:
            file.write(text)


# ---- what compiles ----

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
INCLUDED_FROM = ("src", "include", "tests", "")


class Compiler:
    """Looks at the syntax of one changed file alone, with the options of the copy's own build."""

    def __init__(self, copy):
        self.tree = copy.tree
        status, output = run(["ninja", "-C", copy.build, "-t", "compdb"], BUILD_SECONDS)
        if status != 0:
            raise Broken(output)
        self.commands = {}
        for entry in json.loads(output):
            path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
            if path.endswith(".c") and " -c " in entry["command"]:
                self.commands.setdefault(os.path.relpath(path, self.tree), entry)
        self.included = {}

    def includes(self, name):
        """The files of the tree that a file of it includes, at any depth, and itself."""
        seen, left = set(), [name]
        while left:
            at = left.pop()
            if at in seen:
                continue
            seen.add(at)
            if at not in self.included:
                self.included[at] = [path for text in INCLUDE.findall(read(os.path.join(self.tree, at)))
                                     for path in self.places(text, at)]
            left += self.included[at]
        return seen

    def places(self, text, at):
        for folder in (os.path.dirname(at), *INCLUDED_FROM):
            path = os.path.normpath(os.path.join(folder, text))
            if os.path.isfile(os.path.join(self.tree, path)):
                return [path]
        return []

    def user_of(self, name):
        """A source that is compiled: the file itself, its own source, or another one's."""
        own = name[:-2] + ".c"
        if own in self.commands:
            return own
        return next((c for c in sorted(self.commands) if name in self.includes(c)), None)

    def fault(self, mutant):
        """What the compiler says of it, or None. The file in the copy is changed meanwhile."""
        source = self.user_of(mutant.file)
        if source is None:
            return None  # no C, or nothing that is built here: the build will tell
        entry = self.commands[source]
        words = shlex.split(entry["command"])
        at = words.index("-o")
        path = os.path.join(self.tree, mutant.file)
        original, before = read(path), os.stat(path)
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutant.apply(original))
            command = [word for word in words[:at] + words[at + 2:] if word != "ccache"]
            status, output = run([*command, "-fsyntax-only"], BUILD_SECONDS, None,
                                 entry["directory"])
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(original)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # nothing to build
        return None if status == 0 else output


def must_compile(copy, mutants):
    """Before hours of tests: whoever changed the code may have broken a mutant's new text."""
    compiler = Compiler(copy)
    faults = [(mutant, compiler.fault(mutant)) for mutant in mutants]
    bad = [f"{mutant.name}: does not compile\n{said[-1000:]}" for mutant, said in faults if said]
    if bad:
        raise Broken("\n".join(bad))


# ---- who notices ----

def test_fails(copy, test):
    """Why it does, or None."""
    if not copy.changed(test["cmd"][0]):
        return None
    status, output = run(test["cmd"], TEST_SECONDS * copy.slower, test["env"])
    if status is None:
        return HUNG
    bad = [line for line in output.splitlines() if line.startswith("not ok")]
    if status == 0 and not bad:
        return None
    return bad[0] if bad else f"status {status}"


def tests_that_fail(copy):
    """What fails in each suite. After a test that hangs, the rest of its suite is not run."""
    failing = {suite: [] for suite in SUITES}

    def one(test):
        mine = failing[suite_of(test)]
        if any(why.endswith(HUNG) for why in mine):
            return
        why = test_fails(copy, test)
        if why:
            mine.append(f"{test['name']}: {why}")

    with concurrent.futures.ThreadPoolExecutor(copy.cores) as pool:
        list(pool.map(one, copy.tests))
    return failing


def sim_that_fails(copy, seeds):
    program = os.path.join(copy.build, "tests", "sim", "rill-sim")
    failing = []
    if not copy.changed(program):
        return failing
    for arguments in (["--scenarios", "--seeds", str(SCENARIO_SEEDS)],
                      ["--seeds", str(seeds), "--start", "1"]):
        status, output = run([program, *arguments], SIM_SECONDS * copy.slower)
        if status != 0:
            said = [line for line in output.splitlines() if line.strip()]
            why = HUNG if status is None else said[0] if said else f"status {status}"
            failing.append(f"{arguments[0]}: {why}")
        if status is None:
            break
    return failing


# ---- the first that notices ----

SIM = os.path.join("tests", "sim", "rill-sim")
NOTICED = os.path.join(ROOT, "tests", "mutants", "noticed.json")
PORTION = 12  # programs that are built at once, of those that are not likely


class Likely:
    """Which tests to try first: what noticed the mutant the last time, the test of its module, those
    that include its header, and what has noticed most of the others. A run begins with what the
    tree's own list says, and keeps its list beside the copies."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "noticed.json")
        self.lock = threading.Lock()
        self.last = {}
        for path in (NOTICED, self.path):
            if os.path.exists(path):
                self.last.update(json.loads(read(path)))
        self.often = collections.Counter(self.last.values())
        self.headers = {}

    def noted(self, mutant, who):
        with self.lock:
            self.last[mutant.name] = who
            self.often[who] += 1
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self.last, file, indent=0, sort_keys=True)

    def headers_of(self, copy, program):
        """What the test's own source includes, and what its fixtures do."""
        if program not in self.headers:
            found = set()
            for source in glob.glob(os.path.join(copy.tree, "tests", "*", program + ".c")):
                for text in INCLUDE.findall(read(source)):
                    found.add(text)
                    fixture = os.path.join(os.path.dirname(source), text)
                    if os.path.isfile(fixture):
                        found.update(INCLUDE.findall(read(fixture)))
            self.headers[program] = found
        return self.headers[program]

    def portions(self, copy, mutant):
        """All tests of the copy, a list for each build."""
        module = os.path.splitext(os.path.basename(mutant.file))[0]
        header = os.path.splitext(mutant.file)[0].removeprefix("src/") + ".h"
        ranks = [[], [], []]
        with self.lock:
            last, often = self.last.get(mutant.name), self.often.copy()
        for test in copy.tests:
            program = os.path.basename(test["cmd"][0])
            if test["name"] == last or program == "test_" + module:
                ranks[0].append(test)
            elif header in self.headers_of(copy, program):
                ranks[1].append(test)
            else:
                ranks[2].append(test)
        for rank in ranks:
            rank.sort(key=lambda test: (-often[test["name"]], test["timeout"]))
        if last == "sim":
            yield []  # the simulator
        if ranks[0]:
            yield ranks[0]
        for rank in ranks[1:]:
            for i in range(0, len(rank), PORTION):
                yield rank[i:i + PORTION]


def first_that_fails(copy, tests):
    for test in tests:
        why = test_fails(copy, test)
        if why:
            return test, why
    return None


def try_first(copy, mutant, seeds, likely, result):
    for portion in likely.portions(copy, mutant):
        targets = sorted({copy.target_of(test) for test in portion}) or [SIM]
        status, output = copy.compile(targets)
        if status != 0:
            result.fault = "does not compile"
            result.said = output[-2000:]
            return
        found = first_that_fails(copy, portion)
        if found:
            test, why = found
            result.by[suite_of(test)] = [f"{test['name']}: {why}"]
            likely.noted(mutant, test["name"])
            return
        if not portion and sim_notices(copy, mutant, seeds, likely, result):
            return
    status, output = copy.compile()
    if status != 0:
        result.fault = "does not compile"
        result.said = output[-2000:]
    elif not copy.any_changed():
        result.fault = "the compiler makes the same of it"
    else:
        sim_notices(copy, mutant, seeds, likely, result)


def sim_notices(copy, mutant, seeds, likely, result):
    result.by["sim"] = sim_that_fails(copy, seeds)
    if result.by["sim"]:
        likely.noted(mutant, "sim")
    return bool(result.by["sim"])


class Result:
    def __init__(self, mutant):
        self.mutant = mutant
        self.by = {column: [] for column in COLUMNS}
        self.fault = None  # why it could not be tried
        self.said = ""     # of the compiler
        self.sanitized = False  # killed with them only
        self.seconds = 0.0

    @property
    def killed(self):
        return any(self.by.values())

    @property
    def verdict(self):
        if self.fault:
            return "not tried"
        if self.killed:
            return "killed"
        return "explained" if self.mutant.survives else "SURVIVES"


def try_tests(copy, seeds):
    by = tests_that_fail(copy)
    by["sim"] = sim_that_fails(copy, seeds)
    return by


def try_all(copy, seeds, result):
    status, output = copy.compile()
    if status != 0:
        result.fault = "does not compile"
        result.said = output[-2000:]
    elif not copy.any_changed():
        result.fault = "the compiler makes the same of it"
    else:
        result.by = try_tests(copy, seeds)


def try_mutant(copy, mutant, seeds, likely=None):
    result = Result(mutant)
    begin = time.monotonic()
    original = read(os.path.join(copy.tree, mutant.file))
    try:
        copy.write(mutant.file, mutant.apply(original))
        if likely:
            try_first(copy, mutant, seeds, likely, result)
        else:
            try_all(copy, seeds, result)
    except Broken as fault:
        result.fault = str(fault)
    finally:
        copy.write(mutant.file, original)
    result.seconds = time.monotonic() - begin
    return result


def run_all(mutants, copies, seeds, report, likely):
    free = queue.Queue()
    for copy in copies:
        free.put(copy)

    def one(mutant):
        copy = free.get()
        try:
            return try_mutant(copy, mutant, seeds, likely)
        finally:
            free.put(copy)

    results = []
    with concurrent.futures.ThreadPoolExecutor(len(copies)) as pool:
        for future in concurrent.futures.as_completed([pool.submit(one, m) for m in mutants]):
            results.append(future.result())
            report(results[-1])
    order = {id(mutant): i for i, mutant in enumerate(mutants)}
    return sorted(results, key=lambda result: order[id(result.mutant)])


# ---- what is said ----

def cell(result, column):
    """How many tests notice. A star says that they need the sanitizers for it."""
    if not result.by[column]:
        return "-"
    return str(len(result.by[column])) + ("*" if result.sanitized else "")


def reporter(width, verbose):
    print(f"{'mutant':{width}} " + " ".join(f"{column:>8}" for column in COLUMNS))

    def report(result):
        made_up = result.mutant.group == "random"
        cells = " ".join(f"{cell(result, column):>8}" for column in COLUMNS)
        print(f"{result.mutant.name:{width}} {cells}  {result.verdict}  {result.seconds:.0f} s")
        if result.fault:
            print(f"    {result.fault}")
            if not made_up:
                print(result.said)
        elif not result.killed and result.mutant.survives:
            print(f"    {result.mutant.survives}")
        elif not result.killed and made_up:
            print(f"    - {result.mutant.before}\n    + {result.mutant.after}")
        if verbose:
            for column in COLUMNS:
                for who in result.by[column]:
                    print(f"    {column}: {who}")
        sys.stdout.flush()
    return report


def markdown(results):
    """The table for docs/reliability.md."""
    group = None
    for result in results:
        mutant = result.mutant
        if mutant.group != group:
            group = mutant.group
            print(f"\n### {group}\n\n| mutant | breaks | " + " | ".join(COLUMNS) + " |\n"
                  + "|---|---|" + "---|" * len(COLUMNS))
        cells = " | ".join(cell(result, column) for column in COLUMNS)
        print(f"| {mutant.name} | {mutant.breaks} | {cells} |")


def summary(results, first):
    def count(test):
        return sum(1 for result in results if test(result))

    tests = lambda result: any(result.by[suite] for suite in SUITES)
    sim = lambda result: bool(result.by["sim"])
    each = ", ".join(f"{column} {count(lambda r, c=column: bool(r.by[c]))}" for column in COLUMNS)
    if first:
        each = "each by the first that was found to notice: " + each
    print(f"{len(results)} mutants, {count(lambda r: r.killed)} killed: {each}")
    if not first:
        print(f"by tests alone {count(lambda r: tests(r) and not sim(r))}, "
              f"by the simulator alone {count(lambda r: sim(r) and not tests(r))}, "
              f"by both {count(lambda r: sim(r) and tests(r))}, "
              f"only with the sanitizers {count(lambda r: r.sanitized)}")
    print(f"{count(lambda r: r.verdict == 'explained')} survive with an explanation, "
          f"{count(lambda r: r.verdict == 'SURVIVES')} without, "
          f"{count(lambda r: r.fault is not None)} could not be tried")
    for result in results:
        if result.killed and result.mutant.survives:
            print(f"{result.mutant.name} is killed: its explanation in the table is out of date")


# ---- ----

def arguments():
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__.split("\n\n")[1])
    parser.add_argument("--only", metavar="TEXT", action="append", default=[],
                        help="those whose group or name has TEXT in it; may be given again")
    parser.add_argument("--list", action="store_true", help="say which there are, run nothing")
    parser.add_argument("--check", action="store_true",
                        help="only see that each mutant's old text is in the tree exactly once")
    parser.add_argument("--compiles", action="store_true",
                        help="only see that each of them compiles; a run of tests begins with that")
    parser.add_argument("--first", action="store_true",
                        help="one test that notices is enough: several times as fast")
    parser.add_argument("--jobs", type=int, default=1, help="so many copies at once (1)")
    parser.add_argument("--sim-seeds", type=int, default=1000, metavar="N",
                        help="seeds for the simulator, besides the named scenarios (1000)")
    parser.add_argument("--random", type=int, metavar="N",
                        help="N mutants made up from a seed, instead of the table")
    parser.add_argument("--seed", type=int, default=1, help="of --random (1)")
    parser.add_argument("--files", default="src/stream/*/*.c", metavar="GLOB",
                        help="what --random changes (src/stream/*/*.c)")
    parser.add_argument("--folder", default=os.path.join(ROOT, "build", "mutants"),
                        help="where the copies are kept (build/mutants)")
    parser.add_argument("--verbose", action="store_true", help="name the tests that notice")
    parser.add_argument("--markdown", action="store_true", help="print the table once more, so")
    return parser.parse_args()


def choose(options):
    if options.random is not None:
        paths = sorted(glob.glob(options.files, root_dir=ROOT))
        mutants, all_of_them = random_mutants(paths, options.random, options.seed)
        print(f"{len(mutants)} of the {all_of_them} edits of {len(paths)} files, "
              f"seed {options.seed}")
    else:
        mutants = read_table()
    only = options.only
    return [m for m in mutants if not only or any(o in m.name or o in m.group for o in only)]


def make_copy(options, name, cores, setup):
    copy = Copy(os.path.join(os.path.abspath(options.folder), name), cores, setup)
    copy.prepare()
    status, output = copy.compile()
    if status != 0:
        raise Broken(f"the tree itself does not compile\n{output[-4000:]}")
    return copy


def must_pass(copy, options):
    """Without a mutant; from then on it is known what its programs are."""
    failing = try_tests(copy, options.sim_seeds)
    if any(failing.values()):
        raise Broken(f"fails without any mutant: {failing}")


def make_copies(options, mutants):
    all_cores = os.cpu_count() or 1
    cores = max(1, all_cores // options.jobs)
    copies = [make_copy(options, str(i), cores, []) for i in range(options.jobs)]
    if options.random is None:
        must_compile(copies[0], mutants)
    must_pass(copies[0], options)
    for copy in copies:
        copy.remember()
    return copies


def try_again(results, options, report):
    """What nothing noticed, with the sanitizers."""
    left = [result for result in results if result.verdict in ("explained", "SURVIVES")]
    if not left:
        return
    copy = make_copy(options, "sanitized", os.cpu_count() or 1, SANITIZED)
    must_pass(copy, options)
    copy.remember()
    print("once more, with the sanitizers")
    for result in left:
        again = try_mutant(copy, result.mutant, options.sim_seeds)
        result.by, result.fault = again.by, again.fault
        result.sanitized = again.killed
        report(again)


def work(options):
    mutants = choose(options)
    if not mutants:
        raise Broken("no such mutant")
    if options.list:
        for mutant in mutants:
            print(f"{mutant.group:12} {mutant.name:40} {mutant.breaks}")
        return 0
    if options.random is None:
        problems = list(check_table(mutants))
        if problems:
            raise Broken("\n".join(problems))
        if options.check:
            print(f"{len(mutants)} mutants, the old text of each is in the tree exactly once")
            return 0
    begin = time.monotonic()
    if options.compiles:
        must_compile(make_copy(options, "0", os.cpu_count() or 1, []), mutants)
        print(f"{len(mutants)} mutants compile ({time.monotonic() - begin:.0f} s)")
        return 0
    copies = make_copies(options, mutants)
    print(f"the tree passes without a mutant; ready after {time.monotonic() - begin:.0f} s")
    width = max(len(mutant.name) for mutant in mutants)
    report = reporter(width, options.verbose)
    likely = Likely(os.path.abspath(options.folder)) if options.first else None
    results = run_all(mutants, copies, options.sim_seeds, report, likely)
    try_again(results, options, report)
    if options.markdown:
        markdown(results)
    summary(results, options.first)
    print(f"{time.monotonic() - begin:.0f} s")
    if options.random is not None:
        return 0
    return 1 if any(result.verdict in ("SURVIVES", "not tried") for result in results) else 0


def main():
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return work(arguments())
    except Broken as fault:
        print(f"mutants: {fault}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
