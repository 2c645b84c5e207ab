"""A pairing that takes its references from training and has something to say."""

from collections.abc import Iterable
from typing import Literal

import attrs
import pandas as pd

from brainplug import Part, hookimpl
from brainplug.api.roles import Pairing, Speaks, UsesTraining


@attrs.frozen(kw_only=True)
class FirstOptions:
    """Options of `first`; it has none."""


class First:
    """Pairs each query with the first reference."""

    abilities = (Speaks, UsesTraining)
    references_from: Literal["train"] = "train"

    def __init__(self, options: FirstOptions) -> None:
        self.options = options

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        first = references.sort_values("subject").index[0]
        return pd.DataFrame({"query": queries.index, "references": [(first,)] * len(queries)})

    def notes(
        self, pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame
    ) -> tuple[str, ...]:
        return (f"{len(pairs)} tasks show one reference",)


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `first`."""
    yield Part("first", FirstOptions, First)
