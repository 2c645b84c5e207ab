"""How to cite the run, and how to do it again: versions, commands, hardware, recipe."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.report.paths import without_paths
from brainplug.report.wording import capital

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.report.facts import Facts

TITLE, AUTHORS = "brainplug", "the brainplug authors"
"""As in CITATION.cff, which an installed package does not have."""


@attrs.frozen(kw_only=True)
class Provenance:
    """What another needs to cite the run, and to do it again.

    Attributes:
        citation: of brainplug.
        bibtex: the same for BibTeX.
        command: to type.
        seeds: name and value.
        versions: of Python, brainplug, plugins and libraries.
        hardware: in words; empty where it is not known.
        stages: name and seconds of each.
        recipe: resolved, with every default.
    """

    citation: str
    bibtex: str
    command: str
    seeds: Sequence[tuple[str, str]]
    versions: Sequence[tuple[str, str]]
    hardware: str
    stages: Sequence[tuple[str, str]]
    recipe: str


def make(facts: Facts) -> Provenance:
    """Gather what the record tells."""
    record = facts.record
    version = str(record.get("brainplug") or metadata.version("brainplug"))
    text = facts.sources.files.recipe.read_text(encoding="utf-8")
    return Provenance(
        citation=f"{capital(AUTHORS)}. {TITLE}, version {version} [computer program]. MIT licence.",
        bibtex=bibtex(version),
        command="brainplug run recipe.toml",
        seeds=list_seeds(record),
        versions=list_versions(record, version),
        hardware=describe_hardware(record.get("hardware", {})),
        stages=list_times(record.get("stages", {})),
        recipe=without_paths(text, individual=facts.individual),
    )


def bibtex(version: str) -> str:
    """Write the citation as an entry of BibTeX."""
    return (
        f"@software{{brainplug,\n  title = {{{TITLE}}},\n  author = {{{{{AUTHORS}}}}},\n"
        f"  version = {{{version}}},\n  license = {{MIT}}\n}}"
    )


def list_seeds(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Tell the seeds: that of training where it is one of its own."""
    if "seed" not in record:
        return []
    seeds = [("seed of split, pairs and draws", str(record["seed"]))]
    own = record.get("training_seed", record["seed"])
    return seeds if own == record["seed"] else [*seeds, ("seed of the training", str(own))]


def list_versions(record: Mapping[str, Any], version: str) -> list[tuple[str, str]]:
    """Tell the versions of all that computed."""
    commit = record.get("commit")
    return [
        ("brainplug", f"{version}, commit {commit[:12]}" if commit else version),
        ("Python", str(record.get("python", "not known"))),
        *(
            (str(name), str(each))
            for name, each in record.get("plugins", {}).items()
            if name != TITLE
        ),
        *((str(name), str(each)) for name, each in record.get("libraries", {}).items()),
    ]


def describe_hardware(hardware: Mapping[str, Any]) -> str:
    """Say what it ran on."""
    parts = [str(hardware.get("processor") or ""), *map(str, hardware.get("accelerators") or ())]
    if "cores" in hardware:
        parts.append(f"{hardware['cores']} cores")
    if "memory_gib" in hardware:
        parts.append(f"{hardware['memory_gib']:.0f} GiB")
    return ", ".join(part for part in parts if part)


def list_times(stages: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Tell how long each stage took, where the ledger knows."""
    return [
        (name, f"{entry['seconds']:,.0f} s")
        for name, entry in stages.items()
        if isinstance(entry.get("seconds"), int | float)
    ]
