"""A family larger than any household is most often a code for none."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.audit.crowds import find_crowds, naming_crowds
from brainplug.cohort.build import as_text
from brainplug.errors import DataError
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.gard import Gard, GardOptions
from brainplug_plugins.cohorts.table import Table, TableOptions


def cohort(families, study="LAB", prefix=""):
    return pd.DataFrame(
        {
            "study": study,
            "subject": [f"{prefix}p{number}" for number in range(len(families))],
            "family": [None if each is None else prefix + each for each in families],
        }
    )


@pytest.mark.parametrize("prefix", ["", "LAB:"])
@pytest.mark.parametrize("code", ["None", "0", "unknown", "-9"])
def test_a_crowd_is_named_with_its_code_and_the_remedy(code, prefix):
    """Forty strangers under one code are a finding, also beside other studies."""
    (found,) = find_crowds(cohort([code] * 40 + ["f1", "f1", None], prefix=prefix))

    assert ("note", 40) == (found.kind, len(found.members))
    assert f"missing = ['{code}'] in [cohort]" in found.what


@pytest.mark.parametrize("code", ["-1", "-999.0", "UNK", "-", "not known"])
def test_of_a_word_for_none_two_people_are_enough(code):
    """No family is called so; a small code that a family may have is believed."""
    (found,) = find_crowds(cohort([code] * 2 + ["9", "9", "0", "0", "f1", "f1"]))

    assert found.what.startswith(f"2 people have one family code, '{code}',")


@pytest.mark.parametrize("prefix", ["", "LAB:"])
def test_a_site_of_such_a_name_is_told(prefix):
    """People of many sites would be held out as if they were of one."""
    people = cohort([None] * 4, prefix=prefix)
    sites = [f"{prefix}{site}" for site in ("unknown", "unknown", "Oslo", "Oslo")]

    (found,) = find_crowds(people.assign(site=sites))

    assert found.what.startswith("2 people are of one site, 'unknown'")
    assert "missing = ['unknown'] in [cohort]" in found.what


def test_families_of_usual_size_are_none():
    """Twelve relatives are believed, and many people without a family are no family."""
    assert [] == list(find_crowds(cohort(["f1"] * 12 + [None] * 40)))


@pytest.mark.parametrize("kind", ["table", "bids", "gard"])
def test_a_code_that_is_declared_missing_is_nobodys_family(tmp_path, kind):
    """The remedy works: whom the code stood for has no family any more."""
    rows = "".join(f"{n}\tM\t{'f1' if n < 3 else 'None'}\n" for n in range(1, 7))
    (tmp_path / "participants.tsv").write_text(f"participant_id\tsex\thousehold\n{rows}")
    common = {"family": "household", "missing": ("None",)}
    for n in range(1, 7):
        name = f"sub-{n}_T1w.nii.gz" if kind == "bids" else f"{n}.nii.gz"
        (tmp_path / name).touch()
    named = {"table": tmp_path / "participants.tsv", "images": tmp_path, **common}
    loader = {
        "table": lambda: Table(TableOptions(subject="participant_id", **named)),
        "bids": lambda: Bids(BidsOptions(root=tmp_path, **common)),
        "gard": lambda: Gard(GardOptions(subject="participant_id", **named)),
    }[kind]()

    families = as_text(loader.load().scans)["family"]

    assert ["f1", "f1"] == families.dropna().tolist()
    assert 6 == len(families)


def test_pools_that_stay_empty_name_the_crowd():
    """Forty strangers of one code are put in one pool, and more subjects would not help."""
    with pytest.raises(DataError) as caught, naming_crowds(cohort(["none"] * 40)):
        raise DataError("no subject is in val")

    (told,) = caught.value.__notes__
    assert "set missing = ['none'] in [cohort]" in told


def test_pools_that_stay_empty_name_a_family_that_may_be_why():
    """Nine of twelve people in one family are too many for three pools."""
    families = ["F7"] * 9 + ["f1", "f1", "f2"]
    with pytest.raises(DataError) as caught, naming_crowds(cohort(families)):
        raise DataError("no subject is in val")

    (told,) = caught.value.__notes__
    assert told.startswith("9 people have one family code, 'F7'")
