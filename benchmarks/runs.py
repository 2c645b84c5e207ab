"""Runs of recipes that a benchmark changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w

from brainplug.cli.main import main as brainplug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_recipe(wanted: Mapping[str, Any], folder: Path) -> Path:
    """Write a recipe into a folder as `wanted.toml`, run it there, and return its run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / "wanted.toml"
    # What is measured is the test's, of the training alone.
    evidence = {"arms": [], **wanted.get("evidence", {}), "test": True}
    own.write_text(tomli_w.dumps({**wanted, "evidence": evidence}), encoding="utf-8")
    code = brainplug(["run", str(own), "--output", str(folder / "run")])
    if code:
        raise SystemExit(code)
    return folder / "run"
