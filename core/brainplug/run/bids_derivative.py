"""`brainplug export RUN --bids DIR`: what a run predicts, as a BIDS derivative.

    dataset_description.json   what made it, from which study
    participants.tsv           a row a person who was asked
    participants.json          what each column is
    README.md                  what a reader must know

It names people by the ids of the study, and is for those who have the study.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError, show
from brainplug.evaluation.predictions_table import CHANCE
from brainplug.runtime.files import read_json, replacing, write_json, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.evaluation.records import Metrics
    from brainplug.run.opened import Run

BIDS_VERSION = "1.10.0"

DESCRIPTION, TABLE, SIDECAR = "dataset_description.json", "participants.tsv", "participants.json"

README = """\
# Predictions of {target}

What a vision-language model that brainplug trained says of the {target} of people whom it was not
trained on. One row a person in `participants.tsv`; `participants.json` says what each column is.
People of the split `val` also chose the checkpoint, which flatters what is predicted of them.

Scores, with what rules that see no scan score on the same people, are on the page `report.html` of
the run `{run}`. Not for diagnosis.
"""

COLUMNS: Mapping[str, str] = {
    "participant_id": "label of the person in the source dataset",
    "source_subject": "id of the person in the study, where it is no BIDS label",
    "study": "study that the person is of",
    "session_id": "session of the scan",
    "split": "who the person was to the model",
    "run": "one of several runs of the recipe, such as a fold, that predicts the person",
    "agreement": "share of pairs of readable answers, to several references, that are the same",
    "spread": "mean absolute difference of such pairs",
    "error": "prediction less value",
    "tasks": "number of dialogues in which the person was asked",
    "unread": "number of answers that could not be read",
}
"""What columns of the table are; those of the target are described beside it."""

LEVELS = {"val": "validation: also chose the checkpoint", "test": "held out"}


@attrs.frozen(kw_only=True)
class Derivative:
    """What was written, and what the user may add."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def export_bids(run: Run, to: Path) -> Derivative:
    """Write the predictions of a finished run as a BIDS derivative.

    Args:
        run: one run, or several that one recipe stands for, each person in one of them.
        to: folder, which must be new or empty.

    Raises:
        RunError: the folder holds files, the run has no predictions, or two people would have one
            label, or one person two rows.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RunError(
            "it holds files", where=to, expected="a new or empty folder", hint="choose another"
        )
    metrics = find_metrics(run)
    table = lay_out(run.predictions, metrics)
    sources, notes = find_sources(run.recipe)
    told = {
        "Name": f"Predictions of {metrics.target.name} by brainplug",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated_by(run)],
        **({"SourceDatasets": sources} if sources else {}),
    }
    write_tsv(to / TABLE, table)
    write_json(to / SIDECAR, describe_columns(table.columns, metrics))
    text = README.format(target=metrics.target.name, run=run.folder.name)
    write_text(to / "README.md", text)
    write_json(to / DESCRIPTION, told)  # last: without it no BIDS dataset lies here
    names = (DESCRIPTION, TABLE, SIDECAR, "README.md")
    return Derivative(files=tuple(to / name for name in names), notes=tuple(notes))


def find_metrics(run: Run) -> Metrics:
    """Return the scores of a run, or of the first of several, which have the target in common."""
    return next(iter(run.runs.values())).result if run.runs else run.result


def lay_out(predictions: pd.DataFrame, metrics: Metrics) -> pd.DataFrame:
    """Return predictions as BIDS has them: a row a person, in the order of labels.

    Raises:
        RunError: two people would have one label, or a person has several rows.
    """
    import pandas as pd

    target, chances = name_target(metrics), name_chances(metrics)
    ids = predictions["subject"].astype(str)
    labels = ids.map(participant_label)
    refuse_several(labels, ids, predictions)
    columns: dict[str, Any] = {"participant_id": labels}
    if (labels != ids).any():
        columns["source_subject"] = ids
    for name in ("study", "split", "run"):
        if name in predictions:
            columns[name] = predictions[name]
    columns |= {target: predictions["truth"], f"{target}_predicted": predictions["prediction"]}
    columns |= {name: predictions[f"{CHANCE}{label}"] for label, name in chances.items()}
    for name in ("error", "agreement", "spread", "tasks", "unread"):
        if name in predictions:
            columns[name] = predictions[name]
    return pd.DataFrame(columns).sort_values("participant_id", kind="stable", ignore_index=True)


def refuse_several(labels: pd.Series, ids: pd.Series, predictions: pd.DataFrame) -> None:
    """Refuse people who cannot have one row each.

    Raises:
        RunError: two people would have one label, or a person has several rows.
    """
    owners = ids.groupby(labels).nunique()
    alike = owners[owners > 1].index
    if len(alike):
        both = ids[labels == alike[0]].unique().tolist()
        raise RunError(
            f"{show(both)} would both be {alike[0]!r}",
            where="predictions.csv",
            expected="ids that differ in letters and digits, which alone a BIDS label may have",
            found=tuple(both),
        )
    again = labels[labels.duplicated()].unique().tolist()
    if again:
        several = " in several of its runs" if "run" in predictions else ""
        raise RunError(
            f"{len(again)} people have several rows{several}, such as {again[0]!r}",
            where="predictions.csv",
            expected="one prediction a person, as a participants table has it",
            found=tuple(again),
            hint="export each of its runs by itself, as runs/x/runs/NAME"
            if several
            else "ask each person for one scan: keep one session in [cohort]",
        )


def participant_label(subject: str) -> str:
    """Return the label of a person: letters and digits behind `sub-`.

    >>> participant_label("sub-01"), participant_label("NDAR_INV7"), participant_label("UKB:12")
    ('sub-01', 'sub-NDARINV7', 'sub-UKB12')
    """
    return f"sub-{re.sub(r'[^A-Za-z0-9]', '', subject.removeprefix('sub-'))}"


def column_name(text: str) -> str:
    """Return text as the name of a column: letters, digits and underscores.

    >>> column_name("BMI z-score")
    'BMI_z_score'
    """
    return re.sub(r"\W+", "_", text).strip("_") or "target"


def name_target(metrics: Metrics) -> str:
    """Return the name of the target's column, which is none of the others'."""
    name = column_name(metrics.target.name)
    return f"target_{name}" if name in COLUMNS else name


def name_chances(metrics: Metrics) -> dict[str, str]:
    """Return the name of each label's column of probabilities, no two alike."""
    found: dict[str, str] = {}
    for number, label in enumerate(metrics.target.labels, 1):
        name = f"{name_target(metrics)}_probability_{column_name(label)}"
        found[label] = f"{name}_{number}" if name in found.values() else name
    return found


