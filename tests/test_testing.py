"""The kit for authors: our own parts and the strangers pass it, and it finds each fault."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import attrs
import pandas as pd
import pytest

from brainplug.api import laws
from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, Repeats, ScoresResamples, able
from brainplug.registry import load_registry
from brainplug.testing import (
    Example,
    check_part,
    check_plugin,
    make_case,
    make_people,
    make_pools,
    make_study,
    tiny_model,
)
from hub_format import write_checkpoint

STRANGERS = Path(__file__).parent / "third_party"
REGISTRY = load_registry()
PARTS = [
    pytest.param(role, name, id=f"{role}-{name}")
    for role in ("heads", "splits", "pairings", "prompts", "metrics", "models", "cohorts")
    for name in REGISTRY.parts(role)
]
NDA = ("NDAR_INV0A1B2C3D", "NDAR_INV1A1B2C3D")


@pytest.mark.parametrize(("role", "name"), PARTS)
def test_every_part_of_ours_keeps_every_law(role, name, tmp_path):
    """What is asked of strangers our own parts keep."""
    make = EXAMPLES.get(name)

    check_part(REGISTRY.parts(role)[name], role, make(tmp_path) if make else None)


def table_of(folder, ids, files, text="{}", header="id") -> dict[str, Path]:
    """Write a table of ids and a scan of each; return the options that name them."""
    lines = [header, *(text.format(name) for name in ids)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    for file in files:
        (folder / "scans" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "scans" / file).touch()
    return {"table": folder / "table.csv", "images": folder / "scans"}


def of_abcd(folder):
    files = [f"{name.replace('_', '')}_baselineYear1Arm1_ABCD-MPROC-T1.nii.gz" for name in NDA]
    header = "src_subject_id,eventname"
    given = table_of(folder, NDA, files, "{},baseline_year_1_arm_1", header)
    return Example(options={"tables": given["table"], "images": given["images"]})


def of_ukb(folder):
    files = [f"{eid}_20252_2_0/T1/T1_brain.nii.gz" for eid in (1000001, 1000002)]
    return Example(options=table_of(folder, (1000001, 1000002), files, "{},1", "eid,53-2.0"))


def of_gard(folder):
    return Example(
        options=table_of(folder, (7, 12), ["7.nii.gz", "12.nii.gz"], header="subject_id")
    )


def of_table(folder):
    study = make_study(folder, layout="table", subjects=4)
    options = {"table": study / "people.csv", "images": study / "scans", "subject": "id"}
    return Example(options=options)


def of_assigned(_folder):
    people = make_people()
    people["told"] = [("train", "val", "test")[place // 2 % 3] for place in range(len(people))]
    return Example(options={"column": "told"}, people=people)


EXAMPLES = {
    "abcd": of_abcd,
    "bids": lambda folder: Example(options={"root": make_study(folder, subjects=4)}),
    "gard": of_gard,
    "table": of_table,
    "ukb": of_ukb,
    "simulated": lambda folder: Example(
        options={"folder": folder / "study", "subjects": 4, "resolution_mm": 8}
    ),
    "categorical": lambda _: Example(options={"column": "hand"}),
    "numerical": lambda _: Example(options={"column": "age", "unit": "years"}),
    "assigned": of_assigned,
    "site": lambda _: Example(options={"test": ("site 1",), "val": ("site 2",)}),
    "matched": lambda _: Example(options={"same": 0.5}, kinds=("categorical",)),
    "llava-interleave": lambda folder: Example(
        options={"weights": write_checkpoint(folder / "small-llava"), "patch": (4, 4, 4)}
    ),
}
"""Parts whose defaults or whose made-up data do not fit them."""


def test_the_strangers_pass_the_kit(tmp_path, monkeypatch):
    """A loader and a template that the core has never seen keep every law."""
    for name in ("lab_loader", "radiologist"):
        monkeypatch.syspath_prepend(str(STRANGERS / name))
    lab = make_study(tmp_path, layout="table", subjects=4)

    check_plugin(
        importlib.import_module("brainplug_lab_loader"), {"lab": Example(options={"folder": lab})}
    )
    check_plugin(
        importlib.import_module("brainplug_radiologist"),
        {"radiologist": Example(references=(1,))},
    )


FOUND = {
    "metrics": [
        "dataclassy: expected options that are an attrs class",
        "kindless: kind: 'categorical' or 'numerical'",
        "scor: did you mean 'score'?",
        "raising: score of the metric raised AttributeError",
        "wordy: score of the metric must return float",
        "greedy: abilities: a metric cannot declare",
    ],
    "heads": [
        "misreading: parse reads as",
        "off-by-one: parse reads as",
        "voiceless: fit returned no Answers",
    ],
    "loaders": [
        "sourceless: a cohort loader has sources()",
        "unreadable: load of the cohort loader raised PermissionError",
        "empty: load of the cohort loader must return CohortTable",
        "unbuildable: raised AttributeError",
    ],
    "prompts": [
        "speechless: a prompt template has dialogue(case)",
        "breaking: dialogue of the prompt template raised IndexError",
        "telling: says the query's value before the answer",
    ],
    "splits": ["aimless: a split strategy has assign(cohort, *, seed)", "seedless: assign(cohort)"],
    "models": ["planless: a model has plan(shape)"],
    "forgotten": ["forgotten: brainplug_metrics is not called; put @hookimpl above it"],
}
"""Module of the faulty distribution -> part and what the kit says of it; each on its own line."""


@pytest.mark.parametrize("module", FOUND)
def test_the_kit_finds_every_fault(module, monkeypatch):
    """Each faulty part gets a line that names it; sound ones beside it get none."""
    monkeypatch.syspath_prepend(str(STRANGERS / "faulty"))
    plugin = importlib.import_module(f"brainplug_faulty.{module}")
    heads = ("misreading", "off-by-one", "voiceless")
    given = {name: Example(options={"column": "hand"}) for name in heads}

    with pytest.raises(AssertionError) as caught:
        check_plugin(plugin, given if module == "heads" else None)

    lines = str(caught.value).splitlines()
    for wanted in FOUND[module]:
        name, _, words = wanted.partition(": ")
        assert any(words in line for line in lines if repr(name) in line or name == "forgotten")
    assert not any("'sound'" in line or "'helped'" in line for line in lines)


@attrs.frozen(kw_only=True)
class Undescribed:
    """Options of the parts below."""

    share: float = 0.5


class Miscounting:
    """A metric that counts a subject once, however often it is drawn."""

    abilities = (ScoresResamples,)
    kind, higher_is_better, unit = "categorical", True, ""

    def __init__(self, options): ...

    def score(self, predictions):
        return float(len(predictions.truth))

    def score_resamples(self, predictions, counts):
        return counts.sum(axis=1)


class Shifting:
    """A split strategy that looks at the order of rows."""

    def __init__(self, options): ...

    def assign(self, cohort, *, seed):
        pools = ["train", "val", "test"]
        told = [pools[place % 3] for place in range(len(cohort))]
        return pd.Series(told, index=cohort.index, dtype="str")


@pytest.mark.parametrize(
    ("role", "make", "words"),
    [
        ("metrics", Miscounting, "score_resamples makes it"),
        ("splits", Shifting, "in another order"),
    ],
)
def test_the_kit_knows_laws_that_signatures_do_not_tell(role, make, words):
    """Counts of subjects, the order of rows, and options that nobody described."""
    with pytest.raises(AssertionError) as caught:
        check_part(Part("odd", Undescribed, make), role)

    assert words in str(caught.value)
    assert "option 'share' is not described" in str(caught.value)


def test_an_import_that_is_heavy_is_found(tmp_path, monkeypatch):
    """A module that imports torch slows every command of everybody who installs it."""
    (tmp_path / "brainplug_heavy.py").write_text("import scipy\nprint('loud')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(AssertionError, match=r"imports [^;]*\bscipy; import it"):
        check_plugin(importlib.import_module("brainplug_heavy"))


def test_an_example_for_no_part_is_an_error():
    """A misspelt name does not pass for a check."""

    class Plugin:
        @hookimpl
        def brainplug_metrics(self):
            yield REGISTRY.metrics["mae"]

    check_plugin(Plugin())
    with pytest.raises(AssertionError, match="no part has the name 'mea'"):
        check_plugin(Plugin(), {"mea": Example()})


def test_the_kit_needs_no_pytest():
    """An author may call it from anywhere."""
    code = "import sys, brainplug.testing; print('pytest' in sys.modules, 'torch' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False False" == ran.stdout.strip()


def test_made_up_data_are_what_the_engine_hands_over():
    """Pools have values and strata, a case has words, and the tiny model answers."""
    queries, references = make_pools(6, 8, numerical=True)
    bundle = tiny_model()

    assert (6, 8) == (len(queries), len(references))
    assert queries["value"].dtype == float
    assert not set(queries.index) & set(references.index)
    assert 2 == len(make_case(2).references)
    assert (8, 8, 8) == bundle.shape
    assert bundle.tokenizer.convert_tokens_to_ids("<image>") == bundle.model.config.image_token_id


def test_a_guarded_part_looks_like_what_it_guards():
    """Abilities, attributes and methods are those of the behaviour."""
    strategy = REGISTRY.build("splits", "family")

    assert able(strategy, Repeats)
    assert not able(REGISTRY.make_metric("mae"), Repeats)
    assert strategy.runs is strategy.runs  # wrapped once
    with pytest.raises(AttributeError):
        strategy.nothing  # noqa: B018


@pytest.mark.parametrize("count", [lambda text: len(text.split()), len])
def test_a_model_must_not_count_too_few_tokens(count):
    """Words in the place of bytes are told, and letters where a letter has several bytes."""
    counts = SimpleNamespace(count_tokens=count)

    def tokenizer(text, *, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": list(text.encode())}

    (fault,) = laws.count_faults(counts, tokenizer)

    assert "the tokenizer makes" in fault
    exact = SimpleNamespace(count_tokens=lambda text: len(text.encode()))
    assert [] == list(laws.count_faults(exact, tokenizer))
