"""False alarms: what the checker says of cores whose maps nobody broke."""

import os
import subprocess
import sys

from case import unpack

HERE = os.path.dirname(os.path.abspath(__file__))


def check(corpus, core, binaries, checker, directory):
    """A record of one sound core."""
    binary = binaries[core["binary"]]
    path = unpack(os.path.join(corpus, core["file"]), os.path.join(directory, core["name"] + ".core"))
    program = unpack(os.path.join(corpus, binary["file"]), os.path.join(directory, core["binary"]))
    code, document, err = checker.run("check", path, program)
    if path.startswith(directory):
        os.remove(path)
    out = {"core": core["name"], "exit": code, "maps": 0, "unknown": 0, "mid_write": 0, "error": 0, "warning": 0, "info": 0}
    if document is None:
        out["note"] = err.strip()[-600:]
        return out
    for name in ("unknown", "mid_write"):
        out[name] = document["maps"][name]
    out["maps"] = document["maps"]["total"]
    for f in document["findings"]:
        out[f["severity"]] += 1
    out["findings"] = [[f["rule"], f["severity"], f["map"], f["where"], f["type"]] for f in document["findings"][:50]]
    out["unknown_maps"] = [[u["map"], u["rules"]] for u in document["unknown"][:50]]
    out["causes"] = len(document.get("causes") or [])
    out["gaps"] = document["gaps_total"]
    return out


def writers(go, directory):
    """A corpus of one core: a process that kept writing its maps when it was dumped, at a moment of its own."""
    make = os.path.join(os.path.dirname(HERE), "make.py")
    out = os.path.join(directory, "writers")
    done = subprocess.run([sys.executable, "-B", make, "--out", out, "--go", go, "--scenario", "live-writers:gcore", "--level", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return out if done.returncode == 0 else None


def show(records):
    lines = ["%-36s %4s %6s %8s %8s %9s %7s %9s %6s %5s" % (
        "SOUND CORE", "EXIT", "MAPS", "ERRORS", "WARNINGS", "INFOS", "UNKNOWN", "MID-WRITE", "CAUSES", "GAPS")]
    total = {}
    for r in records + [total]:
        if r is total:
            r = dict(total, core="all", exit="")
        lines.append("%-36s %4s %6d %8d %8d %9d %7d %9d %6d %5d" % (
            r["core"], r["exit"], r["maps"], r["error"], r["warning"], r["info"], r["unknown"], r["mid_write"],
            r.get("causes", 0), r.get("gaps", 0)))
        for name in ("maps", "error", "warning", "info", "unknown", "mid_write", "causes", "gaps"):
            total[name] = total.get(name, 0) + r.get(name, 0)
    for r in records:
        lines += ["%s: %s" % (r["core"], " ".join(map(str, f))) for f in r.get("findings", [])]
        if "note" in r:
            lines.append("%s: %s" % (r["core"], r["note"]))
    return "\n".join(lines)
