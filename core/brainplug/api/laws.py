"""The laws of each role: what a behaviour must keep beyond names and signatures.

Each is a function that yields what is broken, in words. `brainplug check` and a run hold the parts
of a recipe to them before anything is trained, and `brainplug.testing` those of a plugin.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.guard import name_of, origin_of
from brainplug.api.lending import lending
from brainplug.api.names import fault_of_name
from brainplug.api.roles import (
    ReadsFiles,
    SaysDifferences,
    SaysNumbers,
    able,
)
from brainplug.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from brainplug.api.records import ModelPlan, TargetColumn, TargetKind, TargetValue
    from brainplug.api.roles import Answers, CohortLoader, ModelBackbone, Part, TaskHead

SAMPLE = 50
"""Training values that are said and read back, from the smallest to the largest."""


def hold(behaviour: object, faults: Iterable[str]) -> None:
    """Hold a behaviour to a law.

    Args:
        behaviour: built from a part; named in the message.
        faults: what is broken, as the laws of this module yield it.

    Raises:
        PluginError: something is.
    """
    found = list(faults)
    if not found:
        return
    origin = origin_of(behaviour)
    advice = origin.advice if origin else "tell its authors, or name another part"
    cause = f"breaks a law of its role: {'; '.join(found)}; {advice}"
    raise origin.error(cause) if origin else PluginError(name_of(behaviour), "this program", cause)


def part_faults(part: Part[Any]) -> Iterator[str]:
    """Say what a part does not tell its users: what it does, and what each option is about."""
    if not part.summary:
        yield "the docstring of its behaviour is empty; its first line is what users are shown"
    for field in attrs.fields(part.options):
        if not field.metadata.get("about"):
            yield f"option {field.name!r} is not described; give metadata=about(…)"
        if not field.kw_only:
            yield f"option {field.name!r} is positional; make the options kw_only"


def fit_answers(head: TaskHead, values: pd.Series) -> Answers:
    """Fit a head to the training values, and hold its answers to their laws.

    Raises:
        PluginError: an answer is not read back as the value it was said for.
    """
    with lending(head, "fit", values) as (lent,):
        answers = head.fit(lent)
    hold(head, answer_faults(answers, values))
    hold(head, spoken_faults(answers))
    return answers


def head_faults(head: TaskHead) -> Iterator[str]:
    """Say where a head names its target by what can stand in no sentence and no file name."""
    parts = head.target.split("/")
    if not head.target.strip() or "\n" in head.target or "\r" in head.target:
        yield f"target is {head.target!r}; expected the target in words, in one line"
    elif {"", ".", ".."} & {part.strip() for part in parts}:
        yield f"target is {head.target!r}, which reads as a path; expected the target in words"


def spoken_numbers(answers: Answers) -> tuple[tuple[float, float], ...]:
    """Return the numbers that an answer may state; none where they cannot be listed."""
    return answers.spoken() if able(answers, SaysNumbers) else ()


def spoken_faults(answers: Answers) -> Iterator[str]:
    """Say where the numbers that may be said are not in order, or are misread."""
    spoken = spoken_numbers(answers)
    wrong = [pair for pair in spoken if len(pair) != 2 or not pair[0] <= pair[1]]
    if wrong:
        yield f"spoken names {wrong[0]!r}; expected two ends, the lower one first"
        return
    for before, after in itertools.pairwise(spoken):
        if not before[1] < after[0]:
            yield f"spoken is not ascending: {before!r} comes before {after!r}"
            return
    ends = [end for pair in spoken[:: max(1, len(spoken) // SAMPLE)] for end in pair]
    yield from itertools.islice(filter(None, (find_misreading(answers, end) for end in ends)), 1)


def answer_faults(answers: Answers, values: pd.Series) -> Iterator[str]:
    """Say where answers are not read back as they were said, or have no stratum.

    Args:
        answers: fitted to these values.
        values: of the training scans.
    """
    known = sorted(values.dropna().unique().tolist())
    if answers.labels:
        unknown = [value for value in known if value not in answers.labels]
        if unknown:
            yield f"labels lack {unknown[0]!r}, a value it was fitted to"
            return
    chosen: Sequence[str | float] = answers.labels or known[:: max(1, len(known) // SAMPLE)]
    for value in chosen:
        fault = find_misreading(answers, value)
        if fault:
            yield fault
            return  # the others are like it
    if answers.parse("") is not None:
        yield f"parse('') returns {answers.parse('')!r}; expected None, since nothing is stated"
    yield from () if answers.labels else sameness_faults(answers, known)
    yield from code_faults(answers, chosen)
    yield from guess_faults(answers)
    # Named as scans are: strata that are counted from 0 would be put to the wrong ones.
    shown = pd.Series(list(chosen), index=[f"scan {index}" for index in range(len(chosen))])
    strata = answers.strata(shown)
    if not strata.index.equals(shown.index) or not all(isinstance(each, str) for each in strata):
        yield "strata returns no text for each value, with the index of the values"
    if able(answers, SaysDifferences):
        yield from difference_faults(answers, chosen)


def sameness_faults(answers: Answers, known: Sequence[float]) -> Iterator[str]:
    """Say whether numbers are all said alike; from the smallest to the largest.

    Labels that are said alike could not be read back.
    """
    if len(known) > 1 and answers.say(known[0]) == answers.say(known[-1]):
        yield (
            f"say({known[0]!r}) and say({known[-1]!r}), the smallest and the largest value, are "
            f"both {answers.say(known[0])!r}; expected words that tell them apart"
        )


def code_faults(answers: Answers, values: Sequence[TargetValue]) -> Iterator[str]:
    """Say where the numbers of labels do not tell them apart, or are none."""
    codes = {value: answers.code(value) for value in values}
    odd = [value for value, code in codes.items() if not math.isfinite(code)]
    if odd:
        yield f"code({odd[0]!r}) is {codes[odd[0]]!r}; expected a number"
    elif answers.labels and len(set(codes.values())) < len(codes):
        yield f"code gives two labels one number: {codes!r}"


def guess_faults(answers: Answers) -> Iterator[str]:
    """Say where an answer that states two labels is read as one of them."""
    for pair in itertools.pairwise(answers.labels[:SAMPLE]):
        said = " and ".join(map(answers.say, pair))
        read = answers.parse(said)
        if read in pair:
            yield (
                f"parse reads {said!r}, which states two labels, as {read!r}; "
                "expected None where an answer states several"
            )
            return  # the others are like it


def difference_faults(answers: Any, values: Sequence[TargetValue]) -> Iterator[str]:
    """Say where a difference is not read back as the value it was said of."""
    for value, reference in zip(values, reversed(values), strict=True):
        said = answers.say_difference(value, reference)
        read = answers.parse_difference(said, reference)
        if read is None or answers.say(read) != answers.say(value):
            yield (
                f"say_difference({value!r}, {reference!r}) is {said!r}, which parse_difference "
                f"reads as {read!r}"
            )
            return  # the others are like it


def find_misreading(answers: Answers, value: str | float) -> str | None:
    """Say how a value is misread, None where it is read back.

    A label must come back itself. A number is said with so many decimals; what comes back must be
    what was said.
    """
    said = answers.say(value)
    read = answers.parse(said)
    if isinstance(value, str):
        kept = read == value
    else:
        kept = isinstance(read, int | float) and math.isfinite(read) and answers.say(read) == said
    return None if kept else f"say({value!r}) is {said!r}, which parse reads as {read!r}"


LARGEST_NUMBER = 1e100
"""Of a target; the square of a larger one, or of a sum of them, is none any more."""


def value_faults(values: pd.Series, kind: TargetKind) -> Iterator[str]:
    """Say which values a head read that are none of its kind: labels are text, numbers real."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    if kind == "categorical":
        odd = [each for each in values.dropna().unique().tolist() if not isinstance(each, str)]
        if odd:
            yield f"values must be text, labels as they are said; one is {odd[0]!r}"
        return
    number = is_numeric_dtype(values) and not is_bool_dtype(values) and not is_complex_dtype(values)
    if not number:
        yield f"values must be real numbers, NA where there is none; they are {values.dtype}"
        return
    huge = values[values.abs() > LARGEST_NUMBER]
    if len(huge):
        yield f"a value is {huge.iloc[0]!r}; expected numbers of at most {LARGEST_NUMBER:g}"


