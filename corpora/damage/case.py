"""One sound core to be damaged: unpacked, its maps taken apart, and what the checker says of it beforehand."""

import json
import os
import subprocess

from classic import Classic
from gotypes import Unknown
from memory import Memory, Unreadable
from swiss import Swiss

TIMEOUT = 120


class Trouble(Exception):
    """Something that keeps the bench from working; its text is for the user."""


def unpack(path, to):
    if not path.endswith(".zst"):
        return path
    if not os.path.exists(to):
        done = subprocess.run(["zstd", "-dqf", "--sparse", "--long=27", path, "-o", to], stderr=subprocess.PIPE)
        if done.returncode:
            raise Trouble("unpacking %s: %s" % (path, done.stderr.decode().strip()))
    return to


class Checker:
    """The program under test."""

    def __init__(self, path):
        self.path = path

    def run(self, what, core, binary):
        """(exit code, document or None, stderr). Code "hang" if it does not end."""
        cmd = [self.path, what, core, binary, "--format", "json", "--jobs", "1", "-q"]
        try:
            p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return "hang", None, "did not end within %d s" % TIMEOUT
        except OSError as e:
            raise Trouble("running %s: %s" % (self.path, e))
        try:
            return p.returncode, json.loads(p.stdout), p.stderr.decode(errors="replace")
        except ValueError:
            return p.returncode, None, p.stderr.decode(errors="replace")


class State:
    """What a run of `check` said, by map."""

    def __init__(self, document):
        self.findings, self.causes = {}, {}
        for f in document["findings"]:
            self.findings.setdefault(int(f["map"], 16), []).append(f)
        for c in document.get("causes") or []:
            self.causes.setdefault(int(c["map"], 16), []).append(c)
        self.unknown = {int(u["map"], 16): u for u in document["unknown"]}
        self.total = document["maps"]["total"]
        self.summary = document["maps"]
        self.gaps = document["gaps_total"]


class Case:
    """A core of a corpus that nobody broke."""

    def __init__(self, corpus, core, binaries, checker, directory):
        self.name, self.checker = core["name"], checker
        os.makedirs(directory, exist_ok=True)
        there = lambda name: os.path.join(directory, name)
        binary = binaries[core["binary"]]
        self.core = unpack(os.path.join(corpus, core["file"]), there(core["name"] + ".core"))
        self.binary = unpack(os.path.join(corpus, binary["file"]), there(core["binary"]))
        truth = unpack(os.path.join(corpus, core["truth"]), there(core["name"] + ".json"))
        with open(truth) as f:
            self.truth = json.load(f)
        self.skipped = {}
        self.maps = []
        code, document, err = checker.run("check", self.core, self.binary)
        if document is None:
            raise Trouble("check of the sound %s: %s %s" % (self.name, code, err.strip()))
        self.before = State(document)
        self.mem = Memory(self.core, self.binary)
        self.take_apart()

    def listed(self, core):
        """Verdicts by address of the header."""
        code, document, err = self.checker.run("list", core, self.binary)
        if document is None:
            raise Trouble("list of %s: %s %s" % (self.name, code, err.strip()))
        return {int(m["addr"], 16): m for m in document["maps"]}

    def take_apart(self):
        listed = self.listed(self.core)
        make = Classic if self.truth["maps_kind"] == "classic" else Swiss
        seen = set()
        for m in self.truth["maps"]:
            addr = int(m["addr"], 16)
            if m["kind"] != "map" or addr == 0 or addr in seen:
                continue
            seen.add(addr)
            why = None
            if m["expect"] != "ok":
                why = "not known to be sound"
            elif (listed.get(addr) or {}).get("verdict") != "ok":
                why = "not found, or not called sound"
            else:
                try:
                    one = make(self.mem, addr, m["key"], m["elem"], self.truth["go"])
                    if one.live == m["len"]:
                        one.truth = m
                        one.stratum = stratum(one, m)
                        if listed[addr].get("type_sure") != "typed":
                            one.words = [w._replace(must=0, soft=w.must | w.soft, why=LOOKS) for w in one.words]
                        self.maps.append(one)
                    else:
                        why = "%d entries counted, %s in the truth" % (one.live, m["len"])
                except Unknown as e:
                    why = "no layout of %s" % e
                except (Unreadable, ValueError) as e:
                    why = "not taken apart: %s" % e
            if why:
                self.skipped[why] = self.skipped.get(why, 0) + 1
        self.maps.sort(key=lambda one: one.addr)


LOOKS = "nothing typed leads to this map: damaged it may not look like one"
SPECIAL = {"tombstones", "growing", "same-size-grow", "overflow", "tables", "table", "no-storage", "shared-entries"}


def stratum(one, truth):
    """Maps of one stratum are alike; every stratum is drawn as often as any other."""
    sizes = [limit for limit in (0, 1, 8, 100) if one.live <= limit]
    labels = sorted(one.labels & SPECIAL) + (["nan"] if "nan" in truth["state"] else [])
    return " ".join(labels + ["<=%d" % sizes[0] if sizes else ">100"])
