"""From checked settings to scenarios: the grid's combinations, sizes that fit, readable ids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from suite.epilogues import NONE
from suite.errors import UsageError
from suite.problem import Problem, Scenario
from suite.scenario.document import Exclude, Grid
from suite.scenario.fields import BY_NAME, FIELDS, REQUIRED
from suite.scenario.sections import Choices, Chosen, Setting
from suite.scenario.yamltree import REFUSED, Faults, Place

_CONDITIONS = ("device", "dtype", "memory_format", "direction", "threads", "cache", "occurrences")
_BLAMED = {"groups": "groups", "the kernel": "kernel_size", "padding": "padding"}
"""Which setting a fault is shown at, by the words it begins with."""


class Candidate(NamedTuple):
    """The settings of one scenario to be."""

    identity: str
    settings: Chosen
    place: Place


class Misfit(Exception):
    """Settings that are fine one by one and do not make a convolution together."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def has_identity(candidate: Candidate) -> bool:
    """Return whether its id is one: given, or made from values of which none was refused."""
    own_id = candidate.settings.get("id")
    return (own_id is not None and own_id.value is not REFUSED) or not _refused(candidate.settings)


def build_scenario(candidate: Candidate, source: str) -> Scenario | None:
    """Return the scenario of a candidate; None where one of its values was refused before.

    Raises:
        Misfit: a size is missing, or the sizes do not make a convolution.
    """
    identity, settings, place = candidate
    missing = [name for name in REQUIRED if name not in settings]
    if missing:
        raise Misfit(
            place, f"{' and '.join(missing)} missing; every scenario needs {', '.join(REQUIRED)}"
        )
    refused = _refused(settings)
    if not refused.issubset(_CONDITIONS):
        return None
    values = {entry.name: entry.default for entry in FIELDS}
    values |= {name: setting.value for name, setting in settings.items()}
    try:
        problem = _problem(values)
    except UsageError as error:
        message = str(error)
        blamed = next((key for words, key in _BLAMED.items() if message.startswith(words)), "")
        raise Misfit(settings[blamed].place if blamed in settings else place, message) from None
    if refused:
        return None
    conditions = {name: values[name] for name in _CONDITIONS}
    if values["epilogue"] != NONE and values["direction"] != "forward":
        raise Misfit(
            settings["epilogue"].place,
            f"epilogue {values['epilogue']} stands in the forward pass only, and direction is "
            f"{values['direction']}; leave one of them out",
        )
    return Scenario(id=f"{source}/{identity}", problem=problem, source=source, **conditions)


def _refused(settings: Chosen) -> set[str]:
    return {name for name, setting in settings.items() if setting.value is REFUSED}


def _problem(values: dict[str, Any]) -> Problem:
    (height, width), (kernel_h, kernel_w) = values["input_size"], values["kernel_size"]
    groups = values["groups"]
    top, bottom, left, right = _four_sides(values)
    return Problem(
        batch_size=values["batch_size"],
        in_channels=values["in_channels"],
        height=height,
        width=width,
        out_channels=values["out_channels"],
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        stride_h=values["stride"][0],
        stride_w=values["stride"][1],
        pad_top=top,
        pad_bottom=bottom,
        pad_left=left,
        pad_right=right,
        dilation_h=values["dilation"][0],
        dilation_w=values["dilation"][1],
        groups=values["in_channels"] if groups == "depthwise" else groups,
        bias=values["bias"],
        epilogue=values["epilogue"],
    )


