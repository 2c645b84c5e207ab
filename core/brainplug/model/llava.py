"""The only module that touches the inside of transformers' LLaVA models.

A transformers release that moves a layer breaks this file and no other.

Axes: B rows, T tokens, N image tokens among them, D width, H heads; S keys beside H or T, else
scans; P patches of a scan, I J K voxels.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import Cache, DynamicCache, LlavaForConditionalGeneration
from transformers.cache_utils import DynamicLayer
from transformers.models.siglip.modeling_siglip import SiglipVisionEmbeddings

from brainplug.errors import DataError, RunError
from brainplug.model.attention import ONEDNN, PLAIN
from brainplug.model.kernels import carries_onednn, onednn_suits, speed_up
from brainplug.model.patches import PatchEmbedding3d

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transformers import LlavaConfig

    from brainplug.checkpoint.entry import ScanEntry
    from brainplug.model.packing import Layout


def install_patches(
    model: LlavaForConditionalGeneration,
    shape: tuple[int, int, int],
    patch: tuple[int, int, int],
    entry: ScanEntry,
) -> None:
    """Put a 3-D patch embedding where the vision tower has its 2-D one; keep all other weights.

    Raises:
        DataError: the tower has no SigLIP embedding to replace.
    """
    hidden_size = model.config.vision_config.hidden_size
    for parent in model.model.vision_tower.modules():
        if isinstance(getattr(parent, "embeddings", None), SiglipVisionEmbeddings):
            fresh = PatchEmbedding3d(shape, patch, hidden_size, entry)
            parent.embeddings = fresh.to(model.device, model.dtype)
            return
    raise DataError(
        type(model.model.vision_tower).__name__, where="the model's vision tower", expected="SigLIP"
    )


def feature_width(model: LlavaForConditionalGeneration) -> int:
    """Return the numbers that the tower gives for one token of a scan."""
    return int(model.model.multi_modal_projector.linear_1.in_features)


def embeddings_of(model: LlavaForConditionalGeneration) -> PatchEmbedding3d:
    """Return what makes tokens of scans."""
    modules = model.model.vision_tower.modules()
    return next(each for each in modules if isinstance(each, PatchEmbedding3d))


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


def train_only(model: LlavaForConditionalGeneration, parts: Iterable[str]) -> None:
    """Let the named parts learn and freeze everything else, token embeddings and norms too.

    The tower beyond its last feature layer, which nobody is shown, stays frozen with any part.
    """
    # DDP waits for a gradient of every weight that learns, and the idle ones never get any.
    wanted, idle = set(parts), idle_in_tower(model.config)
    for name, parameter in model.named_parameters():
        shown = not name.partition("vision_tower.")[2].startswith(idle)
        parameter.requires_grad_(shown and part_of(name) in wanted)


def idle_in_tower(config: LlavaConfig) -> tuple[str, ...]:
    """Return what names begin with, within the tower, of weights that no feature depends on."""
    # State n of depth + 1 is what layer n - 1 gives, since the embeddings come first: so -1 is the
    # last layer's output, and layers from state `last` on reach no feature.
    layers, depth = config.vision_feature_layer, config.vision_config.num_hidden_layers
    chosen = [layers] if isinstance(layers, int) else layers
    last = max(layer + depth + 1 if layer < 0 else layer for layer in chosen)
    return "post_layernorm.", "head.", *(f"encoder.layers.{each}." for each in range(last, depth))


def choose_kernels(model: LlavaForConditionalGeneration, *, onednn: bool | Literal["auto"]) -> None:
    """Choose how attention and the linear layers of frozen parts are computed.

    Args:
        model: changed in place; its weights and their names stay as they are.
        onednn: use oneDNN on a CPU; `auto` follows from processor and PyTorch.

    Raises:
        RunError: oneDNN is asked for on a CPU, and this PyTorch carries none.
    """
    wanted = onednn_suits()[0] if onednn == "auto" else onednn
    onednn = wanted and model.device.type == "cpu"
    if onednn and not carries_onednn():
        raise RunError(
            "this PyTorch carries no oneDNN, which the recipe asks for or the run began with",
            where="speed.onednn",
            hint="set onednn = false in [speed], which trains anew, or go on where it began",
        )
    if onednn:
        speed_up(model)
    for part in (model.model.vision_tower, model.model.language_model):
        part.set_attn_implementation(ONEDNN if onednn else PLAIN)


def recompute(model: LlavaForConditionalGeneration, *, tower: bool, language: bool) -> None:
    """Let the layers of tower and language model be computed again on the way back, or not."""
    wanted = {model.model.vision_tower: tower, model.model.language_model: language}
    for part, again in wanted.items():
        if again:
            # The reentrant kind gives a layer's weights no gradient where its input has none:
            # adapters in a frozen tower would never learn.
            part.activation_checkpointing_enable({"use_reentrant": False})
        else:
            part.activation_checkpointing_disable()


def tower_learns(model: LlavaForConditionalGeneration) -> bool:
    """Tell whether patch embedding or tower learn; if not, a scan's features stay as they are."""
    return any(each.requires_grad for each in model.model.vision_tower.parameters())


def language_learns(model: LlavaForConditionalGeneration) -> bool:
    """Tell whether the language model learns."""
    parts = (model.model.language_model, model.lm_head)
    return any(each.requires_grad for part in parts for each in part.parameters())


