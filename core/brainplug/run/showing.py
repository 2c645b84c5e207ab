"""`brainplug show`: dialogues of a recipe or a run, laid open, and what the model said to them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from brainplug.api.laws import fit_answers
from brainplug.api.records import Split
from brainplug.audit.split_leaks import refuse_leaks
from brainplug.design.pairs import make_pairs
from brainplug.design.split import add_pools, pool_scans, split_cohort, training_values
from brainplug.recipe.load import resolve
from brainplug.run.asked_columns import gather_headers
from brainplug.run.context import Design, make_head
from brainplug.run.repeats import list_splits
from brainplug.tasks.adopt import Adopted, list_sources, peek_target, take_over
from brainplug.tasks.build import TaskMaker
from brainplug.tasks.shown_dialogue import ShownDialogue, counting_encoder, show_dialogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from brainplug.api.roles import ModelBackbone
    from brainplug.recipe.tables import Recipe, RecipeFile, TaskFiles
    from brainplug.registry import Registry
    from brainplug.tasks.chat import ChatEncoder
    from brainplug.tasks.task import Task

Item = TypeVar("Item")

Outcome = Literal["wrong", "unread", "right"]


@attrs.frozen(kw_only=True)
class ShownAnswer:
    """What the model said.

    Attributes:
        outcome: whether that is the truth, or could not be read.
        text: as it was said.
        prediction: what was read in it; None where nothing could be.
        probabilities: of each label; None where they were not looked at.
        expected: the number that the model expects; None where that was not looked at.
    """

    outcome: Outcome
    text: str
    prediction: str | float | None
    probabilities: dict[str, float] | None
    expected: float | None


@attrs.frozen(kw_only=True)
class ShownTask:
    """A dialogue, and what the model said to it.

    Attributes:
        dialogue: as it is trained on.
        answer: None where the model was not asked, or that is not to be seen.
    """

    dialogue: ShownDialogue
    answer: ShownAnswer | None = None


@attrs.frozen(kw_only=True)
class Showing:
    """Some dialogues of a recipe or a run.

    Attributes:
        split: whose they are.
        total: how many the split has.
        context_length: most tokens the model takes; None where it is not known.
        exact: whether tokens are counted by the model's tokenizer; None where they are not counted.
        notes: sentences for the user.
        tasks: the dialogues.
        outcomes: how many answers to the split are wrong, unread and right; empty without answers.
    """

    split: Split
    total: int
    context_length: int | None
    exact: bool | None
    notes: tuple[str, ...]
    tasks: tuple[ShownTask, ...]
    outcomes: dict[Outcome, int] = attrs.field(factory=dict)

    @property
    def learns(self) -> bool:
        """Whether these dialogues are trained on."""
        return self.split == "train"


@attrs.frozen(kw_only=True)
class Counter:
    """What counts tokens.

    Attributes:
        encoder: None where nobody can.
        context_length: most tokens the model takes; None where it is not known.
        exact: whether this is the model's tokenizer; None without an encoder.
        notes: what is to be said of it.
    """

    encoder: ChatEncoder | None
    context_length: int | None = None
    exact: bool | None = None
    notes: tuple[str, ...] = ()

    def show(self, task: Task) -> ShownDialogue:
        """Lay a task open."""
        return show_dialogue(task, self.encoder)

    def tell(self, tasks: Iterable[ShownTask]) -> tuple[str, ...]:
        """Return the notes, and how many dialogues are too long."""
        lengths = [each.dialogue.tokens.all for each in tasks if each.dialogue.tokens]
        long = sum(length > (self.context_length or length) for length in lengths)
        told = f"{long} of these dialogues have more tokens than the {self.context_length} that"
        return (*self.notes, f"{told} the model takes; no run would begin") if long else self.notes


def show_recipe(file: RecipeFile, *, registry: Registry, split: Split, number: int) -> Showing:
    """Make dialogues of a recipe as a run would, and lay them open; nothing is written.

    Args:
        file: the recipe.
        registry: of the parts.
        split: whose dialogues.
        number: how many.

    Raises:
        BrainplugError: what a run would stop at before it has dialogues.
    """
    recipe = file.recipe
    if recipe.tasks is None:
        tasks, total, notes = design_tasks(recipe, registry, split=split, number=number)
    else:
        (tasks, total), notes = spread(told(adopted_tasks(recipe.tasks, split)), number), []
    counter = counter_of(recipe.model.make(), recipe.images.shape)
    shown = tuple(ShownTask(dialogue=counter.show(task)) for task in tasks)
    loss = tell_loss(resolve(recipe)["training"]) if split == "train" else ()
    return Showing(
        split=split,
        total=total,
        context_length=counter.context_length,
        exact=counter.exact,
        notes=(*notes, *loss, *counter.tell(shown)),
        tasks=shown,
    )


def design_tasks(
    recipe: Recipe, registry: Registry, *, split: Split, number: int
) -> tuple[list[Task], int, list[str]]:
    """Make some tasks of a split; return them, how many there are, and what is to be said."""
    head, design, notes = make_head(recipe, registry), Design.of(recipe), list[str]()
    cohort = gather_headers(recipe, design.studies)
    if several := list_splits(recipe, design.strategy, cohort.frame):
        notes.append(f"{len(several)} runs: {', '.join(several)}; the first is shown")
        design = Design.of(next(iter(several.values())))
    if cohort.images_pending:
        notes.append("the scans are not there yet; the run writes them first")
    pools = split_cohort(design.strategy, cohort.frame, seed=recipe.seed, **design.asked)
    refuse_leaks(design.strategy, pool_scans(cohort.frame, pools))
    pooled = add_pools(cohort.frame, pools)
    answers = fit_answers(head, training_values(cohort.frame, pools))
    pairs, _ = make_pairs(design.pairing, pooled, answers, seed=recipe.seed)
    rows = pairs[pairs["split"] == split]
    maker = TaskMaker(head=head, answers=answers, template=design.template, seed=recipe.seed)
    shown, values = maker.show(pooled), dict(zip(pooled["scan"], pooled["target"], strict=True))
    places, total = spread(
        (
            (query, (values[query], tuple(map(values.__getitem__, references))), place)
            for place, (query, references) in enumerate(
                zip(rows["query"], rows["references"], strict=True)
            )
        ),
        number,
    )
    return list(maker.make(rows.iloc[places], shown)), total, notes


def adopted_tasks(files: TaskFiles, split: Split) -> Iterator[Task]:
    """Give the tasks of a split of finished files, as a run would take them."""
    sources, adopted = list_sources(files), Adopted()
    chosen = [each for each in sources if each.split == split]
    target = peek_target(files)
    return take_over(chosen, adopted, target=target, files=files, every=sources)


def spread(rows: Iterable[tuple[str, object, Item]], number: int) -> tuple[list[Item], int]:
    """Choose items that differ; return how many there were, too.

    Args:
        rows: of each item, whom it asks about, and the values it tells.
        number: how many are wanted: of people with other values first, then of other people, then
            any.

    >>> spread([("a", "m", 1), ("a", "f", 2), ("b", "m", 3), ("c", "f", 4)], 3)
    ([1, 4, 3], 4)
    """
    seen, kinds = set[str](), dict[object, str]()
    chosen: tuple[list[Item], list[Item], list[Item]] = ([], [], [])
    count = 0
    for person, kind, item in rows:
        if kind not in kinds and person not in kinds.values() and len(kinds) < number:
            kinds[kind] = person
            chosen[0].append(item)
        elif len(chosen[rank := 1 + (person in seen)]) < number:
            chosen[rank].append(item)
        seen.add(person)
        count += 1
    return [item for each in chosen for item in each][:number], count


def told(tasks: Iterable[Task]) -> Iterator[tuple[str, object, Task]]:
    """Give tasks as `spread` takes them."""
    for task in tasks:
        yield task.subject, (task.truth, task.reference_values), task


def tell_loss(training: Mapping[str, Any]) -> Iterator[str]:
    """Say what else of a recipe's `[training]` decides how answers are learnt."""
    if (weight := training["telling_weight"]) != 1:
        yield f"a token that tells the value weighs {weight:g} in the loss, one that words it 1"
    if training["soft_numbers"]:
        yield "numbers near the true one are learnt, too (training.soft_numbers)"
    if training["auxiliary"]:
        yield "a plain head learns the value of every scan beside (training.auxiliary)"


def counter_of(backbone: ModelBackbone, shape: tuple[int, int, int]) -> Counter:
    """Return what counts tokens as `brainplug check` does."""
    plan = backbone.plan(shape)
    known = plan.num_parameters > 0
    estimated = (
        "the model's tokenizer is not here; tokens of words are estimates, and at most so many",
        *plan.notes,
    )
    return Counter(
        encoder=counting_encoder(backbone.count_tokens, plan.tokens_per_image),
        context_length=plan.context_length if plan.context_length < sys.maxsize else None,
        exact=known,
        notes=() if known else estimated,
    )
