"""A model with its tokenizer, and the plain transformers folder it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from transformers import AutoTokenizer

from brainplug.checkpoint.entry import ScanEntry
from brainplug.checkpoint.tensors import PATCH_FILE, find_weights, read_object
from brainplug.errors import DataError
from brainplug.model.llava import embeddings_of
from brainplug.model.llava3d import Llava3d
from brainplug.model.patches import count_patches
from brainplug.runtime.files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase


@attrs.frozen(eq=False)
class ModelBundle:
    """A LLaVA model whose tower takes 3-D scans, and the tokenizer that goes with it.

    Attributes:
        model: the network; parameters that do not learn have `requires_grad` off.
        tokenizer: knows `<image>`, `<|im_start|>` and `<|im_end|>` as single tokens.
        shape: voxels of a scan.
        patch: voxels of a patch.
        source: what the model was made from, kept with it; empty where it was drawn.
    """

    model: LlavaForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    shape: tuple[int, int, int]
    patch: tuple[int, int, int]
    source: Mapping[str, str] = attrs.field(factory=dict)

    def save(self, folder: Path) -> None:
        """Write weights, config, tokenizer and the patch file.

        The config states the tokens of a scan where it stated those of a picture.
        """
        self.model.config.image_seq_length = count_patches(self.shape, self.patch)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        facts = {
            "shape": list(self.shape),
            "patch": list(self.patch),
            "entry": embeddings_of(self.model).entry.facts(),
            "source": dict(self.source),
        }
        write_json(folder / PATCH_FILE, facts)


def load_bundle(folder: Path) -> ModelBundle:
    """Load what `ModelBundle.save` wrote; the same input gives identical logits.

    Raises:
        DataError: the folder has no patch file, or one that is not known here, or weights are
            missing, cut short or left over.
    """
    if not (folder / PATCH_FILE).exists():
        raise DataError(
            f"no {PATCH_FILE}", where=folder, expected="a model folder written by brainplug"
        )
    facts = read_object(folder / PATCH_FILE)
    shape, patch = tuple(facts["shape"]), tuple(facts["patch"])
    find_weights(folder)
    entry = ScanEntry.of(facts, folder / PATCH_FILE)
    model, found = Llava3d.from_pretrained(
        folder,
        shape,
        patch,
        entry,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    # transformers only warns of missing weights, and draws them at random.
    amiss = {name: sorted(map(str, keys)) for name, keys in found.items() if keys}
    if amiss:
        raise DataError(f"the weights do not fit the model: {amiss}", where=folder, found=amiss)
    stated, tokens = model.config.image_seq_length, count_patches(shape, patch)
    if stated != tokens:
        raise DataError(
            where=(folder / "config.json", "image_seq_length"),
            expected=f"{tokens}, the patches of a scan by {PATCH_FILE}",
            found=stated,
        )
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return ModelBundle(model.eval(), tokenizer, shape, patch, source=facts.get("source", {}))
