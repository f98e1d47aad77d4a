"""Scenarios to the text of a scenario file: the way back of reading one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from suite.conditions import Scenario
from suite.scenario.fields import FIELDS
from suite.scenario.sizes import Sizes

_SHARED = (
    "kind",
    "batch_size",
    "bias",
    "dtype",
    "memory_format",
    "values",
    "weight_values",
)
"""What a network's layers usually have in common: said once, in `defaults`."""
_NO_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def scenario_text(
    name: str,
    description: str,
    scenarios: Sequence[Scenario],
    remarks: Mapping[str, str] | None = None,
) -> str:
    """Return the YAML of a file that expands to `scenarios`, one line each.

    Args:
        name: the file's name; ids that begin with it and a slash lose both.
        remarks: scenario id → a comment behind its line.
    """
    layers = [_settings(scenario, name) for scenario in scenarios]
    shared = {
        key: layers[0][key]
        for key in _SHARED
        if layers and all(key in layer and layer[key] == layers[0][key] for layer in layers)
    }
    lines = [f"name: {_scalar(name)}", f"description: {_scalar(description)}"]
    if shared:
        lines.append(f"defaults: {_mapping(shared)}")
    lines.append("layers:")
    for scenario, layer in zip(scenarios, layers, strict=True):
        own = {key: value for key, value in layer.items() if key not in shared}
        remark = (remarks or {}).get(scenario.id)
        lines.append(f"  - {_mapping(own)}{f'  # {remark}' if remark else ''}")
    return "\n".join(lines) + "\n"


def _settings(scenario: Scenario, name: str) -> dict[str, Any]:
    """Return what a layer has to say: everything that is not as by default."""
    problem = scenario.problem
    values = {
        "id": scenario.id.removeprefix(f"{name}/"),
        "batch_size": problem.batch_size,
        "in_channels": problem.in_channels,
        "out_channels": problem.out_channels,
        "kind": problem.kind,
        "input_size": Sizes(problem.input_size),
        "kernel_size": Sizes(problem.kernel),
        "stride": Sizes(problem.stride),
        "padding": Sizes(tuple(size for pair in problem.pads for size in pair)),
        "output_padding": Sizes(problem.output_padding),
        "dilation": Sizes(problem.dilation),
        "groups": problem.groups,
        "bias": problem.bias,
        "epilogue": problem.epilogue,
        "device": scenario.device,
        "dtype": scenario.dtype,
        "memory_format": scenario.memory_format,
        "direction": scenario.direction,
        "threads": scenario.threads,
        "cache": scenario.cache,
        "values": scenario.values,
        "weight_values": scenario.weight_values,
        "stored_values": scenario.stored_values,
        "occurrences": scenario.occurrences,
    }
    return {
        field.name: values[field.name]
        for field in FIELDS
        if field.required or values[field.name] != field.default
    }


def _mapping(values: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sizes):
        return str(value.shortest[0] if len(value.shortest) == 1 else list(value.shortest))
    if not isinstance(value, str):
        return str(value)
    is_word = re.fullmatch(r"[A-Za-z](?:[\w ./=-]|:(?=\w))*", value, re.ASCII)
    if is_word and value == value.strip() and value.lower() not in _NO_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
