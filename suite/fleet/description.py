"""What a worker is: its machine, its versions, what it would measure; and who is unlike whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suite.conditions import Scenario
from suite.ranges import Misfit
from suite.records import from_plain, parse
from suite.results.comparable import comparability, fingerprint

FILE = "described.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedRow:
    """An implementation that a worker would measure."""

    name: str
    family: str
    is_own: bool
    """Whether a plug-in file registers it."""
    unavailable: str | None = None
    module: str = ""
    """Where it is registered."""
    kinds: tuple[str, ...] = ("conv2d",)
    """Of problems that it computes."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a worker said of itself, by its own ConvGauge."""

    manifest: Mapping[str, Any]
    """As its own run would begin with it."""
    rows: tuple[DescribedRow, ...]
    """Those that were asked for, as it knows them; the reference is among them."""
    scenarios: tuple[str, ...]
    """Ids, as it reads the files."""

    @property
    def machine(self) -> str:
        return str(self._facts.get("hostname") or "unknown")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._facts)

    @property
    def words(self) -> str:
        """The machine in a few words: processor, cores, GPU, torch."""
        facts = self._facts
        parts = [facts.get("cpu"), f"{facts.get('cores')} cores", facts.get("gpu")]
        parts += [f"torch {facts.get('torch')}", f"ConvGauge {self.version}"]
        return ", ".join(str(part) for part in parts if part)

    @property
    def threads(self) -> int | None:
        """Of every implementation, unless somebody says otherwise; None where it is not told."""
        settings = self.manifest.get("settings")
        told = settings.get("threads") if isinstance(settings, dict) else None
        return told if isinstance(told, int) and told > 0 else None

    @property
    def version(self) -> str:
        """ConvGauge's, with the revision where it is a checkout."""
        revision = str(self.manifest.get("git_revision") or "")
        changed = " with changes" if self.manifest.get("git_dirty") else ""
        version = str(self.manifest.get("convgauge_version"))
        return f"{version} ({revision[:10]}{changed})" if revision else version

    @property
    def _facts(self) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = self.manifest.get("machine") or {}
        return facts


@dataclass(frozen=True)
class _AsRun:
    """A worker as `comparability` looks at runs."""

    manifest: Mapping[str, Any]
    results: Sequence[Any]


@dataclass(frozen=True)
class _AsCell:
    scenario: Scenario
    family: str
    threads: None = None


def read_description(text: str) -> Description:
    """Return what a worker wrote of itself.

    Raises:
        Misfit: it is no description.
    """
    try:
        plain = parse(text)
        rows = from_plain(tuple[DescribedRow, ...], plain["rows"])
        scenarios = from_plain(tuple[str, ...], plain["scenarios"])
        manifest = plain["manifest"]
    except (KeyError, TypeError, ValueError) as error:
        raise Misfit(f"no description of a worker: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("machine"), dict):
        raise Misfit("no description of a worker: no manifest in it")
    return Description(manifest=manifest, rows=rows, scenarios=scenarios)


def why_unlike(first: Description, other: Description, scenarios: Sequence[Scenario]) -> str:
    """Return what keeps two workers from measuring parts of one run, or an empty text.

    Args:
        scenarios: that they would measure: what only times on a GPU depend on counts for those.
    """
    families = {row.family for row in first.rows}
    samples = {scenario.device: scenario for scenario in scenarios}.values()
    cells = [_AsCell(scenario, family) for scenario in samples for family in families]
    runs = [_AsRun(one.manifest, cells) for one in (first, other)]
    parts = [
        comparability(*runs).why_not,
        "" if first.version == other.version else f"ConvGauge {first.version} and {other.version}",
        _unlike_rows(first, other),
        "" if first.scenarios == other.scenarios else "the same files read as other scenarios",
    ]
    return "; ".join(filter(None, parts))


def _unlike_rows(first: Description, other: Description) -> str:
    usable = [{r.name for r in one.rows if r.unavailable is None} for one in (first, other)]
    texts = []
    for there, elsewhere, which in ((0, 1, "only the first"), (1, 0, "only the other")):
        if names := sorted(usable[there] - usable[elsewhere]):
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            texts.append(f"{which} has {', '.join(names[:3])}{more}")
    return ", ".join(texts)
