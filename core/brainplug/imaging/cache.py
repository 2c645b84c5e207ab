"""Stage `volumes`: every scan as a normalised array on the common grid, cached by content.

The cache lies outside the run folder and is shared by runs. A volume is found by the content of
its scan, by the grid, and by the code that decides voxels, so a moved or copied scan is not
computed again and an edited one is, and all are once that code changes. Every file is written whole
or not at all, without locks: two runs that fill the cache at once write the same bytes.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import stat
import sys
from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import EXTENSIONS, LARGEST_GIB
from brainplug.errors import RunError, ScanError
from brainplug.imaging.formats import TOO_LARGE
from brainplug.imaging.resample import BLUR_REACH, Head, blur_sigmas, find_head, normalise, resample
from brainplug.imaging.scan import HEAD_MM, Header, Scan, read_header, read_scan
from brainplug.imaging.volume_file import has_length, is_whole, open_volume, write_volume
from brainplug.runtime import files
from brainplug.runtime.code_closure import ENGINE, SourceTree
from brainplug.runtime.memo import remembered
from brainplug.runtime.notes import read_note, write_note
from brainplug.runtime.workers import in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from brainplug.api.records import Grid, Volume

from pathlib import Path

__all__ = [
    "EXTENSIONS",
    "Header",
    "Scan",
    "content_hash",
    "fill_cache",
    "load_volume",
    "make_volume",
    "name_in_cache",
    "normalise",
    "read_header",
    "read_headers",
    "read_scan",
    "resample",
]

THINNEST_HEAD_MM = 30.0
"""Shortest side that what stands out must have: a streak or a single slice is no head."""

MOST_REACH = 500
"""Most voxels that smoothing reaches to either side; a sane scan and grid ask for some twenty."""


@attrs.frozen(kw_only=True)
class Settings:
    """Where volumes are kept and on which grid; sent to every worker process."""

    grid: Grid
    cache: Path


@attrs.frozen
class Refusal:
    """Why a scan has no volume; a `ScanError` that can travel and be stored."""

    path: str
    reason: str
    detail: str

    def error(self) -> ScanError:
        """Make the error."""
        return ScanError(self.path, self.reason, self.detail)


_found: dict[tuple[Settings, Path, int, int], Path] = {}
"""Cache files that this process has found: by scan, its size, and the time of its last change."""


def content_hash(path: Path, memo: Path) -> str:
    """Return the SHA-256 of a file, from the memo folder where path, size and time are as before.

    Raises:
        OSError: the file cannot be read.
        RunError: the memo cannot be written.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):  # a pipe or a device may never end
        raise OSError(errno.EINVAL, "no plain file", str(path))
    # A zero byte is in no path, so parts cannot run into each other.
    known = f"{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}"
    return remembered(_spread(memo, _sha256(known), ""), lambda: _hash_file(path))


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_volume(path: Path, grid: Grid) -> Volume:
    """Read a scan and bring it to the grid, normalised, as float16; nothing is cached.

    Raises:
        ScanError: the scan cannot be used.
    """
    scan = read_scan(path, grid.max_gib)
    head = _plausible_head(path, scan, grid)
    volume = normalise(resample(scan, grid, head))
    if not volume.any():
        raise ScanError(str(path), "no head", "nothing of it stands out on the grid")
    return volume


def _plausible_head(path: Path, scan: Scan, grid: Grid) -> Head:
    """Find the head of a scan, of a size that a human's may have.

    Raises:
        ScanError: `no head`, `implausible size`, or `voxels too small`.
    """
    head = find_head(scan)
    if head is None:
        raise ScanError(str(path), "no head", "nothing stands out from the background")
    longest, thinnest = head.sides_mm.max(), head.sides_mm.min()
    if not HEAD_MM[0] <= longest <= HEAD_MM[1] or thinnest < THINNEST_HEAD_MM:
        told = " x ".join(f"{side:.4g}" for side in head.sides_mm)
        raise ScanError(
            str(path),
            "implausible size",
            f"what stands out is {told} mm, and a head's longest side has {HEAD_MM[0]:g} to "
            f"{HEAD_MM[1]:g}; look at the header's voxel size and unit",
        )
    reach = BLUR_REACH * blur_sigmas(scan, grid).max()
    if reach > MOST_REACH:
        raise ScanError(
            str(path),
            "voxels too small",
            f"the grid would need a filter of {2 * reach:,.0f} voxels, of at most {2 * MOST_REACH}",
        )
    return head


@functools.cache
def voxel_code() -> str:
    """Return a hash of the code that reads, resamples and normalises a scan, name by name."""
    code = SourceTree().closure([make_volume], by_name=ENGINE)
    return _sha256(repr(sorted(code.items())))


def _say(message: str) -> None:
    sys.stderr.write(f"brainplug: {message}\n")


def load_volume(
    path: Path, grid: Grid, cache: Path, tell: Callable[[str], None] = _say
) -> np.ndarray:
    """Return a scan's volume as a float16 memory map, made first where the cache lacks it.

    A process looks for a scan's place in the cache once, as long as its size and time stay, and
    then compares the volume with its checksum; a damaged one is made again. The map is copied on
    write, as torch asks of what it takes without a copy: the file stays as it is.

    Args:
        path: the scan.
        grid: the common grid.
        cache: as `cache_folder()` gives it.
        tell: is told of a volume that was damaged.

    Raises:
        ScanError: the scan cannot be used.
    """
    settings = Settings(grid=grid, cache=cache)
    try:
        state = path.stat()
    except OSError:
        raise _why_unread(path, grid) from None
    scan = (settings, path.absolute(), state.st_size, state.st_mtime_ns)
    # Somebody may have emptied the cache since, as its folder is theirs to clear.
    if scan not in _found or not _found[scan].exists():
        _found[scan] = _whole(settings, path, tell)
    return open_volume(_found[scan])


