"""Finds, loads and looks up the parts that installed plugins offer.

The only module that calls hooks. Entry points are loaded one at a time: a plugin that fails is
remembered with its cause and becomes an error only when a recipe asks for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from inspect import isroutine
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from brainplug.api import hooks
from brainplug.api.contracts import CONTRACTS
from brainplug.api.guard import Origin, build, told
from brainplug.api.part_faults import find_defect
from brainplug.api.raised import in_one_line, line_in, line_of, place_of
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
from brainplug.errors import BrainplugError, PluginError, suggestion
from brainplug.hook_faults import MARK, miscalled, misspelt
from brainplug.plugin_sources import (
    Distribution,
    PluginFile,
    Source,
    failure_of,
    idle_hint,
    is_of_file,
    returning,
    source_of,
    source_of_file,
    tell_module,
)

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "brainplug"

ROLES: Mapping[str, str] = {role: contract.words for role, contract in CONTRACTS.items()}
"""Roles in the order of a recipe, each with the words for one part of it."""

OBSERVERS = frozenset({"brainplug_before_run", "brainplug_after_run", "brainplug_on_run_error"})
"""Hooks that are told of a run; the others offer parts."""


Loader = tuple[Source, Callable[[], object]]
"""Where a plugin comes from, and what returns it."""


@attrs.frozen
class Offer:
    """A part of one role and where it comes from."""

    role: str
    part: Part[Any]
    source: Source


@attrs.frozen(kw_only=True)
class Registry:
    """Every usable part by role and name, and every plugin that failed.

    Attributes:
        failures: plugins that could not be loaded and parts that cannot be used.
        sources: role and name of a part -> where it comes from.
        files: plugin files that a recipe names.
    """

    cohorts: Mapping[str, Part[CohortLoader]]
    splits: Mapping[str, Part[SplitStrategy]]
    pairings: Mapping[str, Part[Pairing]]
    prompts: Mapping[str, Part[PromptTemplate]]
    heads: Mapping[str, Part[TaskHead]]
    metrics: Mapping[str, Part[Metric]]
    models: Mapping[str, Part[ModelBackbone]]
    failures: tuple[PluginError, ...] = ()
    sources: Mapping[tuple[str, str], Source] = attrs.field(factory=dict, repr=False)
    files: tuple[PluginFile, ...] = ()
    _manager: pluggy.PluginManager = attrs.field(alias="manager", repr=False, eq=False)
    _plugins: Mapping[str, Source] = attrs.field(alias="plugins", repr=False)
    _unloaded: tuple[PluginError, ...] = attrs.field(alias="unloaded", repr=False, default=())

    def with_files(self, files: Sequence[PluginFile]) -> Registry:
        """Return a registry that has the parts of plugin files too."""
        loaders = [(source_of_file(file), returning(file.module)) for file in files]
        manager = make_manager()
        for name, plugin in self._manager.list_name_plugin():
            manager.register(plugin, name=name)
        whole = gather(loaders, manager, sources=self._plugins, failures=self._unloaded)
        return attrs.evolve(whole, files=tuple(files))

    def parts(self, role: str) -> Mapping[str, Part[Any]]:
        """Return the parts of a role, sorted by name."""
        parts: Mapping[str, Part[Any]] = getattr(self, role)
        return parts

    def get(self, role: str, name: str) -> Part[Any]:
        """Return the part of this name.

        Raises:
            PluginError: the plugin of this name failed to load, or several offer this name.
            BrainplugError: no plugin offers it.
        """
        parts = self.parts(role)
        if name in parts:
            return parts[name]
        # Before "unknown": the name is known, and the cause is more use than a near name.
        for failure in self.failures:
            if failure.plugin == name and failure.role in ("", role):
                raise failure
        raise BrainplugError(f"unknown {ROLES[role]}: {name!r}; {suggestion(name, parts)}")

    def distribution(self, role: str, name: str) -> Distribution:
        """Return the distribution a part comes from."""
        return self.sources[role, name].distribution

    def origin(self, role: str, name: str) -> Origin:
        """Return where the behaviours of a part come from, for messages."""
        return Origin(role, name, str(self.distribution(role, name)))

    def build(self, role: str, name: str, **options: object) -> Any:
        """Build the behaviour of a part that no table of the recipe describes.

        Raises:
            PluginError: it takes other options, or is not of the shape of its role.
        """
        part, origin = self.get(role, name), self.origin(role, name)
        try:
            chosen = part.options(**options)
        except (TypeError, ValueError) as error:
            raise origin.raised(part.options.__name__, error) from error
        return build(part, chosen, origin)

    def make_metric(self, name: str) -> Metric:
        """Build a metric from its defaults, where a recipe or a head names it and no more."""
        metric: Metric = self.build("metrics", name)
        return metric

    def before_run(self, *, recipe: Any, folder: Path) -> None:
        """Tell every observer that a run starts; an observer that fails stops it."""
        for failure in self._observe("brainplug_before_run", recipe=recipe, folder=folder):
            raise failure

    def after_run(self, *, recipe: Any, folder: Path) -> None:
        """Tell every observer that a run has ended well; then raise the first that failed."""
        failures = list(self._observe("brainplug_after_run", recipe=recipe, folder=folder))
        if failures:
            raise failures[0]

    def on_run_error(self, *, recipe: Any, folder: Path, error: BaseException) -> None:
        """Tell every observer what stopped a run; their own failures become notes of that error."""
        for failure in self._observe(
            "brainplug_on_run_error", recipe=recipe, folder=folder, error=error
        ):
            error.add_note(str(failure))

    def _observe(self, hook: str, **facts: object) -> Iterable[PluginError]:
        """Call one observer after the other, so that a failing one is known by name."""
        plugins = dict(self._manager.list_name_plugin())
        for name, source in sorted(self._plugins.items()):
            # A call to all would end at the first that raises and not say whose it was; pluggy can
            # leave plugins out, not choose one.
            others = [plugin for other, plugin in plugins.items() if other != name]
            try:
                self._manager.subset_hook_caller(hook, others)(**facts)
            except BrainplugError:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin may do anything)
                cause = f"{hook} failed: {in_one_line(error)}{place_of(error)}"
                yield failure_of(source, cause, error)


def blame(error: BaseException) -> PluginError | None:
    """Find the plugin whose code an exception comes from, None where it is nobody's.

    What a behaviour raises is caught where it is called; this is for code that others call, such
    as the network that a model has built.
    """
    entries = list(entry_points(group=GROUP))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if is_of_file(module):
            source = Source(tell_module(module), Distribution(tell_module(module)))
            cause = f"{frame.f_code.co_name} raised {in_one_line(error)}{line_in(error, module)}"
            return failure_of(source, f"{cause}; correct it; --verbose shows where it was", error)
        # From the outside in: the first frame of a plugin is where its code was entered. Several
        # entry points may share a package; the one of this very module is meant first.
        for entry in sorted(entries, key=lambda entry: entry.module != module):
            if entry.module.partition(".")[0] == module.partition(".")[0]:
                line = line_in(error, module.partition(".")[0])
                cause = f"{frame.f_code.co_name} in {module} raised {in_one_line(error)}{line}"
                cause = f"{cause}; tell its authors; --verbose shows where it was"
                return failure_of(source_of(entry), cause, error)
    return None


def make_manager() -> pluggy.PluginManager:
    """Make a plugin manager that knows every hook of brainplug and no plugin yet."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    return manager


