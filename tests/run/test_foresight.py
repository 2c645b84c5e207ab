"""What `check` says of the people who will be asked."""

from types import SimpleNamespace

import pandas as pd

from brainplug.run.foresight import foresee

LABELS = SimpleNamespace(labels=("female", "male"))
NUMBERS = SimpleNamespace(labels=(), unit="years")


def people(*counts, families=None):
    """Scans of so many people, by pool and value."""
    rows = [
        {"pool": pool, "target": value, "subject": f"{pool}-{value}-{number}"}
        for pool, value, count in counts
        for number in range(count)
    ]
    frame = pd.DataFrame(rows)
    frame["family"] = pd.NA if families is None else families(frame)
    return frame


def told(frame, answers):
    """The sentences."""
    return list(foresee(frame, answers, confidence=0.95))


def test_people_of_each_class_are_counted_in_both_splits():
    """Queries are counted, references are not, and a second scan of a person neither."""
    frame = people(
        ("val_query", "female", 1), ("val_query", "male", 2), ("test_query", "female", 50),
        ("test_query", "male", 45), ("test_reference", "male", 20),
    )  # fmt: skip
    val, test = told(pd.concat([frame, frame[frame["pool"] == "test_query"]]), LABELS)
    assert val.startswith("asked in validation: 1 female, 2 male; too few to tell")
    assert test.startswith("asked in test: 50 female, 45 male; the smallest balanced accuracy")
    assert "from chance (0.50) is 0.64 (at 95%, in 80% of such studies)" in test


def test_families_count_for_less():
    """Where all have a sibling there, a larger score is needed."""
    frame = people(("test", "female", 50), ("test", "male", 50))
    related = people(
        ("test", "female", 50),
        ("test", "male", 50),
        families=lambda each: [f"f{number // 2}" for number in range(len(each))],
    )
    needed = [
        float(told(each, LABELS)[0].split(" is ")[1].split(" ")[0]) for each in (frame, related)
    ]
    assert needed[0] < needed[1]


def test_a_class_that_lacks_is_told():
    """Before anybody trains it is said that a score will not be defined."""
    (test,) = told(people(("test", "female", 9)), LABELS)
    assert "nobody is male, so balanced accuracy and AUROC are not defined" in test


def test_gain_of_numbers_is_in_standard_deviations_of_training():
    """The spread is that of the training people, in the target's unit."""
    frame = people(*[("train", float(age), 1) for age in (40, 50, 60)], ("test", 50.0, 80))
    (test,) = told(frame, NUMBERS)
    assert test.startswith("asked in test: 80 people; the smallest gain in mean absolute error")
    assert "standard deviations (of 10 years; at 95%" in test
