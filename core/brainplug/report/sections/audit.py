"""The audit: what was checked of the split and of the words, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.paths import without_paths
from brainplug.report.sharing import show_count
from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.audit.records import ShortcutTest
    from brainplug.findings import ToldFinding
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Check:
    """A check: what, what came of it, and whether it passed; None where it is told only."""

    name: str
    result: str
    passed: bool | None


@attrs.frozen(kw_only=True)
class Audited:
    """The audit in words.

    Attributes:
        checks: of split and words.
        measure: what the rules are scored by.
        splits: heads of the columns.
        rules: score of each rule that sees no scan, by split.
        notes: of the pairing.
        findings: kind and sentence of each.
    """

    checks: Sequence[Check]
    measure: str
    splits: Sequence[str]
    rules: Sequence[tuple[str, Sequence[str]]]
    notes: Sequence[str]
    findings: Sequence[tuple[str, str]]


def make(facts: Facts) -> Audited | None:
    """Tell what was checked and found."""
    audit = facts.audit
    if audit is None:
        return None
    words = audit.words
    splits = list(words.baselines)
    numerical = facts.metrics.target.kind == "numerical"
    rules = list(dict.fromkeys(rule for scores in words.baselines.values() for rule in scores))
    told = [
        (rule, [show_number(words.baselines[split].get(rule)) for split in splits])
        for rule in rules
    ]
    bits = [show_number(words.mutual_information_bits[split].corrected, 2) for split in splits]
    return Audited(
        checks=list(list_checks(facts)),
        measure="mean absolute error" if numerical else "share of dialogues answered rightly",
        splits=splits,
        rules=[*told, ("bits that the reference tells of the query", bits)],
        notes=[without_paths(note, individual=facts.individual) for note in audit.notes],
        findings=[
            (each.kind, show_finding(each, individual=facts.individual)) for each in audit.findings
        ],
    )


def list_checks(facts: Facts) -> Iterator[Check]:
    """Give each check; what is only known has no verdict."""
    assert facts.audit is not None
    split, words, individual = facts.audit.split, facts.audit.words, facts.individual
    for what, count in split.checks.items():
        result = "none" if count == 0 else show_count(count, individual=individual)
        yield Check(name=what, result=result, passed=count == 0)
    for name, test in (
        ("query's value told by the reference's", words.dependence),
        ("answer told by the words alone", words.text_only),
    ):
        yield Check(name=name, result=show_test(test), passed=not test.beats_chance)
    for what, count in split.known.items():
        # Sites and families are no people; few scans may be of one.
        told = show_count(count, individual=individual or not what.startswith("scans"))
        yield Check(name=what, result=told, passed=None)


def show_test(test: ShortcutTest) -> str:
    """Write how far a test is from chance."""
    return "nothing to test" if test.z is None else f"{show_number(test.z, 2)} standard errors"


def show_finding(finding: ToldFinding, *, individual: bool) -> str:
    """Write a finding, with whom it concerns on an individual page."""
    if not finding.count:
        return finding.what
    count = show_count(finding.count, individual=individual)
    named = f": {', '.join(finding.examples)}" if individual and finding.examples else ""
    return f"{finding.what} ({count}{named})"


def audit_in_words(facts: Facts) -> str:
    """Say in a sentence what the audit came to, for checklists."""
    if facts.audit is None:
        return ""
    failed: Mapping[str, int] = {
        what: count for what, count in facts.audit.split.checks.items() if count
    }
    return "; ".join(failed) if failed else "no person and no family is in two pools"
