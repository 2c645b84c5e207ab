"""The audit on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from rich.text import Text

from brainplug.runtime.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from brainplug.audit.records import Audit, SplitAudit, WordsAudit
    from brainplug.findings import ToldFinding

STYLES = {"leak": "bold red", "shortcut": "bold red", "note": "yellow"}


def audit_tables(audit: Audit) -> Iterator[RenderableType]:
    """Show an audit: pools, what meets, what answers without a scan, and the pairing's notes."""
    yield pool_table(audit.split)
    yield rule_table(audit.words)
    yield from audit.notes


def finding_lines(findings: Iterable[ToldFinding]) -> Iterator[Text]:
    """Show findings, a line each, with a few of those concerned."""
    for finding in findings:
        shown = ", ".join(map(repr, finding.examples))
        named = f" ({finding.count}: {shown}{' …' * (finding.count > 5)})" if shown else ""
        yield Text(f"{finding.kind}: {finding.what}{named}", style=STYLES[finding.kind])


def pool_table(audit: SplitAudit) -> Table:
    """Show who is in each pool, and how far each column differs there from all others."""
    columns = list(audit.balance)
    table = make_table("pool", "scans", "subjects", "families", *(f"d {name}" for name in columns))
    for pool, counts in audit.pools.items():
        differences = [show(audit.balance[name][pool].standardised_difference) for name in columns]
        table.add_row(pool.replace("_", " "), *map(str, attrs.astuple(counts)), *differences)
    met = [f"{count} {what}" for what, count in audit.checks.items() if count]
    table.title = "audit"
    table.caption = (
        f"{'; '.join(met) or 'no subject and no family is in two pools'}; "
        "d: standardised difference from all other pools"
    )
    return table


def rule_table(audit: WordsAudit) -> Table:
    """Show what rules that see no scan reach on the people of each split."""
    rules = audit.baselines
    splits = list(rules)
    table = make_table("rule that sees no scan", *splits)
    for rule in rules[splits[0]]:
        table.add_row(rule, *(show(rules[split][rule]) for split in splits))
    bits = audit.mutual_information_bits
    table.add_row(
        "told of query by reference, bits", *(show(bits[split].corrected) for split in splits)
    )
    return table


def show(value: float | None) -> str:
    """Write a number of the audit.

    >>> show(0.4999), show(None)
    ('0.500', 'n/a')
    """
    return "n/a" if value is None else f"{value:.3f}"
