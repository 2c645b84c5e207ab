"""A JSON Schema of recipes, made from the recipe's tables and the options of the installed parts.

Only keywords that drafts 4 to 2020-12 read alike are used, since editors differ in what they know:
a table that names a part is `anyOf` with an `enum` of one name, not `if` and `then`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import attrs

from brainplug.recipe.load import MADE_FROM, ROLE_OF, is_chosen
from brainplug.recipe.options import (
    is_mapping,
    is_sequence,
    is_table,
    is_union,
    length_of,
    members,
    plain,
)
from brainplug.recipe.schema_bounds import add_bounds, bounds_of
from brainplug.recipe.tables import ExternalStudy, Recipe, Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from brainplug.registry import Registry

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
TYPES: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
}


def recipe_schema(registry: Registry) -> Schema:
    """Return the schema of recipes that may name the parts of a registry."""
    return {
        "$schema": DRAFT,
        "title": "a recipe of brainplug",
        **table_schema(Recipe, registry),
        "anyOf": [{"required": list(MADE_FROM)}, {"required": ["tasks"]}],
    }


def table_schema(table: type[Any], registry: Registry) -> Schema:
    """Return the schema of a table whose keys are the fields of an attrs class."""
    fields = [each for each in attrs.fields(attrs.resolve_types(table)) if each.init]
    schema: Schema = {
        "type": "object",
        "properties": {each.alias: field_schema(each, registry) for each in fields},
        "additionalProperties": False,
    }
    required = [each.alias for each in fields if each.default is attrs.NOTHING]
    # Draft 4 allows no empty list here.
    return schema | ({"required": required} if required else {})


def field_schema(field: attrs.Attribute[Any], registry: Registry) -> Schema:
    """Return the schema of a key, with its meaning, unit and default."""
    about, unit = (field.metadata.get(key, "") for key in ("about", "unit"))
    schema = add_bounds(type_schema(field.type, registry), bounds_of(field.validator))
    if about or unit:
        schema["description"] = f"{about} [{unit}]" if unit else about
    default = field.default
    # What a factory makes has no text of its own.
    if default is attrs.NOTHING or default is None or hasattr(default, "factory"):
        return schema
    return schema | {"default": plain(default)}


def type_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of a type; one that says nothing where any value is allowed."""
    if expected in TYPES:
        return TYPES[expected]
    if get_origin(expected) is Literal:
        return {"enum": list(get_args(expected))}
    for applies, make in MAKERS:
        if applies(expected):
            return make(expected, registry)
    return {}


def studies_schema(_: Any, registry: Registry) -> Schema:
    """Return the schema of one `[cohort]`, or of several `[[cohort]]`."""
    one = study_schema(Study, registry)
    named = {"anyOf": [{"maxItems": 1}, {"items": {"required": ["name"]}}]}
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one, **named}]}


def union_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of one of several types."""
    several = [type_schema(each, registry) for each in members(expected)]
    return several[0] if len(several) == 1 else {"anyOf": several}


def mapping_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of a table with keys of the user's own."""
    _, kind = get_args(expected) or (str, Any)
    return {"type": "object", "additionalProperties": type_schema(kind, registry)}


def plain_table_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of a table, generic or not."""
    return table_schema(get_origin(expected) or expected, registry)


def array_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of an array; one of fixed length has items of one type here."""
    length, items = length_of(expected), get_args(expected) or (Any,)
    kinds = [type_schema(each, registry) for each in items if each is not Ellipsis]
    one = kinds[0] if all(each == kinds[0] for each in kinds) else {"anyOf": kinds}
    fixed = {} if length is None else {"minItems": length, "maxItems": length}
    return {"type": "array", "items": one, **fixed}


def chosen_schema(expected: Any, registry: Registry) -> Schema:
    """Return the schema of a table that names its part: one choice for each installed part."""
    role = ROLE_OF[get_args(expected)[0]]
    choices = [part_schema(role, name, registry) for name in registry.parts(role)]
    if role != "metrics":
        return {"anyOf": choices}
    return {"anyOf": [{"enum": list(registry.parts(role))}, *choices]}


def part_schema(role: str, name: str, registry: Registry) -> Schema:
    """Return the schema of a table that names this part: `use`, and the part's options."""
    part = registry.parts(role)[name]
    schema = table_schema(part.options, registry)
    use = {"enum": [name], "description": part.summary}
    schema["properties"] = {"use": use, **schema["properties"]}
    return schema | {"required": ["use", *schema.get("required", [])]}


def study_schema(study: type[Any], registry: Registry) -> Schema:
    """Return the schema of a study, whose loader's keys stand in the same table."""
    own = table_schema(study, registry)
    loader = own["properties"].pop("loader")
    required = [each for each in own.get("required", []) if each != "loader"]
    # Keys of [target] that differ: what is not repeated is the recipe's own.
    own["properties"]["target"] = {"type": "object"}
    return {
        "anyOf": [
            choice
            | {
                "properties": choice["properties"] | own["properties"],
                "required": [*choice["required"], *required],
            }
            for choice in loader["anyOf"]
        ]
    }


MAKERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Registry], Schema]], ...] = (
    (is_chosen, chosen_schema),
    (lambda expected: expected == tuple[Study, ...], studies_schema),
    (lambda expected: expected is ExternalStudy, study_schema),
    (is_union, union_schema),
    (is_sequence, array_schema),
    (is_mapping, mapping_schema),
    (is_table, plain_table_schema),
)
"""Which types are made by what; the first that applies."""
