"""Mistakes found in an existing pipeline, D1 to D24 and D31 to D34: each is a test here.

Each test would fail if brainplug made the mistake that its first line tells. All data are made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
import pytest
import torch

from brainplug.api.records import Image, Turn
from brainplug.audit.leakage import find_leaks
from brainplug.audit.shortcuts import audit_words
from brainplug.cli.main import main
from brainplug.cohort.build import StudyParts, gather
from brainplug.design.pairs import make_pairs
from brainplug.design.split import add_pools, pool_scans, split_cohort
from brainplug.errors import DataError, LeakageError
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import TargetFacts
from brainplug.evaluation.proper import proper_scores
from brainplug.evaluation.score import score_split
from brainplug.findings import refuse_findings
from brainplug.inference.answer import all_answers
from brainplug.inference.generator import Generator
from brainplug.inference.records import AnswerSettings
from brainplug.model import llava
from brainplug.recipe.metrics import PROPER
from brainplug.recipe.tables import Audit, Images
from brainplug.recipe.training_tables import Speed
from brainplug.run.choosing import name_selecting
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import encode_task
from brainplug.tasks.task import Task
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.cohorts.abcd import Abcd, AbcdOptions
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.cohorts.ukb import Ukb, UkbOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.rmse import Rmse, RmseOptions
from brainplug_plugins.models.tiny import Tiny, TinyOptions
from brainplug_plugins.pairings.independent import Independent, IndependentOptions
from brainplug_plugins.prompts.comparison import Comparison, ComparisonOptions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.site import Site, SiteOptions
from brainplug_plugins.splits.subject import Subject

if TYPE_CHECKING:
    from brainplug.evaluation.records import SplitScores

SEX = Categorical(CategoricalOptions(column="sex"))
IMAGES = Images(shape=(8, 8, 8), scans="listed")
ERRORS = {"mae": Mae(MaeOptions()), "rmse": Rmse(RmseOptions())}
HITS = {
    "accuracy": Accuracy(AccuracyOptions()),
    "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
}


# What is in the references ------------------------------------------------------------------------


def make_cohort(classes: int = 2, people: int = 600) -> pd.DataFrame:
    """Make people of some classes, one scan each, in the form of a cohort frame."""
    names = [f"p{number:04d}" for number in range(people)]
    values = np.random.default_rng(classes).permutation(np.arange(people) % classes)
    frame = pd.DataFrame({"scan": names, "study": "LAB", "subject": names, "image": "/x"})
    frame["target"] = [f"class {value}" for value in values]
    return frame.assign(session=pd.NA, family=pd.NA, site=pd.NA)


def pair(cohort: pd.DataFrame, references: int) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Split and pair a cohort; gives the queries' and the references' classes, and the pairs."""
    pooled = add_pools(cohort, split_cohort(Subject(DrawOptions()), cohort, seed=2))
    pairing = Independent(IndependentOptions(references_per_query=references))
    answers = Categorical(CategoricalOptions(column="x")).fit(cohort["target"])
    pairs, _ = make_pairs(pairing, pooled, answers, seed=2)
    each = pairs.explode("references", ignore_index=True)
    values = cohort.set_index("scan")["target"]
    return each["query"].map(values), each["references"].map(values), pairs


def task(number: int, truth, told, *, query: str | None = None, split: str = "train") -> Task:
    """Make a task of one reference."""
    kind = "categorical" if isinstance(truth, str) else "numerical"
    return Task(
        task_id=f"{split}-{number}",
        kind=kind,
        target="sex",
        subject=query or f"{split}-q{number}",
        truth=truth,
        references=(f"{split}-r{number}",),
        reference_values=(told,),
        images=(Path("r.nii"), Path("q.nii")),
        turns=(
            Turn.user(Image(0), f"The sex of this one is {told}."),
            Turn.assistant("Noted."),
            Turn.user(Image(1), "And this?"),
            Turn.assistant(f"It is {truth}."),
        ),
        codes=(0, 0) if kind == "categorical" else (),
    )


