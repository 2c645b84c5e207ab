"""A split strategy that stands for several runs and reads a file of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pandas as pd

from brainplug import Part, about, hookimpl
from brainplug.api.roles import ReadsFiles, Repeats, SplitStrategy


@attrs.frozen(kw_only=True)
class WavesOptions:
    """Options of `waves`."""

    table: Path = attrs.field(metadata=about("table of the wave of each person"))
    wave: int | None = attrs.field(default=None, metadata=about("the wave that is tested"))


class Waves:
    """Tests one wave of recruitment after the other."""

    abilities = (Repeats, ReadsFiles)

    def __init__(self, options: WavesOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        return (self.options.table,)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, Any]:
        if self.options.wave is not None:
            return {}
        return {f"wave-{wave}": attrs.evolve(self.options, wave=wave) for wave in (1, 2)}

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        return pd.Series("train_query", index=cohort.index)


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `waves`."""
    yield Part("waves", WavesOptions, Waves)
