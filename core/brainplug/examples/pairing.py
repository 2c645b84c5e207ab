"""Pairing that draws the references of each query by lot."""

import zlib
from collections.abc import Iterable

import attrs
import numpy as np
import pandas as pd
from attrs.validators import ge

from brainplug import DataError, Part, about, hookimpl
from brainplug.api.roles import Pairing


@attrs.frozen(kw_only=True)
class DrawnOptions:
    """Options of `drawn`."""

    references_per_query: int = attrs.field(
        default=2,
        validator=ge(1),
        metadata=about("tasks of each query, each beside another reference"),
    )


class Drawn:
    """Draws the references of each query by lot, whatever their values."""

    def __init__(self, options: DrawnOptions) -> None:
        self.count = options.references_per_query

    def pair(
        self,
        queries: pd.DataFrame,
        references: pd.DataFrame,
        *,
        seed: int,
    ) -> pd.DataFrame:
        """Return a row a task; the same people in any order give the same pairs."""
        shown = references.sort_index()
        tasks = []
        for query, person in queries.sort_index().iterrows():
            own = shown["subject"] == person["subject"]
            related = shown["family"] == person["family"]
            strangers = shown.index[~(own | related)]
            if len(strangers) < self.count:
                raise DataError(
                    where="pairing.references_per_query",
                    expected=f"{self.count} references who are no relatives",
                    found=len(strangers),
                    hint="lower it",
                )
            # By the query's own name, so that nobody else decides whom it meets.
            draw = np.random.default_rng([seed, zlib.crc32(str(query).encode())])
            places = draw.choice(len(strangers), self.count, replace=False)
            tasks += [(query, (strangers[place],)) for place in places]
        return pd.DataFrame(tasks, columns=["query", "references"])


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `drawn`."""
    yield Part("drawn", DrawnOptions, Drawn)