def refuse_shortcuts(design, labels: list[str]) -> None:
    """Hold tasks of a design, which gives each query's references, to the audit of every run."""
    tasks = {}
    for split in ("train", "val", "test"):
        truths = np.random.default_rng(len(split)).choice(labels, 60).tolist()
        tasks[split] = [
            task(10 * place + number, truth, value, query=f"{split}-{place}", split=split)
            for place, truth in enumerate(truths)
            for number, value in enumerate(design(truth))
        ]
    answers = Categorical(CategoricalOptions(column="sex")).fit(pd.Series(labels, dtype="str"))
    _, findings = audit_words(tasks, answers)
    refuse_findings(findings, allow_shortcut=False)


def test_d01_the_opposite_of_the_reference_is_no_answer():
    """With 3 references 1 had the query's label; here the two say nothing of each other."""
    truth, told, _ = pair(make_cohort(), references=3)

    assert 0.45 < (truth == told).mean() < 0.55
    with pytest.raises(DataError) as caught:
        refuse_shortcuts(lambda sex: ("m", "f", "f") if sex == "m" else ("f", "m", "m"), ["f", "m"])

    assert "says the opposite" in caught.value.found[0]


@pytest.mark.parametrize("classes", [3, 10])
def test_d02_copying_the_reference_is_at_chance_with_many_classes(classes):
    """Half of the pairs were alike whatever the number of classes; here one in as many as are."""
    truth, told, _ = pair(make_cohort(classes), references=4)

    assert abs((truth == told).mean() - 1 / classes) < 0.05
    labels = [f"class {number}" for number in range(classes)]
    with pytest.raises(DataError) as caught:
        refuse_shortcuts(lambda own: (own, labels[own == labels[0]]), labels)

    assert "repeats the reference" in caught.value.found[0]


def test_d03_a_scan_is_never_its_own_reference():
    """Five cases were 3 alike to 2 different, one of them the query itself: refused, and absent."""
    cohort = make_cohort(people=200)
    twice = pd.concat([cohort.assign(session=visit, scan=cohort["scan"] + visit) for visit in "ab"])

    truth, told, pairs = pair(twice.reset_index(drop=True), references=5)

    people = twice.set_index("scan")["subject"]
    for query, references in zip(pairs["query"], pairs["references"], strict=True):
        assert people[query] not in set(people[references])
    assert 0.4 < (truth == told).mean() < 0.6
    with pytest.raises(DataError) as caught:
        refuse_shortcuts(lambda sex: (sex,) * 3 + tuple("mf"[sex == "m"] * 2), ["f", "m"])

    assert "repeats the reference" in caught.value.found[0]


# What the model says ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle():
    options = TinyOptions(hidden_size=8, heads=1, vision_layers=1, language_layers=1)
    built = Tiny(options).build((8, 8, 8), seed=3)
    built.model.eval()
    return built


def answer(bundle, tasks: list[Task], **speed: bool) -> list[AnswerRow]:
    """Let the model answer tasks."""
    settings = AnswerSettings(
        encoder=ChatEncoder(bundle.tokenizer, 1),
        context_length=4096,
        load=lambda path: np.full((8, 8, 8), float(len(path.name))),
        answers=SEX.fit(pd.Series(["female", "male"], dtype="str")),
        batch_size=2,
        max_new_tokens=20,
        mode="generate",
        precision="float32",
        speed=Speed(**speed),
    )
    return all_answers(bundle, tasks, settings, split="test")


def test_d04_an_answer_is_what_comes_after_the_prompt(bundle, monkeypatch):
    """The label first found was the echo of the reference's; the answer alone is read here."""
    words = bundle.tokenizer.encode("It is female.", add_special_tokens=False)
    spoken = iter([*words, bundle.tokenizer.eos_token_id] * 2)

    def predict(_model, hidden):
        logits = torch.zeros(*hidden.shape[:-1], 260)
        logits[..., next(spoken)] = 1
        return logits

    monkeypatch.setattr(llava, "next_token_logits", predict)

    asked = [task(1, "female", "male"), task(2, "female", "female")]
    rows = answer(bundle, asked, check_candidates=False)

    assert ["It is female."] * 2 == [row.answer_text for row in rows]
    assert ["female"] * 2 == [row.prediction for row in rows]


