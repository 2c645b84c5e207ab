"""Matrix products and attention for the CPU, in float32.

PyTorch hands float32 products to the BLAS it was built with, which on some processors is slower
than oneDNN, which it carries too. Results differ by the order of summation only, but they differ:
which of the two computes follows from facts of processor and PyTorch, never from a clock, so that
every rank and every later process computes the same bits. On a GPU nothing here is used.

Axes: H heads, L queries, S keys, D width of a head, M rows, N and K sides of a weight.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST = 16
"""Queries below which a head by itself is too little work for a product of its own."""

ROWS = 512
"""Queries at once: a block of scores of one head should fit in the processor's cache."""


def multiply_by_onednn(
    left: torch.Tensor, right: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return `left @ right.T + bias` by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")  # noqa: SLF001


def carries_onednn() -> bool:
    """Tell whether this PyTorch has the products that are asked of oneDNN."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def onednn_suits() -> tuple[bool, str]:
    """Tell whether oneDNN is used where nobody chose, and from which fact that follows.

    Intel's BLAS (MKL) leaves much of the speed of other makers' processors unused, where oneDNN
    does not; on Intel's own both are about as fast, and the usual way is kept.
    """
    if torch.cuda.is_available():
        return False, "a GPU computes"
    if not carries_onednn():
        return False, "this PyTorch carries no oneDNN"
    if not torch.backends.mkl.is_available():
        return False, "this PyTorch multiplies by another BLAS than MKL"
    # Measured on two cores each: MKL 235 and oneDNN 510 GFLOP/s on an AMD EPYC (Zen 5), 63 and 50
    # on an Intel Xeon (docs/decisions/0018-arithmetic.md).
    maker = processor_maker()
    return maker not in {"GenuineIntel", "unknown"}, f"MKL on a processor of maker {maker}"


def processor_maker(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the maker that a processor of the x86 family names itself, else `unknown`.

    Args:
        cpuinfo: where Linux tells it; elsewhere the platform is asked.
    """
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")]
        return named[0] if named else "unknown"
    told = platform.processor()  # on Windows "AMD64 Family 25 Model 97 Stepping 2, AuthenticAMD"
    return next((name for name in ("GenuineIntel", "AuthenticAMD") if name in told), "unknown")


def fits(*tensors: torch.Tensor) -> bool:
    """Tell whether tensors are what these kernels are made for."""
    return all(each.device.type == "cpu" and each.dtype == torch.float32 for each in tensors)


class FrozenLinear(nn.Linear):
    """A linear layer by oneDNN while its weights take no gradient; else an ordinary one.

    A module becomes one by a change of its class, so that weights and names stay as they are.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name
        """Return `input @ weight.T + bias`."""
        weights = (self.weight,) if self.bias is None else (self.weight, self.bias)
        # The gradient of a weight needs the layer's input, which `FrozenProduct` does not keep.
        learns = torch.is_grad_enabled() and any(each.requires_grad for each in weights)
        if learns or not fits(input, self.weight) or input.shape[:-1].numel() < FEWEST:
            return super().forward(input)
        return FrozenProduct.apply(input, self.weight, self.bias)  # type: ignore[no-untyped-call]


class FrozenProduct(torch.autograd.Function):
    """A product with a weight that does not learn; only the weight is kept for the way back."""

    @staticmethod
    def forward(
        ctx: Any, left: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """Return `left @ weight.T + bias` of `(…, K)` and `(N, K)`."""
        ctx.save_for_backward(weight)
        flat = left.reshape(-1, left.shape[-1])
        return multiply_by_onednn(flat, weight, bias).reshape(*left.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Return the gradient of `left`."""
        (weight,) = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        # The product transposes its right side itself, so this is `grad @ weight`.
        return multiply_by_onednn(flat, weight.t()).reshape(*grad.shape[:-1], -1), None, None


def speed_up(model: nn.Module) -> None:
    """Let every plain linear layer of a model be computed by oneDNN while it does not learn."""
    for module in model.modules():
        # Subclasses are left alone: torch's MultiheadAttention, for one, reads the weight of its
        # output layer and never calls that layer.
        if type(module) is nn.Linear:
            module.__class__ = FrozenLinear


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scale: float, causal: bool
) -> torch.Tensor:
    """Return `(H, L, D)` attention of queries over keys and values `(H, S, D)`, S >= L.

    Args:
        query: of the last L of S places where `causal`.
        key: of all places.
        value: of all places.
        scale: of the scores.
        causal: no place sees a later one.
    """
    given = (query.contiguous(), key.contiguous(), value.contiguous(), scale, causal)
    return Attention.apply(*given)  # type: ignore[no-untyped-call]