def load_registry(*, discover: bool = True, plugins: Iterable[object] = ()) -> Registry:
    """Load every plugin and collect its parts.

    Args:
        discover: whether installed plugins are found by their entry points.
        plugins: further plugins, modules or objects with hook implementations.
    """
    loaders = _given(plugins) + (_installed() if discover else [])
    return gather(loaders, make_manager(), sources={}, failures=())


def gather(
    loaders: Iterable[Loader],
    manager: pluggy.PluginManager,
    *,
    sources: Mapping[str, Source],
    failures: Iterable[PluginError],
) -> Registry:
    """Load plugins and collect the parts of all.

    Args:
        loaders: where each comes from, and what returns it.
        manager: has those that are loaded already, whose parts count too.
        sources: where these come from, by name.
        failures: of those that could not be loaded.
    """
    sources, unloaded = dict(sources), list(failures)
    for source, load in loaders:
        try:
            name = _register(manager, source, load)
        except PluginError as failure:
            unloaded.append(failure)
        else:
            sources.setdefault(name, source)
    found = [each for role in ROLES for each in _collect(manager, role, sources)]
    offers = [each for _, each in found if isinstance(each, Offer)]
    faults = [each for _, each in found if isinstance(each, PluginError)]
    faults += _find_idle(manager, sources, {source for source, _ in found})
    whole = _registry(manager, sources, offers, [*unloaded, *faults])
    return attrs.evolve(whole, unloaded=tuple(unloaded))


def _given(plugins: Iterable[object]) -> list[Loader]:
    """Treat plugins handed over by a program like installed ones."""
    here = Distribution("this program")
    return [
        (Source(f"{index} {type(plugin).__name__}", here), returning(plugin))
        for index, plugin in enumerate(plugins)
    ]


