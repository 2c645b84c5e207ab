"""From a checkpoint in the hub's form to a model whose tower takes 3-D scans.

Every weight but the tower's 2-D patch and position embeddings is kept to the bit: read as float32,
in which each bfloat16 and float16 number is exact. Code that a checkpoint brings is never run.

What a scan is to a tower that has learnt photographs: it saw RGB scaled to [-1, 1], of about zero
mean and a standard deviation of about 0.5. Kernels are matched at equal deviation, so a scan that
is standardised to that spread (`PHOTOGRAPH_SD`) comes to them, beside the same biases and
positions, as a photograph did, and nothing else is divided out. One that is not lies between 0, the
background, and 1, with 0.5 the head's median: a bright picture of weaker contrast.

Axes: D hidden size of the tower.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch
from safetensors import safe_open
from torch.nn.functional import interpolate
from transformers import AutoTokenizer, LlavaConfig

from brainplug.checkpoint.chat_template import QWEN_TEMPLATE
from brainplug.checkpoint.tensors import PATCHES
from brainplug.errors import DataError
from brainplug.model.llava import embeddings_of
from brainplug.model.llava3d import Llava3d, Llava3dConfig
from brainplug.tasks.chat import END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedTokenizerBase

    from brainplug.checkpoint.entry import ScanEntry, Triple
    from brainplug.checkpoint.read import Checkpoint
    from brainplug.checkpoint.tensors import Weight
    from brainplug.model.patches import PatchEmbedding3d


@attrs.frozen(kw_only=True)
class ScanGrid:
    """What a model is to take in.

    Attributes:
        shape: voxels of a scan.
        patch: voxels of a patch.
        entry: standardisation and stem.
    """

    shape: Triple
    patch: Triple
    entry: ScanEntry


def load_llava(checkpoint: Checkpoint, grid: ScanGrid, *, initial: str, seed: int) -> Llava3d:
    """Load a checkpoint with 3-D patches in place of its 2-D ones, in float32.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        grid: of scans and patches, and how scans enter the tower.
        initial: `"inflate"` makes the new embeddings of the old ones, `"random"` draws them.
        seed: of the draw.

    Raises:
        DataError: transformers cannot read the folder, or weights are missing or left over.
    """
    # Drawing here must not move the caller's stream of random numbers on. Weights are made on the
    # CPU, so a GPU's stream is not touched.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            given = LlavaConfig.from_pretrained(checkpoint.folder, local_files_only=True)
            model, found = Llava3d.from_pretrained(
                checkpoint.folder,
                config=Llava3dConfig.of(given, grid.shape, grid.patch, grid.entry),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                # The positions keep their name but not their number; what else does not fit is
                # refused by `check_kept`.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except Exception as error:  # whatever else is odd about a config, it is the folder's
            raise DataError(
                f"transformers cannot load this: {error}", where=checkpoint.folder
            ) from error
        check_kept(checkpoint, found)
        # How much transformers draws while it loads may change with any release; seeded anew, the
        # patches follow from the seed alone.
        torch.manual_seed(seed)
        embeddings = embeddings_of(model)
        embeddings.reset_parameters()
    if initial == "inflate":
        inflate(embeddings, *(read_tensor(each) for each in old_embeddings(checkpoint)))
    check_finite(checkpoint, model)
    return model


def check_finite(checkpoint: Checkpoint, model: Llava3d) -> None:
    """Refuse weights that are no numbers, from which no training comes back.

    Raises:
        DataError: some are not finite; names them.
    """
    odd = [name for name, each in model.state_dict().items() if not torch.isfinite(each).all()]
    if odd:
        raise DataError(
            f"{len(odd)} hold NaN or infinity, such as {odd[0]!r}",
            where=checkpoint.folder,
            expected="weights that are numbers",
            found=tuple(odd),
            hint="copy or download the model again",
        )


def check_kept(checkpoint: Checkpoint, found: dict[str, set[object]]) -> None:
    """Look whether all weights were taken over, but the embeddings that are replaced.

    Raises:
        DataError: some were not; names them.
    """
    amiss = {
        kind: sorted(name for name in map(str, keys) if ".embeddings." not in name)
        for kind, keys in found.items()
    }
    if any(amiss.values()):
        told = {kind: names[:3] for kind, names in amiss.items() if names}
        raise DataError(
            f"the weights do not fit the model: {told}", where=checkpoint.folder, found=amiss
        )


def old_embeddings(checkpoint: Checkpoint) -> list[Weight]:
    """Return where the 2-D kernel, its bias and the positions lie."""
    names = ("patch_embedding.weight", "patch_embedding.bias", "position_embedding.weight")
    return [checkpoint.weights[PATCHES + name] for name in names]


def read_tensor(weight: Weight) -> torch.Tensor:
    """Read one tensor of a safetensors file, as float32."""
    with safe_open(weight.file, framework="pt") as file:
        return file.get_tensor(weight.name).float()


def load_tower(model: Llava3d, weights: Mapping[str, Weight]) -> None:
    """Let the tower begin from weights of one's own.

    Args:
        model: changed in place.
        weights: as `check_tower` returns them.
    """
    state = {name: read_tensor(each) for name, each in weights.items()}
    model.model.vision_tower.load_state_dict(state, strict=False)


def inflate(
    embeddings: PatchEmbedding3d,
    kernel: torch.Tensor,
    bias: torch.Tensor,
    positions: torch.Tensor,
) -> None:
    """Fill 3-D embeddings with what 2-D ones have learnt.

    Kernel: channels are summed, which is what a gray picture does to it. Its rows and columns
    become the patch's first two axes, each resized by the area that old and new cells share; along
    the third it is the same everywhere. One factor for all filters then makes the mean square of
    activations on white noise what it was in 2-D, so that filters keep their weight among each
    other. The bias is kept.

    Positions: bicubic along the first two axes of the grid, as transformers itself resizes them,
    and the same for every place along the third. A place between two known positions is one the
    tower can tell, while any mark of depth that we made up would be none; so patches above each
    other begin alike (as in ViViT, Arnab et al. 2021, arXiv:2103.15691), the language model tells
    them apart by their order, and positions learn with the patches.

    Args:
        embeddings: filled in place.
        kernel: `(D, channels, rows, columns)`.
        bias: `(D,)`.
        positions: `(rows x columns, D)` of a square grid of patches.
    """
    gray = kernel.sum(dim=1)
    rows, columns, depth = embeddings.patch
    grid = [size // edge for size, edge in zip(embeddings.shape, embeddings.patch, strict=True)]
    down, across = share_areas(gray.shape[1], rows), share_areas(gray.shape[2], columns)
    flat = down @ gray @ across.T
    spread = flat.unsqueeze(3).expand(-1, -1, -1, depth).flatten(1)
    # SigLIP has no class token, so its positions are those of a square grid.
    edge = math.isqrt(len(positions))
    plane = interpolate(
        positions.T.reshape(1, -1, edge, edge), grid[:2], mode="bicubic", align_corners=False
    )
    # Patches stand in C order (`PatchEmbedding3d.cut`), so those of one column along the third axis
    # are neighbours.
    placed = plane[0].flatten(1).T.repeat_interleave(grid[2], dim=0)
    with torch.no_grad():
        # White noise gives a filter a variance of its squared norm, so equal norms over all filters
        # are equal mean squares over all activations.
        embeddings.projection.weight.copy_(spread * (gray.norm() / spread.norm()))
        embeddings.projection.bias.copy_(bias)
        embeddings.position_embedding.weight.copy_(placed)


def share_areas(old: int, new: int) -> torch.Tensor:
    """Return `(new, old)`: how much of each old cell lies in each new one, over the same length.

    >>> share_areas(3, 2)
    tensor([[1.0000, 0.5000, 0.0000],
            [0.0000, 0.5000, 1.0000]])
    """
    edges = torch.arange(new + 1) * old / new
    starts, ends = edges[:-1, None], edges[1:, None]
    cells = torch.arange(old)[None]
    return (torch.minimum(ends, cells + 1) - torch.maximum(starts, cells)).clamp(min=0)


def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """Load a checkpoint's tokenizer.

    An answer ends with `<|im_end|>`, whatever ends a text; padding is never looked at, so any token
    does for it. The chat template becomes that of training.

    Raises:
        DataError: transformers cannot read it, or reads other ids than `tokenizer.json` says.
    """
    folder = checkpoint.folder
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # as above
        raise DataError(f"transformers cannot load the tokenizer: {error}", where=folder) from error
    # Under other ids than the checkpoint learnt, markers would pick rows of the embedding that mean
    # something else, and nothing would fail.
    for marker, known in checkpoint.markers.items():
        found = tokenizer.convert_tokens_to_ids(marker)
        if found != known:
            raise DataError(
                f"{found} by transformers",
                where=folder,
                expected=f"{known} for {marker!r} as in tokenizer.json",
                found=found,
            )
    tokenizer.eos_token = END
    tokenizer.pad_token = tokenizer.pad_token or END
    tokenizer.chat_template = QWEN_TEMPLATE
    return tokenizer
