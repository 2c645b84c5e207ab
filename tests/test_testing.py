"""The kit for authors: our own parts and the strangers pass it, each fault is found by it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import attrs
import pandas as pd
import pytest

from brainplug.registry import load_registry
from brainplug.testing import (
    Example,
    check_part,
    check_plugin,
    make_case,
    make_people,
    make_pools,
    make_study,
    tiny_model,
)
from hub_format import write_hub_folder

HERE = Path(__file__).parent / "third_party"
REGISTRY = load_registry()
PARTS = [
    pytest.param(role, name, id=f"{role}-{name}")
    for role in ("heads", "splits", "pairings", "prompts", "metrics", "models", "cohorts")
    for name in REGISTRY.parts(role)
]


@pytest.mark.parametrize(("role", "name"), PARTS)
def test_every_part_of_ours_keeps_every_law(role, name, tmp_path):
    """What we ask of strangers our own parts keep."""
    check_part(REGISTRY.parts(role)[name], role, example_of(name, tmp_path))


def example_of(name, folder) -> Example:
    """What a part of ours is tried with."""
    return Example()
