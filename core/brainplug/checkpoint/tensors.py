"""Names and shapes of the weights of a Llava checkpoint: those it must have, and those it has.

Without torch: a safetensors file begins with a table of what it holds.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import DataError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Shape = tuple[int, ...]
Names = dict[str, Shape]

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PATCH_FILE = "brainplug.json"
"""Lies beside `config.json` in models of brainplug, and says how their patches are built."""

MODEL_TYPE = "brainplug_llava"
"""What `config.json` of a model of brainplug calls its architecture."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt")

PATCHES = "vision_tower.embeddings."
"""What the names of the tower's 2-D patch and position embeddings begin with."""

LONGEST_TABLE = 100_000_000
"""Bytes that safetensors allows the table at the head of a file."""

LARGEST_OBJECT = 1 << 28
"""Bytes that a JSON file may have; a large vocabulary has ten million."""

MOST_LAYERS = 1000
"""Layers that a tower or a language model may have; none has a tenth."""

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Types of numbers, as safetensors names them, that are weights as they stand."""

OLD_PLACES = (
    ("model.", ""),
    ("language_model.lm_head.", "lm_head."),
    ("language_model.model.", "language_model."),
    ("vision_tower.vision_model.", "vision_tower."),
)
"""Starts of names in checkpoints of earlier transformers releases, and what they are here."""


@attrs.frozen
class Weight:
    """A tensor in a safetensors file.

    Attributes:
        file: that holds it.
        name: by which the file knows it.
        shape: its size along each axis.
    """

    file: Path
    name: str
    shape: Shape


def plain_name(name: str) -> str:
    """Return the name of a weight without what transformers releases put before it.

    >>> plain_name("language_model.model.norm.weight")
    'language_model.norm.weight'
    >>> plain_name("model.vision_tower.post_layernorm.bias")
    'vision_tower.post_layernorm.bias'
    """
    # In this order, as a name can begin with several of them, one behind the other.
    for old, new in OLD_PLACES:
        if name.startswith(old):
            name = new + name.removeprefix(old)
    return name


def expected_weights(config: Mapping[str, Any]) -> Names:
    """Return name and shape of every weight that a config asks for, 2-D embeddings included.

    Args:
        config: with its defaults filled in, as `brainplug.checkpoint.read` does.
    """
    return {
        **tower_weights(config["vision_config"]),
        **projector_weights(config),
        **language_weights(config["text_config"], tied=is_tied(config)),
    }


def is_tied(config: Mapping[str, Any]) -> bool:
    """Whether words are read and predicted by the same matrix."""
    return bool(config["tie_word_embeddings"] or config["text_config"]["tie_word_embeddings"])


def linear(name: str, out: int, into: int, *, bias: bool = True) -> Names:
    """Return the weights of a linear layer."""
    return {f"{name}.weight": (out, into)} | ({f"{name}.bias": (out,)} if bias else {})


def norm(name: str, width: int) -> Names:
    """Return the weights of a layer norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def tower_weights(vision: Mapping[str, Any]) -> Names:
    """Return the weights of a SigLIP tower."""
    width, inner, edge = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    found: Names = {
        f"{PATCHES}patch_embedding.weight": (width, vision["num_channels"], edge, edge),
        f"{PATCHES}patch_embedding.bias": (width,),
        # One row a patch: SigLIP has no class token, whose row CLIP's towers have besides.
        f"{PATCHES}position_embedding.weight": (count_positions(vision), width),
        **norm("vision_tower.post_layernorm", width),
    }
    for number in layers_of(vision):
        layer = f"vision_tower.encoder.layers.{number}"
        found |= norm(f"{layer}.layer_norm1", width) | norm(f"{layer}.layer_norm2", width)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= linear(f"{layer}.self_attn.{part}", width, width)
        found |= perceptron(f"{layer}.mlp", width, inner)
    return found | (pooling_weights(width, inner) if vision["vision_use_head"] else {})


def layers_of(config: Mapping[str, Any]) -> range:
    """Return the numbers of the layers, each of which is listed.

    Raises:
        DataError: there are more than any model has.
    """
    count = config["num_hidden_layers"]
    if count > MOST_LAYERS:
        raise DataError(f"{count:,}", where="layers", expected=f"at most {MOST_LAYERS:,}")
    return range(count)


