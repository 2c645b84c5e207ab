"""Rules dressed as models are told apart by what interventions do to their answers."""

from __future__ import annotations

import json
import random
from pathlib import Path

import attrs
import numpy as np
import pytest

from brainplug.api.records import Image, Turn
from brainplug.evaluation.archetypes import Dialogue, commonest, compare, copy, ignore
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.intervention_records import Interventions
from brainplug.evaluation.interventions import score_interventions
from brainplug.evaluation.measure import Measure
from brainplug.evaluation.verdicts import judge
from brainplug.runtime.records import from_json, to_json
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.interventions import INTERVENTIONS, Changed, Changes, choose_tasks, spread_of
from brainplug.tasks.more_references import ask_more
from brainplug.tasks.rewording import Wordings
from brainplug.tasks.shown_scans import Pool, scans_of
from brainplug.tasks.task import Task
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions

SEX = ("female", "male")
PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=1)


def make_task(number, query, reference, values):
    """One dialogue about a person beside another one."""
    told, truth = values[reference], values[query]
    return Task(
        task_id=f"{query}-{number}",
        kind="categorical" if isinstance(truth, str) else "numerical",
        target="it",
        subject=query,
        truth=truth,
        references=(reference,),
        reference_values=(told,),
        images=(Path(reference), Path(query)),
        turns=(
            Turn.user(Image(0), f"This is {told}."),
            Turn.assistant("Noted."),
            Turn.user(Image(1), "And this?"),
            Turn.assistant(f"It is {truth}."),
        ),
    )


