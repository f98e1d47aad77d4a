"""A command on many machines: what travels, who is there, and the lanes in which they work.

The command's own words go to each worker's own ConvGauge, about scenarios that this side hands out.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._fleet_view import FleetView
from commands._options import add_switch
from commands._preparing import load
from commands.arguments import Parser
from reports.progress import waiting
from suite.conditions import Scenario
from suite.errors import NotComparable, UsageError
from suite.fleet.conversation import Conversation
from suite.fleet.description import FILE, Description, why_unlike
from suite.fleet.dispatch import Dispatcher, Lane
from suite.fleet.hosts import HostsFile
from suite.fleet.patience import Patience
from suite.fleet.transport import CONNECT_S, SchedulerGone, connected
from suite.fleet.where import Local, Where, parse_where
from suite.fleet.work import Texts
from suite.fleet.workers import Doing, Worker
from suite.measuring import selection
from suite.messages.fleet import Job
from suite.registry.catalogue import require_files
from suite.results.request import AskedFile, Request
from suite.scenario import ScenarioFile

ALL_LOCAL_S = 60.0
"""For workers that were started here to come: each imports Dask first."""


def add_on(parser: Parser) -> None:
    """Add what says that other machines do it."""
    parser.add_argument(
        "--on",
        metavar="WHERE",
        help="measure on many machines: local:N, tcp://HOST:PORT or tls://… of a Dask scheduler, "
        "or a file such as hosts.yaml (docs/fleet.md)",
    )
    add_switch(
        parser,
        "--each",
        "with --on: every different machine measures everything, and one page compares them",
    )
    add_switch(
        parser,
        "--split",
        "with --on: divide the scenarios among machines, which have to be alike (the default)",
    )


def refuse_halves(options: argparse.Namespace) -> None:
    """Stop where the options about many machines do not go together.

    Raises:
        UsageError: it says what to add or leave out.
    """
    if options.on and getattr(options, "no_wait", None):
        raise UsageError("--no-wait is about this machine, --on about others; leave one out")
    if options.split and options.each:
        raise UsageError("--split and --each exclude each other; leave one out")
    for name in ("split", "each"):
        if getattr(options, name) and not options.on and not getattr(options, "resume", None):
            raise UsageError(f"--{name} is about many machines; add --on WHERE")


@dataclass(frozen=True)
class Asked:
    """What many machines are asked, as this side reads it."""

    where: Where
    files: tuple[ScenarioFile, ...]
    scenarios: list[Scenario]
    """Chosen, on no device yet: the machines have them."""
    texts: Texts
    sent: Request
    """The request as it is sent: its files where they lie in a job's folder."""


def asked_of_many(request: Request, on: str) -> Asked:
    """Read what was asked for, files and all; nothing is reached or started yet.

    Args:
        request: as one machine is asked, about all scenarios and without an end.

    Raises:
        UsageError: see `parse_where` and `load_files`; a plug-in that is not there.
    """
    where = parse_where(on)
    require_files([Path(str(plugin)) for plugin in request.plugins])
    files = load(request.files, yes=request.yes)
    everything = [scenario for file in files for scenario in file.scenarios]
    chosen = selection.chosen_scenarios(everything, request.scenarios, asked_by="--scenario")
    if stored := next((s for s in chosen if s.stored_values is not None), None):
        raise UsageError(
            f"{stored.id}: its stored_values are a file of this machine, which is not sent to "
            "others; leave it out here with --scenario, or measure it without --on"
        )
    by_path, places = {}, []
    for number, file in enumerate(files):
        folder = f"scenarios{number}"
        by_path[f"{folder}/{file.path.name}"] = file.text
        by_path |= {f"{folder}/{name}": text for name, text in _tables(file)}
        places.append(_at(f"{folder}/{file.path.name}"))
    plugins = []
    for number, plugin in enumerate(request.plugins):
        path = f"plugins{number}/{Path(plugin.path).name}"
        by_path[path] = _text_of(Path(plugin.path))
        plugins.append(_at(path))
    sent = replace(request, files=tuple(places), plugins=tuple(plugins))
    return Asked(where, files, chosen, Texts(by_path), sent)


def _at(path: str) -> AskedFile:
    return AskedFile(path, path)


