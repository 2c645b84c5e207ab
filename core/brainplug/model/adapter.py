"""The only module that touches the inside of transformers' LLaVA models.

A transformers release that moves a layer breaks this file and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import LlavaForConditionalGeneration
from transformers.models.siglip.modeling_siglip import SiglipVisionEmbeddings

from brainplug.errors import DataError
from brainplug.learning_options import MODEL_PARTS
from brainplug.model.patches import PatchEmbedding3d

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from transformers import LlavaConfig


class Llava3d(LlavaForConditionalGeneration):
    """A LLaVA model whose vision tower takes 3-D scans; `from_pretrained(folder, shape, patch)`.

    Args:
        config: an ordinary LLaVA config.
        shape: voxels of a scan.
        patch: voxels of a patch.
    """

    def __init__(
        self, config: LlavaConfig, shape: tuple[int, int, int], patch: tuple[int, int, int]
    ) -> None:
        super().__init__(config)
        install_patches(self, shape, patch)


def install_patches(
    model: LlavaForConditionalGeneration, shape: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    """Put a 3-D patch embedding where the vision tower has its 2-D one; keep all other weights.

    Raises:
        DataError: the tower has no SigLIP embedding to replace.
    """
    hidden_size = model.config.vision_config.hidden_size
    for parent in model.model.vision_tower.modules():
        if isinstance(getattr(parent, "embeddings", None), SiglipVisionEmbeddings):
            fresh = PatchEmbedding3d(shape, patch, hidden_size)
            parent.embeddings = fresh.to(model.device, model.dtype)
            return
    raise DataError(
        f"the model's vision tower is {type(model.model.vision_tower).__name__}, expected SigLIP"
    )


def part_of(name: str) -> str:
    """Return the part of the model a parameter belongs to, one of `MODEL_PARTS`.

    >>> part_of("model.vision_tower.embeddings.projection.weight")
    'patch-embedding'
    >>> part_of("lm_head.weight")
    'language-model'
    """
    if "vision_tower." in name:
        return "patch-embedding" if ".embeddings." in name else "vision-tower"
    return "projector" if "multi_modal_projector." in name else "language-model"


def train_only(model: nn.Module, parts: Iterable[str]) -> None:
    """Let the named parts learn and freeze everything else, token embeddings and norms too."""
    wanted = set(parts)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in wanted)


def count_parameters(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Return for each part how many parameters learn and how many are frozen."""
    counts = dict.fromkeys(MODEL_PARTS, (0, 0))
    for name, parameter in model.named_parameters():
        learn, frozen = counts[part_of(name)]
        size = parameter.numel()
        counts[part_of(name)] = (
            (learn + size, frozen) if parameter.requires_grad else (learn, frozen + size)
        )
    return counts
