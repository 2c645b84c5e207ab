"""Attention of tower and language model, registered with transformers under two names.

`slices` computes it by PyTorch's own kernels, `slices-onednn` by those of `kernels` where they
apply. Both know rows of packed dialogues (`Layout`): each branch attends over its own slice, the
prefix and itself; on a GPU, in 16 bits, FlexAttention skips what no token may see. Neither ever
makes a square mask of the whole row.

Axes: B rows, H heads, L queries, S keys, D width of a head.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from brainplug.model import kernels

if TYPE_CHECKING:
    from brainplug.model.packing import Layout

PLAIN, ONEDNN = "slices", "slices-onednn"

NARROWEST = 16
"""The narrowest head that FlexAttention takes."""


def attention(  # noqa: PLR0913 - transformers' own interface
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    layout: Layout | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return `(B, L, H, D)` attention, and no weights.

    Where queries are fewer than keys they are those of the last places.
    """
    # Padded rows, and candidates side by side, come with a mask of their own, which the ways below
    # do not know; neither do they know dropout.
    if attention_mask is not None or dropout:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    query, key, value = alike(query, key, value)
    # In grouped-query attention several query heads share a key head; the kernels below go head by
    # head and want as many of each.
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    onednn = module.config._attn_implementation == ONEDNN  # noqa: SLF001 - has no other name
    if layout is not None:
        out = attend_packed(query, key, value, scale=scaling, layout=layout, onednn=onednn)
    else:
        out = attend(query, key, value, scale=scaling, causal=module.is_causal, onednn=onednn)
    return out.transpose(1, 2), None


def alike(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return tensors in the one number format of autocast, or as they are where it is off."""
    # Under autocast, rotary embeddings turn queries and keys into float32 and leave values in
    # bfloat16. FlexAttention and causal biases refuse such a mixture; autocast mends it for plain
    # scaled_dot_product_attention only.
    kind = given[0].device.type
    if not torch.is_autocast_enabled(kind):
        return given
    return tuple(each.to(torch.get_autocast_dtype(kind)) for each in given)


def attend(  # noqa: PLR0913 - what attention consists of
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    scale: float,
    causal: bool,
    onednn: bool,
) -> torch.Tensor:
    """Return `(B, H, L, D)` attention over all keys, or over those up to each query's place."""
    num_queries, num_keys = query.shape[2], key.shape[2]
    if onednn and num_queries >= kernels.FEWEST and kernels.fits(query):
        rows = zip(query, key, value, strict=True)
        return torch.stack(
            [kernels.attend(q, k, v, scale=scale, causal=causal) for q, k, v in rows]
        )
    # torch's `is_causal` lays its triangle into the upper left corner, so that fewer queries than
    # keys, which stand at the end of the row, would see the first keys only. A single query is the
    # last token and sees all.
    causal = causal and num_queries > 1
    bias = causal_lower_right(num_queries, num_keys) if causal and num_queries < num_keys else None
    return scaled_dot_product_attention(
        query, key, value, attn_mask=bias, is_causal=causal and bias is None, scale=scale
    )


def attend_packed(  # noqa: PLR0913 - what attention consists of
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    scale: float,
    layout: Layout,
    onednn: bool,
) -> torch.Tensor:
    """Return `(1, H, T, D)` attention of a row of packed dialogues."""
    if suits_flex(query):
        return compiled_flex_attention()(
            query, key, value, block_mask=layout.block_mask(query.device), scale=scale
        )
    # A branch's queries are the last tokens of prefix and branch, so the plain causal triangle is
    # its whole mask and no bias is made.
    return torch.cat(
        [
            attend(
                query[:, :, own],
                torch.cat([key[:, :, shared], key[:, :, own]], dim=2),
                torch.cat([value[:, :, shared], value[:, :, own]], dim=2),
                scale=scale,
                causal=True,
                onednn=onednn,
            )
            for own, shared in layout.slices()
        ],
        dim=2,
    )


def suits_flex(query: torch.Tensor) -> bool:
    """Whether FlexAttention takes a packed row at once, rather than slice after slice.

    It refuses heads narrower than 16, and in float32, which it multiplies without tensor cores, a
    step took 2.5 times as long as by slices (`benchmarks/gpu.py`, H200).
    """
    return query.is_cuda and query.dtype != torch.float32 and query.shape[-1] >= NARROWEST


@functools.cache
def compiled_flex_attention() -> Any:
    """Compile FlexAttention, which is slow and hungry otherwise, once a process."""
    from torch.nn.attention.flex_attention import flex_attention

    # Rows differ in length from step to step; with fixed shapes each length would be compiled anew.
    return torch.compile(flex_attention, dynamic=True)


for name in (PLAIN, ONEDNN):
    AttentionInterface.register(name, attention)
    # For an attention it has no mask function of, transformers makes no mask at all, and padding
    # would be attended to without a word.
    AttentionMaskInterface.register(name, sdpa_mask)
