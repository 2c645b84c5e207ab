"""Which code a function depends on: all of a stranger's package that can change its result."""

from __future__ import annotations

import importlib
import sys

import pytest

from brainplug.imaging.cache import make_volume
from brainplug.runtime.code_closure import SourceTree

LAB = {
    "lab/__init__.py": "",
    "lab/loader.py": (
        "from typing import TYPE_CHECKING\n"
        "from .codes import HAND\n"
        "if TYPE_CHECKING:\n"
        "    from lab.words import Words\n"
        "class Loader:\n"
        "    def load(self):\n"
        "        import lab.reader\n"
        "        return lab.reader.read(HAND)\n"
    ),
    "lab/codes.py": "HAND = {'1': 'left'}\n",
    "lab/reader.py": "import json\ndef read(codes):\n    return codes\n",
    "lab/words.py": "class Words: ...\n",
    "lab/metric.py": "class Metric: ...\n",
    "lab/data/codes.csv": "1,left\n",
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Give the folder of a laboratory's package, which can be imported."""
    write(tmp_path, LAB)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in {"lab", "lab_words"}]:
        del sys.modules[name]


def closure(start="Loader", module="lab.loader", **tree):
    return SourceTree(**tree).closure([getattr(importlib.import_module(module), start)])


@pytest.mark.parametrize(
    "name",
    ["lab/loader.py", "lab/codes.py", "lab/reader.py", "lab/__init__.py", "lab/data/codes.csv"],
)
def test_an_edit_of_what_a_loader_uses_is_noticed(lab, name):
    """A table of codes, a module imported inside `load`, and a data file of the package count."""
    before = closure()

    (lab / name).write_text((lab / name).read_text() + "\n# corrected\n")

    assert before != closure()


@pytest.mark.parametrize("name", ["lab/words.py", "lab/metric.py"])
def test_an_edit_of_what_it_does_not_use_is_not(lab, name):
    """Another part of the package, and what annotations alone need, decide nothing."""
    before = closure()

    (lab / name).write_text("corrected = True\n")

    assert before == closure()


def test_names_that_are_made_up_count_the_whole_package(lab):
    """Which module is meant cannot be known before it runs."""
    (lab / "lab" / "reader.py").write_text(
        "import importlib\ndef read(codes):\n    return importlib.import_module('lab.' + codes)\n"
    )

    assert {"lab.metric", "lab.words"} <= closure().keys()


def test_a_module_beside_the_package_counts(lab):
    """A laboratory's checkout may hold several top-level modules; libraries are not followed."""
    write(lab, {"lab_words.py": "WORDS = 1\n"})
    (lab / "lab" / "codes.py").write_text("import numpy, lab_words\nHAND = lab_words.WORDS\n")

    found = closure()

    assert "lab_words" in found
    assert {"lab", "lab_words"} == {
        name.partition(".")[0] for name in found if not name.startswith("lab/")
    } - {"brainplug"}


def test_of_installed_packages_those_of_one_distribution_count(lab):
    """Beside an installed package lie others, which are libraries unless they came with it."""
    write(lab, {"lab_words.py": "WORDS = 1\n", "lab-1.dist-info/METADATA": "Name: lab\n"})
    (lab / "lab" / "codes.py").write_text("import lab_words\nHAND = lab_words.WORDS\n")

    assert "lab_words" not in closure()
    assert "lab_words" in closure(siblings=frozenset({"lab_words"}))


def test_what_is_remembered_gives_the_same(lab):
    """Imports are kept by the content of a module, so that the next command need not parse it."""
    memo = lab / "imports.json"
    before = closure(memo=memo)
    assert memo.is_file()

    assert before == closure(memo=memo)

    (lab / "lab" / "reader.py").write_text("import lab.words\n")
    assert "lab.words" in closure(memo=memo)


def test_a_broken_memo_only_costs_time(lab):
    """What was cut short is made anew."""
    memo = lab / "imports.json"
    before = closure(memo=memo)
    memo.write_text("{")

    assert before == closure(memo=memo)


STAGES = """
from __future__ import annotations
from typing import TYPE_CHECKING
from lab.codes import HAND
from lab.reader import read
if TYPE_CHECKING:
    from lab.run.bag import Bag
ORDER = ("left", "right")
def run_one(bag: Bag):
    return read(bag.words(), ORDER)
def run_two(bag: Bag):
    from lab.metric import Metric
    return Metric(HAND, bag.other())
"""
BAG = """
class Bag:
    def words(self):
        return self.inner()
    def inner(self):
        from lab.words import Words
        return Words()
    def other(self):
        return 1
"""


def test_within_a_package_names_count_one_by_one(lab):
    """A function depends on what it uses by name or of its argument, not on its neighbours."""
    write(lab, {"lab/run/__init__.py": "", "lab/run/stages.py": STAGES, "lab/run/bag.py": BAG})
    module = importlib.import_module("lab.run.stages")

    found = SourceTree().closure([module.run_one], by_name="lab.run")

    assert {
        "lab.run.stages.run_one",
        "lab.run.stages.ORDER",
        "lab.run.bag.Bag.words",
        "lab.run.bag.Bag.inner",
    } == {name for name in found if name.startswith("lab.run")}
    assert {"lab.reader", "lab.words"} <= found.keys()
    assert not {"lab.codes", "lab.metric"} & found.keys()


def test_what_decides_voxels_is_reading_resampling_and_normalising():
    """Errors of other kinds, workers and the cache itself leave kept volumes alone."""
    found = SourceTree().closure([make_volume], by_name="brainplug")

    assert {"imaging.scan", "imaging.resample"} <= {
        ".".join(name.split(".")[1:3]) for name in found
    }
    assert {"brainplug.imaging.scan.read_scan", "brainplug.errors.ScanError"} <= found.keys()
    assert not [name for name in found if "workers" in name or "fill_cache" in name]
