"""How scans enter a vision tower: whether they are standardised, and by which stem.

Without torch, so that weights are counted and names compared before a model is built.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, in_, le, min_len

from brainplug.api.roles import about
from brainplug.checkpoint.tensors import PATCHES, linear, norm
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from brainplug.checkpoint.tensors import Names

Triple = tuple[int, int, int]
Standardise = Literal["none", "grid", "voxel"]
Stem = Literal["linear", "convolution"]
StemNorm = Literal["group", "instance", "none"]

PHOTOGRAPH_SD = 0.5
"""Standard deviation of photographs as SigLIP sees them, scaled to [-1, 1] (mean and SD of 0.5 in
its processor). Of pixels in [0, 1] the channels have SDs of 0.229, 0.224 and 0.225 by the numbers
in use for ImageNet and 0.269, 0.261 and 0.276 by those of CLIP's pictures: twice that is 0.45 and
0.54."""

WIDTHS = (16, 32, 48, 64)
"""Channels of the stages of a convolutional stem, unless told otherwise."""


OWN_TOWER = "safetensors file, or folder of a model, that the vision tower begins from"
"""The option `tower_weights` of a model in words."""


def stem_option(default: Stem) -> Any:
    """Make the option `stem` of a model."""
    return attrs.field(
        default=default,
        metadata=about("what makes tokens of voxels: one matrix a patch, or convolutions"),
    )


def widths_option() -> Any:
    """Make the option `stem_widths` of a model."""
    return attrs.field(
        default=WIDTHS,
        validator=[min_len(1), deep_iterable(and_(ge(1), le(4096)))],
        metadata=about("channels of the convolutions, stage by stage; the last goes on"),
    )


def norm_option() -> Any:
    """Make the option `stem_norm` of a model."""
    return attrs.field(
        default="group",
        metadata=about("norm after a convolution: of a few groups of channels, of each, or none"),
    )


@attrs.frozen(kw_only=True)
class ScanEntry:
    """What is done to a scan before the first layer of the tower.

    Attributes:
        standardise: by what scans are centred and scaled: one mean and SD of all voxels, one of
            each voxel, or nothing.
        spread: standard deviation of what is standardised.
        stem: what makes tokens of voxels: one matrix a patch, or convolutions.
        stem_widths: channels of the stages of convolutions; the last goes on.
        stem_norm: what follows a convolution: a norm of a few groups of channels, of each channel,
            or nothing. All look at one scan only: nobody's tokens hang on others of the batch.
    """

    standardise: Standardise = attrs.field(default="none", validator=in_(("none", "grid", "voxel")))
    spread: float = attrs.field(default=1.0, validator=gt(0))
    stem: Stem = attrs.field(default="linear", validator=in_(("linear", "convolution")))
    stem_widths: tuple[int, ...] = attrs.field(
        default=WIDTHS, validator=[min_len(1), deep_iterable(ge(1))]
    )
    stem_norm: StemNorm = attrs.field(default="group", validator=in_(("group", "instance", "none")))

    def facts(self) -> dict[str, Any]:
        """Return what a model's folder keeps."""
        return {**attrs.asdict(self), "stem_widths": list(self.stem_widths)}

    @classmethod
    def of(cls, facts: Mapping[str, Any], file: Path | str) -> ScanEntry:
        """Return what a model's folder kept; those written before had plain patches.

        Raises:
            DataError: it says what is not known here.
        """
        try:
            held = dict(facts.get("entry", {}))
            widths = held.pop("stem_widths", WIDTHS)
            return cls(**held, stem_widths=tuple(widths))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"cannot be read: {error.args[0] if error.args else error}",
                where=(file, "entry"),
                hint="was it written by a later version of brainplug?",
            ) from None


@attrs.frozen
class Stage:
    """A stage of a convolutional stem.

    Attributes:
        into: channels that it takes.
        out: channels that it gives.
        stride: of the convolution along each axis.
        pool: what the map is shortened by after it.
    """

    into: int
    out: int
    stride: Triple
    pool: Triple


def prime_factors(number: int) -> Iterator[int]:
    """Give the prime factors of a number, smallest first.

    >>> list(prime_factors(10)), list(prime_factors(16)), list(prime_factors(1))
    ([2, 5], [2, 2, 2, 2], [])
    """
    factor = 2
    while number > 1:
        while number % factor == 0:
            yield factor
            number //= factor
        factor += 1


def stem_stages(patch: Triple, widths: tuple[int, ...]) -> tuple[Stage, ...]:
    """Return the stages that shorten a scan by the edges of a patch.

    The first one halves by its stride where it halves, which spares seven of eight products where
    maps are largest.

    >>> [(each.out, each.stride, each.pool) for each in stem_stages((4, 4, 2), (8,))]
    [(8, (2, 2, 2), (1, 1, 1)), (8, (1, 1, 1), (2, 2, 1))]
    """
    axes = [list(prime_factors(edge)) for edge in patch]
    stages: list[Stage] = []
    for number in range(max(1, *map(len, axes))):
        factors = [axis[number] if number < len(axis) else 1 for axis in axes]
        stride = [factor if number == 0 and factor == 2 else 1 for factor in factors]
        pool = [factor // step for factor, step in zip(factors, stride, strict=True)]
        into, out = stages[-1].out if stages else 1, widths[min(number, len(widths) - 1)]
        stages.append(Stage(into, out, tuple(stride), tuple(pool)))  # type: ignore[arg-type]
    return tuple(stages)


def entry_weights(entry: ScanEntry, patch: Triple, *, tokens: int, width: int) -> Names:
    """Return name and shape of every weight that makes tokens of scans.

    Args:
        entry: how scans enter the tower.
        patch: voxels of a patch.
        tokens: of a scan.
        width: of the tower.
    """
    names: Names = {}
    into = math.prod(patch)
    if entry.stem == "convolution":
        for number, stage in enumerate(stem_stages(patch, entry.stem_widths)):
            place = f"{PATCHES}stem.stages.{number}"
            names[f"{place}.convolution.weight"] = (stage.out, stage.into, 3, 3, 3)
            if entry.stem_norm == "none":
                names[f"{place}.convolution.bias"] = (stage.out,)
            else:
                names |= norm(f"{place}.norm", stage.out)
            into = stage.out
    return {
        **names,
        **linear(f"{PATCHES}projection", width, into),
        f"{PATCHES}position_embedding.weight": (tokens, width),
    }
