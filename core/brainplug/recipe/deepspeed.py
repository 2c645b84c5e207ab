"""What is wrong with a DeepSpeed file of the user's own, known without DeepSpeed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from brainplug.recipe.strict import Problem
    from brainplug.recipe.training_tables import Training


def read_settings(path: Path) -> dict[str, Any]:
    """Read a DeepSpeed JSON file.

    Raises:
        ValueError: it is no JSON, or no object.
        OSError: it cannot be read.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested without end") from error
    if not isinstance(settings, dict):
        raise ValueError(f"expected a JSON object, got a {type(settings).__name__}")  # noqa: TRY004
    return settings


def check_deepspeed(options: Training) -> Iterator[Problem]:
    """Find what is wrong with `training.deepspeed` where it names a file."""
    if options.deepspeed is not None and not isinstance(options.deepspeed, str):
        for problem in check_file(options.deepspeed, options):
            yield ("training", "deepspeed"), problem


def check_file(path: Path, options: Training) -> Iterator[str]:
    """Find what is wrong with a DeepSpeed file of the user's own."""
    if not path.is_file():
        yield (
            "expected 'zero1', 'zero2', 'zero3', 'zero3-offload' or the path of a DeepSpeed JSON "
            f"file, got {str(path)!r}, which is no file"
        )
        return
    try:
        settings = read_settings(path)
    except (OSError, ValueError) as error:
        yield f"{path}: expected a JSON file of DeepSpeed's settings: {error}"
        return
    for keys, expected, name in list_shared(options):
        given = look_up(settings, keys)
        if given not in (None, "auto") and any(given != value for value in expected):
            wanted = " and ".join(map(repr, dict.fromkeys(expected)))
            yield (
                f"{path}: {'.'.join(keys)} is {given!r}, {name} is {wanted}; "
                'write "auto" in the file, and the recipe decides'
            )
    if look_up(settings, ("optimizer",)) and any(phase.rates for phase in options.phases()):
        yield (
            f"{path}: an optimizer of its own knows nothing of training.rates; leave it out of the "
            "file, or rates out of the recipe"
        )
    if look_up(settings, ("train_batch_size",)) not in (None, "auto"):
        yield f'{path}: train_batch_size depends on the number of devices; write "auto" in the file'
    found = number_format(settings)
    if found not in (None, options.precision):
        yield f"{path}: asks for {found}, training.precision is {options.precision!r}"


def list_shared(options: Training) -> list[tuple[tuple[str, ...], tuple[float, ...], str]]:
    """List what a DeepSpeed file and the recipe both say: its keys, our values, our key."""
    # One file serves all phases, so a rate in it must be that of each.
    phases = options.phases()

    def of_each(key: str) -> tuple[float, ...]:
        return tuple(getattr(phase, key) for phase in phases)

    return [
        (("train_micro_batch_size_per_gpu",), of_each("batch_size"), "training.batch_size"),
        (("gradient_accumulation_steps",), of_each("accumulation"), "training.accumulation"),
        (("gradient_clipping",), (options.max_grad_norm,), "training.max_grad_norm"),
        (("optimizer", "params", "lr"), of_each("learning_rate"), "training.learning_rate"),
        (("optimizer", "params", "weight_decay"), of_each("weight_decay"), "training.weight_decay"),
    ]


def number_format(settings: Mapping[str, Any]) -> str | None:
    """Return the number format that a DeepSpeed file decides on, None where it does not.

    >>> number_format({"bf16": {"enabled": True}}), number_format({"bf16": {"enabled": "auto"}})
    ('bfloat16', None)
    """
    autocast = look_up(settings, ("torch_autocast", "dtype")) or "bfloat16"
    formats = (("bf16", "bfloat16"), ("fp16", "float16"), ("torch_autocast", str(autocast)))
    enabled = [(look_up(settings, (key, "enabled")), name) for key, name in formats]
    chosen = [name for value, name in enabled if value is True]
    if chosen:
        return chosen[0]
    # With one switched off and none on the file has decided; "auto" and silence leave it to the
    # recipe.
    return "float32" if False in dict(enabled) else None


def look_up(settings: Any, keys: tuple[str, ...]) -> Any:
    """Return a value of nested tables, None where there is none."""
    for key in keys:
        settings = settings.get(key) if isinstance(settings, dict) else None
    return settings
