"""The interventions stage: what the model says when one thing is not what it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from brainplug.api.guard import behind
from brainplug.run.arithmetic import settled
from brainplug.run.asking import asking_facts, asking_settings, open_session
from brainplug.run.ledger import Stage
from brainplug.run.task_stages import all_task_files, read_cohort

if TYPE_CHECKING:
    from brainplug.run.context import Workspace


def interventions_stage(workspace: Workspace) -> Stage:
    """What the model says to tasks of the last split in which one thing is changed."""
    return Stage(
        name="interventions",
        settings=asking_settings(workspace)
        | workspace.settings("seed")
        | {"evidence": {"asked": workspace.evaluated[-1]}},
        reads=lambda: [
            *all_task_files(workspace),
            workspace.files.volumes,
            workspace.files.cohort,
            workspace.files.training,
        ],
        facts=lambda: asking_facts(workspace),
        writes=(workspace.files.interventions,),
        uses=(*workspace.parts("target"), behind(workspace.head), workspace.recipe),
        run=partial(run_interventions, workspace),
        on_every_rank=True,
        goes_on_without=(),
    )


def run_interventions(workspace: Workspace, key: str) -> None:
    """Change tasks and let the model answer, from where it was stopped."""
    from brainplug.inference.interventions import plan_changes, write_interventions
    from brainplug.inference.partial import KeptAnswers
    from brainplug.tasks.intervention_rows import InterventionRow

    session = open_session(settled(workspace), workspace.plan)
    write_interventions(
        session,
        plan_changes(session, workspace.evaluated[-1], read_families(workspace)),
        model=workspace.files.model,
        kept=KeptAnswers(workspace.files.partial_interventions, key, InterventionRow),
        to=workspace.files.interventions,
    )


def read_families(workspace: Workspace) -> dict[str, str]:
    """Return the family of each person who has one."""
    known = read_cohort(workspace, "subject", "family").dropna(subset=["family"])
    return dict(zip(known["subject"], known["family"].astype("str"), strict=True))
