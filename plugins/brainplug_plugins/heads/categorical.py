"""Task head: a class, such as sex or a diagnosis."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import attrs
from attrs.validators import min_len

from brainplug.api.hooks import hookimpl
from brainplug.api.records import TargetColumn
from brainplug.api.roles import Part, about
from brainplug.errors import DataError, show
from brainplug.toolkit.codes import (
    count_values,
    find_missing,
    key_in_toml,
    normal_code,
    read_number,
    show_counts,
)
from brainplug.toolkit.letters import find_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brainplug.api.records import TargetKind, TargetValue
    from brainplug.api.roles import Answers, TaskHead

MISSING = "target missing"
OTHER = "value not among the labels"


@attrs.frozen(kw_only=True)
class CategoricalOptions:
    """Options of `categorical`."""

    column: str = attrs.field(
        validator=min_len(1), metadata=about("column of the cohort table that holds the class")
    )
    name: str | None = attrs.field(
        default=None, metadata=about("the target in words; without it the column's name")
    )
    labels: Mapping[str, str] = attrs.field(
        factory=dict,
        metadata=about(
            "code = words; without it what the study declares, or the values if they are words"
        ),
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, besides those of the study")
    )
    others: Literal["error", "exclude"] = attrs.field(
        default="error", metadata=about("what becomes of values that are not among the labels")
    )

    def __attrs_post_init__(self) -> None:
        """Refuse labels that could not be told apart or codes that are given twice."""
        codes = Counter(map(normal_code, self.labels))
        repeated = [code for code, count in codes.items() if count > 1]
        if repeated:
            raise ValueError(f"labels: the code {repeated[0]!r} is given more than once")
        both = sorted(codes.keys() & set(map(normal_code, self.missing)))
        if both:
            raise ValueError(f"labels and missing both name the code {both[0]!r}")
        if self.labels and len(set(self.labels.values())) < 2:
            raise ValueError(f"labels must be at least two distinct words: {dict(self.labels)!r}")
        check_words(self.labels.values())


class Categorical:
    """A class out of a few, said in words; codes are never guessed."""

    kind: TargetKind = "categorical"
    metrics: tuple[str, ...] = ("balanced-accuracy", "accuracy", "macro-f1", "auroc")

    def __init__(self, options: CategoricalOptions) -> None:
        self.options = options
        self.column = options.column
        self.target = options.name or options.column

    def read(
        self, raw: pd.Series, *, codes: Mapping[str, str], missing: frozenset[str]
    ) -> TargetColumn:
        """Turn codes into words by the recipe's labels, else the study's, else as they stand."""
        found = [str(value) for value in raw.dropna().unique()]
        self._refuse_swapped(codes)
        declared = match_codes(found, self.options.labels)
        # A code to which the recipe gives words is a value, even where the study counts it as none.
        empty = find_missing(found, missing.union(self.options.missing)) - declared.keys()
        left = [value for value in found if value not in declared and value not in empty]
        if not self.options.labels:
            declared = match_codes(left, codes) if codes else self._take_words(raw, left)
            self._check_words(declared)
        others = set(left) - declared.keys()
        if others and self.options.others == "error":
            self._refuse(raw, others, codes)
        reasons = dict.fromkeys(declared, "") | dict.fromkeys(empty, MISSING)
        reasons |= dict.fromkeys(others, OTHER)
        return TargetColumn(
            values=raw.map(declared).astype("str"), reasons=raw.map(reasons).fillna(MISSING)
        )

    def fit(self, values: pd.Series) -> Answers:
        """Fix the labels: those of the training scans, in the recipe's order or sorted."""
        seen = set(values.dropna().unique().tolist())
        wanted = list(dict.fromkeys(self.options.labels.values())) or sorted(seen)
        labels = tuple(label for label in wanted if label in seen)
        if len(labels) < 2:
            raise DataError(
                f"{show(labels)} of {show(wanted)} (their values are {show(sorted(seen))})",
                where=f"target {self.target!r}",
                expected="at least two labels among the training scans",
                found=labels,
                hint="use more subjects or other labels",
            )
        return ClassAnswers(labels)

    def _take_words(self, raw: pd.Series, values: list[str]) -> dict[str, str]:
        """Return the values as their own labels, unless one is a numeric code."""
        if any(read_number(value) is not None for value in values):
            known = list(dict.fromkeys(map(normal_code, sorted(values))))
            wanted = ", ".join(f'{key_in_toml(code)} = "…"' for code in known[:4])
            raise DataError(
                "the values are numeric codes and neither the recipe nor the study says what "
                "they mean: "
                f"{show_counts(raw[raw.isin(values)])}",
                where=f"target column {self.column!r}",
                found=count_values(raw[raw.isin(values)]),
                hint=f"write labels = {{ {wanted} }} in [target]",
            )
        return {value: value.strip() for value in values}

    def _check_words(self, declared: Mapping[str, str]) -> None:
        """Refuse words that the recipe did not choose and that could not be told apart."""
        try:
            check_words(declared.values())
        except ValueError as error:
            raise DataError(
                str(error),
                where=f"target column {self.column!r}",
                found=tuple(declared.values()),
                hint="declare labels in [target]",
            ) from error

    def _refuse_swapped(self, codes: Mapping[str, str]) -> None:
        """Refuse labels that give a code the words which the study has for another code."""
        study = {normal_code(code).casefold(): fold(words) for code, words in codes.items()}
        for code, word in self.options.labels.items():
            own = study.get(normal_code(code).casefold())
            if own is not None and own != fold(word) and fold(word) in study.values():
                known = ", ".join(f"{each} = {words}" for each, words in codes.items())
                raise DataError(
                    f"labels say {code} = {word}, but the study says {known}",
                    where=f"target column {self.column!r}",
                    found=(code, word),
                    hint="correct labels in [target], or in the study's own target",
                )

    def _refuse(self, raw: pd.Series, others: set[str], codes: Mapping[str, str]) -> None:
        """Say which values no label covers, and what can be written."""
        labels = self.options.labels or codes
        known = ", ".join(f"{code} = {word}" for code, word in labels.items())
        raise DataError(
            show_counts(raw[raw.isin(others)]),
            where=f"target column {self.column!r}",
            expected=f"one of the codes {known}",
            found=count_values(raw[raw.isin(others)]),
            hint='add them to labels or to missing in [target], or set others = "exclude"',
        )


