"""What a file is that is no table as its name tells: named by its first bytes."""

from __future__ import annotations

import attrs

UNPACK = "unpack it"
SAVE = "save it as CSV"


@attrs.frozen
class OtherFile:
    """A file that is not what was expected.

    Attributes:
        what: it is.
        hint: what to do.
    """

    what: str
    hint: str


KINDS = (
    (
        b"PK\x03\x04",
        OtherFile("a workbook or zip", "name it .xlsx if it is one, or save it as CSV"),
    ),
    (b"\xd0\xcf\x11\xe0", OtherFile("an older Office file", "save it as .xlsx or as CSV")),
    (b"\x1f\x8b", OtherFile("a gzip file", UNPACK)),
    (b"BZh", OtherFile("a bzip2 file", UNPACK)),
    (b"\xfd7zXZ", OtherFile("an xz file", UNPACK)),
    (b"\x28\xb5\x2f\xfd", OtherFile("a zstd file", UNPACK)),
    (b"7z\xbc\xaf", OtherFile("a 7-zip file", UNPACK)),
    (b"PAR1", OtherFile("a parquet file", "name it .parquet")),
    (b"%PDF", OtherFile("a PDF", SAVE)),
    (b"$FL2", OtherFile("an SPSS file", SAVE)),
    (b"$FL3", OtherFile("an SPSS file", SAVE)),
    (b"<stata_dta>", OtherFile("a Stata file", SAVE)),
    (b"\0" * 12 + b"\xc2\xea\x81\x60", OtherFile("a SAS file", SAVE)),
    (b"RDX", OtherFile("an R file", SAVE)),
    (b"\x89HDF", OtherFile("an HDF5 file", SAVE)),
    (b"version https://git-lfs", OtherFile("a pointer of Git LFS", "fetch it with git lfs pull")),
    (b"/annex/objects/", OtherFile("a pointer of git-annex", "fetch it with datalad get")),
)
"""First bytes of a file, and what it is."""

MARKUP = (
    (b"<!doctype html", OtherFile("a web page", "download the table again, signed in")),
    (b"<html", OtherFile("a web page", "download the table again, signed in")),
    (b"<?xml", OtherFile("XML", SAVE)),
    (b'{"', OtherFile("JSON", SAVE)),
    (b"[{", OtherFile("JSON", SAVE)),
)
"""First letters of a text, white space aside and in small letters, and what it is."""

UTF_32, UTF_16 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff"), (b"\xff\xfe", b"\xfe\xff")


def find_other(head: bytes) -> OtherFile | None:
    r"""Return what a file is, by its beginning; None where it may be text in UTF-8.

    >>> find_other("id,sex\na,1\n".encode("utf-32")).what
    'UTF-32'
    >>> find_other(b"id,sex\n")
    """
    kinds = (found for start, found in KINDS if head.startswith(start))
    # Before the search for zero bytes, of which UTF-16 is full.
    found = next(kinds, None) or _find_encoding(head)
    if found is None and b"\0" in head:
        return OtherFile("a binary file", "")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return found or next((each for letters, each in MARKUP if start.startswith(letters)), None)


def _find_encoding(head: bytes) -> OtherFile | None:
    """Return the encoding of a text of two or four bytes a letter."""
    hint = "save it as UTF-8"
    for name, marks in (("UTF-32", UTF_32), ("UTF-16", UTF_16)):
        if head.startswith(marks):
            return OtherFile(name, hint)
    one, two, three, four = (head[place::4].count(0) / max(1, len(head) // 4) for place in range(4))
    # Letters beyond Latin have a second byte too, and some of them a zero as their lowest.
    some, nearly = 0.05, 0.98
    if (min(three, four) > nearly and one < nearly) or (min(one, two) > nearly and four < nearly):
        return OtherFile("UTF-32 without a mark", hint)
    for low, high in ((max(one, three), min(two, four)), (max(two, four), min(one, three))):
        if max(some, 2 * low) < high:
            return OtherFile("UTF-16 without a mark", hint)
    return None
