"""A paragraph on the methods, to paste into a paper, made of the recipe and the records."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from brainplug.evaluation.records import EXPECTED
from brainplug.report.sections.systems import ARM_NAMES
from brainplug.report.sections.training import count_weights, describe_selection
from brainplug.report.wording import count_of, join_words, metric_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.evaluation.records import Metrics
    from brainplug.recipe.tables import Recipe
    from brainplug.recipe.training_tables import Phase
    from brainplug.report.facts import Facts


TIMES = "\u00d7"


def make(facts: Facts) -> list[str]:
    """Return the paragraph, a sentence each."""
    recipe = facts.sources.recipe
    return [
        *people_in_words(facts),
        *dialogues_in_words(facts),
        *images_in_words(recipe),
        *training_in_words(facts),
        *evaluation_in_words(facts),
        *controls_in_words(facts.metrics),
        f"Made with brainplug {facts.record.get('brainplug', '')}".rstrip()
        + f", seed {recipe.seed}.",
    ]


def people_in_words(facts: Facts) -> Iterator[str]:
    """Say who took part and how they were parted."""
    cohort, recipe = facts.cohort, facts.sources.recipe
    people = count_of(int(cohort["subject"].nunique()), "person", "people")
    scans = count_of(len(cohort), "T1-weighted scan")
    kind = " (simulated data)" if facts.setting.simulated else ""
    yield f"We used {scans} of {people} of {join_words(facts.study_names)}{kind}."
    if recipe.split is None:
        yield "Training, validation and test were those of finished task files."
        return
    yield (
        f"People were parted into training, validation and test by the strategy "
        f"“{recipe.split.use}”; {count_asked(facts.metrics)} were asked."
    )


def count_asked(metrics: Metrics) -> str:
    """Count those asked in each split."""
    names = {"val": "in validation", "test": "in the test"}
    counts = [f"{metrics.train.n:,} in training"]
    counts += [
        f"{scored.counts.subjects:,} {names.get(split, split)}"
        for split, scored in metrics.splits.items()
    ]
    return join_words(counts)


def dialogues_in_words(facts: Facts) -> Iterator[str]:
    """Say what a dialogue is and how references were drawn."""
    rows, recipe = facts.answers, facts.sources.recipe
    if not rows:
        return
    shown = Counter(len(row.references) for row in rows).most_common(1)[0][0]
    each = Counter(Counter(row.subject for row in rows).values()).most_common(1)[0][0]
    drawn = f", drawn by the pairing “{recipe.pairing.use}”" if recipe.pairing else ""
    beside = f"{count_of(shown, 'reference scan')} of known {facts.metrics.target.name}{drawn}"
    yield (
        f"Each person was asked for {facts.metrics.target.name} in {count_of(each, 'dialogue')}, "
        + (f"each with {beside}." if shown else "without a reference.")
    )


def images_in_words(recipe: Recipe) -> Iterator[str]:
    """Say how scans were brought to one grid."""
    grid = recipe.images.grid
    shape = f" {TIMES} ".join(map(str, grid.shape))
    edge = f" {TIMES} ".join(f"{each:g}" for each in dict.fromkeys(grid.spacing_mm))
    yield (
        f"Scans were brought to a grid of {shape} voxels of {edge} mm in RAS orientation, without "
        "being squashed to fit."
    )


def training_in_words(facts: Facts) -> Iterator[str]:
    """Say what was trained and how long."""
    recipe, training = facts.sources.recipe, facts.training
    learns = f", of which {count_weights(training)} weights were trained" if training else ""
    lengths = join_words([tell_phase(phase) for phase in recipe.training.phases()], "then")
    yield (
        f"The model was “{recipe.model.use}”{learns}, with AdamW {lengths}. "
        f"Weights kept: {describe_selection(facts.metrics.selected)}."
    )


def tell_phase(phase: Phase) -> str:
    """Say how long a phase was to be, and how fast it learnt."""
    length = count_of(phase.steps, "step") if phase.steps else count_of(phase.epochs or 0, "epoch")
    batch = (phase.batch_size or 1) * (phase.accumulation or 1)
    return f"for {length} (largest learning rate {phase.learning_rate or 0:g}, batch of {batch})"


def evaluation_in_words(facts: Facts) -> Iterator[str]:
    """Say how answers were read, scored and compared."""
    metrics = facts.metrics
    names = join_words([metric_name(name) for name in facts.scored.metrics])
    yield f"Answers were read as {describe_outcome(metrics)}; one prediction a person was scored."
    yield f"We report {names} with {describe_intervals(facts)}."
    baselines = list(facts.scored.baselines)
    if baselines:
        yield f"On the same people we scored {join_words([f'“{name}”' for name in baselines])}."


def controls_in_words(metrics: Metrics) -> Iterator[str]:
    """Say which arms were trained and which changes were made to what is asked."""
    arms = [ARM_NAMES.get(name, name) for name, arm in metrics.arms.items() if not arm.failed]
    if arms:
        yield f"The same model was also trained {join_words(arms)}, for as many steps."
    changed = metrics.interventions
    if changed is not None and changed.effects:
        people = max(effect.people for effect in changed.effects.values())
        yield (
            f"{count_of(people, 'person', 'people')} were asked again with one thing changed: the "
            "query's scan, a reference's scan, or what is told of a reference."
        )


def describe_outcome(metrics: Metrics) -> str:
    """Say how an answer was read."""
    if metrics.readouts and metrics.readouts.headline == EXPECTED:
        return "the expected value of all numbers that may be said, by their probabilities"
    if metrics.target.kind == "categorical":
        return "free greedy text, by rule, an unread one counting as wrong"
    return (
        "free greedy text, by rule, an unread one counting with the larger of its own error and "
        "the training mean's"
    )


def describe_intervals(facts: Facts) -> str:
    """Say how intervals were made: over whom, and by which method each metric's is."""
    intervals = facts.metrics.intervals
    by_method: dict[str, list[str]] = {}
    for name, score in facts.scored.metrics.items():
        if score.method:
            by_method.setdefault(score.method, []).append(metric_name(name))
    told = "; ".join(f"{join_words(names)}: {method}" for method, names in by_method.items())
    made = f"{intervals.confidence:.0%} intervals over {intervals.unit}"
    return f"{made} ({told})" if told else made
