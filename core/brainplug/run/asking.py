"""What stages that ask a trained model have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.api.laws import spoken_numbers
from brainplug.imaging.cache import content_hash
from brainplug.run.arithmetic import settle
from brainplug.run.task_stages import fit_answers, read_all_tasks

if TYPE_CHECKING:
    from brainplug.api.records import ModelPlan
    from brainplug.inference.session import ModelSession
    from brainplug.run.context import Workspace


def open_session(workspace: Workspace, plan: ModelPlan) -> ModelSession:
    """Return what training and answering share."""
    from brainplug.inference.session import ModelSession

    recipe, answers = workspace.recipe, fit_answers(workspace)
    return ModelSession(
        recipe=recipe,
        kind=workspace.head.kind,
        tasks=read_all_tasks(workspace),
        answers=answers,
        spoken=spoken_numbers(answers),
        plan=plan,
        load=workspace.load_volume,
        ranks=workspace.ranks,
        show=workspace.detail,
        tell=workspace.tell,
        progress=workspace.progress,
    )


def asking_settings(workspace: Workspace) -> dict[str, Any]:
    """Return the keys of the recipe that what a model says depends on."""
    evaluation = workspace.recipe.evaluation
    return workspace.settings("target") | {
        "images": workspace.grid(),
        "evaluation": {
            "answer": evaluation.answer,
            "max_new_tokens": evaluation.max_new_tokens,
        },
        "training": {"precision": workspace.recipe.training.precision},
    }


def asking_facts(workspace: Workspace) -> dict[str, Any]:
    """Return what else it depends on: the trained weights, and the arithmetic."""
    plan = workspace.plan
    return {
        "arithmetic": settle(workspace.recipe.speed.onednn, workspace.files),
        "model": {
            "tokens_per_image": plan.tokens_per_image,
            "context_length": plan.context_length,
        },
        "weights": hash_weights(workspace),
    }


def hash_weights(workspace: Workspace) -> dict[str, str]:
    """Return the content hash of each file of the trained model; unchanged ones are not read.

    All but its card, which tells of the answers and so comes after them.
    """
    memo, card = workspace.cache / "hashes", workspace.files.card
    found = workspace.files.model.glob("*")
    files = sorted(path for path in found if path.is_file() and path != card)
    return {file.name: content_hash(file, memo) for file in files}
