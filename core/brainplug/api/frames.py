"""What the tables hold that a part is given and returns: columns, types, and what NA means.

Everything of a study is text (`str` of pandas), numbers too, so that ids keep their zeros and codes
stay codes; NA always means that nobody knows. Only the target has another type once a task head has
read it. docs/roles/ prints these tables, and a test compares them with what parts are really given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: of the column; in angle brackets where it stands for several.
        type: of its values; with "or NA" where they may be missing.
        about: what it holds, and who looks at it.
    """

    name: str
    type: str
    about: str


@attrs.frozen(kw_only=True)
class Frame:
    """A table, or a column, that passes between the engine and a part.

    Attributes:
        role: whose parts it concerns.
        title: who gives it to whom.
        index: what its rows are known by.
        columns: of the table.
    """

    role: str
    title: str
    index: str
    columns: tuple[Column, ...]


FOUND: Mapping[str, str] = {
    "age": "compared between pools; a band of it groups scores; read as a confound",
    "sex": "compared between pools; groups scores; read as a confound",
    "scanner": "compared between pools; groups scores; read as a confound, and off the scans",
}
"""Columns of a study that audit, baselines and scores find by these names, in any case of letters.

A few names that are common in large studies are known too, such as `gender` and `interview_age`;
`brainplug check` and the page say which columns were found. Others are named in the recipe:
`subgroups` in `[evaluation]`, `confounds` in `[evidence]`.
"""

_STUDY = (
    *(Column(name, "text or NA", f"if the study has it: {about}") for name, about in FOUND.items()),
    Column("<any other>", "text or NA", "the study's own columns, under its own names"),
)

_SCANS = (
    Column("subject", "text", "id of the person, as the study writes it; never missing"),
    Column("session", "text or NA", "the visit; NA where there is one only"),
    Column("image", "text", "absolute path of the scan; never missing"),
    Column("family", "text or NA", "what relatives have in common; they stay in one pool"),
    Column("site", "text or NA", "where it was scanned; compared, grouped by, a confound"),
)

_POOLED = (
    *_SCANS,
    Column("study", "text", "name of the study"),
    Column("value", "text, or float", "the target: a label, or a number"),
    Column("stratum", "text", "the label, or the bin of the number: what pairs are balanced by"),
    *_STUDY,
)

FRAMES: tuple[Frame, ...] = (
    Frame(
        role="cohorts",
        title="`CohortTable.scans`, which `load` returns",
        index="any, no label twice",
        columns=(*_SCANS, *_STUDY),
    ),
    Frame(
        role="cohorts",
        title="`CohortTable.exclusions`, which `load` returns",
        index="any",
        columns=(
            Column("subject", "text or NA", "as far as it is known"),
            Column("session", "text or NA", "as far as it is known"),
            Column("image", "text or NA", "as far as it is known"),
            Column("reason", "text", "short, the same for all rows left out for it; never missing"),
            Column("detail", "text or NA", "what was found in this row"),
        ),
    ),
    Frame(
        role="splits",
        title="`cohort`, which `assign` is given: one study, one row a scan",
        index="row numbers, in any order; what is returned has the same index",
        columns=(
            *_SCANS,
            Column("study", "text", "name of the study"),
            Column(
                "target",
                "text, or float",
                "only with the ability `UsesTarget`: a label, or a number",
            ),
            *_STUDY,
        ),
    ),
    Frame(
        role="pairings",
        title="`queries` and `references`, which `pair` is given: the pools of one split",
        index="`scan`, the name that a scan has in the run",
        columns=_POOLED,
    ),
    Frame(
        role="pairings",
        title="what `pair` returns: one row a task",
        index="any",
        columns=(
            Column("query", "index label", "of `queries`; each at least once"),
            Column(
                "references",
                "tuple or list of index labels",
                "of `references`, in the order shown, no scan twice; their number may vary",
            ),
        ),
    ),
    Frame(
        role="heads",
        title="`raw`, which `read` is given: the target's column, a row a scan",
        index="any; what is returned has the same index",
        columns=(Column("<the target's column>", "text or NA", "as the study writes it"),),
    ),
    Frame(
        role="heads",
        title="`TargetColumn`, which `read` returns: two columns",
        index="that of `raw`",
        columns=(
            Column("values", "text or NA, or float", "a label, or a number; NA: there is none"),
            Column("reasons", "text", "why there is no value, empty where there is one"),
        ),
    ),
)
"""Every table of every role; metrics, prompts and models are given records, not tables."""


COPIES = "the run itself finds what looks alike, and tells no split of it"

WITHHELD: Mapping[str, Mapping[str, str]] = {
    "splits": {
        "target": "the column 'target' is shown to `assign` and `notes` of a strategy that "
        "declares the ability UsesTarget, `abilities = (UsesTarget,)`, and to no other",
        **dict.fromkeys(
            ("value", "stratum"),
            "such columns are for pairings; here the target is 'target', which a strategy sees "
            "that declares the ability UsesTarget, `abilities = (UsesTarget,)`",
        ),
        "scan": "scans have no names yet; use 'subject' and 'session', or the index",
        "pool": "pools are what `assign` returns",
        **dict.fromkeys(("same_image", "near_image", "repeated_image"), COPIES),
    },
    "pairings": {
        "target": "the target is the column 'value', and its label or bin is 'stratum'",
        "scan": "scans are named by the index of the table",
        "pool": "`queries` and `references` hold one pool each",
        **dict.fromkeys(
            ("same_image", "near_image", "repeated_image"),
            "there is such a column only where scans look alike; ask for it with "
            "`in queries.columns`",
        ),
    },
    "heads": dict.fromkeys(
        [*(column.name for column in _SCANS), *FOUND],
        "`read` is given the target's column alone, no other of the study",
    ),
}
"""Role -> column that its parts may look for in vain -> what holds in its place."""


def frames_of(role: str) -> tuple[Frame, ...]:
    """Return the tables of a role, such as `cohorts`.

    >>> [frame.title for frame in frames_of("splits")]
    ['`cohort`, which `assign` is given: one study, one row a scan']
    """
    return tuple(frame for frame in FRAMES if frame.role == role)
