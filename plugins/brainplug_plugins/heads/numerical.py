"""Task head: a number, such as age or a z-score."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from attrs.validators import and_, ge, le, min_len, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.records import TargetColumn
from brainplug.api.roles import Part, SaysDifferences, SaysNumbers, about
from brainplug.errors import DataError
from brainplug.toolkit.codes import (
    count_values,
    find_missing,
    normal_code,
    read_number,
    show_counts,
    stray_codes,
    what_of_commas,
)
from brainplug.toolkit.letters import JOINED, exchange, find_said, find_words, plain_digits
from brainplug.toolkit.listed_numbers import list_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jaxtyping import Float

    from brainplug.api.records import TargetKind, TargetValue
    from brainplug.api.roles import Answers, TaskHead

MARGIN = 0.1
"""Share of the training range that may be said beyond each of its ends."""

FINE = 0.02
"""Longest stretch of numbers told as one, in standard deviations of the training values."""

MISSING = "target missing"
OUTSIDE = "target out of range"

# Not a number: part of a word, of a range (10-12), of a version (1.2.3), or with a comma, which is
# a decimal point in one country and a thousands separator in another.
_NUMBER = re.compile(
    rf"(?<!{JOINED})(?<![.,+\-])"
    r"([+\-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+\-]?[0-9]+)?)"
    rf"(?!{JOINED})(?![.,][0-9])(?![+\-]{JOINED})"
)


@attrs.frozen(kw_only=True)
class NumericalOptions:
    """Options of `numerical`."""

    column: str = attrs.field(
        validator=min_len(1), metadata=about("column of the cohort table that holds the number")
    )
    name: str | None = attrs.field(
        default=None, metadata=about("the target in words; without it the column's name")
    )
    unit: str = attrs.field(default="", metadata=about("unit, said after the number"))
    precision: int | None = attrs.field(
        default=None,
        validator=optional(and_(ge(0), le(12))),
        metadata=about(
            "decimals that are said; without it as many as the training values have, but at most "
            "three, or what gives three digits of a standard deviation below 0.1"
        ),
    )
    minimum: float | None = attrs.field(
        default=None, metadata=about("smallest plausible value; rows below are excluded")
    )
    maximum: float | None = attrs.field(
        default=None, metadata=about("largest plausible value; rows above are excluded")
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, besides those of the study")
    )
    comparatives: tuple[str, str] = attrs.field(
        default=("more", "less"),
        metadata=about(
            'words for a greater and for a smaller number, such as ["older", "younger"], where the '
            "prompt states a {difference}"
        ),
    )
    bins: int = attrs.field(
        default=4,
        validator=and_(ge(1), le(100)),
        metadata=about("quantile bins of the training values, for balance"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse bounds that no value meets and units that are numbers."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low >= high:
            raise ValueError(f"minimum must be below maximum: {low}, {high}")
        check_comparatives(self.comparatives)
        for key, words in (("name", self.name), ("unit", self.unit)):
            if words and read_number(words) is not None:
                raise ValueError(f"{key} must be words, not a number: {words!r}")


def check_comparatives(words: tuple[str, str]) -> None:
    """Refuse words for greater and smaller that could not be told apart or hold a number."""
    folded = {word.strip().casefold() for word in words}
    if len(folded) < 2 or "" in folded:
        raise ValueError(f"comparatives must be two different words: {list(words)!r}")
    if any(char.isdigit() for word in words for char in word):
        raise ValueError(f"comparatives must be words without digits: {list(words)!r}")


class Numerical:
    """A number, said with fixed decimals and its unit."""

    kind: TargetKind = "numerical"
    metrics: tuple[str, ...] = ("mae", "rmse", "r2", "pearson-r")

    def __init__(self, options: NumericalOptions) -> None:
        self.options = options
        self.column = options.column
        self.target = options.name or options.column

    def read(
        self, raw: pd.Series, *, codes: Mapping[str, str], missing: frozenset[str]
    ) -> TargetColumn:
        """Read numbers; text is refused, and so are special codes hidden among the numbers."""
        found = [str(value) for value in raw.dropna().unique()]
        empty = find_missing(found, missing.union(self.options.missing))
        numbers = {value: read_number(value) for value in found if value not in empty}
        words = [value for value, number in numbers.items() if number is None]
        if words:
            raise DataError(
                f"text: {show_counts(raw[raw.isin(words)])}",
                where=f"target column {self.column!r}",
                expected="numbers",
                found=count_values(raw[raw.isin(words)]),
                hint=what_of_commas(words)
                or 'classes and ranges are for use = "categorical", and codes that mean no value '
                "go to missing in [target]",
            )
        self._refuse_special_codes(raw, list(numbers), codes)
        self._refuse_stray_codes(
            raw, {value: number for value, number in numbers.items() if number is not None}
        )
        values = raw.map(numbers).astype("float64") + 0.0  # no minus zero
        reasons = pd.Series("", index=raw.index, dtype="str")
        reasons = reasons.mask(self._is_outside(values), OUTSIDE).mask(values.isna(), MISSING)
        return TargetColumn(values=values.where(reasons == ""), reasons=reasons)

    def fit(self, values: pd.Series) -> Answers:
        """Fix the decimals, the bins and the numbers that may be said from the training values."""
        known = values.dropna().to_numpy(dtype=float)
        if len(np.unique(known)) < 2:
            raise DataError(
                str(len(np.unique(known))),
                where=f"target {self.target!r}",
                expected="at least two distinct values among the training scans",
                found=tuple(np.unique(known).tolist()),
                hint="use more subjects, another target",
            )
        precision = self.options.precision
        if precision is None:
            precision = choose_precision(known)
        shares = np.arange(1, self.options.bins) / self.options.bins
        return NumberAnswers(
            precision=precision,
            unit=self.options.unit,
            names=(self.target, self.column),
            edges=tuple(np.unique(np.quantile(known, shares)).tolist()),
            comparatives=self.options.comparatives,
            bounds=self._bounds(known),
            fine=FINE * float(np.std(known)),
        )

    def _bounds(self, known: Float[np.ndarray, " n"]) -> tuple[float, float]:
        """Return the lowest and the highest number that may be said."""
        low, high = float(known.min()), float(known.max())
        margin = MARGIN * (high - low)
        # A quantity that is never negative is not said to be, either.
        floor = 0.0 if low >= 0 else -math.inf
        least = floor if self.options.minimum is None else self.options.minimum
        most = math.inf if self.options.maximum is None else self.options.maximum
        return max(low - margin, least), min(high + margin, most)

    def _is_outside(self, values: pd.Series) -> pd.Series:
        low, high = self.options.minimum, self.options.maximum
        below = values < (-math.inf if low is None else low)
        above = values > (math.inf if high is None else high)
        # 1e999 reads as infinite.
        return below | above | values.isin([math.inf, -math.inf])

    def _refuse_stray_codes(self, raw: pd.Series, numbers: Mapping[str, float]) -> None:
        """Refuse codes for "no value" that nobody declared, unless the recipe bounds the numbers.

        A bound on their side says that what lies within is a value.
        """
        low, high = self.options.minimum, self.options.maximum
        stray = stray_codes(numbers)
        if not stray:  # of a column without numbers there is no middle
            return
        middle = sorted(numbers.values())[len(numbers) // 2]
        stray = [each for each in stray if (low if numbers[each] < middle else high) is None]
        if stray:
            others = [number for each, number in numbers.items() if each not in stray]
            raise DataError(
                f"{show_counts(raw[raw.isin(stray)])}, far from all others "
                f"({min(others):g} to {max(others):g})",
                where=f"target column {self.column!r}",
                expected="numbers",
                found=count_values(raw[raw.isin(stray)]),
                hint=f"if that means no value, set missing = {json.dumps(stray)} in [target]; if "
                "it is a value, set minimum or maximum there so that it lies within",
            )

    def _refuse_special_codes(
        self, raw: pd.Series, found: list[str], codes: Mapping[str, str]
    ) -> None:
        """Refuse values that the study defines as codes where others are plain numbers.

        A column all of whose values are codes is an ordered scale, and may be read as numbers.
        """
        defined = {normal_code(code) for code in codes}
        special = [value for value in found if normal_code(value) in defined]
        if special and len(special) < len(found):
            raise DataError(
                "the study defines some of the values as codes: "
                f"{show_counts(raw[raw.isin(special)])}",
                where=f"target column {self.column!r}",
                found=count_values(raw[raw.isin(special)]),
                hint="name them in missing in [target]",
            )


@attrs.frozen(kw_only=True)
class NumberAnswers:
    """Numbers as they are said and read back.

    Attributes:
        precision: decimals that are said.
        unit: said after the number; may be empty.
        names: the target's names, whose digits are no answer.
        edges: values that part the bins.
        bounds: lowest and highest number that may be said; None lists none.
        fine: longest stretch of numbers that may be told as one, where there are many.
        labels: none.
        comparatives: words for a greater and for a smaller number.
    """

    abilities = (SaysDifferences, SaysNumbers)

    precision: int
    unit: str = ""
    names: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    bounds: tuple[float, float] | None = None
    fine: float = 0.0
    labels: tuple[str, ...] = ()
    comparatives: tuple[str, str] = ("more", "less")

    def say(self, value: TargetValue) -> str:
        """Say a number with its unit; zero has no sign.

        >>> NumberAnswers(precision=1, unit="years").say(-0.04)
        '0.0 years'
        """
        number = f"{float(value):.{self.precision}f}"
        if float(number) == 0:
            number = number.removeprefix("-")
        return f"{number} {self.unit}" if self.unit else number

    def parse(self, text: str) -> TargetValue | None:
        """Return the one number the text states, None where it states none or several.

        >>> NumberAnswers(precision=1, names=("p21001_bmi",)).parse("The p21001_bmi is -1.5.")
        -1.5
        """
        found = find_numbers(self._unnamed(text))
        # Adding zero takes the sign from -0.0.
        return float(found.pop()) + 0.0 if len(found) == 1 else None

    def say_difference(self, value: TargetValue, reference: TargetValue) -> str:
        """Say by how much a value is greater or smaller than the reference's, both rounded.

        Equal values differ by zero, which is said with the word for greater.

        >>> age = NumberAnswers(precision=1, unit="years", comparatives=("older", "younger"))
        >>> age.say_difference(45.26, 57.6), age.say_difference(50.0, 50.04)
        ('12.3 years younger', '0.0 years older')
        """
        change = self._rounded(value) - self._rounded(reference)
        more, less = self.comparatives
        return f"{self.say(float(abs(change)))} {less if change < 0 else more}"

    def parse_difference(self, text: str, reference: TargetValue) -> TargetValue | None:
        """Return the reference's value, rounded, changed by the one difference that is stated.

        None where a text states none or several, or has a minus sign beside a comparative.

        >>> age = NumberAnswers(precision=1, unit="years", comparatives=("older", "younger"))
        >>> age.parse_difference("12.3 years younger than the reference.", 57.6)
        45.3
        """
        text = self._unnamed(text)
        signs = [
            sign
            for sign, word in zip((1, -1), self.comparatives, strict=True)
            if find_said(text, [word], ignore_case=True)
        ]
        found = find_numbers(text)
        if len(signs) != 1 or len(found) != 1 or min(found).is_signed():
            return None
        return float(self._rounded(reference) + signs[0] * found.pop()) + 0.0

    def _rounded(self, value: TargetValue) -> Decimal:
        # Decimals, since what is said of two numbers and of their difference must add up.
        return Decimal(f"{float(value):.{self.precision}f}")

    def _unnamed(self, text: str) -> str:
        """Return a text without the target's names and the unit."""
        words = sorted({*self.names, self.unit} - {""})
        return exchange(text, find_words(text, words, ignore_case=True), " ")

    def code(self, value: TargetValue) -> float:
        """Return the number itself, unrounded."""
        return float(value)

    def spoken(self) -> tuple[tuple[float, float], ...]:
        """Return the numbers that may be said: each, or where they are many those that begin alike.

        None where there would still be too many to list.

        >>> NumberAnswers(precision=0, bounds=(18.2, 21.0)).spoken()
        ((19.0, 19.0), (20.0, 20.0), (21.0, 21.0))
        """
        if self.bounds is None:
            return ()
        return list_numbers(self.bounds, precision=self.precision, fine=self.fine)

    def strata(self, values: pd.Series) -> pd.Series:
        """Return the bin of each value, such as `bin 1 of 4`, counted from the lowest."""
        indices = np.searchsorted(self.edges, values.to_numpy(dtype=float), side="right")
        # Padded with zeros, so that names sort as their numbers do.
        bins = len(self.edges) + 1
        names = [f"bin {each:0{len(str(bins))}d} of {bins}" for each in range(1, bins + 1)]
        told = np.array(names, dtype=object)[indices]
        return pd.Series(told, index=values.index, dtype="str")


