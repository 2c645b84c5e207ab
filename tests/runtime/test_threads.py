"""How many threads a process computes on follows from facts, and the user has the last word."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from brainplug.runtime import threads
from brainplug.runtime.threads import WAITING, Threads, choose_threads, computing_on, wait_passively


@pytest.mark.parametrize(
    ("wanted", "weights", "environ", "expected"),
    [
        (None, 600_000, {}, "1 thread: the model has 0.6 million weights"),
        (None, 9_000_000, {}, "4 threads: the model has 9 million weights"),
        (None, 866_000_000, {}, "16 threads: the model has 866 million weights"),
        (None, 0, {}, "16 threads: how many weights the model has is not known yet"),
        (3, 600_000, {"OMP_NUM_THREADS": "16"}, "3 threads: threads in [training] says so"),
        (None, 600_000, {"OMP_NUM_THREADS": "16"}, "16 threads: OMP_NUM_THREADS in the env"),
        (None, 600_000, {"MKL_NUM_THREADS": "16"}, "16 threads: MKL_NUM_THREADS in the env"),
        (None, 600_000, {"LOCAL_WORLD_SIZE": "4"}, "1 thread: the model has 0.6 million weights"),
        (
            None,
            866_000_000,
            {"LOCAL_WORLD_SIZE": "4"},
            "4 threads: the model has 866 million weights, and 4 processes share 16 cores",
        ),
        (None, 866_000_000, {"LOCAL_WORLD_SIZE": "64"}, "1 thread: the model has 866 million"),
    ],
)
def test_threads_follow_from_recipe_environment_or_size(wanted, weights, environ, expected):
    """A tiny model has one, a big one all; recipe and environment come first, in this order."""
    chosen = choose_threads(wanted, weights, most=16, environ=environ)

    assert chosen.sentence.startswith(expected)


def test_no_clock_is_asked():
    """The module that chooses the number of threads cannot time them."""
    assert not {"time", "timeit", "perf_counter"} & set(vars(threads))


def test_torch_has_them_for_as_long_as_is_said(monkeypatch):
    """Afterwards torch and the environment are as before, even where it failed."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    other = Threads(count=before + 1, reason="a test")

    with pytest.raises(RuntimeError, match="stop"), computing_on(other):
        assert before + 1 == torch.get_num_threads()
        assert str(before + 1) == os.environ["OMP_NUM_THREADS"]
        raise RuntimeError("stop")

    assert before == torch.get_num_threads()
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    "said", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"KMP_BLOCKTIME": "200"}, {"GOMP_SPINCOUNT": "100"}]
)
def test_how_a_user_lets_threads_wait_stays(said):
    """One word of the user on it, and nothing is set."""
    environ = dict(said)

    wait_passively(environ)

    assert said == environ


ASK = """
import os, runpy, sys
def watch(event, arguments):
    if event == "import" and arguments[0] == "torch":
        print("torch comes after", os.environ.get("OMP_WAIT_POLICY"))
        os._exit(0)
sys.addaudithook(watch)
sys.argv = ["brainplug", "run", sys.argv[1], "--output", sys.argv[2], "--until", "training"]
runpy.run_module("brainplug", run_name="__main__")
"""


def test_threads_wait_passively_before_torch_is_loaded(write_recipe, tmp_path):
    """OpenMP reads its policy once, when torch loads it; the command has set it by then."""
    environ = {name: each for name, each in os.environ.items() if name not in WAITING}

    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(write_recipe()), str(tmp_path / "run")],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "torch comes after PASSIVE" == asked.stdout.splitlines()[-1], asked.stderr
