"""Pairing: no references at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, ShowsNone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.roles import Pairing


@attrs.frozen(kw_only=True)
class AloneOptions:
    """`alone` has no options."""


class Alone:
    """Shows no reference: every query is asked once, by itself.

    Nobody has to be kept as a reference, so all people of every split are asked.
    """

    abilities = (ShowsNone,)

    references: Literal["none"] = "none"

    def __init__(self, options: AloneOptions) -> None:
        self.options = options

    def pair(
        self,
        queries: pd.DataFrame,
        references: pd.DataFrame,  # noqa: ARG002  # the role's
        *,
        seed: int,  # noqa: ARG002  # nothing is drawn
    ) -> pd.DataFrame:
        """Return one row a query, sorted by scan."""
        asked = sorted(queries.index.tolist())
        return pd.DataFrame({"query": asked, "references": [()] * len(asked)})


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `alone`."""
    yield Part("alone", AloneOptions, Alone)
