"""From what the user asked for to what will be measured.

Who calls says by which name each thing was asked for, so that an error can say it too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from suite.conditions import Scenario
from suite.errors import UsageError, did_you_mean
from suite.machine import placement
from suite.measuring.arm import Arm
from suite.messages.judge import TorchFacts
from suite.processes import free_memory
from suite.registry.catalogue import Catalogue
from suite.results.request import Shard

DEVICES = re.compile(r"cpu|cuda(:[0-9]+)?")
MOST_IDS_NAMED = 12
MEMORY_SHARE = 0.8


def chosen_threads(asked: int | None) -> int:
    return asked or placement.usual_threads()


def chosen_memory_limit_bytes(asked_gib: float | None) -> int:
    """Return what one worker may take: what was asked for, or most of what is free now."""
    if asked_gib is not None:
        return int(asked_gib * 2**30)
    return int(MEMORY_SHARE * free_memory.available_bytes())


def chosen_scenarios(
    scenarios: Sequence[Scenario], patterns: Sequence[str], *, asked_by: str
) -> list[Scenario]:
    """Return the scenarios whose ids match any of the globs; all without patterns.

    A pattern without a file's name in front of it stands for the scenarios of all files.

    Raises:
        UsageError: a pattern that matches nothing.
    """

    def matches(scenario: Scenario, pattern: str) -> bool:
        own = scenario.id.removeprefix(f"{scenario.source}/")
        return fnmatchcase(scenario.id, pattern) or fnmatchcase(own, pattern)

    for pattern in patterns:
        if not any(matches(scenario, pattern) for scenario in scenarios):
            ids = [scenario.id for scenario in scenarios]
            named = ", ".join(ids[:MOST_IDS_NAMED])
            more = f" and {len(ids) - MOST_IDS_NAMED} more" if len(ids) > MOST_IDS_NAMED else ""
            near = did_you_mean(pattern, [*ids, *(i.partition("/")[2] for i in ids)])
            raise UsageError(
                f"{asked_by} {pattern}: no scenario of that id.{near} There are: {named}{more}"
            )
    return [s for s in scenarios if not patterns or any(matches(s, p) for p in patterns)]


def chosen_device(asked: str | None, has_gpu: Callable[[], bool], *, asked_by: str) -> str | None:
    """Return the device asked for; "auto" is CUDA where there is a GPU, and only it has to know.

    Raises:
        UsageError: an unknown device.
    """
    if asked == "auto":
        return "cuda" if has_gpu() else "cpu"
    if not DEVICES.fullmatch(asked or "cpu"):
        raise UsageError(f'{asked_by} "{asked}" is unknown; accepted: cpu, cuda, cuda:1, auto')
    return asked


def on_device(
    scenarios: Sequence[Scenario], asked: str | None, facts: TorchFacts, *, asked_by: str
) -> list[Scenario]:
    """Return the scenarios on the device asked for, or each on its own.

    Raises:
        UsageError: an unknown device, or CUDA where torch has none.
    """
    device = chosen_device(asked, lambda: facts.gpu is not None, asked_by=asked_by)
    moved = [s if device is None else dataclasses.replace(s, device=device) for s in scenarios]
    if any(s.device.startswith("cuda") for s in moved) and not facts.gpu:
        raise UsageError(
            f"device cuda: torch {facts.torch} sees no CUDA GPU here; use {asked_by} cpu, or "
            "install a CUDA build of torch on a machine with an NVIDIA GPU"
        )
    for device in {s.device for s in moved if s.on_cuda}:
        index = gpu_index(device)
        if index >= len(facts.gpus):
            there = ", ".join(f"cuda:{i} {name}" for i, name in enumerate(facts.gpus))
            raise UsageError(f"device {device}: there is no such GPU here; there are: {there}")
    return moved


def gpu_index(device: str) -> int:
    """Return which GPU a device such as "cuda" or "cuda:1" is."""
    return int(device.partition(":")[2] or 0)


def facts_on(scenarios: Sequence[Scenario], facts: TorchFacts) -> TorchFacts:
    """Return the facts with the GPU that the scenarios run on, if they run on one."""
    used = sorted({gpu_index(scenario.device) for scenario in scenarios if scenario.on_cuda})
    names = [facts.gpus[index] for index in used]
    return dataclasses.replace(facts, gpu=", ".join(names)) if names else facts


def chosen_arms(
    catalogue: Catalogue,
    patterns: Sequence[str],
    reference: str | None = None,
    *,
    asked_by: str,
    reference_asked_by: str = "",
    by_file: bool = False,
) -> list[Arm]:
    """Return the arms for these name patterns; the reference is always among them.

    Args:
        by_file: whether the patterns are what scenario files list, which is nobody's wish to know
            these rows better than others.

    Raises:
        UsageError: a pattern or a reference that is no implementation.
    """
    chosen = catalogue.select(patterns, asked_by=asked_by)
    if reference is not None and all(entry.name != reference for entry in chosen):
        chosen = [*catalogue.select([reference], asked_by=reference_asked_by), *chosen]
    asked = [] if by_file else patterns
    return [
        Arm(
            entry.declared,
            entry.source,
            unsupported=entry.unsupported,
            by_name=entry.name in asked,
            wanted=entry.source.is_plugin or not set(asked) <= {"*"},
        )
        for entry in chosen
    ]


def shard_of(scenarios: Sequence[Scenario], shard: Shard | None) -> list[Scenario]:
    """Return every N-th scenario; whole scenarios, as their cells are measured together."""
    if shard is None:
        return list(scenarios)
    return list(scenarios[shard.index - 1 :: shard.count])
