"""The attrs models of a recipe. Plain data; `load` makes them from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, le, lt, matches_re, min_len, optional

from brainplug.api.guard import Origin, build
from brainplug.api.records import LARGEST_GIB, Grid
from brainplug.api.roles import (
    CohortLoader,
    Metric,
    ModelBackbone,
    Pairing,
    Part,
    PromptTemplate,
    SplitStrategy,
    TaskHead,
    about,
)
from brainplug.recipe.augmentation_table import Augmentation
from brainplug.recipe.evidence_table import Evidence
from brainplug.recipe.training_tables import Speed, Training
from brainplug.registry import Registry

Behaviour = TypeVar("Behaviour", covariant=True)

FIELD_OF_VIEW_MM = 240.0

STAGES: tuple[str, ...] = (
    "cohort",
    "split",
    "pairs",
    "dialogues",
    "volumes",
    "baselines",
    "training",
    "answers",
    "interventions",
    "external",
    "external-answers",
    "arms",
    "metrics",
    "report",
)
"""The stages of a run in their order, as `--until` names them."""


@attrs.frozen(kw_only=True)
class Chosen(Generic[Behaviour]):
    """A recipe table that names its plugin with `use`.

    Attributes:
        use: name of the part.
        options: an instance of that part's options class.
        part: the part itself; two choices are equal when name and options are.
        origin: where the part comes from.
    """

    use: str
    options: Any
    part: Part[Behaviour] = attrs.field(eq=False, repr=False)
    origin: Origin = attrs.field(eq=False, repr=False)

    def make(self) -> Behaviour:
        """Build the behaviour from its options, guarded.

        Raises:
            PluginError: it cannot be built, or is not of the shape of its role.
        """
        return build(self.part, self.options, self.origin)


@attrs.frozen(kw_only=True)
class Study:
    """`[cohort]`, or one of several `[[cohort]]`: where scans come from, and their part in a run.

    The keys of `loader` stand in the same table: `use` and that part's options.
    """

    loader: Chosen[CohortLoader] = attrs.field(metadata=about("the cohort loader, named by use"))
    name: str | None = attrs.field(
        default=None,
        validator=optional(matches_re("[A-Za-z0-9-]+")),
        metadata=about("name of the study in files and tables; needed where there are several"),
    )
    weight: float | None = attrs.field(
        default=None,
        validator=optional(gt(0)),
        metadata=about(
            "share of the training tasks of an epoch, beside the other studies' weights; "
            "without it in proportion to size"
        ),
    )
    target: Chosen[TaskHead] | None = attrs.field(
        default=None,
        metadata=about("keys of [target] that differ in this study, such as column and labels"),
    )


@attrs.frozen(kw_only=True)
class ExternalStudy:
    """One of `[[evaluation.also]]`: a study that is tested only, for an external validation.

    The keys of `loader` stand in the same table, as in `[cohort]`.
    """

    loader: Chosen[CohortLoader] = attrs.field(metadata=about("the cohort loader, named by use"))
    name: str = attrs.field(
        validator=matches_re("[A-Za-z0-9-]+"),
        metadata=about("name of the study in files and tables"),
    )
    target: Chosen[TaskHead] | None = attrs.field(
        default=None,
        metadata=about("keys of [target] that differ in this study, such as column and labels"),
    )
    shown: float | None = attrs.field(
        default=None,
        validator=optional(and_(gt(0), lt(1))),
        metadata=about(
            "share of its people who are references and are not asked; without it the references "
            "are the training references of the run's own study"
        ),
    )
    ids: Literal["same", "other"] = attrs.field(
        default="same",
        metadata=about(
            "whether ids that this study and the run's own both have are of the same people, which "
            "is refused where these are trained on, or of other people"
        ),
    )


@attrs.frozen(kw_only=True)
class TaskFiles:
    """`[tasks]`: finished task files, in place of cohort, split, pairing and prompt."""

    train: tuple[Path, ...] = attrs.field(
        validator=min_len(1), metadata=about("task files, .json or .jsonl, or folders of them")
    )
    val: tuple[Path, ...] = attrs.field(
        validator=min_len(1), metadata=about("the same, for validation")
    )
    test: tuple[Path, ...] = attrs.field(
        validator=min_len(1), metadata=about("the same, for the test")
    )
    moved: dict[str, Path] = attrs.field(
        factory=dict,
        metadata=about("start of an image path in the files = where these images are now"),
    )


@attrs.frozen(kw_only=True)
class Images:
    """`[images]`: the grid all scans are brought to."""

    shape: tuple[int, int, int] = attrs.field(
        default=(120, 120, 120),
        validator=deep_iterable(and_(ge(4), le(512))),
        metadata=about("voxels along right, anterior, superior", unit="voxels"),
    )
    spacing_mm: float | None = attrs.field(
        default=None,
        validator=optional(and_(ge(0.05), le(50))),
        metadata=about("edge of a voxel; without it the longest axis spans 240 mm", unit="mm"),
    )
    scans: Literal["all", "headers", "listed"] = attrs.field(
        default="all",
        metadata=about(
            "what the cohort stage reads of each scan before it may enter a pool: all of it, its "
            "header, or nothing (files are listed only)"
        ),
    )
    max_gib: float = attrs.field(
        default=LARGEST_GIB,
        validator=[gt(0), le(1024)],
        metadata=about(
            "most memory that the voxels of a scan may take as float32; larger ones are left out",
            unit="GiB",
        ),
    )

    @property
    def grid(self) -> Grid:
        """The grid in voxels and mm."""
        edge = self.spacing_mm or FIELD_OF_VIEW_MM / max(self.shape)
        return Grid(shape=self.shape, spacing_mm=(edge, edge, edge), max_gib=float(self.max_gib))


@attrs.frozen(kw_only=True)
class Evaluation:
    """`[evaluation]`: what is measured on the validation and test queries."""

    metrics: tuple[Chosen[Metric], ...] = attrs.field(
        default=(),
        metadata=about(
            "metrics to report, each a name, or a table of use and its options; without it those "
            "of the task head"
        ),
    )
    bootstrap: int = attrs.field(
        default=2000, validator=ge(100), metadata=about("bootstrap samples of subjects or families")
    )
    confidence: float = attrs.field(
        default=0.95, validator=[gt(0.5), lt(1)], metadata=about("coverage of the intervals")
    )
    subgroups: tuple[str, ...] = attrs.field(
        default=(),
        metadata=about(
            "columns of the cohort by which the headline metric is told too, besides site, "
            "scanner, sex, age and study; numbers of many values in quarters of the training people"
        ),
    )
    answer: Literal["generate", "score", "both"] = attrs.field(
        default="both",
        metadata=about(
            "how a label is read off the model: from what it says freely, from which candidate "
            "answer is the most probable, or both, freely said ones first; a number: from what it "
            "says, as the expected value of all it may say, or both, of which the one with the "
            "lower error on validation comes first"
        ),
    )
    batch_size: int = attrs.field(
        default=16, validator=ge(1), metadata=about("most dialogues answered at once")
    )
    max_new_tokens: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "longest answer; without it twice the longest one of the training tasks", unit="tokens"
        ),
    )
    also: tuple[ExternalStudy, ...] = attrs.field(
        default=(),
        metadata=about("external studies that are tested only, each as in [cohort], with a name"),
    )


@attrs.frozen(kw_only=True)
class Audit:
    """`[audit]`: what makes a run stop rather than go on."""

    join_loss: float = attrs.field(
        default=0.2,
        validator=and_(ge(0), le(1)),
        metadata=about("largest share of table rows that may find no image"),
    )
    allow_shortcut: bool = attrs.field(
        default=False,
        metadata=about("go on although a rule that sees no image beats chance"),
    )
    duplicates: Literal["error", "exclude"] = attrs.field(
        default="error",
        metadata=about("what becomes of one image that several people have, known by its content"),
    )


@attrs.frozen(kw_only=True)
class Report:
    """`[report]`: what the page may show."""

    individual: bool = attrs.field(
        default=False,
        metadata=about("show scans and ids of single people; never share such a page"),
    )
    examples: int = attrs.field(
        default=4, validator=and_(ge(0), le(50)), metadata=about("example dialogues shown")
    )


@attrs.frozen(kw_only=True)
class Recipe:
    """A whole recipe, with every default filled in."""

    seed: int = attrs.field(
        default=1234,
        validator=and_(ge(0), lt(2**32)),
        metadata=about("salt of split and pairs, and seed of every draw not named in [training]"),
    )
    plugins: tuple[Path, ...] = attrs.field(
        default=(),
        metadata=about(
            "Python files whose parts this recipe uses besides the installed ones; they are run"
        ),
    )
    cohort: tuple[Study, ...] = attrs.field(
        default=(), metadata=about("the study, or several as [[cohort]]")
    )
    target: Chosen[TaskHead] | None = attrs.field(
        default=None, metadata=about("the attribute to be read off a scan")
    )
    split: Chosen[SplitStrategy] | None = attrs.field(
        default=None, metadata=about("who is in which pool")
    )
    pairing: Chosen[Pairing] | None = attrs.field(
        default=None, metadata=about("which references a query gets")
    )
    prompt: Chosen[PromptTemplate] | None = attrs.field(
        default=None, metadata=about("how a comparison is worded")
    )
    tasks: TaskFiles | None = attrs.field(
        default=None, metadata=about("finished task files, in place of the five tables above")
    )
    images: Images = attrs.field(factory=Images, metadata=about("the common grid"))
    model: Chosen[ModelBackbone] = attrs.field(metadata=about("what is trained"))
    training: Training = attrs.field(factory=Training, metadata=about("how it is trained"))
    augmentation: Augmentation = attrs.field(
        factory=Augmentation, metadata=about("how scans are changed at random in training")
    )
    speed: Speed = attrs.field(factory=Speed, metadata=about("what saves time"))
    evaluation: Evaluation = attrs.field(factory=Evaluation, metadata=about("how it is measured"))
    evidence: Evidence = attrs.field(
        factory=Evidence, metadata=about("what shows how far the result can be believed")
    )
    audit: Audit = attrs.field(factory=Audit, metadata=about("what stops a run"))
    report: Report = attrs.field(factory=Report, metadata=about("what the page shows"))

    @property
    def training_seed(self) -> int:
        """What draws the weights and the order of tasks."""
        return self.seed if self.training.seed is None else self.training.seed


@attrs.frozen(kw_only=True)
class RecipeFile:
    """A recipe and where it came from.

    Attributes:
        path: of its file.
        recipe: what it says.
        registry: of all parts it may name: those of its own files too.
    """

    path: Path
    recipe: Recipe
    registry: Registry = attrs.field(eq=False, repr=False)
