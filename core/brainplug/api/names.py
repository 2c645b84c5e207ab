"""Names that become those of folders and files: of runs, of arms, of the files of a model.

They come from sites and plugins, and from run folders that somebody else sent. None may lead out of
the folder that it belongs in.
"""

from __future__ import annotations

import re

LONGEST = 200
"""Bytes; names of files hold 255, and temporary ones are longer than the file's own."""

_ODD = re.compile(r"""[\x00-\x1f\x7f/\\:*?"<>|]""")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

KEPT = frozenset({"stale"})
"""Where results go that fit no more, beside the folders of runs and arms."""


def fault_of_name(name: object) -> str:
    """Say why something is not the name of a folder on every system, nothing where it is.

    >>> fault_of_name("site-7"), fault_of_name("../x"), fault_of_name("")
    ('', "'/' is in it", 'it is no text, or empty')
    """
    if not isinstance(name, str) or not name:
        return "it is no text, or empty"
    if odd := _ODD.search(name):
        return f"{odd[0]!r} is in it"
    if name[0] in ".-~ " or name[-1] in ". ":
        return f"it begins or ends with {name[0] if name[0] in '.-~ ' else name[-1]!r}"
    if name.casefold() in KEPT or _DEVICES.fullmatch(name):
        return "it has another meaning"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return f"it has {length} bytes, more than {LONGEST}" if length > LONGEST else ""


def is_below(name: object) -> bool:
    """Tell whether a relative path, as Unix writes it, stays in the folder where it begins.

    >>> is_below("model.safetensors"), is_below("a/b.bin"), is_below("../a"), is_below("/etc/a")
    (True, True, False, False)
    """
    if not isinstance(name, str) or "\0" in name:
        return False
    return not {"", ".", ".."}.intersection(name.split("/"))
