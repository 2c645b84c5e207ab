"""A recipe and its plugin files in the run folder, so that the run can be opened without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.plugin_sources import SUMS
from brainplug.recipe.load import recipe_text
from brainplug.runtime.files import replacing, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.registry import Registry
    from brainplug.run.context import Workspace


def write_recipe(workspace: Workspace) -> None:
    """Write the recipe with its plugin files; forget which runs an earlier one had."""
    copy_plugin_files(workspace)
    write_text(workspace.files.recipe, recipe_text(workspace.recipe))
    workspace.files.run_list.unlink(missing_ok=True)


def copy_plugin_files(workspace: Workspace) -> None:
    """Copy the plugin files of a recipe to the run folder as they were imported, with hashes."""
    files, folder = workspace.registry.files, workspace.files.plugins
    sums = "".join(f"{file.sha256}  {file.path.name}\n" for file in files)
    listed = folder / SUMS
    kept = {listed: sums.encode()} | {folder / file.path.name: file.content for file in files}
    if not files or all(path.is_file() and path.read_bytes() == kept[path] for path in kept):
        return
    # Without it nothing is compared: a run that is killed amid the copies leaves none that lie.
    listed.unlink(missing_ok=True)
    for file in files:
        with replacing(folder / file.path.name) as temporary:
            temporary.write_bytes(file.content)
    write_text(listed, sums)
    for line in tell_files(workspace.registry):
        workspace.tell(f"{line}; a copy is in {folder.name}/")


def tell_files(registry: Registry) -> Iterator[str]:
    """Say which plugin files a recipe names, and what each offers."""
    for file in registry.files:
        names = ", ".join(
            f"{registry.origin(role, name).words} {name!r}"
            for (role, name), source in sorted(registry.sources.items())
            if source.distribution.name == file.path.name
        )
        yield f"plugin file {file} offers {names or 'no part'}"
