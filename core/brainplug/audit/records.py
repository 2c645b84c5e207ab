"""The records of `audit.json`: are pools apart and alike, and what answers without a scan."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from brainplug.findings import ToldFinding


@attrs.frozen(kw_only=True)
class PoolCounts:
    """How many are in a pool."""

    scans: int
    subjects: int
    families: int


@attrs.frozen(kw_only=True)
class PoolBalance:
    """A column in one pool, and how far it is from all other pools.

    Attributes:
        n: scans with a value.
        counts: of each class; None for numbers.
        mean: of numbers.
        sd: of numbers.
        standardised_difference: of the pool's mean from all other scans, in pooled SD; for classes
            the largest. None where it is not defined.
    """

    n: int
    counts: Mapping[str, int] | None = None
    mean: float | None = None
    sd: float | None = None
    standardised_difference: float | None


@attrs.frozen(kw_only=True)
class SplitAudit:
    """Who is where, and how alike the pools are.

    Attributes:
        checks: what should be none, in words, with how many there are.
        known: what is known of people and scans, in words, with counts.
        pools: counts of each pool.
        balance: for each column that is compared, each pool.
    """

    checks: Mapping[str, int]
    known: Mapping[str, int]
    pools: Mapping[str, PoolCounts]
    balance: Mapping[str, Mapping[str, PoolBalance]]


@attrs.frozen(kw_only=True)
class Information:
    """Mutual information of reference and query, in bits: as counted, and freed of its bias."""

    plug_in: float
    corrected: float


@attrs.frozen(kw_only=True)
class ShortcutTest:
    """Whether something that is no scan tells the answer.

    Attributes:
        z: standard errors from chance; None where there is nothing to test.
        excess: agreement, or gain, beyond chance; in the target's unit for a numerical target's
            words.
        beats_chance: whether that is more than chance can be.
        sentence: what it would mean, in words.
    """

    z: float | None
    excess: float
    beats_chance: bool
    sentence: str


@attrs.frozen(kw_only=True)
class WordsAudit:
    """What can be told without a scan.

    Attributes:
        mutual_information_bits: of each split.
        dependence: of a query's value on its references'.
        text_only: a classifier of the words.
        baselines: accuracy or mean absolute error over people of each rule that sees no scan, by
            split; None where nobody was asked.
    """

    mutual_information_bits: Mapping[str, Information]
    dependence: ShortcutTest
    text_only: ShortcutTest
    baselines: Mapping[str, Mapping[str, float | None]]


@attrs.frozen(kw_only=True)
class Audit:
    """All of `audit.json`.

    Attributes:
        split: pools.
        words: dialogues.
        notes: what the pairing says of its pairs.
        findings: what breaks a promise, and notes.
    """

    split: SplitAudit
    words: WordsAudit
    notes: tuple[str, ...]
    findings: tuple[ToldFinding, ...]
