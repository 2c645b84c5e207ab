"""A model whose weights are shared out over ranks, put together again on each of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from brainplug.model import llava
from brainplug.model.llava3d import Llava3d
from brainplug.model.lora import add_adapters
from brainplug.model.plain_head import without_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import nn

    from brainplug.model.bundle import ModelBundle
    from brainplug.recipe.training_tables import Training


def whole_bundle(bundle: ModelBundle, options: Training) -> ModelBundle:
    """Return a bundle that one rank can use by itself.

    Under ZeRO-3 every call of the trained model needs all ranks, so ranks that answer other tasks
    would wait for each other for ever. Each gets a copy of all weights instead; it takes the
    memory of the weights once more. Otherwise the bundle itself is returned.

    Args:
        bundle: the model; all ranks call this together.
        options: of its training.
    """
    if not is_shared_out(bundle.model):
        return bundle
    state = gather(bundle.model)
    with unpartitioned():
        copy = Llava3d(bundle.model.config)
    if options.lora:
        # Only for their names and shapes: the gathered weights come into them.
        add_adapters(copy, options.lora, seed=0)
    copy.load_state_dict(without_head(state))  # which answers nothing
    llava.choose_kernels(copy, onednn=False)
    dtype = next(iter(state.values())).dtype
    return attrs.evolve(bundle, model=copy.to(bundle.model.device, dtype).eval())


def is_shared_out(model: nn.Module) -> bool:
    """Tell whether DeepSpeed keeps a part of each weight on each rank."""
    return any(hasattr(each, "ds_id") for each in model.parameters())


def gather(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return all weights of a model that is shared out, on every rank."""
    import deepspeed

    state = {name: each.detach().clone() for name, each in model.named_buffers()}
    # Tied weights stand in a state dict under each of their names.
    for name, each in model.named_parameters(remove_duplicate=False):
        with deepspeed.zero.GatheredParameters([each]):
            # Past the block the weight is handed back, and only this rank's share of it is left.
            state[name] = each.detach().clone()
    # Buffers that are not kept on disk are no part of a state dict, and loading refuses what is
    # left over.
    return {name: state[name] for name in model.state_dict() if name in state}


@contextmanager
def unpartitioned() -> Iterator[None]:
    """Let a model be built whole while a ZeRO-3 training is under way."""
    from transformers.integrations import deepspeed as integration

    config = integration._hf_deepspeed_config_weak_ref  # noqa: SLF001 - has no other name
    integration.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        integration._hf_deepspeed_config_weak_ref = config  # noqa: SLF001


def forget_deepspeed() -> None:
    """Let models that are loaded from now on be whole; a training would go on to share them out."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
