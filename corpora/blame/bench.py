#!/usr/bin/env python3
"""Lets goroutines race on a map again and again, and counts whether the checker blames the right ones.

Each run is a fresh process of the program beside this file, which writes down who it lets collide on which map and who
only looks suspicious: goroutines that write other maps of the same type, that hold the map and do not touch it, that
lead to it. `badmap check --crash-only` has to name the message, the goroutine that the runtime stopped, the map, and
the other one who was at it; of the rest it must call nobody a culprit.
"""

import sys

sys.dont_write_bytecode = True  # nothing built among the sources

import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, os.path.dirname(HERE))

import make
from make import Trouble, Unfit

EXAMPLES = """\
examples:
  bench.py                                              20 races of each kind with Go 1.19, 1.23, 1.27
  bench.py --go 1.27-blame --scenario writes --count 100
  bench.py --go blame --scenario ten-maps --list        every Go; say what went wrong
  bench.py --scenario many,waits --count 3 --keep /tmp/races

exit codes: 0 all that is expected holds, 1 it does not, 2 cannot work here
"""

RACES = ("writes writes-int writes-struct writes-small delete-write clear-write reflect-write read-write noted-read iter-write"
         " clone-write ten-maps").split()
SLOW = ["many", "waits"]  # only if asked for
GUILTY = ("writer", "reader", "iterating", "cloner")
GRADES = ("in-map-code", "holds-pointer", "reaches")
TIMEOUT = 120


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--badmap", metavar="FILE", default=os.path.join(ROOT, "target", "release", "badmap"), help="the checker (default: target/release/badmap)")
    ap.add_argument("--go", metavar="LIST", default="1.19-blame,1.23-blame,1.27-blame", help="binaries, as make.py names them, or blame for all that are not stripped (default: 1.19,1.23,1.27)")
    ap.add_argument("--scenario", metavar="LIST", default=",".join(RACES), help="races (default: all but %s)" % " and ".join(SLOW))
    ap.add_argument("--count", metavar="N", type=int, default=20, help="races of each kind (default: 20)")
    ap.add_argument("--jobs", metavar="N", type=int, default=1, help="races at the same time (default: 1)")
    ap.add_argument("--tries", metavar="N", type=int, default=5, help="how often to try a race that ends otherwise (default: 5)")
    ap.add_argument("--require", metavar="PERCENT", type=float, default=90, help="how often the other one has to be named (default: 90)")
    ap.add_argument("--list", action="store_true", help="print each run in which something was not as expected")
    ap.add_argument("--out", metavar="FILE", help="write everything as JSON")
    ap.add_argument("--keep", metavar="DIR", help="leave core, binary, truth.json, stderr.txt and check.json of each run in DIR")
    ap.add_argument("--cache", metavar="DIR", default=os.path.join(ROOT, "target", "corpora-cache"), help="for toolchains and builds (default: target/corpora-cache)")
    opts = ap.parse_args()
    if min(opts.count, opts.jobs, opts.tries) < 1:
        ap.error("--count, --jobs and --tries want 1 or more")
    all_of = [b for b in make.BINARIES if make.program_of(b) == "blame"]
    unstripped = [b for b in all_of if not make.BINARIES[b].get("stripped")]
    opts.go = unstripped if opts.go == "blame" else [g[2:] if g.startswith("go") else g for g in opts.go.split(",")]
    for g in opts.go:
        if g not in all_of:
            ap.error("no binary %s (there are: %s)" % (g, ", ".join(all_of)))
    opts.scenario = opts.scenario.split(",")
    for s in opts.scenario:
        if s not in RACES + SLOW:
            ap.error("no race %s (there are: %s)" % (s, ", ".join(RACES + SLOW)))
    return opts


def say(text):
    print(text, file=sys.stderr, flush=True)


def race(opts, binary, scenario, number):
    """One run: a record."""
    for tries in range(1, opts.tries + 1):
        work = tempfile.mkdtemp(prefix="badmap-zoo-", dir="/tmp")
        try:
            core = make.Core(binary, scenario, "kernel")
            core.happen(work)
            record = dict(asked(opts, core, work), binary=binary.go, scenario=scenario, number=number, tries=tries)
            if opts.keep:
                keep(opts, binary, work, record)
            return record
        except Trouble as e:
            last = e
        finally:
            shutil.rmtree(work, ignore_errors=True)
    raise Trouble("%s-%s: %s" % (binary.name, scenario, last))


def asked(opts, core, work):
    """What the checker says of a core, beside the truth."""
    with open(os.path.join(work, "truth.json"), encoding="ascii") as f:
        truth = json.load(f)["blame"]
    cmd = [opts.badmap, "check", "--crash-only", "--format", "json", "-q", os.path.join(work, "core"), os.path.join(work, core.binary.program)]
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
        with open(os.path.join(work, "check.json"), "wb") as f:
            f.write(p.stdout)
        crash = json.loads(p.stdout)["crash"]
    except subprocess.TimeoutExpired:
        return {"error": "it did not end within %d s" % TIMEOUT}
    except (ValueError, KeyError):
        return {"error": "exit %d: %s" % (p.returncode, " ".join(p.stderr.decode(errors="replace").split())[:400])}
    except OSError as e:
        raise Unfit("running %s: %s" % (opts.badmap, e))
    return judge(truth, core.said, crash)


