"""What a folder of weights was left with: a mark lists its files, so that damage is found.

    {"files": {"model.safetensors": [3571692, 1873012459], …}, …}

Light, so that a run whose training is done needs no torch.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PIECE = 1 << 24
"""Bytes that are read at once."""


def list_files(folder: Path) -> dict[str, list[int]]:
    """Return the length and the CRC-32 of each file at and below a folder, by its name there.

    A checksum, not a hash: disks and transfers are at fault here, nobody forges weights of
    their own, and tens of gigabytes are read at each checkpoint.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): [path.stat().st_size, crc(path)] for path in paths}


def find_fault(folder: Path, files: Mapping[str, list[int]]) -> str:
    """Say how a folder differs from what `list_files` found there, nothing where it does not.

    Files that came later are passed over.
    """
    # All lengths ahead of any content, which takes long to read.
    for name, (size, _) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size:,} bytes in place of {size:,}"
    changed = (name for name, (_, told) in files.items() if crc(folder / name) != told)
    return next((f"the content of {name} is not what was written" for name in changed), "")


def crc(path: Path) -> int:
    """Return the CRC-32 of a file's content."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found
