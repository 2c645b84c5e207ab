"""Models with one fault each."""
import attrs

from brainplug import Part, hookimpl
from brainplug_plugins.models.tiny import Tiny, TinyOptions


@attrs.frozen(kw_only=True)
class Options:
    """Options of `planless`."""


class Planless:
    """A model without `plan`."""

    train = ("projector",)

    def __init__(self, options): ...

    def count_tokens(self, text):
        return len(text)

    def build(self, shape, *, seed): ...


class Tired(Tiny):
    """A model whose network gives up after a few steps."""

    def build(self, shape, *, seed):
        bundle = super().build(shape, seed=seed)
        left = iter(range(2))

        def give_up(*_):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")

        bundle.model.register_forward_pre_hook(give_up)
        return bundle


@hookimpl
def brainplug_models():
    yield Part("planless", Options, Planless)
    yield Part("tired", TinyOptions, Tired)
