"""The words of a classic map (up to go1.23, and noswissmap builds), out of memory and the address of its header."""

from gotypes import round_up
from words import HEADER, Entries, Word, bits

# field: (offset, size) by word size; in noswissmap builds clearSeq stands before extra
HMAP = {
    8: {"count": (0, 8), "flags": (8, 1), "B": (9, 1), "noverflow": (10, 2), "hash0": (12, 4), "buckets": (16, 8),
        "oldbuckets": (24, 8), "nevacuate": (32, 8), "extra": (40, 8)},
    4: {"count": (0, 4), "flags": (4, 1), "B": (5, 1), "noverflow": (6, 2), "hash0": (8, 4), "buckets": (12, 4),
        "oldbuckets": (16, 4), "nevacuate": (20, 4), "extra": (24, 4)},
}
ITERATOR, OLD_ITERATOR, WRITING, SAME_SIZE = 1, 2, 4, 8
EMPTY_REST, EMPTY_ONE, FIRST_LIVE = 0, 1, 5
UNTOUCHED = "bucket.untouched"


class Classic:
    """One map. `words` are all of its words, `live` how many entries it has, `labels` what is special about it."""

    def __init__(self, mem, addr, key, elem, go):
        self.mem, self.addr, word = mem, addr, mem.word
        self.entries = e = Entries(mem, key, elem)
        self.offsets = dict(HMAP[word])
        if "noswiss" in go or go.startswith(("go1.24", "go1.25")):
            self.offsets["clearSeq"], self.offsets["extra"] = (40, 8), (48, 8)
        self.bucket_size = round_up(8 + 8 * e.key_size + 8 * e.elem_size, word) + word
        self.words, self.live, self.reflexive = [], 0, 0
        self.labels = set()
        self.spans = {"header": [(addr, 6 * word)], "bucket": [], "old bucket": []}
        self.B, self.flags = self.get("B"), self.get("flags")
        self.buckets, self.old = self.get("buckets"), self.get("oldbuckets")
        self.growing = self.old != 0
        self.same_size = bool(self.flags & SAME_SIZE)
        self.nold = (1 << self.B if self.same_size else 1 << self.B >> 1) if self.growing else 0
        if self.growing:
            self.labels.add("same-size-grow" if self.same_size else "growing")
        self.storage()
        self.header()
        self.extra()

    def field(self, name):
        off, size = self.offsets[name]
        return self.addr + off, size

    def get(self, name):
        return self.mem.uint(*self.field(name))

    def is_blank(self, addr, size):
        """Whether this map looks as if it never had an entry when these bytes are zero."""
        fields = ("count", "B", "noverflow", "buckets", "oldbuckets", "extra")
        return all(addr <= a and a + n <= addr + size or self.get(f) == 0 for f in fields for a, n in [self.field(f)])

    def is_evacuated(self, bucket):
        return 2 <= self.mem.uint(bucket, 1) <= 4

    def storage(self):
        if not self.buckets:
            self.labels.add("no-storage")
            return
        if self.B > 16:
            raise ValueError("B is %d" % self.B)
        for i in range(self.nold):
            bucket = self.old + i * self.bucket_size
            self.chain(bucket, "oldbuckets[%d]" % i, "old", self.is_evacuated(bucket))
        for i in range(1 << self.B):
            untouched = self.growing and not self.is_evacuated(self.old + i % self.nold * self.bucket_size)
            self.chain(self.buckets + i * self.bucket_size, "buckets[%d]" % i, "untouched" if untouched else "", False)

    def chain(self, bucket, path, sort, evacuated):
        cells, position, buckets = [], 0, []
        while bucket:
            self.spans["old bucket" if sort == "old" else "bucket"].append((bucket, self.bucket_size))
            here = path if position == 0 else "%s.overflow[%d]" % (path, position)
            follow = bucket + self.bucket_size - self.mem.word
            buckets.append((bucket, here, follow))
            cells += [(bucket, here, i) for i in range(8)]
            bucket, position = self.mem.ptr(follow), position + 1
            if position > 100:
                raise ValueError("a chain without an end")
        if position > 1:
            self.labels.add("overflow")
        for n, (bucket, here, follow) in enumerate(buckets):
            self.overflow_pointer(path, n, here, follow, sort, evacuated)
        marks = [self.mem.uint(b + i, 1) for b, _, i in cells]
        for n, (bucket, here, i) in enumerate(cells):
            self.cell(bucket, path, here, i, sort, evacuated, marks, n)

    def overflow_pointer(self, path, n, here, follow, sort, evacuated):
        kind = "overflow.nil" if self.mem.ptr(follow) == 0 else "overflow"
        must, soft, why = bits(self.mem.word), 0, ""
        if sort == "untouched":
            kind = UNTOUCHED
        elif evacuated:
            kind += ".evacuated"
        exact = (here, "%s.overflow[%d]" % (path, n + 1))
        self.words.append(Word(follow, self.mem.word, kind, exact, (path,), must, soft, why))

    def cell(self, bucket, path, here, i, sort, evacuated, marks, n):
        e, mark = self.entries, marks[n]
        exact, part = ("%s.cell[%d]" % (here, i),), (path,)
        key, elem = bucket + 8 + i * e.key_size, bucket + 8 + 8 * e.key_size + i * e.elem_size
        every = bits(1)
        if sort == "untouched":  # all of it has to be zero, so that its smallest part is the bucket
            exact += (here,)
            self.words.append(Word(bucket + i, 1, UNTOUCHED, exact, part, every, 0, ""))
            for addr, size in ((key, e.key_size), (elem, e.elem_size)):
                if size:
                    size = min(8, size)
                    self.words.append(Word(addr, size, UNTOUCHED, exact, part, bits(size), 0, ""))
        elif evacuated:
            self.evacuated_cell(bucket + i, mark, exact, part)
            if e.key_size:
                size = min(8, e.key_size)
                self.words.append(Word(key, size, "evacuated.key", exact, part, 0, bits(size), "the entry was moved, and only which half to can be compared"))
        elif mark >= FIRST_LIVE:
            self.live += 1
            words, reflexive = e.live_key(key, exact, part)
            self.reflexive += reflexive
            must, why = every, ""
            if not reflexive:  # values below 5, and nothing else, contradict something
                must = sum(1 << b for b in range(8) if mark ^ 1 << b < FIRST_LIVE)
                why = "the key is not equal to itself, so that its hash is random"
            self.words.append(Word(bucket + i, 1, "tophash.full" + (".old" if sort else ""), exact, part, must, 0, why))
            self.words += words + e.live_elem(elem, exact, part)
        else:
            last = mark == EMPTY_REST and (n == 0 or marks[n - 1] != EMPTY_REST)
            self.empty_cell(bucket + i, mark, exact, part, last)
            self.words += e.free(key, elem, exact, part)

    def empty_cell(self, addr, mark, exact, part, first_rest):
        kind = "tophash.emptyRest" if mark == EMPTY_REST else "tophash.emptyOne"
        must, soft, why = 0xFF, 0, ""
        if mark == EMPTY_REST and first_rest:
            must, soft, why = 0xFE, 1, "emptyOne where emptyRest may stand is harmless: a warning"
        self.words.append(Word(addr, 1, kind, exact, part, must, soft, why))

    def evacuated_cell(self, addr, mark, exact, part):
        must, soft, why = 0xFF, 0, ""
        if mark in (2, 3):
            if not self.same_size:  # there is one half only in those
                must, soft = 0xFE, 1
                why = "which half an entry was moved to shows only if its key is still there"
        self.words.append(Word(addr, 1, "tophash.evacuated", exact, part, must, soft, why))

    def header(self):
        for name, (off, size) in self.offsets.items():
            must, soft, why = getattr(self, "bits_of_" + name, lambda every: (every, 0, ""))(bits(size))
            self.words.append(Word(self.addr + off, size, "header." + name, (name,), HEADER, must, soft, why))

    def bits_of_flags(self, every):
        return every & ~7, WRITING, "the iterator flags are legal at any time, the write flag while a goroutine writes"

    def bits_of_hash0(self, every):
        if not self.reflexive:
            return 0, 0, "no key whose hash it could contradict"
        if self.entries.key_size == 0:
            return 0, 0, "a key without bytes hashes to the seed itself, of which one bucket shows nothing"
        return every, 0, ""

    def bits_of_nevacuate(self, every):
        if not self.growing:
            return 0, 0, "outside of a grow it is what the last grow left, and never read"
        return every, 0, ""

    def bits_of_clearSeq(self, every):
        return 0, 0, "any number of clears is legal"

    def bits_of_B(self, every):
        if not self.buckets:
            return 0, every, "a map without storage may have any B that a hint asks for"
        return every, 0, ""

    def extra(self):
        mem, word, extra = self.mem, self.mem.word, self.get("extra")
        if not extra:
            return
        self.labels.add("extra")
        for i, name in enumerate(("overflow", "oldoverflow", "nextOverflow")):
            addr, place = extra + i * word, "extra." + name
            kind = place + (".nil" if mem.ptr(addr) == 0 else "")
            self.words.append(Word(addr, word, kind, (place,), ("extra",), bits(word), 0, ""))
            if i < 2 and mem.ptr(addr):
                self.listed(mem.ptr(addr), place)
        self.unused(mem.ptr(extra + 2 * word))

    def listed(self, head, place):
        """A slice of overflow buckets: header and elements."""
        mem, word = self.mem, self.mem.word
        data, length = mem.ptr(head), mem.ptr(head + word)
        must, why = (bits(word), "") if length else (0, "the pointer of an empty slice is never followed")
        self.words += [
            Word(head, word, "extra.list.ptr", (place,), ("extra",), must, 0, why),
            Word(head + word, word, "extra.list.len", (place,), ("extra",), bits(word), 0, ""),
            Word(head + 2 * word, word, "extra.list.cap", (place,), ("extra",), 0, bits(word), "any room at the end is legal"),
        ]
        for i in range(length):
            self.words.append(Word(data + i * word, word, "extra.list.elem", (place,), ("extra",), bits(word), 0, ""))

    def unused(self, at):
        """Preallocated buckets from extra.nextOverflow on; the last one's overflow pointer is the end mark."""
        mem, word = self.mem, self.mem.word
        while at:
            exact = ("buckets[%d]" % ((at - self.buckets) // self.bucket_size),)
            end = at + self.bucket_size - word
            for addr in range(at, end, 8):
                size = min(8, end - addr)
                self.words.append(Word(addr, size, "prealloc.unused", exact, ("extra",), bits(size), 0, ""))
            mark = mem.ptr(end)
            kind = "prealloc.unused" if mark == 0 else "prealloc.end-mark"
            self.words.append(Word(end, word, kind, exact, ("extra",), bits(word), 0, ""))
            at = at + self.bucket_size if mark == 0 else 0
