"""What `check` finds in a checkpoint's files, and what it says of it."""

from __future__ import annotations

import json
import os
import shutil
from types import SimpleNamespace

import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

from brainplug.checkpoint import chat_template, locate
from brainplug.checkpoint.chat_template import QWEN_TEMPLATE, compare_template
from brainplug.checkpoint.read import read_checkpoint
from brainplug.cli.main import main
from brainplug.errors import DataError, RecipeError
from brainplug.recipe.load import read_recipe, recipe_text
from brainplug.registry import load_registry
from brainplug.run.learning_stages import answers_stage, hash_model
from brainplug_plugins.models.llava_interleave import LlavaInterleave, LlavaInterleaveOptions
from hub_format import TURNS, write_checkpoint
from small import DESIGN, GRID

HUB_ID = "nobody-there/llava"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REGISTRY = load_registry()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A checkpoint that nothing is wrong with."""
    return write_checkpoint(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it that a test may break."""
    return shutil.copytree(whole, tmp_path / "llava")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / f"models--{HUB_ID.replace('/', '--')}"


def put_in_cache(cache, folder):
    """Put a checkpoint where the hub's client keeps its downloads."""
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    return shutil.copytree(folder, cache / "snapshots" / COMMIT)


def change(folder, name, *path, **keys):
    """Change keys of a JSON file, or of an object within it."""
    held = json.loads((folder / name).read_text())
    inner = held
    for key in path:
        inner = inner[key]
    inner.update(keys)
    (folder / name).write_text(json.dumps(held))


def problems(folder):
    with pytest.raises(DataError) as caught:
        read_checkpoint(folder)
    return str(caught.value).replace(f"{folder}/", "").replace(f"{folder}: ", "").splitlines()


def write_recipe(folder, **model):
    text = DESIGN.format(head="categorical", column="sex", more="")
    table = tomli_w.dumps(
        {
            "model": {"use": "llava-interleave", "patch": [4, 4, 4], **model},
            "training": {"warmup_steps": 1},
        }
    )
    (folder / "recipe.toml").write_text(text + GRID + table)
    return folder / "recipe.toml"


def test_a_whole_checkpoint_is_read(whole):
    """Markers, context and defaults that `config.json` leaves out."""
    found = read_checkpoint(whole)

    assert {"<|im_start|>": 257, "<|im_end|>": 258, "<image>": 259} == found.markers
    assert 512 == found.context_length
    assert found.config["multimodal_projector_bias"] is True


