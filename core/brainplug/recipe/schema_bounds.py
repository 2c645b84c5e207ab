"""What validators of attrs allow, as keywords of JSON Schema.

A keyword binds only values of its own type, so that all of a validator's may stand beside an
`anyOf` of types. What a function of our own checks has no keyword and is left to the reader.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Schema = dict[str, Any]

PROBES = {
    kind: type(made)
    for kind, made in {
        "and": attrs.validators.and_(),
        "optional": attrs.validators.optional(attrs.validators.ge(0)),
        "number": attrs.validators.ge(0),
        "in": attrs.validators.in_(()),
        "pattern": attrs.validators.matches_re(""),
        "shortest": attrs.validators.min_len(0),
        "longest": attrs.validators.max_len(0),
        "items": attrs.validators.deep_iterable(attrs.validators.ge(0)),
    }.items()
}
"""attrs names the classes of its validators in private, so they are asked of their makers."""


def bounds_of(validator: Any) -> Schema:
    """Return the keywords of a validator, none for one that has no counterpart.

    >>> bounds_of(attrs.validators.and_(attrs.validators.gt(0), attrs.validators.le(1)))
    {'minimum': 0, 'not': {'enum': [0]}, 'maximum': 1}
    """
    for kind, made in PROBES.items():
        if isinstance(validator, made):
            return READERS[kind](validator)
    return {}


def read_all(validator: Any) -> Schema:
    """Return the keywords of several validators that all must hold."""
    found: Schema = {}
    for each in validator._validators:  # noqa: SLF001 (attrs offers no other way)
        bounds = bounds_of(each)
        # Two open ends are one list of values that are left out.
        ends = [end for part in (found, bounds) if "not" in part for end in part["not"]["enum"]]
        found |= bounds | ({"not": {"enum": ends}} if ends else {})
    return found


def read_number(validator: Any) -> Schema:
    """Return the keyword of a bound.

    Draft 4 says otherwise than later ones that a bound itself is left out, so that is said as a
    value that is none.
    """
    bound, sign = validator.bound, validator.compare_op
    end = {"minimum": bound} if sign in {">=", ">"} else {"maximum": bound}
    return end | ({} if "=" in sign else {"not": {"enum": [bound]}})


def read_items(validator: Any) -> Schema:
    """Return the keyword of what each value of an array must be."""
    own = bounds_of(validator.member_validator)
    return {"items": own} if own else {}


def list_options(options: Collection[Any]) -> list[Any]:
    """Return what a value may be, in an order that is always the same."""
    return sorted(options, key=str) if isinstance(options, AbstractSet) else list(options)


READERS: dict[str, Callable[[Any], Schema]] = {
    "and": read_all,
    "optional": lambda validator: bounds_of(validator.validator),
    "number": read_number,
    "in": lambda validator: {"enum": list_options(validator.options)},
    "pattern": lambda validator: {"pattern": f"^(?:{validator.pattern.pattern})$"},
    "shortest": lambda validator: {
        "minLength": validator.min_length,
        "minItems": validator.min_length,
    },
    "longest": lambda validator: {
        "maxLength": validator.max_length,
        "maxItems": validator.max_length,
    },
    "items": read_items,
}
"""How each kind of validator is read."""


def add_bounds(schema: Schema, bounds: Schema) -> Schema:
    """Return a schema of a type with the bounds of a validator."""
    items = bounds.get("items")
    whole = schema | bounds
    if items is not None:
        whole["items"] = schema.get("items", {}) | items
    return whole
