"""`brainplug check`: what a run would do, without torch and without training."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.guard import judging_others
from brainplug.api.laws import counting_faults, fit_answers, hold, hold_sources
from brainplug.api.records import SPLITS, Image, list_pools
from brainplug.api.roles import ShowsNone, able
from brainplug.audit.console import finding_lines
from brainplug.audit.crowds import find_crowds
from brainplug.audit.leakage import find_leaks
from brainplug.audit.shortcuts import measure_dependence
from brainplug.audit.split_leaks import naming_split, refuse_leaks
from brainplug.design.pairs import make_pairs
from brainplug.design.split import (
    add_pools,
    count_asked,
    pool_scans,
    split_cohort,
    tell_split,
    training_values,
)
from brainplug.errors import DataError, ScanError
from brainplug.evaluation.groupings import require_columns
from brainplug.findings import Finding, refuse_findings
from brainplug.imaging.cache import make_volume
from brainplug.recipe.requirements import (
    NO_DEEPSPEED,
    NO_MATPLOTLIB,
    lacks_deepspeed,
    lacks_matplotlib,
)
from brainplug.run.arm_costs import tell_arms, tell_hours
from brainplug.run.arms import hold_alone
from brainplug.run.asked_columns import gather_headers
from brainplug.run.check_external import check_external
from brainplug.run.checked import CheckReport
from brainplug.run.choosing import LARGE, few_validate, find_selecting
from brainplug.run.context import Design, make_head, make_metrics
from brainplug.run.foresight import foresee
from brainplug.run.recipe_copy import tell_files
from brainplug.run.rehearsal import rehearse
from brainplug.run.repeats import list_splits, with_split
from brainplug.run.step_counts import Asked, count_phases, count_read
from brainplug.runtime.terminal import make_table
from brainplug.tasks.adopt import Adopted, list_sources, peek_target, refuse_empty, take_over
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.read import Glance
from brainplug.toolkit.cross_counts import cross_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from brainplug.api.records import ModelPlan, Split, TargetKind
    from brainplug.api.roles import Metric, ModelBackbone, TaskHead
    from brainplug.cohort.build import Cohort
    from brainplug.recipe.tables import Recipe, RecipeFile, TaskFiles
    from brainplug.recipe.training_tables import Training
    from brainplug.registry import Registry
    from brainplug.tasks.task import Task

SAMPLE = 1
"""Scans whose voxels are read; a run reads all of them."""

FEW_ASKED = 100
"""Test queries below which it is said how many more there could be."""

FLOPS_A_CORE = 2e10
"""Floating-point operations a second that a CPU core reaches in such models, roughly."""


def check_recipe(file: RecipeFile, *, registry: Registry, console: Console) -> dict[str, Any]:
    """Print what a run of a recipe would do; return it, JSON-ready.

    Raises:
        BrainplugError: what a run would stop at before it trains.
    """
    recipe, report = file.recipe, CheckReport(console=console)
    for line in tell_files(registry):
        report.say(line)
    head = make_head(recipe, registry)
    metrics = make_metrics(recipe, registry, head)
    if recipe.tasks is None:
        asked = check_design(recipe, head, metrics, report)
    else:
        rehearse(metrics, ())
        asked = check_files(recipe.tasks, report)
    backbone = recipe.model.make()
    hold_sources(backbone)
    plan = backbone.plan(recipe.images.shape)
    hold(backbone, counting_faults(backbone))
    hold_alone(recipe, plan)
    for note in plan.notes:
        report.note(note)
    for warning in warn_of_training(recipe.training, plan):
        report.warn(warning)
    needs = foresee_needs(recipe, asked, backbone=backbone, plan=plan)
    report.show(task_table(needs, asked, plan), **needs, tasks=dict(asked.tasks))
    steps = sum(needs["steps"].values())
    count = partial(count_tokens, backbone=backbone, plan=plan)
    for line in tell_arms(recipe, plan, asked.first, steps=steps, count=count):
        report.say(line)
    if recipe.training.seeds:
        told = ", ".join(map(str, recipe.training.seeds))
        report.say(f"{len(recipe.training.seeds)} such trainings, of the seeds {told}")
    return report.to_json()


def warn_of_training(options: Training, plan: ModelPlan) -> Iterator[str]:
    """Give what may be meant otherwise, or is not here, without being a mistake."""
    # Where the size is not known, weights are to be downloaded, and no small model is.
    if options.precision == "float32" and not 0 < plan.num_parameters < LARGE:
        size = f"{plan.num_parameters / 1e6:,.0f} million" if plan.num_parameters else "yet unknown"
        yield (
            f'training.precision is "float32" for a model of {size} weights; on a GPU, "bfloat16" '
            "is faster and takes about half the memory for activations"
        )
    if lacks_deepspeed(options):
        yield NO_DEEPSPEED
    if lacks_matplotlib():
        yield NO_MATPLOTLIB


def check_design(
    recipe: Recipe, head: TaskHead, metrics: Mapping[str, Metric], report: CheckReport
) -> Asked:
    """Print counts from the tables to the tasks; return what there is to be learnt."""
    design = Design.of(recipe)
    cohort = gather_headers(recipe, design.studies)
    require_columns(cohort.frame, recipe.evaluation.subgroups)
    for name, flow in cohort.flows.items():
        studies = report.facts.get("studies", {}) | {name: dict(flow)}
        report.show(flow_table(name, flow), studies=studies)
        for told in cohort.spare(name):
            report.say(told)
    if recipe.images.scans == "all" and not cohort.images_pending:
        report.note("of scans only headers were read; the run may find more broken ones")
    tell_findings(report, find_crowds(cohort.frame))
    read_sample(cohort, recipe, report)
    chosen = first_run(recipe, design, cohort.frame, report)
    split = split_cohort(chosen.strategy, cohort.frame, seed=recipe.seed, **design.asked)
    refuse_leaks(chosen.strategy, pool_scans(cohort.frame, split))
    pooled = add_pools(cohort.frame, split)
    with naming_split(chosen.strategy):
        answers = fit_answers(head, training_values(cohort.frame, split))
    rehearse(metrics, answers.labels)
    hold_sources(chosen.strategy)
    pools = count_pools(pooled, answers.strata(pooled["target"]))
    report.show(pool_table(pools), pools=pools)
    tell_design(recipe, chosen, cohort.frame, split, report)
    for line in foresee(pooled, answers, confidence=recipe.evaluation.confidence):
        report.say(line)
    pairs, said = make_pairs(design.pairing, pooled, answers, seed=recipe.seed)
    with judging_others(design.pairing, "pair"):
        check_mute(recipe, pairs, pooled)
    check_external(recipe, design.pairing, pooled, answers, say=report.say)
    maker = TaskMaker(head=head, answers=answers, template=design.template, seed=recipe.seed)
    first = next(maker.make(pairs[pairs["split"] == "train"], maker.show(pooled)))
    selecting = find_selecting(recipe, metrics, answers, first)
    for note in few_validate(selecting, count_asked(split)["val"][0]):
        report.warn(note)
    for note in (*said, *(note for table in cohort.tables.values() for note in table.notes)):
        report.note(note)
    if cohort.images_pending:
        report.note("the scans are not there yet; the run writes them first")
    counts = pairs["split"].value_counts()
    shown = pairs.loc[pairs["split"] == "train", ["query", "references"]]
    scans = {*shown["query"], *shown["references"].explode().dropna()}
    tasks: dict[Split, int] = {name: int(counts.get(name, 0)) for name in SPLITS}
    return Asked(tasks=tasks, scans=len(scans), first=first)


def check_mute(recipe: Recipe, pairs: pd.DataFrame, pooled: pd.DataFrame) -> None:
    """Stop where references tell of queries, as the run would once the tasks are worded.

    Raises:
        DataError: they do, and the recipe does not allow it.
    """
    columns = (pooled[name].tolist() for name in ("scan", "subject", "study", "target"))
    scans = {scan: facts for scan, *facts in zip(*columns, strict=True)}
    glances, studies = [], []
    for query, references in zip(pairs["query"].tolist(), pairs["references"], strict=True):
        subject, study, truth = scans[query]
        told = tuple([scans[name][2] for name in references])
        kind: TargetKind = "categorical" if isinstance(truth, str) else "numerical"
        glances.append(Glance("", kind, "", subject, truth, tuple(references), told, "", ""))
        studies.append(study)
    found = measure_dependence(glances, studies)
    if found.beats_chance:
        refuse_findings(
            [Finding(kind="shortcut", what=found.sentence)],
            allow_shortcut=recipe.audit.allow_shortcut,
        )


def first_run(recipe: Recipe, design: Design, cohort: pd.DataFrame, report: CheckReport) -> Design:
    """Return the design, or that of the first of several runs, naming all."""
    several = list_splits(recipe, design.strategy, cohort)
    if not several:
        return design
    report.facts["runs"] = list(several)
    report.say(f"{len(several)} runs: {', '.join(several)}; the first is shown")
    return Design.of(next(iter(several.values())))


def tell_design(
    recipe: Recipe, design: Design, cohort: pd.DataFrame, split: pd.DataFrame, report: CheckReport
) -> None:
    """Print who is asked, what the split says of itself, and how more people would be asked."""
    for note in tell_split(design.strategy, cohort, split, **design.asked):
        report.note(note)
    asked = count_asked(split)
    report.facts["asked"] = {
        name: {"asked": few, "of": all_} for name, (few, all_) in asked.items()
    }
    if asked["test"][0] >= FEW_ASKED:
        return
    shared = share_pools(recipe)
    if shared is None:
        return
    try:
        more = count_asked(split_cohort(shared.strategy, cohort, seed=recipe.seed, **shared.asked))
    except DataError:  # a proposal that cannot be followed is none
        return
    counts = [f"{more[name][0]} in place of {asked[name][0]} of {name}" for name in SPLITS]
    report.warn(
        f"only {asked['test'][0]} people of the test are asked, so the score will be uncertain; "
        f'with pools = "shared" in [split] it would be {counts[2]}, and {counts[0]}, {counts[1]}'
    )


def share_pools(recipe: Recipe) -> Design | None:
    """Return the design of a recipe with shared pools, None where it has them or cannot."""
    assert recipe.split is not None
    options = recipe.split.options
    shows_none = recipe.pairing is not None and able(recipe.pairing.make(), ShowsNone)
    if shows_none or getattr(options, "pools", None) != "halves" or not hasattr(options, "query"):
        return None
    shared = attrs.evolve(options, pools="shared", query=None)
    return Design.of(with_split(recipe, shared))


def check_files(files: TaskFiles, report: CheckReport) -> Asked:
    """Print what finished files hold and what is odd about them; return what is to be learnt."""
    target = peek_target(files)
    adopted = Adopted()
    counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
    first = None
    scans: set[Path] = set()
    sources = list_sources(files)
    for split in SPLITS:
        for study in sorted({source.study for source in sources}):
            chosen = [each for each in sources if (each.split, each.study) == (split, study)]
            for task in take_over(chosen, adopted, target=target, files=files, every=sources):
                first = first or task
                counts[split] += 1
                scans.update(task.images if split == "train" else ())
        refuse_empty(sources, split, counts[split])
    assert first is not None
    report.say(f"{sum(counts.values()):,} finished tasks show {len(adopted.scans):,} scans")
    pooled = pool_scans(adopted.cohort(), adopted.split())
    tell_findings(report, (*find_leaks(pooled), *adopted.findings()))
    return Asked(tasks=counts, scans=len(scans), first=first)


def flow_table(study: str, flow: tuple[tuple[str, int], ...]) -> Table:
    """Show how many rows are left after every step."""
    table = make_table("cohort", "rows", title=study)
    for step, count in flow:
        table.add_row(step, f"{count:+,}" if count < 0 else f"{count:,}")
    return table


def tell_findings(report: CheckReport, findings: Iterable[Finding]) -> None:
    """Say what audits found."""
    for finding in findings:
        for line in finding_lines([finding.told()]):
            report.find(line, note=finding.kind == "note")


def count_pools(pooled: pd.DataFrame, strata: pd.Series) -> dict[str, dict[str, int]]:
    """Count the scans of each class or value bin in each pool, and all as `scans`."""
    found, columns, counts = cross_counts(pooled["pool"], strata)
    rows = dict(zip(found, counts.tolist(), strict=True))
    names = list(map(str, columns))
    return {
        pool: dict(zip(names, rows[pool], strict=True)) | {"scans": sum(rows[pool])}
        for pool in list_pools(pooled["pool"].unique())
    }


def pool_table(pools: Mapping[str, Mapping[str, int]]) -> Table:
    """Show how many scans of each class or value bin are in each pool."""
    table = make_table("pool", *next(iter(pools.values())))
    for pool, counts in pools.items():
        table.add_row(pool.replace("_", " "), *map(str, counts.values()))
    return table


def read_sample(cohort: Cohort, recipe: Recipe, report: CheckReport) -> None:
    """Read the voxels of a few scans as a run would, and say which it would leave out."""
    if cohort.images_pending or recipe.images.scans == "listed":
        return
    step = max(1, len(cohort.frame) // SAMPLE)
    for image in cohort.frame["image"].iloc[::step][:SAMPLE]:
        try:
            make_volume(Path(image), recipe.images.grid)
        except ScanError as error:
            report.warn(f"of the few scans that were read, the run would leave out {error}")


def foresee_needs(
    recipe: Recipe, asked: Asked, *, backbone: ModelBackbone, plan: ModelPlan
) -> dict[str, Any]:
    """Return tokens, steps, and rough figures for memory and time, JSON-ready.

    Raises:
        DataError: a dialogue is longer than the model takes.
    """
    tokens = count_tokens(asked.first, backbone, plan)
    if tokens > plan.context_length:
        raise DataError(
            f"a dialogue has about {tokens} tokens, the model takes {plan.context_length}",
            found=tokens,
            hint="use larger patches, a smaller grid, shorter wordings or fewer references",
        )
    known = plan.num_parameters > 0
    read = tokens * count_read(recipe, asked)
    return {
        "tokens_a_dialogue": tokens,
        "tokens_a_scan": plan.tokens_per_image,
        "steps": count_phases(recipe, backbone, tasks=asked.tasks["train"], scans=asked.scans),
        "memory_gib": memory_gib(plan, tokens * recipe.training.batch_size) if known else None,
        "cpu_hours": training_seconds(plan, read) / 3600 if known else None,
    }


def task_table(needs: Mapping[str, Any], asked: Asked, plan: ModelPlan) -> Table:
    """Show tasks, tokens, steps, and rough figures for memory and time."""
    table = make_table("tasks", "")
    for name, count in asked.tasks.items():
        table.add_row(name, f"{count:,}")
    table.add_row(
        "tokens a dialogue", f"{needs['tokens_a_dialogue']:,} ({plan.tokens_per_image:,} a scan)"
    )
    for row, steps in needs["steps"].items():
        table.add_row(row, f"{steps:,}")
    hours = needs["cpu_hours"]
    if hours is None:
        table.add_row("memory and time", "not known before the weights are here")
        return table
    table.add_row("memory, roughly", f"{needs['memory_gib']:.1f} GiB")
    table.add_row("time on two CPU cores, roughly", tell_hours(hours))
    return table


def count_tokens(task: Task, backbone: ModelBackbone, plan: ModelPlan) -> int:
    """Count the tokens of a dialogue in the chat form."""
    text = "".join(
        f"{turn.role}\n"
        + "".join(part for part in turn.content if not isinstance(part, Image))
        + "\n"
        for turn in task.turns
    )
    markers = 2 * len(task.turns)
    return backbone.count_tokens(text) + markers + plan.tokens_per_image * len(task.images)


def memory_gib(plan: ModelPlan, tokens: int) -> float:
    """Estimate the memory of a training step.

    Weights, gradients and AdamW's two moments in float32, and about 40 values a token and
    square root of the weights for activations, besides a GiB for the libraries.
    """
    values = 4 * plan.num_parameters + 40 * tokens * math.sqrt(plan.num_parameters)
    return 1 + 4 * values / 2**30


def training_seconds(plan: ModelPlan, tokens: int) -> float:
    """Estimate the time of a training: six operations a weight and token, on two cores."""
    return 6 * plan.num_parameters * tokens / (2 * FLOPS_A_CORE)
