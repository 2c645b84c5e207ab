"""Split strategy: as a column or a saved split says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd
from attrs.validators import min_len, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.records import POOLS, SPLITS
from brainplug.api.roles import Part, ReadsFiles, about
from brainplug.errors import DataError, LeakageError, show
from brainplug.toolkit.codes import count_values, key_in_toml, normal_code, show_counts
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import (
    USUAL_QUERY,
    Fractions,
    PoolDesign,
    check_query,
    draw_halves,
    hash_pools,
    join_halves,
    query_option,
)
from brainplug.toolkit.image_matching import without_zeros
from brainplug.toolkit.tables import get_column, no_column, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.roles import SplitStrategy

KNOWN = (*SPLITS, *POOLS)
SUBJECT, POOL, SPLIT = "subject", "pool", "split"


@attrs.frozen(kw_only=True)
class AssignedOptions:
    """Options of `assigned`."""

    column: str | None = attrs.field(
        default=None,
        validator=optional(min_len(1)),
        metadata=about("column of the cohort that tells the split or the pool; or set file"),
    )
    file: Path | None = attrs.field(
        default=None,
        metadata=about("table of subjects and pools, such as a run's split.csv; or set column"),
    )
    subject_column: str | None = attrs.field(
        default=None, metadata=about(f"column of the file with the ids; not set means {SUBJECT}")
    )
    pool_column: str | None = attrs.field(
        default=None,
        metadata=about(
            f"column of the file with the split or the pool; not set means {POOL}, or {SPLIT}"
        ),
    )
    values: Mapping[str, str] | None = attrs.field(
        default=None,
        metadata=about(
            "{ value = meaning } where the column or file writes something else than "
            f"{', '.join(KNOWN)}"
        ),
    )
    pools: PoolDesign = attrs.field(
        default="halves",
        metadata=about(
            "halves: where only the split is told, families are drawn to be queries or references; "
            "shared: all of a told split are queries, with references from the others of it, and "
            "told halves are passed over"
        ),
    )
    query: float | None = query_option("families (where only the split is told)")
    others: Literal["error", "draw"] = attrs.field(
        default="error",
        metadata=about(
            "subjects that are not told a pool: an error, or drawn as the split family draws them"
        ),
    )
    fractions: Fractions | None = attrs.field(
        default=None,
        metadata=about(
            'shares of train, val and test among drawn subjects; needs others = "draw"; not set '
            "means 0.70, 0.15 and 0.15"
        ),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that exclude each other, and meanings that are none."""
        if (self.column is None) == (self.file is None):
            raise ValueError("expected one of column and file")
        if self.file is None and (self.subject_column or self.pool_column):
            raise ValueError("subject_column and pool_column are columns of file; set file")
        if self.fractions is not None and self.others != "draw":
            raise ValueError('fractions are for drawn subjects; set others = "draw"')
        check_query(self.query, self.pools)
        self._check_values()

    def _check_values(self) -> None:
        wrong = sorted({each for each in (self.values or {}).values() if each not in KNOWN})
        if wrong:
            raise ValueError(
                f"values must mean one of {', '.join(KNOWN)}: {', '.join(map(repr, wrong))}"
            )
        forms = pd.Series([normal_code(code) for code in self.values or {}], dtype="str")
        if forms.duplicated().any():
            raise ValueError(f"values names {forms[forms.duplicated()].iloc[0]!r} twice")

    @property
    def meanings(self) -> dict[str, str]:
        """What each value of the column or file means."""
        told = {each: each for each in KNOWN} if self.values is None else self.values
        return {normal_code(code): meaning for code, meaning in told.items()}


