"""What `check` and the run say of who is asked, and how more people would be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brainplug.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
seed = 4
[cohort]
use = "table"
table = "table.csv"
images = "T1"
subject = "id"
{family}
[target]
use = "categorical"
column = "sex"
labels = {{ 1 = "male", 2 = "female" }}
[split]
{split}
[pairing]
{pairing}
[prompt]
use = "comparison"
[images]
scans = "listed"
shape = [16, 16, 16]
spacing_mm = 12.0
[model]
use = "tiny"
"""
INDEPENDENT = 'use = "independent"\nreferences_per_query = 2'
ANCHORS = 'use = "anchors"\nanchors = 4'


def write_study(
    folder: Path, split: str, *, people: int = 160, minority: int = 3, pairing: str = INDEPENDENT
) -> Path:
    """Write a study of which one in `minority` is of the other class; gives its recipe."""
    (folder / "T1").mkdir(exist_ok=True)
    rows = ["id,family,sex"]
    for number in range(people):
        family = number // 2 if number % 6 < 2 else ""
        rows.append(f"p{number:03d},{family},{1 if number % minority else 2}")
        (folder / "T1" / f"p{number:03d}.nii.gz").write_bytes(b"scan")
    (folder / "table.csv").write_text("\n".join(rows))
    path = folder / "recipe.toml"
    family = "" if "subject" in split else 'family = "family"'
    path.write_text(RECIPE.format(split=split, pairing=pairing, family=family))
    return path


def check(recipe: Path, capsys) -> str:
    """Check a recipe; gives what is printed, with single spaces."""
    assert 0 == main(["check", str(recipe)])
    return " ".join(capsys.readouterr().out.split())


def prepare(recipe: Path, folder: Path) -> dict[str, list[int]]:
    """Prepare a recipe; gives for each split who is asked and how many it has."""
    assert 0 == main(["prepare", str(recipe), "--output", str(folder)])
    told = json.loads((folder / "split.json").read_text())["asked"]
    pairs = pd.read_parquet(folder / "pairs.parquet")
    asked = pairs.groupby("split")["query"].nunique().to_dict()
    assert asked == {split: count for split, (count, _) in told.items()}
    return told


def test_check_proposes_shared_pools_with_their_numbers(tmp_path, capsys):
    """Where few are tested it says how many would be, and the run with shared pools asks them."""
    halves = write_study(tmp_path, 'use = "family"')
    printed = check(halves, capsys)
    before = prepare(halves, tmp_path / "halves")
    shared = write_study(tmp_path, 'use = "family"\npools = "shared"')
    again = check(shared, capsys)

    after = prepare(shared, tmp_path / "shared")

    counts = {
        split: f"{after[split][0]} in place of {before[split][0]} of {split}" for split in after
    }
    assert f"only {before['test'][0]} people of the test are asked" in printed
    assert 'pools = "shared" in [split]' in printed
    assert all(count in printed for count in counts.values())
    assert all(asked == people for asked, people in after.values())
    assert "people of the test are asked" not in again
    assert f"all {after['test'][0]} of test" in again


def test_a_large_test_is_left_alone(tmp_path, capsys):
    """A hundred test queries are enough: nothing is proposed."""
    recipe = write_study(
        tmp_path, 'use = "family"\nfractions = { train = 0.2, val = 0.2, test = 0.6 }', people=480
    )

    printed = check(recipe, capsys)

    assert "pools by halves: asked are" in printed
    assert 'pools = "shared"' not in printed


@pytest.mark.parametrize("folds", ["", "\nfolds = 3\nfold = 2"])
@pytest.mark.parametrize("pools", ["halves", "shared"])
def test_anchors_ask_all_of_the_test(tmp_path, folds, pools):
    """With references from training nobody of val and test is left out, whatever the pools."""
    split = f'use = "family"\npools = "{pools}"{folds}'

    told = prepare(write_study(tmp_path, split, pairing=ANCHORS), tmp_path / "run")

    assert all(told[name][0] == told[name][1] for name in ("val", "test"))
    assert (told["train"][0] == told["train"][1]) == (pools == "shared")
    assert 160 == sum(people for _, people in told.values())


def test_the_new_meaning_of_stratified_is_told(tmp_path, capsys):
    """`check` and the run say what the name meant, and that this split depends on the target."""
    recipe = write_study(tmp_path, 'use = "stratified"\npools = "shared"', people=72, minority=4)

    printed = check(recipe, capsys)
    told = prepare(recipe, tmp_path / "run")
    ran = (tmp_path / "run" / "log.txt").read_text()

    for text in (printed, ran):
        assert 1 == text.count('that one is now use = "subject"')
        assert 1 == text.count("this split depends on the target")
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    counts = audit["split"]["balance"]["target"]
    assert {"female", "male"} == set(counts["test"]["counts"]) == set(counts["val"]["counts"])
    assert 72 == sum(asked for asked, _ in told.values())


@pytest.mark.parametrize("fold", range(1, 6))
def test_every_fold_of_a_small_study_can_be_prepared(tmp_path, fold):
    """72 people, 18 of them of one class, in 5 folds with halves: no class is lacking anywhere."""
    split = f'use = "stratified"\nfolds = 5\nfold = {fold}'

    told = prepare(write_study(tmp_path, split, people=72, minority=4), tmp_path / "run")

    assert told["test"][0] in range(13, 17)


def test_a_class_of_few_ends_without_a_traceback(tmp_path, capsys):
    """Too few of a class: the counts and what to do, exit code 1."""
    recipe = write_study(tmp_path, 'use = "stratified"', people=40, minority=20)

    assert 1 == main(["check", str(recipe)])

    told = " ".join(capsys.readouterr().err.split())
    assert "too few of 'female' (2)" in told
    assert 'pools = "shared"' in told
