"""Split strategy: whole sites held out."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd
from attrs.validators import and_, gt, lt, min_len, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.records import SPLITS
from brainplug.api.roles import Part, Repeats, about
from brainplug.errors import DataError, show
from brainplug.toolkit.codes import find_missing, show_counts
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import (
    USUAL_QUERY,
    Fractions,
    check_query,
    draw_halves,
    draw_numbers,
    draw_splits,
    name_pools,
    name_splits,
    pools_option,
    query_option,
    whole_splits,
)
from brainplug.toolkit.image_matching import natural_key
from brainplug.toolkit.tables import no_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brainplug.api.roles import SplitStrategy

VAL_FRACTION = 0.15
TRAIN, VAL, TEST = range(len(SPLITS))

_LONGEST_NAME = 60


@attrs.frozen(kw_only=True)
class SiteOptions:
    """Options of `site`."""

    column: str = attrs.field(
        default="site",
        validator=min_len(1),
        metadata=about("column of the cohort that holds the site, the scanner or the study"),
    )
    test: tuple[str, ...] | None = attrs.field(
        default=None, validator=optional(min_len(1)), metadata=about("sites that are tested")
    )
    each: bool = attrs.field(
        default=False,
        metadata=about("leave one site out: one run for each site, in which it is tested"),
    )
    val: tuple[str, ...] | None = attrs.field(
        default=None,
        validator=optional(min_len(1)),
        metadata=about("sites that choose the weights; needs test"),
    )
    val_fraction: float | None = attrs.field(
        default=None,
        validator=optional(and_(gt(0), lt(1))),
        metadata=about(
            "share of the families of all other sites that choose the weights, where val names no "
            f"site; needs test or each; not set means {VAL_FRACTION}"
        ),
    )
    fractions: Fractions | None = attrs.field(
        default=None,
        metadata=about(
            "without test and each: shares of the sites that are drawn for train, val and test, "
            "which sum to 1; not set means 0.70, 0.15 and 0.15"
        ),
    )
    pools: Literal["halves", "shared"] = pools_option()
    query: float | None = query_option("families")

    def __attrs_post_init__(self) -> None:
        """Refuse settings of which one would be ignored."""
        for wrong, problem in self._clashes():
            if wrong:
                raise ValueError(problem)
        check_query(self.query, self.pools)

    def _clashes(self) -> tuple[tuple[bool, str], ...]:
        named = self.test is not None or self.each
        validates = self.val is not None or self.val_fraction is not None
        both = sorted(set(self.test or ()) & set(self.val or ()))
        return (
            (self.test is not None and self.each, "each tests every site in turn; leave test out"),
            (
                self.fractions is not None and named,
                "fractions are shares of sites that are drawn; leave them out with test or each",
            ),
            (
                validates and not named,
                "val and val_fraction need test or each; without them sites are drawn by fractions",
            ),
            (
                self.val is not None and self.val_fraction is not None,
                "val names the sites that validate; leave val_fraction out, or val",
            ),
            (
                self.val is not None and self.each,
                "val cannot be held with each, which tests those sites too; use val_fraction",
            ),
            (bool(both), f"a site cannot be in test and in val: {', '.join(map(repr, both))}"),
        )


class Site:
    """Holds out whole sites, named, drawn by a hash of their names, or each in its turn.

    A family goes as one: to test if any of its scans is from a test site, else to val if any is
    from a val site. So no scan of a test site is trained on, and no family is in two splits; people
    who were also scanned elsewhere bring those scans to test. With `val_fraction`, families of the
    other sites are drawn for val.

    Drawn sites depend on nothing but their own names, so shares of few sites hold only roughly:
    with fewer than about twenty, name them or use `each`. In a recipe of several cohorts a site
    may be named as `STUDY:SITE`; a plain name means that site of every study.
    """

    abilities = (Repeats,)

    def __init__(self, options: SiteOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; `each` means the first site.

        A name that no site bears is passed over, since this may be one study of several; `runs`
        sees all of them and refuses it.
        """
        options = next(iter(self.runs(cohort).values())) if self.options.each else self.options
        sites, groups = Sites.of(cohort, options.column), family_groups(cohort)
        by_site = split_sites(sites, options, seed=seed)
        # The places of splits rise, so test comes before val and val before train.
        places = by_site.groupby(groups).transform("max").to_numpy(copy=True)
        if options.test is not None and options.val is None:
            drawn = draw_numbers(f"{seed}/val", groups) < (options.val_fraction or VAL_FRACTION)
            # Of training only: who was scanned at a test site, or has a relative there, stays in
            # test.
            places[drawn & (places == TRAIN)] = VAL
        splits = name_splits(places, cohort.index)
        halves = draw_halves(groups, options.query or USUAL_QUERY, seed=seed)
        return name_pools(splits, halves, whole_splits(options.pools))

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, SiteOptions]:
        """Return the options that test each site, none without `each`.

        Raises:
            DataError: an option names a site that nobody is from, or there is one site only.
        """
        sites = Sites.of(cohort, self.options.column)
        sites.check(self.options.test or (), option="test")
        sites.check(self.options.val or (), option="val")
        if not self.options.each:
            return {}
        labels = sorted(sites.shown.unique(), key=natural_key)
        if len(labels) < 2:
            raise DataError(
                sites.list_all(),
                expected="at least two sites to leave one out",
                found=tuple(labels),
                hint="set split.column, or use another split",
            )
        return {
            name: attrs.evolve(self.options, test=(label,), each=False)
            for name, label in zip(run_names(labels), labels, strict=True)
        }


