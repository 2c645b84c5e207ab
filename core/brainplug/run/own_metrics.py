"""The metrics that a task head names of itself, held to be there and of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.laws import hold
from brainplug.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.api.roles import TaskHead
    from brainplug.registry import Registry


def check_own_metrics(head: TaskHead, registry: Registry) -> None:
    """Hold a head to naming metrics that there are, of its own kind.

    Raises:
        PluginError: one is unknown, or of the other kind.
    """
    hold(head, own_metric_faults(head, registry))


def own_metric_faults(head: TaskHead, registry: Registry) -> Iterator[str]:
    """Say which of the metrics that a head names cannot score its answers."""
    for name in head.metrics:
        if name not in registry.parts("metrics"):
            yield f"metrics names {name!r}, which is none; {suggestion(name, registry.metrics)}"
        elif (kind := registry.make_metric(name).kind) != head.kind:
            yield f"metrics names {name!r}, which is {kind}, and its kind is {head.kind}"
