"""What checks find: faults of a study or a split, as data, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from brainplug.errors import DataError, LeakageError

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 5
"""People named for a finding."""


@attrs.frozen(kw_only=True)
class Finding:
    """Something the audit found.

    Attributes:
        kind: `leak` breaks the promise of apart pools, `shortcut` that of mute references; a
            `note` breaks none.
        what: in a sentence.
        members: whom or what it concerns.
    """

    kind: Literal["leak", "shortcut", "note"]
    what: str
    members: tuple[str, ...] = ()

    def told(self) -> ToldFinding:
        """Return the finding with a few of its members."""
        return ToldFinding(
            kind=self.kind,
            what=self.what,
            count=len(self.members),
            examples=self.members[:SHOWN],
        )


@attrs.frozen(kw_only=True)
class ToldFinding:
    """A finding as it is written down and shown: how many it concerns, and a few of them."""

    kind: Literal["leak", "shortcut", "note"]
    what: str
    count: int
    examples: tuple[str, ...]


def refuse_findings(findings: Iterable[Finding], *, allow_shortcut: bool) -> None:
    """Stop a run on what breaks a promise.

    Raises:
        LeakageError: pools are not apart; names who is concerned.
        DataError: a rule that sees no scan beats chance, and `allow_shortcut` is off.
    """
    shortcuts = []
    for finding in findings:
        if finding.kind == "leak":
            raise LeakageError(finding.what, finding.members)
        if finding.kind == "shortcut":
            shortcuts.append(finding.what)
    if shortcuts and not allow_shortcut:
        raise DataError(
            "; ".join(shortcuts),
            found=tuple(shortcuts),
            hint="choose another pairing or wording, or set allow_shortcut = true in [audit] to "
            "go on all the same",
        )
