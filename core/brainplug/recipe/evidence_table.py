"""The recipe table that says what a run shows of its result's worth: `[evidence]`."""

from __future__ import annotations

from typing import Literal

import attrs

from brainplug.api.roles import about

Arm = Literal["query-alone", "shuffled-labels"]
QUERY_ALONE: Arm = "query-alone"
SHUFFLED: Arm = "shuffled-labels"
ALONE = {"pairings": "alone", "prompts": "classification"}
"""Parts of an arm without references; its prompt is the recipe's own where that can do without."""

Baseline = Literal[
    "site",
    "confounds",
    "head-size",
    "six-numbers",
    "components",
    "nearest-people",
    "nearest-reference",
    "small-cnn",
]
QUICK_BASELINES: tuple[Baseline, ...] = (
    "site",
    "confounds",
    "head-size",
    "six-numbers",
    "components",
    "nearest-people",
    "nearest-reference",
)
"""All but the network, which is trained for minutes."""


@attrs.frozen(kw_only=True)
class Evidence:
    """`[evidence]`: what is done besides the training, so that its result can be believed."""

    arms: tuple[Arm, ...] | None = attrs.field(
        default=None,
        metadata=about(
            "trainings beside the main one, of as many steps on the same people: 'query-alone' "
            "shows no reference, 'shuffled-labels' learns values that are not theirs; without it "
            "both for a small model, and 'query-alone' for one of full size"
        ),
    )
    test: bool = attrs.field(
        default=False,
        metadata=about(
            "answer the test with the run; without it that is done on request, by `brainplug "
            "evaluate RUN --test`, once nothing is to be changed any more"
        ),
    )

    baselines: tuple[Baseline, ...] = attrs.field(
        default=QUICK_BASELINES,
        metadata=about(
            "simpler readers that learn from all training people and are asked what the model is "
            "asked; without it all but 'small-cnn', a convolutional network that takes minutes; "
            "the site's majority, confounds alone and together, and readers of the scans"
        ),
    )
    confounds: tuple[str, ...] | None = attrs.field(
        default=None,
        metadata=about(
            "columns of the cohort that might tell the target by themselves; without it age, sex, "
            "scanner, site and study as far as they are known"
        ),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse an arm that is named twice."""
        arms = self.arms or ()
        if len(set(arms)) < len(arms):
            raise ValueError(f"arms: expected each once: {list(arms)}")
