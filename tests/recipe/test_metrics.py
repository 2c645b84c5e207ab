"""Metrics of a recipe: by name or with options, each under a name of its own."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from rich.console import Console

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, about
from brainplug.errors import RecipeError
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.registry import load_registry
from brainplug.run.context import Workspace

DEMO = (Path(__file__).parents[2] / "recipes" / "demo.toml").read_text()
LISTED = 'metrics = ["balanced-accuracy", "accuracy", "macro-f1", "auroc"]'


@attrs.frozen(kw_only=True)
class LateOptions:
    """Options of `late`."""

    least: float = attrs.field(default=0.5, metadata=about("share below which the score is 0"))
    names: tuple[str, ...] = attrs.field(default=(), metadata=about("labels that count"))


@attrs.frozen
class Late:
    """Share of right answers, or 0 where it is small."""

    options: LateOptions
    kind = "categorical"
    higher_is_better = True
    unit = ""

    def score(self, predictions):
        share = float((predictions.truth == predictions.predicted).mean())
        return share if share >= self.options.least else 0.0


class Plugin:
    """Offers `late`."""

    @hookimpl
    def brainplug_metrics(self):
        yield Part("late", LateOptions, Late)


REGISTRY = load_registry(plugins=[Plugin()])


def read(tmp_path, listed, select_by=None):
    """Read the demo with other metrics."""
    text = DEMO.replace(LISTED, f"metrics = {listed}")
    if select_by is not None:
        text = text.replace("[training]\n", f"[training]\nselect_by = {select_by!r}\n")
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe(path, REGISTRY).recipe


def open_run(tmp_path, recipe):
    return Workspace.open(
        recipe, registry=REGISTRY, folder=tmp_path / "run", console=Console(quiet=True)
    )


def problems(tmp_path, *given):
    with pytest.raises(RecipeError) as refused:
        read(tmp_path, *given)
    return list(refused.value.problems)


def test_options_are_set_and_told_in_the_name(tmp_path):
    """Two of one part are two metrics; what was changed tells them apart, and is what they do."""
    recipe = read(tmp_path, '["auroc", "late", { use = "late", least = 0.9, names = ["male"] }]')

    workspace = open_run(tmp_path, recipe)

    changed = 'late (least = 0.9, names = ["male"])'
    assert ["auroc", "late", changed] == list(workspace.metrics)
    assert 0.9 == workspace.metrics[changed].options.least
    assert "auroc" == workspace.headline
    assert "log-loss" == workspace.selecting


@pytest.mark.parametrize("name", ["log-loss", "last"])
def test_a_proper_score_or_none_selects_without_being_a_metric(tmp_path, name):
    """What is no metric is not scored at the end."""
    workspace = open_run(tmp_path, read(tmp_path, '["auroc"]', name))

    assert name == workspace.selecting
    assert ["auroc"] == list(workspace.metrics)


def test_without_candidates_the_first_metric_selects(tmp_path):
    """`generate` looks at no candidate answer, so that there is no log loss."""
    recipe = read(tmp_path, '["auroc", "accuracy"]')
    words = attrs.evolve(recipe, evaluation=attrs.evolve(recipe.evaluation, answer="generate"))

    assert "auroc" == open_run(tmp_path, words).selecting


def test_a_selection_that_cannot_be_is_refused(tmp_path):
    """The score of another kind of target, and patience without a score."""
    (found,) = problems(tmp_path, '["auroc"]', "expected-error")
    assert found.startswith("training.select_by: expected 'log-loss', or a metric, for a categ")

    text = DEMO.replace("[training]\n", '[training]\nselect_by = "last"\npatience = 3\n')
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match=r'training.patience: not with select_by = "last"'):
        read_recipe(tmp_path / "recipe.toml", REGISTRY)


@pytest.mark.parametrize(
    "listed",
    [
        '["auroc", { use = "late", least = 0.9 }]',
        '["auroc", "late"]',
        '[{ use = "late", least = 0.9 }, { use = "late" }]',
        '["auroc"]',
        "[]",
    ],
)
def test_a_resolved_recipe_reads_as_an_equal_one(tmp_path, listed):
    """Names stay names; a metric with options is written with all of them."""
    recipe = read(tmp_path, listed)
    path = tmp_path / "again.toml"
    path.write_text(recipe_text(recipe))

    assert recipe == read_recipe(path, REGISTRY).recipe
    assert ("names = []" in path.read_text()) is ("late" in listed)


def test_every_mistake_is_told_at_its_place_in_one_pass(tmp_path):
    """A name, a key, a value and a table without `use`, beside one another."""
    listed = (
        '["balanced-acuracy", { use = "late", leest = 1 }, { use = "late", least = "x" }, '
        '{ least = 1 }, 3, { use = "layte" }]'
    )

    found = problems(tmp_path, listed)

    for place, words in (
        ("[0]", "unknown metric: 'balanced-acuracy'; did you mean 'balanced-accuracy'?"),
        ("[1].leest", "unknown key: 1; did you mean 'least'?"),
        ("[2].least", "expected a number: 'x'"),
        ("[3].use", "missing key; known are 'accuracy', "),
        ("[4]", "expected a table with the key 'use', or a name: 3"),
        ("[5].use", "unknown metric: 'layte'; did you mean 'late'?"),
    ):
        assert [line for line in found if line.startswith(f"evaluation.metrics{place}: {words}")]
    assert 6 == len(found)


def test_a_name_alone_is_no_array(tmp_path):
    """What is expected is said in words that name both forms."""
    (found,) = problems(tmp_path, '"auroc"')

    told = "evaluation.metrics: expected an array of names of metrics, or of tables: 'auroc'"
    assert told == found


def test_what_fits_not_together_is_told_too(tmp_path):
    """The same metric twice, and one for another kind of target."""
    found = problems(tmp_path, '["late", { use = "late", least = 0.5 }, "mae"]')

    assert "evaluation.metrics[1]: named twice: 'late'" == found[0]
    assert found[1].startswith("evaluation.metrics[2]: expected a metric of a categorical target")
    assert "'late'" in found[1].partition("fitting are")[2]


@pytest.mark.parametrize(
    ("listed", "select_by", "expected"),
    [
        ('["auroc", { use = "late", least = 0.9 }]', "late", "late (least = 0.9)"),
        ('["auroc", { use = "late", least = 0.9 }]', "late (least = 0.9)", "late (least = 0.9)"),
        ('["late", { use = "late", least = 0.9 }]', "late", "late"),
        ('["auroc"]', "late", "late"),
    ],
)
def test_the_metric_that_selects_may_have_options(tmp_path, listed, select_by, expected):
    """It is named as its scores are, or by its part where that is reported once or not at all."""
    workspace = open_run(tmp_path, read(tmp_path, listed, select_by))

    assert expected == workspace.selecting
    assert expected in workspace.metrics


def test_a_selection_that_could_be_either_is_refused(tmp_path):
    """Two of one part with other options, and their part's name alone."""
    listed = '[{ use = "late", least = 0.7 }, { use = "late", least = 0.9 }]'

    (found,) = problems(tmp_path, listed, "late")

    told = "expected one of 'late (least = 0.7)', 'late (least = 0.9)': 'late'"
    assert f"training.select_by: {told}" == found


def test_plain_names_are_resolved_as_they_always_were(tmp_path):
    """A name without options stays a name."""
    recipe = read(tmp_path, '["balanced-accuracy", "auroc"]')

    assert 'metrics = [\n    "balanced-accuracy",\n    "auroc",\n]' in recipe_text(recipe)
