"""Model: a real LLaVA in miniature, built on the spot with random weights and no download."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import and_, deep_iterable, ge, in_, le

from brainplug.api.hooks import hookimpl
from brainplug.api.records import MODEL_PARTS, ModelPlan
from brainplug.api.roles import Part, ReadsFiles, about
from brainplug.checkpoint.entry import (
    OWN_TOWER,
    ScanEntry,
    Standardise,
    norm_option,
    stem_option,
    widths_option,
)
from brainplug.checkpoint.own_tower import TowerPlan, check_tower, find_tower
from brainplug.checkpoint.tensors import (
    MOST_LAYERS,
    count_weights,
    language_weights,
    projector_weights,
)
from brainplug.errors import DataError
from brainplug.model.design import BYTE_TOKENS, make_byte_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import LlavaConfig

    from brainplug.api.roles import ModelBackbone
    from brainplug.model.bundle import ModelBundle

MOST_TOKENS = 10_000_000
"""Of a dialogue; no model takes as many."""

VOCABULARY = BYTE_TOKENS["vocab_size"]


@attrs.frozen(kw_only=True)
class TinyOptions:
    """Options of `tiny`."""

    patch: tuple[int, int, int] = attrs.field(
        default=(8, 8, 8),
        validator=deep_iterable(and_(ge(1), le(64))),
        metadata=about("edge of a patch along right, anterior, superior", unit="voxels"),
    )
    hidden_size: int = attrs.field(
        default=96,
        validator=and_(ge(8), le(4096)),
        metadata=about("width of tower and language model; a multiple of heads"),
    )
    heads: int = attrs.field(
        default=4, validator=and_(ge(1), le(4096)), metadata=about("attention heads")
    )
    vision_layers: int = attrs.field(
        default=0,
        validator=and_(ge(0), le(MOST_LAYERS)),
        metadata=about("layers of the vision tower; 0 leaves the patch embedding, or stem, alone"),
    )
    language_layers: int = attrs.field(
        default=2,
        validator=and_(ge(1), le(MOST_LAYERS)),
        metadata=about("layers of the language model"),
    )
    context_length: int = attrs.field(
        default=4096,
        validator=and_(ge(64), le(MOST_TOKENS)),
        metadata=about("longest dialogue", unit="tokens"),
    )
    standardise: Standardise = attrs.field(
        default="grid",
        metadata=about(
            "centre and scale scans by mean and SD of the training scans: of all voxels, of each "
            "voxel, or not at all"
        ),
    )
    stem: Literal["linear", "convolution"] = stem_option("convolution")
    stem_widths: tuple[int, ...] = widths_option()
    stem_norm: Literal["group", "instance", "none"] = norm_option()
    tower_weights: Path | None = attrs.field(default=None, metadata=about(OWN_TOWER))
    train: tuple[str, ...] = attrs.field(
        default=MODEL_PARTS,
        validator=[deep_iterable(in_(MODEL_PARTS))],
        metadata=about("parts that learn; everything else is frozen"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse widths that the heads cannot share; rotary positions need an even share."""
        if self.hidden_size % (2 * self.heads):
            raise ValueError(
                f"hidden_size must be a multiple of twice heads: {self.hidden_size}, {self.heads}"
            )

    @property
    def entry(self) -> ScanEntry:
        """How scans enter the tower."""
        return ScanEntry(
            standardise=self.standardise,
            stem=self.stem,
            stem_widths=self.stem_widths,
            stem_norm=self.stem_norm,
        )


