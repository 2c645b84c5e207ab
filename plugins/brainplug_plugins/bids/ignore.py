"""`.bidsignore`: files that a BIDS study says are none of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

IGNORE = ".bidsignore"

_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]]+\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Ignored:
    """Patterns of a file, as git reads them: a later one beats an earlier one.

    Args:
        lines: of the file.
    """

    def __init__(self, lines: list[str]) -> None:
        found = [line.rstrip() for line in lines if line.strip() and not line.startswith("#")]
        self.rules = [
            (not line.startswith("!"), re.compile(to_regex(line.removeprefix("!"))))
            for line in found
        ]

    def __call__(self, path: str) -> bool:
        """Tell whether a path, relative to the study, is to be passed over.

        >>> ignored = Ignored(["*_defaced*", "/extra/", "!sub-02_defaced_T1w.nii.gz"])
        >>> [ignored(f"sub-0{n}/anat/sub-0{n}_defaced_T1w.nii.gz") for n in (1, 2)]
        [True, False]
        >>> ignored("extra/sub-01_T1w.nii.gz"), ignored("sub-01/extra/sub-01_T1w.nii.gz")
        (True, False)
        """
        told = [wanted for wanted, pattern in self.rules if pattern.fullmatch(path)]
        return bool(told) and told[-1]


def to_regex(pattern: str) -> str:
    """Return a pattern as a regular expression for whole paths.

    A pattern without a slash before its end may stand in any folder; one of a folder is of all that
    lies below it.
    """
    body = pattern.rstrip("/")
    anchored = "/" in body
    meaning = "".join(map(piece_of, _PIECES.findall(body.removeprefix("/"))))
    below = "/.*" if pattern.endswith("/") else "(?:/.*)?"
    return f"{'' if anchored else '(?:.*/)?'}{meaning}{below}"


def piece_of(piece: str) -> str:
    """Return one piece of a pattern as a regular expression."""
    if piece in _MEANING:
        return _MEANING[piece]
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(piece)


def read_ignored(folder: Path) -> Ignored:
    """Read the `.bidsignore` of a study; without one nothing is passed over."""
    path = folder / IGNORE
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return Ignored(text.splitlines())
