"""What `gate --base --model` compares: a user's model, as each revision builds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

from commands._gate_layers import Compared, Revisions, names_in, read_both, refuse_new_failures
from commands._networks import by_threads, model_file, surveyed
from commands._preparing import ChosenScenarios
from reports.progress import waiting
from suite.capture import Target
from suite.errors import NotComparable, UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.inventory import is_own, take_stock
from suite.gate.networks import Place
from suite.gate.revision import Repository
from suite.gate.run import Trees
from suite.measuring import new_run, selection
from suite.model_runs.arms import CHOSEN_BY_MEASURING, USUAL_REFERENCE, rows_by_force, ways
from suite.registry.catalogue import Catalogue, describe
from suite.registry.sources import builtin_sources
from suite.results.request import AskedFile, GateRequest
from suite.workload import NetworkScenario


def _refuse_chosen(patterns: Sequence[str]) -> None:
    for name in CHOSEN_BY_MEASURING:
        if name in patterns:
            raise UsageError(
                f"--impl {name}: chooses rows by measuring, by chance others on each side, so that "
                "no two revisions of it can be told apart; name rows or ways that are one each: "
                f"--impl {USUAL_REFERENCE}, --impl channels_last, --impl 'winograd*'"
            )


def models(
    request: GateRequest,
    repository: Repository,
    checkouts: Checkouts,
    revisions: Revisions,
    log: Path,
    console: Console,
) -> Compared:
    """Run the model of each revision once, and find the arms that both have.

    Raises:
        UsageError: the model of head cannot be run.
        NotComparable: that of the base cannot, or is not there.
    """
    assert request.model is not None
    base, head, trees = revisions.base, revisions.head, revisions.trees
    plugins = revisions.plugins
    _refuse_chosen(request.implementations)
    target = Target.parse(request.model.path)
    is_inside = _is_inside(target, repository, trees, request.model)
    is_of_rows = bool(plugins) or (is_own(trees.head) and bool(request.implementations))
    if not is_inside and not is_of_rows:
        raise UsageError(
            f"--model {request.model}: outside the repository {repository.root}, so both revisions "
            "would run the same code; name its own repository with --repo DIR, or rows of this one "
            "that are to compute it: --plugin FILE"
        )
    facts = new_run.torch_facts(log)

    def run_once(tree: Path, revision: str) -> NetworkScenario:
        with waiting(f"running {request.model} of {revision} once", console):
            return _surveyed(request, target, checkouts, tree, log)

    try:
        new = run_once(trees.head, head.name)
    except UsageError as error:
        raise UsageError(f"head {head.name}: {checkouts.shorten(str(error))}") from error
    try:
        old = run_once(trees.base, base.name)
    except UsageError as error:
        raise NotComparable(
            f"base {base.name}: {checkouts.shorten(str(error))}\n"
            f"  head {head.name} has it; give a --base that has it, too"
        ) from error
    olds, news = by_threads(old, request), by_threads(new, request)
    base_rows, head_rows = _rows(request, revisions, log)
    of_base, of_head = (
        Catalogue((*ways(scenarios), *rows_by_force(rows, scenarios)), rows.failures)
        for scenarios, rows in ((olds, base_rows), (news, head_rows))
    )
    patterns = list(request.implementations)
    if not patterns:
        patterns = names_in(plugins, (*base_rows.entries, *head_rows.entries))
        patterns += [USUAL_REFERENCE] if is_inside else []
    settled = dataclasses.replace(
        request, device="cpu", threads=selection.chosen_threads(request.threads)
    )
    return Compared(
        chosen=ChosenScenarios(
            request=settled, files=(model_file(request.model),), scenarios=[*olds], facts=facts
        ),
        inventory=take_stock(
            _without_choices(of_base),
            _without_choices(of_head),
            patterns or [USUAL_REFERENCE],
            asked_by="--impl",
        ),
        catalogue=of_head,
        notes=of_base.failures,
        of_head={scenario.id: scenario for scenario in news},
    )


def _without_choices(catalogue: Catalogue) -> Catalogue:
    entries = (entry for entry in catalogue.entries if entry.name not in CHOSEN_BY_MEASURING)
    return Catalogue(tuple(entries), catalogue.failures)


def _is_inside(target: Target, repository: Repository, trees: Trees, asked: AskedFile) -> bool:
    """Return whether the model's code is of the repository, so that each revision has its own.

    Raises:
        UsageError: it is in neither.
        NotComparable: it is in one of them only.
    """
    if target.module.endswith(".py"):
        inside = repository.inside(Path(target.module))
        if inside is None:
            return False
        places = [inside]
    else:
        folder = repository.inside(Path.cwd())
        if folder is None:
            return False
        parts = Path(*target.module.split("."))
        files = (parts.with_suffix(".py"), parts / "__init__.py")
        places = [above / file for above in (folder, Path("src")) for file in files]
    has_base, has_head = (
        any((tree / place).is_file() for place in places) for tree in (trees.base, trees.head)
    )
    if has_base != has_head:
        side, other = ("base", "head") if has_base else ("head", "base")
        raise NotComparable(f"--model {asked}: only {side} has {places[0]}; {other} does not")
    if not has_base and target.module.endswith(".py"):
        raise UsageError(
            f"--model {asked}: in neither revision of {repository.root}; does .gitignore name it?"
        )
    return has_base


def _surveyed(
    request: GateRequest,
    target: Target,
    checkouts: Checkouts,
    tree: Path,
    log: Path,
) -> NetworkScenario:
    """Run a revision's model once; return it under the names that the user's own files have."""
    here = Place(target.module, str(Path.cwd()))
    there = here.within(checkouts.root, tree)
    scenario = surveyed(
        request,
        Target(there.module, target.name),
        log,
        folder=Path(there.folder),
        tree=None if there.tree is None else Path(there.tree),
    )
    network = dataclasses.replace(scenario.problem, **here._asdict())
    return dataclasses.replace(scenario, problem=network)


def _rows(request: GateRequest, revisions: Revisions, log: Path) -> tuple[Catalogue, Catalogue]:
    """Return the rows that may compute it by force, where anybody asks for any.

    Those of the repository, if it is ConvGauge's own, and of plug-ins are of each revision; what
    is installed is the same on both sides.
    """
    usual = [entry.name for entry in ways(())]
    are_ways = all(any(fnmatchcase(n, one) for n in usual) for one in request.implementations)
    if are_ways and not revisions.plugins:
        return Catalogue((), ()), Catalogue((), ())
    installed = Catalogue((), ())
    own = is_own(revisions.trees.head)
    if not own:
        installed = describe(builtin_sources(new_run.TREE), log)
    if not revisions.plugins and not own:
        return installed, installed
    old, new = read_both(revisions, log)
    refuse_new_failures(old, new)
    known = {entry.name for entry in (*old.entries, *new.entries)}
    others = tuple(entry for entry in installed.entries if entry.name not in known)
    return (
        Catalogue((*old.entries, *others), old.failures),
        Catalogue((*new.entries, *others), new.failures),
    )
