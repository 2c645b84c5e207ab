"""Reading scans: the plain way beside brainplug's cache of volumes, on 1 mm scans.

    python benchmarks/volumes.py                  # 48 scans, all ways, and the ratios
    python benchmarks/volumes.py --scans 24       # the start of the processes weighs more
    python benchmarks/volumes.py --json out.json  # also as JSON, with machine and commit

The scans are made up: a noisy head of folds, skull and scalp in 256 x 256 x 180 voxels of 1 mm,
int16, stored LAS and tilted, packed as `.nii.gz`. Each way brings all of them to 120 x 120 x 120
voxels of 2 mm, as float32 and normalised, so it touches the same voxels, and the results are
asserted equal to the bit. The ways take turns; every round does all of them.

    plain        every scan decompressed, reoriented, resampled and normalised, in one process,
                 by the very functions that fill the cache
    first pass   an empty cache is filled, in one process and in as many as there are cores:
                 hashes, files and the start of the processes included
    warm         an epoch after that: volumes read from the cache, in an order of its own, as
                 training reads them (by torch) and by NumPy; files are in the page cache

Of `--rounds` the fastest counts for each way, since other work on the machine only adds time; the
load of the machine is printed after each.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from results import make_parser, write_results

from brainplug.api.records import Grid
from brainplug.imaging.cache import fill_cache, load_volume
from brainplug.imaging.resample import normalise, resample
from brainplug.imaging.scan import read_scan
from brainplug.runtime.workers import available_cores, in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHAPE = (256, 256, 180)
GRID = Grid(shape=(120, 120, 120), spacing_mm=(2.0, 2.0, 2.0))


class Round(NamedTuple):
    """Seconds of one round: medians over scans, and whole passes."""

    resampled: float
    normalised: float
    one: float
    many: float
    by_torch: float
    by_numpy: float


def write_scan(folder: Path, number: int) -> Path:
    """Write one made-up head, another for each number."""
    import nibabel

    rng = np.random.default_rng(number)
    voxels = draw_head(1 + rng.uniform(-0.05, 0.05))
    real, imaginary = (rng.normal(0, 25, SHAPE).astype("float32") for _ in range(2))
    voxels = np.sqrt((voxels + real) ** 2 + imaginary**2)
    cos, sin = np.cos(rng.uniform(0.05, 0.15)), np.sin(rng.uniform(0.05, 0.15))
    tilt = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    affine = np.eye(4)
    affine[:3, :3] = tilt / np.linalg.norm(tilt, axis=0) @ np.diag([-1.0, 1.0, 1.0])
    affine[:3, 3] = [128, -128, -90]
    path = folder / f"{number:03d}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels.astype("int16"), affine), path)
    return path


def draw_head(size: float) -> np.ndarray:
    """Return scalp, skull, liquor, folded grey and white matter and ventricles, without noise."""
    across, along, up = np.meshgrid(
        *((np.arange(num, dtype="float32") - num / 2) / size for num in SHAPE),
        indexing="ij",
        sparse=True,
    )

    def depth(*radii: float) -> np.ndarray:
        return (across / radii[0]) ** 2 + (along / radii[1]) ** 2 + (up / radii[2]) ** 2

    head = np.zeros(SHAPE, dtype="float32")
    for radii, level in (((82, 104, 85), 900), ((78, 100, 81), 150), ((74, 95, 77), 250)):
        head[depth(*radii) < 1] = level
    brain = depth(70, 90, 72)
    folds = np.sin(across / 5) + np.sin(along / 5.5) + np.sin(up / 4.5) + 6 * (1 - brain)
    head[brain < 1] = np.where(folds > 1.2, 700, 480)[brain < 1]
    head[depth(12, 30, 12) < 1] = 200
    return head


def read_plainly(paths: Sequence[Path]) -> tuple[list[np.ndarray], list[tuple[float, float]]]:
    """Read scans without a cache; return them, with seconds until resampled and normalised."""
    volumes, seconds = [], []
    for path in paths:
        start = time.perf_counter()
        resampled = resample(read_scan(path), GRID)
        middle = time.perf_counter()
        volumes.append(normalise(resampled).astype("float32"))
        seconds.append((middle - start, time.perf_counter() - start))
    return volumes, seconds


def fill(paths: Sequence[Path], cache: Path, workers: int | None) -> float:
    """Fill an empty cache; return the seconds."""
    shutil.rmtree(cache, ignore_errors=True)
    start = time.perf_counter()
    refused = fill_cache(
        paths, grid=GRID, cache=cache, progress=lambda _done, _all: None, workers=workers
    )
    seconds = time.perf_counter() - start
    assert not refused, refused
    return seconds


def read_warm(
    paths: Sequence[Path],
    cache: Path,
    expected: Sequence[np.ndarray],
    convert: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Read every volume as float32 in an order of this epoch; return the median seconds."""
    seconds = []
    for place in np.random.default_rng().permutation(len(paths)).tolist():
        start = time.perf_counter()
        volume = convert(load_volume(paths[place], GRID, cache))
        seconds.append(time.perf_counter() - start)
        np.testing.assert_array_equal(expected[place], volume)
    return median(seconds)


