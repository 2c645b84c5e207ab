"""The card of a trained model: what it tells, and what it keeps to itself."""

from __future__ import annotations

import json
import re

import pytest
from huggingface_hub import ModelCard

from brainplug.api.records import Image, Turn
from brainplug.evaluation.records import Metrics
from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.report.card import escape, loading, write_card
from brainplug.report.facts import Sources
from brainplug.run.read_back import RunParts
from brainplug.runtime.files import write_json
from brainplug.runtime.records import read_record
from brainplug.runtime.run_folder import RunFolder
from finished import copy_run

SECTIONS = (
    "Intended use",
    "Data and training",
    "Split and audit",
    "Scores",
    "Limits",
    "How to load",
    "Made with",
)


@pytest.fixture(scope="module")
def card(sex_run):
    return ModelCard.load(sex_run / "model" / "README.md")


def test_a_run_leaves_a_card_that_the_hub_reads(card, sex_run):
    """Its head names task, library and the scores of `metrics.json`."""
    metrics = read_record(sex_run / "metrics.json", Metrics)
    told = {each.metric_type: each for each in card.data.eval_results}

    assert ("transformers", "image-text-to-text") == (
        card.data.library_name,
        card.data.pipeline_tag,
    )
    for name, score in metrics.splits["test"].metrics.items():
        assert round(score.value, 4) == told[name].metric_value
        assert (score.low, score.high) == (
            told[name].metric_args["low"],
            told[name].metric_args["high"],
        )


def test_a_card_has_what_a_reader_asks_for(card):
    """Sections on use, data, audit, scores, limits and loading; simulated people are called so."""
    assert list(SECTIONS) == re.findall("^## (.+)$", card.text, flags=re.MULTILINE)
    assert "(simulated people)" in card.text
    assert "families in two of train, val and test: none (passed)" in card.text


def test_a_card_shows_a_dialogue_of_nobody(bmi_run):
    """Its words are those of the run; its number is nobody's value, its scans are made-up names."""
    text = (bmi_run / "model" / "README.md").read_text()
    turns = [line.strip().rstrip(",") for line in text.splitlines() if '"role"' in line]
    said = [json.loads(turn)["content"][-1]["text"] for turn in turns]
    parts = RunParts(files=RunFolder(bmi_run), registry=load_registry())
    mean = parts.answers.say(read_record(bmi_run / "metrics.json", Metrics).train.mean)

    assert [f"This is {mean}.", "Noted.", "And this?"] == said
    assert text.count('"reference-1.nii.gz"') == text.count('"query.nii.gz"') == 1


def test_a_card_names_nobody_and_no_folder(card, sex_run):
    """Neither ids, nor families, nor the place of the run."""
    people = {row["subject"] for row in map(json.loads, open_lines(sex_run / "answers.jsonl"))}

    assert not [each for each in people if each in card.content]
    assert str(sex_run.parent) not in card.content


def open_lines(path):
    return path.read_text().splitlines()


def test_scores_of_few_people_are_not_told(sex_run, tmp_path):
    """Neither in the text nor in the head; that there are few is said."""
    run = copy_run(sex_run, tmp_path / "run")
    (run / "model").mkdir()
    data = json.loads((run / "metrics.json").read_text())
    data["splits"]["test"]["counts"]["subjects"] = 4
    write_json(run / "metrics.json", data)

    write_card(sources_of(run), (Turn.user(Image(0), "\x9b \u202e"), Turn.assistant("x")))

    card = ModelCard.load(run / "model" / "README.md")
    assert card.data.eval_results is None
    assert "Fewer than 5 people were asked" in card.text
    assert "<5 in test" in card.text.replace("\\", "")
    assert not set("\x9b\u202e") & set(card.text)  # a wording turns nothing around


def sources_of(run):
    """Open a run for its card."""
    recipe = read_recipe(run / "recipe.toml", load_registry()).recipe
    return Sources(recipe=recipe, files=RunFolder(run), kind="categorical", load=lambda _path: None)


def test_markup_in_names_is_shown_as_it_is():
    """A label or a study is text, whatever it looks like."""
    assert r"\[a\](x) \| \<b\>" == escape("[a](x) |\n<b>")


def test_a_fence_in_a_wording_does_not_end_the_example():
    """A wording may hold backticks."""
    dialogue = (Turn.user(Image(0), "```\n# Not a heading"), Turn.assistant("x"))

    text = loading(type("Facts", (), {"answers": []})(), dialogue)

    assert text.count("````") == 2
    assert "query.nii.gz" in text