def _installed() -> list[Loader]:
    """Find the entry points of all installed distributions, loading none."""
    found = [(source_of(entry), entry.load) for entry in entry_points(group=GROUP)]
    # In which order packages lie on disk must not decide in which order failures are told.
    return sorted(found, key=lambda pair: (str(pair[0].distribution), pair[0].entry_point))


def _register(manager: pluggy.PluginManager, source: Source, load: Callable[[], object]) -> str:
    """Load one plugin and register it; nothing of it stays when it is not as it should be."""
    try:
        plugin = load()
    # A script that was named by mistake may end Python as it is imported.
    except (Exception, SystemExit) as error:
        raise failure_of(source, f"import failed: {in_one_line(error)}", error) from error
    known = manager.get_name(plugin)
    if known is not None:  # one module may stand behind several entry points
        return known
    name = f"{source.distribution}: {source.entry_point}"
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        cause = misspelt(manager, plugin) or miscalled(plugin) or in_one_line(error)
        # Left registered, it would fail the check of every plugin after it.
        if manager.has_plugin(name):
            manager.unregister(name=name)
        raise failure_of(source, cause, error) from error
    return name


def _collect(
    manager: pluggy.PluginManager, role: str, sources: Mapping[str, Source]
) -> Iterator[tuple[Source, Offer | PluginError]]:
    """Ask each plugin for its parts of one role, so that a failing one is known by name."""
    hook = f"brainplug_{role}"
    # One by one: pluggy's own call ends for all when one raises.
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        source = sources[implementation.plugin_name]
        line = line_of(implementation.function)
        try:
            offered = implementation.function()
            # `return Part(…)` in place of `yield`: what is meant is plain.
            parts = [offered] if isinstance(offered, Part) else offered
            if not isinstance(parts, Iterable) or isinstance(parts, str):
                cause = f"{hook} returned {told(offered)}{line}; yield each Part there"
                yield source, failure_of(source, cause)
                continue
            parts = list(parts)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin may do anything)
            cause = f"{hook} failed: {in_one_line(error)}{place_of(error) or line}"
            yield source, failure_of(source, cause, error)
            continue
        for part in parts:
            defect = find_defect(part)
            if defect is None:
                yield source, Offer(role, part, source)
            else:
                name = part.name if isinstance(part, Part) else source.entry_point
                cause = f"{defect}; it is offered by {hook}{line}"
                yield source, PluginError(str(name), str(source.distribution), cause, role=role)


def _find_idle(
    manager: pluggy.PluginManager,
    sources: Mapping[str, Source],
    heard: Collection[Source],
) -> Iterator[PluginError]:
    """Find plugins that offer nothing, and functions that look like hooks and are none."""
    for name, plugin in manager.list_name_plugin():
        source = sources[name]  # of the first entry point, where several name one module
        forgotten = [
            each
            for each in sorted(dir(plugin))
            if each.startswith("brainplug_")
            and isroutine(getattr(plugin, each))
            and not hasattr(getattr(plugin, each), MARK)
        ]
        observing = {caller.name for caller in manager.get_hookcallers(plugin) or ()} & OBSERVERS
        if forgotten:
            listed = ", ".join(forgotten)
            yield failure_of(source, f"{listed} is not called; put @hookimpl above it")
        elif source not in heard and not observing:
            yield failure_of(source, f"it offers no part and observes no run; {idle_hint(source)}")


def _registry(
    manager: pluggy.PluginManager,
    plugins: Mapping[str, Source],
    offers: Iterable[Offer],
    failures: Iterable[PluginError],
) -> Registry:
    """Order offers by role and name."""
    parts: dict[str, dict[str, Part[Any]]] = {role: {} for role in ROLES}
    sources: dict[tuple[str, str], Source] = {}
    claims: dict[tuple[str, str], list[Offer]] = {}
    for offer in sorted(offers, key=lambda offer: offer.part.name):
        claims.setdefault((offer.role, offer.part.name), []).append(offer)
    clashes = [_clash(several) for several in claims.values() if len(several) > 1]
    for (role, name), (offer, *others) in claims.items():
        if not others:  # a name that several claim is nobody's
            parts[role][name] = offer.part
            sources[role, name] = offer.source
    return Registry(
        **parts,
        failures=(*failures, *clashes),
        sources=sources,
        files=(),
        unloaded=(),
        manager=manager,
        plugins=plugins,
    )


def _clash(offers: Sequence[Offer]) -> PluginError:
    """Make the error of parts with one name; it is raised where a recipe names it."""
    role = offers[0].role
    return PluginError(
        offers[0].part.name,
        " and ".join(sorted({str(offer.source.distribution) for offer in offers})),
        f"{len(offers)} parts with one name, each a {ROLES[role]}; uninstall or rename one",
        role=role,
    )