def test_d05_the_model_never_sees_the_answer(bundle, monkeypatch):
    """Metrics came from the argmax after the true answer; here that answer leaves no trace."""
    asked = []
    embed = Generator.embed

    def note(self, ids, images):
        asked.append([bundle.tokenizer.decode(row) for row in ids])
        return embed(self, ids, images)

    monkeypatch.setattr(Generator, "embed", note)

    one, other = (answer(bundle, [task(1, sex, "male")]) for sex in ("female", "male"))

    assert one[0].answer_text == other[0].answer_text != ""
    # Shared turns, question, and both candidates, which are the same for either truth.
    assert asked[:3] == asked[3:]
    assert asked[1][0].endswith("And this?<|im_end|>\n<|im_start|>assistant\n")


def score(rows: list[AnswerRow], kind: str, metrics=None) -> SplitScores:
    """Score answers of the test split, of people who know a training mean of 10."""
    labels = ("female", "male") if kind == "categorical" else ()
    values = ("female", "male") if labels else (9.0, 11.0)
    facts = TargetFacts(name="x", kind=kind, labels=labels, train_values=values)
    plan = BootstrapPlan(samples=100, confidence=0.95, seed=1)
    metrics = metrics or (HITS if labels else ERRORS)
    return score_split(rows, facts, metrics=metrics, plan=plan, rules={})


def values_of(scored: SplitScores) -> dict:
    return {name: found.value for name, found in scored.metrics.items()}


def row(subject: str, truth, prediction, text: str = "") -> AnswerRow:
    """Make a row of `answers.jsonl`."""
    return AnswerRow(
        split="test",
        task_id=subject,
        subject=subject,
        references=("r",),
        reference_values=(truth,),
        truth=truth,
        answer_text=text,
        prediction=prediction,
    )


def read_numbers(head: Numerical, said: dict[float, str]) -> list[AnswerRow]:
    """Read what was said of values; gives rows of answers."""
    answers = head.fit(pd.Series([-2.5, 0.25, 2.5]))
    return [
        row(f"p{place}", truth, answers.parse(text), text)
        for place, (truth, text) in enumerate(said.items())
    ]


def test_d06_a_minus_sign_counts():
    """`-2.5` was read as 2.5, so a flipped sign scored an error of 0; here it counts twice."""
    head = Numerical(NumericalOptions(column="BMI_sds"))

    flipped = score(read_numbers(head, {-2.5: "It is 2.5.", 2.5: "It is -2.5."}), "numerical")
    right = score(read_numbers(head, {-2.5: "It is -2.5.", 2.5: "It is 2.5."}), "numerical")

    assert {"mae": 5.0, "rmse": 5.0} == values_of(flipped)
    assert {"mae": 0.0, "rmse": 0.0} == values_of(right)


def test_d07_truth_is_read_from_the_task(bundle):
    """Truth was taken from the prediction, so a constant scored 0; here it is the task's own."""
    tasks = [task(1, "female", "male"), task(2, "male", "female")]

    assert ["female", "male"] == [found.truth for found in answer(bundle, tasks)]
    constant = [row("a", 8.0, 10.0, "It is 8."), row("b", 12.0, 10.0, "It is 12.")]
    assert 2.0 == values_of(score(constant, "numerical"))["mae"]
    perfect = [row("a", 8.0, 8.0, "It is 10."), row("b", 12.0, 12.0, "It is 10.")]
    assert 0.0 == values_of(score(perfect, "numerical"))["mae"]


