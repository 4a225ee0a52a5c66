"""The words of a Swiss map (from go1.24 on), out of memory and the address of its header."""

from gotypes import round_up
from words import HEADER, Entries, Word, bits

# field: (offset, size) by word size
MAP = {
    8: {"used": (0, 8), "seed": (8, 8), "dirPtr": (16, 8), "dirLen": (24, 8), "globalDepth": (32, 1), "globalShift": (33, 1),
        "writing": (34, 1), "tombstonePossible": (35, 1), "clearSeq": (40, 8)},
    4: {"used": (0, 8), "seed": (8, 4), "dirPtr": (12, 4), "dirLen": (16, 4), "globalDepth": (20, 1), "globalShift": (21, 1),
        "writing": (22, 1), "tombstonePossible": (23, 1), "clearSeq": (24, 8)},
}
TABLE = {
    8: {"used": (0, 2), "capacity": (2, 2), "growthLeft": (4, 2), "localDepth": (6, 1), "index": (8, 8),
        "groups.data": (16, 8), "groups.lengthMask": (24, 8)},
    4: {"used": (0, 2), "capacity": (2, 2), "growthLeft": (4, 2), "localDepth": (6, 1), "index": (8, 4),
        "groups.data": (12, 4), "groups.lengthMask": (16, 8)},
}
EMPTY, DELETED = 0x80, 0xFE


class Swiss:
    """One map. `words` are all of its words, `live` how many entries it has, `labels` what is special about it."""

    def __init__(self, mem, addr, key, elem, go):
        self.mem, self.addr = mem, addr
        self.entries = Entries(mem, key, elem)
        self.split = "mapsplitgroup" in go
        self.has_tombstone_flag = not go.startswith("go1.24")
        self.words, self.live, self.reflexive, self.tombstones = [], 0, 0, 0
        self.labels = set()
        self.spans = {"header": [(addr, 6 * mem.word)], "group": [], "table": [], "directory": []}
        self.shape()
        self.storage()
        self.header()

    def field(self, name):
        off, size = MAP[self.mem.word][name]
        return self.addr + off, size

    def get(self, name):
        return self.mem.uint(*self.field(name))

    def is_blank(self, addr, size):
        """Whether this map looks as if it never had an entry when these bytes are zero."""
        fields = ("used", "dirPtr", "dirLen", "globalDepth", "tombstonePossible")  # globalShift is 64 or 0 then
        return all(addr <= a and a + n <= addr + size or self.get(f) == 0 for f in fields for a, n in [self.field(f)])

    def shape(self):
        """Where keys and elems are in a group."""
        e = self.entries
        if self.split:
            self.key_off, self.key_step = 8, e.key_size
            self.elem_off, self.elem_step = round_up(8 + 8 * e.key_size, e.elem_align), e.elem_size
            end = self.elem_off + 8 * e.elem_size + (e.elem_size == 0)
        else:
            at = round_up(e.key_size, e.elem_align)
            slot = at + e.elem_size + (e.elem_size == 0 and at > 0)
            slot = round_up(slot, max(e.key_align, e.elem_align))
            self.key_off, self.key_step = 8, slot
            self.elem_off, self.elem_step = 8 + at, slot
            end = 8 + 8 * slot + (slot == 0)
        self.group_size = round_up(end, 8 if self.mem.word == 8 else max(4, e.key_align, e.elem_align))

    def storage(self):
        mem, word = self.mem, self.mem.word
        storage, length = self.get("dirPtr"), self.get("dirLen")
        if storage == 0:
            self.labels.add("no-storage")
            return
        if length == 0:
            self.labels.add("small")
            self.group(storage, "group", ("group",))
            return
        self.labels.add("tables" if length > 1 else "table")
        self.spans["directory"].append((storage, length * word))
        seen = {}
        for i in range(length):
            table = mem.ptr(storage + i * word)
            first = seen.setdefault(table, i)
            self.words.append(Word(storage + i * word, word, "directory", ("dir[%d]" % i, "dir[%d].*" % i),
                                   ("dir[%d]" % first,), bits(word), 0, ""))
        if len(seen) < length:
            self.labels.add("shared-entries")
        for table, first in seen.items():
            self.table(table, first)

    def table(self, table, first):
        path = "dir[%d].table" % first
        self.spans["table"].append((table, 4 * self.mem.word))
        at = TABLE[self.mem.word]
        for name, (off, size) in at.items():
            exact = [path + "." + name]
            if name == "groups.data":
                exact += [path + ".groups"]
            self.words.append(Word(table + off, size, "table." + name, tuple(exact), (path,), bits(size), 0, ""))
        data = self.mem.ptr(table + at["groups.data"][0])
        groups = self.mem.uint(table + at["groups.lengthMask"][0], 8) + 1
        if groups > 128:
            raise ValueError("no table at 0x%x" % table)
        for i in range(groups):
            group = "%s.groups[%d]" % (path, i)
            self.group(data + i * self.group_size, group, (group, path))

    def group(self, addr, path, part):
        self.spans["group"].append((addr, self.group_size))
        e = self.entries
        for slot in range(8):
            ctrl = self.mem.uint(addr + slot, 1)
            exact = ("%s.slot[%d]" % (path, slot),)
            key, elem = addr + self.key_off + slot * self.key_step, addr + self.elem_off + slot * self.elem_step
            if ctrl < 0x80:
                words, reflexive = e.live_key(key, exact, part)
                self.live += 1
                self.reflexive += reflexive
                must, why = (0xFF, "") if reflexive else (0x80, "the key is not equal to itself, so that its hash is random")
                if e.key_size == 0 and self.live > 1:
                    raise ValueError("two keys without bytes")
                self.words.append(Word(addr + slot, 1, "ctrl.full", exact, part, must, 0, why))
                self.words += words + e.live_elem(elem, exact, part)
            else:
                kind = "ctrl.empty" if ctrl == EMPTY else "ctrl.deleted"
                self.tombstones += ctrl == DELETED
                self.words.append(Word(addr + slot, 1, kind, exact, part, 0xFF, 0, ""))
                self.words += e.free(key, elem, exact, part)

    def header(self):
        if self.tombstones:
            self.labels.add("tombstones")
        for name in MAP[self.mem.word]:
            addr, size = self.field(name)
            must, soft, why = bits(size), 0, ""
            if name == "seed":
                must, why = self.seed(must)
            elif name == "writing":
                must, soft, why = 0xFE, 1, "a set write flag is legal while a goroutine writes"
            elif name == "globalShift" and not self.get("dirPtr"):
                must, soft, why = must & ~0x40, 0x40, "a map that NewMap is about to give a directory of one table looks so"
            elif name == "clearSeq":
                must, why = 0, "any number of clears is legal"
            elif name == "tombstonePossible" and self.has_tombstone_flag:
                if not (self.tombstones and self.get(name)):
                    must, why = 0xFE, "both values are legal without deleted slots"
            self.words.append(Word(addr, size, "header." + name, (name,), HEADER, must, soft, why))
            if name == "tombstonePossible" and not self.has_tombstone_flag:
                self.words[-1] = self.words[-1]._replace(exact=(name, "padding behind writing"))

    def seed(self, must):
        if not self.reflexive:
            return 0, "no key whose hash it could contradict"
        if self.entries.key_size == 0:
            return 0x7F, "the hash of a key without bytes is the seed; a small map uses 7 bits of it"
        return must, ""
