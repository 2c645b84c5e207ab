"""A model with its tokenizer, and the plain transformers folder it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from transformers import AutoTokenizer

from brainplug.errors import DataError
from brainplug.files import read_json, write_json
from brainplug.model.adapter import Llava3d

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

PATCH_FILE = "brainplug.json"
"""Lies beside `config.json` and says how the 3-D patch embedding is rebuilt."""


@attrs.frozen(eq=False)
class ModelBundle:
    """A LLaVA model whose tower takes 3-D scans, and the tokenizer that goes with it.

    Attributes:
        model: the network; parameters that do not learn have `requires_grad` off.
        tokenizer: knows `<image>`, `<|im_start|>` and `<|im_end|>` as single tokens.
        shape: voxels of a scan.
        patch: voxels of a patch.
    """

    model: LlavaForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    shape: tuple[int, int, int]
    patch: tuple[int, int, int]

    def save(self, folder: Path) -> None:
        """Write weights, config, tokenizer and the patch file."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        write_json(folder / PATCH_FILE, {"shape": list(self.shape), "patch": list(self.patch)})


def load_bundle(folder: Path) -> ModelBundle:
    """Load what `ModelBundle.save` wrote; the same input gives identical logits.

    Raises:
        DataError: the folder has no patch file, or weights are missing or left over.
    """
    if not (folder / PATCH_FILE).exists():
        raise DataError(f"{folder}: no {PATCH_FILE}; expected a model folder written by brainplug")
    facts = read_json(folder / PATCH_FILE)
    shape, patch = tuple(facts["shape"]), tuple(facts["patch"])
    model, found = Llava3d.from_pretrained(folder, shape, patch, output_loading_info=True)
    amiss = {name: sorted(keys) for name, keys in found.items() if keys}
    if amiss:
        raise DataError(f"{folder}: the weights do not fit the model: {amiss}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return ModelBundle(model.eval(), tokenizer, shape, patch)