def perceptron(name: str, width: int, inner: int) -> Names:
    """Return the weights of SigLIP's two-layer perceptron."""
    return linear(f"{name}.fc1", inner, width) | linear(f"{name}.fc2", width, inner)


def pooling_weights(width: int, inner: int) -> Names:
    """Return the weights of SigLIP's pooling head, which a Llava carries but never asks."""
    head = "vision_tower.head"
    return {
        f"{head}.probe": (1, 1, width),
        f"{head}.attention.in_proj_weight": (3 * width, width),
        f"{head}.attention.in_proj_bias": (3 * width,),
        **linear(f"{head}.attention.out_proj", width, width),
        **norm(f"{head}.layernorm", width),
        **perceptron(f"{head}.mlp", width, inner),
    }


def projector_weights(config: Mapping[str, Any]) -> Names:
    """Return the weights of the two-layer projector."""
    # Several layers are put side by side, so the projector takes as many widths.
    layers = config["vision_feature_layer"]
    into = config["vision_config"]["hidden_size"] * (1 if isinstance(layers, int) else len(layers))
    out, bias = config["text_config"]["hidden_size"], config["multimodal_projector_bias"]
    name = "multi_modal_projector.linear"
    return linear(f"{name}_1", out, into, bias=bias) | linear(f"{name}_2", out, out, bias=bias)


def language_weights(text: Mapping[str, Any], *, tied: bool) -> Names:
    """Return the weights of a Qwen2 language model."""
    width, inner, words = text["hidden_size"], text["intermediate_size"], text["vocab_size"]
    heads, pairs = text["num_attention_heads"], text["num_key_value_heads"]
    # Configs of Qwen2 hardly ever state it; where one does, heads need not fill the width.
    head = text.get("head_dim") or width // heads
    found: Names = {
        "language_model.embed_tokens.weight": (words, width),
        "language_model.norm.weight": (width,),
    }
    for number in layers_of(text):
        layer = f"language_model.layers.{number}"
        found[f"{layer}.input_layernorm.weight"] = (width,)
        found[f"{layer}.post_attention_layernorm.weight"] = (width,)
        # Qwen2 has biases on q, k and v and nowhere else; k and v are shared by groups of heads.
        for part, count in (("q_proj", heads), ("k_proj", pairs), ("v_proj", pairs)):
            found |= linear(f"{layer}.self_attn.{part}", count * head, width)
        found |= linear(f"{layer}.self_attn.o_proj", width, heads * head, bias=False)
        for part in ("gate_proj", "up_proj"):
            found |= linear(f"{layer}.mlp.{part}", inner, width, bias=False)
        found |= linear(f"{layer}.mlp.down_proj", width, inner, bias=False)
    return found | ({} if tied else {"lm_head.weight": (words, width)})


