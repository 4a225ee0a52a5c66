"""Damages copies of a core, runs the checker over each, and records what came of it."""

import os
import queue
import shutil
import threading

import judge
from case import State


SHARED = ("-bytes", "-memory")  # kinds of words that are not in the map itself
OF_TWO_MAPS = {"MAP-SHARED"}  # rules that name an innocent map beside the damaged one


class Copies:
    """As many copies of the core file as there are workers."""

    def __init__(self, case, jobs, directory):
        self.free = queue.Queue()
        for i in range(jobs):
            path = os.path.join(directory, "%s.copy%d" % (case.name, i))
            shutil.copyfile(case.core, path)
            self.free.put(path)

    def remove(self):
        while not self.free.empty():
            os.remove(self.free.get())


def batches(damages, per_run):
    """Damages that one run can hold: each in a map and in memory of its own. What keys lead to may be shared: alone."""
    out = [[d] for d in damages if d.word.kind.endswith(SHARED)]
    rest = [d for d in damages if not d.word.kind.endswith(SHARED)]
    while rest:
        batch, later, maps, bytes_hit = [], [], set(), set()
        for d in rest:
            hit = set(range(d.word.addr, d.word.addr + len(d.new)))
            if len(batch) < per_run and d.map.addr not in maps and not hit & bytes_hit:
                batch.append(d)
                maps.add(d.map.addr)
                bytes_hit |= hit
            else:
                later.append(d)
        out.append(batch)
        rest = later
    return out


def run_all(case, damages, per_run, jobs, directory, progress):
    """The records of all damages, in their order."""
    copies = Copies(case, jobs, directory)
    todo, records, failures = queue.Queue(), {}, []
    for batch in batches(damages, per_run):
        todo.put(batch)

    def work():
        path = copies.free.get()
        try:
            while not failures:
                try:
                    batch = todo.get_nowait()
                except queue.Empty:
                    return
                for d, record in zip(batch, run_batch(case, batch, path)):
                    records[id(d)] = record
                progress(len(batch))
        except Exception as e:  # pylint: disable=broad-except
            failures.append(e)
        finally:
            copies.free.put(path)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    copies.remove()
    if failures:
        raise failures[0]
    return [records[id(d)] for d in damages]


def run_batch(case, batch, path):
    patch(case, batch, path, "new")
    try:
        code, document, err = case.checker.run("check", path, case.binary)
        if document is not None:
            after = State(document)
            vanished = set()
            if after.total != case.before.total:
                there = case.listed(path)
                vanished = {d.map.addr for d in batch if d.map.addr not in there}
    finally:
        patch(case, batch, path, "old")
    if document is None or code not in (0, 1, 3):
        if len(batch) > 1:  # whose fault was it?
            return [run_batch(case, [d], path)[0] for d in batch]
        return [record(batch[0], "hang" if code == "hang" else "crash", note="exit %s: %s" % (code, err.strip()[-600:]))]
    damaged = {d.map.addr for d in batch}
    spill = judge.others(case.before, after, damaged)
    out = []
    for d in batch:
        mine = judge.new_findings(case.before, after, d.map.addr)
        status = judge.status(case.before, after, d.map.addr, vanished, damaged)
        if len(batch) > 1 and (status == "other" or any(f["rule"] in OF_TWO_MAPS for f in mine)):
            out += run_batch(case, [d], path)  # was it this one, or another of the batch?
            continue
        causes = after.causes.get(d.map.addr, [])
        out.append(record(
            d, status,
            located=judge.located(mine, d.word), explained=judge.explained(causes, d),
            findings=[[f["rule"], f["severity"], f["where"]] for f in mine[:12]],
            unknown_rules=after.unknown.get(d.map.addr, {}).get("rules", []),
            causes=[{k: c.get(k) for k in ("class", "probability", "text", "words")} for c in causes[:6]],
            others=["0x%x" % a for a in spill], maps_found=after.total - case.before.total,
        ))
    return out


def patch(case, batch, path, which):
    fd = os.open(path, os.O_WRONLY)
    try:
        for d in batch:
            data = getattr(d, which)
            done = os.pwrite(fd, data, case.mem.offset(d.word.addr, len(data)))
            assert done == len(data)
    finally:
        os.close(fd)


def record(d, status, located="none", explained="none", **more):
    m = d.map.truth
    out = {
        "core": d.case.name, "map": m["addr"], "type": m["type"], "owner": m["held"], "len": m["len"],
        "stratum": d.map.stratum, "kind": d.word.kind, "place": list(d.word.exact[:4]),
        "addr": "0x%x" % d.word.addr, "size": len(d.new), "old": text(d.old), "new": text(d.new),
        "redundant": d.grade == "must", "grade": d.grade, "why": d.word.why if d.grade != "must" else "",
        "status": status, "located": located, "explained": explained,
    }
    out.update(d.more)
    out.update(more)
    return out


def text(data):
    """Bytes as a number if they are a word, else one by one."""
    return "0x%0*x" % (2 * len(data), int.from_bytes(data, "little")) if len(data) <= 8 else data.hex()