def test_d08_nothing_that_can_be_read_is_no_perfect_score():
    """With nothing parsed errors were 0.0; here they are the worst there may be, and counted."""
    silent = score([row("a", 8.0, None), row("b", 14.0, None)], "numerical")
    wrong = score([row("a", "male", None), row("b", "female", None)], "categorical")
    nobody = make_predictions(aggregate([], "numerical", (), 10.0), (), 10.0)

    assert 6.0 == values_of(silent)["mae"]
    assert {"accuracy": 0.0, "balanced-accuracy": 0.0} == values_of(wrong)
    assert (2, 2) == (silent.counts.unparsed_subjects, wrong.counts.unparsed_subjects)
    assert all(np.isnan(metric.score(nobody)) for metric in ERRORS.values())


# What a target is ---------------------------------------------------------------------------------


def write_table(folder: Path, text: str, name: str = "table.csv") -> TableOptions:
    """Write a table whose first column is `id`, and an empty file for each person's scan."""
    (folder / "T1").mkdir(parents=True, exist_ok=True)
    for line in text.splitlines()[1:]:
        (folder / "T1" / f"{line.partition(',')[0]}.nii.gz").touch()
    (folder / name).write_text(text)
    return TableOptions(table=folder / name, images=folder / "T1", subject="id")


def gather_listed(loader, head):
    """Gather a study without reading its scans."""
    return gather(
        [StudyParts(loader=loader, head=head)],
        images=IMAGES,
        audit=Audit(),
        cache=None,
        progress=lambda _done, _total: None,
    )


def test_d09_the_recipe_says_what_kind_a_target_is(tmp_path):
    """A name that held `age` made a number, others a class; here `use` decides, not the name."""
    text = "id,fluid_iq,language\na,7,Korean\nb,9,English\nc,7,Korean\n"
    loader = Table(write_table(tmp_path, text))

    number = gather_listed(loader, Numerical(NumericalOptions(column="fluid_iq")))
    word = gather_listed(loader, Categorical(CategoricalOptions(column="language")))

    assert [7.0, 9.0, 7.0] == number.frame["target"].tolist()
    assert ["Korean", "English", "Korean"] == word.frame["target"].tolist()
    with pytest.raises(DataError) as caught:
        gather_listed(loader, Numerical(NumericalOptions(column="language")))

    assert ("numbers", {"Korean": 2, "English": 1}) == (caught.value.expected, caught.value.found)


@pytest.mark.parametrize("column", ["p21001_bmi", "score at 24 months"])
def test_d10_digits_of_a_name_are_no_answer(column):
    """`p21001_bmi` was answered by its own digits, an error of 0; here they are passed over."""
    head = Numerical(NumericalOptions(column=column))

    said = {2.5: f"The {column} is 4.5.", -2.5: f"The {column} cannot be told."}

    assert [4.5, None] == [found.prediction for found in read_numbers(head, said)]


def test_d11_a_class_is_all_of_its_words():
    """`mild cognitive impairment` was `mild dementia` by its first word; here they differ."""
    labels = ["mild cognitive impairment", "mild dementia", "a.b (unclear)"]
    answers = Categorical(CategoricalOptions(column="x")).fit(pd.Series(labels, dtype="str"))

    assert labels == [answers.parse(f"The diagnosis is {label}.") for label in labels]
    assert [None] * 4 == [
        answers.parse(text)
        for text in ("It is mild.", "aXb (unclear)", "dementia", "mild dementia or a.b (unclear)")
    ]
    assert ("a.b (unclear)", *labels[:2]) == answers.labels


def test_d12_accuracy_is_accuracy():
    """It was balanced, over answers that could be read; here it is the share of all people."""
    rows = [row(f"m{number}", "male", "male") for number in range(7)]
    rows += [row("f1", "female", "male"), row("f2", "female", "female"), row("f3", "female", None)]

    scored = score(rows, "categorical")

    assert values_of(scored) == pytest.approx({"accuracy": 0.8, "balanced-accuracy": 2 / 3})
    assert 1 == scored.counts.unparsed_subjects


