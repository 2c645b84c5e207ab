"""What a plugin offers: a `Part`, and the role its behaviour plays.

A plugin yields `Part(name, Options, Behaviour)` from the hook of its role. `Options` is an attrs
class, frozen and keyword only, whose fields are described with `about`. `Behaviour(options)` makes
an object that satisfies one of the protocols below; heavy imports belong inside it.

Some protocols are abilities: what a behaviour may offer beyond its role. It counts only where the
class declares it, `abilities = (Repeats, ReadsFiles)`:

    Prepares          a cohort loader that writes its study to disk first
    Repeats           a split strategy that stands for several runs
    UsesTarget        a split strategy that sees the target
    AsksAll           a split strategy that draws otherwise where all references are of training
    TellsOfSplit      a split strategy that has something to say of its split
    ReadsFiles        a split strategy or a model that reads files of its own
    Speaks            a pairing that has something to say of its pairs
    UsesTraining      a pairing that takes the references of every split from training
    ShowsNone         a pairing that shows no reference, or a prompt template that words none
    Fixed             a prompt template whose wording may never vary
    WordsAlone        a prompt template that can word a query by itself, too
    Compares          a prompt template whose answer may say how query and reference compare
    SaysDifferences   answers (what a task head fits) that can state a difference
    SaysNumbers       answers of a number that can list all that may be said
    ScoresResamples   a metric that scores all bootstrap samples at once
    CountsShares      a metric that is a mean of shares of people, such as recalls
    RanksPeople       a metric that is a mean of areas under the ROC
    HasScale          a metric whose errors are even on a scale, such as the logarithm's

Members, signatures and types of these protocols are what `contracts` holds a behaviour to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeGuard, TypeVar

import attrs

from brainplug.api import metric_roles

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from brainplug.api.records import (
        Case,
        CohortTable,
        ModelPlan,
        TargetColumn,
        TargetKind,
        TargetValue,
        Turn,
    )


Metric = metric_roles.Metric
ScoresResamples = metric_roles.ScoresResamples
CountsShares = metric_roles.CountsShares
RanksPeople = metric_roles.RanksPeople
HasScale = metric_roles.HasScale


def about(text: str, *, unit: str = "") -> dict[str, str]:
    """Describe an option; goes into the field's `metadata`.

    >>> about("smallest head size kept", unit="ml")
    {'about': 'smallest head size kept', 'unit': 'ml'}
    """
    return {"about": text, "unit": unit}


Behaviour = TypeVar("Behaviour", covariant=True)


@attrs.frozen
class Part(Generic[Behaviour]):
    """One behaviour that a recipe can name with `use`.

    Attributes:
        name: as in the recipe; lower case, digits and hyphens.
        options: attrs class of the other keys of that recipe table.
        make: builds the behaviour from its options; its docstring's first line describes the part.
    """

    name: str
    options: type[Any]
    make: Callable[[Any], Behaviour]

    @property
    def summary(self) -> str:
        """First line of the behaviour's docstring."""
        return (self.make.__doc__ or "").strip().partition("\n")[0]


Ability = TypeVar("Ability")


def able(behaviour: object, ability: type[Ability]) -> TypeGuard[Ability]:
    """Say whether a behaviour declares an ability that its role does not ask for.

    It does so by a class attribute, `abilities = (Repeats, ReadsFiles)`. A method that happens to
    be called `runs` means nothing by itself.

    Args:
        behaviour: made by a part.
        ability: one of the protocols of this module that are no role.
    """
    return ability in getattr(behaviour, "abilities", ())


class CohortLoader(Protocol):
    """Turns what a study distributed into a cohort table; see also the ability `Prepares`."""

    def load(self) -> CohortTable:
        """Read the study. Every row of the source ends in `scans` or in `exclusions`.

        Raises:
            DataError: the study is not as it should be; says what, where, and what to do.
        """
        ...

    def sources(self) -> tuple[Path, ...]:
        """Name the files and folders that are read, absolute; each must be there.

        The stage is redone when the content of a file changes, or which files of what size and time
        a folder holds. A folder of scans is named as one.
        """
        ...


