"""Answers that share scans, references and readings are those of each dialogue alone."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch

from brainplug.inference.answer import all_answers, candidate
from brainplug.inference.numbers import expect
from brainplug.inference.records import AnswerSettings
from brainplug.recipe.training_tables import Speed
from brainplug.runtime.ranks import Ranks
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import encode_task
from brainplug.tasks.token_tree import NumberTrees
from brainplug_plugins.heads.numerical import NumberAnswers
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from small import TASKS, make_number_task

SHAPE = (8, 8, 8)
SHARING = ("share_references", "share_scans", "check_candidates", "onednn")


class Sex:
    """Labels as the categorical head would have them."""

    labels = ("male", "female")

    def say(self, value):
        return value

    def parse(self, text):
        return next((label for label in self.labels if text == f"It is {label}."), None)


def volume(path):
    number = sum(map(ord, str(path)))
    return np.random.default_rng(number).normal(size=SHAPE).astype("float32")


@pytest.fixture(scope="module")
def bundle():
    made = Tiny(TinyOptions(hidden_size=16, heads=2, vision_layers=1, patch=(4, 4, 4))).build(
        SHAPE, seed=3
    )
    made.model.eval()
    return made


def settings_for(bundle, mode="both", ranks=None, **speed):
    return AnswerSettings(
        encoder=ChatEncoder(bundle.tokenizer, 8),
        context_length=4096,
        load=volume,
        answers=Sex(),
        batch_size=2,
        max_new_tokens=12,
        mode=mode,
        precision="float32",
        speed=Speed(**speed),
        ranks=ranks or Ranks(),
    )


def alone(bundle, task):
    """Return what transformers' own generation says, and the candidates' probabilities."""
    settings = settings_for(bundle)
    item = encode_task(task, settings.encoder, 4096)
    scans = torch.stack([torch.from_numpy(volume(path))[None] for path in task.images])
    prompt = torch.tensor([item.encoded.prompt])
    with torch.inference_mode():
        said = bundle.model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            pixel_values=scans,
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=bundle.tokenizer.eos_token_id,
            pad_token_id=bundle.tokenizer.pad_token_id,
        )
        totals = []
        for label in Sex.labels:
            answer = torch.tensor([candidate(task, label, settings)])
            ids = torch.cat([prompt, answer], dim=1)
            logits = bundle.model(input_ids=ids, pixel_values=scans).logits[0]
            chances = logits[prompt.shape[1] - 1 : -1].log_softmax(dim=-1)
            totals.append(chances.gather(1, answer.t()).sum())
    text = bundle.tokenizer.decode(said[0, prompt.shape[1] :], skip_special_tokens=True).strip()
    return text, torch.stack(totals).softmax(dim=0).tolist()


@pytest.mark.parametrize("off", [(), *[(name,) for name in SHARING], SHARING])
def test_answers_are_those_of_each_dialogue_alone(bundle, off):
    """Free words and probabilities, with every way of sharing off and on."""
    wanted = [alone(bundle, task) for task in TASKS]

    settings = settings_for(bundle, **dict.fromkeys(off, False))
    rows = all_answers(bundle, TASKS, settings, split="test")

    assert [task.task_id for task in TASKS] == [row.task_id for row in rows]
    assert [text for text, _ in wanted] == [row.answer_text for row in rows]
    np.testing.assert_allclose(
        [chances for _, chances in wanted],
        [list(row.probabilities.values()) for row in rows],
        rtol=1e-4,
    )


def test_a_candidate_the_model_would_say_is_found_without_generating(bundle, monkeypatch):
    """A model that has learnt an answer by heart is asked for no word after the first."""
    trained = teach_by_heart(bundle, TASKS[2])
    wanted, _ = alone(trained, TASKS[2])
    from brainplug.inference.generator import Generator

    monkeypatch.setattr(Generator, "decode_greedily", lambda *_args: pytest.fail("generated"))

    (row,) = all_answers(trained, [TASKS[2]], settings_for(trained), split="test")

    assert "It is male." == wanted == row.answer_text
    assert "male" == row.most_probable == row.prediction


def teach_by_heart(bundle, task):
    """Train a copy of the model on one dialogue until it says its answer."""
    import copy

    from brainplug.model import llava
    from brainplug.model.packing import Ways
    from brainplug.training.collate import Collator, Grouping

    taught = attrs.evolve(bundle, model=copy.deepcopy(bundle.model))
    llava.choose_kernels(taught.model, onednn=False)
    item = encode_task(task, ChatEncoder(bundle.tokenizer, 8), 4096)
    batch = Collator(Grouping(), volume)([item])["batch"]
    optimiser = torch.optim.AdamW(taught.model.parameters(), lr=1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        loss = taught.model(batch=batch, num_items=len(batch.answers), ways=Ways())
        loss.backward()
        optimiser.step()
    return taught


def test_one_way_alone_gives_what_both_give(bundle):
    """`score` says the most probable candidate; `generate` gives no probabilities."""
    both = all_answers(bundle, TASKS, settings_for(bundle), split="test")
    scored = all_answers(bundle, TASKS, settings_for(bundle, "score"), split="test")
    said = all_answers(bundle, TASKS, settings_for(bundle, "generate"), split="test")

    assert [row.most_probable for row in both] == [row.prediction for row in scored]
    assert [row.answer_text for row in both] == [row.answer_text for row in said]
    assert [None] * len(TASKS) == [row.probabilities for row in said]


def test_ranks_answer_every_task_once(bundle):
    """Shares of two ranks together are the rows of one."""
    from brainplug.inference.answer import answer_tasks

    shares = [
        [
            row
            for rows in answer_tasks(
                bundle,
                TASKS,
                settings_for(bundle, ranks=Ranks(rank=rank, world_size=2)),
                split="test",
            )
            for row in rows
        ]
        for rank in range(2)
    ]
    whole = all_answers(bundle, TASKS, settings_for(bundle), split="test")

    assert all(shares)
    together = sorted(shares[0] + shares[1], key=lambda row: row.task_id)
    assert [(row.task_id, row.answer_text) for row in whole] == [
        (row.task_id, row.answer_text) for row in together
    ]


class Plain:
    """A head of numbers that cannot list them, as a stranger's may be."""

    labels = ()

    def say(self, value):
        return f"{value:.0f}"

    def parse(self, text):
        return float(text[6:-1]) if text[6:-1].isdigit() else None


