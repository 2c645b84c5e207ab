"""A plugin that misspells its hook."""
from brainplug import hookimpl


@hookimpl
def brainplug_metrix():
    """Offer nothing anybody asks for."""
