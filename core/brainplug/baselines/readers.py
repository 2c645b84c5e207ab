"""Every baseline by name: what it is, what it looks at, and how it answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.baselines.confounds import encode
from brainplug.baselines.likeness import nearest_people, nearest_reference
from brainplug.baselines.linear import read_linearly
from brainplug.baselines.records import (
    ALL_CONFOUNDS,
    HEAD_SIZE,
    BaselineFacts,
    Said,
)
from brainplug.baselines.sites import say_site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.api.records import Volume
    from brainplug.baselines.exam import Exam
    from brainplug.baselines.records import BaselineKind


@attrs.frozen(kw_only=True, eq=False)
class Baseline:
    """A baseline that can be asked.

    Attributes:
        name: as tables show it.
        kind: what it looks at.
        about: what it is.
        answer: answers an exam, or says why it cannot.
    """

    name: str
    kind: BaselineKind
    about: str
    answer: Callable[[Exam], Said | str]

    @property
    def facts(self) -> BaselineFacts:
        """What is written down of it."""
        return BaselineFacts(kind=self.kind, about=self.about)


Components = tuple["np.ndarray", "np.ndarray"]


def list_baselines(
    chosen: Sequence[str], exam: Exam, components: Components | None, load: Callable[[Path], Volume]
) -> list[Baseline]:
    """Return the baselines that a recipe asks for, in the order of the table.

    Args:
        chosen: names of `BASELINES`.
        exam: who teaches and who is asked.
        components: of both sides, where `components` is chosen.
        load: returns the volume of a scan.
    """
    model = "a logistic regression" if exam.labels else "a ridge regression"
    made: dict[str, list[Baseline]] = {
        "site": [site_baseline(exam)],
        "confounds": confound_baselines(exam, model),
        "head-size": [
            Baseline(
                name="head size",
                kind="image",
                about=f"{model} on the volume of the head",
                answer=read_head_size,
            )
        ],
        "six-numbers": [
            Baseline(
                name="six numbers",
                kind="image",
                about=f"{model} on six size and intensity numbers of the head",
                answer=read_six_numbers,
            )
        ],
        "components": [components_baseline(model, components)] if components else [],
        "nearest-people": [
            Baseline(
                name="nearest people",
                kind="image",
                about="the training scans most like the query's",
                answer=nearest_people,
            )
        ],
        "nearest-reference": [
            Baseline(
                name="nearest reference",
                kind="reference",
                about="the value of the most similar of the references that the model saw",
                answer=nearest_reference,
            )
        ],
        "small-cnn": [
            Baseline(
                name="small CNN",
                kind="image",
                about="a small 3-D convolutional network",
                answer=partial(_by_cnn, load),
            )
        ],
    }
    return [baseline for name, found in made.items() if name in chosen for baseline in found]


def _by_cnn(load: Callable[[Path], Volume], exam: Exam) -> Said:
    from brainplug.baselines.small_cnn import read_by_cnn

    return read_by_cnn(exam, load)


def site_baseline(exam: Exam) -> Baseline:
    """Return the baseline that knows the site alone."""
    name, what = ("site majority", "class") if exam.labels else ("site mean", "value")
    of = f"the commonest {what}" if exam.labels else f"the mean {what}"
    return Baseline(
        name=name,
        kind="site",
        about=f"{of} of the training people of the same site",
        answer=say_site,
    )


def confound_baselines(exam: Exam, model: str) -> list[Baseline]:
    """Return each confound alone and all together, the size of the head among them."""
    # What a site tells by itself is a baseline of its own.
    alone = [name for name in exam.confounds if name not in ("site", "study")]
    every = [name.replace("_", " ") for name in (*exam.confounds, HEAD_SIZE)]
    told = f"{', '.join(every[:-1])} and {every[-1]}" if len(every) > 1 else every[0]
    return [
        *(
            Baseline(
                name=f"{name} alone",
                kind="confound",
                about=f"{model} on {name}",
                answer=partial(read_confounds, (name,)),
            )
            for name in alone
        ),
        Baseline(
            name=ALL_CONFOUNDS,
            kind="confound",
            about=f"{model} on {told}",
            answer=partial(read_confounds, (*exam.confounds, HEAD_SIZE)),
        ),
    ]


def components_baseline(model: str, components: Components) -> Baseline:
    """Return the linear reader of principal components."""
    learn, asked = components

    def answer(exam: Exam) -> Said:
        return read_linearly(exam, learn, asked)

    return Baseline(
        name="components",
        kind="image",
        about=f"{model} on {learn.shape[1]} principal components of a coarse copy of the scan",
        answer=answer,
    )


def read_confounds(names: Sequence[str], exam: Exam) -> Said:
    """Answer by what is known of people."""
    return read_linearly(exam, *encode(exam, names))


def read_head_size(exam: Exam) -> Said:
    """Answer by the volume of the head."""
    return read_linearly(exam, exam.learn.head[:, :1], exam.asked.head[:, :1])


def read_six_numbers(exam: Exam) -> Said:
    """Answer by `HEAD_NUMBERS`."""
    return read_linearly(exam, exam.learn.head, exam.asked.head)
