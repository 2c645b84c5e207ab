"""Answers that say how the query compares with its reference."""

from __future__ import annotations

import attrs
import orjson
import pandas as pd
import pytest

from brainplug.api.dialogue_laws import make_cases, template_faults
from brainplug.api.laws import difference_faults
from brainplug.errors import DataError
from brainplug.inference.answer import candidate, make_row
from brainplug.inference.records import Answer, AnswerSettings
from brainplug.model import make_byte_tokenizer
from brainplug.recipe.training_tables import Speed
from brainplug.tasks.adopt import find_unread
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.read import iterate_glances, read_tasks
from brainplug.tasks.task import read_answer, write_rows, write_tasks
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import NumberAnswers, Numerical, NumericalOptions
from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions

AGES = [57.63, 45.26, 45.3]
PAIRS = pd.DataFrame(
    {
        "task_id": ["t-1", "t-2", "t-3"],
        "query": ["b", "a", "c"],
        "references": [["a"], ["b"], ["b"]],
    }
)
AGE = Numerical(
    NumericalOptions(column="age", unit="years", precision=1, comparatives=("older", "younger"))
)
SEX = Categorical(CategoricalOptions(column="sex"))
OLDER = "The subject is {difference} than the reference."
LIKE = "The {target} is {likeness} the reference's, {value}."


def cohort(values):
    """Three people and their values."""
    names = ["a", "b", "c"]
    images = [f"/x/{name}.nii" for name in names]
    return pd.DataFrame({"scan": names, "subject": names, "image": images, "target": values})


def make_maker(head, values, answer, **options):
    template = Comparison(ComparisonOptions(answer=answer, **options))
    fitted = head.fit(pd.Series(values))
    return TaskMaker(head=head, answers=fitted, template=template, seed=1)


def make_tasks(head, values, answer, **options):
    maker = make_maker(head, values, answer, **options)
    return list(maker.make(PAIRS, maker.show(cohort(values))))


def answers_of(tasks):
    return [task.turns[-1].content[0] for task in tasks]


class TestDifferences:
    """`{difference}` states a number beside the reference's."""

    def test_the_answer_says_by_how_much(self):
        """Of rounded values, so that reference and difference add up; equal ones differ by zero."""
        tasks = make_tasks(AGE, AGES, OLDER)

        assert answers_of(tasks) == [
            "The subject is 12.3 years younger than the reference.",
            "The subject is 12.3 years older than the reference.",
            "The subject is 0.0 years older than the reference.",
        ]

    def test_it_is_read_in_the_light_of_the_reference(self):
        """The prediction is the reference's value, as it was told, with the difference."""
        tasks, answers = make_tasks(AGE, AGES, OLDER), AGE.fit(pd.Series(AGES))

        read = [
            read_answer(answers, text, task)
            for text, task in zip(answers_of(tasks), tasks, strict=True)
        ]

        assert read == [45.3, 57.6, 45.3]

    @pytest.mark.parametrize(
        "text",
        [
            "The subject is 45.3 years.",
            "The subject is older than the reference.",
            "older or younger by 3 years",
            "3 or 4 years older",
            "-3.0 years older",
            "",
        ],
    )
    def test_what_states_no_difference_or_several_is_not_read(self, text):
        """A plain number is none, and a sign beside a comparative says two things."""
        answers = NumberAnswers(precision=1, unit="years", comparatives=("older", "younger"))

        assert answers.parse_difference(text, 50.0) is None

    def test_names_and_units_are_no_part_of_it(self):
        """Digits and comparatives in the target's name are passed over."""
        answers = NumberAnswers(precision=0, names=("hours with less sleep 2",))

        assert answers.parse_difference("The hours with less sleep 2 are 3 more.", 5.0) == 8.0

    def test_files_keep_that_answers_are_relative(self, tmp_path):
        """Tasks are read back as they were made, and a glance reads the answer as well."""
        tasks, path = make_tasks(AGE, AGES, OLDER), tmp_path / "tasks.json"
        write_tasks(path, tasks)

        glances = list(iterate_glances(path))

        assert read_tasks(path) == tasks
        assert orjson.loads(path.read_bytes())[0]["metadata"]["answer_states"] == "difference"
        assert find_unread(glances, AGE.fit(pd.Series(AGES))) == ()
        other = [glances[0]._replace(reference_values=(60.0,))]
        assert find_unread(other, AGE.fit(pd.Series(AGES))) == ("t-1",)

    def test_rows_are_those_of_the_tasks(self, tmp_path):
        """A difference is no slot of one scan, so rows are not filled in from one another."""
        maker = make_maker(AGE, AGES, OLDER)
        write_rows(tmp_path / "rows.json", maker.rows(PAIRS, maker.show(cohort(AGES))))

        assert read_tasks(tmp_path / "rows.json") == make_tasks(AGE, AGES, OLDER)

    def test_two_references_are_refused(self):
        """The message names what to set."""
        maker = make_maker(AGE, AGES, OLDER)
        pairs = PAIRS.assign(references=[["a", "c"]] * 3)

        with pytest.raises(DataError) as refused:
            list(maker.make(pairs, maker.show(cohort(AGES))))

        assert "references_per_task = 1" in refused.value.hint

    def test_classes_have_no_difference(self):
        """The message names the kind of target that has."""
        with pytest.raises(DataError) as refused:
            make_tasks(SEX, ["female", "male", "male"], OLDER)

        assert "a numerical target" in str(refused.value)

    def test_a_head_that_misreads_its_differences_breaks_a_law(self):
        """What is said of a value must be read back as that value."""

        class Careless(NumberAnswers):
            def parse_difference(self, text, reference):
                return self.parse(text)

        assert list(difference_faults(NumberAnswers(precision=1), [1.0, 2.5])) == []
        assert len(list(difference_faults(Careless(precision=1), [1.0, 2.5]))) == 1

    @pytest.mark.parametrize("words", [("more", "More"), ("", "less"), ("2 more", "less")])
    def test_comparatives_that_cannot_be_told_apart_are_refused(self, words):
        """They are two different words without digits."""
        with pytest.raises(ValueError, match="comparatives"):
            NumericalOptions(column="age", comparatives=words)


