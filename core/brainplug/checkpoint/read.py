"""A Llava checkpoint folder, read and checked without torch.

What is looked at: `config.json`, the tokenizer and processor files, the chat template, and the
tables at the head of the safetensors files. Every problem is found in one pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from brainplug.checkpoint.chat_template import compare_template, find_template
from brainplug.checkpoint.own_tower import TOWER
from brainplug.checkpoint.processor import check_processor
from brainplug.checkpoint.tensors import (
    MOST_LAYERS,
    PATCH_FILE,
    Weight,
    compare_weights,
    count_positions,
    count_weights,
    expected_weights,
    is_tied,
    read_object,
    read_weights,
)
from brainplug.errors import DataError
from brainplug.tasks.chat import END, IMAGE, START

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from brainplug.checkpoint.own_tower import TowerPlan

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"

LLAVA: dict[str, Any] = {
    "image_token_index": 32000,
    "vision_feature_select_strategy": "default",
    "vision_feature_layer": -2,
    "multimodal_projector_bias": True,
    "tie_word_embeddings": False,
}
SIGLIP: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 16,
    "vision_use_head": True,
}
QWEN2: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
}
"""What transformers takes where `config.json` leaves a key out, which it does with defaults."""

MOST = 100_000_000
"""Largest size that a config may name; no model comes near."""

SECTIONS = (("vision_config", SIGLIP, "siglip_vision_model"), ("text_config", QWEN2, "qwen2"))
"""Section of `config.json`, its defaults, and the model it must be of."""

PIECES = (
    "image_aspect_ratio",
    "vision_aspect_ratio",
    "mm_patch_merge_type",
    "image_grid_pinpoints",
)
"""Keys that may say that a picture is cut into several."""


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A checkpoint that holds together.

    Attributes:
        folder: where it lies.
        config: `config.json`, with the defaults filled in that this package looks at.
        weights: each tensor by its plain name, as in `brainplug.checkpoint.tensors`.
        markers: id of each chat marker.
        notes: sentences for the user.
    """

    folder: Path
    config: Mapping[str, Any]
    weights: Mapping[str, Weight]
    markers: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def context_length(self) -> int:
        """Most tokens a dialogue may have."""
        return int(self.config["text_config"]["max_position_embeddings"])

    def count_parameters(self, tower: TowerPlan) -> int:
        """Count the numbers that are learnt or frozen, with what takes scans in the tower.

        Args:
            tower: as it is going to be.
        """
        names = expected_weights(self.config)
        others = {name: shape for name, shape in names.items() if not name.startswith(TOWER)}
        return count_weights(others) + count_weights(tower.weights())


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint folder, and check that what its files say of each other holds.

    Raises:
        DataError: with a line for each problem, its file and key.
    """
    if not folder.is_dir():
        raise DataError("none", where=folder, expected="the folder of a Llava checkpoint")
    # It looks like any Llava, but its patch weights have another shape than its config says.
    if (folder / PATCH_FILE).is_file():
        raise DataError(
            "brainplug wrote this model, whose patches are 3-D already",
            where=folder / PATCH_FILE,
            hint="name the 2-D checkpoint that it was made from",
        )
    given = read_object(folder / CONFIG)
    # Refused alone: for another architecture all that follows would be wrong as well.
    refuse(check_architecture(folder / CONFIG, given))
    config = fill_in(given)
    # Also alone, since what follows computes with these.
    refuse(check_numbers(folder / CONFIG, config))
    problems = [*check_features(folder / CONFIG, config), *check_processor(folder, config)]
    markers, notes, weights = dict[str, int](), list[str](), dict[str, Weight]()
    try:
        known = read_vocabulary(folder)
        problems += check_vocabulary(folder, config, known)
        # The -1 of a missing marker goes nowhere, since that is among the problems refused below.
        markers = {marker: known.get(marker, -1) for marker in (START, END, IMAGE)}
    except DataError as error:
        problems.append(str(error))
    try:
        notes = list(check_template(folder))
    except DataError as error:
        problems.append(str(error))
    try:
        weights = read_weights(folder)
        lines = compare_weights(expected_weights(config), weights, tied=is_tied(config))
        problems += [f"{folder}: {line}" for line in lines]
    except DataError as error:
        problems.append(str(error))
    refuse(problems)
    return Checkpoint(
        folder=folder, config=config, weights=weights, markers=markers, notes=tuple(notes)
    )


def refuse(problems: Iterator[str] | list[str]) -> None:
    """Raise what was found, if anything was.

    Raises:
        DataError: with a line for each problem.
    """
    lines = list(problems)
    if lines:
        raise DataError("\n".join(lines), found=tuple(lines))


def fill_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the keys that `config.json` leaves out."""
    config = {**LLAVA, **given}
    # transformers writes the one name or the other, by release.
    config["image_token_index"] = given.get("image_token_id", config["image_token_index"])
    for section, defaults, _ in SECTIONS:
        config[section] = {**defaults, **given[section]}
    text = config["text_config"]
    if text["num_key_value_heads"] is None:
        text["num_key_value_heads"] = text["num_attention_heads"]
    return config


def check_architecture(path: Path, given: Mapping[str, Any]) -> Iterator[str]:
    """Look whether a config is of a Llava with SigLIP tower and Qwen2, in plain weights."""
    if given.get("model_type") != "llava":
        yield f"{path}: model_type: expected 'llava', got {given.get('model_type')!r}"
    for section, _, wanted in SECTIONS:
        held = given.get(section)
        kind = held.get("model_type") if isinstance(held, dict) else None
        if kind != wanted:
            yield f"{path}: {section}.model_type: expected {wanted!r}, got {kind!r}"
    for key in filter(given.get, ("quantization_config", "quantization")):
        yield f"{path}: {key}: expected weights that are not quantized"
    for key in PIECES:
        if str(given.get(key) or "").startswith(("anyres", "spatial", "[")):
            yield f"{path}: {key}: {given[key]!r} cuts a picture into several; a scan is one"


