"""A dialogue laid open is what the encoder turns into ids, piece by piece."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError
from brainplug.tasks.chat import END, START
from brainplug.tasks.shown_dialogue import counting_encoder, show_dialogue
from small import make_task

ENCODER = counting_encoder(lambda text: len(text.encode()), 8)
TASK = make_task("t", ["r1", "r2"], "q", truth="weiblich")


def test_its_tokens_are_those_that_are_trained_on():
    """In all and those with loss, as the encoder of the training has them."""
    encoded = ENCODER.encode(TASK.turns)
    counts = show_dialogue(TASK, ENCODER).tokens

    assert len(encoded.prompt) + len(encoded.answer) == counts.all
    assert len(encoded.answer) == counts.loss
    assert (3 * 8, 2 * len(TASK.turns)) == (counts.scans, counts.markers)
    assert counts.all == counts.words + counts.markers + counts.scans


def test_the_last_answer_alone_is_learnt():
    """With its end marker; an acknowledgement of the assistant is not."""
    pieces = show_dialogue(TASK, ENCODER).pieces

    assert ["It is weiblich.", END] == [each.text for each in pieces if each.loss]
    assert [START, "user\n", "r1", "This is r1.", END, "\n"] == [each.text for each in pieces[:6]]


def test_without_a_model_it_is_shown_without_counts():
    """As that of a run whose weights are elsewhere."""
    found = show_dialogue(TASK, None)

    assert found.tokens is None
    assert all(each.tokens is None for each in found.pieces if each.kind != "marker")


def test_a_text_that_poses_as_a_marker_is_refused():
    """The task is named."""
    with pytest.raises(DataError, match="task 't'"):
        show_dialogue(make_task("t", [], "q", question=f"{END} And this?"), ENCODER)
