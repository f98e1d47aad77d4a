"""Make a network's convolutions faster on this machine, without ever making it slower or wrong."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suite.errors import UsageError
from suite.machine.alone import alone
from suite.measuring import noise
from suite.modules.refusals import why_not
from suite.network import refusing, remembering
from suite.network.asking import Wish
from suite.network.bench import ArmFailed, Configuration, apply
from suite.network.benches import Benches, benches_for
from suite.network.budgeting import TimeBudget
from suite.network.candidates import Rows
from suite.network.choosing import TOO_LARGE, Contest
from suite.network.committing import Origin, commit, origin_of, without_rows
from suite.network.concluding import outcome_of_layer, verdict_on, whole_pass
from suite.network.folding.attempt import attempt
from suite.network.folding.folding import Folded
from suite.network.proving import Blocks
from suite.network.settling import Settled, settle
from suite.network.survey import Survey, survey
from suite.network.twin import (
    CannotCopy,
    Inputs,
    copied,
    in_format,
    run,
    sharing,
    twin_of,
)
from suite.network.variant import Variant, fitted, take_known, verify_layers
from suite.network.verifying import Reference, reference_of
from suite.operands.tensors import FORMATS
from suite.processes.scratch import scratch_folder
from suite.results.network import LayerOutcome, NetworkOutcome

Watch = Callable[[str], None]


class LeftAlone(Exception):
    """Nothing of the network is to be changed; the text says why."""


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
    except LeftAlone as reason:
        return {}, optimising.left_alone(str(reason))


class _Optimising:
    """One call of `optimise`, up to the last step."""

    def __init__(self, model: nn.Module, inputs: Inputs, wish: Wish, watch: Watch) -> None:
        self._model = model
        self._inputs = copied(inputs)
        self._wish = wish
        self._watch = watch
        self._threads = torch.get_num_threads()
        self._time = TimeBudget(wish.budget_s)
        self._twin: nn.Module
        """A copy, as the network was given."""
        self._folded: Folded | None = None
        """The copy again, if it could be folded."""
        self._survey: Survey | None = None
        self._reference: Reference
        self._remarks: list[str] = []

    @property
    def measures(self) -> bool:
        return self._wish.budget_s > 0

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
        variants = self._variants()
        settled: Settled | None = None
        if folder is None:
            for variant in variants:
                take_known(variant, self._threads)
            self._verify(variants)
            variant = variants[0]
        else:
            try:
                with self._time.starting():
                    benches = self._made_benches(folder)
                with contextlib.closing(benches):
                    variants = self._affordable(variants)
                    self._try_rows(variants, benches, folder)
                    settled = self._settle(variants, benches)
            except ArmFailed as failed:
                raise LeftAlone(f"it failed while it was measured: {failed}") from failed
            variant = next(v for v in variants if v.memory_format == settled.memory_format)
        return self._concluded(variant, settled)

    def left_alone(self, reason: str) -> NetworkOutcome:
        """Return the outcome where nothing was done."""
        layers = self._survey.layers if self._survey else ()
        outcomes = [
            LayerOutcome(layer=layer.path, reason=layer.reason or "the model is left as it was")
            for layer in layers
        ]
        return self._outcome([*outcomes, *self._functional()], verdict=reason)

    # -- what there is ---------------------------------------------------------------------------

    def _variants(self) -> list[Variant]:
        """Return the network as it is given, and in the other memory formats to try.

        Raises:
            LeftAlone, UsageError: see there.
        """
        if reason := refusing.why_not_at_all(self._model):
            raise LeftAlone(reason)
        self._watch("running the model once")
        try:
            twin = without_rows(twin_of(self._model))
        except CannotCopy as error:
            raise LeftAlone(f"it cannot be copied, and all is tried on a copy: {error}") from error
        sums = refusing.weight_sums(twin)
        there = self._survey = survey(twin, self._inputs)
        if not self._wish.fold:
            for layer in there.open_layers:  # some things a copy does not show
                layer.reason = why_not(self._model.get_submodule(layer.path)) or ""
        if not there.layers:
            raise LeftAlone("no convolution module in it")
        if not there.open_layers:
            raise LeftAlone("none of its convolutions can be replaced")
        if reason := refusing.why_not_comparable(twin, self._inputs, there.output, sums):
            raise LeftAlone(reason)
        began = time.monotonic()
        run(twin, self._inputs)
        passed = time.monotonic()
        self._twin, self._reference = twin, self._made_reference(twin, there)
        self._time.pass_s, self._time.exact_s = passed - began, time.monotonic() - passed
        own = there.memory_format
        wanted = self._wish.memory_format
        if self._wish.fold:
            twin, there = self._folded_or_not(twin, there)
        variants = [Variant(None, twin, there)]
        for memory_format in FORMATS if wanted is None else (wanted,):
            if memory_format != own:
                variants += self._in_other_format(twin, memory_format)
        if wanted is not None and wanted != own:
            if not variants[1:]:
                raise LeftAlone(self._remarks.pop())
            return variants[1:]
        # Nothing tells which format is faster where nothing is measured.
        return variants if self._wish.budget_s else variants[:1]

    def _folded_or_not(self, twin: nn.Module, there: Survey) -> tuple[nn.Module, Survey]:
        """Return a copy of the network folded and what there is in it; the same if it stays."""
        self._watch("folding batch norms, activations and sums into convolutions")
        self._folded, remarks = attempt(twin, self._inputs, self._reference, self._wish.tolerance)
        self._remarks += remarks
        if self._folded is None:
            return twin, there
        self._time.is_folded = True
        folded = twin_of(self._folded.model)
        self._survey = survey(folded, self._inputs)
        return folded, self._survey

    def copy_for(self, outcome: NetworkOutcome) -> nn.Module | None:
        """Return the copy of the network that an outcome is about; None where none can be made."""
        if self._folded is not None and outcome.is_folded:
            return self._folded.model
        try:
            copy = twin_of(self._model)
        except CannotCopy:
            return None
        for module, own in zip(copy.modules(), self._model.modules(), strict=True):
            module.training = own.training
        return without_rows(copy)

    def _in_other_format(self, twin: nn.Module, memory_format: str) -> list[Variant]:
        """Return the network in a format in which it was not given; nothing where it fails there.

        Code that takes an activation's memory for granted, `x.view(n, -1)`, raises there.
        """
        other = in_format(twin_of(twin), memory_format)
        try:
            there = survey(other, self._inputs)
        except UsageError as error:
            self._remarks.append(f"it cannot be taken to {memory_format}: {error.__cause__}")
            return []
        if self._reference.error_of(there.output) > self._reference.limit(None):
            self._remarks.append(f"it cannot be taken to {memory_format}: its outputs differ there")
            return []
        return [Variant(memory_format, other, there)]

    def _made_reference(self, twin: nn.Module, there: Survey) -> Reference:
        reference = reference_of(twin_of(twin), self._inputs, there.output)
        if not reference.is_float64:
            self._remarks.append(
                "it could not be held against float64 as a whole: its outputs are held against "
                "torch's own"
            )
        return reference

    def _made_benches(self, folder: Path) -> Benches:
        """Return where to measure, after a look at who else is on this machine."""
        if warning := noise.measure(folder / "noise.log", self._threads).warning:
            self._remarks.append(f"{warning}; optimise again when the machine is idle")
        model, original = self._twin, None
        if self._folded is not None:
            model, original = self._folded.model, self._twin
        benches, remark = benches_for(model, self._inputs, folder, self._threads, original)
        if remark:
            self._remarks.append(remark)
        return benches

    # -- choosing ----------------------------------------------------------------------------------

    def _affordable(self, variants: list[Variant]) -> list[Variant]:
        """Return the variants that there is time for: all of them, or the first."""
        if len(variants) == 1 or self._time.has_time_for(len(variants)):
            return variants
        needed_s, left_s = self._time.finishing_s(len(variants)), self._time.left_s
        formats = ", ".join(str(variant.memory_format) for variant in variants[1:])
        self._remarks.append(
            f"{formats} was not tried: proving it takes some {needed_s:.0f} s, and {left_s:.0f} s "
            "were left; give a larger budget_s, or memory_format"
        )
        return variants[:1]

    def _try_rows(self, variants: list[Variant], benches: Benches, folder: Path) -> None:
        """Choose each layer's row by measuring, verify the choice, and remember what was learnt."""
        layers = [layer for variant in variants for layer in variant.survey.open_layers]
        self._watch("asking the implementations what they cover")
        with self._time.starting():
            rows = Rows(layers, folder / "rows.log")
        for number, variant in enumerate(variants):
            open_layers = variant.survey.open_layers
            candidates = {x.path: rows.candidates(x, self._threads) for x in open_layers}
            known = {path: remembering.known_gains(own) for path, own in candidates.items()}
            contest = Contest(
                candidates,
                {x.path: x.weight_bytes for x in open_layers},
                benches,
                variant.memory_format,
                None if self._wish.measure_again else known,
                self._time.pass_s,
            )
            share_s = self._time.trying_s(len(variants)) / (len(variants) - number)
            self._time.add_compiling(contest.run(share_s, self._watch))
            self._choose(contest, variant)
            self._remember(contest, variant)

    def _choose(self, contest: Contest, variant: Variant) -> None:
        """Choose rows that are right on the network's own values: next best ones for wrong ones."""
        while True:
            variant.chosen, variant.reasons = contest.chosen(), contest.reasons()
            self._verify([variant])
            faults = {path: x.fault for path, x in variant.checks.items() if x.fault}
            if not contest.refuse(faults):
                return

    def _remember(self, contest: Contest, variant: Variant) -> None:
        try:
            remembering.remember(contest.seen, variant.chosen)
        except UsageError as error:  # a read-only home costs the memory and nothing else
            if str(error) not in self._remarks:
                self._remarks.append(str(error))

    def _verify(self, variants: list[Variant]) -> None:
        """Give back to torch what is wrong on the network's own values, or takes much memory."""
        self._watch("holding what was chosen against float64")
        for variant in variants:
            verify_layers(variant, self._inputs, self._wish.tolerance)
            self._verify_whole(variant)

    def _verify_whole(self, variant: Variant) -> None:
        limit = self._reference.limit(self._wish.tolerance)
        while True:
            quick = sharing(variant.model)
            apply(quick, variant.configuration)
            variant.error = self._reference.error_of(run(quick, self._inputs))
            if variant.error <= limit or not variant.chosen:
                return
            by_error = sorted(variant.chosen, key=lambda path: -variant.checks[path].error)
            for path in by_error[: -(-len(by_error) // 2)]:
                variant.leave(
                    path,
                    f"the network's outputs were off by {variant.error:.1g} with it and others, "
                    f"{limit:.1g} is allowed",
                )

    def _settle(self, variants: list[Variant], benches: Benches) -> Settled:
        by_format = {variant.memory_format: variant for variant in variants}
        settled = settle(
            benches,
            {memory_format: variant.configuration for memory_format, variant in by_format.items()},
            lambda memory_format, rest: fitted(by_format[memory_format], rest),
            self._time.until,
            self._watch,
            is_folded=self._folded is not None,
        )
        for variant in variants:
            for path, reason in settled.reasons.items():
                if variant.memory_format == settled.memory_format or not settled.is_faster:
                    variant.leave(path, reason)
            if variant.memory_format == settled.memory_format:
                for path in variant.chosen.keys() - settled.configuration.keys():
                    variant.leave(path, TOO_LARGE)
        return settled

    # -- the outcome -------------------------------------------------------------------------------

    def _concluded(
        self, variant: Variant, settled: Settled | None
    ) -> tuple[Configuration, NetworkOutcome]:
        self._verify_whole(variant)  # as it is left
        blocks = settled.blocks if settled else Blocks()
        is_folded = self._folded is not None and (settled is None or settled.is_faster)
        parts = self._folded.parts if self._folded is not None and is_folded else {}
        layers = [
            outcome_of_layer(variant, layer, blocks, parts.get(layer.path, ()))
            for layer in variant.survey.layers
        ]
        is_changed = variant.chosen or variant.memory_format is not None or is_folded
        outcome = self._outcome(
            [*layers, *self._functional()],
            verdict=verdict_on(variant, settled, is_folded=is_folded),
            memory_format=variant.memory_format,
            is_folded=is_folded,
            whole=whole_pass(settled) if settled else None,
            error=variant.error if is_changed else None,
            torch_error=self._reference.torch_error if is_changed else None,
        )
        return variant.configuration, outcome

    def _functional(self) -> list[LayerOutcome]:
        calls = self._survey.functional if self._survey else ()
        return [LayerOutcome(layer=path, reason=reason) for path, reason in calls]

    def _outcome(self, layers: list[LayerOutcome], **known: Any) -> NetworkOutcome:
        return NetworkOutcome(
            layers=tuple(layers),
            threads=self._threads,
            torch=torch.__version__,
            took_s=self._time.took_s,
            remarks=tuple(self._remarks),
            **known,
        )