class Assigned:
    """Takes each subject's split or pool from a column of the cohort, or from a saved file.

    A saved split is looked up by subject, never by family, since family ids change between
    releases. In a recipe of several cohorts the file may write an id as `STUDY:ID`.

    Where train, val or test is told and no half, families are drawn for the halves, unless a
    relative is told one; with `pools = "shared"` a split has none, as in the run that wrote a file
    of splits alone. With `others = "draw"`, somebody who is not told a pool goes where a told
    relative is; without such a relative, where the split `family` would put them.
    """

    abilities = (ReadsFiles,)

    def __init__(self, options: AssignedOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row."""
        options, groups = self.options, family_groups(cohort)
        query = options.query or USUAL_QUERY
        told = self._look_up(cohort)
        self._check_found(cohort, told)
        # A relative who is told something goes before any draw, so that no family is parted.
        pools = fill_halves(told, draw_halves(groups, query, seed=seed), groups)
        pools = fill_from_relatives(pools, groups)
        alone, shares = groups[pools.isna()], options.fractions or Fractions()
        pools = pools.fillna(hash_pools(alone, shares, query, seed=seed))
        return pools.str.partition("_")[0] if options.pools == "shared" else pools

    def sources(self) -> tuple[Path, ...]:
        """Name the file the split is read from; a change of its content redoes the run."""
        return () if self.options.file is None else (self.options.file,)

    def _look_up(self, cohort: pd.DataFrame) -> pd.Series:
        """Return the split or pool that each row's subject is told, missing where none is."""
        subjects = cohort["subject"].astype("str")
        keys = cohort["study"].astype("str") + ":" + subjects if "study" in cohort else subjects
        if self.options.column is None:
            # An id with a study before it is meant for that study, so it comes before a plain one.
            return keys.map(self._saved).fillna(subjects.map(self._saved)).astype("str")
        if self.options.column not in cohort.columns:
            raise no_column(self.options.column, cohort.columns, option="split.column").within(
                "the cohort"
            )
        source = f"column {self.options.column!r}"
        raw = cohort[self.options.column].astype("str")
        return keys.map(read_pools(keys, raw, self.options.meanings, source)).astype("str")

    @cached_property
    def _saved(self) -> dict[str, str]:
        """Subject -> split or pool, as the file tells them."""
        options = self.options
        assert options.file is not None  # asked for with a file only
        table = read_table(options.file)
        subjects = get_column(
            table,
            options.subject_column or SUBJECT,
            option="split.subject_column",
            source=options.file,
        )
        told = SPLIT if POOL not in table.columns and SPLIT in table.columns else POOL
        pools = get_column(
            table, options.pool_column or told, option="split.pool_column", source=options.file
        )
        return read_pools(subjects, pools, options.meanings, str(options.file))

    def _check_found(self, cohort: pd.DataFrame, told: pd.Series) -> None:
        """Refuse subjects that are told no pool, unless they are to be drawn.

        Raises:
            DataError: somebody is not told a pool; or nobody is, as where ids are spelt otherwise.
        """
        lacking = sorted(cohort.loc[told.isna(), "subject"].unique())
        # Where nobody is found, ids are spelt otherwise, and drawing all of them would hide that.
        strange = told.isna().all() and not self._is_of_others()
        if not lacking or (self.options.others == "draw" and not strange):
            return
        hint = "correct the ids" if strange else 'add them, or set others = "draw" in [split]'
        alike = {without_zeros(each) for each in self._saved} if self.options.file else set()
        if any(without_zeros(each) in alike for each in lacking):
            hint = "correct the ids, which stand there in another spelling"
        raise DataError(
            f"{len(lacking)} of {cohort['subject'].nunique()} subjects have no pool, for example "
            f"{show(lacking[:5])}{self._examples()}",
            where=self._source(),
            found=tuple(lacking),
            hint=hint,
        )

    def _is_of_others(self) -> bool:
        """Say whether it is no mistake that nobody is told: the file names other studies."""
        return self.options.file is None or any(":" in subject for subject in self._saved)

    def _source(self) -> str:
        return f"column {self.options.column!r}" if self.options.column else str(self.options.file)

    def _examples(self) -> str:
        """Show how the file writes ids, since that is what is wrong where none is found."""
        if self.options.file is None:
            return ""
        shown = ", ".join(map(repr, sorted(self._saved)[:5]))
        return f"; it has {len(self._saved)} subjects, for example {shown}"


def read_pools(
    subjects: pd.Series, values: pd.Series, meanings: Mapping[str, str], source: str
) -> dict[str, str]:
    """Return the split or pool of each subject that has a value.

    Args:
        subjects: who each value is told of; all scans of a person must agree.
        values: as the source writes them, missing where it tells none; same index.
        meanings: what each value means, by its normal form.
        source: the column or file, for messages.

    Raises:
        DataError: a value has no meaning, or stands beside no subject.
        LeakageError: somebody is told two pools.
    """
    written = values.str.strip()
    said = written.notna() & (written != "")
    lost = int((said & subjects.isna()).sum())
    if lost:
        raise DataError(f"{lost} rows have no subject", where=source, found=lost)
    names = {each: meanings.get(normal_code(each)) for each in written[said].unique()}
    unknown = [each for each, meaning in names.items() if meaning is None]
    if unknown:
        raise unknown_values(written[said & written.isin(unknown)], meanings, source)
    told = pd.DataFrame({"subject": subjects.str.strip(), "pool": written.map(names)})[said]
    # Several rows of a person are no fault as long as all say the same.
    told = told.drop_duplicates()
    twice = told.loc[told["subject"].duplicated(), "subject"].unique()
    if len(twice):
        raise LeakageError(f"{source} tells subjects two pools", sorted(twice))
    return dict(zip(told["subject"].tolist(), told["pool"].tolist(), strict=True))


def unknown_values(found: pd.Series, meanings: Mapping[str, str], source: str) -> DataError:
    """Make the error for values that mean no pool."""
    example = key_in_toml(str(found.iloc[0]))
    return DataError(
        show_counts(found),
        where=source,
        expected=show(tuple(meanings)),
        found=count_values(found),
        hint=f'write what each means, as in values = {{ {example} = "train" }} in [split]',
    )


def fill_halves(told: pd.Series, drawn: pd.Series, groups: pd.Series) -> pd.Series:
    """Complete splits to pools: by the half that a relative is told, else by the drawn one."""
    splits = told.map({each: each.partition("_")[0] for each in KNOWN}).astype("str")
    halves = told.map({each: each.partition("_")[2] for each in POOLS}).astype("str")
    return join_halves(splits, fill_from_relatives(halves, groups).fillna(drawn))


def fill_from_relatives(values: pd.Series, groups: pd.Series) -> pd.Series:
    """Give a row without a value that of its group, by name the first where it has several."""
    known = values.dropna()
    if len(known) in (0, len(values)):
        return values
    return values.fillna(groups.map(known.groupby(groups[known.index]).min()).astype("str"))


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `assigned`."""
    yield Part("assigned", AssignedOptions, Assigned)