def by_torch(volume: np.ndarray) -> np.ndarray:
    """Make float32 of float16 by torch, as training does."""
    import torch

    found: np.ndarray = torch.from_numpy(volume).float().numpy()
    return found


def by_numpy(volume: np.ndarray) -> np.ndarray:
    """Make float32 of float16 by NumPy."""
    return volume.astype("float32")


def measure(paths: Sequence[Path], folder: Path) -> Round:
    """Do every way once, one after the other."""
    volumes, seconds = read_plainly(paths)
    resampled, normalised = (median(each) for each in zip(*seconds, strict=True))
    one = fill(paths, folder / "cache", workers=1)
    many = fill(paths, folder / "cache", workers=None)
    for convert in (by_torch, by_numpy):  # the first epoch finds every file's place in the cache
        read_warm(paths, folder / "cache", volumes, convert)
    return Round(
        resampled=resampled,
        normalised=normalised,
        one=one,
        many=many,
        by_torch=read_warm(paths, folder / "cache", volumes, by_torch),
        by_numpy=read_warm(paths, folder / "cache", volumes, by_numpy),
    )


def report(rounds: Sequence[Round], scans: int) -> None:
    """Print all figures and the ratios."""
    best = Round(*(min(each) for each in zip(*rounds, strict=True)))
    many = f"in {available_cores()} processes"
    print(f"\nmilliseconds a scan: median of {scans}, best of {len(rounds)} rounds")
    show("decompress, reorient, resample", 1e3 * best.resampled)
    show("plain: the same and normalised", 1e3 * best.normalised)
    for name, value in (("torch", best.by_torch), ("NumPy", best.by_numpy)):
        plain, resampled = best.normalised / value, best.resampled / value
        note = f"{plain:.0f} times faster than plain, {resampled:.0f} than without normalising"
        show(f"warm, by {name}", 1e3 * value, note)
    ratios = ", ".join(f"{each.one / each.many:.2f}" for each in rounds)
    print(f"\nseconds of a first pass over {scans} scans: best of {len(rounds)} rounds")
    show("in one process", best.one)
    show(many, best.many, f"{best.one / best.many:.2f} times faster; in each round {ratios}")


def show(name: str, value: float, note: str = "") -> None:
    """Print one row."""
    print(f"  {name:34}{value:10.2f}   {note}".rstrip())


def main() -> None:
    """Read the command line, measure, and print."""
    import torch

    parser = make_parser(__doc__)
    parser.add_argument("--scans", type=int, default=48, help="made-up scans")
    parser.add_argument("--rounds", type=int, default=3, help="how often all ways are measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = sorted(path for _, path in in_processes(write_scan, folder, range(given.scans)))
        size = median(path.stat().st_size for path in paths)
        print(f"{given.scans} scans of {SHAPE} voxels, {size / 2**20:.1f} MiB each", flush=True)
        rounds = []
        for number in range(given.rounds):
            rounds.append(measure(paths, folder))
            print(f"round {number + 1}: load of the machine {os.getloadavg()[0]:.1f}", flush=True)
        report(rounds, given.scans)
    write_results(given.json, [each._asdict() for each in rounds])


if __name__ == "__main__":
    main()
