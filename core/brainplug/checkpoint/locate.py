"""Where the weights of a model come from: a folder, or the hub's cache on this machine.

Without torch. Nothing is downloaded but by `fetch_weights`, which a run calls when it trains.
"""

from __future__ import annotations

import re
from pathlib import Path

from brainplug.checkpoint.tensors import find_weights
from brainplug.errors import DataError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
"""OWNER/NAME, as on the hub."""

WANTED = ["*.json", "*.safetensors", "*.jinja", "merges.txt"]
"""Files of a repository that are downloaded: never pickle files, never code."""

UNWANTED = ["*/*"]
"""Folders within a repository hold the model in other forms."""


def find_local(weights: Path | str, revision: str | None) -> Path | None:
    """Return the folder that holds the weights, None where not all of it is on this machine.

    Args:
        weights: a folder, or the id of a repository of the hub.
        revision: branch, tag or commit of the repository.
    """
    if isinstance(weights, Path):
        return weights
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            weights,
            revision=revision,
            local_files_only=True,
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
        )
    except LocalEntryNotFoundError:
        return None
    # The hub's library returns a snapshot even where only some of its files have come.
    return Path(folder) if is_whole(Path(folder)) else None


def is_whole(folder: Path) -> bool:
    """Whether a snapshot in the cache has all that a model needs, and not only some files of it."""
    try:
        find_weights(folder)
    except DataError:
        return False
    return all((folder / name).is_file() for name in ("config.json", "tokenizer.json"))


def fetch_weights(weights: Path | str, revision: str | None) -> Path:
    """Return the folder that holds the weights; download what is not on this machine.

    `HF_HUB_OFFLINE=1` in the environment keeps it from downloading anything.

    Raises:
        DataError: the hub cannot be asked or has no such repository; says how to get it by hand.
    """
    if isinstance(weights, Path):
        return weights
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                weights, revision=revision, allow_patterns=WANTED, ignore_patterns=UNWANTED
            )
        )
    except Exception as error:  # whatever the network does, the remedy is the same
        reason = " ".join(str(error).split())
        raise DataError(
            f"{weights!r} is not on this machine and could not be downloaded "
            f"({type(error).__name__}: {reason:.200})",
            where="model.weights",
            found=weights,
            hint=by_hand(weights, revision),
        ) from error
    if not is_whole(folder):
        raise DataError(
            f"{weights!r} is only in part on this machine, in {folder}, or is no model in "
            "safetensors",
            where="model.weights",
            found=folder,
            hint=by_hand(weights, revision),
        )
    return folder


def by_hand(weights: str, revision: str | None) -> str:
    """Say how to download a repository, here or on another machine."""
    chosen = f" --revision {revision}" if revision else ""
    files = "".join(f" --include '{pattern}'" for pattern in WANTED)
    return (
        f"on a machine with access to the hub run `hf download {weights}{chosen}{files} "
        '--local-dir FOLDER`, and set weights = "FOLDER" in [model]'
    )
