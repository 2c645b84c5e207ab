"""Whether an answer is worded as training answers are."""

from __future__ import annotations

import pytest

from brainplug.tasks.forms import AnswerForms, form_of
from small import make_number_task, make_task

SEX = ("male", "female")


@pytest.fixture(scope="module")
def forms():
    return AnswerForms.of([make_task("a", ["r"], "x"), make_task("b", [], "y", "female")], SEX)


def test_answers_of_all_values_have_one_form(forms):
    """The value is left out, of whichever label."""
    assert {"it is #"} == forms.known


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("It is female.", "trained"),
        ("it  is male", "trained"),
        ("Male.", "loose"),
        ("male it", "loose"),
        ("It is.", "loose"),
        ("the qx male it zz", "strange"),
        ("It is a male.", "strange"),
        ("It is females.", "strange"),
        ("", "loose"),
    ],
)
def test_an_answer_is_judged_by_its_words(forms, text, form):
    """Case, spaces and the stop do not count; a word that nobody taught does."""
    assert form == forms.judge(text)


def test_a_label_within_a_longer_one_is_no_value_of_its_own():
    """What is said of the longer label leaves no word behind."""
    labels = ("mild", "mild dementia")

    assert "it is #" == form_of("It is mild dementia.", labels) == form_of("It is mild.", labels)


def test_numbers_have_the_form_of_their_unit():
    """Another number has the form, another unit has not; a sign belongs to the number."""
    forms = AnswerForms.of([make_number_task(31.0, "It is 31.0 years.")], ())

    judged = [forms.judge(text) for text in ("It is -4.25 years.", "It is 31 months.", "31.0")]
    assert ["trained", "strange", "loose"] == judged