# How a model is answered, chosen and taught -------------------------------------------------------


def test_d31_answers_are_not_drawn(bundle):
    """Validation was sampled, at temperature 0.7; here no seed changes an answer."""
    said = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        said.append([each.answer_text for each in answer(bundle, [task(1, "female", "male")])])

    assert said[0] == said[1] != [""]


@pytest.mark.parametrize("kind", ["categorical", "numerical"])
@pytest.mark.parametrize("mode", ["both", "generate"])
def test_d32_what_chooses_is_of_the_target(kind, mode):
    """Every run chose by the accuracy of sex, BMI too; here by a score of its own target."""
    offered = {"categorical": ["balanced-accuracy"], "numerical": ["mae"]}[kind]
    recipe = SimpleNamespace(
        training=SimpleNamespace(select_by=None),
        evaluation=SimpleNamespace(metrics=(), answer=mode),
    )

    chosen = name_selecting(recipe, kind, offered)

    assert chosen in (offered if mode == "generate" else [n for n in PROPER if PROPER[n] == kind])


def test_d33_validation_measures_the_query():
    """The loss of validation was that of the reference's turn; here it is of the query's value."""
    rows = [
        attrs.evolve(
            row(f"p{number}", "male", "male"),
            reference_values=("female",),
            probabilities={"male": query, "female": 1 - query},
        )
        for number, query in enumerate((0.9, 0.8))
    ]
    (loss,) = proper_scores(rows).values()

    assert loss == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)


def test_d34_only_the_query_is_taught(bundle):
    """The reference's turn weighed as much as the query's; here no token of it is learnt."""
    asked = task(1, "female", "male")
    ids = encode_task(asked, ChatEncoder(bundle.tokenizer, 1), 4096).encoded

    assert "It is female." in bundle.tokenizer.decode(ids.answer)
    assert not any(word in bundle.tokenizer.decode(ids.answer) for word in ("Noted", "assistant"))
    assert "Noted." in bundle.tokenizer.decode(ids.prompt)


# What codes mean ----------------------------------------------------------------------------------


def load_ukb(folder: Path, text: str):
    """Load a UK Biobank table of three people with an unpacked scan each."""
    for eid in ("1000001", "1000002", "1000003"):
        scan = folder / "T1w" / f"{eid}_20252_2_0" / "T1" / "T1_brain.nii.gz"
        scan.parent.mkdir(parents=True, exist_ok=True)
        scan.touch()
    (folder / "ukb.csv").write_text(text)
    return Ukb(UkbOptions(table=folder / "ukb.csv", images=folder / "T1w"))


def load_abcd(folder: Path, codes: list[str], **columns) -> Abcd:
    """Make an ABCD table of baseline visits, one person a code of sex."""
    people = [f"NDAR_INV{number:08d}" for number in range(len(codes))]
    (folder / "T1").mkdir(exist_ok=True)
    for person in people:
        (folder / "T1" / f"{person.replace('_', '')}_baselineYear1Arm1_T1.nii.gz").touch()
    event = "baseline_year_1_arm_1"
    table = {"src_subject_id": people, "eventname": event, "demo_sex_v2": codes, **columns}
    pd.DataFrame(table).to_csv(folder / "abcd.csv", index=False)
    return Abcd(AbcdOptions(tables=folder / "abcd.csv", images=folder / "T1"))


def abcd_sex(**options) -> Categorical:
    return Categorical(CategoricalOptions(column="demo_sex_v2", **options))


def targets_of(cohort) -> list[str]:
    return cohort.frame["target"].tolist()


@pytest.mark.parametrize("field", ["31-0.0", "f.31.0.0", "p31"])
def test_d13_in_uk_biobank_0_is_female(tmp_path, field):
    """Field 31 was read as 0 male and 1 female; here it is as UK Biobank defines it."""
    subject = "f.eid" if field.startswith("f.") else "eid"
    loader = load_ukb(tmp_path, f"{subject},{field}\n1000001,0\n1000002,1\n1000003,1\n")

    cohort = gather_listed(loader, Categorical(CategoricalOptions(column="p31")))

    assert ["female", "male", "male"] == targets_of(cohort)


