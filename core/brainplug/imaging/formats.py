"""Files of scans: what their headers say and their voxels, read in one way for all who ask.

The content tells the format, so a packed file may be called `.nii` and a plain one `.nii.gz`.
Whatever a reader raises for a file is that file's fault and becomes a `ScanError`. A header is
believed only up to what its file can hold and to a limit.
"""

from __future__ import annotations

import gzip
import logging
import math
import re
import stat
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import attrs
import numpy as np

from brainplug.api.records import EXTENSIONS
from brainplug.errors import ScanError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.api.records import Affine, Volume

TOO_LARGE = "too large"

MOST_PACKED = 1032
"""Bytes that a packed byte can stand for at most (zlib's deflate)."""

MOST_BEHIND = 1 << 28
"""Bytes behind the voxels, such as tags, that are read to come to the checksum."""

_UNIT_MM = {1: 1000.0, 3: 0.001}
"""Millimetres in a NIfTI header's unit of length: metre and micrometre; unknown ones are 1."""

_ODD_NAME = re.compile(r"\\x[89a-f][0-9a-f]")
"""What `readable` of the image matching makes of bytes that are not UTF-8."""

UNFETCHED = "a link of git-annex whose content is not on this machine: datalad get"
"""Said, with its name, of a file that DataLad knows of and has not fetched."""

_POINTERS = (b"/annex/objects/", b"../annex/objects/", b"/.git/annex/objects/")
"""What a file holds in place of its content where links cannot be."""

_GZIP = b"\x1f\x8b"
_PACKED = (b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"7z\xbc\xaf", _GZIP)
"""Beginnings of files that bzip2, xz, zstd, zip and 7z pack, and of a packed one packed again."""

_LONGEST_HEADER = 540

_quiet = logging.getLogger(f"{__name__}.repairs")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False  # what nibabel repairs without doubt is nobody's concern


@attrs.frozen(kw_only=True, eq=False)
class Stored:
    """What a file's header says.

    Attributes:
        shape: all axes, as stored.
        dtype: of the voxels as stored.
        offset: bytes before the voxels.
        affine: stored voxel index to RAS+ millimetres.
        trouble: why the affine is not to be trusted; empty where it is.
        source: nibabel's header, or its image of a format that is not read here.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    affine: Affine
    trouble: str
    source: Any


def read_stored(path: Path) -> Stored:
    """Read a file's header.

    Raises:
        ScanError: `file missing`, `not a plain file`, `empty file`, or `unreadable file`.
    """
    check_plain(path)
    with _blaming(path, "unreadable file"):
        with _unpacked(path) as file:
            block = file.read(_LONGEST_HEADER)
        if block.startswith(_POINTERS):
            raise ScanError(str(path), "file missing", f"{UNFETCHED} {path.name}")
        if block[128:132] == b"DICM":
            raise ScanError(str(path), "unreadable file", "a DICOM file: make NIfTI by dcm2niix")
        header = _known_header(block)
        if header is not None:
            return _stored(header, block)
        if block.startswith(_PACKED):
            told = "packed in another way than by gzip: unpack it, or pack it by gzip"
            raise ScanError(str(path), "unreadable file", told)
        if path.name.lower().endswith(EXTENSIONS):
            raise ScanError(str(path), "unreadable file", "no header of NIfTI or MGH in it")
        return _stored_elsewhere(path)


def check_plain(path: Path) -> None:
    """Refuse what is no file with content: opening a pipe or a device might never end.

    Raises:
        ScanError: `file missing`, `not a plain file`, or `empty file`.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:  # a name with a zero byte is no path
        told = "its name is not UTF-8: rename it" if _ODD_NAME.search(str(path)) else _why(error)
        told = f"{UNFETCHED} {path.name}" if _is_annexed(path) else told
        raise ScanError(str(path), "file missing", told) from error
    if not stat.S_ISREG(state.st_mode):
        raise ScanError(str(path), "not a plain file", "a folder, pipe, socket or device")
    if state.st_size == 0:
        raise ScanError(str(path), "empty file")


