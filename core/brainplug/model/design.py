"""A LLaVA on scans, described before it is built: for models of one's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.records import MODEL_PARTS, ModelPlan
from brainplug.checkpoint.entry import ScanEntry
from brainplug.checkpoint.own_tower import TowerPlan
from brainplug.checkpoint.tensors import count_weights, language_weights, projector_weights
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

    from brainplug.model.bundle import ModelBundle

MARKERS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
"""What a tokenizer knows besides words: the end of a text, the ends of a turn, and a scan."""

BYTE_TOKENS = {
    "vocab_size": 256 + len(MARKERS),
    "bos_token_id": 256,
    "pad_token_id": 256,
    "eos_token_id": 258,
}
"""What `text_config` says of `make_byte_tokenizer`."""

# The 2-D embedding is thrown away; one patch keeps it small.
_VISION = {"image_size": 2, "patch_size": 2, "num_channels": 3, "vision_use_head": False}


@attrs.frozen(kw_only=True)
class LlavaDesign:
    """A LLaVA with a SigLIP tower and a Qwen2 language model, whose tower takes 3-D scans.

    Attributes:
        vision: `vision_config` as in the `config.json` of such a model: `hidden_size`,
            `intermediate_size`, `num_attention_heads`, `num_hidden_layers`.
        text: its `text_config`: the same, `num_key_value_heads`, `vocab_size`,
            `max_position_embeddings`, and the ids of special tokens.
        patch: voxels of a patch along right, anterior, superior.
        entry: how scans enter the tower.
    """

    vision: Mapping[str, Any]
    text: Mapping[str, Any]
    patch: tuple[int, int, int]
    entry: ScanEntry = attrs.field(factory=ScanEntry)

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        """Count tokens and weights; torch is not imported.

        Raises:
            DataError: the shape is not a multiple of the patch.
        """
        if any(size % edge for size, edge in zip(shape, self.patch, strict=True)):
            raise DataError(
                str(shape),
                where="images.shape",
                expected=f"a multiple of model.patch {self.patch} along every axis",
                found=shape,
            )
        tokens = math.prod(shape) // math.prod(self.patch)
        vision = {**_VISION, **self.vision}
        tower = TowerPlan(vision=vision, entry=self.entry, patch=self.patch, tokens=tokens)
        facts = {
            "vision_config": vision,
            "text_config": self.text,
            "vision_feature_layer": -1,
            "multimodal_projector_bias": True,
        }
        words = projector_weights(facts) | language_weights(self.text, tied=True)
        return ModelPlan(
            tokens_per_image=tokens,
            num_parameters=count_weights(tower.weights()) + count_weights(words),
            context_length=int(self.text["max_position_embeddings"]),
        )

    def build(
        self,
        shape: tuple[int, int, int],
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,
        train: Iterable[str] = MODEL_PARTS,
    ) -> ModelBundle:
        """Build the network with weights drawn from a seed.

        Args:
            shape: voxels of a scan.
            tokenizer: knows `MARKERS` as single tokens.
            seed: of the weights; the process's own generator goes on as if nothing was drawn.
            train: parts that learn, of `MODEL_PARTS`; everything else is frozen.

        Raises:
            DataError: the shape is not a multiple of the patch.
        """
        import torch
        from transformers import LlavaConfig, Qwen2Config, SiglipVisionConfig

        from brainplug.model.bundle import ModelBundle
        from brainplug.model.llava import train_only
        from brainplug.model.llava3d import Llava3d, Llava3dConfig

        self.plan(shape)
        config = LlavaConfig(
            vision_config=SiglipVisionConfig(**{**_VISION, **self.vision}),
            text_config=Qwen2Config(**{**self.text, "tie_word_embeddings": True}),
            image_token_index=tokenizer.convert_tokens_to_ids(MARKERS[-1]),
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            tie_word_embeddings=True,
            pad_token_id=self.text["pad_token_id"],
            eos_token_id=self.text["eos_token_id"],
            initializer_range=self.text.get("initializer_range", 0.02),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Llava3d(Llava3dConfig.of(config, shape, self.patch, self.entry))
        train_only(model, train)
        return ModelBundle(model, tokenizer, shape, self.patch)


def make_byte_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer whose tokens are the 256 bytes and the chat markers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # Sorted, since ids must not hang on the order in which the library lists its letters.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(MARKERS))
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=MARKERS[2],
        pad_token=MARKERS[0],
        extra_special_tokens=[MARKERS[1], MARKERS[3]],
    )