class Tiny:
    """A small LLaVA (SigLIP tower, Qwen2 language model, byte tokenizer) with random weights."""

    abilities = (ReadsFiles,)

    def __init__(self, options: TinyOptions) -> None:
        self.options = options
        self.train = options.train

    def sources(self) -> tuple[Path, ...]:
        """Name the files of a tower of one's own."""
        return find_tower(self.options.tower_weights) if self.options.tower_weights else ()

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        """Count tokens and weights from the options alone."""
        patch = self.options.patch
        if any(size % edge for size, edge in zip(shape, patch, strict=True)):
            raise DataError(
                str(shape),
                expected=f"a multiple of model.patch {patch} along every axis",
                found=shape,
            )
        tokens = math.prod(shape) // math.prod(patch)
        tower = self.tower(tokens)
        if self.options.tower_weights:
            check_tower(self.options.tower_weights, tower)
        config = describe(self.options)
        words = projector_weights(config) | language_weights(config["text_config"], tied=True)
        return ModelPlan(
            tokens_per_image=tokens,
            num_parameters=count_weights(tower.weights()) + count_weights(words),
            context_length=self.options.context_length,
        )

    def tower(self, tokens: int) -> TowerPlan:
        """Say what the vision tower is going to be."""
        return TowerPlan(
            vision=describe(self.options)["vision_config"],
            entry=self.options.entry,
            patch=self.options.patch,
            tokens=tokens,
        )

    def count_tokens(self, text: str) -> int:
        """Count bytes: each is a token."""
        return len(text.encode())

    def build(self, shape: tuple[int, int, int], *, seed: int) -> ModelBundle:
        """Build the model from its seed."""
        import torch

        from brainplug.model.bundle import ModelBundle
        from brainplug.model.convert import load_tower
        from brainplug.model.llava import train_only
        from brainplug.model.llava3d import Llava3d, Llava3dConfig

        options = self.options
        self.plan(shape)
        # The process's own generator goes on as if nothing was drawn: a model built here moves no
        # other draw of the run.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Llava3d(
                Llava3dConfig.of(make_config(options), shape, options.patch, options.entry)
            )
        source = {}
        if options.tower_weights:
            tokens = model.tokens_per_image
            load_tower(model, check_tower(options.tower_weights, self.tower(tokens)))
            source = {"tower_weights": options.tower_weights.name}
        train_only(model, options.train)
        return ModelBundle(model, make_byte_tokenizer(), shape, options.patch, source=source)


def describe(options: TinyOptions) -> dict[str, Any]:
    """Describe the network as a `config.json` does, in what decides names and shapes."""
    width = {
        "hidden_size": options.hidden_size,
        "intermediate_size": 4 * options.hidden_size,
        "num_attention_heads": options.heads,
    }
    return {
        "vision_feature_layer": -1,
        "multimodal_projector_bias": True,
        "vision_config": {
            **width,
            "num_hidden_layers": options.vision_layers,
            # The 2-D embedding is thrown away; one patch keeps it small.
            "image_size": 2,
            "patch_size": 2,
            "num_channels": 3,
            "vision_use_head": False,
        },
        "text_config": {
            **width,
            "num_key_value_heads": options.heads,
            "num_hidden_layers": options.language_layers,
            "vocab_size": VOCABULARY,
        },
    }


def make_config(options: TinyOptions) -> LlavaConfig:
    """Describe the network to transformers."""
    from transformers import LlavaConfig, Qwen2Config, SiglipVisionConfig

    facts = describe(options)
    # The usual 0.02 is made for widths in the thousands; a narrow model would learn the words and
    # hardly ever the image.
    spread = options.hidden_size**-0.5
    pad, end, image = VOCABULARY - 4, VOCABULARY - 2, VOCABULARY - 1
    return LlavaConfig(
        vision_config=SiglipVisionConfig(**facts["vision_config"]),
        text_config=Qwen2Config(
            **facts["text_config"],
            initializer_range=spread,
            max_position_embeddings=options.context_length,
            tie_word_embeddings=True,
            bos_token_id=pad,
            eos_token_id=end,
            pad_token_id=pad,
        ),
        image_token_index=image,
        vision_feature_layer=facts["vision_feature_layer"],
        initializer_range=spread,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
        pad_token_id=pad,
        eos_token_id=end,
    )


@hookimpl
def brainplug_models() -> Iterable[Part[ModelBackbone]]:
    """Offer `tiny`."""
    yield Part("tiny", TinyOptions, Tiny)
