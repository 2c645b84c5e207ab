"""What each role asks of a behaviour, worked out from the protocols of `roles`.

Names, signatures and types are read from the protocols themselves, so that a role is described in
one place. A behaviour is held to them when it is built, which is when a recipe names its part.
"""

from __future__ import annotations

import difflib
import inspect
import re
import types
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import numpy as np

from brainplug.api import metric_roles, records, roles
from brainplug.api.roles import (
    Answers,
    AsksAll,
    CohortLoader,
    Compares,
    CountsShares,
    Fixed,
    HasScale,
    Metric,
    ModelBackbone,
    Pairing,
    Prepares,
    PromptTemplate,
    RanksPeople,
    ReadsFiles,
    Repeats,
    SaysDifferences,
    SaysNumbers,
    ScoresResamples,
    ShowsNone,
    Speaks,
    SplitStrategy,
    TaskHead,
    TellsOfSplit,
    UsesTarget,
    UsesTraining,
    WordsAlone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


ARRAY = re.compile(r"""(Float|Bool)\[np\.ndarray, ["']([^"']*)["']\]""")
"""An array as protocols write it."""


@attrs.frozen
class Contract:
    """One role: what its behaviours must have, and what they may have besides.

    Attributes:
        words: one part of the role in words.
        protocol: what every behaviour of the role has.
        abilities: what a behaviour may declare in its class attribute `abilities`.
    """

    words: str
    protocol: type
    abilities: tuple[type, ...] = ()


CONTRACTS: Mapping[str, Contract] = {
    "cohorts": Contract("cohort loader", CohortLoader, (Prepares,)),
    "heads": Contract("task head", TaskHead),
    "splits": Contract(
        "split strategy",
        SplitStrategy,
        (Repeats, ReadsFiles, AsksAll, UsesTarget, TellsOfSplit),
    ),
    "pairings": Contract("pairing", Pairing, (Speaks, UsesTraining, ShowsNone)),
    "prompts": Contract(
        "prompt template", PromptTemplate, (Fixed, Compares, ShowsNone, WordsAlone)
    ),
    "models": Contract("model", ModelBackbone, (ReadsFiles,)),
    "metrics": Contract("metric", Metric, (ScoresResamples, CountsShares, RanksPeople, HasScale)),
}
"""Roles in the order of a recipe."""

MADE: Mapping[type, Contract] = {
    Answers: Contract("set of answers", Answers, (SaysDifferences, SaysNumbers))
}
"""What behaviours make that is itself held to a protocol."""


@attrs.frozen
class Named:
    """A type that is known by its name only, since its module imports torch."""

    name: str


class ArrayType(type):
    """The type of arrays of one sort of number and so many axes.

    As jaxtyping has it, with which protocols are written; its import brings asyncio along, which
    `check` would wait for.
    """

    sort: str
    axes: tuple[str, ...]

    def __instancecheck__(cls, value: object) -> bool:
        """Look at numbers and axes, and at the length of an axis that is named by it."""
        return (
            isinstance(value, np.ndarray)
            and value.dtype.kind == cls.sort
            and value.ndim == len(cls.axes)
            and all(
                not axis.isdigit() or int(axis) == size
                for axis, size in zip(cls.axes, value.shape, strict=True)
            )
        )


@attrs.frozen
class AnyArray:
    """What stands for `Float` and `Bool` of jaxtyping where a protocol is read.

    Attributes:
        sort: of its numbers, as numpy names it.

    >>> isinstance(np.zeros((2, 3)), AnyArray("f")[np.ndarray, "people classes"])
    True
    >>> isinstance(np.zeros((2, 3)), AnyArray("f")[np.ndarray, "people 2"])
    False
    >>> isinstance(np.zeros(2), AnyArray("b")[np.ndarray, " people"])
    False
    """

    sort: str

    def __getitem__(self, item: tuple[type, str]) -> type:
        """Return the type of such an array with the axes that are named."""
        _, axes = item
        return ArrayType("Array", (), {"sort": self.sort, "axes": tuple(axes.split())})


@attrs.frozen
class Member:
    """Something a protocol asks for.

    Attributes:
        name: of the attribute or the method.
        text: the type of the attribute, or of what the method returns, as the protocol has it.
        signature: how the method is called; None for an attribute.
    """

    name: str
    text: str
    signature: inspect.Signature | None = None

    @property
    def type(self) -> Any:
        """The type as an object; worked out when asked for, since most are not."""
        return resolve(self.text)

    def __str__(self) -> str:
        """Write the member as its author would declare it.

        >>> print(*members_of(ScoresResamples))
        score_resamples(predictions, counts)
        >>> print(members_of(Metric)[1])
        kind: 'categorical' or 'numerical'
        """
        if self.signature is None:
            return f"{self.name}: {type_in_words(self.type, self.text)}"
        return f"{self.name}{plain(self.signature)}"


def plain(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without types, which are not what a call goes by."""
    empty = inspect.Parameter.empty
    return inspect.Signature(
        [each.replace(annotation=empty) for each in signature.parameters.values()]
    )


@cache
def members_of(protocol: type) -> tuple[Member, ...]:
    """Return what a protocol asks for: its methods and properties, then its attributes."""
    found = []
    for name, value in vars(protocol).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            text = inspect.get_annotations(value.fget)["return"] if value.fget else "Any"
            found.append(Member(name, text))
        elif inspect.isfunction(value):
            signature = inspect.signature(value)
            # Without `self`, as the method of an object shows itself.
            own = signature.replace(parameters=list(signature.parameters.values())[1:])
            text = str(signature.return_annotation)
            found.append(Member(name, text, own))
    for name, annotation in inspect.get_annotations(protocol).items():
        found.append(Member(name, str(annotation)))
    return tuple(sorted(found, key=lambda member: member.signature is None))


@cache
def resolve(annotation: str) -> Any:
    """Turn an annotation of a protocol into a type."""
    # `get_type_hints` reads text as Python does, and is content with any object that has
    # annotations.
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    arrays = {"Bool": AnyArray("b"), "Float": AnyArray("f")}
    known = {**vars(records), **vars(metric_roles), **vars(roles), "Path": Path, **arrays}
    try:
        return get_type_hints(holder, known)["it"]
    except NameError:
        return Named(annotation)


def matches(value: object, expected: Any) -> bool:  # noqa: PLR0911 - one line for each sort of type
    """Say whether a value is of a type that a protocol names.

    >>> matches(("mae",), tuple[str, ...]), matches("mae", tuple[str, ...]), matches(True, float)
    (True, False, False)
    """
    origin, inner = get_origin(expected), get_args(expected)
    if isinstance(expected, Named):
        return expected.name in {each.__name__ for each in type(value).__mro__}
    if expected is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(matches(value, each) for each in inner)
    if origin is Literal:
        # Text first: an array is compared item by item, and has no truth value.
        return isinstance(value, str) and value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(matches(each, inner[0]) for each in value)
    if expected in (int, float):
        numbers = (int,) if expected is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, origin or expected)


def field_faults(record: Any) -> Iterator[str]:
    """Say which fields of a record are of another type than it declares.

    >>> list(field_faults(records.ModelPlan(tokens_per_image=8, num_parameters=0,
    ...                                     context_length="long")))
    ["context_length: expected int, got 'long'"]
    """
    if not attrs.has(type(record)):
        return
    for field in attrs.fields(type(record)):
        value, expected = getattr(record, field.name), resolve(str(field.type))
        if not matches(value, expected):
            words = type_in_words(expected, str(field.type))
            yield f"{field.name}: expected {words}, got {value!r}"


def classes_of(expected: Any) -> frozenset[type]:
    """Return the classes whose own instances are surely of a type; records are looked into.

    >>> sorted(each.__name__ for each in classes_of(str | float | None))
    ['NoneType', 'float', 'str']
    """
    members = get_args(expected) if get_origin(expected) in (Union, types.UnionType) else [expected]
    return frozenset(
        each
        for each in members
        if isinstance(each, type) and not get_args(each) and not attrs.has(each)
    )


def type_in_words(expected: Any, text: str) -> str:
    """Say a type: the values it allows where they are few, else as the protocol writes it.

    >>> type_in_words(None, "Float[np.ndarray, ' samples'] | None")
    'a float array of shape (samples) | None'
    """
    if get_origin(expected) is Literal:
        return " or ".join(map(repr, get_args(expected)))
    return ARRAY.sub(
        lambda found: f"a {found[1].lower()} array of shape ({', '.join(found[2].split())})", text
    )


def find_faults(behaviour: object, role: str) -> Iterator[str]:
    """Say what keeps a behaviour from its role: members, signatures, types and abilities."""
    yield from contract_faults(behaviour, CONTRACTS[role])


def contract_faults(behaviour: object, contract: Contract) -> Iterator[str]:
    """Say what keeps an object from a contract."""
    yield from find_missing(behaviour, contract.protocol, f"a {contract.words}")
    declared = getattr(behaviour, "abilities", ())
    if not isinstance(declared, tuple):
        some = f" such as ({contract.abilities[0].__name__},)" if contract.abilities else ""
        came = written(declared) if isinstance(declared, type) else type(declared).__name__
        yield f"abilities: expected a tuple{some}, got {came}"
        return
    for ability in declared:
        name = getattr(ability, "__name__", repr(ability))
        if ability in contract.abilities:
            yield from find_missing(behaviour, ability, f"a {contract.words} that is {name}")
        else:
            known = ", ".join(each.__name__ for each in contract.abilities) or "none"
            text = ", a text in place of the class" * isinstance(ability, str)
            yield f"abilities: a {contract.words} cannot declare {name}{text}; known are {known}"


def find_missing(behaviour: object, protocol: type, what: str) -> Iterator[str]:
    """Say which members of a protocol a behaviour lacks, or has in another shape."""
    for member in members_of(protocol):
        if not hasattr(behaviour, member.name):
            yield f"{what} has {member}{suggest_member(behaviour, member.name, protocol)}"
            continue
        value = getattr(behaviour, member.name)
        if member.signature is not None:
            yield from find_bad_call(value, member)
        elif not matches(value, member.type):
            yield f"expected {member}, got {value!r}"


def suggest_member(behaviour: object, name: str, protocol: type) -> str:
    """Say that a member is not there, and which one may be meant for it."""
    # A member that the protocol asks for too is not the one that was misspelt.
    taken = {member.name for member in members_of(protocol)}
    others = [each for each in dir(behaviour) if not each.startswith("_") and each not in taken]
    near = difflib.get_close_matches(name, others, n=1)
    return f", this one has {near[0]!r}; did you mean {name!r}?" if near else ", this one has not"


def find_bad_call(method: object, member: Member) -> Iterator[str]:
    """Say why a method cannot be called as its role calls it."""
    assert member.signature is not None
    if not callable(method):
        yield f"expected a method {member}, got {method!r}"
        return
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # a builtin that does not tell
        return
    asked = member.signature.parameters.values()
    positional = [each.name for each in asked if each.kind is not each.KEYWORD_ONLY]
    keywords = {each.name: each.name for each in asked if each.kind is each.KEYWORD_ONLY}
    try:
        # Tried, not compared: a method may take more than its role gives it, where that has
        # defaults.
        signature.bind(*positional, **keywords)
    except TypeError as error:
        yield f"{member.name}{plain(signature)} cannot be called as {member}: {error}"


def written(value: object) -> str:
    """Write a value as its author would: a class by its name alone.

    >>> written(Contract), written("mae")
    ('the class Contract', "'mae'")
    """
    return f"the class {value.__qualname__}" if isinstance(value, type) else repr(value)
