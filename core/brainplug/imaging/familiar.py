"""Whether a scan is like those a model was trained on: voxels, head, and the picture as a whole.

A model answers every scan with equal ease, one of a leg too. So a run keeps, in a few kilobytes,
how its training scans measure and what they look like on average, and a scan that is shown to the
model later is held against that. No scan of a single person is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.imaging.sketch import average_blocks, measure_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jaxtyping import Float

    from brainplug.api.records import Grid, Volume
    from brainplug.imaging.scan import Header

CELLS = 8
"""Most cells of the coarse grid along each axis."""

FAR = 3.0
"""A scan is told of from this many standard deviations on, if it is also beyond all that trained.

The one alone would tell of healthy scans where few have trained, the other where many have.
"""

SLACK = 0.01
"""Share of their mean by which measures may differ that are the same for all, such as voxels."""

AXES = ("width", "length", "height")

MEASURES = {
    "smallest voxel edge": "mm",
    "largest voxel edge": "mm",
    **{f"head {axis}": "mm" for axis in AXES},
    "head volume": "ml",
}
"""What is measured of a scan -> its unit."""


@attrs.frozen(kw_only=True)
class Spread:
    """How the training scans measure in one respect."""

    mean: float
    sd: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Sum up the values of all training scans."""
        found = np.fromiter(values, dtype=float)
        return cls(
            mean=float(found.mean()),
            sd=float(found.std(ddof=1)) if len(found) > 1 else 0.0,
            low=float(found.min()),
            high=float(found.max()),
        )

    def is_far(self, value: float) -> bool:
        """Tell whether a value is beyond all training values, and far from their mean.

        >>> Spread(mean=1.0, sd=0.1, low=0.8, high=1.2).is_far(1.25)
        False
        >>> Spread(mean=1.0, sd=0.1, low=0.8, high=1.2).is_far(1.4)
        True
        """
        beyond = not self.low <= value <= self.high
        return beyond and abs(value - self.mean) > max(FAR * self.sd, SLACK * abs(self.mean))


@attrs.frozen(kw_only=True)
class FamiliarScans:
    """The training scans of a run, summed up.

    Attributes:
        scans: how many.
        measures: their spread in each respect of `MEASURES`.
        picture: mean brightness of each cell of the coarse grid, row by row.
        likeness: spread of Fisher's z of the correlation of each scan with the mean picture of
            all others.
    """

    scans: int
    measures: Mapping[str, Spread]
    picture: tuple[float, ...]
    likeness: Spread


@attrs.frozen(kw_only=True, eq=False)
class Sight:
    """One scan, measured.

    Attributes:
        measures: by the names of `MEASURES`.
        picture: brightness of each cell of the coarse grid.
    """

    measures: Mapping[str, float]
    picture: Float[np.ndarray, " cell"]


def look_at(volume: Volume, header: Header, grid: Grid) -> Sight:
    """Measure a scan by its header and by its volume on the common grid.

    Args:
        volume: normalised, background 0.
        header: of the scan file.
        grid: of the volume.
    """
    millilitres, *extents = measure_head(np.asarray(volume, dtype=np.float32), grid)[:4].tolist()
    edges = sorted(header.spacing_mm)
    found = (edges[0], edges[-1], *extents, millilitres)
    return Sight(
        measures=dict(zip(MEASURES, found, strict=True)),
        picture=average_blocks(volume, CELLS).ravel().astype(float),
    )


def sum_up(sights: Iterable[Sight]) -> FamiliarScans:
    """Sum up the training scans, of which there is at least one."""
    seen = list(sights)
    pictures = np.stack([sight.picture for sight in seen])
    total, others = pictures.sum(axis=0), max(len(seen) - 1, 1)
    # Each beside the mean of the others: beside its own it would look more at home than a new scan
    # can, the more so the fewer there are.
    alike = [
        likeness(each, (total - each) / others if len(seen) > 1 else each) for each in pictures
    ]
    return FamiliarScans(
        scans=len(seen),
        measures={name: Spread.of(sight.measures[name] for sight in seen) for name in MEASURES},
        picture=tuple(np.round(total / len(seen), 5).tolist()),
        likeness=Spread.of(alike),
    )


def likeness(one: Float[np.ndarray, " cell"], other: Float[np.ndarray, " cell"]) -> float:
    """Return Fisher's z of the correlation of two pictures, 0 where one has no contrast."""
    if not (np.ptp(one) and np.ptp(other)):
        return 0.0
    # Short of 1, where z is infinite.
    return float(np.arctanh(np.clip(np.corrcoef(one, other)[0, 1], -0.9999, 0.9999)))


def strange(sight: Sight, known: FamiliarScans) -> Iterator[str]:
    """Say in what a scan is unlike all that a model was trained on; nothing of one that is not."""
    for name, spread in known.measures.items():
        value = sight.measures[name]
        if spread.is_far(value):
            low, high = round_alike(spread.low), round_alike(spread.high)
            span = low if low == high else f"{low} to {high}"
            yield (
                f"{name} {round_alike(value)} {MEASURES[name]}, of the {known.scans} training "
                f"scans {span}"
            )
    z = likeness(sight.picture, np.array(known.picture))
    if z < known.likeness.low and known.likeness.is_far(z):
        yield (
            f"looks unlike the training scans: its correlation with their mean is "
            f"{np.tanh(z):.2f}, the lowest of the {known.scans} is "
            f"{np.tanh(known.likeness.low):.2f}"
        )


def round_alike(value: float) -> str:
    """Write a measure with as many places as one reads.

    >>> round_alike(171.3), round_alike(0.9375)
    ('171', '0.94')
    """
    return (
        f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"
    )