def make_study(kind, people=60):
    """Two tasks a person; the references' values tell nothing of the query's."""
    rng = random.Random(4)
    values = {
        f"p{n:03}": SEX[n % 2] if kind == "categorical" else round(rng.uniform(20, 80), 1)
        for n in range(people)
    }
    names = sorted(values)
    return [
        make_task(step, query, names[(place + 2 * step + 1 + place // 2) % people], values)
        for place, query in enumerate(names)
        for step in range(2)
        if names[(place + 2 * step + 1 + place // 2) % people] != query
    ]


def ask(tasks, answer):
    """Let a rule answer the tasks, and every changed task; rows as the stages write them."""
    numerical = tasks[0].kind == "numerical"
    changes = Changes(
        pool=Pool(tasks=tasks),
        wordings=Wordings.of(tasks),
        labels=() if numerical else SEX,
        spread=spread_of(tasks) if numerical else None,
        seed=1,
    )
    made = [changes.make(name, task) for name in INTERVENTIONS for task in choose_tasks(tasks, 1)]
    answers = [answer_of(Changed("", task, scans_of(task)), answer) for task in tasks]
    changed = [*filter(None, made), *ask_more(changes)]
    return answers, [each.row(answer_of(each, answer)) for each in changed]


def answer_of(changed, answer):
    """One row; a rule sees what scans show and what is told."""
    task = changed.task
    query, reference = changed.shown[-1], changed.shown[0]
    said = answer(query, reference, (*task.reference_values, None)[0])
    return AnswerRow(
        split="test",
        task_id=task.task_id,
        subject=task.subject,
        references=task.references,
        reference_values=task.reference_values,
        truth=task.truth,
        answer_text=str(said),
        prediction=said,
    )


def measure_of(tasks):
    """How answers to these tasks are measured."""
    numerical = tasks[0].kind == "numerical"
    values = {task.subject: task.truth for task in tasks}
    return Measure(
        facts=TargetFacts(
            name="it",
            kind=tasks[0].kind,
            labels=() if numerical else SEX,
            unit="years" if numerical else "",
            train_values=tuple(values.values()),
        ),
        name="mae" if numerical else "balanced-accuracy",
        metric=Mae(MaeOptions()) if numerical else BalancedAccuracy(BalancedAccuracyOptions()),
        plan=PLAN,
    )


def found_of(tasks, answer):
    answers, rows = ask(tasks, answer)
    return score_interventions(rows, answers, measure_of(tasks))


def chance(*names):
    """A number from 0 to 1 for some names: whoever is asked the same again errs again."""
    return random.Random("/".join(map(str, names))).random()


class Classes:
    """Models of a class: each errs about some people, and guesses where it sees nothing."""

    def __init__(self, errors=0.05):
        self.errors = errors

    def err(self, label, *names):
        return SEX[1 - SEX.index(label)] if chance(*names) < self.errors else label

    def guess(self, *names):
        return SEX[int(2 * chance("guess", *names))]

    def uses(self, query, reference, told):
        if None in (query.value, reference.value):
            return self.guess(query.subject, reference.subject)
        said = told if query.value == reference.value else SEX[1 - SEX.index(told)]
        return self.err(said, query.subject, reference.subject)

    def ignores(self, query, reference, told):
        return self.err(query.value, query.subject) if query.value else self.guess()

    def copies(self, query, reference, told):
        return self.err(told, reference.subject)

    def constant(self, query, reference, told):
        return "male"

    def coin(self, query, reference, told):
        return self.guess(query, reference, told)


class Numbers:
    """Models of a number: each is a little off, and says the middle where it sees nothing."""

    def __init__(self, spread=5.0):
        self.spread = spread

    def off(self, value, *names):
        return value + self.spread * (chance(*names) - 0.5)

    def uses(self, query, reference, told):
        if None in (query.value, reference.value):
            return 50.0
        return self.off(told + query.value - reference.value, query.subject, reference.subject)

    def ignores(self, query, reference, told):
        return self.off(50.0 if query.value is None else query.value, query.subject)

    def copies(self, query, reference, told):
        return self.off(told, reference.subject)


@pytest.fixture(scope="module")
def classes():
    return make_study("categorical")


@pytest.fixture(scope="module")
def numbers():
    return make_study("numerical")


@pytest.mark.parametrize("kind", ["uses", "ignores", "copies"])
def test_three_rules_are_told_apart_for_classes(classes, kind):
    """One that compares, one that looks at the query alone, one that repeats what it is told."""
    assert kind == found_of(classes, getattr(Classes(), kind)).verdict.kind


@pytest.mark.parametrize("kind", ["uses", "ignores", "copies"])
def test_three_rules_are_told_apart_for_numbers(numbers, kind):
    """The same of numbers that are a little off."""
    assert kind == found_of(numbers, getattr(Numbers(), kind)).verdict.kind


def test_people_whom_several_seeds_asked_again_count_once():
    """Ten of whom each of three seeds has its own name are ten, and too few for numbers."""
    tasks = make_study("numerical", people=30)
    whose = {task.subject: f"person {int(task.subject[1:]) % 10}" for task in tasks}
    answers, rows = ask(tasks, Numbers().ignores)

    found = score_interventions(rows, answers, attrs.evolve(measure_of(tasks), whose=whose))

    assert 10 == found.effects["word-changed"].people
    assert found.verdict.kind is None


def test_what_is_neither_cannot_be_told(classes):
    """A coin; one that always says the same ignores its references, as it does all else."""
    assert None is found_of(classes, Classes().coin).verdict.kind
    assert "ignores" == found_of(classes, Classes().constant).verdict.kind


def test_a_score_that_changes_beneath_answers_that_stay_is_not_ignorance(classes):
    """An AUROC rests on probabilities: clearly worse with other words, it hangs on these."""
    effects = dict(found_of(classes, Classes().constant).effects)
    effects["word-changed"] = attrs.evolve(effects["word-changed"], clear=True)

    found = judge(effects, None, higher_is_better=True, numerical=False)

    assert (None, True) == (found.kind, "the probabilities beneath them" in found.why)


def test_a_constant_is_said_to_ignore_the_query_too(classes):
    """It would be unfair to blame it for the references alone."""
    found = found_of(classes, Classes().constant).verdict

    assert "whatever it is shown, the query too" in found.why
    assert "whatever" not in found_of(classes, Classes().ignores).verdict.why


def test_answers_that_cannot_be_read_show_nothing(classes):
    """A model that never answers changes nothing, and ignores nothing by that."""
    found = found_of(classes, lambda query, reference, told: None)

    assert 0.0 == found.effects["word-changed"].changed.value
    assert (120, 120) == found.effects["word-changed"].unread
    assert (None, "most of its answers cannot be read") == attrs.astuple(found.verdict)


@pytest.mark.parametrize("kind", ["uses", "ignores", "copies"])
def test_of_few_people_nothing_is_said(kind):
    """Six people, of whom half may err, show no kind of model."""
    tasks = make_study("categorical", people=6)

    assert None is found_of(tasks, getattr(Classes(errors=0.2), kind)).verdict.kind


@pytest.mark.parametrize("kind", ["uses", "ignores", "copies"])
def test_of_few_numbers_nothing_is_said(kind):
    """Six who hardly differ have a narrow interval, and tell nothing of the seventh."""
    verdict = found_of(make_study("numerical", people=6), getattr(Numbers(), kind)).verdict

    assert (None, "fewer than 20 people could be asked again") == attrs.astuple(verdict)


@pytest.mark.parametrize("kind", ["uses", "ignores", "copies"])
def test_a_rule_without_errors_does_what_is_expected_of_its_kind(classes, numbers, kind):
    """Shares, moves and scores are those that are told beside them, wherever they are."""
    for tasks, made in ((classes, Classes(errors=0.0)), (numbers, Numbers(spread=0.0))):
        found = found_of(tasks, getattr(made, kind))
        known = {
            name: (effect, effect.expected[kind])
            for name, effect in found.effects.items()
            if effect.expected[kind].score is not None
        }
        assert {*INTERVENTIONS} >= {*known} >= {"query-other", "word-changed", "reference-other"}
        for effect, expected in known.values():
            own = effect.changed or effect.moved_sd
            wanted = expected.changed if effect.changed else expected.moved
            assert pytest.approx(wanted) == own.value
            assert pytest.approx(expected.score) == effect.after


def test_effects_by_hand():
    """Four people, one task each; told another sex, two women are said to be men, one man nothing.

    Each is beside the other sex before, so each is told the own sex then.
    """
    sexes = {"a": "female", "b": "male", "c": "female", "d": "male"}
    tasks = [make_task(0, *pair, sexes) for pair in ("ab", "ba", "cd", "dc")]
    answers, rows = ask(tasks, lambda query, reference, told: query.value)
    said = {"a": "male", "b": "male", "c": "male", "d": None}
    rows = [
        attrs.evolve(row, answer=attrs.evolve(row.answer, prediction=said[row.answer.subject]))
        for row in rows
        if row.intervention == "word-changed"
    ]

    found = score_interventions(rows, answers, measure_of(tasks))

    effect = found.effects["word-changed"]
    assert (4, 4) == (effect.people, effect.tasks)
    assert 0.75 == effect.changed.value == found.dependence.value
    assert 0.25 == effect.follows.value  # b alone is said to be what is told now
    assert (1.0, 0.25) == (effect.before, effect.after)  # no woman and one of two men
    assert -0.75 == effect.score_change.value
    assert (1.0, 0.25) == (effect.right_before, effect.right_after)
    assert 0.0 == found.copied.value
    told = {row.answer.subject: row.answer.reference_values[0] for row in rows}
    assert sexes == told


def test_the_slope_of_numbers_by_hand():
    """Told one standard deviation more or less, the answer takes over a quarter of it."""
    tasks = make_study("numerical", people=10)

    found = found_of(tasks, lambda query, reference, told: (query.value or 50) + 0.25 * told)

    effect = found.effects["word-changed"]
    assert pytest.approx(0.25) == effect.follows.value == found.dependence.value
    assert pytest.approx(0.25) == effect.moved_sd.value
    values = [task.truth for task in tasks[::2]]
    assert pytest.approx(0.25 * np.std(values)) == effect.moved.value
    assert pytest.approx(1.0) == found.effects["query-other"].follows.value
    assert None is found.effects["query-blank"].follows
    assert "years" == found.unit


def test_more_references_make_a_vote(classes):
    """Answers that err in three of ten are better together; doses are nested and of one people."""
    found = found_of(classes, Classes(errors=0.3).uses).doses

    assert (1, 2, 4, 8) == tuple(dose.references for dose in found.doses)
    assert 60 == found.people
    assert found.clear
    assert found.gain.value > 0.1
    assert "" == found.reason
    last, first = found.doses[-1].score.value, found.doses[0].score.value
    assert pytest.approx(last - first) == found.gain.value


def test_fewer_references_than_wanted_are_told():
    """Of four people each can meet three others, so doses end at two."""
    tasks = make_study("categorical", people=4)

    found = found_of(tasks, Classes().uses).doses

    assert (1, 2) == tuple(dose.references for dose in found.doses)
    assert "most people may meet fewer than 4 references" == found.reason


def test_records_are_those_of_metrics_json(classes, numbers):
    """What is written is read back."""
    for tasks, made in ((classes, Classes()), (numbers, Numbers())):
        found = found_of(tasks, made.uses)
        text = json.dumps(to_json(found), allow_nan=False)
        assert found == from_json(json.loads(text), Interventions, source="metrics.json")


def test_without_references_the_query_alone_is_looked_at(classes):
    """Nobody can use what is not there: no verdict, and no doses."""
    alone = [
        attrs.evolve(
            task,
            references=(),
            reference_values=(),
            images=task.images[1:],
            turns=(Turn.user(Image(0), "And this?"), task.turns[-1]),
        )
        for task in classes[::2]
    ]
    found = found_of(alone, Classes().ignores)

    assert ["query-other", "query-blank", "query-shuffled"] == list(found.effects)
    assert (None, None, None) == (found.verdict, found.doses, found.dependence)


@pytest.mark.parametrize(
    ("query", "references", "told", "answers"),
    [
        ("b", ("b",), ("a",), ("a", "b", "a")),
        ("b", ("a",), ("c",), ("b", "b", "c")),
        ("b", ("a",), ("b",), (None, "b", "b")),
        ("b", ("a", "c"), ("a", "c"), ("b", "b", None)),
        ("b", ("b", "b", "c"), ("a", "a", "c"), ("a", "b", "a")),
        (None, ("a",), ("a",), (None, None, "a")),
        ("b", (None,), ("a",), (None, "b", "a")),
    ],
)
def test_archetypes_of_three_classes(query, references, told, answers):
    """What each kind of model would say; None where it could only guess."""
    dialogue = Dialogue(query, references, told)

    assert answers == tuple(rule(dialogue, ("a", "b", "c")) for rule in (compare, ignore, copy))


def test_archetypes_of_numbers():
    """The one that compares adds the difference to what is told, over all references."""
    dialogue = Dialogue(50.0, (40.0, 60.0), (30.0, 70.0))

    answers = tuple(rule(dialogue, ()) for rule in (compare, ignore, copy))

    assert (50.0, 50.0, 50.0) == answers
    assert 55.0 == compare(Dialogue(50.0, (40.0, 60.0), (40.0, 70.0)), ())
    assert None is commonest(("a", "b"))


def test_shares_of_none_and_of_all_have_intervals():
    """Of 16 of whom nobody changes up to a fifth may; relatives count for fewer."""
    measure = measure_of(make_study("categorical", people=6))
    apart, alike = [f"p{n}" for n in range(16)], [f"p{n // 2}" for n in range(16)]

    none = measure.share([False] * 16, apart)
    every = measure.share([True] * 16, apart)
    families = measure.share([False] * 16, alike)

    assert (0.0, 0.0) == (none.value, none.low)
    assert 0.1 < none.high < 0.2 < families.high < 0.4
    assert (1.0, 1.0) == (every.value, every.high)
    assert pytest.approx(1 - none.high) == every.low
