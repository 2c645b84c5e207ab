"""Scans as they lie on disk: read, checked, and brought to RAS+ by their affine."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from brainplug.errors import ScanError, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import Affine, Volume


@attrs.frozen(kw_only=True, eq=False)
class Header:
    """What a scan's header says.

    Attributes:
        shape: voxels along the three axes as stored.
        affine: stored voxel index to RAS+ millimetres.
        spacing_mm: distance between voxels along the stored axes.
    """

    shape: tuple[int, int, int]
    affine: Affine
    spacing_mm: tuple[float, float, float]


@attrs.frozen(kw_only=True, eq=False)
class Scan:
    """A scan whose axes run roughly to the right, to the front and up.

    Attributes:
        voxels: intensities, float32, all finite.
        affine: voxel index to RAS+ millimetres, float64.
    """

    voxels: Volume
    affine: Affine


def read_header(path: Path) -> Header:
    """Read shape and orientation without reading the voxels.

    Raises:
        ScanError: `file missing`, `empty file`, `unreadable file`, `not a 3-D scan` or
            `no orientation`.
    """
    block = _nifti1_block(path)
    return _header(path, _open(path) if block is None else _HeaderOnly.of(block))


def read_scan(path: Path) -> Scan:
    """Read a scan and turn its axes to the nearest of right, anterior, superior.

    Axes are permuted and reversed together with the affine, so every voxel keeps its place in
    the world. Nothing is interpolated.

    Raises:
        ScanError: a reason of `read_header`, or `damaged file`, `non-finite voxels`,
            `empty image`, `constant image`.
    """
    image = _open(path)
    header = _header(path, image)
    voxels = _voxels(path, image).reshape(header.shape)
    _check_voxels(path, voxels)
    return _canonical(voxels, header.affine)


def _open(path: Path) -> Any:
    """Open the file as an image of any format nibabel knows."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    if not path.is_file():
        raise ScanError(str(path), "file missing")
    if path.stat().st_size == 0:
        raise ScanError(str(path), "empty file")
    try:
        return nibabel.load(path)
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        ImageFileError,
    ) as error:
        raise ScanError(str(path), "unreadable file", first_line(error)) from error


@attrs.frozen
class _HeaderOnly:
    """What `_header` asks of an image, for a file of which only the header was read."""

    header: Any
    shape: tuple[int, ...]
    affine: Affine

    @classmethod
    def of(cls, block: bytes) -> _HeaderOnly:
        """Read a NIfTI-1 header; nibabel's search for the format would take most of the time."""
        import nibabel

        header = nibabel.Nifti1Header(block, check=False)
        return cls(header, header.get_data_shape(), header.get_best_affine())

    def get_data_dtype(self) -> np.dtype[Any]:
        """Return the type of the voxels."""
        dtype: np.dtype[Any] = self.header.get_data_dtype()
        return dtype


def _nifti1_block(path: Path) -> bytes | None:
    """Return the header of a sound single-file NIfTI-1 image, None for anything else."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            block = file.read(348)
    except (OSError, EOFError, zlib.error):
        return None
    # The last four of a NIfTI-1 header's 348 bytes. Pairs (`ni1`), NIfTI-2 and all else are left
    # to nibabel.
    return block if block[344:] == b"n+1\0" else None


def _header(path: Path, image: Any) -> Header:
    shape = _three_axes(path, image)
    affine = _affine(path, image)
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return Header(
        shape=shape, affine=affine, spacing_mm=(float(edges[0]), float(edges[1]), float(edges[2]))
    )


def _three_axes(path: Path, image: Any) -> tuple[int, int, int]:
    """Return the three axes of a scan of real numbers; further axes must have one entry."""
    shape = tuple(int(size) for size in image.shape)
    kind = image.get_data_dtype().kind
    # Colour pictures and complex signals are images to nibabel, too.
    if kind not in "iuf":
        raise ScanError(str(path), "not a 3-D scan", f"voxels of type {image.get_data_dtype()}")
    if len(shape) < 3 or min(shape[:3]) < 2 or any(size != 1 for size in shape[3:]):
        raise ScanError(str(path), "not a 3-D scan", f"shape {shape}")
    return shape[0], shape[1], shape[2]


def _affine(path: Path, image: Any) -> Affine:
    """Return an affine that the file states; one that a format merely assumes may swap sides."""
    if not _states_orientation(image.header):
        raise ScanError(str(path), "no orientation", "neither sform nor qform is set")
    affine = np.asarray(image.affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ScanError(str(path), "no orientation", "the affine is not finite")
    # Far below any real voxel, in cubic millimetres; a zero row or column in the header gives 0.
    if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ScanError(str(path), "no orientation", "the affine cannot be inverted")
    return affine


def _states_orientation(header: Any) -> bool:
    """Tell whether a header holds an orientation; Analyze and unset forms do not."""
    if "sform_code" in header:
        return int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    return "goodRASFlag" not in header or int(header["goodRASFlag"]) > 0


def _voxels(path: Path, image: Any) -> Volume:
    try:
        # What is too large for float32 becomes infinite, and is refused with a count of voxels.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ScanError(str(path), "damaged file", first_line(error)) from error


def _check_voxels(path: Path, voxels: Volume) -> None:
    # NaN and infinity come through to the extremes, so two passes tell whether all is finite.
    low, high = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        count = int(voxels.size - np.isfinite(voxels).sum())
        raise ScanError(str(path), "non-finite voxels", f"{count} of {voxels.size}")
    if low == high == 0:
        raise ScanError(str(path), "empty image", "every voxel is 0")
    if low == high:
        raise ScanError(str(path), "constant image", f"every voxel is {low:g}")


def _canonical(voxels: Volume, affine: Affine) -> Scan:
    import nibabel

    turns = nibabel.io_orientation(affine)
    turned = nibabel.apply_orientation(voxels, turns)
    # From turned indices to stored ones, which are what the file's affine takes.
    back = nibabel.orientations.inv_ornt_aff(turns, voxels.shape)
    return Scan(voxels=turned, affine=affine @ back)