def _four_sides(values: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return padding at the top, bottom, left and right; `same` as torch's conv2d has it."""
    if values["padding"] == "valid":
        return 0, 0, 0, 0
    if values["padding"] != "same":
        sides: tuple[int, int, int, int] = values["padding"]
        return sides
    if values["stride"] != (1, 1):
        raise UsageError(
            f"padding same needs stride 1, found {list(values['stride'])}; give numbers instead"
        )
    total_h, total_w = (
        dilation * (kernel - 1)
        for dilation, kernel in zip(values["dilation"], values["kernel_size"], strict=True)
    )
    return total_h // 2, total_h - total_h // 2, total_w // 2, total_w - total_w // 2


def grid_count(choices: Choices) -> int:
    """Return the number of combinations, those that `exclude` leaves out included."""
    return math.prod(len(settings) for settings in choices.values())


def expand_grid(
    grid: Grid, defaults: Chosen, excludes: tuple[Exclude, ...], faults: Faults
) -> Iterator[Candidate]:
    """Yield a candidate for each combination that no `exclude` leaves out.

    An exclude that leaves out nothing, or all excludes that leave nothing, become faults.
    """
    names = [entry.name for entry in FIELDS if entry.name in grid.choices]
    accepted = {
        name: [choice for choice in grid.choices[name] if choice.value is not REFUSED]
        for name in names
    }
    varying = [name for name in names if len(grid.choices[name]) > 1] or names
    shared = {
        entry.name: Setting(entry.default, grid.place)
        for entry in FIELDS
        if entry.default is not None and entry.name not in names
    } | {name: setting for name, setting in defaults.items() if name not in names}
    hits = [0] * len(excludes)
    kept = 0
    for values in itertools.product(*accepted.values()):
        settings = shared | dict(zip(names, values, strict=True))
        left_out = [_has_all(settings, exclude.choices) for exclude in excludes]
        hits = [count + hit for count, hit in zip(hits, left_out, strict=True)]
        if not any(left_out):
            kept += 1
            identity = _identity({name: settings[name].value for name in varying})
            yield Candidate(identity, settings, grid.place)
    if all(len(accepted[name]) == len(grid.choices[name]) for name in names):
        offered = {name: [setting] for name, setting in shared.items()} | accepted
        for exclude, count in zip(excludes, hits, strict=True):
            if not count:
                _refuse_idle(exclude, offered, faults)
        if not kept:
            faults.add(grid.place, "exclude leaves out every combination of the grid")


def _has_all(settings: Chosen, excluded: Choices) -> bool:
    return all(
        name in settings and any(settings[name].value == choice.value for choice in choices)
        for name, choices in excluded.items()
    )


def _refuse_idle(exclude: Exclude, offered: dict[str, list[Setting]], faults: Faults) -> None:
    """Note that an exclude removes nothing, at the value that the grid does not have."""
    if any(REFUSED in [choice.value for choice in several] for several in exclude.choices.values()):
        return
    for name, excluded in exclude.choices.items():
        in_grid = [choice.value for choice in offered.get(name, [])]
        if not any(choice.value in in_grid for choice in excluded):
            has = ", ".join(_plain(value) for value in in_grid) or "none"
            values = " or ".join(_plain(choice.value) for choice in excluded)
            message = f"exclude removes nothing: {name} {values} is not in the grid; it has {has}"
            faults.add(excluded[0].place, message)
            return
    faults.add(exclude.place, "exclude removes nothing: no combination has all these values")


def layer_identity(settings: Chosen) -> str:
    """Return a layer's id; where it has none, its sizes and what is not as by default."""
    values = {name: item.value for name, item in settings.items() if item.value is not REFUSED}
    identity = values.pop("id", None)
    return identity or _identity(
        {
            name: value
            for name, value in values.items()
            if name in REQUIRED or value != BY_NAME[name].default
        }
    )


def _identity(values: dict[str, Any]) -> str:
    return "-".join(
        _label(entry.name, values[entry.name]) for entry in FIELDS if entry.name in values
    )


def _label(name: str, value: Any) -> str:
    """Return one setting's part of an id: in16, 56x56, k3, k1x9, s2, p1, g4, nobias, float64."""
    if name == "input_size":
        return "x".join(str(size) for size in value)
    if name == "bias":
        return "bias" if value else "nobias"
    if name == "epilogue":
        return "plain" if value == NONE else str(value)
    if isinstance(value, str):
        return value
    return BY_NAME[name].label + _plain(value)


def _plain(value: Any) -> str:
    """Return a value as short as it can be written: 3 for (3, 3), 1x9, 0x1x0x1."""
    if not isinstance(value, tuple):
        return str(value)
    if len(set(value)) == 1:
        return str(value[0])
    if len(value) == 4 and value[0] == value[1] and value[2] == value[3]:
        value = value[::2]
    return "x".join(str(number) for number in value)
