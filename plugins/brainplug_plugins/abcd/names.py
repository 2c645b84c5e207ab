"""What ABCD calls things, release by release: columns, codes, people and visits.

Names of releases up to 4 are those of the NDA's data dictionaries, and 5.x kept them. Names of 6.x
are those in common use; each can be given in the recipe, should a release differ.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from brainplug.toolkit.image_matching import plain_session

if TYPE_CHECKING:
    from collections.abc import Iterable

SUBJECTS = ("subjectkey", "src_subject_id", "participant_id")
SESSIONS = ("eventname", "session_id")
FAMILIES = ("rel_family_id", "ab_g_stc__design_id__fam")
SITES = ("site_id_l", "ab_g_dyn__design_site")
SCANNERS = (
    "mri_info_deviceserialnumber",
    "mr_y_adm__info__dev_serial",
    "ab_g_dyn__design_mr__serial",
)
INCLUSIONS = ("imgincl_t1w_include", "mr_y_qc__incl__smri__t1_indicator")
"""1 where the T1 is recommended for inclusion, else 0."""

AGE_IN_MONTHS = "interview_age"
AGE_IN_YEARS = "ab_g_dyn__visit_age"

CODES = {
    "sex": {"M": "male", "F": "female"},
    "demo_sex_v2": {"1": "male", "2": "female"},
    "ab_g_stc__cohort_sex": {"1": "male", "2": "female"},
}
"""Codes with their words. Not among them are `O` (other), 3 (intersex-male) and 4
(intersex-female): a handful of children, who must not become a class that nobody asked for."""

MISSING = frozenset({"777", "999", "NR"})
"""Refused, not known, not reported."""

BASELINE = "0a"

KNOWN = frozenset(
    (*SUBJECTS, *SESSIONS, *FAMILIES, *SITES, *SCANNERS, *INCLUSIONS, AGE_IN_MONTHS, AGE_IN_YEARS)
) | frozenset(CODES)
"""Columns that are read of any table."""

_UNCHANGING = re.compile(
    "|".join([*FAMILIES, "sex", "demo_sex_v2", "race_ethnicity", "rel_.*", "genetic_.*"])
)
_PREFIX = re.compile("(?:SUB-)?(?:NDAR_?INV)?")
_NDA = re.compile("NDAR_?INV", re.IGNORECASE)
_GUID = re.compile("(?:sub-)?NDAR_?INV[a-z0-9]{8}|sub-[a-z0-9]+", re.IGNORECASE)
_FOLLOW_UP = re.compile("([0-9]+)(year|month)followupy?arm1")

# Underscores part the pieces of a name here, but are letters to `\b`.
_START = "(?<![A-Za-z0-9])"
_PERSON_IN_PATH = re.compile(
    f"{_START}(?:sub-)?NDAR_?INV[a-z0-9]{{8}}(?![a-z0-9])|{_START}sub-[a-z0-9]+", re.IGNORECASE
)
_VISIT_IN_PATH = re.compile(
    f"{_START}(?:ses-[a-z0-9]+|baseline_?year_?1_?arm_?1"
    "|[0-9]+_?(?:year|month)_?follow_?up_?(?:y_?)?arm_?1)",
    re.IGNORECASE,
)


def person_of(text: str) -> str:
    """Return what all spellings of a person's id have in common.

    >>> {person_of(text) for text in ("NDAR_INV0A1B2C3D", "sub-NDARINV0a1b2c3d", "sub-0A1B2C3D")}
    {'0A1B2C3D'}
    """
    return _PREFIX.sub("", text.strip().upper(), count=1)


def is_nda(text: str) -> bool:
    """Tell whether an id is spelt as releases up to 5 do.

    >>> is_nda("sub-NDARINV0A1B2C3D"), is_nda("sub-0A1B2C3D")
    (True, False)
    """
    return bool(_NDA.search(text))


def is_id(text: str) -> bool:
    """Tell whether a cell holds an id, not the description of a column.

    >>> is_id("NDAR_INV0A1B2C3D"), is_id("Subject ID how it's defined in lab/project")
    (True, False)
    """
    return bool(_GUID.fullmatch(text))


@cache  # a study has a dozen visits and a million file names
def visit_of(text: str) -> str:
    """Return what all spellings of a visit have in common, after those of 6.x.

    >>> {visit_of(text) for text in ("baseline_year_1_arm_1", "ses-baselineYear1Arm1", "ses-00A")}
    {'0a'}
    >>> visit_of("2_year_follow_up_y_arm_1"), visit_of("18_month_follow_up_arm_1")
    ('2a', '1m')
    """
    plain = plain_session(text)
    if plain in ("baseline", "baselineyear1arm1"):
        return BASELINE
    later = _FOLLOW_UP.fullmatch(plain)
    if later is None:
        return plain
    number = int(later[1])
    # Release 6 counts visits in between by the full years: 18 months after the baseline are 01M.
    return f"{number}a" if later[2] == "year" else f"{number // 12}m"


def people_in(path: str) -> set[str]:
    """Return the people whom a path names, in folders or in the file's name.

    >>> people_in("sub-NDARINV0A1B2C3D/NDARINV0A1B2C3D_baselineYear1Arm1_ABCD-MPROC-T1_2017.nii.gz")
    {'0A1B2C3D'}
    """
    return {person_of(found) for found in _PERSON_IN_PATH.findall(path)}


def visits_in(path: str) -> dict[str, str]:
    """Return the visits that a path names, each with its spelling there.

    >>> visits_in("NDARINV0A1B2C3D_2YearFollowUpYArm1_ABCD-MPROC-T1_20190101.nii.gz")
    {'2a': '2YearFollowUpYArm1'}
    """
    return {visit_of(found): found for found in _VISIT_IN_PATH.findall(path)}


def find_known(columns: Iterable[str], known: Iterable[str]) -> str | None:
    """Return the first of the known columns that a table has."""
    there = set(columns)
    return next((name for name in known if name in there), None)


def is_known(column: str) -> bool:
    """Tell whether a column is one that a loader of ABCD looks for."""
    return column in KNOWN or is_unchanging(column)


def is_unchanging(column: str) -> bool:
    """Tell whether what a column says at one visit holds for all.

    >>> is_unchanging("rel_family_id"), is_unchanging("interview_age")
    (True, False)
    """
    return bool(_UNCHANGING.fullmatch(column))
