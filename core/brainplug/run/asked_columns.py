"""Which columns of a wide table a run reads: those that its recipe names, and known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.audit.balance import BALANCED
from brainplug.cohort.build import gather
from brainplug.recipe.load import resolve
from brainplug.runtime.files import hash_text
from brainplug.toolkit.wide import asking, is_wide, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.cohort.build import Cohort, StudyParts
    from brainplug.recipe.tables import Recipe


def column_names(recipe: Recipe) -> frozenset[str]:
    """Return every text of a recipe, among which are the columns it names, and those compared.

    A part may name columns under any key, so nothing is left out.
    """
    compared = {name for names in BALANCED.values() for name in names}
    return frozenset(texts_of(resolve(recipe))) | compared


def columns_asked(recipe: Recipe, studies: Iterable[StudyParts]) -> Any:
    """Return what studies of wide tables depend on besides their own settings; else nothing."""
    sources = (path for study in studies for path in study.loader.sources())
    if not any(map(is_wide, sources)):
        return None
    return {"columns": hash_text("\n".join(sorted(column_names(recipe))))}


def gather_headers(recipe: Recipe, studies: Sequence[StudyParts]) -> Cohort:
    """Read the people of studies as far as tables and headers of scans tell; write nothing."""
    with asking(column_names(recipe)):
        return gather(
            studies,
            images=recipe.images,
            audit=recipe.audit,
            cache=None,
            progress=lambda _done, _total: None,
        )
