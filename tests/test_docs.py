"""What the documentation shows is what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import tomli_w

from brainplug.cli.main import main, make_parser
from brainplug.cli.run import FORMATS
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "third_party" / "radiologist" / "brainplug_radiologist.py"
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCKS = [
    pytest.param(block.partition("```")[0], id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(page.read_text(encoding="utf-8").split("```toml\n")[1:])
]
MADE_FROM = ("cohort", "target", "split", "pairing", "prompt")
REGISTRY = load_registry()


@pytest.mark.parametrize("block", BLOCKS)
def test_every_piece_of_a_recipe_is_one(block, tmp_path):
    """Each TOML block, completed by the demo, structures: no key or plugin is made up."""
    shown = tomllib.loads(block)
    demo = tomllib.loads((ROOT / "recipes" / "demo.toml").read_text())
    kept = {
        key: table for key, table in demo.items() if "tasks" not in shown or key not in MADE_FROM
    }
    # A grid is shown with any patch that fits it, where the page is not about patches.
    kept["model"] = kept["model"] | {"patch": [8, 8, 8]}
    (tmp_path / "recipe.toml").write_text(tomli_w.dumps({**kept, **shown}))
    for name in shown.get("plugins", ()):
        shutil.copy(PLUGIN, tmp_path / name)

    recipe = read_recipe(tmp_path / "recipe.toml", REGISTRY).recipe

    known = {
        "seed",
        "cohort",
        "target",
        "tasks",
        "split",
        "pairing",
        "images",
        "augmentation",
        "audit",
    }
    known |= {"plugins", "prompt", "model", "training", "speed", "evaluation", "evidence"}
    assert shown.keys() <= known
    assert (recipe.tasks is not None) == ("tasks" in shown)


def test_some_blocks_were_found():
    """The pages have pieces of recipes at all."""
    assert len(BLOCKS) >= 6


def test_every_part_that_is_named_exists():
    """Names after `use =` in the pages are names of parts, or what a phase learns from."""
    known = {
        name
        for role in ("cohorts", "splits", "pairings", "prompts", "models", "metrics")
        for name in REGISTRY.parts(role)
    }
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r'use = "([a-z-]+)"', text)) - {"categorical", "numerical"}
    named -= {"dialogues", "warm-up"}

    assert named
    assert named <= known


def test_the_formats_of_prepare_are_those_of_the_exporter():
    """`--format` offers what there is, without importing it."""
    from brainplug.tasks import export

    assert tuple(sorted(export.FORMATS)) == FORMATS
    for name in FORMATS:
        assert [name] == make_parser().parse_args(["prepare", "demo", "--format", name]).format


def test_the_korean_recipe_can_be_run(tmp_path, capsys):
    """`check` words its dialogues, and would refuse answers that cannot be read back."""
    page = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "korean.toml").write_text(text, encoding="utf-8")

    assert 0 == main(["check", str(tmp_path / "korean.toml"), "--set", "cohort.subjects=80"])

    assert "남성" in capsys.readouterr().out


def test_the_recipes_of_a_job_array_are_the_folds_of_one(tmp_path):
    """The lines of the page, run by a shell: five recipes that differ in `fold` alone."""
    page = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
    script = next(block for block in page.split("```sh\n") if block.startswith("for fold in"))
    demo = (ROOT / "recipes" / "demo.toml").read_text(encoding="utf-8")
    fractions = re.search("^fractions = .*$", demo, re.MULTILINE)
    assert fractions is not None
    whole = demo.replace(fractions[0], "folds = 5  # each tested once")
    (tmp_path / "recipe.toml").write_text(whole, encoding="utf-8")

    subprocess.run(["bash", "-ec", script.partition("```")[0]], cwd=tmp_path, check=True)

    for fold in range(1, 6):
        path = tmp_path / f"fold-{fold}.toml"
        recipe = read_recipe(path, REGISTRY).recipe
        assert recipe.split is not None
        assert (5, fold) == (recipe.split.options.folds, recipe.split.options.fold)
