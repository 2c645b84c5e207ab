"""What is wrong with functions below `@hookimpl`, in words of their author."""

from __future__ import annotations

from inspect import Parameter, isroutine, signature
from typing import TYPE_CHECKING

from brainplug.api import hooks
from brainplug.api.raised import line_of
from brainplug.errors import suggestion

if TYPE_CHECKING:
    import pluggy

MARK = f"{hooks.PROJECT}_impl"
"""Attribute that `@hookimpl` sets."""


def misspelt(manager: pluggy.PluginManager, plugin: object) -> str:
    """Name the hook implementations that no hook answers to."""
    known = [name for name in vars(hooks) if name.startswith("brainplug_")]
    unknown = [hook.name for hook in manager.get_hookcallers(plugin) or () if not hook.has_spec()]
    return ", ".join(f"unknown hook {name!r}; {suggestion(name, known)}" for name in unknown)


def miscalled(plugin: object) -> str:
    """Name the hook implementations that ask for what their hook does not give."""
    told = []
    for name in sorted(dir(plugin)):
        spec, method = getattr(hooks, name, None), getattr(plugin, name, None)
        if not (isroutine(spec) and isroutine(method) and hasattr(method, MARK)):
            continue
        given = list(signature(spec).parameters)
        asked = [each.name for each in signature(method).parameters.values() if is_asked(each)]
        if more := [each for each in asked if each not in given]:
            told.append(
                f"{name} asks for {', '.join(map(repr, more))}{line_of(method)}, which the hook "
                f"does not give; write def {name}({', '.join(given)})"
            )
    return ", ".join(told)


def is_asked(parameter: Parameter) -> bool:
    """Tell whether a function cannot be called without this argument."""
    lent = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in lent
