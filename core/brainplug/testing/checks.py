"""Every law of every role, held to the parts of a plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api import dialogue_laws, laws
from brainplug.api.guard import Origin, build
from brainplug.api.lending import lending
from brainplug.api.metric_laws import metric_faults
from brainplug.api.part_faults import find_defect
from brainplug.api.raised import in_one_line
from brainplug.api.records import MODEL_PARTS, POOLS
from brainplug.api.roles import (
    AsksAll,
    Prepares,
    ReadsFiles,
    Repeats,
    ShowsNone,
    Speaks,
    TellsOfSplit,
    UsesTraining,
    WordsAlone,
    able,
)
from brainplug.cohort.build import as_text
from brainplug.cohort.contract import check_table
from brainplug.cohort.visits import drop_repeated
from brainplug.design.pairs import as_set, make_pairs
from brainplug.design.split import split_cohort, tell_split
from brainplug.errors import BrainplugError, PluginError, suggestion
from brainplug.recipe.tables import Audit
from brainplug.registry import ROLES, load_registry
from brainplug.run.own_metrics import own_metric_faults
from brainplug.testing.data import make_people, make_pools

if TYPE_CHECKING:
    from brainplug.api.records import TargetKind
    from brainplug.api.roles import (
        CohortLoader,
        Metric,
        ModelBackbone,
        Pairing,
        Part,
        PromptTemplate,
        SplitStrategy,
        TaskHead,
    )

HEAVY = ("torch", "transformers", "accelerate", "nibabel", "nilearn", "sklearn", "scipy")
"""What the module of a plugin imports inside its functions only."""

THIS = "this program"
"""Where a part comes from that is tried by its author."""

LARGEST_BUILT = 5_000_000
"""Parameters of the largest model that is built to be looked at."""


@attrs.frozen(kw_only=True)
class Example:
    """What a part is tried with, where its defaults or the made-up data do not fit it.

    Attributes:
        options: its options, by keyword.
        raw: texts of a target column that a task head reads.
        codes: what they mean, as a study defines it.
        people: cohort that a split strategy is given; see `make_people`.
        kinds: of the targets whose scans a pairing is given.
        references: numbers of references that a prompt template words.
        shape: voxels of a scan that a model is planned for.
    """

    options: Mapping[str, Any] = attrs.field(factory=dict)
    raw: tuple[str, ...] = ()
    codes: Mapping[str, str] = attrs.field(factory=dict)
    people: pd.DataFrame | None = None
    kinds: tuple[TargetKind, ...] = ("categorical", "numerical")
    references: tuple[int, ...] = (1, 2, 4)
    shape: tuple[int, int, int] = (16, 16, 16)


def check_plugin(plugin: object, examples: Mapping[str, Example] | None = None) -> None:
    """Hold a plugin, and every part it offers, to every law.

    Args:
        plugin: module or object with hook implementations, as its entry point names it.
        examples: what a part is tried with, by its name.

    Raises:
        AssertionError: names each part and each law it breaks, a line each.
    """
    registry = load_registry(discover=False, plugins=[plugin])
    found = [str(failure) for failure in registry.failures]
    if isinstance(plugin, ModuleType):
        found += import_faults(plugin.__name__)
    given = dict(examples or {})
    for role in ROLES:
        for name, part in registry.parts(role).items():
            found += faults_of(part, role, given.pop(name, Example()), plugin)
    # Of a plugin that could not be used whole, a part may be lacking for that alone.
    if not registry.failures:
        found += [f"no part has the name {name!r}, for which there is an example" for name in given]
    assert not found, "\n".join(found)


def check_part(part: Part[Any], role: str, example: Example | None = None) -> None:
    """Hold one part to every law of its role.

    Args:
        part: as a hook yields it.
        role: `cohorts`, `heads`, `splits`, `pairings`, `prompts`, `models` or `metrics`.
        example: what it is tried with.

    Raises:
        AssertionError: names each law it breaks, a line each.
    """
    found = faults_of(part, role, example or Example())
    assert not found, "\n".join(found)


def faults_of(
    part: Part[Any], role: str, example: Example, plugin: object | None = None
) -> list[str]:
    """Say which laws a part breaks, that a plugin offers or nobody yet."""
    defect = find_defect(part)
    if defect is not None:
        return [f"{ROLES[role]} {part!r}: {defect}"]
    named = f"{ROLES[role]} {part.name!r}"
    found = list(laws.part_faults(part))
    try:
        options = part.options(**example.options)
    except Exception as error:  # noqa: BLE001 (validators are the author's)
        found.append(f"give its options in an Example: {in_one_line(error)}")
        return [f"{named}: {fault}" for fault in found]
    try:
        behaviour = build(part, options, Origin(role, part.name, THIS))
        found += CHECKS[role](behaviour, example)
        if role == "heads":  # it may name metrics of its own plugin
            every = load_registry(plugins=[plugin] if plugin else [])
            found += own_metric_faults(behaviour, every)
    except BrainplugError as error:
        found.append(told_alone(error))
    except Exception as error:  # noqa: BLE001 (a law that cannot even look at what it is given)
        found.append(f"it returns what cannot be used: {in_one_line(error)}")
    return [f"{named}: {fault}" for fault in found]


def told_alone(error: BrainplugError) -> str:
    """Say what is wrong with a part without its name, which stands before it already."""
    if isinstance(error, PluginError):
        return error.cause
    alone = error.within()
    alone.where = tuple(place for place in alone.where if not str(place).endswith(f" of {THIS}"))
    return str(alone)


def import_faults(module: str) -> Iterator[str]:
    """Say which heavy library the import of a module brings in."""
    # On a line of its own, since the module may print as well.
    listing = f"[name for name in {HEAVY!r} if name in sys.modules]"
    code = f"import sys, {module}; print(); print(*{listing})"
    # In a process of its own, since here all may be imported already; a plugin under test is often
    # found by this process's path alone.
    seen = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run(  # noqa: S603 - Python itself, and the module that is tested
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=seen
    )
    if ran.returncode:
        yield f"{module} cannot be imported by itself: {ran.stderr.strip().splitlines()[-1]}"
    elif heavy := ran.stdout.splitlines()[-1].split():
        listed = ", ".join(heavy)
        yield f"{module}: imports {listed}; import it in the function that needs it"


def check_loader(loader: CohortLoader, example: Example) -> Iterator[str]:  # noqa: ARG001 (alike)
    """Let a loader read its study; every row must be accounted for and every file be there."""
    if able(loader, Prepares):
        loader.prepare(lambda _done, _total: None)
    table = loader.load()
    check_table(table)
    drop_repeated(as_text(table.scans), Audit())
    yield from laws.source_faults(loader)
    if not table.images_pending:
        lost = [image for image in table.scans["image"] if not Path(image).exists()]
        yield from (f"scans names {image}, which is not there" for image in lost[:1])


def check_head(head: TaskHead, example: Example) -> Iterator[str]:
    """Let a head read a column, and say and read back its values."""
    yield from laws.head_faults(head)
    texts = example.raw or (("1", "2.5", "4") if head.kind == "numerical" else ("left", "right"))
    # Not counted from 0, which tells apart a head that keeps the index from one that makes its own.
    raw = pd.Series([*texts, *texts, pd.NA], index=range(7, 8 + 2 * len(texts)), dtype="str")
    with lending(head, "read", raw) as (lent,):
        found = head.read(lent, codes=example.codes, missing=frozenset())
    faults = list(laws.column_faults(raw, found, head.kind))
    yield from faults
    if faults:
        return  # what is made of such values is not worth a look
    values = found.values.dropna()  # noqa: PD011 (a field of TargetColumn)
    if len(values) < len(texts):
        yield f"it reads {list(texts)} as {values.tolist()}; give raw texts in an Example"
    with lending(head, "fit", values) as (lent,):
        answers = head.fit(lent)
    yield from laws.answer_faults(answers, values)
    yield from laws.spoken_faults(answers)
    if not head.metrics:
        yield "metrics is empty; name those that are reported when a recipe names none"


def check_split(strategy: SplitStrategy, example: Example) -> Iterator[str]:
    """Let a strategy split made-up people; see `design.split` for what it is held to."""
    people = make_people() if example.people is None else example.people
    if able(strategy, Repeats):
        runs = strategy.runs(people.drop(columns="target"))
        yield from laws.run_faults(runs)
    if able(strategy, ReadsFiles):
        yield from laws.source_faults(strategy)
    whole = strategy  # a type checker narrows the name below
    pools = split_cohort(strategy, people, seed=1)
    if not pools.equals(split_cohort(strategy, people, seed=1)):
        yield "assign gives other pools for the same seed"
    if able(strategy, TellsOfSplit):
        tell_split(whole, people, pools)
    if able(strategy, AsksAll):
        split_cohort(strategy.ask_all(), people, seed=1, asks_all=True)


def check_pairing(pairing: Pairing, example: Example) -> Iterator[str]:
    """Let a pairing choose references; see `design.pairs` for what it is held to."""
    people = make_people()
    halves = POOLS if not able(pairing, UsesTraining) else ("train_query", "train_reference")
    people["pool"] = [halves[index % len(halves)] for index in range(len(people))]
    for numerical in (kind == "numerical" for kind in example.kinds):
        cohort = people.assign(target=people["age"].astype(float)) if numerical else people
        make_pairs(pairing, cohort, Plain(labels=() if numerical else ("a", "b")), seed=1)
        queries, references = make_pools(numerical=numerical)
        pairs = pairing.pair(queries, references, seed=1)
        # In which order rows come is up to a loader, and must not decide who meets whom.
        again = pairing.pair(queries.iloc[::-1], references.iloc[::-1], seed=1)
        if as_set(pairs) != as_set(again):
            yield "pair gives other pairs when the rows come in another order"
        if able(pairing, Speaks):
            with lending(pairing, "notes", pairs, queries, references) as lent:
                pairing.notes(*lent)


def check_prompt(template: PromptTemplate, example: Example) -> Iterator[str]:
    """Let a template word made-up comparisons."""
    none = able(template, ShowsNone)
    asked = (0,) if none else example.references
    yield from dialogue_laws.template_faults(template, dialogue_laws.make_cases(asked))
    if able(template, WordsAlone):
        yield from dialogue_laws.alone_faults(template)


def check_model(backbone: ModelBackbone, example: Example) -> Iterator[str]:
    """Hold a model to its plan, and build it twice where it is small."""
    plan = backbone.plan(example.shape)
    unknown = [part for part in backbone.train if part not in MODEL_PARTS]
    if unknown:
        yield f"train names {unknown[0]!r}; {suggestion(unknown[0], MODEL_PARTS)}"
    yield from laws.plan_faults(plan)
    yield from laws.counting_faults(backbone)
    if able(backbone, ReadsFiles):
        yield from laws.source_faults(backbone)
    if not 0 < plan.num_parameters <= LARGEST_BUILT:
        return
    from brainplug.model.bundle import bundle_faults

    one, two = (backbone.build(example.shape, seed=7) for _ in range(2))
    faults = list(bundle_faults(one, plan))
    yield from faults
    if faults:
        return
    weights = zip(one.model.parameters(), two.model.parameters(), strict=True)
    if not all(bool((first == second).all()) for first, second in weights):
        yield "build draws other weights from the same seed"
    yield from laws.count_faults(backbone, one.tokenizer)


def check_metric(metric: Metric, example: Example) -> Iterator[str]:  # noqa: ARG001 (alike)
    """Let a metric score made-up predictions of two and of three classes, or of numbers."""
    for labels in ((), ("a", "b", "c")):
        yield from metric_faults(metric, labels)


CHECKS: Mapping[str, Callable[[Any, Example], Iterable[str]]] = {
    "cohorts": check_loader,
    "heads": check_head,
    "splits": check_split,
    "pairings": check_pairing,
    "prompts": check_prompt,
    "models": check_model,
    "metrics": check_metric,
}
"""Role -> what yields the laws that a behaviour breaks."""


@attrs.frozen(kw_only=True)
class Plain:
    """Answers that are said as they are; enough to draw pairs."""

    labels: tuple[str, ...]

    def say(self, value: str | float) -> str:
        """Say a value."""
        return str(value)

    def parse(self, text: str) -> str | float | None:
        """Read a value."""
        return text if self.labels else float(text)

    def code(self, value: str | float) -> int | float:
        """Number a label; a number is its own."""
        return self.labels.index(str(value)) if self.labels else float(value)

    def strata(self, values: pd.Series) -> pd.Series:
        """Return the label, or which half a number is in."""
        return values if self.labels else (values > 0).map(str).astype("str")