def test_d14_a_mapping_means_the_codes_of_the_table(tmp_path):
    """`1=male, 2=female` met codes already changed and made women men; here nothing is changed."""
    loader = load_abcd(tmp_path, ["1", "2", "2.0", "1"])

    declared = gather_listed(loader, abcd_sex(labels={"1": "male", "2": "female"}))
    known = gather_listed(loader, abcd_sex())

    assert ["male", "female", "female", "male"] == targets_of(declared) == targets_of(known)


def test_d15_codes_are_never_shifted_or_made_up(tmp_path):
    """Only 1 in the data was taken for 0/1, and 3 or 4 became classes; here they are refused."""
    loader = load_abcd(tmp_path, ["1", "2", "3", "4", "1"])

    with pytest.raises(DataError) as caught:
        gather_listed(loader, abcd_sex())

    assert {"3": 1, "4": 1} == caught.value.found

    left = gather_listed(loader, abcd_sex(others="exclude"))
    assert ["male", "female", "male"] == targets_of(left)
    assert {"value not among the labels": 2} == left.exclusions["reason"].value_counts().to_dict()

    ones = write_table(tmp_path / "ones", "id,sex\na,1\nb,1\n")
    coded = Categorical(CategoricalOptions(column="sex", labels={"0": "male", "1": "female"}))
    assert ["female", "female"] == targets_of(gather_listed(Table(ones), coded))
    with pytest.raises(DataError) as caught:
        gather_listed(Table(ones), SEX)

    assert {"1": 2} == caught.value.found


# Who is in which pool -----------------------------------------------------------------------------


def write_visits(folder: Path, children: int = 60) -> TableOptions:
    """Write a table of two visits a child, with siblings, sites and an image of each visit."""
    rows = [
        f"c{child:03d},{visit},f{child // 2},s{child // 2 % 5},{'MF'[child % 2]}"
        for child in range(children)
        for visit in ("v1", "v2")
    ]
    (folder / "T1").mkdir(parents=True)
    for line in rows:
        child, visit, *_ = line.split(",")
        (folder / "T1" / f"{child}_{visit}.nii.gz").touch()
    (folder / "table.csv").write_text("\n".join(["id,visit,family,site,sex", *rows]))
    return TableOptions(
        table=folder / "table.csv",
        images=folder / "T1",
        pattern="{subject}_{session}.nii.gz",
        subject="id",
        session="visit",
        family="family",
        site="site",
    )


def pools_of(strategy, frame: pd.DataFrame, seed: int = 2) -> dict[str, str]:
    split = split_cohort(strategy, frame, seed=seed)
    return dict(zip(split["subject"], split["pool"], strict=True))


def test_d16_both_visits_of_a_child_are_in_one_pool(tmp_path):
    """Rows were split, so 86 of 114 test children were trained on; here a child goes as one."""
    cohort = gather_listed(Table(write_visits(tmp_path)), SEX)

    split = split_cohort(Subject(DrawOptions()), cohort.frame, seed=2)
    pooled = add_pools(cohort.frame, split)

    assert (120, 60) == (len(pooled), len(split))
    assert 1 == pooled.groupby("subject")["pool"].nunique().max()
    torn = pd.concat([split, split.iloc[:1].assign(pool="test_query")])
    with pytest.raises(LeakageError) as caught:
        refuse_findings(find_leaks(pool_scans(cohort.frame, torn)), allow_shortcut=True)

    assert "subjects are in two pools" in caught.value.message


