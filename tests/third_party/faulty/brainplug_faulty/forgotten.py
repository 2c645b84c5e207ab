"""A metric that nobody is told of, since `@hookimpl` was forgotten."""
from brainplug import Part
from brainplug_faulty.metrics import Options, Sound


def brainplug_metrics():
    yield Part("forgotten", Options, Sound)
