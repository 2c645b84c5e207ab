"""Every exception brainplug raises on purpose.

    BrainplugError              shown to the user as text, exit code 1
    ├── RecipeError             a recipe cannot be used; holds every problem found
    ├── PluginError             a plugin failed: to load, to keep its role, or at its work
    ├── DataError               a table, an image folder or a task file is not as declared
    │   └── ScanError           one scan cannot be read; becomes an exclusion
    ├── LeakageError            a subject or a family stands in two pools
    └── RunError                a run cannot start or go on

All hold their facts as attributes, and the text is made from them in one order: where, what was
expected, what came, what to do. Anything else that escapes is a bug.
"""

from __future__ import annotations

import copy
import copyreg
import difflib
import errno
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Self

SHOWN = 20
"""Values of a list that a text shows."""

LONGEST, LONGEST_LINE, MOST_LINES = 8000, 1000, 40
"""Letters of a text and of a problem of a recipe, and how many of these are shown."""


_PICTURES = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    # These write what follows backwards or upon another line, beyond their own text.
    **dict.fromkeys([*range(0x2028, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
"""Control character -> what is shown of it."""


class BrainplugError(Exception):
    """Root of all errors meant for the user, and the facts that each may hold.

    Programs and tests read the facts; people read the text that is made from them. Any of them
    may be left out, and a sentence alone is `what`.

    Args:
        what: what came, in words. Where nothing was expected it is the whole statement.
        where: file, table, column, key of the recipe, task, pool, …; several from the outside in.
        expected: what should have come, in words; a value that is no text is shown as such.
        found: what came, as a value; it is shown where no words say `what`.
        hint: what to do.

    >>> error = DataError(
    ...     where=("study.csv", "column 'age'"),
    ...     expected="numbers",
    ...     found=("old", "young"),
    ...     hint="write them as numbers",
    ... )
    >>> print(error)
    study.csv: column 'age': expected numbers, found 'old', 'young'; write them as numbers
    >>> error.found
    ('old', 'young')
    >>> print(DataError("no such file", where="study.csv", expected="a table"))
    study.csv: expected a table, found no such file
    >>> print(RunError("the loss became nan at step 3", found=3, hint="lower the learning rate"))
    the loss became nan at step 3; lower the learning rate
    >>> print(DataError("a sentence alone"))
    a sentence alone
    """

    def __init__(
        self,
        what: str = "",
        *,
        where: object = (),
        expected: object = "",
        found: object = None,
        hint: str = "",
    ) -> None:
        """Keep the facts; the text is made when it is asked for."""
        super().__init__(what)
        self.what = what
        self.where: tuple[Any, ...] = where if isinstance(where, tuple) else (where,)
        self.expected: Any = expected
        self.found: Any = found
        self.hint = hint

    def __str__(self) -> str:
        """Say where, what was expected, what came and what to do."""
        came = self.what or ("" if self.found is None else show(self.found))
        # 0 and False may well be what was expected.
        if self.expected != "":
            wanted = self.expected if isinstance(self.expected, str) else show(self.expected)
            came = f"expected {wanted}" + (f", found {came}" if came else "")
        places = ": ".join(map(str, self.where))
        text = f"{places}: {came}" if places and came else places or came
        return elide(f"{text}; {self.hint}" if self.hint else text)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel from a worker process whole, whatever a subclass asks to be made from."""
        # An exception is pickled as a call of its class with `args`, which fails where that asks
        # for more; so `__init__` is passed over and the attributes are put back.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def within(self, *places: object) -> Self:
        """Return a copy that says in front of its own place which larger place that is in.

        >>> print(DataError("no value", where="column 'sex'").within("study.csv"))
        study.csv: column 'sex': no value
        """
        twin = copy.copy(self)
        twin.where = (*places, *self.where)
        return twin


class RecipeError(BrainplugError):
    """A recipe cannot be used.

    Args:
        source: the recipe as the user named it.
        problems: one line each, `path: what is wrong: what was given; hint`.
    """

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        """Keep the problems apart from the text made of them."""
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems), where=source, found=self.problems)

    def __str__(self) -> str:
        """Give a line to each problem."""
        place = ": ".join(map(str, self.where))
        lines = [elide(f"{place}: {problem}", LONGEST_LINE) for problem in self.problems]
        more = [f"{place}: and {len(lines) - MOST_LINES:,} more problems"]
        return "\n".join(lines[:MOST_LINES] + more * (len(lines) > MOST_LINES))


class PluginError(BrainplugError):
    """A plugin failed to load, broke the contract of its role, or raised something.

    Args:
        plugin: name of the entry point or of the part.
        distribution: installed distribution(s) it comes from.
        cause: what went wrong and what to do, in words.
        role: of the part, such as `metrics`; empty where it is the plugin as a whole.
        method: of the part, that raised or returned what is wrong; empty where none was called.
    """

    def __init__(
        self, plugin: str, distribution: str, cause: str, *, role: str = "", method: str = ""
    ) -> None:
        """Keep plugin, distribution, cause, role and method as attributes."""
        self.plugin = plugin
        self.distribution = distribution
        self.cause = cause
        self.role = role
        self.method = method
        # Of a file that is a plugin by itself both are its name.
        origin = "" if plugin == distribution else f" of {distribution}"
        super().__init__(cause, where=f"plugin {plugin!r}{origin}")


class DataError(BrainplugError):
    """A table, an image folder or a task file is not as declared.

    It holds `what`, `where`, `expected`, `found` and `hint`; see `BrainplugError`.
    """


class ScanError(DataError):
    """One scan cannot be used.

    Args:
        path: file of the scan.
        reason: short and the same for every scan that fails in this way.
        detail: what exactly was found.
    """

    def __init__(self, path: str, reason: str, detail: str = "") -> None:
        """Keep the reason apart, since exclusions are counted by it."""
        self.path = path
        self.reason = reason
        self.detail = detail
        told = f"{reason}: {detail}" if detail else reason
        super().__init__(told, where=path, found=detail or None)


class LeakageError(BrainplugError):
    """A subject or a family stands in two pools that must not meet.

    Args:
        message: which rule is broken.
        members: the subjects or families concerned.
        hint: what to do.
    """

    def __init__(self, message: str, members: Iterable[str], *, hint: str = "") -> None:
        """Keep the members as data; the text shows the first five."""
        self.message = message
        self.members = tuple(members)
        shown = ", ".join(repr(member) for member in self.members[:5])
        told = f"{message}: {len(self.members)} found, for example {shown}"
        super().__init__(told, found=self.members, hint=hint)


class RunError(BrainplugError):
    """A run cannot start or go on.

    It holds `what`, `where`, `expected`, `found` and `hint`; see `BrainplugError`.
    """


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk, or a user's share of one, is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def show(value: object) -> str:
    """Write a value for a reader: texts in quotes, lists without brackets and not without end.

    >>> show(("a", "b")), show({"train": 3, "val": 0}), show(()), show(1200)
    ("'a', 'b'", "'train' 3, 'val' 0", 'none', '1200')
    """
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, PurePath) or not isinstance(value, Iterable):
        return str(value)
    if isinstance(value, Mapping):
        told = [f"{show(key)} {show(each)}" for key, each in value.items()]
    else:
        told = [show(each) for each in value]
    more = [f"{len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return ", ".join(told[:SHOWN] + more) or "none"


def elide(text: str, most: int = LONGEST) -> str:
    """Leave out the middle of a text that nobody would read to its end.

    >>> elide("a" * 50 + "; set x", 30)
    'aaaaaaaaaaaaaaa … aa; set x'
    """
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … {text[len(text) - most // 4 - 2 :]}"


def visible(text: str) -> str:
    r"""Return a text with pictures in place of control characters, which a terminal would obey.

    Line ends and tabs stay.

    >>> visible("low\x1b[2J\ttext\r\n\x7f\x9b")
    'low␛[2J\ttext␍\n␡�'
    """
    return text.translate(_PICTURES)


def first_line(error: BaseException) -> str:
    """Return what another library's error says first; the rest is seldom for the user."""
    return str(error).partition("\n")[0].strip() or type(error).__name__


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or list them all.

    >>> suggestion("epocs", ["epochs", "schedule"])
    "did you mean 'epochs'?"
    >>> suggestion("x", ["epochs", "schedule"])
    "known are 'epochs', 'schedule'"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(map(repr, names))}" if names else "none is known"
