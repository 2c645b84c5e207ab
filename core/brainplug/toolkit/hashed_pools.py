"""What split strategies share: groups drawn into pools by hashes of their names.

A draw is settled by a salt and a group's own name, so it holds whatever other rows there are and
in whatever order they come. Shares therefore hold on average and not to the last group.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
import pandas as pd
from attrs.validators import and_, gt, lt, optional

from brainplug.api.records import SPLITS
from brainplug.api.roles import about
from brainplug.toolkit.folds import (
    check_fold,
    check_fractions,
    check_validation,
    fold_option,
    folds_option,
    list_folds,
    share_of_validation,
    validation_option,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jaxtyping import Float, Int

PoolDesign = Literal["halves", "shared"]

USUAL_QUERY = 0.5
"""Share of the groups that are queries where a recipe names none."""


@attrs.frozen(kw_only=True)
class Fractions:
    """Shares of the groups that go to training, validation and test; they sum to 1."""

    train: float = attrs.field(
        default=0.70, validator=and_(gt(0), lt(1)), metadata=about("share that is trained on")
    )
    val: float = attrs.field(
        default=0.15, validator=and_(gt(0), lt(1)), metadata=about("share that chooses the weights")
    )
    test: float = attrs.field(
        default=0.15, validator=and_(gt(0), lt(1)), metadata=about("share that is reported")
    )

    def __attrs_post_init__(self) -> None:
        """Refuse shares that leave people out or count them twice."""
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(
                f"train, val and test must sum to 1: {self.train} + {self.val} + {self.test} "
                f"= {total:g}"
            )


def pools_option() -> Any:
    """Make the option `pools` of a split strategy."""
    return attrs.field(
        default="halves",
        metadata=about(
            "halves: of each split some people are queries and others their references, who never "
            "meet; shared, for small studies: all are queries, with references from the others of "
            "the same split, never of the own family"
        ),
    )


def query_option(whom: str = "groups") -> Any:
    """Make the option `query` of a split strategy."""
    return attrs.field(
        default=None,
        validator=optional(and_(gt(0), lt(1))),
        metadata=about(
            f"share of each split's {whom} that are queries, the rest are references; not with "
            f'pools = "shared"; not set means {USUAL_QUERY}'
        ),
    )


def check_query(query: float | None, pools: PoolDesign) -> None:
    """Refuse a share of queries where all are.

    Raises:
        ValueError: names both options.
    """
    if query is not None and pools == "shared":
        raise ValueError(
            'query is the share of people who are asked; with pools = "shared" all are, so leave '
            f"query out: query = {query:g}"
        )


@attrs.frozen(kw_only=True)
class DrawOptions:
    """Options of a strategy that draws groups of people by shares, or into folds."""

    fractions: Fractions | None = attrs.field(
        default=None,
        metadata=about(
            "shares of train, val and test, which sum to 1; not set means 0.70, 0.15 and 0.15, "
            "unless folds are"
        ),
    )
    pools: Literal["halves", "shared"] = pools_option()
    query: float | None = query_option("groups (with folds, of those that train)")
    folds: int | None = folds_option()
    fold: int | None = fold_option()
    validation: float | None = validation_option()

    def __attrs_post_init__(self) -> None:
        """Refuse settings of which one would be ignored."""
        if self.fractions is not None:
            check_fractions(self.folds)
        check_fold(self.fold, self.folds)
        check_validation(self.validation, self.folds)
        check_query(self.query, self.pools)

    def runs(self) -> dict[str, DrawOptions]:
        """Return the options of each run of a cross-validation; none where one is chosen."""
        return {
            name: attrs.evolve(self, fold=fold)
            for name, fold in list_folds(self.fold, self.folds).items()
        }


def uniform(salt: str, keys: Iterable[str]) -> Float[np.ndarray, " n"]:
    """Return a number in [0, 1) for each key, settled by salt and key alone.

    >>> uniform("a", ["x", "y"])[1] == uniform("a", ["y"])[0]
    np.True_
    """
    # The line break keeps salt and key apart: `1` with `2a` must not be drawn as `12` with `a`.
    sha256, salted = hashlib.sha256, f"{salt}\n".encode()
    heads = b"".join([sha256(salted + key.encode()).digest()[:8] for key in keys])
    # 53 bits, as a float holds no more: the largest of 64 would be rounded up to 1.
    return (np.frombuffer(heads, dtype=">u8") >> np.uint64(11)).astype(float) / 2**53


def draw_numbers(salt: str, groups: pd.Series) -> Float[np.ndarray, " n"]:
    """Return `uniform` of each row's group, hashing each group once."""
    indices, names = pd.factorize(groups)
    assert (indices >= 0).all()  # every row has a group
    drawn: Float[np.ndarray, " n"] = uniform(salt, names.tolist())[indices]
    return drawn


def draw_splits(salt: str, groups: pd.Series, fractions: Fractions) -> pd.Series:
    """Draw train, val or test for each row's group.

    >>> draw_splits("1/split", pd.Series(["subject a", "subject o"]), Fractions()).tolist()
    ['train', 'test']
    """
    # No edge at the end: rounding could put the sum below 1, and a number beyond it in no split.
    edges = [fractions.train, fractions.train + fractions.val]
    indices = np.searchsorted(edges, draw_numbers(salt, groups), side="right")
    return name_splits(indices, groups.index)


def name_splits(places: Int[np.ndarray, " n"], index: pd.Index) -> pd.Series:
    """Name splits by their places in `SPLITS`."""
    return pd.Series(np.array(SPLITS, dtype=object)[places], index=index, dtype="str")


