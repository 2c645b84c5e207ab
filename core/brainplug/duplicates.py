"""Scans of different people that are the same file by content: a frequent leak."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.files import write_text

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
    traces = frame["image"].map(trace)
    alike = frame[traces.notna() & traces.duplicated(keep=False)]
    for _, group in alike.groupby(traces):
        contents = group["image"].map(lambda image: hash_unpacked(Path(image), memo))
        for _, equal in group.groupby(contents):
            if len(set(equal["subject"])) > 1:
                same[equal.index] = equal["scan"].min()
    return same


def trace(image: str) -> str | None:
    """Return what tells most files apart without reading them; None for one that is not there."""
    path = Path(image)
    try:
        if not image.endswith(PACKED):
            return f"size {path.stat().st_size}"
        with path.open("rb") as file:
            file.seek(-8, 2)
            return file.read(8).hex()
    except OSError:
        return None


def hash_unpacked(path: Path, memo: Path | None) -> str:
    """Return a hash of what is in a file; of the file itself where it cannot be unpacked."""
    if memo is None:
        return _hash_unpacked(path)
    state = path.stat()
    known = f"unpacked\0{path}\0{state.st_size}\0{state.st_mtime_ns}"
    key = hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()
    note = memo / key[:2] / key[2:]
    if note.is_file():
        return note.read_text(encoding="ascii")
    digest = _hash_unpacked(path)
    write_text(note, digest)
    return digest


def _hash_unpacked(path: Path) -> str:
    with path.open("rb") as file:
        if not path.name.endswith(PACKED):
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
