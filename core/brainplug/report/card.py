"""The card of a trained model: what it is, what it scored, and what it must not be used for.

It goes where the weights go, so it never tells of few people, single people, or folders. Its head
is what the Hugging Face hub reads.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.records import Image
from brainplug.checkpoint.locate import HUB_ID
from brainplug.checkpoint.tensors import PATCH_FILE
from brainplug.errors import visible
from brainplug.evaluation.small_cells import SMALLEST_CELL, is_few
from brainplug.report.arms import arms_in_words
from brainplug.report.facts import Facts
from brainplug.report.paths import without_paths
from brainplug.report.sections import audit, methods, scores
from brainplug.report.sentence import SPLIT_NAMES, claim, own_scores, unopened_in_words
from brainplug.report.sharing import show_count
from brainplug.report.wording import as_sentence, capital, join_words
from brainplug.runtime.files import read_json, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brainplug.api.records import Turn
    from brainplug.report.facts import Sources

TASK = "image-text-to-text"
"""What the hub calls a model that answers questions on images."""

MARKUP = re.compile(r"([\\`*_{}\[\]<>|#])")
"""Signs that Markdown, or the HTML in it, would read as markup."""

USE = """\
Research on whether, and by what, an attribute can be read off T1-weighted brain MRI beside
reference scans whose attribute is known. **Not for diagnosis, and not for decisions on any single
person.**"""

LIMITS = """\
- It was trained on scans of the studies above. On other scanners, ages, ancestries or diseases its
  answers may be wrong in any way; nothing in an answer shows that.
- Scores are of the people counted above. That a score beats chance does not tell which property of
  a scan, such as head size or site, it rests on: the run's page sets it beside simpler readers.
- It answers every scan with the same ease, one that is no brain as well.
- Weights can remember training scans. Whether they may be passed on is for the data use agreements
  of the studies to say, and so is their licence; this card states none."""


def write_card(sources: Sources, dialogue: Sequence[Turn] | None) -> None:
    """Write `model/README.md` of a run.

    Args:
        sources: of the page of the run.
        dialogue: one as the model was trained on, of nobody; None where none can be made up.
    """
    facts = Facts(sources)
    text = "\n\n".join(each for each in list_parts(facts, dialogue) if each)
    write_text(sources.files.card, visible(f"---\n{make_head(facts)}\n---\n\n{text}\n"))


def list_parts(facts: Facts, dialogue: Sequence[Turn] | None) -> Iterator[str]:
    """Give the parts of the card, a blank line between each two."""
    simulated = " (simulated people)" if facts.setting.simulated else ""
    title = f"{capital(facts.metrics.target.name)} from {join_words(facts.study_names)}{simulated}"
    yield f"# {escape(title)}"
    if not few(facts):
        yield f"**{escape(claim(facts.metrics, facts.setting))}**"
    yield f"## Intended use\n\n{USE}"
    yield f"## Data and training\n\n{escape(' '.join(data_in_words(facts)))}"
    yield "## Split and audit\n\n" + "\n".join(f"- {each}" for each in audit_in_words(facts))
    yield "## Scores\n\n" + "\n\n".join(scores_in_words(facts))
    told = [] if few(facts) else list(trainings_beside(facts))
    if told:
        yield "## Trained otherwise\n\n" + "\n".join(f"- {each}" for each in told)
    yield f"## Limits\n\n{LIMITS}"
    yield loading(facts, dialogue)
    yield f"## Made with\n\n{escape(made_with(facts))}"


def few(facts: Facts) -> bool:
    """Tell whether so few people were asked that nothing of them may be told."""
    return is_few(facts.scored.counts.subjects)


def escape(text: str) -> str:
    r"""Write text from outside so that Markdown shows it as it is, on one line.

    >>> escape("a|b <i>")
    'a\\|b \\<i\\>'
    """
    return MARKUP.sub(r"\\\1", " ".join(without_paths(text, individual=False).split()))


def make_head(facts: Facts) -> str:
    """Return what the hub reads, as YAML."""
    from huggingface_hub import ModelCardData

    source = source_of(facts).get("weights", "")
    scored: dict[str, Any] = {}
    if not few(facts):
        scored = {"model_name": model_name(facts), "eval_results": results(facts)}
    data = ModelCardData(
        language="en",
        library_name="transformers",
        pipeline_tag=TASK,
        tags=["brainplug", "brain-mri", "t1-weighted", *tags_of(facts)],
        base_model=source if HUB_ID.fullmatch(source) else None,
        **scored,
    )
    return str(data.to_yaml()).strip()


def tags_of(facts: Facts) -> Iterator[str]:
    """Give what else the model can be found by."""
    yield f"target-{slug(facts.metrics.target.name)}"
    if facts.setting.simulated:
        yield "simulated"


def slug(text: str) -> str:
    """Write a name in small letters, digits and hyphens.

    >>> slug("BMI z-score (IOTF)")
    'bmi-z-score-iotf'
    """
    return "-".join(re.findall(r"\w+", text.casefold()))


def model_name(facts: Facts) -> str:
    """Name the model."""
    return slug(f"brainplug {facts.metrics.target.name} {' '.join(facts.study_names)}")


def results(facts: Facts) -> list[Any]:
    """Return the scores as the hub lists them."""
    from huggingface_hub import EvalResult

    level = facts.metrics.intervals.confidence
    return [
        EvalResult(
            task_type=TASK,
            dataset_name=join_words(facts.study_names),
            dataset_type=slug(" ".join(facts.study_names)),
            dataset_split=SPLIT_NAMES.get(facts.split, facts.split),
            metric_type=name,
            metric_value=round(float(score.value), 4),
            metric_args={"low": score.low, "high": score.high, "level": level},
        )
        for name, score in own_scores(facts.scored, facts.metrics).items()
        if score.value is not None
    ]


def source_of(facts: Facts) -> dict[str, str]:
    """Return what the model was made from; never a folder."""
    path = facts.sources.files.model / PATCH_FILE
    return dict(read_json(path).get("source", {})) if path.is_file() else {}


def data_in_words(facts: Facts) -> Iterator[str]:
    """Say who took part and how the model came about; few people are not counted."""
    cohort, train = facts.cohort, facts.metrics.train.n
    people = show_count(int(cohort["subject"].nunique()), individual=False)
    counts = [f"{show_count(train, individual=False)} in training"]
    counts += [
        f"{show_count(each.counts.subjects, individual=False)} in {SPLIT_NAMES.get(split, split)}"
        for split, each in facts.metrics.splits.items()
    ]
    yield f"{people} people of {join_words(facts.study_names)}: {join_words(counts)}."
    recipe = facts.sources.recipe
    yield from methods.dialogues_in_words(facts)
    yield from methods.images_in_words(recipe)
    yield from methods.training_in_words(facts)
    told = source_of(facts)
    if told:
        yield f"It began from {join_words([f'{key} {value}' for key, value in told.items()])}."


def audit_in_words(facts: Facts) -> Iterator[str]:
    """Say how people were parted, and what the audit of that came to."""
    recipe = facts.sources.recipe
    if recipe.split is None:
        yield "Training, validation and test were those of finished task files."
    else:
        yield escape(f"Parted by the strategy “{recipe.split.use}”, seed {recipe.seed}.")
    for check in audit.list_checks(facts) if facts.audit else ():
        verdict = {True: "passed", False: "**failed**", None: "for your information"}[check.passed]
        yield f"{escape(check.name)}: {escape(check.result)} ({verdict})"


def scores_in_words(facts: Facts) -> Iterator[str]:
    """Give the tables of scores, and what must be said with them."""
    if few(facts):
        yield f"Fewer than {SMALLEST_CELL} people were asked; their scores are not told."
        return
    if note := unopened_in_words(facts.split):
        yield f"**{escape(note)}**"
    for table in scores.make(facts).tables:
        if is_few(table.people):
            continue
        whose = f" of {table.title}" if table.title else ""
        yield escape(f"{table.people:,} people{whose} ({methods.describe_intervals(facts)}):")
        heads = ["", *map(escape, table.metrics)]
        rows = [[escape(name), *map(escape, cells)] for name, cells in table.rows]
        rule = ["---", *["--:"] * len(table.metrics)]
        yield "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def trainings_beside(facts: Facts) -> Iterator[str]:
    """Say what the arms show; of one that failed that alone, for errors name files and people."""
    arms = {
        name: attrs.evolve(arm, failed="it failed.") if arm.failed else arm
        for name, arm in facts.metrics.arms.items()
    }
    metrics = attrs.evolve(facts.metrics, arms=arms)
    return (escape(as_sentence(each)) for each in arms_in_words(metrics, facts.split))


def loading(facts: Facts, dialogue: Sequence[Turn] | None) -> str:
    """Show how the model is opened and asked, in the words that it learnt."""
    number = max((len(row.references) for row in facts.answers), default=1)
    messages = list(messages_of(dialogue)) if dialogue else []
    shown = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in messages)
    scans = f"{number} reference scan{'s' if number != 1 else ''} and the query"
    code = f"""\
