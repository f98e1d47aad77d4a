"""Which implementations there are, found out without importing one of them here.

Every plug-in and every package is imported in a process of its own: one that crashes, hangs or
prints while it is imported costs one line and nothing else. ConvGauge's own modules share one,
unless something is wrong with any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from suite.conditions import Scenario
from suite.declaration import Declaration
from suite.errors import UsageError, did_you_mean
from suite.processes.interpreter import Interpreter
from suite.processes.peer import Peer, ProcessFailed
from suite.registry.description import Describe, Description
from suite.registry.sources import Source, builtin_sources, installed_sources

IMPORT_TIMEOUT_S = 60.0
SERIES = 4
"""So many rows on request that differ by a number alone are listed as one."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An implementation as its source describes it."""

    declared: Declaration
    source: Source
    unavailable: str | None
    unsupported: Mapping[str, str]
    """Scenario → why it does not cover it, of those that were asked about."""

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def family(self) -> str:
        return self.declared.family

    @property
    def file(self) -> str:
        return self.declared.source


@dataclass(frozen=True)
class Catalogue:
    entries: tuple[Entry, ...]
    failures: tuple[str, ...]
    """One line for each source that does not import."""

    def listed(self) -> dict[str, Entry]:
        """Return the entries by name, numbered series that nobody runs unasked as one each."""
        series: dict[str, list[Entry]] = {}
        for entry in self.entries:
            stem = entry.name.rstrip("0123456789") if entry.declared.on_request else entry.name
            series.setdefault(stem, []).append(entry)
        shown = {}
        for stem, entries in series.items():
            if len(entries) < SERIES:
                shown.update({entry.name: entry for entry in entries})
            else:
                last = entries[-1].name.removeprefix(stem)
                shown[f"{entries[0].name} … {last}"] = entries[0]
        return shown

    def select(self, patterns: Sequence[str], *, asked_by: str) -> list[Entry]:
        """Return the entries whose names match any of the globs.

        Without patterns all, but for those that run on request only.

        Args:
            asked_by: what the patterns were given by, for the message.

        Raises:
            UsageError: a pattern that matches nothing.
        """
        for pattern in patterns:
            if not any(fnmatchcase(entry.name, pattern) for entry in self.entries):
                names = [entry.name for entry in self.entries]
                raise UsageError(
                    f"{asked_by} {pattern}: no implementation of that name."
                    f"{did_you_mean(pattern, names)} There are: {', '.join(self.listed())}"
                )
        return [
            entry
            for entry in self.entries
            if (not patterns and not entry.declared.on_request)
            or any(fnmatchcase(entry.name, pattern) for pattern in patterns)
        ]


def read_catalogue(
    tree: Path,
    plugins: Sequence[Path],
    log: Path,
    scenarios: Sequence[Scenario] = (),
    interpreter: Interpreter | None = None,
) -> Catalogue:
    """Describe everything in `tree`, in installed packages and in plug-in files.

    Args:
        scenarios: what to ask each implementation about, so that no process has to be started
            for a cell that it does not cover.
        interpreter: what to ask them with; None: a fork of this process.

    Raises:
        UsageError: a plug-in file that was asked for cannot be used, or registers nothing; two
            sources that register the same name, both files named.
    """
    named = [Source(str(plugin.resolve())) for plugin in plugins]
    require_files(plugins)
    asked = describe(named, log, scenarios, interpreter)
    fruitful = {entry.source for entry in asked.entries}
    idle = [source for source in named if source not in fruitful and not asked.failures]
    if faults := [*asked.failures, *map(_registers_nothing, idle)]:
        raise UsageError("\n".join(faults))
    sources = [*builtin_sources(tree), *installed_sources()]
    usual = describe(sources, log, scenarios, interpreter)
    catalogue = Catalogue((*usual.entries, *asked.entries), usual.failures)
    _refuse_duplicates(catalogue.entries)
    return catalogue


def require_files(plugins: Iterable[Path]) -> None:
    """Refuse plug-in files that are not there, before any process is started.

    Raises:
        UsageError: all of them.
    """
    absent = [plugin.resolve() for plugin in plugins if not plugin.is_file()]
    if absent:
        raise UsageError("\n".join(f"{plugin}: no such plug-in file" for plugin in absent))


def describe(
    sources: Sequence[Source],
    log: Path,
    scenarios: Sequence[Scenario] = (),
    interpreter: Interpreter | None = None,
) -> Catalogue:
    """Import the sources, each where it can harm no other, and collect what they registered."""
    request = Describe(scenarios=tuple(scenarios))

    def ask(some: Sequence[Source]) -> tuple[Description, ...]:
        return _ask(some, request, log, interpreter)

    together = _described_together([s for s in sources if s.is_builtin], ask)
    entries: list[Entry] = []
    failures: list[str] = []
    for source in sources:
        try:
            description = together.get(source) or ask([source])[0]
        except ProcessFailed as failed:
            failures.append(f"{source.location}: does not import: {failed.reason}")
            continue
        if description.failure:
            failures.append(description.failure)
        entries += [
            Entry(
                declared=described.declared,
                source=source,
                unavailable=described.unavailable,
                unsupported=described.unsupported,
            )
            for described in description.implementations
        ]
    return Catalogue(tuple(entries), tuple(failures))


def _described_together(
    sources: Sequence[Source], ask: Callable[[Sequence[Source]], tuple[Description, ...]]
) -> dict[Source, Description]:
    """Return what sources say in one process, a third of the work; nothing if any of them fails.

    Imported apart it then is told of each what it does by itself.
    """
    if not sources:
        return {}
    try:
        descriptions = ask(sources)
    except ProcessFailed:
        return {}
    if any(description.failure for description in descriptions):
        return {}
    return dict(zip(sources, descriptions, strict=True))


def _ask(
    sources: Sequence[Source], request: Describe, log: Path, interpreter: Interpreter | None
) -> tuple[Description, ...]:
    """Return what sources say in a process of their own.

    Raises:
        ProcessFailed: it died, hung, or did not answer for all of them.
    """
    name = sources[0].location if len(sources) == 1 else "implementations"
    target = "suite.registry.process:describe"
    peer = Peer(target, *sources, name=name, log=log, interpreter=interpreter)
    try:
        descriptions = peer.ask(request, timeout_s=IMPORT_TIMEOUT_S).of_sources
    finally:
        peer.close()
    if len(descriptions) != len(sources):
        raise ProcessFailed("error", f"described {len(descriptions)} of {len(sources)} sources")
    return descriptions


def _refuse_duplicates(entries: Iterable[Entry]) -> None:
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in first:
            raise UsageError(
                f'the name "{entry.name}" is taken: {first[entry.name].file} registers it, '
                f"{entry.file} wants it too; choose another name"
            )
        first[entry.name] = entry


def _registers_nothing(source: Source) -> str:
    """Return what to say of a plug-in that offers nothing, with what to write into it."""
    from suite.registry.guessing import guessed, likely_function  # noqa: PLC0415 - here alone

    path = Path(source.location)
    decorator, function = '@register("NAME")', "the function"
    if candidate := likely_function(path):
        decorator = guessed(candidate.parameters).decorator(candidate.name)
        function = candidate.name
    return (
        f"{path}: registers nothing, so there is nothing to run; write "
        f"`from suite import register` into it, and {decorator} above {function}"
    )
