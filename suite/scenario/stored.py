"""Files of stored values that a scenario names: found, and held against its problem."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from suite.conditions import Scenario
from suite.errors import did_you_mean
from suite.scenario.building import Candidate, Misfit
from suite.scenario.layer_table import lies_in
from suite.values import TRAINED

if TYPE_CHECKING:
    from suite.stored_values import Array


def with_stored(scenario: Scenario, candidate: Candidate, folder: Path) -> Scenario:
    """Return a scenario with the full path of its stored values, if it names any.

    Args:
        folder: the scenario file's.

    Raises:
        Misfit: the file lies elsewhere or is none, or lacks what `trained` has to take from it.
    """
    name = scenario.stored_values
    if name is None:
        return scenario
    from suite.stored_values import read_arrays  # noqa: PLC0415 - 6 ms that few files need

    place = candidate.settings["stored_values"].place
    if not lies_in(folder, name):
        raise Misfit(
            place,
            f'stored_values is "{name}"; accepted: a path relative to the scenario file, in its '
            "folder or below",
        )
    path = folder / name
    try:
        arrays = read_arrays(path, data=False)
    except ValueError as error:
        siblings = (str(file.relative_to(folder)) for file in path.parent.glob("*.npz"))
        near = "" if path.exists() else did_you_mean(name, siblings)
        raise Misfit(
            place,
            f'stored_values "{name}" {_as_sentence(error)}; capture writes such files when '
            f"asked for values, and without one trained draws heavy-tailed ones.{near}",
        ) from None
    if wrong := _wrong(scenario, arrays):
        holds = ", ".join(f"{key} {list(array.shape)}" for key, array in arrays.items())
        raise Misfit(
            place,
            f'{wrong}, and stored_values "{name}" holds {holds or "nothing"}; capture '
            "the network again with its values, leave stored_values out (trained draws "
            "heavy-tailed ones then), or ask for other values",
        )
    return dataclasses.replace(scenario, stored_values=str(path))


def _as_sentence(error: ValueError) -> str:
    text = str(error)
    return f"({text})" if text.startswith("no such") else text


def _wrong(scenario: Scenario, arrays: dict[str, Array]) -> str:
    """Return what `trained` needs that is not there as it should be; empty where all is."""
    shapes = {name: array.shape for name, array in arrays.items()}
    problem = scenario.problem
    due: dict[str, tuple[int, ...]] = {}
    if scenario.weight_values == TRAINED:
        due["weight"] = problem.weight_shape
        if problem.bias:
            due["bias"] = (problem.out_channels,)
    for name, shape in due.items():
        if shapes.get(name) != shape:
            return f"weight_values trained needs {name} {list(shape)}"
    # What lies in the input is repeated until it is full.
    if scenario.values == TRAINED and problem.input_elements and not _has_input(arrays):
        return "values trained needs some of the input"
    return ""


def _has_input(arrays: dict[str, Array]) -> bool:
    """Return whether there is at least one value of the input."""
    return "input" in arrays and 0 not in arrays["input"].shape