class ClassAnswers:
    """Labels as they are said, and read back as words of their own, the longest first.

    Where a script has no boundaries of words, as Chinese has none, a label is read amid others.

    Args:
        labels: the classes in a fixed order; a class's numeric form is its place.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._by_fold = {fold(label): label for label in labels}
        # Only where that leaves all labels apart.
        loosely = {undot(words): label for words, label in self._by_fold.items()}
        self._by_letter = loosely if len(loosely) == len(labels) else {}

    def say(self, value: TargetValue) -> str:
        """Return the label itself."""
        return str(value)

    def parse(self, text: str) -> TargetValue | None:
        """Return the one label the text names, None where it names none or several.

        >>> ClassAnswers(("depressed", "not depressed")).parse("The person is Not  Depressed.")
        'not depressed'
        >>> ClassAnswers(("남성", "여성")).parse("비교 결과 남성입니다.")
        '남성'
        """
        said = fold(text)
        named = named_in(said, self._by_fold) or named_in(undot(said), self._by_letter)
        return named.pop() if len(named) == 1 else None

    def code(self, value: TargetValue) -> int:
        """Return the label's place among the labels."""
        return self.labels.index(str(value))

    def strata(self, values: pd.Series) -> pd.Series:
        """Return the labels."""
        return values.astype("str")


def fold(text: str) -> str:
    r"""Return a text in the form in which labels are compared.

    Of letters that are written wide or in their Arabic forms, and of vowel signs that Arabic may
    leave out, the plain letter stays.

    >>> fold("Mild  Cognitive\nImpairment"), fold("ｍａｌｅ")
    ('mild cognitive impairment', 'male')
    """
    plain = unicodedata.normalize("NFKC", text).translate(_ARABIC_SIGNS)
    # Folding of case can take a letter and its accent apart again.
    return " ".join(unicodedata.normalize("NFC", plain.casefold()).split())


_ARABIC_SIGNS = dict.fromkeys((*range(0x064B, 0x0653), 0x0640, 0x0670))
"""Vowel signs, the lengthened stroke, and a small alif."""


def undot(folded: str) -> str:
    """Return a folded text with one letter in place of the Turkish dotted and dotless i.

    >>> undot(fold("KADIN")) == undot(fold("kadın")), undot(fold("İKİ")) == undot(fold("iki"))
    (True, True)
    """
    return folded.replace("\N{LATIN SMALL LETTER DOTLESS I}", "i").replace(
        "i\N{COMBINING DOT ABOVE}", "i"
    )


def named_in(text: str, labels: Mapping[str, str]) -> set[str]:
    """Return the labels that a text names; both are folded.

    Args:
        text: in which is looked.
        labels: words -> label.
    """
    return {labels[text[start:end]] for start, end in find_words(text, labels)}


def check_words(words: Iterable[str]) -> None:
    """Refuse labels that are empty, or the same but for case and spaces."""
    distinct = list(dict.fromkeys(words))
    if any(not word or word != word.strip() for word in distinct):
        raise ValueError(f"labels must be words without spaces around them: {distinct!r}")
    folded = Counter(map(fold, distinct))
    same = [word for word in distinct if folded[fold(word)] > 1]
    if same:
        raise ValueError(f"labels differ only by case or spaces: {', '.join(map(repr, same))}")


def match_codes(values: Iterable[str], codes: Mapping[str, str]) -> dict[str, str]:
    """Return value -> words for the values that are a code; case is ignored where it can be.

    >>> match_codes(["1.0", "F", "f", "x"], {"1": "male", "F": "female"})
    {'1.0': 'male', 'F': 'female', 'f': 'female'}
    """
    exact = {normal_code(code): words for code, words in codes.items()}
    counts = Counter(code.casefold() for code in exact)
    # Where `M` and `m` are two codes, case tells them apart.
    loose = {
        code.casefold(): words for code, words in exact.items() if counts[code.casefold()] == 1
    }
    found = {value: normal_code(value) for value in values}
    matched = {value: exact.get(code, loose.get(code.casefold())) for value, code in found.items()}
    return {value: words for value, words in matched.items() if words is not None}


@hookimpl
def brainplug_heads() -> Iterable[Part[TaskHead]]:
    """Offer `categorical`."""
    yield Part("categorical", CategoricalOptions, Categorical)
