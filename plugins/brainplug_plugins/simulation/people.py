"""Who is in a simulated study: everything about a person follows from seed and number."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from brainplug_plugins.simulation.design import (
    AGE_MEAN,
    AGE_SD,
    EVERY,
    OFFSET,
    RELATIVE,
    SimulatedOptions,
)

FAULTS: tuple[str, ...] = ("zero-byte", "truncated", "4-D", "constant", "NaN")

STREAMS: tuple[str, ...] = (
    "sex",
    "age",
    "bmi",
    "scores",
    "missing",
    "image",
    "family",
    "family image",
    "family site",
    "site",
    "site offset",
)
"""What is drawn, each from a generator of its own; new streams go to the end."""


@attrs.frozen(kw_only=True)
class Person:
    """A simulated participant.

    Attributes:
        number: from 0; `subject` is made of it.
        family: number of the family; siblings share it.
        site: number of the scanner.
        sex: code, 1 male, 2 female.
        age: years, as in the table.
        bmi: BMI z-score, as in the table.
        scores: how strongly each of the options' effects shows in the image.
        hidden: columns in which the table has no value.
        fault: how the file is broken, empty for a good one.
    """

    number: int
    family: int
    site: int
    sex: str
    age: float
    bmi: float
    scores: Mapping[str, float]
    hidden: frozenset[str]
    fault: str

    @property
    def subject(self) -> str:
        """Id in the table and in file names."""
        return f"sub-{self.number + 1:04d}"


def generator(seed: int, stream: str, number: int) -> np.random.Generator:
    """Return the generator of one stream of one person, family or site."""
    return np.random.default_rng((seed, STREAMS.index(stream), number))


def draw_person(options: SimulatedOptions, number: int) -> Person:
    """Draw a person; independent of how many others there are."""
    seed = options.seed
    sex = "1" if generator(seed, "sex", number).random() < 0.5 else "2"
    # Rounded before the image is made from it, so that table and image agree to the last digit.
    age = round(float(generator(seed, "age", number).normal(AGE_MEAN, AGE_SD)), 1)
    bmi = round(float(generator(seed, "bmi", number).normal()), 2)
    family = family_of(options, number)
    site = site_of(options, number)
    return Person(
        number=number,
        family=family,
        site=site,
        sex=sex,
        age=age,
        bmi=bmi,
        scores=_scores(
            options,
            number,
            {"sex": 1.5 - int(sex), "age": (age - AGE_MEAN) / AGE_SD, "bmi": bmi},
            offset_of(options, site),
        ),
        hidden=_hidden(options, number),
        fault=_fault(options, number),
    )


def family_of(options: SimulatedOptions, number: int) -> int:
    """Return the family: neighbours in number are siblings with the probability asked for."""
    first = number - number % 2
    siblings = generator(options.seed, "family", first).random() < options.family_share
    return first if siblings else number


def site_of(options: SimulatedOptions, number: int) -> int:
    """Return the site, that of the family, since siblings are mostly scanned at the same one."""
    if options.needs_reference:
        # In turns, neighbours together: a site with too few people would lack references.
        return number // 2 % options.sites
    family = family_of(options, number)
    return int(generator(options.seed, "family site", family).integers(options.sites))


def offset_of(options: SimulatedOptions, site: int) -> float:
    """Return what a site adds to the effects of `RELATIVE`."""
    widest = OFFSET * options.sex_effect
    return float(generator(options.seed, "site offset", site).uniform(-widest, widest))


def _scores(
    options: SimulatedOptions, number: int, attributes: Mapping[str, float], offset: float
) -> dict[str, float]:
    effects = options.effects
    own = generator(options.seed, "scores", number).normal(size=len(effects))
    return {
        name: options.strength(name) * attributes[effect.driver]
        + float(value)
        + (offset if name in RELATIVE else 0.0)
        for (name, effect), value in zip(effects.items(), own, strict=True)
    }


def _hidden(options: SimulatedOptions, number: int) -> frozenset[str]:
    columns = ("sex", "age", "BMI_sds")
    draws = generator(options.seed, "missing", number).random(len(columns))
    return frozenset(
        column for column, draw in zip(columns, draws, strict=True) if draw < options.missing_share
    )


def _fault(options: SimulatedOptions, number: int) -> str:
    """Break every fifth file from the front, so that a larger study breaks the same ones."""
    order, rest = divmod(number, EVERY)
    if rest != EVERY - 1 or order >= options.broken:
        return ""
    return FAULTS[order % len(FAULTS)]
