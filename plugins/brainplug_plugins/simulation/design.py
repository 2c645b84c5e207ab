"""The options of a simulated study and the effects its scans show."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
from attrs.validators import and_, ge, instance_of, le, matches_re, optional

from brainplug.api.roles import about
from brainplug.errors import DataError

VERSION = 2
"""Version of the generator; raising it gives new studies a new default folder."""

PLAIN_VERSION = 1
"""Version that made studies without `needs_reference`, whose bytes are still the same."""

AGE_MEAN, AGE_SD = 50.0, 12.0
CODES = {"sex": {"1": "male", "2": "female"}}
EVERY = 5
"""One subject in this many is given a broken file until there are enough."""
PEOPLE = 4
"""Fewest people a site with `needs_reference`: two pairs, in case two are siblings."""

Driver = Literal["sex", "age", "bmi"]


@attrs.frozen(kw_only=True)
class Effect:
    """One thing in the images that an attribute moves.

    A subject's score is `strength * attribute + own`, where `own` is a standard normal draw, so a
    strength is counted in standard deviations of the effect among people alike in the attribute.

    Attributes:
        driver: attribute that moves it; sex counts +0.5 (male) or -0.5 (female), age and BMI are
            z-scores.
        equation: what one unit of the score does to the image.
    """

    driver: Driver
    equation: str


EFFECTS: dict[str, Effect] = {
    "head_size": Effect(
        driver="sex", equation="all lengths about the head's centre times exp(0.03 * score)"
    ),
    "head_shape": Effect(
        driver="sex",
        equation="width times exp(0.02 * score), length and height times exp(-0.01 * score)",
    ),
    "ventricles": Effect(
        driver="age",
        equation="points around the lateral ventricles pushed outwards by up to 0.8 mm * score",
    ),
    "cortex": Effect(
        driver="age",
        equation="intensity in the outer 8 mm of the brain times exp(-0.05 * score)",
    ),
    "frontal": Effect(
        driver="bmi",
        equation="frontal lobe pushed back by up to 1.0 mm * score; made up, no finding",
    ),
    "deep": Effect(
        driver="bmi",
        equation="intensity within about 50 mm of the hypothalamus times exp(0.06 * score); "
        "made up, no finding",
    ),
}

RELATIVE: dict[str, Effect] = {
    "sides": Effect(
        driver="sex",
        equation="intensity of the right half of the brain times exp(0.03 * score), of the left "
        "half times exp(-0.03 * score), smooth across the middle; made up, no finding",
    ),
}
"""What sex moves instead of the head with `needs_reference`, to which each site adds its offset.

The halves of the template are nearly alike, and no other effect tells them apart, so nothing else
in a scan adds to this contrast, and the median of the head stays where it is.
"""

OFFSET = 1 / 0.6
"""Largest offset of a site with `needs_reference`, as a multiple of the effect of sex.

An offset that is uniform up to so much leaves a reader of one scan about 0.65 balanced accuracy,
however strong the effect is.
"""


@attrs.frozen(kw_only=True)
class SimulatedOptions:
    """Options of `simulated`."""

    subjects: int = attrs.field(
        default=200, validator=ge(1), metadata=about("people in the study, one scan each")
    )
    seed: int = attrs.field(
        default=1, validator=ge(0), metadata=about("seed of the study, apart from the run's seed")
    )
    resolution_mm: float = attrs.field(
        default=4.0, validator=and_(ge(1), le(8)), metadata=about("edge of a voxel", unit="mm")
    )
    sex_effect: float = attrs.field(
        default=1.0,
        validator=ge(0),
        metadata=about(
            "Cohen's d of sex along each of head size and head shape; with needs_reference along "
            "the one contrast, among people of a site"
        ),
    )
    age_effect: float = attrs.field(
        default=0.7,
        validator=ge(0),
        metadata=about("shift of ventricles and of cortex per SD of age, in SD of each"),
    )
    bmi_effect: float = attrs.field(
        default=0.3,
        validator=ge(0),
        metadata=about("shift of two made-up effects per SD of BMI z-score, in SD of each"),
    )
    deformation_mm: float = attrs.field(
        default=2.0,
        validator=and_(ge(0), le(5)),
        metadata=about("SD of the smooth random deformation that makes brains differ", unit="mm"),
    )
    needs_reference: bool = attrs.field(
        default=False,
        metadata=about(
            "whether sex shows in one contrast alone, to which each site adds an offset of its "
            "own, so that it can be read off the difference to a reference of the site and hardly "
            "off one scan"
        ),
    )
    sites: int = attrs.field(
        default=3, validator=ge(1), metadata=about("scanners, each with its own contrast and noise")
    )
    family_share: float = attrs.field(
        default=0.2,
        validator=and_(ge(0), le(1)),
        metadata=about("share of people who are one of two siblings"),
    )
    missing_share: float = attrs.field(
        default=0.02,
        validator=and_(ge(0), le(1)),
        metadata=about("share of sex, age and BMI values missing from the table"),
    )
    broken: int = attrs.field(
        default=0, validator=ge(0), metadata=about("scans that cannot be used, five kinds in turn")
    )
    folder: Path | None = attrs.field(
        default=None,
        validator=optional(instance_of(Path)),
        metadata=about("where the study is written; without it in brainplug's cache folder"),
    )
    study: str = attrs.field(
        default="SIMULATED",
        validator=matches_re(r"[A-Za-z0-9-]+"),
        metadata=about("short name of the study in file names"),
    )

    def __attrs_post_init__(self) -> None:
        """Check what concerns two options."""
        if self.broken * EVERY > self.subjects:
            raise DataError(
                f"broken = {self.broken} of subjects = {self.subjects}",
                where="broken",
                expected=f"at most one in {EVERY} subjects",
                found=(self.broken, self.subjects),
                hint="lower broken",
            )
        if self.needs_reference and self.sites * PEOPLE > self.subjects:
            raise DataError(
                f"subjects = {self.subjects} at sites = {self.sites}",
                where="needs_reference",
                expected=f"at least {PEOPLE} people a site, who can be references of each other",
                found=(self.subjects, self.sites),
                hint="lower sites, or raise subjects",
            )

    @property
    def effects(self) -> dict[str, Effect]:
        """What shows in the images, in the order in which it is drawn."""
        return {**EFFECTS, **RELATIVE} if self.needs_reference else EFFECTS

    @property
    def version(self) -> int:
        """Version of the generator that makes this study."""
        return VERSION if self.needs_reference else PLAIN_VERSION

    def strength(self, name: str) -> float:
        """Return how strongly an effect follows the attribute that drives it."""
        driver = self.effects[name].driver
        # Any other cue would tell the sex without a reference.
        if driver == "sex" and self.needs_reference and name not in RELATIVE:
            return 0.0
        return self.effect_of(driver)

    def effect_of(self, driver: Driver) -> float:
        """Return the strength of the effects that an attribute drives."""
        return {"sex": self.sex_effect, "age": self.age_effect, "bmi": self.bmi_effect}[driver]

    def stated(self) -> dict[str, Any]:
        """Return the options as `truth.json` has them, but for the folder."""
        options = attrs.asdict(self, filter=attrs.filters.exclude("folder"))
        if not self.needs_reference:
            # Studies that were written before there was this option say the same without it.
            del options["needs_reference"]
        return options
