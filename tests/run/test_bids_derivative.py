"""`brainplug export --bids`: predictions as those who have the study read them."""

from __future__ import annotations

import json

import attrs
import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.evaluation.records import Metrics
from brainplug.run.bids_derivative import describe_columns, export_bids, find_sources, lay_out
from brainplug.run.opened import open_run
from brainplug.runtime.records import read_record


def read_tsv(path):
    return pd.read_csv(path, sep="\t", dtype="str", keep_default_na=False)


@pytest.fixture(scope="module")
def derivative(sex_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bids") / "derivative"
    assert 0 == main(["export", str(sex_run), "--bids", str(folder)])
    return folder


@pytest.fixture
def metrics(sex_run):
    return read_record(sex_run / "metrics.json", Metrics)


def test_a_derivative_says_what_made_it(derivative):
    """Name, version of BIDS, kind of dataset, and by which version of what."""
    told = json.loads((derivative / "dataset_description.json").read_text())
    (made,) = told["GeneratedBy"]

    assert "derivative" == told["DatasetType"]
    assert {"Name", "BIDSVersion"} <= told.keys()
    assert "brainplug" == made["Name"]
    assert made["Version"]


def test_every_person_who_was_asked_has_one_row(derivative, sex_run):
    """Values, predictions and probabilities are those of `predictions.csv`; labels are valid."""
    table = read_tsv(derivative / "participants.tsv").set_index("participant_id")
    predictions = open_run(sex_run).predictions

    assert sorted(predictions["subject"]) == table.index.tolist()
    assert table.index.str.fullmatch(r"sub-[A-Za-z0-9]+").all()
    for row in predictions.to_dict("records"):
        told = table.loc[row["subject"]]
        assert row["truth"] == told["sex"]
        assert row["split"] == told["split"]
        assert row["probability of male"] == pytest.approx(float(told["sex_probability_male"]))


def test_every_column_is_described(derivative):
    """The sidecar has each column, the levels of labels, and no other."""
    names = read_tsv(derivative / "participants.tsv").columns
    sidecar = json.loads((derivative / "participants.json").read_text())

    assert set(names) == sidecar.keys()
    assert all(each["Description"] for each in sidecar.values())
    assert {"male", "female"} == sidecar["sex_predicted"]["Levels"].keys()


def test_a_number_has_its_unit(metrics):
    """As the recipe states it."""
    target = attrs.evolve(metrics.target, name="brain age", labels=(), unit="years")
    told = describe_columns(["brain_age", "tasks"], attrs.evolve(metrics, target=target))

    assert "years" == told["brain_age"]["Units"]


def test_a_derivative_is_written_into_nothing_that_is_there(derivative, sex_run, capsys):
    """Files of a folder stay as they are."""
    before = (derivative / "participants.tsv").read_bytes()

    assert 1 == main(["export", str(sex_run), "--bids", str(derivative)])
    assert "a new or empty folder" in capsys.readouterr().err
    assert before == (derivative / "participants.tsv").read_bytes()


def test_an_export_of_nothing_is_refused(sex_run, capsys):
    """The message names both forms."""
    assert 1 == main(["export", str(sex_run)])
    assert "--bids DIR" in capsys.readouterr().err


def people(**columns):
    """Make predictions of two people."""
    told = {"subject": ["a-1", "b_2"], "split": "test", "truth": "male", "prediction": None}
    chances = {"probability of male": 0.5, "probability of female": 0.5}
    return pd.DataFrame(told | {"tasks": 1, "unread": 1} | chances | columns)


def test_ids_that_are_no_labels_are_kept_beside(metrics):
    """A label has letters and digits only; whose it is stays known."""
    table = lay_out(people(), metrics)

    assert ["sub-a1", "sub-b2"] == table["participant_id"].tolist()
    assert ["a-1", "b_2"] == table["source_subject"].tolist()


def test_two_people_of_one_label_are_refused(metrics):
    """Else one would have the other's prediction."""
    with pytest.raises(RunError, match="'sub-a1'"):
        lay_out(people(subject=["a-1", "a_1"]), metrics)


def test_several_predictions_of_a_person_are_refused(metrics):
    """A run of several seeds asks the same people again; each is exported by itself."""
    with pytest.raises(RunError, match="export each of its runs"):
        lay_out(people(subject=["a", "a"], run=["seed-1", "seed-2"]), metrics)


def test_columns_never_take_each_others_place(metrics):
    """A target may be called as a column is, and two labels may differ in signs alone."""
    target = attrs.evolve(metrics.target, name="split", labels=("a b", "a-b"))
    frame = people(**{"probability of a b": 0.25, "probability of a-b": 0.75})

    table = lay_out(frame, attrs.evolve(metrics, target=target))

    assert ["test", "test"] == table["split"].tolist()
    assert ["male", "male"] == table["target_split"].tolist()
    assert [0.25, 0.75] == table.filter(like="probability").iloc[0].tolist()


def test_a_study_is_named_by_what_it_says_of_itself(tmp_path):
    """DOI and version, and never the folder; what says nothing is told to the user."""
    root = tmp_path / "ds"
    root.mkdir()
    (root / "dataset_description.json").write_text('{"DatasetDOI": "doi:10.1/x", "Name": "x"}')

    named, notes = find_sources({"cohort": {"use": "bids", "root": str(root)}})
    unknown, told = find_sources({"cohort": [{"use": "table"}]})

    assert [{"DOI": "doi:10.1/x", "URL": "https://doi.org/10.1/x"}] == named
    assert not notes
    assert not unknown
    assert "SourceDatasets" in told[0]


def test_what_is_missing_is_na(bmi_run, tmp_path):
    """BIDS writes n/a, never an empty cell."""
    export_bids(open_run(bmi_run), tmp_path / "out")

    text = (tmp_path / "out" / "participants.tsv").read_text()

    assert "\t\t" not in text
    assert not [line for line in text.splitlines() if line.endswith("\t")]
