"""Studies that are tested only: nobody known, and references from where the recipe says."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.api.laws import fit_answers
from brainplug.design.external import (
    choose_people,
    find_lookalikes,
    pair_external,
    refuse_known_people,
    refuse_known_scans,
)
from brainplug.errors import DataError, LeakageError
from brainplug.registry import load_registry

REGISTRY = load_registry()


def people(prefix: str, count: int, *, study: str, pool: str = "") -> pd.DataFrame:
    """Make up people, half of them female; with a pool, they are the run's own."""
    ids = [f"{prefix}{number:02d}" for number in range(count)]
    frame = pd.DataFrame(
        {
            "scan": ids,
            "study": study,
            "subject": ids,
            "session": None,
            "image": [f"/{name}.nii" for name in ids],
            "family": None,
            "site": None,
            "target": ["female", "male"] * (count // 2),
        }
    ).astype("str")
    frame["family"] = pd.Series(pd.NA, index=frame.index, dtype="str")
    return frame.assign(pool=pool) if pool else frame


OWN = pd.concat(
    [
        people("q", 4, study="OWN", pool="train_query"),
        people("r", 8, study="OWN", pool="train_reference"),
        people("v", 4, study="OWN", pool="val_reference"),
        people("t", 4, study="OWN", pool="test_query"),
    ],
    ignore_index=True,
)


@pytest.mark.parametrize(("met", "told"), [("q00", True), ("v01", True), ("t00", False)])
def test_people_who_are_trained_on_are_refused(met, told):
    """Those of train and validation; whoever is tested anyway may be tested twice."""
    study = people("o", 4, study="OTHER")
    study.loc[0, "subject"] = met

    if told:
        with pytest.raises(LeakageError, match=rf"subject ids of OTHER .* example '{met}'"):
            refuse_known_people(study, OWN, "OTHER")
    else:
        refuse_known_people(study, OWN, "OTHER")


def test_families_that_are_trained_on_are_refused():
    """A sibling of somebody who taught the model."""
    own = OWN.assign(family=pd.Series("f9", index=OWN.index, dtype="str"))
    study = people("o", 2, study="OTHER")
    study.loc[1, "family"] = "f9"

    with pytest.raises(LeakageError, match="family ids of OTHER"):
        refuse_known_people(study, own, "OTHER")


@pytest.mark.parametrize(("copied", "told"), [(0, True), (12, True), (16, False)])
def test_scans_that_are_trained_on_are_refused(copied, told):
    """By their content, whatever they are called."""
    study = people("o", 2, study="OTHER")
    same = pd.Series(pd.NA, index=range(len(OWN) + 2), dtype="str")
    same[[copied, len(OWN) + 1]] = "one"

    if told:
        with pytest.raises(LeakageError, match=r"by content.*'o01'"):
            refuse_known_scans(study, OWN, same, "OTHER")
    else:
        refuse_known_scans(study, OWN, same, "OTHER")


@pytest.mark.parametrize(("like", "told"), [(0, True), (12, True), (16, False)])
def test_scans_that_look_like_trained_ones_are_told(like, told):
    """And are not refused: they may be of twins."""
    study = people("o", 2, study="OTHER")
    near = pd.Series(pd.NA, index=range(len(OWN) + 2), dtype="str")
    near[[like, len(OWN) + 1]] = "one"

    found = find_lookalikes(study, OWN, near, "OTHER")

    assert [("note", ("o01",))] * told == [(each.kind, each.members) for each in found]


def pair(study, *, shown=None, pairing="independent", **options):
    """Pair a study by a shipped pairing; return who is asked and who is shown."""
    head = REGISTRY.build("heads", "categorical", column="sex", labels={"1": "male", "2": "female"})
    answers = fit_answers(head, OWN["target"])
    asked, references = choose_people(study, OWN, shown=shown, salt="7/OTHER")
    pairs, frame = pair_external(
        REGISTRY.build("pairings", pairing, **options), asked, references, answers=answers, seed=7
    )
    named = set(pairs["query"]) | set(pairs["references"].explode().dropna())
    assert named <= set(frame["scan"])
    assert {"test"} == set(pairs["split"])
    return set(pairs["query"]), set(pairs["references"].explode().dropna())


@pytest.mark.parametrize(
    ("pairing", "options"),
    [("independent", {"references_per_query": 2}), ("anchors", {"anchors": 2})],
)
def test_references_are_the_training_ones(pairing, options):
    """Everybody of the study is asked, beside people whose values the run may show."""
    study = people("o", 6, study="OTHER")

    asked, shown = pair(study, pairing=pairing, **options)

    assert set(study["scan"]) == asked
    assert shown
    assert shown <= set(OWN.loc[OWN["pool"] == "train_reference", "scan"])


def test_a_share_of_its_own_people_may_be_the_references():
    """Who is shown is not asked; none of the run's own scans is."""
    study = people("o", 40, study="OTHER")

    asked, shown = pair(study, shown=0.4, references_per_query=2)

    assert asked | shown <= set(study["scan"])
    assert not asked & shown
    assert 16 <= len(asked) <= 32


def test_nobody_hangs_on_who_else_is_there():
    """Without half of the people the other half is parted as before; families stay together."""
    study = people("o", 40, study="OTHER")
    study["family"] = (study.index // 2).astype(str)
    whole, _ = choose_people(study, OWN, shown=0.5, salt="1")

    part, _ = choose_people(study.iloc[:20], OWN, shown=0.5, salt="1")

    assert set(part["scan"]) == set(whole["scan"]) & set(study["scan"].iloc[:20])
    assert (whole.groupby("family")["scan"].count() == 2).all()


def test_a_query_may_stand_alone():
    """A run without references asks external people without any."""
    asked, shown = pair(people("o", 6, study="OTHER"), pairing="alone")

    assert (6, set()) == (len(asked), shown)


def test_labels_that_the_run_has_not_are_refused():
    """They could be neither learnt nor said."""
    study = people("o", 6, study="OTHER")
    study.loc[0, "target"] = "other"

    with pytest.raises(DataError, match="'other'"):
        pair(study)


def test_nobody_to_be_shown_is_told():
    """A share so small that it is nobody."""
    with pytest.raises(DataError, match="people to be asked and people to be shown, found 6 and 0"):
        pair(people("o", 6, study="OTHER"), shown=0.001)
