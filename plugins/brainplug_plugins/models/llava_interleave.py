"""Model: LLaVA-NeXT-Interleave, or any Llava of SigLIP and Qwen2, on 3-D scans."""

from __future__ import annotations

import math
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
from attrs.validators import and_, deep_iterable, ge, in_, le

from brainplug.api.hooks import hookimpl
from brainplug.api.records import MODEL_PARTS, ModelPlan
from brainplug.api.roles import Part, ReadsFiles, about
from brainplug.checkpoint.entry import (
    OWN_TOWER,
    PHOTOGRAPH_SD,
    ScanEntry,
    Standardise,
    norm_option,
    stem_option,
    widths_option,
)
from brainplug.checkpoint.locate import HUB_ID, fetch_weights, find_local
from brainplug.checkpoint.own_tower import TowerPlan, check_tower, find_tower
from brainplug.checkpoint.read import TOKENIZER, Checkpoint, read_checkpoint
from brainplug.checkpoint.tensors import find_weights
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizers import Tokenizer

    from brainplug.api.roles import ModelBackbone
    from brainplug.model.bundle import ModelBundle

NOT_HERE = (
    "model.weights: '{weights}' is not, or not whole, in the hub's cache on this machine: nothing "
    "of it was checked, and the run will download it"
)


@attrs.frozen(kw_only=True)
class LlavaInterleaveOptions:
    """Options of `llava-interleave`."""

    weights: Path | str = attrs.field(
        metadata=about(
            "folder of a checkpoint, or its id on the hub, such as "
            "llava-hf/llava-interleave-qwen-0.5b-hf"
        )
    )
    revision: str | None = attrs.field(
        default=None, metadata=about("branch, tag or commit on the hub")
    )
    patch: tuple[int, int, int] = attrs.field(
        default=(10, 10, 10),
        validator=deep_iterable(and_(ge(1), le(64))),
        metadata=about("edge of a patch along right, anterior, superior", unit="voxels"),
    )
    initial: Literal["inflate", "random"] | None = attrs.field(
        default=None,
        metadata=about(
            "3-D patches made of the checkpoint's 2-D ones, or drawn from the seed; without it the "
            "first for a linear stem, the second for convolutions, which can only be drawn"
        ),
    )
    standardise: Standardise = attrs.field(
        default="grid",
        metadata=about(
            "centre and scale scans, to the spread of a photograph, by mean and SD of the training "
            "scans: of all voxels, of each voxel, or not at all"
        ),
    )
    stem: Literal["linear", "convolution"] = stem_option("linear")
    stem_widths: tuple[int, ...] = widths_option()
    stem_norm: Literal["group", "instance", "none"] = norm_option()
    tower_weights: Path | None = attrs.field(default=None, metadata=about(OWN_TOWER))
    train: tuple[str, ...] = attrs.field(
        default=("patch-embedding",),
        validator=[deep_iterable(in_(MODEL_PARTS))],
        metadata=about("parts that learn; everything else is frozen"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse weights that are nowhere, and a revision of a folder, which has none."""
        if isinstance(self.weights, str) and not HUB_ID.fullmatch(self.weights):
            raise ValueError(
                "weights: expected a folder that is there, as seen from the recipe's, or an id on "
                f"the hub, OWNER/NAME: {self.weights!r}"
            )
        if isinstance(self.weights, Path) and self.revision is not None:
            raise ValueError(
                f"revision: expected none beside the folder {str(self.weights)!r}: "
                f"{self.revision!r}"
            )
        if self.initial == "inflate" and self.stem == "convolution":
            raise ValueError(
                "initial: convolutions cannot be made of the checkpoint's 2-D patches: expected "
                "'random' or nothing beside stem = 'convolution': 'inflate'"
            )

    @property
    def begins(self) -> Literal["inflate", "random"]:
        """How patches begin."""
        return self.initial or ("random" if self.stem == "convolution" else "inflate")

    @property
    def entry(self) -> ScanEntry:
        """How scans enter the tower."""
        return ScanEntry(
            standardise=self.standardise,
            spread=PHOTOGRAPH_SD,
            stem=self.stem,
            stem_widths=self.stem_widths,
            stem_norm=self.stem_norm,
        )


class LlavaInterleave:
    """A Llava of SigLIP, two-layer projector and Qwen2, loaded from a folder or the hub.

    What is on this machine is checked at once; weights of the hub that are not are downloaded
    when the model is built, and checked then.
    """

    abilities = (ReadsFiles,)

    def __init__(self, options: LlavaInterleaveOptions) -> None:
        self.options = options
        self.train = options.train
        folder = find_local(options.weights, options.revision)
        self.checkpoint = read_checkpoint(folder) if folder else None

    def sources(self) -> tuple[Path, ...]:
        """Name the files of a folder; what the hub holds is told by its id and revision."""
        own = find_tower(self.options.tower_weights) if self.options.tower_weights else ()
        if not isinstance(self.options.weights, Path):
            return own
        folder = self.options.weights
        return (*find_weights(folder), *sorted(folder.glob("*.json")), *own)

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        """Count tokens and weights from the config."""
        patch = self.options.patch
        if any(size % edge for size, edge in zip(shape, patch, strict=True)):
            raise DataError(
                str(shape),
                expected=f"a multiple of model.patch {patch} along every axis",
                found=shape,
            )
        tokens = math.prod(shape) // math.prod(patch)
        if self.checkpoint is None:
            return ModelPlan(
                tokens_per_image=tokens,
                num_parameters=0,
                context_length=sys.maxsize,
                notes=(NOT_HERE.format(weights=self.options.weights),),
            )
        tower = self.tower(self.checkpoint, tokens)
        if self.options.tower_weights:
            check_tower(self.options.tower_weights, tower)
        return ModelPlan(
            tokens_per_image=tokens,
            num_parameters=self.checkpoint.count_parameters(tower),
            context_length=self.checkpoint.context_length,
            notes=self.checkpoint.notes,
        )

    def tower(self, checkpoint: Checkpoint, tokens: int) -> TowerPlan:
        """Say what the vision tower is going to be."""
        return TowerPlan(
            vision=checkpoint.config["vision_config"],
            entry=self.options.entry,
            patch=self.options.patch,
            tokens=tokens,
        )

    def count_tokens(self, text: str) -> int:
        """Count tokens; as many as bytes, which no tokenizer exceeds, where there is none yet."""
        if self.checkpoint is None:
            return len(text.encode())
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        assert self.checkpoint is not None
        return Tokenizer.from_file(str(self.checkpoint.folder / TOKENIZER))

    def build(self, shape: tuple[int, int, int], *, seed: int) -> ModelBundle:
        """Load the weights, downloading them first where they are not on this machine."""
        from brainplug.model.bundle import ModelBundle
        from brainplug.model.convert import ScanGrid, load_llava, load_tokenizer, load_tower
        from brainplug.model.llava import train_only

        options = self.options
        tokens = self.plan(shape).tokens_per_image
        checkpoint = self._fetch()
        grid = ScanGrid(shape=shape, patch=options.patch, entry=options.entry)
        model = load_llava(checkpoint, grid, initial=options.begins, seed=seed)
        if options.tower_weights:
            own = check_tower(options.tower_weights, self.tower(checkpoint, tokens))
            load_tower(model, own)
        train_only(model, options.train)
        return ModelBundle(
            model,
            load_tokenizer(checkpoint),
            shape,
            options.patch,
            source=describe_source(checkpoint.folder, options),
        )

    def _fetch(self) -> Checkpoint:
        if self.checkpoint is None:
            folder = fetch_weights(self.options.weights, self.options.revision)
            self.checkpoint = read_checkpoint(folder)
        return self.checkpoint


def describe_source(folder: Path, options: LlavaInterleaveOptions) -> dict[str, str]:
    """Say what a model was made from: never where on a disk that lay, for models are passed on."""
    own = {"tower_weights": options.tower_weights.name} if options.tower_weights else {}
    if isinstance(options.weights, Path):
        return {"weights": folder.name, "initial": options.begins, **own}
    # The hub's cache names a snapshot by its commit.
    return {
        "weights": options.weights,
        "revision": folder.name,
        "initial": options.begins,
        **own,
    }


@hookimpl
def brainplug_models() -> Iterable[Part[ModelBackbone]]:
    """Offer `llava-interleave`."""
    yield Part("llava-interleave", LlavaInterleaveOptions, LlavaInterleave)
