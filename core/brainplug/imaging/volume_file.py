"""A cached volume on disk: an array as numpy keeps it, and behind it a checksum.

Disks turn bits and copies are cut short, and a volume is read for months. So its length is looked
at whenever it is asked for, and its content once by every process that reads it.
"""

from __future__ import annotations

import io
import zlib
from functools import cache
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

MARK = b"CRC1"
"""Stands before the CRC-32 of all before it, four bytes, the lowest first; numpy passes over it."""


def write_volume(file: IO[bytes], volume: np.ndarray) -> None:
    """Write a volume and its checksum."""
    buffer = io.BytesIO()
    np.save(buffer, volume)
    content = buffer.getbuffer()
    file.write(content)
    file.write(MARK + zlib.crc32(content).to_bytes(4, "little"))


def open_volume(path: Path) -> np.ndarray:
    """Map a volume into memory; it is copied on write, and the file stays as it is."""
    volume: np.ndarray = np.load(path, mmap_mode="c")
    return volume


def has_length(path: Path, shape: tuple[int, ...]) -> bool:
    """Tell whether a file is there and as long as a volume of this shape."""
    try:
        return path.stat().st_size == _length(shape)
    except OSError:
        return False


def is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Tell whether a file holds the volume that was written into it, which is read for that."""
    return has_length(path, shape) and _has_checksum(path.read_bytes())


def read_whole(path: Path) -> np.ndarray | None:
    """Return the array that was written into a file; None where that is damaged or not there."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if not _has_checksum(content):
        return None
    array: np.ndarray = np.load(io.BytesIO(content))
    return array


def _has_checksum(content: bytes) -> bool:
    end = MARK + zlib.crc32(memoryview(content)[:-8]).to_bytes(4, "little")
    return content.endswith(end)


@cache
def _length(shape: tuple[int, ...]) -> int:
    header = io.BytesIO()
    told = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, told)
    return header.tell() + 2 * int(np.prod(shape)) + len(MARK) + 4
