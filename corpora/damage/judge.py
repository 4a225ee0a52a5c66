"""Compares what the checker says of a damaged core with what it said of the sound one, for one damaged map."""


def new_findings(before, after, addr):
    old = {(f["rule"], f["where"], f["severity"]) for f in before.findings.get(addr, [])}
    return [f for f in after.findings.get(addr, []) if (f["rule"], f["where"], f["severity"]) not in old]


def status(before, after, addr, vanished, damaged):
    """detected, warning, unknown, vanished, other or missed; damaged are the maps that this run changed."""
    mine = new_findings(before, after, addr)
    if any(f["severity"] == "error" for f in mine):
        return "detected"
    if any(f["severity"] == "warning" for f in mine):
        return "warning"
    if addr in after.unknown and addr not in before.unknown:
        return "unknown"
    if addr in vanished:
        return "vanished"
    if others(before, after, damaged):
        return "other"
    return "missed"


def others(before, after, damaged):
    """Maps that nothing was done to and that have a new finding of severity error."""
    return [a for a in sorted(after.findings) if a not in damaged and any(
        f["severity"] == "error" for f in new_findings(before, after, a))]


def located(findings, word):
    """exact: a finding names the slot or field; part: its bucket, group, table or header; none."""
    places = [f["where"] for f in findings]
    for e in word.exact:  # one that ends in * stands for whatever begins so
        if any(p.startswith(e[:-1]) if e.endswith("*") else p == e for p in places):
            return "exact"
    for p in places:
        for part in word.part:
            if part == "" and not p.startswith("group") and "[" not in p or part and begins(p, part):
                return "part"
    return "none"


def begins(place, part):
    return place == part or place.startswith((part + ".", part + "["))


def explained(causes, damage):
    """What the most probable causes say. right: the class, and the very bits; class: only that; wrong; none: nothing said."""
    expect = damage.more.get("expect", ["bit-flip"])
    most = max((c.get("probability") or 0 for c in causes), default=0)
    fits = [c for c in causes if c["class"] in expect and (c.get("probability") or 0) == most]
    if not fits:
        return "wrong" if causes else "none"
    return "right" if any(names(w, damage) for c in fits for w in c.get("words") or []) else "class"


def names(word, damage):
    """Whether a word of a cause is the damaged one; of a flip it has to name the bit, or what stood there, too."""
    if not word.get("addr"):
        return False
    addr, size = int(word["addr"], 16), word.get("size") or 8
    mine, changed = damage.word.addr, [i for i, (a, b) in enumerate(zip(damage.old, damage.new)) if a != b]
    if not any(addr <= mine + i < addr + size for i in changed):
        return False
    if "bit" not in damage.more:
        return True
    if word.get("bit") is not None:
        return 8 * addr + word["bit"] == 8 * mine + damage.more["bit"]
    mem, would_be = damage.case.mem, word.get("would_be")
    return would_be is not None and mem.has(addr, size) and int(would_be, 16) == mem.uint(addr, size)
