"""The baselines stage: teach simpler readers, and ask them what the model is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.baselines.components import find_components
from brainplug.baselines.confounds import find_confounds
from brainplug.baselines.exam import (
    Exam,
    References,
    cast_people,
    stack_coarse,
    take_side,
)
from brainplug.baselines.readers import list_baselines
from brainplug.baselines.records import (
    COLUMNS,
    HEAD_SIZE,
    SITE,
    SITE_READ,
    Baselines,
    BaselinesRecord,
)
from brainplug.baselines.sites import probe_scanner
from brainplug.imaging.cache import fill_cache
from brainplug.imaging.sketch import sketch_scans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from brainplug.api.records import Grid, Split, Volume
    from brainplug.baselines.confounds import Confounds
    from brainplug.baselines.exam import Cast
    from brainplug.baselines.readers import Baseline
    from brainplug.baselines.records import Said
    from brainplug.baselines.sites import Probe
    from brainplug.imaging.sketch import Sketch
    from brainplug.tasks.task import Tasks


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """How baselines are made.

    Attributes:
        chosen: names of the baselines that a recipe asks for.
        declared: columns that the recipe declares as confounds; None looks for the common ones.
        target: name of the target's column.
        labels: the classes, empty for numbers.
        by_share: see `Exam`.
        seed: of all draws.
        grid: of the volumes.
        cache: where they are.
        load: returns the volume of a scan.
        progress: shows how far something is.
    """

    chosen: tuple[str, ...]
    declared: tuple[str, ...] | None
    target: str
    labels: tuple[str, ...]
    by_share: bool
    seed: int
    grid: Grid
    cache: Path
    load: Callable[[Path], Volume]
    progress: Callable[[str], AbstractContextManager[Callable[..., None]]]


def make_baselines(
    cohort: pd.DataFrame,
    split: pd.DataFrame,
    tasks: Tasks,
    evaluated: Sequence[Split],
    *,
    plan: Plan,
) -> Baselines:
    """Teach the baselines all training people, and ask them the queries that are evaluated.

    Args:
        cohort: the cohort frame.
        split: `subject` and `pool`.
        tasks: of every split.
        evaluated: the splits whose people may be asked.
        plan: which, and how.
    """
    cast = cast_people(cohort, split, tasks, evaluated)
    # What no task shows, such as a reference that was never drawn, was not read yet.
    with plan.progress("baselines: reading scan") as report:
        refused = fill_cache(cast.images, grid=plan.grid, cache=plan.cache, progress=report)
    cast = cast.without(refused)
    with plan.progress("baselines: sketching scan") as report:
        sketches = sketch_scans(cast.images, grid=plan.grid, cache=plan.cache, progress=report)
    confounds = find_confounds(cohort, plan.target, plan.declared)
    exam = set_exam(cast, sketches, confounds, plan)
    components = find_components(exam)
    probe = probe_scanner(exam, *components) if len(cast.asked) else "nobody is asked"
    baselines = list_baselines(plan.chosen, exam, components, plan.load)
    with plan.progress("baselines: asking") as report:
        said, unknown = ask(baselines if len(cast.asked) else [], exam, report)
    return Baselines(
        record=BaselinesRecord(
            people=int(cast.learn["subject"].nunique()),
            scans=len(cast.learn),
            baselines={each.name: each.facts for each in baselines if each.name in said},
            unknown=unknown,
            confounds=confounds.columns,
            notes=confounds.notes,
            probe=None if isinstance(probe, str) else probe.facts,
            probe_reason=probe if isinstance(probe, str) else "",
        ),
        said=collect(said, exam),
        covariates=describe_asked(exam, probe),
    )


def ask(
    baselines: Sequence[Baseline], exam: Exam, report: Callable[..., None]
) -> tuple[dict[str, Said], dict[str, str]]:
    """Return what each baseline answers, and why others cannot, by name."""
    said: dict[str, Said] = {}
    unknown: dict[str, str] = {}
    for done, baseline in enumerate(baselines, 1):
        answer = baseline.answer(exam)
        if isinstance(answer, str):
            unknown[baseline.name] = answer
        else:
            said[baseline.name] = answer
        report(done, len(baselines), baseline.name)
    return said, unknown


def set_exam(cast: Cast, sketches: Mapping[Path, Sketch], confounds: Confounds, plan: Plan) -> Exam:
    """Put scans, values and what is known of people together."""
    images = list(cast.told)
    numbers = {image: number for number, image in enumerate(images)}
    names = tuple(confounds.columns)
    learn, asked = (
        take_side(with_known(frame, confounds, sketches), sketches)
        for frame in (cast.learn, cast.asked)
    )
    return Exam(
        learn=learn,
        asked=asked,
        shown=[[numbers[image] for image in shown] for shown in cast.shown],
        references=References(
            coarse=stack_coarse([sketches[image] for image in images]),
            values=tuple(cast.told[image] for image in images),
        ),
        labels=plan.labels,
        confounds=names,
        by_share=plan.by_share,
        seed=plan.seed,
    )


def with_known(
    frame: pd.DataFrame, confounds: Confounds, sketches: Mapping[Path, Sketch]
) -> pd.DataFrame:
    """Add to scans what is known of each, and the size of its head."""
    found = confounds.known.reindex([str(image) for image in frame["image"]])
    sizes = [float(sketches[image].head[0]) for image in frame["image"]]
    return pd.concat([frame, found.set_index(frame.index)], axis=1).assign(**{HEAD_SIZE: sizes})


def collect(said: Mapping[str, Said], exam: Exam) -> pd.DataFrame:
    """Return all answers, a row each."""
    frame = exam.asked.frame
    parts = [
        pd.DataFrame(
            {
                "baseline": name,
                "split": frame["split"],
                "subject": frame["subject"],
                "truth": frame["truth"],
                "prediction": answer.predictions,
                "probabilities": [None] * len(frame)
                if answer.probabilities is None
                else list(answer.probabilities.astype(float)),
            }
        )
        for name, answer in said.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def describe_asked(exam: Exam, probe: Probe | str) -> pd.DataFrame:
    """Return what is known of those who are asked, a row a scan."""
    columns = ["split", "subject", "truth", HEAD_SIZE, *exam.confounds]
    frame = exam.asked.frame[columns].reset_index(drop=True)
    if isinstance(probe, str):
        return frame
    return frame.assign(**{SITE: probe.truth, SITE_READ: probe.read})
