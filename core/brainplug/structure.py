"""TOML to recipe and back, with every mistake of a recipe told in one pass.

cattrs finds the hook of each type; the hooks below are strict and collect problems with their
paths, where cattrs' own would convert silently or stop at the first.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs

from brainplug.errors import BrainplugError
from brainplug.recipe import Chosen, Recipe
from brainplug.registry import suggestion

if TYPE_CHECKING:
    from brainplug.registry import Registry

Step = str | int

ROLES = {
    "cohort": "cohorts",
    "target": "heads",
    "split": "splits",
    "pairing": "pairings",
    "prompt": "prompts",
    "model": "models",
}
"""Recipe table that names a part -> role of that part."""


class Problems(Exception):  # noqa: N818 - a carrier between hooks, never shown
    """Mistakes found in a piece of a recipe, each with its path inside that piece."""

    def __init__(self, items: Iterable[tuple[tuple[Step, ...], str]]) -> None:
        """Keep path and text of each."""
        self.items = list(items)
        super().__init__(self.items)


def problem(text: str) -> Problems:
    """Make the one problem of a value."""
    return Problems([((), text)])


def gather(makers: Iterable[tuple[Step, Callable[[], Any]]]) -> dict[Step, Any]:
    """Make every value; raise the problems of all that could not be made, at their keys."""
    made: dict[Step, Any] = {}
    problems: list[tuple[tuple[Step, ...], str]] = []
    for key, make in makers:
        try:
            made[key] = make()
        except Problems as found:
            problems += [((key, *path), text) for path, text in found.items]
    if problems:
        raise Problems(problems)
    return made


def recipe_converter(registry: Registry, base: Path) -> cattrs.Converter:
    """Make the converter of recipes.

    Args:
        registry: parts that `use` may name.
        base: folder that relative paths start from.
    """
    converter = cattrs.Converter()
    for kind, words in ((bool, "true or false"), (int, "a whole number"), (str, "text")):
        converter.register_structure_hook(kind, exact(kind, words))
    converter.register_structure_hook(float, structure_float)
    converter.register_structure_hook(Path, lambda value, _kind: structure_path(value, base))
    converter.register_structure_hook_func(is_literal, structure_literal)
    converter.register_structure_hook_factory(is_tuple, lambda kind: tuple_hook(converter, kind))
    converter.register_structure_hook_factory(is_mapping, lambda kind: mapping_hook(converter, kind))
    converter.register_structure_hook_factory(is_union, lambda kind: union_hook(converter, kind))
    converter.register_structure_hook_factory(
        attrs.has, lambda kind: table_hook(converter, kind, registry)
    )
    return converter


def exact(kind: type, words: str) -> Callable[[Any, Any], Any]:
    """Make a hook that takes one type and nothing that merely looks like it."""

    def hook(value: Any, _kind: Any) -> Any:
        if type(value) is not kind:
            raise problem(f"expected {words}: {value!r}")
        return value

    return hook


def structure_float(value: Any, _kind: Any) -> float:
    """Take a finite number; a whole one counts."""
    if type(value) not in (int, float):
        raise problem(f"expected a number: {value!r}")
    if not math.isfinite(value):
        raise problem(f"expected a finite number: {value!r}")
    return float(value)


def structure_path(value: Any, base: Path) -> Path:
    """Take a path; a relative one starts from the recipe's folder."""
    if not isinstance(value, str) or not value:
        raise problem(f"expected a path: {value!r}")
    return (base / Path(value).expanduser()).absolute()


def is_literal(kind: Any) -> bool:
    """Tell whether a type lists its values."""
    return get_origin(kind) is Literal


def structure_literal(value: Any, kind: Any) -> Any:
    """Take one of the values listed."""
    allowed = get_args(kind)
    if value not in allowed or type(value) not in map(type, allowed):
        raise problem(f"expected one of {', '.join(map(repr, allowed))}: {value!r}")
    return value


def is_tuple(kind: Any) -> bool:
    """Tell whether a type is a tuple with stated elements."""
    return get_origin(kind) is tuple


