"""Memory of a dead process: what lies at an address, and where in the core file.

The core is read where it was dumped, the binary where it was not (read-only data). Little-endian
ELF of 32 or 64 bits. Only what the core itself holds can be changed.
"""

import bisect
import struct

PT_LOAD = 1


class Unreadable(Exception):
    """An address that neither the core nor the binary has."""


def loads(path):
    """(word size, data, segments): segments as (address, size, file offset), those with bytes in the file only."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise Unreadable("%s is no little-endian ELF file" % path)
    word = 8 if data[4] == 2 else 4
    head, entry = ("<QQ", "<IIQQQQQQ") if word == 8 else ("<II", "<IIIIIIII")
    phoff = struct.unpack_from(head, data, 24 + word)[0]
    size, count = struct.unpack_from("<HH", data, 54 if word == 8 else 42)
    if count == 0xFFFF:  # more than fit: the number is in section header 0
        shoff = struct.unpack_from(head, data, 24 + word)[1]
        count = struct.unpack_from("<I", data, shoff + (44 if word == 8 else 28))[0]
    out = []
    for i in range(count):
        p = struct.unpack_from(entry, data, phoff + i * size)
        if word == 8:
            kind, _, off, vaddr, _, filesz, _, _ = p
        else:
            kind, off, vaddr, _, filesz, _, _, _ = p
        filesz = min(filesz, max(0, len(data) - off))
        if kind == PT_LOAD and filesz:
            out.append((vaddr, filesz, off))
    return word, data, sorted(out)


class Memory:
    """The memory of one core and its binary. A moved (PIE) binary is left out: its bytes would lie elsewhere."""

    def __init__(self, core, binary=None):
        self.word, self.data, self.segments = loads(core)
        self.starts = [s[0] for s in self.segments]
        self.spare = []
        if binary:
            _, image, segments = loads(binary)
            if segments and segments[0][0]:
                self.spare = [(a, image[o:o + n]) for a, n, o in segments]

    def offset(self, addr, size=1):
        """Where in the core file these bytes lie; None if they do not, or not in one piece."""
        i = bisect.bisect_right(self.starts, addr) - 1
        if i >= 0:
            start, n, off = self.segments[i]
            if addr + size <= start + n:
                return off + addr - start
        return None

    def read(self, addr, size):
        off = self.offset(addr, size)
        if off is not None:
            return self.data[off:off + size]
        for start, image in self.spare:
            if start <= addr and addr + size <= start + len(image):
                return image[addr - start:addr - start + size]
        raise Unreadable("0x%x" % addr)

    def uint(self, addr, size):
        return int.from_bytes(self.read(addr, size), "little")

    def ptr(self, addr):
        return self.uint(addr, self.word)

    def has(self, addr, size):
        """Whether the core itself holds these bytes, so that they can be changed."""
        return self.offset(addr, size) is not None
