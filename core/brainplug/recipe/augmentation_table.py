"""The recipe table that says how scans are changed at random in training: `[augmentation]`."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import and_, ge, le, lt

from brainplug.api.roles import about


@attrs.frozen(kw_only=True)
class Augmentation:
    """`[augmentation]`: random changes of the scans the model learns from; all are off by default.

    Scans that it is measured on are never changed.
    """

    rotation_degrees: float = attrs.field(
        default=0.0,
        validator=and_(ge(0), le(180)),
        metadata=about(
            "largest rotation about each axis, to either side, through the grid's centre",
            unit="degrees",
        ),
    )
    translation_mm: float = attrs.field(
        default=0.0,
        validator=and_(ge(0), le(100)),
        metadata=about("largest shift along each axis, to either side", unit="mm"),
    )
    moved: float = attrs.field(
        default=1.0,
        validator=and_(ge(0), le(1)),
        metadata=about(
            "share of the times a scan is shown that it is rotated and shifted; below 1 the model "
            "also learns from scans as sharp as those it is measured on, which interpolation is "
            "not"
        ),
    )
    intensity: float = attrs.field(
        default=0.0,
        validator=and_(ge(0), lt(1)),
        metadata=about(
            "largest relative change of the head's median brightness, and of the contrast there; "
            "the background stays 0"
        ),
    )
    flip: Literal["left-right"] | None = attrs.field(
        default=None,
        metadata=about(
            "'left-right' mirrors all scans of a batch together, in half of the batches; "
            "without it none is"
        ),
    )

    @property
    def active(self) -> bool:
        """Whether any scan is changed at all.

        >>> Augmentation().active, Augmentation(flip="left-right").active
        (False, True)
        """
        return self != Augmentation(moved=self.moved)
