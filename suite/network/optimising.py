"""Make a network's convolutions faster on this machine, without ever making it slower or wrong."""

from __future__ import annotations

import contextlib
import multiprocessing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suite.machine.alone import alone
from suite.measuring import noise
from suite.network.asking import Wish
from suite.network.bench import ArmFailed, Configuration
from suite.network.benches import Benches, benches_for
from suite.network.budgeting import TimeBudget
from suite.network.choosing import TOO_LARGE
from suite.network.committing import Origin, commit, origin_of, without_rows
from suite.network.concluding import outcome_of_layer, verdict_on, whole_pass
from suite.network.preparing import Prepared, prepared
from suite.network.proving import Blocks
from suite.network.settling import NOT_SURE, Settled, settle
from suite.network.survey import Survey
from suite.network.task import LeftAlone, Task, Watch
from suite.network.trying import affordable, try_rows, verify
from suite.network.twin import CannotCopy, Inputs, copied, twin_of
from suite.network.variant import Variant, fitted, take_known, verify_whole
from suite.processes.scratch import scratch_folder
from suite.results.network import LayerOutcome, NetworkOutcome


def optimise(
    model: nn.Module,
    inputs: Inputs,
    wish: Wish,
    *,
    watch: Watch = lambda _: None,
    say: Watch = lambda _: None,
) -> NetworkOutcome:
    """Change a network in place for the better, or leave it as it was; return what was done.

    Args:
        watch: told what is being done.
        say: tells the user whom we wait for, if another run measures on this machine.

    Raises:
        UsageError: the network cannot be run with these inputs.
    """
    with torch.inference_mode(False):  # copies of weights made in it could not be packed
        configuration, outcome = _found(_Optimising(model, inputs, wish, watch), say)
        origin = origin_of(model)
        without_rows(model)
        commit(model, configuration, outcome, origin)
    return outcome


def optimised_copy(
    model: nn.Module,
    inputs: Inputs,
    wish: Wish,
    *,
    watch: Watch = lambda _: None,
    say: Watch = lambda _: None,
) -> nn.Module:
    """Return a folded copy of a network, changed for the better; it itself stays as it is.

    Where nothing is to be gained the copy is a plain one; where none can be made, the network.

    Args, Raises: as `optimise`.
    """
    with torch.inference_mode(False):
        optimising = _Optimising(model, inputs, wish, watch)
        configuration, outcome = _found(optimising, say)
        copy = optimising.copy_for(outcome)
        if copy is None:
            without_rows(model)
            commit(model, {}, outcome)
            return model
        commit(copy, configuration, outcome, origin_of(model) or Origin(model))
    return copy


def found(
    model: nn.Module,
    inputs: Inputs,
    wish: Wish,
    *,
    watch: Watch = lambda _: None,
    say: Watch = lambda _: None,
) -> tuple[Configuration, NetworkOutcome]:
    """Return what is to be replaced in a network, and what that was measured to come to.

    The network itself is left as it is; see `optimise`.
    """
    return _found(_Optimising(model, inputs, wish, watch), say)


def _found(optimising: _Optimising, say: Watch) -> tuple[Configuration, NetworkOutcome]:
    """Return what to replace, nothing perhaps, and all that is known of it."""
    try:
        if not optimising.measures:
            return optimising.run(None)
        with alone(say), scratch_folder() as folder:
            return optimising.run(folder)
    except LeftAlone as why:
        return {}, optimising.left_alone(why)


