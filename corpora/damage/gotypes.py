"""Layouts of Go types, from their names as reflect prints them.

A type becomes a list of atoms, the pieces of memory that are of one kind: (offset, size, class).
Names of package main are those of src/kinds.go. What is not known raises Unknown, and the map is left out.
"""

import re

NUMBERS = {
    "bool": (1, "integer"), "int8": (1, "integer"), "uint8": (1, "integer"),
    "int16": (2, "integer"), "uint16": (2, "integer"),
    "int32": (4, "integer"), "uint32": (4, "integer"),
    "int64": (8, "integer"), "uint64": (8, "integer"),
    "float32": (4, "float"), "float64": (8, "float"),
}
# Field types in order; "_" before a type is a blank field, which neither == nor the hash looks at.
NAMED = {
    "main.plain": ["int32", "int32"],
    "main.padded": ["int8", "int64", "int16"],
    "main.blank": ["int32", "_int32", "string"],
    "main.nested": ["main.padded", "string", "any"],
    "main.mixed": ["float64", "string", "bool", "complex64"],
    "main.onePtr": ["*int"],
    "main.leaf": ["string", "map[string]int"],
    "main.embedded": ["main.plain", "*main.leaf", "int"],
    "main.fat": ["string", "[13]uint64", "map[string]int", "*main.leaf"],
    "main.weekday": "int", "main.label": "string", "main.ratio": "float64",
    "main.named": "any", "main.mapFunc": "func()", "error": "any", "interface {}": "any",
}
# Classes: integer, float, string (pointer, length), iface (type, data), pointer, slice (pointer, length, cap),
# pad (padding and blank fields). A map in an elem is a pointer of its own class, map.
POINTERS = re.compile(r"\*|chan |<-chan |chan<- |func\(|unsafe\.Pointer$")


class Unknown(Exception):
    """A type that is not in the tables."""


class Layout:
    """Size, alignment and atoms of a type."""

    def __init__(self, size, align, atoms):
        self.size, self.align, self.atoms = size, align, atoms

    def has(self, *classes):
        return any(c in classes for _, _, c in self.atoms)

    def has_pointers(self):
        return self.has("string-ptr", "iface-type", "pointer", "map", "slice-ptr")


def round_up(n, align):
    return (n + align - 1) // align * align


def layout(name, word):
    name = name.strip()
    if name in NUMBERS:
        size, cls = NUMBERS[name]
        return Layout(size, min(size, word), [(0, size, cls)])
    if name in ("int", "uint", "uintptr"):
        return Layout(word, word, [(0, word, "integer")])
    if name in ("complex64", "complex128"):
        half = 4 if name == "complex64" else 8
        return Layout(2 * half, min(half, word), [(0, half, "float"), (half, half, "float")])
    if name == "string":
        return Layout(2 * word, word, [(0, word, "string-ptr"), (word, word, "string-len")])
    if name == "any":
        return Layout(2 * word, word, [(0, word, "iface-type"), (word, word, "iface-data")])
    if name.startswith("map["):
        return Layout(word, word, [(0, word, "map")])
    if POINTERS.match(name):
        return Layout(word, word, [(0, word, "pointer")])
    if name.startswith("[]"):
        return Layout(3 * word, word, [(0, word, "slice-ptr"), (word, word, "slice-len"), (2 * word, word, "slice-cap")])
    if name == "struct {}":
        return Layout(0, 1, [])
    array = re.match(r"\[(\d+)\](.+)$", name)
    if array:
        one, n = layout(array.group(2), word), int(array.group(1))
        atoms = [(i * one.size + o, s, c) for i in range(n) for o, s, c in one.atoms]
        return Layout(n * one.size, one.align, atoms)
    if name in NAMED:
        fields = NAMED[name]
        return layout(fields, word) if isinstance(fields, str) else struct(fields, word)
    raise Unknown(name)


def struct(fields, word):
    """A struct of these field types; padding becomes atoms too."""
    at, align, atoms = 0, 1, []
    for field in fields:
        blank = field.startswith("_")
        one = layout(field[1:] if blank else field, word)
        start = round_up(at, one.align)
        if start > at:
            atoms.append((at, start - at, "pad"))
        atoms += [(start + o, s, "pad" if blank else c) for o, s, c in one.atoms]
        at, align = start + one.size, max(align, one.align)
    if at and fields and layout(fields[-1].lstrip("_"), word).size == 0:
        at += 1  # so that a pointer to the last field does not point behind the struct
    end = round_up(at, align)
    if end > at:
        atoms.append((at, end - at, "pad"))
    return Layout(end, align, atoms)
