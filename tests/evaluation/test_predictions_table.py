"""`predictions.csv`: who is in it, in which order, and that a spreadsheet runs nothing of it."""

import csv
import io

import attrs
import pandas as pd
import pytest

from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.predictions_table import list_predictions, write_predictions
from brainplug.tasks.answers import AnswerRow

SEX = ("female", "male")


def row(subject, truth, said, *, chance=None, split="test", expected=None):
    """One answer."""
    return AnswerRow(
        task_id=subject,
        split=split,
        subject=subject,
        references=("r",),
        reference_values=(truth,),
        truth=truth,
        answer_text=str(said),
        prediction=said,
        probabilities=None if chance is None else dict(zip(SEX, (1 - chance, chance), strict=True)),
        expected=expected,
    )


def facts(kind="categorical", people=None):
    return TargetFacts(
        name="sex",
        kind=kind,
        labels=SEX if kind == "categorical" else (),
        train_values=("male",) if kind == "categorical" else (50.0,),
        people=people,
    )


def test_failures_come_first():
    """The unread, then the wrong, the surest of them first, then the right; the test before all."""
    rows = [
        row("right", "male", "male", chance=0.9),
        row("sure", "male", "female", chance=0.1),
        row("unread", "male", None, chance=0.5),
        row("unsure", "female", "male", chance=0.6),
        row("validated", "male", None, chance=0.5, split="val"),
    ]

    table = list_predictions(rows, rows, facts())

    assert ["unread", "sure", "unsure", "right", "validated"] == table["subject"].tolist()
    assert ["unread", "wrong", "wrong", "", "unread"] == table["failure"].tolist()
    assert ["test"] * 4 + ["val"] == table["split"].tolist()
    assert [0.5, 0.1, 0.6, 0.9, 0.5] == pytest.approx(table["probability of male"].tolist())


def test_references_that_disagree_are_told():
    """Two of three pairs differ; one answer was not read."""
    rows = [row("a", "male", said) for said in ("male", "male", "female", None)]

    (line,) = list_predictions(rows, rows, facts()).to_dict("records")

    assert ("male", 4, 1) == (line["prediction"], line["tasks"], line["unread"])
    assert 1 / 3 == pytest.approx(line["agreement"])
    assert line["probability of male"] is None


def test_numbers_have_both_read_outs_and_the_largest_error_first():
    """What is said, what is expected, and which of them is the prediction."""
    spoken = [
        row("near", 40.0, 41.0, expected=40.5),
        row("far", 60.0, 50.0, expected=52.0),
        row("silent", 50.0, None, expected=50.0),
    ]
    read = [attrs.evolve(each, prediction=each.expected) for each in spoken]

    table = list_predictions(read, spoken, facts("numerical")).set_index("subject")

    assert ["far", "near", "silent"] == table.index.tolist()
    assert [-8.0, 0.5, 0.0] == table["error"].tolist()
    assert [52.0, 40.5, 50.0] == table["expected"].tolist()
    assert [50.0, 41.0] == table["said"].tolist()[:2]
    assert pd.isna(table["said"]["silent"])


def test_people_are_told_by_family_site_and_study():
    """As far as that is known of them."""
    people = pd.DataFrame(
        {"subject": ["a", "a", "b"], "family": ["F", "F", None], "site": None, "study": "S"}
    )
    rows = [row("a", "male", "male"), row("b", "male", "male")]

    table = list_predictions(rows, rows, facts(people=people))

    assert ["subject", "study", "family", "split"] == list(table.columns)[:4]
    assert ["F"] == table["family"].dropna().tolist()


def test_a_spreadsheet_runs_nothing(tmp_path):
    """Ids and labels that begin a formula are text; negative numbers are numbers; quotes double."""
    people = pd.DataFrame(
        {"subject": ["=1+1"], "site": ['@a,"b"'], "family": ["-f"], "study": "+S"}
    )
    rows = [row("=1+1", -3.5, -2.0)]

    write_predictions(
        tmp_path / "predictions.csv", list_predictions(rows, rows, facts("numerical", people))
    )

    text = (tmp_path / "predictions.csv").read_text()
    (line,) = csv.DictReader(io.StringIO(text))
    assert ("'=1+1", '\'@a,"b"', "'-f", "'+S") == tuple(
        line[name] for name in ("subject", "site", "family", "study")
    )
    assert (-3.5, -2.0, 1.5) == tuple(float(line[n]) for n in ("truth", "prediction", "error"))
    assert '"\'@a,""b"""' in text


def test_nobody_asked_is_an_empty_table(tmp_path):
    """With its heads."""
    write_predictions(tmp_path / "predictions.csv", list_predictions([], [], facts()))

    assert "subject,split,truth,prediction,failure\n" == (tmp_path / "predictions.csv").read_text()