def test_d17_siblings_sites_and_bad_scans_are_kept_apart(tmp_path):
    """Only ids and targets were read; here families, sites and quality control have their say."""
    frame = gather_listed(Table(write_visits(tmp_path / "visits", 200)), SEX).frame
    together = split_cohort(Family(DrawOptions()), frame, seed=2)
    apart = split_cohort(Subject(DrawOptions()), frame, seed=2)
    site = add_pools(frame, split_cohort(Site(SiteOptions(test=("s1",))), frame, seed=2))

    assert [] == find_leaks(pool_scans(frame, together))
    with pytest.raises(LeakageError) as caught:
        refuse_findings(find_leaks(pool_scans(frame, apart)), allow_shortcut=True)

    assert "families are in two" in caught.value.message

    assert {"s1"} == set(site.loc[site["pool"].str.startswith("test"), "site"])

    loader = load_abcd(tmp_path, ["1", "2", "1"], imgincl_t1w_include=["1", "0", "1"])
    judged = Abcd(attrs.evolve(loader.options, require_qc=True))
    cohort = gather_listed(judged, abcd_sex())
    assert ["male", "male"] == targets_of(cohort)
    assert ["failed image quality control"] == cohort.exclusions["reason"].tolist()


def test_d18_the_split_is_the_same_for_every_target(tmp_path):
    """37 of 57 test children of one target were trained on for another; here none is."""
    rows = [f"c{n},{'MF'[n % 2] if n % 5 else ''},{n if n % 7 else ''}" for n in range(80)]
    loader = Table(write_table(tmp_path, "\n".join(["id,sex,BMI_sds", *rows])))

    sex, bmi = (
        pools_of(Subject(DrawOptions()), gather_listed(loader, head).frame)
        for head in (SEX, Numerical(NumericalOptions(column="BMI_sds")))
    )

    both = sex.keys() & bmi.keys()
    assert {child: sex[child] for child in both} == {child: bmi[child] for child in both}
    assert len(both) < len(sex) < 80
    assert any(sex[child].startswith("test") for child in both)


def test_d19_one_more_row_moves_nobody(tmp_path):
    """An added row moved 16 of 57 test children into training; here all others stay."""
    lines = [f"c{number},{'MF'[number % 2]}" for number in range(80)]
    strategy = Subject(DrawOptions())
    frames = [
        gather_listed(Table(write_table(tmp_path, "\n".join(["id,sex", *rows]))), SEX).frame
        for rows in (lines, ["added,F", *reversed(lines)])
    ]

    before, after = (pools_of(strategy, frame) for frame in frames)

    assert 81 == len(after)
    assert before == {child: pool for child, pool in after.items() if child != "added"}


# What a table holds -------------------------------------------------------------------------------


def test_d20_codes_for_no_answer_are_no_values(tmp_path):
    """777 and 999 were ages and classes; here they are exclusions with a reason."""
    ages = ["119", "999", "777", "121"]
    loader = load_abcd(tmp_path, ["1", "777", "999", "2"], interview_age=ages)

    sex = gather_listed(loader, abcd_sex())
    age = gather_listed(loader, Numerical(NumericalOptions(column="interview_age")))

    assert ["male", "female"] == targets_of(sex)
    assert [119.0, 121.0] == targets_of(age)
    for cohort in (sex, age):
        assert ["target missing"] * 2 == cohort.exclusions["reason"].tolist()


@pytest.mark.parametrize("form", ["{}", "{}.0", " {} "])
def test_d21_integer_ids_meet_their_files(tmp_path, form):
    """An integer eid met no file of that name, and min() of nothing failed; here all three meet."""
    rows = [f"{form.format(eid)},{eid % 2}" for eid in (1000001, 1000002, 1000003)]

    loader = load_ukb(tmp_path, "\n".join(["eid,31-0.0", *rows]))
    cohort = gather_listed(loader, Categorical(CategoricalOptions(column="p31")))

    assert ["1000001", "1000002", "1000003"] == cohort.frame["subject"].tolist()
    stray = load_ukb(tmp_path, "eid,31-0.0\n2000001,0\n2000002,1\n")
    with pytest.raises(DataError) as caught:
        gather_listed(stray, Categorical(CategoricalOptions(column="p31")))

    assert 2 == len(caught.value.found[0])