def blocks(num_queries: int, num_keys: int, *, causal: bool) -> Iterator[tuple[int, int, int]]:
    """Give start and end of each block of queries, and how many keys its last query sees."""
    for start in range(0, num_queries, ROWS):
        end = min(start + ROWS, num_queries)
        # Queries are the last tokens of the row, so the block's last one stands just before this
        # key.
        yield start, end, num_keys - num_queries + end if causal else num_keys


class Attention(torch.autograd.Function):
    """Attention head by head and block by block; scores are made again on the way back.

    Scores that no query of a block may see are never computed. The gradient is that of
    FlashAttention (Dao et al. 2022, arXiv:2205.14135, appendix B.2).
    """

    @staticmethod
    def forward(  # noqa: PLR0913 - autograd passes by position
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
        causal: bool,
    ) -> torch.Tensor:
        """Return the attention."""
        out = torch.empty_like(query)
        for head in range(query.shape[0]):
            # The product wants its right side transposed: copied once a head rather than once a
            # block.
            across = value[head].t().contiguous()
            scaled = query[head] * scale
            for start, end, seen in blocks(query.shape[1], key.shape[1], causal=causal):
                chances = weigh(scaled[start:end], key[head, :seen], causal=causal)
                out[head, start:end] = multiply_by_onednn(chances, across[:, :seen].contiguous())
        ctx.save_for_backward(query, key, value, out)
        ctx.scale, ctx.causal = scale, causal
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        """Return the gradients of query, key and value."""
        query, key, value, out = ctx.saved_tensors
        grad = grad.contiguous()
        grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        # With P the softmax, the gradient of the scores is P * (dP - sum(P * dP)), and that sum
        # over a row equals sum(dO * O): known before any score is made again.
        mean = (grad * out).sum(dim=-1, keepdim=True)
        for head in range(query.shape[0]):
            one = (query[head] * ctx.scale, key[head], value[head], grad[head], mean[head])
            for whole, part in zip(grads, backward_of_head(*one, causal=ctx.causal), strict=True):
                whole[head] = part
        # Queries were scaled ahead of the product, so their gradient is too. That of the keys was
        # made of scaled queries and has the factor already.
        grads[0].mul_(ctx.scale)
        return (*grads, None, None)


def weigh(query: torch.Tensor, key: torch.Tensor, *, causal: bool) -> torch.Tensor:
    """Return the softmax `(L, S)` of scaled queries over the keys the last of them sees."""
    scores = multiply_by_onednn(query, key)
    if causal:
        # Keys end where the block's last query stands, so only the last square of scores holds keys
        # that are later than a query.
        rows = query.shape[0]
        scores[:, -rows:] += hidden_places(rows)
    return scores.softmax(dim=-1)


@functools.lru_cache(maxsize=8)
def hidden_places(rows: int) -> torch.Tensor:
    """Return `(rows, rows)` zeros, and minus infinity where a place is later than its row."""
    return torch.full((rows, rows), -torch.inf).triu(diagonal=1)


def backward_of_head(  # noqa: PLR0913 - what one head of attention consists of
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    grad: torch.Tensor,
    mean: torch.Tensor,
    *,
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return one head's gradients of scaled query, key and value."""
    # Keys and values gather something from every block and are kept transposed, as the products of
    # a block come out; a query belongs to one block only.
    grad_query = torch.empty_like(query)
    grad_key, grad_value = torch.zeros_like(key.t()), torch.zeros_like(value.t())
    key_across = key.t().contiguous()
    for start, end, seen in blocks(query.shape[0], key.shape[0], causal=causal):
        rows = slice(start, end)
        chances = weigh(query[rows], key[:seen], causal=causal)
        grad_value[:, :seen] += multiply_by_onednn(grad[rows].t().contiguous(), chances.t())
        grad_scores = multiply_by_onednn(grad[rows], value[:seen]).sub_(mean[rows]).mul_(chances)
        grad_query[rows] = multiply_by_onednn(grad_scores, key_across[:, :seen].contiguous())
        grad_key[:, :seen] += multiply_by_onednn(query[rows].t().contiguous(), grad_scores.t())
    return grad_query, grad_key.t(), grad_value.t()