def judge(truth, said, crash):
    roles = {g["id"]: g for g in truth["goroutines"]}
    addr = int(truth["map"]["addr"], 16)
    is_it = lambda m: int(m["addr"], 16) == addr
    stopped = crash["goroutine"]
    if crash["map"]:
        place = "right" if is_it(crash["map"]) else "wrong"
    else:
        place = "among" if any(is_it(m) for m in crash.get("candidates") or []) else "none"
    grades = {p["goroutine"]: p["grade"] for p in crash.get("parties") or []}
    others = [g["id"] for g in roles.values() if g["role"] in GUILTY and g["id"] != stopped and int(g["map"], 16) == addr]
    best = min((grades.get(g, "absent") for g in others), key=(GRADES + ("absent",)).index, default="absent")
    innocent = lambda g: roles.get(g, {"role": "unknown"})["role"] not in GUILTY
    return {
        "message": said in (crash["message"] or ""),
        "goroutine": roles.get(stopped, {"role": None})["role"] in GUILTY,
        "map": place,
        "second": best,
        "accused": [[g, roles.get(g, {"role": "unknown"})["role"]] for g, grade in grades.items() if grade == GRADES[0] and innocent(g)],
        "got": {"message": crash["message"], "goroutine": stopped, "map": crash["map"] and crash["map"]["addr"], "candidates": len(crash.get("candidates") or [])},
        "truth": {"map": truth["map"]["addr"], "guilty": {g["id"]: g["role"] for g in roles.values() if g["role"] in GUILTY}},
    }


def keep(opts, binary, work, record):
    there = os.path.join(opts.keep, "%s-%s-%d" % (binary.name, record["scenario"], record["number"]))
    os.makedirs(there, exist_ok=True)
    for name, new in (("core", "core"), (binary.program, "binary"), ("truth.json", "truth.json"), ("stderr", "stderr.txt"), ("check.json", "check.json")):
        if os.path.exists(os.path.join(work, name)):
            subprocess.run(["cp", "--sparse=always", os.path.join(work, name), os.path.join(there, new)], check=True)


def is_good(r):
    """Whether all is as it should be, save for luck: the other one may have been elsewhere."""
    return "error" not in r and r["message"] and r["goroutine"] and r["map"] in ("right", "among") and not r["accused"]


def named(r):
    return r.get("second") in GRADES[:2]


def show(records, require):
    lines = ["%-20s %-14s %4s %8s %10s %5s %6s %6s %7s  %-40s %6s" % (
        "BINARY", "RACE", "RUNS", "MESSAGE%", "GOROUTINE%", "MAP%", "AMONG%", "WRONG", "SECOND%", "GRADES OF THE SECOND", "FALSE")]
    good, total = True, []
    rows = collections.OrderedDict()
    for r in records:
        rows.setdefault((r["binary"], r["scenario"]), []).append(r)
    rows["all", ""] = records
    for (binary, scenario), some in rows.items():
        part = lambda test: 100.0 * sum(1 for r in some if "error" not in r and test(r)) / len(some)
        grades = collections.Counter(r.get("second", "error") for r in some)
        wrong = sum(1 for r in some if r.get("map") not in ("right", "among"))
        lines.append("%-20s %-14s %4d %8.0f %10.0f %5.0f %6.0f %6d %7.0f  %-40s %6d" % (
            binary, scenario, len(some), part(lambda r: r["message"]), part(lambda r: r["goroutine"]), part(lambda r: r["map"] == "right"),
            part(lambda r: r["map"] == "among"), wrong, part(named), " ".join("%s %d" % g for g in sorted(grades.items())),
            sum(len(r.get("accused", [])) for r in some)))
        if binary != "all":
            good = good and part(named) >= require and all(is_good(r) for r in some)
    return "\n".join(lines), good


def line(r):
    what = "%s-%s-%d: " % (r["binary"], r["scenario"], r["number"])
    if "error" in r:
        return what + r["error"]
    return what + "map %s, second %s, accused %s; got %s; truth %s" % (
        r["map"], r["second"], " ".join("%d (%s)" % tuple(a) for a in r["accused"]) or "nobody", json.dumps(r["got"]), json.dumps(r["truth"]))


def main():
    opts = arguments()
    make.check_kernel(False)
    opts.cache = os.path.abspath(opts.cache)
    records = []
    for go in opts.go:
        started = time.monotonic()
        binary = make.Binary(go)
        binary.build(opts.cache)
        todo = [(s, n) for s in opts.scenario if make.SCENARIOS[s].on(go) for n in range(1, opts.count + 1)]
        with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
            mine = list(pool.map(lambda t: race(opts, binary, *t), todo))
        records += mine
        say("%s: %d races, %d of them tried more than once, %.0f s" % (
            binary.name, len(mine), sum(1 for r in mine if r["tries"] > 1), time.monotonic() - started))
    if not records:
        raise Unfit("none of these binaries has any of these races")
    text, good = show(records, opts.require)
    print(text)
    odd = [r for r in records if not (is_good(r) and named(r))]
    if opts.list and odd:
        print("\nNot as expected:")
        print("\n".join(line(r) for r in odd))
    if opts.out:
        with open(opts.out, "w") as f:
            json.dump({"schema": "badmap-blame/1", "require": opts.require, "good": good, "records": records}, f, indent=1)
            f.write("\n")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Trouble, Unfit) as e:
        print("bench.py: %s" % e, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
