"""The axis on which scores are drawn: a dot stands where its value is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from brainplug.report.axis import make_axis

SCORED = SimpleNamespace(confusion=None, baselines={})


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("kappa", (-0.91, -0.49, -0.23)),
        ("kappa", (-0.3, 0.2, 0.9)),
        ("kappa", (0.0, 0.0)),
        ("kappa", (-1.0,)),
        ("log-score", (-2000.0, -1999.0)),
        ("lift", (1.0, 7.5)),
        ("huge", (-1.7e308, 0.0, 1.7e308)),
        ("huge", (1e300, 1.2e300)),
        ("tiny", (1e-12, 3e-12)),
        ("tiny", (-5e-324, 0.0)),
        ("accuracy", (0.2, 1.3)),
        ("r2", (-0.7, 0.4)),
        ("none", ()),
    ],
)
def test_every_value_lies_on_the_axis_where_it_is(metric, values):
    """Whatever their sign and size, values keep their order and their distances."""
    axis = make_axis(metric, [*values, None, float("nan"), float("inf")], SCORED)

    span = axis.high / 4 - axis.low / 4
    places = [float(axis.place(value).rstrip("%")) for value in values]
    expected = [2 + 96 * ((value / 4 - axis.low / 4) / span) for value in values]
    assert places == pytest.approx(expected, abs=0.06)
    assert not any(map(axis.beyond, values))
    ticks = [float(place.rstrip("%")) for place, _ in axis.labels]
    assert sorted(ticks) == ticks
    assert len({text for _, text in axis.labels}) == len(ticks) >= 2
    assert all(len(text) < 12 for _, text in axis.labels)


def test_what_lies_beyond_the_end_of_an_axis_is_said_to():
    """A variance explained that is far below none would push all others together."""
    axis = make_axis("r2", [-40.0, 0.4], SCORED)

    assert (axis.beyond(-40.0), axis.beyond(0.4), axis.beyond(None)) == ("low", "", "")