class Prepares(Protocol):
    """A loader that writes its study to disk before it is read."""

    def prepare(self, report: Callable[[int, int], None]) -> None:
        """Write what is missing; can be stopped and called again. `report(done, total)`."""
        ...


class SplitStrategy(Protocol):
    """Puts every subject in a pool: one of `POOLS`, or a split as a whole.

    See also the abilities `Repeats`, `ReadsFiles`, `AsksAll`, `UsesTarget` and `TellsOfSplit`.
    """

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row, index as `cohort` (`SCAN_COLUMNS` and study columns).

        Must depend on the seed and on the row's own group only: never on the target, on the order
        of rows, or on which other rows exist. With the ability `UsesTarget` it may depend on the
        target and on who is there, never on the order of rows.
        """
        ...


class UsesTarget(Protocol):
    """A split strategy that sees the column `target`: text for classes, floats for numbers.

    Any other strategy is not shown that column; the study's own columns, one of which it was read
    from, are shown to all. The page says that such a split depends on the target.
    """


class AsksAll(Protocol):
    """A split strategy that draws otherwise where all references are training scans."""

    def ask_all(self) -> SplitStrategy:
        """Return the strategy that keeps nobody of validation and test as a reference."""
        ...


class TellsOfSplit(Protocol):
    """A split strategy that has something to say of the split it made."""

    def notes(self, cohort: pd.DataFrame, pools: pd.Series) -> tuple[str, ...]:
        """Return sentences for the user, given what `assign` saw and what it returned."""
        ...


class Repeats(Protocol):
    """A split strategy that stands for several runs, such as the folds of a cross-validation."""

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, Any]:
        """Return the options of each run by its name, in order; empty where there is one only.

        Options are instances of the part's own class of options, as `attrs.evolve(self.options,
        fold=2)` makes them, of which each run's strategy is made.
        """
        ...


class ReadsFiles(Protocol):
    """A split strategy or a model that reads files of its own."""

    def sources(self) -> tuple[Path, ...]:
        """Name them; a change of their content makes anew what is made of them."""
        ...


class Pairing(Protocol):
    """Chooses the references of each query; see also `Speaks`, `UsesTraining`, `ShowsNone`."""

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return one row a task: `query` and `references`, index labels.

        A query may have several tasks. The references of a task, a tuple or a list, are other
        scans each; how many there are may differ from task to task, and the prompt template is
        given them all.

        Args:
            queries: scans of one query pool with `subject`, `value`, `stratum` and study columns.
            references: scans of the reference pool of the same split, same columns. Where the
                split is one pool they are the same scans; nobody may then meet a relative, that
                is, a scan of the own `subject` or `family`.
            seed: the run's seed; the same rows in any order must give the same pairs.
        """
        ...


class Speaks(Protocol):
    """A pairing that has something to say of the pairs it made."""

    def notes(
        self, pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame
    ) -> tuple[str, ...]:
        """Return sentences for the user, such as the score of a rule that sees no scan."""
        ...


class UsesTraining(Protocol):
    """A pairing that takes the references of validation and test queries elsewhere."""

    references_from: Literal["train"]
    """The references of every split are those of training."""


class ShowsNone(Protocol):
    """A pairing that shows no reference, so that everybody is asked, or a template without any."""

    references: Literal["none"]
    """That there are none."""


class PromptTemplate(Protocol):
    """Words a comparison."""

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        """Return the turns, ending with the assistant's answer; image `i` must appear once each."""
        ...


class Fixed(Protocol):
    """A prompt template that may say that its wording never varies."""

    @property
    def fixed(self) -> bool:
        """Whether each value is put in as it is, and nothing else decides any other word.

        The engine then words one dialogue and fills in all others.
        """
        ...


class WordsAlone(Protocol):
    """A prompt template that can word a query by itself, in the words it has for it anyway."""

    def alone(self) -> PromptTemplate:
        """Return the template for queries without a reference; it is `ShowsNone`."""
        ...


class Compares(Protocol):
    """A prompt template whose answer may say how the query compares with its one reference.

    Its tasks then show one reference each.
    """

    states: Literal["value", "likeness", "difference"]
    """What the answer states.

    The value alone; of classes, first whether it is the reference's, then the value; or of numbers,
    in place of the value, by how much it differs from the reference's.
    """
    likeness: tuple[str, ...]
    """The words for the reference's own label and for another one; empty unless they are said."""


class Answers(Protocol):
    """The answers a fitted target can have: how they are said and how they are read back.

    See also the abilities `SaysDifferences` and `SaysNumbers`. Those of a numerical target may have
    an attribute `unit`, a text such as `"kg"`: it stands beside numbers and errors of that target.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes in a fixed order; empty for a numerical target."""
        ...

    def say(self, value: TargetValue) -> str:
        """Say a value in words."""
        ...

    def parse(self, text: str) -> TargetValue | None:
        """Read the value that an answer states, None where it states none or several."""
        ...

    def code(self, value: TargetValue) -> int | float:
        """Return the numeric form written to task files."""
        ...

    def strata(self, values: pd.Series) -> pd.Series:
        """Return the class or the value bin of each value, as text, for balance."""
        ...


class SaysDifferences(Protocol):
    """Answers of a numerical target that can state by how much a value differs from another."""

    def say_difference(self, value: TargetValue, reference: TargetValue) -> str:
        """Say in words by how much a value differs from the reference's."""
        ...

    def parse_difference(self, text: str, reference: TargetValue) -> TargetValue | None:
        """Read the value whose difference an answer states, None where it states none or several.

        What is said of a value must be read back as what `say` and `parse` make of it.
        """
        ...


class SaysNumbers(Protocol):
    """Answers of a numerical target that can list every number an answer may state.

    Such a number can be read as the value that the model expects, besides word by word: the engine
    asks how probable each number is, and takes the mean.
    """

    def spoken(self) -> tuple[tuple[float, float], ...]:
        """Return the numbers, ascending, each as the ends of a stretch of them; may be empty.

        A number that stands for itself is both ends. A stretch is of all numbers that begin alike
        as they are said: 1.20 and 1.29 are the ends of all that begin with "1.2". It stands for its
        middle, so that thousands of numbers need not be told apart where nobody would.
        """
        ...


class TaskHead(Protocol):
    """Knows one kind of target."""

    kind: TargetKind
    """`"categorical"` where values are labels, `"numerical"` where they are numbers."""
    column: str
    """Column of the cohort table that holds the target."""
    target: str
    """The target in words, for prompts and file names."""
    metrics: tuple[str, ...]
    """Metrics reported when a recipe names none; the first selects the checkpoint."""

    def read(
        self, raw: pd.Series, *, codes: Mapping[str, str], missing: frozenset[str]
    ) -> TargetColumn:
        """Turn the raw text column into values, or give each row's reason for having none.

        Raises:
            DataError: a value is not covered by the declared codes.
        """
        ...

    def fit(self, values: pd.Series) -> Answers:
        """Fix labels and precision from the values of the training scans."""
        ...


class ModelBackbone(Protocol):
    """Knows how to build one LLaVA-style model and its tokenizer."""

    train: tuple[str, ...]
    """Parts of the model that learn where a phase of the recipe names none; see `MODEL_PARTS`."""

    def plan(self, shape: tuple[int, int, int]) -> ModelPlan:
        """Say what the model will be for scans of this shape, without importing torch.

        Raises:
            DataError: the shape is not a multiple of the patch.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Count (or estimate from above) the tokens of a text, without importing torch."""
        ...

    def build(self, shape: tuple[int, int, int], *, seed: int) -> Any:
        """Build or load model and tokenizer, with the parts that do not train frozen.

        Returns:
            A `brainplug.model.bundle.ModelBundle`, which needs torch and so is not named here.
        """
        ...
