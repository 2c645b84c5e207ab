"""What the README shows is what there is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "file", ["lab_loader/brainplug_lab_loader.py", "radiologist/brainplug_radiologist.py"]
)
def test_the_plugins_shown_are_those_the_tests_run(file):
    """The README prints the two example plugins whole."""
    assert (ROOT / "tests" / "third_party" / file).read_text(encoding="utf-8") in README


def test_the_recipe_shown_is_a_recipe(tmp_path):
    """The recipe explained line by line structures as it stands."""
    text = next(
        block.partition("```")[0] for block in README.split("```toml\n")[1:] if "[cohort]" in block
    )
    (tmp_path / "recipe.toml").write_text(text)

    assert (
        tomllib.loads(text)["seed"]
        == read_recipe(tmp_path / "recipe.toml", load_registry()).recipe.seed
    )


def test_the_commands_shown_are_targets():
    """`make demo` and `make test` exist, and CI calls the latter."""
    makefile = (ROOT / "Makefile").read_text()

    for command in ("demo", "test"):
        assert f"make {command}" in README
        assert f"\n{command}: " in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()
