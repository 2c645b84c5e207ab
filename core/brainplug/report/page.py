"""The page itself: sections of the facts of a run folder, set by Jinja2 templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError, visible
from brainplug.recipe.requirements import NO_MATPLOTLIB, lacks_matplotlib
from brainplug.report.facts import Facts, Sources
from brainplug.report.sections import (
    audit,
    balance,
    benefit,
    calibration,
    checklist,
    confounds,
    dialogues,
    failures,
    flow,
    interventions,
    methods,
    predictions,
    provenance,
    references,
    runs,
    scores,
    subgroups,
    systems,
    training,
)
from brainplug.report.sentence import claim
from brainplug.report.wording import as_sentence, capital, join_words
from brainplug.runtime.files import write_text

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen
class Section:
    """A part of the page.

    Attributes:
        name: of its template, and of its place on the page.
        title: its heading.
        make: returns what it shows, None where the run has nothing of the kind.
    """

    name: str
    title: str
    make: Callable[[Facts], Any]


SECTIONS = (
    Section("systems", "Result", systems.make),
    Section("runs", "Runs", runs.make),
    Section("flow", "Participants", flow.make),
    Section("balance", "Table 1: pools", balance.make),
    Section("scores", "All scores", scores.make),
    Section("confounds", "Beyond confounds", confounds.make),
    Section("benefit", "What references add", benefit.make),
    Section("interventions", "What answers depend on", interventions.make),
    Section("references", "Use of the references", references.make),
    Section("subgroups", "Subgroups", subgroups.make),
    Section("training", "Training", training.make),
    Section("predictions", "Predictions", predictions.make),
    Section("calibration", "Calibration", calibration.make),
    Section("failures", "Failures", failures.make),
    Section("dialogues", "Dialogues", dialogues.make),
    Section("audit", "Audit", audit.make),
    Section("checklist", "Checklists", checklist.make),
    Section("methods", "Methods, to paste", methods.make),
    Section("provenance", "Cite and run again", provenance.make),
)
"""In the order of the page."""


def write_report(sources: Sources) -> None:
    """Write `report.html` from the files of the run folder."""
    write_text(sources.files.report, render(Facts(sources)))


def render(facts: Facts) -> str:
    """Return the page as HTML.

    Raises:
        RunError: what draws the figures is not installed.
    """
    import jinja2

    if lacks_matplotlib():
        raise RunError(NO_MATPLOTLIB)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        # Names, notes and answers come from outside, and may hold what HTML reads as a tag.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["sentence"] = as_sentence
    environment.filters["capital"] = capital
    shown = [(section, section.make(facts)) for section in SECTIONS]
    metrics, setting = facts.metrics, facts.setting
    page = environment.get_template("page.html.j2").render(
        sections=[(section, found) for section, found in shown if found is not None],
        title=f"{capital(metrics.target.name)} from {join_words(facts.study_names)}",
        claim=claim(metrics, setting),
        simulated=setting.simulated,
        individual=facts.individual,
        locked=facts.split != "test",
        record=facts.record,
        alarms=[*list_findings(facts), *subgroups.list_detectors(facts)],
    )
    # Escapes of a terminal too may come in labels, notes and answers.
    return visible(page)


def list_findings(facts: Facts) -> list[str]:
    """Return what the audit found that breaks a promise."""
    found = audit.make(facts)
    return [text for kind, text in found.findings if kind != "note"] if found else []