RECIPE = """
seed = 2
[cohort]
use = "table"
table = "table.csv"
images = "T1"
subject = "id"
[target]
use = "{use}"
column = "{column}"
[split]
use = "subject"
[pairing]
use = "independent"
references_per_query = 2
[prompt]
use = "comparison"
[images]
scans = "listed"
[model]
use = "tiny"
"""


def prepare(folder: Path, text: str, use: str, column: str) -> list[dict]:
    """Make the task files of a table by the command line, and return their rows."""
    write_table(folder, text)
    (folder / "recipe.toml").write_text(RECIPE.format(use=use, column=column))
    assert 0 == main(["prepare", str(folder / "recipe.toml"), "--output", str(folder / "run")])
    files = sorted((folder / "run" / "tasks").glob("*.json"))
    return [each for file in files for each in json.loads(file.read_text())]


def answer_of(found: dict) -> str:
    return found["conversations"][-1]["content"][0]["text"]


def test_d22_classes_may_be_words(tmp_path):
    """int() of a diagnosis crashed; here a study of words runs, and numbers stand beside them."""
    words = ["control", "mild dementia", "mild cognitive impairment"]
    lines = [f"p{number:03d},{words[number % 3]}" for number in range(180)]

    rows = prepare(tmp_path, "\n".join(["id,diagnosis", *lines]), "categorical", "diagnosis")

    labels = {found["metadata"]["subject_label"] for found in rows}
    assert set(words) == labels
    assert {0, 1, 2} == {found["metadata"]["subject_label_numeric"] for found in rows}
    assert all(f"is {found['metadata']['subject_label']}." in answer_of(found) for found in rows)


def test_d23_few_distinct_numbers_are_numbers_still(tmp_path):
    """Up to ten distinct ages made classes; here three ages of a numerical target are numbers."""
    lines = [f"p{number:03d},{9 + number % 3}" for number in range(180)]

    rows = prepare(tmp_path, "\n".join(["id,age", *lines]), "numerical", "age")

    assert {"numerical"} == {found["metadata"]["task_type"] for found in rows}
    assert {9.0, 10.0, 11.0} == {found["metadata"]["subject_value"] for found in rows}
    head = Categorical(CategoricalOptions(column="age"))
    with pytest.raises(DataError) as caught:
        gather_listed(Table(write_table(tmp_path, "id,age\na,9\nb,10\n")), head)

    assert {"10": 1, "9": 1} == caught.value.found


def test_d24_numbers_are_told_exactly_and_zero_has_no_sign(tmp_path):
    """`.1f` rounded truth and answer and said -0.0; here all decimals are said, and the unit."""
    values = [-0.04, 0.31, 1.27, -1.86]
    scans = [f"s{number}" for number in range(4)]
    cohort = pd.DataFrame({"scan": scans, "subject": scans, "image": "/x.nii", "target": values})
    pairs = pd.DataFrame(
        {
            "task_id": scans,
            "query": scans,
            "references": [[scans[number - 1]] for number in range(4)],
        }
    )

    def make(**options) -> list[Task]:
        head = Numerical(NumericalOptions(column="BMI_sds", unit="SD", **options))
        answers, template = head.fit(cohort["target"]), Comparison(ComparisonOptions())
        maker = TaskMaker(head=head, answers=answers, template=template, seed=1)
        return list(maker.make(pairs, maker.show(cohort)))

    exact, rounded = make(), make(precision=1)

    said = ["-0.04 SD", "0.31 SD", "1.27 SD", "-1.86 SD"]
    for made, words in zip(exact, said, strict=True):
        assert f"is {words}." in made.turns[-1].content[0]
    assert values == [made.truth for made in exact] == [made.truth for made in rounded]
    assert "is 0.0 SD." in rounded[0].turns[-1].content[0]
    assert "-0.0" not in rounded[1].prompt