def encode_images(model: LlavaForConditionalGeneration, volumes: torch.Tensor) -> torch.Tensor:
    """Return the tower's features `(S, P, D)` of scans `(S, 1, I, J, K)`, before the projector."""
    layer = model.config.vision_feature_layer
    layers = [layer] if isinstance(layer, int) else layer
    if not model.config.vision_config.num_hidden_layers:
        # transformers collects states at layers; without any there would be none.
        return torch.cat([embeddings_of(model)(volumes)] * len(layers), dim=-1)
    states = model.model.vision_tower(volumes, output_hidden_states=list(layers)).hidden_states
    return torch.cat([states[each] for each in layers], dim=-1)


def project_features(model: LlavaForConditionalGeneration, features: torch.Tensor) -> torch.Tensor:
    """Return features as the language model takes them."""
    return model.model.multi_modal_projector(features)


def embed(
    model: LlavaForConditionalGeneration, ids: torch.Tensor, images: torch.Tensor
) -> torch.Tensor:
    """Return `(1, T, D)` embeddings of `(T,)` ids, with `(N, D)` features where images stand."""
    words = model.get_input_embeddings()(ids)
    shown = (ids == model.config.image_token_id).nonzero().squeeze(1)
    if len(shown) != len(images):
        raise ValueError(f"expected features of {len(shown)} image tokens, got {len(images)}")
    # Under autocast the projector gives bfloat16 beside float32 words.
    return words.index_copy(0, shown, images.to(words.dtype)).unsqueeze(0)


def language_model_states(  # noqa: PLR0913 - what transformers' own call takes
    model: LlavaForConditionalGeneration,
    embeddings: torch.Tensor,
    positions: torch.Tensor,
    *,
    layout: Layout | None = None,
    mask: torch.Tensor | None = None,
    cache: Cache | None = None,
) -> torch.Tensor:
    """Return `(B, T, D)` last hidden states of the language model.

    Args:
        model: the model.
        embeddings: `(B, T, D)`.
        positions: `(B, T)` place of each token in its dialogue.
        layout: of a row of packed dialogues.
        mask: `(B, 1, T, S)`, True where a token sees another; causal without it.
        cache: keys and values of earlier tokens; those of the new ones are added to it.

    Raises:
        ValueError: the attention in use is not one of ours.
    """
    refuse_foreign_attention(model)
    extra = {} if layout is None else {"layout": layout}
    out = model.model.language_model(
        inputs_embeds=embeddings,
        position_ids=positions,
        # Given a dict, transformers takes masks as ready and makes none of its own; without a mask
        # `attention` goes by `is_causal`.
        attention_mask={"full_attention": mask},
        past_key_values=cache,
        use_cache=cache is not None,
        **extra,
    )
    return out.last_hidden_state


def refuse_foreign_attention(model: LlavaForConditionalGeneration) -> None:
    """Refuse a language model whose attention would see what it must not, without a word.

    transformers hands on what it does not know: another attention ignores the layout of a packed
    row, so that each dialogue sees all before it, and without a mask not all are causal.

    Raises:
        ValueError: the attention in use is not one of ours.
    """
    used = model.model.language_model.config._attn_implementation  # noqa: SLF001 - has no other name
    if used not in {PLAIN, ONEDNN}:
        raise ValueError(
            f"expected the attention {PLAIN!r} or {ONEDNN!r}, which know packed rows, got "
            f"{used!r}: call brainplug.model.llava.choose_kernels(model, onednn=False) first"
        )


def next_token_logits(model: LlavaForConditionalGeneration, hidden: torch.Tensor) -> torch.Tensor:
    """Return the logits of the next token."""
    return model.lm_head(hidden)


def new_cache(entries: Iterable[tuple[torch.Tensor, torch.Tensor]] = ()) -> Cache:
    """Return a cache that holds keys and values of each layer, `(B, H, S, D)` each."""
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(entries):
        cache.update(keys, values, layer)
    return cache


class RoomyLayer(DynamicLayer):
    """Keys and values of a layer with room for more, so that a new word copies no earlier one.

    Args:
        room: places that are made when the first keys come, besides theirs.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.held: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add keys and values `(B, H, T, D)`; return those of all places."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        # transformers begins with an empty tensor of one axis. `crop` shortens the views only, so
        # what comes next is written over what was cropped.
        start = self.keys.shape[-2] if self.keys.ndim > 1 else 0
        end = start + key_states.shape[-2]
        if not self.held or end > self.held[0].shape[-2]:
            before = [self.keys, self.values] if start else []
            self.held = [
                each.new_empty(*each.shape[:2], end + self.room, each.shape[3])
                for each in (key_states, value_states)
            ]
            for wide, old in zip(self.held, before, strict=False):
                wide[:, :, :start] = old
        for wide, new in zip(self.held, (key_states, value_states), strict=True):
            wide[:, :, start:end] = new
        self.keys, self.values = (wide[:, :, :end] for wide in self.held)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some rows only."""
        super().batch_select_indices(indices)
        # The rows that are left are copies by now; the next update makes room around those.
        self.held = []


def roomy_cache(entries: Sequence[tuple[torch.Tensor, torch.Tensor]], *, room: int) -> Cache:
    """Return a cache as `new_cache` does, without gradients and with room for more places."""
    cache = Cache(layer_class_to_replicate=partial(RoomyLayer, room))
    for layer, (keys, values) in enumerate(entries):
        cache.update(keys, values, layer)
    return cache


def entries_of(cache: Cache) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return keys and values of each layer of a cache."""
    return [(layer.keys, layer.values) for layer in cache.layers]
