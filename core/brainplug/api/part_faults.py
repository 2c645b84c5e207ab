"""What keeps a part that a hook offers from being used, before its behaviour is made."""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import attrs

from brainplug.api.contracts import matches, type_in_words, written
from brainplug.api.roles import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    return next(default_faults(options), None)


def default_faults(options: type) -> Iterator[str]:
    """Say which defaults of options could not be given in their place, or are shared by all.

    Args:
        options: attrs class, its types resolved.
    """
    for field in attrs.fields(options):
        default: Any = field.default
        named = f"option {field.name!r} of {options.__name__}"
        if isinstance(default, list | dict | set):
            kind = type(default).__name__
            yield f"{named} has a {kind} for its default, which all would share; use factory={kind}"
        elif default is attrs.NOTHING or isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, typed as function
            continue
        # A converter makes of it what it likes.
        elif field.converter is None and not fits(default, field.type):
            plain = isinstance(field.type, type) and not get_args(field.type)
            words = field.type.__name__ if plain else str(field.type)
            yield (
                f"{named} has the default {default!r}, expected {type_in_words(field.type, words)}"
            )


def fits(value: object, expected: Any) -> bool:
    """Say whether a default is of the type of its option, as far as it can be told.

    >>> fits(3, float), fits("3", int), fits(None, str | None), fits(True, int), fits((1, 2), Any)
    (True, False, True, False, True)
    """
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if expected in (int, float):
        return matches(value, expected)
    try:
        return isinstance(value, origin or expected)
    except TypeError:  # Any, and what types only a checker knows
        return True


def make_defect(part: Part[object]) -> str | None:
    """Say that a part has an object where the class of its behaviour is asked, None elsewhere."""
    if callable(part.make):
        return None
    kind = type(part.make).__name__
    return (
        f"expected the class of the behaviour, got an object of {kind}; write "
        f"Part({part.name!r}, {part.options.__name__}, {kind}), brainplug makes the object"
    )