@pytest.mark.parametrize(
    ("path", "keys", "line"),
    [
        ((), {"model_type": "llava_next"}, "model_type: expected 'llava', got 'llava_next'"),
        (
            ("vision_config",),
            {"model_type": "clip_vision_model"},
            "vision_config.model_type: expected 'siglip_vision_model', got 'clip_vision_model'",
        ),
        (
            ("text_config",),
            {"model_type": "llama"},
            "text_config.model_type: expected 'qwen2', got 'llama'",
        ),
        (
            (),
            {"quantization_config": {"bits": 4}},
            "quantization_config: expected weights that are not quantized",
        ),
        (
            (),
            {"image_aspect_ratio": "anyres_max_9"},
            "image_aspect_ratio: 'anyres_max_9' cuts a picture into several; a scan is one",
        ),
        (
            (),
            {"image_grid_pinpoints": [[384, 768]]},
            "image_grid_pinpoints: [[384, 768]] cuts a picture into several; a scan is one",
        ),
        (
            ("text_config",),
            {"hidden_size": "24"},
            "text_config.hidden_size: expected a positive integer, got '24'",
        ),
        (
            ("vision_config",),
            {"num_attention_heads": 3},
            "vision_config.hidden_size: expected a multiple of num_attention_heads 3, got 16",
        ),
        (
            (),
            {"vision_feature_layer": "last"},
            "vision_feature_layer: expected an integer or some, got 'last'",
        ),
        (
            (),
            {"vision_feature_layer": -4},
            "vision_feature_layer: expected -3 to 2, for the tower's 2 layers: -4",
        ),
        (
            (),
            {"vision_feature_select_strategy": "default"},
            (
                "vision_feature_select_strategy: expected 'full', since 'default' drops a class "
                "token, which SigLIP has not: 'default'"
            ),
        ),
        (
            (),
            {"image_seq_length": 576},
            (
                "image_seq_length: expected 25, the patches of a picture of 20 pixels in patches "
                "of 4: 576"
            ),
        ),
        (
            (),
            {"image_token_index": 151646},
            "image_token_index: expected an id below 272 (text_config.vocab_size): 151646",
        ),
        (
            (),
            {"image_token_index": 258},
            (
                "image_token_index: expected 259, the id of '<image>' in tokenizer.json: 258, "
                "which is '<|im_end|>'"
            ),
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, path, keys, line):
    """Each line names the file, the key, what was expected and what came."""
    change(folder, "config.json", *path, **keys)

    assert [f"config.json: {line}"] == problems(folder)


@pytest.mark.parametrize(
    ("name", "keys", "line"),
    [
        (
            "processor_config.json",
            {"vision_feature_select_strategy": "default"},
            (
                "num_additional_image_tokens, vision_feature_select_strategy: expected tokens for "
                "the tower's 25 patches of a picture, got 25 + 0 - 1"
            ),
        ),
        (
            "processor_config.json",
            {"patch_size": 14},
            "patch_size: expected 4 by config.json, got 14",
        ),
        (
            "processor_config.json",
            {"image_token": "<img>"},
            "image_token: expected '<image>', got '<img>'",
        ),
        (
            "processor_config.json",
            {"num_image_tokens": 729},
            "num_image_tokens: expected the tower's 25 patches of a picture, got 729",
        ),
        (
            "processor_config.json",
            {"image_processor": {"size": {"height": 384, "width": 384}}},
            "image_processor.size: expected 20 by config.json, got {'height': 384, 'width': 384}",
        ),
        (
            "preprocessor_config.json",
            {"size": {"height": 20, "width": 40}},
            "size: expected 20 by config.json, got {'height': 20, 'width': 40}",
        ),
        (
            "preprocessor_config.json",
            {"image_grid_pinpoints": [[40, 20]]},
            "image_grid_pinpoints: a picture is cut into several; a scan is one",
        ),
        (
            "preprocessor_config.json",
            {"image_seq_length": 729},
            "image_seq_length: expected the tower's 25 patches, got 729",
        ),
    ],
)
def test_a_processor_that_contradicts_the_config_is_refused(folder, name, keys, line):
    """Files of two models do not go through together."""
    change(folder, name, **keys)

    assert [f"{name}: {line}"] == problems(folder)


def test_a_class_token_that_is_added_and_dropped_is_none(folder):
    """Some processors count one token more and take it off again; the sum is what matters."""
    change(
        folder,
        "processor_config.json",
        num_additional_image_tokens=1,
        vision_feature_select_strategy="default",
    )

    assert read_checkpoint(folder)


def test_files_of_a_processor_are_not_needed(folder):
    """A scan is no picture."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).unlink()

    assert read_checkpoint(folder)


def test_a_missing_marker_is_named(folder):
    """A tokenizer without chat markers is of another model."""
    change(folder, "tokenizer_config.json", added_tokens_decoder={})
    held = json.loads((folder / "tokenizer.json").read_text())
    held["added_tokens"] = [
        each for each in held["added_tokens"] if each["content"] != "<|im_start|>"
    ]
    (folder / "tokenizer.json").write_text(json.dumps(held))

    assert ["tokenizer.json: added_tokens: '<|im_start|>' is missing"] == problems(folder)


def test_a_token_without_a_row_is_refused(folder):
    """More tokens than rows would fail in the middle of a run."""
    change(folder, "tokenizer.json", "model", "vocab", beyond=272)

    assert [
        (
            "tokenizer.json: the token 'beyond' has the id 272, but the model has 272 rows "
            "(config.json: text_config.vocab_size)"
        ),
    ] == problems(folder)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("config.json", "config.json: missing"),
        ("tokenizer.json", "tokenizer.json: missing"),
        (
            "model.safetensors.index.json",
            "expected model.safetensors or model.safetensors.index.json, found neither",
        ),
        (
            "model-00002-of-00002.safetensors",
            (
                "model.safetensors.index.json: names files that are not in the folder: "
                "'model-00002-of-00002.safetensors'"
            ),
        ),
    ],
)
def test_a_missing_file_is_named(folder, name, start):
    """Whatever is missing, its name is the message."""
    (folder / name).unlink()

    (line,) = problems(folder)

    assert line.startswith(start)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "processor_config.json",
        "chat_template.json",
        "model.safetensors.index.json",
    ],
)
def test_a_file_that_is_no_json_object_is_named(folder, name, text):
    """A broken file is a line, never a traceback."""
    (folder / name).write_text(text)

    assert all(line.startswith(f"{name}: ") for line in problems(folder))


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_file_that_is_cut_short_is_refused(folder, kept):
    """Half a download is found without loading it."""
    path = folder / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:kept])

    (line,) = problems(folder)

    assert line.startswith(f"{path.name}: ")
    assert line.endswith("; copy it again")


def test_pickle_files_are_refused(folder):
    """They could run code; the way out is said."""
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")

    (line,) = problems(folder)

    assert "found pickle files only: 'pytorch_model.bin'" in line
    assert "save_pretrained" in line


def test_weights_of_another_depth_are_refused(folder):
    """Names that config and files do not share are listed, both ways."""
    change(folder, "config.json", "text_config", num_hidden_layers=1)

    assert ["language_model.layers.1.input_layernorm.weight"] == [
        line.partition("'")[2].partition("'")[0] for line in problems(folder)
    ]
    change(folder, "config.json", "text_config", num_hidden_layers=3)
    assert (
        "the weights lack what config.json asks for: 'language_model.layers.2."
        in (problems(folder)[0])
    )


def test_a_pooling_head_that_is_not_there_is_missed(folder):
    """SigLIP has one by default; a config that forgets to say no asks for it."""
    held = json.loads((folder / "config.json").read_text())
    del held["vision_config"]["vision_use_head"]
    (folder / "config.json").write_text(json.dumps(held))

    (line,) = problems(folder)

    assert "'vision_tower.head.attention.in_proj_bias'" in line


def test_weights_of_other_shapes_are_refused(folder):
    """A config of another width says so once, not for each tensor."""
    change(folder, "config.json", "text_config", intermediate_size=48)

    (line,) = problems(folder)

    assert "expected (24, 48) for 'language_model.model.layers.0.mlp.down_proj.weight'" in line


def test_everything_is_told_at_once(folder):
    """One look finds the problems of all files."""
    change(folder, "config.json", image_token_index=300, vision_feature_select_strategy="default")
    change(folder, "processor_config.json", patch_size=14)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "{{ nothing"}))
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"")

    assert [
        "config.json",
        "processor_config.json",
        "config.json",
        "chat_template.json",
        "model-00001-of-00002.safetensors",
    ] == [line.partition(": ")[0] for line in problems(folder)]


def test_a_model_of_brainplug_is_not_taken_for_a_checkpoint(folder):
    """Its patches are 3-D already."""
    (folder / "brainplug.json").write_text("{}")

    (line,) = problems(folder)

    assert "name the 2-D checkpoint" in line


def test_the_form_of_training_is_the_template_that_is_saved():
    """What is saved with a model renders as dialogues are encoded, to the letter."""
    assert "" == compare_template(QWEN_TEMPLATE)


def test_the_template_of_the_hub_differs_in_white_space_only():
    """It breaks a line before each text, which is said and no error."""
    assert (
        r"'<|im_start|>user\n<image>\nQ', in training '<|im_start|>user\n<image>Q'"
        == compare_template(TURNS)
    )


QWEN_CHAT = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As Qwen's language models bring it: texts only, and a system turn of its own."""


def test_the_template_of_the_language_model_alone_will_do():
    """Texts without images, after a system turn, are the same form; the difference is said."""
    assert compare_template(QWEN_CHAT).startswith(r"'<|im_start|>system\nYou are a helpful")


@pytest.mark.parametrize(
    "text",
    [
        "{% for each in messages %}{{ each['role'] + ': ' + each['content'] }}{% endfor %}",
        QWEN_CHAT.replace("im_end", "eot_id"),
        "{{ raise_exception('never') }}",
        "{{ messages[9].content.x }}",
        "{% for message in messages %}",
        "",
    ],
)
def test_another_form_is_refused(text):
    """Dialogues would be asked in words the model has not learnt; so it is an error."""
    with pytest.raises(ValueError, match=r"expected '<\|im_start\|>user"):
        compare_template(text)


def test_a_template_is_looked_for_where_transformers_does(folder):
    """The file of its own goes before the others, and none is no error."""
    (folder / "chat_template.jinja").write_text("{{ 'first' }}")
    assert ("chat_template.jinja", "{{ 'first' }}") == chat_template.find_template(folder)
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").unlink()
    named = [{"name": "tools", "template": "no"}, {"name": "default", "template": "yes"}]
    change(folder, "tokenizer_config.json", chat_template=named)
    assert ("tokenizer_config.json", "yes") == chat_template.find_template(folder)
    change(folder, "tokenizer_config.json", chat_template=None)
    assert (f"{folder}: no chat template; dialogues are written in Qwen's form",) == (
        read_checkpoint(folder).notes
    )


def test_a_folder_is_seen_from_the_recipe(folder):
    """A relative path that is there becomes absolute, and the recipe reads again."""
    recipe = read_recipe(write_recipe(folder.parent, weights="llava"), REGISTRY).recipe

    assert folder == recipe.model.options.weights
    (folder.parent / "again.toml").write_text(recipe_text(recipe))
    assert recipe == read_recipe(folder.parent / "again.toml", REGISTRY).recipe


def test_an_id_of_the_hub_survives(tmp_path, cache):
    """It is no path, offline and not downloaded as it may be."""
    recipe = read_recipe(write_recipe(tmp_path, weights=HUB_ID, revision="v1"), REGISTRY).recipe

    assert HUB_ID == recipe.model.options.weights
    assert f'weights = "{HUB_ID}"' in recipe_text(recipe)


@pytest.mark.parametrize("weights", ["../not there", "/not/there", "nowhere", ""])
def test_weights_that_are_nowhere_are_refused(tmp_path, weights):
    """Neither a folder nor an id."""
    with pytest.raises(RecipeError, match=r"recipe.toml: model.*expected a"):
        read_recipe(write_recipe(tmp_path, weights=weights), REGISTRY)


def test_a_revision_of_a_folder_is_refused(folder):
    """A folder has none; a setting is never ignored."""
    with pytest.raises(RecipeError, match="revision: expected none beside the folder"):
        read_recipe(write_recipe(folder.parent, weights="llava", revision="main"), REGISTRY)


def test_each_problem_of_a_checkpoint_is_a_line_of_the_recipe(folder):
    """`check` and `run` tell all of them, with the recipe's name before each."""
    change(folder, "config.json", image_token_index=300, vision_feature_select_strategy="default")

    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(folder.parent, weights="llava"), REGISTRY)

    assert 2 == len(caught.value.problems)
    assert all(line.startswith(f"model: {folder}/config.json: ") for line in caught.value.problems)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    """The message says what was expected."""
    (tmp_path / "file").touch()

    with pytest.raises(RecipeError, match="expected the folder of a Llava checkpoint"):
        read_recipe(write_recipe(tmp_path, weights="file"), REGISTRY)


def test_checking_says_what_it_could_not_check(tmp_path, cache, capsys):
    """An id that is not on this machine is checked as far as that goes, and nothing is asked."""
    assert 0 == main(["check", str(write_recipe(tmp_path, weights=HUB_ID))])

    said = " ".join(capsys.readouterr().out.split())
    assert "nothing of it was checked" in said
    assert "not known before the weights are here" in said


def test_checking_says_what_is_otherwise(folder, capsys):
    """White space of the chat template, and the tokens of a scan."""
    assert 0 == main(["check", str(write_recipe(folder.parent, weights="llava"))])

    said = " ".join(capsys.readouterr().out.split())
    assert "chat_template: differs in white space" in said
    assert "(64 a scan)" in said


def test_what_the_cache_has_is_used_and_checked(folder, cache):
    """A downloaded repository is as good as a folder; the commit is noted with the model."""
    snapshot = put_in_cache(cache, folder)
    llava = LlavaInterleave(LlavaInterleaveOptions(weights=HUB_ID, patch=(4, 4, 4)))

    assert snapshot == llava.checkpoint.folder
    assert {"weights": HUB_ID, "revision": COMMIT, "initial": "inflate"} == (
        llava.build((8, 8, 8), seed=0).source
    )
    assert () == llava.sources()
    change(snapshot, "config.json", image_token_index=300)
    with pytest.raises(DataError) as caught:
        LlavaInterleave(llava.options)

    assert "image_token_index" in caught.value.found[0]


def test_half_a_download_is_none(folder, cache):
    """The run goes on downloading what the cache lacks, so it is no error before."""
    (put_in_cache(cache, folder) / "model-00001-of-00002.safetensors").unlink()

    assert LlavaInterleave(LlavaInterleaveOptions(weights=HUB_ID)).checkpoint is None


def test_looking_never_downloads(monkeypatch, cache):
    """Only what is on this machine is asked for."""
    asked = []
    from huggingface_hub.errors import LocalEntryNotFoundError

    def snapshot_download(*_args, **kwargs):
        asked.append(kwargs["local_files_only"])
        raise LocalEntryNotFoundError("not here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)

    assert locate.find_local(HUB_ID, None) is None
    assert [True] == asked


def test_building_offline_says_how_to_get_the_weights(cache):
    """A command for another machine, and what to write then."""
    llava = LlavaInterleave(LlavaInterleaveOptions(weights=HUB_ID, revision="v1"))

    with pytest.raises(DataError) as caught:
        llava.build((20, 20, 20), seed=0)

    error = caught.value
    assert (("model.weights",), HUB_ID) == (error.where, error.found)
    assert f"hf download {HUB_ID} --revision v1 --include '*.json'" in error.hint
    assert 'set weights = "FOLDER" in [model]' in error.hint


def test_building_from_half_a_cache_offline_is_an_error(folder, cache):
    """What is not whole is named, with the way out."""
    (put_in_cache(cache, folder) / "model-00001-of-00002.safetensors").unlink()

    with pytest.raises(DataError) as caught:
        locate.fetch_weights(HUB_ID, None)

    assert ("model.weights",) == caught.value.where
    assert f"hf download {HUB_ID}" in caught.value.hint


class Run:
    """What the stages ask of a run: its model and folders."""

    def __init__(self, folder, backbone):
        self.folder, self.cache, self.backbone = folder, folder / "cache", backbone

    def path(self, name):
        return self.folder / name


def test_other_weights_in_the_folder_are_another_training(folder, tmp_path):
    """The training depends on what the files hold."""
    run = Run(tmp_path, LlavaInterleave(LlavaInterleaveOptions(weights=folder)))
    before = hash_model(run)
    change(folder, "config.json", note="changed")

    assert {"config.json"} == {
        name for name, digest in hash_model(run).items() if before[name] != digest
    }


@pytest.mark.parametrize(
    "names",
    [
        ["model.safetensors"],
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
    ],
)
def test_answers_depend_on_the_weights_in_however_many_files(write_recipe, tmp_path, names):
    """A model saved in shards is looked at whole."""
    from rich.console import Console

    from brainplug.run.context import Workspace

    recipe = read_recipe(write_recipe(), REGISTRY).recipe
    run = Workspace.open(recipe, registry=REGISTRY, folder=tmp_path, console=Console(quiet=True))
    (tmp_path / "model").mkdir()
    for name in names:
        (tmp_path / "model" / name).touch()

    weights = answers_stage(run).facts()["weights"]

    assert names == list(weights)


def with_weights(folder, change):
    """Save the weights anew, each as `change` gives it."""
    for file in folder.glob("*.safetensors"):
        save_file({name: change(each) for name, each in load_file(file).items()}, file)


def test_weights_without_their_scales_are_refused(folder):
    """Quantised numbers would be taken for weights, 100 times too large."""
    with_weights(folder, lambda each: each.to(torch.int8))

    assert "I8" in "".join(problems(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_json_file_is_read_as_transformers_reads_it(folder, name, encoding):
    """With a mark before it, or in another encoding, the load would fail after `check`."""
    path = folder / name
    path.write_bytes(path.read_text().encode(encoding))

    assert f"{name}: cannot be read as JSON" in "".join(problems(folder))


def test_weights_that_are_no_numbers_are_refused_as_they_are_loaded(folder):
    """NaN does not train, and is named before anything is spent on it."""
    from brainplug.model.convert import check_finite

    model = torch.nn.Linear(2, 2)
    model.weight.data[0, 0] = torch.nan

    with pytest.raises(DataError, match="1 hold NaN or infinity, such as 'weight'"):
        check_finite(SimpleNamespace(folder=folder), model)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10000000000 }}",
        "{{ '%10000000000d' % 1 }}",
    ],
)
def test_a_template_that_takes_too_long_or_too_much_is_refused(template):
    """It is rendered in a process of its own, which ends."""
    with pytest.raises(ValueError, match=r"takes more than|MemoryError|OverflowError"):
        compare_template(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ lipsum.__globals__['os'].system('touch PLACE') }}",
        "{{ cycler.__init__.__globals__.os.system('touch PLACE') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ '{0.__class__.__mro__}'.format(1) }}",
        "{{ raise_exception.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_reaches_neither_attributes_nor_files(tmp_path, template):
    """What it may not reach is an error, or reads as empty; it writes no dialogue then."""
    with pytest.raises(ValueError, match="expected") as caught:
        compare_template(template.replace("PLACE", str(tmp_path / "ran")))

    got = str(caught.value).partition("got ")[2]
    assert not any(sign in got for sign in ("root:", "<class", "<function", "Undefined object"))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("key", "value"), [("num_hidden_layers", 10**9), ("hidden_size", 10**30)])
@pytest.mark.parametrize("section", ["text_config", "vision_config"])
def test_a_config_of_a_billion_layers_is_refused(folder, section, key, value):
    """Nothing is listed or counted for them."""
    change(folder, "config.json", section, **{key: value})

    assert f"config.json: {section}.{key}: expected at most" in problems(folder)[0]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_pipe_in_a_checkpoint_is_not_opened(folder, name):
    """It would wait for ever."""
    (folder / name).unlink()
    os.mkfifo(folder / name)

    assert f"{name}: expected a file, found a folder, pipe or device" in "".join(problems(folder))
