"""Each layer's row in each variant of a network: chosen by measuring, verified, remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from suite.errors import UsageError
from suite.messages.network import Asked
from suite.network import remembering
from suite.network.bench import Arm
from suite.network.benches import Benches
from suite.network.candidates import Rows
from suite.network.choosing import Contest
from suite.network.deciding import TorchPass, likely_format
from suite.network.preparing import Prepared
from suite.network.task import Task
from suite.network.variant import Variant, verify_layers, verify_whole
from suite.stats.intervals import block_time_s

LOOK = Asked(seconds=0.0, least_turns=2, most_turns=2, seed=0, whole=True, layers=())


def affordable(task: Task, variants: list[Variant], benches: Benches) -> list[Variant]:
    """Return the variants that there is time for: all of them, or the one that promises most.

    Raises:
        ArmFailed: torch's own pass raised in one of them.
    """
    if len(variants) == 1 or task.time.has_time_for(len(variants)):
        return variants
    needed_s, left_s = task.time.finishing_s(len(variants)), task.time.left_s
    task.watch("looking which memory format promises more")
    passes = {variant.memory_format: _torch_pass(variant, benches) for variant in variants}
    likely = likely_format(passes)
    formats = ", ".join(
        variant.memory_format or "its own memory format"
        for variant in variants
        if variant.memory_format != likely
    )
    task.remarks.append(
        f"{formats} was not tried: proving it takes some {needed_s:.0f} s, and {left_s:.0f} s "
        "were left; give a larger budget_s, or memory_format"
    )
    return [variant for variant in variants if variant.memory_format == likely]


def _torch_pass(variant: Variant, benches: Benches) -> TorchPass:
    """Time torch's own pass in a variant's memory format."""
    paths = tuple(layer.path for layer in variant.survey.open_layers)
    with benches.open() as bench:
        timings = bench.time([Arm({}, variant.memory_format)], replace(LOOK, layers=paths))
    whole_s = block_time_s(timings.whole_s[0])
    inside_s = sum(block_time_s(timings.layers_s[0][path]) for path in paths)
    return TorchPass(whole_s, whole_s - inside_s)


def try_rows(
    task: Task, given: Prepared, variants: list[Variant], benches: Benches, folder: Path
) -> None:
    """Choose each layer's row by measuring, verify the choice, and remember what was learnt.

    Args:
        folder: for the log of the processes that are asked what they cover.
    """
    layers = [layer for variant in variants for layer in variant.survey.open_layers]
    task.watch("asking the implementations what they cover")
    with task.time.starting():
        rows = Rows(layers, folder / "rows.log")
    for number, variant in enumerate(variants):
        open_layers = variant.survey.open_layers
        candidates = {x.path: rows.candidates(x, task.threads) for x in open_layers}
        known = {path: remembering.known_gains(own) for path, own in candidates.items()}
        contest = Contest(
            candidates,
            {x.path: x.weight_bytes for x in open_layers},
            benches,
            variant.memory_format,
            None if task.wish.measure_again else known,
            task.time.pass_s,
        )
        share_s = task.time.trying_s(len(variants)) / (len(variants) - number)
        task.time.add_compiling(contest.run(share_s, task.watch))
        _choose(task, given, contest, variant)
        _remember(task, contest, variant)


def verify(task: Task, given: Prepared, variant: Variant) -> None:
    """Give back to torch what is wrong on the network's own values, or takes much memory."""
    task.watch("holding what was chosen against float64")
    verify_layers(variant, task.inputs, task.wish.tolerance)
    verify_whole(variant, task.inputs, given.reference, task.wish.tolerance)


def _choose(task: Task, given: Prepared, contest: Contest, variant: Variant) -> None:
    """Choose rows that are right on the network's own values: next best ones for wrong ones."""
    while True:
        variant.chosen, variant.reasons = contest.chosen(), contest.reasons()
        verify(task, given, variant)
        faults = {path: x.fault for path, x in variant.checks.items() if x.fault}
        if not contest.refuse(faults):
            return


def _remember(task: Task, contest: Contest, variant: Variant) -> None:
    try:
        remembering.remember(contest.seen, variant.chosen)
    except UsageError as error:  # a read-only home costs the memory and nothing else
        if str(error) not in task.remarks:
            task.remarks.append(str(error))