def count_positions(vision: Mapping[str, Any]) -> int:
    """Return the number of 2-D patches of a picture, which is that of its tokens.

    >>> count_positions({"image_size": 384, "patch_size": 14})
    729
    """
    return int((vision["image_size"] // vision["patch_size"]) ** 2)


def count_weights(names: Names) -> int:
    """Return how many numbers these weights hold."""
    return sum(math.prod(shape) for shape in names.values())


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    if path.exists() and not path.is_file():
        raise DataError("a folder, pipe or device", where=path, expected="a file")
    if path.exists() and path.stat().st_size > LARGEST_OBJECT:
        told = f"{path.stat().st_size:,} bytes"
        raise DataError(told, where=path, expected=f"JSON of at most {LARGEST_OBJECT:,} bytes")
    try:
        # As transformers reads it: neither another encoding nor a mark before the text.
        held = json.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise DataError(
            "missing", where=path, hint="is this the folder of a Llava checkpoint?"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        hint = "save it as UTF-8 without a mark" if "BOM" in str(error) else ""
        told = f"cannot be read as JSON: {first_line(error)}"
        raise DataError(told, where=path, hint=hint) from None
    if not isinstance(held, dict):
        raise DataError(type(held).__name__, where=path, expected="a JSON object", found=held)
    return held


def find_weights(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files that hold a model's weights.

    Raises:
        DataError: there are none, only pickle files, or the index names a file that is missing.
    """
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if not (folder / INDEX).is_file():
        raise no_weights(folder)
    places = read_object(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(type(name) is str for name in places.values()):
        raise DataError(
            where=(folder / INDEX, "weight_map"),
            expected="a file for each weight",
            found=type(places).__name__,
        )
    files = tuple(folder / name for name in sorted(set(places.values())))
    # A name with a folder in it could lead out of the checkpoint to any file of the machine.
    lost = [path.name for path in files if path.parent != folder or not path.is_file()]
    if lost or not files:
        raise DataError(
            f"names files that are not in the folder: {some(lost)}",
            where=folder / INDEX,
            found=tuple(lost),
            hint="copy them there, or download the model again",
        )
    return files


def no_weights(folder: Path) -> DataError:
    """Make the error that says what a folder without safetensors has instead."""
    others = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    wanted = f"{SINGLE} or {INDEX}"
    if not others:
        hint = "is this the folder of a model?"
        return DataError("neither", where=folder, expected=wanted, hint=hint)
    return DataError(
        f"pickle files only: {some(others)}",
        where=folder,
        expected=wanted,
        found=tuple(others),
        hint="reading these can run code they hold, so they are not read: save the model again "
        "with transformers' save_pretrained",
    )


def read_weights(folder: Path) -> dict[str, Weight]:
    """Return the tensors of a model's safetensors files by their plain names.

    Raises:
        DataError: a file is missing, cut short or no safetensors file, or holds a name twice.
    """
    found: dict[str, Weight] = {}
    for file in find_weights(folder):
        for name, shape in read_table(file):
            # Two names may be one weight: files saved by two releases of transformers lie in one
            # folder.
            plain = plain_name(name)
            if plain in found:
                raise DataError(
                    f"{name!r} is there already, as {found[plain].name!r} in "
                    f"{found[plain].file.name}",
                    where=file,
                    found=name,
                )
            found[plain] = Weight(file, name, shape)
    return found


def read_table(file: Path) -> Iterator[tuple[str, Shape]]:
    """Give name and shape of each tensor of a safetensors file.

    Raises:
        DataError: the file is cut short, or no safetensors file.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            # Eight bytes say how long the table is; in another file they are any number, so a read
            # is bounded by what safetensors itself allows.
            length = int.from_bytes(opened.read(8), "little")
            table = json.loads(opened.read(min(length, LONGEST_TABLE)))
        table.pop("__metadata__", None)
        shapes = [(name, tuple(map(int, each["shape"]))) for name, each in table.items()]
        odd = {str(each["dtype"]) for each in table.values()} - FLOATS
        end = 8 + length + max((each["data_offsets"][1] for each in table.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise DataError(
            "not a safetensors file, or cut short", where=file, hint="copy it again"
        ) from None
    # The table comes first, so it reads as whole in a copy that broke off behind it.
    if end != size:
        raise DataError(
            f"{size:,}", where=file, expected=f"{end:,} bytes", found=size, hint="copy it again"
        )
    if odd:
        raise DataError(
            f"{', '.join(sorted(odd))}",
            where=file,
            expected=f"weights of the types {', '.join(sorted(FLOATS))}",
            found=tuple(sorted(odd)),
            hint="numbers of another type mean nothing without their scales; take the model that "
            "is not quantised",
        )
    yield from shapes


def compare_weights(expected: Names, found: Mapping[str, Weight], *, tied: bool) -> Iterator[str]:
    """Give a line for each way in which a checkpoint's weights are not those its config asks for.

    Args:
        expected: as the config asks.
        found: as the files hold.
        tied: whether the matrix that predicts words may be there a second time.
    """
    missing = sorted(expected.keys() - found.keys())
    # Tied models are saved with or without the second name of the one matrix.
    over = sorted(found.keys() - expected.keys() - ({"lm_head.weight"} if tied else set()))
    if missing:
        yield f"the weights lack what config.json asks for: {some(missing)}"
    if over:
        yield f"the weights hold what config.json has no place for: {some(over)}"
    shared = sorted(expected.keys() & found.keys())
    wrong = [name for name in shared if expected[name] != found[name].shape]
    for name in wrong[:1]:
        yield (
            f"the weights are of other shapes than config.json asks for, {len(wrong)} in all: "
            f"expected {expected[name]} for {found[name].name!r}, got {found[name].shape}"
        )


def some(names: list[str]) -> str:
    """List a few names, and say how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