def _tables(file: ScenarioFile) -> Iterator[tuple[str, str]]:
    """Yield the tables that a scenario file reads: names beside it, and texts."""
    import yaml  # noqa: PLC0415 - loaded since the file was read

    section = (
        yaml.load(file.text, yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader) or {}
    ).get("layers_from") or {}
    if name := section.get("file"):
        yield name, _text_of(file.path.parent / name)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text, so it cannot be sent: {error.reason}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def words_for(sent: Request, scenarios: Sequence[str], rows: Sequence[str]) -> list[str]:
    """Return the command's words about some scenarios and, if any are named, some rows alone."""
    about = replace(sent, scenarios=tuple(map(glob.escape, scenarios)))
    if rows:
        about = replace(about, implementations=tuple(map(glob.escape, rows)))
    return about.words()


@contextlib.contextmanager
def assembled(
    asked: Asked,
    console: Console,
    unit: str,
    *,
    exclusive: bool = True,
    patience: Patience | None = None,
) -> Iterator[tuple[Dispatcher, list[Worker]]]:
    """Give the fleet, its workers described, for as long as the block lasts.

    Args:
        unit: what is counted: cells or checks.
        exclusive: whether one worker at a time is at work on a machine.

    Raises:
        UsageError: it cannot be reached; no worker came, or none that can work.
    """
    description = Job(
        words=tuple(asked.sent.words()),
        files=asked.texts.sent,
        records=FILE,
        variables={},
        waits=False,
        describes=True,
    )
    view = FleetView(console, unit, exclusive=exclusive)

    def say(text: str) -> None:
        console.print(text, style="yellow", soft_wrap=True)

    with contextlib.ExitStack() as stack:
        with waiting("starting workers", console):
            transport = stack.enter_context(connected(asked.where, say))
        patience = patience or Patience()
        conversation = Conversation(transport, asked.texts, patience)
        fleet = Dispatcher(conversation, description, view.watch, patience)
        least, most_s = 1, CONNECT_S
        if isinstance(asked.where, Local):
            least, most_s, fleet.alike_by_host = asked.where.workers, ALL_LOCAL_S, True
        try:
            with waiting("asking the workers what they are", console):
                ready = fleet.assemble(least, most_s)
        except SchedulerGone as gone:
            raise UsageError(f"the scheduler went away: {gone}") from gone
        if not ready:
            raise _nobody(fleet)
        stack.enter_context(view)
        yield fleet, ready


def _nobody(fleet: Dispatcher) -> UsageError:
    aside = [w for w in fleet.workers.values() if w.doing is Doing.SET_ASIDE]
    if not aside:
        return UsageError(
            f"no worker within {CONNECT_S:g} s; start one on each machine, with its own ConvGauge: "
            "dask worker SCHEDULER --nthreads 1 --no-nanny (docs/fleet.md)"
        )
    lines = [f"{worker.name} ({worker.address}): {worker.why}" for worker in aside]
    return UsageError("\n".join(["no worker can do it:", *lines]))


def refuse_unlike(ready: Sequence[Worker], scenarios: Sequence[Scenario]) -> Description:
    """Return what all workers are, where they are alike.

    Raises:
        NotComparable: they are not; names each that is unlike the first, and what differs.
    """
    first = _described(ready[0])
    lines = [
        f"{worker.name} ({worker.address}): {why}"
        for worker in ready[1:]
        if (why := why_unlike(first, _described(worker), scenarios))
    ]
    if lines:
        raise NotComparable(
            f"one run cannot be divided among unlike machines; the first is {ready[0].name} "
            f"({ready[0].address}): {first.words}\n"
            + "\n".join(lines)
            + "\n--each measures everything on every one of them and compares; or take these out"
        )
    return first


def _described(worker: Worker) -> Description:
    assert worker.description is not None
    return worker.description


def admit_to(lane: Lane, like: Description, scenarios: Sequence[Scenario], worker: Worker) -> Any:
    """Return the lane for a worker that is like the others, or why it is not."""
    if why := why_unlike(like, _described(worker), scenarios):
        return f"unlike the machines that began: {why}"
    return lane


def admit_to_kind(
    scenarios: Sequence[Scenario],
    kinds: dict[str, tuple[Lane, Description]],
    make: Callable[[str, Description], Lane],
    worker: Worker,
) -> Lane:
    """Return the lane of the machines that are like a worker's; made for the first of a kind.

    Args:
        kinds: name → the lane, and what its machines are like.
        make: the lane of a new kind, which gets the name of its first machine.
    """
    like = _described(worker)
    for lane, first in kinds.values():
        if not why_unlike(first, like, scenarios):
            return lane
    name, number = worker.machine, 2
    while name in kinds:
        name, number = f"{worker.machine}-{number}", number + 1
    lane = make(name, like)
    kinds[name] = lane, like
    return lane


def hosts_of(where: Where) -> HostsFile | None:
    return where if isinstance(where, HostsFile) else None