def find_numbers(text: str) -> set[Decimal]:
    """Return the numbers that a text states, equal ones once; none where one is too large.

    >>> find_numbers("12 or 12.0, not v1.2.3"), find_numbers("나이는 45.3세입니다")
    ({Decimal('12')}, {Decimal('45.3')})
    """
    # A set, since 12 and 12.0 in one answer are no contradiction.
    found = {Decimal(number) for number in _NUMBER.findall(plain_digits(text))}
    return found if all(math.isfinite(float(number)) for number in found) else set()


def choose_precision(values: Float[np.ndarray, " n"]) -> int:
    """Return the decimals that values need: all they have, within reason.

    At most three, or what gives three digits of their standard deviation where that is small.

    >>> choose_precision(np.array([9.0, 10.0])), choose_precision(np.array([9.1, 1 / 3]))
    (0, 3)
    >>> choose_precision(np.array([0.00012, 0.000251]))
    6
    """
    # The shortest text that gives the same float: 9.1 has one decimal, not fifty.
    exponents = (Decimal(repr(value)).normalize().as_tuple().exponent for value in values.tolist())
    present = max(-int(exponent) for exponent in exponents)
    spread = float(np.std(values))
    enough = max(3, 2 - math.floor(math.log10(spread))) if spread > 0 else 3
    return int(min(max(present, 0), enough, 12))


@hookimpl
def brainplug_heads() -> Iterable[Part[TaskHead]]:
    """Offer `numerical`."""
    yield Part("numerical", NumericalOptions, Numerical)
