"""Model: a LLaVA as small as one likes, built on the spot with random weights."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
from attrs.validators import deep_iterable, ge, in_

from brainplug import Part, about, hookimpl
from brainplug.api.records import MODEL_PARTS, ModelPlan
from brainplug.api.roles import ModelBackbone
from brainplug.model import BYTE_TOKENS, LlavaDesign, ScanEntry

if TYPE_CHECKING:
    from brainplug.model import ModelBundle


@attrs.frozen(kw_only=True)
class SmallOptions:
    """Options of `small`."""

    patch: tuple[int, int, int] = attrs.field(
        default=(8, 8, 8),
        validator=deep_iterable(ge(1)),
        metadata=about("edge of a patch", unit="voxels"),
    )
    width: int = attrs.field(
        default=64,
        validator=ge(8),
        metadata=about("width of all layers; a multiple of 8"),
    )
    layers: int = attrs.field(
        default=2, validator=ge(1), metadata=about("layers of the language model")
    )
    train: tuple[str, ...] = attrs.field(
        default=MODEL_PARTS,
        validator=deep_iterable(in_(MODEL_PARTS)),
        metadata=about("parts that learn; everything else is frozen"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a width that the heads cannot share."""
        if self.width % 8:
            raise ValueError(f"width must be a multiple of 8: {self.width}")


class Small:
    """A small LLaVA with random weights, to which each byte is a token."""

    def __init__(self, options: SmallOptions) -> None:
        self.train = options.train
        common = {
            "hidden_size": options.width,
            "intermediate_size": 4 * options.width,
            "num_attention_heads": 4,
        }
        # As the `config.json` of a LLaVA describes it.
        self.design = LlavaDesign(
            vision={**common, "num_hidden_layers": 1},
            text={
                **common,
                "num_key_value_heads": 4,
                "num_hidden_layers": options.layers,
                "max_position_embeddings": 4096,
                # Narrow models need larger weights than the usual 0.02 to see the scan.
                "initializer_range": options.width**-0.5,
                **BYTE_TOKENS,
            },
            patch=options.patch,
            entry=ScanEntry(standardise="grid", stem="convolution"),
        )

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        """Count tokens and weights from the description alone, without torch."""
        return self.design.plan(shape)

    def count_tokens(self, text: str) -> int:
        """Count bytes: each is a token."""
        return len(text.encode())

    def build(self, shape: tuple[int, int, int], *, seed: int) -> "ModelBundle":
        """Build the model; the same seed gives the same weights."""
        # Here and not above: the tokenizer needs libraries that are slow to import.
        from brainplug.model import make_byte_tokenizer

        tokenizer = make_byte_tokenizer()
        return self.design.build(shape, tokenizer, seed=seed, train=self.train)


@hookimpl
def brainplug_models() -> Iterable[Part[ModelBackbone]]:
    """Offer `small`."""
    yield Part("small", SmallOptions, Small)
