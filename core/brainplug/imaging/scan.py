"""Scans as they lie on disk: read, checked, and brought to RAS+ by their affine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.records import LARGEST_GIB
from brainplug.errors import ScanError
from brainplug.imaging.formats import check_size, read_stored, read_voxels

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import Affine, Volume
    from brainplug.imaging.formats import Stored

HEAD_MM = (80.0, 350.0)
"""The longest side of a head lies between: a newborn's brain has 110 mm, a tall man's head 240."""

LEAST_APART = 0.8
"""Least volume of a voxel beside that of a box of its edges: a gantry tilted by 30° leaves 0.87."""

LARGEST_FIELD_MM = 1000.0
"""Longest side of the box of a scan, millimetres."""


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


def read_header(path: Path, max_gib: float = LARGEST_GIB) -> Header:
    """Read shape and orientation without reading the voxels.

    Args:
        path: the scan.
        max_gib: most memory that its voxels may take as float32.

    Raises:
        ScanError: `file missing`, `not a plain file`, `empty file`, `unreadable file`,
            `not a 3-D scan`, `too large`, `damaged file`, `no orientation` or `implausible size`.
    """
    return _header(path, read_stored(path), max_gib)


def read_scan(path: Path, max_gib: float = LARGEST_GIB) -> Scan:
    """Read a scan and turn its axes to the nearest of right, anterior, superior.

    Axes are permuted and reversed together with the affine, so every voxel keeps its place in
    the world. Nothing is interpolated.

    Args:
        path: the scan.
        max_gib: most memory that its voxels may take as float32.

    Raises:
        ScanError: a reason of `read_header`, or `non-finite voxels`, `empty image`,
            `constant image`.
    """
    stored = read_stored(path)
    header = _header(path, stored, max_gib)
    voxels = read_voxels(path, stored, max_gib).reshape(header.shape)
    _check_voxels(path, voxels)
    return _canonical(voxels, header.affine)


def _header(path: Path, stored: Stored, max_gib: float) -> Header:
    shape = _three_axes(path, stored)
    check_size(path, stored, max_gib)
    affine = _affine(path, stored)
    edges = _edges(affine)
    header = Header(
        shape=shape, affine=affine, spacing_mm=(float(edges[0]), float(edges[1]), float(edges[2]))
    )
    _check_field(path, header)
    return header


def _edges(affine: Affine) -> np.ndarray:
    """Return the distance between voxels along each axis; infinite of an absurd affine."""
    with np.errstate(over="ignore"):
        edges: np.ndarray = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return edges


def _three_axes(path: Path, stored: Stored) -> tuple[int, int, int]:
    """Return the three axes of a scan of real numbers; further axes must have one entry."""
    shape = stored.shape
    # Colour pictures and complex signals are images to nibabel, too.
    if stored.dtype.kind not in "iuf":
        raise ScanError(str(path), "not a 3-D scan", f"voxels of type {stored.dtype}")
    if len(shape) < 3 or min(shape[:3]) < 2 or any(size != 1 for size in shape[3:]):
        raise ScanError(str(path), "not a 3-D scan", f"shape {shape}")
    return shape[0], shape[1], shape[2]


def _affine(path: Path, stored: Stored) -> Affine:
    """Return an affine that the file states; one that a format merely assumes may swap sides."""
    affine = stored.affine
    if stored.trouble:
        raise ScanError(str(path), "no orientation", stored.trouble)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ScanError(str(path), "no orientation", "the affine is not finite")
    edges = _edges(affine)
    # Of axes of length 1: 0 where one is lacking or two are one, 1 where they are at right angles.
    apart = abs(np.linalg.det(affine[:3, :3] / edges)) if edges.all() else 0.0
    if apart < LEAST_APART:
        told = "the affine cannot be inverted" if apart < 1e-3 else "its axes are no right angles"
        raise ScanError(str(path), "no orientation", told)
    return affine


def _check_field(path: Path, header: Header) -> None:
    """Refuse a box that no head fits in, or that no scanner can fill."""
    sides = np.array(header.shape) * header.spacing_mm
    if sides.max() < HEAD_MM[0] or sides.max() > LARGEST_FIELD_MM:
        told = " x ".join(f"{side:.4g}" for side in sides)
        raise ScanError(
            str(path),
            "implausible size",
            f"its field is {told} mm; look at the header's voxel size and unit",
        )


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
