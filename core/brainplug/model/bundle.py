"""A model with its tokenizer, and the plain transformers folder it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from transformers import AutoTokenizer, LlavaConfig

from brainplug.api.guard import told
from brainplug.checkpoint.entry import ScanEntry
from brainplug.checkpoint.read import CONFIG
from brainplug.checkpoint.tensors import PATCH_FILE, find_weights, read_object
from brainplug.errors import BrainplugError, DataError, first_line
from brainplug.model.llava import embeddings_of
from brainplug.model.llava3d import Llava3d, Llava3dConfig
from brainplug.model.patches import count_patches
from brainplug.runtime.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

    from brainplug.api.records import ModelPlan


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
        """Write weights, config, tokenizer and the patch file."""
        # An answer ends with the end of a turn, whatever ends a text: transformers' own `generate`
        # goes by what is written here.
        self.model.generation_config.eos_token_id = self.tokenizer.eos_token_id
        self.model.generation_config.pad_token_id = self.tokenizer.pad_token_id
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
        DataError: the folder has no patch file, or one that is not known here, weights are
            missing, cut short or left over, or transformers cannot read it. Its code is never run.
    """
    try:
        return open_bundle(folder)
    except (BrainplugError, MemoryError):
        raise
    except Exception as error:  # whatever is odd about its files, it is the folder's
        raise DataError(
            f"this model cannot be loaded: {first_line(error)}",
            where=folder,
            hint="are its files as they were written? Copy it again",
        ) from error


def open_bundle(folder: Path) -> ModelBundle:
    """Load a model folder, or raise what transformers raises.

    Raises:
        DataError: as `load_bundle`.
    """
    if not (folder / PATCH_FILE).exists():
        raise DataError(
            f"no {PATCH_FILE}", where=folder, expected="a model folder written by brainplug"
        )
    facts = read_object(folder / PATCH_FILE)
    shape, patch = tuple(facts["shape"]), tuple(facts["patch"])
    find_weights(folder)
    model, found = Llava3d.from_pretrained(
        folder,
        config=read_config(folder, facts),
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    # transformers only warns of missing weights, and draws them at random.
    amiss = {name: sorted(map(str, keys)) for name, keys in found.items() if keys}
    if amiss:
        raise DataError(f"the weights do not fit the model: {amiss}", where=folder, found=amiss)
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return ModelBundle(model.eval(), tokenizer, shape, patch, source=facts.get("source", {}))


def read_config(folder: Path, facts: Mapping[str, Any]) -> Llava3dConfig:
    """Return the config of a model folder, which must say of scans what its patch file says.

    Args:
        folder: of the model.
        facts: of its patch file.

    Raises:
        DataError: one of the two is not known here, or they contradict each other.
    """
    shape, patch = tuple(facts["shape"]), tuple(facts["patch"])
    entry = ScanEntry.of(facts, folder / PATCH_FILE)
    stated = read_object(folder / CONFIG)
    tokens = count_patches(shape, patch)
    if stated.get("image_seq_length") != tokens:
        raise DataError(
            where=(folder / CONFIG, "image_seq_length"),
            expected=f"{tokens}, the patches of a scan by {PATCH_FILE}",
            found=stated.get("image_seq_length"),
        )
    told = {key: each for key, each in stated.items() if key != "model_type"}
    config = Llava3dConfig.of(LlavaConfig.from_dict(told), shape, patch, entry)
    # Folders written before 0.2.0 call themselves a LLaVA, and say nothing of scans there.
    for key in ("scan_shape", "scan_patch", "scan_entry"):
        if key in stated and stated[key] != getattr(config, key):
            raise DataError(
                where=(folder / CONFIG, key),
                expected=f"{getattr(config, key)} by {PATCH_FILE}",
                found=stated[key],
            )
    return config


def bundle_faults(bundle: object, plan: ModelPlan) -> Iterator[str]:
    """Say where what a model part built is no model, or not the one that it planned."""
    if not isinstance(bundle, ModelBundle):
        yield f"build must return a ModelBundle, returned {told(bundle)}"
        return
    built = count_patches(bundle.shape, bundle.patch)
    if built != plan.tokens_per_image:
        yield f"plan says {plan.tokens_per_image} tokens a scan, the model that is built {built}"