def column_faults(raw: pd.Series, found: TargetColumn, kind: TargetKind) -> Iterator[str]:
    """Say where a head that read a column gave no values of its kind, or no reason for none."""
    values, reasons = found.values, found.reasons  # noqa: PD011 (a field of TargetColumn)
    if not (values.index.equals(raw.index) and reasons.index.equals(raw.index)):
        yield f"values and reasons must have the index of the {len(raw)} rows it was given"
        return
    yield from value_faults(values, kind)
    mute = values.isna() & ~(reasons.fillna("") != "")
    if mute.any():
        yield (
            f"rows have neither a value nor a reason: {int(mute.sum())}, for example "
            f"{raw[mute].iloc[0]!r}"
        )
    both = values.notna() & (reasons.fillna("") != "")
    if both.any():
        yield (
            f"rows have a value and a reason why there is none: {int(both.sum())}, for example "
            f"{raw[both].iloc[0]!r}; leave the reason empty where there is a value"
        )


def hold_sources(behaviour: object) -> None:
    """Hold a split strategy or a model that reads files of its own to naming them.

    Raises:
        PluginError: one that it names is not there.
    """
    if able(behaviour, ReadsFiles):
        hold(behaviour, source_faults(behaviour))


MOST_TOKENS, MOST_WEIGHTS = 10**9, 10**15
"""Of a scan and of a model; a plan that names more was not counted."""