AGES = [
    make_number_task(31.0, "It is 31.", query="x"),
    make_number_task(8.0, "It is 8.", query="y"),
    make_number_task(104.0, "The age is 104.", query="z"),
    make_number_task(40.0, "It is 40.", query="z", references=("b", "c")),
]
AGES = [attrs.evolve(task, task_id=f"n{place}") for place, task in enumerate(AGES)]


def settings_of_numbers(bundle, answers, mode="both", **speed):
    settings = attrs.evolve(settings_for(bundle, mode, **speed), answers=answers)
    spoken = answers.spoken() if hasattr(answers, "spoken") else ()
    trees = NumberTrees(answers, settings.encoder, spoken) if spoken else None
    return attrs.evolve(settings, trees=trees)


def leaf_chances(bundle, task, tree):
    """Return the probability of each leaf, each path put to the model by itself."""
    item = encode_task(task, ChatEncoder(bundle.tokenizer, 8), 4096)
    scans = torch.stack([torch.from_numpy(volume(path))[None] for path in task.images])
    found = []
    for leaf in tree.leaves:
        path, node = [], int(leaf)
        while node:
            path.insert(0, int(tree.tokens[node]))
            node = int(tree.parents[node])
        answer = torch.tensor([path])
        ids = torch.cat([torch.tensor([item.encoded.prompt]), answer], dim=1)
        with torch.inference_mode():
            logits = bundle.model(input_ids=ids, pixel_values=scans).logits[0].double()
        begin = len(item.encoded.prompt) - 1
        chances = logits[begin : begin + len(path)].log_softmax(dim=-1)
        known = int(tree.depths[tree.fork])  # words before the number, which are given
        found.append(float(chances.gather(1, answer.t())[known:].sum().exp()))
    return np.array(found)


@pytest.mark.parametrize("off", [(), SHARING], ids=["shared", "alone"])
def test_the_expected_value_is_that_of_each_answer_put_to_the_model_alone(bundle, off):
    """Probabilities of all numbers read in one call are those of plain unbatched readings."""
    answers = NumberAnswers(precision=0, bounds=(1, 120))
    settings = settings_of_numbers(bundle, answers, **dict.fromkeys(off, False))

    rows = all_answers(bundle, AGES, settings, split="test")

    for task, row in zip(AGES, rows, strict=True):
        tree = settings.trees.of(task)
        chances = leaf_chances(bundle, task, tree)
        assert pytest.approx(chances.sum(), rel=1e-4) == row.mass
        assert pytest.approx(chances @ tree.numbers / chances.sum(), rel=1e-4) == row.expected