import brainplug.model.auto
from transformers import AutoModelForImageTextToText, AutoProcessor

model = AutoModelForImageTextToText.from_pretrained("model")
processor = AutoProcessor.from_pretrained("model")
messages = [
{shown or "    # turns as in the task files of the run"}
]
inputs = processor.apply_chat_template(
    messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
)
said = model.generate(**inputs, max_new_tokens=64, do_sample=False)
print(processor.decode(said[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    return (
        "## How to load\n\nWith transformers, PyTorch and brainplug installed. A dialogue shows "
        f"{scans}: NIfTI files of whole heads, which the processor brings to the grid of the "
        f"training scans.\n\n{fence}python\n{code}\n{fence}\n\n"
        "`brainplug predict` does the same from the run folder, with intervals and warnings."
    )


def messages_of(dialogue: Sequence[Turn]) -> Iterator[dict[str, Any]]:
    """Give the turns before the answer as transformers takes them, scans by made-up names."""
    images = sum(isinstance(piece, Image) for turn in dialogue for piece in turn.content)
    for turn in dialogue[:-1]:
        pieces = [
            {"type": "text", "text": piece}
            if isinstance(piece, str)
            else {"type": "image", "image": name_scan(piece.index, images)}
            for piece in turn.content
        ]
        yield {"role": turn.role, "content": pieces}


def name_scan(index: int, images: int) -> str:
    """Name a scan of the example.

    >>> name_scan(0, 2), name_scan(1, 2)
    ('reference-1.nii.gz', 'query.nii.gz')
    """
    return "query.nii.gz" if index == images - 1 else f"reference-{index + 1}.nii.gz"


def made_with(facts: Facts) -> str:
    """Name the versions that made it."""
    record = facts.record
    libraries = record.get("libraries", {})
    used = [f"{name} {libraries[name]}" for name in ("torch", "transformers") if name in libraries]
    own = f"brainplug {record.get('brainplug', '')}".strip()
    return f"{join_words([own, *used])}."
