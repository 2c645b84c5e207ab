"""What a run computes by is settled once, from facts, and kept."""

from __future__ import annotations

import re

import attrs
import pytest
import torch

from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.inference.generator import Generator
from brainplug.model import kernels, llava
from brainplug.run.arithmetic import read_arithmetic, settle
from brainplug.runtime.files import read_json, write_json
from brainplug.runtime.notes import read_note
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.threads import SAID
from brainplug.training.trainer import ComparisonTrainer
from dialogues import make_bundle


@pytest.fixture
def suits(monkeypatch):
    """Give a setter of what processor and PyTorch suggest."""

    def say(use, reason="MKL on a processor of maker AuthenticAMD"):
        monkeypatch.setattr(kernels, "onednn_suits", lambda: (use, reason))

    return say


def run(recipe, folder, *more):
    return main(["run", str(recipe), "--output", str(folder), "--until", "answers", *more])


@pytest.mark.parametrize(
    ("maker", "mkl", "onednn", "gpu", "expected"),
    [
        ("AuthenticAMD", True, True, False, True),
        ("GenuineIntel", True, True, False, False),
        ("unknown", True, True, False, False),
        ("AuthenticAMD", False, True, False, False),
        ("AuthenticAMD", True, False, False, False),
        ("AuthenticAMD", True, True, True, False),
    ],
)
def test_the_rule_follows_from_facts(monkeypatch, maker, mkl, onednn, gpu, expected):
    """Intel's BLAS on a CPU of another maker is where oneDNN is used; never beside a GPU."""
    monkeypatch.setattr(kernels, "processor_maker", lambda: maker)
    monkeypatch.setattr(kernels, "carries_onednn", lambda: onednn)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)

    assert expected is kernels.onednn_suits()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\n", "AuthenticAMD"),
        ("processor\t: 0\nCPU implementer\t: 0x41\n", "unknown"),
    ],
)
def test_linux_tells_the_maker(tmp_path, text, expected):
    """A processor of another family than x86 names no maker there."""
    (tmp_path / "cpuinfo").write_text(text)

    assert expected == kernels.processor_maker(tmp_path / "cpuinfo")


def test_no_clock_is_asked():
    """The module that chooses between two arithmetics cannot time them."""
    assert not {"time", "timeit", "perf_counter"} & set(vars(kernels))


def test_what_a_run_began_with_stays(tmp_path, suits):
    """A later process keeps what the record says, whatever its own processor suggests."""
    write_json(tmp_path / "record.json", {"seed": 7})
    suits(use=True)
    assert {"onednn": True} == settle("auto", RunFolder(tmp_path))

    suits(use=False)

    assert {"onednn": True} == settle("auto", RunFolder(tmp_path))
    expected = {"onednn": True, "from": "MKL on a processor of maker AuthenticAMD"}
    assert {"seed": 7, "arithmetic": expected} == read_note(tmp_path / "record.json")


def test_the_recipe_comes_first_and_binds_no_later_auto(tmp_path, suits):
    """`true` and `false` hold as they stand; without them the processor is asked again."""
    suits(use=True)
    settle("auto", RunFolder(tmp_path))

    assert {"onednn": False} == settle(onednn=False, files=RunFolder(tmp_path))
    assert {"onednn": False, "from": "the recipe"} == read_arithmetic(RunFolder(tmp_path))
    assert {"onednn": True} == settle("auto", RunFolder(tmp_path))


def test_another_arithmetic_trains_anew(write_recipe, tmp_path, suits, capsys):
    """A moved run goes on as before; a changed choice, or `--fresh`, is computed by the new one."""
    recipe, folder = write_recipe(epochs=1), tmp_path / "run"
    suits(use=False, reason="a test")
    assert 0 == run(recipe, folder)
    began = read_json(folder / "stages.json")
    assert {"onednn": False, "from": "a test"} == read_json(folder / "record.json")["arithmetic"]

    suits(use=kernels.carries_onednn(), reason="another processor")
    assert 0 == run(recipe, folder)
    assert began == read_json(folder / "stages.json")

    recipe.write_text(recipe.read_text() + "\n[speed]\nonednn = true\n")
    capsys.readouterr()
    assert 0 == run(recipe, folder)
    assert re.search("^training .* s$", capsys.readouterr().out, re.MULTILINE)
    assert began["answers"]["key"] != read_json(folder / "stages.json")["answers"]["key"]

    recipe.write_text(recipe.read_text().replace("onednn = true", 'onednn = "auto"'))
    assert 0 == run(recipe, folder, "--fresh")
    assert "another processor" == read_json(folder / "record.json")["arithmetic"]["from"]


def test_a_choice_that_cannot_be_kept_is_refused(monkeypatch):
    """A run that computes by oneDNN does not go on silently by something else."""
    bundle = make_bundle(dtype=torch.float32)
    monkeypatch.setattr(llava, "carries_onednn", lambda: False)

    with pytest.raises(RunError) as caught:
        llava.choose_kernels(bundle.model, onednn=True)

    assert ("speed.onednn",) == caught.value.where


def test_all_ranks_compute_by_what_rank_0_settled(tmp_path, suits, write_recipe):
    """The second rank does not ask its own processor."""
    from rich.console import Console

    from brainplug.recipe.load import read_recipe
    from brainplug.registry import load_registry
    from brainplug.run.arithmetic import settled
    from brainplug.run.context import Workspace

    class Second:
        """Rank 1, which is told what rank 0 found."""

        world_size, is_main_process = 2, False

        def on_main_process(self, _work):
            return {"onednn": True}

    suits(use=False)
    registry = load_registry()
    workspace = Workspace.open(
        read_recipe(write_recipe(), registry).recipe,
        registry=registry,
        folder=tmp_path / "run",
        console=Console(quiet=True),
    )

    second = settled(attrs.evolve(workspace, ranks=Second()))

    assert second.recipe.speed.onednn is True
    assert not (tmp_path / "run" / "record.json").exists()


def test_training_and_answers_use_the_threads_that_are_said(
    write_recipe, tmp_path, monkeypatch, capsys
):
    """One for a tiny model; another number in the recipe trains nothing anew."""
    seen = []

    def note(owner, name):
        method = getattr(owner, name)

        def noted(self, *args, **kwargs):
            seen.append((name, torch.get_num_threads()))
            return method(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, noted)

    note(ComparisonTrainer, "training_step")
    note(Generator, "answer")
    for name in SAID:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    recipe, folder = write_recipe(epochs=1), tmp_path / "run"

    assert 0 == run(recipe, folder)

    log = (folder / "log.txt").read_text()
    assert {("training_step", 1), ("answer", 1)} == set(seen)
    for stage in ("training", "answers"):
        assert f"{stage}: 1 thread: the model has 0.0" in log
    assert before == torch.get_num_threads()

    seen.clear()
    recipe.write_text(recipe.read_text().replace("[training]", "[training]\nthreads = 3"))
    capsys.readouterr()
    assert 0 == run(recipe, folder)
    assert "training       as before" in capsys.readouterr().out
    assert [] == seen

    (folder / "answers.jsonl").unlink()
    assert 0 == run(recipe, folder)
    assert {("answer", 3)} == set(seen)
    assert "answers: 3 threads: threads in [training] says so" in (folder / "log.txt").read_text()
