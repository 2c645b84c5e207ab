"""A run of several processes: one decides, writes and speaks, all train, and all end together."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import warm
from brainplug.cli.main import main
from brainplug.errors import RunError
from brainplug.runtime.files import read_json
from brainplug.runtime.ranks import Ranks
from brainplug.runtime.torchrun import check_devices
from processes import HANG_S, finish, wait_until
from shared import cache_of

SITE = Path(__file__).parents[1] / "two_ranks"
"""A `sitecustomize` that puts work of a second in the place of the training."""

METRIC = '''
"""A metric of our own, in a file that the recipe names."""

import attrs

from brainplug import Part, hookimpl


@attrs.frozen(kw_only=True)
class Options:
    """Options of `hits`."""


class Hits:
    """Share of people who are said right."""

    kind, higher_is_better, unit = "categorical", True, ""

    def __init__(self, options): ...

    def score(self, predictions):
        return float((predictions.truth == predictions.predicted).mean())


@hookimpl
def brainplug_metrics():
    yield Part("hits", Options, Hits)
'''

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]


def start(*command: str, folder: Path, training: str = "well") -> subprocess.Popen[str]:
    """Start a command in which the training is made up and ranks but the first cannot write."""
    path = os.pathsep.join((str(SITE), os.environ.get("PYTHONPATH", "")))
    chosen = {"PYTHONPATH": path, "MADE_UP_TRAINING": training, "RUN_FOLDER": str(folder)}
    return subprocess.Popen(
        command,
        env=os.environ | chosen,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_on_two(recipe: Path, folder: Path, *more: str, training: str = "well"):
    """Return exit code, output and errors of a run on two ranks."""
    command = [sys.executable, "-m", "brainplug", "run", str(recipe), "--output", str(folder)]
    process = start(*command, "--devices", "2", *more, folder=folder, training=training)
    printed, complained = finish(process)
    return process.returncode, printed, complained


@pytest.fixture(scope="module")
def _prepared(tmp_path_factory):
    """A folder in which everything before the training is done, by one process.

    The recipe names a plugin file, which every rank imports.
    """
    from small import DESIGN, GRID, LEARNING

    home = tmp_path_factory.mktemp("ranks")
    design = DESIGN.format(head="categorical", column="sex", more="")
    learning = LEARNING.format(epochs=1) + 'metrics = ["hits"]\n'
    (home / "small.toml").write_text(f'plugins = ["ours.py"]\n{design}{GRID}{learning}')
    (home / "ours.py").write_text(METRIC)
    command = ["run", str(home / "small.toml"), "--output", str(home / "run")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINPLUG_CACHE", cache_of(tmp_path_factory))
        assert main([*command, "--until", "volumes"]) == 0
    return home


@pytest.fixture
def prepared(_prepared, tmp_path):
    """Give a recipe, and a copy of its run folder for this test alone."""
    shutil.copytree(_prepared / "run", tmp_path / "run")
    return _prepared / "small.toml", tmp_path / "run"


def test_two_ranks_do_what_one_does(prepared, tmp_path):
    """Stages before the training run once; the second rank writes nothing and says nothing."""
    recipe, single = prepared

    code, printed, complained = run_on_two(recipe, tmp_path / "two", "--until", "training")

    assert (0, "") == (code, complained)
    for name in ("split.csv", "pairs.parquet", "recipe.toml"):
        assert (single / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert 1 == printed.count(" on the common grid ")
    log = (tmp_path / "two" / "log.txt").read_text()
    stages = ["cohort", "split", "pairs", "dialogues", "volumes", "baselines", "training"]
    assert stages == [line.split()[1] for line in log.splitlines() if line.endswith("begins")]
    assert [["rank 0"], ["rank 1"]] == read_json(tmp_path / "two" / "training.json")
    assert 2 == read_json(tmp_path / "two" / "record.json")["hardware"]["processes"]
    assert METRIC == (tmp_path / "two" / "plugins" / "ours.py").read_text()


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ("fails on rank 1", "brainplug: error: rank 1 on .*: scan 7 is gone"),
        ("killed on rank 1", "brainplug: error: process 1 of 2 was ended by SIGKILL, .*"),
    ],
)
def test_what_ends_one_rank_ends_all_with_one_message(prepared, training, message):
    """Whichever rank fails, one line says why, and no process is left."""
    code, _, complained = run_on_two(*prepared, "--until", "training", training=training)

    assert code == 1
    (line,) = complained.splitlines()
    assert re.fullmatch(message, line)


def test_ctrl_c_ends_all_ranks(prepared):
    """The command that started them says that it goes on from here."""
    recipe, folder = prepared
    command = [sys.executable, "-m", "brainplug", "run", str(recipe), "--output", str(folder)]
    process = start(*command, "--devices", "2", folder=folder, training="endless")
    wait_until(lambda: has_text(folder / "begun"), process)

    process.send_signal(signal.SIGINT)
    _, complained = finish(process)

    assert process.returncode == 130
    assert complained == "brainplug: stopped; the same command goes on from here\n"
    assert main(["run", str(recipe), "--output", str(folder), "--until", "volumes"]) == 0


def test_a_killed_launcher_takes_its_ranks_along(prepared):
    """After `kill -9` the run folder is free again."""
    recipe, folder = prepared
    command = [sys.executable, "-m", "brainplug", "run", str(recipe), "--output", str(folder)]
    process = start(*command, "--devices", "2", folder=folder, training="endless")
    wait_until(lambda: has_text(folder / "begun"), process)
    rank = int((folder / "begun").read_text())

    process.kill()
    finish(process)

    wait_until(lambda: not lives(rank))
    assert main(["run", str(recipe), "--output", str(folder), "--until", "volumes"]) == 0


def lives(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


def has_text(path: Path) -> bool:
    """Whether a file is there and has something in it."""
    return path.exists() and bool(path.read_text())


def test_torchrun_starts_the_ranks_as_well(prepared):
    """`torchrun -m brainplug run` is the same run; what fails on all ranks is said once."""
    recipe, folder = prepared
    command = [*TORCHRUN, "-m", "brainplug", "run", str(recipe), "--output", str(folder)]

    process = start(*command, "--until", "training", folder=folder, training="fails everywhere")
    _, complained = finish(process)

    assert process.returncode == 1
    assert 1 == complained.count("brainplug: error: ")
    assert 1 == complained.count("scan 7 is gone")


def test_folds_are_done_on_two_ranks(prepared, tmp_path, monkeypatch):
    """A fold whose data is bad is left out on all ranks alike, and the others are done."""
    recipe, _ = prepared
    folds, folder = tmp_path / "folds.toml", tmp_path / "run3"
    fractions = "fractions = { train = 0.5, val = 0.25, test = 0.25 }"
    text = recipe.read_text().replace(fractions, "folds = 3")
    folds.write_text(text.replace("subjects = 60", "subjects = 120"))
    shutil.copy2(recipe.with_name("ours.py"), tmp_path)

    environment = {"MADE_UP_TRAINING": "second fold has no tasks", "RUN_FOLDER": str(folder)}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    process = warm.start(
        ["run", str(folds), "--output", str(folder), "--until", "training"],
        tmp_path / "printed",
        ranks=2,
        first=SITE / "sitecustomize.py",
    )

    printed, _ = finish(process)
    assert process.returncode == 1, printed
    assert 1 == printed.count("1 of 3 runs could not be done")
    names = read_json(folder / "runs.json")
    made = [(folder / "runs" / name / "training.json").exists() for name in names]
    assert made == [True, False, True]
    assert 3 == printed.count("─ run ")


def test_accelerate_and_deepspeed_use_the_group_that_is_there(tmp_path):
    """Ranks share and gather; libraries that want a process group find it and keep it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os\n"
        "from brainplug.runtime.ranks import Ranks\n"
        "from brainplug.training.deepspeed import prepare_deepspeed\n"
        "ranks = Ranks.of(os.environ)\n"
        "ranks.join()\n"
        "prepare_deepspeed(ranks)\n"
        "import deepspeed\n"
        "from accelerate import PartialState\n"
        "deepspeed.init_distributed(dist_backend='gloo')\n"
        "state = PartialState(cpu=True)\n"
        "found = [state.process_index, state.num_processes, deepspeed.comm.get_rank()]\n"
        "found = ranks.gather(found)\n"
        "told = ranks.broadcast({'by': ranks.rank})\n"
        "again = ranks.gather([told['by']])\n"
        "if ranks.is_main_process:\n"
        "    print(json.dumps([found, again]))\n"
        "ranks.wait_for_everyone()\n"
        "ranks.leave(0)\n"
    )

    done = subprocess.run(
        [*TORCHRUN, str(script)], check=True, capture_output=True, text=True, timeout=HANG_S
    )

    assert [[[0, 2, 0], [1, 2, 1]], [[0], [0]]] == json.loads(done.stdout)


