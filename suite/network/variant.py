"""A network in one memory format, and what may be replaced there."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from suite.network.bench import Configuration, apply
from suite.network.candidates import Candidate, known_candidates
from suite.network.choosing import TOO_LARGE
from suite.network.deciding import Choice, Option, within_memory
from suite.network.survey import Survey
from suite.network.twin import Inputs, run, sharing
from suite.network.verifying import LayerCheck, Reference, check_layers

NOTHING_KNOWN = "no row is known to be faster on this machine; a budget lets it be measured"


@dataclass
class Variant:
    """The network in one memory format, and what may be replaced there."""

    memory_format: str | None
    """None: as it was given."""
    model: nn.Module
    survey: Survey
    chosen: dict[str, Candidate] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Path → why a layer that might have been replaced is not."""
    checks: dict[str, LayerCheck] = field(default_factory=dict)
    error: float | None = None
    """Relative L2 error of its outputs with what is chosen."""

    @property
    def configuration(self) -> Configuration:
        return {path: candidate.plans for path, candidate in self.chosen.items()}

    def leave(self, path: str, reason: str) -> None:
        """Give a layer back to torch."""
        self.chosen.pop(path, None)
        self.reasons[path] = reason


def take_known(variant: Variant, threads: int) -> None:
    for layer in variant.survey.open_layers:
        if known := known_candidates(layer, threads):
            variant.chosen[layer.path] = known[0]
        else:
            variant.reasons[layer.path] = NOTHING_KNOWN


def verify_layers(variant: Variant, inputs: Inputs, tolerance: float | None) -> None:
    variant.checks = check_layers(variant.model, inputs, variant.configuration, tolerance)
    for path, check in variant.checks.items():
        if check.fault:
            variant.leave(path, check.fault)
    for path in variant.chosen.keys() - fitted(variant, variant.configuration).keys():
        variant.leave(path, TOO_LARGE)


def verify_whole(
    variant: Variant, inputs: Inputs, reference: Reference, tolerance: float | None
) -> None:
    """Give layers back to torch until the network as a whole is as right as it has to be."""
    limit = reference.limit(tolerance)
    while True:
        quick = sharing(variant.model)
        apply(quick, variant.configuration)
        variant.error = reference.error_of(run(quick, inputs))
        if variant.error <= limit or not variant.chosen:
            return
        by_error = sorted(variant.chosen, key=lambda path: -variant.checks[path].error)
        for path in by_error[: -(-len(by_error) // 2)]:
            variant.leave(
                path,
                f"the network's outputs were off by {variant.error:.1g} with it and others, "
                f"{limit:.1g} is allowed",
            )


def fitted(variant: Variant, configuration: Configuration) -> Configuration:
    """Return what of a configuration keeps within the limit of memory, the costly layers first."""
    choices = {}
    for path in configuration:
        candidate = variant.chosen[path]
        flops = sum(plan.problem.direct_flops for plan in candidate.plans)
        option = Option(candidate.row, flops, variant.checks[path].pack_bytes)
        choices[path] = Choice(variant.survey.layer(path).weight_bytes, (option,))
    kept = within_memory(choices)
    return {path: plans for path, plans in configuration.items() if path in kept}
