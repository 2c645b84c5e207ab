"""DICOM and other formats where scans are expected: named, and by what they are converted."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.errors import DataError
from brainplug.runtime.files import walk_once

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC, PLACE = b"DICM", 128
"""What stands behind the preamble of a DICOM file, and where."""

ENDS = (".dcm", ".dicom", ".ima")

MOST_READ = 200
"""Files of a folder that are looked into; one that holds DICOM hardly holds anything else."""

CONVERT = "convert the series to NIfTI first, such as by `dcm2niix -z y -o OUT IN`"


OTHERS = {
    **dict.fromkeys((".img", ".hdr"), "Analyze or NIfTI in two files"),
    **dict.fromkeys((".nrrd", ".nhdr"), "NRRD"),
    **dict.fromkeys((".mha", ".mhd"), "MetaImage"),
    ".mnc": "MINC",
    ".npy": "NumPy",
    **dict.fromkeys(
        (".zip", ".bz2", ".xz", ".zst", ".7z", ".gz.gz", ".tar.gz"), "packed otherwise"
    ),
    **dict.fromkeys((".part", ".crdownload", ".partial", ".tmp"), "half a download"),
    ".gz.txt": "named .txt by a download",
}
"""Ends of names of scans that are not read, and what they are."""


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, by its content."""
    try:
        with path.open("rb") as file:
            return file.read(PLACE + len(MAGIC))[PLACE:] == MAGIC
    except OSError:
        return False


def find_dicom(folder: Path) -> Path | None:
    """Return a DICOM file in a folder or below it, None where none is seen."""
    return next((path for path in islice(list_files(folder), MOST_READ) if is_dicom(path)), None)


def list_files(folder: Path) -> Iterator[Path]:
    """Give the files of a folder that may be DICOM: they are called so, or end in nothing known."""
    for place, names in walk_once(folder):
        for name in sorted(names):
            path = Path(place, name)
            end = path.suffix.lower()
            # Scanners write names that end in nothing, or in the parts of a number.
            if name[0] != "." and path.is_file() and (end in ENDS or not end[1:].isalpha()):
                yield path


def refuse_dicom(folder: Path) -> None:
    """Refuse a folder without a scan that holds DICOM.

    Raises:
        DataError: it does.
    """
    found = find_dicom(folder)
    if found is not None:
        raise DataError(
            f"DICOM files, such as {found.relative_to(folder).as_posix()!r}, and no scan",
            where=folder,
            expected="scans in NIfTI or MGH",
            found=str(found),
            hint=CONVERT,
        )


def refuse_formats(folder: Path) -> None:
    """Refuse a folder without a scan that is read but with others.

    Raises:
        DataError: it holds some.
    """
    for place, names in walk_once(folder):
        for name in sorted(names):
            end = next((end for end in OTHERS if name.lower().endswith(end)), None)
            if end and name[0] != ".":
                told = Path(place, name).relative_to(folder).as_posix()
                raise DataError(
                    f"{told!r} and the like, which are {OTHERS[end]}",
                    where=folder,
                    expected="scans whose names end in .nii.gz, .nii, .mgz or .mgh",
                    found=told,
                    hint="convert, unpack or rename them; mri_convert of FreeSurfer reads most",
                )