def _whole(settings: Settings, path: Path, tell: Callable[[str], None]) -> Path:
    """Return where a scan's volume is, made if it is not there or not as it was written."""
    for again in (False, True):
        refusal = _fill(settings, path)
        if refusal is not None:
            raise refusal.error()
        place = _place(settings, path)
        if is_whole(place, settings.grid.shape):
            return place
        if not again:
            tell(f"the cached volume of {path} was damaged, and is made again ({place})")
            place.unlink(missing_ok=True)
    raise RunError(
        "a volume that was written a moment ago reads otherwise",
        where=place,
        found=str(path),
        hint="look at the disk, or name another folder in BRAINPLUG_CACHE",
    )


def fill_cache(
    paths: Sequence[Path],
    *,
    grid: Grid,
    cache: Path,
    progress: Callable[[int, int], None],
    workers: int | None = None,
) -> dict[Path, ScanError]:
    """Make every volume the cache lacks and return the scans that cannot be used.

    Can be stopped at any time and called again; what is done is not done twice, refusals
    included.

    Args:
        paths: the scans; a path given twice is read once.
        grid: the common grid.
        cache: as `cache_folder()` gives it.
        progress: called with scans done and scans in all.
        workers: most processes, without it as many as there are cores.
    """
    todo = list(dict.fromkeys(paths))
    refused: dict[Path, ScanError] = {}
    settings = Settings(grid=grid, cache=cache)
    for done, (path, refusal) in enumerate(in_processes(_fill, settings, todo, workers=workers), 1):
        if refusal is not None:
            refused[path] = refusal.error()
        progress(done, len(todo))
    return {path: refused[path] for path in todo if path in refused}


def read_headers(
    paths: Sequence[Path],
    progress: Callable[[int, int], None],
    max_gib: float = LARGEST_GIB,
) -> dict[Path, ScanError]:
    """Return the scans whose headers cannot be used.

    Args:
        paths: the scans.
        progress: called with scans done and scans in all.
        max_gib: most memory that the voxels of one may take as float32.
    """
    refused = {}
    for done, path in enumerate(paths, 1):
        try:
            read_header(path, max_gib)
        except ScanError as error:
            refused[path] = error
        progress(done, len(paths))
    return refused


def name_in_cache(path: Path, grid: Grid, cache: Path, *, made_by: tuple[str, str]) -> Path:
    """Return where something that is made from a scan's volume is kept.

    Args:
        path: of the scan.
        grid: the common grid.
        cache: as `cache_folder()` gives it.
        made_by: name of the folder, and a hash of the code that makes it from the volume.

    Raises:
        OSError: the scan cannot be read.
    """
    folder, code = made_by
    volume = _place(Settings(grid=grid, cache=cache), path)
    return _spread(cache / folder, _sha256(f"{volume.parent.name}{volume.stem}\0{code}"), ".npz")


def _fill(settings: Settings, path: Path) -> Refusal | None:
    """Put one volume or its refusal in the cache, unless it is there."""
    try:
        place = _place(settings, path)
    except OSError:
        return _refusal(path, _why_unread(path, settings.grid))
    # One that was cut short is made again.
    if has_length(place, settings.grid.shape):
        return None
    return _known_refusal(path, place) or _compute(settings.grid, path, place)


def _known_refusal(path: Path, place: Path) -> Refusal | None:
    """Return why a scan was refused before; None where no note says so, or none that is whole."""
    note = read_note(place.with_suffix(".json")) or {}
    known = {"reason", "detail"} <= note.keys()
    return Refusal(str(path), str(note["reason"]), str(note["detail"])) if known else None


def _compute(grid: Grid, path: Path, place: Path) -> Refusal | None:
    try:
        volume = make_volume(path, grid)
    except ScanError as error:
        refusal = _refusal(path, error)
        # What disk (an error number), memory or the recipe refuse today they may give tomorrow.
        passing = isinstance(error.__cause__, MemoryError) or error.reason == TOO_LARGE
        if not passing and getattr(error.__cause__, "errno", None) is None:
            note = {"reason": refusal.reason, "detail": refusal.detail}
            with files.into_cache(place):
                write_note(place.with_suffix(".json"), note)
        return refusal
    with files.into_cache(place), files.replacing(place) as temporary, temporary.open("wb") as file:
        write_volume(file, volume)
    return None


def _place(settings: Settings, path: Path) -> Path:
    content = content_hash(path, settings.cache / "hashes")
    grid = settings.grid
    key = _sha256(f"{content}\0{grid.shape}\0{grid.spacing_mm}\0{voxel_code()}")
    return _spread(settings.cache / "volumes", key, ".npy")


def _why_unread(path: Path, grid: Grid) -> ScanError:
    """Return why a file whose content cannot even be read is refused."""
    try:
        read_header(path, grid.max_gib)
    except ScanError as error:
        return error
    return ScanError(str(path), "unreadable file")


def _refusal(path: Path, error: ScanError) -> Refusal:
    return Refusal(str(path), error.reason, error.detail)


def _spread(folder: Path, key: str, suffix: str) -> Path:
    """Return a path in one of 256 subfolders, since single folders of many files are slow."""
    return folder / key[:2] / f"{key[2:]}{suffix}"


def _sha256(text: str) -> str:
    # Names of files on Linux are bytes and need not be UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
