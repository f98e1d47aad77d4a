"""What `optimize` chose for a model, as a file that other processes read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from suite.network.bench import Configuration
from suite.problem import Problem
from suite.records import from_json, to_json
from suite.results.network import NetworkOutcome
from suite.tuning.plan import Plan
from suite.tuning.store import Conditions, Row


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """A plan, in plain types."""

    problem: Problem
    dtype: str
    memory_format: str
    threads: int
    row: str
    module: str
    fingerprint: str
    apart: bool = False

    @classmethod
    def of(cls, plan: Plan) -> Replacement:
        return cls(
            problem=plan.problem,
            dtype=plan.conditions.dtype,
            memory_format=plan.conditions.memory_format,
            threads=plan.conditions.threads,
            row=plan.row.name,
            module=plan.row.module,
            fingerprint=plan.fingerprint,
            apart=plan.apart,
        )

    @property
    def plan(self) -> Plan:
        return Plan(
            self.problem,
            Conditions(self.dtype, self.memory_format, self.threads),
            Row(self.row, self.module),
            self.fingerprint,
            self.apart,
        )


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is to be done to the model, and what it came to."""

    memory_format: str | None
    """None: the model's own."""
    replacements: dict[str, tuple[Replacement, ...]]
    """By the layer's path."""
    outcome: NetworkOutcome

    @property
    def configuration(self) -> Configuration:
        return {
            path: tuple(one.plan for one in several) for path, several in self.replacements.items()
        }

    @property
    def sentence(self) -> str:
        """Return what there is to know of it in one line."""
        outcome = self.outcome
        if not outcome.is_changed:
            return f"left as it was: {outcome.verdict}"
        folded = ", folded" if outcome.is_folded else ""
        taken = f", in {self.memory_format}" if self.memory_format else ""
        layers = sum(bool(layer.problems) for layer in outcome.layers)
        return f"rows in {len(outcome.replaced)} of {layers} convolutions{taken}{folded}"


def write(path: Path, configuration: Configuration, outcome: NetworkOutcome) -> None:
    """Write what was chosen; `read` reads it."""
    chosen = Chosen(
        memory_format=outcome.memory_format,
        replacements={
            layer: tuple(map(Replacement.of, plans)) for layer, plans in configuration.items()
        },
        outcome=outcome,
    )
    path.write_text(to_json(chosen), encoding="utf-8")


def read(path: Path) -> Chosen:
    """Return what was chosen.

    Raises:
        ValueError: no such file's text.
    """
    return from_json(Chosen, path.read_text(encoding="utf-8"))
