"""Small made-up data: people, pools, cases, scans, a study on disk, and a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from brainplug.api import dialogue_laws
from brainplug.api.records import SCAN_COLUMNS
from brainplug.errors import DataError
from brainplug.registry import load_registry

if TYPE_CHECKING:
    from pathlib import Path

    from brainplug.api.records import Case
    from brainplug.model.bundle import ModelBundle


def make_people(num: int = 240, study: str = "LAB") -> pd.DataFrame:
    """Make up a cohort as the design stages have it: `SCAN_COLUMNS`, study, scan, target, age, sex.

    Families have two members, and there are six sites.
    """
    rng = np.random.default_rng(0)
    ids = [f"p{index:04d}" for index in range(num)]
    texts = {
        "subject": ids,
        "session": [pd.NA] * num,
        "image": [f"/scans/{name}.nii.gz" for name in ids],
        "family": [f"f{index // 2:04d}" for index in range(num)],
        "site": [f"site {index % 6}" for index in range(num)],
        "study": [study] * num,
        "scan": ids,
        "target": rng.choice(["a", "b"], num).tolist(),
        "age": [f"{age:.1f}" for age in rng.uniform(20, 80, num)],
        "sex": rng.choice(["female", "male"], num).tolist(),
    }
    assert set(SCAN_COLUMNS) <= set(texts)
    return pd.DataFrame(texts, dtype="str")


def make_pools(
    queries: int = 40, references: int = 40, *, numerical: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make up the queries and the references that a pairing is given.

    Returns:
        Two tables by scan, each with `SCAN_COLUMNS`, `value` and `stratum`.
    """
    people = make_people(queries + references).set_index("scan")
    values = people["age"].astype(float) if numerical else people["target"]
    strata = (values // 20).map("bin {:.0f}".format) if numerical else values
    shown = people.assign(value=values, stratum=strata.astype("str")).drop(columns="target")
    return shown.iloc[:queries], shown.iloc[queries:]


def make_case(references: int = 1, target: str = "sex") -> Case:
    """Make up what a prompt template is given for one task."""
    ((case, _),) = dialogue_laws.make_cases((references,), target)
    return case


def write_scan(path: Path, seed: int = 0, shape: tuple[int, ...] = (12, 14, 10)) -> Path:
    """Write a scan of a bright blob in a dark field, 12 mm voxels."""
    import nibabel

    rng = np.random.default_rng(seed)
    voxels = rng.uniform(0, 5, shape).astype("float32")
    voxels[3:9, 4:11, 2:8] += 100 + rng.uniform(0, 50)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([12.0, 12.0, 12.0, 1.0])), path)
    return path


def make_study(folder: Path, subjects: int = 24, layout: Literal["bids", "table"] = "bids") -> Path:
    """Write a small study: a table with age, sex, family and site, and a scan for each row.

    Args:
        folder: where it goes.
        subjects: rows of the table.
        layout: `bids` writes participants.tsv and `sub-…/anat/sub-…_T1w.nii.gz`; `table` writes
            people.csv and `scans/<id>.nii.gz`.

    Returns:
        The folder.
    """
    people = make_people(subjects)[["subject", "age", "sex", "family", "site"]]
    for index, name in enumerate(people["subject"]):
        scan = (
            f"sub-{name}/anat/sub-{name}_T1w.nii.gz" if layout == "bids" else f"scans/{name}.nii.gz"
        )
        write_scan(folder / scan, seed=index)
    if layout == "bids":
        people["subject"] = "sub-" + people["subject"]
        people = people.rename(columns={"subject": "participant_id"})
        people.to_csv(folder / "participants.tsv", sep="\t", index=False)
    else:
        people.rename(columns={"subject": "id"}).to_csv(folder / "people.csv", index=False)
    return folder


def tiny_model(shape: tuple[int, int, int] = (8, 8, 8), seed: int = 0) -> ModelBundle:
    """Build a real LLaVA in miniature, which the part `tiny` offers, with its tokenizer.

    Raises:
        DataError: an axis is not a multiple of four voxels.
    """
    if any(size % 4 for size in shape):
        raise DataError(expected="multiples of 4 along every axis", found=shape)
    options = {"patch": (4, 4, 4), "hidden_size": 16, "heads": 2}
    bundle: ModelBundle = load_registry().build("models", "tiny", **options).build(shape, seed=seed)
    return bundle
