"""Reporting checklists, each item filled from the run or told to be the author's.

TRIPOD+AI: Collins et al. 2024, BMJ 385:e078378. CLAIM: Tejani et al. 2024, Radiology: Artificial
Intelligence 6(4):e240300. Items are named in our own short words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.sections import audit, failures, methods, training
from brainplug.report.sentence import SPLIT_NAMES, compare_in_words, unopened_in_words
from brainplug.report.sharing import show_loss
from brainplug.report.wording import count_of, join_words, metric_name, show_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.records import Metrics
    from brainplug.report.facts import Facts

UNKNOWN = "not known to the program"


@attrs.frozen(kw_only=True)
class Item:
    """An item: number, what it asks, and what the run tells of it; empty for nothing."""

    number: str
    asks: str
    told: str = ""


@attrs.frozen(kw_only=True)
class Checklist:
    """A checklist."""

    name: str
    source: str
    items: Sequence[Item]

    @property
    def filled(self) -> int:
        """How many items the run tells something of."""
        return sum(bool(item.told) for item in self.items)


TRIPOD = (
    ("1", "Title", "title"),
    ("2", "Abstract", ""),
    ("3", "Background: context, rationale, known inequalities", ""),
    ("4", "Objectives", "objective"),
    ("5", "Sources of data and dates", "data"),
    ("6", "Participants: setting, eligibility, treatments", "eligibility"),
    ("7", "Preparation of data", "preparation"),
    ("8", "Outcome and its assessment", "outcome"),
    ("9", "Predictors", "predictors"),
    ("10", "Sample size", "sample"),
    ("11", "Missing data", "missing"),
    ("12", "Analysis: model building, performance, updating", "analysis"),
    ("13", "Class imbalance", "imbalance"),
    ("14", "Fairness", "fairness"),
    ("15", "Output of the model", "output"),
    ("16", "Differences of training and evaluation data", "differences"),
    ("17", "Ethical approval", ""),
    ("18", "Open science: funding, conflicts, protocol, registration, data, code", "code"),
    ("19", "Involvement of patients and the public", ""),
    ("20", "Flow and characteristics of participants", "flow"),
    ("21", "Numbers in development and evaluation", "sample"),
    ("22", "Specification of the full model", "model"),
    ("23", "Performance with intervals, in subgroups too", "performance"),
    ("24", "Updating of the model", ""),
    ("25", "Interpretation", ""),
    ("26", "Limitations", "limits"),
    ("27", "Usability in current care and next steps", ""),
)

CLAIM = (
    ("1", "Title names the technology", "title"),
    ("2", "Abstract", ""),
    ("3", "Background and role of the method", ""),
    ("4", "Aims and hypotheses", "objective"),
    ("5", "Prospective or retrospective", ""),
    ("6", "Goal of the study", "objective"),
    ("7", "Sources of data", "data"),
    ("8", "Inclusion and exclusion", "eligibility"),
    ("9", "Preprocessing", "preparation"),
    ("10", "Selection of subsets of the data", "eligibility"),
    ("11", "De-identification", "deidentified"),
    ("12", "Missing data", "missing"),
    ("13", "Acquisition protocol of the images", ""),
    ("14", "Definition of the reference standard", "outcome"),
    ("15", "Rationale of the reference standard", ""),
    ("16", "Source of the annotations", ""),
    ("17", "Annotation of the test set", ""),
    ("18", "Variability of raters", ""),
    ("19", "How data were assigned to partitions", "partition"),
    ("20", "Level at which partitions are disjoint", "disjoint"),
    ("21", "Intended sample size", "intended"),
    ("22", "Model in detail", "model"),
    ("23", "Software", "software"),
    ("24", "Initial parameters", "initial"),
    ("25", "Training approach", "analysis"),
    ("26", "Selection of the final model", "selection"),
    ("27", "Ensembling", "ensemble"),
    ("28", "Metrics", "metrics"),
    ("29", "Significance and uncertainty", "uncertainty"),
    ("30", "Robustness and sensitivity", "robustness"),
    ("31", "Explanation and interpretability", ""),
    ("32", "Evaluation on internal data", "performance"),
    ("33", "Testing on external data", "external"),
    ("34", "Registration of the trial", ""),
    ("35", "Numbers included and excluded", "flow"),
    ("36", "Demographic characteristics of each partition", "table"),
    ("37", "Performance and uncertainty on each partition", "performance"),
    ("38", "Estimates of performance and their precision", "comparison"),
    ("39", "Analysis of failures", "failed"),
    ("40", "Limitations", "limits"),
    ("41", "Implications for practice", ""),
    ("42", "Protocol or further details", "software"),
    ("43", "Availability of software, model and data", "code"),
    ("44", "Funding and its role", ""),
)


def make(facts: Facts) -> list[Checklist]:
    """Fill both checklists."""
    told = {**told_of_data(facts), **told_of_method(facts), **told_of_result(facts)}
    return [
        fill("TRIPOD+AI", "https://doi.org/10.1136/bmj-2023-078378", TRIPOD, told),
        fill("CLAIM 2024", "https://doi.org/10.1148/ryai.240300", CLAIM, told),
    ]


def fill(
    name: str, source: str, items: Sequence[tuple[str, str, str]], told: Mapping[str, str]
) -> Checklist:
    """Fill one checklist from what the run tells."""
    filled = [Item(number=no, asks=asks, told=told.get(key, "")) for no, asks, key in items]
    return Checklist(name=name, source=source, items=filled)


def told_of_data(facts: Facts) -> dict[str, str]:
    """Tell of participants, scans and splits."""
    recipe, cohort = facts.sources.recipe, facts.cohort
    people = count_of(int(cohort["subject"].nunique()), "person", "people")
    simulated = facts.setting.simulated
    kind = "simulated" if simulated else "not declared as simulated"
    reasons = dict.fromkeys(why for each in facts.studies for why, n in each.flow if n < 0)
    asked = methods.count_asked(facts.metrics)
    split = recipe.split.use if recipe.split else ""
    families = facts.scored.clusters
    return {
        "data": f"{join_words(facts.study_names)}, {kind}; dates are {UNKNOWN}",
        "eligibility": f"left out for: {join_words(list(reasons))}"
        if reasons
        else "nobody left out",
        "preparation": methods_sentence(list(methods.images_in_words(recipe))),
        "sample": f"{people} with usable scans; {asked} asked",
        "missing": "rows without a target or a readable scan are left out and counted by reason",
        "flow": "Participants, on this page: " + flow_in_words(facts),
        "table": "Table 1 of this page",
        "partition": f"strategy “{split}”, seed {recipe.seed}" if split else "finished task files",
        "disjoint": f"person and, where known, family; {audit.audit_in_words(facts)}",
        "differences": "standardised differences of the pools, Table 1",
        "deidentified": ""
        if facts.individual
        else "this page has no ids, scans, paths or counts below 5",
        "imbalance": imbalance_in_words(facts.metrics),
        "external": external_tests(facts.metrics),
        "intended": f"none was declared; {families} independent families or people in the "
        f"{SPLIT_NAMES[facts.split]}",
    }


def told_of_method(facts: Facts) -> dict[str, str]:
    """Tell of model, training and evaluation."""
    recipe, metrics = facts.sources.recipe, facts.metrics
    names = join_words([metric_name(name) for name in facts.scored.metrics])
    learns = f"; {training.count_weights(facts.training)} weights learn" if facts.training else ""
    version = facts.record.get("brainplug", "")
    return {
        "title": f"{metrics.target.name} from T1 scans by a vision-language model",
        "objective": f"whether {metrics.target.name} can be read off a scan beside a reference",
        "outcome": f"{metrics.target.name} as the table has it, {metrics.target.kind}",
        "predictors": "the voxels of the T1 scan, and the references shown with it",
        "analysis": methods_sentence(list(methods.training_in_words(facts))),
        "output": methods.describe_outcome(metrics),
        "model": f"“{recipe.model.use}”{learns}; every option stands in the recipe below",
        "software": f"brainplug {version}; versions of all libraries stand below",
        "initial": f"as “{recipe.model.use}” gives them, seed {recipe.training_seed}",
        "selection": training.describe_selection(metrics.selected),
        "ensemble": "none; the answers of one person are joined into one prediction",
        "metrics": names,
        "uncertainty": methods.describe_intervals(facts),
        "code": f"brainplug {version}, MIT licence, with this recipe; data: see the study",
    }


def told_of_result(facts: Facts) -> dict[str, str]:
    """Tell of performance, subgroups and failures."""
    scored, name = facts.scored, facts.first_metric
    grouped = join_words(list(scored.subgroups))
    small = scored.counts.subjects < SMALL
    limits = [f"fewer than {SMALL} people in the {SPLIT_NAMES[facts.split]}"] if small else []
    limits += ["test not opened"] if unopened_in_words(facts.split) else []
    limits += ["simulated people"] if facts.setting.simulated else []
    limits += [] if facts.metrics.external else ["no external test"]
    return {
        "performance": f"{metric_name(name)} {show_number(scored.metrics[name].value)}, above",
        "comparison": compare_in_words(scored, name),
        "fairness": f"scores by {grouped}, above" if grouped else "",
        "robustness": methods_sentence(list(methods.controls_in_words(facts.metrics))),
        "failed": failures.failures_in_words(facts),
        "limits": join_words(limits) if limits else "",
    }


SMALL = 100
"""People in a test below which an interval is wide (Varoquaux 2018)."""


def methods_sentence(sentences: Sequence[str]) -> str:
    """Join sentences of the methods paragraph."""
    return " ".join(sentences)


def flow_in_words(facts: Facts) -> str:
    """Count rows read and scans kept."""
    parts = []
    for study in facts.studies:
        rows, left = study.flow[0][1], study.flow[-1][1]
        before, _ = show_loss(left, rows - left, individual=facts.individual)
        parts.append(f"{study.study} {before} to {left:,} scans")
    return join_words(parts)


def external_tests(metrics: Metrics) -> str:
    """Say which studies were tested that nothing was learnt from."""
    if metrics.external:
        return f"{join_words(list(metrics.external))}, of which nothing was learnt, above"
    return "none; several studies, each scored alone" if metrics.studies else "none"


def imbalance_in_words(metrics: Metrics) -> str:
    """Say how unequal the classes are in training."""
    counts = metrics.train.counts
    if not counts:
        return ""
    least = min(counts.values()) / max(1, sum(counts.values()))
    return f"smallest class of the training people {least:.0%}; balanced accuracy beside accuracy"
