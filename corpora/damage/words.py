"""The words of map memory that can be damaged, and what of each of them can be noticed.

For every bit of a word it is known beforehand whether anything else in the process contradicts a changed value:
"must" (a rule of severity error has to fire), "soft" (a hint may fire, a warning say), or neither, with the reason.
"""

from collections import namedtuple

from gotypes import layout
from memory import Unreadable

# kind     the kind of word, a row of the table
# exact    places of which a finding has to name one to count as located in the right slot or field
# part     beginnings of places that count as located in the right bucket, group or table
# must     bits (a mask) whose change has to be detected; soft: bits that may be; why: the reason for the others
# leads    how many bytes the word leads to, if nothing but these counts, as with the pointer of a string
Word = namedtuple("Word", "addr size kind exact part must soft why leads", defaults=(0,))

DIRECT = (18, 19, 21, 22, 26)  # chan, func, map, pointer, unsafe.Pointer: the data word of an interface is the value
HEADER = ("",)  # a part: any field of the header


def bits(size):
    return (1 << 8 * size) - 1


class Entries:
    """Makes the words of keys and elems of one map type."""

    def __init__(self, mem, key, elem):
        self.mem = mem
        self.key, self.elem = layout(key, mem.word), layout(elem, mem.word)
        self.key_indirect, self.elem_indirect = self.key.size > 128, self.elem.size > 128
        self.key_size = mem.word if self.key_indirect else self.key.size
        self.elem_size = mem.word if self.elem_indirect else self.elem.size
        self.key_align = mem.word if self.key_indirect else self.key.align
        self.elem_align = mem.word if self.elem_indirect else self.elem.align
        self.key_pointers = self.key_indirect or self.key.has_pointers()
        self.no_pointers = not (self.key_pointers or self.elem_indirect or self.elem.has_pointers() or self.elem.has("map"))
        self.itabs = key in ("main.named", "error")  # interfaces with methods begin with an itab
        self.composite = len(self.key.atoms) > 1 and not self.key.has("string-ptr", "iface-type", "float")

    def live_key(self, addr, exact, part):
        """(words of a live key, whether it equals itself)"""
        out = []
        if self.key_indirect:
            out.append(Word(addr, self.mem.word, "key.indirect-ptr", exact, part, bits(self.mem.word), 0, ""))
            addr = self.mem.ptr(addr)
        reflexive = not any(
            self.is_nan(addr + o, s) if c == "float" else c == "iface-type" and self.iface_is_nan(addr + o)
            for o, s, c in self.key.atoms
        )
        for off, size, cls in self.key.atoms:
            out += self.key_atom(addr + off, size, cls, exact, part)
        if not reflexive:
            why = "the key is not equal to itself, so that its hash is random"
            out = [w if w.kind == "key.indirect-ptr" else w._replace(must=0, soft=w.must, why=why) for w in out]
        return out, reflexive

    def key_atom(self, addr, size, cls, exact, part):
        mem, word = self.mem, self.mem.word
        every = bits(size)
        if cls == "pad":
            return [Word(addr, size, "key.padding", exact, part, 0, 0, "padding and blank fields are not hashed")]
        if cls == "float":
            return [self.float_word(addr, size, "key.float", exact, part)]
        if cls == "string-ptr":
            return self.string_words(addr, exact, part)
        if cls == "iface-type":
            return self.iface_words(addr, exact, part)
        if cls in ("string-len", "iface-data"):
            return []  # made with their first word
        kind = "key." + cls
        if cls == "integer" and self.key_indirect:
            kind = "key.indirect-memory"
        elif cls == "integer" and self.composite:
            kind = "key.struct"
        return [Word(addr, size, kind, exact, part, every, 0, "")]

    def float_word(self, addr, size, kind, exact, part):
        """A float that is hashed: a change into NaN, or of the sign of zero, contradicts nothing."""
        value, must = self.mem.uint(addr, size), bits(size)
        why = ""
        if value << 1 & bits(size) == 0:
            must, why = must & ~(1 << 8 * size - 1), "0 and -0 are the same key"
        for bit in range(8 * size):
            if nan(value ^ 1 << bit, size):
                must, why = must & ~(1 << bit), "it becomes NaN, whose hash is random"
        return Word(addr, size, kind, exact, part, must, 0, why)

    def string_words(self, addr, exact, part, prefix="key."):
        mem, word = self.mem, self.mem.word
        data, length = mem.ptr(addr), mem.ptr(addr + word)
        every = bits(word)
        must, why = (every, "") if length else (0, "the pointer of an empty string is never followed")
        out = [
            Word(addr, word, prefix + "string-ptr", exact, part, must, 0, why, length),
            Word(addr + word, word, prefix + "string-len", exact, part, every, 0, ""),
        ]
        for at in range(0, min(length, 4096), 8):
            n = min(8, length - at)
            if mem.has(data + at, n):
                out.append(Word(data + at, n, prefix + "string-bytes", exact, part, bits(n), 0, ""))
        return out

    def iface_words(self, addr, exact, part):
        mem, word = self.mem, self.mem.word
        every, what = bits(word), self.dynamic(addr)
        alike = self.alike(addr) if what else 0
        why = "it becomes another type whose values hash alike; the type itself is not hashed" if alike else ""
        out = [Word(addr, word, "key.iface-type", exact, part, every & ~alike, 0, why)]
        data = Word(addr + word, word, "key.iface-data", exact, part, every, 0, "")
        if what is None:
            return out + [data._replace(must=0, why="of a nil interface only the type word counts")]
        kind, size, direct = what
        if direct:
            return out + [data]
        if size == 0:
            return out + [data._replace(must=0, why="it leads to a value without bytes")]
        out.append(data._replace(leads=size))
        to = mem.ptr(addr + word)
        if 1 <= kind <= 12 and mem.has(to, size):
            out.append(Word(to, size, "key.iface-memory", exact, part, bits(size), 0, ""))
        elif kind in (13, 14) and mem.has(to, size):
            out.append(self.float_word(to, size, "key.iface-memory", exact, part))
        elif kind == 24 and mem.has(to, 2 * word):
            out += [w._replace(kind="key.iface-memory") for w in self.string_words(to, exact, part)]
        return out

    def alike(self, addr):
        """Bits of the type word whose change leads to a type of which no hash can tell."""
        old, out = self.hashing(self.mem.ptr(addr)), 0
        for bit in range(3, 8 * self.mem.word):
            if old and self.hashing(self.mem.ptr(addr) ^ 1 << bit) == old:
                out |= 1 << bit
        return out

    def hashing(self, typ):
        """What the hash of a type's values depends on; None if that is not known, or it is no type."""
        mem, word = self.mem, self.mem.word
        try:
            typ = mem.ptr(typ + word) if self.itabs else typ
            kind, flags, size = mem.uint(typ + 2 * word + 7, 1), mem.uint(typ + 2 * word + 4, 1), mem.ptr(typ)
            if not 1 <= kind & 31 <= 26 or not mem.ptr(typ + 2 * word + 8):  # no kind, or not comparable
                return None
        except Unreadable:
            return None
        direct = kind & 31 in DIRECT or bool((kind | flags) & 32)
        if flags & 8:  # regular memory: its bytes
            return ("memory", size, direct)
        return (kind & 31, size) if kind & 31 in (13, 14, 15, 16, 24) else None

    def dynamic(self, addr):
        """(kind, size, whether the data word is the value) of the value in an interface; None if it is nil."""
        mem, word = self.mem, self.mem.word
        typ = mem.ptr(addr)
        if typ == 0:
            return None
        try:
            if self.itabs:
                typ = mem.ptr(typ + word)  # of an itab the second word
            kind, flags, size = mem.uint(typ + 2 * word + 7, 1), mem.uint(typ + 2 * word + 4, 1), mem.ptr(typ)
        except Unreadable:
            return (0, word, False)  # somewhere that is not known: nothing is said of what it leads to
        return (kind & 31, size, kind & 31 in DIRECT or bool((kind | flags) & 32))  # the flag moved in go1.26

    def iface_is_nan(self, addr):
        what = self.dynamic(addr)
        if not what or what[2]:
            return False
        word = self.mem.word
        typ = self.mem.ptr(addr)
        try:
            typ = self.mem.ptr(typ + word) if self.itabs else typ
            return any(self.is_nan(a, n) for a, n in self.floats(typ, self.mem.ptr(addr + word)))
        except Unreadable:
            return False

    def floats(self, typ, addr):
        """(address, size) of the floats in a value of this type, by its descriptor."""
        mem, word = self.mem, self.mem.word
        kind, size, head = mem.uint(typ + 2 * word + 7, 1) & 31, mem.ptr(typ), 4 * word + 16
        if kind in (13, 14):
            yield addr, size
        elif kind in (15, 16):
            yield from ((addr, size // 2), (addr + size // 2, size // 2))
        elif kind == 17:
            elem, count = mem.ptr(typ + head), mem.ptr(typ + head + 2 * word)
            for i in range(count):
                yield from self.floats(elem, addr + i * mem.ptr(elem))
        elif kind == 25:
            fields = mem.ptr(typ + head + word)
            for f in range(fields, fields + 3 * word * mem.ptr(typ + head + 2 * word), 3 * word):
                yield from self.floats(mem.ptr(f + word), addr + mem.ptr(f + 2 * word))

    def is_nan(self, addr, size):
        return nan(self.mem.uint(addr, size), size)

    def live_elem(self, addr, exact, part):
        out = []
        if self.elem_indirect:
            out.append(Word(addr, self.mem.word, "elem.indirect-ptr", exact, part, bits(self.mem.word), 0, ""))
            addr = self.mem.ptr(addr)
        for off, size, cls in self.elem.atoms:
            soft = 0 if cls in ("integer", "float", "pad", "slice-len", "slice-cap") else bits(size)
            kind = "elem." + (cls if soft else "scalar")
            out.append(Word(addr + off, size, kind, exact, part, 0, soft, "elems are not hashed"))
        return out

    def free(self, key_addr, elem_addr, exact, part):
        """Key and elem of a slot without an entry. Elems and pointers in keys are cleared there: warnings."""
        out = []
        atoms = [(0, self.mem.word, "pointer")] if self.key_indirect else self.key.atoms
        for off, size, cls in atoms:
            soft = bits(size) if cls in ("pointer", "string-ptr", "iface-type", "iface-data") else 0
            out.append(Word(key_addr + off, size, "free.key", exact, part, 0, soft, "keys without pointers are not cleared"))
        if self.elem_size:
            size = min(8, self.elem_size)
            out.append(Word(elem_addr, size, "free.elem", exact, part, 0, bits(size), ""))
        return out


def nan(value, size):
    exponent, mantissa = (0x7F800000, 0x7FFFFF) if size == 4 else (0x7FF << 52, (1 << 52) - 1)
    return value & exponent == exponent and value & mantissa != 0