def _is_annexed(path: Path) -> bool:
    """Tell whether a path is a link to what git-annex has not fetched."""
    try:
        return path.is_symlink() and ".git/annex/objects/" in path.readlink().as_posix()
    except (OSError, ValueError):
        return False


def read_voxels(path: Path, stored: Stored, max_gib: float) -> Volume:
    """Read the voxels, scaled as the header says, and the file to its end and checksum.

    What is too large for float32 becomes infinite.

    Raises:
        ScanError: `too large`, or `damaged file`.
    """
    check_size(path, stored, max_gib)
    with _blaming(path, "damaged file"):
        if hasattr(stored.source, "dataobj"):
            return _voxels_elsewhere(stored.source)
        from nibabel.arrayproxy import ArrayProxy

        with _unpacked(path) as file:
            proxy = ArrayProxy(file, stored.source, mmap=False)
            voxels = np.asarray(proxy, dtype=np.float32)
            _read_out(file)
        return voxels


def check_size(path: Path, stored: Stored, max_gib: float) -> None:
    """Refuse voxels that the file cannot hold, or that are more than memory is given for.

    Args:
        path: the file.
        stored: what its header says.
        max_gib: most memory of the voxels as float32.

    Raises:
        ScanError: `too large`, or `damaged file`.
    """
    count = math.prod(stored.shape)
    gib = count * 4 / 2**30
    if gib > max_gib:
        told = f"{' x '.join(map(str, stored.shape))} voxels take {gib:,.1f} GiB as float32"
        limit = f"more than the limit of {max_gib:g} GiB, max_gib in [images]"
        raise ScanError(str(path), TOO_LARGE, f"{told}, {limit}")
    wanted = stored.offset + count * stored.dtype.itemsize
    holds = _capacity(_voxel_file(path, stored.source))
    if wanted > holds:
        told = f"the header tells of {wanted:,} bytes, the file can hold {holds:,}"
        raise ScanError(str(path), "damaged file", told)


@contextmanager
def _blaming(path: Path, reason: str) -> Iterator[None]:
    """Make whatever a reader raises the fault of the file it reads."""
    try:
        # Values beyond a type's range warn, and are found in the voxels or the affine later.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ScanError:
        raise
    except Exception as error:
        raise ScanError(str(path), reason, _why(error)) from error


def _why(error: BaseException) -> str:
    return first_line(error)[:200]


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for what is in it, packed or not, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.open(file) as inner:
            yield cast("IO[bytes]", inner)


def _read_out(file: IO[bytes]) -> None:
    """Read a file to its end, where a packed one has its checksum and its length.

    Raises:
        ValueError: there is far more behind the voxels than a file of a scan has.
    """
    behind = 0
    while block := file.read(1 << 20):
        behind += len(block)
        if behind > MOST_BEHIND:
            raise ValueError(f"more than {MOST_BEHIND:,} bytes behind the voxels")


