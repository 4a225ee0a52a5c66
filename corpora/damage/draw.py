"""Chooses what to damage: kinds of words alike, within a kind all sorts of maps alike, then map, word and bit."""

import fnmatch
import random

from memory import Unreadable
from words import Word

# ASCII, all ones, a pointer, zeros: what strays into memory in practice.
PATTERNS = ("ascii", "ones", "pointer", "zeros")
TEXT = b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n"


class Damage:
    """Bytes of one map to be overwritten, and what is expected of the checker."""

    def __init__(self, case, one, word, grade, new, **more):
        self.case, self.map, self.word, self.grade = case, one, word, grade
        self.old, self.new = case.mem.read(word.addr, len(new)), new
        self.more = more


def pool(maps, wanted):
    """kind -> stratum -> map index -> words"""
    out = {}
    for i, one in enumerate(maps):
        for w in one.words:
            if fnmatch.fnmatchcase(w.kind, wanted) and one.mem.has(w.addr, w.size):
                out.setdefault(w.kind, {}).setdefault(one.stratum, {}).setdefault(i, []).append(w)
    return out


def flips(case, seed, count, wanted):
    """count single-bit flips, spread evenly over the kinds of words there are."""
    rng = random.Random("%s flips %s" % (seed, case.name))
    kinds = pool(case.maps, wanted)
    out, seen = [], set()
    for n in range(count):
        if not kinds:
            break
        kind = sorted(kinds)[n % len(kinds)]
        for _ in range(20):  # a few kinds have hardly any bits: drop what would come twice
            maps = kinds[kind][rng.choice(sorted(kinds[kind]))]
            i = rng.choice(sorted(maps))
            word = rng.choice(maps[i])
            bit = rng.randrange(8 * word.size)
            if (word.addr, bit) not in seen:
                seen.add((word.addr, bit))
                out.append(flip(case, case.maps[i], word, bit))
                break
    return out


def flip(case, one, word, bit):
    old = case.mem.uint(word.addr, word.size)
    if word.leads and same(case.mem, old, old ^ 1 << bit, word.leads):
        word = word._replace(must=0, soft=0, why="it leads to a copy of the same bytes")
    grade = "must" if word.must >> bit & 1 else "soft" if word.soft >> bit & 1 else "none"
    return Damage(case, one, word, grade, (old ^ 1 << bit).to_bytes(word.size, "little"), bit=bit)


def same(mem, one, other, size):
    try:
        return mem.read(one, size) == mem.read(other, size)
    except Unreadable:
        return False


def writes(case, seed, count, wanted):
    """count chosen writes: 8, 16 or 32 bytes of a part of a map, and bytes of string keys."""
    rng = random.Random("%s writes %s" % (seed, case.name))
    out, seen = [], set()
    targets = write_targets(case, wanted)
    heap = sorted(one.addr for one in case.maps)
    for n in range(count):
        if not targets:
            break
        kind = sorted(targets)[n % len(targets)]
        one, span = rng.choice(targets[kind][rng.choice(sorted(targets[kind]))])
        if kind == "write.key-bytes":
            damage = mutate(case, one, span, rng)
        else:
            damage = overwrite(case, one, kind, span, rng, heap)
        if damage and (damage.word.addr, damage.new) not in seen and damage.old != damage.new:
            seen.add((damage.word.addr, damage.new))
            out.append(damage)
    return out


def write_targets(case, wanted):
    """kind -> stratum -> [(map, span or word)]"""
    out = {}
    for one in case.maps:
        rows = [("write." + name, span) for name, spans in one.spans.items() for span in spans]
        rows += [("write.key-bytes", w) for w in one.words if w.kind == "key.string-bytes"]
        for kind, span in rows:
            if fnmatch.fnmatchcase(kind, wanted):
                out.setdefault(kind, {}).setdefault(one.stratum, []).append((one, span))
    return out


def overwrite(case, one, kind, span, rng, heap):
    start, size = span
    n = min(rng.choice((8, 16, 32)), size)
    addr = start + 8 * rng.randrange((size - n) // 8 + 1)
    if not case.mem.has(addr, n):
        return None
    pattern = rng.choice(PATTERNS)
    at = rng.randrange(len(TEXT) - n) if n < len(TEXT) else 0
    new = {
        "ascii": TEXT[at:at + n], "ones": b"\xff" * n, "zeros": bytes(n),
        "pointer": rng.choice(heap).to_bytes(8, "little") * (n // 8),
    }[pattern]
    hit = [w for w in one.words if w.addr < addr + n and addr < w.addr + w.size]
    changed = [w for w in hit if touches(case, w, addr, new) & w.must]
    why = "it changes nothing that is contradicted"
    if kind == "write.header" and pattern == "zeros" and one.is_blank(addr, n):
        changed, why = [], "the header is now that of a map that never had an entry"
    exact = tuple(p for w in changed or hit for p in w.exact)
    part = tuple(p for w in changed or hit for p in w.part)
    word = Word(addr, n, kind, exact, part, 0, 0, "" if changed else why)
    return Damage(case, one, word, "must" if changed else "none", new, pattern=pattern,
                  hits=sorted({w.kind for w in changed or hit}),
                  expect=["overwritten-header", "stray-write"] if kind == "write.header" else ["stray-write"])


def touches(case, word, addr, new):
    """Bits of the word that the write changes."""
    old = case.mem.read(word.addr, word.size)
    now = bytearray(old)
    for i in range(word.size):
        if 0 <= word.addr + i - addr < len(new):
            now[i] = new[word.addr + i - addr]
    return int.from_bytes(old, "little") ^ int.from_bytes(now, "little")


def mutate(case, one, word, rng):
    """Other letters in the bytes of a string that is a key."""
    old = case.mem.read(word.addr, word.size)
    new = bytes(rng.randrange(97, 123) for _ in old[:rng.randrange(len(old)) + 1]) + b""
    new += old[len(new):]
    return Damage(case, one, word._replace(kind="write.key-bytes"), "must" if word.must else "soft", new, expect=["mutated-key"])
