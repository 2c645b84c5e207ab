"""A trained model in the hands of plain transformers."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from brainplug.errors import DataError, ScanError
from brainplug.model import auto
from brainplug.model.bundle import load_bundle
from brainplug.tasks.answers import read_answers


def open_model(run):
    """Open model and processor as any user of transformers does."""
    folder = str(run / "model")
    return AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(
        folder
    )


def read_tasks(run):
    (file,) = (run / "tasks").glob("*_test.json")
    return {task["task_id"]: task for task in json.loads(file.read_text())}


def ask(processor, task):
    """Encode all of a dialogue but its last answer."""
    return processor.apply_chat_template(
        task["conversations"][:-1],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def test_transformers_says_what_the_run_said(bmi_run):
    """`generate` gives the words of `answers.jsonl`, which end earlier, from the scans' files."""
    model, processor = open_model(bmi_run)
    answers = [row for row in read_answers(bmi_run / "answers.jsonl") if row.split == "test"][:3]
    assert isinstance(model, auto.Llava3d)
    for row in answers:
        inputs = ask(processor, read_tasks(bmi_run)[row.task_id])
        said = model.generate(**inputs, max_new_tokens=40, do_sample=False)
        text = processor.decode(said[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

        assert text.strip().startswith(row.answer_text[:20])


def test_transformers_gives_the_chances_of_the_run(sex_run):
    """What each label's answer scores is what the run scored."""
    model, processor = open_model(sex_run)
    row = next(row for row in read_answers(sex_run / "answers.jsonl") if row.split == "test")
    inputs = ask(processor, read_tasks(sex_run)[row.task_id])
    totals = []
    for label in row.probabilities:
        answer = processor.encoder.answer(f"It is {label}.")
        ids = torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)
        with torch.no_grad():
            logits = model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits[0]
        chances = logits[-len(answer) - 1 : -1].log_softmax(dim=-1)
        totals.append(chances[range(len(answer)), answer].sum())

    found = torch.stack(totals).softmax(dim=0).tolist()

    assert found == pytest.approx(list(row.probabilities.values()), rel=1e-4)


def test_text_and_scans_apart_are_the_same_as_together(sex_run):
    """A dialogue may be written first and encoded with its scans later."""
    _, processor = open_model(sex_run)
    task = next(iter(read_tasks(sex_run).values()))
    together = ask(processor, task)
    text = processor.apply_chat_template(task["conversations"][:-1], add_generation_prompt=True)

    apart = processor(text=text, images=[image["path"] for image in task["images"]])

    assert together.keys() == apart.keys()
    assert all(torch.equal(together[key], apart[key]) for key in together)


def test_arrays_on_the_grid_are_taken_as_they_are(sex_run):
    """Others are refused, with the shape that is expected."""
    _, processor = open_model(sex_run)
    scan = np.ones(processor.shape, dtype=np.float16)

    assert (1, 1, *processor.shape) == tuple(processor(images=scan)["pixel_values"].shape)
    with pytest.raises(DataError, match=r"\(16, 16, 16\)"):
        processor(images=scan[1:])


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "video", "video": "x"}]},
        {"role": "user", "content": [{"type": "image"}]},
        {"role": "user", "content": "an <image> by name"},
    ],
)
def test_a_message_the_model_never_saw_is_refused(sex_run, message):
    """Other roles and pieces, an image without a scan, and a marker in a text."""
    _, processor = open_model(sex_run)

    with pytest.raises(DataError):
        processor.apply_chat_template([message], tokenize=True)


def test_a_text_must_show_as_many_scans_as_there_are(sex_run):
    """Else features would stand where nobody said."""
    _, processor = open_model(sex_run)

    with pytest.raises(DataError, match="1 times <image>"):
        processor(text="no scan", images=np.ones(processor.shape))


def test_a_missing_scan_is_told_as_such(sex_run):
    """The error is that of a run."""
    _, processor = open_model(sex_run)

    with pytest.raises(ScanError):
        processor(images="nowhere.nii.gz")


def test_a_saved_processor_is_the_same(sex_run, tmp_path):
    """`save_pretrained` writes what the run wrote."""
    _, processor = open_model(sex_run)
    processor.save_pretrained(tmp_path)
    written = sex_run / "model" / "processor_config.json"

    assert json.loads(written.read_text()) == json.loads((tmp_path / written.name).read_text())
    assert processor.chat_template == (tmp_path / "chat_template.jinja").read_text()


def change_config(run, to, change):
    """Copy a model, and change its config."""
    shutil.copytree(run / "model", to)
    path = to / "config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    return to


def test_a_folder_of_an_earlier_version_loads(sex_run, tmp_path):
    """It calls itself a Llava and says nothing of scans in `config.json`."""

    def older(config):
        kept = {key: each for key, each in config.items() if not key.startswith("scan_")}
        return kept | {"model_type": "llava"}

    old, new = (
        load_bundle(change_config(sex_run, tmp_path / "old", older)),
        load_bundle(sex_run / "model"),
    )

    weights = new.model.state_dict()
    assert all(torch.equal(each, weights[name]) for name, each in old.model.state_dict().items())


def test_a_config_that_contradicts_the_patch_file_is_refused(sex_run, tmp_path):
    """The error names the file and the key."""
    folder = change_config(
        sex_run, tmp_path / "odd", lambda config: config | {"scan_patch": [4, 8, 8]}
    )

    with pytest.raises(DataError, match="scan_patch"):
        load_bundle(folder)