def test_nodes_are_read_as_if_alone(bundle, monkeypatch):
    """Each leaf's probability by itself, words predicted a few nodes at a time."""
    from brainplug.inference import generator, numbers

    seen = []
    monkeypatch.setattr(numbers, "NODES_AT_ONCE", 3)
    monkeypatch.setattr(
        generator, "expect", lambda tree, log: seen.append((tree, log)) or expect(tree, log)
    )
    settings = settings_of_numbers(bundle, NumberAnswers(precision=0, bounds=(1, 120)))

    all_answers(bundle, AGES[:1], settings, split="test")

    ((tree, log),) = seen
    own = np.exp(log[0][tree.leaves] - log[0][tree.fork])
    np.testing.assert_allclose(leaf_chances(bundle, AGES[0], tree), own, rtol=1e-3)


def test_what_is_said_freely_is_as_without_an_expected_value(bundle):
    """`generate` gives the same words and no expected value, `score` states that value."""
    answers = NumberAnswers(precision=0, bounds=(1, 120))

    both, said, scored = (
        all_answers(bundle, AGES, settings_of_numbers(bundle, answers, mode), split="val")
        for mode in ("both", "generate", "score")
    )

    assert [row.answer_text for row in both] == [row.answer_text for row in said]
    assert [None] * len(AGES) == [row.expected for row in said]
    assert [row.expected for row in both] == pytest.approx([row.expected for row in scored])
    assert [round(row.expected) for row in scored] == [row.prediction for row in scored]
    assert scored[2].answer_text == f"The age is {scored[2].expected:.0f}."


@pytest.mark.parametrize("mode", ["both", "generate", "score"])
def test_a_head_that_lists_no_numbers_is_asked_for_words_only(bundle, mode):
    """A stranger's head of numbers works as before."""
    rows = all_answers(bundle, AGES, settings_of_numbers(bundle, Plain(), mode), split="val")
    wanted = all_answers(bundle, AGES, settings_of_numbers(bundle, Plain()), split="val")

    assert [None] * len(AGES) == [row.expected for row in rows]
    assert [row.answer_text for row in wanted] == [row.answer_text for row in rows]


def test_a_model_that_knows_its_answer_expects_it(bundle):
    """A number learnt by heart is what is said and what is expected, with all of the mass."""
    trained = teach_by_heart(bundle, AGES[0])
    answers = NumberAnswers(precision=0, bounds=(1, 120))

    (row,) = all_answers(trained, AGES[:1], settings_of_numbers(trained, answers), split="test")

    assert "It is 31." == row.answer_text
    assert pytest.approx(31, abs=1.5) == row.expected
    assert row.mass > 0.9


def test_the_mass_of_candidates_is_their_share_of_all_that_may_follow(bundle):
    """Each candidate put to the plain model; what all begin with is taken as said."""
    settings = settings_for(bundle)

    rows = all_answers(bundle, TASKS[:2], settings, split="test")

    for task, row in zip(TASKS[:2], rows, strict=True):
        item = encode_task(task, settings.encoder, 4096)
        scans = torch.stack([torch.from_numpy(volume(path))[None] for path in task.images])
        answers = [candidate(task, label, settings) for label in Sex.labels]
        known = next(i for i, (a, b) in enumerate(zip(*answers, strict=False)) if a != b)
        mass = 0.0
        for answer in answers:
            ids = torch.tensor([item.encoded.prompt + answer])
            with torch.inference_mode():
                logits = bundle.model(input_ids=ids, pixel_values=scans).logits[0]
            chances = logits[len(item.encoded.prompt) - 1 : -1].log_softmax(dim=-1)
            told = chances.gather(1, torch.tensor([answer]).t())
            mass += float(told[known:].sum().exp())
        assert known >= 2
        assert pytest.approx(mass, rel=1e-4) == row.mass


def test_gibberish_that_holds_a_label_is_not_read(bundle, monkeypatch):
    """A label amid words that nobody taught is no answer, and is counted as such."""
    from brainplug.inference.generator import Generator
    from brainplug.inference.records import Answer
    from brainplug.tasks.forms import AnswerForms
    from brainplug_plugins.heads.categorical import ClassAnswers

    said = ["It is male.", "male", "zx male qq", "male female"]
    forms = AnswerForms.of(TASKS, Sex.labels)
    settings = attrs.evolve(settings_for(bundle), forms=forms, answers=ClassAnswers(Sex.labels))
    monkeypatch.setattr(
        Generator,
        "answer",
        lambda _self, groups: (
            [Answer(number=each.number, text=said[each.number]) for each in group]
            for group in groups
        ),
    )

    rows = all_answers(bundle, TASKS[:4], settings, split="test")

    assert ["male", "male", None, None] == [row.prediction for row in rows]
    assert ["trained", "loose", "strange", "loose"] == [row.form for row in rows]
