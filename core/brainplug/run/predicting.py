"""Scans of a user's own, put to the model of a finished run beside references of their own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.errors import DataError, show
from brainplug.evaluation.aggregate import aggregate, mean_probabilities, vote
from brainplug.evaluation.conformal import absolute_errors, conformal_band, guarantee
from brainplug.evaluation.readouts import headline_rows
from brainplug.imaging.cache import content_hash, fill_cache, load_volume, read_header
from brainplug.imaging.familiar import FamiliarScans, look_at, strange
from brainplug.inference.predicted import PairAnswer, Prediction, PredictionTable, Reference
from brainplug.runtime.files import cache_folder, read_json
from brainplug.runtime.homes import expanded
from brainplug.runtime.records import read_record
from brainplug.tasks.answers import read_answers
from brainplug.tasks.row_template import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.errors import ScanError
    from brainplug.evaluation.conformal import Band
    from brainplug.evaluation.records import Metrics
    from brainplug.run.read_back import RunParts
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.task import Task

LITTLE = 0.5
"""Share of its probability that a model must put on the labels for their probabilities to mean
anything: what is told is the share of each among them."""


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """What is to be predicted.

    Attributes:
        references: scans with their values, in the order given.
        queries: scans, each once.
        coverage: least probability that a number lies within its interval.
    """

    references: tuple[Reference, ...]
    queries: tuple[str, ...]
    coverage: float


def make_request(
    parts: RunParts,
    references: Sequence[tuple[str | Path, object]],
    queries: Sequence[str | Path],
    coverage: float,
) -> Request:
    """Check what is asked for before anything is computed.

    Raises:
        DataError: a value is none of the target's, references are lacking or of no use, there is
            no query, or the coverage is no probability.
    """
    if not 0.5 <= coverage < 1:
        raise DataError(where="coverage", expected="a number from 0.5 to below 1", found=coverage)
    if not queries:
        raise DataError("none", where="queries", expected="at least one scan to be predicted")
    found = Request(
        references=tuple(read_reference(parts, scan, value) for scan, value in references),
        queries=tuple(dict.fromkeys(str(expanded(each)) for each in queries)),
        coverage=coverage,
    )
    check_count(parts, len(found.references))
    return found


def read_reference(parts: RunParts, scan: str | Path, given: object) -> Reference:
    """Read the value of a reference.

    Raises:
        DataError: it is no label of the run, or no number.
    """
    value = parts.read_value(given)
    if value is None:
        labels, unit = parts.answers.labels, getattr(parts.answers, "unit", "")
        raise DataError(
            where=f"reference {str(scan)!r}",
            expected=f"a label of the run, one of {show(labels)}"
            if labels
            else f"a number{f' in {unit}' if unit else ''}",
            found=given,
        )
    return Reference(scan=str(expanded(scan)), value=value)


def check_count(parts: RunParts, count: int) -> None:
    """Ask for as many references as the run's dialogues can show.

    Raises:
        DataError: there are too few, or some would be left out.
    """
    shown = parts.asked.references
    if shown == 0 and count:
        raise DataError(
            where="references",
            expected="none, since the model was trained to read a scan alone",
            found=count,
        )
    if shown and (count == 0 or count % shown):
        several = f" in groups of {shown}, as the run shows them" if shown > 1 else ""
        raise DataError(
            where="references",
            expected=f"scans whose {parts.head.target} is known{several}",
            found=count,
            hint="give them as (scan, value), on the command line as SCAN=VALUE",
        )


def predict(parts: RunParts, metrics: Metrics, request: Request) -> PredictionTable:
    """Ask the model of a run.

    Args:
        parts: of the run.
        metrics: of the run, which say how numbers are read.
        request: what is asked for.

    Raises:
        ScanError: a reference cannot be used.
    """
    cache = cache_folder()
    refused = refused_scans(parts, request, cache)
    asked = [query for query in request.queries if query not in refused]
    rows = answer(parts, request, asked, cache) if asked else {}
    band = validation_band(parts, metrics, request.coverage)
    warned = warnings_of(parts, request, asked, cache)
    found = {
        query: with_band(
            summarise(parts, rows[query], headline_rows(rows[query], metrics)),
            band,
            warned[query],
        )
        for query in asked
    }
    return PredictionTable(
        run=str(parts.files.path),
        target=parts.head.target,
        kind=parts.head.kind,
        labels=tuple(parts.answers.labels),
        unit=getattr(parts.answers, "unit", ""),
        references=request.references,
        notes=tuple(notes(parts, metrics, request, band)),
        predictions=tuple(
            found.get(query) or Prediction(query=query, error=refused[query])
            for query in request.queries
        ),
    )


def refused_scans(parts: RunParts, request: Request, cache: Path) -> dict[str, str]:
    """Bring all scans to the grid of the run; return why queries cannot be used.

    Raises:
        ScanError: a reference cannot be used; all predictions would rest on it.
    """
    told = [Path(each.scan) for each in request.references]
    asked = {Path(query): query for query in request.queries}
    refused = fill_cache(
        [*told, *asked], grid=parts.grid, cache=cache, progress=lambda _done, _total: None
    )
    for scan in told:
        if scan in refused:
            raise refused[scan]
    return {query: describe(refused[path]) for path, query in asked.items() if path in refused}


def describe(error: ScanError) -> str:
    """Say why a scan cannot be used, without its path."""
    return f"{error.reason}: {error.detail}" if error.detail else error.reason


def answer(
    parts: RunParts, request: Request, queries: Sequence[str], cache: Path
) -> dict[str, list[AnswerRow]]:
    """Let the model answer; return the answers to each query, beside each reference in turn."""
    from brainplug.inference.ask import Manner, ask_model

    tasks = list(make_tasks(parts, request, queries))
    manner = Manner(
        answers=parts.answers,
        learnt=parts.asked.answers,
        evaluation=parts.reading,
        precision=parts.precision,
        speed=parts.speed,
        load=lambda path: load_volume(path, parts.grid, cache),
    )
    found: dict[str, list[AnswerRow]] = {query: [] for query in queries}
    for row in ask_model(parts.files.model, tasks, manner):
        found[row.subject].append(row)
    return found


def make_tasks(parts: RunParts, request: Request, queries: Sequence[str]) -> Iterator[Task]:
    """Word the dialogues of all queries, worded as those that the model was trained on."""
    told = [show_scan(parts, each.scan, each.value) for each in request.references]
    # What is asked for has no value yet. Some value is put where the answer would state it, which
    # the model is not shown: candidate answers are made from it.
    stands_in = (
        parts.answers.labels[0] if parts.answers.labels else float(parts.train_values.iloc[0])
    )
    size = max(parts.asked.references, 1)
    groups = [told[start : start + size] for start in range(0, len(told), size)] or [[]]
    for query in queries:
        asked = show_scan(parts, query, stands_in)
        for number, group in enumerate(groups):
            # Worded by the number of the group alone, so that what is said of a reference is the
            # same for every query, and is read once.
            task = parts.maker.word(f"predict-{number:02d}", [*group, asked])
            yield attrs.evolve(task, task_id=f"{query}-{number:02d}")


def show_scan(parts: RunParts, scan: str, value: TargetValue) -> Shown:
    """Return a scan as tasks show it; its path stands for the person."""
    return Shown(scan, scan, value, parts.answers.say(value), parts.answers.code(value))


def summarise(parts: RunParts, rows: Sequence[AnswerRow], read: Sequence[AnswerRow]) -> Prediction:
    """Take the answers to one query together, as the scores of the run do.

    Args:
        parts: of the run.
        rows: what was said.
        read: the same with the predictions that the run scores.
    """
    labels = parts.answers.labels
    given = [row.prediction for row in read if row.prediction is not None]
    chances = mean_probabilities(rows, labels)
    masses = [row.mass for row in rows if row.mass is not None]
    numbers = [] if labels else [float(each) for each in given]
    chosen = vote(read, labels, chances) if labels else None
    return Prediction(
        query=rows[0].subject,
        prediction=chosen if labels else float(np.median(numbers)) if numbers else None,
        probabilities=dict(zip(labels, chances, strict=True)) if chances else None,
        mass=float(np.mean(masses)) if len(masses) == len(rows) else None,
        agreement=given.count(chosen) / len(rows) if labels and chosen is not None else None,
        spread=float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        unread=sum(row.prediction is None for row in rows),
        answers=tuple(pair_answer(row, said) for row, said in zip(read, rows, strict=True)),
    )


def pair_answer(read: AnswerRow, said: AnswerRow) -> PairAnswer:
    """Return what is told of one answer."""
    shown = zip(said.references, said.reference_values, strict=True)
    return PairAnswer(
        references=tuple(Reference(scan=scan, value=value) for scan, value in shown),
        text=said.answer_text,
        prediction=read.prediction,
        probabilities=said.probabilities,
        mass=said.mass,
    )


def with_band(found: Prediction, band: Band | None, warnings: Sequence[str]) -> Prediction:
    """Add the interval of a number and all warnings; leave out probabilities that mean little."""
    told = list(warnings)
    if found.prediction is None:
        told.append("no answer could be read")
    elif found.unread:
        told.append(f"{found.unread} of {len(found.answers)} answers could not be read")
    if found.mass is not None and found.mass < LITTLE:
        what = "labels; theirs are not told" if found.probabilities else "numbers it may say"
        told.append(f"the model puts only {found.mass:.2f} of its probability on the {what}")
        found = attrs.evolve(found, probabilities=None)
    if band is None or band.radius is None or found.prediction is None:
        return attrs.evolve(found, warnings=tuple(told))
    middle = float(found.prediction)
    return attrs.evolve(
        found, low=middle - band.radius, high=middle + band.radius, warnings=tuple(told)
    )


def validation_band(parts: RunParts, metrics: Metrics, coverage: float) -> Band | None:
    """Return how far a number may be off, by the errors of the validation people; labels: None."""
    if metrics.target.kind != "numerical":
        return None
    rows = [
        row
        for row in headline_rows(read_answers(parts.files.answers), metrics)
        if row.split == "val"
    ]
    frame = aggregate(rows, "numerical", (), metrics.train.mean)
    # A query none of whose answers can be read has no interval either.
    read = frame[frame["unparsed"] < frame["tasks"]]
    lost = set(frame["subject"]).difference(read["subject"])
    return attrs.evolve(conformal_band(absolute_errors(read), coverage), unread=len(lost))


def notes(parts: RunParts, metrics: Metrics, request: Request, band: Band | None) -> Iterator[str]:
    """Say what holds of all predictions."""
    if band is not None:
        selected = metrics.selected is not None and metrics.selected.metric != "last"
        chosen = metrics.readouts is not None and len(metrics.readouts.validation) > 1
        yield guarantee(band, chosen_there=selected or chosen)
        yield from other_numbers(parts, request)
    else:
        over = ", mean over references" if len(request.references) > 1 else ""
        yield (
            f"Probabilities are the model's own shares of the labels{over}; how far they can be "
            "believed is what the calibration on the run's page tells."
        )
    known = parts.train_values
    if band is not None:
        low, high = float(known.min()), float(known.max())
        for each in request.references:
            if not low <= float(each.value) <= high:
                yield (
                    f"The reference {each.scan} is given as {each.value:g}; the training values "
                    f"range from {low:g} to {high:g}."
                )
    if not parts.files.familiar.is_file():
        yield (
            "The run does not keep how its training scans measure, so that nothing warns of a scan "
            "unlike them; `brainplug run` with the same recipe and folder adds it."
        )


def other_numbers(parts: RunParts, request: Request) -> Iterator[str]:
    """Say where validation people were asked another number of times than these queries."""
    own = [row for row in read_answers(parts.files.answers) if row.split == "val"]
    counts = Counter(Counter((row.subject, row.truth) for row in own).values())
    usual = counts.most_common(1)[0][0] if counts else 0
    asked = max(len(request.references) // max(parts.asked.references, 1), 1)
    if usual and usual != asked:
        yield (
            f"Validation people were asked {usual} times each, beside other references every time, "
            f"and these scans {asked} times; what is promised is promised for {usual}."
        )


def warnings_of(
    parts: RunParts, request: Request, queries: Sequence[str], cache: Path
) -> dict[str, list[str]]:
    """Return what is amiss with each query scan."""
    files, memo = parts.files, cache / "hashes"
    known = read_record(files.familiar, FamiliarScans) if files.familiar.is_file() else None
    own = set(read_json(files.volumes)["content"].values()) if files.volumes.is_file() else set()
    told = {content_hash(Path(each.scan), memo): each.scan for each in request.references}
    found: dict[str, list[str]] = {}
    for query in queries:
        path = Path(query)
        content = content_hash(path, memo)
        found[query] = list(strangeness(path, parts, known, cache)) if known else []
        if content in told:
            found[query].append("it is a reference itself")
        if content in own:
            found[query].append("the run was made from this very scan")
    return found


def strangeness(path: Path, parts: RunParts, known: FamiliarScans, cache: Path) -> Iterator[str]:
    """Say in what a scan is unlike the training scans."""
    volume = load_volume(path, parts.grid, cache)
    return strange(look_at(volume, read_header(path, parts.grid.max_gib), parts.grid), known)
