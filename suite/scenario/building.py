"""From checked settings to scenarios: the grid's combinations, sizes that fit, readable ids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from suite.conditions import Scenario
from suite.epilogues import NONE
from suite.errors import UsageError
from suite.kinds import AXES_OF, CONVOLUTIONS, Pair, axis_fields, side_fields
from suite.problem import Problem
from suite.scenario.document import Exclude, Grid
from suite.scenario.fields import BY_NAME, FIELDS, REQUIRED
from suite.scenario.sections import Choices, Chosen, Setting
from suite.scenario.sizes import Sizes
from suite.scenario.yamltree import REFUSED, Faults, Place

_CONDITIONS = (
    "device",
    "dtype",
    "memory_format",
    "direction",
    "threads",
    "cache",
    "values",
    "weight_values",
    "stored_values",
    "occurrences",
)
_SIZES = ("input_size", "kernel_size", "stride", "dilation", "output_padding")
_BLAMED = {
    "groups": "groups",
    "the kernel": "kernel_size",
    "padding": "padding",
    **{name: name for name in _SIZES},
}
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
    kind = values["kind"]
    sizes = {name: values[name].of_kind(name, kind) for name in _SIZES}
    groups = values["groups"]
    return Problem(
        batch_size=values["batch_size"],
        in_channels=values["in_channels"],
        out_channels=values["out_channels"],
        groups=values["in_channels"] if groups == "depthwise" else groups,
        bias=values["bias"],
        epilogue=values["epilogue"],
        kind=kind,
        **axis_fields("size", sizes["input_size"]),
        **axis_fields("kernel", sizes["kernel_size"]),
        **axis_fields("stride", sizes["stride"]),
        **axis_fields("dilation", sizes["dilation"]),
        **axis_fields("output_pad", sizes["output_padding"]),
        **side_fields(_sides(values["padding"], kind, sizes)),
    )


def _sides(padding: Any, kind: str, sizes: dict[str, tuple[int, ...]]) -> list[Pair]:
    """Return padding before and behind each axis; `same` as torch's convolutions have it.

    Raises:
        UsageError: too many numbers or too few, or a word that does not fit the kind or the stride.
    """
    if isinstance(padding, Sizes):
        return padding.sides_of_kind("padding", kind)
    stride = sizes["stride"]
    if padding == "valid":
        return [(0, 0)] * len(stride)
    accepted = CONVOLUTIONS if padding == "same" else ("conv1d",)
    if kind not in accepted:
        raise UsageError(
            f"padding {padding} is for {', '.join(accepted)}, and kind is {kind}; give numbers "
            "instead"
        )
    if set(stride) != {1}:
        raise UsageError(
            f"padding {padding} needs stride 1, found {list(stride)}; give numbers instead"
        )
    totals = [
        dilation * (kernel - 1)
        for dilation, kernel in zip(sizes["dilation"], sizes["kernel_size"], strict=True)
    ]
    if padding == "causal":
        return [(total, 0) for total in totals]
    return [(total // 2, total - total // 2) for total in totals]


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
            identity = _identity({name: settings[name].value for name in varying}, settings)
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
            has = ", ".join(map(str, in_grid)) or "none"
            values = " or ".join(str(choice.value) for choice in excluded)
            message = f"exclude removes nothing: {name} {values} is not in the grid; it has {has}"
            faults.add(excluded[0].place, message)
            return
    faults.add(exclude.place, "exclude removes nothing: no combination has all these values")


def layer_identity(settings: Chosen, defaults: Chosen | None = None) -> str:
    """Return a layer's id; where it has none, its sizes and what is not as by default.

    Args:
        defaults: the file's own, which an id leaves out and which may say the kind.
    """
    values = {name: item.value for name, item in settings.items() if item.value is not REFUSED}
    values.pop("stored_values", None)
    identity = values.pop("id", None)
    return identity or _identity(
        {
            name: value
            for name, value in values.items()
            if name in REQUIRED or value != BY_NAME[name].default
        },
        (defaults or {}) | settings,
    )


def _identity(values: dict[str, Any], settings: Chosen) -> str:
    """Return an id made of some values; all settings tell how many axes a size has."""
    kind = settings["kind"].value if "kind" in settings else REFUSED
    if kind not in AXES_OF:
        kind = BY_NAME["kind"].default
    return "-".join(
        _label(entry.name, values[entry.name], kind) for entry in FIELDS if entry.name in values
    )


def _label(name: str, value: Any, kind: str) -> str:
    """Return one setting's part of an id: in16, 56x56, k3, k1x9, s2, p1, g4, nobias, float64."""
    if name == "input_size":
        numbers = value.numbers if value.is_list else value.of_kind(name, kind)
        return "x".join(map(str, numbers))
    if name == "bias":
        return "bias" if value else "nobias"
    if name == "epilogue":
        return "plain" if value == NONE else str(value)
    if name == "weight_values":
        return f"w-{value}"
    if isinstance(value, str):
        return value
    return f"{BY_NAME[name].label}{value}"
