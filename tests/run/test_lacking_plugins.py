"""A run whose packages are not all here any more names them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from brainplug.errors import BrainplugError, PluginError, RecipeError
from brainplug.plugin_sources import Distribution, Source
from brainplug.registry import load_registry
from brainplug.run.context import make_metrics
from brainplug.run.lacking_plugins import naming_lacking
from brainplug.run.own_metrics import own_metric_faults
from brainplug.runtime.files import write_json
from brainplug.runtime.run_folder import RunFolder

REGISTRY = load_registry()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BrainplugError("unknown metric: 'kappa'"), True),
        (RecipeError("recipe.toml", ["evaluation.metrics[0].use: unknown metric: 'kappa'"]), True),
        (PluginError("kappa", "lab 1.0", "raised"), False),
    ],
)
def test_an_uninstalled_package_is_named_with_its_version(error, told, tmp_path):
    """Not only the part that is unknown, but what has to be installed."""
    files = RunFolder(tmp_path)
    write_json(files.record, {"plugins": {"brainplug": "0.1.0", "lab-kappa": "1.4.2"}})
    here = {("metrics", "mae"): Source("mae", Distribution("brainplug", "0.2.0"))}

    with pytest.raises(type(error)) as raised, naming_lacking(files, SimpleNamespace(sources=here)):
        raise error

    assert ("the run had lab-kappa 1.4.2" in str(raised.value)) == told
    assert str(error) in str(raised.value)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("mae",), "metrics names 'mae', which is numerical, and its kind is categorical"),
        (("balanced-acuracy",), "which is none; did you mean"),
        (("accuracy", "auroc"), ""),
    ],
)
def test_the_metrics_of_a_head_are_there_and_of_its_kind(names, what):
    """What is wrong with them is the head's fault, and not that of the recipe or of task files."""
    head = SimpleNamespace(kind="categorical", target="sex", metrics=names)
    faults = list(own_metric_faults(head, REGISTRY))

    assert bool(faults) == bool(what)
    assert what in "".join(faults)
    if what:
        evaluation, training = SimpleNamespace(metrics=()), SimpleNamespace(select_by=None)
        recipe = SimpleNamespace(evaluation=evaluation, training=training)
        with pytest.raises(PluginError, match="metrics names"):
            make_metrics(recipe, REGISTRY, head)
