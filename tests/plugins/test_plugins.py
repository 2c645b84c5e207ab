"""Every registered part has its file, and loading them all is light; see `test_testing.py`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import attrs
import pytest

from brainplug.recipe.tables import STAGES, Audit, Evaluation, Images, Recipe, Report
from brainplug.recipe.training_tables import Training
from brainplug.registry import load_registry

REGISTRY = load_registry()
ROLES = ("cohorts", "heads", "metrics", "models", "pairings", "prompts", "splits")
PARTS = [(role, part) for role in ROLES for part in REGISTRY.parts(role).values()]


def test_no_shipped_plugin_fails():
    """Every entry point of ours loads."""
    assert () == REGISTRY.failures


def test_entry_points_parts_and_files_share_their_names():
    """Entry point name = part name = file name with hyphens."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["brainplug"]

    assert {part.name for _, part in PARTS} == set(points)
    for name, module in points.items():
        assert name.replace("-", "_") == module.rpartition(".")[2]


@pytest.mark.parametrize("table", [Recipe, Images, Training, Evaluation, Audit, Report])
def test_every_key_of_the_core_is_described(table):
    """No key of a recipe can exist undescribed."""
    assert all(field.metadata.get("about") for field in attrs.fields(table))


def test_loading_every_plugin_is_light():
    """torch, transformers, nibabel and their like stay outside."""
    heavy = ("torch", "transformers", "nibabel", "nilearn", "sklearn", "scipy", "matplotlib")
    code = (
        "import sys; from brainplug.registry import load_registry; load_registry(); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == ran.stdout.strip()


def test_the_command_line_knows_the_stages():
    """`--until` offers what the run has."""
    from brainplug.cli.main import make_parser

    for stage in STAGES:
        assert stage == make_parser().parse_args(["run", "demo", "--until", stage]).until