class TestLikeness:
    """`{likeness}` says before the label whether it is the reference's."""

    VALUES = ("female", "male", "male")

    def test_the_answer_says_it_before_the_label(self):
        """In the usual words, or in those of the recipe."""
        usual = answers_of(make_tasks(SEX, self.VALUES, LIKE))
        own = answers_of(make_tasks(SEX, self.VALUES, LIKE, likeness=("like", "unlike")))

        assert usual == [
            "The sex is different from the reference's, male.",
            "The sex is different from the reference's, female.",
            "The sex is the same as the reference's, male.",
        ]
        assert own[2] == "The sex is like the reference's, male."

    @pytest.mark.parametrize("likeness", [("the same as", "not the same as"), ("like", "unlike")])
    def test_candidates_say_it_of_their_own_label(self, likeness, tmp_path):
        """Each candidate is the answer that would be right if the query had that label."""
        tasks = make_tasks(SEX, self.VALUES, LIKE, likeness=likeness)
        write_tasks(tmp_path / "tasks.json", tasks)
        settings = settings_for(SEX.fit(pd.Series(self.VALUES)))
        same, other = likeness

        for task in read_tasks(tmp_path / "tasks.json"):
            told = task.reference_values[0]
            for label in ("female", "male"):
                words = same if label == told else other
                text = f"The sex is {words} the reference's, {label}."
                assert candidate(task, label, settings) == settings.encoder.answer(text)

    def test_numbers_and_several_references_are_refused(self):
        """The message says what it needs."""
        with pytest.raises(DataError, match="a categorical target"):
            make_tasks(AGE, AGES, LIKE)
        maker = make_maker(SEX, self.VALUES, LIKE)
        with pytest.raises(DataError, match="one reference a task"):
            list(
                maker.make(
                    PAIRS.assign(references=[["a", "c"]] * 3), maker.show(cohort(self.VALUES))
                )
            )

    def test_words_that_name_a_label_are_refused(self):
        """An answer that names two labels cannot be read back."""
        with pytest.raises(DataError, match="to be read back"):
            make_tasks(SEX, self.VALUES, LIKE, likeness=("no female unlike", "unlike"))


def settings_for(answers):
    """Return how tasks are answered."""
    return AnswerSettings(
        encoder=ChatEncoder(make_byte_tokenizer(), 8),
        context_length=4096,
        load=lambda _path: None,
        answers=answers,
        batch_size=2,
        max_new_tokens=12,
        mode="both",
        precision="float32",
        speed=Speed(),
    )


def test_the_row_of_an_answer_holds_the_value_itself():
    """What is predicted is a value of the target, whatever was said."""
    task, settings = make_tasks(AGE, AGES, OLDER)[0], settings_for(AGE.fit(pd.Series(AGES)))

    row = make_row(task, Answer(number=0, text="It is 2.5 years older."), settings, "test")

    assert row.prediction == 60.1
    assert row.truth == 45.26


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("It is {value}, {difference}.", "exactly once"),
        ("It is so.", "exactly once"),
        ("It is {value}, {likeness} it.", "before {value}"),
        ("It is {difference}, {likeness} it.", "before {value}"),
        (("It is {value}.", "It is {difference}."), "all state the same"),
    ],
)
def test_answers_that_state_two_things_are_refused(answer, problem):
    """One value or one difference, likeness before it, and the same in all phrasings."""
    with pytest.raises(ValueError, match=problem):
        ComparisonOptions(answer=answer)


def test_words_for_likeness_that_are_never_said_are_refused():
    """A setting that would be passed over is an error."""
    with pytest.raises(ValueError, match="likeness is not said"):
        ComparisonOptions(likeness=("like", "unlike"))


@pytest.mark.parametrize("answer", [OLDER, LIKE])
def test_the_template_keeps_the_laws(answer):
    """Neither says anything of the query before the answer."""
    assert list(template_faults(Comparison(ComparisonOptions(answer=answer)), make_cases())) == []


def test_a_template_that_says_no_likeness_breaks_a_law():
    """What it declares must be in its answers."""

    class Silent(Comparison):
        def dialogue(self, case):
            *turns, last = super().dialogue(case)
            return (*turns, attrs.evolve(last, content=(case.query,)))

    faults = list(template_faults(Silent(ComparisonOptions(answer=LIKE)), make_cases()))

    assert any("does not say 'the same as'" in fault for fault in faults)
