"""What a folder of weights was left with: a mark lists its files, so that damage is found.

    {"files": {"model.safetensors": [3571692, 1873012459], …}, …}

Light, so that a run whose training is done needs no torch.
"""

from __future__ import annotations

import zlib
from itertools import chain
from typing import TYPE_CHECKING

from brainplug.api.names import is_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
    wrong = (fault_of_length(folder, name, size) for name, (size, _) in files.items())
    changed = (fault_of_content(folder, name, told) for name, (_, told) in files.items())
    return next(filter(None, chain(wrong, changed)), "")


def find_faults(
    folder: Path, files: Mapping[str, list[int]], *, read: Callable[[Path], bool]
) -> dict[str, str]:
    """Say of each file how it differs from what `list_files` found, of those that do.

    Args:
        folder: that it was found in.
        files: what it found.
        read: whether the content of a file is looked at, and not its length alone.
    """
    found = {}
    for name, (size, told) in files.items():
        fault = fault_of_length(folder, name, size)
        if not fault and read(folder / name):
            fault = fault_of_content(folder, name, told)
        if fault:
            found[name] = fault
    return found


def fault_of_length(folder: Path, name: str, size: int) -> str:
    """Say how the length of a file is not the one it was written with, nothing where it is."""
    if not is_below(name):  # of a run folder that somebody made up
        return f"{name!r} is not in the folder"
    path = folder / name
    if not path.is_file():
        return f"{name} is missing"
    found = path.stat().st_size
    return f"{name} has {found:,} bytes in place of {size:,}" if found != size else ""


def fault_of_content(folder: Path, name: str, told: int) -> str:
    """Say that the content of a file is not what was written, nothing where it is."""
    return f"the content of {name} is not what was written" if crc(folder / name) != told else ""


def crc(path: Path) -> int:
    """Return the CRC-32 of a file's content."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found
