"""`brainplug show`: what stands on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainplug.api import records
from brainplug.cli import show
from brainplug.cli.main import main
from brainplug.run.showing import Showing, ShownAnswer, ShownTask
from brainplug.runtime.terminal import Terminal
from brainplug.tasks.shown_dialogue import counting_encoder, show_dialogue
from small import make_task

TASK = make_task("test-1", ["r" * 60], "q")


def shown(text="It is [red]\x1b[2J\nno.", **answer):
    """Give a dialogue with an answer."""
    said = {"outcome": "unread", "prediction": None, "probabilities": None, "expected": None}
    return Showing(
        split="test",
        total=1,
        context_length=4096,
        exact=True,
        notes=(),
        tasks=(
            ShownTask(
                dialogue=show_dialogue(TASK, counting_encoder(len, 8)),
                answer=ShownAnswer(text=text, **said | answer),
            ),
        ),
        outcomes={"unread": 1},
    )


def printed(found, **options):
    """Return what is printed on 80 columns."""
    console = Terminal(width=80, **options)
    with console.capture() as capture:
        show.show_all(found, console)
    return capture.get()


def test_without_colours_marks_stand_around_what_is_learnt():
    """And every line fits 80 columns."""
    told = printed(shown())

    assert f"\n{show.OPENS}It is male.<|im_end|>{show.CLOSES}\n" in told
    assert "<|im_start|>assistant\nNoted.<|im_end|>\n" in told
    assert max(map(len, told.splitlines())) <= 80


def test_on_a_terminal_it_is_bold():
    """Without marks."""
    told = printed(shown(), force_terminal=True, color_system="standard", no_color=False)

    assert "\x1b[1mIt is male." in told
    assert show.OPENS not in told


def test_what_the_model_says_is_shown_as_it_is():
    """Brackets are no markup, control characters are pictures, and it stays on its line."""
    assert 'unread: "It is [red]␛[2J␤no."\n' in printed(shown())


def test_what_was_read_stands_beside_the_truth():
    """With what the model held of each label."""
    found = shown(
        "It is female.",
        outcome="wrong",
        prediction="female",
        probabilities={"male": 0.25, "female": 0.75},
    )

    told = printed(found)

    assert 'wrong: "It is female."' in told
    assert "truth male, read as female, p(male) 0.25, p(female) 0.75" in told


def test_a_recipe_is_shown(capsys):
    """A shipped one by its name; as JSON the pieces with their tokens."""
    assert 0 == main(["show", "demo", "-n", "1", "--split", "val", "--json"])

    found = json.loads(capsys.readouterr().out)
    dialogue = found["tasks"][0]["dialogue"]
    assert "val" == found["split"]
    assert dialogue["tokens"]["all"] == sum(each["tokens"] for each in dialogue["pieces"])
    assert {"kind": "marker", "text": "<|im_end|>", "tokens": 1, "loss": True} == dialogue[
        "pieces"
    ][-1]


def test_the_page_shows_what_is_printed(capsys, monkeypatch):
    """Word for word, on 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert 0 == main(["show", "demo", "-n", "1"])

    page = Path(__file__).parents[2] / "docs" / "task-files.md"
    text = page.read_text(encoding="utf-8").partition("$ brainplug show demo -n 1\n")[2]
    assert text.partition("```")[0] == capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["-n", "0"], "expected a whole number from 1: '0'"),
        (["--split", "tset"], "no split 'tset'; did you mean 'test'?"),
    ],
)
def test_wrong_usage_is_told(given, told, capsys):
    """With exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["show", "demo", *given])

    assert 2 == ended.value.code
    assert told in capsys.readouterr().err


def test_a_run_is_not_changed(tmp_path, capsys):
    """`--set` is for recipes."""
    (tmp_path / "recipe.toml").write_text("seed = 1\n")

    assert 1 == main(["show", str(tmp_path), "--set", "seed=2"])

    assert "a run is as it was made" in capsys.readouterr().err


def test_a_run_folder_that_is_not_there_is_called_one(capsys):
    """Rather than a recipe."""
    assert 1 == main(["show", "runs/no-such-run"])

    assert "expected a run folder" in capsys.readouterr().err


def test_a_recipe_that_is_not_there_is_called_one(capsys):
    """With the name that may have been meant."""
    assert 1 == main(["show", "dmeo"])

    assert "did you mean 'demo'?" in capsys.readouterr().err


def test_answers_of_a_test_are_not_called_learnt():
    """Nobody in it is trained on."""
    told = printed(shown())

    assert "the true answer is" in told
    assert "learnt" not in told


def test_its_splits_are_those_there_are():
    """They are written out, since an import would be slow."""
    assert records.SPLITS == show.SPLITS