def test_one_process_passes_through_without_torch():
    """A run of one process shares, gathers and waits with nobody, and needs no torch for it."""
    code = (
        "import sys; from brainplug.runtime.ranks import Ranks; "
        "ranks = Ranks.of({}); ranks.join(); "
        "ranks.wait_for_everyone(); assert ranks.broadcast(1) == 1; "
        "assert ranks.gather([2]) == [[2]]; "
        "assert ranks.on_main_process(lambda: 3) == ranks.together(lambda: 3); "
        "sys.exit('torch' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_a_number_of_devices_is_a_whole_number_from_one(given, capsys):
    """Anything else is wrong usage."""
    with pytest.raises(SystemExit) as stopped:
        main(["run", "demo", f"--devices={given}"])

    assert stopped.value.code == 2
    assert "expected a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"WORLD_SIZE": "2"}, ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")),
        ({"WORLD_SIZE": "2", "RANK": "0"}, ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")),
    ],
)
def test_half_of_an_environment_is_refused(environment, missing, monkeypatch):
    """A cluster that says how many processes there are but not where is told so."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(RunError) as caught:
        Ranks.of(os.environ).join()

    assert missing == caught.value.found


def test_ranks_do_not_start_ranks():
    """`--devices` under torchrun is an error, not as many runs as there are ranks."""
    done = subprocess.run(
        [sys.executable, "-m", "brainplug", "run", "demo", "--devices", "2"],
        env=os.environ | {"WORLD_SIZE": "2", "RANK": "0"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (1, True) == (done.returncode, "leave it out" in done.stderr)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    """Three processes cannot share two GPUs; two and one can."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)

    with pytest.raises(RunError) as caught:
        check_devices(3)

    assert (("--devices 3",), 2) == (caught.value.where, caught.value.found)

    check_devices(2)
    check_devices(1)


def test_without_a_gpu_processes_share_the_cpu(monkeypatch):
    """As many as are wanted."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)

    check_devices(64)
