"""Text attributes of HDF5 objects, parsed from the bytes of the file.

libhdf5 2.0 fails on damaged text attributes: it loops forever on a heap object of length zero,
allocates 4 GiB for a text that claims that length, and crashes on a changed type. The parser covers
the part of the HDF5 File Format Specification that h5py writes.
"""

import math
from collections.abc import Iterator

__all__ = ["texts"]

# Most entries of one structure, and bytes of all texts of an attribute.
_ENTRIES = 1 << 16
_BYTES = 1 << 24
_CONTINUATION, _ATTRIBUTE = 0x10, 0x0C
_FIXED, _VARIABLE = 3, 9


def texts(data: bytes, address: int, name: str) -> list[str] | None:
    """Read the texts of attribute ``name`` of the object with its header at ``address``.

    Returns None if there is no such attribute, and an empty list for an empty array of any type.

    Raises
    ------
    ValueError
        If the file is damaged there, or the attribute is not text.
    """
    for body in _messages(data, address):
        found, kind, element, count, values = _attribute(body)
        if found != name.encode():
            continue
        if not count:
            return []
        if kind not in (_FIXED, _VARIABLE) or not 0 < count * element <= len(values):
            raise ValueError(f"attribute {name} must be text")
        parts = [values[start:start + element] for start in range(0, count * element, element)]
        if kind == _VARIABLE:
            parts = _from_heap(data, parts)
        return [part.split(b"\0")[0].decode() for part in parts]
    return None


def _number(data: bytes, place: int, width: int) -> int:
    if not 0 <= place <= len(data) - width:
        raise ValueError("an address is outside of the file")
    return int.from_bytes(data[place:place + width], "little")


def _messages(data: bytes, address: int) -> Iterator[bytes]:
    """Yield the attribute messages of an object header of version 1 or 2."""
    if data[address:address + 4] == b"OHDR":
        flags = _number(data, address + 5, 1)
        # Flags: four time stamps, and limits of the compact form, are present.
        place = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        blocks = [(place + width, _number(data, place, width))]
        second, header = True, 6 if flags & 4 else 4
    else:
        blocks = [(address + 16, _number(data, address + 8, 4))]
        second, header = False, 8
    messages = 0
    for start, length in blocks:
        place, end = start, min(start + length, len(data))
        while place + header <= end:
            kind = _number(data, place, 1 if second else 2)
            size = _number(data, place + (1 if second else 2), 2)
            body = data[place + header:place + header + size]
            messages += 1
            if place + header + size > end or messages > _ENTRIES:
                raise ValueError(f"object header at {address} is broken")
            if kind == _CONTINUATION:
                # In version 2, a signature precedes the block and a checksum follows it.
                more, length = _number(body, 0, 8), _number(body, 8, 8)
                blocks.append((more + 4, length - 8) if second else (more, length))
            elif kind == _ATTRIBUTE:
                yield body
            place += header + size


def _attribute(body: bytes) -> tuple[bytes, int, int, int, bytes]:
    """Return name, class of the type, bytes per element, number of elements, and their bytes."""
    version = _number(body, 0, 1)
    if version > 1 and body[1] & 3:
        raise ValueError("an attribute must have a type of its own")
    sizes = [_number(body, place, 2) for place in (2, 4, 6)]
    place = 9 if version == 3 else 8
    parts = []
    for size in sizes:
        parts.append(body[place:place + size])
        place += -(-size // 8) * 8 if version == 1 else size
    name, kind, space = parts
    rank = _number(space, 1, 1)
    start = 8 if _number(space, 0, 1) == 1 else 4
    count = math.prod(_number(space, start + 8 * axis, 8) for axis in range(rank))
    if count > _ENTRIES:
        raise ValueError(f"an attribute claims {count} elements")
    return (name.split(b"\0")[0], _number(kind, 0, 1) & 15, _number(kind, 4, 4), count,
            body[place:])


def _from_heap(data: bytes, references: list[bytes]) -> list[bytes]:
    """Resolve references of 16 bytes: length, heap and object."""
    heaps: dict[int, dict[int, bytes]] = {}
    found = []
    for reference in references:
        length, heap, index = (_number(reference, place, width)
                               for place, width in ((0, 4), (4, 8), (12, 4)))
        if heap not in heaps:
            heaps[heap] = _heap(data, heap)
        content = heaps[heap].get(index, b"") if length else b""
        if length > len(content):
            raise ValueError(f"a text claims {length} bytes")
        found.append(content[:length])
    if sum(map(len, found)) > _BYTES:
        raise ValueError(f"an attribute has more than {_BYTES} bytes")
    return found


def _heap(data: bytes, start: int) -> dict[int, bytes]:
    """Return the objects of a heap collection by number."""
    if data[start:start + 4] != b"GCOL":
        return {}
    end = min(start + _number(data, start + 8, 8), len(data))
    place, objects = start + 16, {}
    while place + 16 <= end and (index := _number(data, place, 2)):
        size = _number(data, place + 8, 8)
        if place + 16 + size > end or len(objects) > _ENTRIES:
            break
        objects[index] = data[place + 16:place + 16 + size]
        place += 16 + -(-size // 8) * 8
    return objects
