"""Hashes of files, remembered: each in a note of its own that carries its own checksum.

An emptied note would otherwise give every file one and the same hash.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from brainplug.runtime.files import into_cache, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def remembered(note: Path, compute: Callable[[], str]) -> str:
    """Return what a note says, or what is computed where it says nothing, or nothing whole.

    Raises:
        RunError: the note cannot be written.
    """
    known = _read(note)
    if known is not None:
        return known
    found = compute()
    with into_cache(note):
        write_text(note, f"{found} {_checksum(found)}")
    return found


def _read(note: Path) -> str | None:
    try:
        text, _, checksum = note.read_text(encoding="ascii").rpartition(" ")
    except (OSError, UnicodeDecodeError):
        return None
    return text if text and checksum == _checksum(text) else None


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