@attrs.frozen(kw_only=True, eq=False)
class Sites:
    """The site of each scan.

    Attributes:
        column: where it was read.
        names: as the study writes them.
        labels: as `STUDY:SITE`.
        shown: the labels where there are several studies, else the names.
    """

    column: str
    names: pd.Series
    labels: pd.Series
    shown: pd.Series

    @classmethod
    def of(cls, cohort: pd.DataFrame, column: str) -> Sites:
        """Read the sites of a cohort.

        Raises:
            DataError: there is no such column, or a scan has no site.
        """
        if column not in cohort.columns:
            raise no_column(column, cohort.columns, option="split.column").within("the cohort")
        names = cohort[column].astype("str").str.strip()
        lacking = names.isna() | names.isin(find_missing(names.dropna().unique(), ()))
        if lacking.any():
            raise no_site(cohort.loc[lacking, "subject"], len(cohort), column)
        # A study is its own site here, and nobody would write `A:A`.
        if column == "study" or "study" not in cohort.columns:
            return cls(column=column, names=names, labels=names, shown=names)
        labels = cohort["study"].astype("str") + ":" + names
        shown = labels if len(cohort["study"].unique()) > 1 else names
        return cls(column=column, names=names, labels=labels, shown=shown)

    def find(self, wanted: Sequence[str]) -> pd.Series:
        """Say which scans are from one of these sites, plain or as `STUDY:SITE`."""
        asked = [site.strip() for site in wanted]
        return self.names.isin(asked) | self.labels.isin(asked)

    def check(self, wanted: Sequence[str], *, option: str) -> None:
        """Refuse names that no site bears.

        Raises:
            DataError: lists the sites there are.
        """
        known = {*self.names.unique(), *self.labels.unique()}
        unknown = [site for site in wanted if site.strip() not in known]
        if unknown:
            raise DataError(
                f"no scan is from {show(unknown)}; column {self.column!r} has {self.list_all()}",
                where=f"split.{option}",
                found=tuple(unknown),
            )

    def list_all(self) -> str:
        """List the sites with their numbers of scans."""
        return show_counts(self.shown, limit=40)


def no_site(subjects: pd.Series, scans: int, column: str) -> DataError:
    """Make the error for scans of which nobody knows where they are from."""
    examples = ", ".join(map(repr, sorted(subjects.unique())[:5]))
    return DataError(
        f"{len(subjects)} of {scans} scans have no site in column {column!r}, for example those "
        f"of {examples}",
        found=tuple(sorted(subjects.unique())),
        hint="fill the column in, set the column of the site in [cohort], set split.column, or "
        "leave these rows out of the table",
    )


def split_sites(sites: Sites, options: SiteOptions, *, seed: int) -> pd.Series:
    """Return the place in `SPLITS` of each scan's site: as named, else drawn by its name."""
    if options.test is None:
        drawn = draw_splits(f"{seed}/site", sites.names, options.fractions or Fractions())
        return drawn.map({split: place for place, split in enumerate(SPLITS)}).astype(int)
    places = pd.Series(TRAIN, index=sites.names.index)
    places = places.mask(sites.find(options.val or ()), VAL)
    return places.mask(sites.find(options.test), TEST)


def run_names(sites: Sequence[str]) -> list[str]:
    """Name a run after each site, fit for a file name and never twice, whatever the case.

    >>> run_names(["London", "Site 7"])
    ['site-London', 'site-Site-7']
    >>> [name[:8] for name in run_names(["a/b", "A b"])]
    ['site-a-b', 'site-A-b']
    """
    plain = [re.sub("[^A-Za-z0-9]+", "-", site).strip("-") for site in sites]
    # Runs become folders, and disks of Macs and Windows do not tell cases apart.
    forms = pd.Series(plain).str.casefold()
    unclear = forms.duplicated(keep=False) | (forms == "") | (forms.str.len() > _LONGEST_NAME)
    return [
        f"site-{short[:_LONGEST_NAME]}-{digest(site)}".replace("--", "-")
        if doubtful
        else f"site-{short}"
        for short, site, doubtful in zip(plain, sites, unclear, strict=True)
    ]


def digest(site: str) -> str:
    """Return eight characters that tell sites apart whose names look alike."""
    return hashlib.sha256(site.encode()).hexdigest()[:8]


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `site`."""
    yield Part("site", SiteOptions, Site)
