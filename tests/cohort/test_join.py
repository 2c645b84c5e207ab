"""How a study's table and its images met, in words that are true."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from brainplug.api.records import JoinReport
from brainplug.cohort.join import tell_spare


def told(images, *, used, read, rows=None, found=5):
    table = SimpleNamespace(
        scans=pd.DataFrame({"image": images}),
        join=JoinReport(rows=rows or read, images=found, matched=len(images)),
        rows_read=read,
        images_pending=False,
    )
    return tell_spare(table, used=used)[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"images": "abcde", "used": 5, "read": 5}, "0 of 5 images belong to no row"),
        ({"images": "abc", "used": 3, "read": 4}, "2 of 5 images belong to no row"),
        (
            {"images": "abcde", "used": 4, "read": 5},
            "0 of 5 images belong to no row; one more belongs to a row that is left out",
        ),
        (
            {"images": "abcd", "used": 2, "read": 6},
            "1 of 5 images belong to no row; 2 more belong to rows that are left out",
        ),
        (
            {"images": "abb", "used": 1, "read": 3},
            "3 of 5 images belong to no row; one more belongs to a row that is left out",
        ),
        (
            {"images": "abcd", "used": 4, "read": 9, "rows": 4},
            "1 of 5 images belong to none of the 4 rows that ask for one",
        ),
    ],
)
def test_images_without_a_row_are_told_from_those_of_rows_left_out(given, words):
    """A row may be left out behind its image, and two rows may name one."""
    assert words == told(list(given.pop("images")), **given)
