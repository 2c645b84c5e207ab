"""Scans changed at random in training: mirrored, turned, shifted, brighter or darker.

What happens to a scan is drawn first (`draw`) and done after (`apply`). A draw follows from the
options, the run's seed, and where the scan is shown: phase, epoch, step and scan. Neither the
process that draws nor what was drawn before plays a part, so a batch has the same draws on
whichever device or worker it is made, also after a resume, and each can be made again from the
run's `recipe.toml`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.imaging.resample import HEAD_MEDIAN

if TYPE_CHECKING:
    from jaxtyping import Float

    from brainplug.api.records import Grid, Volume
    from brainplug.recipe.augmentation_table import Augmentation

Triple = tuple[float, float, float]


@attrs.frozen(kw_only=True)
class Drawn:
    """What is done to a scan, JSON-ready by `attrs.asdict`; the defaults change nothing.

    Attributes:
        flipped: mirrored left to right, before all else.
        rotation_degrees: by the right-hand rule about the axes that point to the right, to the
            front and up, one after the other, through the grid's centre.
        translation_mm: shift along the same axes, after the rotation.
        brightness: factor of the head's median.
        contrast: exponent of intensities relative to that median; contrast near the median grows
            by this factor beside that of the brightness.
    """

    flipped: bool = False
    rotation_degrees: Triple = (0.0, 0.0, 0.0)
    translation_mm: Triple = (0.0, 0.0, 0.0)
    brightness: float = 1.0
    contrast: float = 1.0


@attrs.frozen(kw_only=True)
class Augmenter:
    """Changes the scans of one phase of training.

    Attributes:
        options: how far scans are changed.
        grid: of all volumes.
        seed: of the run.
        phase: number of the phase, from 0.
    """

    options: Augmentation
    grid: Grid
    seed: int
    phase: int = 0

    def volume(self, volume: Volume, scan: str, *, epoch: int, step: int) -> Volume:
        """Return a scan's volume as it is shown there; see `drawn` and `apply`."""
        return apply(volume, self.grid, self.drawn(scan, epoch=epoch, step=step))

    def drawn(self, scan: str, *, epoch: int, step: int) -> Drawn:
        """Return what is done to a scan where it is shown.

        All scans of a step are mirrored or none, lest a dialogue compare one that is with one that
        is not.

        Args:
            scan: names it, such as its path.
            epoch: number of the epoch.
            step: number of the batch in the epoch, counted over all devices.
        """
        place = (self.phase, epoch, step)
        drawn = draw(rng_for(self.seed, *place, scan), self.options)
        together = draw(rng_for(self.seed, *place), self.options)
        return attrs.evolve(drawn, flipped=together.flipped)


def rng_for(seed: int, *place: int | str) -> np.random.Generator:
    """Return a generator of random numbers for one place alone.

    >>> first, again, other = rng_for(1, 2, "a"), rng_for(1, 2, "a"), rng_for(1, 2, "b")
    >>> first.random() == again.random() != other.random()
    True
    """
    # As JSON, which keeps the parts, and the number 1 and the text "1", apart.
    key = hashlib.sha256(json.dumps([seed, *place]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16])))


def draw(rng: np.random.Generator, options: Augmentation) -> Drawn:
    """Draw what is done to a scan, evenly between the largest changes to either side.

    As many numbers are drawn whatever the options are, so none changes what another one draws.
    """
    *moves, brighter, sharper, side, still = rng.uniform(-1, 1, 10).tolist()
    # `still` is drawn between -1 and 1, as all are.
    if still >= 2 * options.moved - 1:
        moves = [0.0] * len(moves)
    return Drawn(
        flipped=options.flip is not None and side < 0,
        rotation_degrees=_scaled(options.rotation_degrees, moves[:3]),
        translation_mm=_scaled(options.translation_mm, moves[3:]),
        brightness=1 + options.intensity * brighter,
        contrast=1 + options.intensity * sharper,
    )


def apply(volume: Volume, grid: Grid, drawn: Drawn) -> Volume:
    """Change a normalised volume as drawn; one that is not to be changed is returned itself.

    It is moved in millimetres and interpolated linearly once. What comes in from outside the grid
    is background, 0, and background stays 0. Values stay between 0 and 1.

    Args:
        volume: on the grid, normalised, of any type of floating-point numbers; not changed.
        grid: its edges in millimetres.
        drawn: as `draw` gives it.

    Returns:
        A volume of the same shape and type.
    """
    # The grid's first axis runs left to right. torch takes no array with negative strides.
    changed = np.ascontiguousarray(volume[::-1]) if drawn.flipped else volume
    if any(drawn.rotation_degrees) or any(drawn.translation_mm):
        changed = _moved(changed, grid, drawn)
    if (drawn.brightness, drawn.contrast) != (1.0, 1.0):
        changed = _shaded(changed, drawn)
    return changed.astype(volume.dtype, copy=False)


def _scaled(largest: float, shares: list[float]) -> Triple:
    """Return shares, between -1 and 1, of the largest change."""
    first, second, third = (largest * share for share in shares)
    return first, second, third


def _moved(volume: Volume, grid: Grid, drawn: Drawn) -> Volume:
    from scipy.ndimage import affine_transform

    edges, centre = np.array(grid.spacing_mm), (np.array(volume.shape) - 1) / 2
    # A voxel asks where its value was before, so the rotation is inverted: transposed.
    # Turned in millimetres, asked in voxels: so columns times the edges, rows divided by them.
    matrix = _rotation(drawn.rotation_degrees).T * edges / edges[:, None]
    # "constant" would cut the outermost voxels off where "grid-constant" fades them into 0.
    moved: Volume = affine_transform(
        volume.astype(np.float32, copy=False),
        matrix,
        offset=centre - matrix @ (centre + drawn.translation_mm / edges),
        order=1,
        mode="grid-constant",
    )
    return moved


def _rotation(degrees: Triple) -> Float[np.ndarray, "3 3"]:
    """Return the matrix that turns about the first, then the second, then the third axis."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _shaded(volume: Volume, drawn: Drawn) -> Volume:
    """Change brightness and contrast by a power law, which keeps 0 and order, and cut off at 1."""
    relative = volume.astype(np.float32) / np.float32(HEAD_MEDIAN)
    shaded = relative ** np.float32(drawn.contrast) * np.float32(HEAD_MEDIAN * drawn.brightness)
    cut: Volume = np.minimum(shaded, np.float32(1))
    return cut
