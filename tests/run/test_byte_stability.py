"""The order of a table's rows leaves no trace in what is prepared, and new rows move nobody."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brainplug.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = "id,family,site,sex,age,BMI_sds,hand"

RECIPE = """
seed = 4
[cohort]
use = "table"
table = "table.csv"
images = "T1"
subject = "id"
{family}
site = "site"
missing = ["999"]
[target]
{target}
[split]
{split}
[pairing]
{pairing}
[prompt]
use = "comparison"
[images]
scans = "listed"
[audit]
allow_shortcut = true
[model]
use = "tiny"
"""

SEX = 'use = "categorical"\ncolumn = "sex"\nlabels = { 1 = "male", 2 = "female" }'
BMI = 'use = "numerical"\ncolumn = "BMI_sds"\nbins = 3'
FAMILY = 'use = "family"'
DESIGNS = {
    "sex, subject, independent": (
        SEX,
        'use = "subject"',
        'use = "independent"\nreferences_per_query = 3',
    ),
    "sex, family, block": (SEX, FAMILY, 'use = "independent"\nblock = 3'),
    "sex, family, within and bands": (
        SEX,
        FAMILY,
        'use = "independent"\nreferences_per_query = 1\nwithin = ["hand"]\nbands = { age = 10.0 }',
    ),
    "sex, site, matched": (
        SEX,
        'use = "site"\ntest = ["s1"]',
        'use = "matched"\nsame = 1.0\nreferences_per_query = 2',
    ),
    "sex, family, anchors": (SEX, FAMILY, 'use = "anchors"\nanchors = 4\nreferences_per_task = 2'),
    "number, family, independent": (BMI, FAMILY, 'use = "independent"\nreferences_per_task = 3'),
    "number, subject, block": (BMI, 'use = "subject"', 'use = "independent"\nblock = 2'),
    "number, drawn sites, matched": (
        BMI,
        'use = "site"\nfractions = { train = 0.4, val = 0.3, test = 0.3 }',
        'use = "matched"\ndistance = 1.5',
    ),
    "number, family, anchors": (BMI, FAMILY, 'use = "anchors"\nanchors = 6'),
    "sex, stratified, shared": (
        SEX,
        'use = "stratified"\npools = "shared"',
        'use = "independent"\nreferences_per_query = 3',
    ),
    "number, stratified, shared block": (
        BMI,
        'use = "stratified"\nbins = 3\npools = "shared"',
        'use = "independent"\nblock = 3',
    ),
    "sex, family, shared anchors": (
        SEX,
        'use = "family"\npools = "shared"',
        'use = "anchors"\nanchors = 6',
    ),
    "number, stratified, matched": (
        BMI,
        'use = "stratified"',
        'use = "matched"\ndistance = 1.5',
    ),
}


def make_rows(people: range) -> list[str]:
    """Make people, some with a sibling, some without a target, at eight sites."""
    draw = random.Random(people.start)
    rows = []
    for number in people:
        sibling = number - number % 2 if number % 6 < 2 else ""
        sex = draw.choice(["1", "2"]) if number % 31 else "999"
        bmi = f"{draw.gauss(0, 1):.3f}" if number % 29 else ""
        age, hand = draw.randint(9, 12), draw.choice("lr")
        site = f"s{number // 2 % 8}"
        rows.append(f"p{number:03d},{sibling},{site},{sex},{age},{bmi},{hand}")
    return rows


def prepare(folder: Path, rows: list[str], design: str) -> Path:
    """Make the task files of a study by the command line; returns the run folder."""
    (folder / "T1").mkdir(exist_ok=True)
    for row in rows:
        if not row.startswith("p007"):  # one row without an image
            (folder / "T1" / f"{row[:4]}.nii.gz").touch()
    (folder / "table.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    target, split, pairing = DESIGNS[design]
    # A split by subject is refused where families are known, and rightly so.
    family = "" if "subject" in split else 'family = "family"'
    tables = {"target": target, "split": split, "pairing": pairing, "family": family}
    (folder / "recipe.toml").write_text(RECIPE.format(**tables))
    run = folder / f"run-{len(list(folder.glob('run-*')))}"
    assert 0 == main(["prepare", str(folder / "recipe.toml"), "--output", str(run)])
    return run


def read_bytes(run: Path) -> dict[str, bytes]:
    """Return the content of every file that must be the same to the byte."""
    files = [
        *(run / "tasks").iterdir(),
        *(run / name for name in ("split.csv", "audit.json", "split.json")),
    ]
    files += [run / name for name in ("cohort.json", "pairs.json", "exclusions.csv")]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Keep the tables of the terminal away, which take half of the time."""
    from brainplug.runtime.terminal import Terminal

    monkeypatch.setattr("brainplug.cli.run.make_console", lambda **_: Terminal(quiet=True))


@pytest.mark.parametrize("design", DESIGNS)
def test_a_shuffled_table_gives_the_same_files(tmp_path, design):
    """Tasks, split, audit and exclusions are equal to the byte, cohort and pairs row by row."""
    rows = make_rows(range(240))
    one = prepare(tmp_path, rows, design)

    other = prepare(tmp_path, random.Random(5).sample(rows, len(rows)), design)

    assert one != other
    assert len(read_bytes(one)) == 9
    assert read_bytes(one) == read_bytes(other)
    for name in ("cohort.parquet", "pairs.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(one / name), pd.read_parquet(other / name))


@pytest.mark.parametrize(
    "design", ["sex, subject, independent", "sex, family, block", "number, drawn sites, matched"]
)
def test_twenty_more_people_move_nobody(tmp_path, design):
    """Everyone of before keeps the pool, whoever comes and wherever their rows stand."""
    rows, more = make_rows(range(240)), make_rows(range(240, 260))
    before = pd.read_csv(prepare(tmp_path, rows, design) / "split.csv", index_col="subject")

    after = pd.read_csv(
        prepare(tmp_path, [*more, *rows], design) / "split.csv", index_col="subject"
    )

    assert len(before) + 15 < len(after)
    assert before["pool"].to_dict() == after["pool"].loc[before.index].to_dict()
