"""Cohort loaders with one fault each."""
import attrs

from brainplug import Part, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of none of these."""


class Sourceless:
    """A loader that does not name its files."""

    def __init__(self, options): ...

    def load(self): ...


class Unreadable:
    """A loader that fails as a disk does."""

    def __init__(self, options): ...

    def sources(self):
        return ()

    def load(self):
        raise PermissionError(13, "Permission denied", "/lab/people.csv")


class Empty(Unreadable):
    """A loader that forgets to return its table."""

    def load(self): ...


class Unbuildable(Unreadable):
    """A loader that cannot be made."""

    def __init__(self, options):
        self.folder = options.folder


@hookimpl
def brainplug_cohorts():
    for kind in (Sourceless, Unreadable, Empty, Unbuildable):
        yield Part(kind.__name__.lower(), Options, kind)
