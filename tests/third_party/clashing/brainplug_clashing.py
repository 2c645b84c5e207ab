"""A plugin that offers a metric by a name that is taken."""
import attrs

from brainplug import Part, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of `mae`."""


class Mae:
    """Another mean absolute error."""

    kind, higher_is_better, unit = "numerical", False, "target"

    def __init__(self, options): ...

    def score(self, predictions):
        return float(abs(predictions.truth - predictions.predicted).mean())


@hookimpl
def brainplug_metrics():
    yield Part("mae", Options, Mae)