def draw_halves(groups: pd.Series, query: float, *, seed: int) -> pd.Series:
    """Draw `query` or `reference` for each row's group, whatever its split.

    Args:
        groups: name of the group of each row.
        query: share of the groups that become queries.
        seed: salt of the hash.
    """
    # A salt of its own: by the number that chose the split, the low half would be all of training.
    drawn = draw_numbers(f"{seed}/query", groups) < query
    halves = np.array(["reference", "query"], dtype=object)[drawn.astype(int)]
    return pd.Series(halves, index=groups.index, dtype="str")


def join_halves(splits: pd.Series, halves: pd.Series) -> pd.Series:
    """Name the pool of each row by its split and half.

    >>> join_halves(pd.Series(["val"]), pd.Series(["query"])).tolist()
    ['val_query']
    """
    return splits + "_" + halves


def name_pools(splits: pd.Series, halves: pd.Series, whole: Collection[str] = ()) -> pd.Series:
    """Name the pool of each row, that of its half unless its split is one pool.

    >>> splits, halves = pd.Series(["val", "test"]), pd.Series(["query", "query"])
    >>> name_pools(splits, halves, whole=("test",)).tolist()
    ['val_query', 'test']
    """
    return join_halves(splits, halves).mask(splits.isin(list(whole)), splits)


def whole_splits(pools: PoolDesign, *, asks_all: bool = False) -> tuple[str, ...]:
    """Return the splits that are one pool.

    Args:
        pools: of the recipe.
        asks_all: whether the references of all splits are training scans.
    """
    if pools == "shared":
        return SPLITS
    return SPLITS[1:] if asks_all else ()


def hash_pools(groups: pd.Series, fractions: Fractions, query: float, *, seed: int) -> pd.Series:
    """Put each group into one of the six pools by two independent hashes of its name.

    Args:
        groups: name of the group of each row.
        fractions: shares of the groups that each split gets.
        query: share of each split's groups that become queries; the others become references.
        seed: salt of the hashes.
    """
    splits = draw_splits(f"{seed}/split", groups, fractions)
    return join_halves(splits, draw_halves(groups, query, seed=seed))


def draw_pools(
    groups: pd.Series, options: DrawOptions, *, seed: int, asks_all: bool = False
) -> pd.Series:
    """Put each group into a pool, by shares or by folds.

    Args:
        groups: name of the group of each row.
        options: folds without a fold mean the first.
        seed: salt of the hashes.
        asks_all: whether the references of all splits are training scans.
    """
    whole = whole_splits(options.pools, asks_all=asks_all)
    query = options.query or USUAL_QUERY
    # Where test and validation are one pool each, no fold has to be spent on their references.
    if options.folds is not None and not whole:
        return fold_pools(groups, options, query, seed=seed)
    splits = (
        draw_splits(f"{seed}/split", groups, options.fractions or Fractions())
        if options.folds is None
        else fold_splits(groups, options, seed=seed)
    )
    return name_pools(splits, draw_halves(groups, query, seed=seed), whole)


def draw_folds(groups: pd.Series, folds: int, *, seed: int) -> Int[np.ndarray, " n"]:
    """Draw the fold of each row's group, counted from 0."""
    # Never `folds` itself, since the numbers end short of 1.
    own: Int[np.ndarray, " n"] = np.floor(draw_numbers(f"{seed}/fold", groups) * folds).astype(int)
    return own


def fold_splits(groups: pd.Series, options: DrawOptions, *, seed: int) -> pd.Series:
    """Put each group into train, val or test for one run of a cross-validation without halves.

    The tested fold is the test. Of all others as many as make a fold, or the share `validation`,
    validate, by a draw of each run's own, and the rest train.

    Args:
        groups: name of the group of each row.
        options: with `folds`; without `fold` the first.
        seed: salt of the hashes.
    """
    assert options.folds is not None
    tested = (options.fold or 1) - 1
    own = draw_folds(groups, options.folds, seed=seed)
    share = share_of_validation(options.validation, folds=options.folds, whole=True)
    # Drawn for each run, since people who validate in every run would train in none.
    validates = draw_numbers(f"{seed}/validate/{tested}", groups) < share
    # The tested fold comes first: its people were drawn for validation like all others.
    indices = np.select([own == tested, validates], [2, 1], default=0)
    return name_splits(indices, groups.index)


def fold_pools(groups: pd.Series, options: DrawOptions, query: float, *, seed: int) -> pd.Series:
    """Put each group into a pool by halves for one run of a cross-validation.

    Everybody in the tested fold is asked, so that over the runs everybody is, once. The fold after
    it gives the references of test and validation, half each; of all others, as many as make half a
    fold, or the share `validation`, are asked in the validation, by a draw of each run's own, and
    the rest train.

    Args:
        groups: name of the group of each row.
        options: with `folds`; without `fold` the first.
        query: share of the groups that train that are queries.
        seed: salt of the hashes.
    """
    assert options.folds is not None
    tested = (options.fold or 1) - 1
    own = draw_folds(groups, options.folds, seed=seed)
    half = draw_numbers(f"{seed}/query", groups)
    share = share_of_validation(options.validation, folds=options.folds, whole=False)
    asked = draw_numbers(f"{seed}/validate/{tested}", groups) < share
    # The last fold gets its references from the first, so that every fold gives some once.
    after = own == (tested + 1) % options.folds
    # The first that holds counts: `asked` and `half` are drawn for everybody, whatever the fold.
    pools = np.select(
        [own == tested, after & (half < 0.5), after, asked, half < query],
        ["test_query", "val_reference", "test_reference", "val_query", "train_query"],
        default="train_reference",
    )
    return pd.Series(pools, index=groups.index, dtype="str")
