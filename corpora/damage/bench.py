#!/usr/bin/env python3
"""Damages sound cores on purpose and counts what the checker notices.

Takes cores whose maps nobody broke, changes single bits or writes chosen bytes in the memory of a map in a copy,
runs `badmap check` over it, and reports for each kind of word how much was detected, located in the right slot or
field, and explained as what it was. With --healthy it counts false alarms instead. README.md says more.
"""

import sys

sys.dont_write_bytecode = True  # nothing built among the sources

import argparse
import fnmatch
import json
import os
import shutil
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, os.path.dirname(HERE))

import draw
import healthy
import table
from case import Case, Checker, Trouble
from make import Unfit, read_manifest
from memory import Unreadable
from run import run_all

EXAMPLES = """\
examples:
  bench.py                                          500 flips in each zoo of the golden set
  bench.py --core go1.27-zoo --count 2000 --seed 7 --list-missed
  bench.py --kind 'ctrl.*' --per-run 8              one run for 8 flips in 8 maps
  bench.py --mode writes --out writes.json
  bench.py --healthy --writers 10 --go 1.27

exit codes: 0 the thresholds hold (or no false alarm), 1 they do not, 2 cannot work here
"""


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--badmap", metavar="FILE", default=os.path.join(ROOT, "target", "release", "badmap"), help="the checker (default: target/release/badmap)")
    ap.add_argument("--corpus", metavar="DIR", default=os.path.join(os.path.dirname(HERE), "golden"), help="where the cores are (default: golden)")
    ap.add_argument("--core", metavar="GLOB", help="cores by name, several separated by commas (default: *-zoo; with --healthy all)")
    ap.add_argument("--mode", choices=("flips", "writes"), default="flips", help="single bits, or chosen bytes (default: flips)")
    ap.add_argument("--kind", metavar="GLOB", default="*", help="kinds of words, such as 'header.*' (default: all)")
    ap.add_argument("--count", metavar="N", type=int, default=500, help="damages in each core (default: 500)")
    ap.add_argument("--seed", metavar="N", type=int, default=1, help="equal seeds damage the same (default: 1)")
    ap.add_argument("--per-run", metavar="N", type=int, default=1, help="damages in one run, each in another map (default: 1)")
    ap.add_argument("--jobs", metavar="N", type=int, default=2, help="runs at the same time (default: 2)")
    ap.add_argument("--require", metavar="D,E", default="99,95", help="percent detected and located exactly (default: 99,95)")
    ap.add_argument("--out", metavar="FILE", help="write everything as JSON")
    ap.add_argument("--list-missed", action="store_true", help="print each damage that had to be detected and was not")
    ap.add_argument("--list-misplaced", action="store_true", help="print each that was not located in the right slot or field")
    ap.add_argument("--healthy", action="store_true", help="count false alarms over all cores that nobody broke")
    ap.add_argument("--writers", metavar="N", type=int, default=0, help="with --healthy: make N dumps of a process that keeps writing, too")
    ap.add_argument("--go", metavar="X", default="1.27", help="with --writers: the binary, as make.py names it (default: 1.27)")
    ap.add_argument("--tmp-dir", metavar="DIR", help="where to unpack (default: the system's)")
    opts = ap.parse_args()
    try:
        opts.require = [float(x) for x in opts.require.split(",")]
        opts.require[1]
    except (ValueError, IndexError):
        ap.error("--require wants two numbers, such as 99,95")
    if min(opts.count, opts.per_run, opts.jobs) < 1:
        ap.error("--count, --per-run and --jobs want 1 or more")
    opts.core = opts.core or ("*" if opts.healthy else "*-zoo")
    return opts


def chosen(opts):
    binaries, cores = read_manifest(opts.corpus)
    fits = lambda c: any(fnmatch.fnmatchcase(c["name"], g) for g in opts.core.split(","))
    cores = [c for c in cores if fits(c) and c["expect"].get("broken") is False]
    if not cores:
        raise Trouble("no sound core in %s is called %s" % (opts.corpus, opts.core))
    return {b["name"]: b for b in binaries}, cores


def say(text):
    print(text, file=sys.stderr, flush=True)


def damage(opts, directory):
    checker, records, about = Checker(opts.badmap), [], []
    binaries, cores = chosen(opts)
    for core in cores:
        started = time.monotonic()
        case = Case(opts.corpus, core, binaries, checker, os.path.join(directory, core["name"]))
        damages = getattr(draw, opts.mode)(case, opts.seed, opts.count, opts.kind)
        records += run_all(case, damages, opts.per_run, opts.jobs, directory, lambda n: None)
        about.append({"core": core["name"], "maps": len(case.maps), "skipped": case.skipped, "damages": len(damages)})
        shutil.rmtree(os.path.join(directory, core["name"]))
        say("%s: %d damages in %d maps, %.0f s; left out: %s" % (
            core["name"], len(damages), len(case.maps), time.monotonic() - started,
            ", ".join("%d %s" % (n, why) for why, n in sorted(case.skipped.items())) or "none"))
    print(table.show(records))
    bad = [r for r in records if r["status"] in ("crash", "hang")]
    for title, some in (
        ("The checker itself failed:", bad),
        ("Had to be detected and was not:", table.escapes(records) if opts.list_missed else []),
        ("Detected, but in another place:", table.misplaced(records) if opts.list_misplaced else []),
    ):
        if some:
            print("\n" + title)
            print("\n".join(table.line(r) for r in some))
    spill = [r for r in records if r.get("others") and opts.per_run == 1]
    print("\n%d damages; other maps blamed by %d; %d crashes and hangs" % (len(records), len(spill), len(bad)))
    good = not bad and table.passes(records, opts.require)
    rows = [dict(grade=g, kind=k, **r) for (g, k), r in table.rows(records).items()]
    return good, {"cores": about, "table": rows, "records": records}


def sound(opts, directory):
    checker, records = Checker(opts.badmap), []
    binaries, cores = chosen(opts)
    for core in cores:
        records.append(healthy.check(opts.corpus, core, binaries, checker, directory))
    for i in range(opts.writers):
        corpus = healthy.writers(opts.go, directory)
        if corpus is None:
            say("no dump of a writing process could be made")
            continue
        binaries, cores = read_manifest(corpus)
        for core in cores:
            r = healthy.check(corpus, core, {b["name"]: b for b in binaries}, checker, directory)
            records.append(dict(r, core="%s #%d" % (r["core"], i + 1)))
        shutil.rmtree(corpus)
    print(healthy.show(records))
    return all(r["error"] == 0 and r["exit"] in (0, 1, 3) for r in records), {"healthy": records}


def main():
    opts = arguments()
    directory = tempfile.mkdtemp(prefix="badmap-damage-", dir=opts.tmp_dir)
    try:
        good, result = (sound if opts.healthy else damage)(opts, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if opts.out:
        head = {"schema": "badmap-damage/1", "mode": "healthy" if opts.healthy else opts.mode, "seed": opts.seed,
                "per_run": opts.per_run, "kind": opts.kind, "good": good}
        with open(opts.out, "w") as f:
            json.dump(dict(head, **result), f, indent=1)
            f.write("\n")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Trouble, Unfit, Unreadable) as e:
        print("bench.py: %s" % e, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
