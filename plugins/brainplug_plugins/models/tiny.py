"""Model: a real LLaVA in miniature, built on the spot with random weights and no download."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
from attrs.validators import and_, deep_iterable, ge, in_, le

from brainplug.api.hooks import hookimpl
from brainplug.api.records import MODEL_PARTS, ModelPlan
from brainplug.api.roles import Part, about
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import LlavaConfig, PreTrainedTokenizerFast

    from brainplug.api.roles import ModelBackbone
    from brainplug.model.bundle import ModelBundle

MARKERS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
VOCABULARY = 256 + len(MARKERS)


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
    heads: int = attrs.field(default=4, validator=ge(1), metadata=about("attention heads"))
    vision_layers: int = attrs.field(
        default=2, validator=ge(1), metadata=about("layers of the vision tower")
    )
    language_layers: int = attrs.field(
        default=2, validator=ge(1), metadata=about("layers of the language model")
    )
    context_length: int = attrs.field(
        default=4096, validator=ge(64), metadata=about("longest dialogue", unit="tokens")
    )
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


class Tiny:
    """A small LLaVA (SigLIP tower, Qwen2 language model, byte tokenizer) with random weights."""

    def __init__(self, options: TinyOptions) -> None:
        self.options = options
        self.train = options.train

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
        width = self.options.hidden_size
        # 4 width^2 of attention and 8 of a perceptron four times as wide; an estimate, since biases
        # and the third matrix of Qwen2's perceptron are not in it.
        layer = 12 * width * width
        layers = self.options.vision_layers + self.options.language_layers
        return ModelPlan(
            tokens_per_image=tokens,
            num_parameters=layers * layer
            + width * (math.prod(patch) + tokens + 2 * width + VOCABULARY),
            context_length=self.options.context_length,
        )

    def count_tokens(self, text: str) -> int:
        """Count bytes: each is a token."""
        return len(text.encode())

    def build(self, shape: tuple[int, int, int], *, seed: int) -> ModelBundle:
        """Build the model from its seed."""
        import torch

        from brainplug.model.bundle import ModelBundle
        from brainplug.model.llava import train_only
        from brainplug.model.llava3d import Llava3d

        self.plan(shape)
        # The process's own generator goes on as if nothing was drawn: a model built here moves no
        # other draw of the run.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Llava3d(make_config(self.options), shape, self.options.patch)
        train_only(model, self.options.train)
        return ModelBundle(model, make_byte_tokenizer(), shape, self.options.patch)


def make_config(options: TinyOptions) -> LlavaConfig:
    """Describe the network to transformers."""
    from transformers import LlavaConfig, Qwen2Config, SiglipVisionConfig

    width = {
        "hidden_size": options.hidden_size,
        "intermediate_size": 4 * options.hidden_size,
        "num_attention_heads": options.heads,
    }
    # The usual 0.02 is made for widths in the thousands; a narrow model would learn the words and
    # hardly ever the image.
    spread = options.hidden_size**-0.5
    pad, end, image = VOCABULARY - 4, VOCABULARY - 2, VOCABULARY - 1
    return LlavaConfig(
        vision_config=SiglipVisionConfig(
            **width,
            num_hidden_layers=options.vision_layers,
            # The 2-D embedding is thrown away; one patch keeps it small.
            image_size=2,
            patch_size=2,
            vision_use_head=False,
        ),
        text_config=Qwen2Config(
            **width,
            num_key_value_heads=options.heads,
            num_hidden_layers=options.language_layers,
            vocab_size=VOCABULARY,
            initializer_range=spread,
            max_position_embeddings=options.context_length,
            tie_word_embeddings=True,
            bos_token_id=pad,
            eos_token_id=end,
            pad_token_id=pad,
        ),
        image_token_index=image,
        vision_feature_layer=-1,
        initializer_range=spread,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
        pad_token_id=pad,
        eos_token_id=end,
    )


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


@hookimpl
def brainplug_models() -> Iterable[Part[ModelBackbone]]:
    """Offer `tiny`."""
    yield Part("tiny", TinyOptions, Tiny)
