"""Scans of different people that are the same file by content: a frequent leak."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.runtime.memo import remembered

if TYPE_CHECKING:
    from typing import BinaryIO

PACKED = (".gz", ".mgz")


def find_same_images(frame: pd.DataFrame, memo: Path | None) -> pd.Series:
    """Return, for each scan that other subjects have too, the name of the first one; else NA.

    A packed file ends with the checksum and the length of what is in it, so most files are told
    apart by eight bytes; the others are compared whole, unpacked, so that a copy that was packed
    again is found.

    Args:
        frame: has `scan`, `subject` and `image`.
        memo: folder that remembers what was unpacked and hashed; None remembers nothing.
    """
    same = pd.Series(pd.NA, index=frame.index, dtype="str")
    traces = find_traces(frame["image"])
    alike = frame[traces.notna() & traces.duplicated(keep=False)]
    # A checksum of 32 bits, or a sample, is alike by chance now and then: contents decide.
    for _, group in alike.groupby(traces):
        contents = group["image"].map(lambda image: read_content(Path(image), memo))
        for _, equal in group.groupby(contents):
            if len(set(equal["subject"])) > 1:
                same[equal.index] = equal["scan"].min()
    return same


def name_others(frame: pd.DataFrame, same: pd.Series) -> pd.Series:
    """Name another scan that is the same: the first, or to the first the last."""
    last = frame["scan"].groupby(same).transform("max")
    return same.where(same != frame["scan"], last).astype("str")


def find_traces(images: pd.Series) -> pd.Series:
    """Return what tells most files apart: length and checksum of what is in each.

    The checksum of an unpacked file is worked out only where a packed one has its length; all
    others, which often have one length, are told apart by a sample. Missing for a file that is not
    there.
    """
    found = [trace(image) for image in images]
    lengths = {length for length, checksum in filter(None, found) if checksum}
    told = [
        None
        if each is None
        else f"{each[0]} {each[1] or (checksum_of if each[0] in lengths else sample_of)(image)}"
        for image, each in zip(images, found, strict=True)
    ]
    return pd.Series(told, index=images.index, dtype="str")


def trace(image: str) -> tuple[int, str] | None:
    """Return the length of what is in a file, below 4 GiB, and its checksum if it is packed."""
    path = Path(image)
    try:
        if not path.is_file():  # a pipe or a device may never end
            return None
        if not image.lower().endswith(PACKED):
            # A gzip file states its length modulo 2^32; the other kind is counted alike.
            return path.stat().st_size % 2**32, ""
        with path.open("rb") as file:
            # The last eight bytes of gzip: CRC-32, then the length, both little-endian (RFC 1952).
            file.seek(-8, 2)
            end = file.read(8)
    except OSError:
        return None
    return int.from_bytes(end[4:], "little"), end[:4].hex()


def checksum_of(image: str) -> str:
    """Return the checksum of a file as a packed one would end with it, empty if it is gone."""
    checksum = 0
    try:
        with Path(image).open("rb") as file:
            while block := file.read(1 << 20):
                checksum = zlib.crc32(block, checksum)
    except OSError:
        return ""
    return checksum.to_bytes(4, "little").hex()


def sample_of(image: str) -> str:
    """Return the checksum of a piece from the middle of a file, empty if it is gone."""
    try:
        with Path(image).open("rb") as file:
            # From the middle, since headers and the empty corners at both ends are alike in many
            # scans.
            file.seek(Path(image).stat().st_size // 2)
            return f"{zlib.crc32(file.read(1 << 12)):08x}"
    except OSError:
        return ""


def read_content(path: Path, memo: Path | None) -> str | None:
    """Return `hash_unpacked`, None for a file that has gone meanwhile."""
    try:
        return hash_unpacked(path, memo)
    except OSError:
        return None


def hash_unpacked(path: Path, memo: Path | None) -> str:
    """Return a hash of what is in a file; of the file itself where it cannot be unpacked."""
    if memo is None:
        return _hash_unpacked(path)
    state = path.stat()
    known = f"unpacked\0{path}\0{state.st_size}\0{state.st_mtime_ns}"
    key = hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()
    return remembered(memo / key[:2] / key[2:], lambda: _hash_unpacked(path))


def _hash_unpacked(path: Path) -> str:
    with path.open("rb") as file:
        if not path.name.lower().endswith(PACKED):
            return _digest(file)
        try:
            with gzip.open(file) as unpacked:
                return _digest(unpacked)  # type: ignore[arg-type]  # reads as a file does
        except (OSError, EOFError, zlib.error):
            file.seek(0)
            return _digest(file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
