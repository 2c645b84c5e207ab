"""Behaviours as the engine holds them: whatever one raises names the part and its package.

A behaviour is built here and nowhere else. It is held to the contract of its role, then stands
behind a `Guard` that looks like it, turns what its methods raise into a `PluginError`, and refuses
what they return when it is of another type than the protocol says.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin

import attrs

from brainplug.api import roles
from brainplug.api.contracts import (
    CONTRACTS,
    MADE,
    Member,
    classes_of,
    contract_faults,
    field_faults,
    find_faults,
    matches,
    members_of,
    type_in_words,
    written,
)
from brainplug.api.raised import deed_of, hint_for, in_one_line, line_of, place_of
from brainplug.errors import BrainplugError, DataError, LeakageError, PluginError, is_full

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from brainplug.api.roles import Part

Behaviour = TypeVar("Behaviour")

RAISED = (Exception, SystemExit)
"""What a part may raise; `sys.exit` would else end a run as if all were done."""


@attrs.frozen
class Origin:
    """Where a behaviour comes from, for messages.

    Attributes:
        role: of its part, such as `metrics`.
        part: name of its part.
        distribution: name and version of the distribution that offers it.
    """

    role: str
    part: str
    distribution: str

    def __str__(self) -> str:
        """Say it in words.

        >>> str(Origin("metrics", "mae", "brainplug 0.1.0"))
        "metric 'mae' of brainplug 0.1.0"
        """
        return f"{self.words} {self.part!r} of {self.distribution}"

    @property
    def words(self) -> str:
        """The role in words."""
        return CONTRACTS[self.role].words

    def error(self, cause: str, *, method: str = "") -> PluginError:
        """Make the error of this part."""
        return PluginError(self.part, self.distribution, cause, role=self.role, method=method)

    def raised(
        self,
        method: str,
        error: BaseException,
        *,
        given: tuple[object, ...] = (),
        line: str = "",
    ) -> PluginError:
        """Make the error that stands for whatever a method raised.

        Args:
            method: in words.
            error: that it raised.
            given: what it was called with.
            line: where it begins, for what was raised before its first line ran.
        """
        # Of a file it may be the user's own; the plugin did not say so in words of its own.
        look = "look at what it names, " if isinstance(error, OSError) else ""
        meant = hint_for(error, self.role, given)
        return self.error(
            f"{method} of the {self.words} {deed_of(error)}{place_of(error) or line}; "
            f"{meant}{'; ' * bool(meant)}{look}{self.advice}; --verbose shows where it was",
            method=method,
        )

    @property
    def ours(self) -> bool:
        """Whether brainplug itself offers the part."""
        return self.distribution.startswith(f"{__name__.partition('.')[0]} ")

    @property
    def advice(self) -> str:
        """What the user can do about a fault of the part; a file beside a recipe is their own."""
        own = self.distribution.endswith(".py") or self.distribution == "this program"
        return f"{'correct it' if own else 'tell its authors'}, or name another part"


def build(part: Part[Behaviour], options: object, origin: Origin) -> Behaviour:
    """Build the behaviour of a part, hold it to its role, and guard it.

    Raises:
        PluginError: it cannot be built, or is not of the shape of its role.
    """
    behaviour = _settle(lambda: part.make(options), "making", origin, part.make)
    # A property is code of the plugin, so that merely reading it may raise anything.
    faults = _settle(lambda: list(find_faults(behaviour, origin.role)), "reading", origin)
    if faults:
        cause = f"not a {CONTRACTS[origin.role].words} that can be used: {'; '.join(faults)}"
        raise origin.error(
            f"{cause}; correct {name_of(behaviour)}{line_of(type(behaviour))}, or name another part"
        )
    return guard(behaviour, origin)


def guard(behaviour: Behaviour, origin: Origin) -> Behaviour:
    """Put a guard before a behaviour; to a type checker it is still the behaviour."""
    contract = CONTRACTS[origin.role]
    protocols = [contract.protocol, *getattr(behaviour, "abilities", ())]
    return cast("Behaviour", Guard(behaviour, origin, protocols))


class Guard:
    """Stands before a behaviour and looks like it."""

    def __init__(self, behaviour: object, origin: Origin, protocols: Iterable[type]) -> None:
        """Keep the behaviour and what its methods may return."""
        returns = {
            member.name: member
            for protocol in protocols
            for member in members_of(protocol)
            if member.signature is not None
        }
        # All in the instance's own dictionary, where an attribute is found before `__getattr__`.
        self.__dict__.update(_behind=behaviour, _origin=origin, _returns=returns)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the behaviour; a method is wrapped once and kept."""
        behaviour, origin = self.__dict__["_behind"], self.__dict__["_origin"]
        if name.startswith("__"):  # Python asks a class, not us
            raise AttributeError(name)
        try:
            value = getattr(behaviour, name)
        # Lack of memory is nobody's fault, and says itself what to do.
        except (BrainplugError, MemoryError):
            raise
        except RAISED as error:
            # An AttributeError for what is not there is how `hasattr` learns it; one from within a
            # property is the plugin's fault.
            lacks = inspect.getattr_static(behaviour, name, None) is None
            if (isinstance(error, AttributeError) and lacks) or is_full(error):
                raise
            raise origin.raised(name, error) from error
        if not callable(value) or isinstance(value, type):
            return value
        method = guard_method(value, name, origin, self.__dict__["_returns"].get(name))
        self.__dict__[name] = method
        return method

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute of the behaviour."""
        # The method that was wrapped before would hide the new value.
        self.__dict__.pop(name, None)
        setattr(self.__dict__["_behind"], name, value)

    def __repr__(self) -> str:
        """Show the behaviour."""
        return repr(self.__dict__["_behind"])

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, Origin]]:
        """Travel to another process as what it is made from."""
        # Wrapped methods are closures, which cannot be pickled; they are wrapped again over there.
        return guard, (self.__dict__["_behind"], self.__dict__["_origin"])


def behind(behaviour: Behaviour) -> Behaviour:
    """Return the object that a plugin made, without its guard."""
    return vars(behaviour)["_behind"] if isinstance(behaviour, Guard) else behaviour


def origin_of(behaviour: object) -> Origin | None:
    """Say where a guarded behaviour comes from, None where it has no guard."""
    origin: Origin | None = vars(behaviour)["_origin"] if isinstance(behaviour, Guard) else None
    return origin


@contextmanager
def judging(behaviour: object, method: str) -> Iterator[None]:
    """Name a behaviour in whatever is found wrong with what one of its methods returned.

    Raises:
        PluginError: the result is such that it cannot even be looked at.
    """
    origin = origin_of(behaviour)
    try:
        yield
    except (DataError, LeakageError) as error:
        # In the second case the error names the part already.
        if origin is None or error.where[:1] == (f"the {origin}",):
            raise
        told = error.within(f"the {origin}")
        # What ours refuse is most often due to the study.
        if not origin.ours:
            told.hint = "; ".join(filter(None, [error.hint, origin.advice]))
        raise told from error
    except (BrainplugError, MemoryError):
        raise
    except RAISED as error:
        if origin is None:
            raise
        raise origin.error(
            f"{method} of the {CONTRACTS[origin.role].words} returned what cannot be used: "
            f"{in_one_line(error)}; {origin.advice}; --verbose shows where",
            method=method,
        ) from error


def is_of_others(behaviour: object) -> bool:
    """Say whether a behaviour comes from a plugin that is none of ours."""
    origin = origin_of(behaviour)
    return origin is not None and not origin.ours


@contextmanager
def judging_others(behaviour: object, method: str) -> Iterator[None]:
    """Name a behaviour of others in what may be due to it; with ours it is due to the study."""
    if not is_of_others(behaviour):
        yield
        return
    with judging(behaviour, method):
        yield


def name_of(behaviour: object) -> str:
    """Name a behaviour by part and package, or where it has no guard by its class."""
    origin, kind = origin_of(behaviour), type(behaviour)
    if origin is not None:
        return f"{origin.part!r} of {origin.distribution}"
    # The module of a plugin file has a name of our making, which its author never wrote.
    inner = kind.__module__.startswith("brainplug_file_")
    return kind.__qualname__ if inner else f"{kind.__module__}.{kind.__qualname__}"


def guard_method(
    method: Callable[..., Any], name: str, origin: Origin, member: Member | None
) -> Callable[..., Any]:
    """Wrap a method so that whatever it raises names the part."""
    line = line_of(method)
    settle = _settler(name, origin, member, line)
    # `say` and `parse` are asked a million times; most results need no second look.
    usual = classes_of(member.type) if member else ()

    @functools.wraps(method)
    def call(*arguments: object, **keywords: object) -> Any:
        try:
            result = method(*arguments, **keywords)
            return result if type(result) in usual else settle(result)
        except DataError as error:
            meant = "" if origin.ours else hint_for(error, origin.role)
            if meant:
                error.add_note(meant)
            raise
        except (BrainplugError, MemoryError):
            raise
        except RAISED as error:
            if is_full(error):  # is nobody's fault, and names the file
                raise
            raise origin.raised(name, error, given=arguments, line=line) from error

    return call


def _settler(name: str, origin: Origin, member: Member | None, line: str) -> Callable[[Any], Any]:
    """Return the function that looks at what a method returned, which begins in this line."""
    if member is None:
        return lambda result: _watch(result, name, origin) if _is_lazy(result) else result
    made = getattr(roles, member.text, None)  # `fit` makes `Answers`
    if isinstance(made, type) and getattr(made, "_is_protocol", False):
        return lambda result: _guard_made(result, made, name, origin, line)
    if member.type is type(None):
        return lambda result: result
    # A list or a generator will do for a tuple. It is read out here, so that what it raises still
    # names the part.
    if get_origin(member.type) is tuple:
        return lambda result: _take(
            tuple(result) if _is_lazy(result) or isinstance(result, list) else result,
            member,
            origin,
            line,
        )
    return lambda result: _take(result, member, origin, line)


def _take(result: Any, member: Member, origin: Origin, line: str) -> Any:
    """Return what a method returned, where it is of the type the protocol says."""
    if matches(result, member.type):
        faults = list(field_faults(result))
        if not faults:
            return result
        raise origin.error(
            f"{member.name} of the {CONTRACTS[origin.role].words} returned a "
            f"{type(result).__name__} that cannot be used{line}: {'; '.join(faults)}; "
            f"{origin.advice}",
            method=member.name,
        )
    raise origin.error(
        f"{member.name} of the {CONTRACTS[origin.role].words} must return "
        f"{type_in_words(member.type, member.text)}, returned {told(result)}{line}; "
        f"{origin.advice}",
        method=member.name,
    )


def told(result: object) -> str:
    """Say in one line what something is; of a table its size alone, since rows name people.

    >>> told([1, 2]), told(None)
    ('list [1, 2]', 'nothing')
    """
    if result is None:
        return "nothing"
    kind, shape = type(result).__name__, getattr(result, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{kind} of {' x '.join(map(str, shape))}"
    shown = " ".join(repr(result).split())
    # Most classes say their name themselves: `PosixPath('a')`, `np.float32(0.5)`.
    own = shown.removeprefix("np.").startswith(f"{kind}(")
    return f"{'' if own else f'{kind} '}{shown if len(shown) < 100 else shown[:100] + '…'}"


def _guard_made(result: object, protocol: type, name: str, origin: Origin, line: str) -> object:
    """Hold what a method made to its protocol, and guard it as the part's own."""
    if result is None or isinstance(result, type):
        raise origin.error(
            f"{name} of the {origin.words} must return {protocol.__name__}, returned "
            f"{'nothing' if result is None else written(result)}{line}; {origin.advice}",
            method=name,
        )
    own = protocol is CONTRACTS[origin.role].protocol  # another behaviour of the same role
    contract = CONTRACTS[origin.role] if own else MADE[protocol]
    faults = list(contract_faults(result, contract))
    if faults:
        raise origin.error(
            f"{name} returned no {protocol.__name__} that can be used: {'; '.join(faults)}; "
            f"correct {name_of(result)}{line_of(type(result))}, or name another part",
            method=name,
        )
    return Guard(result, origin, [protocol, *getattr(result, "abilities", ())])


def _is_lazy(result: object) -> bool:
    return hasattr(type(result), "__next__")


def _watch(items: Iterator[Any], name: str, origin: Origin) -> Iterator[Any]:
    """Give the items of an iterator; what it raises between them names the part."""
    try:
        yield from items
    except (BrainplugError, MemoryError):
        raise
    except RAISED as error:
        raise origin.raised(name, error) from error


def _settle(
    work: Callable[[], Behaviour], name: str, origin: Origin, maker: object = None
) -> Behaviour:
    try:
        return work()
    except (BrainplugError, MemoryError):
        raise
    except RAISED as error:
        # Looked up only now, since the source of a class is slow to search.
        line = line_of(getattr(maker, "__init__", None)) or line_of(maker)
        raise origin.raised(name, error, line=line) from error