class _Optimising:
    """One call of `optimise`, up to the last step."""

    def __init__(self, model: nn.Module, inputs: Inputs, wish: Wish, watch: Watch) -> None:
        self._task = Task(model, copied(inputs), wish, TimeBudget(wish.budget_s), watch)
        self._given: Prepared | None = None

    @property
    def measures(self) -> bool:
        return self._task.wish.budget_s > 0

    def run(self, folder: Path | None) -> tuple[Configuration, NetworkOutcome]:
        """Return what to replace, and all that is known of it.

        Args:
            folder: for files of processes that measure; None measures nothing.

        Raises:
            LeftAlone, UsageError: see there.
        """
        if folder is not None and multiprocessing.current_process().daemon:
            raise LeftAlone(
                "rows are measured in processes of their own, and this one, daemonic, may start "
                "none; optimise in the main process, or with budget_s=0"
            )
        task, given = self._task, prepared(self._task)
        self._given = given
        if folder is None:
            for variant in given.variants:
                take_known(variant, task.threads)
                verify(task, given, variant)
            return self._concluded(given, given.variants[0], None)
        try:
            with task.time.starting():
                benches = _made_benches(task, given, folder)
            with contextlib.closing(benches):
                variants = affordable(task, given.variants, benches)
                try_rows(task, given, variants, benches, folder)
                variant, settled = _settle(task, given, variants, benches)
        except ArmFailed as failed:
            reason = f"it failed while it was measured: {failed}"
            raise LeftAlone(reason, given.survey) from failed
        return self._concluded(given, variant, settled)

    def copy_for(self, outcome: NetworkOutcome) -> nn.Module | None:
        """Return the copy of the network that an outcome is about; None where none can be made."""
        if self._given is not None and self._given.folded is not None and outcome.is_folded:
            return self._given.folded.model
        model = self._task.model
        try:
            copy = twin_of(model)
        except CannotCopy:
            return None
        for module, own in zip(copy.modules(), model.modules(), strict=True):
            module.training = own.training
        return without_rows(copy)

    def left_alone(self, why: LeftAlone) -> NetworkOutcome:
        """Return the outcome where nothing was done."""
        outcomes = [
            LayerOutcome(layer=layer.path, reason=layer.reason or "the model is left as it was")
            for layer in (why.survey.layers if why.survey else ())
        ]
        return self._outcome(why.survey, outcomes, verdict=str(why))

    def _concluded(
        self, given: Prepared, variant: Variant, settled: Settled | None
    ) -> tuple[Configuration, NetworkOutcome]:
        task = self._task
        verify_whole(variant, task.inputs, given.reference, task.wish.tolerance)  # as it is left
        blocks = settled.blocks if settled else Blocks()
        is_folded = given.folded is not None and (settled is None or settled.is_faster)
        parts = given.folded.parts if given.folded is not None and is_folded else {}
        if given.folded is not None and is_folded:
            task.remarks.extend(given.folded.limits)
        layers = [
            outcome_of_layer(variant, layer, blocks, parts.get(layer.path, ()))
            for layer in variant.survey.layers
        ]
        is_changed = variant.chosen or variant.memory_format is not None or is_folded
        outcome = self._outcome(
            given.survey,
            layers,
            verdict=verdict_on(variant, settled, is_folded=is_folded),
            memory_format=variant.memory_format,
            is_folded=is_folded,
            whole=whole_pass(settled) if settled else None,
            error=variant.error if is_changed else None,
            torch_error=given.reference.torch_error if is_changed else None,
        )
        return variant.configuration, outcome

    def _outcome(
        self, there: Survey | None, layers: list[LayerOutcome], **known: Any
    ) -> NetworkOutcome:
        functional = there.functional if there else ()
        called = [LayerOutcome(layer=path, reason=reason) for path, reason in functional]
        return NetworkOutcome(
            layers=(*layers, *called),
            threads=self._task.threads,
            torch=torch.__version__,
            took_s=self._task.time.took_s,
            remarks=tuple(self._task.remarks),
            **known,
        )


def _made_benches(task: Task, given: Prepared, folder: Path) -> Benches:
    """Return where to measure, after a look at who else is on this machine."""
    if warning := noise.measure(folder / "noise.log", task.threads).warning:
        task.remarks.append(f"{warning}; optimise again when the machine is idle")
    model, original = given.twin, None
    if given.folded is not None:
        model, original = given.folded.model, given.twin
    benches, remark = benches_for(model, task.inputs, folder, task.threads, original)
    if remark:
        task.remarks.append(remark)
    return benches


def _settle(
    task: Task, given: Prepared, variants: list[Variant], benches: Benches
) -> tuple[Variant, Settled]:
    """Return the variant to take, with what of it is kept, and what that was measured to be."""
    by_format = {variant.memory_format: variant for variant in variants}
    settled = settle(
        benches,
        {memory_format: variant.configuration for memory_format, variant in by_format.items()},
        lambda memory_format, rest: fitted(by_format[memory_format], rest),
        task.time.until,
        task.watch,
        is_folded=given.folded is not None,
    )
    taken = by_format.get(settled.memory_format, given.own)
    if settled.memory_format not in by_format:  # the only one that was tried gained nothing
        taken.reasons |= variants[0].reasons
    for path, reason in settled.reasons.items():
        taken.leave(path, reason)
    for path in taken.chosen.keys() - settled.configuration.keys():
        taken.leave(path, TOO_LARGE if settled.is_faster else NOT_SURE)
    return taken, settled
