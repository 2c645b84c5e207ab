"""Names of image files: without what their kind ends in, and such that they can be written."""

from __future__ import annotations

from brainplug.api.records import EXTENSIONS


def without_extension(name: str) -> str:
    """Return a scan's name without what its kind of file ends in, whatever the case of that.

    >>> without_extension("sub-1_T1w.nii.gz"), without_extension("SUB-1_T1W.NII.GZ")
    ('sub-1_T1w', 'SUB-1_T1W')
    """
    ends = (end for end in EXTENSIONS if name.lower().endswith(end))
    return name[: len(name) - len(next(ends, ""))]


def readable(name: str) -> str:
    r"""Return a file's name with what is not UTF-8 in it written out.

    >>> readable("Jos\udce9.nii")
    'Jos\\xe9.nii'
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
