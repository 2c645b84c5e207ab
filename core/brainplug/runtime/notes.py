"""Small JSON files that tell whether they are as they were written.

    {"run": "3f2a…", …, "crc32": "9d1c02ab"}

Disks turn bits, and a note in which a digit is another one reads as well as before. A file that
lists others, or that later work goes on from, carries its own checksum; whoever reads it tells
damage from what was meant.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from brainplug.errors import RunError
from brainplug.runtime.files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CRC = "crc32"
"""Key of the checksum of all others."""


def write_note(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts with their checksum, whole or not at all."""
    write_json(path, sealed(facts))


def read_note(path: Path) -> dict[str, Any] | None:
    """Return the facts of a note; None where it is not there, or not as it was written."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return unsealed(found)


def read_known(path: Path) -> dict[str, Any]:
    """Return the facts of a note of a run folder, none where it is not there.

    Raises:
        RunError: it is not as it was written.
    """
    found = read_note(path) if path.is_file() else {}
    if found is None:
        raise RunError(
            "something else",
            where=path,
            expected="what a run wrote there",
            hint="the same `brainplug run` makes it again, or says what is lost without it",
        )
    return found


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with their checksum.

    >>> unsealed(sealed({"step": 4}))
    {'step': 4}
    """
    # As it will be read back, where numbers as keys have become texts.
    plain = json.loads(json.dumps(facts))
    return {**plain, CRC: checksum(plain)}


def unsealed(found: object) -> dict[str, Any] | None:
    """Return facts without their checksum; None where it is not theirs.

    Facts without one were written by an earlier brainplug, and pass.

    >>> unsealed(sealed({"step": 4}) | {"step": 5})
    """
    if not isinstance(found, dict):
        return None
    facts = {key: each for key, each in found.items() if key != CRC}
    return facts if found.get(CRC, told := checksum(facts)) == told else None


def checksum(facts: Mapping[str, Any]) -> str:
    """Return the CRC-32 of facts, whatever the order of their keys."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"
