"""Under which names the tables of studies keep what nearly all of them have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COMMON_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "age": (
        "age", "age_at_scan", "age_years", "interview_age", "ab_g_dyn__visit_age",
        "p21003_i2", "21003-2.0", "p21003", "p21003_i0", "21003-0.0", "p21022", "21022-0.0",
    ),
    "sex": (
        "sex", "gender", "sex_at_birth", "demo_sex_v2", "ab_g_stc__cohort_sex", "ptgender",
        "p31", "31-0.0",
    ),
    "scanner": (
        "scanner", "scanner_id", "mri_info_deviceserialnumber", "mr_y_adm__info__dev_serial",
        "ab_g_dyn__design_mr__serial", "device_serial_number", "deviceserialnumber",
        "scanner_model", "manufacturersmodelname", "manufacturer", "vendor",
    ),
}  # fmt: skip
"""What is known of people -> columns that hold it, the most exact first; compared without case.

Pools are compared by them, people grouped, and confounds looked for. `site` and `study` are columns
of every cohort.
"""


def find_common(columns: Iterable[object], names: Iterable[str]) -> str | None:
    """Return which of some columns is called by the first of the names that any is called by.

    >>> find_common(["ID", "Gender ", "P31"], COMMON_COLUMNS["sex"]), find_common(["ID"], ["sex"])
    ('Gender ', None)
    """
    # Of two that differ in case alone the first is taken.
    folded = {str(column).strip().casefold(): str(column) for column in reversed([*columns])}
    return next((folded[name] for name in names if name in folded), None)
