"""Low-rank adapters on linear layers of frozen parts, made by PEFT and merged at the end.

PEFT is imported where adapters are made, so that a training without them does not need it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import attrs
import torch
from torch import nn

from brainplug.api.records import MODEL_PARTS
from brainplug.errors import DataError, show
from brainplug.model.llava import idle_in_tower, part_of
from brainplug.recipe.training_tables import ATTENTION_LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from transformers import LlavaForConditionalGeneration

    from brainplug.recipe.training_tables import Lora

ADAPTER = ".lora_"
"""Stands in the name of every weight of an adapter, as PEFT names them."""


@attrs.frozen
class Count:
    """How many weights of a part of the model learn, and how.

    Attributes:
        learns: weights of the model itself that learn.
        adapters: weights of adapters, which learn too.
        frozen: weights that do not learn.
    """

    learns: int = 0
    adapters: int = 0
    frozen: int = 0

    def __add__(self, other: Count) -> Count:
        """Return the counts of two parts together."""
        return Count(
            self.learns + other.learns, self.adapters + other.adapters, self.frozen + other.frozen
        )


def count_weights(model: nn.Module) -> dict[str, Count]:
    """Return what learns in each part; a weight that two layers share is counted once."""
    counts = dict.fromkeys(MODEL_PARTS, Count())
    for name, weight in model.named_parameters():
        size = weight.numel()
        if not weight.requires_grad:
            counts[part_of(name)] += Count(frozen=size)
        elif ADAPTER in name:
            counts[part_of(name)] += Count(adapters=size)
        else:
            counts[part_of(name)] += Count(learns=size)
    return counts


def add_adapters(model: LlavaForConditionalGeneration, lora: Lora, *, seed: int) -> None:
    """Give linear layers of some parts an adapter that learns; all else learns or not as before.

    An adapter adds nothing until it has learnt, since one of its two factors begins at zero.

    Args:
        model: changed in place.
        lora: parts, layers and size.
        seed: of the other factor.

    Raises:
        DataError: a target names no linear layer, or a part has none that is named.
    """
    from peft import LoraConfig, inject_adapter_in_model

    chosen = find_targets(model, lora)
    learnt = {name for name, weight in model.named_parameters() if weight.requires_grad}
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        # PEFT matches a text with the whole name of a layer, but a list with the ends of names too,
        # which would reach layers of other parts.
        target_modules="|".join(map(re.escape, chosen)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Not `get_peft_model`, which wraps the model and puts a prefix before the name of every
        # weight.
        inject_adapter_in_model(config, model)
    # PEFT freezes whatever is no adapter, and the name of a layer within one has changed.
    for name, weight in model.named_parameters():
        weight.requires_grad_(ADAPTER in name or name.replace(".base_layer.", ".") in learnt)


def merge_adapters(model: nn.Module) -> None:
    """Add what adapters have learnt to the layers they are on, and leave plain layers behind.

    The model computes what it did; names and number formats of its weights are those it had before
    `add_adapters`. Without adapters nothing is done.
    """
    if not hasattr(model, "peft_config"):
        return
    from peft.tuners.lora import LoraLayer

    adapted = [(name, each) for name, each in model.named_modules() if isinstance(each, LoraLayer)]
    for name, layer in adapted:
        layer.merge()
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, layer.get_base_layer())
    # Where this is left, PEFT takes the adapters of the next phase for a second set.
    del model.peft_config


def find_targets(model: LlavaForConditionalGeneration, lora: Lora) -> list[str]:
    """Return the full names of the layers that get an adapter.

    Raises:
        DataError: a target names no linear layer, or a part has none that is named.
    """
    layers = {part: dict(linear_layers(model, part)) for part in MODEL_PARTS[1:]}
    known = {name: set(found.values()) for name, found in layers.items()}
    # Those named by default are of towers and language models both; a tower may have no layer.
    unknown = set(lora.targets).difference(ATTENTION_LAYERS, *known.values())
    empty = [part for part in lora.parts if not known[part] & set(lora.targets)]
    if unknown or empty:
        raise DataError(
            where="lora.targets",
            expected=f"names of linear layers in {' and '.join(lora.parts)}",
            found=tuple(sorted(unknown) or lora.targets),
            hint="there are "
            + "; ".join(f"in {part} {show(sorted(known[part]))}" for part in lora.parts),
        )
    return [
        name for part in lora.parts for name, last in layers[part].items() if last in lora.targets
    ]


def linear_layers(model: LlavaForConditionalGeneration, part: str) -> Iterator[tuple[str, str]]:
    """Give the full and the last name of a part's linear layers that can have an adapter.

    Left out are layers of the tower that no feature depends on; layers whose weight another layer
    shares, such as an output tied to the token embedding, which would change with it; and those
    that attention of torch's own reads past.
    """
    idle = idle_in_tower(model.config)
    owners = Counter(id(weight) for each in model.modules() for weight in own_weights(each))
    unfit = nn.modules.linear.NonDynamicallyQuantizableLinear
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear) or isinstance(module, unfit):
            continue
        shown = not name.partition("vision_tower.")[2].startswith(idle)
        if shown and part_of(f"{name}.weight") == part and owners[id(module.weight)] == 1:
            yield name, name.rpartition(".")[2]


def own_weights(module: nn.Module) -> Iterable[nn.Parameter]:
    """Return the weights of a module itself, without those of modules in it."""
    return module.parameters(recurse=False)
