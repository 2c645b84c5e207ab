"""Scans brought to zero mean and a known spread by what the training scans are like.

Most of a head scan is alike in everybody: to a tower that is given it as it is, people hardly
differ. What is fitted are buffers of the model, so that whoever uses the model standardises too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.checkpoint.entry import Standardise

FLOOR = 0.2
"""Least standard deviation of a voxel, as a share of that of all voxels of all scans.

Where nobody's scan shows anything, a voxel's own is 0: what is as always becomes 0 there, and what
a new scan shows there is not blown up."""


class Standardisation(nn.Module):
    """Centres and scales scans by constants, which are the training scans' once they are fitted.

    Args:
        shape: of mean and standard deviation: that of a scan, or of one number.
        spread: standard deviation of what is given back.
    """

    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self, shape: tuple[int, ...], spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("sd", torch.ones(shape))

    def reset(self) -> None:
        """Forget what was fitted."""
        self.mean.zero_()
        self.sd.fill_(1.0)

    def take(self, moments: Moments) -> None:
        """Take over what was fitted."""
        self.mean.copy_(torch.from_numpy(moments.mean))
        self.sd.copy_(torch.from_numpy(moments.sd))

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return scans `(B, 1, I, J, K)` with the mean taken off and the spread given."""
        return (scans - self.mean) / self.sd * self.spread


def make_standardisation(
    kind: Standardise, shape: tuple[int, int, int], spread: float
) -> nn.Module:
    """Return what standardises scans of a shape; it has no state where nothing is done."""
    if kind == "none":
        return nn.Identity()
    return Standardisation(shape if kind == "voxel" else (1, 1, 1), spread)


@attrs.frozen(eq=False)
class Moments:
    """Mean and standard deviation of scans, of each voxel or as one number, float64."""

    mean: np.ndarray
    sd: np.ndarray


def measure(volumes: Iterable[np.ndarray], kind: Standardise) -> Moments:
    """Return the moments of volumes, each of which is held in memory once.

    Args:
        volumes: at least one, of one shape.
        kind: `"grid"` or `"voxel"`.
    """
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for volume in volumes:
        exact = np.asarray(volume, dtype=np.float64)
        count, total, squares = count + 1, total + exact, squares + exact * exact
    mean = total / count
    grid_mean = mean.mean()
    grid_sd = spread_of(squares.mean() / count, grid_mean)
    # Of scans that are constant altogether nothing is left by the mean; any scale does.
    grid_sd = np.where(grid_sd > 0, grid_sd, 1.0)
    if kind == "grid":
        return Moments(grid_mean.reshape(1, 1, 1), grid_sd.reshape(1, 1, 1))
    return Moments(mean, np.maximum(spread_of(squares / count, mean), FLOOR * grid_sd))


def spread_of(square: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the standard deviation; rounding could make the difference a little less than 0."""
    return np.sqrt(np.maximum(square - mean * mean, 0.0))
