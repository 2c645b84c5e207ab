"""Plugins are loaded one at a time; what one forgot is a warning that names it."""

from __future__ import annotations

import attrs
import pytest

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part
from brainplug.errors import BrainplugError, PluginError
from brainplug.registry import blame, load_registry
from brainplug_plugins.metrics import mae, rmse


@attrs.frozen(kw_only=True)
class Options:
    """Options of the part below; one has no default."""

    share: float


class Demanding:
    """A plugin whose metric cannot do without an option."""

    @hookimpl
    def brainplug_metrics(self):
        yield Part("demanding", Options, mae.Mae)


class Watching:
    """A plugin that offers nothing and observes a run."""

    @hookimpl
    def brainplug_before_run(self):
        """See nothing."""


class Idle:
    """A plugin that does neither."""


class Empty:
    """A plugin whose hook yields nothing."""

    @hookimpl
    def brainplug_metrics(self):
        return ()


class Forgetful:
    """A plugin one of whose hooks lacks its mark."""

    @hookimpl
    def brainplug_metrics(self):
        yield from rmse.brainplug_metrics()

    def brainplug_models(self):
        """Offer what nobody asks for."""


def load(*plugins):
    return load_registry(discover=False, plugins=plugins)


def test_a_plugin_that_does_nothing_is_a_warning():
    """One that observes a run does something."""
    assert () == load(Watching()).failures
    for plugin in (Idle(), Empty()):
        (failure,) = load(plugin).failures
        assert "offers no part and observes no run" in failure.cause


@attrs.define
class Loose:
    """Options that can be changed."""


@attrs.frozen(kw_only=True)
class Bare:
    """Options of which one has no type."""

    path = attrs.field(default=1)


@attrs.frozen(kw_only=True)
class Firm:
    """Options as they should be."""


class Asking:
    """Asks a hook for what it does not give."""

    @hookimpl
    def brainplug_metrics(self, config):
        """Offer nothing."""
        return config


def test_a_hook_that_asks_for_more_is_told_how_it_is_called():
    """The argument, the line of the author's file, and the way to write it."""
    (failure,) = load(Asking()).failures

    line = Asking.brainplug_metrics.__code__.co_firstlineno
    assert (
        f"brainplug_metrics asks for 'config' (test_registry.py, line {line}), which the hook does "
        "not give; write def brainplug_metrics()"
    ) == failure.cause


class Offering:
    """Returns whatever it is given from a hook, or raises it."""

    def __init__(self, offered):
        self.offered = offered

    @hookimpl
    def brainplug_metrics(self):
        if isinstance(self.offered, Exception):
            raise self.offered
        return self.offered


@pytest.mark.parametrize(
    ("offered", "words", "line"),
    [
        (None, "brainplug_metrics returned nothing", 0),
        ("mae", "brainplug_metrics returned str 'mae'", 0),
        ([Offering], "expected a Part: the class Offering", 0),
        ([Part("mine", Offering, Offering)], "an attrs class, got the class Offering", 0),
        ([Part("mine", Loose, Offering)], "cannot be changed, got the class Loose, whose", 0),
        ([Part("mine", Bare, Offering)], "Bare has an option 'path' without a type", 0),
        ([Part("mine", Firm, Firm())], "an object of Firm; write Part('mine', Firm, Firm)", 0),
        (KeyError("x"), "brainplug_metrics failed: KeyError: 'x'", 3),
    ],
)
def test_a_hook_that_offers_no_parts_is_told_with_its_line(offered, words, line):
    """The line is that of the author's file, and classes are named as they are written."""
    (failure, *_) = load(Offering(offered)).failures

    first = Offering.brainplug_metrics.__code__.co_firstlineno
    assert words in failure.cause
    assert f"(test_registry.py, line {first + line})" in failure.cause


def test_a_forgotten_mark_is_a_warning_and_the_other_parts_are_there():
    """The function is named; what is marked beside it works."""
    registry = load(Forgetful())

    (failure,) = registry.failures
    assert "brainplug_models is not called; put @hookimpl above it" == failure.cause
    assert ["rmse"] == list(registry.metrics)


def test_a_name_that_two_claim_is_nobodys():
    """The error names the role; a part of that name in another role is not meant."""
    registry = load(mae, Forgetful(), rmse)

    assert ["mae"] == list(registry.metrics)
    with pytest.raises(PluginError, match="2 parts with one name, each a metric"):
        registry.make_metric("rmse")
    with pytest.raises(BrainplugError, match="unknown split strategy"):
        registry.get("splits", "rmse")


def test_an_option_without_a_default_is_told_of():
    """A part that is built without a table of the recipe needs none."""
    with pytest.raises(PluginError, match="share"):
        load(Demanding()).make_metric("demanding")


def test_a_plugin_is_blamed_for_what_its_code_raises_elsewhere():
    """Code of ours that a library calls is found by its frame; other code is nobody's."""
    with pytest.raises(AttributeError) as caught:
        mae.Mae(mae.MaeOptions()).score(None)
    with pytest.raises(ZeroDivisionError) as other:
        1 / 0  # noqa: B018

    failure = blame(caught.value)

    assert failure is not None
    assert "brainplug 0" in failure.distribution
    assert "in brainplug_plugins.metrics.mae raised AttributeError" in failure.cause
    assert blame(other.value) is None