def describe_columns(names: Iterable[str], metrics: Metrics) -> dict[str, Any]:
    """Return the sidecar of the table."""
    target = metrics.target
    own = name_target(metrics)
    levels = {"Levels": {label: label for label in target.labels}} if target.labels else {}
    unit = {"Units": target.unit} if target.unit else {}
    known: dict[str, dict[str, Any]] = {
        **{name: {"Description": about} for name, about in COLUMNS.items()},
        own: {"Description": f"{target.name}, by the study's table", **levels, **unit},
        f"{own}_predicted": {
            "Description": f"{target.name} as the model answers beside its references; "
            "n/a where no answer could be read",
            **levels,
            **unit,
        },
        **{
            name: {"Description": f"the model's own share of {label!r} among the labels"}
            for label, name in name_chances(metrics).items()
        },
    }
    known["split"]["Levels"] = LEVELS
    return {name: known[name] for name in names if name in known}


def write_tsv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as BIDS asks: tabs, UTF-8, `n/a` for what is missing."""
    with replacing(path) as temporary:
        table.to_csv(
            temporary, sep="\t", index=False, na_rep="n/a", encoding="utf-8", lineterminator="\n"
        )


def generated_by(run: Run) -> dict[str, Any]:
    """Say what made the predictions."""
    record = read_json(run.files.record) if run.files.record.is_file() else {}
    known = {
        "Name": "brainplug",
        "Version": str(record.get("brainplug", "")),
        "Description": "reads an attribute off a brain MRI beside references whose attribute is "
        "known, by a vision-language model",
    }
    return {key: value for key, value in known.items() if value}


def find_sources(recipe: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[str]]:
    """Return what is known of the source datasets, and what the user is told.

    Folders of this machine are nobody's matter; what a BIDS study says of itself is.
    """
    cohorts = recipe.get("cohort", [])
    roots = [each["root"] for each in listed(cohorts) if isinstance(each.get("root"), str)]
    found = [source for root in roots if (source := read_source(Path(root)))]
    if found:
        return found, []
    return [], [
        f"where the source dataset is published is not known: add SourceDatasets to {DESCRIPTION}"
    ]


def listed(cohorts: Any) -> list[dict[str, Any]]:
    """Return the tables of all studies."""
    return cohorts if isinstance(cohorts, list) else [cohorts]


def read_source(root: Path) -> dict[str, str]:
    """Return DOI, address and version that a BIDS study states of itself; nothing of another."""
    try:
        told = read_json(root / DESCRIPTION)
    except (OSError, RunError):
        return {}
    if not isinstance(told, dict):
        return {}
    doi = str(told.get("DatasetDOI") or "")
    address = told.get("URL") or (f"https://doi.org/{doi.removeprefix('doi:')}" if doi else "")
    known = {"DOI": doi, "URL": str(address), "Version": str(told.get("Version") or "")}
    return {key: value for key, value in known.items() if value}