def tuple_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    """Make a hook for lists, of one length or of any."""
    inner = get_args(kind)
    free = len(inner) == 2 and inner[1] is Ellipsis

    def hook(value: Any, _kind: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise problem(f"expected a list: {value!r}")
        if not free and len(value) != len(inner):
            raise problem(f"expected {len(inner)} values: {value!r}")
        kinds = [inner[0]] * len(value) if free else inner
        made = gather(
            (i, lambda item=item, sort=sort: converter.structure(item, sort))
            for i, (item, sort) in enumerate(zip(value, kinds, strict=True))
        )
        return tuple(made.values())

    return hook


def is_mapping(kind: Any) -> bool:
    """Tell whether a type is a table with free keys."""
    return get_origin(kind) in (dict, Mapping)


def mapping_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    """Make a hook for tables whose keys the user chooses."""
    inner = get_args(kind)[1]

    def hook(value: Any, _kind: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise problem(f"expected a table: {value!r}")
        makers = (
            (key, lambda item=item: converter.structure(item, inner)) for key, item in value.items()
        )
        return {str(key): item for key, item in gather(makers).items()}

    return hook


def is_union(kind: Any) -> bool:
    """Tell whether a type offers alternatives."""
    return get_origin(kind) in (Union, types.UnionType)


def union_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    """Make a hook that takes the first alternative that fits."""
    inner = [sort for sort in get_args(kind) if sort is not types.NoneType]

    def hook(value: Any, _kind: Any) -> Any:
        found = []
        for sort in inner:
            try:
                return converter.structure(value, sort)
            except Problems as problems:
                found.append(problems)
        # A list that is wrong inside says more than "expected text".
        raise max(found, key=lambda problems: max(len(path) for path, _ in problems.items))

    return hook


def table_hook(
    converter: cattrs.Converter, kind: Any, registry: Registry
) -> Callable[[Any, Any], Any]:
    """Make a hook for a table that is an attrs class; those of a recipe may name parts."""
    hints = get_type_hints(kind)

    def hook(value: Any, _kind: Any) -> Any:
        if not isinstance(value, dict):
            raise problem(f"expected a table: {value!r}")

        def make(field: attrs.Attribute[Any]) -> Any:
            given = value.get(field.name)
            if kind is Recipe and field.name in ROLES:
                return structure_choice(converter, given, ROLES[field.name], registry)
            return check_field(field, converter.structure(given, hints[field.name]))

        fields = {field.name: field for field in attrs.fields(kind) if field.init}
        makers = [(name, lambda f=field: make(f)) for name, field in fields.items() if name in value]
        made = gather([*makers, *refusals(value, fields)])
        return construct(kind, made)

    return hook


def refusals(
    value: Mapping[str, Any], fields: Mapping[str, attrs.Attribute[Any]]
) -> list[tuple[Step, Callable[[], Any]]]:
    """Return what raises the problems of unknown and of missing keys."""

    def refuse(text: str) -> Callable[[], Any]:
        def fail() -> Any:
            raise problem(text)

        return fail

    unknown = [key for key in value if key not in fields]
    lacking = [
        name for name, f in fields.items() if f.default is attrs.NOTHING and name not in value
    ]
    left = [name for name in fields if name not in value]
    return [
        *((key, refuse(f"unknown key: {value[key]!r}; {suggestion(key, left or fields)}")) for key in unknown),
        *((name, refuse(f"required, but missing: {fields[name].metadata.get('about', '')}")) for name in lacking),
    ]


def check_field(field: attrs.Attribute[Any], value: Any) -> Any:
    """Run a field's own validator, so that its failure is told at the field's path."""
    if field.validator is not None:
        try:
            field.validator(None, field, value)
        except (ValueError, TypeError) as error:
            text = str(error.args[0]) if error.args else str(error)
            said = repr(value) in text
            raise problem(text if said else f"{text}: {value!r}") from error
    return value


def construct(kind: Any, made: Mapping[Step, Any]) -> Any:
    """Build the object; its fields are checked, what concerns several is checked here."""
    try:
        with attrs.validators.disabled():
            return kind(**made)
    except (ValueError, BrainplugError) as error:
        raise problem(str(error)) from error


def structure_choice(
    converter: cattrs.Converter, value: Any, role: str, registry: Registry
) -> Chosen[Any]:
    """Take a table that names its part with `use`; the other keys are the part's own options."""
    if not isinstance(value, dict):
        raise problem(f"expected a table: {value!r}")
    if "use" not in value:
        raise Problems([(("use",), f"required, but missing: one of {', '.join(registry.parts(role))}")])
    if not isinstance(value["use"], str):
        raise Problems([(("use",), f"expected text: {value['use']!r}")])
    try:
        part = registry.get(role, value["use"])
    except BrainplugError as error:
        raise Problems([(("use",), str(error))]) from error
    options = {key: item for key, item in value.items() if key != "use"}
    chosen = Chosen(use=part.name, options=converter.structure(options, part.options), part=part)
    try:
        chosen.make()
    except (ValueError, BrainplugError) as error:
        raise problem(str(error)) from error
    return chosen


def as_table(value: Any) -> Any:
    """Turn a recipe, or a piece of one, into what TOML and JSON can hold; None is left out."""
    if isinstance(value, Chosen):
        return {"use": value.use, **as_table(value.options)}
    if attrs.has(type(value)):
        pairs = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {name: as_table(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {str(key): as_table(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_table(item) for item in value]
    return str(value) if isinstance(value, Path) else value
