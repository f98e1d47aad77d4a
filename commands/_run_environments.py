"""`run --env`: the rows of a race in several environments, this one among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from commands._preparing import Choose, ChosenScenarios, chosen_arms, patterns
from suite.environments.asked import read_environment
from suite.environments.environment import Environment, differences, here, ready
from suite.errors import UsageError
from suite.measuring import new_run
from suite.measuring.arm import Arm
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue
from suite.results.request import RunRequest

OPTION = "--env"


def environments_for(request: RunRequest, console: Console) -> list[Environment]:
    """Return this environment and those that were asked for, made if need be; or none at all.

    Raises:
        UsageError: one cannot be had.
    """
    asked = [read_environment(text, OPTION) for text in request.environments]
    named = {environment.text: environment for environment in asked if not environment.is_here}
    if named and request.profile:
        raise UsageError(f"--profile looks at rows of this environment; leave out {OPTION}")

    def say(text: str) -> None:
        console.print(text, style="dim", soft_wrap=True)

    others = [ready(environment, OPTION, say) for environment in named.values()]
    return [here(), *others] if others else []


def remarks(environments: Sequence[Environment]) -> list[str]:
    """Return how each environment differs from the first."""
    texts = []
    for other in environments[1:]:
        apart = differences(environments[0], other)
        what = f"differs from this one in {', '.join(apart)}" if apart else "is equal to this one"
        texts.append(f"the environment {other.name} {what}")
    return texts


def choose_in(
    environments: Sequence[Environment], reference: str, by_file: bool
) -> Choose[RunRequest]:
    """Return what chooses the arms: each row once in each environment."""

    def choose(chosen: ChosenScenarios[RunRequest], catalogue: Catalogue) -> list[Arm]:
        arms = []
        for environment in environments:
            its = catalogue if environment.is_this_one else _catalogue(environment, chosen)
            arms += [
                _placed(arm, environment)
                for arm in chosen_arms(its, patterns(chosen, its), reference, by_file=by_file)
            ]
        return arms

    return choose


def _catalogue(environment: Environment, chosen: ChosenScenarios[RunRequest]) -> Catalogue:
    plugins = [Path(str(plugin)) for plugin in chosen.request.plugins]
    with scratch_folder() as scratch:
        log = scratch / "start.log"
        return read_catalogue(new_run.TREE, plugins, log, chosen.scenarios, environment.interpreter)


def _placed(arm: Arm, environment: Environment) -> Arm:
    """Return an arm of an environment; those of this one keep their names.

    All start as fresh interpreters, so that no environment has what a fork saves.
    """
    name = arm.name if environment.is_this_one else f"{arm.name}@{environment.name}"
    return dataclasses.replace(
        arm,
        declared=dataclasses.replace(arm.declared, name=name),
        row=arm.name,
        interpreter=environment.interpreter,
    )
