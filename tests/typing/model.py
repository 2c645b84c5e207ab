"""A model of one's own: planned without torch, built with it."""

from collections.abc import Iterable
from pathlib import Path

import attrs

from brainplug import Part, about, hookimpl
from brainplug.api.records import ModelPlan
from brainplug.api.roles import ModelBackbone, ReadsFiles
from brainplug.model.bundle import ModelBundle, load_bundle


@attrs.frozen(kw_only=True)
class OursOptions:
    """Options of `ours`."""

    weights: Path = attrs.field(metadata=about("folder of the weights"))


class Ours:
    """The model of our laboratory."""

    abilities = (ReadsFiles,)
    train: tuple[str, ...] = ("projector",)

    def __init__(self, options: OursOptions) -> None:
        self.weights = options.weights

    def sources(self) -> tuple[Path, ...]:
        return (self.weights,)

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        return ModelPlan(tokens_per_image=8, num_parameters=0, context_length=1024)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def build(self, shape: tuple[int, int, int], *, seed: int) -> ModelBundle:
        return load_bundle(self.weights)


@hookimpl
def brainplug_models() -> Iterable[Part[ModelBackbone]]:
    """Offer `ours`."""
    yield Part("ours", OursOptions, Ours)
