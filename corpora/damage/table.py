"""Turns records into the table, the totals and the list of escapes."""

GRADES = ("must", "soft", "none")
SEEN = {"must": ("detected",), "soft": ("detected", "warning"), "none": ("detected", "warning")}


def share(part, whole):
    return 100.0 * part / whole if whole else None


def row(records):
    n = len(records)
    count = lambda test: share(sum(1 for r in records if test(r)), n)
    return {
        "damages": n,
        "detected": count(lambda r: r["status"] == "detected"),
        "warned": count(lambda r: r["status"] == "warning"),
        "exact": count(lambda r: r["located"] == "exact"),
        "part": count(lambda r: r["located"] in ("exact", "part")),
        "right": count(lambda r: r["explained"] == "right"),
        "class": count(lambda r: r["explained"] in ("right", "class")),
    }


def rows(records):
    """(grade, kind) -> row, the grades in their order, and below each grade "all"."""
    out = {}
    for grade in GRADES:
        mine = [r for r in records if r["grade"] == grade]
        for kind in sorted({r["kind"] for r in mine}):
            out[grade, kind] = row([r for r in mine if r["kind"] == kind])
        if mine:
            out[grade, "all"] = row(mine)
    return out


TITLES = {
    "must": "carry redundancy: a rule has to fire",
    "soft": "may be noticed: a warning, or only some values are impossible",
    "none": "nothing contradicts a changed value",
}


def show(records):
    lines = []
    number = lambda x: "-" if x is None else "%.1f" % x
    for (grade, kind), r in rows(records).items():
        if not lines or lines[-1].startswith("all"):
            lines += ["", "%s (%s)" % (grade, TITLES[grade]),
                      "%-26s %8s %9s %8s %8s %8s %8s %8s" % ("KIND OF WORD", "DAMAGES", "DETECTED%", "WARNED%", "EXACT%", "PART%", "RIGHT%", "CLASS%")]
        lines.append("%-26s %8d %9s %8s %8s %8s %8s %8s" % (
            kind, r["damages"], number(r["detected"]), number(r["warned"]), number(r["exact"]), number(r["part"]),
            number(r["right"]), number(r["class"])))
    return "\n".join(lines[1:])


def escapes(records):
    """Damages that had to be detected and were not."""
    return [r for r in records if r["grade"] == "must" and r["status"] != "detected"]


def misplaced(records):
    return [r for r in records if r["grade"] == "must" and r["status"] == "detected" and r["located"] != "exact"]


def line(r):
    what = "bit %d" % r["bit"] if "bit" in r else r.get("pattern", "")
    found = " ".join("%s@%s" % (f[0], f[2]) for f in r.get("findings", [])[:3])
    return "%-9s %-22s %s %s %s -> %s  %s of %s len %s (%s)  %s  %s%s%s" % (
        r["status"], r["kind"], r["addr"], what, r["old"], r["new"], (r["place"] or ["?"])[0], r["map"], r["len"], r["type"],
        r["core"], found, " undecided: " + " ".join(r["unknown_rules"]) if r.get("unknown_rules") else "",
        " others: " + " ".join(r["others"][:3]) if r.get("others") else "") + (" " + r["note"] if r.get("note") else "")


def passes(records, require):
    """Whether the redundant class reaches (detected %, exact %)."""
    total = row([r for r in records if r["grade"] == "must"])
    return total["damages"] > 0 and total["detected"] >= require[0] and total["exact"] >= require[1]
