"""What is kept of a volume where many are compared at once: its content, its head, a coarse copy.

Sketches lie in the cache beside the volumes that they are made from, a few kilobytes each, so that
ten thousand scans are compared without reading ten thousand volumes again.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import attrs
import numpy as np

from brainplug.api.records import Grid
from brainplug.imaging.cache import load_volume, name_in_cache
from brainplug.runtime import files
from brainplug.runtime.code_closure import ENGINE, SourceTree
from brainplug.runtime.workers import available_cores, in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Bool, Float

    from brainplug.api.records import Volume

from pathlib import Path

COARSE_SIDE = 16
"""Most blocks along an axis of the coarse copy."""

HEAD_LEVEL = 0.05
"""Voxels above it count as head: a tenth of the head's median, which is 0.5 in every volume."""

FIRST, LAST = 0.005, 0.995
"""Shares of the head's voxels, along an axis, between which its extent is measured."""

FEW = 250
"""Scans that a further process must have to be worth its start; a sketch takes milliseconds."""

HEAD_NUMBERS = ("volume_ml", "width_mm", "length_mm", "height_mm", "mean", "sd")
"""What `Sketch.head` holds, in order."""


@attrs.frozen(kw_only=True, eq=False)
class Sketch:
    """What is kept of a volume.

    Attributes:
        content: SHA-256 of the voxels as the model sees them.
        head: `HEAD_NUMBERS`: the head's volume in ml, its extent to the right, to the front and up
            in mm, and mean and SD of the intensities in it.
        coarse: means of blocks of voxels, at most `COARSE_SIDE` along an axis, float16.
    """

    content: str
    head: Float[np.ndarray, " 6"]
    coarse: Float[np.ndarray, "i j k"]


def make_sketch(volume: Volume, grid: Grid) -> Sketch:
    """Sketch a normalised volume."""
    voxels = np.ascontiguousarray(volume)
    seen = hashlib.sha256(f"{voxels.shape}{voxels.dtype}".encode())
    seen.update(voxels.data)
    return Sketch(
        content=seen.hexdigest(),
        head=measure_head(voxels.astype(np.float32), grid),
        coarse=average_blocks(voxels, COARSE_SIDE),
    )


def measure_head(volume: Volume, grid: Grid) -> Float[np.ndarray, " 6"]:
    """Return `HEAD_NUMBERS` of a normalised volume; zeros where nothing is bright."""
    inside = volume > HEAD_LEVEL
    if not inside.any():
        return np.zeros(len(HEAD_NUMBERS))
    bright = volume[inside]
    millilitres = inside.sum() * float(np.prod(grid.spacing_mm)) / 1000
    extents = [measure_extent(inside, axis) * edge for axis, edge in enumerate(grid.spacing_mm)]
    return np.array([millilitres, *extents, bright.mean(), bright.std()], dtype=np.float64)


def measure_extent(inside: Bool[np.ndarray, "i j k"], axis: int) -> float:
    """Return the extent of a mask along an axis, in voxels; stray voxels at its ends do not count.

    >>> round(measure_extent(np.ones((4, 2, 2), dtype=bool), 0), 2)
    3.96
    """
    counts = inside.sum(axis=tuple(other for other in range(3) if other != axis))
    # The share below each face between slices, so that the extent is finer than a voxel.
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    low, high = np.interp((FIRST, LAST), below, np.arange(len(below)))
    return float(high - low)


def average_blocks(volume: Volume, most: int) -> Float[np.ndarray, "i j k"]:
    """Return the means of equal blocks of voxels, at most `most` along an axis, as float16.

    What lies outside the volume is background, 0.

    >>> average_blocks(np.arange(8.0).reshape(2, 2, 2), 1).ravel().tolist()
    [3.5]
    """
    edges = [-(-size // most) for size in volume.shape]
    lacking = [(0, -size % edge) for size, edge in zip(volume.shape, edges, strict=True)]
    whole = np.pad(np.asarray(volume, dtype=np.float32), lacking)
    parts = [
        part for size, edge in zip(whole.shape, edges, strict=True) for part in (size // edge, edge)
    ]
    means: Float[np.ndarray, "i j k"] = whole.reshape(parts).mean(axis=(1, 3, 5))
    return means.astype(np.float16)


@attrs.frozen(kw_only=True)
class Where:
    """Where volumes are kept and on which grid; sent to every worker process."""

    grid: Grid
    cache: Path


def sketch_scans(
    paths: Sequence[Path],
    *,
    grid: Grid,
    cache: Path,
    progress: Callable[[int, int], None],
    workers: int | None = None,
) -> dict[Path, Sketch]:
    """Sketch scans, from the cache where they are there.

    Can be stopped at any time and called again; what is done is not done twice.

    Args:
        paths: the scans; a path given twice is read once.
        grid: the common grid.
        cache: as `cache_folder()` gives it.
        progress: called with scans done and scans in all.
        workers: most processes, without it as many as there are cores.

    Raises:
        ScanError: a scan cannot be used.
    """
    todo = list(dict.fromkeys(paths))
    where = Where(grid=grid, cache=cache)
    workers = min(workers or available_cores(), max(1, len(todo) // FEW))
    found = {}
    for done, (path, sketch) in enumerate(in_processes(_sketch, where, todo, workers=workers), 1):
        found[path] = sketch
        progress(done, len(todo))
    return {path: found[path] for path in todo}


@functools.cache
def sketch_code() -> str:
    """Return a hash of the code that sketches a volume, name by name."""
    code = SourceTree().closure([make_sketch], by_name=ENGINE)
    return files.hash_text(repr(sorted(code.items())))


def _sketch(where: Where, path: Path) -> Sketch:
    """Return the sketch of one scan; made and put in the cache unless it is there."""
    place = name_in_cache(path, where.grid, where.cache, made_by=("sketches", sketch_code()))
    # A damaged one is made again; the archive holds checksums.
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return _read(place)
    sketch = make_sketch(load_volume(path, where.grid, where.cache), where.grid)
    with files.into_cache(), files.replacing(place) as temporary, temporary.open("wb") as file:
        np.savez(file, content=np.array(sketch.content), head=sketch.head, coarse=sketch.coarse)
    return sketch


def _read(place: Path) -> Sketch:
    # Opened here, since `np.load` leaves open what it cannot read.
    with place.open("rb") as file, np.load(file) as kept:
        return Sketch(content=str(kept["content"]), head=kept["head"], coarse=kept["coarse"])
