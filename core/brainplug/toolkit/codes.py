"""Codes as phenotype tables write them, and how the values found are shown to the user."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

NO_VALUE = frozenset({"", "n/a", "na", "nan"})
"""What tables write for an empty cell, compared without case; a declared code comes first."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
DECIMAL_COMMAS = (
    "their decimals stand behind a comma: with the loader table set decimal = ',' in [cohort], "
    "else write them with a point"
)
THOUSANDS = (
    "their commas part thousands, or decimals: write thousands without them; with the loader table "
    'decimal = "," in [cohort] reads 1,043 as 1.043'
)

_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")
_COMMA = re.compile(r"[-+]?(?:\d*|\d{1,3}(?:\.\d{3})+),\d+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MINUS = "\N{MINUS SIGN}"
_USUAL_CODE = re.compile(r"-?(?:9{2,}(?:\.9+)?|77|88|([4-8])\1{2,})|-[0-9]+")
"""Numbers that studies write for "no value", such as 999, 99.9, 777, -9 and -121."""

FEWEST_NUMBERS = 3
"""Distinct numbers below which none is told to lie far from the others."""


def key_in_toml(code: str) -> str:
    """Write a code as the key of a recipe's table, quoted where TOML asks for it.

    >>> key_in_toml("1"), key_in_toml("1.5"), key_in_toml("not known")
    ('1', '"1.5"', '"not known"')
    """
    return code if _BARE_KEY.fullmatch(code) else json.dumps(code, ensure_ascii=False)


def normal_code(code: str) -> str:
    """Return the one form of a code that tables write as 1, 1.0 or 01.

    >>> [normal_code(code) for code in ("1", " 1.0", "01", "-0", "2.50", "M", "5-6")]
    ['1', '1', '1', '0', '2.5', 'M', '5-6']
    """
    if code.isascii() and code.isdigit() and code[0] != "0":
        return code  # most ids of families, of which there are many
    text = code.strip().replace(_MINUS, "-")
    if not _PLAIN.fullmatch(text):
        return text
    # By way of a float, ids of seventeen digits and more would change.
    number = format(Decimal(text), "f").removeprefix("-")
    sign = "-" if Decimal(text) < 0 else ""
    return sign + (number.rstrip("0").rstrip(".") if "." in number else number)


def read_number(text: str) -> float | None:
    """Read a number written without thousands separators, None where the text is none.

    >>> [read_number(text) for text in ("1.5", "-2e-1", ".5", "1,5", "1_000", "55-60", "inf")]
    [1.5, -0.2, 0.5, None, None, None, None]
    """
    plain = text.strip().replace(_MINUS, "-")
    # float() alone would take `1_000`, `inf` and `nan`, too.
    return float(plain) if _NUMBER.fullmatch(plain) else None


def has_decimal_comma(text: str) -> bool:
    """Tell whether a text is a number whose decimals stand behind a comma.

    >>> [has_decimal_comma(text) for text in ("1,5", "-0,25", "1.234,5", "1.5", "1,5,6", "a,5")]
    [True, True, True, False, False, False]
    """
    return _COMMA.fullmatch(text.strip().replace(_MINUS, "-")) is not None


def what_of_commas(words: Iterable[str]) -> str:
    """Say what to do about numbers with commas, nothing where some are no such numbers.

    >>> what_of_commas(["1,043", "2,310"]).partition(":")[0]
    'their commas part thousands, or decimals'
    >>> what_of_commas(["1,043", "2,5"]).partition(":")[0]
    'their decimals stand behind a comma'
    """
    plain = [word.strip() for word in words]
    if all(map(_THOUSANDS.fullmatch, plain)):
        return THOUSANDS
    return DECIMAL_COMMAS if all(map(has_decimal_comma, plain)) else ""


def with_points(text: str) -> str:
    """Write a number with a decimal comma with a point; other text stays as it is.

    >>> with_points("1.234,5"), with_points("-0,25"), with_points("12"), with_points("a,5")
    ('1234.5', '-0.25', '12', 'a,5')
    """
    return text.replace(".", "").replace(",", ".") if has_decimal_comma(text) else text


def find_missing(values: Iterable[str], missing: Iterable[str]) -> set[str]:
    """Return the values that mean "no value": an empty cell in words, or a code of `missing`.

    >>> sorted(find_missing(["1", "777.0", "N/A", "2"], ["777"]))
    ['777.0', 'N/A']
    """
    codes = {normal_code(code).casefold() for code in missing} | NO_VALUE
    return {value for value in values if normal_code(value).casefold() in codes}


def stray_codes(numbers: Mapping[str, float]) -> list[str]:
    """Return values among numbers that are codes for "no value", by their looks and their place.

    They look like codes that studies use, and lie further from all others than these from each
    other: 99 is believed beside 97, and 999 is not.

    Args:
        numbers: each distinct value as a table writes it, and read.

    >>> stray_codes({"21": 21.0, "80": 80.0, "35.5": 35.5, "999": 999.0, "-9": -9.0})
    ['999']
    >>> stray_codes({"0.2": 0.2, "0.9": 0.9, "0.4": 0.4, "-9": -9.0, "-1": -1.0})
    ['-9', '-1']
    """
    looks = {value for value in numbers if _USUAL_CODE.fullmatch(normal_code(value))}
    believed = [number for value, number in numbers.items() if value not in looks]
    if len(believed) < FEWEST_NUMBERS:
        return []
    near = looks
    while near:
        # What is believed lets others be near, as a change of -4 does one of -9.
        low, high = min(believed), max(believed)
        near = {each for each in looks if 2 * low - high <= numbers[each] <= 2 * high - low}
        believed += [numbers[each] for each in near]
        looks -= near
    return [value for value in numbers if value in looks]


def mask_missing(values: pd.Series, missing: Iterable[str]) -> pd.Series:
    """Make the values that mean "no value" missing, as `find_missing` tells them.

    >>> import pandas as pd
    >>> mask_missing(pd.Series(["f1", "None"], dtype="str"), ["none"]).dropna().tolist()
    ['f1']
    """
    return values.mask(values.isin(list(find_missing(values.dropna().unique(), missing))))


def count_values(values: pd.Series) -> dict[str, int]:
    """Count the rows of each distinct value, the commonest first.

    >>> import pandas as pd
    >>> count_values(pd.Series(["2", "1", "3", "1"]))
    {'1': 2, '2': 1, '3': 1}
    """
    counts = values.astype("str").value_counts()
    # value_counts leaves equal counts in the order of rows, which is to leave no trace.
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    return {str(value): int(count) for value, count in ordered}


def show_counts(values: pd.Series, limit: int = 10) -> str:
    """Show distinct values with their numbers of rows, the commonest first.

    >>> import pandas as pd
    >>> show_counts(pd.Series(["1", "2", "1"]))
    "'1' (2 rows), '2' (1 row)"
    """
    ordered = list(count_values(values).items())
    shown = [f"{value!r} ({n} {'row' if n == 1 else 'rows'})" for value, n in ordered[:limit]]
    more = len(ordered) - limit
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
