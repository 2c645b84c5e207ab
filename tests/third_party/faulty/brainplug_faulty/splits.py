"""Split strategies: two with a fault, and one with a helper that is no ability."""
import attrs

from brainplug import Part, hookimpl
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.splits.family import Family


@attrs.frozen(kw_only=True)
class Options:
    """Options of `aimless`."""


class Aimless:
    """A strategy without `assign`."""

    def __init__(self, options): ...


class Seedless(Family):
    """A strategy that takes no seed."""

    def assign(self, cohort):
        return super().assign(cohort, seed=1)


class Helped:
    """A strategy whose method `runs` is its own affair."""

    def __init__(self, options):
        self.family = Family(options)

    def runs(self, cohort):
        return {"first": {}, "second": {}}

    def assign(self, cohort, *, seed):
        self.runs(cohort)
        return self.family.assign(cohort, seed=seed)


@hookimpl
def brainplug_splits():
    yield Part("aimless", Options, Aimless)
    yield Part("seedless", DrawOptions, Seedless)
    yield Part("helped", DrawOptions, Helped)
