"""Convolutions in the place of patches: tokens that have seen edges before attention sees them.

A transformer whose tokens come of a few convolutions learns faster, and from fewer pictures, than
one of linear patches (Xiao et al. 2021, arXiv:2106.14881).

Axes: B scans, C channels, I J K voxels or places of a map.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from brainplug.checkpoint.entry import stem_stages

if TYPE_CHECKING:
    from brainplug.checkpoint.entry import ScanEntry, Stage, StemNorm

FEW_GROUPS = 4
"""Groups of channels of the norm, where they divide the channels."""


class ConvolutionalStem3d(nn.Module):
    """Stages that shorten a scan by exactly the edges of a patch.

    Args:
        patch: what each axis is shortened by.
        entry: says widths and norm.
    """

    def __init__(self, patch: tuple[int, int, int], entry: ScanEntry) -> None:
        super().__init__()
        plan = stem_stages(patch, entry.stem_widths)
        self.width = plan[-1].out
        self.stages = nn.Sequential(*(StemStage(stage, entry.stem_norm) for stage in plan))

    def reset_parameters(self) -> None:
        """Draw weights so that a map of unit variance gives one, a half of it cut off by ReLU."""
        for stage in self.stages:
            assert isinstance(stage, StemStage)
            stage.reset_parameters()

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return the last map `(B, C, I, J, K)` of `(B, 1, I, J, K)` scans."""
        return self.stages(scans)


class StemStage(nn.Module):
    """A convolution of 3 x 3 x 3, a norm, ReLU, and the largest of neighbouring places.

    Args:
        stage: its channels, stride and pooling.
        norm: see `make_norm`.
    """

    def __init__(self, stage: Stage, norm: StemNorm) -> None:
        super().__init__()
        self.pool = stage.pool
        self.convolution = nn.Conv3d(
            stage.into, stage.out, 3, stride=stage.stride, padding=1, bias=norm == "none"
        )
        self.norm = make_norm(norm, stage.out)

    def reset_parameters(self) -> None:
        """Draw the weights (He et al. 2015, arXiv:1502.01852); the norm begins as one."""
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        if self.convolution.bias is not None:
            nn.init.zeros_(self.convolution.bias)
        if isinstance(self.norm, nn.GroupNorm):
            self.norm.reset_parameters()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the map of the next stage."""
        maps = torch.relu(self.norm(self.convolution(maps)))
        return nn.functional.max_pool3d(maps, self.pool) if max(self.pool) > 1 else maps


def make_norm(kind: StemNorm, channels: int) -> nn.Module:
    """Return a norm that looks at one scan at a time.

    What a batch norm gives hangs on who else is in the batch, and batches are cut by length here.
    """
    if kind == "none":
        return nn.Identity()
    return nn.GroupNorm(
        channels if kind == "instance" else math.gcd(FEW_GROUPS, channels), channels
    )