def _capacity(path: Path) -> int:
    """Return how many bytes a file may hold unpacked."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return path.stat().st_size * (MOST_PACKED if packed else 1)


def _known_header(block: bytes) -> Any:
    """Return the header of a single file of NIfTI-1, NIfTI-2 or MGH, unrepaired; else None."""
    import nibabel

    for kind, size in ((nibabel.Nifti1Header, 348), (nibabel.Nifti2Header, 540)):
        if kind.may_contain_header(block):
            header = kind(block[:size], check=False)
            return header if header["magic"].item().startswith(b"n+") else None
    if block[:4] == b"\0\0\0\1" and len(block) >= nibabel.freesurfer.mghformat.DATA_OFFSET:
        return nibabel.freesurfer.mghformat.MGHHeader(block[:284], check=False)
    return None


def _stored(header: Any, block: bytes) -> Stored:
    """Return what a header says, once nibabel has repaired what is of no weight."""
    trouble, unit = "", 1.0
    if "sform_code" in header:
        trouble = _nifti_trouble(header)
        unit = _UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
        offset = int(header["vox_offset"])  # which nibabel takes as it is where it is 0
        if offset < header.single_vox_offset:
            raise ValueError(f"its voxels begin at byte {offset}, within the header")
    elif block[28:30] == bytes(2):  # nibabel sets the flag where it assumes an orientation
        trouble = "goodRASFlag is not set"
    header.check_fix(logger=_quiet)
    # Scaling that makes no sense is refused where the header is read, not at the voxels.
    header.get_slope_inter()
    affine = np.eye(4) if trouble else np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= unit
    return Stored(
        shape=tuple(int(size) for size in header.get_data_shape()),
        dtype=header.get_data_dtype(),
        offset=int(header.get_data_offset()),
        affine=affine,
        trouble=trouble,
        source=header,
    )


def _nifti_trouble(header: Any) -> str:
    """Say why a NIfTI header's orientation is not to be trusted; it is not repaired yet."""
    by_sform, by_qform = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    if not (by_sform or by_qform):
        return "neither sform nor qform is set"
    pixdim = np.array(header["pixdim"], dtype=np.float64)
    edges = pixdim[1:4]
    if by_sform:
        told = np.sqrt((np.array(header.get_sform()[:3, :3], dtype=np.float64) ** 2).sum(axis=0))
        return _contradiction(told, edges)
    # nibabel makes 0 a millimetre and turns -1 round, which would be guesses here.
    if not (np.isfinite(edges).all() and (edges > 0).all()):
        return f"only qform is set, and its voxels have the edges {_numbers(edges)}"
    if pixdim[0] not in (-1, 0, 1):
        return f"only qform is set, and its qfac is {pixdim[0]:g} in place of 1 or -1"
    return ""


def _contradiction(told: np.ndarray, edges: np.ndarray) -> str:
    """Say that sform and pixdim give voxels of other sizes, by more than a registration changes."""
    known = np.isfinite(edges) & (edges > 0) & np.isfinite(told) & (told > 0)
    ratio = told[known] / edges[known]
    if ratio.size and not (ratio.max() < 1.5 and ratio.min() > 1 / 1.5):
        return f"voxels have edges of {_numbers(told)} by sform and of {_numbers(edges)} by pixdim"
    return ""


def _numbers(values: np.ndarray) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _stored_elsewhere(path: Path) -> Stored:
    """Return what a file says that only nibabel's search for the format can read, such as pairs."""
    import nibabel

    for partner in _partners(path):
        check_plain(partner)
    image: Any = nibabel.load(path)
    trouble, unit = "", 1.0
    if "sform_code" in image.header:
        trouble = _nifti_trouble(image.header)
        unit = _UNIT_MM.get(int(image.header["xyzt_units"]) & 7, 1.0)
    elif isinstance(image, nibabel.AnalyzeImage):
        trouble = "an Analyze header tells none"
    affine = np.eye(4) if trouble else np.array(image.affine, dtype=np.float64)
    affine[:3] *= unit
    return Stored(
        shape=tuple(int(size) for size in image.shape),
        dtype=image.get_data_dtype(),
        offset=0,
        affine=affine,
        trouble=trouble,
        source=image,
    )


def _partners(path: Path) -> list[Path]:
    """Return the other half of a pair of header and voxels, if it is there."""
    halves = {".img": ".hdr", ".hdr": ".img"}
    name = path.name.removesuffix(".gz")
    stem, dot, end = name.rpartition(".")
    other = halves.get(dot + end)
    return [
        each
        for packed in ("", ".gz")
        if other and (each := path.with_name(stem + other + packed)).exists()
    ]


def _voxel_file(path: Path, source: Any) -> Path:
    """Return the file that holds the voxels, which in a pair is the other one."""
    place = getattr(source, "file_map", {}).get("image")
    return path if place is None or not place.filename else Path(place.filename)


def _voxels_elsewhere(image: Any) -> Volume:
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    for place in image.file_map.values():
        if place.filename and Path(place.filename).exists():
            with _unpacked(Path(place.filename)) as file:
                _read_out(file)
    return voxels
