"""Tokens of 3-D scans in the place of a vision tower's 2-D patches.

Axes: B scans, C channels, I J K voxels, P patches, D hidden size.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from brainplug.checkpoint.entry import ScanEntry
from brainplug.errors import DataError
from brainplug.model.standardise import Standardisation, make_standardisation
from brainplug.model.stem import ConvolutionalStem3d


def count_patches(shape: tuple[int, int, int], patch: tuple[int, int, int]) -> int:
    """Return how many patches a scan has, which is its number of image tokens.

    Raises:
        DataError: an axis of the grid is not a multiple of the patch.

    >>> count_patches((120, 120, 120), (10, 10, 10))
    1728
    """
    if any(size % edge for size, edge in zip(shape, patch, strict=True)):
        raise DataError(
            str(shape),
            where="images.shape",
            expected=f"a multiple of model.patch {patch} along every axis",
            found=shape,
        )
    return math.prod(size // edge for size, edge in zip(shape, patch, strict=True))


class PatchEmbedding3d(nn.Module):
    """Standardise scans, make tokens of their blocks and add the position of each.

    By the linear stem a block is flattened and projected by one matrix: the same sum as a
    convolution whose stride is its kernel, and faster on a CPU. By the convolutional one a place of
    the last map is projected, which stands for the same block and has seen its surroundings too.

    Args:
        shape: voxels of a scan along i, j, k.
        patch: voxels of a block along i, j, k.
        hidden_size: width of the tower.
        entry: standardisation and stem.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        patch: tuple[int, int, int],
        hidden_size: int,
        entry: ScanEntry | None = None,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.patch = tuple(patch)
        self.entry = entry or ScanEntry()
        self.standardisation = make_standardisation(
            self.entry.standardise, shape, self.entry.spread
        )
        convolves = self.entry.stem == "convolution"
        self.stem = ConvolutionalStem3d(patch, self.entry) if convolves else None
        self.projection = nn.Linear(self.stem.width if self.stem else math.prod(patch), hidden_size)
        self.position_embedding = nn.Embedding(count_patches(shape, patch), hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights so that a scan of unit variance gives activations of unit variance."""
        if isinstance(self.standardisation, Standardisation):
            self.standardisation.reset()
        if self.stem is not None:
            self.stem.reset_parameters()
        nn.init.normal_(self.projection.weight, std=self.projection.in_features**-0.5)
        nn.init.zeros_(self.projection.bias)
        # As SigLIP draws its own positions.
        nn.init.normal_(
            self.position_embedding.weight, std=self.position_embedding.embedding_dim**-0.5
        )

    def forward(
        self, pixel_values: torch.Tensor, interpolate_pos_encoding: bool | None = None
    ) -> torch.Tensor:
        """Return `(B, P, D)` embeddings of `(B, 1, I, J, K)` scans.

        Raises:
            ValueError: the scans are not of the shape the positions were made for, or
                interpolated positions are asked for, which 3-D patches do not have.
        """
        if interpolate_pos_encoding:
            raise ValueError("3-D patches have one fixed grid; positions are not interpolated")
        if tuple(pixel_values.shape[1:]) != (1, *self.shape):
            raise ValueError(
                f"expected scans of shape (1, {self.shape}), got {tuple(pixel_values.shape[1:])}"
            )
        scans = self.standardisation(pixel_values)
        dtype = self.projection.weight.dtype
        if self.stem is None:
            tokens = self.cut(scans).to(dtype)
        else:
            # In C order of their place, as blocks are.
            tokens = self.stem(scans.to(dtype)).flatten(2).transpose(1, 2)
        return self.projection(tokens) + self.position_embedding.weight

    def cut(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Return `(B, P, voxels of a block)`; blocks in C order of their place in the scan."""
        (ni, nj, nk), (pi, pj, pk) = (
            [size // edge for size, edge in zip(self.shape, self.patch, strict=True)],
            self.patch,
        )
        # In the order in which `inflate` flattens kernels.
        blocks = pixel_values.reshape(-1, ni, pi, nj, pj, nk, pk)
        return blocks.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, ni * nj * nk, pi * pj * pk)
