"""What keeps a part that a hook offers from being used, before its behaviour is made."""

from __future__ import annotations

import re

import attrs

from brainplug.api.contracts import written
from brainplug.api.roles import Part

PART_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def find_defect(part: object) -> str | None:
    """Say why a part cannot be used, None where it can."""
    if not isinstance(part, Part):
        return f"expected a Part: {written(part)}; write Part(name, Options, Behaviour)"
    if not isinstance(part.name, str) or not PART_NAME.fullmatch(part.name):
        return f"expected a name of lower case letters, digits and hyphens: {part.name!r}"
    return options_defect(part.options) or make_defect(part)


def options_defect(options: object) -> str | None:
    """Say why a class of options cannot be used, None where it can."""
    decorate = "decorate it with @attrs.frozen(kw_only=True)"
    if not (isinstance(options, type) and attrs.has(options)):
        return f"expected options that are an attrs class, got {written(options)}; {decorate}"
    if not attrs.inspect(options).is_frozen:
        return (
            f"expected options that cannot be changed, got {written(options)}, whose fields can "
            f"be set; {decorate}"
        )
    return fields_defect(options)


def fields_defect(options: type) -> str | None:
    """Say what is wrong with the fields of options, None where nothing is."""
    try:
        fields = attrs.fields_dict(attrs.resolve_types(options))
    except NameError as error:
        return f"import the types of {options.__name__} at run time, they are read there: {error}"
    bare = [name for name, field in fields.items() if field.type is None]
    if bare:
        return (
            f"{options.__name__} has an option {bare[0]!r} without a type; write it before the "
            f"`=`, such as `{bare[0]}: Path = attrs.field(…)`"
        )
    if "use" in fields:
        return f"{options.__name__} has an option 'use', the key that names the plugin itself"
    return None


def make_defect(part: Part[object]) -> str | None:
    """Say that a part has an object where the class of its behaviour is asked, None elsewhere."""
    if callable(part.make):
        return None
    kind = type(part.make).__name__
    return (
        f"expected the class of the behaviour, got an object of {kind}; write "
        f"Part({part.name!r}, {part.options.__name__}, {kind}), brainplug makes the object"
    )