def check_numbers(path: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Look whether sizes are positive integers, and widths shared evenly by the heads."""
    for section, defaults, _ in SECTIONS:
        held, found = config[section], False
        sizes = [key for key, default in defaults.items() if type(default) is int]
        for key in [*sizes, *(["head_dim"] if held.get("head_dim") is not None else [])]:
            most = MOST_LAYERS if key == "num_hidden_layers" else MOST
            if type(held[key]) is not int or not 1 <= held[key] <= most:
                found = True
                told = f"{held[key]!r:.80}"
                over = type(held[key]) is int and held[key] > most
                wanted = f"at most {most:,}" if over else "a positive integer"
                yield f"{path}: {section}.{key}: expected {wanted}, got {told}"
        if not found and held["hidden_size"] % held["num_attention_heads"]:
            yield (
                f"{path}: {section}.hidden_size: expected a multiple of num_attention_heads "
                f"{held['num_attention_heads']}, got {held['hidden_size']}"
            )
    layers = config["vision_feature_layer"]
    chosen = layers if isinstance(layers, list) else [layers]
    if not chosen or not all(type(layer) is int for layer in chosen):
        yield f"{path}: vision_feature_layer: expected an integer or some, got {layers!r}"
    if type(config["image_token_index"]) is not int:
        yield f"{path}: image_token_index: expected an integer, got {config['image_token_index']!r}"


def check_features(path: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Look whether the features that the language model is shown are there."""
    vision, layers = config["vision_config"], config["vision_feature_layer"]
    depth = vision["num_hidden_layers"]
    for layer in layers if isinstance(layers, list) else [layers]:
        # transformers gives one more than there are layers: what goes into the first comes before.
        if not -depth - 1 <= layer <= depth:
            yield (
                f"{path}: vision_feature_layer: expected {-depth - 1} to {depth}, for the tower's "
                f"{depth} layers: {layer}"
            )
    strategy = config["vision_feature_select_strategy"]
    if strategy != "full":
        yield (
            f"{path}: vision_feature_select_strategy: expected 'full', since 'default' drops a "
            f"class token, which SigLIP has not: {strategy!r}"
        )
    stated, positions = config.get("image_seq_length"), count_positions(vision)
    if stated not in (None, positions):
        yield (
            f"{path}: image_seq_length: expected {positions}, the patches of a picture of "
            f"{vision['image_size']} pixels in patches of {vision['patch_size']}: {stated!r}"
        )


def read_vocabulary(folder: Path) -> dict[str, int]:
    """Return the id of every token.

    Raises:
        DataError: there is no `tokenizer.json`, or it is none.
    """
    held = read_object(folder / TOKENIZER)
    extra = folder / TOKENIZER_CONFIG
    decoder = (read_object(extra) if extra.is_file() else {}).get("added_tokens_decoder") or {}
    try:
        known = {str(token): int(place) for token, place in held["model"]["vocab"].items()}
        known |= {each["content"]: int(each["id"]) for each in held.get("added_tokens") or []}
        # transformers adds what only tokenizer_config.json lists to the tokenizer as well.
        known |= {each["content"]: int(place) for place, each in decoder.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            where=folder / TOKENIZER,
            expected="a tokenizer with the keys 'model' and 'added_tokens'",
        ) from None
    return known


def check_vocabulary(
    folder: Path, config: Mapping[str, Any], known: Mapping[str, int]
) -> Iterator[str]:
    """Look whether the markers are single tokens, and every token has a row in the model."""
    path, rows = folder / TOKENIZER, config["text_config"]["vocab_size"]
    for marker in (START, END, IMAGE):
        if marker not in known:
            yield f"{path}: added_tokens: {marker!r} is missing"
    highest = max(known, key=lambda token: known[token], default=None)
    # More rows than tokens are common, padded to suit the hardware; fewer would fail in the middle
    # of a run, at the first text that has such a token.
    if highest is not None and known[highest] >= rows:
        yield (
            f"{path}: the token {highest!r} has the id {known[highest]}, but the model has "
            f"{rows} rows (config.json: text_config.vocab_size)"
        )
    image, stated = known.get(IMAGE), config["image_token_index"]
    if not 0 <= stated < rows:
        yield (
            f"{folder / CONFIG}: image_token_index: expected an id below {rows} "
            f"(text_config.vocab_size): {stated}"
        )
    elif image is not None and stated != image:
        named = {place: token for token, place in known.items()}.get(stated, "no token")
        yield (
            f"{folder / CONFIG}: image_token_index: expected {image}, the id of {IMAGE!r} in "
            f"{TOKENIZER}: {stated}, which is {named!r}"
        )


def check_template(folder: Path) -> Iterator[str]:
    """Compare the chat template with the form of training; give notes for the user.

    Raises:
        DataError: it writes another form.
    """
    found = find_template(folder)
    if found is None:
        yield f"{folder}: no chat template; dialogues are written in Qwen's form"
        return
    name, template = found
    try:
        otherwise = compare_template(template)
    except ValueError as error:
        raise DataError(f"another form: {error}", where=(folder / name, "chat_template")) from None
    if otherwise:
        yield f"{folder / name}: chat_template: differs in white space: {otherwise}"