def plan_faults(plan: ModelPlan) -> Iterator[str]:
    """Say which numbers of a plan can be those of no model."""
    for name, low, high in (
        ("tokens_per_image", 1, MOST_TOKENS),
        ("num_parameters", 0, MOST_WEIGHTS),
        ("context_length", 1, math.inf),
    ):
        found = getattr(plan, name)
        if found < low:
            above = "numbers above 0" if low else "0 where they are not known"
            yield f"plans {name}={found}; expected {above}"
        elif found > high:
            yield f"plans {name}={found}; expected at most {high:,}"


def counting_faults(backbone: ModelBackbone) -> Iterator[str]:
    """Say where a model counts no tokens of a text, or fewer of a longer one."""
    short, long = map(backbone.count_tokens, ("a", "a sentence of some words"))
    if short < 1:
        yield f"count_tokens('a') is {short}; expected one token at least"
    elif long < short:
        yield "count_tokens gives fewer tokens for a longer text"


COUNTED = ("What is the sex?", "The BMI is 23.5.", "이 사람은 여성입니다.")
"""Texts whose tokens a model must not count too few of, or dialogues would be cut."""


def count_faults(backbone: ModelBackbone, tokenizer: Any) -> Iterator[str]:
    """Say of which text a model counts fewer tokens than its tokenizer makes."""
    for text in COUNTED:
        made = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        counted = backbone.count_tokens(text)
        if counted < made:
            yield (
                f"count_tokens({text!r}) is {counted}, the tokenizer makes {made}; count as it "
                "does, or estimate from above"
            )
            return


def run_faults(runs: Mapping[str, object]) -> Iterator[str]:
    """Say which runs have no options, or a name that no folder can have beside the others'."""
    seen: set[str] = set()
    for name, options in runs.items():
        if not attrs.has(type(options)):
            yield f"runs: {name!r} is a {type(options).__name__}; expected options of the strategy"
        fault = fault_of_name(name)
        if not fault and str(name).casefold() in seen:
            fault = "another differs by case alone"
        if fault:
            yield f"runs: {name!r} cannot be the name of a folder: {fault}"
        seen.add(str(name).casefold())


def source_faults(behaviour: CohortLoader | ReadsFiles) -> Iterator[str]:
    """Say which of the files that a behaviour says it reads are not there, or named from here."""
    paths = behaviour.sources()
    lost = [path for path in paths if not path.exists()]
    bound = [path for path in paths if not path.is_absolute()]
    if bound:
        yield (
            f"sources names {bound[0]}, which depends on the folder that brainplug is run in; name "
            "it from a path of the options, which is absolute, or with .absolute()"
        )
    elif lost:
        yield f"sources names {lost[0]}, which is not there; name the files that are read"
